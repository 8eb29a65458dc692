//! The division of frames into batches.

use std::num::NonZeroU64;

use serde::Serialize;

/// Divides frames into batches of neighbours.
///
/// All frames of a batch go to one session, in order, so that it can draw each upon the one before.
/// Where batches begin does not depend on the number of sessions: what follows from it is the same
/// for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Batches {
    /// Frames of a whole batch.
    pub length: NonZeroU64,
    /// How many frames of the first batch come before frame 0.
    pub offset: u64,
}

impl Batches {
    /// Each frame for itself.
    pub const SINGLE: Self = Self { length: NonZeroU64::MIN, offset: 0 };

    /// The number of frames of the batch of `index` that come before it.
    pub fn before(self, index: u64) -> u64 {
        (index + self.offset) % self.length
    }

    /// One past the last frame of the batch of `index`.
    pub fn end_of(self, index: u64) -> u64 {
        index + self.length.get() - self.before(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_lies_in_one_batch() {
        let batches = Batches { length: NonZeroU64::new(4).unwrap(), offset: 3 };
        let of = |index| (batches.before(index), batches.end_of(index));
        assert_eq!([0, 1, 4, 5].map(of), [(3, 1), (0, 5), (3, 5), (0, 9)]);
        assert_eq!((Batches::SINGLE.before(7), Batches::SINGLE.end_of(7)), (0, 8));
    }
}
