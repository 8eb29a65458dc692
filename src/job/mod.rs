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
mod error;
mod model;
mod network;
mod plan;
mod read;
mod scale;
mod schema;
mod tree;
mod validate;
mod values;
mod words;

pub use self::address::{Address, Entry};
pub use self::audio::AudioPlan;
pub(crate) use self::audio::samples_in;
pub use self::error::JobError;
pub use self::model::{Audio, Browser, Capture, Color, Job, Network, OptionValue, Timeouts, Video};
pub use self::network::NetworkPolicy;
pub use self::plan::{CapturePlan, Plan, Route, VideoPlan};
pub(crate) use self::plan::{Circumstances, duration, frame_rate, size_of};
pub(crate) use self::scale::picture_size;
pub use self::schema::schema;
pub use self::values::{Bitrate, FrameRange, ValueError};
pub use self::words::{
    AudioCodec, CaptureFormat, CaptureMode, CaptureOrder, Codec, ColorMode, Container, OddSize,
    Quality, Sandbox, YuvFormat,
};
