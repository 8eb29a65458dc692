//! The structure of a composition, and its faults.
//!
//! A [`Check`] is the answer of [`Engine::check`](crate::Engine::check). It prints as a tree for
//! people, and is serialized for programs.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::frame::Size;
pub use crate::page::{
    Adapter, Clip, Composition, Font, MediaElement, Number, Timeline, Tree, Variable,
};
use crate::time::FrameRate;
use crate::warning::Warning;

/// The most rows of one list that are printed; the rest is counted.
const MAX_ROWS: usize = 40;

/// Characters of a value that are printed.
const MAX_VALUE: usize = 60;

/// One composition, looked at without rendering it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Check {
    /// The version of this JSON: [`SCHEMA_VERSION`](crate::plan::SCHEMA_VERSION).
    pub schema_version: u32,
    /// The page's address: a file relative to its root, or a URL.
    pub composition: String,
    /// The picture's size, by the job or the page.
    pub size: Option<Size>,
    /// Frames per second, by the job or the page.
    pub frame_rate: Option<FrameRate>,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// Where the length was found: `job`, or what the page offers.
    pub duration_source: Option<String>,
    /// How many frames show that length.
    pub frames: Option<u64>,
    /// What the composition is made of.
    #[serde(flatten)]
    pub tree: Tree,
    /// What is not right; a strict job fails for it. Script errors are among it.
    pub warnings: Vec<Warning>,
    /// Uncaught exceptions of the page, each once.
    pub script_errors: Vec<String>,
    /// The page's last console lines, oldest first.
    pub console: Vec<String>,
    /// Why the composition cannot be rendered.
    pub error: Option<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.composition, self.summary())?;
        let tree = &self.tree;
        write_list(f, "compositions", tree_rows(tree))?;
        let others = tree.other_timelines.iter().map(|timeline| {
            vec![timeline.key.clone(), timeline_text(timeline), "of no composition".into()]
        });
        write_list(f, "other timelines", others)?;
        write_list(f, "moved by", tree.adapters.iter().map(adapter_row))?;
        write_list(f, "media", tree.media.iter().map(media_row))?;
        write_list(f, "fonts", tree.fonts.iter().map(font_row))?;
        write_list(f, "variables", tree.variables.iter().map(variable_row))?;
        write_list(f, "warnings", self.warnings.iter().flat_map(warning_rows))?;
        write_list(f, "last console lines", self.console.iter().map(|line| vec![line.clone()]))?;
        match self.warnings.len() as u64 {
            0 => Ok(()),
            count => writeln!(f, "\n{}", counted(count, "warning")),
        }
    }
}

impl Check {
    fn summary(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.size.map(|size| size.to_string()));
        parts.extend(self.frame_rate.map(|rate| format!("{rate} fps")));
        if let Some((duration, source)) = self.duration.zip(self.duration_source.as_deref()) {
            parts.push(format!("{} ({source})", secs_text(duration)));
        }
        parts.extend(self.frames.map(|frames| format!("{frames} frames")));
        if parts.is_empty() { "nothing is known".into() } else { parts.join(", ") }
    }
}

