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
mod options;
mod prepared;
mod rehearsal;
mod sound;
mod stills;
mod timed;
mod verify;
mod wall;
mod warnings;
mod ways;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::attempts::Detour;
use self::guess::{GUESS, declared_size};
use self::layered::Light;
use self::options::{add_webgpu, session_options};
pub use self::stills::Moment;
use self::timed::TimedSink;
use crate::av;
use crate::browser::{BrowserError, BrowserPool};
use crate::capture::{Meter, OpenError, OpenPage, Recruiting, Retreat, SessionOptions, Way};
use crate::error::{Error, Result};
use crate::frame::{Alpha, Size};
use crate::job::{self, Circumstances, Entry, Job, Plan};
use crate::network::{Access, NetworkOutcome, NetworkRequest, Policy};
use crate::pipeline::{Artifact, CancelToken, FrameSink, Traffic, run};
use crate::progress::{Progress, Reporter, Status};
use crate::report::{Report, Resources, SessionReport, Stages, Warning};
use crate::serve::{FileFinder, FileServer};
use crate::sink::{self, NullSink, Shutter, SinkClock};
use crate::sys;

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
        self.begin(job, progress, cancel, clock).run(true, open)
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
        let job = &sized(job)?;
        let open: OpenSink<'_> = Box::new(move |_| Ok(sink));
        self.begin(job, progress, cancel, SinkClock::default()).run(false, open)
    }

    /// Renders without taking pictures: what Chrome needs for drawing alone. For the benches.
    #[doc(hidden)]
    pub fn draw(&self, job: &Job, cancel: &CancelToken) -> Result<Report> {
        let mut silent = |_: &crate::progress::Event| {};
        // Only there nothing is drawn but on command.
        let mut job = job.clone();
        job.capture.mode = job::CaptureMode::BeginFrame;
        job.alpha = false;
        let mut render = self.begin(&job, &mut silent, cancel, SinkClock::default());
        render.is_blind = true;
        render.run(false, Box::new(|_| Ok(Box::new(NullSink::default()))))
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
        let mut render = self.begin(job, &mut silent, cancel, SinkClock::default());
        render.decodes_media = false;
        render.run(false, Box::new(|_| Ok(sink)))
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
        let (plan, _) = render.surely(&mut |render| render.prepare(job.has_outputs()))?;
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

/// The state of one render.
struct Render<'a> {
    job: &'a Job,
    reporter: Reporter<'a>,
    cancel: &'a CancelToken,
    clock: SinkClock,
    started: Instant,
    cpu_at_start: u64,
    stages: Stages,
    warnings: Vec<Warning>,
    /// Addresses on the composition's own server that did not load and have been told.
    missing: Vec<String>,
    /// What the pages may reach, and what they asked for.
    access: Arc<Access>,
    environment: BTreeMap<String, String>,
    /// Whether pictures will be taken.
    is_captured: bool,
    /// Whether frames are drawn though no pictures are taken.
    is_blind: bool,
    /// Whether the page can ask for the pictures of its videos.
    decodes_media: bool,
    /// Knows which links of the composition were not followed.
    files: Option<FileFinder>,
    /// What HDR is put together with.
    light: Light,
    /// The engine's.
    pool: Arc<BrowserPool>,
    /// Which ways the sessions took, once there are some.
    retreat: Option<Arc<Retreat>>,
    /// How a page was opened last.
    tried: Option<Way>,
    /// Another way than the job's, where browsers have died in that one.
    detour: Option<Detour>,
}

/// A page that is open, whether or not it can be rendered.
struct Opened {
    server: Option<FileServer>,
    entry: Entry,
    options: SessionOptions,
    page: OpenPage,
    /// Why the pictures are taken as they are.
    reasons: Vec<String>,
}

/// What the probe leaves to the capture.
struct Prepared {
    /// Serves the composition until the render ends.
    server: Option<FileServer>,
    /// How sessions are opened, and how when that does not work any more.
    ways: Vec<SessionOptions>,
    page: OpenPage,
    recruiting: Option<Recruiting>,
}

impl Engine {
    fn begin<'a>(
        &self,
        job: &'a Job,
        progress: &'a mut dyn Progress,
        cancel: &'a CancelToken,
        clock: SinkClock,
    ) -> Render<'a> {
        Render {
            job,
            reporter: Reporter::new(progress),
            cancel,
            clock,
            started: Instant::now(),
            cpu_at_start: sys::cpu_ms(),
            stages: Stages::default(),
            warnings: Vec::new(),
            missing: Vec::new(),
            access: Arc::default(),
            environment: BTreeMap::new(),
            is_captured: true,
            is_blind: false,
            decodes_media: true,
            files: None,
            light: Light::default(),
            pool: Arc::clone(&self.pool),
            retreat: None,
            tried: None,
            detour: None,
        }
    }
}

