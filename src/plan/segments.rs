//! The division of a render into segments, each of which is encoded for itself.
//!
//! Segments are what is made in one piece: at each boundary the encoder is flushed and a new one is
//! opened, in every render. So it makes no difference for the bytes which process made a segment,
//! and when.

use std::num::NonZeroU64;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::VideoPlan;
use crate::job::{Codec, Container};
use crate::pipeline::Batches;

/// Frames of a segment where the job does not say: shorter ones cost bytes, as each begins with a
/// keyframe and an encoder that knows nothing of the frames before (measured, docs/segments.md).
const USUAL: u64 = 480;

/// How the frames of a render are divided into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Segments {
    /// Frames of a segment; the first may be shorter, the last up to half as long again.
    pub length: NonZeroU64,
    /// How many frames of the first segment come before frame 0.
    pub offset: u64,
    /// The number of segments.
    pub count: u64,
    /// The number of frames.
    #[serde(skip)]
    pub(crate) frames: u64,
}

impl Segments {
    /// Divides `frames`. Boundaries lie between batches, where the job names no length.
    pub(crate) fn new(wanted: Option<u64>, frames: u64, batches: Batches) -> Self {
        let batch = batches.length.get();
        let usual = NonZeroU64::new(USUAL / batch * batch).unwrap_or(batches.length);
        let wanted = wanted.and_then(NonZeroU64::new);
        let length = wanted.unwrap_or(usual);
        let offset = if wanted.is_some() { 0 } else { batches.offset % length };
        let all = (frames + offset).div_ceil(length.get()).max(1);
        let is_short = |count: u64| {
            let last = frames.saturating_sub(((count - 1) * length.get()).saturating_sub(offset));
            count > 1 && last < length.get().div_ceil(2)
        };
        let count = if is_short(all) { all - 1 } else { all };
        Self { length, offset, count, frames }
    }

    /// The first frame of a segment; one past the last frame for the one after the last.
    fn start(self, segment: u64) -> u64 {
        if segment >= self.count {
            return self.frames;
        }
        (segment * self.length.get()).saturating_sub(self.offset)
    }

    /// The frames of a segment.
    pub fn frames_of(self, segment: u64) -> Range<u64> {
        self.start(segment)..self.start(segment + 1)
    }

    /// Whether a frame is the first of a segment.
    pub(crate) fn begins_at(self, frame: u64) -> bool {
        let segment = (frame + self.offset) / self.length.get();
        segment < self.count && self.start(segment) == frame
    }

    /// The frames of the shortest segment.
    pub(crate) fn shortest(self) -> u64 {
        let ends = [0, self.count - 1].map(|segment| self.frames_of(segment));
        let ends = ends.into_iter().map(|frames| frames.end - frames.start);
        ends.min().unwrap_or(self.frames)
    }
}

/// How segments are divided into chunks, each of which one process makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunks {
    /// The number of chunks that there are.
    pub count: u64,
    /// The number that was asked for; those beyond `count` are empty.
    pub asked: u64,
}

impl Chunks {
    /// Divides `segments` into so many chunks, or into as many as there are segments.
    pub(crate) fn new(wanted: Option<u64>, segments: u64) -> Self {
        let asked = wanted.unwrap_or(segments).max(1);
        Self { count: asked.min(segments.max(1)), asked }
    }

    /// The segments of a chunk, of all that there are.
    pub fn segments_of(self, chunk: u64, segments: u64) -> Range<u64> {
        let start = |chunk: u64| chunk.min(self.count) * segments / self.count;
        start(chunk)..start(chunk + 1)
    }
}

/// What becomes of the frames of a segment until the output is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Handover {
    /// They are encoded, segment by segment.
    Packets,
    /// They are kept as they are: the encoder must see all of them.
    Frames,
}

