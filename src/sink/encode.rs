//! Frames into an encoded output: convert, encode, mux, verify, rename.

use std::sync::Arc;

use super::ahead::Ahead;
use super::clock::{Part, SinkStats};
use super::converter::Converter;
use super::light::LightNote;
use super::palette::Scenes;
use super::passes::PassFile;
use super::settings::{encoder_settings, muxer_settings};
use super::sound::SoundStream;
use super::subtitles::{self, Subtitles};
use super::target::Target;
use super::{hardware, renditions, verify};
use crate::av::{AvError, Described, Encoder, Muxer, Received, VideoFrame, with_inserted};
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::job::Place;
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::{OutputPlan, Plan};

/// The number of the picture's stream in the file.
const PICTURE: usize = 0;

/// Writes one output of a plan.
#[derive(Debug)]
pub(crate) struct EncodeSink {
    plan: Arc<Plan>,
    index: usize,
    // Before the target: writers into it are closed first.
    ahead: Ahead,
    encoder: Encoder,
    sound: Option<SoundStream>,
    subtitles: Subtitles,
    muxer: Option<Muxer>,
    light: Option<LightNote>,
    target: Target,
    /// The number of frames that have come, and of those that were encoded.
    taken: u64,
    frames: u64,
    clock: SinkStats,
}

/// The results of an earlier pass that an output needs besides its plan.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// The statistics of a first pass.
    pub pass: Option<PassFile>,
    /// The colors of each scene, for palettes.
    pub scenes: Option<Scenes>,
}

impl EncodeSink {
    /// Opens the encoder, then the container in `target`.
    pub(super) fn open(
        plan: &Arc<Plan>,
        index: usize,
        target: Target,
        learned: Learned,
        clock: SinkStats,
    ) -> Result<Self> {
        let output = &plan.outputs[index];
        let format = output.container.muxer();
        let global_header = Muxer::wants_global_header(format)?;
        let rate = plan.stream.frame_rate;
        let mut settings = encoder_settings(output, rate, global_header);
        if let Some(pass) = &learned.pass {
            pass.apply(&mut settings, true);
        }
        let encoder = open_encoder(output, settings, &clock)?;
        let open = |audio| SoundStream::open(audio, rate, global_header, clock.clone());
        let sound = output.audio.as_ref().map(open).transpose()?;
        let mut encoders: Vec<&dyn Described> = vec![&encoder];
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
        let ahead = Ahead::new(Converter::new(plan, index, learned.scenes, clock.clone())?)?;
        Ok(Self {
            plan: Arc::clone(plan),
            index,
            ahead,
            encoder,
            sound,
            subtitles,
            muxer: Some(muxer),
            light,
            target,
            taken: 0,
            frames: 0,
            clock,
        })
    }

    /// Opens everything for an output, and discards it: settings that libav refuses are refused
    /// before the first frame, although the output is only written after the last.
    pub(super) fn try_out(
        plan: &Arc<Plan>,
        index: usize,
        clock: &SinkStats,
        cancel: &CancelToken,
    ) -> Result<()> {
        let place = tempfile::env::temp_dir();
        let directory =
            tempfile::tempdir().map_err(Error::io("cannot create a directory in", &place))?;
        let mut output = plan.outputs[index].clone();
        let real = std::mem::replace(&mut output.path, directory.path().join("output"));
        output.place = Place::File;
        let target = Target::create(&output, cancel)?;
        let sink = Self::open(plan, index, target, Learned::default(), clock.clone());
        sink.map(drop).map_err(|error| match error {
            Error::Encode(e) => {
                let tried = output.path.display().to_string();
                Error::Encode(AvError {
                    doing: e.doing.replace(&tried, &real.display().to_string()),
                    ..e
                })
            }
            other => other,
        })
    }

