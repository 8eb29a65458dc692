//! `render-chunk`, `assemble` and `status`: which work folder, and which chunk.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::Args;
use pagereel::Job;

use super::{RenderArgs, ReportTo};
use crate::terminal::Style;

/// The name of the plan in a work folder.
const PLAN_FILE: &str = "plan.json";

/// Where schedulers say which task of an array this is, and the number of the first one.
const INDEX_VARIABLES: [(&str, u64); 10] = [
    ("PAGEREEL_INDEX", 0),
    ("JOB_COMPLETION_INDEX", 0),
    ("AWS_BATCH_JOB_ARRAY_INDEX", 0),
    ("BATCH_TASK_INDEX", 0),
    ("CLOUD_RUN_TASK_INDEX", 0),
    ("SLURM_ARRAY_TASK_ID", 0),
    ("PBS_ARRAY_INDEX", 0),
    ("OAR_ARRAY_INDEX", 1),
    ("SGE_TASK_ID", 1),
    ("LSB_JOBINDEX", 1),
];

/// A plan, and into how many chunks it is divided.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    /// Plan for several processes: how many chunks, or auto. Needs --work
    #[arg(long, value_name = "N|auto", requires = "work", value_parser = chunks)]
    pub(crate) chunks: Option<WantedChunks>,
    /// With --chunks, print only the number of chunks
    #[arg(long, value_name = "WHAT", requires = "chunks", value_parser = ["count"])]
    pub(crate) print: Option<String>,
}

/// How many chunks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WantedChunks {
    /// One for each segment.
    Auto,
    Number(u64),
}

impl WantedChunks {
    pub(crate) const fn number(self) -> Option<u64> {
        match self {
            Self::Auto => None,
            Self::Number(number) => Some(number),
        }
    }
}

fn chunks(text: &str) -> Result<WantedChunks, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(WantedChunks::Number(number)),
        _ if text == "auto" => Ok(WantedChunks::Auto),
        _ => Err("expected auto or a number of 1 to 1000000".into()),
    }
}

/// One chunk.
#[derive(Debug, Args)]
pub(crate) struct ChunkArgs {
    /// The work folder, or the plan.json in it
    plan: PathBuf,
    /// Which chunk, from 0. Default: what the scheduler's variable of this process says
    #[arg(long, value_name = "I")]
    index: Option<u64>,
    /// Added to the index, for arrays that were cut into pieces
    #[arg(long, value_name = "N", default_value_t = 0)]
    index_offset: u64,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// All chunks into the outputs.
#[derive(Debug, Args)]
pub(crate) struct AssembleArgs {
    /// The work folder, or the plan.json in it
    plan: PathBuf,
    /// The file to write in place of the job's
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// What is there of a work folder.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The work folder, or the plan.json in it
    plan: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the plan leaves to each machine.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// How many browsers draw at the same time
    #[arg(short, long, value_name = "N")]
    workers: Option<u32>,
    /// The Chrome to use
    #[arg(long, value_name = "PATH")]
    chrome: Option<PathBuf>,
    /// Write the report as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<ReportTo>,
    /// Print events to standard output, one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl MachineArgs {
    pub(crate) const fn style(&self) -> Style {
        match (self.json, self.quiet) {
            (true, _) => Style::Json,
            (_, true) => Style::Quiet,
            _ => Style::Human,
        }
    }

    fn job(&self, folder: &Path) -> Result<Job> {
        let mut job = Job::of_work_folder(folder)?;
        if self.workers.is_some() {
            job.capture.workers = self.workers;
        }
        if self.chrome.is_some() {
            job.browser.path.clone_from(&self.chrome);
        }
        // The folder is what is resumed.
        job.resume = false;
        Ok(job)
    }
}

impl ChunkArgs {
    pub(crate) fn folder(&self) -> &Path {
        folder_of(&self.plan)
    }

    pub(crate) fn job(&self) -> Result<Job> {
        self.machine.job(self.folder())
    }

    /// The index of the chunk.
    pub(crate) fn index(&self) -> Result<u64> {
        let found = match self.index {
            Some(index) => index,
            None => index_of(|name| std::env::var(name).ok())?,
        };
        found.checked_add(self.index_offset).ok_or_else(|| anyhow!("the index is too large"))
    }
}

impl AssembleArgs {
    pub(crate) fn folder(&self) -> &Path {
        folder_of(&self.plan)
    }

    pub(crate) fn job(&self) -> Result<Job> {
        let mut job = self.machine.job(self.folder())?;
        if self.output.is_some() {
            job.output.clone_from(&self.output);
        }
        Ok(job)
    }
}

impl StatusArgs {
    pub(crate) fn folder(&self) -> &Path {
        folder_of(&self.plan)
    }
}

fn folder_of(plan: &Path) -> &Path {
    match plan.parent() {
        Some(parent) if plan.ends_with(PLAN_FILE) && parent.as_os_str().is_empty() => {
            Path::new(".")
        }
        Some(parent) if plan.ends_with(PLAN_FILE) => parent,
        _ => plan,
    }
}

/// The index that the environment tells.
fn index_of(variable: impl Fn(&str) -> Option<String>) -> Result<u64> {
    let mut found: Option<(&str, u64)> = None;
    for (name, first) in INDEX_VARIABLES {
        let Some(text) = variable(name).filter(|text| !text.is_empty()) else { continue };
        // Grid Engine's word for a job that is no array.
        if text == "undefined" {
            continue;
        }
        let index = text.parse().ok().and_then(|number: u64| number.checked_sub(first));
        let index =
            index.ok_or_else(|| anyhow!("{name} is {text:?}, expected a number from {first}"))?;
        match found {
            Some((other, before)) if before != index => {
                bail!("{other} says chunk {before} and {name} chunk {index}: pass --index")
            }
            _ => found = Some((name, index)),
        }
    }
    let found = found.map(|(_, index)| index);
    found.ok_or_else(|| anyhow!("which chunk? Pass --index, or set PAGEREEL_INDEX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedulers_say_which_chunk_it_is() {
        let index = |set: &[(&str, &str)]| {
            let value = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            index_of(value).map_err(|e| e.to_string())
        };
        assert_eq!(index(&[("SLURM_ARRAY_TASK_ID", "7")]), Ok(7));
        assert_eq!(index(&[("SGE_TASK_ID", "1")]), Ok(0));
        assert_eq!(index(&[("SGE_TASK_ID", "undefined"), ("PAGEREEL_INDEX", "3")]), Ok(3));
        assert_eq!(index(&[("SGE_TASK_ID", "4"), ("JOB_COMPLETION_INDEX", "3")]), Ok(3));
        let both = index(&[("PAGEREEL_INDEX", "1"), ("LSB_JOBINDEX", "1")]).unwrap_err();
        assert_eq!(both, "PAGEREEL_INDEX says chunk 1 and LSB_JOBINDEX chunk 0: pass --index");
        assert!(index(&[("LSB_JOBINDEX", "0")]).unwrap_err().contains("expected a number from 1"));
        assert!(index(&[]).unwrap_err().starts_with("which chunk?"));
    }

    #[test]
    fn a_folder_is_named_by_its_plan_too() {
        assert_eq!(folder_of(Path::new("/w/plan.json")), Path::new("/w"));
        assert_eq!(folder_of(Path::new("plan.json")), Path::new("."));
        assert_eq!(folder_of(Path::new("w")), Path::new("w"));
        assert_eq!(chunks("auto"), Ok(WantedChunks::Auto));
        assert!(chunks("0").is_err() && chunks("x").is_err());
    }
}
