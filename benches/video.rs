//! A video of 1920×1080 under a moving title, with sound: what a frame costs, and where.
//!
//! `cargo bench --bench video -- [--runs N] [--seconds N]`
//!
//! *Whole* is a render with default settings into a file; *pictures* the same into the null sink, once
//! with the engine's decoder and once with Chrome's own player, which the page seeks frame by frame.
//! *HDR* is the same page over a source of PQ, put together in light: whole by x265 `medium`, and into
//! the null sink. *Decode* and *hand-over* run in this process alone: decoding the source, and making
//! of it what the page is sent. Medians of the runs, in turn after a warm-up; processor time is that of all processes,
//! without the browsers' start.

#![expect(clippy::print_stdout, reason = "it prints tables")]

#[expect(dead_code, reason = "only the clock is needed here")]
mod shared;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use pagereel::job::ColorMode;
use pagereel::sink::NullSink;
use pagereel::{CancelToken, Engine, Job, Report, parts};

const PAGE: &str = r#"<!doctype html><body style="margin:0">
<style>@keyframes move{to{transform:translateX(900px)}}</style>
<div data-composition-id="video" data-width="1920" data-height="1080" data-duration="SECONDS">
<video src="source.mp4" data-start="0" data-duration="SECONDS" data-has-audio="true"
  style="position:absolute;left:0;top:0;width:1920px;height:1080px"></video>
<h1 style="position:absolute;left:120px;top:420px;margin:0;color:#fff;font:700 160px sans-serif;
  text-shadow:0 6px 24px #000a;animation:move SECONDSs linear">Moving title</h1></div>"#;

/// The page that seeks Chrome's player.
const PLAYER: &str = r#"<script>
const video = document.querySelector("video");
video.removeAttribute("data-start");
window.__hf = { duration: SECONDS, seek: (time) => new Promise((resolve) => {
  video.onseeked = () => resolve();
  video.currentTime = time + 0.001;
}) };
</script>"#;

fn main() -> Result<()> {
    let (mut runs, mut seconds) = (3, 4_u32);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => runs = value()?.parse()?,
            "--seconds" => seconds = value()?.parse()?,
            other => bail!("unknown option {other}"),
        }
    }
    let directory = tempfile::tempdir()?;
    let source = directory.path().join("source.mp4");
    make_source(&source, seconds)?;
    let deep = directory.path().join("deep.mp4");
    make_hdr(&source, &deep)?;
    write_pages(directory.path(), seconds)?;

    let cancel = CancelToken::new();
    let job = |page: &str| {
        let mut job = Job::new(directory.path().join(page), directory.path().join("out.mp4"));
        job.capture.workers = Some(1);
        job
    };
    let (ours, seeking, mut hdr) = (job("index.html"), job("player.html"), job("hdr.html"));
    hdr.color.mode = ColorMode::Hdr10;
    hdr.video.preset = Some("medium".into());
    let mut whole = || Engine::new().request(&ours).cancel(&cancel).render();
    let null = || Box::new(NullSink::default());
    let mut pictures = || Engine::new().request(&ours).cancel(&cancel).render_into(null());
    let mut by_player =
        || Engine::new().request(&seeking).cancel(&cancel).render_with_player(null());
    let mut hdr_whole = || Engine::new().request(&hdr).cancel(&cancel).render();
    let mut hdr_pictures = || Engine::new().request(&hdr).cancel(&cancel).render_into(null());
    let mut kinds: [(&str, &mut dyn FnMut() -> pagereel::Result<Report>); 5] = [
        ("whole", &mut whole),
        ("pictures, our decoder", &mut pictures),
        ("pictures, Chrome's player", &mut by_player),
        ("HDR whole, x265 medium", &mut hdr_whole),
        ("HDR pictures", &mut hdr_pictures),
    ];
    let mut all = vec![Vec::new(); kinds.len()];
    let mut parts_ms = [Vec::new(), Vec::new(), Vec::new()];
    let frames = f64::from(seconds * 30);
    for run in 0..=runs {
        for (at, (_, render)) in kinds.iter_mut().enumerate() {
            let report = render()?;
            if run > 0 {
                all[at].push(Figures::of(&report, frames));
            }
        }
        let before = shared::cpu_time();
        ensure!(parts::decode_video(&source).is_some(), "the source cannot be decoded");
        let decoded = shared::cpu_time();
        ensure!(parts::video_pictures(&source).is_some(), "the source cannot be handed over");
        let handed = shared::cpu_time();
        ensure!(parts::decode_video(&deep).is_some(), "the source of HDR cannot be decoded");
        let deep = shared::cpu_time().saturating_sub(handed);
        if run > 0 {
            let decode = decoded.saturating_sub(before).as_secs_f64() * 1e3 / frames;
            parts_ms[0].push(decode);
            parts_ms[2].push(deep.as_secs_f64() * 1e3 / frames);
            parts_ms[1].push(handed.saturating_sub(decoded).as_secs_f64() * 1e3 / frames - decode);
        }
    }
    println!("1920x1080, {frames} frames, medians of {runs} runs, one session, ms per frame\n");
    println!(
        "| what | frames/s | Chrome | engine | both | wall | convert | engine MiB | Chrome MiB |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for ((name, _), figures) in kinds.iter().zip(&all) {
        let of = |get: fn(&Figures) -> f64| median(figures.iter().map(get).collect());
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} |",
            1e3 / of(|f| f.wall),
            of(|f| f.chrome),
            of(|f| f.engine),
            of(|f| f.chrome + f.engine),
            of(|f| f.wall),
            of(|f| f.convert),
            of(|f| f.engine_mib),
            of(|f| f.chrome_mib),
        );
    }
    let [decode, hand_over, deep] = parts_ms.map(median);
    println!("\nin this process: decode {decode:.1}, hand-over {hand_over:.1} ms per frame");
    let of = |at: usize, get: fn(&Figures) -> f64| median(all[at].iter().map(get).collect());
    let pictures = of(4, |f| f.chrome + f.engine) - deep;
    let convert = of(3, |f| f.convert);
    println!(
        "HDR: decode {deep:.1}, all else but x265 {:.1} ms per frame: page and light {pictures:.1}, \
         conversion {convert:.1}",
        pictures + convert
    );
    Ok(())
}