    /// Moves finished packets into the file. Returns whether the encoder is empty for good.
    fn drain(&mut self) -> Result<bool> {
        let muxer = self.muxer.as_mut().expect("the file is open until `finish`");
        loop {
            match self.encoder.receive()? {
                Received::Packet(mut packet) => {
                    let keyframe = packet.data().filter(|_| packet.is_key());
                    let note = self.light.as_mut().zip(keyframe);
                    if let Some((at, bytes)) = note.and_then(|(note, key)| note.for_keyframe(key)) {
                        packet = with_inserted(&packet, at, &bytes)?;
                    }
                    muxer.write(PICTURE, packet).map_err(|e| self.target.named(e))?;
                }
                Received::NeedsInput => return Ok(false),
                Received::Drained => return Ok(true),
            }
        }
    }
}

/// Sends `frame` to the encoder as number `number`, as a keyframe where the output wants one.
pub(super) fn send(
    encoder: &mut Encoder,
    mut frame: VideoFrame,
    number: u64,
    output: &OutputPlan,
) -> Result<(), AvError> {
    frame.set_keyframe(output.video.keyframes.binary_search(&number).is_ok());
    encoder.send(&mut frame, i64::try_from(number).expect("a render has fewer frames"))
}

/// The encoder of an output: the graphics card's if it works and is wanted, else the usual one.
fn open_encoder(
    output: &OutputPlan,
    settings: crate::av::EncoderSettings,
    clock: &SinkStats,
) -> Result<Encoder> {
    if let Some(encoder) = hardware::open(output, &settings, clock) {
        return Ok(encoder);
    }
    if !crate::av::has_encoder(&settings.name) {
        return Err(Error::NoEncoder { name: settings.name });
    }
    Ok(Encoder::open(&settings)?)
}

impl EncodeSink {
    /// Encodes the next frame, and writes its finished packets.
    fn encode(&mut self, picture: VideoFrame) -> Result<()> {
        let output = &self.plan.outputs[self.index];
        send(&mut self.encoder, picture, self.frames, output)?;
        self.frames += 1;
        if let Some(muxer) = &mut self.muxer {
            let written = self.subtitles.advance(self.frames, output, muxer);
            written.map_err(|e| self.target.named(e))?;
        }
        self.drain()?;
        // In step with the picture, so that neither stream waits long for the other in the muxer.
        if let (Some(sound), Some(muxer)) = (&mut self.sound, &mut self.muxer) {
            sound.advance(self.frames, muxer).map_err(|e| self.target.named(e))?;
        }
        Ok(())
    }
}

impl FrameSink for EncodeSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let number = self.taken;
        self.taken += 1;
        match self.ahead.push(frame.picture, number)? {
            Some(picture) => self.encode(picture),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Artifact> {
        while let Some(picture) = self.ahead.pop()? {
            self.encode(picture)?;
        }
        self.ahead.end();
        if let Some(muxer) = &mut self.muxer {
            let written = self.subtitles.finish(&self.plan.outputs[self.index], muxer);
            written.map_err(|e| self.target.named(e))?;
        }
        self.encoder.send_end()?;
        while !self.drain()? {}
        if let (Some(sound), Some(muxer)) = (&mut self.sound, &mut self.muxer) {
            sound.finish(muxer).map_err(|e| self.target.named(e))?;
        }
        let muxer = self.muxer.take().expect("the file is open until `finish`");
        let bytes = muxer.finish().map_err(|e| self.target.named(e))?;
        let output = &self.plan.outputs[self.index];
        if let (Some(note), Some(level)) = (self.light.take(), self.clock.light()) {
            note.complete(&self.target, output, level)?;
        }
        let mut verified = None;
        if let Target::Files(.., media, _) = &self.target {
            renditions::mend_target(media)?;
        }
        if let Some(path) = self.target.path() {
            let _timed = self.clock.time(Part::Verify);
            verified = Some(verify::verify(path, output, &self.plan.stream)?);
        }
        if let Target::Files(.., media, main) = &self.target
            && media != main
        {
            let length = (self.plan.stream.frame_rate, self.frames);
            renditions::write(media, main, output, length)?;
        }
        // The muxer of a playlist opens its files by itself.
        let bytes = if bytes > 0 { bytes } else { self.target.bytes()? };
        let path = self.target.keep()?;
        let bytes = (bytes > 0).then_some(bytes);
        Ok(Artifact { path, frames: self.frames, bytes, verified, ..Artifact::default() })
    }
}
