//! A job resolved against its page: everything that is decided before the first frame.
//!
//! After this nothing reads configuration, environment or clock.

use std::path::PathBuf;

use serde::Serialize;

mod audio;
mod backend;
mod dynamic_range;
mod outputs;
mod segments;
mod sessions;
mod subtitles;
mod survey;
mod thinning;
mod video;

pub(crate) use self::audio::samples_in;
pub use self::audio::{AudioPlan, LoudnessPlan};
pub use self::backend::{Backend, Compression};
use self::dynamic_range::settled;
use self::outputs::{outputs, posters, sink_sound, sounds};
pub use self::segments::{Chunks, Handover, Segments};
use self::sessions::{Memory, batches, parallelism};
pub use self::subtitles::{SidecarPlan, SubtitlePlan};
pub(crate) use self::survey::{Heard, LoudnessKey, Survey};
pub(crate) use self::thinning::Thinning;
pub(crate) use self::video::SEGMENT_SECS;
pub use self::video::VideoPlan;
use crate::color::Cicp;
use crate::error::{Error, Result};
use crate::frame::{Alpha, Fnv, Size, StreamInfo};
use crate::job::{ColorMode, Container, FileNames, Job, JobError, Metadata, Place, picture_size};
use crate::page::{Description, LayerKind, Number};
use crate::pipeline::Parallelism;
pub use crate::sound::{Effect, Group, Track, VolumePoint};
use crate::time::FrameIndex;
use crate::time::FrameRate;
pub use crate::transition::{Ease, Shader, Transition};
use crate::warning::Warning;

/// Longest composition, in seconds.
const MAX_DURATION: f64 = 86_400.0;

/// Largest side, in pixels.
const MAX_SIDE: f64 = 16_384.0;

/// The canvas of a page that does not state its size.
const DEFAULT_SIZE: Size = Size { width: 1920, height: 1080 };

/// The share of a composition that must show videos that can be left out of the page for speed:
/// frames without any videos cost a little more then.
const WORTHWHILE: f64 = 0.25;

/// How frames get from the page to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// What is kept of its segments until it is put together.
    pub handover: Handover,
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

impl OutputPlan {
    /// Whether each segment is encoded for itself.
    pub(crate) fn is_segmented(&self) -> bool {
        self.handover == Handover::Packets
    }
}

/// A file of sound alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PosterPlan {
    /// The file to write.
    pub path: PathBuf,
    /// The output frame that it shows.
    pub frame: FrameIndex,
}

/// How pictures are taken, and why so.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CapturePlan {
    /// How.
    pub backend: Backend,
    /// Sessions and window.
    #[serde(flatten)]
    pub parallelism: Parallelism,
    /// Why so, and why so many sessions.
    pub reasons: Vec<String>,
}

/// The version of the JSON of reports, plans and checks. It rises when a field goes or changes its
/// meaning; new fields may come with any release.
pub const SCHEMA_VERSION: u32 = 1;

/// A render, resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The version of this JSON: [`SCHEMA_VERSION`].
    pub schema_version: u32,
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
    /// What a sink of the caller's hears, if it takes sound and anything is heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<AudioPlan>,
    /// Pictures of single frames that are written beside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub posters: Vec<PosterPlan>,
    /// Files of subtitles that are written beside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<SidecarPlan>,
    /// How frames travel.
    pub route: Route,
    /// What the page leaves out of its pictures, for the engine to put in.
    #[serde(skip)]
    pub(crate) layers: Option<LayerKind>,
    /// What all frames have in common.
    pub stream: StreamInfo,
    /// How they are divided into parts that are encoded for themselves.
    pub segments: Segments,
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

