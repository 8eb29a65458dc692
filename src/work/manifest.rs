//! `plan.json`: what a work folder is for.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest;
use crate::error::{Error, Result, WorkFault};
use crate::job::Job;
use crate::plan::{Chunks, Plan};

/// Its name in the folder.
pub(crate) const PLAN_FILE: &str = "plan.json";

/// The version of everything in the folder.
pub(super) const FORMAT: u32 = 1;

/// Fields of a job that no picture depends on: what is written, and how fast.
const BESIDES: [&str; 12] = [
    "output",
    "format",
    "outputs",
    "video",
    "audio",
    "metadata",
    "subtitles",
    "timeouts",
    "strict",
    "strictVariables",
    "resume",
    "segmentFrames",
];

/// What is rendered in a work folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub format: u32,
    /// SHA-256 of what must be equal for segments to fit together.
    pub id: String,
    /// The version of this program.
    pub pagereel: String,
    /// The job, paths absolute.
    pub job: Value,
    /// SHA-256 of what the job and its page were resolved to.
    pub picture: String,
    /// Frames of the whole, and segments that they are divided into.
    pub frames: u64,
    pub segments: u64,
    /// Processors that encoders are told of.
    pub encoder_cores: u32,
    /// How pictures leave the browser.
    pub way: String,
    /// The versions of the browser, of libav's libraries, and the kind of machine.
    pub environment: BTreeMap<String, String>,
    /// The files that were read until the plan was made, by their path below the composition's
    /// directory, or absolute.
    pub inputs: BTreeMap<String, Input>,
    /// A frame that every worker must draw alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// How the segments are divided into chunks, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Chunks>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub bytes: u64,
    pub sha256: String,
}

/// The picture of a frame, for comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Canary {
    /// Counted as pictures are taken: several for each frame, with motion blur.
    pub frame: u64,
    /// SHA-256 of its pixels.
    pub sha256: String,
}

/// What of a manifest does not fit, as an error says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub fault: WorkFault,
    pub message: String,
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        Self::Work { fault: misfit.fault, message: misfit.message }
    }
}

impl Manifest {
    /// The manifest of a plan. `encoder_cores` is what the plan was made with.
    pub(crate) fn new(
        (job, plan): (&Job, &Plan),
        encoder_cores: u32,
        mut environment: BTreeMap<String, String>,
        inputs: BTreeMap<String, Input>,
    ) -> Self {
        environment.insert("machine".into(), std::env::consts::ARCH.into());
        // The same job from another directory, and for processes that work elsewhere.
        let job = match std::env::current_dir() {
            Ok(working) => job.clone().relative_to(&working),
            Err(_) => job.clone(),
        };
        let job = serde_json::to_value(job).unwrap_or_default();
        let mut manifest = Self {
            format: FORMAT,
            id: String::new(),
            pagereel: env!("CARGO_PKG_VERSION").into(),
            picture: picture(&job, plan),
            job,
            frames: plan.stream.frames,
            segments: plan.segments.count,
            encoder_cores,
            way: plan.capture.backend.to_string(),
            environment,
            inputs,
            canary: None,
            chunks: None,
        };
        let fixed = serde_json::json!([
            manifest.format,
            manifest.pagereel,
            manifest.picture,
            manifest.segments,
            manifest.encoder_cores,
            manifest.way,
            manifest.environment,
        ]);
        manifest.id = digest::of_bytes(fixed.to_string().as_bytes());
        manifest
    }

    /// Reads the manifest of a folder; `None` where there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(PLAN_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("cannot read", &path)(e)),
        };
        let unknown = |what: String| {
            let message = format!("{}: {what}", path.display());
            Error::from(Misfit { fault: WorkFault::FormatUnknown, message })
        };
        let json: Value = serde_json::from_str(&text)
            .map_err(|e| unknown(format!("it is no plan of a work folder: {e}")))?;
        match json.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            found => {
                let found = found.map_or_else(|| "none".into(), |format| format.to_string());
                return Err(unknown(format!("its format is {found}, expected {FORMAT}")));
            }
        }
        serde_json::from_value(json)
            .map(Some)
            .map_err(|e| unknown(format!("it is no plan of a work folder: {e}")))
    }

    /// What of `now`, made on this machine, differs from this one.
    pub(crate) fn misfit(&self, now: &Self) -> Option<Misfit> {
        let environment = |message| Misfit { fault: WorkFault::EnvironmentMismatch, message };
        if self.pagereel != now.pagereel {
            let (then, now) = (&self.pagereel, &now.pagereel);
            return Some(environment(format!(
                "the plan is of pagereel {then}, and this is {now}: expected the same version"
            )));
        }
        let names = self.environment.keys().chain(now.environment.keys());
        for name in names {
            let [then, now] =
                [self, now].map(|manifest| manifest.environment.get(name).map_or("none", |v| v));
            if then != now {
                return Some(environment(format!(
                    "the plan was made with {name} {then}, and here it is {now}"
                )));
            }
        }
        if self.way != now.way {
            let (then, now) = (&self.way, &now.way);
            let text = format!("the plan takes pictures by `{then}`, and here `{now}` is chosen");
            return Some(environment(text));
        }
        if self.id == now.id {
            return None;
        }
        let message = format!(
            "the job and its page come to another plan than the work folder's: {} frames in {} \
             segments, planned were {} in {}",
            now.frames, now.segments, self.frames, self.segments
        );
        Some(Misfit { fault: WorkFault::PlanChanged, message })
    }
}

/// The digest of everything that decides the pictures and their packets.
fn picture(job: &Value, plan: &Plan) -> String {
    let mut job = job.clone();
    if let Some(fields) = job.as_object_mut() {
        fields.retain(|name, _| !BESIDES.contains(&name.as_str()));
        // The number of browsers changes nothing.
        if let Some(capture) = fields.get_mut("capture").and_then(Value::as_object_mut) {
            capture.remove("workers");
        }
        if let Some(browser) = fields.get_mut("browser").and_then(Value::as_object_mut) {
            browser.remove("path");
        }
    }
    let outputs = plan.outputs.iter().map(|output| {
        let names = output.names.is_some();
        serde_json::json!([output.container, names, output.handover, output.video])
    });
    let outputs: Vec<_> = outputs.collect();
    let posters: Vec<_> = plan.posters.iter().map(|poster| poster.frame).collect();
    let (stream, segments) = (&plan.stream, &plan.segments);
    let all = serde_json::json!([
        job,
        outputs,
        posters,
        stream,
        segments,
        plan.samples,
        plan.transitions,
        plan.first_frame,
        plan.duration,
        plan.route,
        plan.layers.map(|kind| format!("{kind:?}")),
    ]);
    digest::of_bytes(all.to_string().as_bytes())
}
