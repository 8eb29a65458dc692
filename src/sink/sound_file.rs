//! A file of sound alone.

use std::sync::Arc;

use tempfile::NamedTempFile;

use super::clock::{Part, SinkStats};
use super::settings::{PROGRAM, chapters, language_in};
use super::sound::SoundStream;
use super::target::Target;
use crate::av::{Described, MuxTarget, Muxer, MuxerSettings, SoundFileFacts, pour, probe_sound};
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::job::{AudioCodec, Container};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::{Plan, SoundPlan};

/// Samples that a decoder of AAC may return beyond the end: the padding of its last frame.
const AAC_FRAME: u64 = 1024;

/// Bytes above which a WAV file needs sizes of 64 bits.
const MOST_WAV_BYTES: u64 = u32::MAX as u64 - (1 << 16);

/// Writes a file of sound alone, in step with frames whose pictures it ignores.
///
/// A destination that cannot be rewritten gets the file when it is finished: its length is at the
/// front.
#[derive(Debug)]
pub(super) struct SoundSink {
    plan: Arc<Plan>,
    index: usize,
    // Before the targets: writers into them are closed first.
    sound: SoundStream,
    muxer: Muxer,
    target: Target,
    buffer: Option<NamedTempFile>,
    frames: u64,
    clock: SinkStats,
}

impl SoundSink {
    pub(super) fn open(
        plan: &Arc<Plan>,
        index: usize,
        clock: SinkStats,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let output = &plan.sounds[index];
        let SoundPlan { path, container, place, audio, .. } = output;
        let format = container.muxer();
        let global_header = Muxer::wants_global_header(format)?;
        let rate = plan.stream.frame_rate;
        let sound = SoundStream::open(audio, rate, global_header, clock.clone())?.alone();
        let target = Target::of(path, *container, *place, cancel)?;
        let buffer = place.is_streamed().then(NamedTempFile::new).transpose();
        let buffer = buffer.map_err(Error::io("cannot create a file for", path))?;
        let at = buffer.as_ref().map_or_else(|| target.for_muxer(), |b| MuxTarget::File(b.path()));
        let encoders: [&dyn Described; 1] = [sound.encoder()];
        let muxer = Muxer::create(at, &encoders, &settings(output, plan));
        let muxer = muxer.map_err(|e| target.named(e))?;
        Ok(Self { plan: Arc::clone(plan), index, sound, muxer, target, buffer, frames: 0, clock })
    }
}

/// The muxer's settings.
fn settings(output: &SoundPlan, plan: &Plan) -> MuxerSettings {
    let SoundPlan { container, audio, metadata, .. } = output;
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut whole: Vec<_> = metadata.tags.clone().into_iter().collect();
    whole.extend(metadata.title.iter().map(|title| pair("title", title)));
    let language = metadata.language.iter();
    let language = language.map(|text| pair("language", language_in(*container, text))).collect();
    let sample = u64::from(audio.bits.unwrap_or(16)) / 8 * u64::from(audio.channels);
    let options = match container {
        Container::Wav if audio.samples.saturating_mul(sample) > MOST_WAV_BYTES => {
            vec![pair("rf64", "always")]
        }
        Container::Mp3 => vec![pair("id3v2_version", "3")],
        _ => Vec::new(),
    };
    let has_chapters = *container == Container::M4a;
    MuxerSettings {
        format: container.muxer().into(),
        packets: vec![SoundStream::packets(audio)],
        options,
        metadata: whole,
        encoder: metadata.encoder.then(|| PROGRAM.into()),
        stream_metadata: vec![language],
        chapters: if has_chapters { chapters(metadata, &plan.stream) } else { Vec::new() },
        ..MuxerSettings::default()
    }
}

impl FrameSink for SoundSink {
    fn write(&mut self, _: Frame) -> Result<()> {
        self.frames += 1;
        self.sound.advance(self.frames, &mut self.muxer).map_err(|e| self.target.named(e))?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        let Self { plan, index, mut sound, mut muxer, target, buffer, frames, clock } = *self;
        let output = &plan.sounds[index];
        sound.finish(&mut muxer).map_err(|e| target.named(e))?;
        let mut bytes = muxer.finish().map_err(|e| target.named(e))?;
        let mut verified = None;
        let written = buffer.as_ref().map(NamedTempFile::path).or(target.path());
        if let Some(path) = written {
            let _timed = clock.time(Part::Verify);
            let facts = probe_sound(path).map_err(|e| target.named(e))?;
            if let Some(message) = difference(&facts, output) {
                return Err(Error::Verify { path: output.path.clone(), message });
            }
            verified = serde_json::to_value(facts).ok();
        }
        if let Some(buffer) = buffer {
            bytes = pour(buffer.path(), target.for_muxer())?;
        }
        let path = target.keep()?;
        Ok(Artifact { path, frames, bytes: Some(bytes), verified, ..Artifact::default() })
    }
}

/// The difference of a finished file from the plan.
fn difference(facts: &SoundFileFacts, output: &SoundPlan) -> Option<String> {
    let audio = &output.audio;
    let name = audio.codec.codec_name(audio.bits);
    if facts.codec != name {
        return Some(format!("the codec is {}, expected {name}", facts.codec));
    }
    let found = (facts.sample_rate, facts.channels);
    if found != (audio.sample_rate, audio.channels) {
        let (rate, channels) = found;
        return Some(format!(
            "it has {rate} Hz and {channels} channel(s), expected {} Hz and {}",
            audio.sample_rate, audio.channels
        ));
    }
    let slack = if audio.codec == AudioCodec::Aac { AAC_FRAME } else { 0 };
    let is_right = (audio.samples..=audio.samples + slack).contains(&facts.samples);
    (!is_right).then(|| format!("it has {} samples, expected {}", facts.samples, audio.samples))
}