impl Drop for Render<'_> {
    fn drop(&mut self) {
        self.access.end();
    }
}

impl Render<'_> {
    /// Runs all stages, and tells the end whatever it is.
    fn run(mut self, encoded: bool, open: OpenSink<'_>) -> Result<Report> {
        self.reporter.stage(Status::Queued, 0.0, "Queued");
        let result = self.stages(encoded, open);
        if result.is_err() {
            self.pool.clear();
        }
        match &result {
            Ok(_) => self.reporter.stage(Status::Complete, 100.0, "Render complete"),
            Err(Error::Cancelled) => self.reporter.ended(Status::Cancelled, "Render cancelled"),
            Err(e) => self.reporter.ended(Status::Failed, format!("Failed: {e}")),
        }
        result
    }

    fn stages(&mut self, encoded: bool, open: OpenSink<'_>) -> Result<Report> {
        self.job.validate()?;
        if encoded {
            sink::check_places(self.job)?;
            // What is wrong in them is said before a browser starts; they are read again for the plan.
            self.job.read_subtitles()?;
        }
        self.reporter.stage(Status::Preprocessing, 5.0, "Compiling composition");
        let probing = Instant::now();
        let (plan, prepared) = self.surely(&mut |render| render.prepare(encoded))?;
        let plan = Arc::new(plan);
        let mut sink = open(&plan)?;
        self.stages.probe_ms = ms(probing.elapsed());
        // What is known by now may be a reason not to wait for the rest.
        for warning in &self.warnings {
            self.reporter.warning(warning);
        }

        let capturing = Instant::now();
        let meter = Arc::new(Meter::default());
        let (traffic, encode) = if plan.is_sound_alone() {
            self.reporter.stage(Status::Rendering, 25.0, "Mixing the sound");
            drop(prepared);
            (Traffic::default(), self.mix(&plan, sink.as_mut())?)
        } else {
            self.reporter.stage(Status::Rendering, 25.0, "Starting frame capture");
            self.capture(&plan, prepared, &meter, sink.as_mut())?
        };
        self.stages.capture_ms = ms(capturing.elapsed());
        // A strict job must not get its file.
        self.warn_about_frames(&meter)?;

        self.reporter.stage(Status::Encoding, 80.0, "Draining the encoder");
        let finishing = Instant::now();
        self.reporter.stage(Status::Assembling, 90.0, "Assembling final video");
        self.clock.set_light(self.light.level(&plan.stream));
        let output = sink.finish()?;
        let (finish, verify) = (finishing.elapsed(), self.clock.verify());
        self.stages.verify_ms = ms(verify);
        self.stages.replay_ms = ms(self.clock.replay());
        self.stages.finish_ms = ms(finish.saturating_sub(verify + self.clock.replay()));
        self.stages.encode_ms = ms(encode) + self.stages.replay_ms + self.stages.finish_ms;
        self.stages.convert_ms = ms(self.clock.convert());
        self.stages.sound_ms = ms(self.clock.sound());
        self.stages.total_ms = ms(self.started.elapsed());
        Ok(self.report(&plan, output, &traffic, &meter))
    }

    /// Opens the page and makes the plan. The page goes on as the first session.
    fn prepare(&mut self, encoded: bool) -> Result<(Plan, Prepared)> {
        if encoded {
            self.is_captured &= !self.job.is_sound_alone();
        }
        let opened = self.open();
        let (opened, size) = opened.map_err(|e| self.name_missing(e))?;
        let (mut opened, size) = (opened, size.map_err(|e| self.name_missing(e))?);
        let plan = opened.plan(self.job, size, encoded, &mut self.warnings);
        let mut plan = plan.map_err(|e| self.name_missing(e))?;
        if opened.options.way() == Way::Canvas && self.is_captured {
            opened = self.verified(opened, &plan)?;
            plan = opened.plan(self.job, size, encoded, &mut Vec::new())?;
        }
        // Its pictures are opaque and of SDR, and canvas capture draws the page in a canvas already.
        let is_plain = plan.stream.alpha == Alpha::Opaque && !plan.stream.color.is_hdr();
        if !is_plain || opened.options.way() == Way::Canvas {
            plan.transitions.iter_mut().for_each(|transition| transition.by_library = false);
        }
        opened.options.transitions = plan.transitions.clone().into();
        if plan.is_sound_alone() {
            plan.capture.reasons = vec!["nothing is captured: sound alone".into()];
        } else {
            self.choose_layers(&mut opened, &mut plan)?;
        }
        opened.options.load.length = Some(plan.duration);
        let learned = self.rehearse(&mut opened, &plan, encoded)?;
        if encoded {
            self.plan_sound(&opened, &mut plan, learned)?;
            self.settle_loudness(&mut plan)?;
            sink::warn_about_space(&plan, &mut self.warnings);
        }
        self.warn_about_cuts(&opened.page, plan.duration);
        self.warn_about_alpha(&opened.page, &plan);
        self.collect_warnings(&opened.page);
        self.refuse_warnings()?;
        let Opened { server, options, page, .. } = opened;
        let recruiting = self.job.capture.workers.is_none().then(|| Recruiting {
            cores: sys::cores(),
            start: self.started.elapsed(),
            engine_cpu_ms: sys::cpu_ms(),
            has_videos: page.description.media.iter().any(|media| media.tag == "video"),
        });
        let ways = if self.is_blind { vec![options] } else { ways::all(self.job, options) };
        Ok((plan, Prepared { server, ways, page, recruiting }))
    }

    /// Names what was not loaded in an error about the page.
    ///
    /// The first script, or data, is the likely cause.
    fn name_missing(&self, error: Error) -> Error {
        let Error::Composition { message, console, hint } = error else { return error };
        let requests = self.access.ledger.requests();
        let can_break = |r: &&NetworkRequest| {
            r.outcome != NetworkOutcome::Mapped && matches!(r.kind.as_str(), "script" | "fetch")
        };
        match requests.iter().find(can_break).and_then(Warning::of_request) {
            Some(Warning { message: missing, hint, .. }) => {
                Error::Composition { message: format!("{message}; {missing}"), console, hint }
            }
            None => Error::Composition { message, console, hint },
        }
    }

    /// Opens the page in its size; instead of the size, what makes a render impossible.
    ///
    /// An error if there is no page to be looked at.
    fn open(&mut self) -> Result<(Opened, Result<Size>)> {
        let job = self.job;
        let entry = job.entry()?;
        let policy = job.network.policy.hosts().map_or(Policy::Allow, Policy::Only);
        let wall = wall::raise(job, &entry, &policy)?;
        let (server, url, guess) = match &entry {
            Entry::File { root, page } => {
                let socket = wall.listen().map_err(wall::no_server)?;
                let server = FileServer::start(root, job.network.follow_symlinks, socket)?;
                let url = server.url(page);
                self.files = Some(server.finder());
                let declared = declared_size(&root.join(page));
                (Some(server), url, declared)
            }
            Entry::Url(url) => (None, url.to_string(), None),
        };
        let cancel = self.cancel.clone();
        let mut access = Access::new(policy, job.network_map()?, &url);
        access.fonts = job.font_library(&entry)?;
        access.wall = wall;
        access.private = job.private_hosts();
        self.access = Arc::new(access.cancelled_by(move || cancel.is_cancelled()));
        let mut reasons = Vec::new();
        let candidate = if let Some(detour) = &self.detour {
            reasons.clone_from(&detour.reasons);
            detour.candidate.clone()
        } else {
            ways::choose(job, self.is_captured, &mut reasons)?
        };
        let guess = guess.filter(|&size| job::picture_size(size, job.scale).is_ok());
        let size = job.size.or(guess).unwrap_or(GUESS);
        let access = Arc::clone(&self.access);
        let mut options = session_options(job, candidate, url, size, access, &self.pool);
        if self.decodes_media {
            let offer = media::offer(server.as_ref(), &self.access);
            options.load.media = Some(offer.address);
            options.load.fonts = Some(offer.fonts);
            options.page.route = offer.route;
            self.light.library = offer.library;
        }
        options.is_blind = self.is_blind;
        let (mut options, mut page, mut refusal) = self.open_page(options, &mut reasons)?;
        if add_webgpu(&mut options, &page) {
            drop(page);
            (options, page, refusal) = self.open_page(options, &mut reasons)?;
        }
        self.access.stop_waiting();
        self.environment.insert("chrome".into(), page.product().to_owned());
        for (name, version) in av::versions() {
            self.environment.insert(name.into(), version);
        }

        // Sound has no size that anything could be wrong with.
        let mut unsaid = Vec::new();
        let warnings = if self.is_captured { &mut self.warnings } else { &mut unsaid };
        let size = job::size_of(job, &page.description, warnings)
            .map_err(|message| Error::Composition { message, console: page.console(), hint: None })
            .and_then(|size| {
                job.check_resolution(size)?;
                job::picture_size(size, job.scale)?;
                Ok(size)
            });
        if let (None, &Ok(size)) = (&refusal, &size)
            && size != options.page.size
        {
            // Scripts may have measured the viewport already: only a new page is right.
            drop(page);
            options.resize(size);
            (options, page, refusal) = self.open_page(options, &mut reasons)?;
        }
        Ok((Opened { server, entry, options, page, reasons }, refusal.map_or(size, Err)))
    }

    /// Opens the composition; in the next way if it cannot be captured in the chosen one.
    ///
    /// With a page that does not become ready comes the error that says so.
    fn open_page(
        &mut self,
        options: SessionOptions,
        reasons: &mut Vec<String>,
    ) -> Result<(SessionOptions, OpenPage, Option<Error>)> {
        let mut options = options;
        loop {
            self.tried = Some(options.way());
            match OpenPage::open_unready(&options, self.cancel) {
                Ok((page, refusal)) => return Ok((options, page, refusal)),
                Err(OpenError::CannotGrab(e))
                    if !matches!(e, BrowserError::Cancelled) && !e.is_death() =>
                {
                    let Some(next) = ways::after(self.job, options.way(), &e, reasons) else {
                        return Err(OpenError::CannotGrab(e).into());
                    };
                    next.apply(&mut options);
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Captures all frames into the sink. Returns the traffic, and the time spent in the sink.
    fn capture(
        &mut self,
        plan: &Plan,
        prepared: Prepared,
        meter: &Arc<Meter>,
        sink: &mut dyn FrameSink,
    ) -> Result<(Traffic, Duration)> {
        let (pages, _server) = prepared.sources(plan, meter);
        self.retreat = Some(Arc::clone(&pages.retreat));
        let (captured, samples) = (plan.captured(), u64::from(plan.samples));
        let sources = self.light.sources(pages, plan);
        let mut shutter = Shutter::new(sink, plan.samples);
        let mut timed = TimedSink { sink: &mut shutter, spent: Duration::ZERO };
        let (frames, lanes) = (plan.stream.frames, plan.capture.lanes);
        let (reporter, stages, started) = (&mut self.reporter, &mut self.stages, self.started);
        let mut written = |n: u64| {
            if n == samples {
                stages.first_frame_ms = ms(started.elapsed());
            }
            if n.is_multiple_of(samples) {
                reporter.frame(n / samples, frames, lanes.sessions.get());
            }
        };
        let traffic =
            run(&captured, lanes, sources.as_ref(), &mut timed, self.cancel, &mut written)?;
        Ok((traffic, timed.spent))
    }

    fn report(
        &mut self,
        plan: &Plan,
        output: Artifact,
        traffic: &Traffic,
        meter: &Meter,
    ) -> Report {
        let (chrome_peak_bytes, chrome_cpu_ms) = meter.totals();
        let sessions = traffic.delivered.iter().zip(&traffic.reopened).enumerate();
        let content_light = self.light.level(&plan.stream);
        let mut plan = plan.clone();
        plan.capture.reasons.extend(meter.recruits());
        plan.capture.reasons.extend(self.retreat.iter().flat_map(|retreat| retreat.reasons()));
        Report {
            version: env!("CARGO_PKG_VERSION"),
            plan,
            output,
            stages: self.stages,
            sessions: sessions
                .map(|(i, (&captured, &retried))| SessionReport {
                    captured,
                    reused: meter.reused_by(i),
                    seek_ms: ms(meter.sought_by(i)),
                    retried,
                })
                .collect(),
            resources: Resources {
                engine_peak_bytes: sys::peak_resident_bytes(),
                chrome_peak_bytes,
                engine_cpu_ms: sys::cpu_ms().saturating_sub(self.cpu_at_start),
                chrome_cpu_ms,
                chrome_start_cpu_ms: meter.start_cpu_ms(),
                stored_bytes: self.clock.stored_bytes(),
            },
            content_light,
            warnings: std::mem::take(&mut self.warnings),
            network: self.access.ledger.requests(),
            isolation: self.access.wall.isolation(),
            environment: std::mem::take(&mut self.environment),
        }
    }
}

impl Opened {
    /// Resolves `job` against the page. An error for a page that cannot be rendered.
    fn plan(
        &self,
        job: &Job,
        size: Size,
        encoded: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<Plan> {
        let circumstances = Circumstances {
            description: &self.page.description,
            troubles: &self.page.troubles(),
            console: self.page.console(),
            way: self.options.way(),
            reasons: self.reasons.clone(),
            cores: sys::cores(),
            memory: sys::MemoryGroups::own().limit(),
        };
        Plan::new(job, &self.entry, encoded, size, circumstances, warnings)
    }
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
