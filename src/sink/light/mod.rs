//! The light of HDR10 files: the display they are made for, and `MaxCLL` and `MaxFALL`.
//!
//! The display is known from the plan, the brightness of the frames only after the last one. Yet
//! both belong into every keyframe and, where the container writes its head first, to the front of
//! the file. So the levels are written as a placeholder of the same length, and corrected in the
//! finished file. Standard output cannot be rewritten: there only the display is stated.
//!
//! | format | place |
//! |---|---|
//! | HEVC | an SEI NAL unit with messages 137 and 144 in each keyframe |
//! | AV1 | two metadata OBUs after each sequence header |
//! | MP4, MOV | `mdcv` and `clli` |
//! | Matroska, `WebM` | `MasteringMetadata`, `MaxCLL` and `MaxFALL`, with the checksum of their element |
//!
//! **Invariant:** all levels have the same length in a file.

pub(crate) mod bitstream;
pub(crate) mod patch;

use super::target::Target;
use crate::color::{ContentLightLevel, MasteringDisplay};
use crate::error::{Error, Result};
use crate::job::{Codec, Container};
use crate::plan::OutputPlan;

/// Levels that no frame has: a higher average than the brightest pixel.
const PLACEHOLDER: ContentLightLevel =
    ContentLightLevel { max_content: 0xfffe, max_frame_average: 0xffff };

/// The statement of one output about its light, while it is written.
#[derive(Debug)]
pub(super) struct LightNote {
    codec: Codec,
    container: Container,
    display: MasteringDisplay,
    /// Whether the output can be rewritten.
    is_file: bool,
    /// The message for keyframes; empty for codecs that have no place for it.
    message: Vec<u8>,
    /// The number of keyframes that have it.
    written: usize,
}

impl LightNote {
    /// The note for an output of HDR10; `None` for others.
    pub(super) fn new(output: &OutputPlan) -> Option<Self> {
        let display = output.video.mastering_display?;
        let (codec, container) = (output.video.codec, output.container);
        let is_file = !output.place.is_streamed();
        let level = is_file.then_some(PLACEHOLDER);
        let message = message(codec, display, level);
        Some(Self { codec, container, display, is_file, message, written: 0 })
    }

    /// The display and the levels that the muxer writes into the head.
    pub(super) fn head(&self) -> (MasteringDisplay, Option<ContentLightLevel>) {
        (self.display, self.is_file.then_some(PLACEHOLDER))
    }

    /// The message, and its place in a keyframe. It counts as written.
    pub(super) fn for_keyframe(&mut self, keyframe: &[u8]) -> Option<(usize, Vec<u8>)> {
        const START_CODE: &[u8] = &[0, 0, 0, 1];
        let (at, start) = match self.codec {
            Codec::Hevc => (bitstream::first_slice(keyframe)?, START_CODE),
            Codec::Av1 => (bitstream::end_of_sequence_header(keyframe)?, &[][..]),
            _ => return None,
        };
        self.written += 1;
        Some((at, [start, &self.message].concat()))
    }

    /// Replaces the placeholders by the levels in the finished files.
    pub(super) fn complete(
        self,
        target: &Target,
        output: &OutputPlan,
        level: ContentLightLevel,
    ) -> Result<()> {
        if !self.is_file {
            return Ok(());
        }
        let level = told(level);
        let forms = [message(self.codec, self.display, Some(level)), head(self.container, level)];
        let places = [self.message, head(self.container, PLACEHOLDER)];
        let patches: Vec<_> = places.into_iter().zip(forms).collect();
        let mut found = 0;
        for file in target.files()? {
            let patched = patch::patch(&file, &patches);
            let patched = patched.map_err(Error::io("cannot write", &output.path))?;
            if matches!(self.container, Container::Mkv | Container::Webm) {
                let repaired = patch::repair_checksums(&file, &patched.concat());
                repaired.map_err(Error::io("cannot write", &output.path))?;
            }
            found += patched[0].len();
        }
        if found == self.written {
            return Ok(());
        }
        let message =
            format!("{found} keyframes say how bright the frames are, expected {}", self.written);
        Err(Error::Verify { path: output.path.clone(), message })
    }
}

/// The message in a keyframe of `codec`; empty where the codec has no place for it.
fn message(codec: Codec, display: MasteringDisplay, level: Option<ContentLightLevel>) -> Vec<u8> {
    match codec {
        Codec::Hevc => bitstream::hevc_message(display, level),
        Codec::Av1 => bitstream::av1_message(display, level),
        _ => Vec::new(),
    }
}

/// The levels as the head of a container stores them.
fn head(container: Container, level: ContentLightLevel) -> Vec<u8> {
    let [a, b] = level.max_content.to_be_bytes();
    let [c, d] = level.max_frame_average.to_be_bytes();
    match container {
        // ISO/IEC 14496-12, `ContentLightLevelBox`.
        Container::Mp4 | Container::Mov | Container::Hls => {
            [&12_u32.to_be_bytes()[..], b"clli", &[a, b, c, d]].concat()
        }
        // Elements `MaxCLL` and `MaxFALL` with two bytes each.
        Container::Mkv | Container::Webm => {
            vec![0x55, 0xbc, 0x82, a, b, 0x55, 0xbd, 0x82, c, d]
        }
        _ => Vec::new(),
    }
}

/// The levels as files store them.
///
/// They are upper bounds (Rec. ITU-T H.265, D.3.35), 0 where unknown. So a nit is added where their
/// bytes would need an escape in a NAL unit, which would change their length.
fn told(level: ContentLightLevel) -> ContentLightLevel {
    let is_plain = bitstream::escaped(&bitstream::level_bytes(level)).len() == 4;
    ContentLightLevel { max_content: level.max_content + u16::from(!is_plain), ..level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_levels_have_the_same_length() {
        let display = MasteringDisplay::BT2020_1000;
        let levels = (0..=u16::MAX).flat_map(|most| {
            [0, 1, 3, 4, 0x0100, 0x03ff, most].map(|average| (most, average.min(most)))
        });
        let length = |codec, level| message(codec, display, Some(level)).len();
        let [hevc, av1] = [Codec::Hevc, Codec::Av1].map(|codec| length(codec, PLACEHOLDER));
        for (max_content, max_frame_average) in levels {
            let level = ContentLightLevel { max_content, max_frame_average };
            let said = told(level);
            assert_eq!(length(Codec::Hevc, said), hevc, "{level:?}");
            assert!(said.max_content - max_content <= 1, "{level:?}");
            assert_eq!(said.max_frame_average, max_frame_average);
            if max_content % 256 > 0 {
                assert_eq!(said, level);
            }
        }
        assert_eq!(length(Codec::Av1, ContentLightLevel::default()), av1);
    }
}
