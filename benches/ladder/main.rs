//! The quality ladder, measured: processor time, size and fidelity of each rung, beside HyperFrames'.
//!
//! `cargo bench --bench ladder -- [--frames N] [--runs N] [--data DIR] [--rung RUNG] [--try RUNG:KEY=VALUE,...]
//! [--codec CODEC] [--search] [scene ...]`
//!
//! Each scene is rendered without loss into YUV 4:2:0, and again through JPEG as HyperFrames
//! captures it. ffmpeg, the program, then encodes these frames with the rung's settings as
//! `Engine::plan` gives them, with HyperFrames' settings, and with each `--try`, always on two
//! threads, and compares the result with the lossless frames. Processor time is that of the encoder:
//! what reading the frames takes is measured and subtracted; of several runs the least counts.
//!
//! A row holds where it is at least as faithful as HyperFrames' file, which carries the losses of its
//! capture and of its settings, in luma and in both planes of chroma (PSNR and SSIM of each) and to
//! the eye (SSIMULACRA2 of every eighth frame, as RGB), and no larger.
//!
//! `--search` walks over the settings of the rungs' encoders in place of that ([`search`]), from the
//! rung's own, and prints the front of processor time and size at equal quality.
//!
//! `--data` keeps the lossless frames, about 3 MB each at 1080p, and uses those it finds there.

#![expect(clippy::print_stdout, reason = "it prints tables")]

mod judge;
mod search;
mod totals;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use pagereel::job::{CaptureFormat, CaptureMode, Codec, CodedFormat, FrameRange, Quality};
use pagereel::{Engine, Job};
use serde::Serialize;

use self::judge::{Measure, ffmpeg, processor_ms};
use self::search::Search;
use self::totals::Totals;

const SCENES: [&str; 7] = [
    "kinetic-text",
    "css-cards",
    "text-grid",
    "static-background",
    "still-slide",
    "webgl-three",
    "footage",
];

/// Encoder threads; what a frame costs depends little on them, the bytes do.
const THREADS: &str = "2";

/// One step of a codec's ladder, and what it has to match.
struct Rung {
    codec: Codec,
    quality: Quality,
    /// HyperFrames' settings for the same output.
    theirs: &'static [(&'static str, &'static str)],
    /// The quality of the JPEG that HyperFrames captures.
    jpeg: u8,
}

/// What HyperFrames tells x265 beside preset and crf.
const HEVC_PARAMS: &str = "log-level=none:aq-mode=3:aq-strength=0.8:deblock=1,1";

/// Every codec that has a ladder.
const LADDER: [Rung; 8] = [
    Rung {
        codec: Codec::H264,
        quality: Quality::Draft,
        theirs: &[("preset", "ultrafast"), ("crf", "28"), ("bf", "0"), ("aq-mode", "3")],
        jpeg: 80,
    },
    Rung {
        codec: Codec::H264,
        quality: Quality::Standard,
        theirs: &[
            ("preset", "medium"),
            ("crf", "18"),
            ("bf", "0"),
            ("x264-params", "aq-mode=3:aq-strength=0.8:deblock=1,1"),
        ],
        jpeg: 95,
    },
    Rung {
        codec: Codec::H264,
        quality: Quality::Looks,
        theirs: &[
            ("preset", "medium"),
            ("crf", "16"),
            ("bf", "0"),
            ("x264-params", "aq-mode=3:aq-strength=0.8:deblock=1,1"),
        ],
        jpeg: 95,
    },
    Rung {
        codec: Codec::H264,
        quality: Quality::High,
        theirs: &[
            ("preset", "slow"),
            ("crf", "15"),
            ("bf", "0"),
            ("x264-params", "aq-mode=3:aq-strength=0.8:deblock=1,1"),
        ],
        jpeg: 95,
    },
    Rung {
        codec: Codec::Hevc,
        quality: Quality::Standard,
        theirs: &[("preset", "medium"), ("crf", "18"), ("x265-params", HEVC_PARAMS)],
        jpeg: 95,
    },
    Rung {
        codec: Codec::Hevc,
        quality: Quality::High,
        theirs: &[("preset", "slow"), ("crf", "15"), ("x265-params", HEVC_PARAMS)],
        jpeg: 95,
    },
    // HyperFrames writes no AV1: Remotion's settings are the encoder's own.
    Rung { codec: Codec::Av1, quality: Quality::Standard, theirs: &[("crf", "30")], jpeg: 80 },
    Rung {
        codec: Codec::Vp9,
        quality: Quality::Standard,
        theirs: &[("deadline", "good"), ("cpu-used", "4"), ("crf", "18"), ("row-mt", "1")],
        jpeg: 95,
    },
];

/// An encoder and its options, by FFmpeg's names.
#[derive(Clone)]
struct Settings {
    encoder: String,
    options: Vec<(String, String)>,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> =
            self.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&options.join(" "))
    }
}

