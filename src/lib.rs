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
mod cancel;
mod capture;
mod composite;
mod confine;
mod cues;
mod engine;
mod error;
mod fonts;
mod media;
mod network;
mod page;
mod pipeline;
pub mod plan;
mod progress;
mod report;
mod serve;
mod sink;
mod sound;
mod sys;
mod transition;
mod warning;

pub use crate::av::AvError;
pub use crate::browser::BrowserError;
pub use crate::cancel::CancelToken;
pub use crate::check::Check;
pub use crate::confine::{Confinement, confine};
pub use crate::engine::Engine;
pub use crate::error::{Error, Result};
pub use crate::frame::{Frame, Picture};
pub use crate::job::{Job, PictureFormat};
pub use crate::network::{Isolation, NetworkOutcome, NetworkRequest, VersionMismatch};
pub use crate::pipeline::{
    Artifact, Batches, FrameQueue, FrameSink, FrameSource, Inlet, Lanes, OpenSource, Outlet, Pace,
    RecvError, Stopped, Ticket, Traffic, run,
};
pub use crate::plan::{Compression, Plan, Way};
pub use crate::progress::{Event, Progress, Status};
pub use crate::report::{Report, Resources, SessionReport, Stages};
pub use crate::sink::{ChecksumSink, NullSink};
pub use crate::sound::{Effect, Group, Track, VolumePoint};
pub use crate::time::{FrameIndex, FrameRate, Moment};
pub use crate::transition::{Ease, Shader, Transition};
pub use crate::warning::Warning;

/// Doors for fuzzing. Not part of the interface.
#[doc(hidden)]
pub mod fuzzing;

/// Parts for the benches. Not part of the interface.
#[doc(hidden)]
pub mod parts {
    use std::path::Path;

    use image::ImageFormat;

    use crate::av::VideoReader;
    use crate::frame::Picture;
    use crate::frame::yuv::{PlaneMut, Subsampling, yuv_from_rgb};
    use crate::media::{Library, Located};

    /// Decodes all pictures of a video. Returns how many there are.
    pub fn decode_video(path: &Path) -> Option<usize> {
        let mut reader = VideoReader::open(path, 1).ok()?;
        let mut count = 0;
        while reader.next_frame().ok()?.is_some() {
            count += 1;
        }
        Some(count)
    }

    /// Makes of all pictures of a video what a page is sent. Returns how many bytes that are.
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

    /// Converts to YUV 4:2:0 with chroma sited left, into planes without padding.
    pub fn to_yuv420(picture: &Picture, planes: &mut [Vec<u8>; 3]) {
        let (luma, chroma) = (picture.size.width as usize, picture.size.width.div_ceil(2) as usize);
        let [y, cb, cr] = planes;
        let plane = |data, stride| PlaneMut { data, stride };
        let planes = [plane(y, luma), plane(cb, chroma), plane(cr, chroma)];
        yuv_from_rgb(picture, picture.size, (Subsampling::Yuv420, 8), false, planes);
    }
}
