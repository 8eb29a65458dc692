//! The page runtime, and our side of it.
//!
//! The runtime is plain JavaScript in `runtime/`, joined into one script by `build.rs` and run
//! before any script of the page. It owns the page's clock and randomness, seeks every kind of
//! animation, and reports what the composition declares and when it is ready. This module loads a
//! composition with it and reads its answers.

/// The expression of the runtime's interface, with or without a stage.
macro_rules! runtime {
    ($rest:literal) => {
        concat!(
            "(globalThis.__pagereelStage ? __pagereelStage.runtime : globalThis.__pagereel)",
            $rest
        )
    };
}

mod backgrounds;
mod fonts;
mod moving;
mod native;
mod scripts;
mod sound;
mod stage;
mod tracks;
mod transitions;
mod tree;

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub(crate) use self::backgrounds::Backgrounds;
pub(crate) use self::fonts::{fonts_of, name_drawn_fonts};
pub(crate) use self::moving::{
    MAX_DOCUMENTS, Moved, Sought, Step, follow, goes_on_and_on, measured, pass, seek,
};
pub(crate) use self::native::{
    LayerElements, LayerKind, NativeLayer, Side, View, aligned_share, begin_layers, choose_view,
    draw_transition, layers,
};
pub(crate) use self::scripts::inject;
pub(crate) use self::sound::{
    GraphSound, GroupElement, Rehearsal, Rehearsed, Sound, Volumes, rehearse, rehearsed,
};
pub(crate) use self::stage::{
    Asked, HostKind, HostPage, STAGE, Show, begin_shoot, begin_show, connect_canvas, has_canvas,
    set_mark,
};
pub(crate) use self::tracks::{TrackFile, TrackRun, read_tracks};
pub(crate) use self::transitions::DeclaredTransition;
pub use self::tree::{Adapter, Clip, Composition, Font, MediaElement, Timeline, Tree, Variable};
use crate::browser::{BrowserError, Page, cdp};
use crate::warning::Warning;

/// The same for expressions that are built at run time.
const RUNTIME_FACE: &str = runtime!("");

/// The interval at which the page's readiness is checked.
const POLL: Duration = Duration::from_millis(5);

/// How often those who watch are told what the page waits for.
const NOTICE: Duration = Duration::from_secs(5);

/// Reasons for which a page cannot be rendered: it reports itself not ready, or a worker that may
/// draw is still busy. Anything else that is missing (a font, a picture, a timeline) is a warning.
const NOT_READY: [&str; 3] = ["render_not_ready", "document_pending", "worker_pending"];

/// A page whose player has no duration, and in which nothing more happens, gets no more time than
/// this: waiting would only delay the error.
const NO_DURATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Timelines of a script that has failed get no more time than this (HyperFrames' figure).
const FAILED_SCRIPT_TIMEOUT: Duration = Duration::from_secs(2);
const NO_DURATION: &str = "window.__hf.duration";

/// A number that JSON cannot always carry: NaN and infinities stand there as text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number if number.is_nan() => serializer.serialize_str("NaN"),
            number if number > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Number {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A number, or text where JSON has none for it.",
            "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }],
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(f64),
            Text(String),
        }
        Ok(Self(match Raw::deserialize(deserializer)? {
            Raw::Number(number) => number,
            Raw::Text(text) if text == "Infinity" => f64::INFINITY,
            Raw::Text(text) if text == "-Infinity" => f64::NEG_INFINITY,
            Raw::Text(_) => f64::NAN,
        }))
    }
}

/// The composition's declarations about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "answers to different questions")]
pub(crate) struct Description {
    pub width: Option<Number>,
    pub height: Option<Number>,
    /// `data-width` and `data-height` as written.
    pub size_texts: [String; 2],
    /// Seconds.
    pub duration: Option<Number>,
    /// The source of the duration, such as `root` or `timeline`.
    pub duration_source: Option<String>,
    /// Whether something that repeats forever was found.
    pub infinite: bool,
    /// `data-fps` as written.
    pub fps: Option<String>,
    pub root_id: Option<String>,
    /// Whether going back in time restores everything.
    pub rewindable: bool,
    /// Whether its root allows it to leave for another document.
    pub allows_leaving: bool,
    /// Whether its code may start view transitions.
    pub view_transitions: bool,
    /// The address to which it would navigate by itself.
    pub goes: Option<Refresh>,
    pub media: Vec<Media>,
    /// The discoveries that a rehearsal would make.
    pub rehearsal: Rehearsal,
    pub audio_groups: Vec<GroupElement>,
    pub transitions: Vec<DeclaredTransition>,
    pub hdr_images: Vec<HdrImage>,
    pub backgrounds: Backgrounds,
    pub warnings: Vec<RuntimeWarning>,
}

