//! A walk over an encoder's settings: what each of them costs and brings, and the best of all.
//!
//! Settings differ in quality, so sizes are compared at equal quality: what the rung's own settings
//! lose or win by another `crf` is measured for each scene, and each size is moved along that line
//! until quality is that of the rung. Quality is the mean of PSNR and SSIM in dB, planes weighted
//! 6:1:1.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

use crate::judge::Measure;
use crate::{Bench, Rung, Settings, planned};

/// Processor time that a walker gives for a size, in percent of the one for a percent of the other.
const WORTH: f64 = 2.5;

/// How far the second point of a scene's line is, in steps of `crf`.
const STEP: f64 = 1.6;

/// Rounds over all settings.
const ROUNDS: usize = 2;

/// Options and the values that are tried. Those of `x265-params` are written with a dot.
type Walked = &'static [(&'static str, &'static [&'static str])];

const X264: Walked = &[
    ("preset", &["superfast", "veryfast", "faster", "fast"]),
    ("subq", &["1", "2", "3", "4"]),
    ("mbtree", &["0", "1"]),
    ("trellis", &["0", "1"]),
    ("refs", &["1", "2", "3"]),
    ("motion-est", &["dia", "hex"]),
    ("rc-lookahead", &["5", "10", "20", "30"]),
    ("weightp", &["0", "1"]),
    ("bf", &["0", "2", "3"]),
    ("b_strategy", &["0", "1"]),
    ("8x8dct", &["0", "1"]),
    ("aq-mode", &["1", "2", "3"]),
    ("aq-strength", &["0.6", "0.8", "1.0"]),
    ("qcomp", &["0.6", "0.75", "0.9"]),
    ("psy", &["0", "1"]),
    ("deblock", &["0:0", "1:1"]),
    ("chromaoffset", &["0", "-2", "-3"]),
];

