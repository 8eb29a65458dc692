//! A file that gets its name only when it is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

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