/// A `<meta http-equiv="refresh">`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refresh {
    pub seconds: f64,
    /// The address as written; empty where the page would be loaded again.
    pub address: String,
}

impl fmt::Display for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, address } = self;
        match address.as_str() {
            "" => write!(f, "would reload itself after {seconds} s (meta refresh)"),
            address => write!(f, "would go to {address} after {seconds} s (meta refresh)"),
        }
    }
}

/// An `<audio>` or `<video>` of the page, and its playing time.
///
/// From `start` to `end` seconds of the composition, it plays what its source has at `from + (t -
/// origin) * rate` seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Media {
    pub tag: String,
    /// Its name for the user, such as `<video id="intro">`.
    pub label: String,
    /// Absolute.
    pub src: Option<String>,
    pub origin: Number,
    pub start: Number,
    /// Infinite if nothing limits it.
    pub end: Number,
    pub from: f64,
    pub rate: f64,
    pub loops: bool,
    /// Whether it has the attribute `muted`.
    pub muted: bool,
    /// `pq` or `hlg` for a video whose light the engine can put into the frame.
    #[serde(default)]
    pub hdr: Option<String>,
    pub sound: Sound,
}

/// An `<img>` whose file is HDR.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct HdrImage {
    /// Its name for the user.
    pub label: String,
    /// `pq` or `hlg` if the engine can put its light into the frame.
    pub curve: Option<String>,
}

/// A warning of the runtime.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RuntimeWarning {
    pub code: String,
    pub message: String,
    /// Advice about it.
    #[serde(default)]
    pub hint: Option<String>,
    /// The family that it is about.
    #[serde(default)]
    pub family: Option<String>,
}

impl From<RuntimeWarning> for Warning {
    fn from(warning: RuntimeWarning) -> Self {
        let RuntimeWarning { code, message, hint, family } = warning;
        Self { code, message, hint: hint.or_else(|| family.map(|name| crate::fonts::hint(&name))) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "answers to different questions")]
struct Status {
    ready: bool,
    loaded: bool,
    /// Whether only the page's own declarations are missing, and nothing more happens.
    #[serde(default)]
    stalled: bool,
    /// Whether a script that could still bring something has failed.
    #[serde(default)]
    script_failed: bool,
    #[serde(default)]
    waiting: Vec<Wait>,
    #[serde(default)]
    warnings: Vec<RuntimeWarning>,
}

/// Something that the page is still waiting for.
#[derive(Debug, Deserialize)]
struct Wait {
    kind: WaitKind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WaitKind {
    Resources,
    Player,
    Timelines,
}

impl Status {
    /// What the page still waits for, for people.
    fn awaited(&self) -> String {
        let what: Vec<&str> = self.waiting.iter().map(|wait| wait.message.as_str()).collect();
        if what.is_empty() { "its own scripts".into() } else { what.join(", ") }
    }

