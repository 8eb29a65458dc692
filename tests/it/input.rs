//! Bad input: what is said, and the exit code.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::{CHEAPLY, fixture, pagereel, write_program};

struct Ended {
    code: i32,
    stderr: String,
}

fn run(arguments: &[&str]) -> Ended {
    ended(pagereel().args(arguments).output().unwrap())
}

fn ended(output: Output) -> Ended {
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ended { code: output.status.code().expect("it exits by itself"), stderr }
}

/// Renders a page of `fixtures/broken` with more arguments.
fn broken(page: &str, more: &[&str]) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("out.mp4");
    let page = fixture("broken").join(page);
    let page = page.to_str().unwrap();
    let arguments = [&[page, "-o", output.to_str().unwrap()], &CHEAPLY[..], more].concat();
    let result = run(&arguments);
    assert_eq!(output.exists(), result.code == 0, "{}", result.stderr);
    result
}

#[track_caller]
fn says(ended: &Ended, code: i32, text: &str) {
    assert!(ended.stderr.contains(text), "expected {text:?} in:\n{}", ended.stderr);
    assert_eq!(ended.code, code, "{}", ended.stderr);
}

fn job_file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("job.json");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

#[test]
fn job_files() {
    says(&run(&["nowhere/job.json"]), 2, "the job file does not exist: nowhere/job.json");
    for (text, message) in [
        ("{", "not JSON: line 1, column 1"),
        (
            r#"{"composition":"a.html","output":"a.mp4","video":{"crff":1}}"#,
            "field `video.crff` is unknown; did you mean `crf`?",
        ),
        (
            r#"{"composition":"a.html","output":"a.mp4","strict":"yes"}"#,
            "field `strict` must be true or false",
        ),
        (r#"{"composition":"a.html","output":"a.mp4","fps":0}"#, "field `fps` must be"),
        (r#"{"composition":"a.html","output":"a.mp4","fps":1000000000}"#, "field `fps` must be"),
        (r#"{"composition":"a.html","output":"a.mp4","size":"0x0"}"#, "field `size"),
        (r#"{"composition":"a.html","output":"a.mp4","size":"100000x100"}"#, "field `size"),
        (r#"{"composition":"a.html","output":"a.mp4","duration":0}"#, "field `duration` must be"),
        (r#"{"composition":"a.html","output":"a.mp4"}"#, "the composition does not exist"),
        (
            r#"{"composition":"a.html","output":"a.avi"}"#,
            "field `output` must be a file name that ends in .mp4, .mov, .mkv, .webm",
        ),
    ] {
        let (_directory, path) = job_file(text);
        says(&run(&[&path]), 2, message);
    }
    says(&run(&["nowhere.html", "-o", "a.mp4"]), 2, "the composition does not exist: nowhere.html");
    says(&run(&[fixture("stills").to_str().unwrap()]), 2, "pass -o FILE");
}

#[test]
fn compositions_without_an_end() {
    says(&broken("zero-duration.html", &[]), 1, "the duration (root) is 0 s");
    says(&broken("nan-duration.html", &[]), 1, "the duration (hf) is not a number");
    says(&broken("infinite-gsap.html", &[]), 1, "repeats for ever and declares no duration");
    says(&broken("no-duration.html", &[]), 1, "the composition has no duration");
    // The job can say what the page does not.
    says(&broken("no-duration.html", &["--duration", "0.1"]), 0, "");
}

#[test]
fn pages_that_fail() {
    let ended = broken("throws.html", &[]);
    says(&ended, 1, "the composition has no duration");
    says(&ended, 1, "its script failed: ");
    says(&broken("throws-late.html", &[]), 0, "warning: script error: ");
    says(&broken("throws-late.html", &["--strict"]), 1, "the job is strict");
    says(&broken("missing-image.html", &[]), 0, "HTTP status 404");
    says(&broken("missing-image.html", &["--strict"]), 1, "HTTP status 404");
    says(&broken("reject.html", &[]), 1, "frame 5: the page threw: ");
}

/// A page and a job with short deadlines.
fn hasty(page: &str) -> Ended {
    let page = fixture("broken").join(page);
    let (directory, path) = job_file("{}");
    let job = serde_json::json!({
        "composition": page, "output": "out.mp4", "capture": { "workers": 1, "mode": "beginFrame" },
        "timeouts": { "ready": 1, "player": 1, "timelines": 1, "frame": 2 },
    });
    fs::write(&path, job.to_string()).unwrap();
    let ended = run(&[&path]);
    assert!(!directory.path().join("out.mp4").exists() || ended.code == 0);
    ended
}

#[test]
fn pages_that_never_answer() {
    let ended = hasty("never-ready.html");
    says(&ended, 1, "the page is not ready after 1 s; still waiting for ");
    says(&ended, 1, "__renderReady");
    let ended = hasty("hang.html");
    says(&ended, 1, "no answer from Chrome within 2 s while Runtime.evaluate");
    says(&ended, 1, "error: frame ");
    says(&ended, 1, "hint: if the page really takes that long");
}

#[test]
fn outputs_that_cannot_be_written() {
    let page = fixture("broken/no-duration.html");
    let page = page.to_str().unwrap();
    let ended = run(&[page, "--duration", "0.1", "-o", "/proc/nowhere/out.mp4"]);
    says(&ended, 1, "/proc/nowhere: cannot create: ");
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken.mp4");
    fs::create_dir(&taken).unwrap();
    let ended = run(&[page, "--duration", "0.1", "-o", taken.to_str().unwrap()]);
    says(&ended, 1, "taken.mp4: cannot write: is a directory");
}

fn with_chrome(path: &str) -> Ended {
    let page = fixture("broken/no-duration.html");
    let mut command = pagereel();
    command.arg(page).args(["--duration", "0.1", "-o", "/tmp/never.mp4"]);
    ended(command.env("PAGEREEL_CHROME", path).output().unwrap())
}

#[test]
fn browsers_that_do_not_work() {
    says(&with_chrome("/nowhere/chrome"), 3, "no Chrome found; looked for /nowhere/chrome");
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("chrome-headless-shell");
    let write = |text: &str| {
        write_program(&script, text.as_bytes());
    };
    write("#!/bin/sh\necho 'cannot open display' >&2\nexit 7\n");
    let ended = with_chrome(script.to_str().unwrap());
    says(
        &ended,
        3,
        "chrome-headless-shell ended at once (exit status: 7); it said: cannot open display",
    );
    assert!(!Path::new("/tmp/never.mp4").exists());
}

/// What a page's warning says, and that `strict` makes it an error.
#[track_caller]
fn warns(page: &str, text: &str) {
    let ended = broken(page, &[]);
    says(&ended, 0, "warning: ");
    says(&ended, 0, text);
    let ended = broken(page, &["--strict"]);
    says(&ended, 1, "the job is strict");
    says(&ended, 1, text);
}

#[test]
fn compositions_that_contradict_themselves() {
    warns(
        "unknown-reference.html",
        "data-start of #late is \"nobody + 1\", but nothing timed in its composition has the id \
         \"nobody\"; 0 is used",
    );
    warns("reference-cycle.html", "which goes round in a circle: #a -> #b -> #a; 0 is used");
    warns("bad-duration.html", "is \"soon\", expected a length in seconds");
    warns("overlap.html", "overlap on track ");
    warns("bad-variables.html", "data-composition-variables of <html> is not JSON (");
    says(
        &broken("bad-size.html", &[]),
        1,
        "the page's data-width is \"wide\", expected a whole number from 1 to 16384",
    );
}

#[test]
fn compositions_that_lack_something() {
    let ended = broken("missing-script.html", &[]);
    says(&ended, 1, "the composition has no duration");
    says(&ended, 1, "its script failed: ");
    says(&ended, 1, "gsap.min.js: HTTP status 404");
    let ended = hasty("missing-timeline.html");
    says(&ended, 1, "gave up waiting for window.__timelines[\"missing-timeline\"]");
    let nested = fixture("nested/index.html");
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("out.mp4");
    let ended = run(&[nested.to_str().unwrap(), "-o", output.to_str().unwrap(), "--strict"]);
    says(&ended, 1, "a script of compositions/failing.html failed: Uncaught TypeError: ");
    assert!(!output.exists());
}
