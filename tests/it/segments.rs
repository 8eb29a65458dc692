//! Renders in segments: resumed, by several processes, and what does not fit.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{CHEAPLY, page, pagereel};

/// A page of two seconds in which every frame is another.
const PAGE: &str = r#"<!doctype html><style>
    #m { background: #204060 } i { position: absolute; width: 9px; height: 9px; background: red;
    animation: go 2s linear both } @keyframes go { to { transform: translate(50px, 20px) } }
    </style><div id="m" data-composition-id="m" data-width="128" data-height="64"
    data-duration="2" data-fps="30"><i></i></div>"#;

/// All kinds of what is kept: packets of several encoders, frames, pictures of single frames.
const JOB: &str = r#"{ "composition": "index.html", "output": "DIR/a.mp4", "segmentFrames": 16,
    "outputs": [ { "output": "DIR/b.webm" }, { "output": "DIR/c.gif" }, { "output": "DIR/d.mov",
    "video": { "codec": "prores" } }, { "output": "DIR/e.mp4", "video": { "bitrate": "300k" } },
    { "output": "DIR/f.mkv", "video": { "codec": "hevc" } }, { "output": "DIR/g.wav" },
    { "output": "DIR/i.mkv", "video": { "codec": "av1" } },
    { "output": "DIR/h.png", "at": 1.5 } ] }"#;

const FILES: [&str; 9] =
    ["a.mp4", "b.webm", "c.gif", "d.mov", "e.mp4", "f.mkv", "g.wav", "h.png", "i.mkv"];

fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs the program in `directory` with these words, of which those with a page are rendered
/// cheaply.
fn run(directory: &Path, words: &str) -> (Option<i32>, String) {
    let mut program = pagereel();
    program.current_dir(directory).args(words.split_whitespace());
    if words.contains("job.json") {
        program.args(CHEAPLY);
    }
    said(&mut program)
}

/// Writes the job with outputs in `folder`.
fn write_job(directory: &Path, folder: &str) {
    fs::write(directory.join("job.json"), JOB.replace("DIR", folder)).unwrap();
}

fn files(directory: &Path, folder: &str) -> Vec<Vec<u8>> {
    let read = |name: &&str| fs::read(directory.join(folder).join(name)).unwrap();
    FILES.iter().map(read).collect()
}

fn compare(directory: &Path, folder: &str) {
    let pairs = files(directory, "plain").into_iter().zip(files(directory, folder));
    for (name, (plain, other)) in FILES.iter().zip(pairs) {
        assert!(plain == other, "{name} of {folder} is not that of an undisturbed render");
    }
}

#[test]
fn chunks_and_resumed_renders_are_the_undisturbed_file() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    write_job(directory, "plain");
    assert_eq!(run(directory, "job.json --quiet").0, Some(0));

    write_job(directory, "chunked");
    let (code, text) = run(directory, "plan job.json --chunks 7 --work w --print count");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("7 chunks were asked for, and there are 4"), "{text}");
    let (code, text) = run(directory, "assemble w --quiet");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("4 of 4 chunks are missing: 0, 1, 2, 3"), "{text}");
    // Also one that is empty, and one twice.
    for index in [2, 0, 6, 3, 3, 1] {
        let (code, text) = run(directory, &format!("render-chunk w --index {index} --quiet"));
        assert_eq!((code, &*text), (Some(0), ""), "chunk {index}");
    }
    assert_eq!(run(directory, "render-chunk w --index 7 --quiet").0, Some(2));
    assert_eq!(run(directory, "assemble w/plan.json --quiet"), (Some(0), String::new()));
    compare(directory, "chunked");

    // Killed when its first segment is finished.
    write_job(directory, "resumed");
    let mut program = pagereel();
    program.current_dir(directory).args(["job.json", "--quiet", "--work", "r"]).args(CHEAPLY);
    let mut child = program.spawn().unwrap();
    let (record, begun) = (directory.join("r/chunks/00000.json"), Instant::now());
    while !record.exists() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no segment was finished");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(run(directory, "job.json --quiet --work r"), (Some(0), String::new()));
    compare(directory, "resumed");
    assert!(!directory.join("r").exists(), "nothing of it is left");
}

#[test]
fn what_does_not_fit_is_refused_or_rendered_again() {
    let (directory, page) = page(PAGE);
    let directory = directory.path();
    write_job(directory, "plain");
    assert_eq!(run(directory, "plan job.json --chunks auto --work w").0, Some(0));
    assert_eq!(run(directory, "render-chunk w --index 1 --quiet"), (Some(0), String::new()));
    assert_eq!(run(directory, "job.json --quiet --work w --keep-work").0, Some(0));

    // A part that was changed on the disk.
    let parts =
        fs::read_dir(directory.join("w/chunks")).unwrap().map(|entry| entry.unwrap().path());
    let part = parts.into_iter().find(|p| p.to_string_lossy().contains("00002.0.")).unwrap();
    let mut bytes = fs::read(&part).unwrap();
    bytes[100] ^= 1;
    fs::write(&part, bytes).unwrap();
    let (code, text) = run(directory, "assemble w --quiet");
    assert!(code == Some(1) && text.contains("its digest differs"), "{code:?} {text}");

    // Another page, with which the plan was not made.
    fs::write(&page, PAGE.replace("#204060", "#204061")).unwrap();
    let (code, text) = run(directory, "render-chunk w --index 1 --quiet");
    assert!(code == Some(4) && text.contains("index.html is not the file"), "{code:?} {text}");
    let (code, text) = run(directory, "job.json --work w");
    assert!(code == Some(0) && text.contains("what was finished is rendered again"), "{text}");

    // A directory that holds other things.
    fs::create_dir(directory.join("mine")).unwrap();
    fs::write(directory.join("mine/precious.txt"), "mine").unwrap();
    let (code, text) = run(directory, "job.json --quiet --work mine");
    assert!(code == Some(2) && text.contains("holds precious.txt"), "{code:?} {text}");
    assert!(directory.join("mine/precious.txt").exists());
    assert_eq!(run(directory, "status nowhere").0, Some(2));
}
