//! The fields of a job. Their documentation is the published schema's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::JobError;
use super::address::Address;
use super::fonts::Fonts;
use super::inline::InlinePage;
use super::network::NetworkPolicy;
use super::resolution::Resolution;
use super::values::{Bitrate, FrameRange, OutputSize, seconds};
use super::words::{
    CaptureFormat, CaptureMode, CaptureOrder, ColorMode, Dither, Hardware, OddSize, Quality,
    Sandbox,
};
use super::{AudioCodec, Codec, Container, Destination, Display, Metadata, Subtitle};
use crate::frame::{CodedFormat, Fit, Size};
use crate::network::IsolationMode;
use crate::time::FrameRate;

/// One video to render.
///
/// Relative paths are relative to the directory of the job file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(clippy::struct_excessive_bools, reason = "fields of a file")]
pub struct Job {
    /// The page to render: a file, a directory (its `index.html`) or an http(s) URL.
    pub composition: Address,
    /// The directory from which the page may load files. Default: the one that holds the page.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// What to write. The extension says which kind: `.mp4`, `.mov`, `.mkv`, `.webm`, `.gif`,
    /// `.apng`, `.webp`, `.y4m`, `.raw` or `.m3u8`; or sound alone: `.wav`, `.flac`, `.m4a`, `.mp3`
    /// or `.opus`.
    ///
    /// A directory such as `frames/`, or names such as `frames/%06d.png` (also `.jpg`, `.tif`,
    /// `.exr`), get a file per frame. `-` is standard output. Required, here or on the command line,
    /// unless the frames go to the caller's own sink.
    #[serde(default)]
    pub output: Option<PathBuf>,
    /// The kind of output, where its name does not say so.
    #[serde(default)]
    pub format: Option<Container>,
    /// Further outputs of the same frames, each with settings of its own.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// Frames per second, 1 to 240: a whole number, or a ratio such as `"30000/1001"`.
    ///
    /// Default: the page's `data-fps`, else 30.
    #[serde(default)]
    pub fps: Option<FrameRate>,
    /// The picture's size in pixels. Default: the page's `data-width` and `data-height`.
    #[serde(default)]
    pub size: Option<Size>,
    /// Pixels of the picture for each of the page, 0.5 to 4, such as 2 for twice the size. Default: 1.
    ///
    /// The page is laid out in its `size`, and sees the scale as `devicePixelRatio`.
    #[serde(default = "one")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.5, max = 4)))]
    pub scale: f64,
    /// Instead of `scale`: the picture's size by a word, such as `landscape-4k`. The composition must
    /// have the same shape, and fit into it a whole number of times.
    #[serde(default)]
    pub resolution: Option<Resolution>,
    /// How much of the composition to render, in seconds, up to 86400. Default: the page's duration.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(max = 86_400), extend("exclusiveMinimum" = 0)))]
    pub duration: Option<f64>,
    /// The frames to render, such as `"0..90"`; the last number is excluded. Default: all.
    #[serde(default)]
    pub frames: Option<FrameRange>,
    /// Motion blur: how many moments of each frame are drawn and averaged in light, 1 to 64.
    /// Default: 1, no blur.
    #[serde(default = "one_sample")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 64)))]
    pub samples: u32,
    /// Frames of a segment: what is encoded for itself, and lost at most where a render is resumed.
    ///
    /// Default: about 480. Shorter ones make larger files, as each begins with a key frame.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
    pub segment_frames: Option<u64>,
    /// Values that replace the defaults of the composition's variables.
    #[serde(default)]
    pub variables: serde_json::Map<String, serde_json::Value>,
    /// The seed of the page's random numbers. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// How the picture is encoded.
    #[serde(default)]
    pub video: Video,
    /// How the sound is made.
    #[serde(default)]
    pub audio: Audio,
    /// Title, language, chapters and the like.
    #[serde(default)]
    pub metadata: Metadata,
    /// Files of subtitles that become streams of `.mp4`, `.mov`, `.mkv` and `.webm`, and of `.m3u8`.
    #[serde(default)]
    pub subtitles: Vec<Subtitle>,
    /// Which colors the file holds.
    #[serde(default)]
    pub color: Color,
    /// Whether the file keeps the page's transparency. Default: false.
    #[serde(default)]
    pub alpha: bool,
    /// How pixels are taken from the page.
    #[serde(default)]
    pub capture: Capture,
    /// The browser that draws the page.
    #[serde(default)]
    pub browser: Browser,
    /// What the page may reach.
    #[serde(default)]
    pub network: Network,
    /// Families that the page names: where their files are.
    ///
    /// Such as `"Inter": "@fontsource/inter"`. `aliases` has names that the page uses for them.
    #[serde(default)]
    pub fonts: Fonts,
    /// How long to wait for the browser and the page, in seconds.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Whether anything that is missing from the page ends the render. Default: false, a warning.
    #[serde(default)]
    pub strict: bool,
    /// Whether values that do not fit the composition's variables end the render. Default: false, a
    /// warning.
    #[serde(default)]
    pub strict_variables: bool,
    /// Whether what is finished is kept beside the output until the output is complete, so that a
    /// render that was killed goes on from there. Default: false.
    #[serde(default)]
    pub resume: bool,
    /// The page where it lies in no file: [`Job::inline`].
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub inline: Option<InlinePage>,
}

