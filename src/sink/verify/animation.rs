//! Animated WebP files, which libav does not read.

use std::path::Path;

use crate::frame::StreamInfo;
use crate::plan::OutputPlan;

/// The header's facts about an animated WebP: a RIFF file with an `ANMF` per frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Animation {
    width: u32,
    height: u32,
    pub frames: u64,
    ms: u64,
}

impl Animation {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        Self::parse(&bytes).ok_or_else(|| "it is no animated WebP".to_owned())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let u24 = |at: &[u8]| Some(u32::from_le_bytes([*at.first()?, *at.get(1)?, *at.get(2)?, 0]));
        let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?;
        let mut animation = Self { width: 0, height: 0, frames: 0, ms: 0 };
        let mut is_still = false;
        while rest.len() >= 8 {
            let length = u32::from_le_bytes(rest[4..8].try_into().ok()?) as usize;
            let data = rest.get(8..8 + length)?;
            match &rest[..4] {
                b"VP8X" => {
                    animation.width = u24(data.get(4..)?)? + 1;
                    animation.height = u24(data.get(7..)?)? + 1;
                }
                b"VP8L" => {
                    // One bit for a signature in the first byte's place, then twice 14 bits.
                    let bits = u32::from_le_bytes(data.get(1..5)?.try_into().ok()?);
                    (animation.width, animation.height) =
                        (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff));
                    is_still = true;
                }
                b"VP8 " => {
                    let side = |at: usize| {
                        Some(u32::from(
                            u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?) & 0x3fff,
                        ))
                    };
                    (animation.width, animation.height) = (side(6)?, side(8)?);
                    is_still = true;
                }
                b"ANMF" => {
                    animation.frames += 1;
                    animation.ms += u64::from(u24(data.get(12..)?)?);
                }
                _ => {}
            }
            rest = rest.get(8 + length.next_multiple_of(2)..).unwrap_or_default();
        }
        animation.frames += u64::from(is_still);
        (animation.frames > 0).then_some(animation)
    }

    pub(super) fn secs(&self) -> f64 {
        self.ms as f64 / 1000.0
    }

    pub(super) fn difference(&self, output: &OutputPlan, stream: &StreamInfo) -> Option<String> {
        let size = output.video.size;
        if (self.width, self.height) != (size.width, size.height) {
            return Some(format!("the size is {}x{}, expected {size}", self.width, self.height));
        }
        // Frames with the same picture become one.
        if self.frames > stream.frames {
            return Some(format!("there are {} frames, expected {}", self.frames, stream.frames));
        }
        let duration = stream.frames as f64 / stream.frame_rate.as_f64();
        let tolerance = 1.5 / stream.frame_rate.as_f64() + 0.02;
        // If all frames have the same picture, it is no animation.
        let off = self.ms > 0 && (self.secs() - duration).abs() > tolerance;
        off.then(|| format!("the duration is {:.3} s, expected {duration:.3} s", self.secs()))
    }
}
