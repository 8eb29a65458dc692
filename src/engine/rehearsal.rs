//! Rehearses a page whose sound only its frames tell.

use super::{Opened, Render};
use crate::error::Result;
use crate::page::Rehearsed;
use crate::plan::Plan;
use crate::progress::Status;
use crate::warning::Warning;

impl Render<'_> {
    /// Shows the page frame by frame, if that can tell anything, and loads it again for the render.
    /// The pictures of the render are not affected.
    pub(super) fn rehearse(&mut self, opened: &mut Opened, plan: &Plan) -> Result<Rehearsed> {
        let description = &opened.page.description;
        let need = description.rehearsal;
        let is_tweened = description.media.iter().any(|media| media.sound.tweened);
        let is_heard = self.hears(plan)?;
        let needs_pictures = need.pictures && !plan.is_sound_alone();
        if !needs_pictures && !(is_heard && (need.sound || is_tweened)) {
            return Ok(Rehearsed::default());
        }
        self.reporter.stage(Status::Preprocessing, 15.0, "Rehearsing composition");
        let mut options = opened.options.clone();
        options.load.rehearses = true;
        // One more: a frame's volume leads to the next one's.
        let range = (plan.first_frame, plan.first_frame + plan.stream.frames + 1);
        let rate = plan.stream.frame_rate;
        let mut learned = opened.page.rehearse(&options, range, rate)?;
        let governed = Some(std::mem::take(&mut learned.governed));
        if learned.incomplete && is_heard {
            options.load.governed.clone_from(&governed);
            learned = opened.page.rehearse(&options, range, rate)?;
        }
        opened.options.load.governed = governed;
        opened.page.reload(&opened.options)?;
        self.warnings.extend(learned.warnings.iter().cloned().map(Warning::from));
        Ok(learned)
    }

    /// Whether any output of the plan can hold sound.
    fn hears(&self, plan: &Plan) -> Result<bool> {
        if !self.job.has_outputs() {
            return Ok(self.sink_takes_sound && self.job.audio.enabled);
        }
        if !plan.sounds.is_empty() {
            return Ok(true);
        }
        let encodings = self.job.encodings()?;
        let mut outputs = plan.outputs.iter().zip(encodings);
        Ok(outputs.any(|(output, (.., audio))| {
            audio.enabled && !output.container.sound_codecs().is_empty()
        }))
    }
}
