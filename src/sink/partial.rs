//! A file that gets its name only when it is whole.
//!
//! Symbolic links are written through: the file that a link leads to is replaced, or made, and the
//! link stays. Of hard links only the named one gets the new file. Only regular files are ever
//! replaced.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::error::{Error, Result};

/// The most bytes of a file's name in that of its unfinished file: names have a limit.
const NAME_BYTES: usize = 64;

/// Most links that may lead to each other.
const MOST_LINKS: usize = 40;

/// A file under construction, next to its final place; removed unless `keep` is called.
#[derive(Debug)]
pub(super) struct PartialFile {
    temporary: TempPath,
    target: PathBuf,
    /// The file that links lead to.
    place: PathBuf,
}

impl PartialFile {
    /// Creates the file, and the directory for it.
    pub(super) fn create(target: &Path) -> Result<Self> {
        let place = replaceable(target)?;
        let directory = parent_of(&place);
        fs::create_dir_all(directory).map_err(Error::io("cannot create", directory))?;
        let extension = place.extension().map(|extension| shortened(extension, 16));
        let file: NamedTempFile = tempfile::Builder::new()
            .prefix(&format!(".{}.", short_name(&place)))
            .suffix(&format!(".partial.{}", extension.unwrap_or_default()))
            // The mode of a newly created file: the user's umask applies.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(directory)
            .map_err(Error::io("cannot create", target))?;
        Ok(Self { temporary: file.into_temp_path(), target: target.to_owned(), place })
    }

    /// The path to write to.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// The final path.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the file its name, and replaces the one that had it.
    pub(super) fn keep(self) -> Result<PathBuf> {
        let Self { temporary, target, place } = self;
        replaceable(&target)?;
        match temporary.persist(&place) {
            Ok(()) => {}
            // A file that something is mounted on keeps its place; only its bytes can change.
            Err(e) if is_mounted(&e.error) => {
                fs::copy(&e.path, &place).map_err(Error::io("cannot write", &target))?;
            }
            Err(e) => return Err(Error::io("cannot rename to", &target)(e.error)),
        }
        Ok(target)
    }
}

/// Files under construction, in a hidden directory next to their final place; removed unless one of
/// the `keep` methods is called.
#[derive(Debug)]
pub(super) struct PartialDirectory {
    temporary: TempDir,
    target: PathBuf,
    /// The place that links lead to.
    place: PathBuf,
}

impl PartialDirectory {
    /// Creates the directory next to the file `target`, and the directory for both.
    pub(super) fn beside(target: &Path) -> Result<Self> {
        let place = replaceable(target)?;
        let temporary = Self::temporary_in(parent_of(&place), &place, target)?;
        Ok(Self { temporary, target: target.to_owned(), place })
    }

    /// Creates a directory that replaces the directory `target`: next to it, or within it where it
    /// can only be filled, as a mount point.
    pub(super) fn replacing(target: &Path) -> Result<Self> {
        let place = followed(target).map_err(Error::io("cannot write into", target))?;
        let parent = parent_of(&place);
        let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
        let is_here = || fs::canonicalize(&place).ok() == std::env::current_dir().ok();
        let is_fixed = place.is_dir() && (device(parent) != device(&place) || is_here());
        let beside = if is_fixed { None } else { Some(Self::temporary_in(parent, &place, target)) };
        let temporary = match beside {
            Some(Ok(temporary)) => temporary,
            Some(Err(e)) if !place.is_dir() => return Err(e),
            _ => Self::temporary_in(&place, &place, target)?,
        };
        Ok(Self { temporary, target: target.to_owned(), place })
    }

    fn temporary_in(directory: &Path, place: &Path, target: &Path) -> Result<TempDir> {
        fs::create_dir_all(directory).map_err(Error::io("cannot create", directory))?;
        tempfile::Builder::new()
            .prefix(&format!(".{}.", short_name(place)))
            .suffix(".partial")
            .permissions(fs::Permissions::from_mode(0o777))
            .tempdir_in(directory)
            .map_err(Error::io("cannot create", target))
    }

    /// The path to write to.
    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The path that the user asked for.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The name of the file that the user asked for, after links.
    pub(super) fn file_name(&self) -> &OsStr {
        self.place.file_name().unwrap_or_default()
    }

