//! Effects with a memory: delays, and effects built from them.

use std::f64::consts::TAU;

use super::Effect;
use super::chain::{Process, samples};
use crate::av::{SAMPLE_RATE, StereoSample};

/// The last samples, with interpolation between them.
#[derive(Debug)]
struct Ring {
    samples: Vec<StereoSample>,
    next: usize,
}

impl Ring {
    fn new(length: usize) -> Self {
        Self { samples: vec![[0.0; 2]; length.max(1)], next: 0 }
    }

    fn push(&mut self, sample: StereoSample) {
        self.samples[self.next] = sample;
        self.next = (self.next + 1) % self.samples.len();
    }

    /// The sample from `back` pushes ago; 1 is the last.
    fn back(&self, back: usize) -> StereoSample {
        let length = self.samples.len();
        self.samples[(self.next + length - back.min(length)) % length]
    }

    /// The value from `back` pushes ago, on a straight line between two samples.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the ring")]
    fn between(&self, back: f64) -> StereoSample {
        let (whole, part) = (back.floor() as usize, back.fract() as f32);
        let (a, b) = (self.back(whole.max(1)), self.back(whole.max(1) + 1));
        [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
fn single(effect: &Effect, name: &str) -> f32 {
    effect.get(name) as f32
}

fn mixed(dry: StereoSample, wet: StereoSample, mix: f32) -> StereoSample {
    [dry[0] + (wet[0] - dry[0]) * mix, dry[1] + (wet[1] - dry[1]) * mix]
}

fn sum(a: StereoSample, b: StereoSample, factor: f32) -> StereoSample {
    [a[0] + b[0] * factor, a[1] + b[1] * factor]
}

/// Echoes.
#[derive(Debug)]
pub(super) struct Delay {
    ring: Ring,
    feedback: f32,
    mix: f32,
}

impl Delay {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            ring: Ring::new(samples(effect.get("time"))),
            feedback: single(effect, "feedback"),
            mix: single(effect, "mix"),
        }
    }
}

impl Process for Delay {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let echo = self.ring.back(self.ring.samples.len());
        self.ring.push(sum(sample, echo, self.feedback));
        mixed(sample, echo, self.mix)
    }
}

/// A slow sine, by the number of samples.
#[derive(Debug)]
struct Swing {
    turn: f64,
    at: f64,
}

impl Swing {
    fn new(hertz: f64) -> Self {
        Self { turn: TAU * hertz / f64::from(SAMPLE_RATE), at: 0.0 }
    }

    fn next(&mut self) -> f64 {
        self.at = (self.at + self.turn) % TAU;
        self.at.sin()
    }
}

/// A second voice whose delay swings.
#[derive(Debug)]
pub(super) struct Chorus {
    ring: Ring,
    delay: f64,
    depth: f64,
    swing: Swing,
    mix: f32,
}

impl Chorus {
    pub(super) fn new(effect: &Effect) -> Self {
        let places = |name: &str| effect.get(name) / 1e3 * f64::from(SAMPLE_RATE);
        let (delay, depth) = (places("delay"), places("depth"));
        Self {
            ring: Ring::new(samples(effect.get("delay") + effect.get("depth")) + 4),
            delay,
            depth,
            swing: Swing::new(effect.get("speed")),
            mix: single(effect, "mix"),
        }
    }
}

impl Process for Chorus {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        self.ring.push(sample);
        let back = (self.delay + self.depth * self.swing.next()).max(1.0);
        mixed(sample, self.ring.between(back), self.mix)
    }
}

/// Notches that wander: a short delay that swings, fed back.
#[derive(Debug)]
pub(super) struct Phaser {
    ring: Ring,
    input: f32,
    output: f32,
    delay: f64,
    decay: f32,
    swing: Swing,
}

impl Phaser {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            ring: Ring::new(samples(effect.get("delay")) + 4),
            input: single(effect, "in_gain"),
            output: single(effect, "out_gain"),
            delay: effect.get("delay") / 1e3 * f64::from(SAMPLE_RATE),
            decay: single(effect, "decay"),
            swing: Swing::new(effect.get("speed")),
        }
    }
}

