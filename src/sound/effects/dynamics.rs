//! Effects that follow the level: both sides are changed by the same gain.

use super::Effect;
use super::chain::{Process, decay, factor};
use crate::av::StereoSample;

/// The least level, in decibels.
const SILENCE_DB: f32 = -120.0;

fn peak(sample: StereoSample) -> f32 {
    sample[0].abs().max(sample[1].abs())
}

fn decibels(level: f32) -> f32 {
    if level > 1e-6 { 20.0 * level.log10() } else { SILENCE_DB }
}

/// A level that rises and falls with different speeds.
#[derive(Debug)]
struct Follower {
    rise: f32,
    fall: f32,
    level: f32,
}

impl Follower {
    fn new(rise_ms: f64, fall_ms: f64, level: f32) -> Self {
        Self { rise: decay(rise_ms), fall: decay(fall_ms), level }
    }

    fn follow(&mut self, target: f32) -> f32 {
        let left = if target > self.level { self.rise } else { self.fall };
        self.level = target + (self.level - target) * left;
        self.level
    }
}

/// The excess of a level over a threshold, eased in over a knee; all in decibels.
fn above(level: f32, threshold: f32, knee: f32) -> f32 {
    let over = level - threshold;
    match over {
        _ if 2.0 * over >= knee => over,
        _ if 2.0 * over <= -knee => 0.0,
        _ => (over + knee / 2.0).powi(2) / (2.0 * knee),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
fn single(effect: &Effect, name: &str) -> f32 {
    effect.get(name) as f32
}

/// HyperFrames' knee is a factor around the threshold.
fn knee(effect: &Effect) -> f32 {
    2.0 * decibels(single(effect, "knee"))
}

/// Lowers levels above a threshold.
#[derive(Debug)]
pub(super) struct Compressor {
    threshold: f32,
    /// Decibels subtracted per decibel above.
    slope: f32,
    knee: f32,
    makeup: f32,
    mix: f32,
    reduction: Follower,
}

impl Compressor {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            threshold: single(effect, "threshold"),
            slope: 1.0 - 1.0 / single(effect, "ratio"),
            knee: knee(effect),
            makeup: factor(effect.get("makeup")),
            mix: single(effect, "mix"),
            reduction: Follower::new(effect.get("attack"), effect.get("release"), 0.0),
        }
    }
}

impl Process for Compressor {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let over = above(decibels(peak(sample)), self.threshold, self.knee);
        let reduction = self.reduction.follow(over * self.slope);
        let gain = factor(f64::from(-reduction)) * self.makeup;
        let gain = 1.0 + (gain - 1.0) * self.mix;
        sample.map(|side| side * gain)
    }
}

/// Keeps the level below a limit, as fast as its attack allows.
#[derive(Debug)]
pub(super) struct PeakLimiter {
    limit: f32,
    output: f32,
    level: Follower,
}

impl PeakLimiter {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            limit: factor(effect.get("limit")),
            output: factor(effect.get("level_out")),
            level: Follower::new(effect.get("attack"), effect.get("release"), 0.0),
        }
    }
}

impl Process for PeakLimiter {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let level = self.level.follow(peak(sample));
        let gain = self.output * if level > self.limit { self.limit / level } else { 1.0 };
        sample.map(|side| side * gain)
    }
}

/// Lowers levels below a threshold, by its range at most.
#[derive(Debug)]
pub(super) struct Gate {
    threshold: f32,
    slope: f32,
    knee: f32,
    range: f32,
    gain: Follower,
    level: Follower,
}

/// The time constant of the level by which a gate decides: the waves of a tone must not open and
/// close it.
const GATE_LEVEL_MS: f64 = 20.0;

impl Gate {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            threshold: single(effect, "threshold"),
            slope: single(effect, "ratio") - 1.0,
            knee: knee(effect),
            range: single(effect, "range"),
            gain: Follower::new(effect.get("attack"), effect.get("release"), 0.0),
            level: Follower::new(0.01, GATE_LEVEL_MS, 0.0),
        }
    }
}

impl Process for Gate {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let level = decibels(self.level.follow(peak(sample)));
        let below = above(-level, -self.threshold, self.knee);
        let gain = self.gain.follow((-below * self.slope).max(self.range));
        let gain = factor(f64::from(gain));
        sample.map(|side| side * gain)
    }
}
