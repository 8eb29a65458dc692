//! A job resolved against its page: everything that is decided before the first frame.
//!
//! After this nothing reads configuration, environment or clock.

use std::path::PathBuf;

use serde::Serialize;

mod audio;
mod backend;
mod dynamic_range;
mod outputs;
mod sessions;
mod subtitles;
mod thinning;
mod video;

pub(crate) use self::audio::samples_in;
pub use self::audio::{AudioPlan, LoudnessPlan};
pub use self::backend::{Compression, Way};
use self::dynamic_range::settled;
use self::outputs::{outputs, posters, sounds};
use self::sessions::{Memory, lanes};
pub use self::subtitles::{SidecarPlan, SubtitlePlan};
pub(crate) use self::thinning::Thinning;
pub(crate) use self::video::SEGMENT_SECS;
pub use self::video::VideoPlan;
use crate::color::Cicp;
use crate::error::{Error, Result};
use crate::frame::{Alpha, Size, StreamInfo};
use crate::job::{
    ColorMode, Container, Entry, FileNames, Job, JobError, Metadata, Place, picture_size,
};
use crate::page::{Description, Number};
use crate::pipeline::Lanes;
use crate::time::FrameIndex;
use crate::time::FrameRate;
use crate::transition::Transition;
use crate::warning::Warning;

/// Longest composition, in seconds.
const MAX_DURATION: f64 = 86_400.0;

/// Largest side, in pixels.
const MAX_SIDE: f64 = 16_384.0;

/// The canvas of a page that does not say how large it is.
const DEFAULT_SIZE: Size = Size { width: 1920, height: 1080 };

/// How frames get from the page to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Route {
    /// Straight into the encoder, while later frames are being captured.
    Stream,
    /// The same, put together first: from the page and its HDR videos in light, of two scenes during
    /// transitions, and, for speed, from the page and videos whose pixels lie on the frame's.
    Layered,
}

/// One output of a render, resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputPlan {
    /// The file to write, the directory of a sequence, or `-` for standard output.
    pub path: PathBuf,
    /// Its kind.
    pub container: Container,
    /// The names of a sequence's files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<FileNames>,
    /// Frames per second, where fewer are written than rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<FrameRate>,
    /// How the picture is encoded.
    pub video: VideoPlan,
    /// The sound; `None` where nothing is heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioPlan>,
    /// Streams of subtitles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<SubtitlePlan>,
    /// What the output says about itself.
    pub metadata: Metadata,
    /// What its name stands for.
    #[serde(skip)]
    pub place: Place,
}

/// A file of sound alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SoundPlan {
    /// The file to write.
    pub path: PathBuf,
    /// Its kind.
    pub container: Container,
    /// What is in it.
    pub audio: AudioPlan,
    /// What the file says about itself.
    pub metadata: Metadata,
    /// What its name stands for.
    #[serde(skip)]
    pub place: Place,
}

/// A picture of one frame, beside the outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PosterPlan {
    /// The file to write.
    pub path: PathBuf,
    /// The output frame that it shows.
    pub frame: FrameIndex,
}

/// How pictures are taken, and why so.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturePlan {
    /// The way.
    pub way: Way,
    /// Sessions and window.
    #[serde(flatten)]
    pub lanes: Lanes,
    /// Why this way and this many sessions.
    pub reasons: Vec<String>,
}

/// A render, resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The page's address: a file relative to its root, or a URL.
    pub composition: String,
    /// What is written. Empty for callers' own sinks.
    pub outputs: Vec<OutputPlan>,
    /// Files of sound alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sounds: Vec<SoundPlan>,
    /// Whether the first of them is the job's main output.
    #[serde(skip)]
    pub main_is_sound: bool,
    /// Pictures of single frames that are written beside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub posters: Vec<PosterPlan>,
    /// Files of subtitles that are written beside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<SidecarPlan>,
    /// How frames travel.
    pub route: Route,
    /// What all frames have in common.
    pub stream: StreamInfo,
    /// Moments of each frame that are drawn and averaged.
    pub samples: u32,
    /// Scenes that become others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// The composition's frame that is output frame 0.
    pub first_frame: u64,
    /// Length of the whole composition, in seconds.
    pub duration: f64,
    /// Where the duration was found: `job`, or what the page offers.
    pub duration_source: String,
    /// How pictures are taken.
    pub capture: CapturePlan,
}

