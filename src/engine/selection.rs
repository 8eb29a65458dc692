//! Some of a plan's frames, as if they were all: those whose segments are not finished yet.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cancel::CancelToken;
use crate::error::{Error, Result, WorkFault};
use crate::frame::Frame;
use crate::pipeline::{FrameSource, OpenSource, Throughput};
use crate::plan::Plan;
use crate::time::FrameIndex;
use crate::work::{Canary, Misfit, of_picture};

/// Ranges of pictures, ascending and apart. Counted as they are captured: several for each frame,
/// with motion blur.
#[derive(Clone, Debug)]
pub(super) struct Selection(Vec<Range<u64>>);

impl Selection {
    pub(super) fn new(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => joined.push(range),
            }
        }
        Self(joined)
    }

    /// The number of selected pictures.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The first one.
    pub(super) fn first(&self) -> u64 {
        self.0.first().map_or(0, |range| range.start)
    }

    /// The picture that comes `nth`, counted from 0.
    pub(super) fn nth(&self, nth: u64) -> u64 {
        let mut left = nth;
        for range in &self.0 {
            let length = range.end - range.start;
            if left < length {
                return range.start + left;
            }
            left -= length;
        }
        self.0.last().map_or(nth, |range| range.end + left)
    }
}

/// Makes the sources of some pictures of those of all.
pub(super) type Select<'c> = Box<dyn FnOnce(Box<dyn OpenSource>) -> Box<dyn OpenSource> + 'c>;

/// Which pictures of a plan are captured, and how their sources come from those of all.
pub(super) struct Chosen<'c> {
    pub selection: Selection,
    pub select: Select<'c>,
}

impl Chosen<'_> {
    /// All pictures.
    pub(super) fn all(plan: &Plan) -> Self {
        let selection = Selection::new(std::iter::once(0..plan.captured().frames));
        Self { selection, select: Box::new(|all| all) }
    }
}

/// Digests of the pictures with which segments begin.
#[derive(Debug, Default)]
pub(super) struct Beginnings(Mutex<BTreeMap<u64, Option<String>>>);

impl Beginnings {
    /// Will note the digests of these pictures.
    pub(super) fn of(pictures: impl IntoIterator<Item = u64>) -> Self {
        Self(Mutex::new(pictures.into_iter().map(|picture| (picture, None)).collect()))
    }

    fn note(&self, frame: &Frame) {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = lock().get(&frame.index.0).is_some_and(Option::is_none);
        if is_wanted {
            let digest = of_picture(&frame.picture);
            lock().insert(frame.index.0, Some(digest));
        }
    }

    /// The canary of a picture that was noted.
    pub(super) fn canary(&self, frame: u64) -> Option<Canary> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sha256 = noted.get(&frame)?.clone()?;
        Some(Canary { frame, sha256 })
    }
}

/// Opens sources of the selected pictures.
pub(super) struct SelectedSources {
    pub inner: Box<dyn OpenSource>,
    pub selection: Arc<Selection>,
    pub beginnings: Arc<Beginnings>,
    /// A picture that must come out as it did before. It comes before all selected ones, or is the
    /// first of them.
    pub canary: Option<Canary>,
    /// Whether it did.
    pub proved: AtomicBool,
}

impl OpenSource for SelectedSources {
    fn open(&self, session: usize, cancel: &CancelToken) -> Result<Box<dyn FrameSource>> {
        let mut inner = self.inner.open(session, cancel)?;
        if let Some(canary) = &self.canary
            && canary.frame < self.selection.first()
            && !self.proved.load(Ordering::Relaxed)
        {
            inner.submit(FrameIndex(canary.frame))?;
            compare(canary, &inner.collect()?)?;
            self.proved.store(true, Ordering::Relaxed);
        }
        Ok(Box::new(SelectedSource {
            inner,
            selection: Arc::clone(&self.selection),
            beginnings: Arc::clone(&self.beginnings),
            canary: self.canary.clone(),
            asked: VecDeque::new(),
        }))
    }

    fn lost(&self, session: usize, error: &Error) {
        self.inner.lost(session, error);
    }

    fn should_add_session(&self, throughput: &Throughput) -> bool {
        self.inner.should_add_session(throughput)
    }

    fn should_keep_session(&self, without: &Throughput, with: &Throughput) -> bool {
        self.inner.should_keep_session(without, with)
    }
}

fn compare(canary: &Canary, frame: &Frame) -> Result<()> {
    let found = of_picture(&frame.picture);
    if found == canary.sha256 {
        return Ok(());
    }
    let message = format!(
        "frame {} is drawn differently here than where the plan was made: another font, browser, \
         graphics card or file that the plan does not know",
        canary.frame
    );
    Err(Misfit { fault: WorkFault::CanaryMismatch, message }.into())
}

/// The selected pictures of one session, numbered as if there were no others.
struct SelectedSource {
    inner: Box<dyn FrameSource>,
    selection: Arc<Selection>,
    beginnings: Arc<Beginnings>,
    canary: Option<Canary>,
    asked: VecDeque<FrameIndex>,
}

impl FrameSource for SelectedSource {
    fn depth(&self) -> usize {
        self.inner.depth()
    }

    fn submit(&mut self, index: FrameIndex) -> Result<()> {
        self.asked.push_back(index);
        self.inner.submit(FrameIndex(self.selection.nth(index.0)))
    }

    fn collect(&mut self) -> Result<Frame> {
        let frame = self.inner.collect()?;
        self.beginnings.note(&frame);
        if let Some(canary) = self.canary.as_ref().filter(|canary| canary.frame == frame.index.0) {
            compare(canary, &frame)?;
        }
        let index = self.asked.pop_front().expect("collect follows submit");
        Ok(Frame { index, ..frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_pictures_are_numbered_from_0() {
        let selection = Selection::new([4..6, 6..8, 20..21]);
        assert_eq!((selection.count(), selection.first()), (5, 4));
        assert_eq!([0, 1, 2, 3, 4].map(|n| selection.nth(n)), [4, 5, 6, 7, 20]);
        assert_eq!(Selection::new([]).count(), 0);
    }
}
