//! Pages with videos: pictures drawn by Chrome and decoded by libav, put together.
//!
//! HDR is put together in light. Light is in nit, linear, in the primaries of BT.2020;
//! [`REFERENCE_WHITE`] is the light of the page's white. Chrome cannot carry it: its pictures are
//! sRGB. So it draws each HDR video as a flat area, once black and once in a color, and the
//! difference gives the video's visible share of each pixel (`blend`), including everything that
//! covers, clips or turns it or makes it translucent. The video's own pictures come from its file
//! (`light`) and are put in their place on the page (`place`).
//!
//! Videos of SDR whose pixels lie on those of the frame are mixed in code values (`flat`): Chrome
//! need not load and draw them.
//!
//! Transitions between scenes are put together here as well (`cross`), for SDR and HDR.
//!
//! [`REFERENCE_WHITE`]: crate::color::transfer::REFERENCE_WHITE

mod blend;
mod cross;
mod flat;
mod light;
mod place;
mod source;

use crate::color::curve;

pub(crate) use self::blend::LightMeter;
pub(crate) use self::cross::Crossings;
pub(crate) use self::source::{LayeredSources, Layering};

/// Red, green and blue.
type Rgb = [f32; 3];

type Matrix = [Rgb; 3];

/// [`REFERENCE_WHITE`](crate::color::transfer::REFERENCE_WHITE), in short.
const WHITE_NITS: f32 = narrowed(crate::color::transfer::REFERENCE_WHITE);

fn dot(a: Rgb, b: Rgb) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn times(matrix: &Matrix, rgb: Rgb) -> Rgb {
    matrix.map(|row| dot(row, rgb))
}

#[expect(clippy::cast_possible_truncation, reason = "light needs no more digits")]
const fn narrowed(value: f64) -> f32 {
    value as f32
}
