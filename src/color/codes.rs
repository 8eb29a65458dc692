//! Conversion between the 16-bit codes of HDR pictures and light.

use std::sync::LazyLock;

use super::curve::Curve;
use super::transfer::{
    BT2020_LUMINANCE, HLG_PEAK, PQ_PEAK, hlg_gain, hlg_of_scene, hlg_scene_gain, light_of_pq,
    pq_of_light, scene_of_hlg,
};
use super::{Cicp, Transfer};

/// Tables of one transfer. Light is that of the display, in nit; HLG's display has 1000.
#[derive(Debug)]
pub(crate) struct LightCodes {
    /// Light of each code; of the scene for HLG.
    light: Vec<f32>,
    /// The code of a light; of the scene for HLG.
    code: Curve,
    /// For HLG, light of the display per light of the scene by its luminance, and the inverse.
    gains: Option<(Curve, Curve)>,
    /// The brightest light that there is a code for, in nit.
    pub most: f64,
}

static PQ: LazyLock<LightCodes> = LazyLock::new(|| LightCodes {
    light: table(light_of_pq),
    code: Curve::new(|nits| pq_of_light(nits) * 65_535.0),
    gains: None,
    most: PQ_PEAK,
});

static HLG: LazyLock<LightCodes> = LazyLock::new(|| LightCodes {
    light: table(scene_of_hlg),
    code: Curve::new(|scene| hlg_of_scene(scene) * 65_535.0),
    gains: Some((Curve::new(hlg_gain), Curve::new(hlg_scene_gain))),
    most: HLG_PEAK,
});

fn table(light: fn(f64) -> f64) -> Vec<f32> {
    (0..=u16::MAX).map(|code| narrowed(light(f64::from(code) / 65_535.0))).collect()
}

impl LightCodes {
    /// The tables for pictures in the transfer of `color`; `None` if it is not HDR.
    pub(crate) fn of(color: Cicp) -> Option<&'static Self> {
        match color.transfer {
            Transfer::Pq => Some(Self::pq()),
            Transfer::Hlg => Some(Self::hlg()),
            Transfer::Bt709 | Transfer::Srgb => None,
        }
    }

    pub(crate) fn pq() -> &'static Self {
        &PQ
    }

    pub(crate) fn hlg() -> &'static Self {
        &HLG
    }

    pub(crate) const fn is_hlg(&self) -> bool {
        self.gains.is_some()
    }

    /// The light of a component for each of the 65,536 codes; for HLG the scene's, from 0 to 1.
    pub(crate) fn table(&self) -> &[f32] {
        &self.light
    }

    /// The light of a pixel.
    pub(crate) fn light(&self, codes: [u16; 3]) -> [f32; 3] {
        self.displayed(codes.map(|code| self.light[usize::from(code)]))
    }

    /// The display's light from light of the [`table`](Self::table).
    pub(crate) fn displayed(&self, light: [f32; 3]) -> [f32; 3] {
        match &self.gains {
            Some((gain, _)) => times(light, gain.at(luminance(light))),
            None => light,
        }
    }

    /// The codes of a light; negative light counts as 0, and too bright light as the brightest.
    pub(crate) fn codes(&self, light: [f32; 3]) -> [u16; 3] {
        let most = narrowed(self.most);
        let light = light.map(|nits| nits.clamp(0.0, most));
        let light = match &self.gains {
            Some((_, gain)) => times(light, gain.at(luminance(light))).map(|scene| scene.min(1.0)),
            None => light,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535")]
        light.map(|light| (self.code.at(light) + 0.5) as u16)
    }
}

fn luminance([r, g, b]: [f32; 3]) -> f32 {
    let [kr, kg, kb] = BT2020_LUMINANCE;
    kr * r + kg * g + kb * b
}

fn times(light: [f32; 3], gain: f32) -> [f32; 3] {
    light.map(|component| component * gain)
}

#[expect(clippy::cast_possible_truncation, reason = "light needs no more digits")]
const fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(code: f64) -> u16 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code")]
        let code = (code * 65_535.0).round() as u16;
        code
    }

    #[test]
    fn known_light() {
        let pq = LightCodes::of(Cicp::HDR10.as_rgb()).unwrap();
        let nits = pq.light([code(pq_of_light(203.0)), code(pq_of_light(1000.0)), 0]);
        assert!((nits[0] - 203.0).abs() < 0.02 && (nits[1] - 1000.0).abs() < 0.1, "{nits:?}");
        assert_eq!(pq.codes([20_000.0, -1.0, 10_000.0]), [65_535, 0, 65_535]);
        // BT.2100: 75 % is 203 nit on a display of 1000, the peak is all of it.
        let hlg = LightCodes::of(Cicp::HLG.as_rgb()).unwrap();
        let [white, peak] = [0.75, 1.0].map(|c| hlg.light([code(c); 3])[0]);
        assert!((white - 203.0).abs() < 1.0 && (peak - 1000.0).abs() < 0.1, "{white} {peak}");
        assert!(LightCodes::of(Cicp::BT709).is_none());
    }

    proptest! {
        #[test]
        fn there_and_back(codes in prop::array::uniform3(any::<u16>()), is_hlg in any::<bool>()) {
            let color = if is_hlg { Cicp::HLG } else { Cicp::HDR10 };
            let tables = LightCodes::of(color).unwrap();
            let light = tables.light(codes);
            // HLG shows saturated colors brighter than the peak that the test keeps to.
            prop_assume!(light.iter().all(|&nits| nits < 999.0 || !is_hlg));
            let back = tables.codes(light);
            let near = codes.iter().zip(back).all(|(&a, b)| a.abs_diff(b) <= 24 || a < 655);
            prop_assert!(near, "{codes:?} {light:?} {back:?}");
        }
    }
}
