//! Renders under faults: what is done to them, and what may come of it.
//!
//! Used by the bench `chaos` and, in a short form, by a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// How long a render may take, whatever is done to it.
const DEADLINE: Duration = Duration::from_secs(150);

/// How long what is left may take to go after the engine has ended: its watchdogs work then.
const CLEANUP: Duration = Duration::from_secs(15);

/// Twenty small frames: a style, a picture that is loaded, and a canvas.
const PAGE: &str = r##"<!doctype html>
<style>
  body { margin: 0 }
  @keyframes m { to { translate: 50px } }
  #b { width: 10px; height: 10px; background: #f80; animation: m 2s linear both }
</style>
<div data-composition-id=r data-width=64 data-height=36 data-duration=2 data-fps=10
     style="position:relative;height:36px;background:#123">
  <div id=b></div><img src=dot.svg style="position:absolute;left:20px;top:12px">
  <canvas id=c width=20 height=10 style="position:absolute;left:40px;top:20px"></canvas>
</div>
<script>
  const context = c.getContext("2d");
  window.__hf = { duration: 2, seek(t) {
    context.fillStyle = `hsl(${Math.round(t * 180)} 90% 50%)`;
    context.fillRect(0, 0, 20, 10);
  } };
</script>"##;
const PICTURE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='12' height='12'>\
                       <circle cx='6' cy='6' r='5' fill='#4c8'/></svg>";

/// Ways of capture.
const WAYS: [&str; 3] = ["beginFrame", "screenshot", "display"];

/// What is done to a render.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL to one process under the engine.
    Kill,
    /// SIGSTOP to one process, the engine included, and SIGCONT later.
    Stop,
    /// One signal to the engine, or two in a row.
    Signals,
    /// A file system for the output that is too small for it.
    FullDisk,
    /// A small file system for the profiles.
    SmallProfile,
    /// Few file descriptors.
    FewFiles,
    /// A control group with little memory.
    LittleMemory,
}

pub(crate) const FAULTS: [Fault; 7] = [
    Fault::Kill,
    Fault::Stop,
    Fault::Signals,
    Fault::FullDisk,
    Fault::SmallProfile,
    Fault::FewFiles,
    Fault::LittleMemory,
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "a process is killed",
            Self::Stop => "a process stands still",
            Self::Signals => "signals to the engine",
            Self::FullDisk => "the output's disk is full",
            Self::SmallProfile => "the profile's disk is full",
            Self::FewFiles => "few file descriptors",
            Self::LittleMemory => "little memory",
        })
    }
}

/// What came of one render.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub fault: Fault,
    /// What was done, in words.
    pub done: String,
    /// The exit code; 128 and the signal's number for one that was killed.
    pub code: i32,
    /// Whether the file is there, and the one that an undisturbed render writes.
    pub file: Option<bool>,
    /// What should not be: wrong files, exit codes, remains.
    pub objections: Vec<String>,
    pub took: Duration,
}

/// Numbers that follow from a seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(usize::try_from(self.below(list.len() as u64)).ok()?)
    }
}

/// Whether this fault can be brought about here: some need root.
pub(crate) fn is_possible(fault: Fault) -> bool {
    match fault {
        Fault::FullDisk | Fault::SmallProfile => {
            tempfile::tempdir().is_ok_and(|place| Mount::tmpfs(place.path(), "64k").is_some())
        }
        Fault::LittleMemory => Group::new(256 << 20).is_some(),
        _ => true,
    }
}

/// A file system in memory.
struct Mount(PathBuf);

