//! The finished segments of a work folder into the outputs.

use std::sync::Arc;

use super::clock::SinkStats;
use super::encode::Learned;
use super::file_writer::FileWriter;
use super::open_one;
use super::segment_encoder::SegmentEncoder;
use super::sound_file::SoundSink;
use super::target::Target;
use super::tee::{self, Poster, TeeSink};
use crate::av::packet_of;
use crate::cancel::CancelToken;
use crate::error::{Error, Result, WorkFault};
use crate::frame::{Frame, Picture, PixelFormat, Size, unpack};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Plan;
use crate::time::FrameIndex;
use crate::work::{Misfit, Part, PartKind, Record, WorkFolder, of_bytes};

/// The outputs of a plan, which take segments in order.
pub(crate) struct Assembly<'w> {
    plan: Arc<Plan>,
    folder: &'w WorkFolder,
    /// In the order of the plan.
    outputs: Vec<Output>,
    sounds: Vec<SoundSink>,
    posters: Vec<Poster>,
    sidecars: Vec<super::partial::PartialFile>,
}

enum Output {
    /// Takes packets. The digest of the head is that of every segment.
    File { writer: Box<FileWriter>, head: String },
    /// Takes frames.
    Sink(Box<dyn FrameSink>),
}

impl<'w> Assembly<'w> {
    /// Opens all outputs.
    pub(crate) fn open(
        plan: &Arc<Plan>,
        folder: &'w WorkFolder,
        clock: &SinkStats,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let output = |index: usize| {
            if !plan.outputs[index].is_segmented() {
                return open_one(plan, index, clock, cancel).map(Output::Sink);
            }
            // First of all: a pipe may have to wait for its reader.
            let target = Target::create(&plan.outputs[index], cancel)?;
            // It encodes nothing, but describes the stream.
            let mut encoder =
                SegmentEncoder::open(plan, index, &mut Learned::default(), clock.clone())?;
            let head = of_bytes(encoder.head());
            let picture = encoder.described()?;
            let writer = FileWriter::open(plan, index, target, picture, clock.clone())?;
            // SVT-AV1 waits for ever where it is closed before it has encoded anything.
            encoder.push(blank(plan), &mut |_| Ok(()))?;
            encoder.end(&mut |_| Ok(()))?;
            Ok(Output::File { writer: Box::new(writer), head })
        };
        let outputs = (0..plan.outputs.len()).map(output).collect::<Result<_>>()?;
        let sounds =
            (0..plan.sounds.len()).map(|i| SoundSink::open(plan, i, clock.clone(), cancel));
        let sounds = sounds.collect::<Result<_>>()?;
        let posters = plan.posters.iter().map(|poster| Poster::create(poster, plan.stream.color));
        let posters = posters.collect::<Result<_>>()?;
        let sidecars = plan.sidecars.iter().map(tee::sidecar).collect::<Result<_>>()?;
        let plan = Arc::clone(plan);
        Ok(Self { plan, folder, outputs, sounds, posters, sidecars })
    }

    /// Takes the next segment.
    pub(crate) fn add(&mut self, record: &Record) -> Result<()> {
        for part in &record.parts {
            match &part.kind {
                PartKind::Packets { output, .. } => self.add_packets(*output, part)?,
                PartKind::Frames { .. } => self.add_frames(record, part)?,
            }
        }
        if self.sounds.is_empty() {
            return Ok(());
        }
        let size = Size { width: 1, height: 1 };
        let blank = Arc::new(Picture { size, format: PixelFormat::Rgba8, data: vec![0; 4] });
        for frame in record.frames[0]..record.frames[1] {
            for sound in &mut self.sounds {
                sound.write(Frame { index: FrameIndex(frame), picture: Arc::clone(&blank) })?;
            }
        }
        Ok(())
    }

    fn add_packets(&mut self, output: usize, part: &Part) -> Result<()> {
        let PartKind::Packets { head: found, packets, .. } = &part.kind else { return Ok(()) };
        let Some(Output::File { writer, head }) = self.outputs.get_mut(output) else {
            return Err(damaged(part, "it belongs to no output"));
        };
        if found != head {
            let message = format!("{}: its encoder began the stream in another way", part.file);
            return Err(Misfit { fault: WorkFault::EnvironmentMismatch, message }.into());
        }
        let mut reader = self.folder.read_part(part)?;
        for packet in packets {
            let bytes = reader.read(packet.whole())?;
            writer.write(packet_of(packet, bytes)?)?;
        }
        reader.finish()
    }

    fn add_frames(&mut self, record: &Record, part: &Part) -> Result<()> {
        let PartKind::Frames { pictures } = &part.kind else { return Ok(()) };
        let kept = (record.frames[0]..record.frames[1]).filter(|&n| self.plan.keeps_frame(n));
        let kept: Vec<_> = kept.collect();
        if kept.len() != pictures.len() {
            return Err(damaged(part, "it has another number of frames"));
        }
        let mut reader = self.folder.read_part(part)?;
        let mut last: Option<Arc<Picture>> = None;
        for (&number, head) in kept.iter().zip(pictures) {
            if let Some(head) = head {
                let picture = unpack(head, reader.read(head.bytes)?);
                let picture = picture.map_err(|e| damaged(part, &e.to_string()))?;
                last = Some(Arc::new(picture));
            }
            let picture = last.clone().ok_or_else(|| damaged(part, "it begins with nothing"))?;
            for poster in &mut self.posters {
                poster.take(number, &picture)?;
            }
            for output in &mut self.outputs {
                if let Output::Sink(sink) = output {
                    let picture = Arc::clone(&picture);
                    sink.write(Frame { index: FrameIndex(number), picture })?;
                }
            }
        }
        reader.finish()
    }

    /// The sink that completes all outputs, in the order of a plain render.
    pub(crate) fn into_sink(self) -> Box<dyn FrameSink> {
        let Self { plan, outputs, sounds, posters, sidecars, .. } = self;
        let frames = plan.stream.frames;
        let mut sinks: Vec<Box<dyn FrameSink>> = Vec::new();
        for output in outputs {
            sinks.push(match output {
                Output::File { writer, .. } => Box::new(Written { writer, frames }),
                Output::Sink(sink) => sink,
            });
        }
        for (index, sound) in sounds.into_iter().enumerate() {
            // The main output comes first.
            let place = if plan.main_is_sound { index } else { sinks.len() };
            sinks.insert(place, Box::new(sound));
        }
        if sinks.len() == 1 && posters.is_empty() && sidecars.is_empty() {
            return sinks.remove(0);
        }
        Box::new(TeeSink { sinks, posters, sidecars, frames })
    }
}

/// A file that has all of its packets.
struct Written {
    writer: Box<FileWriter>,
    frames: u64,
}

impl FrameSink for Written {
    fn write(&mut self, _: Frame) -> Result<()> {
        Err(Error::Limit("a file of finished packets takes no frames (a bug)".into()))
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        self.writer.finish(self.frames)
    }
}

/// A black frame of a plan.
fn blank(plan: &Plan) -> Arc<Picture> {
    let format = if plan.stream.color.is_hdr() { PixelFormat::Rgb16 } else { PixelFormat::Rgba8 };
    let size = plan.stream.size;
    let bytes = size.width as usize * size.height as usize * format.bytes_per_pixel();
    Arc::new(Picture { size, format, data: vec![0; bytes] })
}

fn damaged(part: &Part, what: &str) -> Error {
    let message = format!("{}: {what}", part.file);
    Misfit { fault: WorkFault::ChunkCorrupt, message }.into()
}
