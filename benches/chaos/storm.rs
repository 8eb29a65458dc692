//! Renders under faults: what is done to them, and what may come of it.
//!
//! Used by the bench `chaos` and, in a short form, by a test.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::fault::{Clock, Dice, FAULTS, Fault, Group, Mount, SELDOM};
use super::film::Film;
use super::processes::{
    all_processes, descendants, has_variable, name_of, names_in, segments_of, signal, stat_of,
};

/// How long a render may take, whatever is done to it.
const DEADLINE: Duration = Duration::from_secs(240);

/// Ways of capture.
const WAYS: [&str; 3] = ["beginFrame", "display", "screenshot"];

/// What came of one render.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub fault: Fault,
    /// What was done, in words.
    pub done: String,
    /// Whether the render had ended before anything was done to it.
    pub is_missed: bool,
    /// The exit code; 128 and the signal's number for one that was killed.
    pub code: i32,
    /// Whether the file is there, and the one that an undisturbed render writes.
    pub file: Option<bool>,
    /// What the program said where it failed.
    pub message: String,
    /// What should not be: wrong files, exit codes, remains.
    pub objections: Vec<String>,
    pub took: Duration,
    /// How long after the end something was still there.
    pub cleanup: Duration,
}

/// The films, and what undisturbed renders make of them.
pub(crate) struct Storm {
    program: PathBuf,
    films: Vec<Film>,
    faults: Vec<Fault>,
    /// One by each film, where its render may read it.
    clocks: Vec<Option<Clock>>,
    /// How long undisturbed renders took, by film and way.
    usual: Vec<[Duration; WAYS.len()]>,
    /// How long what is left may take to go after the engine has ended: its watchdogs work then.
    patience: Duration,
    _place: TempDir,
}