    /// The longest wait for all that is missing, counted from when the document has loaded.
    fn patience(&self, options: &LoadOptions) -> Duration {
        let hopeless = self.stalled && self.waiting.iter().all(|w| w.message == NO_DURATION);
        let of = |wait: &Wait| match wait.kind {
            WaitKind::Resources => options.ready_timeout,
            WaitKind::Player if hopeless => options.player_timeout.min(NO_DURATION_TIMEOUT),
            WaitKind::Player => options.player_timeout,
            WaitKind::Timelines if self.stalled && self.script_failed => {
                options.timelines_timeout.min(FAILED_SCRIPT_TIMEOUT)
            }
            WaitKind::Timelines => options.timelines_timeout,
        };
        self.waiting.iter().map(of).max().unwrap_or(options.ready_timeout)
    }
}

/// Options with which a page is loaded.
#[derive(Clone, Debug)]
pub(crate) struct LoadOptions {
    pub url: String,
    /// The stage around the composition, if there is one.
    pub staging: Option<HostPage>,
    pub seed: u64,
    pub variables: serde_json::Map<String, serde_json::Value>,
    /// The address at which the page requests media; `None` if the engine does not decode them.
    pub media: Option<String>,
    /// The address at which it requests fonts; `None` if the engine does not provide any.
    pub fonts: Option<PageFonts>,
    /// Whether the page is loaded to be rehearsed, not drawn.
    pub rehearses: bool,
    /// Names of the media that page code plays, once a rehearsal has found them.
    pub governed: Option<Vec<String>>,
    /// Seconds of the composition, once they are known.
    pub length: Option<f64>,
    /// The time until the document and its files have loaded.
    pub navigation_timeout: Duration,
    /// The time from then until its resources are there.
    pub ready_timeout: Duration,
    /// The time from then until its own player reports that it is ready.
    pub player_timeout: Duration,
    /// The time from then until its timelines are registered.
    pub timelines_timeout: Duration,
    /// Whether every frame is visited in turn, even if the page does not need it.
    pub sequential: bool,
    /// The timeout of single commands.
    pub call_timeout: Duration,
    /// The timeout of one frame.
    pub frame_timeout: Duration,
}

/// The page's knowledge about fonts that it may request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PageFonts {
    /// The address of its requests: absolute, or a path below its own origin.
    pub address: String,
    /// `@font-face` rules for the job's families.
    pub rules: String,
    /// The placeholder for that address in rules.
    pub scheme: &'static str,
}

/// The reason why a composition could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The browser failed.
    Browser(BrowserError),
    /// There is no such page.
    Absent(String),
    /// The page is not there, or refuses to be put on a stage.
    Unstageable,
    /// The page is there, but never becomes ready.
    NotReady(String),
}

impl From<BrowserError> for LoadError {
    fn from(error: BrowserError) -> Self {
        Self::Browser(error)
    }
}

/// Navigates to the composition and waits until it is ready to seek.
///
/// `tick` runs between two looks at the page: under begin-frame control nothing moves without it.
/// `awaited` is told what the page waits for, again and again while that takes long.
pub(crate) fn load(
    page: &mut Page,
    options: &LoadOptions,
    tick: &mut dyn FnMut(&mut Page) -> Result<(), BrowserError>,
    awaited: &mut dyn FnMut(&str),
) -> Result<Vec<Warning>, LoadError> {
    open(page, options)?;
    let start = Instant::now();
    let mut loaded_at = None;
    let mut told_at = start;
    loop {
        let status: Option<Status> =
            page.evaluate(runtime!("?.status() ?? null"), options.call_timeout)?;
        if let Some(code) = page.log.document_status.filter(|&code| code >= 400) {
            let url = &options.url;
            return Err(LoadError::Absent(format!("cannot open {url}: HTTP status {code}")));
        }
        let awaits = (told_at.elapsed() > NOTICE)
            .then(|| status.as_ref().map_or_else(|| options.url.clone(), Status::awaited));
        if let Some(status) = status {
            if status.ready && !page.log.staying.is_leaving() {
                return Ok(status.warnings.into_iter().map(Warning::from).collect());
            }
            let now = Instant::now();
            if status.loaded {
                loaded_at.get_or_insert(now);
            }
            let (since, timeout) = match loaded_at {
                Some(loaded_at) => (loaded_at, status.patience(options)),
                None => (start, options.navigation_timeout),
            };
            if !status.ready && now.duration_since(since) > timeout {
                return give_up(page, options, &status, timeout);
            }
        } else if options.staging.is_some()
            && page.evaluate("__pagereelStage.isLost", options.call_timeout)?
        {
            return Err(LoadError::Unstageable);
        } else if start.elapsed() > options.navigation_timeout {
            let seconds = options.navigation_timeout.as_secs_f64();
            return Err(LoadError::Absent(format!(
                "{} did not open within {seconds} s",
                options.url
            )));
        }
        if let Some(what) = awaits {
            told_at = Instant::now();
            awaited(&what);
        }
        tick(page)?;
        std::thread::sleep(POLL);
    }
}

