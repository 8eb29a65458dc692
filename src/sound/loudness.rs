//! The loudness of a mix (ITU-R BS.1770, EBU R 128), and the gain that it needs.
//!
//! The mix is measured before any codec. One gain brings all of it to the target; where peaks would
//! then exceed the ceiling, the limiter reduces the loudness, and the gain is found in a few
//! rounds. Everything is a function of the tracks, so any two renders find the same.

use ebur128::{EbuR128, Mode};

use super::limiter::Limiter;
use super::{Group, Mixer, Track};
use crate::av::{SAMPLE_RATE, StereoSample};

/// The highest gain, in decibels: a nearly silent mix stays so.
const MAX_GAIN: f64 = 40.0;

/// Below this, in LUFS, parts of the mix may have been too quiet to count, and count when raised.
const GATED: f64 = -50.0;

/// The tolerance of the target, in LU.
const NEAR: f64 = 0.05;

/// Rounds in which the gain is found where the limiter works.
const ROUNDS: usize = 5;

/// Samples that are measured at a time: 0.1 s.
const BLOCK: u64 = 4800;

/// The sound that is to be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix<'a> {
    pub tracks: &'a [Track],
    pub groups: &'a [Group],
    /// The composition's sample that comes first.
    pub start: i64,
    pub samples: u64,
    /// Whether the two sides are mixed to one.
    pub is_mono: bool,
}

/// The measured loudness of a mix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Loudness {
    /// Integrated, in LUFS; `None` for silence, and for less than 0.4 s.
    pub integrated: Option<f64>,
    /// The highest peak, in dBTP.
    pub true_peak: f64,
}

/// The gain of a mix, and its loudness before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settled {
    /// The loudness before the gain.
    pub before: Loudness,
    /// The gain, in decibels.
    pub gain: f64,
    /// The loudness after the gain.
    pub after: Loudness,
}

/// Finds the gain by which the mix comes to `target` LUFS below a `ceiling`, as a factor.
///
/// `None` if cancelled. Where the loudness cannot be measured, the gain is 0.
pub(crate) fn settle(
    mix: Mix<'_>,
    target: f64,
    ceiling: f32,
    is_stopped: &dyn Fn() -> bool,
) -> Option<Settled> {
    let before = measure(mix, 0.0, f32::INFINITY, is_stopped)?;
    let Some(loudness) = before.integrated else {
        let after = measure(mix, 0.0, ceiling, is_stopped)?;
        return Some(Settled { before, gain: 0.0, after });
    };
    let mut gain = (target - loudness).min(MAX_GAIN);
    let is_gated = loudness < GATED;
    if !is_gated && before.true_peak + gain <= 20.0 * f64::from(ceiling).log10() - 0.01 {
        let after =
            Loudness { integrated: Some(loudness + gain), true_peak: before.true_peak + gain };
        return Some(Settled { before, gain, after });
    }
    let mut after = before;
    for _ in 0..ROUNDS {
        after = measure(mix, gain, ceiling, is_stopped)?;
        let missing = target - after.integrated.unwrap_or(target);
        let next = (gain + missing).min(MAX_GAIN);
        if missing.abs() <= NEAR || (next - gain).abs() < NEAR {
            break;
        }
        gain = next;
    }
    Some(Settled { before, gain, after })
}

/// Mixes, and measures; `None` if cancelled.
fn measure(
    mix: Mix<'_>,
    gain: f64,
    ceiling: f32,
    is_stopped: &dyn Fn() -> bool,
) -> Option<Loudness> {
    let channels: u32 = if mix.is_mono { 1 } else { 2 };
    let mut meter = EbuR128::new(channels, SAMPLE_RATE, Mode::I | Mode::TRUE_PEAK)
        .expect("48 kHz and two channels can be measured");
    let mut mixer = Mixer::new(mix.tracks, mix.groups, mix.start, gain, ceiling);
    let mut left = mix.samples;
    while left > 0 {
        if is_stopped() {
            return None;
        }
        let count = left.min(BLOCK);
        left -= count;
        let samples = mixer.read(usize::try_from(count).unwrap_or_default());
        let added = if mix.is_mono {
            let mean = |side: &StereoSample| f32::midpoint(side[0], side[1]);
            meter.add_frames_f32(&samples.iter().map(mean).collect::<Vec<_>>())
        } else {
            meter.add_frames_f32(samples.as_flattened())
        };
        added.expect("whole samples of as many channels");
    }
    let peaks = (0..channels).filter_map(|channel| meter.true_peak(channel).ok());
    let peak = peaks.fold(0.0, f64::max);
    let integrated = meter.loudness_global().ok().filter(|loudness| loudness.is_finite());
    Some(Loudness { integrated, true_peak: 20.0 * peak.max(1e-6).log10() })
}

/// The factor of a ceiling in dBTP.
#[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
pub(crate) fn ceiling(true_peak: f64) -> f32 {
    // The limiter's own ceiling, to the bit.
    if (true_peak + 1.0).abs() < 1e-9 {
        return Limiter::CEILING;
    }
    10.0_f64.powf(true_peak / 20.0) as f32
}
