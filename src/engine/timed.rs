//! The time that the sink takes.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::frame::Frame;
use crate::pipeline::{Artifact, FrameSink};

/// Measures the time spent in another sink.
pub(super) struct TimedSink<'s> {
    pub sink: &'s mut dyn FrameSink,
    pub spent: Duration,
}

impl FrameSink for TimedSink<'_> {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let start = Instant::now();
        let written = self.sink.write(frame);
        self.spent += start.elapsed();
        written
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        unreachable!("the engine finishes the sink that this one borrows")
    }
}
