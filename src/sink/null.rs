//! A sink that discards all frames.

use crate::error::Result;
use crate::frame::Frame;
use crate::pipeline::{Artifact, FrameSink};

/// Counts frames and drops them.
#[derive(Debug, Default)]
pub struct NullSink {
    frames: u64,
}

impl FrameSink for NullSink {
    fn write(&mut self, _frame: Frame) -> Result<()> {
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact { frames: self.frames, ..Artifact::default() })
    }
}
