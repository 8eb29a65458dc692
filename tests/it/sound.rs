//! What is heard, when, and how loud.

use std::fs;
use std::path::Path;

use pagereel::job::{AudioCodec, CaptureMode, FrameRange};
use pagereel::{Error, Job, Report};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{judge, page, render};

pub(crate) const RATE: u32 = 48_000;

/// Writes a WAV file with 16 bits per sample; `samples` holds all channels in turn.
pub(crate) fn wav(path: &Path, rate: u32, channels: u16, samples: &[f32]) {
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
pub(crate) fn clicks(secs: f64, rate: u32, times: &[f64]) -> Vec<f32> {
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

pub(crate) fn sine(secs: f64, rate: u32, hertz: f32, amplitude: f32) -> Vec<f32> {
    let turn = std::f32::consts::TAU * hertz / rate as f32;
    let count = clicks(secs, rate, &[]).len();
    (0..count).map(|n| amplitude * (n as f32 * turn).sin()).collect()
}

/// A small page of `secs` seconds with these elements.
pub(crate) fn composition(secs: f64, elements: &str) -> (TempDir, Job) {
    let html = format!(
        "<body style='margin:0'><div data-composition-id='main' data-width='64' data-height='36' \
         data-duration='{secs}'>{elements}</div>"
    );
    let (directory, path) = page(&html);
    let mut job = Job::new(path, directory.path().join("out.mov"));
    job.capture.mode = CaptureMode::BeginFrame;
    job.capture.workers = Some(1);
    // Only this shows single samples as they are.
    job.audio.codec = Some(AudioCodec::Pcm);
    (directory, job)
}

pub(crate) fn rendered(job: &Job) -> Report {
    let report = render(job).unwrap();
    assert_eq!(report.warnings, [], "nothing to complain about");
    report
}

/// The left and right samples of a file, decoded by `ffmpeg`.
pub(crate) fn heard(file: &Path) -> Vec<[f32; 2]> {
    let file = file.to_str().unwrap();
    let raw = judge("ffmpeg", &["-i", file, "-map", "0:a:0", "-f", "f32le", "-"]);
    let floats: Vec<f32> =
        raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    floats.as_chunks().0.to_vec()
}

pub(crate) fn output(job: &Job) -> &Path {
    job.output.as_deref().unwrap()
}

/// Seconds at which something loud begins after 20 ms of calm.
pub(crate) fn onsets(samples: &[[f32; 2]]) -> Vec<f64> {
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
pub(crate) fn assert_times(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?}, expected {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} s, expected {expected} s");
    }
}

/// A stream of a file as `ffprobe` reads it; null if there is none.
fn stream(file: &Path, kind: &str) -> Value {
    let file = file.to_str().unwrap();
    let json = judge("ffprobe", &["-select_streams", kind, "-show_streams", "-of", "json", file]);
    serde_json::from_slice::<Value>(&json).unwrap()["streams"][0].clone()
}

fn secs(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// A tolerance of one sample, and a bit for the sum.
pub(crate) const SAMPLE: f64 = 1.01 / RATE as f64;

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

#[test]
fn other_speeds_keep_time_and_pitch() {
    let (directory, job) = composition(
        2.0,
        "<audio id='fast' src='a.wav' data-start='0.1' data-playback-rate='2' data-duration='0.5'></audio>
         <audio id='slow' src='a.wav' data-start='0.8' data-playback-rate='0.5' data-duration='1.2'></audio>",
    );
    // Bursts of 1 kHz at 0.2 s and 0.4 s, 20 ms each.
    let mut samples = clicks(1.0, RATE, &[]);
    for start in [9600, 19_200] {
        samples[start..start + 960].copy_from_slice(&sine(0.02, RATE, 1000.0, 0.7));
    }
    wav(&directory.path().join("a.wav"), RATE, 1, &samples);
    rendered(&job);
    let heard = heard(output(&job));
    // The middles of the bursts, which are stretched too.
    let middles: Vec<_> = onsets(&heard).iter().map(|&onset| middle(&heard, onset)).collect();
    assert_times(&middles, &[0.205, 0.305, 1.22, 1.62], 0.005);
    // The pitch: as many waves per second as before, over the middle of the long burst.
    let part = &heard[57_800..59_000];
    let waves = part.windows(2).filter(|w| w[0][0] < 0.0 && w[1][0] >= 0.0).count();
    assert!((24..=26).contains(&waves), "{waves} waves in 25 ms of 1 kHz");
}

/// The center of what is heard from just before `onset` on, in seconds.
fn middle(samples: &[[f32; 2]], onset: f64) -> f64 {
    let first = clicks(onset - 0.02, RATE, &[]).len();
    let (mut sum, mut moment) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate().skip(first).take(4000) {
        let energy = f64::from(sample[0] * sample[0]);
        sum += energy;
        moment += energy * n as f64;
    }
    moment / sum / f64::from(RATE)
}

/// How loud the left side is from `start` to `end` seconds, as the amplitude of a sine.
pub(crate) fn level(samples: &[[f32; 2]], start: f64, end: f64) -> f32 {
    let place = |secs: f64| clicks(secs, RATE, &[]).len();
    let part = &samples[place(start)..place(end)];
    let sum: f32 = part.iter().map(|s| s[0] * s[0]).sum();
    (2.0 * sum / part.len() as f32).sqrt()
}

#[track_caller]
pub(crate) fn assert_level(samples: &[[f32; 2]], (start, end): (f64, f64), expected: f32) {
    let level = level(samples, start, end);
    let near = (expected * 0.02).max(0.002);
    assert!((level - expected).abs() < near, "{start}..{end}: {level}, expected {expected}");
}

#[test]
fn sources_of_any_layout_and_rate() {
    let (directory, job) = composition(
        2.0,
        "<audio src='8k.wav' data-start='0.1' data-duration='0.3'></audio>
         <audio src='44k.wav' data-start='0.5' data-duration='0.3'></audio>
         <audio src='six.wav' data-start='1' data-duration='0.4'></audio>
         <audio src='right.flac' data-start='1.5' data-duration='0.4'></audio>",
    );
    let root = directory.path();
    // At 8 kHz a click is a wider thing: its peak is what counts.
    wav(&root.join("8k.wav"), 8000, 1, &clicks(0.3, 8000, &[0.1]));
    wav(&root.join("44k.wav"), 44_100, 1, &clicks(0.3, 44_100, &[0.1]));
    // Front center only, which goes to both sides.
    let six = sine(0.4, RATE, 500.0, 0.5)
        .iter()
        .flat_map(|&s| [0.0, 0.0, s, 0.0, 0.0, 0.0])
        .collect::<Vec<_>>();
    wav(&root.join("six.wav"), RATE, 6, &six);
    let right = sine(0.4, RATE, 500.0, 0.5).iter().flat_map(|&s| [0.0, s]).collect::<Vec<_>>();
    wav(&root.join("right.wav"), RATE, 2, &right);
    let place = |name: &str| root.join(name).to_str().unwrap().to_owned();
    judge("ffmpeg", &["-i", &place("right.wav"), &place("right.flac")]);
    rendered(&job);
    let heard = heard(output(&job));
    for (start, end, expected) in [(0.1, 0.4, 0.2), (0.5, 0.8, 0.6)] {
        let place = |secs: f64| clicks(secs, RATE, &[]).len();
        let loudest =
            (place(start)..place(end)).max_by(|&a, &b| heard[a][0].total_cmp(&heard[b][0]));
        let loudest = loudest.unwrap() as f64 / f64::from(RATE);
        assert!((loudest - expected).abs() <= SAMPLE, "{loudest} s, expected {expected} s");
    }
    let center = level(&heard, 1.05, 1.35);
    assert!((0.1..0.4).contains(&center), "{center}");
    assert!(heard[50_000..60_000].iter().all(|s| (s[0] - s[1]).abs() < 1e-4));
    assert_level(&heard, (1.55, 1.85), 0.0);
    let mirrored: Vec<_> = heard.iter().map(|s| [s[1], s[0]]).collect();
    assert_level(&mirrored, (1.55, 1.85), 0.5);
}

#[test]
fn volume_by_attribute_script_tween_and_automation() {
    let (directory, job) = composition(
        3.0,
        "<script src='gsap.js'></script>
         <audio src='a.wav' data-duration='0.3' data-volume='0.5'></audio>
         <audio src='a.wav' data-start='0.3' data-duration='0.2' muted></audio>
         <div data-hidden><audio src='a.wav' data-start='0.3' data-duration='0.2'></audio></div>
         <audio id='script' src='a.wav' data-start='0.5' data-duration='0.3'></audio>
         <audio id='tween' src='a.wav' data-start='1' data-duration='1' data-volume='0.8'></audio>
         <audio src='a.wav' data-start='2' data-duration='1' data-volume='0.1'
           data-automation='{\"version\":1,\"lanes\":[{\"target\":\"volume\",\"points\":[{\"t\":0,\"v\":0},{\"t\":0.5,\"v\":1},{\"t\":1,\"v\":1}]}]}'></audio>
         <script>
           document.getElementById('script').volume = 0.25;
           const tl = gsap.timeline({ paused: true });
           tl.to('#tween', { volume: 0, duration: 0.5, ease: 'none' }, 1.5);
           window.__timelines['main'] = tl;
         </script>",
    );
    wav(&directory.path().join("a.wav"), RATE, 1, &sine(1.0, RATE, 1000.0, 0.5));
    fs::copy(crate::support::fixture("gsap/vendor/gsap.min.js"), directory.path().join("gsap.js"))
        .unwrap();
    rendered(&job);
    let heard = heard(output(&job));
    assert_level(&heard, (0.05, 0.25), 0.25);
    assert_level(&heard, (0.3, 0.5), 0.0);
    assert_level(&heard, (0.55, 0.75), 0.125);
    assert_level(&heard, (1.1, 1.4), 0.4);
    assert_level(&heard, (1.745, 1.755), 0.2);
    assert_level(&heard, (1.645, 1.655), 0.28);
    assert_level(&heard, (2.245, 2.255), 0.25);
    assert_level(&heard, (2.6, 2.9), 0.5);
}

#[test]
fn aac_begins_and_ends_with_the_picture_at_any_rate() {
    for (fps, frames) in [("30", 45_u32), ("30000/1001", 45), ("24", 31), ("5", 8)] {
        let (directory, mut job) =
            composition(5.0, "<audio src='a.wav' data-start='0.25' data-duration='3'></audio>");
        // A short hump instead of a sample, which AAC would smear.
        let mut samples = clicks(1.0, RATE, &[]);
        for (n, place) in (0..480_u16).zip(24_000..) {
            let turn = std::f32::consts::TAU * f32::from(n) / 480.0;
            samples[place] = 0.4 * (1.0 - turn.cos());
        }
        wav(&directory.path().join("a.wav"), RATE, 1, &samples);
        job.audio.codec = Some(AudioCodec::Aac);
        job.output = Some(directory.path().join("out.mp4"));
        job.fps = Some(fps.parse().unwrap());
        job.duration = Some(f64::from(frames) / job.fps.unwrap().as_f64());
        let report = rendered(&job);
        let (sound, picture) = (stream(output(&job), "a:0"), stream(output(&job), "v:0"));
        assert_eq!((&sound["codec_name"], &sound["channels"]), (&"aac".into(), &2.into()));
        assert_eq!(sound["sample_rate"], "48000");
        assert!(secs(&sound["start_time"]).abs() < 1e-6, "{fps}: {}", sound["start_time"]);
        let off = secs(&sound["duration"]) - secs(&picture["duration"]);
        assert!(off.abs() < 1.0 / 30.0, "{fps}: the sound is {off} s longer");
        let bits: f64 = sound["bit_rate"].as_str().unwrap().parse().unwrap();
        assert!(bits < 200_000.0, "{bits}");

        let heard = heard(output(&job));
        let loudest = (0..heard.len()).max_by(|&a, &b| heard[a][0].total_cmp(&heard[b][0]));
        let loudest = loudest.unwrap() as f64 / f64::from(RATE);
        assert!((loudest - 0.755).abs() < 0.001, "{fps}: {loudest} s");
        let plan = serde_json::to_value(&report.plan).unwrap();
        assert_eq!(plan["outputs"][0]["audio"]["tracks"][0]["label"], "<audio>");
        assert!(report.stages.sound_ms > 0.0);
        let bytes = fs::read(output(&job)).unwrap();
        let find = |name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
        assert!(find(b"moov") < find(b"mdat"));
    }
}

/// A page with two sounds and a picture that moves.
fn lively() -> (TempDir, Job) {
    let (directory, job) = composition(
        2.0,
        "<style>@keyframes k { to { margin-left: 40px } } p { animation: k 2s; width: 9px; height: 9px; background: red }</style><p></p>
         <audio src='a.wav' data-start='0.1' data-volume='0.6'></audio>
         <audio src='b.wav' data-start='0.3' data-duration='1.5' loop></audio>",
    );
    let root = directory.path();
    wav(&root.join("a.wav"), RATE, 1, &sine(1.0, RATE, 440.0, 0.5));
    wav(&root.join("b.wav"), 44_100, 2, &sine(0.7, 44_100, 200.0, 0.3));
    (directory, job)
}

#[test]
fn the_same_bytes_for_any_number_of_sessions() {
    let (directory, mut job) = lively();
    job.audio.codec = Some(AudioCodec::Aac);
    let mut files = Vec::new();
    for workers in [1, 2] {
        job.capture.workers = Some(workers);
        job.output = Some(directory.path().join(format!("{workers}.mp4")));
        rendered(&job);
        files.push(fs::read(output(&job)).unwrap());
    }
    assert!(files[0] == files[1]);
}

#[test]
fn a_range_of_frames_has_that_part_of_the_sound() {
    let (directory, mut job) = lively();
    rendered(&job);
    let whole = heard(output(&job));
    assert_eq!(whole.len(), 96_000);
    job.frames = Some(FrameRange { start: 20, end: 50 });
    job.output = Some(directory.path().join("part.mov"));
    rendered(&job);
    let part = heard(output(&job));
    assert_eq!(part.len(), 48_000);
    let differs = |(a, b): (&[f32; 2], &[f32; 2])| (a[0] - b[0]).abs() > 1e-3;
    // The limiter and resampling know what came before; nothing else does.
    assert_eq!(part.iter().zip(&whole[32_000..80_000]).filter(|&pair| differs(pair)).count(), 0);
}

#[test]
fn a_video_brings_its_sound_unless_an_audio_element_has_it() {
    let (directory, mut job) = composition(
        2.0,
        "<video id='one' src='v.mp4' data-start='0.5' data-media-start='0.2' data-duration='0.5'></video>
         <video src='v.mp4' data-start='1.2' data-duration='0.2' muted></video>
         <video src='v.mp4' data-start='1.4' data-duration='0.2' data-has-audio='false'></video>
         <video src='v.mp4' data-start='1.6' data-duration='0.4'></video>
         <audio src='v.mp4' data-start='1.6' data-duration='0.4' data-volume='0.5'></audio>
         <video src='silent.mp4' data-start='0' data-duration='0.4'></video>",
    );
    let root = directory.path();
    let place = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let picture = ["-f", "lavfi", "-i", "testsrc=size=64x36:rate=30:duration=1"];
    let codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p"];
    let tone = ["-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=1"];
    let with = place("v.mp4");
    judge(
        "ffmpeg",
        &[&picture[..], &tone, &codec, &["-c:a", "aac", "-af", "volume=4", &with]].concat(),
    );
    judge("ffmpeg", &[&picture[..], &codec, &[&place("silent.mp4")]].concat());
    job.capture.workers = Some(1);
    render(&job).unwrap();
    let heard = heard(output(&job));
    assert_level(&heard, (0.1, 0.45), 0.0);
    assert_level(&heard, (0.55, 0.95), 0.5);
    assert_level(&heard, (1.05, 1.55), 0.0);
    assert_level(&heard, (1.65, 1.95), 0.25);
}

#[test]
fn a_sound_that_cannot_be_read_is_named_and_the_others_are_heard() {
    let (directory, mut job) = composition(
        1.0,
        "<audio src='good.wav' data-start='0.1' data-duration='0.3'></audio>
         <audio id='empty' src='empty.wav' data-duration='1'></audio>
         <audio id='text' src='text.mp3' data-duration='1'></audio>
         <audio id='short' src='short.flac' data-duration='1'></audio>
         <audio id='lost' src='lost.wav' data-duration='1'></audio>
         <audio id='remote' src='https://example.invalid/a.mp3' data-duration='1'></audio>",
    );
    let root = directory.path();
    wav(&root.join("good.wav"), RATE, 1, &clicks(0.3, RATE, &[0.1]));
    fs::write(root.join("empty.wav"), "").unwrap();
    fs::write(root.join("text.mp3"), "this is no sound\n".repeat(40)).unwrap();
    wav(&root.join("long.wav"), RATE, 1, &sine(1.0, RATE, 300.0, 0.01));
    let place = |name: &str| root.join(name).to_str().unwrap().to_owned();
    judge("ffmpeg", &["-i", &place("long.wav"), &place("long.flac")]);
    let flac = fs::read(root.join("long.flac")).unwrap();
    fs::write(root.join("short.flac"), &flac[..flac.len() / 2]).unwrap();
    let report = render(&job).unwrap();
    let warned = |name: &str, text: &str| {
        let found = report.warnings.iter().any(|warning| {
            warning.code.starts_with("sound_")
                && warning.message.contains(name)
                && warning.message.contains(text)
        });
        assert!(found, "{name}: {:#?}", report.warnings);
    };
    warned("#empty ", "empty.wav");
    warned("#text ", "text.mp3");
    warned("#short:", "short.flac");
    warned("#lost ", "there is no file lost.wav");
    warned("#remote ", "https://example.invalid/a.mp3");
    assert_times(&onsets(&heard(output(&job))), &[0.2], SAMPLE);

    job.strict = true;
    fs::remove_file(output(&job)).unwrap();
    let error = render(&job).unwrap_err();
    assert!(matches!(error, Error::Strict(_)), "{error}");
    // What is found out only while reading fails it too.
    let html = "<audio id='short' src='short.flac' data-duration='1'></audio>";
    fs::write(root.join("index.html"), format!("<div data-composition-id='m' data-width='64' data-height='36' data-duration='1'>{html}</div>")).unwrap();
    let error = render(&job).unwrap_err();
    assert!(error.to_string().contains("#short:"), "{error}");
    assert!(!output(&job).exists());
}

#[test]
fn no_stream_where_nothing_is_heard() {
    let (directory, mut job) = composition(0.5, "<audio src='a.wav'></audio>");
    wav(&directory.path().join("a.wav"), RATE, 1, &sine(0.5, RATE, 440.0, 0.5));
    job.audio.enabled = false;
    assert!(rendered(&job).plan.outputs[0].audio.is_none());
    assert!(stream(output(&job), "a").is_null());
    job.audio.enabled = true;
    assert!(rendered(&job).plan.outputs[0].audio.is_some());
    fs::write(directory.path().join("index.html"), "<div data-composition-id='m' data-width='64' data-height='36' data-duration='0.2'><audio src='a.wav' data-volume='0'></audio></div>").unwrap();
    rendered(&job);
    assert!(stream(output(&job), "a").is_null());
}

#[test]
fn peaks_are_held_below_the_ceiling_and_gain_counts() {
    let (directory, mut job) = composition(
        1.0,
        "<audio src='a.wav' data-duration='0.5'></audio>
         <audio src='b.wav' data-start='0.5' data-duration='0.5'></audio>
         <audio src='b.wav' data-start='0.5' data-duration='0.5'></audio>",
    );
    wav(&directory.path().join("a.wav"), RATE, 1, &sine(0.5, RATE, 440.0, 0.2));
    wav(&directory.path().join("b.wav"), RATE, 1, &sine(0.5, RATE, 440.0, 0.9));
    job.audio.gain = 6.0;
    rendered(&job);
    let heard = heard(output(&job));
    assert_level(&heard, (0.1, 0.4), 0.399);
    let highest = heard.iter().map(|s| s[0].abs()).fold(0.0, f32::max);
    assert!((0.85..=0.892).contains(&highest), "{highest}");
}

#[test]
fn sound_from_the_page_itself_and_from_mapped_addresses() {
    use base64::Engine as _;
    let (directory, mut job) = composition(1.0, "");
    let root = directory.path();
    wav(&root.join("a.wav"), RATE, 1, &clicks(0.2, RATE, &[0.1]));
    let data =
        base64::engine::general_purpose::STANDARD.encode(fs::read(root.join("a.wav")).unwrap());
    fs::create_dir(root.join("cdn")).unwrap();
    fs::rename(root.join("a.wav"), root.join("cdn/a.wav")).unwrap();
    fs::write(
        root.join("index.html"),
        format!(
            "<div data-composition-id='m' data-width='64' data-height='36' data-duration='1'>
             <audio src='data:audio/wav;base64,{data}' data-start='0.1' data-duration='0.2'></audio>
             <audio src='https://cdn.example.org/a.wav' data-start='0.5' data-duration='0.2'></audio></div>"
        ),
    )
    .unwrap();
    job.network.map.insert("https://cdn.example.org/".into(), root.join("cdn"));
    rendered(&job);
    assert_times(&onsets(&heard(output(&job))), &[0.2, 0.6], SAMPLE);
}

#[test]
fn other_codecs_and_what_holds_them() {
    let (directory, mut job) =
        composition(0.5, "<audio src='a.wav' data-start='0.1' data-duration='0.3'></audio>");
    wav(&directory.path().join("a.wav"), RATE, 1, &clicks(0.3, RATE, &[0.1]));
    for (codec, name, container) in [
        (AudioCodec::Flac, "flac", "mkv"),
        (AudioCodec::Flac, "flac", "mp4"),
        (AudioCodec::Alac, "alac", "mov"),
        (AudioCodec::Opus, "opus", "mkv"),
        (AudioCodec::Opus, "opus", "webm"),
        (AudioCodec::Opus, "opus", "mp4"),
        (AudioCodec::Aac, "aac", "mkv"),
    ] {
        job.audio.codec = Some(codec);
        job.output = Some(directory.path().join(format!("{name}.{container}")));
        rendered(&job);
        let sound = stream(output(&job), "a:0");
        assert_eq!(sound["codec_name"], name);
        assert!(secs(&sound["start_time"]).abs() < 0.03, "{name}: {}", sound["start_time"]);
        let heard = heard(output(&job));
        let loudest =
            (0..heard.len()).max_by(|&a, &b| heard[a][0].abs().total_cmp(&heard[b][0].abs()));
        let loudest = loudest.unwrap() as f64 / f64::from(RATE);
        // In Matroska AAC begins before 0, and nothing says that this is to be cut off.
        let early = if codec == AudioCodec::Aac { secs(&sound["start_time"]) } else { 0.0 };
        let loudest = loudest + early;
        let is_lossless = matches!(codec, AudioCodec::Flac | AudioCodec::Alac);
        let tolerance = if is_lossless { SAMPLE } else { 0.002 };
        println!("{name}.{container}: a click at 0.2 s is heard at {loudest:.6} s");
        assert!((loudest - 0.2).abs() <= tolerance, "{name}.{container}: {loudest} s");
    }
    job.output = Some(directory.path().join("a.mov"));
    job.audio.codec = Some(AudioCodec::Opus);
    let text = job.validate().unwrap_err().to_string();
    assert!(text.contains("audio.codec") && text.contains(".webm"), "{text}");
}

#[test]
fn effects_and_groups_change_what_they_should() {
    let (directory, mut job) = composition(
        2.0,
        "<hf-audio-group id='low' data-volume='0.5' data-fx-chain='[{\"type\":\"lowpass\",\"frequency\":300}]'></hf-audio-group>
         <audio src='high.wav' data-duration='0.4' data-fx-chain='{\"version\":1,\"nodes\":[{\"type\":\"lowpass\",\"id\":\"n\",\"params\":{\"frequency\":300}}]}'></audio>
         <audio src='high.wav' data-start='0.4' data-duration='0.3' data-audio-group='low'></audio>
         <audio src='deep.wav' data-start='0.7' data-duration='0.3' data-audio-group='low'></audio>
         <audio src='click.wav' data-start='1.1' data-duration='0.2' data-fx-chain='[{\"type\":\"delay\",\"time\":400,\"mix\":0.5,\"feedback\":0.01}]'></audio>
         <audio src='click.wav' data-start='1.7' data-duration='0.2' data-fx-chain='[{\"type\":\"truepeak\"},{\"type\":\"pitchshift\",\"mix\":0}]'></audio>",
    );
    let root = directory.path();
    wav(&root.join("high.wav"), RATE, 1, &sine(0.5, RATE, 3000.0, 0.5));
    wav(&root.join("deep.wav"), RATE, 1, &sine(0.5, RATE, 50.0, 0.5));
    wav(&root.join("click.wav"), RATE, 1, &clicks(0.2, RATE, &[0.1]));
    rendered(&job);
    let samples = heard(output(&job));
    // 40 dB down, by two poles a decade below.
    assert_level(&samples, (0.1, 0.38), 0.005);
    assert_level(&samples, (0.5, 0.68), 0.0025);
    assert_level(&samples, (0.78, 0.98), 0.25);
    // An echo after the end of its clip; and nothing is late that could be early.
    assert_times(&onsets(&samples), &[0.7, 1.2, 1.6, 1.8], 0.01);
    let echo = samples[76_800][0];
    assert!((echo - 0.25).abs() < 0.01, "{echo}");
    assert!(samples[86_400][0] > 0.4, "{}", samples[86_400][0]);

    let html = fs::read_to_string(root.join("index.html")).unwrap();
    fs::write(root.join("index.html"), html.replace("truepeak", "echo")).unwrap();
    let report = render(&job).unwrap();
    assert_eq!(report.warnings.len(), 1);
    let text = &report.warnings[0].message;
    assert!(text.starts_with("data-fx-chain of <audio>: [0].type is \"echo\", expected"), "{text}");
    job.strict = true;
    assert!(matches!(render(&job).unwrap_err(), Error::Strict(_)));
}
