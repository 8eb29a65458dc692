//! Whole renders and the ways of capture, measured.
//!
//! `cargo bench --bench engine -- [--runs N] [--frames N] [--size WxH] [--part ways|renders|fidelity|start|flags] [scene ...]`
//!
//! *Ways*: each scene into the null sink by one session, by each way of capture, and drawn without
//! taking pictures: the floor. *Renders*: each scene into a file with default settings by one and by
//! two sessions, and the encoder alone, fed with the same pictures from memory. Overhead is what a
//! frame costs beyond drawing alone and encoding alone. *Fidelity*: every fifth frame by each way,
//! compared with screenshots of an ordinary Chromium. *Start*: two frames of a scene, in a new browser
//! and in one that waited in the engine. *Flags*: further flags for Chrome beside ours, for all ways
//! but the canvas: what they cost, and whether they change pixels.
//!
//! The figures are medians of the runs, which are taken in turn after a warm-up; processor time is
//! that of all processes, without the browsers' start. Compare within one run only: machines are
//! shared and noisy.

#![expect(clippy::print_stdout, reason = "it prints tables")]

mod shared;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use pagereel::frame::{PixelFormat, Size};
use pagereel::job::{CaptureFormat, CaptureMode};
use pagereel::sink::{ChecksumSink, NullSink};
use pagereel::time::FrameIndex;
use pagereel::{CancelToken, Engine, Frame, Job, Picture, Report};

const SCENES: [&str; 6] =
    ["kinetic-text", "css-cards", "static-background", "text-grid", "webgl-three", "still-slide"];

/// Pictures that the encoder alone is fed with are kept in memory up to this many bytes.
const PICTURE_BYTES: u64 = 2 << 30;

struct Arguments {
    runs: usize,
    frames: u64,
    size: Size,
    parts: Vec<String>,
    scenes: Vec<String>,
}

/// A way of capture, as a table names it.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Drawn,
    Backend(&'static str, CaptureMode, CaptureFormat),
}

const WAYS: [How; 6] = [
    How::Drawn,
    How::Backend("display", CaptureMode::Display, CaptureFormat::Png),
    How::Backend("begin-frame png", CaptureMode::BeginFrame, CaptureFormat::Png),
    How::Backend("begin-frame jpeg 95", CaptureMode::BeginFrame, CaptureFormat::Jpeg),
    How::Backend("canvas", CaptureMode::Canvas, CaptureFormat::Png),
    How::Backend("screenshot png", CaptureMode::Screenshot, CaptureFormat::Png),
];

fn main() -> Result<()> {
    let arguments = arguments()?;
    println!(
        "{}, {} frames, medians of {} runs, processor time in ms per frame\n",
        arguments.size, arguments.frames, arguments.runs
    );
    let wants =
        |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|p| p == part);
    if wants("ways") {
        ways(&arguments)?;
    }
    if wants("renders") {
        renders(&arguments)?;
    }
    if wants("fidelity") {
        fidelity(&arguments)?;
    }
    if wants("start") {
        start(&arguments)?;
    }
    if wants("flags") {
        flags(&arguments)?;
    }
    Ok(())
}

fn arguments() -> Result<Arguments> {
    let size = Size { width: 1920, height: 1080 };
    let mut found = Arguments { runs: 3, frames: 90, size, parts: Vec::new(), scenes: Vec::new() };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => found.runs = value()?.parse()?,
            "--frames" => found.frames = value()?.parse()?,
            "--part" => found.parts.push(value()?),
            "--size" => {
                let text = value()?;
                let (width, height) = text.split_once('x').context("--size is such as 1280x720")?;
                found.size = Size { width: width.parse()?, height: height.parse()? };
            }
            option if option.starts_with("--") => bail!("unknown option {option}"),
            scene => found.scenes.push(scene.into()),
        }
    }
    if found.scenes.is_empty() {
        found.scenes = SCENES.map(str::to_owned).to_vec();
    }
    Ok(found)
}

