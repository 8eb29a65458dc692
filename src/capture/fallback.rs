//! Switches to another backend when a page is lost repeatedly.
//!
//! A session that is lost is opened again by the same backend, and its frames are the same. When
//! that does not help, the next backend is tried: frames may differ in pixels at soft edges then,
//! which is better than none. Frames already written stay.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SessionOptions;
use crate::browser::BrowserError;
use crate::time::FrameIndex;

/// The number of losses of a session, without a frame in between, before the next backend.
const LOSSES: u32 = 2;

/// The backends of a render's sessions.
#[derive(Debug)]
pub(crate) struct FallbackChain {
    /// Backends in the order in which they are tried; at least one.
    backends: Vec<SessionOptions>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: usize,
    lost: BTreeMap<usize, Lost>,
    reasons: Vec<String>,
}

/// The losses of one session since its last frame.
#[derive(Debug, Default)]
struct Lost {
    times: u32,
    reason: String,
}

impl FallbackChain {
    /// Creates a chain that begins with the first of `backends`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn new(backends: Vec<SessionOptions>) -> Self {
        assert!(!backends.is_empty(), "a render has a backend");
        Self { backends, state: Mutex::default() }
    }

    /// The options with which a session is opened now.
    pub(super) fn options(&self, session: usize) -> SessionOptions {
        let mut state = self.lock();
        let lost = state.lost.get(&session).filter(|lost| lost.times >= LOSSES);
        if let Some(reason) = lost.map(|lost| lost.reason.clone()) {
            self.go_on(&mut state, &reason);
        }
        self.backends[state.now].clone()
    }

    /// Records that a session's page was lost during a frame.
    pub(super) fn lost(&self, session: usize, index: FrameIndex, error: &BrowserError) {
        let mut state = self.lock();
        let lost = state.lost.entry(session).or_default();
        lost.times += 1;
        lost.reason = format!("frame {} was lost {} times ({error})", index.0, lost.times);
    }

    /// Records that a session has made a frame.
    pub(super) fn delivered(&self, session: usize) {
        self.lock().lost.remove(&session);
    }

    /// Changes to the next backend because this one opens no page. Returns whether there is one.
    pub(super) fn give_up(&self, options: &SessionOptions, error: &BrowserError) -> bool {
        let mut state = self.lock();
        // Another session may already have changed to the next backend.
        let is_now = self.backends[state.now].backend == options.backend;
        !is_now || self.go_on(&mut state, &format!("no page opens ({error})"))
    }

    fn go_on(&self, state: &mut State, reason: &str) -> bool {
        let Some(next) = self.backends.get(state.now + 1) else { return false };
        let before = self.backends[state.now].backend;
        state.now += 1;
        // Losses with the last backend say nothing about this one.
        state.lost.clear();
        let text = format!("{} instead of {before}: {reason}", next.backend);
        tracing::warn!("{text}");
        state.reasons.push(text);
        true
    }

    /// The reasons for each change of backend.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.lock().reasons.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
