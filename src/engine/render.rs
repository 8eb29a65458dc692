//! The stages of one render, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempts::Detour;
use super::backends::Pictures;
use super::layered::Light;
use super::open::Prepared;
use super::segments::{OpenWork, Work};
use super::selection::Chosen;
use super::timed::TimedSink;
use super::{Engine, OpenSink};
use crate::browser::BrowserPool;
use crate::cancel::CancelToken;
use crate::capture::{FallbackChain, SessionMeter};
use crate::color::ContentLightLevel;
use crate::error::{Error, Result};
use crate::frame::StreamInfo;
use crate::job::Job;
use crate::network::Access;
use crate::pipeline::{FrameSink, SessionStats, run};
use crate::plan::{Backend, Plan};
use crate::progress::{Progress, Reporter, Status};
use crate::report::{Report, Stages};
use crate::serve::FileFinder;
use crate::sink::{self, MotionBlur, SinkStats};
use crate::sys;
use crate::warning::Warning;

/// The state of one render.
pub(super) struct Render<'a> {
    pub(super) job: &'a Job,
    pub(super) reporter: Reporter<'a>,
    pub(super) cancel: &'a CancelToken,
    pub(super) clock: SinkStats,
    pub(super) started: Instant,
    pub(super) cpu_at_start: u64,
    pub(super) stages: Stages,
    pub(super) warnings: Vec<Warning>,
    /// Addresses on the composition's own server that did not load and have been reported.
    pub(super) missing: Vec<String>,
    /// The hosts that the pages may reach, and the requests that they made.
    pub(super) access: Arc<Access>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) pictures: Pictures,
    /// Whether the sink of the frames takes the sound, too.
    pub(super) sink_takes_sound: bool,
    /// Whether the page can request the pictures of its videos.
    pub(super) decodes_media: bool,
    /// Finds the composition's files, and records the links that were not followed.
    pub(super) files: Option<FileFinder>,
    /// The data that HDR is composed with.
    pub(super) light: Light,
    /// The engine's pool of browsers.
    pub(super) pool: Arc<BrowserPool>,
    /// The most memory to count on, where the caller sets it.
    pub(super) memory: Option<u64>,
    /// The backends of the sessions, once there are some.
    pub(super) fallback: Option<Arc<FallbackChain>>,
    /// The backend with which a page was opened last.
    pub(super) tried: Option<Backend>,
    /// Another backend than the job's, where browsers have died with that one.
    pub(super) detour: Option<Detour>,
    /// A work folder for what is finished.
    pub(super) work: Option<Work>,
    /// Processors that encoders are told of, where a plan has fixed them.
    pub(super) encoder_cores: Option<u32>,
    /// How bright the frames are that were finished before.
    pub(super) light_before: Option<ContentLightLevel>,
}

impl Engine {
    pub(super) fn begin<'a>(
        &self,
        job: &'a Job,
        progress: &'a mut dyn Progress,
        cancel: &'a CancelToken,
        clock: SinkStats,
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
            pictures: Pictures::Taken,
            sink_takes_sound: false,
            decodes_media: true,
            files: None,
            light: Light::default(),
            pool: Arc::clone(&self.shared.pool),
            memory: self.shared.memory,
            fallback: None,
            tried: None,
            detour: None,
            work: None,
            encoder_cores: None,
            light_before: None,
        }
    }
}

impl Drop for Render<'_> {
    fn drop(&mut self) {
        self.access.end();
    }
}

