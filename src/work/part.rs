//! What a finished segment is made of, and the record that says so.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::digest::Digest;
use super::manifest::{Canary, Misfit};
use crate::av::PacketHead;
use crate::color::ContentLightLevel;
use crate::error::{Error, Result, WorkFault};
use crate::frame::PictureHead;
use crate::warning::Warning;

/// Digits of a digest that stand in a file's name.
const NAME_DIGITS: usize = 16;

/// That a segment is finished, and all that its parts do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub format: u32,
    /// The plan's `id`.
    pub plan: String,
    pub segment: u64,
    /// Its first frame, and one past its last.
    pub frames: [u64; 2],
    /// Its first picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// How bright its frames are, in PQ; at most as bright as the film.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub light: Option<ContentLightLevel>,
    /// What was not right about its frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    pub parts: Vec<Part>,
}

/// A file of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Part {
    /// Its name, beside the record.
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    #[serde(flatten)]
    pub kind: PartKind,
}

/// What a part holds, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum PartKind {
    /// Packets of an output, in the order in which they are decoded. Their times are those of the
    /// whole, in frames.
    Packets {
        /// The output's number in the plan.
        output: usize,
        /// SHA-256 of the stream's head.
        head: String,
        packets: Vec<PacketHead>,
    },
    /// Frames, compressed by LZ4; `null` where the picture is the one before.
    Frames { pictures: Vec<Option<PictureHead>> },
}

impl Record {
    /// What is wrong with the files beside the record, as far as can be told without reading them.
    pub(super) fn fault(&self, directory: &Path) -> Option<String> {
        self.parts.iter().find_map(|part| {
            let path = directory.join(&part.file);
            match std::fs::metadata(&path) {
                Ok(found) if found.len() == part.bytes => None,
                Ok(found) => {
                    let (length, bytes) = (found.len(), part.bytes);
                    Some(format!("{} has {length} bytes, expected {bytes}", path.display()))
                }
                Err(e) => Some(format!("{}: {e}", path.display())),
            }
        })
    }
}

/// A part that is being written. It gets a name only when it is whole.
#[derive(Debug)]
pub(crate) struct PartWriter {
    file: BufWriter<NamedTempFile>,
    directory: PathBuf,
    /// What its name begins with.
    stem: String,
    digest: Digest,
    bytes: u64,
}

impl PartWriter {
    /// Begins a part in `directory`, whose name begins with `stem`.
    pub(super) fn create(directory: &Path, stem: String) -> Result<Self> {
        let file = tempfile::Builder::new()
            .prefix(&format!(".{stem}."))
            .tempfile_in(directory)
            .map_err(Error::io("cannot create a file in", directory))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { file, directory: directory.into(), stem, digest: Digest::default(), bytes: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.digest.add(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Error::io("cannot write into", &self.directory))
    }

    /// Completes the part: it is on the disk, under its name.
    pub(crate) fn finish(self, kind: PartKind) -> Result<Part> {
        let Self { file, directory, stem, digest, bytes } = self;
        let failed = |source| Error::io("cannot write into", &directory)(source);
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        let sha256 = digest.end();
        let name = format!("{stem}.{}", &sha256[..NAME_DIGITS]);
        super::folder::keep(file, &directory.join(&name)).map_err(failed)?;
        Ok(Part { file: name, bytes, sha256, kind })
    }
}

/// A part that is read, once, from its beginning to its end.
#[derive(Debug)]
pub(crate) struct PartReader {
    file: BufReader<File>,
    path: PathBuf,
    digest: Digest,
    buffer: Vec<u8>,
    sha256: String,
}

impl PartReader {
    pub(super) fn open(directory: &Path, part: &Part) -> Result<Self> {
        let path = directory.join(&part.file);
        let file = File::open(&path).map_err(Error::io("cannot open", &path))?;
        Ok(Self {
            file: BufReader::with_capacity(1 << 20, file),
            path,
            digest: Digest::default(),
            buffer: Vec::new(),
            sha256: part.sha256.clone(),
        })
    }

    /// The next `count` bytes.
    pub(crate) fn read(&mut self, count: usize) -> Result<&[u8]> {
        self.buffer.resize(count, 0);
        let read = self.file.read_exact(&mut self.buffer);
        read.map_err(Error::io("cannot read", &self.path))?;
        self.digest.add(&self.buffer);
        Ok(&self.buffer)
    }

    /// Checks that all of it was read and is what was written.
    pub(crate) fn finish(mut self) -> Result<()> {
        let mut rest = [0];
        let more = self.file.read(&mut rest).map_err(Error::io("cannot read", &self.path))?;
        if more == 0 && self.digest.end() == self.sha256 {
            return Ok(());
        }
        let path = self.path.display();
        let message = format!("{path} is not what was written: its digest differs");
        Err(Misfit { fault: WorkFault::ChunkCorrupt, message }.into())
    }
}