/// One more output of a render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct Output {
    /// What to write, as the job's `output`; with `at`, a `.png`, `.jpg` or `.webp` file.
    pub output: PathBuf,
    /// The kind of output, where its name does not say so.
    #[serde(default)]
    pub format: Option<Container>,
    /// Write only the picture of this moment, in seconds of the composition: a poster.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub at: Option<f64>,
    /// How the picture is encoded.
    #[serde(default)]
    pub video: Video,
    /// How the sound is made.
    #[serde(default)]
    pub audio: Audio,
}

/// How the picture is encoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Video {
    /// The codec. Default: the usual one of the output, such as `h264` in `.mp4`, `vp9` in `.webm`.
    pub codec: Option<Codec>,
    /// Speed against size, where `crf`, `bitrate` and `preset` do not say otherwise.
    ///
    /// Default: `looks`.
    pub quality: Quality,
    /// Constant quality, 0 (best) to 51, or 63 for AV1, VP9 and VP8. Excludes `bitrate`. Default:
    /// set by `quality`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 63)))]
    pub crf: Option<f64>,
    /// Average bits per second: a number, or text such as `"10M"`. Excludes `crf`.
    pub bitrate: Option<Bitrate>,
    /// Most bits per second over the time that `bufferSize` holds.
    pub max_rate: Option<Bitrate>,
    /// The decoder's buffer in bits. Default: two seconds of `maxRate`.
    pub buffer_size: Option<Bitrate>,
    /// Whether frames are kept, and encoded twice, so that `bitrate` is met well. Default: false.
    pub two_pass: bool,
    /// The encoder's preset, such as `"medium"`, or `"8"`. Default: set by `quality`.
    pub preset: Option<String>,
    /// The profile: of `prores` `proxy`, `lt`, `standard`, `hq`, `4444` or `4444xq`; of `dnxhr`
    /// `lb`, `sq`, `hq`, `hqx` or `444`; of others by the encoder's names.
    pub profile: Option<String>,
    /// The longest distance between key frames, in frames. Default: the encoder's.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
    pub gop: Option<u32>,
    /// Whether frames may refer to those before a key frame. Default: false.
    pub open_gop: bool,
    /// Moments that become key frames, in seconds of the output.
    pub keyframes: Vec<f64>,
    /// How pixels are stored. Default: the codec's usual, such as `yuv420p`; with transparency where
    /// the job has `alpha`; `yuv444p` when `quality` is `lossless`.
    pub pixel_format: Option<CodedFormat>,
    /// The size of the output, such as `"1280x720"`; or `720p`, `1080p`, `1440p`, `2160p` or `4k`
    /// (that many pixels on the shorter side), `square`, `portrait` or `landscape`. Default: that of
    /// the frames.
    pub size: Option<OutputSize>,
    /// How frames come into a `size` of another shape. Default: `pad`.
    pub fit: Fit,
    /// What to do with an odd width or height that the pixel format cannot hold. Default: `error`.
    pub odd_size: OddSize,
    /// How often `.gif`, `.apng` and `.webp` are played; 0 is for ever. Default: 0.
    #[serde(rename = "loop")]
    #[cfg_attr(feature = "schema", schemars(range(max = 65_535)))]
    pub plays: u32,
    /// How colors that a GIF does not have are made of others. Default: `diffusion`.
    pub dither: Dither,
    /// An encoder of the graphics card: `auto`, `off`, or one of `nvenc`, `qsv`, `videotoolbox`,
    /// `amf`, `v4l2m2m`. Where it does not work, the processor encodes, with a warning. Default:
    /// `off`.
    pub hardware: Hardware,
    /// Whether MP4 and MOV files are made of fragments (CMAF). Default: false; always on standard
    /// output.
    pub fragmented: bool,
    /// Options for the encoder, by its own names. One that it does not know is an error.
    pub options: BTreeMap<String, OptionValue>,
}

