//! How many files this process may have open at once.
//!
//! Each process of a browser has the same limit. Chrome ends itself where it meets it, in words that
//! name something else as often as not, so it is looked at before.

use rustix::process::{Resource, getrlimit};

/// Renders of small pages begin to fail below 110, and files of the page come on top of that.
const NEEDED: u64 = 256;

/// How many files may be open at once, where that is too few for a render.
pub(crate) fn too_few_open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current.filter(|&current| current < NEEDED)
}
