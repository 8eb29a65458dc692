//! The report of a render, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::color::ContentLightLevel;
pub use crate::network::{Isolation, NetworkOutcome, NetworkRequest, VersionMismatch};
use crate::pipeline::Artifact;
use crate::plan::Plan;
use crate::progress::Event;
use crate::warning::Warning;
pub use crate::work::{ChunkStatus, WorkStatus};

/// One line of `--json`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Line<'a> {
    /// The render is further.
    Progress(&'a Event),
    /// Something is not right.
    Warning {
        /// What it is.
        warning: &'a Warning,
    },
    /// The last line of a render that went well.
    Complete {
        /// Everything about it.
        report: &'a Report,
    },
    /// The last line of one that did not.
    Error {
        /// What went wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// The page's last console lines.
        console: &'a [String],
        /// The exit code of the program.
        exit_code: u8,
    },
}

/// The kind of document that a JSON Schema describes.
#[cfg(feature = "schema")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// A [`Report`].
    Report,
    /// A [`Plan`].
    Plan,
    /// A [`Check`](crate::check::Check).
    Check,
    /// A [`Line`].
    Events,
}

/// The JSON Schema of a document that the program writes.
#[cfg(feature = "schema")]
pub fn schema(document: Document) -> String {
    let generator = schemars::generate::SchemaSettings::default().for_serialize().into_generator();
    let schema = match document {
        Document::Report => generator.into_root_schema_for::<Report>(),
        Document::Plan => generator.into_root_schema_for::<Plan>(),
        Document::Check => generator.into_root_schema_for::<crate::check::Check>(),
        Document::Events => generator.into_root_schema_for::<Line<'static>>(),
    };
    let mut schema = schema.to_value();
    schema["version"] = crate::plan::SCHEMA_VERSION.into();
    format!("{schema:#}\n")
}

/// Milliseconds per stage.
///
/// Wall time, one after the other, except `encode`, which overlaps `capture`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stages {
    /// Opening the browser and the page, reading what it declares.
    pub probe_ms: f64,
    /// From the start of the render until its first frame was written to the sink.
    pub first_frame_ms: f64,
    /// From the first ticket to the last frame written.
    pub capture_ms: f64,
    /// Of that, in the sink: encoder and muxer, and waiting for conversion.
    pub encode_ms: f64,
    /// Scaling and color conversion, beside the encoder on threads of their own.
    pub convert_ms: f64,
    /// Of that, mixing and encoding sound.
    pub sound_ms: f64,
    /// Encoding frames that were kept, after the last was captured.
    pub replay_ms: f64,
    /// Draining the encoder and completing the file.
    pub finish_ms: f64,
    /// Reading the file back.
    pub verify_ms: f64,
    /// Everything.
    pub total_ms: f64,
}

/// One browser session's share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionReport {
    /// Frames that it delivered.
    pub captured: u64,
    /// Of those, the frames that showed the same picture as the one before.
    pub reused: u64,
    /// Browsers that it lost and replaced.
    pub retried: u64,
    /// How long its page took to show the times of these frames, in milliseconds: scripts, and a
    /// round trip for each frame. Frames that are visited and not drawn count too.
    pub seek_ms: f64,
}

/// Peaks of resident memory, and processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Most resident memory of this process so far, in bytes.
    pub engine_peak_bytes: u64,
    /// Most resident memory of all browsers together, in bytes. Sampled; pages that processes
    /// share are counted in each.
    pub chrome_peak_bytes: u64,
    /// Processor time of this process during the render, in milliseconds.
    pub engine_cpu_ms: u64,
    /// Processor time of all browsers and their displays, in milliseconds.
    pub chrome_cpu_ms: u64,
    /// Of that, until their pages were ready for their first frames.
    pub chrome_start_cpu_ms: u64,
    /// Bytes on disk of frames that were kept to be encoded after the last was captured.
    pub stored_bytes: u64,
}

/// Everything about a finished render.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this JSON: [`SCHEMA_VERSION`](crate::plan::SCHEMA_VERSION).
    pub schema_version: u32,
    /// pagereel's version.
    pub version: &'static str,
    /// What was decided before the first frame, and why.
    pub plan: Plan,
    /// What was decided while frames were drawn, and why: sessions that were opened or were not, ways
    /// of capture that were left.
    pub decisions: Vec<String>,
    /// What was written.
    pub output: Artifact,
    /// Milliseconds per stage.
    pub stages: Stages,
    /// One entry per browser session.
    pub sessions: Vec<SessionReport>,
    /// Memory and processor time.
    pub resources: Resources,
    /// How bright the frames are, measured as they were made. For HDR10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_light: Option<ContentLightLevel>,
    /// What was not right.
    pub warnings: Vec<Warning>,
    /// Requests to other hosts that were mapped, refused or failed: the first 200 addresses.
    pub network: Vec<NetworkRequest>,
    /// What kept the pages from the network.
    pub isolation: Isolation,
    /// The browser's name and version, and libav's versions.
    pub environment: BTreeMap<String, String>,
}
