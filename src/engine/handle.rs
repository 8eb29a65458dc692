//! A render on a thread of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Engine;
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::progress::{Event, Progress, Update};
use crate::report::Report;
use crate::warning::Warning;

/// The most updates that wait; the oldest ones that only report frames make room.
const MAX_WAITING: usize = 256;

/// A render on a thread of its own, made by [`Engine::start`]. Dropping it cancels the render and waits
/// for its end, which takes a fraction of a second; no browser is left.
///
/// ```no_run
/// use std::time::Duration;
///
/// use pagereel::{Engine, Job};
///
/// let handle = Engine::new().start(&Job::new("composition/index.html", "out.mp4"))?;
/// while !handle.is_finished() {
///     if let Some(update) = handle.next(Duration::from_millis(100)) {
///         println!("{update:?}");
///     }
/// }
/// println!("{} frames", handle.join()?.output.frames);
/// # Ok::<(), pagereel::Error>(())
/// ```
#[derive(Debug)]
pub struct RenderHandle {
    updates: Arc<Updates>,
    cancel: CancelToken,
    /// `None` once it was joined.
    thread: Option<JoinHandle<Result<Report>>>,
}

impl RenderHandle {
    /// Waits for the next update, for at most `patience`; returns `None` at once when the render
    /// has ended and all updates were taken. Of the updates about frames that are not taken in
    /// time, only the last is kept.
    pub fn next(&self, patience: Duration) -> Option<Update> {
        self.updates.next(patience)
    }

    /// Asks the render to stop.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether the render has ended, well or not.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end of the render.
    pub fn join(mut self) -> Result<Report> {
        let thread = self.thread.take().ok_or(Error::Cancelled)?;
        thread.join().unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
            let message = message.unwrap_or_else(|| "no message".into());
            Err(Error::Panicked { thread: "render".into(), message })
        })
    }
}

impl Drop for RenderHandle {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            // Its result was not asked for.
            drop(thread.join());
        }
    }
}

impl Engine {
    /// Begins to render `job` on a thread of its own.
    pub fn start(&self, job: &Job) -> Result<RenderHandle> {
        let (engine, job) = (self.clone(), job.clone());
        let (updates, cancel) = (Arc::<Updates>::default(), CancelToken::new());
        let (told, token) = (Arc::clone(&updates), cancel.clone());
        let render = move || {
            let _ended = EndOnDrop(&told);
            engine.request(&job).progress(&mut &*told).cancel(&token).render()
        };
        let thread = thread::Builder::new()
            .name("render".into())
            .spawn(render)
            .map_err(|source| Error::System { doing: "cannot start a thread", source })?;
        Ok(RenderHandle { updates, cancel, thread: Some(thread) })
    }
}

/// Updates that have not been taken yet.
#[derive(Debug, Default)]
struct Updates {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    updates: VecDeque<Update>,
    has_ended: bool,
}

impl Updates {
    fn next(&self, patience: Duration) -> Option<Update> {
        let until = Instant::now() + patience;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(update) = waiting.updates.pop_front() {
                return Some(update);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || waiting.has_ended {
                return None;
            }
            let waited = self.changed.wait_timeout(waiting, left);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn push(&self, update: Update) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let updates = &mut waiting.updates;
        let is_of_frame =
            |update: &Update| matches!(update, Update::Progress(event) if event.frame.is_some());
        if is_of_frame(&update) && updates.back().is_some_and(is_of_frame) {
            updates.pop_back();
        } else if updates.len() >= MAX_WAITING {
            updates.pop_front();
        }
        updates.push_back(update);
        drop(waiting);
        self.changed.notify_one();
    }
}

impl Progress for &Updates {
    fn event(&mut self, event: &Event) {
        self.push(Update::Progress(event.clone()));
    }

    fn warning(&mut self, warning: &Warning) {
        self.push(Update::Warning { warning: warning.clone() });
    }
}

/// Ends waits for updates when the render has ended, even by a panic.
struct EndOnDrop<'a>(&'a Updates);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).has_ended = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Status;

    #[test]
    fn of_frames_only_the_last_waits() {
        let updates = Updates::default();
        let event = |frame| Event {
            status: Status::Rendering,
            percent: 0.0,
            message: String::new(),
            frame,
            frames: None,
        };
        for frame in [None, Some(1), Some(2), None, Some(3)] {
            (&mut &updates).event(&event(frame));
        }
        let told = |update| match update {
            Some(Update::Progress(event)) => event.frame,
            other => panic!("{other:?}"),
        };
        let at_once = Duration::ZERO;
        for expected in [None, Some(2), None, Some(3)] {
            assert_eq!(told(updates.next(at_once)), expected);
        }
        assert_eq!(updates.next(at_once), None);
        drop(EndOnDrop(&updates));
        assert_eq!(updates.next(Duration::from_secs(60)), None, "it has ended");
    }
}
