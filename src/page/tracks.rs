//! Tracks of the page whose cues become subtitles of the output.

use std::time::Duration;

use serde::Deserialize;

use super::{Number, RUNTIME_FACE};
use crate::browser::{BrowserError, Page};

/// A `<track>` of the page, and the contents of its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrackFile {
    /// Its name for the user.
    pub label: String,
    /// Absolute.
    pub address: String,
    /// As `srclang` has it; may be empty.
    pub language: String,
    /// Its own `label`; may be empty.
    pub title: String,
    pub is_default: bool,
    /// The place of its element in the list of media.
    pub media: Option<usize>,
    /// The playing times of its element, as far as they are known before the first frame.
    pub runs: Vec<TrackRun>,
    pub text: Option<String>,
    /// The reason why there is no text.
    pub failure: Option<String>,
}

/// A run of an element: from `start` to `end` seconds of the composition it plays its source from
/// `from + (t - origin) * rate`; at the source's end, `length`, a loop continues at `again`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TrackRun {
    pub origin: Number,
    pub start: Number,
    pub end: Number,
    pub from: f64,
    pub rate: f64,
    pub loops: bool,
    pub again: f64,
    pub length: Number,
}

/// Reads the tracks that each CSS selector finds; `None` for an invalid selector.
pub(crate) fn read_tracks(
    page: &mut Page,
    selectors: &[&str],
    timeout: Duration,
) -> Result<Vec<Option<Vec<TrackFile>>>, BrowserError> {
    let selectors = serde_json::json!(selectors);
    page.evaluate(&format!("{RUNTIME_FACE}.readTracks({selectors})"), timeout)
}
