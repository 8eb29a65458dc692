//! The limit of files that this process may have open at once.
//!
//! Each process of a browser has the same limit. Chrome ends itself when it reaches the limit,
//! often with a misleading message, so the limit is checked before.

use rustix::process::{Resource, getrlimit};

/// Renders of small pages begin to fail below 110, and the page's own files come on top of that.
const NEEDED: u64 = 256;

/// The limit of files, if it is too low for a render.
pub(crate) fn too_few_open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current.filter(|&current| current < NEEDED)
}
