//! Measures mixes that must come to a loudness, before the render.

use super::Render;
use crate::error::{Error, Result};
use crate::plan::{AudioPlan, Plan, Survey, samples_in};
use crate::sound::{Mix, Settled, settle};
use crate::warning::Warning;

/// The deviation from a loudness above which a warning is given, in LU.
const TOLERANCE: f64 = 0.5;

impl Render<'_> {
    /// Finds the gain of every output that has a loudness, once for equal mixes.
    pub(super) fn settle_loudness(&mut self, plan: &Plan, survey: &mut Survey) -> Result<()> {
        let samples = samples_in(plan.stream.frames, plan.stream.frame_rate);
        for audio in plan.audio() {
            let Some((loudness, key)) = audio.loudness.zip(audio.loudness_key()) else { continue };
            if survey.loudness.iter().all(|(other, _)| *other != key) {
                let settled = self.settle_one(audio, loudness.target, samples)?;
                survey.loudness.push((key, settled));
            }
        }
        Ok(())
    }

    fn settle_one(&mut self, audio: &AudioPlan, target: f64, samples: u64) -> Result<Settled> {
        let mix = Mix {
            tracks: &audio.tracks,
            groups: &audio.groups,
            start: i64::try_from(audio.first_sample).unwrap_or(i64::MAX),
            samples,
            is_mono: audio.channels == 1,
        };
        let stopped = || self.cancel.is_cancelled();
        let settled = settle(mix, target, audio.ceiling(), &stopped).ok_or(Error::Cancelled)?;
        let text = match settled.after.integrated {
            None => "the sound is silent, or shorter than 0.4 s, so that its loudness cannot be \
                     measured; it is left as it is mixed"
                .into(),
            Some(found) if (found - target).abs() > TOLERANCE => format!(
                "the sound comes to {found:.1} LUFS instead of {target:.1}: it would have to be \
                 raised by more than 40 dB, or its peaks lowered too far"
            ),
            Some(_) => return Ok(settled),
        };
        let warning = Warning::new("loudness_missed", text);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
        Ok(settled)
    }
}