struct Arguments {
    frames: u64,
    runs: usize,
    data: Option<PathBuf>,
    rung: Option<Quality>,
    codec: Codec,
    is_search: bool,
    tries: Vec<(Quality, Vec<(String, String)>)>,
    scenes: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let temporary = tempfile::tempdir()?;
    let bench = Bench {
        frames: arguments.frames,
        runs: arguments.runs,
        keep: arguments.data.is_some(),
        data: arguments.data.clone().unwrap_or_else(|| temporary.path().to_owned()),
        coded: temporary.path().join("coded.mkv"),
    };
    fs::create_dir_all(&bench.data)?;
    let mut totals = Totals::default();
    println!(
        "{} frames a scene, {THREADS} encoder threads, least processor time of {} run(s).",
        bench.frames, bench.runs
    );
    let wanted = |rung: &&Rung| {
        rung.codec == arguments.codec
            && arguments.rung.is_none_or(|quality| quality == rung.quality)
    };
    if arguments.is_search {
        for rung in LADDER.iter().filter(wanted) {
            println!("\n{} {}", word(rung.codec), word(rung.quality));
            Search::new(&bench, rung, &arguments.scenes).walk()?;
        }
        return Ok(());
    }
    println!(
        "\n| scene | codec | rung | settings | CPU ms/frame | bytes | PSNR Y, U, V in dB | \
         SSIM Y, U, V | SSIMULACRA2 | holds |\n|---|---|---|---|--:|--:|--:|--:|--:|---|"
    );
    for scene in &arguments.scenes {
        let lossless = bench.frames_of(scene, None)?;
        for rung in LADDER.iter().filter(wanted) {
            bench.rung(scene, &lossless, rung, &arguments.tries, &mut totals)?;
        }
        if !bench.keep {
            for jpeg in [None, Some(80), Some(95)] {
                let path = bench.path(scene, jpeg);
                if path.exists() {
                    fs::remove_file(path)?;
                }
            }
        }
    }
    totals.print(arguments.scenes.len());
    Ok(())
}

fn arguments() -> Result<Arguments> {
    let mut parsed = Arguments {
        frames: 60,
        runs: 2,
        data: None,
        rung: None,
        codec: Codec::H264,
        is_search: false,
        tries: Vec::new(),
        scenes: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--frames" => parsed.frames = value()?.parse()?,
            "--runs" => parsed.runs = value()?.parse()?,
            "--data" => parsed.data = Some(value()?.into()),
            "--rung" => parsed.rung = Some(quality(&value()?)?),
            "--codec" => parsed.codec = codec(&value()?)?,
            "--search" => parsed.is_search = true,
            "--try" => parsed.tries.push(attempt(&value()?)?),
            // cargo's own
            "--bench" => {}
            flag if flag.starts_with('-') => bail!("unknown argument {flag}"),
            scene => parsed.scenes.push(scene.to_owned()),
        }
    }
    if parsed.scenes.is_empty() {
        parsed.scenes = SCENES.map(str::to_owned).to_vec();
    }
    ensure!(parsed.frames > 0 && parsed.runs > 0, "expected at least one frame and one run");
    Ok(parsed)
}