impl Storm {
    /// Renders each film once in each way: all ways must give one file.
    pub(crate) fn new(program: &Path, patience: Duration) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let films = Film::all(&place)?;
        let beside = |film: &Film| Clock::new(film.page.parent()?).ok();
        let clocks = films.iter().map(beside).collect();
        let possible = |list: &[Fault]| -> Vec<Fault> {
            list.iter().copied().filter(|fault| fault.is_possible()).collect()
        };
        // The rare ones come once in two rounds.
        let faults = [possible(&FAULTS), possible(&SELDOM), possible(&FAULTS)].concat();
        let usual = vec![[Duration::ZERO; WAYS.len()]; films.len()];
        let program = program.to_owned();
        let mut storm = Self { program, films, faults, clocks, usual, patience, _place: place };
        for (at, way) in WAYS.into_iter().enumerate() {
            for film in 0..storm.films.len() {
                let place = Place::new()?;
                let start = Instant::now();
                let status = storm.command(None, film, way, 1, &place)?.status()?;
                storm.usual[film][at] = start.elapsed();
                let film = &mut storm.films[film];
                ensure!(status.success(), "an undisturbed render of {} by {way} fails", film.name);
                let bytes = fs::read(&place.output).context("an undisturbed render has no file")?;
                if film.whole.is_empty() {
                    film.whole = bytes;
                } else {
                    ensure!(bytes == film.whole, "{} by {way} is another file", film.name);
                }
            }
        }
        Ok(storm)
    }

    /// All faults that can be brought about here.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The program, started by the shell command `through` if there is one.
    fn command(
        &self,
        through: Option<&str>,
        film: usize,
        way: &str,
        workers: u64,
        place: &Place,
    ) -> Result<Command> {
        let mut command = match through {
            Some(first) => {
                let mut shell = Command::new("/bin/sh");
                shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
            None => Command::new(&self.program),
        };
        let film = &self.films[film];
        command
            .arg(&film.page)
            .args(["--json", "--capture", way, "--workers", &workers.to_string(), "-o"])
            .arg(&place.output)
            .args(film.arguments)
            .current_dir(&place.current)
            .env("TMPDIR", &place.temporary)
            .env("HOME", &place.home)
            .env(MARK, place.directory.path())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(fs::File::create(place.events())?)
            .stderr(Stdio::null())
            .process_group(0);
        Ok(command)
    }

    /// One render with one fault.
    pub(crate) fn trial(&self, fault: Fault, dice: &mut Dice) -> Result<Trial> {
        // Only a display has a server, and a screenshot needs no more than begin-frame does.
        let way = match fault {
            Fault::Kill("Xvfb") => 1,
            _ => [0, 0, 0, 1, 1, 1, 2][usize::try_from(dice.below(7))?],
        };
        let film = usize::try_from(dice.below(self.films.len() as u64))?;
        let workers = 1 + dice.below(2);
        let place = Place::new()?;
        let (mut mount, mut group, mut through) = (None, None, None);
        let name = self.films[film].name;
        let mut done = vec![format!("{name}, {}, {workers} session(s)", WAYS[way])];
        match fault {
            Fault::FullDisk => {
                mount = Mount::tmpfs(&place.results, "4k");
                done.push("output on 4 KB".into());
            }
            Fault::SmallProfile => {
                let size = 4 << dice.below(8);
                mount = Mount::tmpfs(&place.temporary, &format!("{size}k"));
                done.push(format!("profile on {size} KB"));
            }
            Fault::FewFiles => {
                let files = 12 + dice.below(500);
                through = Some(format!("ulimit -n {files}"));
                done.push(format!("{files} descriptors"));
            }
            Fault::LittleMemory => {
                let megabytes = 40 + dice.below(360);
                group = Group::new(megabytes << 20);
                through = group.as_ref().map(Group::entrance);
                done.push(format!("{megabytes} MB"));
            }
            _ => {}
        }
        let mut command = self.command(through.as_deref(), film, WAYS[way], workers, &place)?;
        let clock = self.clocks[film].as_ref().filter(|_| fault == Fault::Clock);
        if let Some(clock) = clock {
            clock.set(0)?;
            clock.apply(&mut command);
        }
        let start = Instant::now();
        let mut child = command.spawn().context("the program does not start")?;
        let mut seen = Seen { mark: place.mark(), old_locks: locks().collect(), ..Seen::default() };
        let span = match fault {
            Fault::KillEarly => 500,
            _ => u64::try_from(self.usual[film][way].as_millis())?,
        };
        let after = Duration::from_millis(dice.below(span));
        let mut status = None;
        let mut is_missed = false;
        if fault.is_sudden() {
            status = seen.wait(&mut child, start + after)?;
            done.push(format!("after {} ms", after.as_millis()));
            if status.is_none() {
                status = match clock {
                    Some(clock) => leap(clock, &mut child, &mut seen, dice, &mut done)?,
                    None => strike(fault, &mut child, &mut seen, dice, &mut done)?,
                };
                is_missed = done.iter().any(|word| word == NOBODY);
            } else {
                is_missed = true;
            }
        }
        let mut objections = Vec::new();
        if status.is_none() {
            status = seen.wait(&mut child, start + DEADLINE)?;
        }
        let status = if let Some(status) = status {
            status
        } else {
            objections.push("it hangs".into());
            signal("-KILL", &[child.id()]);
            child.wait()?
        };
        let took = start.elapsed();
        let file = fs::read(&place.output).ok().map(|bytes| bytes == self.films[film].whole);
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        let message = if code == 0 { String::new() } else { place.last_words() };
        // It did not listen yet, and had started nothing.
        let is_early = [129, 130, 143].contains(&code) && seen.processes.is_empty();
        if !is_early {
            objections.extend(judge(fault, code, file, &message));
        }
        let end = Instant::now();
        // A file that was being written may stay where the engine had no time to remove it.
        let is_abrupt = code == 128 + 9 || fault == Fault::EndTwice;
        objections.extend(seen.remains(&place, is_abrupt, end + self.patience));
        let cleanup = end.elapsed();
        drop((mount, group));
        let done = done.join(", ");
        Ok(Trial { fault, done, is_missed, code, file, message, objections, took, cleanup })
    }
}

/// A variable by which all processes of a render are known.
const MARK: &str = "PAGEREEL_CHAOS";

/// What is said where there was no process to do anything to.
const NOBODY: &str = "too late";

/// Where a render happens: nothing of it may stay there but its output.
struct Place {
    directory: TempDir,
    temporary: PathBuf,
    home: PathBuf,
    current: PathBuf,
    results: PathBuf,
    output: PathBuf,
}

