//! What the numbers in a pixel mean, in the words of Rec. ITU-T H.273.
//!
//! Chrome draws sRGB, full range. SDR video is BT.709 with limited range: the RGB code values are
//! taken over as they are (players show BT.709 video on sRGB screens without another curve), and
//! only the matrix and the range are applied. A stream is tagged with exactly what was done to it.

pub(crate) mod transfer;

use serde::Serialize;

/// Color primaries, H.273 table 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primaries {
    /// BT.709, also those of sRGB. Code point 1.
    Bt709,
    /// BT.2020 and BT.2100. Code point 9.
    Bt2020,
}

/// Transfer characteristics, H.273 table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// BT.709. Code point 1.
    Bt709,
    /// sRGB, IEC 61966-2-1. Code point 13.
    Srgb,
    /// SMPTE ST 2084, as in HDR10. Code point 16.
    Pq,
    /// Hybrid log-gamma, BT.2100. Code point 18.
    Hlg,
}

/// Matrix coefficients, H.273 table 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matrix {
    /// No matrix: the components are R, G and B. Code point 0.
    Identity,
    /// BT.709. Code point 1.
    Bt709,
    /// BT.601, as in VP8, which knows no other. Code point 5.
    Bt601,
    /// BT.2020, non-constant luminance. Code point 9.
    Bt2020,
}

/// Whether code values use the whole range of the integer or leave room at the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// 0 to 255 at 8 bit (`pc`).
    Full,
    /// Luma 16 to 235, chroma 16 to 240 at 8 bit (`tv`).
    Limited,
}

/// Coding-independent code points: all that is needed to show code values as colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    /// What Chrome draws: sRGB, no matrix, full range.
    pub const SRGB: Self = Self {
        primaries: Primaries::Bt709,
        transfer: Transfer::Srgb,
        matrix: Matrix::Identity,
        range: Range::Full,
    };

    /// What SDR video carries: BT.709, limited range.
    pub const BT709: Self = Self {
        primaries: Primaries::Bt709,
        transfer: Transfer::Bt709,
        matrix: Matrix::Bt709,
        range: Range::Limited,
    };

    /// What HDR10 video carries: BT.2020, PQ, limited range.
    pub const HDR10: Self = Self {
        primaries: Primaries::Bt2020,
        transfer: Transfer::Pq,
        matrix: Matrix::Bt2020,
        range: Range::Limited,
    };

    /// What HLG video carries: BT.2020, hybrid log-gamma, limited range.
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
}
