//! Distortion.

use std::f32::consts::{FRAC_2_PI, FRAC_2_SQRT_PI, FRAC_PI_2};

use super::Effect;
use super::chain::{Process, factor};
use crate::av::StereoSample;

/// Rounds off samples close to a threshold.
///
/// It works at the rate of the samples: `oversample` is read but not used.
#[derive(Debug)]
pub(super) struct Saturate {
    shape: &'static str,
    threshold: f32,
    output: f32,
}

impl Saturate {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            shape: effect.shape.unwrap_or_default(),
            threshold: factor(effect.get("threshold")),
            output: factor(effect.get("output")),
        }
    }

    /// From -1 to 1, with a slope of 1 at 0.
    fn curve(&self, x: f32) -> f32 {
        match self.shape {
            "atan" => FRAC_2_PI * (x * FRAC_PI_2).atan(),
            "cubic" if x.abs() < 1.5 => x - 4.0 / 27.0 * x.powi(3),
            "exp" => x.signum() * (1.0 - (-x.abs()).exp()),
            "alg" => x / (1.0 + x * x).sqrt(),
            "quintic" if x.abs() < 1.25 => x - 0.08192 * x.powi(5),
            "sin" if x.abs() < FRAC_PI_2 => x.sin(),
            "erf" => error_function(x / FRAC_2_SQRT_PI),
            "cubic" | "quintic" | "sin" => x.signum(),
            "hard" => x.clamp(-1.0, 1.0),
            _ => x.tanh(),
        }
    }
}

/// Abramowitz and Stegun, 7.1.25; good to 3e-5.
fn error_function(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.470_47 * x.abs());
    let sum = t * (0.348_024_2 + t * (-0.095_879_8 + t * 0.747_855_6));
    x.signum() * (1.0 - sum * (-x * x).exp())
}

impl Process for Saturate {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        sample.map(|side| self.curve(side / self.threshold) * self.threshold * self.output)
    }
}

/// Fewer bits, and fewer samples.
#[derive(Debug)]
pub(super) struct BitCrush {
    steps: f32,
    hold: u32,
    mix: f32,
    held: StereoSample,
    age: u32,
}

impl BitCrush {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            steps: (effect.get("bits") - 1.0).exp2() as f32,
            hold: effect.get("samples").round() as u32,
            mix: effect.get("mix") as f32,
            held: [0.0; 2],
            age: 0,
        }
    }
}

impl Process for BitCrush {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        if self.age == 0 {
            self.held = sample.map(|side| (side * self.steps).round() / self.steps);
        }
        self.age = (self.age + 1) % self.hold.max(1);
        let [left, right] = self.held;
        let mix = |dry: f32, wet: f32| dry + (wet - dry) * self.mix;
        [mix(sample[0], left), mix(sample[1], right)]
    }
}
