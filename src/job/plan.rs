//! A job resolved against its page: everything that is decided before the first frame.
//!
//! After this nothing reads configuration, environment or clock.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use serde::Serialize;

use super::{
    AudioPlan, Codec, ColorMode, Container, Entry, Job, JobError, OddSize, OptionValue, Quality,
    Video, YuvFormat,
};
use crate::capture::Way;
use crate::color::Cicp;
use crate::error::{Error, Result};
use crate::frame::yuv::Subsampling;
use crate::frame::{Alpha, Size, StreamInfo};
use crate::page::{Description, Number};
use crate::pipeline::{Batches, Lanes};
use crate::report::Warning;
use crate::time::FrameRate;

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
    /// The same, put together in light from the page and its HDR videos first.
    Layered,
}

/// The picture part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoPlan {
    /// The codec.
    pub codec: Codec,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// The coded size.
    pub size: Size,
    /// How chroma is stored.
    pub pixel_format: YuvFormat,
    /// Color tags, and what the conversion does.
    pub color: Cicp,
    /// Target bits per second, where quality does not steer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Most frames from one keyframe to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gop: Option<u32>,
    /// Encoder threads.
    pub threads: u32,
    /// The encoder's options, ours and the job's.
    pub options: Vec<(String, String)>,
}

impl VideoPlan {
    /// FFmpeg's name of the codec.
    pub(crate) const fn codec_name(&self) -> &'static str {
        match self.codec {
            Codec::H264 => "h264",
        }
    }

    /// FFmpeg's name of the pixel format.
    pub(crate) const fn pixel_format_name(&self) -> &'static str {
        match self.pixel_format {
            YuvFormat::Yuv420p => "yuv420p",
            YuvFormat::Yuv422p => "yuv422p",
            YuvFormat::Yuv444p => "yuv444p",
        }
    }

    pub(crate) const fn subsampling(&self) -> Subsampling {
        subsampling(self.pixel_format)
    }
}

