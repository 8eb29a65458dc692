//! A function of light, in a table that is as fine near black as near white.

/// Upper bits of the mantissa that choose a step: 256 steps per doubling.
const MANTISSA_BITS: u32 = 8;
/// The bits of a float below those.
const REST_BITS: u32 = 23 - MANTISSA_BITS;
/// 2⁻²⁰: from here down to zero the function is taken as straight.
const LEAST: f32 = 1.0 / 1_048_576.0;
/// The largest argument, 2¹⁴: more than PQ's peak.
const MOST: f32 = 16_384.0;

/// Steps follow the bits of a float, so that they are equal parts of the light; between them the
/// function is straight. Where a curve is like `a·ln`, as PQ is near its peak, that is off by
/// `a / (8·256²)`: from a millionth of a nit PQ is right to a 50th of a 16-bit code.
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

    /// The value at a light; a negative one, or one that is not a number, counts as 0.
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

    /// The largest distances, in 16-bit codes, of the curve from `function`: below [`LEAST`], and
    /// from there to `most`. A chord is farthest from its arc near its middle.
    fn distances(function: fn(f64) -> f64, most: f32) -> (f64, f64) {
        let curve = Curve::new(function);
        let distance =
            |light: f32| (f64::from(curve.at(light)) - function(f64::from(light))).abs() * 65_535.0;
        let eighth = 1_usize << (REST_BITS - 3);
        let above = (LEAST.to_bits()..=most.to_bits()).step_by(eighth).map(f32::from_bits);
        let below = (0..4096_u16).map(|part| LEAST * f32::from(part) / 4096.0);
        (below.map(distance).fold(0.0, f64::max), above.map(distance).fold(0.0, f64::max))
    }

    #[test]
    fn it_is_the_function() {
        let (below, pq) = distances(pq_of_light, MOST);
        // Below a millionth of a nit, PQ is steeper than it matters.
        assert!(below < 8.0 && pq < 0.02, "PQ: {below} and {pq} codes");
        let (below, hlg) = distances(hlg_of_scene, 1.0);
        assert!(below < 64.0 && hlg < 0.1, "HLG: {below} and {hlg} codes");
    }
}
