//! Processes, as `/proc` shows them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) struct Stat {
    pub parent: u32,
    pub group: i32,
    pub is_dead: bool,
}

pub(crate) fn stat_of(id: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    Some(Stat {
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        is_dead,
    })
}

pub(crate) fn all_processes() -> impl Iterator<Item = u32> {
    names_in(Path::new("/proc")).filter_map(|name| name.parse().ok())
}

pub(crate) fn names_in(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// What a process is, in a word or two.
pub(crate) fn name_of(id: u32) -> String {
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

/// Whether a process was started with this in its environment.
pub(crate) fn has_variable(id: u32, assignment: &str) -> bool {
    let bytes = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).any(|entry| entry == assignment.as_bytes())
}

/// Everything below a process.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
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

/// Shared memory of System V whose maker is one of these.
pub(crate) fn segments_of(makers: &std::collections::BTreeSet<u32>) -> usize {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let maker = |line: &str| line.split_ascii_whitespace().nth(4)?.parse().ok();
    table.lines().skip(1).filter_map(maker).filter(|id: &u32| makers.contains(id)).count()
}

pub(crate) fn signal(name: &str, ids: &[u32]) {
    // They may be gone already.
    let mut kill = Command::new("kill");
    kill.arg(name).args(ids.iter().map(u32::to_string));
    drop(kill.stderr(Stdio::null()).status());
}
