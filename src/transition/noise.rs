//! Noise that is the same on every machine.
//!
//! Shaders commonly take the fraction digits of a large sine as a random number, so that noise
//! depends on the graphics card's sine. Ours is that of `SwiftShader`, Chrome's own drawing without
//! a card: clouds then lie where HyperFrames' library has them in such a browser. It uses only sums
//! and products, rounded as in IEEE 754.

use rayon::prelude::*;

/// The sine of so many turns, from -1/4 to 1/4: the odd polynomial of fifth degree that is right at
/// 30, 60 and 90 degrees.
fn quarter_sine(turns: f32) -> f32 {
    const ROOT: f64 = 1.732_050_807_568_877_2;
    #[expect(clippy::cast_possible_truncation, reason = "rounded once, here")]
    const FACTORS: [f32; 3] = [
        ((36_288.0 - 20_736.0 * ROOT) / 5.0) as f32,
        (288.0 * ROOT - 540.0) as f32,
        ((47.0 - 9.0 * ROOT) / 5.0) as f32,
    ];
    let square = turns * turns;
    let [fifth, third, first] = FACTORS;
    fused(fused(fifth, square, third), square, first) * turns
}

/// `a * b + c`, rounded once.
fn fused(a: f32, b: f32, c: f32) -> f32 {
    // The product is exact in 53 bits. Processors without such an instruction take long for
    // `mul_add`.
    #[expect(clippy::cast_possible_truncation, reason = "this is the rounding")]
    let sum = (f64::from(a) * f64::from(b) + f64::from(c)) as f32;
    sum
}

fn sine(x: f32) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounded once, here")]
    const TURN: f32 = (1.0 / std::f64::consts::TAU) as f32;
    // A quarter ahead, the curve is even: the remainder of whole turns needs no sign.
    let ahead = fused(x, -TURN, 0.25);
    quarter_sine(0.25 - (ahead - ahead.round_ties_even()).abs())
}

/// The fraction digits of a large number.
fn digits(x: f32) -> f32 {
    let large = x * 43_758.547;
    large - large.floor()
}

/// A number from 0 up to 1 for two others.
pub(super) fn random(x: f32, y: f32) -> f32 {
    digits(sine(x * 12.9898 + y * 78.233))
}

/// A number from 0 up to 1 for a point of the lattice.
fn hash(x: f32, y: f32) -> f32 {
    digits(sine(x * 127.1 + y * 311.7))
}

/// Value noise: lattice values, joined without a corner.
pub(super) fn noise(x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let [part_x, part_y] = [x - left, y - top].map(|t| t * t * t * (10.0 + t * (-15.0 + t * 6.0)));
    let upper = hash(left, top) + part_x * (hash(left + 1.0, top) - hash(left, top));
    let (below, both) = (hash(left, top + 1.0), hash(left + 1.0, top + 1.0));
    let lower = below + part_x * (both - below);
    upper + part_y * (lower - upper)
}

/// Sums five octaves of a function, each turned, about twice as fine and half as strong.
fn octaves(x: f32, y: f32, each: impl Fn(f32, f32) -> f32) -> f32 {
    let (mut x, mut y, mut strength, mut sum) = (x, y, 0.5, 0.0);
    for _ in 0..5 {
        sum += strength * each(x, y);
        strength *= 0.5;
        // Turned by the angle whose sine is 0.6, so that lattices do not line up.
        (x, y) = ((-0.6 * y + 0.8_f32 * x) * 2.02, (0.8 * y + 0.6_f32 * x) * 2.02);
    }
    sum
}

/// Noise in five octaves, from 0 to 31/32 and mostly about one half.
pub(super) fn cloud(x: f32, y: f32) -> f32 {
    octaves(x, y, noise)
}

/// Ridges in five octaves, from 0 on the ridges to 31/32.
pub(super) fn ridges(x: f32, y: f32) -> f32 {
    octaves(x, y, |x, y| (-1.0 + noise(x, y) * 2.0).abs())
}

/// Pixels between two points at which a field is computed, in frames of this height and more.
const STEP: usize = 4;
const LARGE: usize = 540;

/// Three values for every place of a frame, computed at some pixels and joined by straight lines.
#[derive(Debug)]
pub(super) struct Field {
    step: usize,
    columns: usize,
    points: Vec<[f32; 3]>,
}

impl Field {
    /// Creates the field of a function of places from (0, 0) to (1, 1), or to a `span` of so many
    /// frames.
    pub(super) fn new(
        width: usize,
        height: usize,
        span: [usize; 2],
        function: impl Fn(f32, f32) -> [f32; 3] + Sync,
    ) -> Self {
        // The finest octave must not be lost between the points.
        let step = if height >= LARGE { STEP } else { STEP / 2 };
        let points_of = |length: usize| (length - 1) / step + 2;
        let (columns, rows) = (points_of(width * span[0]), points_of(height * span[1]));
        let place = |i: usize, length: usize| ((i * step) as f32 + 0.5) / length as f32;
        let point = |i: usize| function(place(i % columns, width), place(i / columns, height));
        let points = (0..columns * rows).into_par_iter().map(point).collect();
        Self { step, columns, points }
    }

    /// The values at a place in pixels, whose centers are whole.
    pub(super) fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let [(left, part_x), (top, part_y)] = [x, y].map(|place| {
            let place = place / self.step as f32;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels")]
            let first = place as usize;
            (first, place - first as f32)
        });
        let first = top * self.columns + left;
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
        let values: Vec<f32> =
            (0..10_000u16).map(|i| hash(f32::from(i % 100), f32::from(i / 100))).collect();
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
        for i in 0..1000 {
            let (x, y) = (i as f32 * 0.37, i as f32 * 0.11);
            assert!((0.0..=1.0).contains(&cloud(x, y)) && (0.0..=1.0).contains(&ridges(x, y)));
        }
    }

    #[test]
    fn noise_is_that_of_swiftshader() {
        // Values read from WebGL in Chrome 156.
        for (x, y, expected) in [
            (0.0, 0.0, 0.0),
            (1.0, 0.0, 0.25),
            (0.0, 1.0, 0.246_093_75),
            (2.0, 1.0, 0.638_671_9),
            (1.0, 2.0, 0.25),
            (3.0, 3.0, 0.194_335_94),
            (-5.0, 7.0, 0.380_859_38),
            (20.0, 30.0, 0.480_468_75),
        ] {
            let got = hash(x, y);
            assert!((got - expected).abs() < 1e-6, "{x} {y}: {got}, not {expected}");
        }
    }

    #[test]
    fn noise_has_no_steps() {
        for i in 0..2000 {
            let x = i as f32 * 0.005;
            let step = (noise(x + 0.005, 3.3) - noise(x, 3.3)).abs();
            assert!(step < 0.02, "{x}: {step}");
        }
    }

    #[test]
    fn fields_are_their_function() {
        let field = Field::new(37, 22, [2, 1], |u, v| [u, v, u * 2.0 - v]);
        for (x, y) in [(0.0, 0.0), (36.0, 21.0), (17.0, 3.5), (5.25, 20.0), (73.0, 1.0)] {
            let (u, v) = ((x + 0.5) / 37.0, (y + 0.5) / 22.0);
            for (got, expected) in field.at(x, y).into_iter().zip([u, v, u * 2.0 - v]) {
                assert!((got - expected).abs() < 1e-5, "{x} {y}: {got}, not {expected}");
            }
        }
    }
}
