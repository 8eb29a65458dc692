//! Encodes the frames of one output, segment by segment.
//!
//! Each segment has an encoder of its own, whose times begin at 0; its packets are moved to their
//! place by whole frames. So a segment's bytes do not depend on who encoded the one before.

use std::sync::Arc;

use super::ahead::Ahead;
use super::clock::SinkStats;
use super::converter::Converter;
use super::encode::Learned;
use super::hardware;
use super::settings::encoder_settings;
use crate::av::{
    AvError, Described, Encoder, EncoderSettings, Muxer, Packet, Received, VideoFrame, move_by,
};
use crate::error::{Error, Result};
use crate::frame::Picture;
use crate::plan::{OutputPlan, Plan};

/// Takes finished packets, in the order in which they are decoded.
pub(super) type TakePacket<'t> = &'t mut dyn FnMut(Packet) -> Result<()>;

/// Encodes pictures of one output, in segments.
#[derive(Debug)]
pub(super) struct SegmentEncoder {
    plan: Arc<Plan>,
    index: usize,
    settings: EncoderSettings,
    ahead: Ahead,
    /// `None` from the end of a segment to the next frame.
    encoder: Option<Encoder>,
    /// The stream's head, which is the same for all segments.
    head: Vec<u8>,
    /// The first frame of the segment under way.
    start: u64,
    /// The number of the next frame that comes, and of the next one that is encoded.
    taken: u64,
    encoded: u64,
    clock: SinkStats,
}

impl SegmentEncoder {
    /// Opens the encoder of the first segment. Returns what an earlier pass has to keep until the
    /// end, too.
    pub(super) fn open(
        plan: &Arc<Plan>,
        index: usize,
        learned: &mut Learned,
        clock: SinkStats,
    ) -> Result<Self> {
        let output = &plan.outputs[index];
        let global_header = Muxer::wants_global_header(output.container.muxer())?;
        let mut settings = encoder_settings(output, plan.stream.frame_rate, global_header);
        if let Some(pass) = &learned.pass {
            pass.apply(&mut settings, true);
        }
        let encoder = open_encoder(output, &settings, &clock)?;
        let head = encoder.head().to_vec();
        let converter = Converter::new(plan, index, learned.scenes.take(), clock.clone())?;
        Ok(Self {
            plan: Arc::clone(plan),
            index,
            settings,
            ahead: Ahead::new(converter)?,
            encoder: Some(encoder),
            head,
            start: 0,
            taken: 0,
            encoded: 0,
            clock,
        })
    }

    /// The open encoder, for the muxer's description of the stream. Only before the first frame.
    pub(super) fn described(&self) -> Result<&dyn Described> {
        let encoder = self.encoder.as_ref().map(|encoder| -> &dyn Described { encoder });
        encoder.ok_or_else(|| AvError::refused("encoder", "it is closed").into())
    }

    /// The stream's head: parameter sets, where the container keeps them apart.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The number of frames that were encoded.
    pub(super) const fn frames(&self) -> u64 {
        self.encoded
    }

    /// Takes the next frame's picture. The packets that are finished meanwhile are those of frames
    /// before.
    pub(super) fn push(&mut self, picture: Arc<Picture>, take: TakePacket<'_>) -> Result<()> {
        let is_segmented = self.plan.outputs[self.index].is_segmented();
        if is_segmented && self.taken > self.start && self.plan.segments.begins_at(self.taken) {
            self.end(take)?;
        }
        let number = self.taken;
        self.taken += 1;
        match self.ahead.push(picture, number)? {
            Some(picture) => self.encode(picture, take),
            None => Ok(()),
        }
    }

    /// Ends the segment under way: all of its packets come out.
    pub(super) fn end(&mut self, take: TakePacket<'_>) -> Result<()> {
        while let Some(picture) = self.ahead.pop()? {
            self.encode(picture, take)?;
        }
        if let Some(mut encoder) = self.encoder.take() {
            encoder.send_end()?;
            while !drain(&mut encoder, self.start, take)? {}
        }
        self.start = self.encoded;
        Ok(())
    }

    /// Goes on with another segment, between segments.
    pub(super) const fn go_to(&mut self, frame: u64) {
        (self.start, self.taken, self.encoded) = (frame, frame, frame);
    }

    /// Ends the thread that converts: no more frames come.
    pub(super) fn close(&mut self) {
        self.ahead.end();
    }

    /// Encodes the next frame, and takes its finished packets.
    fn encode(&mut self, picture: VideoFrame, take: TakePacket<'_>) -> Result<()> {
        let output = &self.plan.outputs[self.index];
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            closed @ None => {
                let encoder = open_encoder(output, &self.settings, &self.clock)?;
                if encoder.head() != self.head {
                    let text = format!("its head at frame {} is another", self.encoded);
                    let doing = format!("encoder {}", self.settings.name);
                    return Err(AvError::refused(doing, text).into());
                }
                closed.insert(encoder)
            }
        };
        send(encoder, picture, (self.encoded, self.start), output)?;
        self.encoded += 1;
        drain(encoder, self.start, take)?;
        Ok(())
    }
}

/// Takes finished packets. Returns whether the encoder is empty for good.
fn drain(encoder: &mut Encoder, start: u64, take: TakePacket<'_>) -> Result<bool> {
    loop {
        match encoder.receive()? {
            Received::Packet(mut packet) => {
                move_by(&mut packet, i64::try_from(start).unwrap_or(i64::MAX));
                take(packet)?;
            }
            Received::NeedsInput => return Ok(false),
            Received::Drained => return Ok(true),
        }
    }
}

/// Sends `frame` to the encoder as number `number`, as a keyframe where the output wants one.
/// `start` is the first frame of its segment.
pub(super) fn send(
    encoder: &mut Encoder,
    mut frame: VideoFrame,
    (number, start): (u64, u64),
    output: &OutputPlan,
) -> Result<(), AvError> {
    frame.set_keyframe(output.video.keyframes.binary_search(&number).is_ok());
    encoder.send(&mut frame, i64::try_from(number - start).expect("a render has fewer frames"))
}

/// The encoder of an output: the graphics card's if it works and is wanted, else the usual one.
fn open_encoder(
    output: &OutputPlan,
    settings: &EncoderSettings,
    clock: &SinkStats,
) -> Result<Encoder> {
    if let Some(encoder) = hardware::open(output, settings, clock) {
        return Ok(encoder);
    }
    if !crate::av::has_encoder(&settings.name) {
        return Err(Error::NoEncoder { name: settings.name.clone() });
    }
    Ok(Encoder::open(settings)?)
}
