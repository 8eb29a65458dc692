//! One call of the engine: its job, its progress, and its cancellation.

use std::io::Write;

use super::backends::Pictures;
use super::chunks::open_outputs;
use super::segments::Work;
use super::{Engine, OpenSink, Prepared, sized, without_outputs};
use crate::cancel::CancelToken;
use crate::check::Check;
use crate::error::Result;
use crate::frame::Frame;
use crate::job::{CaptureMode, Job};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Plan;
use crate::progress::{Event, Progress};
use crate::report::Report;
use crate::sink::{self, NullSink, SinkStats};
use crate::time::Moment;
use crate::warning::Warning;

/// One call of an [`Engine`], made by [`Engine::request`].
///
/// ```no_run
/// use pagereel::{CancelToken, Engine, Event, Job};
///
/// let engine = Engine::new();
/// let job = Job::new("composition/index.html", "out.mp4");
/// let cancel = CancelToken::new(); // a clone of it ends the render from any thread
/// let report = engine
///     .request(&job)
///     .progress(&mut |event: &Event| println!("{:3.0} % {}", event.percent, event.message))
///     .cancel(&cancel)
///     .render()?;
/// println!("{} frames", report.output.frames);
/// # Ok::<(), pagereel::Error>(())
/// ```
#[must_use = "a request does nothing until it is told what to do"]
pub struct Request<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
    pub(super) progress: Option<&'a mut dyn Progress>,
    pub(super) cancel: CancelToken,
    /// A work folder, for what is finished.
    pub(super) work: Option<Work>,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("job", &self.job).finish_non_exhaustive()
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(engine: &'a Engine, job: &'a Job) -> Self {
        Self { engine, job, progress: None, cancel: CancelToken::new(), work: None }
    }

    /// Sets the receiver of progress. Default: none.
    pub fn progress(mut self, progress: &'a mut dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Sets the token that ends the call from another thread.
    pub fn cancel(mut self, cancel: &CancelToken) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Renders the job to its outputs.
    ///
    /// Blocks until the files are complete and checked, or the render has failed or was cancelled.
    /// In the latter cases no file appears and no browser is left, not even an idle one.
    pub fn render(self) -> Result<Report> {
        let work = self.work_of(self.job)?;
        let Self { engine, job, progress, cancel, .. } = self;
        let _turn = engine.shared.turns.take(&cancel)?;
        let job = &sized(job)?;
        let (clock, mut silent) = (SinkStats::default(), silent());
        let open = open_outputs(&clock, &cancel);
        let progress = progress.unwrap_or(&mut silent);
        let mut render = engine.begin(job, progress, &cancel, clock);
        render.work = work;
        render.run(job, open)
    }

    /// Renders the job into a writer instead of its output, in the job's `format`, while it is
    /// made.
    ///
    /// Formats are those that can be piped, such as mp4 (in fragments), webm and mkv. The job's
    /// further `outputs` are written as usual. An error of the writer ends the render.
    pub fn render_to(self, writer: impl Write + Send) -> Result<Report> {
        super::writer::render_to(self, writer)
    }

    /// Renders the job into the caller's own sink; the job's output and video settings are not used.
    ///
    /// Frames arrive in order, each once, on the calling thread, and their sound with them where the
    /// sink takes it.
    pub fn render_into(self, sink: impl FrameSink + 'a) -> Result<Report> {
        self.run_into(sink, |_| {})
    }

    /// Hands each frame of the job to `take`, in order, on the calling thread.
    pub fn frames(self, take: impl FnMut(Frame) -> Result<()> + Send + 'a) -> Result<Report> {
        self.render_into(Takes { take, frames: 0 })
    }

    /// Renders without taking pictures: the cost of drawing alone. For the benches.
    #[doc(hidden)]
    pub fn draw(self) -> Result<Report> {
        // Only in this mode Chrome draws nothing but on command.
        let mut job = self.job.clone();
        job.capture.mode = CaptureMode::BeginFrame;
        job.alpha = false;
        let request = Request::new(self.engine, &job).cancel(&self.cancel);
        request.run_into(NullSink::default(), |render| {
            render.pictures = Pictures::Left;
        })
    }

    /// Renders a page that seeks Chrome's own player, with nothing decoded here. For the benches.
    #[doc(hidden)]
    pub fn render_with_player(self, sink: impl FrameSink + 'a) -> Result<Report> {
        self.run_into(sink, |render| render.decodes_media = false)
    }

    fn run_into(
        self,
        sink: impl FrameSink + 'a,
        set: impl FnOnce(&mut super::Render<'_>),
    ) -> Result<Report> {
        let Self { engine, job, progress, cancel, .. } = self;
        let _turn = engine.shared.turns.take(&cancel)?;
        let asked = &sized(job)?;
        let (job, mut silent) = (&without_outputs(asked), silent());
        let (clock, takes_sound) = (SinkStats::default(), sink.takes_sound());
        let sink_clock = clock.clone();
        let open: OpenSink<'_> = Box::new(move |plan| {
            Ok(match &plan.sound {
                None => Box::new(sink),
                Some(sound) => Box::new(sink::WithSound::new(sink, sound, plan, sink_clock)),
            })
        });
        let progress = progress.unwrap_or(&mut silent);
        let mut render = engine.begin(job, progress, &cancel, clock);
        render.sink_takes_sound = takes_sound;
        set(&mut render);
        render.run(asked, open)
    }

    /// Opens the page and resolves the job against it, without rendering.
    pub fn plan(self) -> Result<(Plan, Vec<Warning>)> {
        let Self { engine, job, progress, cancel, .. } = self;
        let _turn = engine.shared.turns.take(&cancel)?;
        let (job, mut silent) = (&sized(job)?, silent());
        let progress = progress.unwrap_or(&mut silent);
        let mut render = engine.begin(job, progress, &cancel, SinkStats::default());
        job.validate()?;
        let (plan, Prepared { .. }) = render.surely(&mut |render| render.prepare())?;
        Ok((plan, std::mem::take(&mut render.warnings)))
    }

    /// Opens the page and reports its structure, its plan, and its faults.
    ///
    /// A page that opens and cannot be rendered is no error here: [`Check::error`] gives the
    /// reason. Nor are the warnings of a strict job.
    pub fn check(self) -> Result<Check> {
        let Self { engine, job, cancel, .. } = self;
        let _turn = engine.shared.turns.take(&cancel)?;
        engine.look_at(job, &cancel)
    }

    /// Takes pictures of single moments and hands each over as soon as it is ready.
    ///
    /// They come in the order of `moments`, which may repeat and go back in time; each is the
    /// picture that a render has in that frame. A page that cannot go back by itself is loaded
    /// again, so ascending moments are the fastest. The job's output, `frames` and video settings
    /// are not used. Nothing is captured unless the composition has all of the moments.
    ///
    /// Returns warnings about the page. In a strict job, warnings that come only with the frames
    /// are an error after the pictures.
    ///
    /// ```no_run
    /// use pagereel::{Engine, Job, Moment};
    ///
    /// let job = Job::without_output("composition/index.html");
    /// Engine::new().request(&job).stills(&[Moment::Seconds(0.5)], |frame| {
    ///     println!("{}: {}", frame.index.0, frame.picture.size);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), pagereel::Error>(())
    /// ```
    pub fn stills(
        self,
        moments: &[Moment],
        mut on_picture: impl FnMut(Frame) -> Result<()>,
    ) -> Result<Vec<Warning>> {
        let Self { engine, job, cancel, .. } = self;
        let _turn = engine.shared.turns.take(&cancel)?;
        engine.take_stills(job, moments, &mut on_picture, &cancel)
    }

    /// Renders another job in place of this one.
    pub(super) fn render_instead(self, job: &Job, cancel: &CancelToken) -> Result<Report> {
        let mut request = Request::new(self.engine, job).cancel(cancel);
        if let Some(progress) = self.progress {
            request = request.progress(progress);
        }
        request.render()
    }

    pub(super) const fn job(&self) -> &Job {
        self.job
    }

    pub(super) const fn token(&self) -> &CancelToken {
        &self.cancel
    }
}

/// Progress that is ignored.
pub(super) fn silent() -> impl Progress {
    |_: &Event| {}
}

/// A closure as a sink.
struct Takes<F> {
    take: F,
    frames: u64,
}

impl<F: FnMut(Frame) -> Result<()> + Send> FrameSink for Takes<F> {
    fn write(&mut self, frame: Frame) -> Result<()> {
        self.frames += 1;
        (self.take)(frame)
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact { frames: self.frames, ..Artifact::default() })
    }
}
