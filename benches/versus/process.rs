//! Commands, run and measured with everything that they start.
//!
//! This process adopts orphans (`PR_SET_CHILD_SUBREAPER`), so whatever a command has started is found
//! below it and is waited for here at the latest. Processor time is the greater of two sums: of all
//! that was waited for, which lacks the children of those who ignore `SIGCHLD`, and of what was seen
//! of each process in `/proc`, which lacks its last moments.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

/// What a command may take as a whole.
const DEADLINE: Duration = Duration::from_secs(600);

/// What its processes may take to end after it.
const GRACE: Duration = Duration::from_secs(5);

/// The time between two looks at the processes; memory is read in every second one.
const STEP: Duration = Duration::from_millis(100);

/// What a command and all below it used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The most memory at a time (PSS), where it was watched, else 0.
    pub(crate) peak_bytes: u64,
}

/// Runs commands one at a time, and keeps the log of the last.
pub(crate) struct Runner {
    log: PathBuf,
    root: u32,
}

impl Runner {
    /// Adopts all orphans from now on. The log lies in `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        set_child_subreaper(Some(getpid())).context("orphans cannot be adopted here")?;
        Ok(Self { log: directory.join("log.txt"), root: std::process::id() })
    }

    /// Runs a command to its end and ends what it left. One that fails, or is not done after ten
    /// minutes, is an error with the end of its output.
    ///
    /// Watching memory disturbs: the kernel walks all of a process's pages.
    pub(crate) fn run(&self, command: &mut Command, watches_memory: bool) -> Result<Usage> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = File::create(&self.log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let waited = self.waited_ticks()?;
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let mut sampler = Sampler { root: self.root, ..Sampler::default() };
        let (done, is_done) = sync_channel::<()>(0);
        let (status, wall, is_late) = thread::scope(|scope| {
            let sampler = &mut sampler;
            let watcher = scope.spawn(move || sampler.watch(&is_done, watches_memory));
            let status = child.wait();
            let wall = started.elapsed();
            drop(done);
            (status, wall, watcher.join().unwrap_or(false))
        });
        let status = status?;
        self.end_the_rest(&mut sampler);
        let ticks = (self.waited_ticks()? - waited).max(sampler.ticks.values().sum());
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        if is_late || !status.success() {
            bail!("{name}: {}", self.complaint(is_late, status));
        }
        Ok(Usage {
            wall,
            cpu: Duration::from_secs_f64(ticks as f64 / per_second),
            peak_bytes: sampler.peak_bytes,
        })
    }

    /// Runs a command and returns what it wrote.
    pub(crate) fn read(&self, command: &mut Command) -> Result<String> {
        self.run(command, false)?;
        self.text()
    }

    fn text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    fn complaint(&self, is_late: bool, status: ExitStatus) -> String {
        let text = self.text().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(15)..].join("\n");
        let what =
            if is_late { format!("not done after {DEADLINE:?}") } else { status.to_string() };
        format!("{what}\n{end}")
    }

    /// Waits until nothing is left, and ends what is still there after a while.
    fn end_the_rest(&self, sampler: &mut Sampler) {
        let ended = Instant::now();
        loop {
            // Orphans that have ended; an error says that there are no children.
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            sampler.look(false);
            let left = descendants(self.root);
            if left.is_empty() || ended.elapsed() > 2 * GRACE {
                return;
            }
            if ended.elapsed() > GRACE {
                kill(&left);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Processor time of all that this process has waited for, and that they have waited for.
    fn waited_ticks(&self) -> Result<u64> {
        Ok(Stat::of(self.root).context("/proc cannot be read")?.waited_ticks)
    }
}

/// What is seen of a command's processes while they run.
#[derive(Default)]
struct Sampler {
    root: u32,
    /// By number and start of the process.
    ticks: BTreeMap<(u32, u64), u64>,
    peak_bytes: u64,
}

impl Sampler {
    /// Looks until the sender is gone. At the deadline it ends the processes and returns true.
    fn watch(&mut self, is_done: &Receiver<()>, watches_memory: bool) -> bool {
        let started = Instant::now();
        let mut looks = 0_u32;
        while is_done.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
            if started.elapsed() > DEADLINE {
                // Again and again, as others may be started meanwhile.
                kill(&descendants(self.root));
                if started.elapsed() > DEADLINE + GRACE {
                    return true;
                }
            }
            self.look(watches_memory && looks.is_multiple_of(2));
            looks += 1;
        }
        started.elapsed() > DEADLINE
    }

    fn look(&mut self, at_memory: bool) {
        let processes = descendants(self.root);
        for process in &processes {
            if let Some(stat) = Stat::of(*process) {
                self.ticks.insert((*process, stat.start), stat.ticks);
            }
        }
        if at_memory {
            let bytes = processes.iter().filter_map(|process| proportional_bytes(*process)).sum();
            self.peak_bytes = self.peak_bytes.max(bytes);
        }
    }
}

/// Some fields of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    /// Its own processor time.
    ticks: u64,
    /// That of its children that it has waited for.
    waited_ticks: u64,
    start: u64,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)?,
            waited_ticks: number(13)? + number(14)?,
            start: number(19)?,
        })
    }
}

/// Everything below a process.
fn descendants(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> =
        numbers.filter_map(|process| Some((process, Stat::of(process)?.parent))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| process));
        at += 1;
    }
    found.split_off(1)
}

/// Memory of a process; what it shares counts in parts.
fn proportional_bytes(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn kill(processes: &[u32]) {
    for process in processes {
        let process = i32::try_from(*process).ok().and_then(Pid::from_raw);
        if let Some(process) = process {
            // It may have ended already.
            kill_process(process, Signal::KILL).unwrap_or_default();
        }
    }
}
