//! Whole renders, timed: milliseconds and processor time per frame, by part.
//!
//! `cargo bench --bench render -- [runs] [scene ...]`
//!
//! Each scene is rendered into the null sink and into a file, in turn, after one warm-up; the table
//! has the medians. Compare within one run only: machines are shared and noisy.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::path::Path;

use anyhow::Result;
use pagereel::sink::NullSink;
use pagereel::{CancelToken, Engine, Job, Report, doctor};

const SCENES: [&str; 3] = ["kinetic-text", "css-cards", "title-card"];

fn main() -> Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runs = arguments.first().map_or(Ok(3), |text| text.parse::<usize>())?;
    let named: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    let scenes = if named.is_empty() { SCENES.to_vec() } else { named };

    let checkup = doctor::examine();
    for finding in checkup.findings.iter().filter(|f| ["Chrome", "round trip"].contains(&f.name)) {
        println!("{}: {}", finding.name, finding.detail);
    }
    println!(
        "milliseconds per frame, medians of {runs} runs; cpu is processor time, total is wall"
    );
    println!(
        "{:<14} {:>8} {:>7} | {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "scene",
        "sink",
        "workers",
        "chrome cpu",
        "engine cpu",
        "seek",
        "capture",
        "in sink",
        "convert",
        "total"
    );
    for scene in scenes {
        for encoded in [false, true] {
            for workers in [1, 2] {
                measure(scene, encoded, workers, runs)?;
            }
        }
    }
    Ok(())
}

fn measure(scene: &str, encoded: bool, workers: u32, runs: usize) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut job = Job::without_output(fixtures.join(scene).join("index.html"));
    job.output = Some(directory.path().join("out.mp4"));
    job.capture.workers = Some(workers);
    let mut rows = Vec::with_capacity(runs);
    for run in 0..=runs {
        let report = render(&job, encoded)?;
        if run > 0 {
            rows.push(row(&report));
        }
    }
    let medians: Vec<f64> = (0..rows[0].len())
        .map(|column| {
            let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        })
        .collect();
    let sink = if encoded { "mp4" } else { "null" };
    print!("{scene:<14} {sink:>8} {workers:>7} |");
    for (median, width) in medians.iter().zip([10, 10, 8, 8, 8, 8, 8]) {
        print!(" {median:>width$.2}");
    }
    println!();
    Ok(())
}

fn render(job: &Job, encoded: bool) -> pagereel::Result<Report> {
    let (engine, cancel) = (Engine::new(), CancelToken::new());
    if encoded {
        engine.request(job).cancel(&cancel).render()
    } else {
        engine.request(job).cancel(&cancel).render_into(Box::new(NullSink::default()))
    }
}

/// Chrome, engine, seeks of all sessions, capture, in the sink, conversion and everything, per frame.
fn row(report: &Report) -> [f64; 7] {
    let (stages, used) = (&report.stages, &report.resources);
    let all = [
        used.chrome_cpu_ms as f64,
        used.engine_cpu_ms as f64,
        report.sessions.iter().map(|session| session.seek_ms).sum(),
        stages.capture_ms,
        stages.encode_ms,
        stages.convert_ms,
        stages.total_ms,
    ];
    all.map(|ms| ms / report.output.frames as f64)
}
