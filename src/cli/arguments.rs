//! What can be typed: commands, options and their values.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use pagereel::{
    frame::Size,
    job::{Bitrate, CaptureMode, Codec, Container, FrameRange, NetworkPolicy, Quality, Resolution},
    report::{self, Document},
    time::FrameRate,
};
use serde::de::value::{Error as WordError, StrDeserializer};

use super::{AssembleArgs, ChunkArgs, PlanArgs, StatusArgs, StillArgs};

/// As `docs/cli.md` has them.
const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  the render failed
    2  the job or the arguments are invalid
    3  the environment lacks something: no usable Chrome, no encoder
    4  this machine does not fit the plan of a work folder
   75  the browser died again and again, or a chunk was interrupted: another time it may go well
  130  interrupted";

/// Renders HTML compositions to video.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Present when no subcommand is.
    #[command(flatten)]
    pub(crate) render: Option<RenderArgs>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows what would be rendered, and how, without rendering it.
    Plan(Box<PlanArgs>),
    /// Inspects a composition and reports problems, without rendering it.
    Check(Box<CheckArgs>),
    /// Writes pictures of single moments.
    Still(Box<StillArgs>),
    /// Renders one chunk of a plan into its work folder.
    RenderChunk(Box<ChunkArgs>),
    /// Writes the outputs of a work folder whose chunks are all finished.
    Assemble(Box<AssembleArgs>),
    /// Shows which chunks of a work folder are finished.
    Status(StatusArgs),
    /// Shows what this machine can do, and what it lacks.
    Doctor,
    /// Prints the JSON Schema of a job file, or of what the program writes.
    Schema {
        /// What the schema is of.
        #[arg(value_enum, default_value = "job")]
        of: SchemaOf,
    },
}

/// One render. Options replace the fields of a job file.
// By the group's members clap sees that there is a render. It leaves out all of them where one
// struct holds another.
#[derive(Debug, Args)]
#[group(args = ["input"])]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct RenderArgs {
    /// What to render: job.json, page.html, a directory with an index.html, or an http(s) URL
    pub(crate) input: String,
    /// What to write: a file, a directory such as frames/, or - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// mp4, mov, mkv, webm, gif, apng, webp, y4m, raw, hls, png, jpeg, tiff, exr, wav, flac, m4a, mp3,
    /// opus, or null for none
    #[arg(long, value_parser = word::<Container>)]
    pub(crate) format: Option<Container>,
    /// The frames to render; B is excluded
    #[arg(long, value_name = "A..B")]
    pub(crate) frames: Option<FrameRange>,
    /// How many browsers draw at the same time
    #[arg(short, long, value_name = "N")]
    pub(crate) workers: Option<u32>,
    /// draft, standard, looks, high (or delivery) or lossless; overrides the job's crf and bitrate
    #[arg(short, long, value_parser = word::<Quality>)]
    pub(crate) quality: Option<Quality>,
    /// Constant quality, 0 (best) to 51; to 63 for av1, vp9 and vp8
    #[arg(long, conflicts_with = "bitrate")]
    pub(crate) crf: Option<f64>,
    /// Average bits per second, such as 10M
    #[arg(long, value_name = "BITS", alias = "video-bitrate")]
    pub(crate) bitrate: Option<Bitrate>,
    /// h264, hevc, av1, vp9, vp8, prores, dnxhr, ffv1, png, animation
    #[arg(long, value_parser = word::<Codec>)]
    pub(crate) codec: Option<Codec>,
    /// How often a GIF is played again after the first time; 0 is for ever
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16))]
    pub(crate) gif_loop: Option<u16>,
    /// How often a GIF, APNG or WebP is played; 0 is for ever
    #[arg(long = "loop", value_name = "N", conflicts_with = "gif_loop")]
    pub(crate) plays: Option<u16>,
    /// Keep what is transparent in the page
    #[arg(long)]
    pub(crate) alpha: bool,
    /// HDR: HLG, or what the job's color.mode says
    #[arg(long, conflicts_with = "sdr")]
    pub(crate) hdr: bool,
    /// SDR, whatever the page's videos hold
    #[arg(long)]
    pub(crate) sdr: bool,
    /// Keep what is finished beside the output until it is complete, and go on from there
    #[arg(long)]
    pub(crate) resume: bool,
    /// The same in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
    /// Leave --work as it is when the output is complete
    #[arg(long, requires = "work")]
    pub(crate) keep_work: bool,
    /// Write the report as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<ReportTo>,
    /// Print events to standard output, one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// What has a JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemaOf {
    /// A job file.
    Job,
    /// A line of `--json`.
    Events,
    /// What `--report` writes.
    Report,
    /// What `plan` prints.
    Plan,
    /// What `check --json` prints.
    Check,
}

