//! The local files that a render has read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The most files that are remembered. Pages that ask for more are not told apart by the rest.
const MOST: usize = 1 << 16;

/// A growing set of files, each once.
#[derive(Debug, Default)]
pub(crate) struct UsedFiles(Mutex<BTreeSet<PathBuf>>);

impl UsedFiles {
    /// Remembers a file.
    pub(crate) fn add(&self, file: &Path) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() < MOST && !files.contains(file) {
            files.insert(file.to_owned());
        }
    }

    /// The files so far.
    pub(crate) fn list(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
