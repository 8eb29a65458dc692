//! The sound beside the picture: mixed and encoded in step with the frames.

use super::clock::{Part, SinkStats};
use crate::av::{AudioEncoder, AudioEncoderSettings, AvError, Muxer, Received};
use crate::error::{Error, Result};
use crate::plan::{AudioPlan, samples_in};
use crate::sound::Mixer;
use crate::time::FrameRate;
use crate::warning::Warning;

/// Samples that are mixed at a time: memory does not grow when frames are long.
const CHUNK: u64 = 48_000;

/// Mixes and encodes the sound of a plan.
#[derive(Debug)]
pub(super) struct SoundStream {
    mixer: Mixer,
    pub(super) encoder: AudioEncoder,
    /// The number of its stream in the file.
    stream: usize,
    rate: FrameRate,
    /// Samples that the encoder has.
    written: u64,
    clock: SinkStats,
}

impl SoundStream {
    pub(super) fn open(
        plan: &AudioPlan,
        rate: FrameRate,
        global_header: bool,
        clock: SinkStats,
    ) -> Result<Self> {
        let name = plan.encoder.clone();
        if !crate::av::has_encoder(&name) {
            return Err(Error::NoEncoder { name });
        }
        let settings = AudioEncoderSettings {
            name,
            bitrate: plan.bitrate,
            rate: plan.sample_rate,
            channels: plan.channels,
            bits: plan.bits,
            global_header,
        };
        let encoder = AudioEncoder::open(&settings)?;
        let start = i64::try_from(plan.first_sample).unwrap_or(i64::MAX);
        let mixer =
            Mixer::new(&plan.tracks, &plan.groups, start, plan.whole_gain(), plan.ceiling());
        Ok(Self { mixer, encoder, stream: 1, rate, written: 0, clock })
    }

    /// In a file without pictures.
    pub(super) fn alone(mut self) -> Self {
        self.stream = 0;
        self
    }

    /// Packets that so much sound will make at most.
    pub(super) fn packets(plan: &AudioPlan) -> u64 {
        // The shortest frames are those of Opus, 20 ms, and 576 samples of MP3 with low rates.
        plan.samples / u64::from(plan.sample_rate / 50).min(576) + 8
    }

    /// Writes the sound up to the end of the first `frames` frames.
    pub(super) fn advance(&mut self, frames: u64, muxer: &mut Muxer) -> Result<(), AvError> {
        let clock = self.clock.clone();
        let _timed = clock.time(Part::Sound);
        let end = samples_in(frames, self.rate);
        while self.written < end {
            let count = (end - self.written).min(CHUNK);
            let samples = self.mixer.read(usize::try_from(count).unwrap_or_default());
            self.encoder.send(&samples)?;
            self.written += count;
            self.drain(muxer)?;
        }
        let faults = self.mixer.take_faults().into_iter();
        self.clock.warn(faults.map(|fault| Warning {
            code: "sound_damaged".into(),
            message: format!("{}: {}: {}", fault.label, fault.file.display(), fault.text),
            hint: None,
        }));
        Ok(())
    }

    /// Writes what the encoder still holds.
    pub(super) fn finish(&mut self, muxer: &mut Muxer) -> Result<(), AvError> {
        let clock = self.clock.clone();
        let _timed = clock.time(Part::Sound);
        self.encoder.send_end()?;
        while !self.drain(muxer)? {}
        Ok(())
    }

    /// Moves finished packets into the file. Returns whether the encoder is empty for good.
    fn drain(&mut self, muxer: &mut Muxer) -> Result<bool, AvError> {
        loop {
            match self.encoder.receive()? {
                Received::Packet(packet) => muxer.write(self.stream, packet)?,
                Received::NeedsInput => return Ok(false),
                Received::Drained => return Ok(true),
            }
        }
    }
}
