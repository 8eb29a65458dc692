//! What of a work folder is finished.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::folder::{Claim, WorkFolder};
use super::manifest::Misfit;
use crate::error::{Result, WorkFault};
use crate::plan::Chunks;

/// What of a work folder is finished, as `pagereel status` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkStatus {
    /// The plan's SHA-256.
    pub plan: String,
    /// Frames of the film.
    pub frames: u64,
    /// Segments that they are divided into.
    pub segments: u64,
    /// Finished segments.
    pub finished: u64,
    /// One for each chunk.
    pub chunks: Vec<ChunkStatus>,
}

/// What of a chunk is finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChunkStatus {
    /// Its index.
    pub index: u64,
    /// Its segments.
    pub segments: u64,
    /// Those that are finished.
    pub finished: u64,
    /// Why others are of no use, where they are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl WorkStatus {
    /// Looks into a work folder. Files are not read, only found.
    pub fn of(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let folder = WorkFolder::open(directory, Claim::Shared)?;
        let manifest = folder.manifest()?.ok_or_else(|| Misfit {
            fault: WorkFault::PlanMissing,
            message: format!("there is no plan in {}", directory.display()),
        })?;
        let chunks = manifest.chunks.unwrap_or_else(|| Chunks::new(None, manifest.segments));
        let chunk = |index: u64| {
            let segments = chunks.segments_of(index, manifest.segments);
            let (mut finished, mut faults) = (0, Vec::new());
            for segment in segments.clone() {
                match folder.record(segment, &manifest.id) {
                    Ok(found) => finished += u64::from(found.is_some()),
                    Err(fault) => faults.push(fault),
                }
            }
            ChunkStatus { index, segments: segments.end - segments.start, finished, faults }
        };
        let chunks: Vec<_> = (0..chunks.count).map(chunk).collect();
        Ok(Self {
            plan: manifest.id,
            frames: manifest.frames,
            segments: manifest.segments,
            finished: chunks.iter().map(|chunk| chunk.finished).sum(),
            chunks,
        })
    }

    /// Whether everything is finished.
    pub const fn is_finished(&self) -> bool {
        self.finished == self.segments
    }
}

impl fmt::Display for WorkStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, segments, finished, .. } = self;
        writeln!(f, "{finished} of {segments} segments are finished, {frames} frames in all")?;
        for chunk in &self.chunks {
            let ChunkStatus { index, segments, finished, faults } = chunk;
            if finished < segments {
                writeln!(f, "chunk {index}: {finished} of {segments} segments")?;
            }
            for fault in faults {
                writeln!(f, "chunk {index}: {fault}")?;
            }
        }
        Ok(())
    }
}
