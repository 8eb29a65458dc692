//! Renders HTML compositions to video.
//!
//! Headless Chrome draws a page at the exact time of each frame; encoders of libav, linked into
//! this process, write the file. A composition is a page with HyperFrames-style `data-*` timing,
//! GSAP timelines, CSS animations, or any script that follows the clock.
//!
//! ```no_run
//! use pagereel::{Engine, Job};
//!
//! let job = Job::new("composition/index.html", "out.mp4");
//! let report = Engine::new().render(&job)?;
//! println!("{} frames", report.output.frames);
//! # Ok::<(), pagereel::Error>(())
//! ```
//!
//! | task | call |
//! |---|---|
//! | follow the progress, cancel from another thread | [`Engine::request`], [`Request::progress`], [`Request::cancel`] |
//! | render on a thread of its own | [`Engine::start`] |
//! | the file into a writer | [`Request::render_to`] |
//! | each frame by a closure, or into a sink | [`Request::frames`], [`Request::render_into`] with a [`FrameSink`] |
//! | pictures of single moments | [`Request::stills`] |
//! | the plan of a render, the faults of the page | [`Engine::plan`], [`Engine::check`] |
//! | a page without a file | [`job::InlinePage`] |
//! | simultaneous renders, idle time of browsers | [`Engine::builder`] |
//!
//! Errors tell who is at fault ([`Error`]), what to do ([`Error::hint`]) and whether trying again
//! may help ([`Error::is_transient`]). Internal events go to `tracing`.

pub mod check;
pub mod color;
pub mod confine;
pub mod doctor;
pub mod error;
pub mod frame;
pub mod job;
pub mod plan;
pub mod progress;
pub mod report;
pub mod sink;
pub mod time;

mod av;
mod browser;
mod cancel;
mod capture;
mod composite;
mod cues;
mod engine;
mod fonts;
mod media;
mod network;
mod page;
mod pipeline;
mod serve;
mod sound;
mod sys;
mod transition;
mod warning;
mod work;

pub use crate::cancel::CancelToken;
pub use crate::engine::{Engine, EngineBuilder, RenderHandle, Request};
pub use crate::error::{Error, Result};
pub use crate::frame::{Frame, Picture};
pub use crate::job::Job;
pub use crate::pipeline::{Artifact, FrameSink};
pub use crate::plan::Plan;
pub use crate::progress::{Event, Progress};
pub use crate::report::Report;
pub use crate::time::Moment;
pub use crate::warning::Warning;

/// The code in `docs/library.md`, which is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
mod library_guide {}

/// Doors for fuzzing. Not part of the interface.
#[doc(hidden)]
pub mod fuzzing;

/// Parts for the benches. Not part of the interface.
#[doc(hidden)]
pub mod parts {
    use std::path::Path;

    use image::ImageFormat;

    pub use crate::pipeline::{
        Batches, Bounds, FrameQueue, FrameSource, Inlet, OpenSource, Outlet, Parallelism,
        RecvError, SessionStats, Stopped, Throughput, Ticket, run,
    };

    use crate::av::VideoReader;
    use crate::frame::Picture;
    use crate::frame::yuv::{PlaneMut, Subsampling, yuv_from_rgb};
    use crate::media::{Library, Located};

    /// Decodes all pictures of a video. Returns their number.
    pub fn decode_video(path: &Path) -> Option<usize> {
        let mut reader = VideoReader::open(path, 1).ok()?;
        let mut count = 0;
        while reader.next_frame().ok()?.is_some() {
            count += 1;
        }
        Some(count)
    }

    /// Makes the pictures of a video that a page gets. Returns their size in bytes.
    pub fn video_pictures(path: &Path) -> Option<usize> {
        let located = Located { file: path.to_owned(), name: path.display().to_string() };
        let library = Library::new(Box::new(move |_| Ok(located.clone())));
        let info = library.info("").ok()?;
        let picture = |number| library.picture(info.id, number, 1).ok();
        (0..info.ticks.len()).map(|number| picture(number).map(|png| png.as_ref().len())).sum()
    }

    /// Decodes a PNG.
    pub fn decode_png(bytes: &[u8]) -> Option<Picture> {
        crate::frame::decode(bytes, ImageFormat::Png).ok()
    }

    /// Converts to YUV 4:2:0 with left-sited chroma, into planes without padding.
    pub fn to_yuv420(picture: &Picture, planes: &mut [Vec<u8>; 3]) {
        let (luma, chroma) = (picture.size.width as usize, picture.size.width.div_ceil(2) as usize);
        let [y, cb, cr] = planes;
        let plane = |data, stride| PlaneMut { data, stride };
        let planes = [plane(y, luma), plane(cb, chroma), plane(cr, chroma)];
        yuv_from_rgb(picture, picture.size, (Subsampling::Yuv420, 8), false, planes);
    }
}
