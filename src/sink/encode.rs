//! Frames into an encoded output: convert, encode, mux, verify, rename.

use std::sync::Arc;

use super::clock::SinkStats;
use super::file_writer::FileWriter;
use super::palette::Scenes;
use super::passes::PassFile;
use super::segment_encoder::SegmentEncoder;
use super::target::Target;
use crate::av::AvError;
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::job::Place;
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Plan;

/// Writes one output of a plan.
#[derive(Debug)]
pub(crate) struct EncodeSink {
    encoder: SegmentEncoder,
    file: FileWriter,
    /// The statistics of a first pass, which the encoder may read until the end.
    _learned: Learned,
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
        mut learned: Learned,
        clock: SinkStats,
    ) -> Result<Self> {
        let encoder = SegmentEncoder::open(plan, index, &mut learned, clock.clone())?;
        let file = FileWriter::open(plan, index, target, encoder.described()?, clock)?;
        Ok(Self { encoder, file, _learned: learned })
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
}

impl FrameSink for EncodeSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let Self { encoder, file, .. } = self;
        encoder.push(frame.picture, &mut |packet| file.write(packet))
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        let Self { mut encoder, mut file, .. } = *self;
        encoder.end(&mut |packet| file.write(packet))?;
        encoder.close();
        file.finish(encoder.frames())
    }
}
