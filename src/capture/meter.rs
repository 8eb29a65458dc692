//! What the browsers of one render use, and what their pages note, over all sessions.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::browser::Usage;
use crate::report::Warning;

/// Gathers samples from all sessions.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Browsers that run, by process group.
    running: BTreeMap<i32, Usage>,
    ended_cpu_ms: u64,
    start_cpu_ms: u64,
    peak_bytes: u64,
    reused: BTreeMap<usize, u64>,
    sought: BTreeMap<usize, Duration>,
    noted: Vec<Warning>,
}

impl Meter {
    /// Takes note of what one browser uses now.
    pub(crate) fn sample(&self, group: i32, usage: Usage) {
        let mut state = self.lock();
        // Processes that have ended take their time with them; it must not fall.
        let before = state.running.get(&group).map_or(0, |u| u.cpu_ms);
        let usage = Usage { cpu_ms: usage.cpu_ms.max(before), ..usage };
        state.running.insert(group, usage);
        let now = state.running.values().map(|u| u.resident_bytes).sum();
        state.peak_bytes = state.peak_bytes.max(now);
    }

    /// Takes note of what one browser has used until its page was ready for its first frame.
    pub(crate) fn opened(&self, group: i32, usage: Usage) {
        self.lock().start_cpu_ms += usage.cpu_ms;
        self.sample(group, usage);
    }

    /// Processor time of all browsers until their pages were ready, in milliseconds.
    pub(crate) fn start_cpu_ms(&self) -> u64 {
        self.lock().start_cpu_ms
    }

    /// Takes note that a browser is gone.
    pub(crate) fn ended(&self, group: i32) {
        let mut state = self.lock();
        if let Some(usage) = state.running.remove(&group) {
            state.ended_cpu_ms += usage.cpu_ms;
        }
    }

    /// Takes note that a frame was the same as the session's last.
    pub(crate) fn reused(&self, session: usize) {
        *self.lock().reused.entry(session).or_default() += 1;
    }

    /// Frames of one session that were the same as its last.
    pub(crate) fn reused_by(&self, session: usize) -> u64 {
        self.lock().reused.get(&session).copied().unwrap_or_default()
    }

    /// Takes note that a session's page took `spent` to show another frame's time.
    pub(crate) fn sought(&self, session: usize, spent: Duration) {
        *self.lock().sought.entry(session).or_default() += spent;
    }

    /// How long the page of one session took to show the times of all its frames.
    pub(crate) fn sought_by(&self, session: usize) -> Duration {
        self.lock().sought.get(&session).copied().unwrap_or_default()
    }

    /// Takes note of what was not right with a frame.
    pub(crate) fn noted(&self, warnings: impl Iterator<Item = Warning>) {
        let mut state = self.lock();
        for warning in warnings {
            if !state.noted.contains(&warning) {
                state.noted.push(warning);
            }
        }
    }

    /// What was not right with frames, each once.
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
