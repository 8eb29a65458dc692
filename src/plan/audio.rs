//! The sound part of a plan.

use serde::Serialize;

use super::LoudnessKey;
use crate::av::SAMPLE_RATE;
use crate::job::{Audio, AudioCodec};
use crate::sound::{Group, Settled, Track, ceiling};
use crate::time::FrameRate;

/// The sound of a render, resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AudioPlan {
    /// The codec.
    pub codec: AudioCodec,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// One, or two.
    pub channels: u16,
    /// Bits of a sample, where nothing is lost; 32 are floating point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
    /// Target bits per second, where the codec loses anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Gain of the whole, in decibels.
    pub gain: f64,
    /// What peaks stay below, in dBTP.
    pub true_peak: f64,
    /// How the whole comes to the loudness that the job asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<LoudnessPlan>,
    /// The composition's sample that is output sample 0.
    pub first_sample: u64,
    /// How many samples there are: as long as the picture.
    pub samples: u64,
    /// What is heard.
    pub tracks: Vec<Track>,
    /// What tracks are mixed into first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// How a mix comes to a loudness. Values are of the mix, before any codec.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LoudnessPlan {
    /// What is wanted, in LUFS.
    pub target: f64,
    /// As it was mixed, in LUFS; `None` where that cannot be measured.
    pub measured: Option<f64>,
    /// The highest peak of the mix as it was, in dBTP.
    pub measured_peak: f64,
    /// What it is changed by, in decibels.
    pub gain: f64,
    /// As it is then, in LUFS.
    pub result: Option<f64>,
    /// The highest peak then, in dBTP.
    pub result_peak: f64,
}

impl LoudnessPlan {
    /// The target of a loudness, before anything is measured.
    const fn new(target: f64) -> Self {
        Self {
            target,
            measured: None,
            measured_peak: 0.0,
            gain: 0.0,
            result: None,
            result_peak: 0.0,
        }
    }

    /// Fills in the measured values.
    fn settle(&mut self, settled: &Settled) {
        let round = |value: f64| (value * 100.0).round() / 100.0;
        let Settled { before, gain, after } = settled;
        self.measured = before.integrated.map(round);
        self.measured_peak = round(before.true_peak);
        self.gain = *gain;
        self.result = after.integrated.map(round);
        self.result_peak = round(after.true_peak);
    }
}

impl AudioPlan {
    /// The gain of the whole mix in decibels, including that of a loudness.
    pub(crate) fn whole_gain(&self) -> f64 {
        self.gain + self.loudness.map_or(0.0, |loudness| loudness.gain)
    }

    /// The level that samples, and peaks between samples, stay below.
    pub(crate) fn ceiling(&self) -> f32 {
        let margin = match (self.loudness, self.bitrate) {
            (None, _) => 0.0,
            (Some(_), None) => PEAK_MARGIN,
            (Some(_), Some(_)) => LOSSY_MARGIN,
        };
        ceiling(self.true_peak - margin)
    }

    /// The values that the gain of a loudness depends on; `None` without a loudness.
    pub(crate) fn loudness_key(&self) -> Option<LoudnessKey> {
        let target = self.loudness?.target.to_bits();
        Some(LoudnessKey { target, ceiling: self.ceiling().to_bits(), channels: self.channels })
    }

    /// The plan with the gain that was measured for it, if it was measured.
    pub(super) fn settled(mut self, known: &[(LoudnessKey, Settled)]) -> Self {
        let key = self.loudness_key();
        let found = known.iter().find(|(other, _)| Some(*other) == key);
        if let (Some(loudness), Some((_, settled))) = (&mut self.loudness, found) {
            loudness.settle(settled);
        }
        self
    }

    /// The sound of `frames` frames from `first_frame` on.
    pub(crate) fn new(
        audio: &Audio,
        codec: AudioCodec,
        rate: FrameRate,
        (first_frame, frames): (u64, u64),
        (tracks, groups): (Vec<Track>, Vec<Group>),
    ) -> Self {
        let bits = codec.default_bitrate().is_none().then(|| audio.bits.unwrap_or(DEFAULT_BITS));
        let sample_rate = audio.sample_rate.unwrap_or(SAMPLE_RATE);
        Self {
            codec,
            encoder: codec.encoder(bits).into(),
            sample_rate,
            channels: audio.channels.unwrap_or(2),
            bits,
            bitrate: audio.bitrate.map(|b| b.0).or(codec.default_bitrate()),
            gain: audio.gain,
            true_peak: audio.true_peak.unwrap_or(DEFAULT_PEAK),
            loudness: audio.loudness.map(LoudnessPlan::new),
            first_sample: samples_in(first_frame, rate),
            samples: samples_at(samples_in(frames, rate), sample_rate),
            tracks,
            groups,
        }
    }
}

/// The level that peaks stay below by default, in dBTP.
const DEFAULT_PEAK: f64 = -1.0;

/// The distance of the limiter from the ceiling of a mix with a loudness, in decibels. Other meters
/// look between samples more closely than it does.
const PEAK_MARGIN: f64 = 0.1;

/// The same distance where a lossy codec follows, which moves peaks.
const LOSSY_MARGIN: f64 = 0.5;

/// Bits of a sample by default.
const DEFAULT_BITS: u8 = 24;

/// The length of so many samples of the mix at another rate, to the nearest one.
fn samples_at(samples: u64, rate: u32) -> u64 {
    let mixed = u128::from(SAMPLE_RATE);
    u64::try_from((u128::from(samples) * u128::from(rate) + mixed / 2) / mixed).unwrap_or(u64::MAX)
}

/// The length of so many frames in samples of the mix, to the nearest one.
pub(crate) fn samples_in(frames: u64, rate: FrameRate) -> u64 {
    let num = u128::from(rate.num.get());
    let samples = u128::from(frames) * u128::from(rate.den.get()) * u128::from(SAMPLE_RATE);
    u64::try_from((samples + num / 2) / num).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_in_samples() {
        let rate = |text: &str| text.parse::<FrameRate>().unwrap();
        assert_eq!(samples_in(30, rate("30")), 48_000);
        assert_eq!(samples_in(30, rate("30000/1001")), 48_048);
        assert_eq!(samples_in(1, rate("30000/1001")), 1602);
        assert_eq!(samples_in(7, rate("60")), 5600);
    }
}