/// Writes rows below a heading, with the columns aligned; nothing where there are no rows.
fn write_list(
    f: &mut fmt::Formatter<'_>,
    heading: &str,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> fmt::Result {
    let rows: Vec<_> = rows.into_iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let shown = &rows[..rows.len().min(MAX_ROWS)];
    let columns = shown.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        shown.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|at| width(at).unwrap_or_default()).collect();
    writeln!(f, "\n{heading}")?;
    for row in shown {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths).filter(|&(_, &width)| width > 0) {
            write!(line, "  {cell:width$}")?;
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    match rows.len() - shown.len() {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

/// Compositions, each with its clips and the compositions within it.
fn tree_rows(tree: &Tree) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let known = |id: &Option<String>| {
        id.is_some() && tree.compositions.iter().any(|composition| composition.id == *id)
    };
    let mut is_first = true;
    for composition in tree.compositions.iter().filter(|c| !known(&c.parent)) {
        push_composition(tree, composition, 0, &mut rows);
        if std::mem::take(&mut is_first) {
            // Clips in no composition with an id count from the start of the whole.
            let clips = tree.clips.iter().filter(|clip| !known(&clip.composition));
            rows.extend(clips.map(|clip| clip_row(clip, 1)));
        }
    }
    if is_first {
        rows.extend(tree.clips.iter().map(|clip| clip_row(clip, 0)));
    }
    rows
}

fn push_composition(
    tree: &Tree,
    composition: &Composition,
    depth: usize,
    rows: &mut Vec<Vec<String>>,
) {
    rows.push(composition_row(composition, depth));
    if composition.id.is_none() || depth > tree.compositions.len() {
        return;
    }
    let own = tree.clips.iter().filter(|clip| clip.composition == composition.id);
    rows.extend(own.map(|clip| clip_row(clip, depth + 1)));
    let inner = tree.compositions.iter();
    for inner in inner.filter(|inner| inner.parent == composition.id && inner.id != inner.parent) {
        push_composition(tree, inner, depth + 1, rows);
    }
}

fn composition_row(composition: &Composition, depth: usize) -> Vec<String> {
    let name = composition.id.as_deref().unwrap_or(&composition.element);
    let (start, duration) = (composition.start, composition.duration);
    let end = start.zip(duration).map(|(start, duration)| Number(start.0 + duration.0));
    let mut notes = Vec::new();
    notes.extend(composition.src.as_ref().map(|src| format!("from {src}")));
    notes.extend(composition.timeline.as_ref().map(timeline_text));
    vec![indented(name, depth), "composition".into(), span_text(start, end), notes.join(", ")]
}

fn clip_row(clip: &Clip, depth: usize) -> Vec<String> {
    let track = clip.track.map(|track| format!("track {}", track.0)).unwrap_or_default();
    let span = span_text(clip.start, clip.end);
    vec![indented(&clip.element, depth), clip.tag.clone(), span, track]
}

/// A warning, with its advice below.
fn warning_rows(warning: &Warning) -> Vec<Vec<String>> {
    let hint = warning.hint.iter().map(|hint| vec![format!("  hint: {hint}")]);
    std::iter::once(vec![warning.message.clone()]).chain(hint).collect()
}

fn adapter_row(adapter: &Adapter) -> Vec<String> {
    let (name, thing) = match adapter.name.as_str() {
        "gsap" => ("GSAP", "timeline"),
        "cssAnimations" => ("CSS", "animation"),
        "transitions" => ("CSS", "transition"),
        "webAnimations" => ("Web Animations", "animation"),
        "anime" => ("anime.js", "animation"),
        "lottie" => ("Lottie", "animation"),
        "dotlottie" => ("dotLottie", "animation"),
        "animatedImages" => ("animated images", "image"),
        "three" => ("hf-seek", "listener"),
        "smil" => ("SVG", "animation"),
        "frameCallbacks" => ("requestAnimationFrame", "callback"),
        "timers" => ("timers", "timer"),
        "player" => ("window.__hf", "seek function"),
        other => (other, "use"),
    };
    let version = adapter.version.as_ref().map(|version| format!(" {version}"));
    let count = adapter.timelines.or(adapter.count);
    let mut notes = vec![count.map_or_else(|| format!("{thing}s"), |count| counted(count, thing))];
    notes.extend(adapter.tweens.map(|tweens| counted(tweens, "tween")));
    vec![format!("{name}{}", version.unwrap_or_default()), notes.join(", ")]
}

fn media_row(media: &MediaElement) -> Vec<String> {
    let name = media.id.as_ref().map(|id| format!("#{id}")).unwrap_or_default();
    let source = media.src.as_deref().map_or("no source".into(), shortened);
    vec![media.tag.clone(), name, span_text(media.start, media.end), source]
}

fn font_row(font: &Font) -> Vec<String> {
    let source = font.source.as_deref().map(shortened).unwrap_or_default();
    vec![font.family.clone(), font.weight.clone(), font.style.clone(), font.status.clone(), source]
}

fn variable_row(variable: &Variable) -> Vec<String> {
    let value = variable.default.as_ref().map(|value| shortened(&value.to_string()));
    vec![variable.id.clone(), variable.kind.clone().unwrap_or_default(), value.unwrap_or_default()]
}

fn timeline_text(timeline: &Timeline) -> String {
    let duration = timeline.duration.map(|n| secs_text(n.0));
    let tweens = timeline.tweens.map(|tweens| counted(tweens, "tween"));
    let parts: Vec<_> = duration.into_iter().chain(tweens).collect();
    if parts.is_empty() { "timeline".into() } else { format!("timeline: {}", parts.join(", ")) }
}

/// The span of a clip; without an end it lasts until the whole ends.
fn span_text(start: Option<Number>, end: Option<Number>) -> String {
    match (start, end) {
        (None, None) => String::new(),
        (start, None) => format!("from {}", secs_text(start.map_or(0.0, |n| n.0))),
        (start, Some(end)) => {
            format!("{} to {}", number_text(start.map_or(0.0, |n| n.0)), secs_text(end.0))
        }
    }
}

fn secs_text(secs: f64) -> String {
    if secs.is_infinite() { "endless".into() } else { format!("{} s", number_text(secs)) }
}

/// To the millisecond, without zeros at the end.
fn number_text(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn indented(name: &str, depth: usize) -> String {
    format!("{:indent$}{name}", "", indent = 2 * depth)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
