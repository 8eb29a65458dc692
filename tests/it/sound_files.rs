//! Files of sound alone.

use std::fs;
use std::path::Path;

use pagereel::Job;
use pagereel::job::{AudioCodec, Output};
use serde_json::{Value, json};

use crate::sound::{RATE, clicks, composition, heard, rendered, wav};
use crate::support::{CHEAPLY, judge, pagereel, probe, render};

/// A composition of 1.1 seconds with clicks, written to `output`.
fn clicking(output: &str) -> (tempfile::TempDir, Job) {
    let (directory, mut job) = composition(1.1, "<audio src='a.wav' data-start='0.1'></audio>");
    wav(&directory.path().join("a.wav"), RATE, 1, &clicks(1.0, RATE, &[0.15, 0.4, 0.9]));
    job.output = Some(directory.path().join(output));
    job.audio.codec = None;
    (directory, job)
}

/// The sound stream as `ffprobe` reads it.
fn stream(file: &Path) -> Value {
    let arguments = ["-select_streams", "a:0", "-show_streams", "-of", "json"];
    let file = file.to_str().unwrap();
    let json = judge("ffprobe", &[&arguments[..], &[file]].concat());
    serde_json::from_slice::<Value>(&json).unwrap()["streams"][0].clone()
}

/// The left side at 48 kHz, whatever the file has.
fn heard_at_rate(file: &Path) -> Vec<f32> {
    let arguments = ["-ar", "48000", "-ac", "1", "-f", "f32le", "-"];
    let raw = judge("ffmpeg", &[&["-i", file.to_str().unwrap()], &arguments[..]].concat());
    raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Where clicks are highest, in seconds.
fn peaks(samples: &[f32]) -> Vec<f64> {
    let highest = samples.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let mut found: Vec<usize> = Vec::new();
    for (n, value) in samples.iter().enumerate().filter(|(_, v)| v.abs() > highest / 2.0) {
        match found.last_mut().filter(|last| n - **last < 960) {
            Some(last) if samples[*last].abs() < value.abs() => *last = n,
            Some(_) => {}
            None => found.push(n),
        }
    }
    found.iter().map(|&n| n as f64 / f64::from(RATE)).collect()
}

fn assert_clicks(file: &Path, tolerance: f64) {
    let found = peaks(&heard_at_rate(file));
    assert_eq!(found.len(), 3, "{}: {found:?}", file.display());
    for (found, expected) in found.iter().zip([0.25, 0.5, 1.0]) {
        assert!((found - expected).abs() <= tolerance, "{}: {found}", file.display());
    }
}

#[test]
fn every_kind_has_its_clicks_at_their_samples_and_the_right_length() {
    let (directory, mut job) = clicking("a.wav");
    for name in ["b.flac", "c.m4a", "d.mp3", "e.opus", "f.ogg"] {
        let output = json!({ "output": directory.path().join(name) });
        job.outputs.push(serde_json::from_value(output).unwrap());
    }
    let report = rendered(&job);
    assert!(report.sessions.is_empty(), "nothing is captured");
    assert!(report.plan.outputs.is_empty());
    assert_eq!(report.plan.sounds.len(), 6);
    for (name, codec, bits) in [
        ("a.wav", "pcm_s24le", "24"),
        ("b.flac", "flac", "24"),
        ("c.m4a", "aac", ""),
        ("d.mp3", "mp3", ""),
        ("e.opus", "opus", ""),
        ("f.ogg", "opus", ""),
    ] {
        let file = directory.path().join(name);
        let found = stream(&file);
        assert_eq!(found["codec_name"], codec);
        assert_eq!((&found["sample_rate"], &found["channels"]), (&json!("48000"), &json!(2)));
        if !bits.is_empty() {
            assert_eq!(found["bits_per_raw_sample"], bits, "{name}");
        }
        // A lossy codec smears a click, but not by more than this.
        assert_clicks(&file, if bits.is_empty() { 1e-4 } else { 1e-6 });
        let samples = heard(&file).len();
        // The last frame of AAC has 1024 samples, whatever is in it.
        let expected = if codec == "aac" { 52_800..53_824 } else { 52_800..52_801 };
        assert!(expected.contains(&samples), "{name}: {samples} samples");
    }
}

#[test]
fn bits_rates_and_channels_are_as_asked() {
    let (directory, mut job) = clicking("a.wav");
    let root = directory.path();
    for (name, audio) in [
        ("b.wav", json!({ "bits": 16, "sampleRate": 44_100, "channels": 1 })),
        ("c.wav", json!({ "bits": 32 })),
        ("d.flac", json!({ "bits": 16, "sampleRate": 96_000 })),
        ("e.m4a", json!({ "codec": "alac", "bits": 16 })),
        ("f.mp3", json!({ "sampleRate": 22_050, "channels": 1, "bitrate": "64k" })),
        ("g.mp4", json!({ "sampleRate": 44_100, "channels": 1 })),
        ("h.mov", json!({ "codec": "pcm", "bits": 16 })),
    ] {
        let output = json!({ "output": root.join(name), "audio": audio });
        job.outputs.push(serde_json::from_value::<Output>(output).unwrap());
    }
    let report = rendered(&job);
    assert_eq!(report.output.path.as_deref(), job.output.as_deref(), "the main one comes first");
    for (name, codec, format, rate, channels, samples) in [
        ("a.wav", "pcm_s24le", "s32", "48000", 2, 52_800),
        ("b.wav", "pcm_s16le", "s16", "44100", 1, 48_510),
        ("c.wav", "pcm_f32le", "flt", "48000", 2, 52_800),
        ("d.flac", "flac", "s16", "96000", 2, 105_600),
        ("e.m4a", "alac", "s16p", "48000", 2, 52_800),
        ("f.mp3", "mp3", "fltp", "22050", 1, 24_255),
        ("g.mp4", "aac", "fltp", "44100", 1, 0),
        ("h.mov", "pcm_s16le", "s16", "48000", 2, 52_800),
    ] {
        let found = stream(&root.join(name));
        let facts = ["codec_name", "sample_fmt", "sample_rate"].map(|key| found[key].clone());
        assert_eq!(facts, [json!(codec), json!(format), json!(rate)], "{name}");
        assert_eq!(found["channels"], channels, "{name}");
        if samples > 0 {
            let raw =
                ["-i", root.join(name).to_str().unwrap(), "-f", "f32le", "-"].map(str::to_owned);
            let raw: Vec<_> = raw.iter().map(String::as_str).collect();
            let bytes = judge("ffmpeg", &raw).len();
            assert_eq!(bytes / 4, samples * usize::try_from(channels).unwrap(), "{name}");
        }
        // Between two samples of another rate.
        assert_clicks(&root.join(name), 1e-4);
    }
    let sides = heard(&root.join("c.wav"));
    assert!(sides.iter().any(|side| side[0].to_bits() == 0.5_f32.to_bits()), "floats are exact");
}

#[test]
fn silence_is_as_long_as_the_composition_and_told() {
    let (directory, mut job) = composition(0.5, "<p>nothing</p>");
    let (file, frames) = (directory.path().join("a.wav"), "3..9");
    job.output = Some(file.clone());
    job.frames = frames.parse().ok();
    let report = render(&job).unwrap();
    let codes: Vec<_> = report.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["no_sound"]);
    let samples = heard(&file);
    assert_eq!(samples.len(), 9600);
    assert!(samples.iter().flatten().all(|&side| side.to_bits() == 0));
}

