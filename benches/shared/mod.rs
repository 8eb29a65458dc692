//! What benches share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pagereel::{Artifact, CancelToken, Engine, Frame, FrameSink, Job, Picture, Result};

/// Keeps the pictures.
struct KeepSink(Arc<Mutex<Vec<Arc<Picture>>>>);

impl FrameSink for KeepSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(frame.picture);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact::default())
    }
}

/// All pictures of a job, in memory.
pub(crate) fn pictures(job: &Job, cancel: &CancelToken) -> Result<Vec<Arc<Picture>>> {
    let kept = Arc::default();
    let sink = Box::new(KeepSink(Arc::clone(&kept)));
    Engine::new().request(job).cancel(cancel).render_into(sink)?;
    let pictures = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(pictures)
}

/// Processor time of this process.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
