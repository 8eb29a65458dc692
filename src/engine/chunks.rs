//! Chunks of a render for other processes: planned here, made anywhere, put together at the end.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::render::Render;
use super::request::Request;
use super::segments::{Task, Work};
use super::{OpenSink, sized};
use crate::capture::SessionMeter;
use crate::error::{Error, Result, WorkFault};
use crate::job::{Destination, Job};
use crate::plan::{Chunks, Plan};
use crate::report::Report;
use crate::sink::SinkStats;
use crate::sys;
use crate::time::FrameIndex;
use crate::warning::Warning;
use crate::work::{Canary, Claim, Manifest, Misfit, WorkFolder, of_picture};

impl Request<'_> {
    /// Keeps what is finished in a directory, and goes on from what is finished there: a render that
    /// was killed loses at most the segment that was under way. The file is the same, byte by byte.
    ///
    /// The directory may be there or not; it is removed when the outputs are complete, unless
    /// [`Request::keep_work`] says otherwise. What does not fit the job, its page and this machine
    /// is rendered again, with a warning. Only for [`Request::render`].
    pub fn work(mut self, directory: impl Into<PathBuf>) -> Self {
        self.work = Some(Work { path: directory.into(), task: Task::Whole, keeps: false });
        self
    }

    /// Leaves the work folder as it is when the outputs are complete.
    pub fn keep_work(mut self) -> Self {
        if let Some(work) = &mut self.work {
            work.keeps = true;
        }
        self
    }

    /// Plans the job for several processes: makes `directory` a work folder, with the job and what
    /// every process must agree on. `wanted` is the number of chunks; without it each segment is
    /// one. There are at most as many as segments, so that the file is that of a plain render.
    ///
    /// Each process opens it by [`Job::of_work_folder`] and calls [`Request::render_chunk`]; the last
    /// one [`Request::assemble`]. Paths must mean the same for all of them.
    pub fn plan_chunks(
        self,
        directory: impl AsRef<Path>,
        wanted: Option<u64>,
    ) -> Result<(Chunks, Plan, Vec<Warning>)> {
        let Self { engine, job, progress, cancel, .. } = self;
        let _turn = engine.shared.turns.take(&cancel)?;
        let job = &sized(job)?;
        job.validate()?;
        if job.inline.is_some() {
            return Err(indivisible("the page lies in no file that others could open"));
        }
        let folder = WorkFolder::open(directory.as_ref(), Claim::Alone)?;
        let mut silent = super::request::silent();
        let progress = progress.unwrap_or(&mut silent);
        let mut render = engine.begin(job, progress, &cancel, SinkStats::default());
        let (plan, prepared) = render.surely(&mut |render| render.prepare())?;
        if plan.is_sound_alone() {
            return Err(indivisible("nothing is captured: it writes sound alone"));
        }
        let mut manifest = render.manifest(&plan, sys::cores());
        let chunks = Chunks::new(wanted, plan.segments.count);
        manifest.chunks = Some(chunks);
        manifest.canary = Some(render.first_picture(&plan, prepared)?);
        let fits = |then: &Manifest| then.id == manifest.id && then.inputs == manifest.inputs;
        let before = folder.manifest().unwrap_or_default();
        if !before.as_ref().is_some_and(fits) {
            folder.discard_all()?;
        }
        folder.write_manifest(&manifest)?;
        let mut warnings = std::mem::take(&mut render.warnings);
        if chunks.count < chunks.asked {
            let text = format!(
                "{} chunks were asked for, and there are {}: the film has {} segment(s)",
                chunks.asked, chunks.count, plan.segments.count
            );
            let hint = "set the job's `segmentFrames` to divide it further, which makes the file a \
                        little larger; the other chunks are empty, which is no error";
            let warning = Warning::new("fewer_chunks", text);
            warnings.push(Warning { hint: Some(hint.into()), ..warning });
        }
        Ok((chunks, plan, warnings))
    }

    /// Renders the segments of a chunk into the work folder, as far as they are not there yet. The
    /// job is that of [`Job::of_work_folder`].
    pub fn render_chunk(self, directory: impl Into<PathBuf>, index: u64) -> Result<Report> {
        self.run_task(directory.into(), Task::Chunk(index))
    }

    /// Writes the outputs from a work folder whose segments are all finished. The job is that of
    /// [`Job::of_work_folder`], whose outputs may have other names.
    pub fn assemble(self, directory: impl Into<PathBuf>) -> Result<Report> {
        self.run_task(directory.into(), Task::Assemble)
    }

    fn run_task(mut self, path: PathBuf, task: Task) -> Result<Report> {
        self.work = Some(Work { path, task, keeps: true });
        self.render()
    }

    /// The work folder of a render: the caller's, or beside the output of a job that says `resume`.
    pub(super) fn work_of(&self, job: &Job) -> Result<Option<Work>> {
        if self.work.is_some() || !job.resume {
            return Ok(self.work.clone());
        }
        let Destination { path, .. } = job.destination()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = path.with_file_name(format!(".{name}.work"));
        Ok(Some(Work { path, task: Task::Whole, keeps: false }))
    }
}