    /// Moves all files next to `target`; the one called `last` becomes it after the others.
    pub(super) fn keep_beside(self, last: &OsStr) -> Result<PathBuf> {
        let mut files = self.files()?;
        files.retain(|file| file.file_name() != Some(last));
        move_into(&files, parent_of(&self.place))?;
        move_to(&self.path().join(last), &self.place)?;
        Ok(self.target)
    }

    /// Gives the directory its name. An existing one that holds only files that are `is_ours` is
    /// replaced.
    pub(super) fn keep(self, is_ours: impl Fn(&str) -> bool) -> Result<PathBuf> {
        let own = self.path().file_name().unwrap_or_default().to_owned();
        check_replaceable(&self.target, |name| name == own.as_os_str() || is_ours(name))?;
        let Self { temporary, target, place } = self;
        let is_within = temporary.path().parent() == Some(place.as_path());
        if place.exists() && (is_within || !replace(temporary.path(), &place)) {
            let list = |path| list(path).map_err(Error::io("cannot read", path));
            for old in list(&place)?.iter().filter(|path| path.file_name() != Some(&own)) {
                fs::remove_file(old).map_err(Error::io("cannot replace", old))?;
            }
            move_into(&list(temporary.path())?, &place)?;
        } else if temporary.path().exists() {
            let from = temporary.keep();
            fs::rename(from, &place).map_err(Error::io("cannot rename to", &target))?;
        }
        Ok(target)
    }

    /// The files in it.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let path = self.temporary.path();
        list(path).map_err(Error::io("cannot read", path))
    }
}

/// Puts the directory `new` in the place of another. Returns whether that worked; if not, both are
/// as before.
fn replace(new: &Path, place: &Path) -> bool {
    let old = new.with_extension("old");
    if fs::rename(place, &old).is_err() {
        return false;
    }
    let is_done = fs::rename(new, place).is_ok();
    if is_done {
        // The rest of it has another name.
        drop(fs::remove_dir_all(&old));
    } else {
        drop(fs::rename(&old, place));
    }
    is_done
}

fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

fn move_into(files: &[PathBuf], directory: &Path) -> Result<()> {
    for file in files {
        move_to(file, &directory.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn move_to(file: &Path, place: &Path) -> Result<()> {
    match fs::rename(file, place) {
        Err(e) if is_mounted(&e) => fs::copy(file, place).map(drop),
        renamed => renamed,
    }
    .map_err(Error::io("cannot rename to", place))
}

/// Whether a name could not be given because something is mounted there.
fn is_mounted(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices)
}

/// The path after all links of `path`, whether or not anything is there.
fn followed(path: &Path) -> io::Result<PathBuf> {
    // Without a slash at the end, which would hide a link.
    let mut path: PathBuf = path.components().collect();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            Ok(_) => return Ok(path),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(path),
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}

/// The path after all links of `target`, if a file there can be made or replaced.
pub(super) fn replaceable(target: &Path) -> Result<PathBuf> {
    let failed = || Error::io("cannot write", target);
    let place = followed(target).map_err(failed())?;
    let Ok(found) = fs::metadata(&place) else { return Ok(place) };
    if found.is_dir() {
        return Err(failed()(ErrorKind::IsADirectory.into()));
    }
    if !found.is_file() {
        let text = "it is a device, a pipe or a socket, which is not replaced by a file";
        return Err(failed()(io::Error::other(text)));
    }
    access(&place, Access::WRITE_OK).map_err(|e| failed()(e.into()))?;
    Ok(place)
}

pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The beginning of a file's name.
fn short_name(path: &Path) -> String {
    shortened(path.file_name().unwrap_or_default(), NAME_BYTES)
}

fn shortened(name: &OsStr, most: usize) -> String {
    let name = name.to_string_lossy();
    let end = (0..=most.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    name[..end.unwrap_or_default()].to_owned()
}

/// Fails if there is a directory with anything in it but files that are `is_ours`.
pub(super) fn check_replaceable(target: &Path, is_ours: impl Fn(&str) -> bool) -> Result<()> {
    if !target.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(target).map_err(Error::io("cannot write into", target))?;
    for entry in entries {
        let entry = entry.map_err(Error::io("cannot read", target))?;
        let name = entry.file_name();
        if !is_ours(&name.to_string_lossy()) {
            let text = format!(
                "it holds {:?}, which is not of a sequence; name another directory",
                name.to_string_lossy()
            );
            let source = io::Error::new(ErrorKind::DirectoryNotEmpty, text);
            return Err(Error::io("cannot replace", target)(source));
        }
    }
    Ok(())
}
