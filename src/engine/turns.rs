//! Requests that wait for their turn.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::error::{Error, Result};

/// The interval at which a waiting request checks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Lets a limited number of requests run at the same time.
#[derive(Debug)]
pub(super) struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to run, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t>(&'t Turns);

impl Turns {
    pub(super) const fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// Waits until fewer requests are running than may.
    pub(super) fn take(&self, cancel: &CancelToken) -> Result<Turn<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let waited = self.freed.wait_timeout(free, LOOK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_after_the_other_and_not_for_ever() {
        let turns = Turns::new(1);
        let first = turns.take(&CancelToken::new()).unwrap();
        let cancelled = CancelToken::new();
        cancelled.cancel();
        assert!(matches!(turns.take(&cancelled), Err(Error::Cancelled)));
        thread::scope(|scope| {
            let second = scope.spawn(|| turns.take(&CancelToken::new()).map(drop));
            drop(first);
            second.join().unwrap().unwrap();
        });
        assert_eq!(*turns.free.lock().unwrap(), 1);
    }
}