/// Chrome's text for a navigation that leads to no document, or whose process has died during it.
const ABORTED: &str = "net::ERR_ABORTED";

/// Begins to load the composition, by itself or on its stage.
fn open(page: &mut Page, options: &LoadOptions) -> Result<(), LoadError> {
    let timeout = options.navigation_timeout;
    if let Some(staging) = options.staging {
        return stage::open(page, options, staging);
    }
    let mut refusal = page.navigate(&options.url, timeout)?;
    if refusal.as_deref() == Some(ABORTED) {
        refusal = page.navigate(&options.url, timeout)?;
    }
    match refusal {
        Some(text) => Err(LoadError::Absent(format!("cannot open {}: {text}", options.url))),
        None => Ok(()),
    }
}

/// Continues without the missing parts, if the page can be rendered without them.
fn give_up(
    page: &mut Page,
    options: &LoadOptions,
    status: &Status,
    timeout: Duration,
) -> Result<Vec<Warning>, LoadError> {
    let after: Status = page
        .evaluate(concat!(runtime!(".giveUp(), "), runtime!(".status()")), options.call_timeout)?;
    let fatal = |warning: &RuntimeWarning| NOT_READY.contains(&warning.code.as_str());
    if after.ready && !after.warnings.iter().any(fatal) {
        return Ok(after.warnings.into_iter().map(Warning::from).collect());
    }
    let what = if status.waiting.is_empty() { after.awaited() } else { status.awaited() };
    Err(LoadError::NotReady(format!(
        "the page is not ready after {} s; still waiting for {what}",
        timeout.as_secs_f64()
    )))
}

/// Reads the composition's declarations.
pub(crate) fn describe(page: &mut Page, timeout: Duration) -> Result<Description, BrowserError> {
    page.evaluate(runtime!(".describe()"), timeout)
}

/// Reads the structure of the composition.
pub(crate) fn inspect(page: &mut Page, timeout: Duration) -> Result<Tree, BrowserError> {
    page.evaluate(runtime!(".inspect()"), timeout)
}

/// Leaves the page and removes its data from the browser, so that the next load is like the first.
///
/// From the page itself a load might only jump to a fragment. The blank page that is left behind
/// does not answer: it would call itself ready.
pub(crate) fn forget(page: &mut Page, url: &str, timeout: Duration) -> Result<(), BrowserError> {
    let tidy = "window.name = ''; try { sessionStorage.clear() } catch {} null";
    page.evaluate::<serde_json::Value>(tidy, timeout)?;
    page.navigate("about:blank", timeout)?;
    let start = Instant::now();
    let is_blank = "location.href === 'about:blank' && (delete globalThis.__pagereel, true)";
    while !page.evaluate::<bool>(is_blank, timeout)? {
        if start.elapsed() > timeout {
            let seconds = timeout.as_secs_f64();
            return Err(BrowserError::Timeout { doing: "leaving the page".into(), seconds });
        }
        std::thread::sleep(POLL);
    }
    let Ok(url) = url::Url::parse(url) else { return Ok(()) };
    let origin = url.origin().ascii_serialization();
    let clear = cdp::Storage::ClearDataForOrigin { origin, storage_Types: "all".into() };
    page.call(clear, timeout).map(drop)
}

/// Makes the page request a frame in its present state, for [`has_drawn`].
pub(crate) fn wish_for_frame(page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
    // A blank page has no runtime, and needs none.
    page.evaluate::<bool>("!!globalThis.__pagereel?.wishForFrame()", timeout).map(drop)
}

/// Whether the last requested frame has been drawn.
pub(crate) fn has_drawn(page: &mut Page, timeout: Duration) -> Result<bool, BrowserError> {
    page.evaluate("globalThis.__pagereel?.hasDrawn() ?? true", timeout)
}

/// Hides the page, or shows it again, without touching its elements.
pub(crate) fn conceal(
    page: &mut Page,
    hidden: bool,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let expression = format!("__pagereel.conceal({hidden})");
    page.evaluate::<serde_json::Value>(&expression, timeout).map(drop)
}

/// The browser's protocol for a picture of the page, for `capture`.
pub(crate) use cdp::{HeadlessExperimental, Page as PageDomain};
