//! What is heard, when, and how loud.

use std::fs;
use std::path::Path;

use pagereel::job::{AudioCodec, CaptureMode, FrameRange};
use pagereel::{Error, Job, Report};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{judge, page, render};

const RATE: u32 = 48_000;

/// Writes a WAV file with 16 bits per sample; `samples` holds all channels in turn.
fn wav(path: &Path, rate: u32, channels: u16, samples: &[f32]) {
    let bytes = u32::try_from(samples.len() * 2).unwrap();
    let block = channels * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "samples are below full scale")]
    file.extend(samples.iter().flat_map(|s| ((s * 32_768.0).round() as i16).to_le_bytes()));
    fs::write(path, file).unwrap();
}

/// `secs` seconds of silence with single samples of 0.5 at these times, in one channel.
fn clicks(secs: f64, rate: u32, times: &[f64]) -> Vec<f32> {
    let place = |secs: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let place = (secs * f64::from(rate)).round() as usize;
        place
    };
    let mut samples = vec![0.0; place(secs)];
    for &time in times {
        samples[place(time)] = 0.5;
    }
    samples
}

fn sine(secs: f64, rate: u32, hertz: f32, amplitude: f32) -> Vec<f32> {
    let turn = std::f32::consts::TAU * hertz / rate as f32;
    let count = clicks(secs, rate, &[]).len();
    (0..count).map(|n| amplitude * (n as f32 * turn).sin()).collect()
}

/// A small page of `secs` seconds with these elements.
fn composition(secs: f64, elements: &str) -> (TempDir, Job) {
    let html = format!(
        "<body style='margin:0'><div data-composition-id='main' data-width='64' data-height='36' \
         data-duration='{secs}'>{elements}</div>"
    );
    let (directory, path) = page(&html);
    let mut job = Job::new(path, directory.path().join("out.mov"));
    job.capture.mode = CaptureMode::BeginFrame;
    job.capture.workers = Some(1);
    // Only this shows single samples as they are.
    job.audio.codec = AudioCodec::Pcm;
    (directory, job)
}

fn rendered(job: &Job) -> Report {
    let report = render(job).unwrap();
    assert_eq!(report.warnings, [], "nothing to complain about");
    report
}

/// The left and right samples of a file, decoded by `ffmpeg`.
fn heard(file: &Path) -> Vec<[f32; 2]> {
    let file = file.to_str().unwrap();
    let raw = judge("ffmpeg", &["-i", file, "-map", "0:a:0", "-f", "f32le", "-"]);
    let floats: Vec<f32> =
        raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    floats.as_chunks().0.to_vec()
}

fn output(job: &Job) -> &Path {
    job.output.as_deref().unwrap()
}

/// Seconds at which something loud begins after 20 ms of calm.
fn onsets(samples: &[[f32; 2]]) -> Vec<f64> {
    let mut found = Vec::new();
    let mut last = None::<usize>;
    for (n, _) in samples.iter().enumerate().filter(|(_, s)| s[0].abs() > 0.2) {
        if last.is_none_or(|last| n - last > 960) {
            found.push(n as f64 / f64::from(RATE));
        }
        last = Some(n);
    }
    found
}

#[track_caller]
fn assert_times(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?}, expected {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} s, expected {expected} s");
    }
}

/// A stream of a file as `ffprobe` reads it; null if there is none.
fn stream(file: &Path, kind: &str) -> Value {
    let file = file.to_str().unwrap();
    let json =
        judge("ffprobe", &["-select_streams", kind, "-show_streams", "-of", "json", file]);
    serde_json::from_slice::<Value>(&json).unwrap()["streams"][0].clone()
}

fn secs(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// A tolerance of one sample, and a bit for the sum.
const SAMPLE: f64 = 1.01 / RATE as f64;

#[test]
fn clicks_are_heard_at_their_samples() {
    let (directory, job) = composition(
        2.0,
        "<audio id='offset' src='a.wav' data-start='0.2' data-duration='0.2'></audio>
         <audio id='trimmed' src='a.wav' data-start='0.5' data-media-start='0.05' data-duration='0.2'></audio>
         <audio id='looped' src='b.wav' data-start='1.2' data-duration='0.35' loop></audio>
         <div data-composition-src='inner.html' data-composition-id='inner' data-start='1.6' data-duration='0.4'></div>",
    );
    let root = directory.path();
    wav(&root.join("a.wav"), RATE, 1, &clicks(1.0, RATE, &[0.1, 0.9]));
    wav(&root.join("b.wav"), RATE, 1, &clicks(0.1, RATE, &[0.025]));
    let inner = "<template><div data-composition-id='inner' data-duration='0.4'>
        <audio src='a.wav' data-start='0.1' data-duration='0.2'></audio></div></template>";
    fs::write(root.join("inner.html"), inner).unwrap();
    rendered(&job);
    let samples = heard(output(&job));
    assert_eq!(samples.len(), 96_000);
    let expected = [0.3, 0.55, 1.225, 1.325, 1.425, 1.525, 1.8];
    assert_times(&onsets(&samples), &expected, SAMPLE);
    assert!(samples.iter().all(|s| s[0].to_bits() == s[1].to_bits()), "mono is on both sides");
}
