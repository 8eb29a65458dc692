//! Sound whose file does not know how long it is, or says what is not so: all of it is heard.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::sound::{RATE, assert_times, clicks, composition, heard, onsets, output, rendered, wav};
use crate::support::judge;

/// Two seconds: noise first, so that bit rates fall, and clicks.
fn falling() -> Vec<f32> {
    let mut samples = clicks(2.0, RATE, &[]);
    let mut state = 1_u32;
    for sample in &mut samples[..9600] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = 0.07 * (f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0);
    }
    for at in [1.0_f64, 1.9] {
        // Long enough to pass through any codec.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let at = (at * f64::from(RATE)) as usize;
        for (n, sample) in samples[at..at + 480].iter_mut().enumerate() {
            *sample = 0.8 * (n as f32 * 0.4).sin();
        }
    }
    samples
}

/// Makes a file of `a.wav`; what is written to a pipe cannot be corrected at its end.
fn make(directory: &Path, name: &str, codec: &[&str], is_piped: bool) {
    let path = directory.join(name);
    let place = if is_piped { "-" } else { path.to_str().unwrap() };
    let source = directory.join("a.wav");
    let input = ["-y", "-i", source.to_str().unwrap()];
    let written = judge("ffmpeg", &[&input[..], codec, &[place]].concat());
    if is_piped {
        fs::write(path, written).unwrap();
    }
}

fn joined(directory: &Path, name: &str, parts: [&str; 2]) {
    let bytes = parts.map(|part| fs::read(directory.join(part)).unwrap()).concat();
    fs::write(directory.join(name), bytes).unwrap();
}

/// What a file may lie about: each sounds at 1 s and 1.9 s, and again from `again` on.
#[test]
fn all_of_it_is_heard_whatever_its_file_says() {
    let cases: &[(&str, Option<f64>)] = &[
        ("voice.webm", None),
        ("pipe.flac", None),
        ("guess.aac", None),
        ("guess.mp3", None),
        ("pipe.avi", None),
        ("pipe.mka", None),
        ("pipe.flv", None),
        ("zero.wav", None),
        ("endless.wav", None),
        ("phone.mp3", None),
        ("half.mp3", None),
        ("a.ac3", None),
        ("a.ts", None),
        ("two.mp3", Some(2.05)),
        ("two.ogg", Some(2.0)),
        ("two.aac", Some(2.03)),
        ("two.ts", Some(2.03)),
    ];
    let mut elements = String::new();
    let mut expected = Vec::new();
    let mut at = 0.0;
    for (file, again) in cases {
        write!(elements, "<audio src='{file}' data-start='{at}'></audio>").unwrap();
        for start in [Some(0.0), *again].into_iter().flatten() {
            expected.extend([at + start + 1.0, at + start + 1.9]);
        }
        at += if again.is_some() { 4.5 } else { 2.5 };
    }
    let (directory, mut job) = composition(at, &elements);
    job.fps = Some("5".parse().unwrap());
    let root = directory.path();
    wav(&root.join("a.wav"), RATE, 1, &falling());
    make(root, "voice.webm", &["-c:a", "libopus", "-live", "1", "-f", "webm"], true);
    make(root, "pipe.flac", &["-c:a", "flac", "-f", "flac"], true);
    make(root, "guess.aac", &["-c:a", "aac", "-q:a", "1", "-f", "adts"], false);
    let plain = ["-write_xing", "0", "-id3v2_version", "0"];
    let vbr = [&["-c:a", "libmp3lame", "-q:a", "4"][..], &plain].concat();
    make(root, "guess.mp3", &vbr, false);
    make(root, "pipe.avi", &["-c:a", "libmp3lame", "-f", "avi"], true);
    make(root, "pipe.mka", &["-c:a", "aac", "-f", "matroska"], true);
    make(root, "pipe.flv", &["-c:a", "aac", "-f", "flv"], true);
    make(root, "phone.mp3", &["-ar", "8000", "-c:a", "libmp3lame", "-b:a", "16k"], false);
    make(root, "a.ac3", &["-c:a", "ac3"], false);
    make(root, "a.mp3", &["-c:a", "libmp3lame", "-b:a", "64k"], false);
    make(root, "a.ts", &["-c:a", "aac"], false);
    make(root, "a.ogg", &["-c:a", "libvorbis"], false);
    make(root, "b.ogg", &["-c:a", "libvorbis", "-serial_offset", "7"], false);
    joined(root, "two.mp3", ["a.mp3", "a.mp3"]);
    joined(root, "two.ogg", ["a.ogg", "b.ogg"]);
    joined(root, "two.aac", ["guess.aac", "guess.aac"]);
    joined(root, "two.ts", ["a.ts", "a.ts"]);
    // A head that counts half of the frames, and sizes as programs leave them that were ended.
    let mut half = fs::read(root.join("a.mp3")).unwrap();
    let head = half.windows(4).position(|tag| tag == b"Xing" || tag == b"Info").unwrap();
    let count = half[head + 8..].first_chunk_mut::<4>().unwrap();
    *count = (u32::from_be_bytes(*count) / 2).to_be_bytes();
    fs::write(root.join("half.mp3"), half).unwrap();
    for (name, size) in [("zero.wav", 0_u32), ("endless.wav", u32::MAX)] {
        let mut bytes = fs::read(root.join("a.wav")).unwrap();
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        fs::write(root.join(name), bytes).unwrap();
    }

    rendered(&job);
    // Encoders put up to 49 ms in front that nothing tells of.
    assert_times(&onsets(&heard(output(&job))), &expected, 0.05);
}

