//! Streams of subtitles: what files hold, and what is refused before the render.

use std::fs;
use std::path::Path;

use pagereel::Job;
use serde_json::{Value, json};

use crate::support::{judge, page, pagereel, probe, render};

/// Four seconds, with sound.
const PAGE: &str = r#"<!doctype html><body><div data-composition-id="m" data-width="64"
    data-height="36" data-duration="4"><audio src="tone.wav" data-start="0"></audio></div></body>"#;

/// Out of order, overlapping, with a mark, two bytes at each line's end, styles, and beyond the end.
const ENGLISH: &str = "\u{feff}WEBVTT\r\n\r\nNOTE x\r\n\r\n00:02.000 --> 00:03.500 line:0\r\n<v A>second \
    <i>slanted</i> &amp; <c.x>plain</c>\r\n\r\n00:01.000 --> 00:02.250\r\nfirst\r\nline\r\n\r\n\
    00:03.900 --> 01:00:00.000\r\ncut\r\n\r\n00:04.000 --> 00:05.000\r\nnever\r\n";

const GERMAN: &str = "1\n00:00:00,000 --> 00:00:00,901\n{\\an8}<font color=\"red\">Erst\u{e4}</font>\n\n\
    2\n00:00:10,000 --> 00:00:11,000\nnie\n";

/// A job file in `directory` with these outputs, and with more fields.
fn job(directory: &Path, outputs: &[&str], more: &Value) -> std::path::PathBuf {
    let outputs = outputs.iter().map(|name| json!({ "output": name }));
    let mut job = json!({
        "composition": "index.html",
        "fps": 30,
        "outputs": outputs.collect::<Vec<_>>(),
        "subtitles": [
            { "file": "en.vtt", "language": "en", "label": "English" },
            { "file": "de.srt", "language": "de", "default": true },
        ],
    });
    let fields = more.as_object().unwrap().clone();
    job.as_object_mut().unwrap().extend(fields);
    let path = directory.join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    path
}

fn texts(directory: &Path) {
    fs::write(directory.join("en.vtt"), ENGLISH).unwrap();
    fs::write(directory.join("de.srt"), GERMAN).unwrap();
    let tone = directory.join("tone.wav");
    let tone = tone.to_str().unwrap();
    judge("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", "sine=440:d=4", tone]);
}

/// When each packet of a stream of subtitles begins, in milliseconds, how long it is shown, and its
/// bytes.
fn packets(file: &Path, stream: usize) -> Vec<(i64, i64, usize)> {
    let select = format!("s:{stream}");
    let arguments = [
        "-v",
        "error",
        "-select_streams",
        &select,
        "-show_entries",
        "packet=pts_time,duration_time,size",
        "-of",
        "json",
        file.to_str().unwrap(),
    ];
    let found: Value = serde_json::from_slice(&judge("ffprobe", &arguments)).unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
    let ms = |value: &Value| {
        let secs: f64 = value.as_str().unwrap().parse().unwrap();
        (secs * 1000.0).round() as i64
    };
    let read = |packet: &Value| {
        let bytes = packet["size"].as_str().unwrap().parse().unwrap();
        (ms(&packet["pts_time"]), ms(&packet["duration_time"]), bytes)
    };
    found["packets"].as_array().unwrap().iter().map(read).collect()
}

/// What the file says of its streams of subtitles: codec, language, title and whether it is shown.
fn streams(file: &Path) -> Vec<(String, String, String, bool)> {
    let arguments = [
        "-v",
        "error",
        "-select_streams",
        "s",
        "-show_streams",
        "-of",
        "json",
        file.to_str().unwrap(),
    ];
    let found: Value = serde_json::from_slice(&judge("ffprobe", &arguments)).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let read = |stream: &Value| {
        let tags = &stream["tags"];
        let title = if tags["title"].is_null() { &tags["handler_name"] } else { &tags["title"] };
        let is_default = stream["disposition"]["default"] == 1;
        (text(&stream["codec_name"]), text(&tags["language"]), text(title), is_default)
    };
    found["streams"].as_array().unwrap().iter().map(read).collect()
}

/// The sum of all packets of a stream.
fn sum(file: &Path, stream: &str) -> Vec<u8> {
    let file = file.to_str().unwrap();
    judge("ffmpeg", &["-v", "error", "-i", file, "-map", stream, "-c", "copy", "-f", "md5", "-"])
}

