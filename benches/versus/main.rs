//! Whole commands beside those of HyperFrames and Remotion: time, processors, memory, size, fidelity.
//!
//! `cargo bench --bench versus -- [--peers DIR] [--runs N] [--frames N | --secs N]
//! [--quality standard|high] [--without PROGRAM] [--json FILE] [--keep DIR] [scene ...]`
//!
//! `DIR` (or the environment variable `PEERS`) is a folder in which
//! `npm install hyperframes @remotion/cli @remotion/media remotion react react-dom` has been run, all
//! of Remotion in one version; and `npm install node@24` where the system's Node.js is older than 22.
//! Without it we are measured alone.
//!
//! *Scenes*: seven of `fixtures/`, a video of 1080p under a moving title, and a clip of 2 s at 640x360.
//! pagereel and HyperFrames are given the same folder, which is a copy of the fixture: nothing is
//! changed in it but `data-duration`, by `--frames`. Remotion gets one composition that puts the same
//! page's markup, styles and scripts into a React component and moves them by `useCurrentFrame`; for
//! the video it has a composition of equal look with its own `<Video>`. It is bundled before, once.
//!
//! *Settings* are each program's own; `--quality` gives a word of the ladder to the two that have one.
//! All get the browser that pagereel would take, and new temporary folders in each run, so that none
//! finds what it kept of an earlier one. Without `--quality` pagereel and HyperFrames
//! render by `looks`, Remotion by crf 18 from JPEG 80.
//!
//! *Measures*: the programs take turns; the figures are medians. The first run of each is not timed,
//! but its memory is watched, which disturbs. Wall time is that of the whole command, processor time
//! that of all its processes. Fidelity is that of the film beside PNG pictures that the same program
//! takes of the page; *picture beside ours* compares these pictures with ours, as RGB: it tells
//! whether the same page was rendered.
//!
//! `--keep` leaves films and pictures in a folder, to be looked at.

#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(clippy::print_stderr, reason = "and says what goes wrong")]

mod judge;
mod process;
mod program;
mod scene;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};

use self::judge::Film;
use self::process::Runner;
use self::program::{Output, Program, Setting};
use self::scene::{RATE, Scene};
use self::table::Row;

struct Arguments {
    peers: Option<PathBuf>,
    runs: usize,
    frames: u64,
    quality: Option<String>,
    without: Vec<String>,
    json: Option<PathBuf>,
    keep: Option<PathBuf>,
    scenes: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let arguments = arguments()?;
    // Remotion takes what follows a dot anywhere in a path for an extension.
    let temporary = tempfile::Builder::new().prefix("versus-").tempdir()?;
    let runner = Runner::new(temporary.path())?;
    let (peers, quality) = (arguments.peers.clone(), arguments.quality.clone());
    let setting = Setting::new(peers, quality, temporary.path(), &runner)?;
    let pages = temporary.path().join("pages");
    let programs = programs(&arguments, &setting);
    println!("{}", heading(&arguments, &setting, &programs, &runner)?);

