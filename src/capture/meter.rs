//! Resource use of one render's browsers and notes of their pages, over all sessions.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::browser::{Usage, group_usage};
use crate::pipeline::Throughput;
use crate::warning::Warning;

/// Gathers samples from all sessions.
#[derive(Debug, Default)]
pub(crate) struct SessionMeter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Browsers that run, by process group.
    running: BTreeMap<i32, Usage>,
    /// Processor time that their groups had used before, in milliseconds.
    before_ms: BTreeMap<i32, u64>,
    ended_cpu_ms: u64,
    start_cpu_ms: u64,
    captured: u64,
    /// The reasons for which sessions were opened after the first, and ended again.
    decisions: Vec<String>,
    idle_at_begin_ms: Option<u64>,
    peak_bytes: u64,
    reused: BTreeMap<usize, u64>,
    sought: BTreeMap<usize, Duration>,
    noted: Vec<Warning>,
}

impl SessionMeter {
    /// Records the resource use of one browser.
    pub(crate) fn sample(&self, group: i32, usage: Usage) {
        let mut state = self.lock();
        // Processes that have ended take their time with them; the sum must not fall.
        let before = state.running.get(&group).map_or(0, |u| u.cpu_ms);
        let usage = Usage { cpu_ms: usage.cpu_ms.max(before), ..usage };
        state.running.insert(group, usage);
        let now = state.running.values().map(|u| u.resident_bytes).sum();
        state.peak_bytes = state.peak_bytes.max(now);
    }

    /// Records the resource use of one browser until its page was ready for its first frame.
    pub(crate) fn opened(&self, group: i32, usage: Usage) {
        let before = group_usage(group).cpu_ms.saturating_sub(usage.cpu_ms);
        let mut state = self.lock();
        state.start_cpu_ms += usage.cpu_ms;
        state.before_ms.insert(group, before);
        drop(state);
        self.sample(group, usage);
    }

    /// Records the present resource use of all browsers.
    pub(crate) fn refresh(&self) {
        let running: Vec<_> = self.lock().before_ms.iter().map(|(&g, &ms)| (g, ms)).collect();
        for (group, before) in running {
            let usage = group_usage(group);
            let cpu_ms = usage.cpu_ms.saturating_sub(before);
            self.sample(group, Usage { cpu_ms, ..usage });
        }
    }

    /// Processor time of all browsers until their pages were ready, in milliseconds.
    pub(crate) fn start_cpu_ms(&self) -> u64 {
        self.lock().start_cpu_ms
    }

    /// Records that a browser is gone.
    pub(crate) fn ended(&self, group: i32) {
        let mut state = self.lock();
        state.before_ms.remove(&group);
        if let Some(usage) = state.running.remove(&group) {
            state.ended_cpu_ms += usage.cpu_ms;
        }
    }

    /// Records that a frame has left its page.
    pub(crate) fn took_one(&self) {
        self.lock().captured += 1;
    }

    /// Frames that have left their pages.
    pub(crate) fn captured(&self) -> u64 {
        self.lock().captured
    }

    /// Records the processors' idle time at the beginning of a throughput, in milliseconds.
    pub(crate) fn begin_idle(&self, idle_ms: Option<u64>) {
        self.lock().idle_at_begin_ms = idle_ms;
    }

    /// The processors' idle time at the beginning of the throughput, in milliseconds.
    pub(crate) fn idle_at_begin(&self) -> Option<u64> {
        self.lock().idle_at_begin_ms
    }

    /// Records that one more session was found worth its start, while so many processors were `idle`.
    pub(crate) fn session_added(&self, throughput: &Throughput, idle: f64) {
        let frame = ms_per_frame(throughput.elapsed, throughput);
        let waited = ms_per_frame(throughput.waited, throughput);
        self.lock().decisions.push(format!(
            "{} sessions: a frame took {frame:.0} ms, the sink waited {waited:.0} of them, {idle:.1} \
             processors were idle, and {} frames were left",
            throughput.sessions + 1,
            throughput.left
        ));
    }

    /// Records that the last session has brought too little to be kept.
    pub(crate) fn session_ended(&self, without: &Throughput, with: &Throughput) {
        self.lock().decisions.push(format!(
            "{} session(s) again: a frame took {:.0} ms with one more, {:.0} without",
            without.sessions,
            ms_per_frame(with.elapsed, with),
            ms_per_frame(without.elapsed, without),
        ));
    }

    /// The reasons for which sessions were opened after the first, and ended again.
    pub(crate) fn decisions(&self) -> Vec<String> {
        self.lock().decisions.clone()
    }

    /// Records that a frame was the same as the session's last.
    pub(crate) fn reused(&self, session: usize) {
        *self.lock().reused.entry(session).or_default() += 1;
    }

    /// Frames of one session that were the same as its last.
    pub(crate) fn reused_by(&self, session: usize) -> u64 {
        self.lock().reused.get(&session).copied().unwrap_or_default()
    }

    /// Records that a session's page took `spent` to show another frame's time.
    pub(crate) fn sought(&self, session: usize, spent: Duration) {
        *self.lock().sought.entry(session).or_default() += spent;
    }

    /// The time that the page of one session took to show the times of all its frames.
    pub(crate) fn sought_by(&self, session: usize) -> Duration {
        self.lock().sought.get(&session).copied().unwrap_or_default()
    }

    /// Records warnings about a frame.
    pub(crate) fn noted(&self, warnings: impl Iterator<Item = Warning>) {
        let mut state = self.lock();
        for warning in warnings {
            if !state.noted.contains(&warning) {
                state.noted.push(warning);
            }
        }
    }

    /// Warnings about frames, each once.
    pub(crate) fn notes(&self) -> Vec<Warning> {
        self.lock().noted.clone()
    }

    /// Most resident bytes of all browsers at once, and their processor time in milliseconds.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let state = self.lock();
        let running: u64 = state.running.values().map(|u| u.cpu_ms).sum();
        (state.peak_bytes, state.ended_cpu_ms + running)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ms_per_frame(time: Duration, throughput: &Throughput) -> f64 {
    time.as_secs_f64() * 1e3 / throughput.written.max(1) as f64
}