fn write_pages(directory: &Path, seconds: u32) -> Result<()> {
    let seconds = seconds.to_string();
    let text = PAGE.replace("SECONDS", &seconds);
    fs::write(directory.join("index.html"), &text)?;
    fs::write(directory.join("hdr.html"), text.replace("source.mp4", "deep.mp4"))?;
    fs::write(directory.join("player.html"), text + &PLAYER.replace("SECONDS", &seconds))?;
    Ok(())
}

#[derive(Clone, Copy)]
struct Figures {
    chrome: f64,
    engine: f64,
    wall: f64,
    convert: f64,
    engine_mib: f64,
    chrome_mib: f64,
}

impl Figures {
    fn of(report: &Report, frames: f64) -> Self {
        let resources = &report.resources;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let chrome = resources.chrome_cpu_ms.saturating_sub(resources.chrome_start_cpu_ms);
        Self {
            chrome: chrome as f64 / frames,
            engine: resources.engine_cpu_ms as f64 / frames,
            wall: report.stages.total_ms / frames,
            convert: report.stages.convert_ms / frames,
            engine_mib: mib(resources.engine_peak_bytes),
            chrome_mib: mib(resources.chrome_peak_bytes),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The same as PQ, its white at 400 nit.
fn make_hdr(source: &Path, path: &Path) -> Result<()> {
    let filter = "zscale=tin=bt709:pin=bt709:min=bt709:rin=limited:t=smpte2084:p=bt2020:\
                  m=bt2020nc:npl=400,format=yuv420p10le";
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(source)
        .args(["-an", "-vf", filter, "-c:v", "libx265", "-preset", "ultrafast"])
        .args(["-x265-params", "crf=16:log-level=error:hdr10=1", "-tag:v", "hvc1"])
        .args(["-color_primaries", "bt2020", "-color_trc", "smpte2084"])
        .args(["-colorspace", "bt2020nc"])
        .arg(path)
        .status()?;
    ensure!(status.success(), "ffmpeg made no source of HDR");
    Ok(())
}

/// Detail everywhere that moves: a zoom into the Mandelbrot set, and a tone.
fn make_source(path: &Path, seconds: u32) -> Result<()> {
    let started = Instant::now();
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "mandelbrot=size=1920x1080:rate=30"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
        .args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "veryfast", "-crf", "20"])
        .args(["-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(path)
        .status()?;
    ensure!(status.success(), "ffmpeg made no source");
    println!("source made in {:.0} s\n", started.elapsed().as_secs_f64());
    Ok(())
}
