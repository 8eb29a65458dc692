//! Where an encoded output is written until it is whole.

use std::path::{Path, PathBuf};

use super::partial::{PartialDirectory, PartialFile};
use crate::av::{AvError, MuxTarget};
use crate::error::Result;
use crate::job::{Container, OutputPlan};

/// Where an encoded output is written until it is whole.
#[derive(Debug)]
pub(super) enum Target {
    File(PartialFile),
    /// Files that belong together; the last one is the name that the user gave.
    Files(PartialDirectory, PathBuf),
    Stdout,
}

impl Target {
    pub(super) fn create(output: &OutputPlan) -> Result<Self> {
        if output.is_stdout() {
            return Ok(Self::Stdout);
        }
        if output.container == Container::Hls {
            let directory = PartialDirectory::create(&output.path)?;
            let playlist = directory.path().join(output.path.file_name().unwrap_or_default());
            return Ok(Self::Files(directory, playlist));
        }
        Ok(Self::File(PartialFile::create(&output.path)?))
    }

    /// For the muxer.
    pub(super) fn for_muxer(&self) -> MuxTarget<'_> {
        match self {
            Self::File(file) => MuxTarget::File(file.path()),
            Self::Files(_, playlist) => MuxTarget::File(playlist),
            Self::Stdout => MuxTarget::Stdout,
        }
    }

    /// Where it can be read back.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file.path()),
            Self::Files(_, playlist) => Some(playlist),
            Self::Stdout => None,
        }
    }

    /// All files of it.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        match self {
            Self::File(file) => Ok(vec![file.path().to_owned()]),
            Self::Files(directory, _) => directory.files(),
            Self::Stdout => Ok(Vec::new()),
        }
    }

    /// Gives it the user's name. Returns that name, where there is one.
    pub(super) fn keep(self) -> Result<Option<PathBuf>> {
        match self {
            Self::File(file) => file.keep().map(Some),
            Self::Files(directory, playlist) => directory.keep_beside(&playlist).map(Some),
            Self::Stdout => Ok(None),
        }
    }

    /// An error about the partial file, told about the file that the user asked for.
    pub(super) fn named(&self, error: AvError) -> AvError {
        let (partial, target) = match self {
            Self::File(file) => (file.path(), file.target()),
            Self::Files(directory, playlist) => (playlist.as_path(), directory.target()),
            Self::Stdout => return error,
        };
        let (partial, target) = (partial.display().to_string(), target.display().to_string());
        AvError { doing: error.doing.replace(&partial, &target), ..error }
    }
}