#[test]
fn containers_hold_them_at_their_times() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    texts(directory);
    let names = ["a.mp4", "a.mov", "a.mkv", "a.webm"];
    render(&Job::from_file(job(directory, &names, &json!({}))).unwrap()).unwrap();
    for (name, codec, german) in [
        ("a.mp4", "mov_text", "deu"),
        ("a.mov", "mov_text", "ger"),
        ("a.mkv", "subrip", "deu"),
        ("a.webm", "webvtt", "deu"),
    ] {
        let file = directory.join(name);
        let [english, other] = &streams(&file)[..] else { panic!("{name}: two streams") };
        let text = str::to_owned;
        assert_eq!(*english, (text(codec), text("eng"), text("English"), false), "{name}");
        let found = ["deu", "ger"].contains(&&*other.1).then_some(&*other.1);
        // Matroska has the older name of it in some versions of libav.
        let is_right = found.is_some_and(|found| found == german || codec != "mov_text");
        assert!(is_right && other.0 == codec && other.3, "{name}: {other:?}");
        let shown = |stream| -> Vec<_> {
            let all = packets(&file, stream).into_iter();
            all.filter(|packet| packet.2 > 2).map(|packet| (packet.0, packet.1)).collect()
        };
        let expected: &[_] = if codec == "mov_text" {
            // One at a time: what overlaps stands together.
            &[(1000, 1000), (2000, 250), (2250, 1250), (3900, 100)]
        } else {
            &[(1000, 1250), (2000, 1500), (3900, 100)]
        };
        assert_eq!(shown(0), expected, "{name}");
        assert_eq!(shown(1), [(0, 901)], "{name}");
        let seen = ["-v", "error", "-i", file.to_str().unwrap(), "-map", "0:s:0", "-f", "srt", "-"];
        let seen = String::from_utf8(judge("ffmpeg", &seen)).unwrap();
        let lines: Vec<_> = seen.lines().collect();
        let has = |line: &str| assert!(lines.contains(&line), "{name}: {line:?} in\n{seen}");
        ["first", "line", "second <i>slanted</i> & plain", "cut"].into_iter().for_each(has);
        assert!(!seen.contains("never"), "{name}:\n{seen}");
    }
    // Timed text says at every moment what is shown.
    let timed = packets(&directory.join("a.mp4"), 1);
    assert_eq!(timed, [(0, 901, 8), (901, 3099, 2)]);
}

#[test]
fn playlists_name_them() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    texts(directory);
    let path = job(directory, &["v.m3u8"], &json!({ "frames": "15..120" }));
    render(&Job::from_file(&path).unwrap()).unwrap();
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let main = read("v.m3u8");
    let lines: Vec<_> = main.lines().collect();
    let media = |name, language, default, uri| {
        format!(
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"{name}\",LANGUAGE=\"{language}\",\
             DEFAULT={default},AUTOSELECT=YES,FORCED=NO,URI=\"{uri}\""
        )
    };
    assert_eq!(lines[3], media("English", "en", "NO", "v_sub1_en.m3u8"));
    assert_eq!(lines[4], media("de", "de", "YES", "v_sub2_de.m3u8"));
    let stream = lines[5];
    assert!(stream.starts_with("#EXT-X-STREAM-INF:BANDWIDTH="), "{stream}");
    let rest = ",RESOLUTION=64x36,FRAME-RATE=30.000,SUBTITLES=\"subs\"";
    assert!(stream.ends_with(rest), "{stream}");
    assert!(stream.contains("CODECS=\"avc1.") && stream.contains(",mp4a.40.2\""), "{stream}");
    assert_eq!(lines[6..], ["v_media.m3u8"]);
    let expected = "WEBVTT\n\n00:00:00.500 --> 00:00:01.750\nfirst\nline\n\n\
        00:00:01.500 --> 00:00:03.000\nsecond <i>slanted</i> &amp; plain\n\n\
        00:00:03.400 --> 00:00:03.500\ncut\n";
    assert_eq!(read("v_sub1_en.vtt"), expected);
    assert!(read("v_sub1_en.m3u8").contains("#EXTINF:3.500000,\nv_sub1_en.vtt\n#EXT-X-ENDLIST"));
    // By way of their playlist, and the picture by way of the main one.
    let list = directory.join("v_sub1_en.m3u8");
    let seen = judge("ffmpeg", &["-v", "error", "-i", list.to_str().unwrap(), "-f", "srt", "-"]);
    assert!(String::from_utf8(seen).unwrap().contains("00:00:01,500 --> 00:00:03,000"));
    assert_eq!(probe(&directory.join("v.m3u8"))["streams"][0]["codec_name"], "h264");
}

