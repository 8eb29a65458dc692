//! Bounded reordering between many sessions and one sink.
//!
//! Sessions finish frames in any order; the sink must see them in presentation order. A session
//! takes the [`Ticket`]s of one [batch](Batches) before it renders, they are handed out in index
//! order, and at most `window` of them are outstanding. So the frames held here never exceed
//! `window`, and the frame that the sink waits for is always among those already handed out: the
//! queue cannot fill up with later frames and deadlock.
//!
//! A ticket is no picture yet. A session begins with a frame only when it lies less than `reach`
//! frames after the one that the sink waits for: so a session whose sink is slow does not fill the
//! memory with the pictures of its batch.
//!
//! A frame that is never delivered is an error, not a gap. Dropping a ticket without a frame
//! stops both ends.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Batches;
use crate::time::FrameIndex;

/// A queue that restores frame order with bounded memory.
#[derive(Debug)]
pub struct FrameQueue<T> {
    /// For the sessions.
    pub inlet: Inlet<T>,
    /// For the sink.
    pub outlet: Outlet<T>,
}

/// The session end. Clone it once per session.
#[derive(Debug)]
pub struct Inlet<T>(Arc<Shared<T>>);

/// The sink end. Dropping it stops the sessions.
#[derive(Debug)]
pub struct Outlet<T>(Arc<Shared<T>>);

/// The right, and the duty, to deliver one frame.
#[derive(Debug)]
#[must_use = "dropping a ticket stops the render"]
pub struct Ticket<T> {
    shared: Arc<Shared<T>>,
    index: FrameIndex,
    delivered: bool,
}

/// The other end is gone; that end reports the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// The reason why there is no next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// All frames have been received.
    Finished,
    /// The session that took this frame gave up on it.
    Missing(FrameIndex),
}

/// How many frames may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Tickets that are outstanding at the same time, or one batch if that is more.
    pub window: NonZeroUsize,
    /// How far after the frame that the sink waits for others may begin.
    pub reach: NonZeroUsize,
}

impl Bounds {
    /// Only so many tickets at a time, each of which may begin at once.
    pub const fn window(window: NonZeroUsize) -> Self {
        Self { window, reach: NonZeroUsize::MAX }
    }

    fn with_room_for(self, batches: Batches) -> Self {
        let batch = usize::try_from(batches.length.get()).unwrap_or(usize::MAX);
        let window = NonZeroUsize::new(batch).map_or(self.window, |batch| self.window.max(batch));
        Self { window, ..self }
    }
}

#[derive(Debug)]
struct Shared<T> {
    // Immutable after construction.
    total: u64,
    batches: Batches,

    state: Mutex<State<T>>,
    /// Signalled whenever `state` changes.
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    bounds: Bounds,
    next_ticket: u64,
    next_frame: u64,
    /// `slots[i]` is the frame `next_frame + i`, once delivered.
    slots: VecDeque<Option<T>>,
    /// The first frame known to be lost.
    missing: Option<FrameIndex>,
    outlet_gone: bool,
}

impl<T> FrameQueue<T> {
    /// Creates a queue for exactly `total` frames, of which at most `bounds` are in flight.
    pub fn new(total: u64, bounds: Bounds, batches: Batches) -> Self {
        let state = State {
            bounds: bounds.with_room_for(batches),
            next_ticket: 0,
            next_frame: 0,
            slots: VecDeque::new(),
            missing: None,
            outlet_gone: false,
        };
        let shared = Shared { total, batches, state: Mutex::new(state), changed: Condvar::new() };
        let shared = Arc::new(shared);
        Self { inlet: Inlet(Arc::clone(&shared)), outlet: Outlet(shared) }
    }
}

impl<T> Inlet<T> {
    /// Waits for room, then takes the next batch of frames to render.
    ///
    /// Returns none when every frame has been taken, or when the render has stopped. A session
    /// that still holds a ticket must not wait here: the room may depend on its own frame.
    pub fn next_batch(&self) -> VecDeque<Ticket<T>> {
        let shared = &self.0;
        let mut state = shared.lock();
        while !state.is_stopped() && state.next_ticket < shared.total && !shared.has_room(&state) {
            state = shared.wait(state);
        }
        self.take(state)
    }

