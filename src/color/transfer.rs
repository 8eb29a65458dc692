//! Transfer functions and gamuts: between code values and light.
//!
//! Light is in nit (cd/m²) where a function says so; code values count from 0 to 1.

/// SMPTE ST 2084 (PQ), the constants of its formula.
const M1: f64 = 2610.0 / 16_384.0;
const M2: f64 = 2523.0 / 4096.0 * 128.0;
const C1: f64 = 3424.0 / 4096.0;
const C2: f64 = 2413.0 / 4096.0 * 32.0;
const C3: f64 = 2392.0 / 4096.0 * 32.0;

/// The most light that PQ has a code for, in nit.
pub(crate) const PQ_PEAK: f64 = 10_000.0;

/// The light of a diffuse white in HDR, in nit (ITU-R BT.2408).
pub(crate) const REFERENCE_WHITE: f64 = 203.0;

/// The peak of the display that HLG is defined for, in nit (ITU-R BT.2100).
pub(crate) const HLG_PEAK: f64 = 1000.0;

/// Light in nit of a PQ code (ST 2084, EOTF).
pub(crate) fn light_of_pq(code: f64) -> f64 {
    let p = code.max(0.0).powf(1.0 / M2);
    PQ_PEAK * ((p - C1).max(0.0) / (C2 - C3 * p)).powf(1.0 / M1)
}

/// The PQ code of a light in nit (ST 2084, inverse EOTF).
pub(crate) fn pq_of_light(nits: f64) -> f64 {
    let y = (nits / PQ_PEAK).max(0.0).powf(M1);
    ((C1 + C2 * y) / (1.0 + C3 * y)).powf(M2)
}

/// Light of the scene, 0 to 1, of an HLG code (ITU-R BT.2100, inverse OETF).
pub(crate) fn scene_of_hlg(code: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 1.0 - 4.0 * A;
    // 0.5 - a·ln(4a)
    const C: f64 = 0.559_910_73;
    let code = code.max(0.0);
    if code <= 0.5 { code * code / 3.0 } else { (((code - C) / A).exp() + B) / 12.0 }
}

/// The HLG code of the light of a scene, 0 to 1 (ITU-R BT.2100, OETF).
pub(crate) fn hlg_of_scene(scene: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 1.0 - 4.0 * A;
    const C: f64 = 0.559_910_73;
    let scene = scene.max(0.0);
    if scene <= 1.0 / 12.0 { (3.0 * scene).sqrt() } else { A * (12.0 * scene - B).ln() + C }
}

/// The factor from the display's light of HLG to the scene's, by the display's luminance in nit:
/// the inverse of [`hlg_gain`].
pub(crate) fn hlg_scene_gain(nits: f64) -> f64 {
    const GAMMA: f64 = 1.2;
    (nits.max(1e-6) / HLG_PEAK).powf(1.0 / GAMMA - 1.0) / HLG_PEAK
}

/// The factor from the scene's light of HLG to the display's, by the scene's luminance. It is
/// BT.2100's OOTF with the system gamma of a display of 1000 nit.
pub(crate) fn hlg_gain(luminance: f64) -> f64 {
    const GAMMA: f64 = 1.2;
    HLG_PEAK * luminance.max(1e-9).powf(GAMMA - 1.0)
}

