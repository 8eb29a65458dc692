//! Paths without special characters.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, Result};

/// A path to a directory, of characters without a special meaning.
///
/// The muxer that names the segments of a playlist, and players that resolve the names, treat `%`,
/// `#`, `?` and `:` as more than characters.
#[derive(Debug)]
pub(super) struct PlainDirectory {
    path: PathBuf,
    /// Holds the link at `path`, where the directory's own name will not do.
    _link: Option<TempDir>,
}

impl PlainDirectory {
    pub(super) fn to(directory: &Path) -> Result<Self> {
        if directory.to_str().is_some_and(|text| text.chars().all(is_plain)) {
            return Ok(Self { path: directory.to_owned(), _link: None });
        }
        let place = tempfile::env::temp_dir();
        let link = tempfile::Builder::new().prefix("pagereel-").tempdir();
        let link = link.map_err(Error::io("cannot create a directory in", &place))?;
        let path = link.path().join("output");
        let whole = std::path::absolute(directory);
        let whole = whole.map_err(Error::io("cannot find", directory))?;
        symlink(whole, &path).map_err(Error::io("cannot create a link in", link.path()))?;
        Ok(Self { path, _link: Some(link) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ',' | '+' | '@' | '=' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_reached_by_a_link_that_goes_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join("50%d #a?b:\n\"'\\");
        std::fs::create_dir(&odd).unwrap();
        let plain = PlainDirectory::to(&odd).unwrap();
        let path = plain.path().to_owned();
        assert!(path.to_str().unwrap().chars().all(is_plain), "{}", path.display());
        std::fs::write(path.join("a"), "b").unwrap();
        assert!(odd.join("a").exists());
        drop(plain);
        assert!(!path.exists() && odd.join("a").exists());
        assert_eq!(PlainDirectory::to(directory.path()).unwrap().path(), directory.path());
    }
}
