//! What the tests share.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use pagereel::job::CaptureMode;
use pagereel::sink::ChecksumSink;
use pagereel::time::FrameIndex;
use pagereel::{Artifact, Engine, Frame, FrameSink, Job, Moment, Picture, Report};
use serde_json::Value;
use tempfile::TempDir;

/// The path of something below `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The program.
pub(crate) fn pagereel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagereel"));
    command.env_remove("PAGEREEL_CHROME").env("RUST_BACKTRACE", "0");
    command
}

/// Writes a program that is to be started.
///
/// By a process of its own: what another test starts meanwhile would hold this one's open file for a
/// moment, and a file that somebody writes cannot be started.
pub(crate) fn write_program(path: &Path, text: &[u8]) {
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text).unwrap();
    assert!(shell.wait().unwrap().success());
}

/// What makes the program draw by the headless shell, as [`cheaply`] does.
pub(crate) const CHEAPLY: [&str; 2] = ["--capture", "beginFrame"];

/// The job, drawn by the headless shell unless it says how, or by which browser.
///
/// To start an ordinary browser on a display costs more than all else in most tests. Those of which
/// it is the point name [`CaptureMode::Display`].
pub(crate) fn cheaply(job: &Job) -> Job {
    let mut job = job.clone();
    // Pictures with alpha are not drawn on command.
    if job.capture.mode == CaptureMode::Auto && job.browser.path.is_none() && !job.alpha {
        job.capture.mode = CaptureMode::BeginFrame;
    }
    job
}

/// Renders a job to its file with nobody listening.
pub(crate) fn render(job: &Job) -> pagereel::Result<Report> {
    Engine::new().render(&cheaply(job))
}

/// Digests of all frames of a job, by so many sessions.
pub(crate) fn digests(job: &Job, workers: u32) -> Vec<u64> {
    let mut job = cheaply(job);
    job.capture.workers = Some(workers);
    let (list, digests) = sync_channel(100_000);
    let sink = Box::new(ChecksumSink::with_list(list));
    Engine::new().request(&job).render_into(sink).unwrap();
    digests.try_iter().collect()
}

/// The digest of one frame.
pub(crate) fn digest(frame: Frame) -> u64 {
    let (list, digests) = sync_channel(1);
    ChecksumSink::with_list(list).write(frame).unwrap();
    digests.recv().unwrap()
}

/// Digests of single frames, by one browser, in the order in which they are wanted.
pub(crate) fn stills(job: &Job, frames: &[u64]) -> Vec<u64> {
    let moments: Vec<_> = frames.iter().map(|&n| Moment::Frame(FrameIndex(n))).collect();
    let mut seen = Vec::new();
    let mut take = |frame: Frame| {
        assert_eq!(frame.index.0, frames[seen.len()]);
        seen.push(digest(frame));
        Ok(())
    };
    Engine::new().request(&cheaply(job)).stills(&moments, &mut take).unwrap();
    assert_eq!(seen.len(), frames.len());
    seen
}

/// Hands all pictures on.
pub(crate) struct Pictures(pub(crate) SyncSender<Arc<Picture>>);

impl FrameSink for Pictures {
    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        self.0.send(frame.picture).unwrap();
        Ok(())
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        Ok(Artifact::default())
    }
}

/// All pictures of a job.
pub(crate) fn pictures(job: &Job) -> (Report, Vec<Arc<Picture>>) {
    let (sender, pictures) = sync_channel(1000);
    let sink = Box::new(Pictures(sender));
    let report = Engine::new().request(job).render_into(sink);
    (report.unwrap(), pictures.try_iter().collect())
}

/// A page of its own directory.
pub(crate) fn page(html: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.html");
    fs::write(&path, html).unwrap();
    (directory, path)
}

