//! Does it pay to link the encoder? The same pictures into ours, and into an `ffmpeg` over a pipe.
//!
//! `cargo bench --bench linked_vs_pipe -- [--runs N] [--frames N] [--size WxH] [scene ...]`
//!
//! The pictures lie in memory. Linked: they are converted and encoded in this process. Piped: they
//! are written to `ffmpeg -i pipe:` as raw RGBA, as PNG or as JPEG (quality 95, compressed before
//! the clock starts, as Chrome would have done it), with the same encoder settings and the same
//! matrix. Processor time is that of both processes. Medians of the runs, in turn after a warm-up.

#![expect(clippy::print_stdout, reason = "it prints tables")]

mod shared;

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use pagereel::frame::{PixelFormat, Size};
use pagereel::time::FrameIndex;
use pagereel::{CancelToken, Engine, Frame, Job, Picture, Plan};

/// How pictures get to the encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Transport {
    Linked,
    Raw,
    Png,
    Jpeg,
}

const TRANSPORTS: [Transport; 4] =
    [Transport::Linked, Transport::Raw, Transport::Png, Transport::Jpeg];

#[derive(Clone, Copy)]
struct Figures {
    engine_ms: f64,
    child_ms: f64,
    wall_ms: f64,
    bytes: u64,
}

fn main() -> Result<()> {
    let (mut runs, mut frames, mut scenes) = (3, 60_u64, Vec::new());
    let mut size = Size { width: 1920, height: 1080 };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => runs = value()?.parse()?,
            "--frames" => frames = value()?.parse()?,
            "--size" => {
                let text = value()?;
                let (width, height) = text.split_once('x').context("--size is such as 1280x720")?;
                size = Size { width: width.parse()?, height: height.parse()? };
            }
            option if option.starts_with("--") => bail!("unknown option {option}"),
            scene => scenes.push(scene.to_owned()),
        }
    }
    if scenes.is_empty() {
        scenes = ["kinetic-text", "css-cards", "still-slide"].map(str::to_owned).to_vec();
    }
    println!("{size}, {frames} frames, medians of {runs} runs, ms per frame\n");
    println!("| scene | transport | CPU engine | CPU ffmpeg | CPU both | wall | bytes |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    for scene in scenes {
        measure(&scene, size, frames, runs)?;
    }
    Ok(())
}

fn measure(scene: &str, size: Size, frames: u64, runs: usize) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut job = Job::without_output(fixtures.join(scene).join("index.html"));
    job.size = Some(size);
    job.frames = Some(format!("0..{frames}").parse()?);
    let cancel = CancelToken::new();
    let pictures = shared::pictures(&job, &cancel)?;

    let output = directory.path().join("out.mp4");
    job.output = Some(output.clone());
    let (plan, _) = Engine::new().request(&job).cancel(&cancel).plan()?;
    let mut found = vec![Vec::new(); TRANSPORTS.len()];
    for run in 0..=runs {
        for (transport, found) in TRANSPORTS.into_iter().zip(&mut found) {
            let figures = match transport {
                Transport::Linked => linked(&plan, &pictures)?,
                _ => piped(transport, &plan, &pictures, &output)?,
            };
            if run > 0 {
                found.push(figures);
            }
        }
    }
    for (transport, found) in TRANSPORTS.into_iter().zip(&found) {
        let median = |figure: fn(&Figures) -> f64| {
            let mut all: Vec<f64> = found.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!(
            "| {scene} | {transport:?} | {:.1} | {:.1} | {:.1} | {:.1} | {} |",
            median(|f| f.engine_ms),
            median(|f| f.child_ms),
            median(|f| f.engine_ms + f.child_ms),
            median(|f| f.wall_ms),
            found[0].bytes,
        );
    }
    Ok(())
}

/// What is spent between two looks at the clocks, per picture.
struct Clocks(Instant, Duration, Duration);

impl Clocks {
    fn start() -> Self {
        Self(Instant::now(), shared::cpu_time(), children_time())
    }

