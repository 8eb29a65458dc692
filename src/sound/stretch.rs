//! Another speed at the same pitch.
//!
//! WSOLA (Verhelst and Roelands, 1993): the output is made of overlapping windows of the input.
//! Each is taken near its proper place, at the offset at which it continues the one before best.
//! Places are computed from the beginning, so errors do not add up: the sound is at most [`REACH`]
//! input samples from its proper place, besides changes within a window.

use super::playhead::Playhead;
use crate::av::StereoSample;

/// Samples from one window to the next: 10 ms. A window is twice as long.
const HOP: usize = 480;
const HOP_PLACES: i64 = 480;

/// The largest shift of a window for a better fit: 5 ms.
const REACH: i64 = 240;
const REACH_SAMPLES: usize = 240;

/// The amount by which a window must fit better at the end of the reach. Of the windows that fit a
/// tone, the nearest is taken.
const RELUCTANCE: f32 = 0.2;

/// The steps of the coarse search, in offsets and in samples.
const COARSE: i64 = 4;
const COARSE_SAMPLES: usize = 4;

/// Turns the samples of a playhead into those of a track that plays at `rate`.
#[derive(Debug)]
pub(super) struct Stretch {
    rate: f64,
    /// The place in the input of output sample 0.
    first: f64,
    /// The rise of a window.
    fade: Vec<f32>,
    /// Input that may be needed again, and the place of its first sample.
    input: Vec<StereoSample>,
    input_at: i64,
    /// The place in the input of the second half of the last window; `None` before the first.
    tail: Option<i64>,
    /// The number of the next hop of output.
    hop: u32,
    /// Output that is ready, and the number of samples taken from it.
    ready: Vec<StereoSample>,
    taken: usize,
    /// The place at which the input ended.
    end: Option<i64>,
}

impl Stretch {
    /// Creates a stretch whose output sample 0 is the input at the place `first`, at output sample
    /// `at`.
    pub(super) fn new(rate: f64, first: f64, at: i64) -> Self {
        let at = usize::try_from(at).unwrap_or_default();
        Self {
            rate,
            first,
            // Raised cosine: two that overlap by half add up to 1.
            fade: (0..HOP)
                .map(|i| {
                    let turn = std::f32::consts::PI * (i as f32 + 0.5) / HOP as f32;
                    0.5 - 0.5 * turn.cos()
                })
                .collect(),
            input: Vec::new(),
            input_at: i64::MIN,
            tail: None,
            hop: u32::try_from(at / HOP).unwrap_or(u32::MAX),
            ready: Vec::new(),
            // Samples before `at` in its hop are made and dropped.
            taken: 0,
            end: None,
        }
        .skipped(at % HOP)
    }

    fn skipped(mut self, samples: usize) -> Self {
        // `fill` makes a hop once all is taken, so these samples are dropped from the first one.
        self.taken = samples;
        self
    }

    /// Whether only silence follows.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| self.tail.is_some_and(|tail| tail >= end))
    }

    /// Fills `out` with the next samples.
    pub(super) fn fill(&mut self, playhead: &mut Playhead, out: &mut [StereoSample]) {
        let mut rest = out;
        while !rest.is_empty() {
            if self.taken >= self.ready.len() {
                let debt = self.taken - self.ready.len();
                self.make_hop(playhead);
                self.taken = debt;
                continue;
            }
            let count = rest.len().min(self.ready.len() - self.taken);
            rest[..count].copy_from_slice(&self.ready[self.taken..][..count]);
            self.taken += count;
            rest = &mut rest[count..];
        }
    }

    /// The proper place of a window's middle in the input.
    #[expect(clippy::cast_possible_truncation, reason = "a place within a file")]
    fn middle(&self, window: u32) -> i64 {
        (self.first + f64::from(window) * HOP as f64 * self.rate).round() as i64
    }

    /// Makes the output from the middle of one window to the middle of the next.
    fn make_hop(&mut self, playhead: &mut Playhead) {
        let tail = self.tail.unwrap_or_else(|| self.middle(self.hop));
        let next = self.middle(self.hop + 1) - HOP_PLACES;
        let (low, high) = (tail.min(next - REACH), tail.max(next + REACH) + 2 * HOP_PLACES);
        self.keep_input(low, high, playhead);
        let start = next + self.best_offset(tail, next);
        self.ready.clear();
        for (i, &rise) in self.fade.iter().enumerate() {
            let (old, new) = (self.sample(tail, i), self.sample(start, i));
            let mix = |side: usize| old[side] + (new[side] - old[side]) * rise;
            self.ready.push([mix(0), mix(1)]);
        }
        self.tail = Some(start + HOP_PLACES);
        self.hop += 1;
        if playhead.has_ended() {
            self.end.get_or_insert(playhead.at());
        }
    }

    /// Makes the input from `low` to `high` available, and drops earlier samples.
    fn keep_input(&mut self, low: i64, high: i64, playhead: &mut Playhead) {
        if self.input_at == i64::MIN {
            playhead.go_to(low);
            self.input_at = playhead.at();
        }
        let gone = usize::try_from(low - self.input_at).unwrap_or(0).min(self.input.len());
        self.input.drain(..gone);
        self.input_at += places(gone);
        let end = self.input_at + places(self.input.len());
        let missing = usize::try_from(high - end).unwrap_or(0);
        let old = self.input.len();
        self.input.resize(old + missing, [0.0; 2]);
        playhead.fill(&mut self.input[old..]);
    }

    /// Input sample `i` after `start`; silence before the first.
    fn sample(&self, start: i64, i: usize) -> StereoSample {
        let index = usize::try_from(start + places(i) - self.input_at).ok();
        index.and_then(|index| self.input.get(index)).copied().unwrap_or_default()
    }

    /// The offset at which the window at `next` best continues the one at `tail`.
    fn best_offset(&self, tail: i64, next: i64) -> i64 {
        let mono = |start: i64, i: usize| {
            let [left, right] = self.sample(start, i);
            left + right
        };
        let wanted: Vec<f32> = (0..HOP).map(|i| mono(tail, i)).collect();
        if wanted.iter().all(|sample| sample.abs() < 1e-5) {
            return 0;
        }
        let around: Vec<f32> =
            (0..HOP + 2 * REACH_SAMPLES).map(|i| mono(next - REACH, i)).collect();
        let scale = wanted.iter().map(|sample| sample * sample).sum::<f32>().sqrt();
        let fit = |offset: i64, step: usize| {
            let from = usize::try_from(offset + REACH).expect("offsets lie within reach");
            let window = &around[from..][..HOP];
            let (mut product, mut energy) = (0.0_f32, 1e-9_f32);
            for (a, b) in wanted.iter().zip(window).step_by(step) {
                product += a * b;
                energy += b * b;
            }
            product / energy.sqrt() / scale - RELUCTANCE * offset.abs() as f32 / REACH as f32
        };
        let best = |offsets: &mut dyn Iterator<Item = i64>, step: usize| {
            let mut best = (f32::NEG_INFINITY, 0_i64);
            for offset in offsets {
                let fit = fit(offset, step);
                // Of equal fits, the nearest to the proper place.
                if fit > best.0 || fit >= best.0 && offset.abs() < best.1.abs() {
                    best = (fit, offset);
                }
            }
            best.1
        };
        let coarse = best(&mut (-REACH..REACH).step_by(COARSE_SAMPLES), COARSE_SAMPLES);
        let near = (coarse - COARSE).max(-REACH)..=(coarse + COARSE).min(REACH);
        best(&mut { near }, 1)
    }
}

fn places(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX)
}
