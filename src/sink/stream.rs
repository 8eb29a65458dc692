//! A pipe or a device that an output is written into from the beginning to the end.

use std::fs::File;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::error::{Error, Result};

/// The time for which a pipe waits for its reader.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// The interval at which it looks for one.
const LOOK: Duration = Duration::from_millis(20);

/// A pipe that has a reader, or a device, open for writing. Never created and never replaced.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    path: PathBuf,
}

impl Stream {
    /// Opens the path; a pipe as soon as it has a reader, and an error if none comes.
    pub(super) fn open(path: &Path, cancel: &CancelToken) -> Result<Self> {
        Self::open_within(path, cancel, READER_PATIENCE)
    }

    fn open_within(path: &Path, cancel: &CancelToken, patience: Duration) -> Result<Self> {
        // Without blocking, so that both waits, for the reader and for its reading, have an end.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let started = Instant::now();
        let failed = Error::io("cannot write into", path);
        let file = loop {
            match rustix::fs::open(path, flags, Mode::empty()) {
                Ok(file) => break File::from(file),
                Err(Errno::NXIO) if started.elapsed() < patience => {
                    if cancel.is_cancelled() {
                        return Err(Error::Cancelled);
                    }
                    thread::sleep(LOOK);
                }
                Err(Errno::NXIO) => {
                    let text = format!("nobody reads from it: waited {} s", patience.as_secs());
                    return Err(failed(std::io::Error::new(std::io::ErrorKind::TimedOut, text)));
                }
                Err(e) => return Err(failed(e.into())),
            }
        };
        let kind = rustix::fs::fstat(&file).map(|s| FileType::from_raw_mode(s.st_mode));
        match kind {
            Ok(FileType::RegularFile) => {
                let text = "it was a pipe or device when the render began, and is a file now";
                Err(failed(std::io::Error::other(text)))
            }
            Ok(_) => Ok(Self { file, path: path.to_owned() }),
            Err(e) => Err(failed(e.into())),
        }
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn pipe() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_pipe_waits_for_its_reader_and_not_for_ever() {
        let (_directory, path) = pipe();
        let cancel = CancelToken::new();
        let error = Stream::open_within(&path, &cancel, Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("nobody reads from it"), "{error}");
        let reader = path.clone();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            File::open(reader).unwrap().read_to_string(&mut text).unwrap();
            text
        });
        let stream = Stream::open(&path, &cancel).unwrap();
        rustix::io::write(&stream.file, b"whole").unwrap();
        drop(stream);
        assert_eq!(reader.join().unwrap(), "whole");
        cancel.cancel();
        assert!(matches!(Stream::open(&path, &cancel), Err(Error::Cancelled)));
    }
}