    /// Takes the next batch of frames to render, if there is one and there is room for it now.
    pub fn try_batch(&self) -> VecDeque<Ticket<T>> {
        self.take(self.0.lock())
    }

    fn take(&self, mut state: MutexGuard<'_, State<T>>) -> VecDeque<Ticket<T>> {
        let shared = &self.0;
        if state.is_stopped() || state.next_ticket == shared.total || !shared.has_room(&state) {
            return VecDeque::new();
        }
        let batch = state.next_ticket..shared.batch_end(state.next_ticket);
        state.next_ticket = batch.end;
        state.slots.extend(batch.clone().map(|_| None));
        let ticket =
            |n| Ticket { shared: Arc::clone(shared), index: FrameIndex(n), delivered: false };
        batch.map(ticket).collect()
    }
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Ticket<T> {
    /// The index of the frame to render.
    pub fn index(&self) -> FrameIndex {
        self.index
    }

    /// Whether work on this frame may begin now.
    pub fn may_begin(&self) -> bool {
        self.is_near(&self.shared.lock())
    }

    /// Waits until work on this frame may begin, or the render has stopped.
    ///
    /// A session that still owes an earlier frame must not wait here: the sink may wait for it.
    pub fn wait_to_begin(&self) {
        let mut state = self.shared.lock();
        while !state.is_stopped() && !self.is_near(&state) {
            state = self.shared.wait(state);
        }
    }

    fn is_near(&self, state: &State<T>) -> bool {
        let after = self.index.0.saturating_sub(state.next_frame);
        after < state.bounds.reach.get() as u64
    }

    /// Hands the frame over. Never blocks.
    pub fn deliver(mut self, frame: T) -> Result<(), Stopped> {
        self.delivered = true;
        let mut state = self.shared.lock();
        if state.is_stopped() {
            return Err(Stopped);
        }
        let offset = self.index.0 - state.next_frame;
        let slot = usize::try_from(offset).ok().and_then(|i| state.slots.get_mut(i));
        *slot.expect("a ticket lies within the window") = Some(frame);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if self.delivered {
            return;
        }
        let mut state = self.shared.lock();
        state.missing = Some(state.missing.map_or(self.index, |m| m.min(self.index)));
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl<T> Outlet<T> {
    /// Allows at most `bounds` frames in flight from now on. Frames that are already in flight stay
    /// there.
    pub fn resize(&mut self, bounds: Bounds) {
        let bounds = bounds.with_room_for(self.0.batches);
        self.0.lock().bounds = bounds;
        self.0.changed.notify_all();
    }

    /// Waits for the next frame in order.
    pub fn recv(&mut self) -> Result<T, RecvError> {
        let shared = &self.0;
        let mut state = shared.lock();
        loop {
            if state.next_frame == shared.total {
                return Err(RecvError::Finished);
            }
            if let Some(index) = state.missing {
                return Err(RecvError::Missing(index));
            }
            if let Some(frame) = state.slots.front_mut().and_then(Option::take) {
                state.slots.pop_front();
                state.next_frame += 1;
                drop(state);
                shared.changed.notify_all();
                return Ok(frame);
            }
            state = shared.wait(state);
        }
    }
}

impl<T> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.0.lock().outlet_gone = true;
        self.0.changed.notify_all();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A poisoned lock still holds a consistent state: no critical section here can panic
        // between two writes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, state: &State<T>) -> bool {
        self.batch_end(state.next_ticket) - state.next_frame <= state.bounds.window.get() as u64
    }

    /// One past the last frame of the batch that begins with `index`.
    fn batch_end(&self, index: u64) -> u64 {
        self.batches.end_of(index).min(self.total)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn is_stopped(&self) -> bool {
        self.outlet_gone || self.missing.is_some()
    }
}