impl SchemaOf {
    /// The schema as text.
    pub(crate) fn schema(self) -> String {
        match self {
            Self::Job => pagereel::job::schema(),
            Self::Events => report::schema(Document::Events),
            Self::Report => report::schema(Document::Report),
            Self::Plan => report::schema(Document::Plan),
            Self::Check => report::schema(Document::Check),
        }
    }
}

/// A look at a composition.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// What to look at: job.json, page.html, a directory with an index.html, or an http(s) URL
    pub(crate) input: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// How the page is opened. Options of every command that opens one.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// The page in the directory that is given, such as scenes/intro.html
    #[arg(short, long, value_name = "FILE")]
    pub(crate) composition: Option<PathBuf>,
    /// Frames per second, such as 30 or 30000/1001
    #[arg(short, long, value_name = "RATE", value_parser = frame_rate)]
    pub(crate) fps: Option<FrameRate>,
    /// The picture's size in pixels, such as 1920x1080
    #[arg(long, value_name = "WxH")]
    pub(crate) size: Option<Size>,
    /// Pixels of the picture for each of the page, 0.5 to 4
    #[arg(long, value_name = "FACTOR")]
    pub(crate) scale: Option<f64>,
    /// The picture's size by a word: landscape, portrait, square, each also with -4k, 1080p or 4k
    #[arg(long, value_name = "WORD", value_parser = word::<Resolution>, conflicts_with = "scale")]
    pub(crate) resolution: Option<Resolution>,
    /// How much of the composition to render
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,
    /// How pixels are taken: auto, display, beginFrame, screenshot or canvas
    #[arg(long, value_name = "MODE", value_parser = word::<CaptureMode>)]
    pub(crate) capture: Option<CaptureMode>,
    /// The composition's variables as a JSON object; added to the job's
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) variables: Option<String>,
    /// The same from a file
    #[arg(long, value_name = "FILE", conflicts_with = "variables")]
    pub(crate) variables_file: Option<PathBuf>,
    /// Fail where the values do not fit what the composition declares, instead of warning
    #[arg(long)]
    pub(crate) strict_variables: bool,
    /// Answer the addresses that begin with PREFIX from the directory DIR
    #[arg(long, value_name = "PREFIX=DIR", value_parser = mapping)]
    pub(crate) map: Vec<(String, PathBuf)>,
    /// Which hosts the page may load from: allow, deny or a list
    #[arg(long, value_name = "HOST,HOST")]
    pub(crate) network: Option<NetworkPolicy>,
    /// Fail where something is missing from the page, instead of warning
    #[arg(long)]
    pub(crate) strict: bool,
    /// Run Chrome without its sandbox: for compositions that you trust
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    /// The Chrome to use
    #[arg(long, value_name = "PATH")]
    pub(crate) chrome: Option<PathBuf>,
}

/// Where the report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReportTo {
    Stdout,
    File(PathBuf),
}

impl ReportTo {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path),
        }
    }
}

impl From<OsString> for ReportTo {
    fn from(text: OsString) -> Self {
        if text == "-" { Self::Stdout } else { Self::File(text.into()) }
    }
}

/// Parses `PREFIX=DIR`. The prefix may hold a query, and so the same sign.
fn mapping(text: &str) -> Result<(String, PathBuf), String> {
    match text.rsplit_once('=') {
        Some((prefix, directory)) if prefix.contains("://") && !directory.is_empty() => {
            Ok((prefix.into(), directory.into()))
        }
        _ => Err("expected PREFIX=DIR, such as https://unpkg.com/=node_modules".into()),
    }
}

/// Parses a word of the job file, such as a codec.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, WordError> {
    T::deserialize(StrDeserializer::new(text))
}

fn frame_rate(text: &str) -> Result<FrameRate, String> {
    text.parse().map_err(|error| {
        let exact = text.parse().ok().and_then(FrameRate::from_decimal);
        let hint = exact.map(|exact| format!("; for {text} write {exact}")).unwrap_or_default();
        format!("{error}{hint}")
    })
}
