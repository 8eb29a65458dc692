//! Samples of files, on request.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::playhead::Playhead;
use crate::av::StereoSample;

/// Files that are kept open: a request for a part is mostly followed by one for the next, from
/// several sessions.
const MAX_OPEN: usize = 12;

/// Most samples in one answer: 20 s.
pub(crate) const MAX_SAMPLES: usize = 960_000;

/// Reads parts of files.
#[derive(Debug, Default)]
pub(crate) struct SoundReaders {
    /// The open files, with the most recent at the end.
    open: Mutex<Vec<(PathBuf, Playhead)>>,
}

impl SoundReaders {
    /// Reads `count` samples from the sample `at` on, with silence after the end.
    pub(crate) fn read(
        &self,
        file: &Path,
        at: i64,
        count: usize,
    ) -> Result<Vec<StereoSample>, String> {
        let mut playhead = self.take(file, at).unwrap_or_else(|| {
            let mut playhead = Playhead::new(file, 0.0, false);
            playhead.go_to(at);
            playhead
        });
        let mut samples = vec![[0.0; 2]; count.min(MAX_SAMPLES)];
        playhead.fill(&mut samples);
        if playhead.has_failed() {
            return Err(playhead.take_fault().unwrap_or_else(|| "it cannot be read".into()));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() == MAX_OPEN {
            open.remove(0);
        }
        open.push((file.to_owned(), playhead));
        Ok(samples)
    }

    /// Takes a playhead that stands at `at`.
    fn take(&self, file: &Path, at: i64) -> Option<Playhead> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |(path, playhead): &(PathBuf, Playhead)| path == file && playhead.at() == at;
        let found = open.iter().position(is_there)?;
        Some(open.remove(found).1)
    }
}