    fn stop(&self, pictures: usize, bytes: u64) -> Figures {
        let per = |time: Duration| time.as_secs_f64() * 1e3 / pictures as f64;
        Figures {
            engine_ms: per(shared::cpu_time().saturating_sub(self.1)),
            child_ms: per(children_time().saturating_sub(self.2)),
            wall_ms: per(self.0.elapsed()),
            bytes,
        }
    }
}

fn linked(plan: &Plan, pictures: &[Arc<Picture>]) -> Result<Figures> {
    let clocks = Clocks::start();
    let mut sink = Engine::new().file_sink(plan.clone(), &CancelToken::new())?;
    for (index, picture) in (0..).zip(pictures) {
        sink.write(Frame { index: FrameIndex(index), picture: Arc::clone(picture) })?;
    }
    let artifact = sink.finish()?;
    Ok(clocks.stop(pictures.len(), artifact.bytes.unwrap_or_default()))
}

fn piped(
    transport: Transport,
    plan: &Plan,
    pictures: &[Arc<Picture>],
    output: &Path,
) -> Result<Figures> {
    let messages: Vec<Vec<u8>> =
        pictures.iter().map(|picture| message(transport, picture)).collect::<Result<_>>()?;
    let rate = plan.stream.frame_rate;
    let rate = format!("{}/{}", rate.num, rate.den);
    let size = plan.outputs[0].video.size.to_string().replace('×', "x");
    let input: Vec<&str> = match transport {
        Transport::Raw => vec!["-f", "rawvideo", "-pix_fmt", "rgba", "-video_size", &size],
        Transport::Png => vec!["-f", "image2pipe", "-c:v", "png"],
        Transport::Jpeg => vec!["-f", "image2pipe", "-c:v", "mjpeg"],
        Transport::Linked => bail!("no pipe"),
    };
    let clocks = Clocks::start();
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-y"]).args(input);
    command.args(["-framerate", &rate, "-i", "pipe:0"]);
    command.args(["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]);
    command.args([
        "-c:v",
        &plan.outputs[0].video.encoder,
        "-threads",
        &plan.outputs[0].video.threads.to_string(),
    ]);
    for (key, value) in &plan.outputs[0].video.options {
        command.args([&format!("-{key}"), value]);
    }
    command.args(["-movflags", "+faststart"]).arg(output);
    let mut child = command.stdin(Stdio::piped()).spawn().context("cannot start ffmpeg")?;
    let mut pipe = child.stdin.take().context("ffmpeg has no input")?;
    for message in &messages {
        pipe.write_all(message)?;
    }
    drop(pipe);
    ensure!(child.wait()?.success(), "ffmpeg failed");
    Ok(clocks.stop(pictures.len(), fs::metadata(output)?.len()))
}

/// A picture as it goes through the pipe.
fn message(transport: Transport, picture: &Picture) -> Result<Vec<u8>> {
    let Size { width, height } = picture.size;
    let rgba = rgba(picture);
    let mut bytes = Cursor::new(Vec::new());
    match transport {
        Transport::Png => {
            let encoder =
                PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub);
            encoder.write_image(&rgba, width, height, ExtendedColorType::Rgba8)?;
        }
        Transport::Jpeg => {
            let rgb: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
            encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8)?;
        }
        Transport::Linked | Transport::Raw => return Ok(rgba),
    }
    Ok(bytes.into_inner())
}

fn rgba(picture: &Picture) -> Vec<u8> {
    let n = picture.format.bytes_per_pixel();
    let order = if picture.format == PixelFormat::Bgrx8 { [2, 1, 0] } else { [0, 1, 2] };
    picture
        .data
        .chunks_exact(n)
        .flat_map(|p| [p[order[0]], p[order[1]], p[order[2]], 255])
        .collect()
}

/// Processor time of children that have ended.
fn children_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // proc_pid_stat(5): fields 16 and 17, in clock ticks.
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|f| f.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}
