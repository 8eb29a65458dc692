//! The disk as a wall: this process and its children see the files of a job and no others.
//!
//! It uses Landlock, where the kernel has it: a fault in a decoder or in the browser then opens no
//! unrelated file. It holds for the whole process and cannot be undone, so it is for programs that
//! render one job; a service renders each in a process of its own.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::fonts::FontLibrary;
use crate::job::{Entry, Job};

/// The result of confining the process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confinement {
    /// From now on only the files of the job can be opened.
    Confined,
    /// Nothing has changed, for this reason.
    Open(String),
}

/// Programs, libraries, settings and devices: read by all programs.
const SYSTEM: [&str; 18] = [
    "/bin",
    "/etc",
    "/gnu",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix",
    "/opt",
    "/run",
    "/sbin",
    "/snap",
    "/sys",
    "/usr",
    "/var/cache/fontconfig",
    "/var/lib/flatpak",
    "/var/lib/snapd",
    "/System",
];

/// Paths that are also written: shared memory, process state, the display's socket and lock.
const SHARED: [&str; 3] = ["/dev", "/proc", "/tmp"];

/// The user's fonts and certificates, below the home directory.
const PERSONAL: [&str; 4] = [".fonts", ".local/share/fonts", ".fonts.conf", ".pki/nssdb"];

/// Lets this process open from now on only the files of `job`: its page's directory, mapped ones,
/// fonts and packages, the system's programs, and for writing the directories of its outputs, of
/// `writable` and for temporary files.
///
/// To be called before threads are started, because running threads are not bound.
pub fn confine(job: &Job, writable: &[&Path]) -> Confinement {
    if job.network.follow_symlinks {
        return Confinement::Open("network.followSymlinks lets links lead anywhere".into());
    }
    let (reads, mut writes) = places(job);
    writes.extend(writable.iter().map(|path| directory_of(path)));
    restrict(&reads, &writes)
}

/// The paths to read and those to write. Skips those that do not exist.
fn places(job: &Job) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    let mut reads: BTreeSet<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    let mut writes: BTreeSet<PathBuf> = SHARED.iter().map(PathBuf::from).collect();
    writes.extend(env::var_os("TMPDIR").map(PathBuf::from));
    if let Some(home) = env::var_os("HOME").filter(|home| !home.is_empty()) {
        reads.extend(PERSONAL.iter().map(|part| Path::new(&home).join(part)));
    }
    if let Some(data) = env::var_os("XDG_DATA_HOME") {
        reads.insert(Path::new(&data).join("fonts"));
    }
    if let Ok(Entry::File { root, page }) = job.entry() {
        let page = root.join(page);
        reads.extend(FontLibrary::folders_above(page.parent().unwrap_or(&root)));
        reads.insert(root);
    }
    if let Ok(working) = env::current_dir() {
        reads.extend(FontLibrary::folders_above(&working));
    }
    let folders = |name: &str| env::var_os(name).unwrap_or_default();
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        reads.extend(env::split_paths(&folders(name)));
    }
    for name in ["PAGEREEL_CHROME", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "CHROME_DEVEL_SANDBOX"] {
        reads.insert(program_place(Path::new(&folders(name))));
    }
    reads.extend(job.browser.path.as_deref().map(program_place));
    reads.extend(env::current_exe().ok());
    reads.extend(job.network.map.values().cloned());
    reads.extend(job.subtitles.iter().filter_map(|subtitle| subtitle.file.clone()));
    reads.extend(job.fonts.paths().map(Path::to_owned));
    let outputs = job.output.iter().chain(job.outputs.iter().map(|output| &output.output));
    let files = outputs.filter(|path| path.as_os_str() != OsStr::new("-"));
    writes.extend(files.map(|path| directory_of(path)));
    reads.retain(|path| !path.as_os_str().is_empty());
    (reads, writes)
}

/// The directory of a program, with the files that it needs beside it.
fn program_place(program: &Path) -> PathBuf {
    let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    program.parent().map(Path::to_owned).unwrap_or_default()
}

/// The directory in which a file, or a directory of files, is made: the nearest that exists.
fn directory_of(path: &Path) -> PathBuf {
    let above = path.ancestors().skip(usize::from(!path.is_dir()));
    let there = above.into_iter().find(|above| above.is_dir()).map(Path::to_owned);
    there.unwrap_or_else(|| PathBuf::from("."))
}

#[cfg(target_os = "linux")]
fn restrict(reads: &BTreeSet<PathBuf>, writes: &BTreeSet<PathBuf>) -> Confinement {
    use landlock::{
        ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
        RulesetCreatedAttr as _, RulesetError, RulesetStatus, path_beneath_rules,
    };

    // The newest version whose rights are all named here; older kernels get the part that they
    // know.
    let known = ABI::V5;
    let restricted = || -> Result<RulesetStatus, RulesetError> {
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(known))?
            .create()?
            .add_rules(path_beneath_rules(reads, AccessFs::from_read(known)))?
            .add_rules(path_beneath_rules(writes, AccessFs::from_all(known)))?;
        Ok(rules.restrict_self()?.ruleset)
    };
    match restricted() {
        Ok(RulesetStatus::NotEnforced) => {
            Confinement::Open("this kernel has no Landlock (5.13 and later)".into())
        }
        Ok(_) => Confinement::Confined,
        Err(e) => Confinement::Open(e.to_string()),
    }
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: &BTreeSet<PathBuf>, _: &BTreeSet<PathBuf>) -> Confinement {
    Confinement::Open("there is no Landlock on this system".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_needs() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("site/node_modules")).unwrap();
        std::fs::write(root.join("site/index.html"), "x").unwrap();
        let mut job = Job::new(root.join("site/index.html"), root.join("out/new/a.mp4"));
        let file = root.join("texts/en.vtt");
        let subtitle = serde_json::json!({ "file": file, "language": "en" });
        job.subtitles.push(serde_json::from_value(subtitle).unwrap());
        let (reads, writes) = places(&job);
        assert!(
            reads.contains(&root.join("site")) && reads.contains(&root.join("site/node_modules"))
        );
        assert!(reads.contains(&file));
        assert!(writes.contains(&root) && !writes.contains(&root.join("site")));
        assert!(!reads.contains(Path::new("/")) && !reads.contains(Path::new("/home")));
        assert_eq!(directory_of(&root.join("site")), root.join("site"));
    }
}
