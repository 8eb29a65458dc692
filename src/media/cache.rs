//! Decoded pictures that may be needed again, up to a number of bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::av::DecodedFrame;

/// A source's number, and a picture's.
pub(super) type Key = (usize, usize);

/// Pictures by their place. Those already used are dropped first, for few are needed twice; then
/// the least recently requested ones.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pictures: HashMap<Key, Entry>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    was_given: bool,
    frame: Arc<DecodedFrame>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    pub(super) fn get(&self, key: Key) -> Option<Arc<DecodedFrame>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let entry = state.pictures.get_mut(&key)?;
        (entry.used, entry.was_given) = (now, true);
        Some(Arc::clone(&entry.frame))
    }

    /// Keeps a picture that is used now, or was only passed on the way.
    pub(super) fn put(&self, key: Key, frame: Arc<DecodedFrame>, was_given: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        state.bytes += frame.bytes();
        let entry = Entry { used: state.clock, was_given, frame };
        if let Some(old) = state.pictures.insert(key, entry) {
            state.bytes -= old.frame.bytes();
        }
        while state.bytes > self.limit && state.pictures.len() > 1 {
            let first =
                state.pictures.iter().min_by_key(|(_, entry)| (!entry.was_given, entry.used));
            let Some((&first, _)) = first else { break };
            if let Some(old) = state.pictures.remove(&first) {
                state.bytes -= old.frame.bytes();
            }
        }
    }
}
