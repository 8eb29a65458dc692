//! Decoded pictures that may be wanted again, up to a number of bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::av::DecodedFrame;

/// A source's number, and a picture's.
pub(super) type Key = (usize, usize);

/// Pictures by their place; those not used for longest go first.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pictures: HashMap<Key, (u64, Arc<DecodedFrame>)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    pub(super) fn get(&self, key: Key) -> Option<Arc<DecodedFrame>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let (used, frame) = state.pictures.get_mut(&key)?;
        *used = now;
        Some(Arc::clone(frame))
    }

    pub(super) fn put(&self, key: Key, frame: Arc<DecodedFrame>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        state.bytes += frame.bytes();
        let entry = (state.clock, frame);
        if let Some((_, old)) = state.pictures.insert(key, entry) {
            state.bytes -= old.bytes();
        }
        while state.bytes > self.limit && state.pictures.len() > 1 {
            let oldest = state.pictures.iter().min_by_key(|(_, (used, _))| *used);
            let Some((&oldest, _)) = oldest else { break };
            if let Some((_, old)) = state.pictures.remove(&oldest) {
                state.bytes -= old.bytes();
            }
        }
    }
}
