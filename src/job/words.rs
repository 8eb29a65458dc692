//! Values that are one of a few words.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The way a picture is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Codec {
    /// H.264, which every player knows.
    #[default]
    H264,
}

/// Speed against size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Fast, for a first look.
    Draft,
    /// Visually lossless for most content.
    #[default]
    Standard,
    /// For masters, slower.
    High,
    /// Nothing is lost after the conversion to YUV.
    Lossless,
}

/// How chroma is stored, in FFmpeg's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum YuvFormat {
    /// Half the width and half the height.
    #[default]
    Yuv420p,
    /// Half the width.
    Yuv422p,
    /// Full size.
    Yuv444p,
}

/// What to do with an odd width or height that the pixel format cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OddSize {
    /// Refuse it.
    #[default]
    Error,
    /// Repeat the last column or row.
    Pad,
}

/// Which frames a session visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaptureOrder {
    /// All of them where the page's state may depend on the frames before, as with timers and
    /// frame callbacks; else only those that it draws.
    #[default]
    Auto,
    /// All of them, from the first on: for state that nothing tells of.
    Sequential,
}

/// The dynamic range of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColorMode {
    /// What the composition's media call for.
    #[default]
    Auto,
    /// BT.709.
    Sdr,
    /// BT.2020 with the PQ curve.
    Hdr10,
    /// BT.2020 with the HLG curve.
    Hlg,
}

/// The way to take pixels from the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CaptureMode {
    /// The fastest that works with this browser and this page.
    #[default]
    Auto,
    /// The window of an ordinary Chromium on a private display; needs Xvfb.
    Display,
    /// `HeadlessExperimental.beginFrame`; needs Chrome's headless shell.
    BeginFrame,
    /// `Page.captureScreenshot`; works with any Chrome.
    Screenshot,
    /// Drawn into a canvas of the page, and held against another way before it is relied on.
    Canvas,
}

/// How the browser hands a picture over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaptureFormat {
    /// Lossless.
    #[default]
    Png,
    /// Lossy, and cheaper to take.
    Jpeg,
}

/// Whether Chrome confines its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// On, except for root, whom Chrome's sandbox does not serve.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never: for compositions that you trust.
    Off,
}

/// The way sound is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AudioCodec {
    /// AAC, which every player knows.
    #[default]
    Aac,
    /// Opus, better at low bitrates; in `.mkv`.
    Opus,
    /// Lossless, 24 bits; in `.mkv`.
    Flac,
    /// Uncompressed, 24 bits; in `.mov` and `.mkv`.
    Pcm,
}

impl AudioCodec {
    /// The encoder's name in FFmpeg.
    pub const fn encoder(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::Opus => "libopus",
            Self::Flac => "flac",
            Self::Pcm => "pcm_s24le",
        }
    }

    /// The codec's own name in FFmpeg.
    pub(crate) const fn codec_name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            other => other.encoder(),
        }
    }

    /// The usual bitrate; `None` where nothing is lost.
    pub const fn default_bitrate(self) -> Option<u64> {
        match self {
            Self::Aac => Some(192_000),
            Self::Opus => Some(128_000),
            Self::Flac | Self::Pcm => None,
        }
    }
}

/// The kind of file that holds the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Container {
    /// MPEG-4 part 14.
    Mp4,
    /// `QuickTime`.
    Mov,
    /// Matroska.
    Mkv,
}

impl Container {
    /// Those that can be written, for messages.
    pub(super) const EXTENSIONS: &str = ".mp4, .mov or .mkv";

    /// The container that the extension of `path` stands for.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "mp4" => Some(Self::Mp4),
            "mov" => Some(Self::Mov),
            "mkv" => Some(Self::Mkv),
            _ => None,
        }
    }

    /// Whether sound of this codec can stand in it.
    pub const fn holds(self, codec: AudioCodec) -> bool {
        match codec {
            AudioCodec::Aac => true,
            AudioCodec::Pcm => matches!(self, Self::Mov | Self::Mkv),
            AudioCodec::Opus | AudioCodec::Flac => matches!(self, Self::Mkv),
        }
    }

    /// The muxer's name in FFmpeg.
    pub const fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Mkv => "matroska",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_follow_the_extension() {
        let cases = [
            ("a.mp4", Some(Container::Mp4)),
            ("a.b.MKV", Some(Container::Mkv)),
            ("mp4", None),
            ("a.webm", None),
        ];
        for (path, container) in cases {
            assert_eq!(Container::of(Path::new(path)), container, "{path}");
        }
    }
}
