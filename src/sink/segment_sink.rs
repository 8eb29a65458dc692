//! Frames into the segments of a work folder.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::clock::SinkStats;
use super::encode::Learned;
use super::segment_encoder::SegmentEncoder;
use crate::av::{PacketHead, packet_parts};
use crate::error::{Error, Result};
use crate::frame::{Frame, Picture, PictureHead, pack};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Plan;
use crate::work::{Part, PartKind, PartWriter, WorkFolder, of_bytes};

/// Publishes a finished segment: its number, its frames, and its parts.
pub(crate) type Publish<'p> = Box<dyn FnMut(u64, Range<u64>, Vec<Part>) -> Result<()> + Send + 'p>;

/// Writes segments of a plan. Frames come in order, those of other segments are left out.
pub(crate) struct SegmentSink<'w> {
    plan: Arc<Plan>,
    folder: &'w WorkFolder,
    publish: Publish<'w>,
    /// Segments that are not begun, the next one first.
    left: VecDeque<u64>,
    encoders: Vec<(usize, SegmentEncoder)>,
    current: Option<Current>,
    written: u64,
}

/// A segment that is being written.
struct Current {
    segment: u64,
    frames: Range<u64>,
    /// The number of the next frame.
    next: u64,
    /// In the order of the encoders.
    packets: Vec<Packets>,
    pictures: Option<Pictures>,
}

struct Packets {
    writer: PartWriter,
    heads: Vec<PacketHead>,
}

struct Pictures {
    writer: PartWriter,
    heads: Vec<Option<PictureHead>>,
    last: Option<Arc<Picture>>,
    buffer: Vec<u8>,
}

impl Pictures {
    fn push(&mut self, picture: &Arc<Picture>) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, picture)) {
            self.heads.push(None);
            return Ok(());
        }
        let head = pack(picture, &mut self.buffer).map_err(|e| Error::Sink(Box::new(e)))?;
        self.writer.write(&self.buffer[..head.bytes])?;
        self.heads.push(Some(head));
        self.last = Some(Arc::clone(picture));
        Ok(())
    }
}

impl<'w> SegmentSink<'w> {
    /// Opens the encoders. `segments` rise.
    pub(crate) fn open(
        plan: &Arc<Plan>,
        segments: &[u64],
        folder: &'w WorkFolder,
        clock: &SinkStats,
        publish: Publish<'w>,
    ) -> Result<Self> {
        let segmented = plan.outputs.iter().enumerate().filter(|(_, o)| o.is_segmented());
        let encoders = segmented.map(|(index, _)| {
            let learned = &mut Learned::default();
            Ok((index, SegmentEncoder::open(plan, index, learned, clock.clone())?))
        });
        Ok(Self {
            plan: Arc::clone(plan),
            folder,
            publish,
            left: segments.iter().copied().collect(),
            encoders: encoders.collect::<Result<_>>()?,
            current: None,
            written: 0,
        })
    }

    fn begin(&mut self) -> Result<Current> {
        let segment = self.left.pop_front().ok_or_else(|| {
            Error::Limit("more frames came than the segments have (a bug)".into())
        })?;
        let frames = self.plan.segments.frames_of(segment);
        let packets = self.encoders.iter_mut().map(|(index, encoder)| {
            encoder.go_to(frames.start);
            let writer = self.folder.begin_part(segment, &index.to_string())?;
            Ok(Packets { writer, heads: Vec::new() })
        });
        let packets = packets.collect::<Result<_>>()?;
        let pictures = if frames.clone().any(|frame| self.plan.keeps_frame(frame)) {
            let writer = self.folder.begin_part(segment, "frames")?;
            Some(Pictures { writer, heads: Vec::new(), last: None, buffer: Vec::new() })
        } else {
            None
        };
        Ok(Current { segment, next: frames.start, frames, packets, pictures })
    }

    /// Completes a segment whose frames have all come.
    fn complete(&mut self, current: Current) -> Result<()> {
        let Current { segment, frames, mut packets, pictures, .. } = current;
        for ((_, encoder), packets) in self.encoders.iter_mut().zip(&mut packets) {
            encoder.end(&mut |packet| packets.write(&packet))?;
        }
        let mut parts = Vec::new();
        for ((index, encoder), Packets { writer, heads }) in self.encoders.iter().zip(packets) {
            let head = of_bytes(encoder.head());
            parts.push(writer.finish(PartKind::Packets {
                output: *index,
                head,
                packets: heads,
            })?);
        }
        if let Some(Pictures { writer, heads, .. }) = pictures {
            parts.push(writer.finish(PartKind::Frames { pictures: heads })?);
        }
        (self.publish)(segment, frames, parts)
    }
}

impl Packets {
    fn write(&mut self, packet: &crate::av::Packet) -> Result<()> {
        let (head, bytes) = packet_parts(packet)?;
        self.writer.write(&bytes)?;
        self.heads.push(head);
        Ok(())
    }
}

impl FrameSink for SegmentSink<'_> {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin()?,
        };
        let number = current.next;
        current.next += 1;
        if let Some(pictures) = &mut current.pictures
            && self.plan.keeps_frame(number)
        {
            pictures.push(&frame.picture)?;
        }
        for ((_, encoder), packets) in self.encoders.iter_mut().zip(&mut current.packets) {
            encoder.push(Arc::clone(&frame.picture), &mut |packet| packets.write(&packet))?;
        }
        self.written += 1;
        if current.next == current.frames.end {
            self.complete(current)
        } else {
            self.current = Some(current);
            Ok(())
        }
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact { frames: self.written, ..Artifact::default() })
    }
}
