//! Memory for the pictures that are sent to pages, used again and again.

use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of unused buffers that are kept.
const KEPT_BYTES: usize = 16 << 20;

#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// Takes a buffer with arbitrary content.
    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Buffer { bytes: free.pop().unwrap_or_default(), home: Arc::clone(self) }
    }
}

/// A file in memory that is lent: it goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(super) bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = free.iter().map(Vec::capacity).sum();
        if kept + self.bytes.capacity() <= KEPT_BYTES {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}
