//! Asking a render to stop, from any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The interval at which a pause checks whether it was cancelled.
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks a render to stop. Cheap to clone; every clone is the same request.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    /// The parent's flag: cancelled with this one, but not the other way round.
    parent: Option<Arc<AtomicBool>>,
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop. The render returns as soon as it notices, within a fraction of a second.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
            || self.parent.as_ref().is_some_and(|parent| parent.load(Ordering::Relaxed))
    }

    /// Waits for `duration`. Returns whether the render continues.
    pub(crate) fn pause(&self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(INTERVAL));
        }
        false
    }

    /// A token that is cancelled with this one, and can be cancelled alone.
    pub(crate) fn child(&self) -> Self {
        Self { flag: Arc::default(), parent: Some(Arc::clone(&self.flag)) }
    }
}
