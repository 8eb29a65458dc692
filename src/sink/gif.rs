//! GIF: frames are kept while their colors are counted, then drawn with the palettes of scenes.

use std::sync::Arc;

use super::clock::{Part, SinkStats};
use super::converter::shaped;
use super::encode::{EncodeSink, Learned};
use super::palette::ColorHistogram;
use super::passes::replay;
use super::store::{FrameStore, MOST_BYTES};
use super::target::Target;
use crate::cancel::CancelToken;
use crate::error::Result;
use crate::frame::resize::Scaler;
use crate::frame::{Alpha, Frame, Picture};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Plan;

/// Keeps frames in the size of the output, and counts their colors.
#[derive(Debug)]
pub(super) struct GifSink {
    plan: Arc<Plan>,
    index: usize,
    target: Target,
    scaler: Scaler,
    surveyor: ColorHistogram,
    store: FrameStore,
    /// The last picture as it came, and as it is stored.
    last: Option<(Arc<Picture>, Arc<Picture>)>,
    clock: SinkStats,
    cancel: CancelToken,
}

impl GifSink {
    pub(super) fn open(
        plan: &Arc<Plan>,
        index: usize,
        target: Target,
        clock: SinkStats,
        cancel: CancelToken,
    ) -> Result<Self> {
        EncodeSink::try_out(plan, index, &clock, &cancel)?;
        Ok(Self {
            plan: Arc::clone(plan),
            index,
            target,
            scaler: Scaler::default(),
            surveyor: ColorHistogram::new(),
            store: FrameStore::create(MOST_BYTES)?,
            last: None,
            clock,
            cancel,
        })
    }
}

impl FrameSink for GifSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let picture = frame.picture;
        if let Some((last, kept)) = &self.last
            && Arc::ptr_eq(last, &picture)
        {
            self.surveyor.add(kept, true);
            return self.store.push(kept);
        }
        let _timed = self.clock.time(Part::Convert);
        let video = &self.plan.outputs[self.index].video;
        let has_alpha = self.plan.stream.alpha != Alpha::Opaque;
        let shaped = shaped(&picture, video, has_alpha, &mut self.scaler);
        let kept = shaped.map_or_else(|| Arc::clone(&picture), Arc::new);
        self.surveyor.add(&kept, false);
        self.store.push(&kept)?;
        self.last = Some((picture, kept));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        let Self { plan, index, target, surveyor, store, clock, cancel, .. } = *self;
        let learned = Learned { pass: None, scenes: Some(surveyor.finish()) };
        let sink = EncodeSink::open(&plan, index, target, learned, clock.clone())?;
        replay(store, sink, &clock, &cancel)
    }
}