/// Two of them are all that says how long their composition is.
#[test]
fn a_composition_is_as_long_as_sound_that_had_to_be_measured() {
    for (name, codec, is_piped, secs) in [
        ("voice.webm", &["-c:a", "libopus", "-live", "1", "-f", "webm"][..], true, 2.0),
        ("pipe.flac", &["-c:a", "flac", "-f", "flac"], true, 2.0),
        ("guess.aac", &["-c:a", "aac", "-q:a", "1", "-f", "adts"], false, 2.03),
    ] {
        let (directory, mut job) =
            composition(9.0, &format!("<audio src='{name}' data-start='.5'></audio>"));
        let page = directory.path().join("index.html");
        let html = fs::read_to_string(&page).unwrap().replace("data-duration='9'", "");
        fs::write(&page, html).unwrap();
        job.fps = Some("10".parse().unwrap());
        wav(&directory.path().join("a.wav"), RATE, 1, &falling());
        make(directory.path(), name, codec, is_piped);
        rendered(&job);
        let length = heard(output(&job)).len() as f64 / f64::from(RATE);
        let expected = (secs + 0.5_f64 - 1e-6) * 10.0;
        assert!((length - expected.ceil() / 10.0).abs() < 0.11, "{name}: {length} s");
    }
}

/// Its head still counts all of its frames, and its element ends with what is left.
#[test]
fn sound_that_was_cut_off_is_told_of_though_nobody_reads_beyond_it() {
    for (part, damaged) in [(1.0, 0), (0.66, 1)] {
        let (directory, mut job) = composition(2.2, "<audio src='a.mp3' data-start='0'></audio>");
        job.fps = Some("10".parse().unwrap());
        let root = directory.path();
        wav(&root.join("a.wav"), RATE, 1, &falling());
        make(root, "a.mp3", &["-c:a", "libmp3lame", "-q:a", "4"], false);
        let bytes = fs::read(root.join("a.mp3")).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part")]
        let kept = (bytes.len() as f64 * part) as usize;
        fs::write(root.join("a.mp3"), &bytes[..kept]).unwrap();
        let report = crate::support::render(&job).unwrap();
        let told = report.warnings.iter().filter(|warning| warning.code == "sound_damaged");
        assert_eq!(told.count(), damaged, "{part}: {:?}", report.warnings);
    }
}
