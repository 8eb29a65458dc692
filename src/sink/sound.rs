//! The sound beside the picture: mixed and encoded in step with the frames.

use super::clock::{Part, SinkStats};
use crate::av::{AudioEncoder, AudioEncoderSettings, AvError, Muxer, Received, StereoSample};
use crate::error::{Error, Result};
use crate::frame::{Frame, StreamInfo};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::{AudioPlan, Plan, samples_in};
use crate::sound::Mixer;
use crate::time::FrameRate;
use crate::warning::Warning;

/// Samples that are mixed at a time: memory does not grow when frames are long.
const CHUNK: u64 = 48_000;

/// The mix of a plan, handed out in step with the frames.
#[derive(Debug)]
struct Mixed {
    mixer: Mixer,
    rate: FrameRate,
    /// The number of samples handed out.
    written: u64,
    clock: SinkStats,
}

impl Mixed {
    fn new(plan: &AudioPlan, rate: FrameRate, clock: SinkStats) -> Self {
        let start = i64::try_from(plan.first_sample).unwrap_or(i64::MAX);
        let mixer =
            Mixer::new(&plan.tracks, &plan.groups, start, plan.whole_gain(), plan.ceiling());
        Self { mixer, rate, written: 0, clock }
    }

    /// Passes the samples up to the end of the first `frames` frames to `take`, a chunk at a time.
    fn advance<E>(
        &mut self,
        frames: u64,
        take: &mut dyn FnMut(&[StereoSample]) -> Result<(), E>,
    ) -> Result<(), E> {
        let clock = self.clock.clone();
        let _timed = clock.time(Part::Sound);
        let end = samples_in(frames, self.rate);
        while self.written < end {
            let count = (end - self.written).min(CHUNK);
            take(&self.mixer.read(usize::try_from(count).unwrap_or_default()))?;
            self.written += count;
        }
        let faults = self.mixer.take_faults().into_iter();
        self.clock.warn(faults.map(|fault| Warning {
            code: "sound_damaged".into(),
            message: format!("{}: {}: {}", fault.label, fault.file.display(), fault.text),
            hint: None,
        }));
        Ok(())
    }
}

/// Mixes and encodes the sound of a plan.
#[derive(Debug)]
pub(super) struct SoundStream {
    mixed: Mixed,
    out: Encoded,
}

/// An encoder, and the stream for its packets.
#[derive(Debug)]
struct Encoded {
    encoder: AudioEncoder,
    /// The number of its stream in the file.
    stream: usize,
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
        let out = Encoded { encoder, stream: 1 };
        Ok(Self { mixed: Mixed::new(plan, rate, clock), out })
    }

    /// The encoder, for the muxer's description of the stream.
    pub(super) const fn encoder(&self) -> &AudioEncoder {
        &self.out.encoder
    }

    /// Makes it the first stream, for a file without pictures.
    pub(super) fn alone(mut self) -> Self {
        self.out.stream = 0;
        self
    }

    /// The most packets that this sound makes.
    pub(super) fn packets(plan: &AudioPlan) -> u64 {
        // The shortest frames are those of Opus, 20 ms, and 576 samples of MP3 with low rates.
        plan.samples / u64::from(plan.sample_rate / 50).min(576) + 8
    }

    /// Writes the sound up to the end of the first `frames` frames.
    pub(super) fn advance(&mut self, frames: u64, muxer: &mut Muxer) -> Result<(), AvError> {
        let out = &mut self.out;
        self.mixed.advance(frames, &mut |samples| {
            out.encoder.send(samples)?;
            out.drain(muxer).map(drop)
        })
    }

    /// Writes the packets that the encoder still holds.
    pub(super) fn finish(&mut self, muxer: &mut Muxer) -> Result<(), AvError> {
        let clock = self.mixed.clock.clone();
        let _timed = clock.time(Part::Sound);
        self.out.encoder.send_end()?;
        while !self.out.drain(muxer)? {}
        Ok(())
    }
}

impl Encoded {
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

/// Gives a sink the mix of a plan: after each frame the samples that belong to it.
pub(crate) struct WithSound<S> {
    inner: S,
    mixed: Mixed,
    samples: u64,
    frames: u64,
}

impl<S: FrameSink> WithSound<S> {
    pub(crate) fn new(inner: S, sound: &AudioPlan, plan: &Plan, clock: SinkStats) -> Self {
        let mixed = Mixed::new(sound, plan.stream.frame_rate, clock);
        Self { inner, mixed, samples: sound.samples, frames: 0 }
    }
}

impl<S: FrameSink> FrameSink for WithSound<S> {
    fn begin(&mut self, stream: &StreamInfo) -> Result<()> {
        self.inner.begin(stream)?;
        self.inner.begin_sound(self.samples)
    }

    fn write(&mut self, frame: Frame) -> Result<()> {
        self.inner.write(frame)?;
        self.frames += 1;
        let inner = &mut self.inner;
        self.mixed.advance(self.frames, &mut |samples| inner.write_sound(samples))
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Box::new(self.inner).finish()
    }
}
