//! The meaning of the numbers in a pixel, in the words of Rec. ITU-T H.273.
//!
//! Chrome draws sRGB, full range. SDR video is BT.709 with limited range: the RGB code values are
//! taken over as they are (players show BT.709 video on sRGB screens without another curve), and
//! only the matrix and the range are applied. A stream is tagged with exactly the conversion that
//! was applied.

pub(crate) mod codes;
pub(crate) mod curve;
pub(crate) mod transfer;

use serde::{Deserialize, Serialize};

/// Color primaries, H.273 table 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Primaries {
    /// BT.709, also those of sRGB. Code point 1.
    Bt709,
    /// BT.2020 and BT.2100. Code point 9.
    Bt2020,
}

/// Transfer characteristics, H.273 table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// BT.709. Code point 1.
    Bt709,
    /// sRGB, IEC 61966-2-1. Code point 13.
    Srgb,
    /// PQ, SMPTE ST 2084: the light of the display in nit. Code point 16.
    Pq,
    /// HLG, ARIB STD-B67: the light of the scene. Code point 18.
    Hlg,
}

/// Matrix coefficients, H.273 table 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Matrix {
    /// No matrix: the components are R, G and B. Code point 0.
    Identity,
    /// BT.709. Code point 1.
    Bt709,
    /// BT.601, as in VP8, which knows no other. Code point 5.
    Bt601,
    /// BT.2020 with non-constant luminance. Code point 9.
    Bt2020,
}

/// Whether code values use the whole range of the integer or leave room at the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// 0 to 255 at 8 bit (`pc`).
    Full,
    /// Luma 16 to 235, chroma 16 to 240 at 8 bit (`tv`).
    Limited,
}

/// Coding-independent code points: all that is needed to show code values as colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cicp {
    /// Chromaticity of the primaries and of white.
    pub primaries: Primaries,
    /// The curve between light and code values.
    pub transfer: Transfer,
    /// How R, G and B became the coded components.
    pub matrix: Matrix,
    /// Range of the code values.
    pub range: Range,
}

impl Cicp {
    /// The color that Chrome draws: sRGB, no matrix, full range.
    pub const SRGB: Self = Self {
        primaries: Primaries::Bt709,
        transfer: Transfer::Srgb,
        matrix: Matrix::Identity,
        range: Range::Full,
    };

    /// The color of SDR video: BT.709, limited range.
    pub const BT709: Self = Self {
        primaries: Primaries::Bt709,
        transfer: Transfer::Bt709,
        matrix: Matrix::Bt709,
        range: Range::Limited,
    };

    /// The color of HDR10 video: BT.2100 with PQ, limited range.
    pub const HDR10: Self = Self {
        primaries: Primaries::Bt2020,
        transfer: Transfer::Pq,
        matrix: Matrix::Bt2020,
        range: Range::Limited,
    };

    /// The color of HLG video: BT.2020, hybrid log-gamma, limited range.
    pub const HLG: Self = Self { transfer: Transfer::Hlg, ..Self::HDR10 };

    /// FFmpeg's names of primaries, transfer, matrix and range.
    pub(crate) const fn names(self) -> [&'static str; 4] {
        [
            match self.primaries {
                Primaries::Bt709 => "bt709",
                Primaries::Bt2020 => "bt2020",
            },
            match self.transfer {
                Transfer::Bt709 => "bt709",
                Transfer::Srgb => "iec61966-2-1",
                Transfer::Pq => "smpte2084",
                Transfer::Hlg => "arib-std-b67",
            },
            match self.matrix {
                Matrix::Identity => "gbr",
                Matrix::Bt709 => "bt709",
                Matrix::Bt601 => "bt470bg",
                Matrix::Bt2020 => "bt2020nc",
            },
            match self.range {
                Range::Full => "pc",
                Range::Limited => "tv",
            },
        ]
    }

    /// The code points of primaries, transfer, matrix and range.
    pub(crate) const fn code_points(self) -> [u8; 4] {
        [
            match self.primaries {
                Primaries::Bt709 => 1,
                Primaries::Bt2020 => 9,
            },
            match self.transfer {
                Transfer::Bt709 => 1,
                Transfer::Srgb => 13,
                Transfer::Pq => 16,
                Transfer::Hlg => 18,
            },
            match self.matrix {
                Matrix::Identity => 0,
                Matrix::Bt709 => 1,
                Matrix::Bt601 => 5,
                Matrix::Bt2020 => 9,
            },
            matches!(self.range, Range::Full) as u8,
        ]
    }

    /// Whether code values stand for more light than SDR has.
    pub const fn is_hdr(self) -> bool {
        matches!(self.transfer, Transfer::Pq | Transfer::Hlg)
    }

    /// The same light as R, G and B in full range: the output of an HDR compositor.
    #[must_use]
    pub const fn as_rgb(self) -> Self {
        Self { matrix: Matrix::Identity, range: Range::Full, ..self }
    }
}

/// The display that HDR video was made for (SMPTE ST 2086).
///
/// Chromaticities count in steps of 0.00002, luminances in steps of 0.0001 nit, as in the SEI
/// message and the `mdcv` box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MasteringDisplay {
    /// x and y of red, green and blue.
    pub primaries: [[u16; 2]; 3],
    /// x and y of white.
    pub white: [u16; 2],
    /// The brightest light it shows.
    pub max_luminance: u32,
    /// The darkest.
    pub min_luminance: u32,
}

impl MasteringDisplay {
    /// The primaries of BT.2020 with D65, from 0.0001 to 1000 nit: the display of BT.2100's HLG.
    pub const BT2020_1000: Self = Self {
        primaries: [[35_400, 14_600], [8500, 39_850], [6550, 2300]],
        white: [15_635, 16_450],
        max_luminance: 10_000_000,
        min_luminance: 1,
    };

    /// The primaries of P3 with D65 (SMPTE EG 432-1), from 0.0001 to 1000 nit.
    pub const P3_1000: Self =
        Self { primaries: [[34_000, 16_000], [13_250, 34_500], [7500, 3000]], ..Self::BT2020_1000 };
}

/// How bright the content of HDR video is, in nit (CTA-861.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContentLightLevel {
    /// `MaxCLL`: the brightest component of the brightest pixel of all frames.
    pub max_content: u16,
    /// `MaxFALL`: the most that the brightest components of a frame are on average.
    pub max_frame_average: u16,
}

impl ContentLightLevel {
    /// The level of two parts of a film together.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            max_content: self.max_content.max(other.max_content),
            max_frame_average: self.max_frame_average.max(other.max_frame_average),
        }
    }
}