const X265: Walked = &[
    ("preset", &["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]),
    ("x265-params.aq-mode", &["1", "2", "3"]),
    ("x265-params.aq-strength", &["0.6", "0.8", "1.0"]),
    ("x265-params.cbqpoffs", &["0", "-2", "-3"]),
    ("x265-params.crqpoffs", &["0", "-2", "-3"]),
    ("x265-params.psy-rd", &["0", "1", "2"]),
    ("x265-params.sao", &["0", "1"]),
    ("x265-params.rc-lookahead", &["10", "15", "20"]),
    ("x265-params.bframes", &["3", "4"]),
    ("x265-params.rd", &["2", "3"]),
    ("x265-params.subme", &["0", "1", "2"]),
    ("x265-params.early-skip", &["0", "1"]),
    ("x265-params.ctu", &["32", "64"]),
    ("x265-params.limit-tu", &["0", "4"]),
];

const SVT: Walked = &[
    ("preset", &["7", "8", "9", "10", "11", "12"]),
    ("svtav1-params.tune", &["0", "1"]),
    ("svtav1-params.enable-tf", &["0", "1"]),
    ("svtav1-params.scm", &["0", "1", "2"]),
    ("svtav1-params.lookahead", &["0", "16", "32"]),
];

const VP9: Walked = &[
    ("deadline", &["good", "realtime"]),
    ("cpu-used", &["3", "4", "5", "6", "8"]),
    ("aq-mode", &["0", "1", "2", "3"]),
    ("auto-alt-ref", &["0", "1"]),
    ("lag-in-frames", &["8", "16", "25"]),
    ("tune-content", &["0", "1"]),
    ("arnr-strength", &["0", "3"]),
];

/// One setting's figures over all scenes, against the rung's own.
#[derive(Clone, Debug)]
struct Point {
    settings: String,
    cpu: f64,
    /// At equal quality, the geometric mean.
    bytes: f64,
    /// As it came.
    raw_bytes: f64,
    cpu_ms: f64,
}

impl Point {
    fn costs(&self) -> f64 {
        self.cpu.ln() + WORTH * self.bytes.ln()
    }

    fn row(&self) -> String {
        let Self { settings, cpu, bytes, raw_bytes, cpu_ms } = self;
        format!("| `{settings}` | {cpu_ms:.1} | {cpu:.3} | {bytes:.3} | {raw_bytes:.3} |")
    }
}

/// A scene's line: what one step of `crf` does, by the logarithm of bytes and in dB.
#[derive(Clone, Copy)]
struct Line {
    bytes: f64,
    quality: f64,
}

pub(crate) struct Search<'a> {
    bench: &'a Bench,
    rung: &'a Rung,
    /// By scene and settings.
    seen: HashMap<String, Measure>,
    scenes: &'a [String],
    points: Vec<Point>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(bench: &'a Bench, rung: &'a Rung, scenes: &'a [String]) -> Self {
        Self { bench, rung, seen: HashMap::new(), scenes, points: Vec::new() }
    }

    /// Walks from the rung's settings, prints each point as it comes and the front at the end.
    pub(crate) fn walk(mut self) -> Result<()> {
        let first = self.scenes.first().context("a search wants a scene")?;
        let own = planned(first, self.rung)?;
        let walked = match own.encoder.as_str() {
            "libx264" => X264,
            "libx265" => X265,
            "libsvtav1" => SVT,
            _ => VP9,
        };
        let crf = own.options.iter().find(|(key, _)| key == "crf");
        let crf: f64 = crf.context("the rung has no crf")?.1.parse()?;
        let nearby = with(&own, "crf", &format!("{}", crf + STEP));
        let mut lines = HashMap::new();
        for scene in self.scenes {
            let (here, there) = (self.measure(scene, &own)?, self.measure(scene, &nearby)?);
            let line = Line {
                bytes: ratio(&there, &here).ln() / STEP,
                quality: (quality(&there) - quality(&here)) / STEP,
            };
            ensure!(line.quality < 0.0, "{scene}: a larger crf is not worse");
            lines.insert(scene.clone(), line);
        }
        println!(
            "\n| settings | CPU ms/frame | CPU | bytes at equal quality | bytes |\n|---|--:|--:|--:|--:|"
        );
        let mut at = own.clone();
        let mut best = self.point(&own, &at, &lines)?;
        for _ in 0..ROUNDS {
            let mut moved = false;
            for (key, values) in walked {
                for value in *values {
                    let next = with(&at, key, value);
                    if next.options == at.options {
                        continue;
                    }
                    let found = self.point(&own, &next, &lines)?;
                    if found.costs() < best.costs() - 0.01 {
                        (at, best, moved) = (next, found, true);
                    }
                }
            }
            if !moved {
                break;
            }
        }
        println!("\nThe front, from the cheapest:\n\n{}", self.front());
        Ok(())
    }

    fn measure(&mut self, scene: &String, settings: &Settings) -> Result<Measure> {
        let key = format!("{scene} {settings}");
        if let Some(known) = self.seen.get(&key) {
            return Ok(*known);
        }
        let lossless = self.bench.frames_of(scene, None)?;
        let found = self.bench.measure_quickly(&joined(settings), &lossless, &lossless)?;
        self.seen.insert(key, found);
        Ok(found)
    }

    fn point(
        &mut self,
        own: &Settings,
        settings: &Settings,
        lines: &HashMap<String, Line>,
    ) -> Result<Point> {
        let (mut cpu, mut own_cpu, mut raw, mut own_raw, mut equal) = (0.0, 0.0, 0, 0, 0.0);
        for scene in self.scenes {
            let (base, found) = (self.measure(scene, own)?, self.measure(scene, settings)?);
            let line = lines[scene];
            let steps = (quality(&found) - quality(&base)) / line.quality;
            equal += ratio(&found, &base).ln() - steps * line.bytes;
            (cpu, own_cpu) = (cpu + found.cpu_ms, own_cpu + base.cpu_ms);
            (raw, own_raw) = (raw + found.bytes, own_raw + base.bytes);
        }
        let scenes = self.scenes.len() as f64;
        let point = Point {
            settings: joined(settings).to_string(),
            cpu: cpu / own_cpu,
            bytes: (equal / scenes).exp(),
            raw_bytes: raw as f64 / own_raw as f64,
            cpu_ms: cpu / scenes,
        };
        println!("{}", point.row());
        self.points.push(point.clone());
        Ok(point)
    }

    /// The settings that no others beat in both time and size.
    fn front(mut self) -> String {
        self.points.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        let mut text =
            "| settings | CPU ms/frame | CPU | bytes at equal quality | bytes |\n|---|--:|--:|--:|--:|\n"
                .to_owned();
        let mut least = f64::INFINITY;
        for point in self.points {
            if point.bytes < least {
                least = point.bytes;
                _ = writeln!(text, "{}", point.row());
            }
        }
        text
    }
}

fn ratio(a: &Measure, b: &Measure) -> f64 {
    a.bytes as f64 / b.bytes as f64
}

/// The mean of PSNR and SSIM in dB, planes weighted 6:1:1.
fn quality(found: &Measure) -> f64 {
    let mean = |[y, u, v]: [f64; 3]| (6.0 * y + u + v) / 8.0;
    let ssim = found.ssim.map(|ssim| -10.0 * (1.0 - ssim).max(1e-6).log10());
    f64::midpoint(mean(found.psnr), mean(ssim))
}

fn with(settings: &Settings, key: &str, value: &str) -> Settings {
    let mut settings = settings.clone();
    match settings.options.iter_mut().find(|(name, _)| name == key) {
        Some((_, old)) => value.clone_into(old),
        None => settings.options.push((key.to_owned(), value.to_owned())),
    }
    settings
}

/// Lists of parameters as one option.
fn joined(settings: &Settings) -> Settings {
    let mut joined = Settings { encoder: settings.encoder.clone(), options: Vec::new() };
    for (key, value) in &settings.options {
        let Some((list, name)) = key.split_once('.') else {
            joined.options.push((key.clone(), value.clone()));
            continue;
        };
        let item = format!("{name}={value}");
        match joined.options.iter_mut().find(|(key, _)| key == list) {
            Some((_, items)) => _ = write!(items, ":{item}"),
            None => joined.options.push((list.to_owned(), item)),
        }
    }
    joined
}
