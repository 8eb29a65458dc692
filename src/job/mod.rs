//! What the user asks for, as written.
//!
//! A [`Job`] is `job.json` as a value: everything optional is still open, paths are resolved
//! against the job file, and nothing has been looked up on the page. [`Job::validate`] refuses what
//! can never be rendered; what depends on the page is decided by the plan.
//!
//! A job file is read in three steps, each with its own module: HyperFrames' names become ours
//! (`aliases`), the tree becomes values (`tree`), relative paths become resolved ones (`read`).

mod address;
mod aliases;
mod audio;
mod codec;
mod container;
mod destination;
mod display;
mod dynamic_range;
mod encoding;
mod error;
mod fonts;
mod metadata;
mod model;
mod network;
mod place;
mod plan;
mod read;
mod resolution;
mod restricted;
mod scale;
#[cfg(feature = "schema")]
mod schema;
mod subtitles;
mod thinning;
mod tree;
mod validate;
mod values;
mod words;

pub use self::address::{Address, Entry};
pub(crate) use self::audio::samples_in;
pub use self::audio::{AudioPlan, LoudnessPlan};
pub use self::codec::Codec;
pub use self::container::{AudioCodec, Container};
pub use self::destination::{Destination, FileNames};
pub use self::display::{Display, DisplayPreset};
pub(crate) use self::encoding::SEGMENT_SECS;
pub use self::encoding::VideoPlan;
pub use self::error::JobError;
pub use self::fonts::{FontFile, FontSource, FontStyle, FontWeight, Fonts};
pub use self::metadata::{Chapter, Metadata};
pub use self::model::{
    Audio, Browser, Capture, Color, Job, Network, OptionValue, Output, Timeouts, Video,
};
pub use self::network::NetworkPolicy;
pub use self::place::Place;
pub use self::plan::{CapturePlan, OutputPlan, Plan, PosterPlan, Route, SoundPlan};
pub(crate) use self::plan::{Circumstances, duration, frame_rate, size_of};
pub use self::resolution::Resolution;
pub(crate) use self::scale::picture_size;
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::subtitles::{Subtitle, SubtitlePlan};
pub(crate) use self::thinning::Thinning;
pub use self::values::{Bitrate, FrameRange, OutputSize, ValueError};
pub use self::words::{
    CaptureFormat, CaptureMode, CaptureOrder, ColorMode, Dither, Hardware, OddSize, Quality,
    Sandbox,
};
pub use crate::frame::{CodedFormat, Fit};
pub use crate::network::IsolationMode;
