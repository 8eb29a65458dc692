//! Frames into a video file: convert, encode, mux, verify, rename.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::partial::PartialFile;
use super::sound::SoundStream;
use super::verify::verify;
use crate::av::{
    AvError, Described, Encoder, EncoderSettings, FramePool, Muxer, MuxerSettings, Received,
    VideoFrame,
};
use crate::error::{Error, Result};
use crate::frame::yuv::yuv_from_rgb;
use crate::frame::{Frame, Picture};
use crate::job::Plan;
use crate::pipeline::{Artifact, FrameSink};
use crate::report::Warning;

/// What a sink finds out inside of itself, for the report: times, and what is not right.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkClock(Arc<SinkTimes>);

#[derive(Debug, Default)]
struct SinkTimes {
    convert_ns: AtomicU64,
    sound_ns: AtomicU64,
    verify_ns: AtomicU64,
    warnings: Mutex<Vec<Warning>>,
}

/// Counts time as that of the sound until it is dropped.
#[must_use]
pub(super) struct SoundTimer {
    clock: SinkClock,
    start: Instant,
}

impl Drop for SoundTimer {
    fn drop(&mut self) {
        SinkClock::add(&self.clock.0.sound_ns, self.start);
    }
}

impl SinkClock {
    /// Time spent on color conversion.
    pub(crate) fn convert(&self) -> Duration {
        Duration::from_nanos(self.0.convert_ns.load(Ordering::Relaxed))
    }

    /// Time spent on mixing and encoding sound.
    pub(crate) fn sound(&self) -> Duration {
        Duration::from_nanos(self.0.sound_ns.load(Ordering::Relaxed))
    }

    /// What was not right with the sound so far, and has not been told.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn warn(&self, warnings: impl Iterator<Item = Warning>) {
        let mut list = self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        list.extend(warnings);
    }

    pub(super) fn time_sound(&self) -> SoundTimer {
        SoundTimer { clock: self.clone(), start: Instant::now() }
    }

    /// Time spent on reading the file back.
    pub(crate) fn verify(&self) -> Duration {
        Duration::from_nanos(self.0.verify_ns.load(Ordering::Relaxed))
    }

    fn add(to: &AtomicU64, since: Instant) {
        let ns = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        to.fetch_add(ns, Ordering::Relaxed);
    }
}

/// The number of the picture's stream in the file.
const PICTURE: usize = 0;

/// Writes a video file.
#[derive(Debug)]
pub(crate) struct EncodeSink {
    plan: Arc<Plan>,
    // Before the file: what writes into it is closed first.
    encoder: Encoder,
    sound: Option<SoundStream>,
    muxer: Option<Muxer>,
    file: PartialFile,
    pool: FramePool,
    /// The last picture and what it became.
    last: Option<(Arc<Picture>, VideoFrame)>,
    frames: u64,
    clock: SinkClock,
}

impl EncodeSink {
    /// Opens the encoder, then the file.
    pub(crate) fn open(plan: &Arc<Plan>, clock: SinkClock) -> Result<Self> {
        let video = &plan.video;
        let name = video.encoder.clone();
        if !crate::av::has_encoder(&name) {
            return Err(Error::NoEncoder { name });
        }
        let format = plan.container.muxer();
        let global_header = Muxer::wants_global_header(format)?;
        let encoder = Encoder::open(&EncoderSettings {
            name,
            size: video.size,
            frame_rate: plan.stream.frame_rate,
            subsampling: video.subsampling(),
            color: video.color,
            bitrate: video.bitrate,
            gop: video.gop,
            threads: video.threads,
            options: video.options.clone(),
            global_header,
        })?;
        let rate = plan.stream.frame_rate;
        let open = |audio| SoundStream::open(audio, rate, global_header, clock.clone());
        let sound = plan.audio.as_ref().map(open).transpose()?;
        let file = PartialFile::create(&plan.output)?;
        let mut encoders: Vec<&dyn Described> = vec![&encoder];
        encoders.extend(sound.iter().map(|sound| -> &dyn Described { &sound.encoder }));
        let mut packets = vec![plan.stream.frames];
        packets.extend(plan.audio.iter().map(SoundStream::packets));
        let settings = MuxerSettings { format: format.into(), packets };
        let muxer =
            Muxer::create(file.path(), &encoders, &settings).map_err(|e| named(e, &file))?;
        let pool = FramePool::new(video.size, video.subsampling(), video.color)?;
        Ok(Self {
            plan: Arc::clone(plan),
            encoder,
            sound,
            muxer: Some(muxer),
            file,
            pool,
            last: None,
            frames: 0,
            clock,
        })
    }

    /// The picture in the encoder's format; the last one again if it is the same.
    fn convert(&mut self, picture: &Arc<Picture>) -> Result<VideoFrame> {
        if let Some((last, converted)) = &self.last
            && Arc::ptr_eq(last, picture)
        {
            return Ok(converted.share()?);
        }
        let start = Instant::now();
        let mut converted = self.pool.get()?;
        let video = &self.plan.video;
        yuv_from_rgb(picture, video.size, video.subsampling(), converted.planes_mut());
        SinkClock::add(&self.clock.0.convert_ns, start);
        self.last = Some((Arc::clone(picture), converted.share()?));
        Ok(converted)
    }

    /// Moves finished packets into the file. Returns whether the encoder is empty for good.
    fn drain(&mut self) -> Result<bool> {
        let muxer = self.muxer.as_mut().expect("the file is open until `finish`");
        loop {
            match self.encoder.receive()? {
                Received::Packet(packet) => {
                    muxer.write(PICTURE, packet).map_err(|e| named(e, &self.file))?;
                }
                Received::NeedsInput => return Ok(false),
                Received::Drained => return Ok(true),
            }
        }
    }
}

impl FrameSink for EncodeSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let mut picture = self.convert(&frame.picture)?;
        let pts = i64::try_from(self.frames).expect("a render has fewer frames");
        self.encoder.send(&mut picture, pts)?;
        self.frames += 1;
        self.drain()?;
        // In step with the picture: neither waits long for the other in the muxer.
        if let (Some(sound), Some(muxer)) = (&mut self.sound, &mut self.muxer) {
            sound.advance(self.frames, muxer).map_err(|e| named(e, &self.file))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Artifact> {
        self.last = None;
        self.encoder.send_end()?;
        while !self.drain()? {}
        if let (Some(sound), Some(muxer)) = (&mut self.sound, &mut self.muxer) {
            sound.finish(muxer).map_err(|e| named(e, &self.file))?;
        }
        let muxer = self.muxer.take().expect("the file is open until `finish`");
        let bytes = muxer.finish().map_err(|e| named(e, &self.file))?;
        let start = Instant::now();
        let facts = verify(self.file.path(), self.file.target(), &self.plan)?;
        SinkClock::add(&self.clock.0.verify_ns, start);
        let facts = serde_json::to_value(facts).ok();
        let path = self.file.keep()?;
        Ok(Artifact {
            path: Some(path),
            frames: self.frames,
            bytes: Some(bytes),
            digest: None,
            verified: facts,
        })
    }
}

/// An error about the partial file, told about the file that the user asked for.
fn named(error: AvError, file: &PartialFile) -> AvError {
    let partial = file.path().display().to_string();
    let target = file.target().display().to_string();
    AvError { doing: error.doing.replace(&partial, &target), ..error }
}
