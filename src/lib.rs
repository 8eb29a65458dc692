//! Renders HTML compositions to video.
//!
//! Headless Chrome draws a page at the exact moment of each frame; encoders of libav, linked into
//! this process, write the file. A composition is a page with HyperFrames-style `data-*` timing,
//! GSAP timelines, CSS animations, or any script that follows the clock.
//!
//! ```no_run
//! use pagereel::{CancelToken, Engine, Event, Job};
//!
//! let job = Job::new("composition/index.html", "out.mp4");
//! let mut progress = |event: &Event| println!("{:3.0} % {}", event.percent, event.message);
//! let report = Engine::new().render(&job, &mut progress, &CancelToken::new())?;
//! println!("{} frames", report.output.frames);
//! # Ok::<(), pagereel::Error>(())
//! ```
//!
//! Embedders who want the frames themselves implement [`FrameSink`] and call
//! [`Engine::render_into`]. Errors tell who is at fault ([`Error`]), what to do
//! ([`Error::hint`]) and whether trying again may help ([`Error::is_transient`]).

pub mod check;
pub mod color;
pub mod doctor;
pub mod frame;
pub mod job;
pub mod time;

mod av;
mod browser;
mod capture;
mod engine;
mod error;
mod network;
mod page;
mod pipeline;
mod progress;
mod report;
mod serve;
mod sink;
mod sys;

pub use crate::av::AvError;
pub use crate::browser::BrowserError;
pub use crate::capture::{Compression, Way};
pub use crate::check::Check;
pub use crate::engine::{Engine, Moment};
pub use crate::error::{Error, Result};
pub use crate::frame::{Frame, Picture};
pub use crate::job::{Job, Plan};
pub use crate::network::{NetworkOutcome, NetworkRequest, VersionMismatch};
pub use crate::pipeline::{
    Artifact, Batches, CancelToken, FrameQueue, FrameSink, FrameSource, Inlet, Lanes, OpenSource,
    Outlet, RecvError, Stopped, Ticket, Traffic, run,
};
pub use crate::progress::{Event, Progress, Status};
pub use crate::report::{Report, Resources, SessionReport, Stages, Warning};
pub use crate::sink::{ChecksumSink, NullSink, PictureFormat};
pub use crate::time::{FrameIndex, FrameRate};
