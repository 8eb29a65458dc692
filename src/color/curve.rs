//! A function of light, in a table that is as fine near black as near white.

/// Upper bits of the mantissa that choose a step: 128 steps per doubling.
const MANTISSA_BITS: u32 = 7;
/// The bits of a float below those.
const REST_BITS: u32 = 23 - MANTISSA_BITS;
/// 2⁻²⁰: from here down to zero the function is taken as straight.
const LEAST: f32 = 1.0 / 1_048_576.0;
/// The largest argument, 2¹⁴: more than PQ's peak.
const MOST: f32 = 16_384.0;

/// Steps follow the bits of a float, so that they are equal parts of the light; between them the
/// function is straight. Over PQ and HLG it is right to a hundredth of a 16-bit code.
#[derive(Debug)]
pub(crate) struct Curve {
    zero: f32,
    steps: Vec<f32>,
}

impl Curve {
    /// The values of `function` from 0 to [`MOST`].
    pub(crate) fn new(function: impl Fn(f64) -> f64) -> Self {
        let last = (MOST.to_bits() - LEAST.to_bits()) >> REST_BITS;
        let value = |light: f32| narrowed(function(f64::from(light)));
        let steps = (0..=last + 1)
            .map(|step| value(f32::from_bits(LEAST.to_bits() + (step << REST_BITS))))
            .collect();
        Self { zero: value(0.0), steps }
    }

    /// The value at a light; what is negative, or not a number, counts as 0.
    pub(crate) fn at(&self, light: f32) -> f32 {
        if light >= LEAST {
            let bits = light.min(MOST).to_bits() - LEAST.to_bits();
            let step = (bits >> REST_BITS) as usize;
            let part = (bits & ((1 << REST_BITS) - 1)) as f32 * (1.0 / (1 << REST_BITS) as f32);
            let (from, to) = (self.steps[step], self.steps[step + 1]);
            from + part * (to - from)
        } else {
            self.zero + light.max(0.0) / LEAST * (self.steps[0] - self.zero)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "light needs no more digits")]
const fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::transfer::{hlg_of_scene, pq_of_light};
    use proptest::prelude::*;

    #[test]
    fn the_ends() {
        let same = Curve::new(|light| light);
        for light in [0.0, LEAST, 1.0, 203.0, MOST] {
            assert!((same.at(light) - light).abs() <= light * 1e-6, "{light}");
        }
        for beyond in [-1.0, f32::NAN, f32::NEG_INFINITY] {
            assert!(same.at(beyond).abs() < 1e-9, "{beyond}");
        }
        assert!((same.at(f32::INFINITY) - MOST).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn it_is_the_function(exponent in -12.0_f64..4.0) {
            let light = narrowed(10.0_f64.powf(exponent));
            let pq = Curve::new(pq_of_light).at(light);
            let error = (f64::from(pq) - pq_of_light(f64::from(light))).abs() * 65_535.0;
            // Below a millionth of a nit, PQ is steeper than it matters.
            prop_assert!(error < if light < LEAST { 8.0 } else { 0.05 }, "{light}: {error} codes");
            let scene = light.min(1.0);
            let hlg = f64::from(Curve::new(hlg_of_scene).at(scene));
            let error = (hlg - hlg_of_scene(f64::from(scene))).abs() * 65_535.0;
            prop_assert!(error < if light < LEAST { 64.0 } else { 0.5 }, "{scene}: {error} codes");
        }
    }
}
