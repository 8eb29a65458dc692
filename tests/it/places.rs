//! What is no plain file at the place of an output: links, pipes, devices, descriptors, nothing.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{CHEAPLY, page, pagereel, probe};

const PAGE: &str = "<body style='margin:0;background:#135'><div data-composition-id='main' \
                    data-width='64' data-height='36' data-duration='0.4'></div>";

/// Renders the page of `directory` to `output`.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = pagereel();
    command.current_dir(directory).args(["index.html", "--quiet", "--workers", "1"]);
    command.args(CHEAPLY).args(arguments).output().unwrap()
}

/// Exit code, and what standard error says.
fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn frames(file: &Path) -> String {
    probe(file)["streams"][0]["nb_read_packets"].as_str().unwrap().to_owned()
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipes_get_whole_files_and_are_never_replaced() {
    let (directory, _) = page(PAGE);
    let (root, fifo) = (directory.path(), directory.path().join("fifo.mp4"));
    pipe(&fifo);
    let copy = fs::File::create(root.join("copy.mp4")).unwrap();
    let mut reader = Command::new("cat").arg(&fifo).stdout(copy).spawn().unwrap();
    assert_eq!(told(&run(root, &["-o", "fifo.mp4"])), (Some(0), String::new()));
    assert!(reader.wait().unwrap().success());
    assert_eq!(frames(&root.join("copy.mp4")), "12");
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());

    // A reader that goes away ends the render.
    let mut head = Command::new("head");
    let mut reader = head.args(["-c", "9"]).arg(&fifo).stdout(Stdio::null()).spawn().unwrap();
    let raw = ["-o", "fifo.y4m", "--size", "640x360"];
    symlink("fifo.mp4", root.join("fifo.y4m")).unwrap();
    let (code, text) = told(&run(root, &raw));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("cannot write fifo.y4m: broken pipe"), "{text}");
    reader.wait().unwrap();

    // What must be gone back in, or is several files, is refused.
    for (format, found) in [("hls", "found hls"), ("png", "found png"), ("apng", "found apng")] {
        pipe(&root.join(format));
        let (code, text) = told(&run(root, &["-o", format, "--format", format]));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("for a pipe or device") && text.contains(found), "{text}");
    }
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
}

