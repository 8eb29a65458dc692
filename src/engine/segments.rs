//! A render in a work folder: what is finished there is not rendered again.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Render;
use super::chunks::{are_missing, segments_of};
use super::open::Prepared;
use super::selection::{Beginnings, Chosen, SelectedSources, Selection};
use super::warnings::request_warnings;
use crate::capture::SessionMeter;
use crate::color::{ContentLightLevel, Transfer};
use crate::error::{Error, Result, WorkFault};
use crate::pipeline::{Artifact, FrameSink, OpenSource, SessionStats};
use crate::plan::Plan;
use crate::progress::Status;
use crate::sink::{Assembly, SegmentSink};
use crate::warning::Warning;
use crate::work::{Canary, Claim, Manifest, Misfit, Part, Record, WorkFolder};

/// What is done in a work folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// All that is missing, then the outputs.
    Whole,
    /// The segments of one chunk.
    Chunk(u64),
    /// The outputs.
    Assemble,
}

/// A work folder, and what is done there.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub path: PathBuf,
    pub task: Task,
    /// Whether it is left as it is, once the outputs are complete.
    pub keeps: bool,
}

/// A work folder that is open.
#[derive(Debug)]
pub(super) struct OpenWork {
    pub folder: WorkFolder,
    pub task: Task,
    keeps: bool,
    pub manifest: Option<Manifest>,
}

/// What a render has made.
pub(super) type Made<'s> = (SessionStats, Duration, Box<dyn FrameSink + 's>);

impl Work {
    /// Opens the folder, before anything is planned.
    pub(super) fn open(&self) -> Result<OpenWork> {
        let claim = if self.task == Task::Whole { Claim::Alone } else { Claim::Shared };
        let folder = WorkFolder::open(&self.path, claim)?;
        let manifest = match folder.manifest() {
            // What cannot be read is of no use to a render that could do without.
            Err(Error::Work { .. }) if self.task == Task::Whole => None,
            manifest => manifest?,
        };
        Ok(OpenWork { folder, task: self.task, keeps: self.keeps, manifest })
    }
}

impl OpenWork {
    /// What encoders must be told of the processors.
    pub(super) fn encoder_cores(&self) -> Option<u32> {
        self.manifest.as_ref().map(|manifest| manifest.encoder_cores)
    }

    /// Removes what is of no use any more.
    pub(super) fn end(self) -> Result<()> {
        if self.task == Task::Whole && !self.keeps { self.folder.clear() } else { Ok(()) }
    }
}

