//! The one judgement of where a file may lie, links followed.
//!
//! The file server, the map and the engine's own reading of media all ask here.

use std::path::{Path, PathBuf};

/// The directories in which files may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    /// Canonical.
    pub root: &'a Path,
    /// Another directory that links may lead into, canonical.
    pub own: Option<&'a Path>,
    /// Whether links may lead anywhere.
    pub follow: bool,
}

/// What is at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, by its canonical path.
    File(PathBuf),
    /// What a link leads to that may not be followed.
    Outside(PathBuf),
    /// Nothing, or no file: a pipe or a device would never end.
    Missing,
}

impl Bounds<'_> {
    /// What is at `place`, which lies in the root by its name.
    pub(crate) fn look(self, place: &Path) -> Place {
        let Ok(target) = place.canonicalize() else { return Place::Missing };
        let is_own = self.own.is_some_and(|own| target.starts_with(own));
        if !(self.follow || is_own || target.starts_with(self.root)) {
            return Place::Outside(target);
        }
        if target.is_file() { Place::File(target) } else { Place::Missing }
    }
}