#[test]
fn devices_are_written_into() {
    let (directory, _) = page(PAGE);
    let root = directory.path();
    let node = |name: &str, minor: &str| {
        let made = Command::new("mknod").args([name, "c", "1", minor]).current_dir(root).output();
        made.unwrap().status.success()
    };
    if !node("null", "3") || !node("full", "7") {
        println!("not tried: only root may make devices");
        return;
    }
    assert_eq!(told(&run(root, &["-o", "null", "--format", "mp4"])), (Some(0), String::new()));
    let (code, text) = told(&run(root, &["-o", "full", "--format", "mkv"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no space left"), "{text}");
    for name in ["null", "full"] {
        let kind = fs::metadata(root.join(name)).unwrap().file_type();
        assert!(kind.is_char_device(), "{name}");
    }
}

#[test]
fn links_are_written_through() {
    let (directory, _) = page(PAGE);
    let root = directory.path();
    fs::create_dir(root.join("elsewhere")).unwrap();
    fs::write(root.join("elsewhere/real.mp4"), "old").unwrap();
    fs::hard_link(root.join("elsewhere/real.mp4"), root.join("other.mp4")).unwrap();
    symlink("elsewhere/real.mp4", root.join("link.mp4")).unwrap();
    symlink("elsewhere/new.mp4", root.join("dangling.mp4")).unwrap();
    symlink("round.mp4", root.join("round.mp4")).unwrap();
    for name in ["link.mp4", "dangling.mp4"] {
        assert_eq!(told(&run(root, &["-o", name])), (Some(0), String::new()));
        assert!(root.join(name).is_symlink(), "{name}");
        assert_eq!(frames(&root.join(name)), "12");
    }
    // The other name of the file still has what was there.
    assert_eq!(fs::read(root.join("other.mp4")).unwrap(), b"old");
    let (code, text) = told(&run(root, &["-o", "round.mp4"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("in a circle"), "{text}");
    let left = fs::read_dir(root.join("elsewhere")).unwrap().count();
    assert_eq!(left, 2, "nothing unfinished is left");
}

#[test]
fn descriptors_are_written_into() {
    let (directory, _) = page(PAGE);
    let root = directory.path();
    let program = env!("CARGO_BIN_EXE_pagereel");
    let shell = |tail: &str| {
        let line = format!("{program} index.html --quiet --workers 1 --capture beginFrame {tail}");
        Command::new("sh").args(["-c", &line]).current_dir(root).output().unwrap()
    };
    for (name, tail) in [
        ("a.mkv", "-o /dev/stdout --format mkv > a.mkv"),
        ("b.mkv", "-o /proc/self/fd/1 --format mkv | cat > b.mkv"),
        ("c.mkv", "-o /dev/fd/3 --format mkv 3> c.mkv"),
    ] {
        assert_eq!(told(&shell(tail)), (Some(0), String::new()), "{tail}");
        assert_eq!(frames(&root.join(name)), "12", "{tail}");
    }
    for (tail, expected) in [
        ("-o /dev/fd/3 --format mkv", "descriptor 3, which is not open"),
        ("-o /dev/fd/3 --format mkv 3< index.html", "open for reading only"),
        ("-o /dev/stdout --format mkv --report -", "standard output is taken"),
    ] {
        let (code, text) = told(&shell(tail));
        assert_eq!(code, Some(2), "{tail}: {text}");
        assert!(text.contains(expected), "{tail}: {text}");
    }
}

#[test]
fn what_cannot_be_written_is_told_before_the_browser_starts() {
    let (directory, _) = page(PAGE);
    let root = directory.path();
    fs::create_dir(root.join("taken.mp4")).unwrap();
    let (right, wrong) = (format!("{}.mp4", "n".repeat(251)), format!("{}.mp4", "n".repeat(252)));
    for (output, expected) in [
        (wrong.as_str(), "File name too long"),
        ("index.html/a.mp4", "Not a directory"),
        ("index.html/b/c.mp4", "Not a directory"),
        ("taken.mp4", "directory"),
    ] {
        let (code, text) = told(&run(root, &["-o", output, "--chrome", "/nowhere/chrome"]));
        assert_eq!(code, Some(1), "{output}: {text}");
        assert!(text.contains(expected), "{output}: {text}");
    }
    // As root all may be written.
    fs::write(root.join("kept.mp4"), "kept").unwrap();
    fs::set_permissions(root.join("kept.mp4"), fs::Permissions::from_mode(0o444)).unwrap();
    let is_root = fs::OpenOptions::new().write(true).open(root.join("kept.mp4")).is_ok();
    let (code, _) = told(&run(root, &["-o", "kept.mp4", "--chrome", "/nowhere/chrome"]));
    assert_eq!(code, Some(if is_root { 3 } else { 1 }));
    assert_eq!(fs::read(root.join("kept.mp4")).unwrap(), b"kept");
    // A name that is as long as names may be is none too long.
    assert_eq!(told(&run(root, &["-o", &right])), (Some(0), String::new()));
    assert_eq!(frames(&root.join(right)), "12");
}

#[test]
fn a_render_can_be_measured_without_a_file() {
    let (directory, _) = page(PAGE);
    let root = directory.path();
    fs::write(root.join("job.json"), r#"{"composition":"index.html","output":"out.mp4"}"#).unwrap();
    let before = fs::read_dir(root).unwrap().count();
    let mut command = pagereel();
    command.current_dir(root).args(["job.json", "--quiet", "--format", "null", "--report", "-"]);
    let output = command.args(CHEAPLY).output().unwrap();
    assert_eq!(told(&output), (Some(0), String::new()));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["output"]["frames"], 12);
    assert_eq!(report["output"]["path"], serde_json::Value::Null);
    assert!(report["stages"]["encodeMs"].as_f64().unwrap() > 0.0);
    assert_eq!(report["plan"]["outputs"][0]["video"]["codec"], "h264");
    assert_eq!(fs::read_dir(root).unwrap().count(), before, "no file");
    let job = r#"{"composition":"index.html","output":"out.mkv","outputs":[{"output":"-","format":"y4m"}]}"#;
    fs::write(root.join("job.json"), job).unwrap();
    let mut command = pagereel();
    command.current_dir(root).args(["job.json", "--quiet"]);
    let output = command.args(CHEAPLY).output().unwrap();
    assert_eq!(told(&output), (Some(0), String::new()));
    assert!(output.stdout.starts_with(b"YUV4MPEG2 W64 H36"));
    let (code, text) = told(&run(root, &["-o", "a.mkv", "--format", "null"]));
    assert_eq!(code, Some(2), "{text}");
}

#[test]
fn a_directory_that_cannot_be_replaced_is_filled() {
    let (directory, _) = page(PAGE);
    let frames = directory.path().join("frames");
    fs::create_dir(&frames).unwrap();
    let mut command = pagereel();
    command.current_dir(&frames).args(["../index.html", "--quiet", "-o", "./", "--workers", "1"]);
    command.args(CHEAPLY);
    for _ in 0..2 {
        assert_eq!(told(&command.output().unwrap()), (Some(0), String::new()));
        assert_eq!(fs::read_dir(&frames).unwrap().count(), 12);
    }
}
