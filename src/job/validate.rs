//! What no page can make right.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Audio, AudioCodec, CaptureFormat, ColorMode, Job, JobError, Quality};
use crate::time::FrameRate;

/// A day, in seconds.
const MAX_DURATION_SECS: f64 = 86_400.0;

impl Job {
    /// Checks every value that can be judged without the page. Looks at nothing but the job.
    pub fn validate(&self) -> Result<(), JobError> {
        self.validate_time()?;
        self.validate_picture()?;
        self.validate_video()?;
        self.validate_audio()?;
        self.validate_network()?;
        within("capture.jpegQuality", self.capture.jpeg_quality, 1..=100)?;
        if let Some(workers) = self.capture.workers {
            within("capture.workers", workers, 1..=64)?;
        }
        if self.output.is_some() {
            self.destination()?;
        }
        Ok(())
    }

    fn validate_time(&self) -> Result<(), JobError> {
        if let Some(fps) = self.fps {
            check(fps.is_renderable(), "fps", fps, FrameRate::EXPECTED)?;
        }
        if let Some(secs) = self.duration {
            let expected = "a number of seconds above 0, up to 86400";
            check(secs > 0.0 && secs <= MAX_DURATION_SECS, "duration", secs, expected)?;
        }
        if let Some(frames) = self.frames {
            let found = format_args!("\"{frames}\"");
            check(!frames.is_empty(), "frames", found, "a range whose start is below its end")?;
        }
        let timeouts = [
            ("timeouts.launch", self.timeouts.launch),
            ("timeouts.navigation", self.timeouts.navigation),
            ("timeouts.ready", self.timeouts.ready),
            ("timeouts.player", self.timeouts.player),
            ("timeouts.timelines", self.timeouts.timelines),
            ("timeouts.frame", self.timeouts.frame),
        ];
        timeouts.into_iter().try_for_each(|(path, timeout)| {
            let is_possible =
                !timeout.is_zero() && timeout <= Duration::from_secs_f64(MAX_DURATION_SECS);
            let expected = "a number of seconds above 0, up to 86400";
            check(is_possible, path, timeout.as_secs_f64(), expected)
        })
    }

    fn validate_picture(&self) -> Result<(), JobError> {
        if let Some(size) = self.size {
            within("size.width", size.width, 1..=16_384)?;
            within("size.height", size.height, 1..=16_384)?;
        }
        let unavailable = |path: &str, found: &str| {
            Err(JobError::Unavailable { path: path.into(), found: found.into() })
        };
        match self.color.mode {
            // No file can hold it yet; a caller's own sink can.
            ColorMode::Hdr10 if self.output.is_some() => {
                return unavailable("color.mode", "\"hdr10\"");
            }
            ColorMode::Hlg if self.output.is_some() => {
                return unavailable("color.mode", "\"hlg\"");
            }
            // What JPEG loses would be taken for videos that shine through.
            ColorMode::Hdr10 | ColorMode::Hlg if self.capture.format == CaptureFormat::Jpeg => {
                return Err(JobError::Conflict {
                    first: "color.mode: hdr10 or hlg".into(),
                    second: "capture.format: jpeg".into(),
                });
            }
            _ => {}
        }
        if self.alpha { unavailable("alpha", "true") } else { Ok(()) }
    }

    fn validate_audio(&self) -> Result<(), JobError> {
        let Audio { codec, bitrate, gain, .. } = self.audio;
        within("audio.gain", gain, -60.0..=24.0)?;
        if let Some(bitrate) = bitrate {
            if codec.default_bitrate().is_none() {
                return Err(JobError::Conflict {
                    first: format!("audio.codec: {}", codec.codec_name()),
                    second: "audio.bitrate".into(),
                });
            }
            let is_possible = (8_000..=512_000).contains(&bitrate.0);
            check(is_possible, "audio.bitrate", bitrate.0, "from 8k to 512k bits per second")?;
        }
        if self.output.is_some() {
            let (output, container) = self.destination()?;
            let found = output.display();
            let expected = match codec {
                AudioCodec::Pcm => "a name that ends in .mov or .mkv for PCM sound",
                _ => "a name that ends in .mkv for sound of this `audio.codec`",
            };
            check(container.holds(codec), "output", found, expected)?;
        }
        Ok(())
    }

    fn validate_video(&self) -> Result<(), JobError> {
        let video = &self.video;
        let conflict = |first: &str, second: &str| JobError::Conflict {
            first: first.into(),
            second: second.into(),
        };
        if video.crf.is_some() && video.bitrate.is_some() {
            return Err(conflict("video.crf", "video.bitrate"));
        }
        if video.quality == Quality::Lossless {
            if video.crf.is_some() {
                return Err(conflict("video.quality: lossless", "video.crf"));
            }
            if video.bitrate.is_some() {
                return Err(conflict("video.quality: lossless", "video.bitrate"));
            }
        }
        if let Some(crf) = video.crf {
            within("video.crf", crf, 0.0..=51.0)?;
        }
        if let Some(bitrate) = video.bitrate {
            let expected = "from 1k to 1000M bits per second";
            let is_possible = (1_000..=1_000_000_000).contains(&bitrate.0);
            check(is_possible, "video.bitrate", bitrate.0, expected)?;
        }
        if let Some(gop) = video.gop {
            within("video.gop", gop, 1..=1_000_000)?;
        }
        if let Some(preset) = &video.preset {
            check(!preset.is_empty(), "video.preset", "\"\"", "the name of an encoder preset")?;
        }
        Ok(())
    }
}

fn within<T: Display + PartialOrd + Copy>(
    path: &str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), JobError> {
    let expected = format_args!("within {} to {}", range.start(), range.end()).to_string();
    check(range.contains(&found), path, found, &expected)
}

fn check(is_right: bool, path: &str, found: impl Display, expected: &str) -> Result<(), JobError> {
    if is_right {
        return Ok(());
    }
    let (found, expected) = (found.to_string(), expected.into());
    Err(JobError::BadValue { path: path.into(), found, expected })
}
