//! The files of a work folder: found, published and removed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use super::manifest::{FORMAT, Manifest, Misfit, PLAN_FILE};
use super::part::{Part, PartReader, PartWriter, Record};
use crate::error::{Error, Result, WorkFault};

const CHUNKS: &str = "chunks";
const LOCK: &str = "lock";

/// How a folder is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// By one process: it may create the folder, and discard what does not fit.
    Alone,
    /// By any number of processes, each of which adds to it or reads it.
    Shared,
}

/// An open work folder.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    chunks: PathBuf,
    /// Held until it is closed.
    _lock: File,
}

impl WorkFolder {
    /// Opens the folder, which is created for one that uses it alone.
    pub(crate) fn open(path: &Path, claim: Claim) -> Result<Self> {
        let chunks = path.join(CHUNKS);
        if claim == Claim::Alone {
            refuse_foreign(path)?;
            fs::create_dir_all(&chunks).map_err(Error::io("cannot create", &chunks))?;
        } else if !path.join(PLAN_FILE).is_file() {
            let text = format!(
                "there is no {PLAN_FILE} in {}: `pagereel plan JOB --chunks N --work DIR` makes it",
                path.display()
            );
            return Err(Misfit { fault: WorkFault::PlanMissing, message: text }.into());
        }
        let lock = path.join(LOCK);
        let file = File::options().create(true).append(true).open(&lock);
        let file = file.map_err(Error::io("cannot create", &lock))?;
        let wanted = match claim {
            Claim::Alone => FlockOperation::NonBlockingLockExclusive,
            Claim::Shared => FlockOperation::NonBlockingLockShared,
        };
        match flock(&file, wanted) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let message = format!("another process works in {}", path.display());
                return Err(Misfit { fault: WorkFault::InUse, message }.into());
            }
            // Some file systems of networks have no locks: publishing is safe without.
            Err(error) => tracing::warn!(%error, "the work folder cannot be locked"),
        }
        let folder = Self { path: path.into(), chunks, _lock: file };
        if claim == Claim::Alone {
            folder.remove(|name| name.starts_with('.'))?;
        }
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the folder is for, if it says so.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>> {
        Manifest::read(&self.path)
    }

    /// Says what the folder is for.
    pub(crate) fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        // For people to read.
        let text = serde_json::to_vec_pretty(manifest).map_err(unwritable(&self.path))?;
        replace(&self.path, &self.path.join(PLAN_FILE), &text)
    }

    /// The record of a finished segment of the plan `id`: `Ok(None)` where there is none, `Err` with
    /// the reason where there is one that is of no use.
    pub(crate) fn record(&self, segment: u64, id: &str) -> Result<Option<Record>, String> {
        let path = self.record_path(segment);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        };
        let record: Record =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        if record.format != FORMAT || record.plan != id || record.segment != segment {
            return Err(format!("{} is of another plan", path.display()));
        }
        match record.fault(&self.chunks) {
            None => Ok(Some(record)),
            Some(fault) => Err(fault),
        }
    }

    /// Begins a part of a segment. `label` tells it from the segment's other parts.
    pub(crate) fn begin_part(&self, segment: u64, label: &str) -> Result<PartWriter> {
        PartWriter::create(&self.chunks, format!("{segment:05}.{label}"))
    }

    /// Opens a part that a record names.
    pub(crate) fn read_part(&self, part: &Part) -> Result<PartReader> {
        PartReader::open(&self.chunks, part)
    }

    /// Publishes a segment whose parts are written. Whoever comes second changes nothing; returns the
    /// record that was there then.
    pub(crate) fn publish(&self, record: &Record) -> Result<Option<Record>> {
        let path = self.record_path(record.segment);
        // The parts' names must not come to the disk after the record.
        sync(&self.chunks)?;
        let text = serde_json::to_vec(record).map_err(unwritable(&self.chunks))?;
        let is_first = create(&self.chunks, &path, &text)?;
        sync(&self.chunks)?;
        if is_first {
            return Ok(None);
        }
        if let Ok(Some(first)) = self.record(record.segment, &record.plan) {
            return Ok(Some(first));
        }
        // What is there is of no use to anybody.
        replace(&self.chunks, &path, &text)?;
        Ok(None)
    }

    /// Removes everything of one segment.
    pub(crate) fn discard(&self, segment: u64) -> Result<()> {
        let stem = format!("{segment:05}.");
        // The record first: a segment without one is not finished.
        let record = self.record_path(segment);
        match fs::remove_file(&record) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(Error::io("cannot remove", &record)(e));
            }
            _ => {}
        }
        self.remove(|name| name.starts_with(&stem))
    }

    /// Removes everything of all segments.
    pub(crate) fn discard_all(&self) -> Result<()> {
        self.remove(|name| name.split('.').next_back() == Some("json"))?;
        self.remove(is_of_a_segment)
    }

    /// Removes everything that belongs to a work folder, and the folder if nothing else is in it.
    pub(crate) fn clear(self) -> Result<()> {
        self.discard_all()?;
        for file in [PLAN_FILE, LOCK] {
            // What cannot be removed is left: the outputs are complete.
            drop(fs::remove_file(self.path.join(file)));
        }
        drop(fs::remove_dir(&self.chunks));
        drop(fs::remove_dir(&self.path));
        Ok(())
    }

    fn record_path(&self, segment: u64) -> PathBuf {
        self.chunks.join(format!("{segment:05}.json"))
    }

    /// Removes files of segments by their names.
    fn remove(&self, is_meant: impl Fn(&str) -> bool) -> Result<()> {
        let failed = |e| Error::io("cannot read", &self.chunks)(e);
        for entry in fs::read_dir(&self.chunks).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if is_of_a_segment(&name) && is_meant(&name) {
                let path = entry.path();
                fs::remove_file(&path).map_err(Error::io("cannot remove", &path))?;
            }
        }
        Ok(())
    }
}

