//! The user's request, as written.
//!
//! A [`Job`] is `job.json` as a value: optional fields may be unset, paths are resolved against the
//! job file, and nothing has been looked up on the page. [`Job::validate`] refuses jobs that can
//! never be rendered; the plan decides everything that depends on the page.
//!
//! A job file is read in three steps, each with its own module: HyperFrames' names become ours
//! (`aliases`), the tree becomes values (`tree`), relative paths become resolved ones (`read`).

mod address;
mod aliases;
mod codec;
mod container;
mod destination;
mod display;
mod error;
mod fonts;
mod formats;
mod inline;
mod metadata;
mod model;
mod network;
mod picture_format;
mod place;
mod read;
mod resolution;
mod restricted;
mod scale;
#[cfg(feature = "schema")]
mod schema;
mod subtitles;
mod tree;
mod validate;
mod values;
mod words;

pub use self::address::{Address, Entry};
pub use self::codec::Codec;
pub use self::container::{AudioCodec, Container};
pub use self::destination::{Destination, FileNames};
pub use self::display::{Display, DisplayPreset};
pub use self::error::JobError;
pub use self::fonts::{FontFile, FontSource, FontStyle, FontWeight, Fonts};
pub(crate) use self::formats::bad_format;
pub use self::inline::InlinePage;
pub use self::metadata::{Chapter, Metadata};
pub use self::model::{
    Audio, Browser, Capture, Color, Job, Network, OptionValue, Output, Timeouts, Video,
};
pub use self::network::NetworkPolicy;
pub use self::picture_format::PictureFormat;
pub use self::place::Place;
pub use self::resolution::Resolution;
pub(crate) use self::scale::picture_size;
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::subtitles::{Sidecar, Subtitle};
pub(crate) use self::subtitles::{SubtitleText, has_sidecars, language_in, subtitle_codec};
pub use self::values::{Bitrate, FrameRange, OutputSize, ValueError};
pub use self::words::{
    CaptureFormat, CaptureMode, CaptureOrder, ColorMode, Dither, Hardware, OddSize, Quality,
    Sandbox,
};
pub use crate::frame::{CodedFormat, Fit};
pub use crate::network::IsolationMode;
