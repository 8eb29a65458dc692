//! Formats in which coded pictures store their pixels.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yuv::Subsampling;

/// How a coded picture stores its pixels, in FFmpeg's words.
///
/// `yuv` stores brightness and two color differences, `gbr` and `rgb` the colors themselves; `a` is
/// transparency; a number such as `10` is the bits of a component where there are more than 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CodedFormat {
    /// Chroma has half the width and half the height.
    Yuv420p,
    /// Chroma has half the width.
    Yuv422p,
    /// Chroma has full size.
    Yuv444p,
    /// `yuv420p` with 10 bits.
    #[serde(rename = "yuv420p10le", alias = "yuv420p10")]
    Yuv420p10,
    /// `yuv422p` with 10 bits.
    #[serde(rename = "yuv422p10le", alias = "yuv422p10")]
    Yuv422p10,
    /// `yuv444p` with 10 bits.
    #[serde(rename = "yuv444p10le", alias = "yuv444p10")]
    Yuv444p10,
    /// `yuv420p` with transparency.
    Yuva420p,
    /// `yuv444p` with transparency.
    Yuva444p,
    /// `yuv444p10le` with transparency.
    #[serde(rename = "yuva444p10le", alias = "yuva444p10")]
    Yuva444p10,
    /// Red, green, blue.
    Rgb24,
    /// Red, green, blue, transparency.
    Rgba,
    /// Red, green, blue, 16 bits each.
    #[serde(rename = "rgb48be", alias = "rgb48")]
    Rgb48,
    /// Red, green, blue, transparency, 16 bits each.
    #[serde(rename = "rgba64be", alias = "rgba64")]
    Rgba64,
    /// Blue, green, red, and a byte that carries nothing.
    Bgr0,
    /// Blue, green, red, transparency.
    Bgra,
    /// Transparency, red, green, blue.
    Argb,
    /// Green, blue, red in planes of 16 bits.
    #[serde(rename = "gbrp16le", alias = "gbrp16")]
    Gbrp16,
    /// Green, blue, red, transparency in planes of 16 bits.
    #[serde(rename = "gbrap16le", alias = "gbrap16")]
    Gbrap16,
    /// Numbers in a palette of at most 256 colors.
    Pal8,
}

/// The components of a picture, and their layout in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Planes of Y', Cb and Cr.
    Yuv(Subsampling),
    /// Planes of G, B and R, 16 bits, little-endian.
    Planar16,
    /// One plane; the places of R, G, B and alpha within a pixel of so many components.
    Packed { order: [usize; 4], components: usize },
    /// One plane of numbers and a palette.
    Palette,
}

impl CodedFormat {
    /// FFmpeg's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yuv420p => "yuv420p",
            Self::Yuv422p => "yuv422p",
            Self::Yuv444p => "yuv444p",
            Self::Yuv420p10 => "yuv420p10le",
            Self::Yuv422p10 => "yuv422p10le",
            Self::Yuv444p10 => "yuv444p10le",
            Self::Yuva420p => "yuva420p",
            Self::Yuva444p => "yuva444p",
            Self::Yuva444p10 => "yuva444p10le",
            Self::Rgb24 => "rgb24",
            Self::Rgba => "rgba",
            Self::Rgb48 => "rgb48be",
            Self::Rgba64 => "rgba64be",
            Self::Bgr0 => "bgr0",
            Self::Bgra => "bgra",
            Self::Argb => "argb",
            Self::Gbrp16 => "gbrp16le",
            Self::Gbrap16 => "gbrap16le",
            Self::Pal8 => "pal8",
        }
    }

    /// Bits of one component.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Yuv420p10 | Self::Yuv422p10 | Self::Yuv444p10 | Self::Yuva444p10 => 10,
            Self::Rgb48 | Self::Rgba64 | Self::Gbrp16 | Self::Gbrap16 => 16,
            _ => 8,
        }
    }

    /// Whether a pixel can be transparent by degrees.
    pub const fn has_alpha(self) -> bool {
        matches!(
            self,
            Self::Yuva420p
                | Self::Yuva444p
                | Self::Yuva444p10
                | Self::Rgba
                | Self::Rgba64
                | Self::Bgra
                | Self::Argb
                | Self::Gbrap16
        )
    }

    /// Whether it stores brightness and color differences.
    pub const fn is_yuv(self) -> bool {
        matches!(self.layout(), Layout::Yuv(_))
    }

    /// The numbers that width and height must be multiples of.
    pub const fn steps(self) -> (u32, u32) {
        match self.layout() {
            Layout::Yuv(subsampling) => (1 << subsampling.shift_x(), 1 << subsampling.shift_y()),
            _ => (1, 1),
        }
    }

    pub(crate) const fn layout(self) -> Layout {
        match self {
            Self::Yuv420p | Self::Yuv420p10 | Self::Yuva420p => Layout::Yuv(Subsampling::Yuv420),
            Self::Yuv422p | Self::Yuv422p10 => Layout::Yuv(Subsampling::Yuv422),
            Self::Yuv444p | Self::Yuv444p10 | Self::Yuva444p | Self::Yuva444p10 => {
                Layout::Yuv(Subsampling::Yuv444)
            }
            Self::Rgb24 | Self::Rgb48 => Layout::Packed { order: [0, 1, 2, 0], components: 3 },
            Self::Rgba | Self::Rgba64 => Layout::Packed { order: [0, 1, 2, 3], components: 4 },
            Self::Bgr0 | Self::Bgra => Layout::Packed { order: [2, 1, 0, 3], components: 4 },
            Self::Argb => Layout::Packed { order: [1, 2, 3, 0], components: 4 },
            Self::Gbrp16 | Self::Gbrap16 => Layout::Planar16,
            Self::Pal8 => Layout::Palette,
        }
    }

    /// The number of planes, without a palette.
    pub(crate) const fn planes(self) -> usize {
        match self.layout() {
            Layout::Yuv(_) | Layout::Planar16 => 3 + self.has_alpha() as usize,
            Layout::Packed { .. } | Layout::Palette => 1,
        }
    }

    /// Picture rows per row of plane `plane`, as a shift.
    pub(crate) const fn shift_y(self, plane: usize) -> u32 {
        match self.layout() {
            Layout::Yuv(subsampling) if plane == 1 || plane == 2 => subsampling.shift_y(),
            _ => 0,
        }
    }
}

impl std::fmt::Display for CodedFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