impl Mount {
    fn tmpfs(at: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at);
        let is_there = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        is_there.then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// A control group with a limit on memory.
struct Group(PathBuf);

impl Group {
    fn new(bytes: u64) -> Option<Self> {
        let name = format!("pagereel-chaos-{}-{bytes}", std::process::id());
        let tops =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        tops.into_iter().find_map(|(top, limit)| {
            let group = Self(Path::new(top).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(limit), bytes.to_string()).ok()?;
            Some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Not as long as anything is in it.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A page, and what undisturbed renders make of it.
pub(crate) struct Storm {
    program: PathBuf,
    page: TempDir,
    /// By way: the file, and how long it took.
    whole: BTreeMap<&'static str, (Vec<u8>, Duration)>,
}

impl Storm {
    /// Renders once in each way.
    pub(crate) fn new(program: &Path) -> Result<Self> {
        let page = tempfile::tempdir()?;
        fs::write(page.path().join("index.html"), PAGE)?;
        fs::write(page.path().join("dot.svg"), PICTURE)?;
        let mut storm = Self { program: program.to_owned(), page, whole: BTreeMap::new() };
        for way in WAYS {
            let place = tempfile::tempdir()?;
            let output = place.path().join("out.mp4");
            let start = Instant::now();
            let status = storm.command(None, way, 1, &output, place.path()).status()?;
            ensure!(status.success(), "an undisturbed render by {way} fails: {status}");
            let bytes = fs::read(&output).context("an undisturbed render leaves no file")?;
            storm.whole.insert(way, (bytes, start.elapsed()));
        }
        Ok(storm)
    }

    /// The program, started by the shell command `through` if there is one.
    fn command(
        &self,
        through: Option<&str>,
        way: &str,
        workers: u32,
        output: &Path,
        temporary: &Path,
    ) -> Command {
        let mut command = match through {
            Some(first) => {
                let mut shell = Command::new("/bin/sh");
                shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
            None => Command::new(&self.program),
        };
        command
            .arg(self.page.path().join("index.html"))
            .args(["--json", "--capture", way, "--workers", &workers.to_string(), "-o"])
            .arg(output)
            .env("TMPDIR", temporary)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }

    /// One render with one fault.
    pub(crate) fn trial(&self, fault: Fault, dice: &mut Dice) -> Result<Trial> {
        // A display costs most.
        let way = WAYS[if dice.below(4) == 0 { 2 } else { usize::try_from(dice.below(2))? }];
        let workers = 1 + u32::try_from(dice.below(2))?;
        let (whole, usual) = &self.whole[way];
        let place = tempfile::tempdir()?;
        let temporary = place.path().join("t");
        let results = place.path().join("o");
        fs::create_dir(&temporary)?;
        fs::create_dir(&results)?;
        let output = results.join("out.mp4");
        let (mut mount, mut group, mut through) = (None, None, None);
        let mut done = format!("{way}, {workers} session(s)");
        match fault {
            Fault::FullDisk => {
                mount = Mount::tmpfs(&results, "4k");
                done += ", output on 4 KB";
            }
            Fault::SmallProfile => {
                let size = 16 << dice.below(8);
                mount = Mount::tmpfs(&temporary, &format!("{size}k"));
                done += &format!(", profile on {size} KB");
            }
            Fault::FewFiles => {
                let files = 12 + dice.below(120);
                through = Some(format!("ulimit -n {files}"));
                done += &format!(", {files} descriptors");
            }
            Fault::LittleMemory => {
                let megabytes = 40 + dice.below(260);
                group = Group::new(megabytes << 20);
                let procs = group.as_ref().map(|group| group.0.join("cgroup.procs"));
                through = procs.map(|procs| format!("echo $$ > '{}'", procs.display()));
                done += &format!(", {megabytes} MB");
            }
            Fault::Kill | Fault::Stop | Fault::Signals => {}
        }
        let start = Instant::now();
        let mut command = self.command(through.as_deref(), way, workers, &output, &temporary);
        let mut child = command.spawn().context("the program does not start")?;
        let mut seen = Seen::default();
        let after = Duration::from_millis(dice.below(u64::try_from(usual.as_millis())? + 100));
        let moment = format!(" after {} ms", after.as_millis());
        let mut status = seen.wait(&mut child, start + after)?;
        if status.is_none() {
            let tree = descendants(child.id());
            match fault {
                Fault::Kill => {
                    if let Some(&id) = dice.pick(&tree) {
                        done += &format!(", {} killed{moment}", name_of(id));
                        signal("-KILL", id);
                    }
                }
                Fault::Stop => {
                    let all: Vec<u32> = tree.into_iter().chain([child.id()]).collect();
                    if let Some(&id) = dice.pick(&all) {
                        let pause = Duration::from_millis(50 + dice.below(2500));
                        let how = format!(", {} stopped for {} ms", name_of(id), pause.as_millis());
                        done += &(how + &moment);
                        signal("-STOP", id);
                        status = seen.wait(&mut child, Instant::now() + pause)?;
                        signal("-CONT", id);
                    }
                }
                Fault::Signals => {
                    let orders: [&[&str]; 6] = [
                        &["-INT"],
                        &["-TERM"],
                        &["-HUP"],
                        &["-KILL"],
                        &["-INT", "-INT"],
                        &["-TERM", "-KILL"],
                    ];
                    let order = dice.pick(&orders).context("there are orders")?;
                    done += &format!(", {}{moment}", order.join(" "));
                    for name in *order {
                        signal(name, child.id());
                        thread::sleep(Duration::from_millis(dice.below(60)));
                    }
                }
                _ => {}
            }
        }
        let mut objections = Vec::new();
        if status.is_none() {
            status = seen.wait(&mut child, start + DEADLINE)?;
        }
        let status = match status {
            Some(status) => status,
            None => {
                objections.push("it hangs".into());
                signal("-KILL", child.id());
                child.wait()?
            }
        };
        let took = start.elapsed();
        let file = fs::read(&output).ok().map(|bytes| bytes == *whole);
        let code = code_of(status);
        objections.extend(judge(fault, code, file));
        objections.extend(seen.remains(&temporary, &results, is_abrupt(&done)));
        drop((mount, group));
        Ok(Trial { fault, done, code, file, objections, took })
    }
}

/// Whether the engine may not have come to remove the file that it was writing.
fn is_abrupt(done: &str) -> bool {
    done.contains("-KILL") || done.contains("-INT -INT")
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// What is wrong with an exit code and a file.
fn judge(fault: Fault, code: i32, file: Option<bool>) -> Option<String> {
    let killed = 128 + 9;
    let may_be = match fault {
        Fault::Signals => [0, 130, killed].contains(&code),
        // The kernel may choose the engine itself.
        Fault::LittleMemory => [0, 1, 3, 75, killed].contains(&code),
        _ => [0, 1, 3, 75].contains(&code),
    };
    match file {
        _ if !may_be => Some(format!("exit code {code}")),
        Some(false) => Some(format!("ANOTHER FILE, exit code {code}")),
        // It was complete when the signal came.
        Some(true) if code != 0 && fault != Fault::Signals => {
            Some(format!("a file, and exit code {code}"))
        }
        None if code == 0 => Some("no file, and exit code 0".into()),
        _ => None,
    }
}

/// Processes of a render that have been seen.
#[derive(Default)]
struct Seen {
    groups: BTreeSet<i32>,
    displays: BTreeSet<u32>,
}

impl Seen {
    /// Waits for the end of the program, and looks at its processes meanwhile.
    fn wait(&mut self, child: &mut Child, until: Instant) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            for id in descendants(child.id()) {
                self.groups.extend(stat_of(id).map(|stat| stat.group));
                if name_of(id) == "Xvfb" {
                    self.displays.insert(id);
                }
            }
            thread::sleep(Duration::from_millis(60).min(until - Instant::now().min(until)));
        }
    }

    /// What is still there a while later.
    fn remains(&self, temporary: &Path, results: &Path, is_abrupt: bool) -> Vec<String> {
        let until = Instant::now() + CLEANUP;
        loop {
            let mut remains = Vec::new();
            for id in all_processes() {
                let Some(stat) = stat_of(id).filter(|stat| !stat.is_dead) else { continue };
                if self.groups.contains(&stat.group) {
                    remains.push(format!("process {} is left", name_of(id)));
                }
            }
            remains.extend(names_in(temporary).map(|name| format!("{name} is left in TMPDIR")));
            let partial = names_in(results).filter(|name| name != "out.mp4");
            if !is_abrupt {
                remains.extend(partial.map(|name| format!("{name} is left beside the output")));
            }
            for name in names_in(Path::new("/tmp")).filter(|name| name.ends_with("-lock")) {
                let owner = fs::read_to_string(Path::new("/tmp").join(&name)).unwrap_or_default();
                if owner.trim().parse().is_ok_and(|id: u32| self.displays.contains(&id)) {
                    remains.push(format!("{name} is left"));
                }
            }
            if remains.is_empty() || Instant::now() > until {
                return remains;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn names_in(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

struct Stat {
    parent: u32,
    group: i32,
    is_dead: bool,
}

fn stat_of(id: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    Some(Stat {
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        is_dead,
    })
}

fn all_processes() -> impl Iterator<Item = u32> {
    names_in(Path::new("/proc")).filter_map(|name| name.parse().ok())
}

/// What a process is, in a word or two.
fn name_of(id: u32) -> String {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let word = |prefix: &str| line.split(' ').find_map(|word| word.strip_prefix(prefix));
    match (word("--utility-sub-type=").or_else(|| word("--type=")), line.split(' ').next()) {
        (Some(kind), _) => kind.split('.').next_back().unwrap_or(kind).to_owned(),
        _ if line.contains("pagereel-watchdog") => "watchdog".into(),
        (None, Some(program)) => program.rsplit('/').next().unwrap_or(program).to_owned(),
        (None, None) => "?".into(),
    }
}

/// Everything below a process.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        all_processes().filter_map(|id| Some((id, stat_of(id)?.parent))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| id));
        at += 1;
    }
    found.split_off(1)
}

fn signal(name: &str, id: u32) {
    // It may be gone already.
    let mut kill = Command::new("kill");
    drop(kill.args([name, &id.to_string()]).stderr(Stdio::null()).status());
}
