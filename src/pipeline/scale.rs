//! The number of sessions, while frames are made.

use super::{OpenSource, Throughput};

/// Batches per session after which a throughput tells if the last session is worth keeping: batches
/// reach the sink in bursts.
const BATCHES: u64 = 3;

/// Opens sessions one by one, and ends the last one if the render is no faster with it.
#[derive(Debug)]
pub(super) struct Scale {
    /// The most sessions that may be open.
    most: usize,
    /// Frames of a batch.
    batch: u64,
    /// The throughput before the last session was opened, until that is judged.
    without: Option<Throughput>,
}

impl Scale {
    pub(super) const fn new(most: usize, batch: u64) -> Self {
        Self { most, batch, without: None }
    }

    /// The number of sessions from now on, where it changes. `working` have delivered a frame.
    ///
    /// The throughput begins anew where it would mean something else from now on.
    pub(super) fn sessions(
        &mut self,
        sources: &dyn OpenSource,
        throughput: &mut Throughput,
        working: usize,
    ) -> Option<usize> {
        let now = *throughput;
        let mut begin_anew = |sessions| {
            *throughput = Throughput { sessions, left: now.left, ..Throughput::default() };
        };
        let Some(without) = self.without else {
            if now.sessions >= self.most || !sources.should_add_session(&now) {
                return None;
            }
            self.without = (now.written > 0).then_some(now);
            begin_anew(now.sessions + 1);
            return Some(now.sessions + 1);
        };
        if working < now.sessions {
            begin_anew(now.sessions);
            return None;
        }
        if now.written < BATCHES * self.batch * now.sessions as u64 {
            return None;
        }
        self.without = None;
        if sources.should_keep_session(&without, &now) {
            begin_anew(now.sessions);
            return None;
        }
        self.most = now.sessions - 1;
        begin_anew(self.most);
        Some(self.most)
    }
}