    let most = arguments.frames;
    let made = |name: &String| Scene::new(name, &pages, most, &runner);
    let scenes = arguments.scenes.iter().map(made).collect::<Result<Vec<_>>>()?;
    if programs.contains(&Program::Remotion) {
        setting.bundle_remotion(&pages, &runner)?;
    }
    let bench = Bench { arguments, setting, runner, programs };
    println!("{}", Row::HEAD);
    let (mut rows, mut failures) = (Vec::new(), 0);
    for scene in &scenes {
        let folder = bench.arguments.keep.as_deref().unwrap_or(temporary.path()).join("made");
        let folder = folder.join(&scene.name);
        fs::create_dir_all(&folder)?;
        let found = bench.scene(scene, &folder, &mut failures)?;
        for row in &found {
            println!("{row}");
        }
        rows.extend(found);
        if bench.arguments.keep.is_none() {
            fs::remove_dir_all(&folder)?;
        }
    }
    if let Some(path) = &bench.arguments.json {
        fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn arguments() -> Result<Arguments> {
    let mut parsed = Arguments {
        peers: std::env::var_os("PEERS").filter(|value| !value.is_empty()).map(PathBuf::from),
        runs: 3,
        frames: 90,
        quality: None,
        without: Vec::new(),
        json: None,
        keep: None,
        scenes: Vec::new(),
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--peers" => parsed.peers = Some(value()?.into()),
            "--runs" => parsed.runs = value()?.parse()?,
            "--frames" => parsed.frames = value()?.parse()?,
            "--secs" => parsed.frames = RATE * value()?.parse::<u64>()?,
            "--quality" => parsed.quality = Some(value()?),
            "--without" => parsed.without.push(value()?.to_lowercase()),
            "--json" => parsed.json = Some(value()?.into()),
            "--keep" => parsed.keep = Some(value()?.into()),
            option if option.starts_with('-') => bail!("unknown option {option}"),
            scene => parsed.scenes.push(scene.to_owned()),
        }
    }
    if parsed.scenes.is_empty() {
        parsed.scenes = scene::all().map(str::to_owned).collect();
    }
    ensure!(parsed.runs > 0 && parsed.frames > 0, "expected at least one run and one frame");
    let words = [None, Some("standard"), Some("high")];
    let is_known = words.contains(&parsed.quality.as_deref());
    ensure!(is_known, "--quality is standard or high: these mean the same to both");
    // Paths go into arguments of programs that run elsewhere.
    for path in [&mut parsed.peers, &mut parsed.keep].into_iter().flatten() {
        *path = std::path::absolute(&*path)?;
    }
    Ok(parsed)
}

/// The programs that are wanted and can run here. Says what lacks for the others.
fn programs(arguments: &Arguments, setting: &Setting) -> Vec<Program> {
    let mut able = Vec::new();
    for program in Program::ALL {
        if arguments.without.contains(&program.name().to_lowercase()) {
            continue;
        }
        let missing = setting.missing(program);
        if missing.is_empty() {
            able.push(program);
        } else {
            let name = program.name();
            eprintln!("{name} is left out: --peers has no {}", missing.join(", "));
        }
    }
    able
}

/// What is compared, and where.
fn heading(
    arguments: &Arguments,
    setting: &Setting,
    programs: &[Program],
    runner: &Runner,
) -> Result<String> {
    let first_line = |command: &mut Command| -> Result<String> {
        Ok(runner.read(command)?.lines().next().unwrap_or_default().trim().to_owned())
    };
    let mut parts = vec![format!("pagereel {}", env!("CARGO_PKG_VERSION"))];
    for program in programs {
        match program {
            Program::Pagereel => {}
            Program::HyperFrames => {
                parts.push(format!("HyperFrames {}", setting.version("hyperframes")?));
            }
            Program::Remotion => {
                parts.push(format!("Remotion {}", setting.version("@remotion/cli")?));
            }
        }
    }
    if programs.len() > 1 {
        let node = first_line(setting.npm("node")?.arg("--version"))?;
        parts.push(format!("Node.js {node}"));
    }
    parts.push(first_line(Command::new(&setting.browser).args(["--no-sandbox", "--version"]))?);
    let ffmpeg = first_line(Command::new("ffmpeg").arg("-version"))?;
    parts.push(ffmpeg.split(" Copyright").next().unwrap_or_default().to_owned());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    Ok(format!(
        "{}\n\n`cargo bench --bench versus -- {}`: at most {} frames a scene, medians of {} run(s), \
         load average {} at the beginning.\n",
        parts.join(", "),
        words.join(" "),
        arguments.frames,
        arguments.runs,
        load.join(" ")
    ))
}

struct Bench {
    arguments: Arguments,
    setting: Setting,
    runner: Runner,
    programs: Vec<Program>,
}

impl Bench {
    /// Renders a scene by all programs in turn. One that fails is told of, counted and left out.
    fn scene(&self, scene: &Scene, folder: &Path, failures: &mut usize) -> Result<Vec<Row>> {
        let mut rows: Vec<(Program, Row)> = Vec::new();
        for program in &self.programs {
            match self.warm_up(*program, scene, folder) {
                Ok(row) => rows.push((*program, row)),
                Err(error) => {
                    *failures += 1;
                    eprintln!("{}: {error:#}", scene.name);
                }
            }
        }
        for _ in 0..self.arguments.runs {
            for (program, row) in &mut rows {
                let film = film(folder, *program);
                row.add(&self.render(*program, scene, Output::Film, &film, false)?);
            }
        }
        let own = rows.iter().find(|(program, _)| *program == Program::Pagereel);
        let ours = own.map(|(_, row)| row.wall());
        for (program, row) in &mut rows {
            row.ours = ours;
            row.film = Film::new(&film(folder, *program), &self.runner)?;
            if let Err(error) = self.judge(*program, scene, folder, row) {
                *failures += 1;
                eprintln!("{}: {}: {error:#}", scene.name, program.name());
            }
        }
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The first run, whose memory is watched and whose frames are counted.
    fn warm_up(&self, program: Program, scene: &Scene, folder: &Path) -> Result<Row> {
        let path = film(folder, program);
        let usage = self.render(program, scene, Output::Film, &path, true)?;
        let film = Film::new(&path, &self.runner)?;
        let (found, wanted) = (film.frames, scene.frames);
        ensure!(found == wanted, "{} made {found} frames, not {wanted}", program.name());
        Ok(Row {
            scene: scene.name.clone(),
            program: program.name(),
            film,
            walls: Vec::new(),
            cpus: Vec::new(),
            peak_bytes: usage.peak_bytes,
            fidelity: None,
            alike: None,
            ours: None,
        })
    }

    /// Compares the film with pictures of the same program, and these with ours.
    fn judge(&self, program: Program, scene: &Scene, folder: &Path, row: &mut Row) -> Result<()> {
        let pictures = pictures(folder, program);
        self.render(program, scene, Output::Pictures, &pictures, false)?;
        row.fidelity = Some(row.film.fidelity(&film(folder, program), &pictures, &self.runner)?);
        let ours = self::pictures(folder, Program::Pagereel);
        if program != Program::Pagereel && ours.is_dir() {
            row.alike = Some(judge::alike(&ours, &pictures, &self.runner)?);
        }
        Ok(())
    }

    fn render(
        &self,
        program: Program,
        scene: &Scene,
        output: Output,
        to: &Path,
        watches_memory: bool,
    ) -> Result<process::Usage> {
        // What was there would be judged in the place of what is not written.
        if to.is_dir() {
            fs::remove_dir_all(to)?;
        } else if to.exists() {
            fs::remove_file(to)?;
        }
        let mut command = self.setting.command(program, scene, output, to)?;
        let usage = self.runner.run(&mut command, watches_memory);
        let usage = usage.with_context(|| format!("{} failed", program.name()))?;
        ensure!(to.exists(), "{} wrote nothing", program.name());
        Ok(usage)
    }
}

fn film(folder: &Path, program: Program) -> PathBuf {
    folder.join(program.name()).with_extension("mp4")
}

/// A folder, by its name; the separator at the end says so to pagereel.
fn pictures(folder: &Path, program: Program) -> PathBuf {
    folder.join(format!("{}/", program.name()))
}
