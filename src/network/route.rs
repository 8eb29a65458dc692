//! What pages ask the engine, as addresses below their own origin.

use std::fmt::Debug;
use std::fs::File;

use hyper::body::Bytes;

/// Paths below it are not files: a [`Route`] answers.
pub(crate) const ROUTE_PREFIX: &str = "/__pagereel/";

/// Answers requests for what is no file. May take its time.
pub(crate) trait Route: Send + Sync + Debug {
    /// The answer for a path, given without [`ROUTE_PREFIX`], and a query.
    fn answer(&self, path: &str, query: &str) -> Answer;

    /// Takes what the page posts to a path; `None` if nothing is taken there.
    fn take(&self, path: &str, file: File) -> Option<Answer>;
}

/// What a [`Route`] answers.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
    /// Whether the browser may show it again without asking.
    pub is_lasting: bool,
}
