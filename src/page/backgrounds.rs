//! The background behind everything in a page.

use serde::Deserialize;

/// Whether a page is transparent and declares it, or covers its background.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Backgrounds {
    /// The page has no background, and its styles declare that this is meant.
    pub declared: bool,
    /// The element whose background covers all of the picture.
    pub opaque: Option<String>,
}
