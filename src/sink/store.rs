//! Frames that are stored until they are needed a second time.
//!
//! They are stored losslessly, in a file without a name: it disappears with this process, even if
//! that is killed. Each picture is compressed by LZ4, and a repeated picture takes no room. The
//! room is bounded.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::frame::{Picture, PictureHead, pack, unpack};

/// The most that the frames of one render may take, in bytes.
pub(super) const MOST_BYTES: u64 = 64 << 30;

/// A store of pictures.
#[derive(Debug)]
pub(super) struct FrameStore {
    file: BufWriter<File>,
    directory: PathBuf,
    /// `None` for the same picture as the frame before.
    entries: Vec<Option<PictureHead>>,
    last: Option<Arc<Picture>>,
    buffer: Vec<u8>,
    bytes: u64,
    most: u64,
}

impl FrameStore {
    /// Creates an empty store that may take so many bytes.
    pub(super) fn create(most: u64) -> Result<Self> {
        let directory = tempfile::env::temp_dir();
        let file = tempfile::tempfile_in(&directory)
            .map_err(Error::io("cannot create a file for frames in", &directory))?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, file),
            directory,
            entries: Vec::new(),
            last: None,
            buffer: Vec::new(),
            bytes: 0,
            most,
        })
    }

    /// Stores one more frame.
    pub(super) fn push(&mut self, picture: &Arc<Picture>) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, picture)) {
            self.entries.push(None);
            return Ok(());
        }
        let head = pack(picture, &mut self.buffer).map_err(|e| Error::Sink(Box::new(e)))?;
        self.bytes += head.bytes as u64;
        if self.bytes > self.most {
            let (frames, most) = (self.entries.len(), self.most >> 20);
            let text = format!("{frames} frames take more than {most} MiB on disk");
            return Err(Error::Limit(text));
        }
        self.file
            .write_all(&self.buffer[..head.bytes])
            .map_err(Error::io("cannot keep frames in", &self.directory))?;
        self.entries.push(Some(head));
        self.last = Some(Arc::clone(picture));
        Ok(())
    }

    /// Bytes on disk.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The frames in their order; the same `Arc` where a frame is the one before.
    pub(super) fn replay(self) -> Result<Replay> {
        let failed = Error::io("cannot read frames back from", &self.directory);
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let file = file.and_then(|mut file| file.seek(SeekFrom::Start(0)).map(|_| file));
        Ok(Replay {
            file: BufReader::with_capacity(1 << 20, file.map_err(failed)?),
            directory: self.directory,
            entries: self.entries.into_iter(),
            last: None,
            buffer: self.buffer,
        })
    }
}

/// Stored frames, one after the other.
#[derive(Debug)]
pub(super) struct Replay {
    file: BufReader<File>,
    directory: PathBuf,
    entries: std::vec::IntoIter<Option<PictureHead>>,
    last: Option<Arc<Picture>>,
    buffer: Vec<u8>,
}

impl Replay {
    /// Reads the next frame's picture; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Arc<Picture>>> {
        match self.entries.next() {
            None => return Ok(None),
            Some(None) => {}
            Some(Some(head)) => {
                self.buffer.resize(head.bytes, 0);
                self.file
                    .read_exact(&mut self.buffer)
                    .map_err(Error::io("cannot read frames back from", &self.directory))?;
                let picture = unpack(&head, &self.buffer).map_err(|e| Error::Sink(Box::new(e)))?;
                self.last = Some(Arc::new(picture));
            }
        }
        Ok(self.last.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{PixelFormat, Size};

    fn picture(seed: u8) -> Arc<Picture> {
        let size = Size { width: 33, height: 7 };
        let data = (0..33 * 7 * 3_usize)
            .map(|i| u8::try_from(i * usize::from(seed) % 251).unwrap())
            .collect();
        Arc::new(Picture { size, format: PixelFormat::Rgb8, data })
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let mut store = FrameStore::create(MOST_BYTES).unwrap();
        let (a, b) = (picture(3), picture(7));
        for picture in [&a, &a, &b, &a] {
            store.push(picture).unwrap();
        }
        assert!(store.bytes() > 0);
        let mut replay = store.replay().unwrap();
        let back: Vec<_> = std::iter::from_fn(|| replay.next().unwrap()).collect();
        assert_eq!(back.iter().map(AsRef::as_ref).collect::<Vec<_>>(), [&*a, &*a, &*b, &*a]);
        assert!(Arc::ptr_eq(&back[0], &back[1]), "the same picture is known to be the same");
    }

    #[test]
    fn the_room_is_bounded() {
        let mut store = FrameStore::create(400).unwrap();
        store.push(&picture(113)).unwrap();
        let error = store.push(&picture(29)).unwrap_err();
        assert!(matches!(error, Error::Limit(_)), "{error}");
    }
}