/// What is known of the environment when a plan is made.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances<'a> {
    pub description: &'a Description,
    /// What is known to be wrong with the page.
    pub troubles: &'a [String],
    /// The page's last console lines, for errors.
    pub console: Vec<String>,
    pub way: Way,
    /// Why that way.
    pub reasons: Vec<String>,
    /// Processors that this process may use.
    pub cores: u32,
    /// Bytes that the engine and its browsers may use, where there is a limit.
    pub memory: Option<u64>,
}

/// The size that the render will have, by the job or the page.
pub(crate) fn size_of(
    job: &Job,
    description: &Description,
    warnings: &mut Vec<Warning>,
) -> Result<Size, String> {
    if let Some(size) = job.size {
        return Ok(size);
    }
    let [width_text, height_text] = &description.size_texts;
    let side = |name: &str, text: &str, number: Number| {
        let value = number.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        if (1.0..=MAX_SIDE).contains(&value) && value.fract() == 0.0 {
            Ok(value as u32)
        } else {
            Err(format!(
                "the page's data-{name} is {text:?}, expected a whole number from 1 to {MAX_SIDE}"
            ))
        }
    };
    match (description.width, description.height) {
        (Some(width), Some(height)) => Ok(Size {
            width: side("width", width_text, width)?,
            height: side("height", height_text, height)?,
        }),
        (None, None) => {
            let text = format!("the page declares no size; {DEFAULT_SIZE} is used");
            warnings.push(Warning::new("default_size", text));
            Ok(DEFAULT_SIZE)
        }
        _ => Err("the page declares only one of data-width and data-height, expected both".into()),
    }
}

impl Plan {
    /// Whether nothing is captured: there is nothing to write but sound.
    pub fn is_sound_alone(&self) -> bool {
        self.outputs.is_empty() && self.posters.is_empty() && !self.sounds.is_empty()
    }

    /// What is captured: as many pictures for each frame as there are samples.
    pub(crate) fn captured(&self) -> StreamInfo {
        let samples = u64::from(self.samples);
        let frame_rate = self.stream.frame_rate.times(self.samples);
        StreamInfo { frame_rate, frames: self.stream.frames * samples, ..self.stream.clone() }
    }