impl Place {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let make = |name: &str| {
            let path = directory.path().join(name);
            fs::create_dir(&path).map(|()| path)
        };
        let (temporary, home, current) = (make("t")?, make("h")?, make("c")?);
        let results = make("o")?;
        let output = results.join("out.mp4");
        Ok(Self { directory, temporary, home, current, results, output })
    }

    fn events(&self) -> PathBuf {
        self.directory.path().join("events.json")
    }

    fn mark(&self) -> String {
        format!("{MARK}={}", self.directory.path().display())
    }

    /// The program's error: its message and its hint.
    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.events()).unwrap_or_default();
        let Some(last) = text.lines().rfind(|line| line.contains(r#""type":"error""#)) else {
            return String::new();
        };
        let Ok(error) = serde_json::from_str::<serde_json::Value>(last) else {
            return format!("not JSON: {last}");
        };
        let word = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        format!("{} | {}", word("message"), word("hint"))
    }
}

/// Moves the time of day a few times.
fn leap(
    clock: &Clock,
    child: &mut Child,
    seen: &mut Seen,
    dice: &mut Dice,
    done: &mut Vec<String>,
) -> Result<Option<ExitStatus>> {
    for _ in 0..=dice.below(3) {
        let size = [60, 3600, 86_400, 365 * 86_400][usize::try_from(dice.below(4))?];
        let jump = i64::try_from(dice.below(2 * size))? - i64::try_from(size)?;
        done.push(format!("clock at {jump} s"));
        clock.set(jump)?;
        let pause = Duration::from_millis(dice.below(500));
        if let Some(status) = seen.wait(child, Instant::now() + pause)? {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

/// Does to a render's processes what the fault says.
fn strike(
    fault: Fault,
    child: &mut Child,
    seen: &mut Seen,
    dice: &mut Dice,
    done: &mut Vec<String>,
) -> Result<Option<ExitStatus>> {
    let engine = child.id();
    // What is looked for may come yet.
    let until = Instant::now() + Duration::from_secs(20);
    let among = loop {
        let tree = descendants(engine);
        let among: Vec<u32> = match fault {
            Fault::Kill(kind) => tree.into_iter().filter(|id| is_a(*id, kind)).collect(),
            Fault::Stop | Fault::StopAll => tree.into_iter().chain([engine]).collect(),
            Fault::End | Fault::EndTwice | Fault::KillEngine => vec![engine],
            _ => tree,
        };
        if !among.is_empty() {
            break among;
        }
        let pause = Duration::from_millis(20);
        if let Some(status) = seen.wait(child, Instant::now() + pause)? {
            done.push(NOBODY.into());
            return Ok(Some(status));
        }
        if Instant::now() > until {
            done.push(NOBODY.into());
            return Ok(None);
        }
    };
    let victim = *dice.pick(&among).context("there is a process")?;
    match fault {
        Fault::Stop | Fault::StopAll => {
            let all = if fault == Fault::Stop { vec![victim] } else { among };
            let pause = Duration::from_millis(50 + dice.below(2450));
            let names = if all.len() == 1 { name_of(victim) } else { "all".into() };
            done.push(format!("{names} stopped for {} ms", pause.as_millis()));
            signal("-STOP", &all);
            let status = seen.wait(child, Instant::now() + pause)?;
            signal("-CONT", &all);
            return Ok(status);
        }
        Fault::End | Fault::EndTwice | Fault::KillEngine => {
            let orders: &[&[&str]] = match fault {
                Fault::End => &[&["-INT"], &["-TERM"], &["-HUP"]],
                Fault::KillEngine => &[&["-KILL"]],
                _ => &[&["-INT", "-INT"], &["-TERM", "-KILL"], &["-INT", "-TERM"]],
            };
            let order = dice.pick(orders).context("there are orders")?;
            done.push(order.join(" "));
            for name in *order {
                signal(name, &[engine]);
                thread::sleep(Duration::from_millis(dice.below(60)));
            }
        }
        _ => {
            let mut victims = vec![victim];
            if fault == Fault::KillTwo {
                victims.extend(dice.pick(&among));
            }
            let names: Vec<_> = victims.iter().map(|id| name_of(*id)).collect();
            done.push(format!("{} killed", names.join(" and ")));
            signal("-KILL", &victims);
        }
    }
    Ok(None)
}

/// Whether a process is of a kind; the browser is the one that says no kind.
fn is_a(id: u32, kind: &str) -> bool {
    let name = name_of(id);
    name == kind || kind == "browser" && name.contains("chrom") && !name.contains("crashpad")
}

/// What is wrong with an exit code, a file and an error.
fn judge(fault: Fault, code: i32, file: Option<bool>, message: &str) -> Option<String> {
    let killed = 128 + 9;
    let (codes, words): (&[i32], &[&str]) = match fault {
        Fault::End => (&[0, 130], &[]),
        Fault::KillEngine => (&[0, killed], &[]),
        Fault::EndTwice => (&[0, 130, killed], &[]),
        Fault::FullDisk => (&[0, 1], &["space"]),
        Fault::SmallProfile => (&[0, 3, 75], &["space", "TMPDIR"]),
        Fault::FewFiles => (&[0, 3], &["files open"]),
        // The kernel may choose the engine itself.
        Fault::LittleMemory => (&[0, 75, killed], &["memory"]),
        Fault::Clock => (&[0], &[]),
        _ => (&[0, 75], &[]),
    };
    let is_clear = words.is_empty() || words.iter().any(|word| message.contains(word));
    let is_failure = code != 0 && code != killed && code != 130;
    match file {
        Some(false) => Some(format!("ANOTHER FILE, exit code {code}")),
        None if code == 0 => Some("NO FILE, exit code 0".into()),
        _ if !codes.contains(&code) => Some(format!("exit code {code}")),
        // It was complete when the signal came.
        Some(true) if is_failure => Some(format!("a file, and exit code {code}")),
        _ if is_failure && message.is_empty() => Some("no error is told".into()),
        _ if is_failure && message.ends_with("| ") => Some("no hint".into()),
        _ if is_failure && !is_clear => Some("the error does not name the cause".into()),
        _ => None,
    }
}

/// Processes of a render that have been seen.
#[derive(Default)]
struct Seen {
    mark: String,
    processes: BTreeSet<u32>,
    groups: BTreeSet<i32>,
    /// Locks of display servers that were there before: their owners' numbers may have come again.
    old_locks: BTreeSet<String>,
}

/// Locks of display servers, finished or not.
fn locks() -> impl Iterator<Item = String> {
    names_in(Path::new("/tmp")).filter(|name| name.ends_with("-lock"))
}

impl Seen {
    /// Waits for the end of the program, and looks at its processes meanwhile.
    fn wait(&mut self, child: &mut Child, until: Instant) -> Result<Option<ExitStatus>> {
        loop {
            for id in descendants(child.id()) {
                self.groups.extend(stat_of(id).map(|stat| stat.group));
                self.processes.insert(id);
            }
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            let now = Instant::now();
            if now >= until {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(60).min(until - now));
        }
    }

    /// What is still there when the time is up.
    fn remains(&self, place: &Place, is_abrupt: bool, until: Instant) -> Vec<String> {
        loop {
            let mut remains = Vec::new();
            for id in all_processes() {
                let Some(stat) = stat_of(id).filter(|stat| !stat.is_dead) else { continue };
                if self.groups.contains(&stat.group) || has_variable(id, &self.mark) {
                    remains.push(format!("process {} is left", name_of(id)));
                }
            }
            let places = [
                (&place.temporary, "TMPDIR"),
                (&place.home, "HOME"),
                (&place.current, "the current directory"),
            ];
            for (directory, called) in places {
                let left = names_in(directory);
                remains.extend(left.map(|name| format!("{name} is left in {called}")));
            }
            let partial = names_in(&place.results).filter(|name| name != "out.mp4");
            if !is_abrupt {
                remains.extend(partial.map(|name| format!("{name} is left beside the output")));
            }
            for name in locks().filter(|name| !self.old_locks.contains(name)) {
                let owner = fs::read_to_string(Path::new("/tmp").join(&name)).unwrap_or_default();
                if owner.is_empty() {
                    remains.push(format!("{name} is left empty"));
                } else if owner.trim().parse().is_ok_and(|id: u32| self.processes.contains(&id)) {
                    remains.push(format!("{name} is left"));
                }
            }
            if segments_of(&self.processes) > 0 {
                remains.push("shared memory is left".into());
            }
            if remains.is_empty() || Instant::now() > until {
                return remains;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
