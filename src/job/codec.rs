//! Codecs of pictures, and the formats that each can store.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::CodedFormat;

/// The way a picture is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Codec {
    /// H.264, which every player knows.
    H264,
    /// HEVC (H.265), about a third smaller than H.264, and slower to make.
    #[serde(alias = "h265")]
    Hevc,
    /// AV1, the smallest.
    Av1,
    /// VP9, with transparency where asked for.
    Vp9,
    /// VP8, for old browsers.
    Vp8,
    /// Apple `ProRes`, for editing; 4444 has transparency.
    Prores,
    /// Avid `DNxHR`, for editing.
    Dnxhr,
    /// FFV1, lossless, for archives.
    Ffv1,
    /// PNG, lossless.
    Png,
    /// `QuickTime` Animation, lossless.
    #[serde(alias = "qtrle")]
    Animation,
    /// GIF: 256 colors at a time.
    Gif,
    /// Animated PNG, lossless.
    Apng,
    /// Animated WebP.
    Webp,
    /// JPEG files.
    Jpeg,
    /// TIFF files, lossless.
    Tiff,
    /// `OpenEXR` files, half floats.
    Exr,
    /// Not compressed.
    #[serde(alias = "rawvideo")]
    Raw,
    /// YUV, not compressed, for pipes to other programs.
    Y4m,
}

impl Codec {
    /// Its name in jobs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Vp9 => "vp9",
            Self::Vp8 => "vp8",
            Self::Prores => "prores",
            Self::Dnxhr => "dnxhr",
            Self::Ffv1 => "ffv1",
            Self::Png => "png",
            Self::Animation => "animation",
            Self::Gif => "gif",
            Self::Apng => "apng",
            Self::Webp => "webp",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Exr => "exr",
            Self::Raw => "raw",
            Self::Y4m => "y4m",
        }
    }

    /// FFmpeg's name of the codec in a file of it.
    pub(crate) const fn codec_name(self) -> &'static str {
        match self {
            Self::Dnxhr => "dnxhd",
            Self::Animation => "qtrle",
            Self::Jpeg => "mjpeg",
            Self::Raw | Self::Y4m => "rawvideo",
            other => other.word(),
        }
    }

    /// The formats that it can store, the usual first.
    pub const fn formats(self) -> &'static [CodedFormat] {
        use CodedFormat::{
            Argb, Bgr0, Bgra, Gbrap16, Gbrp16, Pal8, Rgb24, Rgb48, Rgba, Rgba64, Yuv420p,
            Yuv420p10, Yuv422p, Yuv422p10, Yuv444p, Yuv444p10, Yuva420p, Yuva444p, Yuva444p10,
        };
        match self {
            Self::H264 => &[Yuv420p, Yuv422p, Yuv444p, Yuv420p10, Yuv422p10, Yuv444p10, Bgr0],
            Self::Hevc | Self::Av1 | Self::Y4m => {
                &[Yuv420p, Yuv422p, Yuv444p, Yuv420p10, Yuv422p10, Yuv444p10]
            }
            Self::Vp9 => &[Yuv420p, Yuv422p, Yuv444p, Yuv420p10, Yuv422p10, Yuv444p10, Yuva420p],
            Self::Vp8 => &[Yuv420p, Yuva420p],
            Self::Prores => &[Yuv422p10, Yuv444p10, Yuva444p10],
            Self::Dnxhr => &[Yuv422p, Yuv422p10, Yuv444p10],
            Self::Ffv1 => &[
                Bgr0, Bgra, Gbrp16, Gbrap16, Yuv420p, Yuv422p, Yuv444p, Yuv420p10, Yuv422p10,
                Yuv444p10, Yuva420p, Yuva444p, Yuva444p10,
            ],
            Self::Png | Self::Apng | Self::Tiff => &[Rgb24, Rgba, Rgb48, Rgba64],
            Self::Animation => &[Rgb24, Argb],
            Self::Gif => &[Pal8],
            Self::Webp => &[Bgra],
            Self::Jpeg => &[Rgb24],
            Self::Exr => &[Rgb48, Rgba64],
            Self::Raw => &[
                Rgb24, Rgba, Bgr0, Bgra, Rgb48, Rgba64, Yuv420p, Yuv422p, Yuv444p, Yuv420p10,
                Yuv422p10, Yuv444p10, Yuva420p, Yuva444p, Yuva444p10,
            ],
        }
    }

    /// Whether pictures can be transparent; those of GIF only wholly or not at all.
    pub fn holds_alpha(self) -> bool {
        self == Self::Gif || self.formats().iter().any(|format| format.has_alpha())
    }

    /// Whether it can carry the light of HDR; PNG only as files of their own.
    pub const fn holds_hdr(self) -> bool {
        matches!(
            self,
            Self::Hevc | Self::Av1 | Self::Vp9 | Self::Prores | Self::Ffv1 | Self::Png | Self::Exr
        )
    }

    /// The largest constant quality, where it has one; 0 is the best.
    pub const fn largest_crf(self) -> Option<f64> {
        match self {
            Self::H264 | Self::Hevc => Some(51.0),
            Self::Av1 | Self::Vp9 | Self::Vp8 => Some(63.0),
            _ => None,
        }
    }

    /// Whether it can be given a number of bits to spend.
    pub const fn has_bitrate(self) -> bool {
        self.largest_crf().is_some()
    }

    /// Whether it is lossless with any settings.
    pub const fn is_lossless(self) -> bool {
        matches!(
            self,
            Self::Ffv1
                | Self::Png
                | Self::Animation
                | Self::Apng
                | Self::Tiff
                | Self::Raw
                | Self::Y4m
        )
    }

    /// Whether it supports the quality `lossless`.
    pub const fn can_be_lossless(self) -> bool {
        self.is_lossless()
            || matches!(self, Self::H264 | Self::Hevc | Self::Av1 | Self::Vp9 | Self::Webp)
    }

    /// Names of its profiles that a job may choose, in rising order.
    pub const fn profiles(self) -> &'static [&'static str] {
        match self {
            Self::Prores => &["proxy", "lt", "standard", "hq", "4444", "4444xq"],
            Self::Dnxhr => &["lb", "sq", "hq", "hqx", "444"],
            _ => &[],
        }
    }
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}