/// Runs a judge and returns what it prints.
pub(crate) fn judge(program: &str, arguments: &[&str]) -> Vec<u8> {
    let Output { status, stdout, stderr } = Command::new(program)
        .args(["-hide_banner", "-loglevel", "error"])
        .args(arguments)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; run ./setup.sh"));
    assert!(status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    stdout
}

/// All frames of a file, decoded by `ffmpeg` to raw pixels of a format such as `gray`.
pub(crate) fn decode(file: &Path, format: &str, bytes_per_frame: usize) -> Vec<Vec<u8>> {
    let file = file.to_str().unwrap();
    // The files are BT.709; without being told, ffmpeg's scaler would use BT.601.
    let filter = "scale=in_color_matrix=bt709:in_range=tv:out_range=pc:\
                  flags=accurate_rnd+full_chroma_int+full_chroma_inp";
    let raw = judge(
        "ffmpeg",
        &[
            "-i",
            file,
            "-fps_mode",
            "passthrough",
            "-vf",
            filter,
            "-f",
            "rawvideo",
            "-pix_fmt",
            format,
            "-",
        ],
    );
    assert_eq!(raw.len() % bytes_per_frame, 0, "whole frames of {bytes_per_frame} bytes");
    raw.chunks(bytes_per_frame).map(<[u8]>::to_vec).collect()
}

/// The video stream as `ffprobe` reads it.
pub(crate) fn probe(file: &Path) -> Value {
    let file = file.to_str().unwrap();
    let json = judge(
        "ffprobe",
        &[
            "-select_streams",
            "v:0",
            "-show_streams",
            "-show_format",
            "-count_packets",
            "-of",
            "json",
            file,
        ],
    );
    serde_json::from_slice(&json).unwrap()
}

/// Presentation time stamps of all frames in the order in which they are shown.
pub(crate) fn time_stamps(file: &Path) -> Vec<i64> {
    let file = file.to_str().unwrap();
    let text = judge(
        "ffprobe",
        &["-select_streams", "v:0", "-show_entries", "frame=pts", "-of", "csv=p=0", file],
    );
    let text = String::from_utf8(text).unwrap();
    text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

/// The index that a gray frame of `frame-barcode` shows; see the top of its page for the layout.
pub(crate) fn barcode(gray: &[u8], width: usize, height: usize) -> Option<u64> {
    let cell = |column: usize, row: usize| {
        let (w, h) = (width / 8, height / 6);
        let (x0, y0) = (column * width / 8 + w / 4, row * height / 6 + h / 4);
        let mut sum = 0_usize;
        for y in y0..y0 + h / 2 {
            sum += gray[y * width + x0..][..w / 2].iter().map(|&v| usize::from(v)).sum::<usize>();
        }
        sum / ((w / 2) * (h / 2)) > 127
    };
    let mut index = 0;
    for row in 0..3 {
        for column in 0..8 {
            let bit = cell(column, row);
            if bit == cell(column, row + 3) {
                return None;
            }
            index = index << 1 | u64::from(bit);
        }
    }
    Some(index)
}

/// Process ids of all browsers whose profile lies below `directory`.
pub(crate) fn browsers_of(directory: &Path) -> Vec<i32> {
    let needle = format!("--user-data-dir={}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&arguments).contains(&needle) {
            found.push(id);
        }
    }
    found
}

/// State and process group of a process.
fn state_of(id: i32) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.to_owned();
    Some((state, fields.nth(1)?.parse().ok()?))
}

/// Process groups of `members`.
pub(crate) fn groups_of(members: &[i32]) -> Vec<i32> {
    members.iter().filter_map(|&id| Some(state_of(id)?.1)).collect()
}

/// Process ids of everything in the process `groups`.
pub(crate) fn members_of(groups: &[i32]) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    // The dead that nobody has waited for yet do not count.
    let lives = |&id: &i32| {
        state_of(id).is_some_and(|(state, group)| state != "Z" && groups.contains(&group))
    };
    ids.filter(lives).collect()
}