    /// Resolves `job` against what is known of its page.
    pub(crate) fn new(
        job: &Job,
        entry: &Entry,
        encoded: bool,
        size: Size,
        circumstances: Circumstances<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self> {
        let Circumstances { description, way, mut reasons, cores, memory, .. } = circumstances;
        let has_videos = description.media.iter().any(|media| media.tag == "video");
        let memory = memory.map(|bytes| Memory { bytes, has_videos });
        let composition_error = |message| Error::Composition {
            message,
            console: circumstances.console.clone(),
            hint: None,
        };
        let frame_rate = frame_rate(job, description).map_err(composition_error)?;
        let (duration, duration_source) =
            duration(job, description, circumstances.troubles).map_err(composition_error)?;
        let all = frame_rate.frames_in(duration);
        let (first_frame, frames) = match job.frames {
            None => (0, all),
            Some(range) if range.end <= all => (range.start, range.len()),
            Some(range) => {
                return Err(Error::Job(JobError::BadValue {
                    path: "frames".into(),
                    found: format!("{}..{}", range.start, range.end),
                    expected: format!("within the composition's {all} frames (0..{all})"),
                }));
            }
        };
        let resolved = description.transitions.iter().enumerate();
        let transitions: Vec<_> = resolved
            .map(|(i, declared)| declared.resolve(i, warnings))
            .collect::<Result<_, _>>()
            .map_err(composition_error)?;
        let size = picture_size(size, job.scale)?;
        let range = (first_frame, first_frame + frames);
        let seconds = <[u64; 2]>::from(range).map(|n| frame_rate.seconds(FrameIndex(n)));
        let job = &settled(job, description, encoded, seconds.into(), warnings);
        let hdr = match job.color.mode {
            ColorMode::Auto | ColorMode::Sdr => None,
            ColorMode::Hdr10 => Some(Cicp::HDR10),
            ColorMode::Hlg => Some(Cicp::HLG),
        };
        let stream = StreamInfo {
            size,
            frame_rate,
            frames,
            alpha: if job.alpha { Alpha::Straight } else { Alpha::Opaque },
            color: hdr.map_or(Cicp::SRGB, Cicp::as_rgb),
        };
        let outputs = if encoded { outputs(job, &stream, cores, warnings)? } else { Vec::new() };
        let range = (first_frame, frames);
        let sounds = if encoded { sounds(job, frame_rate, range)? } else { Vec::new() };
        let posters = if encoded { posters(job, &stream, first_frame)? } else { Vec::new() };
        let samples = u64::from(job.samples);
        let range = (first_frame * samples, frames * samples);
        let lanes = lanes(job, size, range, (cores, memory), &mut reasons);
        Ok(Self {
            composition: entry.to_string(),
            outputs,
            sounds,
            main_is_sound: job.destination().is_ok_and(|d| d.container.is_sound()),
            posters,
            sidecars: Vec::new(),
            route: if hdr.is_some() || !transitions.is_empty() {
                Route::Layered
            } else {
                Route::Stream
            },
            stream,
            samples: job.samples,
            transitions,
            first_frame,
            duration,
            duration_source,
            capture: CapturePlan { way, lanes, reasons },
        })
    }
}

/// Frames per second, by the job or the page.
pub(crate) fn frame_rate(job: &Job, description: &Description) -> Result<FrameRate, String> {
    match (job.fps, description.fps.as_deref()) {
        (Some(rate), _) => Ok(rate),
        (None, None) => Ok(FrameRate::DEFAULT),
        (None, Some(text)) => text.trim().parse().ok().ok_or_else(|| {
            format!("the page's data-fps is {text:?}, expected {}", FrameRate::EXPECTED)
        }),
    }
}

/// How many known troubles an error names.
const TROUBLES: usize = 4;

/// Length in seconds, and where it was found.
pub(crate) fn duration(
    job: &Job,
    description: &Description,
    troubles: &[String],
) -> Result<(f64, String), String> {
    if let Some(duration) = job.duration {
        return Ok((duration, "job".into()));
    }
    let source = description.duration_source.clone().unwrap_or_else(|| "page".into());
    // They often explain what is missing.
    let troubles: String =
        troubles.iter().take(TROUBLES).flat_map(|trouble| ["; ", trouble.as_str()]).collect();
    match description.duration.map(|d| d.0) {
        None if description.infinite => Err(format!(
            "the composition repeats for ever and declares no duration; give its root a \
             data-duration, or the job a `duration`{troubles}"
        )),
        None => Err(format!(
            "the composition has no duration: there is no data-duration on its root, no timeline, \
             no clip and no animation that ends{troubles}"
        )),
        Some(d) if d.is_nan() => Err(format!("the duration ({source}) is not a number{troubles}")),
        Some(d) if d.is_infinite() => Err(format!(
            "the duration ({source}) is infinite; give the root a data-duration, or the job a \
             `duration`{troubles}"
        )),
        Some(d) if d <= 0.0 => Err(format!(
            "the duration ({source}) is {d} s, so there is nothing to render{troubles}"
        )),
        Some(d) if d > MAX_DURATION => {
            Err(format!("the duration ({source}) is {d} s, expected at most {MAX_DURATION} (24 h)"))
        }
        Some(d) => Ok((d, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(duration: f64) -> Description {
        Description {
            duration: Some(Number(duration)),
            duration_source: Some("root".into()),
            ..Description::default()
        }
    }

    #[test]
    fn durations_that_cannot_be_rendered() {
        let job = Job::new("a.html", "a.mp4");
        for (value, text) in [
            (0.0, "the duration (root) is 0 s, so there is nothing to render"),
            (f64::NAN, "the duration (root) is not a number"),
            (90_000.0, "the duration (root) is 90000 s, expected at most 86400 (24 h)"),
        ] {
            assert_eq!(duration(&job, &described(value), &[]).unwrap_err(), text);
        }
        let troubles = ["its script failed: TypeError: x".to_owned()];
        let text = duration(&job, &Description::default(), &troubles).unwrap_err();
        assert!(
            text.ends_with("no animation that ends; its script failed: TypeError: x"),
            "{text}"
        );
    }
}