impl Render<'_> {
    /// Renders what the task asks for. Returns the sink that completes it.
    pub(super) fn in_segments(
        &mut self,
        work: &OpenWork,
        plan: &Arc<Plan>,
        prepared: Prepared,
        meter: &Arc<SessionMeter>,
    ) -> Result<Made<'static>> {
        let manifest = self.fitting(work, plan)?;
        let wanted = match work.task {
            Task::Whole | Task::Assemble => 0..plan.segments.count,
            Task::Chunk(index) => segments_of(&manifest, index)?,
        };
        let (missing, canary) = self.missing(work, &manifest, wanted.clone())?;
        if work.task == Task::Assemble && !missing.is_empty() {
            return Err(are_missing(&manifest, &missing).into());
        }
        let (mut stats, mut spent) = (SessionStats::default(), Duration::ZERO);
        if missing.is_empty() {
            drop(prepared);
        } else {
            let canary = if work.task == Task::Whole { canary } else { manifest.canary.clone() };
            let ids = (&*manifest.id, canary);
            (stats, spent) = self.render_segments(work, plan, prepared, meter, &missing, ids)?;
            self.warn_about_frames(meter)?;
        }
        if let Task::Chunk(_) = work.task {
            let frames = missing.iter().map(|&segment| plan.segments.frames_of(segment));
            let frames = frames.map(|frames| frames.end - frames.start).sum();
            return Ok((stats, spent, Box::new(Done(frames))));
        }
        self.refuse_warnings()?;
        self.reporter.stage(Status::Encoding, 80.0, "Putting segments together");
        let mut assembly = Assembly::open(plan, &work.folder, &self.clock, self.cancel)?;
        for segment in 0..plan.segments.count {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let lost = |reason: String| {
                Error::from(Misfit { fault: WorkFault::ChunkCorrupt, message: reason })
            };
            let record = work.folder.record(segment, &manifest.id).map_err(lost)?;
            let record = record.ok_or_else(|| Error::from(are_missing(&manifest, &[segment])))?;
            let before = self.light_before.into_iter().chain(record.light);
            self.light_before = before.reduce(ContentLightLevel::max);
            assembly.add(&record)?;
        }
        Ok((stats, spent, assembly.into_sink()))
    }

    /// The segments that are not finished, and the first picture of the last finished one before
    /// all of them. What is damaged counts as missing.
    fn missing(
        &mut self,
        work: &OpenWork,
        manifest: &Manifest,
        wanted: Range<u64>,
    ) -> Result<(Vec<u64>, Option<Canary>)> {
        let (mut missing, mut canary) = (Vec::new(), None);
        for segment in wanted {
            match work.folder.record(segment, &manifest.id) {
                Ok(Some(record)) => {
                    if missing.is_empty() {
                        canary = record.canary;
                    }
                    let new = record.warnings.into_iter();
                    let new: Vec<_> = new.filter(|w| !self.warnings.contains(w)).collect();
                    self.warnings.extend(new);
                }
                Ok(None) => missing.push(segment),
                Err(reason) => {
                    let text = format!("segment {segment} is rendered again: {reason}");
                    self.warnings.push(Warning::new("resume_discarded", text));
                    if work.task != Task::Assemble {
                        work.folder.discard(segment)?;
                    }
                    missing.push(segment);
                }
            }
        }
        Ok((missing, canary))
    }

    fn render_segments(
        &mut self,
        work: &OpenWork,
        plan: &Arc<Plan>,
        prepared: Prepared,
        meter: &Arc<SessionMeter>,
        missing: &[u64],
        (id, canary): (&str, Option<Canary>),
    ) -> Result<(SessionStats, Duration)> {
        let samples = u64::from(plan.samples);
        let frames = |segment: &u64| {
            let frames = plan.segments.frames_of(*segment);
            frames.start * samples..frames.end * samples
        };
        let beginnings =
            Arc::new(Beginnings::of(missing.iter().map(|segment| frames(segment).start)));
        let selection = Arc::new(Selection::new(missing.iter().map(frames)));
        let (light, color) = (self.light.meter(), plan.stream.color);
        let (access, files) = (Arc::clone(&self.access), self.files.clone());
        let (noted, meter_notes) = (Arc::clone(&beginnings), Arc::clone(meter));
        let (folder, clock) = (&work.folder, self.clock.clone());
        let publish = move |segment: u64, frames: Range<u64>, parts: Vec<Part>| {
            let mut warnings = request_warnings(&access, files.as_ref());
            warnings.extend(meter_notes.notes());
            let record = Record {
                format: 1,
                plan: id.to_owned(),
                segment,
                canary: noted.canary(frames.start * samples),
                frames: [frames.start, frames.end],
                light: (color.transfer == Transfer::Pq).then(|| light.level()),
                warnings,
                parts,
            };
            let first = folder.publish(&record)?;
            if first.is_some_and(|first| !is_alike(&first, &record)) {
                let text = format!(
                    "segment {segment} was made twice, and not alike: the first one stays in {}",
                    folder.path().display()
                );
                clock.warn(std::iter::once(Warning::new("chunk_not_reproducible", text)));
            }
            Ok(())
        };
        let mut sink = SegmentSink::open(plan, missing, folder, &self.clock, Box::new(publish))?;
        let select = |inner| -> Box<dyn OpenSource> {
            Box::new(SelectedSources {
                inner,
                selection: Arc::clone(&selection),
                beginnings: Arc::clone(&beginnings),
                canary,
                proved: AtomicBool::new(false),
            })
        };
        let chosen = Chosen { selection: (*selection).clone(), select: Box::new(select) };
        self.capture(plan, prepared, meter, &mut sink, chosen)
    }
}

/// Whether two attempts at a segment came to the same.
fn is_alike(a: &Record, b: &Record) -> bool {
    let digests = |record: &Record| -> Vec<String> {
        record.parts.iter().map(|part| part.sha256.clone()).collect()
    };
    digests(a) == digests(b)
}

/// Completes a chunk, whose segments are published.
struct Done(u64);

impl FrameSink for Done {
    fn write(&mut self, _: crate::frame::Frame) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact { frames: self.0, ..Artifact::default() })
    }
}
