//! Several outputs of one capture.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::thread;

use pagereel::Job;
use pagereel::job::OptionValue;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::{CHEAPLY, fixture, page, pagereel, render};

/// Bytes that the reader takes before it goes away: some frames of 64x36.
const TAKEN: u64 = 20_000;

/// A page of two seconds in which every frame is another.
const PAGE: &str = r#"<!doctype html><style>
    #m { background: #204060 } i { position: absolute; width: 9px; height: 9px; background: red;
    animation: go 2s linear both } @keyframes go { to { transform: translate(50px, 20px) } }
    </style><div id="m" data-composition-id="m" data-width="64" data-height="36"
    data-duration="2" data-fps="30"><i></i></div>"#;

fn run(directory: &Path, outputs: &[&str]) -> (Option<i32>, String) {
    let (main, others) = outputs.split_first().unwrap();
    let others: Vec<_> = others.iter().map(|name| format!(r#"{{"output": "{name}"}}"#)).collect();
    let others = others.join(", ");
    let job =
        format!(r#"{{"composition": "index.html", "output": "{main}", "outputs": [{others}]}}"#);
    fs::write(directory.join("job.json"), job).unwrap();
    let mut program = pagereel();
    program.current_dir(directory).args(["job.json", "--quiet", "--workers", "1"]).args(CHEAPLY);
    let output = program.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn each_file_is_as_if_it_were_alone() {
    let (directory, _) = page(PAGE);
    let names = ["a.mp4", "b.webm", "c.gif"];
    assert_eq!(run(directory.path(), &names), (Some(0), String::new()));
    let together = names.map(|name| fs::read(directory.path().join(name)).unwrap());
    for (name, together) in names.into_iter().zip(together) {
        assert_eq!(run(directory.path(), &[name]).0, Some(0));
        let alone = fs::read(directory.path().join(name)).unwrap();
        assert!(alone == together, "{name} is another file beside others");
    }
}

#[test]
fn one_output_that_fails_is_named_and_takes_the_others_with_it() {
    let (directory, _) = page(PAGE);
    let pipe = directory.path().join("pipe.y4m");
    mkfifoat(CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
    let reader = thread::spawn(move || {
        let mut taken = Vec::new();
        fs::File::open(pipe).unwrap().take(TAKEN).read_to_end(&mut taken).unwrap();
        taken.len() as u64
    });
    let (code, said) = run(directory.path(), &["a.mp4", "pipe.y4m", "b.webm"]);
    assert_eq!(reader.join().unwrap(), TAKEN);
    assert_eq!(code, Some(1));
    assert!(said.contains("pipe.y4m") && said.contains("broken pipe"), "{said}");
    let mut left: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
    left.sort_by_key(fs::DirEntry::file_name);
    let left: Vec<_> = left.iter().map(fs::DirEntry::file_name).collect();
    assert_eq!(left, ["index.html", "job.json", "pipe.y4m"]);
}

/// What an encoder reads beyond its pictures is whatever was in memory before.
#[test]
fn no_file_depends_on_what_was_in_memory() {
    let (directory, _) = page(&PAGE.replace("#204060", "linear-gradient(#204060, #fff)"));
    let outputs = [(336, "a.mp4"), (336, "b.webm"), (528, "c.mp4"), (960, "d.mov"), (72, "e.gif")];
    let outputs = outputs.map(|(width, name)| {
        let codec = if name == "d.mov" { r#", "codec": "prores""# } else { "" };
        format!(
            r#"{{"output": "{name}", "video": {{"size": "{width}x200", "fit": "stretch"{codec}}}}}"#
        )
    });
    let job = format!(
        r#"{{"composition": "index.html", "frames": "0..12", "outputs": [{}]}}"#,
        outputs.join(", ")
    );
    fs::write(directory.path().join("job.json"), job).unwrap();
    let mut first: Option<Vec<Vec<u8>>> = None;
    for fill in ["0", "1", "77", "165"] {
        let mut program = pagereel();
        // The C library fills what it hands out and takes back.
        program.env("MALLOC_PERTURB_", fill);
        program.current_dir(directory.path()).args(["job.json", "--quiet", "--workers", "1"]);
        let ended = program.args(CHEAPLY).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let names = ["a.mp4", "b.webm", "c.mp4", "d.mov", "e.gif"];
        let files = names.map(|name| fs::read(directory.path().join(name)).unwrap());
        let first = first.get_or_insert_with(|| files.to_vec());
        for ((name, file), first) in names.iter().zip(&files).zip(first) {
            assert!(file == first, "{name} differs where memory was filled with {fill}");
        }
    }
}

/// What an encoder decides does not come from the last bits of sums that processors make differently.
#[test]
fn the_same_h264_on_any_processor() {
    let directory = tempfile::tempdir().unwrap();
    let mut first: Option<Vec<u8>> = None;
    for kernels in ["", "asm=AVX2", "asm=SSE4", "asm=0"] {
        let mut job = Job::new(fixture("raf-canvas/index.html"), directory.path().join("a.mp4"));
        job.frames = Some("0..16".parse().unwrap());
        if !kernels.is_empty() {
            let option = OptionValue::Text(kernels.into());
            job.video.options.insert("x264-params".into(), option);
        }
        render(&job).unwrap();
        let file = fs::read(directory.path().join("a.mp4")).unwrap();
        let first = first.get_or_insert_with(|| file.clone());
        assert!(file == *first, "the file differs with `{kernels}`");
    }
}
