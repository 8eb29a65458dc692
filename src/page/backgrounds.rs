//! What lies behind everything in a page.

use serde::Deserialize;

/// Whether a page is transparent and says so, or hides what would be behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Backgrounds {
    /// The page has no background, and its styles say that this is meant.
    pub declared: bool,
    /// The element whose background covers all of the picture.
    pub opaque: Option<String>,
}
