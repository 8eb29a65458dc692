//! The fields of a job. Their documentation is the published schema's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::JobError;
use super::address::Address;
use super::network::NetworkPolicy;
use super::values::{Bitrate, FrameRange, seconds};
use super::words::{
    AudioCodec, CaptureFormat, CaptureMode, CaptureOrder, Codec, ColorMode, Container, OddSize,
    Quality, Sandbox, YuvFormat,
};
use crate::frame::Size;
use crate::time::FrameRate;

/// One video to render.
///
/// Relative paths are relative to the directory of the job file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct Job {
    /// The page to render: a file, a directory (its `index.html`) or an http(s) URL.
    pub composition: Address,
    /// The directory from which the page may load files. Default: the one that holds the page.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// The file to write. Its extension chooses the container: `.mp4`, `.mov` or `.mkv`.
    ///
    /// Required, here or on the command line, unless the frames go to the caller's own sink.
    #[serde(default)]
    pub output: Option<PathBuf>,
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
    #[schemars(range(min = 0.5, max = 4))]
    pub scale: f64,
    /// How much of the composition to render, in seconds, up to 86400. Default: the page's duration.
    #[serde(default)]
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub duration: Option<f64>,
    /// The frames to render, such as `"0..90"`; the last number is excluded. Default: all.
    #[serde(default)]
    pub frames: Option<FrameRange>,
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
    /// How long to wait for the browser and the page, in seconds.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Whether anything that is missing from the page ends the render. Default: false, a warning.
    #[serde(default)]
    pub strict: bool,
}

/// How the picture is encoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Video {
    /// The codec. Default: `h264`.
    pub codec: Codec,
    /// Speed against size, where `crf`, `bitrate` and `preset` do not say otherwise.
    ///
    /// Default: `standard`.
    pub quality: Quality,
    /// Constant quality, 0 (best) to 51. Excludes `bitrate`. Default: set by `quality`.
    #[schemars(range(min = 0, max = 51))]
    pub crf: Option<f64>,
    /// Average bits per second: a number, or text such as `"10M"`. Excludes `crf`.
    pub bitrate: Option<Bitrate>,
    /// The encoder's preset, such as `"medium"`. Default: set by `quality`.
    pub preset: Option<String>,
    /// The longest distance between key frames, in frames. Default: the encoder's.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub gop: Option<u32>,
    /// How chroma is stored. Default: `yuv420p`, or `yuv444p` when `quality` is `lossless`.
    pub pixel_format: Option<YuvFormat>,
    /// What to do with an odd width or height that the pixel format cannot hold. Default: `error`.
    pub odd_size: OddSize,
    /// Options for the encoder, by its own names. One that it does not know is an error.
    pub options: BTreeMap<String, OptionValue>,
}

/// The value of one encoder option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Audio {
    /// Whether the file gets the composition's sound. Default: true.
    pub enabled: bool,
    /// The codec. Default: `aac`.
    pub codec: AudioCodec,
    /// Average bits per second, 8k to 512k: a number, or text such as `"192k"`.
    ///
    /// Default: 192k for `aac`, 128k for `opus`. Not for `flac` and `pcm`, which lose nothing.
    pub bitrate: Option<Bitrate>,
    /// Gain of the whole mix in decibels, -60 to 24. Default: 0.
    #[schemars(range(min = -60, max = 24))]
    pub gain: f64,
}

/// Which colors the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Color {
    /// The dynamic range. Default: `auto`.
    pub mode: ColorMode,
}

/// How pixels are taken from the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Capture {
    /// The way to take them. Default: `auto`.
    pub mode: CaptureMode,
    /// How the browser hands a picture over. Default: `png`.
    pub format: CaptureFormat,
    /// The quality of captured JPEG, 1 to 100. Default: 95.
    #[schemars(range(min = 1, max = 100))]
    pub jpeg_quality: u8,
    /// How many browsers draw at the same time, 1 to 64. Default: as many as the machine carries.
    #[schemars(range(min = 1, max = 64))]
    pub workers: Option<u32>,
    /// Whether every session visits every frame, drawn or not. Default: `auto`.
    pub order: CaptureOrder,
}

/// The browser that draws the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Network {
    /// Which hosts the page may load from: `allow`, `deny` or a list. Default: `allow`.
    pub policy: NetworkPolicy,
    /// Local directories that stand for http(s) addresses: prefix to directory.
    ///
    /// Such as `"https://cdn.jsdelivr.net/npm/": "node_modules/"`. The longest prefix wins, and
    /// versions in the address are understood. A file stands for one address.
    #[schemars(extend("propertyNames" = { "pattern": "^[hH][tT][tT][pP][sS]?://" }))]
    pub map: BTreeMap<String, PathBuf>,
    /// Whether symbolic links may lead out of the directory that is served, and out of mapped ones.
    ///
    /// Default: false.
    pub follow_symlinks: bool,
}

/// How long to wait for the browser and the page, in seconds above 0, up to 86400.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Timeouts {
    /// For the browser to start. Default: 30.
    #[serde(with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub launch: Duration,
    /// For the page to load. Default: 60.
    #[serde(with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub navigation: Duration,
    /// For fonts, images, scripts and requests, once the page has loaded. Default: 45.
    #[serde(with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub ready: Duration,
    /// For the page's own player to be ready: `window.__hf.duration`, `__renderReady`,
    /// `__tailwindReady`. Default: 45.
    #[serde(with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub player: Duration,
    /// For compositions to register their timelines; 2 at most once a script has failed.
    /// Default: 45.
    #[serde(with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub timelines: Duration,
    /// For one frame. Default: 30.
    #[serde(with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub frame: Duration,
}

impl Job {
    /// A job that renders `composition` to the file `output`, all else by default.
    pub fn new(composition: impl Into<Address>, output: impl Into<PathBuf>) -> Self {
        Self { output: Some(output.into()), ..Self::without_output(composition) }
    }

    /// A job for frames that go to the caller's own sink.
    pub fn without_output(composition: impl Into<Address>) -> Self {
        Self {
            composition: composition.into(),
            root: None,
            output: None,
            fps: None,
            size: None,
            scale: one(),
            duration: None,
            frames: None,
            variables: serde_json::Map::new(),
            seed: 0,
            video: Video::default(),
            audio: Audio::default(),
            color: Color::default(),
            alpha: false,
            capture: Capture::default(),
            browser: Browser::default(),
            network: Network::default(),
            timeouts: Timeouts::default(),
            strict: false,
        }
    }

    /// The file to write and its container; an error when the job names none that can be written.
    pub fn destination(&self) -> Result<(&Path, Container), JobError> {
        let output = self.output.as_deref().ok_or(JobError::Absent { path: "output".into() })?;
        let container = Container::of(output).ok_or_else(|| JobError::BadValue {
            path: "output".into(),
            found: format!("{:?}", output.display().to_string()),
            expected: format!("a file name that ends in {}", Container::EXTENSIONS),
        })?;
        Ok((output, container))
    }
}

const fn one() -> f64 {
    1.0
}

impl Video {
    /// How chroma is stored, the default resolved.
    pub fn yuv_format(&self) -> YuvFormat {
        self.pixel_format.unwrap_or(match self.quality {
            Quality::Lossless => YuvFormat::Yuv444p,
            _ => YuvFormat::Yuv420p,
        })
    }
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
        Self { enabled: true, codec: AudioCodec::Aac, bitrate: None, gain: 0.0 }
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
