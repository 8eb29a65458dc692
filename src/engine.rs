//! One render, from job to file. The file to read first.
//!
//! probe → plan → capture and encode → finish (drain, mux, verify, rename) → report
//!
//! `check` stops after the plan, `stills` captures single frames and writes nothing.

mod attempts;
mod backends;
mod builder;
mod check;
mod chunks;
mod fit;
mod guess;
mod handle;
mod layered;
mod locate;
mod loudness;
mod media;
mod mix;
mod open;
mod options;
mod outcome;
mod prepared;
mod rehearsal;
mod render;
mod request;
mod segments;
mod selection;
mod sound;
mod stills;
mod subtitles;
mod timed;
mod turns;
mod verify;
mod volume;
mod wall;
mod warnings;
mod writer;

use std::sync::Arc;

pub use self::builder::EngineBuilder;
use self::guess::declared_size;
pub use self::handle::RenderHandle;
use self::open::{Opened, Prepared};
use self::render::Render;
pub use self::request::Request;
use self::turns::Turns;
use crate::browser::BrowserPool;
use crate::cancel::CancelToken;
use crate::check::Check;
use crate::error::Result;
use crate::job::{Entry, Job};
use crate::pipeline::FrameSink;
use crate::plan::Plan;
use crate::report::Report;
use crate::sink::{self, SinkStats};
use crate::warning::Warning;

/// Renders jobs. Keep one and use it for all: a browser of a successful render waits for the next
/// one, which then begins a third of a second sooner. They end with the engine, at the latest.
///
/// Cheap to clone: every clone is the same engine. It can be shared between threads, and called
/// from within an async runtime, where every call blocks its thread; [`Engine::start`] renders on a
/// thread of its own.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// The state that all clones of an engine share.
#[derive(Debug)]
struct Shared {
    pool: Arc<BrowserPool>,
    turns: Turns,
    /// The most memory that a render may count on, where the caller sets it.
    memory: Option<u64>,
}

/// Makes the sink once the plan is known.
type OpenSink<'s> = Box<dyn FnOnce(&Arc<Plan>) -> Result<Box<dyn FrameSink + 's>> + 's>;

impl Engine {
    /// Creates an engine with nothing started, whose browsers wait half a minute for another
    /// render.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings for an engine.
    pub const fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    /// Creates a call about `job`: set its progress and cancellation, then call [`Request::render`]
    /// or another.
    pub fn request<'a>(&'a self, job: &'a Job) -> Request<'a> {
        Request::new(self, job)
    }

    /// Renders `job` to its outputs, without progress: [`Request::render`].
    pub fn render(&self, job: &Job) -> Result<Report> {
        self.request(job).render()
    }

    /// Opens the page and resolves `job` against it, without rendering: [`Request::plan`].
    pub fn plan(&self, job: &Job) -> Result<(Plan, Vec<Warning>)> {
        self.request(job).plan()
    }

    /// Looks at the page without rendering it: [`Request::check`].
    pub fn check(&self, job: &Job) -> Result<Check> {
        self.request(job).check()
    }

    /// A sink that writes the outputs of `plan`, for frames from elsewhere.
    ///
    /// `cancel` ends the sink's work after the last frame, where frames are encoded twice.
    pub fn file_sink(&self, plan: Plan, cancel: &CancelToken) -> Result<Box<dyn FrameSink>> {
        sink::open(&Arc::new(plan), &SinkStats::default(), cancel)
    }

    /// Ends the idle browsers.
    pub fn end_idle_browsers(&self) {
        self.shared.pool.clear();
    }
}

/// The job with a scale in place of a resolution, for which the page's HTML must be read.
fn sized(job: &Job) -> Result<Job> {
    if job.resolution.is_none() {
        return Ok(job.clone());
    }
    job.validate()?;
    let declared = match job.entry()? {
        Entry::File { root, page } => declared_size(&root.join(page)),
        Entry::Url(_) => None,
    };
    Ok(job.with_scale(declared)?)
}

/// The job for a sink of the caller's own, or for none.
fn without_outputs(job: &Job) -> Job {
    Job { output: None, format: None, outputs: Vec::new(), ..job.clone() }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pool.close();
    }
}
