//! Two passes: the first measures while frames are captured and stored, the second encodes them.

use std::sync::Arc;

use tempfile::TempDir;

use super::clock::{Part, SinkStats};
use super::converter::Converter;
use super::encode::{EncodeSink, Learned};
use super::segment_encoder::send;
use super::settings::encoder_settings;
use super::store::{FrameStore, MOST_BYTES};
use super::target::Target;
use crate::av::{Encoder, EncoderSettings, Muxer, Pass, Received};
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Plan;
use crate::time::FrameIndex;

/// The statistics that a first pass leaves for the second: a file, or text, by encoder.
#[derive(Debug)]
pub(super) struct PassFile {
    directory: TempDir,
    text: String,
}

impl PassFile {
    fn create() -> Result<Self> {
        let directory = tempfile::tempdir()
            .map_err(Error::io("cannot create a directory in", &tempfile::env::temp_dir()))?;
        Ok(Self { directory, text: String::new() })
    }

    /// Changes `settings` to those of the first or the second pass.
    pub(super) fn apply(&self, settings: &mut EncoderSettings, is_second: bool) {
        let path = self.directory.path().join("statistics").to_string_lossy().into_owned();
        let number = 1 + u32::from(is_second);
        match settings.name.as_str() {
            "libx265" => {
                let ours = format!("pass={number}:stats={path}");
                let old = settings.options.iter_mut().find(|(key, _)| key == "x265-params");
                match old {
                    Some((_, value)) => *value = format!("{value}:{ours}"),
                    None => settings.options.push(("x265-params".into(), ours)),
                }
            }
            name => {
                if name.starts_with("libx264") {
                    settings.options.push(("stats".into(), path));
                }
                let text = self.text.clone();
                settings.pass = Some(if is_second { Pass::Second(text) } else { Pass::First });
            }
        }
    }
}

/// Stores frames while the first pass measures them.
#[derive(Debug)]
pub(super) struct TwoPassSink {
    plan: Arc<Plan>,
    index: usize,
    target: Target,
    converter: Converter,
    first: Encoder,
    pass: PassFile,
    store: FrameStore,
    frames: u64,
    clock: SinkStats,
    cancel: CancelToken,
}

impl TwoPassSink {
    pub(super) fn open(
        plan: &Arc<Plan>,
        index: usize,
        target: Target,
        clock: SinkStats,
        cancel: CancelToken,
    ) -> Result<Self> {
        let output = &plan.outputs[index];
        let global_header = Muxer::wants_global_header(output.container.muxer())?;
        let mut settings = encoder_settings(output, plan.stream.frame_rate, global_header);
        if !crate::av::has_encoder(&settings.name) {
            return Err(Error::NoEncoder { name: settings.name });
        }
        EncodeSink::try_out(plan, index, &clock, &cancel)?;
        let pass = PassFile::create()?;
        pass.apply(&mut settings, false);
        Ok(Self {
            plan: Arc::clone(plan),
            index,
            target,
            converter: Converter::new(plan, index, None, clock.clone())?,
            first: Encoder::open(&settings)?,
            pass,
            store: FrameStore::create(MOST_BYTES)?,
            frames: 0,
            clock,
            cancel,
        })
    }

    /// Takes the statistics of the first pass; packets are not needed.
    fn drain(&mut self) -> Result<bool> {
        loop {
            match self.first.receive()? {
                Received::Packet(_) => {}
                Received::NeedsInput => return Ok(false),
                Received::Drained => return Ok(true),
            }
        }
    }
}

impl FrameSink for TwoPassSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        self.store.push(&frame.picture)?;
        let picture = self.converter.convert(&frame.picture, self.frames)?;
        send(&mut self.first, picture, (self.frames, 0), &self.plan.outputs[self.index])?;
        self.frames += 1;
        self.drain().map(drop)
    }

    fn finish(mut self: Box<Self>) -> Result<Artifact> {
        self.converter.forget();
        self.first.send_end()?;
        while !self.drain()? {}
        let Self { plan, index, target, mut first, mut pass, store, clock, cancel, .. } = *self;
        pass.text = first.take_statistics();
        // The encoder writes its file when it is closed.
        drop(first);
        let learned = Learned { pass: Some(pass), scenes: None };
        let second = EncodeSink::open(&plan, index, target, learned, clock.clone())?;
        replay(store, second, &clock, &cancel)
    }
}

/// Writes stored frames into a sink.
pub(super) fn replay(
    store: FrameStore,
    sink: EncodeSink,
    clock: &SinkStats,
    cancel: &CancelToken,
) -> Result<Artifact> {
    let mut sink = Box::new(sink);
    clock.count_stored(store.bytes());
    {
        let _timed = clock.time(Part::Replay);
        let mut frames = store.replay()?;
        let mut index = FrameIndex(0);
        while let Some(picture) = frames.next()? {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            sink.write(Frame { index, picture })?;
            index.0 += 1;
        }
    }
    sink.finish()
}