/// The code of sRGB for a linear component, 0 to 1 (IEC 61966-2-1).
pub(crate) fn srgb_of_linear(linear: f64) -> f64 {
    let linear = linear.clamp(0.0, 1.0);
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// The linear component, 0 to 1, of a code of sRGB (IEC 61966-2-1).
pub(crate) fn linear_of_srgb(code: f64) -> f64 {
    let code = code.clamp(0.0, 1.0);
    if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
}

/// Linear BT.709 components in those of BT.2020 (ITU-R BT.2087).
pub(crate) const BT2020_FROM_BT709: [[f32; 3]; 3] = [
    [0.627_403_9, 0.329_283, 0.043_313_07],
    [0.069_097_29, 0.919_540_4, 0.011_362_32],
    [0.016_391_44, 0.088_013_31, 0.895_595_25],
];

/// Linear P3-D65 components in those of BT.2020, by the chromaticities of both (SMPTE EG 432-1).
pub(crate) const BT2020_FROM_P3: [[f32; 3]; 3] = [
    [0.753_833_03, 0.198_597_37, 0.047_569_6],
    [0.045_743_85, 0.941_777_2, 0.012_478_93],
    [-0.001_210_34, 0.017_601_72, 0.983_608_6],
];

/// Linear BT.2020 components in those of BT.709 (ITU-R BT.2087, the inverse of its matrix).
pub(crate) const BT709_FROM_BT2020: [[f32; 3]; 3] = [
    [1.660_491, -0.587_641_1, -0.072_849_86],
    [-0.124_550_47, 1.132_899_9, -0.008_349_42],
    [-0.018_150_76, -0.100_578_9, 1.118_729_7],
];

/// The share of each linear BT.2020 component in the luminance.
pub(crate) const BT2020_LUMINANCE: [f32; 3] = [0.2627, 0.678, 0.0593];

/// The share of each linear BT.709 component in the luminance.
pub(crate) const BT709_LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Brings a light of a source that reaches `peak` nit below `limit` nit (ITU-R BT.2390, EETF): the
/// same up to a knee, from there on along a Hermite spline in PQ codes. Black stays black.
pub(crate) fn compressed(nits: f64, peak: f64, limit: f64) -> f64 {
    if peak <= limit {
        return nits;
    }
    let white = pq_of_light(peak);
    let most = pq_of_light(limit) / white;
    let knee = 1.5 * most - 0.5;
    let code = (pq_of_light(nits) / white).min(1.0);
    if code <= knee {
        return nits;
    }
    let t = (code - knee) / (1.0 - knee);
    let (t2, t3) = (t * t, t * t * t);
    let spline = (2.0 * t3 - 3.0 * t2 + 1.0) * knee
        + (t3 - 2.0 * t2 + t) * (1.0 - knee)
        + (-2.0 * t3 + 3.0 * t2) * most;
    light_of_pq(spline * white)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    #[test]
    fn gamuts_keep_white_and_undo_each_other() {
        for (to, name) in [(BT2020_FROM_BT709, "BT.709"), (BT2020_FROM_P3, "P3")] {
            for row in to {
                near(row.iter().copied().map(f64::from).sum(), 1.0, 1e-5);
            }
            assert!(to[0][0] < 1.0, "{name} lies within BT.2020");
        }
        let rgb = [0.2, 0.5, 0.8];
        let wide = BT2020_FROM_BT709.map(|row| (0..3).map(|c| row[c] * rgb[c]).sum::<f32>());
        let back = BT709_FROM_BT2020.map(|row| (0..3).map(|c| row[c] * wide[c]).sum::<f32>());
        for (back, component) in back.into_iter().zip(rgb) {
            near(back.into(), component.into(), 1e-5);
        }
    }

    #[test]
    fn known_values() {
        near(pq_of_light(100.0), 0.5081, 1e-4);
        near(pq_of_light(203.0), 0.5807, 1e-4);
        near(pq_of_light(1000.0), 0.7518, 1e-4);
        near(pq_of_light(10_000.0), 1.0, 1e-9);
        for nits in [0.01, 1.0, 48.0, 4000.0] {
            near(light_of_pq(pq_of_light(nits)), nits, nits * 1e-9);
        }
        near(scene_of_hlg(0.5), 1.0 / 12.0, 1e-12);
        near(scene_of_hlg(1.0), 1.0, 1e-6);
        for code in [0.0, 0.2, 0.5, 0.75, 1.0] {
            near(hlg_of_scene(scene_of_hlg(code)), code, 1e-7);
            near(srgb_of_linear(linear_of_srgb(code)), code, 1e-7);
        }
        // The OOTF and back: light of the display per light of the scene, and the inverse.
        for scene in [0.001, 0.1, 1.0] {
            let nits = scene * hlg_gain(scene);
            near(nits * hlg_scene_gain(nits), scene, 1e-9);
        }
        // HLG's 75 % is the reference white of a display of 1000 nit.
        let scene = scene_of_hlg(0.75);
        near(hlg_gain(scene) * scene, 203.0, 1.0);
        near(srgb_of_linear(0.5), 0.7354, 1e-4);
        for row in BT709_FROM_BT2020 {
            near(f64::from(row.iter().sum::<f32>()), 1.0, 1e-5);
        }
    }

    #[test]
    fn bright_light_is_compressed_and_dark_light_is_not() {
        let map = |nits| compressed(nits, 1000.0, REFERENCE_WHITE);
        near(map(20.0), 20.0, 1e-9);
        near(map(1000.0), REFERENCE_WHITE, 0.01);
        let mut last = -1.0;
        for step in 0..=1000 {
            let light = map(f64::from(step));
            assert!(light > last && light <= REFERENCE_WHITE + 0.01);
            last = light;
        }
        near(compressed(150.0, 100.0, REFERENCE_WHITE), 150.0, 0.0);
    }
}