impl Handover {
    /// What suits an encoding. `is_thinned`: whether the output leaves out frames.
    pub(super) fn of(video: &VideoPlan, container: Container, is_thinned: bool) -> Self {
        let is_whole = matches!(
            video.codec,
            // Palettes, differences to what was shown before, or nothing that a codec would save.
            Codec::Gif | Codec::Apng | Codec::Webp | Codec::Raw | Codec::Y4m
        );
        let has_rate = video.bitrate.is_some()
            || video.max_rate.is_some()
            || video.buffer_size.is_some()
            || video.two_pass
            || video.options.iter().any(|(key, value)| names_rate(key, value));
        let is_linked = video.open_gop || !video.hardware.is_empty();
        if is_whole || has_rate || is_linked || is_thinned || container.is_sequence() {
            Self::Frames
        } else {
            Self::Packets
        }
    }
}

/// Whether an option of an encoder makes it spend its bits by what came before.
fn names_rate(key: &str, value: &str) -> bool {
    let is_list = key.ends_with("-params");
    matches!(key, "b" | "maxrate" | "bufsize" | "minrate" | "stats" | "open-gop")
        || is_list && ["bitrate=", "vbv-", "pass=", "open-gop=1"].iter().any(|n| value.contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(length: u64, offset: u64) -> Batches {
        Batches { length: NonZeroU64::new(length).unwrap(), offset }
    }

    #[test]
    fn every_frame_lies_in_one_segment() {
        for wanted in [None, Some(1), Some(2), Some(7), Some(500)] {
            for batch in [batches(24, 0), batches(24, 23), batches(7, 3), batches(1, 0)] {
                for frames in [1, 2, 3, 239, 240, 479, 480, 481, 700, 719, 720, 721, 1440, 5000] {
                    let segments = Segments::new(wanted, frames, batch);
                    let case = format!("{wanted:?} {batch:?} {frames}: {segments:?}");
                    let mut next = 0;
                    for segment in 0..segments.count {
                        let range = segments.frames_of(segment);
                        assert_eq!(range.start, next, "{case}");
                        assert!(range.end > range.start, "{case}");
                        assert!(segments.begins_at(range.start), "{case}");
                        let is_inner = |frame| !segments.begins_at(frame);
                        assert!((range.start + 1..range.end).all(is_inner), "{case}");
                        assert!(range.end - range.start >= segments.shortest(), "{case}");
                        if wanted.is_none() && segment > 0 {
                            assert_eq!(batch.before(range.start), 0, "{case}");
                        }
                        next = range.end;
                    }
                    assert_eq!(next, frames, "{case}");
                }
            }
        }
    }

    #[test]
    fn short_rests_join_the_segment_before() {
        let count = |frames| Segments::new(None, frames, batches(24, 0)).count;
        assert_eq!([480, 719, 720, 1199, 1200].map(count), [1, 1, 2, 2, 3]);
        let count = |frames| Segments::new(Some(2), frames, batches(24, 0)).count;
        assert_eq!([1, 2, 3, 4, 2000].map(count), [1, 1, 2, 2, 1000]);
    }

    #[test]
    fn every_segment_lies_in_one_chunk() {
        for segments in 1..40 {
            for asked in [None, Some(1), Some(3), Some(7), Some(40), Some(1000)] {
                let chunks = Chunks::new(asked, segments);
                let all = (0..chunks.asked).flat_map(|i| chunks.segments_of(i, segments));
                assert_eq!(all.collect::<Vec<_>>(), (0..segments).collect::<Vec<_>>());
                let is_full = |i| !chunks.segments_of(i, segments).is_empty();
                assert!((0..chunks.count).all(is_full), "{segments} {asked:?}");
            }
        }
    }

    #[test]
    fn rates_in_an_encoders_own_options_are_seen() {
        assert!(names_rate("maxrate", "1M") && names_rate("x265-params", "a=1:vbv-maxrate=5"));
        assert!(!names_rate("x264-params", "cpu-independent=1") && !names_rate("bf", "3"));
        assert!(!names_rate("x265-params", "log-level=none:open-gop=0:pools=2"));
    }
}
