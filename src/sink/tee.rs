//! Several outputs of the same frames.

use super::partial::PartialFile;
use crate::color::Cicp;
use crate::error::{Error, Result};
use crate::frame::{Frame, Picture};
use crate::job::PictureFormat;
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::{PosterPlan, SidecarPlan};

/// Writes each frame to all of its sinks, and some frames to files of their own.
pub(super) struct TeeSink {
    pub sinks: Vec<Box<dyn FrameSink>>,
    pub posters: Vec<Poster>,
    /// Files of subtitles, which are complete from the beginning.
    pub sidecars: Vec<PartialFile>,
    pub frames: u64,
}

/// A picture of one frame.
#[derive(Debug)]
pub(super) struct Poster {
    plan: PosterPlan,
    format: PictureFormat,
    file: PartialFile,
    bytes: u64,
    /// The color that code values of the frames mean.
    color: Cicp,
}

impl Poster {
    pub(super) fn create(plan: &PosterPlan, color: Cicp) -> Result<Self> {
        let format = match PictureFormat::of(&plan.path) {
            Some(PictureFormat::Png) | None if color.is_hdr() => PictureFormat::Png16,
            format => format.unwrap_or(PictureFormat::Png),
        };
        let file = PartialFile::create(&plan.path)?;
        Ok(Self { plan: plan.clone(), format, file, bytes: 0, color })
    }
}

/// Writes a file of subtitles, under another name until all outputs are complete.
pub(super) fn sidecar(plan: &SidecarPlan) -> Result<PartialFile> {
    let file = PartialFile::create(&plan.path)?;
    std::fs::write(file.path(), &plan.text).map_err(Error::io("cannot write", &plan.path))?;
    Ok(file)
}

impl Poster {
    /// Takes frame `number`, and writes it if it is the one.
    pub(super) fn take(&mut self, number: u64, picture: &Picture) -> Result<()> {
        if self.plan.frame.0 != number {
            return Ok(());
        }
        let encoded = self.format.encode(picture, self.color).map_err(std::io::Error::other);
        let encoded =
            encoded.map_err(Error::io("cannot encode the picture", self.file.target()))?;
        std::fs::write(self.file.path(), &encoded)
            .map_err(Error::io("cannot write", self.file.target()))?;
        self.bytes = encoded.len() as u64;
        Ok(())
    }
}

impl FrameSink for TeeSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        for poster in &mut self.posters {
            poster.take(self.frames, &frame.picture)?;
        }
        self.frames += 1;
        for sink in &mut self.sinks {
            sink.write(frame.clone())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        let mut artifacts = Vec::new();
        for sink in self.sinks {
            artifacts.push(sink.finish()?);
        }
        for Poster { file, bytes, .. } in self.posters {
            let path = Some(file.keep()?);
            artifacts.push(Artifact { path, frames: 1, bytes: Some(bytes), ..Artifact::default() });
        }
        for file in self.sidecars {
            let bytes = std::fs::metadata(file.path()).map(|found| found.len()).ok();
            artifacts.push(Artifact { path: Some(file.keep()?), bytes, ..Artifact::default() });
        }
        let mut artifacts = artifacts.into_iter();
        let mut main = artifacts.next().unwrap_or_default();
        main.others = artifacts.collect();
        Ok(main)
    }
}
