//! Effects, one after the other.

use super::Effect;
use super::dynamics::{Compressor, Gate, PeakLimiter};
use super::filters::Filter;
use super::shapes::{BitCrush, Saturate};
use super::space::{Chorus, Delay, Phaser, PitchShift, Reverb};
use crate::av::{SAMPLE_RATE, StereoSample};
use crate::sound::limiter::Limiter;

/// An effect that changes samples, block after block.
pub(super) trait Process: std::fmt::Debug + Send {
    /// Changes one sample, given all before it.
    fn step(&mut self, sample: StereoSample) -> StereoSample;

    /// The number of samples by which the result is delayed.
    fn latency(&self) -> usize {
        0
    }
}

/// A factor for decibels.
#[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
pub(super) fn factor(decibels: f64) -> f32 {
    10.0_f64.powf(decibels / 20.0) as f32
}

/// The factor by which a value decays in one sample, for a time constant.
#[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
pub(super) fn decay(ms: f64) -> f32 {
    (-1.0 / (ms.max(1e-3) / 1e3 * f64::from(SAMPLE_RATE))).exp() as f32
}

/// A time in samples, at least one.
pub(super) fn samples(ms: f64) -> usize {
    let samples = (ms / 1e3 * f64::from(SAMPLE_RATE)).round().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds at most")]
    let samples = samples as usize;
    samples
}

#[derive(Debug)]
struct Gain(f32);

impl Process for Gain {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        sample.map(|side| side * self.0)
    }
}

impl Process for Limiter {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        self.pass(sample)
    }

    fn latency(&self) -> usize {
        Self::DELAY
    }
}

/// The effects of a track or a group. Their delay is compensated.
#[derive(Debug)]
pub(in crate::sound) struct Chain {
    effects: Vec<Box<dyn Process>>,
    /// Samples that remain to be dropped from the beginning.
    late: usize,
    /// The length of its tail, in samples.
    tail: i64,
}

impl Chain {
    pub(in crate::sound) fn new(effects: &[Effect]) -> Self {
        let tail = effects.iter().map(Effect::tail_secs).sum::<f64>();
        let effects: Vec<_> = effects.iter().map(processor).collect();
        Self {
            late: effects.iter().map(|effect| effect.latency()).sum(),
            tail: crate::sound::sample_at(tail),
            effects,
        }
    }

    /// The length of its tail once the input has ended, in samples.
    pub(in crate::sound) const fn tail(&self) -> i64 {
        self.tail
    }

    /// Fills `out` with the samples of `source`, changed by the effects. The source is read in
    /// order, and further than `out` where the effects are delayed.
    pub(in crate::sound) fn fill(
        &mut self,
        out: &mut [StereoSample],
        source: &mut dyn FnMut(&mut [StereoSample]),
    ) {
        if self.late > 0 {
            let mut ahead = vec![[0.0; 2]; self.late];
            source(&mut ahead);
            self.process(&mut ahead);
            self.late = 0;
        }
        source(out);
        self.process(out);
    }

    fn process(&mut self, samples: &mut [StereoSample]) {
        for effect in &mut self.effects {
            for sample in &mut *samples {
                *sample = effect.step(*sample);
            }
        }
    }
}

fn processor(effect: &Effect) -> Box<dyn Process> {
    match effect.name {
        "compressor" => Box::new(Compressor::new(effect)),
        "limiter" => Box::new(PeakLimiter::new(effect)),
        "gate" => Box::new(Gate::new(effect)),
        "saturate" => Box::new(Saturate::new(effect)),
        "bitcrush" => Box::new(BitCrush::new(effect)),
        "pitchshift" => Box::new(PitchShift::new(effect)),
        "delay" => Box::new(Delay::new(effect)),
        "chorus" => Box::new(Chorus::new(effect)),
        "phaser" => Box::new(Phaser::new(effect)),
        "reverb" => Box::new(Reverb::new(effect)),
        "truepeak" => Box::new(Limiter::new(factor(effect.get("ceiling")))),
        "gain" => Box::new(Gain(factor(effect.get("gain")))),
        _ => Box::new(Filter::new(effect)),
    }
}
