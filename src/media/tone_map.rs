//! HDR pictures for a page that has no more light than SDR.

use std::sync::LazyLock;

use rayon::prelude::*;

use crate::av::SourceTransfer;
use crate::color::transfer::{
    BT709_FROM_BT2020, BT709_LUMINANCE, BT2020_LUMINANCE, HLG_PEAK, REFERENCE_WHITE, compressed,
    hlg_gain, light_of_pq, scene_of_hlg, srgb_of_linear,
};

/// Steps of the tables over light: fine enough for 8 bits of the result.
const STEPS: usize = 4096;

/// Codes of sRGB by the square root of the linear component, which spreads the dark ones.
static SRGB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let code = |step| {
        let root = step as f64 / STEPS as f64;
        quantized(srgb_of_linear(root * root) * 255.0)
    };
    (0..=STEPS).map(code).collect()
});

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
fn quantized(value: f64) -> u8 {
    (value + 0.5) as u8
}

/// Maps the light of sources of one kind to that of SDR.
///
/// The brightest of the three components determines the dimming of all of them (ITU-R BT.2390), so
/// that hues stay. Colors outside of BT.709 are brought in towards gray of the same luminance.
#[derive(Debug)]
pub(super) struct ToneMap {
    /// Light by the upper 12 bits of a code: in nit for PQ, of the scene for HLG.
    light: Vec<f32>,
    /// The factor of light, by the square root of the brightest component over the peak.
    gain: Vec<f32>,
    peak: f32,
    is_hlg: bool,
}

impl ToneMap {
    /// Creates the map for a source whose brightest light is `peak` nit, if known; `None` for SDR.
    pub(super) fn new(transfer: SourceTransfer, peak: Option<f64>) -> Option<Self> {
        let is_hlg = match transfer {
            SourceTransfer::Sdr => return None,
            SourceTransfer::Pq => false,
            SourceTransfer::Hlg => true,
        };
        let peak =
            if is_hlg { HLG_PEAK } else { peak.unwrap_or(1000.0).clamp(REFERENCE_WHITE, 10_000.0) };
        let decode = if is_hlg { scene_of_hlg } else { light_of_pq };
        let light = (0..STEPS).map(|step| narrowed(decode(step as f64 / (STEPS - 1) as f64)));
        let gain = (0..=STEPS).map(|step| {
            let root = (step as f64 / STEPS as f64).max(1e-4);
            let nits = root * root * peak;
            narrowed(compressed(nits, peak, REFERENCE_WHITE) / nits / REFERENCE_WHITE)
        });
        Some(Self { light: light.collect(), gain: gain.collect(), peak: narrowed(peak), is_hlg })
    }

    /// Converts rows of 16-bit RGB to 8-bit RGB, both with so many bytes in front of each row.
    pub(super) fn apply(
        &self,
        rows: &[u8],
        from_stride: usize,
        to_stride: usize,
        lead: usize,
    ) -> Vec<u8> {
        let count = rows.len() / from_stride;
        let mut out = vec![0; count * to_stride];
        let pairs = out.par_chunks_exact_mut(to_stride).zip(rows.par_chunks_exact(from_stride));
        pairs.for_each(|(to, from)| {
            let pixels = from[lead..].chunks_exact(6);
            for (to, from) in to[lead..].chunks_exact_mut(3).zip(pixels) {
                let code = |at: usize| u16::from_ne_bytes([from[at], from[at + 1]]);
                to.copy_from_slice(&self.pixel([code(0), code(2), code(4)]));
            }
        });
        out
    }

    fn pixel(&self, codes: [u16; 3]) -> [u8; 3] {
        let mut light = codes.map(|code| self.light[usize::from(code >> 4)]);
        if self.is_hlg {
            let gain = narrowed(hlg_gain(f64::from(dot(BT2020_LUMINANCE, light))));
            light = light.map(|scene| scene * gain);
        }
        let brightest = light.into_iter().fold(0.0, f32::max);
        let gain = self.gain[step(brightest / self.peak)];
        let wide = light.map(|nits| nits * gain);
        let mut rgb = BT709_FROM_BT2020.map(|row| dot(row, wide));
        let least = rgb.into_iter().fold(f32::INFINITY, f32::min);
        if least < 0.0 {
            let gray = dot(BT709_LUMINANCE, rgb).max(0.0);
            let keep = gray / (gray - least);
            rgb = rgb.map(|c| gray + (c - gray) * keep);
        }
        rgb.map(|c| SRGB[step(c)])
    }
}

/// The step of a table over square roots.
fn step(value: f32) -> usize {
    let place = value.clamp(0.0, 1.0).sqrt() * STEPS as f32 + 0.5;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to STEPS")]
    let place = place as usize;
    place.min(STEPS)
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[expect(clippy::cast_possible_truncation, reason = "light needs no more digits")]
const fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::transfer::pq_of_light;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535")]
    fn code(nits: f64) -> u16 {
        (pq_of_light(nits) * 65_535.0).round() as u16
    }

    #[test]
    fn dark_light_keeps_its_place_and_peaks_are_white() {
        let map = ToneMap::new(SourceTransfer::Pq, Some(1000.0)).unwrap();
        let gray = |nits| map.pixel([code(nits); 3]);
        assert_eq!(gray(0.0), [0; 3]);
        assert_eq!(gray(1000.0), [255; 3]);
        // Below the knee: 20 nit of 203.
        let expected = srgb_of_linear(20.0 / 203.0) * 255.0;
        assert!((f64::from(gray(20.0)[0]) - expected).abs() <= 1.0, "{:?}", gray(20.0));
        assert!(gray(400.0)[0] > gray(203.0)[0] && gray(203.0)[0] > gray(100.0)[0]);
    }

    #[test]
    fn hues_stay() {
        let map = ToneMap::new(SourceTransfer::Pq, Some(1000.0)).unwrap();
        // A red of BT.709 in components of BT.2020, far above white.
        let red = [0.6274, 0.0691, 0.0164].map(|c| code(c * 800.0));
        let [r, g, b] = map.pixel(red);
        assert!(r > 200 && g < 12 && b < 12, "{r} {g} {b}");
        // A color that SDR cannot show becomes the nearest one, and not a different one.
        let [r, g, b] = map.pixel([0.0, 500.0, 0.0].map(code));
        assert!(g > 200 && r == 0 && b < 160, "{r} {g} {b}");
    }
}