#[test]
fn pipes_get_files_whose_heads_are_right() {
    let (directory, mut job) = clicking("a.wav");
    let root = directory.path();
    job.output = None;
    fs::write(root.join("job.json"), serde_json::to_string(&job).unwrap()).unwrap();
    for format in ["wav", "flac", "mp3", "m4a", "opus"] {
        let mut command = pagereel();
        command.args(["job.json", "--quiet", "-o", "-", "--format", format]).args(CHEAPLY);
        let output = command.current_dir(root).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = root.join(format!("piped.{format}"));
        fs::write(&file, output.stdout).unwrap();
        assert_clicks(&file, 1e-3);
        assert!(
            probe(&file)["format"]["duration"].as_str().unwrap().starts_with("1.1"),
            "{format}"
        );
    }
}

#[test]
fn what_sound_alone_does_not_have_is_refused() {
    let refused = |output: &str, audio: Value, expected: &str| {
        let mut job = Job::new("index.html", output);
        job.audio = serde_json::from_value(audio).unwrap();
        let error = job.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{output}: {error}");
    };
    refused("a.wav", json!({ "codec": "aac" }), "one of pcm in .wav");
    refused("a.wav", json!({ "bits": 20 }), "16, 24 or 32");
    refused("a.flac", json!({ "bits": 32 }), "16 or 24");
    refused("a.mp3", json!({ "bits": 16 }), "left out: mp3");
    refused("a.mp3", json!({ "bitrate": "384k" }), "from 8k to 320k");
    refused("a.mp3", json!({ "sampleRate": 96_000 }), "one that mp3 has");
    refused("a.opus", json!({ "sampleRate": 44_100 }), "one that opus has");
    refused("a.wav", json!({ "channels": 6 }), "within 1 to 2");
    refused("a.m4a", json!({ "enabled": false }), "nothing else in .m4a");
    refused("a.aac", json!({}), ".m4a");
    let mut job = Job::new("index.html", "a.mp4");
    job.audio.codec = Some(AudioCodec::Mp3);
    assert!(job.validate().unwrap_err().to_string().contains("one of aac"));
}
