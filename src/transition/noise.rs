//! Noise that is the same on every machine.
//!
//! Lattice values come from an integer hash, not from sines, whose last digits are the library's.

use rayon::prelude::*;

/// A number from 0 up to 1 for a point of the lattice.
pub(super) fn hash(x: i32, y: i32, seed: u32) -> f32 {
    // 24 bits are all that a float holds.
    (hashed(x, y, seed) >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

fn hashed(x: i32, y: i32, seed: u32) -> u32 {
    // A multiply-and-rotate mix, as in MurmurHash3's finalizer.
    let mut bits = x.cast_unsigned().wrapping_mul(0x9E37_79B1)
        ^ y.cast_unsigned().wrapping_mul(0x85EB_CA77).rotate_left(13)
        ^ seed.wrapping_mul(0xC2B2_AE3D).rotate_left(7);
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x7FEB_352D);
    bits ^= bits >> 15;
    bits = bits.wrapping_mul(0x846C_A68B);
    bits ^ (bits >> 16)
}

/// Value noise: lattice values, joined without a corner.
fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let [part_x, part_y] = [x - left, y - top].map(|t| t * t * t * (10.0 + t * (-15.0 + t * 6.0)));
    #[expect(clippy::cast_possible_truncation, reason = "saturates far outside of all pictures")]
    let (left, top) = (left as i32, top as i32);
    let corner = |dx: i32, dy: i32| hash(left.wrapping_add(dx), top.wrapping_add(dy), seed);
    let upper = corner(0, 0) + part_x * (corner(1, 0) - corner(0, 0));
    let lower = corner(0, 1) + part_x * (corner(1, 1) - corner(0, 1));
    upper + part_y * (lower - upper)
}

const OCTAVES: u32 = 5;

/// Sums octaves of something, each turned, twice as fine and half as strong; from 0 to 1.
fn octaves(x: f32, y: f32, each: impl Fn(f32, f32, u32) -> f32) -> f32 {
    let (mut x, mut y, mut strength, mut sum, mut most) = (x, y, 0.5, 0.0, 0.0);
    for octave in 0..OCTAVES {
        sum += strength * each(x, y, octave);
        most += strength;
        strength *= 0.5;
        // Turned by the angle whose sine is 0.6, so that lattices do not line up.
        (x, y) = ((-0.6 * y + 0.8_f32 * x) * 2.0, (0.8 * y + 0.6_f32 * x) * 2.0);
    }
    sum / most
}

/// Noise in five octaves, from 0 to 1 and mostly about one half.
pub(super) fn cloud(x: f32, y: f32, seed: u32) -> f32 {
    octaves(x, y, |x, y, octave| noise(x, y, seed.wrapping_add(octave)))
}

/// Ridges in five octaves, from 0 on the ridges to 1.
pub(super) fn ridges(x: f32, y: f32, seed: u32) -> f32 {
    octaves(x, y, |x, y, octave| (-1.0 + noise(x, y, seed.wrapping_add(octave)) * 2.0).abs())
}

/// Pixels between two points at which a field is worked out.
const STEP: usize = 4;

/// Three values for every place of a frame, worked out at every fourth pixel and joined by straight
/// lines.
#[derive(Debug)]
pub(super) struct Field {
    columns: usize,
    points: Vec<[f32; 3]>,
}

impl Field {
    /// Of a function of places from (0, 0) to (1, 1).
    pub(super) fn new(
        width: usize,
        height: usize,
        function: impl Fn(f32, f32) -> [f32; 3] + Sync,
    ) -> Self {
        let points_of = |length: usize| (length - 1) / STEP + 2;
        let (columns, rows) = (points_of(width), points_of(height));
        let place = |i: usize, length: usize| ((i * STEP) as f32 + 0.5) / length as f32;
        let point = |i: usize| function(place(i % columns, width), place(i / columns, height));
        Self { columns, points: (0..columns * rows).into_par_iter().map(point).collect() }
    }

    /// The values at a pixel.
    pub(super) fn at(&self, x: usize, y: usize) -> [f32; 3] {
        let [part_x, part_y] = [x % STEP, y % STEP].map(|rest| rest as f32 / STEP as f32);
        let first = y / STEP * self.columns + x / STEP;
        let point = |i: usize| self.points[first + i];
        let line =
            |a: [f32; 3], b: [f32; 3], part: f32| [0, 1, 2].map(|c| a[c] + part * (b[c] - a[c]));
        let upper = line(point(0), point(1), part_x);
        let lower = line(point(self.columns), point(self.columns + 1), part_x);
        line(upper, lower, part_y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_even_and_known() {
        let values: Vec<f32> = (0..10_000).map(|i| hash(i % 100, i / 100, 7)).collect();
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
        // The same on every machine, for ever: pictures depend on it.
        let bits: Vec<u32> = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (-5, 12, 3)]
            .map(|(x, y, seed)| hashed(x, y, seed))
            .to_vec();
        assert_eq!(bits, KNOWN);
        for i in 0..1000 {
            let (x, y) = (i as f32 * 0.37, i as f32 * 0.11);
            assert!(
                (0.0..=1.0).contains(&cloud(x, y, 1)) && (0.0..=1.0).contains(&ridges(x, y, 1))
            );
        }
    }

    const KNOWN: [u32; 4] = [0, 1_834_104_592, 53_032_103, 3_356_105_136];

    #[test]
    fn noise_has_no_steps() {
        for i in 0..2000 {
            let x = i as f32 * 0.005;
            let step = (noise(x + 0.005, 3.3, 0) - noise(x, 3.3, 0)).abs();
            assert!(step < 0.02, "{x}: {step}");
        }
    }

    #[test]
    fn fields_are_their_function() {
        let field = Field::new(37, 22, |u, v| [u, v, u * 2.0 - v]);
        for (x, y) in [(0, 0), (36, 21), (17, 3), (5, 20)] {
            let (u, v) = ((x as f32 + 0.5) / 37.0, (y as f32 + 0.5) / 22.0);
            for (got, expected) in field.at(x, y).into_iter().zip([u, v, u * 2.0 - v]) {
                assert!((got - expected).abs() < 1e-5, "{x} {y}: {got}, not {expected}");
            }
        }
    }
}
