//! Loudness, judged by ffmpeg's meter.

use std::path::Path;
use std::process::Command;

use pagereel::Job;
use pagereel::job::Output;
use serde_json::json;

use crate::sound::{RATE, composition, heard, wav};
use crate::support::render;

/// Integrated loudness in LUFS and true peak in dBTP.
fn measured(file: &Path) -> (f64, f64) {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i", file.to_str().unwrap()])
        .args(["-af", "ebur128=peak=true", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = text.rsplit_once("Summary:").unwrap().1;
    let value = |name: &str| -> f64 {
        let rest = summary.split_once(name).unwrap().1.trim_start();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (value("I:"), value("Peak:"))
}

/// Samples of 2 seconds, by their number; noise by a generator of its own.
fn samples(of: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let mut state = 1_u32;
    let sample = |n: u16| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f32::from((state >> 16) as u16) / 32_768.0 - 1.0;
        of(f32::from(n) / 24_000.0, noise).clamp(-1.0, 1.0)
    };
    (0..48_000).map(sample).collect()
}

/// A job whose sound is made of these samples at half of the engine's rate.
fn job(samples: &[f32], volume: &str, target: f64) -> (tempfile::TempDir, Job) {
    let element = format!("<audio src='a.wav' data-start='0' data-volume='{volume}'></audio>");
    let (directory, mut job) = composition(2.0, &element);
    wav(&directory.path().join("a.wav"), RATE / 2, 1, samples);
    job.output = Some(directory.path().join("out.wav"));
    job.audio = serde_json::from_value(json!({ "loudness": target })).unwrap();
    (directory, job)
}

#[test]
fn mixes_come_to_their_loudness_below_the_ceiling() {
    let turn = std::f32::consts::TAU;
    let speech = samples(|t, noise| 0.15 * noise * (turn * 1.7 * t).sin().max(0.0));
    let music = samples(|t, _| {
        let beat = (t * 2.0).fract();
        0.08 * (turn * 330.0 * t).sin() + 0.6 * (-20.0 * beat).exp() * (turn * 60.0 * t).sin()
    });
    let clipping = samples(|t, noise| 3.0 * (turn * 997.0 * t).sin() + noise);
    for (name, samples, volume, target) in [
        ("speech", speech, "1", -16.0),
        ("music", music, "1", -12.0),
        ("clipping", clipping, "2", -14.0),
    ] {
        let (directory, mut job) = job(&samples, volume, target);
        let output = json!({
            "output": directory.path().join("out.mp4"), "audio": { "loudness": target },
        });
        job.outputs.push(serde_json::from_value::<Output>(output).unwrap());
        let report = render(&job).unwrap();
        assert_eq!(report.warnings, [], "{name}");
        for file in ["out.wav", "out.mp4"] {
            let (loudness, peak) = measured(&directory.path().join(file));
            println!("{name} {file}: {loudness} LUFS, {peak} dBTP, wanted {target}");
            assert!((loudness - target).abs() <= 0.5, "{name} {file}: {loudness} LUFS");
            assert!(peak <= -1.0 + 1e-9, "{name} {file}: {peak} dBTP");
        }
        let told = report.plan.sounds[0].audio.loudness.unwrap();
        let (loudness, _) = measured(&directory.path().join("out.wav"));
        assert!((told.result.unwrap() - loudness).abs() <= 0.2, "{name}: {told:?}");
        assert!(told.measured.is_some() && told.result_peak <= -1.0, "{name}: {told:?}");
    }
}

#[test]
fn silence_and_moments_are_left_as_they_are() {
    let mut click = vec![0.0; 4800];
    click[100] = 0.25;
    for (samples, secs) in [(vec![0.0; 48_000], 2.0), (click, 0.2)] {
        let (directory, mut job) = job(&samples, "1", -14.0);
        job.duration = Some(secs);
        let report = render(&job).unwrap();
        let codes: Vec<_> = report.warnings.iter().map(|w| w.code.as_str()).collect();
        assert_eq!(codes, ["loudness_missed"]);
        let peak = heard(&directory.path().join("out.wav"));
        let peak = peak.iter().flatten().fold(0.0_f32, |m, v| m.max(v.abs()));
        let expected = samples.iter().fold(0.0_f32, |m, v| m.max(*v));
        // Between the samples of the file it is a little higher.
        assert!(peak <= expected * 1.05 && peak >= expected * 0.8, "{peak}, expected {expected}");
    }
}

#[test]
fn one_channel_is_measured_as_one() {
    let turn = std::f32::consts::TAU;
    let (directory, mut job) = job(&samples(|t, _| 0.2 * (turn * 500.0 * t).sin()), "1", -20.0);
    job.audio.channels = Some(1);
    render(&job).unwrap();
    let (loudness, _) = measured(&directory.path().join("out.wav"));
    assert!((loudness + 20.0).abs() <= 0.2, "{loudness} LUFS");
}

#[test]
fn a_gain_beside_a_loudness_is_refused() {
    let mut job = Job::new("index.html", "a.mp4");
    job.audio = serde_json::from_value(json!({ "loudness": -14, "gain": 3 })).unwrap();
    assert!(job.validate().unwrap_err().to_string().contains("audio.gain"));
    job.audio = serde_json::from_value(json!({ "loudness": 3 })).unwrap();
    assert!(job.validate().unwrap_err().to_string().contains("-40 to -5"));
}

#[test]
fn backgrounds_and_alpha_that_do_not_go_together_are_told() {
    let told = |style: &str, output: &str, alpha: bool| {
        let (directory, mut job) = composition(0.2, &format!("<style>{style}</style>"));
        job.output = Some(directory.path().join(output));
        job.audio.codec = None;
        job.alpha = alpha;
        if alpha {
            job.capture.mode = pagereel::job::CaptureMode::Screenshot;
        }
        job.strict = !alpha;
        let report = render(&job).unwrap();
        report.warnings.into_iter().map(|warning| warning.code).collect::<Vec<_>>()
    };
    assert_eq!(told("body { background: transparent }", "a.webm", false), ["alpha_unused"]);
    assert_eq!(told("body { background: transparent }", "a.mp4", false), [""; 0]);
    assert_eq!(told("p { color: red }", "a.webm", false), [""; 0]);
    assert_eq!(told("* { background: none }", "a.webm", false), [""; 0]);
    assert_eq!(told("body { background: #fff }", "a.webm", true), ["alpha_hidden"]);
    assert_eq!(told("body { background: transparent }", "a.webm", true), [""; 0]);
}
