//! From the probe's results to the sessions.

use std::sync::{Arc, Mutex};

use super::Prepared;
use crate::capture::{FallbackChain, PageSources, SessionMeter, Timing};
use crate::plan::Plan;
use crate::serve::FileServer;

impl Prepared {
    /// The opener of the sessions, and the server that they need.
    pub(super) fn sources(
        self,
        plan: &Plan,
        meter: &Arc<SessionMeter>,
    ) -> (PageSources, Option<FileServer>) {
        let sources = PageSources {
            fallback: Arc::new(FallbackChain::new(self.backends)),
            timing: Timing {
                frame_rate: plan.captured().frame_rate,
                first: plan.first_frame * u64::from(plan.samples),
                batches: plan.capture.parallelism.batches,
                frames: plan.captured().frames,
                size: plan.stream.size,
            },
            meter: Arc::clone(meter),
            autoscaling: self.autoscaling,
            probed: Mutex::new(Some(self.page)),
        };
        (sources, self.server)
    }
}
