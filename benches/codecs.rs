//! What each codec's presets cost and give, on the same pictures: speed, size and SSIM.
//!
//! `cargo bench --bench codecs -- [--frames N] [--skip N] [--size WxH] [--codec NAME] [scene ...]`
//!
//! Pictures are captured once and lie in memory. Each row encodes them in this process: conversion,
//! encoder and muxer. SSIM is that of `ffmpeg` (luma and chroma together) between the file and the
//! pictures as lossless FFV1 in the same pixel format, so that the conversion does not count.

#![expect(clippy::print_stdout, reason = "it prints tables")]

mod shared;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use pagereel::job::{Codec, CodedFormat, Quality};
use pagereel::time::FrameIndex;
use pagereel::{CancelToken, Engine, Frame, Job, Picture};

/// A codec, and its preset and quality; without them the rung of the ladder.
struct Row {
    codec: Codec,
    rung: Option<Quality>,
    preset: Option<&'static str>,
    crf: Option<f64>,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for codec in [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9] {
        for rung in [Quality::Draft, Quality::Standard, Quality::High] {
            rows.push(Row { codec, rung: Some(rung), preset: None, crf: None });
        }
        let (presets, crf): (&[&'static str], f64) = match codec {
            Codec::H264 => (&[], 0.0),
            Codec::Hevc => (&["ultrafast", "superfast", "veryfast", "fast", "medium"], 20.0),
            Codec::Av1 => (&["12", "10", "9", "8", "6"], 26.0),
            _ => (&["8", "6", "5", "4", "2"], 24.0),
        };
        rows.extend(presets.iter().map(|&preset| Row {
            codec,
            rung: None,
            preset: Some(preset),
            crf: Some(crf),
        }));
    }
    rows
}

fn main() -> Result<()> {
    let (mut frames, mut skip, mut size, mut only) = (30_u64, 30_u64, None, None);
    let mut scenes = Vec::new();
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--frames" => frames = value()?.parse()?,
            "--skip" => skip = value()?.parse()?,
            "--size" => size = Some(value()?.parse()?),
            "--codec" => only = Some(value()?),
            _ if word.starts_with('-') => bail!("unknown option {word}"),
            _ => scenes.push(word),
        }
    }
    if scenes.is_empty() {
        scenes.push("kinetic-text".into());
    }
    for scene in scenes {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(&scene);
        let directory = tempfile::tempdir()?;
        let mut job = Job::new(page, directory.path().join("reference.mkv"));
        job.size = size;
        job.frames = Some(format!("{skip}..{}", skip + frames).parse()?);
        let pictures = shared::pictures(&job, &CancelToken::new())?;
        job.video.codec = Some(Codec::Ffv1);
        job.video.pixel_format = Some(CodedFormat::Yuv420p);
        encode(&job, &pictures)?;
        let reference = directory.path().join("reference.mkv");
        println!("{scene}, {} frames at {}", pictures.len(), pictures[0].size);
        println!("| codec | settings | CPU ms/frame | wall ms/frame | frames/s | kB | SSIM |");
        println!("|---|---|--:|--:|--:|--:|--:|");
        for row in rows() {
            if only.as_ref().is_some_and(|only| only != row.codec.word()) {
                continue;
            }
            let mut job = job.clone();
            let file = directory
                .path()
                .join(format!("out.{}", if row.codec == Codec::Vp9 { "webm" } else { "mp4" }));
            job.output = Some(file.clone());
            job.video.codec = Some(row.codec);
            job.video.quality = row.rung.unwrap_or(Quality::Standard);
            job.video.preset = row.preset.map(str::to_owned);
            job.video.crf = row.crf;
            let (cpu, wall) = encode(&job, &pictures)?;
            let bytes = std::fs::metadata(&file)?.len();
            let settings = match (row.rung, row.preset, row.crf) {
                (Some(rung), ..) => format!("{rung:?}").to_lowercase(),
                (_, preset, crf) => {
                    format!("{} crf {}", preset.unwrap_or_default(), crf.unwrap_or_default())
                }
            };
            println!(
                "| {} | {settings} | {cpu:.1} | {wall:.1} | {:.1} | {:.0} | {:.4} |",
                row.codec,
                1000.0 / wall,
                bytes as f64 / 1000.0,
                ssim(&file, &reference)?
            );
        }
    }
    Ok(())
}

/// Encodes pictures into the job's file. Returns processor and wall time per frame in milliseconds.
fn encode(job: &Job, pictures: &[Arc<Picture>]) -> Result<(f64, f64)> {
    let (engine, cancel) = (Engine::new(), CancelToken::new());
    let (plan, _) = engine.request(job).cancel(&cancel).plan()?;
    let (start, cpu) = (Instant::now(), shared::cpu_time());
    let mut sink = engine.file_sink(plan, &cancel)?;
    for (index, picture) in (0..).zip(pictures) {
        sink.write(Frame { index: FrameIndex(index), picture: Arc::clone(picture) })?;
    }
    sink.finish()?;
    let per_frame = |secs: f64| secs * 1e3 / pictures.len() as f64;
    let cpu = shared::cpu_time().saturating_sub(cpu).as_secs_f64();
    Ok((per_frame(cpu), per_frame(start.elapsed().as_secs_f64())))
}

fn ssim(file: &Path, reference: &Path) -> Result<f64> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-i"])
        .arg(file)
        .arg("-i")
        .arg(reference)
        .args([
            "-lavfi",
            "[0:v]settb=1/30,setpts=N[a];[1:v]settb=1/30,setpts=N[b];[a][b]ssim",
            "-f",
            "null",
            "-",
        ])
        .output()
        .context("ffmpeg; run ./setup.sh")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ffmpeg: {text}");
    let all = text.rsplit_once("All:").context("no SSIM")?.1;
    Ok(all.split_whitespace().next().context("no SSIM")?.parse()?)
}