/// A scene without an output.
fn job(arguments: &Arguments, scene: &str, sessions: u32) -> Result<Job> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut job = Job::without_output(fixtures.join(scene).join("index.html"));
    job.size = Some(arguments.size);
    job.frames = Some(format!("0..{}", arguments.frames).parse()?);
    job.capture.workers = Some(sessions);
    job.capture.jpeg_quality = 95;
    Ok(job)
}

/// What one run came to, per frame.
#[derive(Clone, Copy, Default)]
struct Figures {
    chrome_ms: f64,
    engine_ms: f64,
    /// Wall time from the first ticket to the last frame written.
    wall_ms: f64,
    total_ms: f64,
    first_frame_ms: f64,
    reused: f64,
    engine_bytes: f64,
    chrome_bytes: f64,
}

impl Figures {
    fn of(report: &Report) -> Self {
        let frames = report.output.frames as f64;
        let resources = &report.resources;
        let chrome = resources.chrome_cpu_ms.saturating_sub(resources.chrome_start_cpu_ms);
        let reused: u64 = report.sessions.iter().map(|session| session.reused).sum();
        Self {
            chrome_ms: chrome as f64 / frames,
            engine_ms: resources.engine_cpu_ms as f64 / frames,
            wall_ms: report.stages.capture_ms / frames,
            total_ms: report.stages.total_ms / frames,
            first_frame_ms: report.stages.first_frame_ms,
            reused: reused as f64,
            engine_bytes: resources.engine_peak_bytes as f64,
            chrome_bytes: resources.chrome_peak_bytes as f64,
        }
    }

    fn cpu_ms(self) -> f64 {
        self.chrome_ms + self.engine_ms
    }
}

/// The median of each figure by itself.
fn medians(runs: &[Figures]) -> Figures {
    let median = |figure: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Figures {
        chrome_ms: median(|f| f.chrome_ms),
        engine_ms: median(|f| f.engine_ms),
        wall_ms: median(|f| f.wall_ms),
        total_ms: median(|f| f.total_ms),
        first_frame_ms: median(|f| f.first_frame_ms),
        reused: median(|f| f.reused),
        engine_bytes: median(|f| f.engine_bytes),
        chrome_bytes: median(|f| f.chrome_bytes),
    }
}