/// The size of the render, from the job or else the page.
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

    /// The stream that is captured: as many pictures for each frame as there are samples.
    pub(crate) fn captured(&self) -> StreamInfo {
        let samples = u64::from(self.samples);
        let frame_rate = self.stream.frame_rate.times(self.samples);
        StreamInfo { frame_rate, frames: self.stream.frames * samples, ..self.stream.clone() }
    }

    /// Resolves `job` against what is known of its page. A function of the two: the same two give
    /// the same plan. The only question it asks of the file system is whether a file to be written
    /// is also one that is read.
    ///
    /// Returns warnings beside the plan: faults that do not stop the render.
    pub(crate) fn new(job: &Job, survey: &Survey) -> Result<(Self, Vec<Warning>)> {
        let Survey { description, backend, troubles, .. } = survey;
        let mut warnings = Vec::new();
        let mut reasons = survey.reasons.clone();
        let has_videos = description.media.iter().any(|media| media.tag == "video");
        let memory = survey.memory.map(|bytes| Memory { bytes, has_videos });
        let composition_error =
            |message| Error::Composition { message, console: survey.console.clone(), hint: None };
        let frame_rate = frame_rate(job, description).map_err(composition_error)?;
        let (duration, duration_source) =
            duration(job, description, troubles).map_err(composition_error)?;
        let all = frame_rate.frames_in(duration);
        let (first_frame, frames) = frames_of(job, all)?;
        let resolved = description.transitions.iter().enumerate();
        let mut transitions: Vec<_> = resolved
            .map(|(i, declared)| declared.resolve(i, &mut warnings))
            .collect::<Result<_, _>>()
            .map_err(composition_error)?;
        let size = picture_size(survey.size, job.scale)?;
        let range = (first_frame, first_frame + frames);
        let seconds = <[u64; 2]>::from(range).map(|n| frame_rate.seconds(FrameIndex(n)));
        let job = &settled(job, description, seconds.into(), &mut warnings);
        let stream = stream_of(job, size, frame_rate, frames);
        let is_hdr = stream.color.is_hdr();
        // A library's pictures are opaque and SDR, and canvas capture draws the page in a canvas.
        if is_hdr || job.alpha || *backend == Backend::Canvas {
            for transition in &mut transitions {
                transition.by_library = false;
            }
        }
        let batches = batches(size, first_frame * u64::from(job.samples));
        let segments = Segments::new(job.segment_frames, frames, batches);
        let (mut outputs, mut sounds, mut posters) = Default::default();
        if job.has_outputs() {
            outputs = self::outputs(job, survey, &stream, (first_frame, segments), &mut warnings)?;
            sounds = self::sounds(job, survey, frame_rate, (first_frame, frames), &mut warnings)?;
            posters = self::posters(job, &stream, first_frame)?;
        }
        let sound =
            (!job.has_outputs()).then(|| sink_sound(&job.audio, survey, &stream, first_frame));
        let samples = u64::from(job.samples);
        let range = (first_frame * samples, frames * samples);
        let (picture, machine) = ((size, is_hdr), (survey.cores, memory));
        let parallelism = parallelism(job, picture, range, machine, &mut reasons);
        let layers = match survey.aligned_share {
            _ if is_hdr => Some(LayerKind::Light),
            Some(share) if share >= WORTHWHILE => Some(LayerKind::Codes),
            _ => None,
        };
        let is_layered = layers.is_some() || !transitions.is_empty();
        let mut plan = Self {
            schema_version: SCHEMA_VERSION,
            composition: survey.entry.to_string(),
            outputs,
            sounds,
            sound: sound.flatten(),
            main_is_sound: job.destination().is_ok_and(|d| d.container.is_sound()),
            posters,
            sidecars: Vec::new(),
            route: if is_layered { Route::Layered } else { Route::Stream },
            layers,
            stream,
            segments,
            samples: job.samples,
            transitions,
            first_frame,
            duration,
            duration_source,
            capture: CapturePlan { backend: *backend, parallelism, reasons },
        };
        if plan.is_sound_alone() {
            plan.capture.reasons = vec!["nothing is captured: sound alone".into()];
        }
        if let Some(texts) = &survey.texts {
            warnings.extend(plan.add_subtitles(job, texts)?);
        }
        Ok((plan, warnings))
    }

    /// A number shared by plans with the same fields: 64-bit FNV-1a, in hexadecimal. For telling
    /// plans apart, not for security.
    pub fn digest(&self) -> String {
        let mut digest = Fnv::NEW;
        digest.add_all(format!("{self:?}").as_bytes());
        format!("{:016x}", digest.0)
    }

    /// Whether a frame must be kept as it is until the outputs are put together.
    pub(crate) fn keeps_frame(&self, frame: u64) -> bool {
        self.outputs.iter().any(|output| !output.is_segmented())
            || self.posters.iter().any(|poster| poster.frame.0 == frame)
    }

    /// All sounds that are written.
    pub(crate) fn audio(&self) -> impl Iterator<Item = &AudioPlan> {
        let files = self.outputs.iter().filter_map(|output| output.audio.as_ref());
        files.chain(self.sounds.iter().map(|sound| &sound.audio)).chain(&self.sound)
    }
}

