//! What was measured, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use crate::judge::{Fidelity, Film};
use crate::process::Usage;

/// What one program made of one scene.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) scene: String,
    pub(crate) program: &'static str,
    pub(crate) film: Film,
    /// Of the whole command, in seconds, run by run.
    pub(crate) walls: Vec<f64>,
    /// Processor time of all processes, in seconds, run by run.
    pub(crate) cpus: Vec<f64>,
    pub(crate) peak_bytes: u64,
    pub(crate) fidelity: Option<Fidelity>,
    /// How alike the pictures are to ours, in dB.
    pub(crate) alike: Option<f64>,
    /// Our wall time, where we have rendered the scene too.
    pub(crate) ours: Option<f64>,
}

impl Row {
    pub(crate) const HEAD: &str = "| scene | program | wall s | frames/s | CPU ms/frame | peak PSS MB | bytes | \
         PSNR Y U V dB | SSIM Y U V | picture beside ours dB | times ours |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    pub(crate) fn add(&mut self, usage: &Usage) {
        self.walls.push(usage.wall.as_secs_f64());
        self.cpus.push(usage.cpu.as_secs_f64());
    }

    pub(crate) fn wall(&self) -> f64 {
        median(&self.walls)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scene, program, film, peak_bytes, .. } = self;
        let (wall, frames) = (self.wall(), film.frames as f64);
        let three = |[y, u, v]: [f64; 3], digits| format!("{y:.digits$} {u:.digits$} {v:.digits$}");
        write!(
            f,
            "| {scene} | {program} | {wall:.2} | {:.1} | {:.1} | {:.0} | {} | {} | {} | {} | {} |",
            frames / wall,
            1e3 * median(&self.cpus) / frames,
            *peak_bytes as f64 / 1e6,
            film.bytes,
            or_none(self.fidelity.map(|found| three(found.psnr, 2))),
            or_none(self.fidelity.map(|found| three(found.ssim, 5))),
            or_none(self.alike.map(likeness)),
            or_none(self.ours.map(|ours| format!("{:.2}", wall / ours))),
        )
    }
}

fn likeness(psnr: f64) -> String {
    if psnr.is_finite() { format!("{psnr:.1}") } else { "the same".into() }
}

/// A value, or the sign for what could not be had.
fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".into())
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}