/// Runs everything in `measures` in turn, `runs` times after a warm-up.
fn in_turn(
    runs: usize,
    measures: &mut [Box<dyn FnMut() -> Result<Figures> + '_>],
) -> Result<Vec<Figures>> {
    let mut all = vec![Vec::new(); measures.len()];
    for run in 0..=runs {
        for (measure, found) in measures.iter_mut().zip(&mut all) {
            let figures = measure()?;
            if run > 0 {
                found.push(figures);
            }
        }
    }
    Ok(all.iter().map(|found| medians(found)).collect())
}

fn ways(arguments: &Arguments) -> Result<()> {
    println!("| scene | way | Chrome | engine | over drawing alone | frames/s | reused |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    let cancel = CancelToken::new();
    for scene in &arguments.scenes {
        let mut measures: Vec<Box<dyn FnMut() -> Result<Figures> + '_>> = Vec::new();
        for how in WAYS {
            let mut job = job(arguments, scene, 1)?;
            let cancel = &cancel;
            measures.push(Box::new(move || {
                let report = match how {
                    How::Drawn => Engine::new().request(&job).cancel(cancel).draw()?,
                    How::Backend(_, mode, format) => {
                        (job.capture.mode, job.capture.format) = (mode, format);
                        let sink = Box::new(NullSink::default());
                        Engine::new().request(&job).cancel(cancel).render_into(sink)?
                    }
                };
                Ok(Figures::of(&report))
            }));
        }
        let rows = in_turn(arguments.runs, &mut measures)?;
        let floor = rows[0].cpu_ms();
        for (how, row) in WAYS.iter().zip(&rows) {
            let name = match how {
                How::Drawn => "drawn alone",
                How::Backend(name, ..) => name,
            };
            println!(
                "| {scene} | {name} | {:.1} | {:.1} | {:.1} | {:.1} | {} |",
                row.chrome_ms,
                row.engine_ms,
                row.cpu_ms() - floor,
                1e3 / row.wall_ms,
                row.reused
            );
        }
    }
    println!();
    Ok(())
}

fn renders(arguments: &Arguments) -> Result<()> {
    println!(
        "| scene | sessions | frames/s, whole | Chrome | engine | drawn alone | encoder alone | \
         overhead | encoder's share | first frame ms | engine MiB | Chrome MiB |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let directory = tempfile::tempdir()?;
    let cancel = CancelToken::new();
    for scene in &arguments.scenes {
        let output = directory.path().join("out.mp4");
        let mut one = job(arguments, scene, 1)?;
        one.output = Some(output);
        let mut two = one.clone();
        two.capture.workers = Some(2);
        let drawn = job(arguments, scene, 1)?;
        let pictures = pictures(&job(arguments, scene, 1)?, arguments, &cancel)?;
        let whole = |job: Job| {
            let cancel = &cancel;
            move || -> Result<Figures> {
                let report = Engine::new().request(&job).cancel(cancel).render()?;
                Ok(Figures::of(&report))
            }
        };
        let alone = one.clone();
        let mut measures: Vec<Box<dyn FnMut() -> Result<Figures> + '_>> = vec![
            Box::new(|| Ok(Figures::of(&Engine::new().request(&drawn).cancel(&cancel).draw()?))),
            Box::new(|| encoder_alone(&alone, &pictures, &cancel)),
            Box::new(whole(one)),
            Box::new(whole(two)),
        ];
        let rows = in_turn(arguments.runs, &mut measures)?;
        let (floor, encoder) = (rows[0].cpu_ms(), rows[1].engine_ms);
        for (sessions, row) in rows[2..].iter().enumerate() {
            println!(
                "| {scene} | {} | {:.1} | {:.1} | {:.1} | {floor:.1} | {encoder:.1} | {:.1} | \
                 {:.0} % | {:.0} | {:.0} | {:.0} |",
                sessions + 1,
                1e3 / row.total_ms,
                row.chrome_ms,
                row.engine_ms,
                row.cpu_ms() - floor - encoder,
                100.0 * encoder / row.cpu_ms(),
                row.first_frame_ms,
                row.engine_bytes / f64::from(1 << 20),
                row.chrome_bytes / f64::from(1 << 20),
            );
        }
    }
    println!();
    Ok(())
}

/// What a short render waits for.
fn start(arguments: &Arguments) -> Result<()> {
    println!(
        "| scene | way | browser | first frame ms | all of two frames ms | Chrome's start ms |"
    );
    println!("|---|---|---|--:|--:|--:|");
    let cancel = CancelToken::new();
    for scene in &arguments.scenes {
        for how in WAYS {
            let How::Backend(name, mode, CaptureFormat::Png) = how else { continue };
            let mut job = job(arguments, scene, 1)?;
            job.capture.mode = mode;
            job.frames = Some("0..2".parse()?);
            let render = |engine: &Engine| {
                let sink = Box::new(NullSink::default());
                engine.request(&job).cancel(&cancel).render_into(sink)
            };
            let kept = Engine::new();
            for (browser, is_kept) in [("new", false), ("waited", true)] {
                let mut runs = Vec::new();
                for run in 0..=arguments.runs {
                    let report = if is_kept { render(&kept)? } else { render(&Engine::new())? };
                    if run > 0 {
                        let start = report.resources.chrome_start_cpu_ms as f64;
                        runs.push(Figures { chrome_ms: start, ..Figures::of(&report) });
                    }
                }
                let figures = medians(&runs);
                println!(
                    "| {scene} | {name} | {browser} | {:.0} | {:.0} | {:.0} |",
                    figures.first_frame_ms,
                    2.0 * figures.total_ms,
                    figures.chrome_ms
                );
            }
        }
    }
    println!();
    Ok(())
}

/// Flags beside ours. Of two that say different things Chrome takes the last.
const FLAGS: [(&str, &[&str]); 10] = [
    ("ours", &[]),
    ("1 raster thread", &["--num-raster-threads=1"]),
    ("2 raster threads", &["--num-raster-threads=2"]),
    ("4 raster threads", &["--num-raster-threads=4"]),
    ("tiles of 256", &["--default-tile-width=256", "--default-tile-height=256"]),
    ("tiles of 1024", &["--default-tile-width=1024", "--default-tile-height=1024"]),
    ("tiles of 1920x256", &["--default-tile-width=1920", "--default-tile-height=256"]),
    ("tiles of the frame", &["--default-tile-width=1920", "--default-tile-height=1088"]),
    ("no SwiftShader", &["--disable-gpu", "--disable-software-rasterizer"]),
    ("zygote left out", &["--no-zygote"]),
];

/// Further flags, by all ways but the canvas, which goes past Chrome's layers.
fn flags(arguments: &Arguments) -> Result<()> {
    println!("| scene | way | flags | Chrome | frames/s | first frame ms | same pixels |");
    println!("|---|---|---|--:|--:|--:|---|");
    let cancel = CancelToken::new();
    for scene in &arguments.scenes {
        for how in WAYS {
            let How::Backend(name, mode, CaptureFormat::Png) = how else { continue };
            if mode == CaptureMode::Canvas {
                continue;
            }
            let digests = RefCell::new(vec![None; FLAGS.len()]);
            let mut measures: Vec<Box<dyn FnMut() -> Result<Figures> + '_>> = Vec::new();
            for (i, (_, flags)) in FLAGS.iter().enumerate() {
                let mut job = job(arguments, scene, 1)?;
                job.capture.mode = mode;
                job.browser.args = flags.iter().map(|&flag| flag.to_owned()).collect();
                let (digests, cancel) = (&digests, &cancel);
                measures.push(Box::new(move || {
                    let sink = Box::new(ChecksumSink::default());
                    let report = Engine::new().request(&job).cancel(cancel).render_into(sink)?;
                    digests.borrow_mut()[i].clone_from(&report.output.digest);
                    Ok(Figures::of(&report))
                }));
            }
            let rows = in_turn(arguments.runs, &mut measures)?;
            drop(measures);
            let digests = digests.into_inner();
            for ((row, (flags, _)), digest) in rows.iter().zip(FLAGS).zip(&digests) {
                println!(
                    "| {scene} | {name} | {flags} | {:.1} | {:.1} | {:.0} | {} |",
                    row.chrome_ms,
                    1e3 / row.wall_ms,
                    row.first_frame_ms,
                    if *digest == digests[0] { "yes" } else { "no" }
                );
            }
        }
    }
    println!();
    Ok(())
}

/// How two pictures differ.
#[derive(Clone, Copy)]
struct Difference {
    pixels: u64,
    psnr: f64,
    /// Mean difference of the worst block of 16×16 pixels, in levels.
    worst_block: f64,
}

fn difference(a: &Picture, b: &Picture) -> Difference {
    let rgb = |picture: &Picture, at: usize| {
        let n = picture.format.bytes_per_pixel();
        let p = &picture.data[at * n..][..3];
        let is_bgr = picture.format == PixelFormat::Bgrx8;
        if is_bgr { [p[2], p[1], p[0]] } else { [p[0], p[1], p[2]] }
    };
    let (width, height) = (a.size.width as usize, a.size.height as usize);
    let columns = width.div_ceil(16);
    let mut blocks = vec![(0_u64, 0_u64); columns * height.div_ceil(16)];
    let (mut pixels, mut squares) = (0, 0_u64);
    for at in 0..width * height {
        let (a, b) = (rgb(a, at), rgb(b, at));
        let apart = a.iter().zip(b).map(|(&a, b)| u64::from(a.abs_diff(b)));
        let block = &mut blocks[at / width / 16 * columns + at % width / 16];
        block.0 += apart.clone().sum::<u64>();
        block.1 += 3;
        squares += apart.map(|n| n * n).sum::<u64>();
        pixels += u64::from(a != b);
    }
    let mean_square = squares as f64 / (3 * width * height) as f64;
    let worst = blocks.iter().map(|&(sum, count)| sum as f64 / count as f64);
    Difference {
        pixels,
        psnr: 10.0 * (255.0_f64.powi(2) / mean_square).log10(),
        worst_block: worst.fold(0.0, f64::max),
    }
}

fn fidelity(arguments: &Arguments) -> Result<()> {
    println!(
        "| scene | way | frames | identical | most pixels apart | least PSNR dB | worst block |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|");
    let cancel = CancelToken::new();
    for scene in &arguments.scenes {
        let mut expected = job(arguments, scene, 1)?;
        expected.capture.mode = CaptureMode::Screenshot;
        expected.browser.path = Some("chromium".into());
        let expected = pictures(&expected, arguments, &cancel)?;
        for (name, mode) in
            [("display", CaptureMode::Display), ("begin-frame png", CaptureMode::BeginFrame)]
        {
            let mut job = job(arguments, scene, 1)?;
            job.capture.mode = mode;
            let found = pictures(&job, arguments, &cancel)?;
            let pairs = found.iter().zip(&expected).step_by(5);
            let all: Vec<Difference> = pairs.map(|(a, b)| difference(a, b)).collect();
            println!(
                "| {scene} | {name} | {} | {} | {} | {:.1} | {:.2} |",
                all.len(),
                all.iter().filter(|d| d.pixels == 0).count(),
                all.iter().map(|d| d.pixels).max().unwrap_or_default(),
                all.iter().map(|d| d.psnr).fold(f64::INFINITY, f64::min),
                all.iter().map(|d| d.worst_block).fold(0.0, f64::max),
            );
        }
    }
    println!();
    Ok(())
}

/// The job's pictures, as many as memory allows.
fn pictures(job: &Job, arguments: &Arguments, cancel: &CancelToken) -> Result<Vec<Arc<Picture>>> {
    let mut job = job.clone();
    let bytes = u64::from(arguments.size.width) * u64::from(arguments.size.height) * 4;
    let frames = arguments.frames.min(PICTURE_BYTES / bytes);
    job.frames = Some(format!("0..{frames}").parse()?);
    let pictures = shared::pictures(&job, cancel)?;
    Ok(pictures)
}

/// Encodes pictures from memory into the job's file. Conversion is part of it.
fn encoder_alone(job: &Job, pictures: &[Arc<Picture>], cancel: &CancelToken) -> Result<Figures> {
    let engine = Engine::new();
    let mut job = job.clone();
    job.frames = Some(format!("0..{}", pictures.len()).parse()?);
    let (plan, _) = engine.request(&job).cancel(cancel).plan()?;
    let mut sink = engine.file_sink(plan, &CancelToken::new())?;
    let (start, cpu) = (Instant::now(), shared::cpu_time());
    for (index, picture) in (0..).zip(pictures) {
        sink.write(Frame { index: FrameIndex(index), picture: Arc::clone(picture) })?;
    }
    sink.finish()?;
    let frames = pictures.len() as f64;
    let per_frame = |time: Duration| time.as_secs_f64() * 1e3 / frames;
    Ok(Figures {
        engine_ms: per_frame(shared::cpu_time().saturating_sub(cpu)),
        wall_ms: per_frame(start.elapsed()),
        ..Figures::default()
    })
}