impl Render<'_> {
    /// Runs all stages, and reports the end in any case.
    ///
    /// `asked` is the job as the caller passed it; all of it must be valid.
    pub(super) fn run(mut self, asked: &Job, open: OpenSink<'_>) -> Result<Report> {
        self.reporter.stage(Status::Queued, 0.0, "Queued");
        let result = self.stages(asked, open);
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

    fn stages(&mut self, asked: &Job, open: OpenSink<'_>) -> Result<Report> {
        asked.validate()?;
        if self.job.has_outputs() {
            sink::check_places(self.job)?;
            // Their faults are reported before a browser starts; they are read again for the plan.
            self.job.read_subtitles()?;
        }
        let work = self.work.as_ref().map(Work::open).transpose()?;
        self.encoder_cores = work.as_ref().and_then(OpenWork::encoder_cores);
        self.reporter.stage(Status::Preprocessing, 5.0, "Compiling composition");
        let probing = Instant::now();
        let (plan, prepared) = self.surely(&mut |render| render.prepare())?;
        let plan = Arc::new(plan);
        let mut work = work;
        if plan.is_sound_alone() {
            // There are no segments.
            work.take().map_or(Ok(()), OpenWork::end)?;
        }
        let mut sink = None;
        if work.is_none() {
            let mut opened = open(&plan)?;
            opened.begin(&plan.stream)?;
            sink = Some(opened);
        }
        self.stages.probe_ms = ms(probing.elapsed());
        // The user may stop because of a warning, so those known by now are reported.
        for warning in &self.warnings {
            self.reporter.warning(warning);
        }

        let capturing = Instant::now();
        let meter = Arc::new(SessionMeter::default());
        let (stats, encode, sink) = match (sink, &work) {
            (Some(mut sink), _) if plan.is_sound_alone() => {
                self.reporter.stage(Status::Rendering, 25.0, "Mixing the sound");
                drop(prepared);
                let spent = self.mix(&plan, sink.as_mut())?;
                (SessionStats::default(), spent, sink)
            }
            (Some(mut sink), _) => {
                self.reporter.stage(Status::Rendering, 25.0, "Starting frame capture");
                let all = Chosen::all(&plan);
                let (stats, spent) = self.capture(&plan, prepared, &meter, sink.as_mut(), all)?;
                (stats, spent, sink)
            }
            (None, Some(work)) => self.in_segments(work, &plan, prepared, &meter)?,
            (None, None) => unreachable!("the frames have a sink or a work folder"),
        };
        self.stages.capture_ms = ms(capturing.elapsed());
        // A strict job must not get its file.
        self.warn_about_frames(&meter)?;

        self.reporter.stage(Status::Encoding, 80.0, "Draining the encoder");
        let finishing = Instant::now();
        self.reporter.stage(Status::Assembling, 90.0, "Assembling final video");
        self.clock.set_light(self.level(&plan));
        let output = sink.finish()?;
        work.map_or(Ok(()), OpenWork::end)?;
        let (finish, verify) = (finishing.elapsed(), self.clock.verify());
        self.stages.verify_ms = ms(verify);
        self.stages.replay_ms = ms(self.clock.replay());
        self.stages.finish_ms = ms(finish.saturating_sub(verify + self.clock.replay()));
        self.stages.encode_ms = ms(encode) + self.stages.replay_ms + self.stages.finish_ms;
        self.stages.convert_ms = ms(self.clock.convert());
        self.stages.sound_ms = ms(self.clock.sound());
        self.stages.total_ms = ms(self.started.elapsed());
        Ok(self.report(&plan, output, &stats, &meter))
    }

    /// Captures all frames into the sink. Returns the stats, and the time spent in the sink.
    pub(super) fn capture(
        &mut self,
        plan: &Plan,
        prepared: Prepared,
        meter: &Arc<SessionMeter>,
        sink: &mut dyn FrameSink,
        Chosen { selection, select }: Chosen<'_>,
    ) -> Result<(SessionStats, Duration)> {
        let (pages, _server) = prepared.sources(plan, meter);
        self.fallback = Some(Arc::clone(&pages.fallback));
        let samples = u64::from(plan.samples);
        let captured = StreamInfo { frames: selection.count(), ..plan.captured() };
        let sources = select(self.light.sources(pages, plan));
        let mut shutter = MotionBlur::new(sink, plan.samples);
        let mut timed = TimedSink { sink: &mut shutter, spent: Duration::ZERO };
        let (frames, mut parallelism) = (plan.stream.frames, plan.capture.parallelism);
        parallelism.batches.offset = parallelism.batches.before(selection.first());
        let before = frames - captured.frames / samples;
        let (reporter, stages, started) = (&mut self.reporter, &mut self.stages, self.started);
        let mut written = |n: u64| {
            if n == samples {
                stages.first_frame_ms = ms(started.elapsed());
            }
            if n.is_multiple_of(samples) {
                reporter.frame(before + n / samples, frames, parallelism.sessions.get());
            }
        };
        let stats =
            run(&captured, parallelism, sources.as_ref(), &mut timed, self.cancel, &mut written)?;
        Ok((stats, timed.spent))
    }
}

pub(super) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
