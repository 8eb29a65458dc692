//! The gate where sessions wait until they are wanted, and learn that they no longer are.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets sessions begin, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: usize,
    is_closed: bool,
}

impl Gate {
    /// Sets the total number of sessions that are wanted.
    pub(super) fn open(&self, sessions: usize) {
        self.lock().wanted = sessions;
        self.changed.notify_all();
    }

    /// Lets no further sessions begin.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Whether `session`, which has begun, is still wanted.
    pub(super) fn keeps(&self, session: usize) -> bool {
        session < self.lock().wanted
    }

    /// Waits until `session` is wanted. Returns false if it never will be.
    pub(super) fn pass(&self, session: usize) -> bool {
        let mut state = self.lock();
        while session >= state.wanted && !state.is_closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        session < state.wanted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a gate when it is dropped.
#[derive(Debug)]
pub(super) struct CloseOnDrop<'g>(pub &'g Gate);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
