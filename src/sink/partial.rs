//! A file that gets its name only when it is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::error::{Error, Result};

/// A file under construction, next to its final place; removed unless it is kept.
#[derive(Debug)]
pub(super) struct PartialFile {
    temporary: TempPath,
    target: PathBuf,
}

impl PartialFile {
    /// Creates the file, and the directory for it.
    pub(super) fn create(target: &Path) -> Result<Self> {
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if target.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(Error::io("cannot write", target)(source));
        }
        fs::create_dir_all(directory).map_err(Error::io("cannot create", directory))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let extension = target.extension().unwrap_or_default().to_string_lossy();
        let file: NamedTempFile = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(&format!(".partial.{extension}"))
            // What a newly created file gets: the user's umask applies.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(directory)
            .map_err(Error::io("cannot create", target))?;
        Ok(Self { temporary: file.into_temp_path(), target: target.to_owned() })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Where it will be.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the file its name, replacing what had it before.
    pub(super) fn keep(self) -> Result<PathBuf> {
        let Self { temporary, target } = self;
        temporary.persist(&target).map_err(|e| Error::io("cannot rename to", &target)(e.error))?;
        Ok(target)
    }
}

/// Files under construction, in a hidden directory next to their final place; removed unless they
/// are kept.
#[derive(Debug)]
pub(super) struct PartialDirectory {
    temporary: TempDir,
    target: PathBuf,
}

impl PartialDirectory {
    /// Creates the directory next to `target`, and the directory for both.
    pub(super) fn create(target: &Path) -> Result<Self> {
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(Error::io("cannot create", parent))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".partial")
            .permissions(fs::Permissions::from_mode(0o777))
            .tempdir_in(parent)
            .map_err(Error::io("cannot create", target))?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// What the user asked for.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Moves all files next to `target`, the one called `last` when the others are there.
    pub(super) fn keep_beside(self, last: &Path) -> Result<PathBuf> {
        let parent = self.target.parent().unwrap_or(Path::new(""));
        let mut files = self.files()?;
        files.sort_by_key(|file| (file == last, file.clone()));
        for file in files {
            let place = parent.join(file.file_name().unwrap_or_default());
            fs::rename(&file, &place).map_err(Error::io("cannot rename to", &place))?;
        }
        Ok(self.target)
    }

    /// Gives the directory its name. One that has it and holds nothing but files that `is_ours` is
    /// replaced.
    pub(super) fn keep(self, is_ours: impl Fn(&str) -> bool) -> Result<PathBuf> {
        let Self { temporary, target } = self;
        check_replaceable(&target, is_ours)?;
        if target.exists() {
            fs::remove_dir_all(&target).map_err(Error::io("cannot replace", &target))?;
        }
        fs::rename(temporary.keep(), &target).map_err(Error::io("cannot rename to", &target))?;
        Ok(target)
    }

    /// What lies in it.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let path = self.temporary.path();
        let entries = fs::read_dir(path).map_err(Error::io("cannot read", path))?;
        let files = entries.map(|entry| entry.map(|entry| entry.path()));
        files.collect::<std::io::Result<_>>().map_err(Error::io("cannot read", path))
    }
}

/// An error if there is a directory with anything in it but files that `is_ours`.
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
            let source = std::io::Error::new(std::io::ErrorKind::DirectoryNotEmpty, text);
            return Err(Error::io("cannot replace", target)(source));
        }
    }
    Ok(())
}
