//! Keeps peaks below a ceiling, and leaves sound below it unchanged.
//!
//! The gain is lowered ahead of a peak and comes back slowly. It is the mean over [`AHEAD`] samples
//! of the least that any sample in reach needs, so it has reached that least when the peak is there
//! (a common look-ahead limiter). Peaks between samples are found as in ITU-R BS.1770-4, annex 2:
//! in the signal at four times the rate. While no sample needs less than 1, the gain is exactly 1
//! and every bit stays.

use std::collections::VecDeque;

use crate::av::StereoSample;

/// Samples by which the gain is ahead of a peak: 3 ms.
const AHEAD: usize = 144;

/// Samples for which a peak holds the gain down: both neighbors of a peak between samples.
const HOLD: u64 = AHEAD as u64 + 2;

/// The share of the missing gain that returns per sample: half of it in 30 ms.
const RELEASE: f64 = 0.000_481;

/// The distance from 1 below which the gain has returned.
const RETURNED: f64 = 1e-4;

/// Taps per phase of the interpolation, and the samples of its delay.
const TAPS: usize = 12;
const LATE: usize = TAPS / 2;

/// The look-ahead limiter.
#[derive(Debug)]
pub(super) struct Limiter {
    ceiling: f32,
    /// Interpolates at 1/4, 2/4 and 3/4 of the way between two samples.
    phases: [[f32; TAPS]; 3],
    history: VecDeque<StereoSample>,
    /// Samples that wait for their gains.
    waiting: VecDeque<StereoSample>,
    /// The least gains of the last samples: (number, gain), ascending in both.
    least: VecDeque<(u64, f64)>,
    /// The gains whose mean is applied, and the number of them below 1.
    window: VecDeque<f64>,
    lowered: usize,
    returning: f64,
    taken: u64,
}

impl Limiter {
    /// The ceiling of a mix: -1 dB.
    pub(super) const CEILING: f32 = 0.891_250_9;

    /// Samples that are taken before the first is returned.
    pub(super) const DELAY: usize = AHEAD + LATE;

    pub(super) fn new(ceiling: f32) -> Self {
        Self {
            ceiling,
            phases: [1.0, 2.0, 3.0].map(|quarter| interpolator(quarter / 4.0)),
            history: VecDeque::from(vec![[0.0; 2]; TAPS]),
            waiting: VecDeque::from(vec![[0.0; 2]; Self::DELAY]),
            least: VecDeque::new(),
            window: VecDeque::from(vec![1.0; AHEAD]),
            lowered: 0,
            returning: 1.0,
            taken: 0,
        }
    }

    /// Takes a sample, and returns the one from [`Self::DELAY`] samples before.
    pub(super) fn pass(&mut self, sample: StereoSample) -> StereoSample {
        self.history.pop_front();
        self.history.push_back(sample);
        let peak = self.peak();
        let needed = if peak > self.ceiling { f64::from(self.ceiling / peak) } else { 1.0 };
        let gain = self.gain(needed);
        self.waiting.push_back(sample);
        let out = self.waiting.pop_front().expect("it holds DELAY samples");
        #[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
        if self.lowered == 0 { out } else { out.map(|side| side * gain as f32) }
    }

    /// The largest value around the sample that lies [`LATE`] back.
    fn peak(&self) -> f32 {
        let samples = self.history.iter().flatten();
        let largest = samples.fold(0.0_f32, |largest, side| largest.max(side.abs()));
        // Interpolation cannot double a band-limited peak.
        if largest < self.ceiling / 2.0 {
            return largest;
        }
        let mut peak = self.history[TAPS - 1 - LATE].iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for phase in &self.phases {
            let mut sum = [0.0_f32; 2];
            for (sample, tap) in self.history.iter().zip(phase) {
                sum[0] += sample[0] * tap;
                sum[1] += sample[1] * tap;
            }
            peak = peak.max(sum[0].abs()).max(sum[1].abs());
        }
        peak
    }

    /// The gain of the sample that is returned, given the need of the one that was taken.
    fn gain(&mut self, needed: f64) -> f64 {
        self.taken += 1;
        while self.least.back().is_some_and(|&(_, gain)| gain >= needed) {
            self.least.pop_back();
        }
        self.least.push_back((self.taken, needed));
        if self.least.front().is_some_and(|&(n, _)| n + HOLD <= self.taken) {
            self.least.pop_front();
        }
        let least = self.least.front().map_or(1.0, |&(_, gain)| gain);
        let back = self.returning + (1.0 - self.returning) * RELEASE;
        let back = if 1.0 - back < RETURNED { 1.0 } else { back };
        self.returning = back.min(least);
        self.lowered += usize::from(self.returning < 1.0);
        self.window.push_back(self.returning);
        let gone = self.window.pop_front().expect("it holds AHEAD gains");
        self.lowered -= usize::from(gone < 1.0);
        if self.lowered == 0 {
            return 1.0;
        }
        // Summed anew each time: a running sum would not come back to exactly 1.
        self.window.iter().sum::<f64>() / AHEAD as f64
    }
}

/// A windowed sinc for the value `part` of the way from one sample to the next.
#[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
fn interpolator(part: f64) -> [f32; TAPS] {
    use std::f64::consts::PI;
    let taps: [f64; TAPS] = std::array::from_fn(|i| {
        let x = i as f64 - (LATE - 1) as f64 - part;
        let window = 0.5 + 0.5 * (PI * x / LATE as f64).cos();
        (PI * x).sin() / (PI * x) * window
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(samples: &[StereoSample]) -> Vec<StereoSample> {
        let mut limiter = Limiter::new(Limiter::CEILING);
        let tail = vec![[0.0; 2]; Limiter::DELAY];
        let all = samples.iter().chain(&tail).map(|&sample| limiter.pass(sample));
        all.collect::<Vec<_>>().split_off(Limiter::DELAY)
    }

    fn sine(amplitude: f32, period: f32, count: u16) -> Vec<StereoSample> {
        let turn = std::f32::consts::TAU / period;
        (0..count).map(|n| [amplitude * (f32::from(n) * turn).sin(); 2]).collect()
    }

    #[test]
    fn what_is_below_the_ceiling_stays_to_the_bit() {
        let quiet = sine(0.89, 97.3, 5000);
        assert!(limited(&quiet) == quiet);
    }

    #[test]
    fn nothing_is_above_the_ceiling_and_the_gain_comes_back() {
        let mut loud = sine(0.5, 97.3, 30_000);
        for sample in &mut loud[2000..2400] {
            *sample = sample.map(|side| side * 5.0);
        }
        let out = limited(&loud);
        let highest = out.as_flattened().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!((0.8..=Limiter::CEILING + 1e-6).contains(&highest), "{highest}");
        assert!(out[..1000] == loud[..1000] && out[29_000..] == loud[29_000..]);
    }

    #[test]
    fn peaks_between_samples_count() {
        // A quarter of the rate, half a sample off: samples at 0.707 of the peak.
        let turn = std::f32::consts::FRAC_PI_2;
        let loud: Vec<_> =
            (0..4000_u16).map(|n| [1.2 * (f32::from(n) * turn + turn / 2.0).sin(); 2]).collect();
        let out = limited(&loud);
        let highest = out[500..3500].as_flattened().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(highest < 0.65, "{highest}");
    }
}