/// The first frame and the number of frames that the job asks for, of `all` that there are.
fn frames_of(job: &Job, all: u64) -> Result<(u64, u64)> {
    match job.frames {
        None => Ok((0, all)),
        Some(range) if range.end <= all => Ok((range.start, range.len())),
        Some(range) => Err(Error::Job(JobError::BadValue {
            path: "frames".into(),
            found: format!("{}..{}", range.start, range.end),
            expected: format!("within the composition's {all} frames (0..{all})"),
        })),
    }
}

/// The stream of a job whose dynamic range is settled.
fn stream_of(job: &Job, size: Size, frame_rate: FrameRate, frames: u64) -> StreamInfo {
    let hdr = match job.color.mode {
        ColorMode::Auto | ColorMode::Sdr => None,
        ColorMode::Hdr10 => Some(Cicp::HDR10),
        ColorMode::Hlg => Some(Cicp::HLG),
    };
    StreamInfo {
        size,
        frame_rate,
        frames,
        alpha: if job.alpha { Alpha::Straight } else { Alpha::Opaque },
        color: hdr.map_or(Cicp::SRGB, Cicp::as_rgb),
    }
}

/// Frames per second, from the job or else the page.
pub(crate) fn frame_rate(job: &Job, description: &Description) -> Result<FrameRate, String> {
    match (job.fps, description.fps.as_deref()) {
        (Some(rate), _) => Ok(rate),
        (None, None) => Ok(FrameRate::DEFAULT),
        (None, Some(text)) => text.trim().parse().ok().ok_or_else(|| {
            format!("the page's data-fps is {text:?}, expected {}", FrameRate::EXPECTED)
        }),
    }
}

