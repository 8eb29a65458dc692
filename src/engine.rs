//! One render, from job to file. The file to read first.
//!
//! probe → plan → capture and encode → finish (drain, mux, verify, rename) → report
//!
//! `check` stops after the plan, `stills` captures single frames and writes nothing.

mod attempts;
mod check;
mod guess;
mod layered;
mod loudness;
mod media;
mod mix;
mod open;
mod options;
mod prepared;
mod rehearsal;
mod render;
mod sound;
mod stills;
mod subtitles;
mod timed;
mod verify;
mod wall;
mod warnings;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use self::guess::declared_size;
use self::open::{Opened, Prepared};
use self::render::Render;
use crate::browser::BrowserPool;
use crate::cancel::CancelToken;
use crate::error::Result;
use crate::job::{self, Entry, Job};
use crate::pipeline::FrameSink;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::sink::{self, NullSink, SinkClock};
use crate::warning::Warning;

/// How long browsers wait for the next render, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// Renders jobs. Keep one and use it for all: browsers of a render that went well wait for the next
/// one, which then begins a third of a second sooner. They end with the engine, at the latest.
#[derive(Debug)]
pub struct Engine {
    pool: Arc<BrowserPool>,
}

/// Makes the sink once the plan is known.
type OpenSink<'s> = Box<dyn FnOnce(&Arc<Plan>) -> Result<Box<dyn FrameSink + 's>> + 's>;

impl Engine {
    /// An engine with nothing started, whose browsers wait half a minute for another render.
    pub fn new() -> Self {
        Self::keeping_browsers(PATIENCE)
    }

    /// An engine whose browsers wait so long for another render; with zero each ends with its own.
    pub fn keeping_browsers(patience: Duration) -> Self {
        Self { pool: BrowserPool::new(patience) }
    }

    /// Ends the browsers that wait.
    pub fn end_idle_browsers(&self) {
        self.pool.clear();
    }

    /// Renders `job` to its output file.
    ///
    /// Blocks until the file is complete and checked, or the render has failed or was cancelled.
    /// In the latter cases no file appears and no browser is left, not even one that waits.
    pub fn render(
        &self,
        job: &Job,
        progress: &mut dyn Progress,
        cancel: &CancelToken,
    ) -> Result<Report> {
        let job = &sized(job)?;
        let clock = SinkClock::default();
        let sink_clock = clock.clone();
        let open: OpenSink<'_> = Box::new(move |plan| sink::open(plan, &sink_clock, cancel));
        self.begin(job, progress, cancel, clock).run(job, open)
    }

    /// Renders `job` into the caller's own sink; the job's output and video settings are not used.
    ///
    /// Frames arrive in order, each once, on the calling thread.
    pub fn render_into(
        &self,
        job: &Job,
        sink: Box<dyn FrameSink + '_>,
        progress: &mut dyn Progress,
        cancel: &CancelToken,
    ) -> Result<Report> {
        let asked = &sized(job)?;
        let job = &without_outputs(asked);
        let open: OpenSink<'_> = Box::new(move |_| Ok(sink));
        self.begin(job, progress, cancel, SinkClock::default()).run(asked, open)
    }

    /// Renders without taking pictures: what Chrome needs for drawing alone. For the benches.
    #[doc(hidden)]
    pub fn draw(&self, job: &Job, cancel: &CancelToken) -> Result<Report> {
        let mut silent = |_: &crate::progress::Event| {};
        // Only there nothing is drawn but on command.
        let mut job = without_outputs(job);
        job.capture.mode = job::CaptureMode::BeginFrame;
        job.alpha = false;
        let mut render = self.begin(&job, &mut silent, cancel, SinkClock::default());
        render.is_blind = true;
        render.run(&job, Box::new(|_| Ok(Box::new(NullSink::default()))))
    }

    /// Renders a page that seeks Chrome's own player, with nothing decoded here. For the benches.
    #[doc(hidden)]
    pub fn render_with_player(
        &self,
        job: &Job,
        sink: Box<dyn FrameSink + '_>,
        cancel: &CancelToken,
    ) -> Result<Report> {
        let mut silent = |_: &crate::progress::Event| {};
        let job = &without_outputs(job);
        let mut render = self.begin(job, &mut silent, cancel, SinkClock::default());
        render.decodes_media = false;
        render.run(job, Box::new(|_| Ok(sink)))
    }

    /// A sink that writes the outputs of `plan`, for frames from elsewhere.
    ///
    /// `cancel` ends what the sink does after the last frame, where frames are encoded twice.
    pub fn file_sink(&self, plan: Plan, cancel: &CancelToken) -> Result<Box<dyn FrameSink>> {
        sink::open(&Arc::new(plan), &SinkClock::default(), cancel)
    }

    /// Opens the page and resolves the job against it, without rendering.
    pub fn plan(&self, job: &Job, cancel: &CancelToken) -> Result<(Plan, Vec<Warning>)> {
        let job = &sized(job)?;
        let mut silent = |_: &crate::progress::Event| {};
        let mut render = self.begin(job, &mut silent, cancel, SinkClock::default());
        job.validate()?;
        let (plan, _) = render.surely(&mut |render| render.prepare())?;
        Ok((plan, std::mem::take(&mut render.warnings)))
    }
}

/// The job with a scale in place of a resolution, which the page's HTML must be read for.
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

impl Drop for Engine {
    fn drop(&mut self) {
        self.pool.close();
    }
}
