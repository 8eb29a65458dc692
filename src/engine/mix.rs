//! Renders of sound alone: no browser draws, and the mix is written as fast as it is made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Render;
use crate::error::{Error, Result};
use crate::frame::{Frame, Picture, PixelFormat, Size};
use crate::pipeline::FrameSink;
use crate::plan::Plan;
use crate::time::FrameIndex;

impl Render<'_> {
    /// Makes a sink that ignores pictures write the length of all frames. Returns the time taken.
    pub(super) fn mix(&mut self, plan: &Plan, sink: &mut dyn FrameSink) -> Result<Duration> {
        let started = Instant::now();
        let size = Size { width: 1, height: 1 };
        let blank = Arc::new(Picture { size, format: PixelFormat::Rgba8, data: vec![0; 4] });
        let frames = plan.stream.frames;
        for index in 0..frames {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            sink.write(Frame { index: FrameIndex(index), picture: Arc::clone(&blank) })?;
            self.reporter.frame(index + 1, frames, 0);
        }
        Ok(started.elapsed())
    }
}
