//! Frames into a video file: convert, encode, mux, verify, rename.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::partial::PartialFile;
use super::verify::verify;
use crate::av::{
    AvError, Encoder, EncoderSettings, FramePool, Muxer, MuxerSettings, Received, VideoFrame,
};
use crate::error::{Error, Result};
use crate::frame::yuv::yuv_from_rgb;
use crate::frame::{Frame, Picture};
use crate::job::Plan;
use crate::pipeline::{Artifact, FrameSink};

/// Times that a sink measures inside of itself, for the report.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkClock(Arc<SinkTimes>);

#[derive(Debug, Default)]
struct SinkTimes {
    convert_ns: AtomicU64,
    verify_ns: AtomicU64,
}

impl SinkClock {
    /// Time spent on color conversion.
    pub(crate) fn convert(&self) -> Duration {
        Duration::from_nanos(self.0.convert_ns.load(Ordering::Relaxed))
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

/// Writes a video file.
#[derive(Debug)]
pub(crate) struct EncodeSink {
    plan: Arc<Plan>,
    // Before the file: what writes into it is closed first.
    encoder: Encoder,
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
            global_header: Muxer::wants_global_header(format)?,
        })?;
        let file = PartialFile::create(&plan.output)?;
        let settings = MuxerSettings { format: format.into(), frames: plan.stream.frames };
        let muxer = Muxer::create(file.path(), &encoder, &settings).map_err(|e| named(e, &file))?;
        let pool = FramePool::new(video.size, video.subsampling(), video.color)?;
        Ok(Self {
            plan: Arc::clone(plan),
            encoder,
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
                    muxer.write(packet).map_err(|e| named(e, &self.file))?;
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
        self.drain().map(drop)
    }

    fn finish(mut self: Box<Self>) -> Result<Artifact> {
        self.last = None;
        self.encoder.send_end()?;
        while !self.drain()? {}
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
