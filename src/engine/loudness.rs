//! Mixes that must come to a loudness are measured before the render.

use super::Render;
use crate::error::{Error, Result};
use crate::plan::{AudioPlan, Plan, samples_in};
use crate::sound::{Mix, Settled, settle};
use crate::warning::Warning;

/// By how much a loudness may be missed without a word, in LU.
const TOLERANCE: f64 = 0.5;

impl Render<'_> {
    /// Finds the gain of every output that has a loudness, once for those that are alike.
    pub(super) fn settle_loudness(&mut self, plan: &mut Plan) -> Result<()> {
        let samples = samples_in(plan.stream.frames, plan.stream.frame_rate);
        let mut known: Vec<((u64, u32, u16), Settled)> = Vec::new();
        let files = plan.outputs.iter_mut().filter_map(|output| output.audio.as_mut());
        for audio in files.chain(plan.sounds.iter_mut().map(|sound| &mut sound.audio)) {
            let Some(loudness) = audio.loudness else { continue };
            let key = (loudness.target.to_bits(), audio.ceiling().to_bits(), audio.channels);
            let found = known.iter().find(|(other, _)| *other == key).map(|(_, settled)| *settled);
            let settled = if let Some(settled) = found {
                settled
            } else {
                let settled = self.settle_one(audio, loudness.target, samples)?;
                known.push((key, settled));
                settled
            };
            if let Some(loudness) = &mut audio.loudness {
                loudness.settle(&settled);
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
