//! The tracks of a composition, with their times.

use std::path::PathBuf;

use serde::Serialize;

use super::Effect;

/// The volume at one moment of the composition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VolumePoint {
    /// Seconds of the composition.
    pub at: f64,
    /// A factor; 1 leaves the sound as it is.
    pub volume: f64,
}

/// One source of sound, placed in the composition.
///
/// From `start` to `end` seconds of the composition, it plays what its file has at
/// `from + (t - origin) * rate` seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// Its name for the user, such as `<audio id="music">`.
    pub label: String,
    /// The file.
    pub file: PathBuf,
    /// When it is heard first, in seconds of the composition.
    pub start: f64,
    /// When it is heard no more, in seconds of the composition.
    pub end: f64,
    /// When its file stands at `from`, in seconds of the composition.
    pub origin: f64,
    /// Where in the file it begins, in seconds.
    pub from: f64,
    /// Seconds of the file per second of the composition. The pitch stays.
    pub rate: f64,
    /// Whether it begins again at `from` when its file has ended.
    pub loops: bool,
    /// The volume over time, in order; a straight line from each point to the next.
    ///
    /// Not empty; a single point holds throughout.
    #[serde(serialize_with = "few_points")]
    pub volume: Vec<VolumePoint>,
    /// How it is faded in and out at the edges of its clip: factors over time, on top of the volume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fades: Vec<VolumePoint>,
    /// What is done to it before its volume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// The group that it is mixed into first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Tracks that are mixed by themselves before they join the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// What tracks call it.
    pub id: String,
    /// The volume over time, as that of a track.
    #[serde(serialize_with = "few_points")]
    pub volume: Vec<VolumePoint>,
    /// What is done to its mix before its volume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
}

/// Points beyond this number are left out of reports.
const REPORTED_POINTS: usize = 16;

fn few_points<S: serde::Serializer>(
    points: &[VolumePoint],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().take(REPORTED_POINTS))
}
