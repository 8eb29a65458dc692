//! Judges the place of a file, with links followed.
//!
//! The file server, the map and the engine's own reading of media all use it.

use std::path::{Path, PathBuf};

/// The directories in which files may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    /// Canonical.
    pub root: &'a Path,
    /// Another directory into which links may lead, canonical.
    pub own: Option<&'a Path>,
    /// Whether links may lead anywhere.
    pub follow: bool,
}

/// The content of a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, by its canonical path.
    File(PathBuf),
    /// The target of a link that may not be followed.
    Outside(PathBuf),
    /// Nothing, or no file: a pipe or a device would never end.
    Missing,
}

impl Bounds<'_> {
    /// Looks at `place`, which lies in the root by its name.
    pub(crate) fn look(self, place: &Path) -> Place {
        let Ok(target) = place.canonicalize() else { return Place::Missing };
        let is_own = self.own.is_some_and(|own| target.starts_with(own));
        if !(self.follow || is_own || target.starts_with(self.root)) {
            return Place::Outside(target);
        }
        if target.is_file() { Place::File(target) } else { Place::Missing }
    }
}
