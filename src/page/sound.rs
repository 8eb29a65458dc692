//! What the page says about its sound.

use std::time::Duration;

use serde::Deserialize;

use crate::browser::{BrowserError, Page};
use crate::time::FrameRate;

/// How a media element sounds: its attributes as written, and what its player says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sound {
    /// `data-volume`.
    pub volume: Option<String>,
    /// The element's own volume, 0 to 1, which scripts set.
    pub player_volume: f64,
    /// Whether the element is muted, by attribute or script.
    pub muted: bool,
    /// `data-has-audio`.
    pub has_audio: Option<String>,
    /// Whether it or anything around it has `data-hidden`.
    pub hidden: bool,
    /// `data-automation`.
    pub automation: Option<String>,
    /// `data-fx-chain`.
    pub effects: Option<String>,
    /// `data-audio-group`.
    pub group: Option<String>,
    /// Seconds of its clip per second of the composition.
    pub clip_rate: f64,
    /// Whether a tween changes its volume.
    pub tweened: bool,
}

/// An `<hf-audio-group>`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupElement {
    /// What `data-audio-group` calls it.
    pub id: String,
    /// Its name for the user.
    pub label: String,
    /// `data-volume`.
    pub volume: Option<String>,
    /// `data-automation`.
    pub automation: Option<String>,
    /// `data-fx-chain`.
    pub effects: Option<String>,
    /// Whether it or anything around it has `data-hidden`.
    pub hidden: bool,
}

/// Shows `count` frames from `first` on, and asks for the volumes of all media in each.
///
/// The page is somewhere else afterwards: it has to be loaded again before it is rendered.
pub(crate) fn volumes(
    page: &mut Page,
    first: u64,
    count: u64,
    rate: FrameRate,
    timeout: Duration,
) -> Result<Vec<Vec<f64>>, BrowserError> {
    let runtime = "(globalThis.__pagereelStage ? __pagereelStage.runtime : globalThis.__pagereel)";
    let (num, den) = (rate.num, rate.den);
    page.evaluate(&format!("{runtime}.volumes({first},{count},{num},{den})"), timeout)
}
