//! Requests of pages to the engine, at addresses below their own origin.

use std::fmt::Debug;
use std::fs::File;

use hyper::body::Bytes;

/// The prefix of paths that are not files: a [`Route`] answers them.
pub(crate) const ROUTE_PREFIX: &str = "/__pagereel/";

/// Answers requests that are not for files. May take its time.
pub(crate) trait Route: Send + Sync + Debug {
    /// The answer for a path, given without [`ROUTE_PREFIX`], and a query.
    fn answer(&self, path: &str, query: &str) -> Answer;

    /// Takes the page's post to a path; `None` if the path takes none.
    fn take(&self, path: &str, file: File) -> Option<Answer>;
}

/// The answer of a [`Route`].
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
    /// Whether the browser may cache it.
    pub is_lasting: bool,
}
