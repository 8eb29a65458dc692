//! The structure of a page, as listed by its runtime.

use serde::{Deserialize, Serialize};

use super::Number;

/// The parts of a composition, each list in document order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Tree {
    /// The root and the compositions within it.
    pub compositions: Vec<Composition>,
    /// Registered timelines that belong to none of them.
    pub other_timelines: Vec<Timeline>,
    /// Timed elements.
    pub clips: Vec<Clip>,
    /// What moves the page, by kind.
    pub adapters: Vec<Adapter>,
    /// Its `<audio>` and `<video>` elements.
    pub media: Vec<MediaElement>,
    /// The font faces that it declares.
    pub fonts: Vec<Font>,
    /// The variables that it declares.
    pub variables: Vec<Variable>,
}

/// An element with `data-composition-id`, or the root without one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Composition {
    /// Its `data-composition-id`.
    pub id: Option<String>,
    /// The element, as `#id` or `<tag>`.
    pub element: String,
    /// The file that it comes from, where it is not written in the page itself.
    pub src: Option<String>,
    /// Seconds from the start of the whole.
    pub start: Option<Number>,
    /// Seconds, as declared.
    pub duration: Option<Number>,
    /// Its registered timeline.
    pub timeline: Option<Timeline>,
    /// The id of the composition around it.
    pub parent: Option<String>,
}

/// A timeline in `window.__timelines`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Timeline {
    /// The name under which it is registered.
    pub key: String,
    /// Seconds; infinite where it repeats for ever.
    pub duration: Option<Number>,
    /// How many tweens it holds, where it can say so.
    pub tweens: Option<u64>,
}

/// An element that shows for a part of the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Clip {
    /// The element, as `#id` or `<tag>`.
    pub element: String,
    /// Its `id`.
    pub id: Option<String>,
    /// The id of the composition that it stands in.
    pub composition: Option<String>,
    /// Its `data-track-index`.
    pub track: Option<Number>,
    /// Seconds from the start of the whole.
    pub start: Option<Number>,
    /// Seconds from the start of the whole; `None` where nothing ends it.
    pub end: Option<Number>,
    /// The element's name, such as `div`.
    pub tag: String,
}

/// One kind of thing that moves the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Adapter {
    /// Its name, such as `gsap` or `cssAnimations`.
    pub name: String,
    /// How many there are before the first frame, where they can be counted.
    pub count: Option<u64>,
    /// The library's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Registered timelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timelines: Option<u64>,
    /// Tweens of all timelines, and those outside of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tweens: Option<u64>,
}

/// An `<audio>` or `<video>` of the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct MediaElement {
    /// `audio` or `video`.
    pub tag: String,
    /// The element's `id`.
    pub id: Option<String>,
    /// Its address.
    pub src: Option<String>,
    /// When it begins, in seconds of the composition.
    pub start: Option<Number>,
    /// When it ends; infinite where nothing limits it.
    pub end: Option<Number>,
}

/// A font face that the page declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Font {
    /// The family's name.
    pub family: String,
    /// A weight, or a range of them.
    pub weight: String,
    /// `normal`, `italic` or `oblique`.
    pub style: String,
    /// `unloaded`, `loading`, `loaded` or `error`.
    pub status: String,
    /// Its address, where the style sheet can be read.
    pub source: Option<String>,
}

/// A variable that the page declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub id: String,
    /// Its type, such as `string` or `color`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its value where the job gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
}
