//! Pictures, and facts about them.

mod coded;
pub(crate) mod convert;
mod decode;
pub(crate) mod deep;
mod fnv;
mod packed;
pub(crate) mod resize;
pub(crate) mod yuv;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::coded::CodedFormat;
pub(crate) use self::coded::Layout;
pub(crate) use self::decode::decode;
pub(crate) use self::fnv::Fnv;
pub(crate) use self::packed::{PictureHead, pack, unpack};
pub use self::resize::Fit;
use crate::color::Cicp;
use crate::time::{FrameIndex, FrameRate};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// The size with `scale` pixels for each of these, rounded.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    pub(crate) fn scaled(self, scale: f64) -> Self {
        let side = |side: u32| (f64::from(side) * scale).round().clamp(1.0, f64::from(u32::MAX));
        Self { width: side(self.width) as u32, height: side(self.height) as u32 }
    }

    /// Whether both sides can be halved, as 4:2:0 chroma needs.
    pub const fn is_even(self) -> bool {
        self.width.is_multiple_of(2) && self.height.is_multiple_of(2)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Rect {
    /// The smallest rectangle that holds both.
    pub(crate) fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.width).max(other.x + other.width);
        let bottom = (self.y + self.height).max(other.y + other.height);
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// The part of the rectangle within a picture of `size`, if there is any.
    pub(crate) fn within(self, size: Size) -> Option<Self> {
        let right = (self.x + self.width).min(size.width);
        let bottom = (self.y + self.height).min(size.height);
        (self.x < right && self.y < bottom).then(|| Self {
            width: right - self.x,
            height: bottom - self.y,
            ..self
        })
    }

    /// Whether the rectangle is all of a picture of `size`.
    pub(crate) fn covers(self, size: Size) -> bool {
        self == Self { x: 0, y: 0, width: size.width, height: size.height }
    }
}

/// How the components of one pixel lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PixelFormat {
    /// Three bytes: red, green, blue.
    Rgb8,
    /// Four bytes: red, green, blue, alpha.
    Rgba8,
    /// Four bytes: blue, green, red, and one that carries nothing.
    Bgrx8,
    /// Six bytes: red, green, blue, 16 bits each in the machine's byte order.
    Rgb16,
}

impl PixelFormat {
    /// Bytes from one pixel to the next.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgb8 => 3,
            Self::Rgba8 | Self::Bgrx8 => 4,
            Self::Rgb16 => 6,
        }
    }

    /// Red, green and blue of one pixel, whose bytes are given; the upper 8 bits of 16.
    pub const fn rgb(self, pixel: &[u8]) -> [u8; 3] {
        const HIGH: usize = if cfg!(target_endian = "little") { 1 } else { 0 };
        match self {
            Self::Rgb8 | Self::Rgba8 => [pixel[0], pixel[1], pixel[2]],
            Self::Bgrx8 => [pixel[2], pixel[1], pixel[0]],
            Self::Rgb16 => [pixel[HIGH], pixel[2 + HIGH], pixel[4 + HIGH]],
        }
    }
}

/// What the alpha channel means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Alpha {
    /// There is none, or it is 255 everywhere.
    Opaque,
    /// Color components are independent of alpha.
    Straight,
    /// Color components are already multiplied by alpha.
    Premultiplied,
}

/// What all frames of a stream have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StreamInfo {
    /// Size of every frame.
    pub size: Size,
    /// Frames per second.
    pub frame_rate: FrameRate,
    /// How many frames there are.
    pub frames: u64,
    /// What the alpha channel means, in formats that have one.
    pub alpha: Alpha,
    /// What the code values mean.
    pub color: Cicp,
}

/// Pixels without a place in time.
///
/// Shared: two frames that show the same picture hold the same `Arc`, and a sink may take that as
/// a proof of equality.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width and height.
    pub size: Size,
    /// Layout of one pixel.
    pub format: PixelFormat,
    /// Rows from top to bottom, without padding.
    pub data: Vec<u8>,
}

impl Picture {
    /// Whether every pixel is opaque.
    pub fn is_opaque(&self) -> bool {
        self.format != PixelFormat::Rgba8 || self.data.chunks_exact(4).all(|pixel| pixel[3] == 255)
    }

    /// The same picture with an alpha channel.
    pub(crate) fn into_rgba(self) -> Self {
        if self.format == PixelFormat::Rgba8 {
            return self;
        }
        let Self { size, format, data } = self;
        let opaque = |pixel: &[u8]| {
            let [red, green, blue] = format.rgb(pixel);
            [red, green, blue, 255]
        };
        let data = data.chunks_exact(format.bytes_per_pixel()).flat_map(opaque).collect();
        Self { size, format: PixelFormat::Rgba8, data }
    }

    /// Bytes from one row to the next.
    pub fn stride(&self) -> usize {
        self.size.width as usize * self.format.bytes_per_pixel()
    }
}

/// One picture at its place in the output.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The frame's index in the output.
    pub index: FrameIndex,
    /// The picture that the frame shows.
    pub picture: Arc<Picture>,
}