/// The value of one encoder option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(untagged, expecting = "text, a number, true or false")]
pub enum OptionValue {
    /// True or false, for the encoder 1 or 0.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Text.
    Text(String),
}

/// How the sound is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Audio {
    /// Whether the file gets the composition's sound. Default: true.
    pub enabled: bool,
    /// The codec. Default: `aac`; `opus` in `.webm`; `pcm` (WAV) beside sequences.
    pub codec: Option<AudioCodec>,
    /// Average bits per second, 8k to 512k: a number, or text such as `"192k"`.
    ///
    /// Default: 192k for `aac` and `mp3`, 128k for `opus`. Not for `flac`, `alac` and `pcm`, which lose
    /// nothing.
    pub bitrate: Option<Bitrate>,
    /// Gain of the whole mix in decibels, -60 to 24. Default: 0.
    #[cfg_attr(feature = "schema", schemars(range(min = -60, max = 24)))]
    pub gain: f64,
    /// How loud the whole is, in LUFS, -40 to -5, such as -14 for the web or -23 for broadcast.
    /// Default: as it is mixed. Excludes `gain`.
    #[cfg_attr(feature = "schema", schemars(range(min = -40, max = -5)))]
    pub loudness: Option<f64>,
    /// What peaks stay below, in dBTP, -9 to 0. Default: -1.
    #[cfg_attr(feature = "schema", schemars(range(min = -9, max = 0)))]
    pub true_peak: Option<f64>,
    /// Bits of each sample of `flac`, `alac` and `pcm`: 16, 24, or for `pcm` 32, which are floating
    /// point. Default: 24.
    pub bits: Option<u8>,
    /// Samples per second, 8000 to 192000, as the codec has them. Default: 48000.
    #[cfg_attr(feature = "schema", schemars(range(min = 8000, max = 192_000)))]
    pub sample_rate: Option<u32>,
    /// 1, the mean of both sides, or 2. Default: 2.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 2)))]
    pub channels: Option<u16>,
}

/// Which colors the file holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Color {
    /// The dynamic range. Default: `auto`.
    pub mode: ColorMode,
    /// The display that HDR10 is mastered for. Default: that of BT.2020 with 1000 nit.
    pub mastering_display: Option<Display>,
}

/// How pixels are taken from the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Capture {
    /// The way to take them. Default: `auto`.
    pub mode: CaptureMode,
    /// How the browser hands a picture over. Default: `png`.
    pub format: CaptureFormat,
    /// The quality of captured JPEG, 1 to 100. Default: 95.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub jpeg_quality: u8,
    /// How many browsers draw at the same time, 1 to 64. Default: as many as the machine carries.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 64)))]
    pub workers: Option<u32>,
    /// Whether every session visits every frame, drawn or not. Default: `auto`.
    pub order: CaptureOrder,
    /// Whether a frame that is proved to look like the one before is taken for it without being drawn.
    /// The pictures are the same either way; this is for those who doubt it. Default: true.
    pub reuse: bool,
}

/// The browser that draws the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Browser {
    /// The program. Default: the first that is found, see `pagereel doctor`.
    pub path: Option<PathBuf>,
    /// Whether Chrome confines its processes. Default: `auto`.
    pub sandbox: Sandbox,
    /// Further flags for Chrome.
    pub args: Vec<String>,
}