/// Writes a file that is whole from the moment on that it has its name, in place of another.
fn replace(directory: &Path, path: &Path, text: &[u8]) -> Result<()> {
    let file = written(directory, text)?;
    keep(file, path).map_err(Error::io("cannot write", path))?;
    sync(directory)
}

/// The same, unless there is one. Returns whether there was none.
fn create(directory: &Path, path: &Path, text: &[u8]) -> Result<bool> {
    let file = written(directory, text)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))
        .map_err(Error::io("cannot write", path))?;
    match fs::hard_link(file.path(), path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Not every file system has links.
        Err(_) => match file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(Error::io("cannot write", path)(e.error)),
        },
    }
}

/// A synced file without its name.
fn written(directory: &Path, text: &[u8]) -> Result<NamedTempFile> {
    let failed = |e| Error::io("cannot write into", directory)(e);
    // Its name is that of a segment's file, so that what is left of it is removed.
    let mut file =
        tempfile::Builder::new().prefix(".00000.json.").tempfile_in(directory).map_err(failed)?;
    file.write_all(text).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

/// The error for a value that JSON has no words for.
fn unwritable(path: &Path) -> impl Fn(serde_json::Error) -> Error {
    let path = path.to_owned();
    move |e| Error::io("cannot write into", &path)(e.into())
}

/// Gives a file its name, and the rights of a new file.
pub(super) fn keep(file: NamedTempFile, path: &Path) -> io::Result<()> {
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|e| e.error)
}

/// Waits until the names in a directory are on the disk.
fn sync(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    match synced {
        // Not every file system can.
        Err(e) if e.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced.map_err(Error::io("cannot write into", directory)),
    }
}

/// Whether a name is one of those that segments' files have, finished or not.
fn is_of_a_segment(name: &str) -> bool {
    let digits = name.strip_prefix('.').unwrap_or(name).split('.').next().unwrap_or_default();
    digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Refuses a directory that holds other things: they might be removed one day.
fn refuse_foreign(path: &Path) -> Result<()> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("cannot be a work folder", path)(e)),
    };
    for entry in entries {
        let name = entry.map_err(Error::io("cannot read", path))?.file_name();
        let name = name.to_string_lossy();
        if ![PLAN_FILE, CHUNKS, LOCK].contains(&&*name) && !is_of_a_segment(&name) {
            let message = format!(
                "{} holds {name}, and so is no work folder: expected an empty directory or one of \
                 an earlier render",
                path.display()
            );
            return Err(Misfit { fault: WorkFault::NotAWorkFolder, message }.into());
        }
    }
    Ok(())
}
