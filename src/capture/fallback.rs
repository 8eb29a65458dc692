//! Another backend for a page that is lost again and again.
//!
//! A session that is lost is opened again by the same backend, and its frames are the same. When that
//! does not help, the next backend is tried: frames may differ in pixels at soft edges then, which is
//! better than none. Frames that are written stay.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SessionOptions;
use crate::browser::BrowserError;
use crate::time::FrameIndex;

/// How often a session may be lost with one backend without a frame in between.
const LOSSES: u32 = 2;

/// The backends of a render's sessions.
#[derive(Debug)]
pub(crate) struct FallbackChain {
    /// In the order in which they are tried; at least one.
    backends: Vec<SessionOptions>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: usize,
    lost: BTreeMap<usize, Lost>,
    reasons: Vec<String>,
}

/// What happened to one session since its last frame.
#[derive(Debug, Default)]
struct Lost {
    times: u32,
    reason: String,
}

impl FallbackChain {
    /// Begins with the first of `backends`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn new(backends: Vec<SessionOptions>) -> Self {
        assert!(!backends.is_empty(), "a render has a backend");
        Self { backends, state: Mutex::default() }
    }

    /// How a session is opened now.
    pub(super) fn options(&self, session: usize) -> SessionOptions {
        let mut state = self.lock();
        let lost = state.lost.get(&session).filter(|lost| lost.times >= LOSSES);
        if let Some(reason) = lost.map(|lost| lost.reason.clone()) {
            self.go_on(&mut state, &reason);
        }
        self.backends[state.now].clone()
    }

    /// Takes note that a session's page was lost under a frame.
    pub(super) fn lost(&self, session: usize, index: FrameIndex, error: &BrowserError) {
        let mut state = self.lock();
        let lost = state.lost.entry(session).or_default();
        lost.times += 1;
        lost.reason = format!("frame {} was lost {} times ({error})", index.0, lost.times);
    }

    /// Takes note that a session has made a frame.
    pub(super) fn delivered(&self, session: usize) {
        self.lock().lost.remove(&session);
    }

    /// Takes the next way because no page opens in this one. Returns whether there is one.
    pub(super) fn give_up(&self, options: &SessionOptions, error: &BrowserError) -> bool {
        let mut state = self.lock();
        // Another session may have gone on already.
        let is_now = self.backends[state.now].backend == options.backend;
        !is_now || self.go_on(&mut state, &format!("no page opens ({error})"))
    }

    fn go_on(&self, state: &mut State, reason: &str) -> bool {
        let Some(next) = self.backends.get(state.now + 1) else { return false };
        let before = self.backends[state.now].backend;
        state.now += 1;
        // Losses in the last way say nothing of this one.
        state.lost.clear();
        let text = format!("{} instead of {before}: {reason}", next.backend);
        tracing::warn!("{text}");
        state.reasons.push(text);
        true
    }

    /// Why the way was changed.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.lock().reasons.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
