//! What players make of the files: times from 0, sound to the sample, playlists.

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pagereel::Job;
use pagereel::job::{Codec, FrameRange, Output, Quality, Video};
use pagereel::time::FrameRate;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{judge, page, render};

/// Where the clicks of [`clicking_page`] are, in seconds.
pub(crate) const CLICKS: [f64; 3] = [0.25, 1.001, 1.75];

/// A page of 64x36 with sound that is silence and three clicks.
pub(crate) fn clicking_page(secs: f64) -> (TempDir, PathBuf) {
    let html = format!(
        r#"<!doctype html><body><div data-composition-id="m" data-width="64" data-height="36"
           data-duration="{secs}"><audio src="c.wav" data-start="0"></audio></div></body>"#
    );
    let (directory, path) = page(&html);
    fs::write(directory.path().join("c.wav"), clicks(secs)).unwrap();
    (directory, path)
}

/// A WAV file of 48 kHz stereo.
fn clicks(secs: f64) -> Vec<u8> {
    const RATE: u32 = 48_000;
    let mut data = Vec::new();
    for at in (0_u32..).take_while(|&at| f64::from(at) < secs * f64::from(RATE)) {
        let since = CLICKS.map(|click| (f64::from(at) - click * f64::from(RATE)).round());
        let sounds = since.into_iter().find(|since| (0.0..480.0).contains(since));
        let sample = sounds.map_or(0.0, |since| (TAU * since / 48.0).cos() * 24_000.0);
        #[expect(clippy::cast_possible_truncation, reason = "16 bits hold it")]
        let sample = (sample as i16).to_le_bytes();
        data.extend([sample; 2].concat());
    }
    let bytes = u32::try_from(data.len()).unwrap();
    let mut wav = [b"RIFF".as_slice(), &(36 + bytes).to_le_bytes(), b"WAVEfmt "].concat();
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    wav.extend([RATE, RATE * 4].map(u32::to_le_bytes).concat());
    wav.extend([4_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend([b"data".as_slice(), &bytes.to_le_bytes()].concat());
    [wav, data].concat()
}

/// When the clicks of a file are heard, by the time of its picture's first frame.
fn heard(file: &Path) -> Vec<f64> {
    let file = file.to_str().unwrap();
    let filter = "aresample=async=1:first_pts=0";
    let start = judge("ffprobe", &["-show_entries", "format=start_time", "-of", "csv=p=0", file]);
    let start: f64 = String::from_utf8(start).unwrap().trim().parse().unwrap();
    let raw = judge(
        "ffmpeg",
        &[
            "-i", file, "-map", "0:a:0", "-af", filter, "-ac", "1", "-ar", "48000", "-f", "f32le",
            "-",
        ],
    );
    let samples = raw.chunks_exact(4).map(|s| f32::from_le_bytes(s.try_into().unwrap()));
    let (mut quiet, mut found) = (usize::MAX / 2, Vec::new());
    for (at, sample) in samples.enumerate() {
        quiet += 1;
        if sample.abs() > 0.15 {
            if quiet > 960 {
                // ffmpeg moves all streams so that the earliest begins at 0.
                found.push(at as f64 / 48_000.0 + start.min(0.0));
            }
            quiet = 0;
        }
    }
    found
}

/// What a script says in headless Chrome: what it passes to `say`, a line each.
///
/// `FILES` are the bytes of the files, by the names that they are given.
pub(crate) fn in_chrome(files: &[(String, Vec<u8>)], script: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let lists = files.iter().map(|(name, bytes)| serde_json::json!([name, bytes]));
    let files = Value::Array(lists.collect());
    // Virtual time does not wait for decoders, so time has to pass.
    let html = format!(
        r#"<pre id="o"></pre><script>
        let n = 0;
        (function pass() {{
          for (const end = performance.now() + 1; ;) if (performance.now() >= end || busy()) break;
          function busy() {{ let x = 0; for (let i = 0; i < 3e6; i++) x += Math.sqrt(i); return x > 0; }}
          if (n++ < 800) setTimeout(pass, 10);
        }})();
        const say = (text) => document.getElementById("o").textContent += text + "\n";
        const FILES = {files}.map(([n, b]) => [n, Uint8Array.from(b)]);
        (async () => {{ {script} }})().then(() => (n = 1e9), (e) => {{ say("failed: " + e); n = 1e9; }});
        </script>"#
    );
    let path = directory.path().join("index.html");
    fs::write(&path, html).unwrap();
    let output = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=12000"])
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.split_once("<pre id=\"o\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    said.map(|(said, _)| said.lines().map(str::to_owned).collect()).unwrap_or_default()
}

fn output(path: PathBuf, codec: Codec, quality: Quality) -> Output {
    Output {
        output: path,
        format: None,
        at: None,
        video: Video { codec: Some(codec), quality, ..Video::default() },
        audio: pagereel::job::Audio::default(),
    }
}

/// `media_time` of each edit list in the head of a fragmented file.
fn edits(head: &[u8]) -> Vec<i32> {
    let places = head.windows(4).enumerate().filter(|(_, name)| *name == b"elst");
    let word = |at: usize| i32::from_be_bytes(head[at..at + 4].try_into().unwrap());
    // Version and flags, the number of entries, and the first one's duration.
    places.map(|(at, _)| (word(at + 8), word(at + 16)).1).collect()
}

#[test]
fn segments_begin_at_zero_with_and_without_sound() {
    let (directory, sounding) = clicking_page(6.0);
    let silent = directory.path().join("silent.html");
    let html = fs::read_to_string(&sounding).unwrap();
    fs::write(&silent, html.replace("<audio src=\"c.wav\" data-start=\"0\"></audio>", "")).unwrap();
    let mut appended = Vec::new();
    for (page, rate) in
        [(&sounding, (30_000, 1001)), (&sounding, (25, 1)), (&silent, (60_000, 1001))]
    {
        let name =
            |kind: &str| format!("{}-{}-{kind}", page.file_stem().unwrap().display(), rate.0);
        let mut job = Job::without_output(page.clone());
        job.fps = FrameRate::new(rate.0, rate.1);
        let kinds = [
            ("h264", Codec::H264, Quality::Standard),
            ("draft", Codec::H264, Quality::Draft),
            ("hevc", Codec::Hevc, Quality::Draft),
        ];
        let outputs = kinds.map(|(kind, codec, quality)| {
            output(directory.path().join(format!("{}.m3u8", name(kind))), codec, quality)
        });
        job.outputs = outputs.to_vec();
        let report = render(&job).unwrap();
        let reports = [&report.output].into_iter().chain(&report.output.others);
        for ((kind, codec, _), report) in kinds.iter().zip(reports) {
            let part = |end: &str| directory.path().join(format!("{}{end}", name(kind)));
            let files = ["_init.mp4", "_00000.m4s", "_00001.m4s"].map(part);
            let bytes = files.each_ref().map(|file| fs::read(file).unwrap());
            let playlist = fs::metadata(part(".m3u8")).unwrap().len();
            let sum = bytes.iter().map(|b| b.len() as u64).sum::<u64>() + playlist;
            assert_eq!(report.bytes, Some(sum), "{}", name(kind));
            // No empty edit, which would be -1.
            assert!(edits(&bytes[0]).iter().all(|time| *time >= 0), "{}", name(kind));
            if *codec == Codec::H264 {
                appended.push((name(kind), bytes.concat()));
            }
        }
    }
    let script = r#"
        for (const [name, bytes] of FILES) {
          const video = document.createElement("video");
          const source = new MediaSource();
          video.src = URL.createObjectURL(source);
          await new Promise((done) => (source.onsourceopen = done));
          const sound = name.startsWith("silent") ? "" : ",mp4a.40.2";
          const buffer = source.addSourceBuffer(`video/mp4; codecs="avc1.640028${sound}"`);
          buffer.appendBuffer(bytes);
          await new Promise((done) => (buffer.onupdateend = done));
          const r = buffer.buffered;
          say(`${name} ${r.length} ${r.start(0)} ${r.end(r.length - 1).toFixed(2)}`);
        }"#;
    let said = in_chrome(&appended, script);
    let expected: Vec<_> = appended.iter().map(|(name, _)| format!("{name} 1 0 6.0")).collect();
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (said, expected) in said.iter().zip(expected) {
        // 6.006 s at the rates over 1001.
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn clicks_are_heard_at_their_samples_in_every_container() {
    let (directory, page) = clicking_page(2.0);
    let kinds = [
        ("opus.webm", None),
        ("opus.mkv", Some("opus")),
        ("aac.mkv", Some("aac")),
        ("flac.mkv", Some("flac")),
        ("pcm.mkv", Some("pcm")),
        ("alac.mkv", Some("alac")),
        ("aac.mp4", Some("aac")),
        ("opus.mp4", Some("opus")),
        ("flac.mp4", Some("flac")),
        ("alac.mp4", Some("alac")),
        ("aac.mov", Some("aac")),
        ("pcm.mov", Some("pcm")),
        ("alac.mov", Some("alac")),
        ("aac.m3u8", Some("aac")),
    ];
    let job = serde_json::json!({
        "composition": page,
        "fps": "24000/1001",
        "outputs": kinds.map(|(name, codec)| serde_json::json!({
            "output": directory.path().join(name),
            "video": { "quality": "draft" },
            "audio": codec.map_or(serde_json::json!({}), |codec| serde_json::json!({ "codec": codec })),
        })),
    });
    let path = directory.path().join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    render(&Job::from_file(&path).unwrap()).unwrap();
    for (name, _) in kinds {
        let found = heard(&directory.path().join(name));
        assert_eq!(found.len(), CLICKS.len(), "{name}: {found:?}");
        // Matroska counts in milliseconds, and AAC is primed by 21 and a third.
        let tolerance = if name == "aac.mkv" { 17.0 } else { 1.0 } / 48_000.0;
        for (found, wanted) in found.iter().zip(CLICKS) {
            assert!((found - wanted).abs() <= tolerance, "{name}: {found} for {wanted}");
        }
    }
}

#[test]
fn browsers_take_the_priming_of_webm_off_once() {
    let (directory, page) = clicking_page(2.0);
    let file = directory.path().join("a.webm");
    let mut job = Job::new(page, &file);
    job.video.quality = Quality::Draft;
    render(&job).unwrap();
    let bytes = fs::read(&file).unwrap();
    let script = r"
        const context = new OfflineAudioContext(2, 48000, 48000);
        const decoded = await context.decodeAudioData(FILES[0][1].buffer);
        const samples = decoded.getChannelData(0);
        for (let i = 0, quiet = 1e9; i < samples.length; i++) {
          quiet++;
          if (Math.abs(samples[i]) < 0.15) continue;
          if (quiet > 960) say(i / 48000);
          quiet = 0;
        }";
    let said = in_chrome(&[("a.webm".into(), bytes)], script);
    let found: Vec<f64> = said.iter().map(|text| text.parse().expect(text)).collect();
    assert_eq!(found.len(), CLICKS.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(CLICKS) {
        // It rounds the 6.5 ms of priming to milliseconds.
        assert!((found - wanted).abs() <= 0.6e-3, "{found} for {wanted}");
    }
}

#[test]
fn names_are_only_names() {
    let (directory, page) = clicking_page(2.0);
    for name in ["a#1?b", "50% %d", "q\"u'o\\\n", "-l:e|a", &"\u{fc}".repeat(120)] {
        let place = directory.path().join(name);
        fs::create_dir(&place).unwrap();
        let outputs = ["mp4", "mov", "mkv", "webm", "gif", "apng", "webp", "y4m", "raw", "m3u8"];
        let outputs = outputs.map(|end| {
            serde_json::json!({
                "output": place.join(format!("{name}.{end}")),
                "video": { "quality": "draft" },
            })
        });
        let job = serde_json::json!({ "composition": page, "frames": "0..6", "outputs": outputs });
        let path = directory.path().join("job.json");
        fs::write(&path, job.to_string()).unwrap();
        render(&Job::from_file(&path).unwrap()).unwrap();
        // Among them a playlist's first part and its segment.
        assert_eq!(fs::read_dir(&place).unwrap().count(), 12, "{name}");
        let playlist = fs::read_to_string(place.join(format!("{name}.m3u8"))).unwrap();
        let segment = playlist.lines().find(|line| !line.starts_with('#')).unwrap();
        assert!(place.join(segment).exists(), "{segment}");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        assert!(segment.chars().all(is_plain), "{segment}");
    }
}

/// Seconds that each picture of an animation is shown, by ffprobe.
fn delays(file: &Path) -> Vec<f64> {
    let show = ["-show_entries", "packet=duration_time", "-of", "csv=p=0", file.to_str().unwrap()];
    let text = String::from_utf8(judge("ffprobe", &show)).unwrap();
    text.lines().map(|line| line.trim_end_matches(',').parse().unwrap()).collect()
}

#[test]
fn one_frame_is_enough() {
    let (directory, page) = clicking_page(2.0);
    let ends = ["mp4", "mov", "mkv", "webm", "gif", "apng", "webp", "y4m", "raw", "m3u8"];
    let mut job = Job::without_output(page);
    job.frames = Some(FrameRange { start: 0, end: 1 });
    job.fps = FrameRate::new(50, 1);
    job.outputs = ends
        .map(|end| Output {
            output: directory.path().join(format!("one.{end}")),
            format: None,
            at: None,
            video: Video { quality: Quality::Draft, ..Video::default() },
            audio: pagereel::job::Audio::default(),
        })
        .to_vec();
    assert_eq!(render(&job).unwrap().output.others.len() + 1, ends.len());
}

#[test]
fn animations_have_no_more_frames_than_players_show() {
    let html = r#"<!doctype html><body style="margin:0"><div data-composition-id="m" data-width="64"
        data-height="36" data-duration="0.5"><div id="b" style="height:36px"></div></div><script>
        const b = document.getElementById("b");
        window.__hf = { duration: 0.5, seek(t) {
          const n = Math.round(t * 240) * 2;
          b.style.background = `rgb(${n % 256},${255 - (n % 256)},0)`;
        } };</script></body>"#;
    let (directory, path) = page(html);
    for (rate, gif, apng) in
        [("60", 25, 30), ("75", 25, 38), ("100", 25, 25), ("120", 25, 30), ("51", 25, 26)]
    {
        let place = |end: &str| directory.path().join(format!("{rate}.{end}"));
        let mut job = Job::without_output(path.clone());
        job.fps = rate.parse().ok();
        job.outputs = [(Codec::Gif, "gif"), (Codec::Apng, "apng"), (Codec::Webp, "webp")]
            .map(|(codec, end)| output(place(end), codec, Quality::Draft))
            .to_vec();
        let report = render(&job).unwrap();
        let shown = delays(&place("gif"));
        assert_eq!(shown.len(), gif, "{rate}: {shown:?}");
        assert!(shown.iter().all(|delay| (delay - 0.02).abs() < 1e-6), "{rate}: {shown:?}");
        assert_eq!(report.output.frames, gif as u64, "{rate}");
        assert_eq!(delays(&place("apng")).len(), apng, "{rate}");
        let codes: Vec<_> = report.warnings.iter().map(|w| w.code.as_str()).collect();
        let expected = if rate == "100" || rate == "120" { 3 } else { 1 };
        assert_eq!(codes, vec!["frames_left_out"; expected], "{rate}");
        // The first picture is frame 0, and the last one of the last frames.
        let picture =
            |at: usize| crate::support::decode(&place("gif"), "rgb24", 64 * 36 * 3)[at][0];
        assert!(picture(0) < 8 && picture(gif - 1) > 220, "{rate}");
    }
}

#[test]
fn what_was_written_is_shown_frame_by_frame_and_heard_to_the_sample() {
    // Each frame has its number in 8 bars.
    let html = r#"<!doctype html><body style="margin:0"><div data-composition-id="m" data-width="64"
        data-height="36" data-duration="2.002" data-fps="24000/1001"><div id="b"></div>
        <audio src="c.wav" data-start="0"></audio></div><script>
        const bars = [...Array(8).keys()].map((i) => {
          const bar = document.createElement("div");
          bar.style.cssText = `position:absolute;top:0;height:36px;width:8px;left:${i * 8}px`;
          document.getElementById("b").append(bar);
          return bar;
        });
        window.__hf = { duration: 2.002, seek(t) {
          const n = Math.floor((t * 24000) / 1001 + 1e-4);
          bars.forEach((bar, i) => (bar.style.background = (n >> i) & 1 ? "white" : "black"));
        } };</script></body>"#;
    let (directory, path) = page(html);
    fs::write(directory.path().join("c.wav"), clicks(2.002)).unwrap();
    let names = ["a.mp4", "a.mov", "a.mkv", "a.webm", "fragmented.mp4"];
    let mut job = Job::without_output(path);
    job.outputs = names
        .map(|name| Output {
            output: directory.path().join(name),
            format: None,
            at: None,
            video: Video { fragmented: name == "fragmented.mp4", ..Video::default() },
            audio: pagereel::job::Audio::default(),
        })
        .to_vec();
    render(&job).unwrap();
    for name in names {
        let html = format!(
            r#"<!doctype html><body style="margin:0"><div data-composition-id="m" data-width="64"
            data-height="36" data-duration="2.002" data-fps="24000/1001"><video src="{name}"
            data-start="0" style="width:64px;height:36px"></video></div></body>"#
        );
        let again = directory.path().join("again.html");
        fs::write(&again, html).unwrap();
        let file = directory.path().join("again.mp4");
        render(&Job::new(again, &file)).unwrap();
        let numbers = crate::support::decode(&file, "gray", 64 * 36).into_iter().map(|frame| {
            (0..8).map(|bit| usize::from(frame[18 * 64 + bit * 8 + 4] > 127) << bit).sum::<usize>()
        });
        assert!(numbers.eq(0..48), "{name}");
        let found = heard(&file);
        assert_eq!(found.len(), CLICKS.len(), "{name}: {found:?}");
        for (found, wanted) in found.iter().zip(CLICKS) {
            assert!((found - wanted).abs() <= 1.0 / 48_000.0, "{name}: {found} for {wanted}");
        }
    }
}
