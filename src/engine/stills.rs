//! Pictures of single moments, from one browser.

use std::sync::Arc;

use super::Engine;
use crate::cancel::CancelToken;
use crate::capture::SessionMeter;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::job::{Color, ColorMode, Job};
use crate::pipeline::{FrameSource, OpenSource};
use crate::plan::Plan;
use crate::sink::SinkStats;
use crate::time::{FrameIndex, Moment};
use crate::warning::Warning;

/// The number of times that a browser is started again for one picture.
const MAX_ATTEMPTS: u32 = 3;

/// The frame that shows a moment; an error if the composition has none.
fn frame_of(moment: Moment, plan: &Plan) -> Result<FrameIndex> {
    let frames = plan.stream.frames;
    let index = match moment {
        Moment::Seconds(secs) => plan.stream.frame_rate.frame_at(secs),
        Moment::Frame(index) => Some(index),
    };
    index.filter(|index| index.0 < frames).ok_or(Error::NoSuchMoment {
        moment,
        duration: plan.duration,
        frames,
    })
}

impl Engine {
    pub(super) fn take_stills(
        &self,
        job: &Job,
        moments: &[Moment],
        on_picture: &mut dyn FnMut(Frame) -> Result<()>,
        cancel: &CancelToken,
    ) -> Result<Vec<Warning>> {
        let mut job = Job { frames: None, ..super::without_outputs(&super::sized(job)?) };
        // Pictures of single moments are SDR.
        job.color = Color { mode: ColorMode::Sdr, ..Color::default() };
        job.validate()?;
        let mut silent = |_: &crate::progress::Event| {};
        let mut render = self.begin(&job, &mut silent, cancel, SinkStats::default());
        let (plan, prepared) = render.surely(&mut |render| render.prepare())?;
        let frames: Vec<_> = moments.iter().map(|&m| frame_of(m, &plan)).collect::<Result<_>>()?;
        let meter = Arc::new(SessionMeter::default());
        let (pages, _server) = prepared.sources(&plan, &meter);
        let sources = render.light.sources(pages, &plan);
        let mut source = sources.open(0, cancel)?;
        for index in frames {
            on_picture(picture(sources.as_ref(), &mut source, index, cancel)?)?;
        }
        render.warn_about_frames(&meter)?;
        Ok(std::mem::take(&mut render.warnings))
    }
}

/// Takes one picture; replaces a browser that is lost during it.
fn picture(
    sources: &dyn OpenSource,
    source: &mut Box<dyn FrameSource>,
    index: FrameIndex,
    cancel: &CancelToken,
) -> Result<Frame> {
    let mut attempt = 1;
    loop {
        match source.submit(index).and_then(|()| source.collect()) {
            Err(e) if e.is_transient() && attempt < MAX_ATTEMPTS => {
                tracing::warn!(error = %e, "browser lost, starting anew");
                attempt += 1;
                sources.lost(0, &e);
                *source = sources.open(0, cancel)?;
            }
            result => return result,
        }
    }
}