const fn subsampling(format: YuvFormat) -> Subsampling {
    match format {
        YuvFormat::Yuv420p => Subsampling::Yuv420,
        YuvFormat::Yuv422p => Subsampling::Yuv422,
        YuvFormat::Yuv444p => Subsampling::Yuv444,
    }
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
    /// The file to write. Empty for callers' own sinks.
    pub output: PathBuf,
    /// The container.
    pub container: Container,
    /// How frames travel.
    pub route: Route,
    /// What all frames have in common.
    pub stream: StreamInfo,
    /// The composition's frame that is output frame 0.
    pub first_frame: u64,
    /// Length of the whole composition, in seconds.
    pub duration: f64,
    /// Where the duration was found: `job`, or what the page offers.
    pub duration_source: String,
    /// How the picture is encoded.
    pub video: VideoPlan,
    /// The sound; `None` where nothing is heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioPlan>,
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
    /// Resolves `job` against what is known of its page.
    pub(crate) fn new(
        job: &Job,
        entry: &Entry,
        destination: Option<(PathBuf, Container)>,
        size: Size,
        circumstances: Circumstances<'_>,
    ) -> Result<Self> {
        let Circumstances { description, way, mut reasons, cores, .. } = circumstances;
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
        let (output, container) = destination.unwrap_or_else(|| (PathBuf::new(), Container::Mp4));
        let video = video_plan(job, size, cores, !output.as_os_str().is_empty())?;
        let lanes = lanes(job, size, (first_frame, frames), cores, &mut reasons);
        let hdr = match job.color.mode {
            ColorMode::Auto | ColorMode::Sdr => None,
            ColorMode::Hdr10 => Some(Cicp::HDR10),
            ColorMode::Hlg => Some(Cicp::HLG),
        };
        Ok(Self {
            composition: entry.to_string(),
            output,
            container,
            route: if hdr.is_some() { Route::Layered } else { Route::Stream },
            stream: StreamInfo {
                size,
                frame_rate,
                frames,
                alpha: Alpha::Opaque,
                color: hdr.map_or(Cicp::SRGB, Cicp::as_rgb),
            },
            first_frame,
            duration,
            duration_source,
            video,
            audio: None,
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

/// One step from fast to faithful: what an encoder is told where the job does not say otherwise.
struct Rung {
    preset: &'static str,
    crf: f64,
    /// What is changed about the preset.
    options: &'static [(&'static str, &'static str)],
}

/// The rungs for libx264, chosen from the measurements in `docs/quality.md`.
const fn ladder(quality: Quality) -> Rung {
    // `aq-mode` 3 spends more on dark areas, where banding shows; `subq` 3 finds nearly what 4 finds.
    match quality {
        Quality::Draft => {
            Rung { preset: "ultrafast", crf: 28.0, options: &[("bf", "0"), ("aq-mode", "3")] }
        }
        Quality::Standard => {
            Rung { preset: "faster", crf: 18.0, options: &[("subq", "3"), ("aq-mode", "3")] }
        }
        Quality::High => Rung {
            preset: "faster",
            crf: 15.2,
            options: &[("subq", "3"), ("aq-mode", "3"), ("aq-strength", "1.15")],
        },
        Quality::Lossless => Rung { preset: "medium", crf: 0.0, options: &[] },
    }
}

/// The encoder's options: the rung's, the job's own crf and preset, then the job's options.
fn encoder_options(video: &Video) -> Vec<(String, String)> {
    let rung = ladder(video.quality);
    let mut options = Vec::new();
    if let Some(preset) = &video.preset {
        // A preset that the job names is used as it is.
        options.push(("preset".into(), preset.clone()));
    } else {
        options.push(("preset".into(), rung.preset.into()));
        options.extend(rung.options.iter().map(|&(key, value)| (key.into(), value.into())));
    }
    if video.bitrate.is_none() {
        options.push(("crf".into(), video.crf.unwrap_or(rung.crf).to_string()));
    }
    for (key, value) in &video.options {
        let value = match value {
            OptionValue::Bool(value) => u8::from(*value).to_string(),
            OptionValue::Integer(value) => value.to_string(),
            OptionValue::Number(value) => value.to_string(),
            OptionValue::Text(value) => value.clone(),
        };
        // It replaces ours of that name; there must not be two in the plan.
        options.retain(|(ours, _)| ours != key);
        options.push((key.clone(), value));
    }
    options
}

fn video_plan(job: &Job, size: Size, cores: u32, encoded: bool) -> Result<VideoPlan> {
    let video = &job.video;
    let pixel_format = video.yuv_format();
    let step_x = 1 << subsampling(pixel_format).shift_x();
    let step_y = 1 << subsampling(pixel_format).shift_y();
    let padded = Size {
        width: size.width.next_multiple_of(step_x),
        height: size.height.next_multiple_of(step_y),
    };
    if encoded && padded != size && video.odd_size == OddSize::Error {
        return Err(Error::Job(JobError::BadValue {
            path: "size".into(),
            found: size.to_string(),
            expected: format!(
                "even for {}; use {padded}, or `video.oddSize: \"pad\"`, or \
                 `video.pixelFormat: \"yuv444p\"`",
                match pixel_format {
                    YuvFormat::Yuv420p => "yuv420p",
                    YuvFormat::Yuv422p => "yuv422p (width)",
                    YuvFormat::Yuv444p => "yuv444p",
                }
            ),
        }));
    }
    Ok(VideoPlan {
        codec: video.codec,
        encoder: match video.codec {
            Codec::H264 => "libx264".into(),
        },
        size: padded,
        pixel_format,
        color: Cicp::BT709,
        bitrate: video.bitrate.map(|b| b.0),
        gop: video.gop,
        // Never from the number of sessions: the bytes depend on it.
        threads: cores.clamp(1, 16),
        options: encoder_options(video),
    })
}

/// Pictures of one batch may take this much.
const BATCH_BYTES: u64 = 100 << 20;

/// Frames of a batch at most: those of two sessions in turn should not be far apart.
const MAX_BATCH: u64 = 16;

/// Frames that the sink may be behind before a session waits for it.
const WINDOW_SLACK: u64 = 4;

/// Frames below which another browser cannot save the time that it costs.
const MIN_FRAMES_PER_SESSION: u64 = 30;

fn lanes(
    job: &Job,
    size: Size,
    (first_frame, frames): (u64, u64),
    cores: u32,
    reasons: &mut Vec<String>,
) -> Lanes {
    let sessions = if let Some(workers) = job.capture.workers {
        reasons.push(format!("{workers} session(s): the job says so"));
        u64::from(workers)
    } else {
        let sessions = u64::from(cores).min(frames / MIN_FRAMES_PER_SESSION).clamp(1, 8);
        reasons.push(match sessions {
            1 => format!("1 session: {cores} core(s), {frames} frames"),
            _ => format!("1 session, up to {sessions} as they pay off: {cores} cores"),
        });
        sessions
    };
    let sessions = sessions.clamp(1, frames.max(1));
    let batches = batches(size, first_frame);
    let window = sessions * batches.length.get() + WINDOW_SLACK;
    let count = |n: u64| {
        let n = usize::try_from(n).ok().and_then(NonZeroUsize::new);
        n.expect("sessions and window are small and positive")
    };
    Lanes { sessions: count(sessions), window: count(window), batches }
}

/// Frames that one session draws upon each other. By the size alone: the pixels depend on it.
fn batches(size: Size, first_frame: u64) -> Batches {
    let frame_bytes = u64::from(size.width) * u64::from(size.height) * 4;
    let length = (BATCH_BYTES / frame_bytes.max(1)).clamp(1, MAX_BATCH);
    let length = NonZeroU64::new(length).unwrap_or(NonZeroU64::MIN);
    Batches { length, offset: first_frame % length }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Bitrate;

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

    #[test]
    fn the_window_holds_more_than_the_sessions_and_is_bounded() {
        let mut job = Job::new("a.html", "a.mp4");
        for workers in [1, 2, 7] {
            job.capture.workers = Some(workers);
            for side in [2, 1000, 16_384] {
                let size = Size { width: side, height: side };
                let lanes = lanes(&job, size, (0, 10_000), 2, &mut Vec::new());
                assert_eq!(lanes.sessions.get(), workers as usize);
                let batch = lanes.batches.length.get();
                assert!((1..=MAX_BATCH).contains(&batch));
                assert_eq!(lanes.window.get() as u64, batch * u64::from(workers) + WINDOW_SLACK);
                assert!(batch == 1 || batch * u64::from(side).pow(2) * 4 <= BATCH_BYTES);
            }
        }
    }

    #[test]
    fn what_the_job_says_of_the_encoder_is_obeyed_as_it_is() {
        let text = |video: &Video| {
            let options = encoder_options(video);
            let pairs = options.iter().map(|(key, value)| format!("{key}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let standard = Video::default();
        assert_eq!(text(&standard), "preset=faster subq=3 aq-mode=3 crf=18");
        let crf = Video { crf: Some(21.5), ..Video::default() };
        assert_eq!(text(&crf), "preset=faster subq=3 aq-mode=3 crf=21.5");
        let preset = Video { preset: Some("slow".into()), ..Video::default() };
        assert_eq!(text(&preset), "preset=slow crf=18");
        let bitrate = Video { bitrate: Some(Bitrate(1)), ..Video::default() };
        assert_eq!(text(&bitrate), "preset=faster subq=3 aq-mode=3");
        let mut own = Video::default();
        own.options.insert("aq-mode".into(), OptionValue::Integer(1));
        assert_eq!(text(&own), "preset=faster subq=3 crf=18 aq-mode=1");
        let lossless = Video { quality: Quality::Lossless, ..Video::default() };
        assert_eq!(text(&lossless), "preset=medium crf=0");
    }

    #[test]
    fn few_frames_get_few_sessions() {
        let job = Job::new("a.html", "a.mp4");
        let sessions = |frames, cores| {
            lanes(&job, DEFAULT_SIZE, (0, frames), cores, &mut Vec::new()).sessions.get()
        };
        assert_eq!(
            (sessions(1, 8), sessions(60, 8), sessions(900, 2), sessions(900, 8)),
            (1, 2, 2, 8)
        );
    }
}
