//! From what the probe leaves to the sessions.

use std::sync::{Arc, Mutex};

use super::Prepared;
use crate::capture::{Meter, PageSources, Retreat, Timing};
use crate::plan::Plan;
use crate::serve::FileServer;

impl Prepared {
    /// What opens the sessions, and the server that they need.
    pub(super) fn sources(
        self,
        plan: &Plan,
        meter: &Arc<Meter>,
    ) -> (PageSources, Option<FileServer>) {
        let sources = PageSources {
            retreat: Arc::new(Retreat::new(self.ways)),
            timing: Timing {
                frame_rate: plan.captured().frame_rate,
                first: plan.first_frame * u64::from(plan.samples),
                batches: plan.capture.lanes.batches,
                frames: plan.captured().frames,
                size: plan.stream.size,
            },
            meter: Arc::clone(meter),
            recruiting: self.recruiting,
            probed: Mutex::new(Some(self.page)),
        };
        (sources, self.server)
    }
}
