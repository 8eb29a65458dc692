//! What is said about files that stand for addresses.

mod content;

pub(crate) use self::content::{Range, content_type, parse_range};
