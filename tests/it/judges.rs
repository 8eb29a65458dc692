//! Programs of others about every container and codec that we write: `docs/judges.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use pagereel::Job;
use serde_json::{Value, json};

use crate::files_out::{clicking_page, in_chrome};
use crate::support::render;

/// Names of files, codecs of picture and sound, and what Chrome calls it where it plays it in parts.
#[rustfmt::skip]
const FILES: [(&str, &str, &str, &str); 32] = [
    ("h264-aac.mp4", "h264", "aac", ""),
    ("h264-opus.mp4", "h264", "opus", ""),
    ("h264-flac.mp4", "h264", "flac", ""),
    ("h264-alac.mp4", "h264", "alac", ""),
    ("hevc-aac.mp4", "hevc", "aac", ""),
    ("av1-aac.mp4", "av1", "aac", ""),
    ("vp9-aac.mp4", "vp9", "aac", ""),
    ("fragmented.mp4", "h264", "aac", "video/mp4; codecs=\"avc1.640028,mp4a.40.2\""),
    ("h264-aac.mov", "h264", "aac", ""),
    ("h264-pcm.mov", "h264", "pcm", ""),
    ("h264-alac.mov", "h264", "alac", ""),
    ("hevc-aac.mov", "hevc", "aac", ""),
    ("prores-pcm.mov", "prores", "pcm", ""),
    ("dnxhr-pcm.mov", "dnxhr", "pcm", ""),
    ("png-pcm.mov", "png", "pcm", ""),
    ("animation-pcm.mov", "animation", "pcm", ""),
    ("h264-aac.mkv", "h264", "aac", ""),
    ("h264-opus.mkv", "h264", "opus", ""),
    ("h264-flac.mkv", "h264", "flac", ""),
    ("h264-pcm.mkv", "h264", "pcm", ""),
    ("h264-alac.mkv", "h264", "alac", ""),
    ("hevc-aac.mkv", "hevc", "aac", ""),
    ("av1-opus.mkv", "av1", "opus", ""),
    ("vp9-opus.mkv", "vp9", "opus", ""),
    ("vp8-opus.mkv", "vp8", "opus", ""),
    ("ffv1-flac.mkv", "ffv1", "flac", ""),
    ("prores-pcm.mkv", "prores", "pcm", ""),
    ("png-flac.mkv", "png", "flac", ""),
    ("vp9-opus.webm", "vp9", "opus", "video/webm; codecs=\"vp9,opus\""),
    ("av1-opus.webm", "av1", "opus", "video/webm; codecs=\"av01.0.01M.08,opus\""),
    ("vp8-opus.webm", "vp8", "opus", "video/webm; codecs=\"vp8,opus\""),
    ("h264-aac.m3u8", "h264", "aac", "video/mp4; codecs=\"avc1.640028,mp4a.40.2\""),
];

fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    Command::new(program).args(arguments).output().ok().map(|output| output.stdout)
}

/// Format, pictures and seconds of sound; what it finds wrong.
fn by_mediainfo(file: &Path) -> Option<String> {
    let text = run("mediainfo", &["--Output=JSON", file.to_str()?])?;
    let all: Value = serde_json::from_slice(&text).unwrap();
    let tracks = all["media"]["track"].as_array().unwrap();
    let of = |kind: &str| tracks.iter().find(|track| track["@type"] == kind);
    let word = |track: Option<&Value>, key: &str| {
        track.and_then(|track| track[key].as_str()).unwrap_or("-").to_owned()
    };
    let sound: f64 = word(of("Audio"), "Duration").parse().unwrap_or_default();
    let wrong = if all.to_string().contains("Conformance") { ", not conformant" } else { "" };
    let (picture, frames) = (word(of("Video"), "Format"), word(of("Video"), "FrameCount"));
    let (whole, heard) = (word(of("General"), "Format"), word(of("Audio"), "Format"));
    Some(format!("{whole}: {picture}, {frames} frames; {heard}, {sound:.3} s{wrong}"))
}

