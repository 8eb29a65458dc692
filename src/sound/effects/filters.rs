//! Filters of one and two poles.
//!
//! Formulas: R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients".

use std::f64::consts::TAU;

use super::Effect;
use super::chain::Process;
use crate::av::{SAMPLE_RATE, StereoSample};

/// `y = b0 x + b1 x1 + b2 x2 - a1 y1 - a2 y2`, in the transposed form.
#[derive(Debug)]
pub(super) struct Filter {
    b: [f64; 3],
    a: [f64; 2],
    state: [[f64; 2]; 2],
}

impl Filter {
    pub(super) fn new(effect: &Effect) -> Self {
        // Not quite half the rate: the formulas end there.
        let frequency = effect.get("frequency").min(f64::from(SAMPLE_RATE) * 0.49);
        let w = TAU * frequency / f64::from(SAMPLE_RATE);
        let (sin, cos) = w.sin_cos();
        let gain = 10.0_f64.powf(effect.get("gain") / 40.0);
        let q = match effect.name {
            // A slope of 1, the steepest without overshoot.
            "lowshelf" | "highshelf" => std::f64::consts::FRAC_1_SQRT_2,
            _ => effect.get("q"),
        };
        let alpha = sin / (2.0 * q);
        let is_single = effect.get("poles").to_bits() == 1.0_f64.to_bits();
        let (b, a) = match effect.name {
            "peaking" => (
                [1.0 + alpha * gain, -2.0 * cos, 1.0 - alpha * gain],
                [1.0 + alpha / gain, -2.0 * cos, 1.0 - alpha / gain],
            ),
            "lowshelf" | "highshelf" => {
                let sign = if effect.name == "lowshelf" { 1.0 } else { -1.0 };
                let (more, less) = (gain + 1.0, gain - 1.0);
                let root = 2.0 * gain.sqrt() * alpha;
                (
                    [
                        gain * (more - sign * less * cos + root),
                        sign * 2.0 * gain * (less - sign * more * cos),
                        gain * (more - sign * less * cos - root),
                    ],
                    [
                        more + sign * less * cos + root,
                        sign * -2.0 * (less + sign * more * cos),
                        more + sign * less * cos - root,
                    ],
                )
            }
            "highpass" if is_single => {
                let k = (w / 2.0).tan();
                ([1.0, -1.0, 0.0], [1.0 + k, k - 1.0, 0.0])
            }
            "lowpass" if is_single => {
                let k = (w / 2.0).tan();
                ([k, k, 0.0], [1.0 + k, k - 1.0, 0.0])
            }
            "highpass" => {
                let half = f64::midpoint(1.0, cos);
                ([half, -2.0 * half, half], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
            }
            _ => {
                let half = f64::midpoint(1.0, -cos);
                ([half, 2.0 * half, half], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
            }
        };
        Self { b: b.map(|b| b / a[0]), a: [a[1] / a[0], a[2] / a[0]], state: [[0.0; 2]; 2] }
    }
}

impl Process for Filter {
    #[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let mut out = [0.0; 2];
        for ((state, sample), out) in self.state.iter_mut().zip(sample).zip(&mut out) {
            let x = f64::from(sample);
            let y = self.b[0] * x + state[0];
            state[0] = self.b[1] * x - self.a[0] * y + state[1];
            state[1] = self.b[2] * x - self.a[1] * y;
            *out = y as f32;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::effects::read_chain;

    /// The gain of a chain for a sine, in decibels.
    fn gain_at(chain: &str, hertz: f64) -> f64 {
        let (effects, troubles) = read_chain(chain);
        assert_eq!(troubles, [""; 0]);
        let mut filter = Filter::new(&effects[0]);
        let mut energy = [0.0; 2];
        for n in 0..48_000_u32 {
            #[expect(clippy::cast_possible_truncation, reason = "as samples are")]
            let x = (TAU * hertz * f64::from(n) / 48_000.0).sin() as f32;
            let y = filter.step([x, 0.0])[0];
            if n >= 24_000 {
                energy[0] += f64::from(x * x);
                energy[1] += f64::from(y * y);
            }
        }
        10.0 * (energy[1] / energy[0]).log10()
    }

    #[test]
    fn filters_have_the_gain_that_they_say() {
        let cases = [
            (r#"[{"type":"peaking","frequency":1000,"gain":6}]"#, 1000.0, 6.0),
            (r#"[{"type":"peaking","frequency":1000,"gain":6}]"#, 50.0, 0.0),
            (r#"[{"type":"lowshelf","frequency":500,"gain":-10}]"#, 40.0, -10.0),
            (r#"[{"type":"lowshelf","frequency":500,"gain":-10}]"#, 8000.0, 0.0),
            (r#"[{"type":"highshelf","frequency":2000,"gain":8}]"#, 18_000.0, 8.0),
            (r#"[{"type":"highshelf","frequency":2000,"gain":8}]"#, 60.0, 0.0),
            (r#"[{"type":"highpass","frequency":1000}]"#, 1000.0, -3.01),
            (r#"[{"type":"highpass","frequency":1000}]"#, 100.0, -40.0),
            (r#"[{"type":"lowpass","frequency":1000}]"#, 100.0, 0.0),
            (r#"[{"type":"lowpass","frequency":1000,"poles":1}]"#, 1000.0, -3.01),
        ];
        for (chain, hertz, expected) in cases {
            let gain = gain_at(chain, hertz);
            assert!((gain - expected).abs() < 0.3, "{chain} at {hertz} Hz: {gain} dB");
        }
    }
}