/// What the page may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Network {
    /// Which hosts the page may load from: `allow`, `deny` or a list. Default: `allow`.
    pub policy: NetworkPolicy,
    /// Local directories that stand for http(s) addresses: prefix to directory.
    ///
    /// Such as `"https://cdn.jsdelivr.net/npm/": "node_modules/"`. The longest prefix wins, and
    /// versions in the address are understood. A file stands for one address.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = { "pattern": "^[hH][tT][tT][pP][sS]?://" })))]
    pub map: BTreeMap<String, PathBuf>,
    /// Whether symbolic links may lead out of the directory that is served, and out of mapped ones.
    ///
    /// Default: false.
    pub follow_symlinks: bool,
    /// Whether the browser must be in a network of its own where the policy is not `allow`.
    ///
    /// Default: `auto`, where the system allows it. With `required` nothing is rendered elsewhere.
    pub isolation: IsolationMode,
    /// Hosts that may be reached though their address is not public.
    ///
    /// Addresses, ranges such as `"10.0.0.0/8"`, or host names. The policy must allow them as well.
    pub private: Vec<String>,
}

/// How long to wait for the browser and the page, in seconds above 0, up to 86400.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Timeouts {
    /// For the browser to start. Default: 30.
    #[serde(with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("exclusiveMinimum" = 0)))]
    pub launch: Duration,
    /// For the page to load. Default: 60.
    #[serde(with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("exclusiveMinimum" = 0)))]
    pub navigation: Duration,
    /// For fonts, images, scripts and requests, once the page has loaded. Default: 45.
    #[serde(with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("exclusiveMinimum" = 0)))]
    pub ready: Duration,
    /// For the page's own player to be ready: `window.__hf.duration`, `__renderReady`,
    /// `__tailwindReady`. Default: 45.
    #[serde(with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("exclusiveMinimum" = 0)))]
    pub player: Duration,
    /// For compositions to register their timelines; 2 at most once a script has failed.
    /// Default: 45.
    #[serde(with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("exclusiveMinimum" = 0)))]
    pub timelines: Duration,
    /// For one frame. Default: 30.
    #[serde(with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("exclusiveMinimum" = 0)))]
    pub frame: Duration,
}

impl Job {
    /// A job that renders `composition` to the file `output`, with defaults otherwise.
    pub fn new(composition: impl Into<Address>, output: impl Into<PathBuf>) -> Self {
        Self { output: Some(output.into()), ..Self::without_output(composition) }
    }

    /// A job for frames that go to the caller's own sink.
    pub fn without_output(composition: impl Into<Address>) -> Self {
        Self {
            composition: composition.into(),
            root: None,
            output: None,
            format: None,
            outputs: Vec::new(),
            fps: None,
            size: None,
            scale: one(),
            resolution: None,
            samples: one_sample(),
            duration: None,
            frames: None,
            segment_frames: None,
            variables: serde_json::Map::new(),
            seed: 0,
            video: Video::default(),
            audio: Audio::default(),
            metadata: Metadata::default(),
            subtitles: Vec::new(),
            color: Color::default(),
            alpha: false,
            capture: Capture::default(),
            browser: Browser::default(),
            network: Network::default(),
            fonts: Fonts::default(),
            timeouts: Timeouts::default(),
            strict: false,
            strict_variables: false,
            resume: false,
            inline: None,
        }
    }

    /// Whether it names any output, or is only measured.
    pub fn has_outputs(&self) -> bool {
        self.output.is_some() || self.format == Some(Container::Null) || !self.outputs.is_empty()
    }

    /// The destination of the main output; an error when the job names none that can be written.
    pub fn destination(&self) -> Result<Destination, JobError> {
        if self.output.is_none() && self.format == Some(Container::Null) {
            return Ok(Destination::nowhere());
        }
        let output = self.output.as_deref().ok_or(JobError::Absent { path: "output".into() })?;
        Destination::resolve(output, self.format, "output")
    }
}

const fn one_sample() -> u32 {
    1
}

const fn one() -> f64 {
    1.0
}

impl fmt::Display for OptionValue {
    /// The value in the form that libav's options take.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{}", u8::from(*value)),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            enabled: true,
            codec: None,
            bitrate: None,
            gain: 0.0,
            loudness: None,
            true_peak: None,
            bits: None,
            sample_rate: None,
            channels: None,
        }
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            mode: CaptureMode::Auto,
            format: CaptureFormat::Png,
            jpeg_quality: 95,
            workers: None,
            order: CaptureOrder::Auto,
            reuse: true,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            launch: Duration::from_secs(30),
            navigation: Duration::from_secs(60),
            ready: Duration::from_secs(45),
            player: Duration::from_secs(45),
            timelines: Duration::from_secs(45),
            frame: Duration::from_secs(30),
        }
    }
}
