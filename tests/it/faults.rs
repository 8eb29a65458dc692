//! Crashes, kills and interrupts: no frame is lost, no file is half there, no browser is left.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use pagereel::job::CaptureMode;
use pagereel::plan::Backend;
use pagereel::sink::ChecksumSink;
use pagereel::{CancelToken, Engine, Error, Event, Job};

use tempfile::TempDir;

use crate::support::{
    browsers_of, digests, fixture, groups_of, members_of, page, pagereel, render,
};

fn signal(name: &str, process: i32) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(sent.success(), "kill {name} {process}");
}

fn cards(output: &Path) -> Job {
    let mut job = Job::from_file(fixture("css-cards").join("job.json")).unwrap();
    job.output = Some(output.to_owned());
    job.video.quality = pagereel::job::Quality::Draft;
    job.capture.workers = Some(2);
    // As the program does by itself.
    job.capture.mode = CaptureMode::Display;
    job
}

/// A directory, one below it for temporary files, and the path of a video.
fn workplace() -> (TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join("t");
    fs::create_dir(&temporary).unwrap();
    let output = directory.path().join("out.mp4");
    (directory, temporary, output)
}

/// The program, at work: at least `frames` frames are written.
fn start(temporary: &Path, output: &Path, frames: u64) -> Child {
    let mut child = pagereel()
        .arg(fixture("css-cards").join("job.json"))
        .args(["--json", "--workers", "2", "--quality", "draft", "-o"])
        .arg(output)
        .env("TMPDIR", temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.as_mut().unwrap();
    for line in BufReader::new(stdout).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["frame"].as_u64() >= Some(frames) {
            return child;
        }
    }
    let status = child.wait().unwrap();
    panic!("it ended before frame {frames}: {status}");
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_killed_browser_costs_no_frame() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.mp4");
    render(&cards(&whole)).unwrap();

    let survived = directory.path().join("survived.mp4");
    let temporary = directory.path().join("t");
    fs::create_dir(&temporary).unwrap();
    let mut child = pagereel()
        .arg(fixture("css-cards").join("job.json"))
        .args(["--json", "--workers", "2", "--quality", "draft", "-o"])
        .arg(&survived)
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut killed = 0;
    let mut report = serde_json::Value::Null;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let mut event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let frame = event["frame"].as_u64().unwrap_or_default();
        if event["status"] == "rendering" && killed < 2 && frame >= 30 * killed {
            let browsers = browsers_of(&temporary);
            let browser = browsers.last().expect("a render has a browser");
            signal("-KILL", *browser);
            killed += 1;
        }
        if event["type"] == "complete" {
            report = event["report"].take();
        }
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(killed, 2);
    let retried: u64 =
        report["sessions"].as_array().unwrap().iter().filter_map(|s| s["retried"].as_u64()).sum();
    assert!(retried >= 1, "{report}");
    assert!(fs::read(&whole).unwrap() == fs::read(&survived).unwrap(), "the files differ");
}

#[test]
fn a_killed_engine_leaves_no_browser_and_no_file() {
    let (_directory, temporary, output) = workplace();
    let mut child = start(&temporary, &output, 30);
    let browsers = browsers_of(&temporary);
    assert!(browsers.len() >= 2, "two sessions have two browsers");
    let groups = groups_of(&browsers);
    assert!(members_of(&groups).len() > browsers.len(), "browsers have children");

    signal("-KILL", i32::try_from(child.id()).unwrap());
    child.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    while !members_of(&groups).is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(members_of(&groups), Vec::<i32>::new(), "browsers are left");
    assert!(!output.exists());
    // The watchdog also removes the profiles.
    let until = Instant::now() + Duration::from_secs(3);
    while !names_in(&temporary).is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(names_in(&temporary), Vec::<String>::new());
}

#[test]
fn an_interrupt_ends_cleanly() {
    let (directory, temporary, output) = workplace();
    let mut child = start(&temporary, &output, 30);
    let browsers = browsers_of(&temporary);
    let groups = groups_of(&browsers);
    let asked = Instant::now();
    signal("-INT", i32::try_from(child.id()).unwrap());
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    assert_eq!(members_of(&groups), Vec::<i32>::new(), "browsers are left");
    assert_eq!(names_in(directory.path()), ["t"], "no file, whole or partial");
    assert_eq!(names_in(&temporary), Vec::<String>::new(), "no profile");
}

#[test]
fn a_cancelled_render_returns_soon_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let job = cards(&directory.path().join("out.mp4"));
    let cancel = CancelToken::new();
    let mut last = None;
    let mut progress = |event: &Event| {
        if event.frame.is_some() && last.is_none() {
            last = Some(Instant::now());
            cancel.cancel();
        }
    };
    let result = Engine::new().request(&job).progress(&mut progress).cancel(&cancel).render();
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(last.unwrap().elapsed() < Duration::from_secs(2));
    assert_eq!(names_in(directory.path()), Vec::<String>::new());
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    // A file system of its own, where this user may mount one.
    let directory = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=200k", "tmpfs"])
        .arg(directory.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        // Only root may mount, and not in every container: there this is not shown.
        return;
    }
    let mut job = cards(&directory.path().join("out.mp4"));
    job.video.quality = pagereel::job::Quality::High;
    let error = render(&job).unwrap_err();
    let left = names_in(directory.path());
    let unmounted = Command::new("umount").arg(directory.path()).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(left, Vec::<String>::new());
    let text = error.to_string();
    assert!(text.contains("out.mp4: no space left on device"), "{text}");
    assert_eq!(error.exit_code(), 1);
    assert_eq!(error.hint().unwrap(), "free some space, or write elsewhere");
}

/// A page that hangs in one way is taken in the next, and what was written stays.
#[test]
fn a_page_that_hangs_in_one_way_is_finished_in_another() {
    let (_directory, html) = page(
        "<!doctype html><body style='margin:0'><div id=a data-composition-id=r data-width=128 \
         data-height=72 data-duration=1 style='width:40px;height:40px;background:#08f'></div>\
         <script>window.__hf = { duration: 1, seek(t) {\
           while (self !== top && t > 0.39) {}\
           a.style.marginLeft = Math.round(t * 60) + 'px';\
         } }</script>",
    );
    let mut job = Job::without_output(&*html);
    job.timeouts.frame = Duration::from_secs(2);
    job.capture.mode = CaptureMode::BeginFrame;
    let expected = digests(&job, 1);
    for workers in [1, 2] {
        job.capture.mode = CaptureMode::Display;
        job.capture.workers = Some(workers);
        let (list, digests) = sync_channel(100);
        let sink = Box::new(ChecksumSink::with_list(list));
        let report = Engine::new().request(&job).render_into(sink).unwrap();
        assert_eq!(report.plan.capture.backend, Backend::Display);
        assert_eq!(digests.try_iter().collect::<Vec<_>>(), expected);
        let reasons = &report.decisions;
        let told = reasons.iter().find(|r| r.starts_with("beginFrame instead of display: frame 1"));
        assert!(told.is_some_and(|r| r.contains("was lost 2 times")), "{reasons:?}");
    }
}
