//! Capture off the window of a private display.

use std::fs;

use pagereel::Job;
use pagereel::job::CaptureMode;

use crate::support::{digests, fixture, pagereel};

fn job(name: &str, mode: CaptureMode) -> Job {
    let mut job = Job::without_output(fixture(name).join("index.html"));
    job.frames = Some("0..12".parse().unwrap());
    job.capture.mode = mode;
    job
}

#[test]
#[ignore = "not yet reliable on a loaded machine, which is why `auto` does not choose it"]
fn a_display_shows_what_begin_frame_shows_for_any_number_of_sessions() {
    for name in ["kinetic-text", "nested"] {
        let expected = digests(&job(name, CaptureMode::BeginFrame), 1);
        for workers in [1, 2] {
            let seen = digests(&job(name, CaptureMode::Display), workers);
            assert_eq!(seen, expected, "{name}, {workers} session(s)");
        }
    }
}

#[test]
#[ignore = "not yet reliable on a loaded machine, which is why `auto` does not choose it"]
fn a_display_leaves_nothing_behind() {
    let sockets = || fs::read_dir("/tmp/.X11-unix").map_or(0, Iterator::count);
    let temporary = tempfile::tempdir().unwrap();
    let before = sockets();
    let page = fixture("gsap-nested").join("index.html");
    let output = pagereel()
        .env("TMPDIR", temporary.path())
        .arg(page)
        .args(["--capture", "display", "--frames", "0..3", "--quiet", "--report", "-", "-o"])
        .arg(temporary.path().join("out.mp4"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["plan"]["capture"]["way"], "display");
    // Other tests may have ended their displays meanwhile.
    assert!(sockets() <= before, "a display's socket is left");
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