impl Render<'_> {
    /// The first picture of the film: every process must come to the same.
    fn first_picture(&mut self, plan: &Plan, prepared: super::Prepared) -> Result<Canary> {
        let meter = Arc::new(SessionMeter::default());
        let (pages, _server) = prepared.sources(plan, &meter);
        let mut source = self.light.sources(pages, plan).open(0, self.cancel)?;
        source.submit(FrameIndex(0))?;
        let sha256 = of_picture(&source.collect()?.picture);
        self.warn_about_frames(&meter)?;
        Ok(Canary { frame: 0, sha256 })
    }
}

impl Job {
    /// The job of a work folder that [`Request::plan_chunks`] has made.
    pub fn of_work_folder(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let manifest = WorkFolder::open(directory, Claim::Shared)?.manifest()?;
        let job = manifest.map(|manifest| manifest.job).unwrap_or_default();
        serde_json::from_value(job).map_err(|e| {
            let message = format!("{}: its job cannot be read: {e}", directory.display());
            Misfit { fault: WorkFault::FormatUnknown, message }.into()
        })
    }
}

fn indivisible(reason: &str) -> Error {
    let message = format!("this render cannot be divided into chunks: {reason}");
    Misfit { fault: WorkFault::Indivisible, message }.into()
}

/// The segments of a chunk; none for one beyond those that there are.
pub(super) fn segments_of(manifest: &Manifest, index: u64) -> Result<Range<u64>> {
    let chunks = manifest.chunks.unwrap_or_else(|| Chunks::new(None, manifest.segments));
    if index < chunks.asked.max(chunks.count) {
        return Ok(chunks.segments_of(index, manifest.segments));
    }
    let message = format!("there is no chunk {index}: the plan has 0 to {}", chunks.count - 1);
    Err(Misfit { fault: WorkFault::ChunkOutOfRange, message }.into())
}

/// The misfit of a folder that lacks segments.
pub(super) fn are_missing(manifest: &Manifest, missing: &[u64]) -> Misfit {
    const NAMED: usize = 10;
    let chunks = manifest.chunks.unwrap_or_else(|| Chunks::new(None, manifest.segments));
    let of = |segment: u64| {
        let holds = |&i: &u64| chunks.segments_of(i, manifest.segments).contains(&segment);
        (0..chunks.count).find(holds).unwrap_or(segment)
    };
    let mut list: Vec<_> = missing.iter().map(|&segment| of(segment)).collect();
    list.dedup();
    let names: Vec<_> = list.iter().take(NAMED).map(u64::to_string).collect();
    let more = if list.len() > NAMED { ", …" } else { "" };
    let message = format!(
        "{} of {} chunks are missing: {}{more}",
        list.len(),
        chunks.count,
        names.join(", ")
    );
    Misfit { fault: WorkFault::ChunkMissing, message }
}

/// Renders to the outputs of a job.
pub(super) fn open_outputs<'s>(
    clock: &SinkStats,
    cancel: &'s crate::cancel::CancelToken,
) -> OpenSink<'s> {
    let clock = clock.clone();
    Box::new(move |plan| crate::sink::open(plan, &clock, cancel))
}