impl Process for Phaser {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let back = 1.0 + (self.delay - 1.0).max(0.0) * f64::midpoint(1.0, self.swing.next());
        let old = self.ring.between(back);
        let new = sum(sample.map(|side| side * self.input), old, self.decay);
        self.ring.push(new);
        new.map(|side| side * self.output)
    }
}

/// Another pitch at the same speed: two taps move through a delay and alternate.
#[derive(Debug)]
pub(super) struct PitchShift {
    ring: Ring,
    /// Samples by which the taps fall behind per sample.
    drift: f64,
    at: f64,
    mix: f32,
}

/// The stretch of delay that a tap moves through: 50 ms.
const WINDOW: f64 = 2400.0;
const WINDOW_SAMPLES: usize = 2400;

impl PitchShift {
    pub(super) fn new(effect: &Effect) -> Self {
        Self {
            ring: Ring::new(WINDOW_SAMPLES + 8),
            drift: 1.0 - (effect.get("semitones") / 12.0).exp2(),
            at: WINDOW / 2.0,
            mix: single(effect, "mix"),
        }
    }
}

impl Process for PitchShift {
    #[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        self.ring.push(sample);
        self.at = (self.at + self.drift).rem_euclid(WINDOW);
        let other = (self.at + WINDOW / 2.0).rem_euclid(WINDOW);
        // Each tap is silent where it jumps; together they always have full weight.
        let weight = 0.5 - 0.5 * (TAU * self.at / WINDOW).cos();
        let (a, b) = (self.ring.between(self.at + 1.0), self.ring.between(other + 1.0));
        let wet = mixed(b, a, weight as f32);
        // The dry sound waits for the wet one.
        let dry = self.ring.back(WINDOW_SAMPLES / 2 + 1);
        mixed(dry, wet, self.mix)
    }

    fn latency(&self) -> usize {
        WINDOW_SAMPLES / 2
    }
}

/// A room: eight combs side by side, then four all-passes in a row, per side.
///
/// The network is Schroeder's and Moorer's, its lengths those of Jezar's public Freeverb.
#[derive(Debug)]
pub(super) struct Reverb {
    combs: Vec<Comb>,
    passes: Vec<Ring>,
    feedback: f32,
    damping: f32,
    wet: f32,
    dry: f32,
}

#[derive(Debug)]
struct Comb {
    ring: Ring,
    dull: StereoSample,
}

const COMBS: [usize; 8] = [1215, 1293, 1390, 1476, 1548, 1623, 1695, 1760];
const PASSES: [usize; 4] = [605, 480, 371, 245];

/// The number of samples by which the right side's paths are longer.
const SPREAD: usize = 25;

impl Reverb {
    pub(super) fn new(effect: &Effect) -> Self {
        let comb = |length: usize| Comb { ring: Ring::new(length + SPREAD), dull: [0.0; 2] };
        Self {
            combs: COMBS.into_iter().map(comb).collect(),
            passes: PASSES.into_iter().map(|length| Ring::new(length + SPREAD)).collect(),
            feedback: 0.7 + 0.28 * single(effect, "size"),
            damping: 0.4 * single(effect, "damping"),
            wet: single(effect, "wet"),
            dry: single(effect, "dry"),
        }
    }
}

/// Reads the left side from a shorter delay than the right.
fn spread(ring: &Ring) -> StereoSample {
    let length = ring.samples.len();
    [ring.back(length - SPREAD)[0], ring.back(length)[1]]
}

impl Process for Reverb {
    fn step(&mut self, sample: StereoSample) -> StereoSample {
        let input = [(sample[0] + sample[1]) * 0.015; 2];
        let mut room = [0.0; 2];
        for comb in &mut self.combs {
            let old = spread(&comb.ring);
            comb.dull = mixed(old, comb.dull, self.damping);
            comb.ring.push(sum(input, comb.dull, self.feedback));
            room = sum(room, old, 1.0);
        }
        for ring in &mut self.passes {
            let old = spread(ring);
            ring.push(sum(room, old, 0.5));
            room = sum(old, room, -1.0);
        }
        // Freeverb's level for a wet share of 1.
        sum(sample.map(|side| side * self.dry), room, 3.0 * self.wet)
    }
}