fn by_mkvmerge(file: &Path) -> Option<String> {
    let text = run("mkvmerge", &["-J", file.to_str()?])?;
    let all: Value = serde_json::from_slice(&text).unwrap();
    let count = |key: &str| all[key].as_array().map_or(0, Vec::len);
    Some(match count("errors") + count("warnings") {
        0 => format!("{} tracks, no warning", count("tracks")),
        n => format!("{n} warnings"),
    })
}

/// The committed table is what the judges say; `PAGEREEL_JUDGES=write` writes it.
#[test]
fn no_judge_finds_fault_with_a_file() {
    let (directory, page) = clicking_page(2.0);
    let outputs = FILES.map(|(name, codec, sound, _)| {
        json!({
            "output": directory.path().join(name),
            "video": { "codec": codec, "quality": "draft", "fragmented": name == "fragmented.mp4" },
            "audio": { "codec": sound },
        })
    });
    // The smallest that DNxHR takes.
    let size = json!({ "width": 256, "height": 144 });
    let job = json!({ "composition": page, "size": size, "outputs": outputs.to_vec() });
    let path = directory.path().join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    render(&Job::from_file(&path).unwrap()).unwrap();

    let played: Vec<_> = FILES.iter().filter(|(.., mime)| !mime.is_empty()).collect();
    let bytes = played.iter().map(|(name, ..)| {
        let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
        let stem = name.strip_suffix(".m3u8");
        let parts = |stem| ["_init.mp4", "_00000.m4s"].map(|end| read(&format!("{stem}{end}")));
        stem.map_or_else(|| read(name), |stem| parts(stem).concat())
    });
    let bytes: Vec<_> = played.iter().map(|(.., mime)| (*mime).to_owned()).zip(bytes).collect();
    let script = "
        for (const [mime, bytes] of FILES) {
          const video = document.createElement('video');
          const source = new MediaSource();
          video.src = URL.createObjectURL(source);
          await new Promise((done) => (source.onsourceopen = done));
          const buffer = source.addSourceBuffer(mime);
          buffer.appendBuffer(bytes);
          await new Promise((done) => (buffer.onupdateend = done));
          const r = buffer.buffered;
          say(`from ${r.start(0)} to ${r.end(r.length - 1).toFixed(2)} s`);
        }";
    let said = in_chrome(&bytes, script);
    assert_eq!(said.len(), played.len(), "{said:?}");

    let mut table = String::from(
        "| file | MediaInfo | mkvmerge | Chrome, `MediaSource` |\n|---|---|---|---|\n",
    );
    let mut said = said.into_iter();
    for (name, _, _, mime) in FILES {
        let file = directory.path().join(name);
        let chrome = if mime.is_empty() { "-".into() } else { said.next().unwrap() };
        let is_matroska = [".mkv", ".webm"].iter().any(|end| name.ends_with(end));
        let mediainfo =
            if name == "h264-aac.m3u8" { Some("-".into()) } else { by_mediainfo(&file) };
        let mkvmerge = if is_matroska { by_mkvmerge(&file) } else { Some("-".into()) };
        let (Some(mediainfo), Some(mkvmerge)) = (mediainfo, mkvmerge) else {
            println!("mediainfo and mkvtoolnix are missing: run ./setup.sh --test");
            return;
        };
        writeln!(table, "| `{name}` | {mediainfo} | {mkvmerge} | {chrome} |").unwrap();
        assert!(!mediainfo.contains("conformant") && !mkvmerge.contains("warnings"), "{table}");
        assert!(mediainfo == "-" || mediainfo.contains(", 60 frames; "), "{table}");
        assert!(chrome == "-" || chrome.starts_with("from 0 to 2.0"), "{table}");
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/judges.md");
    if std::env::var_os("PAGEREEL_JUDGES").is_some() {
        let text = fs::read_to_string(&place).unwrap();
        let head = text.split("| file |").next().unwrap();
        fs::write(&place, format!("{head}{table}")).unwrap();
    }
    // Versions of judges differ in words; the files have to be the same.
    let committed = fs::read_to_string(&place).unwrap();
    for (name, ..) in FILES {
        assert!(committed.contains(&format!("| `{name}` |")), "{name} is not in docs/judges.md");
    }
}

/// Files of sound alone, and pictures that move without one: names, and what else says so.
const OTHERS: [(&str, &str); 10] = [
    ("sound.wav", "sox"),
    ("sound.flac", "sox"),
    ("sound.mp3", "-"),
    ("sound.m4a", "-"),
    ("sound.opus", "-"),
    ("pictures.gif", "gifsicle"),
    ("pictures.apng", "pngcheck"),
    ("pictures.webp", "webpinfo"),
    ("pictures.y4m", "-"),
    ("frames", "pngcheck"),
];

/// What a program that knows one kind says of a file: how much there is, or what is wrong.
fn by_its_own(program: &str, file: &Path) -> Option<String> {
    let file = file.to_str()?;
    let said = |arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(file).output().ok()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Some((String::from_utf8_lossy(&output.stdout).into_owned(), errors))
    };
    Some(match program {
        "sox" => {
            let (seconds, errors) = said(&["--info", "-D"])?;
            format!("{:.3} s{errors}", seconds.trim().parse::<f64>().unwrap_or_default())
        }
        "gifsicle" => {
            let (text, errors) = said(&["--info"])?;
            let count = text.split(" images").next()?.rsplit(' ').next()?.to_owned();
            format!("{count} frames{errors}")
        }
        "pngcheck" => {
            let (text, errors) = said(&[])?;
            if text.starts_with("OK: ") { "OK".into() } else { format!("{text}{errors}") }
        }
        "webpinfo" => {
            let (text, errors) = said(&[])?;
            // Frames that show the same are one.
            let is_whole = text.contains("No error detected");
            if is_whole { "no error".into() } else { format!("{text}{errors}") }
        }
        _ => "-".into(),
    })
}

