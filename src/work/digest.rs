//! SHA-256 of files, bytes and pictures, in hexadecimal.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::frame::Picture;

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 18;

/// A digest that grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn end(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0.finalize() {
            write!(text, "{byte:02x}").expect("writing to a string");
        }
        text
    }
}

pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.end()
}

/// The digest of a file, and its length.
pub(crate) fn of_file(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut digest) = (File::open(path)?, Digest::default());
    let (mut block, mut length) = (vec![0; BLOCK], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok((digest.end(), length)),
            read => {
                digest.add(&block[..read]);
                length += read as u64;
            }
        }
    }
}

/// The digest of a picture as it was taken: its shape and its pixels.
pub(crate) fn of_picture(picture: &Picture) -> String {
    let mut digest = Digest::default();
    digest.add(format!("{} {:?} ", picture.size, picture.format).as_bytes());
    digest.add(&picture.data);
    digest.end()
}
