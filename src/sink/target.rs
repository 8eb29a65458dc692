//! The place where an encoded output is written until it is complete.

use std::fs;
use std::path::{Path, PathBuf};

use super::partial::{PartialDirectory, PartialFile};
use super::plain::PlainDirectory;
use super::settings::segment_stem;
use super::stream::Stream;
use crate::av::{AvError, MuxTarget};
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::job::{Container, Place};
use crate::plan::OutputPlan;

/// The place where an encoded output is written until it is complete.
#[derive(Debug)]
pub(super) enum Target {
    File(PartialFile),
    /// Files that belong together: their directory, a plain path to it, the playlist of picture and
    /// sound by that path, and the one that the user asked for, which may be the same.
    Files(PartialDirectory, PlainDirectory, PathBuf, PathBuf),
    /// A pipe or a device.
    Stream(Stream),
    /// A descriptor that the caller has opened, and its name.
    Descriptor(u32, PathBuf),
    /// Nothing: encoded bytes are counted and discarded.
    Nowhere,
}

impl Target {
    pub(super) fn create(output: &OutputPlan, cancel: &CancelToken) -> Result<Self> {
        let target = Self::of(&output.path, output.container, output.place, cancel)?;
        Ok(match target {
            Self::Files(directory, plain, _, main) if !output.subtitles.is_empty() => {
                let stem = main.file_stem().unwrap_or_default().to_string_lossy();
                let media = main.with_file_name(format!("{stem}_media.m3u8"));
                Self::Files(directory, plain, media, main)
            }
            target => target,
        })
    }

    pub(super) fn of(
        path: &Path,
        container: Container,
        place: Place,
        cancel: &CancelToken,
    ) -> Result<Self> {
        match place {
            Place::Nowhere => Ok(Self::Nowhere),
            Place::Descriptor(1) => Ok(Self::Descriptor(1, "standard output".into())),
            Place::Descriptor(number) => Ok(Self::Descriptor(number, path.to_owned())),
            Place::Stream => Stream::open(path, cancel).map(Self::Stream),
            Place::File if container == Container::Hls => {
                let directory = PartialDirectory::beside(path)?;
                let plain = PlainDirectory::to(directory.path())?;
                let stem = Path::new(directory.file_name()).file_stem().unwrap_or_default();
                let stem = segment_stem(&stem.to_string_lossy());
                let playlist = plain.path().join(format!("{stem}.m3u8"));
                Ok(Self::Files(directory, plain, playlist.clone(), playlist))
            }
            Place::File => PartialFile::create(path).map(Self::File),
        }
    }

    /// The target for the muxer.
    pub(super) fn for_muxer(&self) -> MuxTarget<'_> {
        match self {
            Self::File(file) => MuxTarget::File(file.path()),
            Self::Files(.., playlist, _) => MuxTarget::File(playlist),
            Self::Stream(stream) => {
                let number = stream.descriptor().try_into().unwrap_or_default();
                MuxTarget::Descriptor(number, stream.path())
            }
            Self::Descriptor(number, name) => MuxTarget::Descriptor(*number, name),
            Self::Nowhere => MuxTarget::Nowhere,
        }
    }

    /// The path at which it can be read back.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file.path()),
            Self::Files(.., playlist, _) => Some(playlist),
            Self::Stream(_) | Self::Descriptor(..) | Self::Nowhere => None,
        }
    }

    /// All files of it.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        match self {
            Self::File(file) => Ok(vec![file.path().to_owned()]),
            Self::Files(directory, ..) => directory.files(),
            Self::Stream(_) | Self::Descriptor(..) | Self::Nowhere => Ok(Vec::new()),
        }
    }

    /// Size of all files of it.
    pub(super) fn bytes(&self) -> Result<u64> {
        let size = |path: PathBuf| {
            fs::metadata(&path).map(|facts| facts.len()).map_err(Error::io("cannot read", &path))
        };
        self.files()?.into_iter().map(size).sum()
    }

    /// Gives the output the user's name. Returns that name, where there is one.
    pub(super) fn keep(self) -> Result<Option<PathBuf>> {
        match self {
            Self::File(file) => file.keep().map(Some),
            Self::Files(directory, _plain, _, playlist) => {
                directory.keep_beside(playlist.file_name().unwrap_or_default()).map(Some)
            }
            Self::Stream(stream) => Ok(Some(stream.path().to_owned())),
            Self::Descriptor(..) | Self::Nowhere => Ok(None),
        }
    }

    /// Changes an error about the partial file into one about the file that the user asked for.
    pub(super) fn named(&self, error: AvError) -> AvError {
        let (partial, target) = match self {
            Self::File(file) => (file.path(), file.target()),
            Self::Files(directory, _, playlist, _) => (playlist.as_path(), directory.target()),
            Self::Stream(_) | Self::Descriptor(..) | Self::Nowhere => return error,
        };
        let (partial, target) = (partial.display().to_string(), target.display().to_string());
        AvError { doing: error.doing.replace(&partial, &target), ..error }
    }
}