/// The same of files without a picture, or without sound.
#[test]
fn no_judge_finds_fault_with_sound_or_pictures_alone() {
    let (directory, page) = clicking_page(2.0);
    let outputs = OTHERS.map(|(name, _)| {
        let end = if name == "frames" { "/" } else { "" };
        json!({ "output": format!("{}{end}", directory.path().join(name).display()) })
    });
    let size = json!({ "width": 256, "height": 144 });
    let job = json!({ "composition": page, "size": size, "fps": 25, "outputs": outputs.to_vec() });
    let path = directory.path().join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    render(&Job::from_file(&path).unwrap()).unwrap();

    let mut table =
        String::from("| file | MediaInfo | sox, gifsicle, pngcheck, webpinfo |\n|---|---|---|\n");
    for (name, program) in OTHERS {
        let file = directory.path().join(name);
        let file = if name == "frames" { file.join("frame_000050.png") } else { file };
        let (Some(mediainfo), Some(own)) = (by_mediainfo(&file), by_its_own(program, &file)) else {
            println!("{program} or mediainfo is missing: run ./setup.sh --test");
            return;
        };
        writeln!(table, "| `{name}` | {mediainfo} | {own} |").unwrap();
        assert!(!mediainfo.contains("conformant"), "{table}");
        let expected = match program {
            "sox" => "2.0",
            "gifsicle" => "50 frames",
            "webpinfo" => "no error",
            "pngcheck" => "OK",
            _ => "-",
        };
        let fits = own.starts_with(expected) && own.len() <= expected.len() + 4;
        assert!(fits, "{name}: {own}\n{table}");
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/judges.md");
    let committed = fs::read_to_string(place).unwrap();
    for (name, _) in OTHERS {
        assert!(committed.contains(&format!("| `{name}`")), "{name} is not there:\n{table}");
    }
}
