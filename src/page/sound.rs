//! The page's reports about its sound.

use std::time::Duration;

use serde::Deserialize;

use super::{Media, RUNTIME_FACE, RuntimeWarning, TrackRun};
use crate::browser::{BrowserError, Page};
use crate::time::FrameRate;

/// The sound of a media element: its attributes as written, and its player's state.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sound {
    /// `data-volume`.
    pub volume: Option<String>,
    /// `data-fade-in`.
    #[serde(default)]
    pub fade_in: Option<String>,
    /// `data-fade-out`.
    #[serde(default)]
    pub fade_out: Option<String>,
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
    /// The name by which `data-audio-group` refers to it.
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

/// The discoveries that a rehearsal may make.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rehearsal {
    /// Whether it may change pictures.
    pub pictures: bool,
    /// Whether it may change sound.
    pub sound: bool,
}

/// Times in seconds of the composition, and the volume at each.
pub(crate) type Volumes = Vec<(f64, f64)>;

/// The results of a rehearsal.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rehearsed {
    /// Names of the elements that page code plays.
    pub governed: Vec<String>,
    /// Whether others stood still that will not: everything else is unknown then.
    pub incomplete: bool,
    /// Places in the list of media of those that do not sound as listed.
    pub silenced: Vec<usize>,
    /// Those whose volume changes, by their place in the list of media.
    pub volumes: Vec<(usize, Volumes)>,
    /// Further sound.
    pub added: Vec<Added>,
    /// The playing times of elements with tracks that page code controls, by their place in the
    /// list of media.
    pub played: Vec<(usize, Vec<TrackRun>)>,
    /// The sound of page code's own graphs.
    pub graphs: Vec<GraphSound>,
    /// Warnings.
    pub warnings: Vec<RuntimeWarning>,
}

/// Something that page code has played.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Added {
    pub media: Media,
    /// The changes of its volume.
    pub volume: Option<Volumes>,
}

/// A part of the sound of a Web Audio graph.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GraphSound {
    /// The address at which the page has stored it.
    pub src: String,
    /// The time at which it is heard, in seconds of the composition.
    pub start: f64,
    pub end: f64,
    /// The place in the sound at which it begins, in seconds.
    pub from: f64,
}

/// Shows `count` frames from `first` on, and records their sound.
///
/// The page must have been loaded for rehearsing, and has to be loaded again before it is rendered.
pub(crate) fn rehearse(
    page: &mut Page,
    first: u64,
    count: u64,
    rate: FrameRate,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let (num, den) = (rate.num, rate.den);
    let call = format!("{RUNTIME_FACE}.rehearse({first},{count},{num},{den})");
    page.evaluate::<serde_json::Value>(&call, timeout).map(drop)
}

/// The results of the frames rehearsed so far.
pub(crate) fn rehearsed(page: &mut Page, timeout: Duration) -> Result<Rehearsed, BrowserError> {
    page.evaluate(&format!("{RUNTIME_FACE}.rehearsed()"), timeout)
}