#[test]
fn nothing_else_of_a_file_changes_and_its_bytes_do_not() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    texts(directory);
    let frames = json!({ "frames": "15..90" });
    let path = job(directory, &["a.mp4", "a.mkv"], &frames);
    render(&Job::from_file(&path).unwrap()).unwrap();
    let written = |name: &str| fs::read(directory.join(name)).unwrap();
    let first = ["a.mp4", "a.mkv"].map(written);
    // From 0.5 to 3 s.
    let seen = packets(&directory.join("a.mkv"), 0);
    let seen: Vec<_> = seen.iter().map(|packet| (packet.0, packet.1)).collect();
    assert_eq!(seen, [(500, 1250), (1500, 1000)]);
    assert_eq!(packets(&directory.join("a.mp4"), 1)[0], (0, 401, 8));
    render(&Job::from_file(&path).unwrap()).unwrap();
    assert!(first == ["a.mp4", "a.mkv"].map(written), "other bytes");

    let without = json!({ "frames": "15..90", "subtitles": [] });
    let path = job(directory, &["b.mp4", "b.mkv"], &without);
    render(&Job::from_file(&path).unwrap()).unwrap();
    for (with, without) in [("a.mp4", "b.mp4"), ("a.mkv", "b.mkv")] {
        for stream in ["0:v", "0:a"] {
            let sums = [with, without].map(|name| sum(&directory.join(name), stream));
            assert!(sums[0] == sums[1], "{with}: {stream}");
        }
    }
}

#[test]
fn the_index_has_room_for_thousands() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    texts(directory);
    let stamp = |ms: u32| format!("00:{:02}.{:03}", ms / 1000, ms % 1000);
    let cues = (0..1990).map(|n| format!("{} --> {}\n{n}\n\n", stamp(2 * n), stamp(2 * n + 1)));
    let text = format!("WEBVTT\n\n{}", cues.collect::<String>());
    fs::write(directory.join("en.vtt"), text).unwrap();
    let fragmented = json!({ "outputs": [
        { "output": "a.mp4" }, { "output": "b.mp4", "video": { "fragmented": true } },
    ] });
    render(&Job::from_file(job(directory, &[], &fragmented)).unwrap()).unwrap();
    for name in ["a.mp4", "b.mp4"] {
        let file = directory.join(name);
        let seen = ["-v", "error", "-i", file.to_str().unwrap(), "-map", "0:s:0", "-f", "srt", "-"];
        let seen = String::from_utf8(judge("ffmpeg", &seen)).unwrap();
        let mut numbers = (0..1990).map(|n| n.to_string());
        assert!(numbers.all(|n| seen.lines().any(|line| line == n)), "{name}");
    }
}

#[test]
fn what_cannot_be_written_is_refused_before_the_render() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    texts(directory);
    let one = |file: &str| json!({ "subtitles": [{ "file": file, "language": "en" }] });
    fs::write(directory.join("bad.vtt"), "WEBVTT\n\n1\n00:01.000 --> 00:0x.000\na\n").unwrap();
    fs::write(directory.join("arrow.srt"), "1\n00:00:01,000 -> 00:00:02,000\na\n").unwrap();
    fs::write(directory.join("back.srt"), "1\n00:00:02,000 --> 00:00:01,000\na\n").unwrap();
    for (outputs, more, texts) in [
        (["a.mp4"], one("bad.vtt"), ["bad.vtt: line 4: expected a time", "subtitles[0].file"]),
        (["a.mp4"], one("arrow.srt"), ["arrow.srt: line ", "expected a time"]),
        (["a.mp4"], one("back.srt"), ["back.srt: line 2", "ends before it begins"]),
        (["a.mp4"], one("none.vtt"), ["does not exist", "none.vtt"]),
        (["a.mp4"], one("."), ["is no file", "subtitles[0].file"]),
        (["a.gif"], one("en.vtt"), ["field `subtitles`", ".webm or .m3u8"]),
        (["a.webp"], one("en.vtt"), ["field `subtitles`", ".webm or .m3u8"]),
        (["frames/"], one("en.vtt"), ["field `subtitles`", ".webm or .m3u8"]),
        (["a.wav"], one("en.vtt"), ["field `subtitles`", "with pictures"]),
    ] {
        let path = job(directory, &outputs, &more);
        let ended = pagereel().arg(&path).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(texts.iter().all(|text| said.contains(text)), "{texts:?} in\n{said}");
        assert!(!directory.join(outputs[0]).exists());
    }
    let ended = pagereel()
        .arg(job(
            directory,
            &["a.mp4"],
            &json!({ "frames": "110..112",
        "subtitles": [{ "file": "de.srt", "language": "de" }] }),
        ))
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && said.contains("no cue is within"), "{said}");
}
