//! Packets of an output into its file: the muxer, with sound and subtitles in step.
//!
//! The calls are the same, in the same order, whether packets come from an encoder or from finished
//! segments: so the bytes are the same.

use std::sync::Arc;

use super::clock::{Part, SinkStats};
use super::light::LightNote;
use super::settings::muxer_settings;
use super::sound::SoundStream;
use super::subtitles::{self, Subtitles};
use super::target::Target;
use super::{renditions, verify};
use crate::av::{Described, Muxer, Packet, with_inserted};
use crate::error::Result;
use crate::pipeline::Artifact;
use crate::plan::Plan;

/// The number of the picture's stream in the file.
const PICTURE: usize = 0;

/// A file under construction.
#[derive(Debug)]
pub(super) struct FileWriter {
    plan: Arc<Plan>,
    index: usize,
    // Before the target: writers into it are closed first.
    sound: Option<SoundStream>,
    subtitles: Subtitles,
    muxer: Muxer,
    light: Option<LightNote>,
    target: Target,
    /// The number of packets of the picture that were written.
    packets: u64,
    clock: SinkStats,
}

impl FileWriter {
    /// Opens the container in `target` for the packets of `picture`.
    pub(super) fn open(
        plan: &Arc<Plan>,
        index: usize,
        target: Target,
        picture: &dyn Described,
        clock: SinkStats,
    ) -> Result<Self> {
        let output = &plan.outputs[index];
        let global_header = Muxer::wants_global_header(output.container.muxer())?;
        let rate = plan.stream.frame_rate;
        let open = |audio| SoundStream::open(audio, rate, global_header, clock.clone());
        let sound = output.audio.as_ref().map(open).transpose()?;
        let mut encoders: Vec<&dyn Described> = vec![picture];
        encoders.extend(sound.iter().map(|sound| -> &dyn Described { sound.encoder() }));
        let frames = plan.stream.frames;
        let subtitles = Subtitles::new(output, rate, frames, encoders.len());
        encoders.extend(subtitles.streams());
        let light = LightNote::new(output);
        let head = light.as_ref().map(LightNote::head);
        let mut settings = muxer_settings(output, &plan.stream, &target, head);
        subtitles::describe(&mut settings, output, rate, frames);
        let muxer =
            Muxer::create(target.for_muxer(), &encoders, &settings).map_err(|e| target.named(e))?;
        let plan = Arc::clone(plan);
        Ok(Self { plan, index, sound, subtitles, muxer, light, target, packets: 0, clock })
    }

    /// Writes the next packet of the picture, and what is heard and read up to it.
    pub(super) fn write(&mut self, mut packet: Packet) -> Result<()> {
        let keyframe = packet.data().filter(|_| packet.is_key());
        let note = self.light.as_mut().zip(keyframe);
        if let Some((at, bytes)) = note.and_then(|(note, key)| note.for_keyframe(key)) {
            packet = with_inserted(&packet, at, &bytes)?;
        }
        self.packets += 1;
        // Some encoders make more packets than there are frames.
        let frames = self.packets.min(self.plan.stream.frames);
        let (muxer, target) = (&mut self.muxer, &self.target);
        let output = &self.plan.outputs[self.index];
        self.subtitles.advance(frames, output, muxer).map_err(|e| target.named(e))?;
        muxer.write(PICTURE, packet).map_err(|e| target.named(e))?;
        // In step with the picture, so that neither stream waits long for the other in the muxer.
        if let Some(sound) = &mut self.sound {
            sound.advance(frames, muxer).map_err(|e| target.named(e))?;
        }
        Ok(())
    }

    /// Completes the file of `frames` frames, reads it back, and gives it its name.
    pub(super) fn finish(self, frames: u64) -> Result<Artifact> {
        let Self { plan, index, sound, mut subtitles, mut muxer, light, target, clock, .. } = self;
        let output = &plan.outputs[index];
        subtitles.finish(output, &mut muxer).map_err(|e| target.named(e))?;
        if let Some(mut sound) = sound {
            sound.advance(frames, &mut muxer).map_err(|e| target.named(e))?;
            sound.finish(&mut muxer).map_err(|e| target.named(e))?;
        }
        let bytes = muxer.finish().map_err(|e| target.named(e))?;
        if let (Some(note), Some(level)) = (light, clock.light()) {
            note.complete(&target, output, level)?;
        }
        let mut verified = None;
        if let Target::Files(.., media, _) = &target {
            renditions::mend_target(media)?;
        }
        if let Some(path) = target.path() {
            let _timed = clock.time(Part::Verify);
            verified = Some(verify::verify(path, output, &plan.stream)?);
        }
        if let Target::Files(.., media, main) = &target
            && media != main
        {
            renditions::write(media, main, output, (plan.stream.frame_rate, frames))?;
        }
        // The muxer of a playlist opens its files by itself.
        let bytes = if bytes > 0 { bytes } else { target.bytes()? };
        let path = target.keep()?;
        let bytes = (bytes > 0).then_some(bytes);
        Ok(Artifact { path, frames, bytes, verified, ..Artifact::default() })
    }
}