/// Reads `standard:preset=faster,crf=18`; options of x264 with commas in them go in `x264-params`.
fn attempt(text: &str) -> Result<(Quality, Vec<(String, String)>)> {
    let (rung, options) = text.split_once(':').context("--try wants RUNG:KEY=VALUE,...")?;
    let quality = quality(rung)?;
    let pair = |option: &str| {
        let (key, value) =
            option.split_once('=').with_context(|| format!("{option} has no value"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    Ok((quality, options.split(',').map(pair).collect::<Result<_>>()?))
}

/// The rung that is called so.
fn quality(name: &str) -> Result<Quality> {
    let quality = LADDER.iter().map(|rung| rung.quality).find(|&quality| word(quality) == name);
    quality.with_context(|| format!("no rung is called {name}"))
}

/// The codec that is called so.
fn codec(name: &str) -> Result<Codec> {
    let codec = LADDER.iter().map(|rung| rung.codec).find(|&codec| word(codec) == name);
    codec.with_context(|| format!("no codec of the ladder is called {name}"))
}

struct Bench {
    frames: u64,
    runs: usize,
    data: PathBuf,
    keep: bool,
    coded: PathBuf,
}

impl Bench {
    fn rung(
        &self,
        scene: &str,
        lossless: &Path,
        rung: &Rung,
        tries: &[(Quality, Vec<(String, String)>)],
        totals: &mut Totals,
    ) -> Result<()> {
        let ours = planned(scene, rung)?;
        let with = |options| Settings { encoder: ours.encoder.clone(), options };
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let theirs = with(rung.theirs.iter().map(owned).collect());
        let row = |who: &str, measure: Measure, holds: &str| {
            let (codec, step) = (word(rung.codec), word(rung.quality));
            println!("| {scene} | {codec} | {step} | {who} | {measure} | {holds} |");
        };

        let direct = self.measure(&theirs, lossless, lossless)?;
        row(&format!("HyperFrames' `{theirs}`"), direct, "");
        let jpeg = self.frames_of(scene, Some(rung.jpeg))?;
        let captured = self.measure(&theirs, &jpeg, lossless)?;
        row(&format!("the same, captured as JPEG {}", rung.jpeg), captured, "");
        totals.add(rung, &format!("HyperFrames' `{theirs}`"), scene, direct, &[]);
        totals.add(
            rung,
            &format!("the same, captured as JPEG {}", rung.jpeg),
            scene,
            captured,
            &[],
        );

        let tried = tries.iter().filter(|(quality, _)| *quality == rung.quality);
        let tried = tried.map(|(_, options)| with(options.clone()));
        for (n, settings) in std::iter::once(ours.clone()).chain(tried).enumerate() {
            let found = self.measure(&settings, lossless, lossless)?;
            let broken = found.below(&captured);
            let who =
                if n == 0 { format!("**pagereel** `{settings}`") } else { format!("`{settings}`") };
            let holds = if broken.is_empty() {
                "yes".to_owned()
            } else {
                format!("not {}", broken.join(", "))
            };
            row(&who, found, &holds);
            totals.add(rung, &who, scene, found, &broken);
        }
        Ok(())
    }

    fn path(&self, scene: &str, jpeg: Option<u8>) -> PathBuf {
        let capture = jpeg.map_or("png".to_owned(), |quality| format!("jpeg{quality}"));
        self.data.join(format!("{scene}-{capture}.y4m"))
    }

    /// The scene's first frames in raw YUV 4:2:0, as the engine converts what it captures.
    fn frames_of(&self, scene: &str, jpeg: Option<u8>) -> Result<PathBuf> {
        let path = self.path(scene, jpeg);
        if path.exists() {
            return Ok(path);
        }
        let file = self.data.join("lossless.mkv");
        let mut job = job(scene);
        job.output = Some(file.clone());
        job.frames = Some(FrameRange { start: 0, end: self.frames });
        job.video.quality = Quality::Lossless;
        job.video.pixel_format = Some(CodedFormat::Yuv420p);
        job.video.preset = Some("ultrafast".into());
        if let Some(quality) = jpeg {
            job.capture.format = CaptureFormat::Jpeg;
            // A display hands over raw pixels.
            job.capture.mode = CaptureMode::BeginFrame;
            job.capture.jpeg_quality = quality;
        }
        Engine::new().render(&job)?;
        let unfinished = path.with_extension("part");
        let (from, to) = (text(&file)?, text(&unfinished)?);
        ffmpeg(&["-i", from, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-y", to])?;
        fs::rename(&unfinished, &path)?;
        fs::remove_file(file)?;
        Ok(path)
    }

    fn measure(&self, settings: &Settings, input: &Path, lossless: &Path) -> Result<Measure> {
        let cpu_ms = self.encode(settings, input)?;
        Measure::new(cpu_ms, &self.coded, lossless)
    }

    /// The same without the eye.
    fn measure_quickly(
        &self,
        settings: &Settings,
        input: &Path,
        lossless: &Path,
    ) -> Result<Measure> {
        let cpu_ms = self.encode(settings, input)?;
        Measure::of_planes(cpu_ms, &self.coded, lossless)
    }

    /// Encodes the frames. Returns milliseconds of processor time per frame.
    fn encode(&self, settings: &Settings, input: &Path) -> Result<f64> {
        let (from, coded) = (text(input)?, text(&self.coded)?);
        let mut cpu_ms = f64::INFINITY;
        for _ in 0..self.runs {
            let read = processor_ms(&ffmpeg(&["-benchmark", "-i", from, "-f", "null", "-"])?)?;
            let mut arguments = vec!["-benchmark", "-i", from, "-c:v", settings.encoder.as_str()];
            arguments.extend(["-threads", THREADS]);
            let options: Vec<_> =
                settings.options.iter().map(|(key, value)| (format!("-{key}:v"), value)).collect();
            for (key, value) in &options {
                arguments.extend([key.as_str(), value.as_str()]);
            }
            arguments.extend(["-f", "matroska", "-y", coded]);
            cpu_ms = cpu_ms.min(processor_ms(&ffmpeg(&arguments)?)? - read);
        }
        Ok(cpu_ms / self.frames as f64)
    }
}

fn job(scene: &str) -> Job {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    Job::without_output(fixtures.join(scene).join("index.html"))
}

/// What the engine itself would use.
fn planned(scene: &str, rung: &Rung) -> Result<Settings> {
    let mut job = job(scene);
    job.output = Some("out.mkv".into());
    job.video.codec = Some(rung.codec);
    job.video.quality = rung.quality;
    let (plan, _) = Engine::new().plan(&job)?;
    let video = plan.outputs.into_iter().next().context("the job has an output")?.video;
    Ok(Settings { encoder: video.encoder, options: video.options })
}

/// How a job writes it.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("an enum without contents");
    value.as_str().expect("and so a word").to_owned()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