/// The number of known troubles that an error names.
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
    use crate::frame::CodedFormat;
    use crate::job::{AudioCodec, Codec};

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

    /// A page of 2 seconds with a video whose light is `hdr`.
    fn survey(hdr: Option<&str>) -> Survey {
        let mut description = described(2.0);
        description.media = serde_json::from_value(serde_json::json!([{
            "tag": "video", "id": null, "label": "#v", "src": null, "origin": 0, "start": 0,
            "end": 2, "from": 0, "rate": 1, "loops": false, "muted": true, "hdr": hdr,
            "sound": {
                "playerVolume": 1, "muted": true, "hidden": false, "clipRate": 1, "tweened": false
            }
        }]))
        .unwrap();
        Survey {
            entry: Job::new("/a/index.html", "a.mp4").entry().unwrap_or_else(|_| {
                crate::job::Entry::File { root: "/a".into(), page: "index.html".into() }
            }),
            size: Size { width: 640, height: 360 },
            description,
            troubles: Vec::new(),
            console: Vec::new(),
            backend: Backend::Display,
            reasons: vec!["display: a test".into()],
            cores: 4,
            encoder_cores: None,
            memory: None,
            texts: None,
            aligned_share: None,
            heard: Heard::Unasked,
            loudness: Vec::new(),
        }
    }

    /// Names of outputs, with what they are coded in, how pixels are stored, and the rate that is
    /// written of 60 frames per second.
    const OUTPUTS: [(&str, Codec, CodedFormat, u32); 9] = [
        ("a.mp4", Codec::H264, CodedFormat::Yuv420p, 60),
        ("a.mov", Codec::H264, CodedFormat::Yuv420p, 60),
        ("a.mkv", Codec::H264, CodedFormat::Yuv420p, 60),
        ("a.webm", Codec::Vp9, CodedFormat::Yuv420p, 60),
        ("a.m3u8", Codec::H264, CodedFormat::Yuv420p, 60),
        ("a.gif", Codec::Gif, CodedFormat::Pal8, 50),
        ("a.apng", Codec::Apng, CodedFormat::Rgb24, 60),
        ("a-%04d.png", Codec::Png, CodedFormat::Rgb24, 60),
        ("a-%04d.jpg", Codec::Jpeg, CodedFormat::Rgb24, 60),
    ];

    #[test]
    fn a_plan_is_a_function_of_job_and_survey() {
        let mut seen = std::collections::BTreeMap::new();
        for (name, codec, format, rate) in OUTPUTS {
            for alpha in [false, true] {
                for (hdr, share) in [(None, None), (None, Some(0.5)), (Some("pq"), None)] {
                    let mut job = Job::new("/a/index.html", name);
                    job.fps = Some("60".parse().unwrap());
                    job.alpha = alpha;
                    job.capture.workers = Some(2);
                    let mut survey = survey(hdr);
                    survey.aligned_share = share;
                    let case = format!("{name} {alpha} {hdr:?} {share:?}");
                    let (plan, warnings) = Plan::new(&job, &survey).expect(&case);
                    let (again, _) = Plan::new(&job.clone(), &survey.clone()).unwrap();
                    assert_eq!((&plan, plan.digest()), (&again, again.digest()), "{case}");

                    let video = &plan.outputs[0].video;
                    let is_hdr = plan.stream.color.is_hdr();
                    assert_eq!(plan.stream.frames, 120, "{case}");
                    assert_eq!(plan.capture.parallelism.sessions.get(), 2, "{case}");
                    let written = plan.outputs[0].frame_rate.unwrap_or(plan.stream.frame_rate);
                    assert_eq!(written, FrameRate::whole(rate.try_into().unwrap()), "{case}");
                    let is_layered = is_hdr || share.is_some();
                    assert_eq!(plan.route == Route::Layered, is_layered, "{case}");
                    // Where HDR cannot be, a warning says that the video is shown with SDR light.
                    let is_told = warnings.iter().any(|w| w.code == "hdr_as_sdr");
                    assert_eq!(hdr.is_some(), is_hdr || is_told, "{case}: {warnings:?}");
                    if !alpha && !is_hdr {
                        assert_eq!((video.codec, video.pixel_format), (codec, format), "{case}");
                    }
                    if is_hdr {
                        assert!(video.pixel_format.bits() >= 10, "{case}");
                    }
                    seen.insert(case, plan.digest());
                }
            }
        }
        assert_eq!(seen.len(), 54);
        let different: std::collections::BTreeSet<_> = seen.values().collect();
        // A share counts only where it may.
        assert!(different.len() > 40, "{} of 54", different.len());
    }

    #[test]
    fn what_is_heard_is_in_every_output_that_can_hold_it() {
        let mut job = Job::new("/a/index.html", "a.mp4");
        let output =
            |name: &str| serde_json::from_value(serde_json::json!({ "output": name })).unwrap();
        job.outputs = vec![output("a.gif"), output("a.flac"), output("a.webm")];
        let mut survey = survey(None);
        let audio = |survey: &Survey| {
            let (plan, warnings) = Plan::new(&job, survey).unwrap();
            let names = plan.audio().map(|audio| (audio.codec, audio.tracks.len()));
            let codes = warnings.into_iter().map(|warning| warning.code);
            (names.collect::<Vec<_>>(), codes.collect::<Vec<_>>())
        };
        assert_eq!(audio(&survey), (vec![(AudioCodec::Flac, 0)], vec![]), "unasked");
        survey.heard = Heard::Nothing;
        assert_eq!(audio(&survey), (vec![(AudioCodec::Flac, 0)], vec!["no_sound".into()]));
        let track = Track {
            label: "#a".into(),
            file: "a.wav".into(),
            start: 0.0,
            end: 1.0,
            origin: 0.0,
            from: 0.0,
            rate: 1.0,
            loops: false,
            volume: Vec::new(),
            fades: Vec::new(),
            effects: Vec::new(),
            group: None,
        };
        survey.heard = Heard::Tracks(vec![track], Vec::new());
        let heard = [AudioCodec::Aac, AudioCodec::Opus, AudioCodec::Flac].map(|codec| (codec, 1));
        assert_eq!(audio(&survey), (heard.to_vec(), vec!["sound_left_out".into()]));
    }
}
