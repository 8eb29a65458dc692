//! A digest over every pixel of every frame.

use std::fmt::Write as _;

use crate::error::{Error, Result};
use crate::frame::{Fnv, Frame};
use crate::pipeline::{Artifact, FrameSink};

/// Digests all frames, in order, independently of their pixel layout.
///
/// 64-bit FNV-1a over index, size and R, G, B of each pixel, and its alpha in a picture that is not
/// opaque: for telling renders apart, not for security. With a list, it also keeps one digest per
/// frame.
#[derive(Debug)]
pub struct ChecksumSink {
    total: Fnv,
    frames: u64,
    list: Option<std::sync::mpsc::SyncSender<u64>>,
}

impl Default for ChecksumSink {
    fn default() -> Self {
        Self { total: Fnv::NEW, frames: 0, list: None }
    }
}

impl ChecksumSink {
    /// A sink that also sends the digest of each frame to `list`, which must have room for it.
    pub fn with_list(list: std::sync::mpsc::SyncSender<u64>) -> Self {
        Self { list: Some(list), ..Self::default() }
    }
}

impl FrameSink for ChecksumSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let picture = &frame.picture;
        let has_alpha = !picture.is_opaque();
        let mut digest = Fnv::NEW;
        digest.add_all(&picture.size.width.to_le_bytes());
        digest.add_all(&picture.size.height.to_le_bytes());
        for pixel in picture.data.chunks_exact(picture.format.bytes_per_pixel()) {
            digest.add_all(&picture.format.rgb(pixel));
            if has_alpha {
                digest.add(pixel[3]);
            }
        }
        if let Some(list) = &self.list {
            list.try_send(digest.0).map_err(|e| Error::Sink(e.into()))?;
        }
        self.total.add_all(&frame.index.0.to_le_bytes());
        self.total.add_all(&digest.0.to_le_bytes());
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        let mut digest = String::new();
        write!(digest, "{:016x}", self.total.0).expect("writing to a string");
        Ok(Artifact { frames: self.frames, digest: Some(digest), ..Artifact::default() })
    }
}
