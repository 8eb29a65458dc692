//! The shape of the source.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file below `src/`, relative to it, with its text.
fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found.sort();
    assert!(found.len() > 40, "src/ was found");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn module(name: &str) -> &str {
    name.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn imports_point_one_way() {
    // Each module, and what it must not know. `report` and `error` name things of all layers.
    let rules: [(&str, &[&str]); 12] = [
        ("pipeline", &["browser", "av", "capture", "page", "job", "sink", "engine", "serve"]),
        ("av", &["browser", "capture", "page", "job", "sink", "engine", "pipeline", "report"]),
        ("browser", &["av", "capture", "page", "job", "sink", "engine", "report", "serve"]),
        (
            "network",
            &[
                "browser", "av", "capture", "page", "job", "sink", "engine", "pipeline", "report",
                "serve",
            ],
        ),
        ("frame", &["browser", "av", "capture", "page", "job", "sink", "engine", "pipeline"]),
        ("color", &["browser", "av", "capture", "page", "job", "sink", "engine", "frame"]),
        (
            "media",
            &["browser", "capture", "page", "job", "sink", "engine", "pipeline", "report", "serve"],
        ),
        ("page", &["av", "capture", "sink", "engine", "serve"]),
        ("capture", &["av", "sink", "engine", "serve"]),
        ("composite", &["job", "sink", "engine", "serve"]),
        (
            "sound",
            &[
                "browser", "capture", "page", "job", "sink", "engine", "pipeline", "report",
                "serve", "network",
            ],
        ),
        ("sink", &["browser", "capture", "page", "engine", "serve"]),
    ];
    for (name, text) in all() {
        let Some((_, forbidden)) = rules.iter().find(|(m, _)| *m == module(&name)) else {
            continue;
        };
        for other in *forbidden {
            for line in text.lines().filter(|line| line.trim_start().starts_with("use ")) {
                let needle = format!("crate::{other}");
                assert!(!line.contains(&needle), "{name} must not know {other}: {line}");
            }
        }
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for (name, text) in all() {
        let has = text.contains("unsafe {") || text.contains("unsafe impl");
        assert!(!has || ["av", "sys", "main"].contains(&module(&name)), "{name} has unsafe code");
    }
}

#[test]
fn no_ffi_type_leaves_av() {
    for (name, text) in all().into_iter().filter(|(name, _)| module(name) != "av") {
        assert!(!text.contains("ffmpeg_next"), "{name} knows FFmpeg");
    }
}

#[test]
fn no_external_encoder_is_started() {
    for (name, text) in all() {
        for program in ["\"ffmpeg\"", "\"ffprobe\""] {
            assert!(!text.contains(program), "{name} names {program}");
        }
    }
}

#[test]
fn files_are_short_and_well_named() {
    for (name, text) in all() {
        assert!(text.lines().count() <= 600, "{name} is too long");
        for word in ["utils", "helpers", "common", "misc", "manager", "service", "handler"] {
            assert!(!name.contains(word), "{name}: not a name");
        }
    }
}
