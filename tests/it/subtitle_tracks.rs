//! The page's own tracks as subtitles, and files of subtitles beside the outputs.

use std::fs;
use std::path::Path;

use pagereel::Job;
use serde_json::{Value, json};

use crate::support::{judge, page, pagereel, render};

const ENGLISH: &str = "WEBVTT\n\n00:00.500 --> 00:01.250\none &amp; <i>two</i>\n\n\
    00:01.000 --> 00:09.000 line:0\nto the end\n";
const GERMAN: &str = "WEBVTT\n\n1\n00:00.000 --> 00:00.400\neins\n";

/// What stands around the media: four seconds.
fn composition(media: &str) -> String {
    format!(
        r#"<!doctype html><body><div data-composition-id="m" data-width="64" data-height="36"
            data-duration="4">{media}</div></body>"#
    )
}

fn texts(directory: &Path) {
    fs::write(directory.join("english.vtt"), ENGLISH).unwrap();
    fs::write(directory.join("german.vtt"), GERMAN).unwrap();
    let tone = directory.join("tone.wav");
    let tone = tone.to_str().unwrap();
    judge("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", "sine=440:d=2", tone]);
}

fn job(directory: &Path, outputs: &[&str], subtitles: &Value) -> std::path::PathBuf {
    let outputs: Vec<_> = outputs.iter().map(|name| json!({ "output": name })).collect();
    let job = json!({
        "composition": "index.html",
        "fps": 25,
        "outputs": outputs,
        "subtitles": subtitles,
    });
    let path = directory.join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    path
}

/// Language, title and disposition of a stream of subtitles, and when its texts come: milliseconds from
/// and to.
type Stream = (String, String, bool, Vec<(i64, i64)>);

/// The streams of subtitles of a file.
fn streams(file: &Path) -> Vec<Stream> {
    let entries = "stream=index,codec_type:stream_tags=language,title:stream_disposition=default:\
        packet=stream_index,pts_time,duration_time,size";
    let arguments =
        ["-v", "error", "-show_entries", entries, "-of", "json", file.to_str().unwrap()];
    let found: Value = serde_json::from_slice(&judge("ffprobe", &arguments)).unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
    let ms = |value: &Value| {
        let secs: f64 = value.as_str().unwrap().parse().unwrap();
        (secs * 1000.0).round() as i64
    };
    let packets = found["packets"].as_array().unwrap();
    let subtitles = found["streams"].as_array().unwrap().iter();
    let subtitles = subtitles.filter(|stream| stream["codec_type"] == "subtitle");
    let read = |stream: &Value| {
        let own = packets.iter().filter(|packet| packet["stream_index"] == stream["index"]);
        let times = own.map(|packet| {
            let start = ms(&packet["pts_time"]);
            (start, start + ms(&packet["duration_time"]))
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = &stream["tags"];
        let is_default = stream["disposition"]["default"] == 1;
        (text(&tags["language"]), text(&tags["title"]), is_default, times.collect())
    };
    subtitles.map(read).collect()
}

#[test]
fn tracks_of_the_page_become_streams_at_the_times_of_their_media() {
    let media = r#"<audio src="tone.wav" data-start="0.5" data-media-start="0.25" data-duration="3">
            <track src="english.vtt" srclang="en-US" label="English">
            <track kind="captions" src="german.vtt" srclang="de" default>
            <track kind="chapters" src="english.vtt" srclang="fr">
        </audio>
        <audio id="loop" src="tone.wav" loop muted><track src="german.vtt" srclang="xx"></audio>"#;
    let (directory, _) = page(&composition(media));
    let directory = directory.path();
    texts(directory);
    let all = json!([{ "tracks": "track" }]);
    render(&Job::from_file(job(directory, &["a.mkv", "a.mp4"], &all)).unwrap()).unwrap();
    let found = streams(&directory.join("a.mkv"));
    let [english, german, looped] = &found[..] else { panic!("three streams: {found:?}") };
    // Source 0.25 s is at 0.5 s; the file ends at 2 s, where its last cue stays until 3.5 s.
    let times = vec![(750, 1500), (1250, 3500)];
    assert_eq!(*english, ("eng".into(), "English".into(), false, times));
    assert_eq!((german.2, &german.3), (true, &vec![(500, 650)]));
    assert!(["ger", "deu"].contains(&&*german.0), "{german:?}");
    // Matroska leaves `und` out.
    assert!(["und", ""].contains(&&*looped.0), "{looped:?}");
    assert_eq!(looped.3, [(0, 400), (2000, 2400)]);
    assert_eq!(streams(&directory.join("a.mp4")).len(), 3);

    // One of them, under other names.
    let one = json!([{ "tracks": "#loop track", "language": "fr", "label": "L", "default": true }]);
    render(&Job::from_file(job(directory, &["b.mkv"], &one)).unwrap()).unwrap();
    let found = streams(&directory.join("b.mkv"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(["fre", "fra"].contains(&&*found[0].0) && found[0].1 == "L" && found[0].2, "{found:?}");
}

#[test]
fn tracks_follow_what_page_code_plays() {
    let media = r#"<audio id="a" src="tone.wav"><track src="english.vtt" srclang="en"></audio>
        <script>
            setTimeout(() => { a.currentTime = 0.5; a.play(); }, 1000);
            setTimeout(() => a.pause(), 1600);
            setTimeout(() => { a.currentTime = 0; a.playbackRate = 2; a.play(); }, 2000);
        </script>"#;
    let (directory, _) = page(&composition(media));
    let directory = directory.path();
    texts(directory);
    let all = json!([{ "tracks": "track" }]);
    render(&Job::from_file(job(directory, &["a.mkv"], &all)).unwrap()).unwrap();
    let found = streams(&directory.join("a.mkv"));
    // 0.5 to 1.1 s of the file from 1 s on, and all of it at twice the rate from 2 s on.
    let expected = [(1000, 1600), (1500, 1600), (2250, 2625), (2500, 4000)];
    assert_eq!(found[0].3, expected);
}

#[test]
fn files_stand_beside_the_outputs() {
    let media = r#"<audio src="tone.wav" data-start="0"><track src="german.vtt" srclang="de">
        <track src="english.vtt" srclang="../x"></audio>"#;
    let (directory, _) = page(&composition(media));
    let directory = directory.path();
    texts(directory);
    let subtitles = json!([
        { "file": "english.vtt", "language": "en", "sidecar": "srt" },
        { "tracks": "track", "sidecar": "vtt", "stream": false },
        { "file": "german.vtt", "language": "en", "sidecar": "srt", "stream": false },
    ]);
    let report =
        render(&Job::from_file(job(directory, &["f.mp4", "f.mkv"], &subtitles)).unwrap()).unwrap();
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let srt = "1\n00:00:00,500 --> 00:00:01,250\none & <i>two</i>\n\n\
        2\n00:00:01,000 --> 00:00:04,000\nto the end\n\n";
    assert_eq!(read("f.en.srt"), srt);
    assert_eq!(read("f.en.2.srt"), "1\n00:00:00,000 --> 00:00:00,400\neins\n\n");
    assert_eq!(read("f.de.vtt"), "WEBVTT\n\n00:00:00.000 --> 00:00:00.400\neins\n");
    assert!(read("f.und.vtt").contains("one &amp; <i>two</i>"));
    assert_eq!(streams(&directory.join("f.mkv")).len(), 1);
    let others = report.output.others.iter().filter_map(|other| other.path.clone());
    let names = ["f.mkv", "f.de.vtt", "f.en.2.srt", "f.en.srt", "f.und.vtt"];
    assert_eq!(others.collect::<Vec<_>>(), names.map(|name| directory.join(name)));

    // Beside what can hold none.
    let alone =
        json!([{ "file": "german.vtt", "language": "de", "sidecar": "srt", "stream": false }]);
    render(&Job::from_file(job(directory, &["g.gif"], &alone)).unwrap()).unwrap();
    assert!(read("g.de.srt").contains("eins"));
}

#[test]
fn what_cannot_be_found_or_written_is_refused_before_the_render() {
    let media = r#"<audio src="tone.wav" data-start="0"><track src="english.vtt" srclang="en">
        <track id="gone" src="gone.vtt"><track id="bad" src="bad.vtt"></audio>"#;
    let (directory, _) = page(&composition(media));
    let directory = directory.path();
    texts(directory);
    fs::write(directory.join("bad.vtt"), "WEBVTT\n\n00:01.000 --> 00:0x.000\na\n").unwrap();
    fs::write(directory.join("a.en.vtt"), ENGLISH).unwrap();
    let english = |more: Value| {
        let mut entry = json!({ "file": "english.vtt", "language": "en" });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    for (output, entry, said) in [
        ("a.mp4", json!({ "tracks": "<<" }), "`subtitles[0].tracks`"),
        ("a.mp4", json!({ "tracks": "#none" }), "a CSS selector of <track> elements"),
        ("a.mp4", json!({ "tracks": "#gone" }), "gone.vtt: #gone: HTTP status 404"),
        ("a.mp4", json!({ "tracks": "#bad" }), "bad.vtt: #bad: line 3: expected a time"),
        ("a.mp4", english(json!({ "tracks": "track" })), "exclude each other"),
        ("a.mp4", json!({ "language": "en" }), "`subtitles[0].file` is missing"),
        ("a.mp4", json!({ "file": "english.vtt" }), "`subtitles[0].language` is missing"),
        ("a.mp4", english(json!({ "stream": false })), "`subtitles[0].stream`"),
        ("a.mp4", english(json!({ "sidecar": "ass" })), "subtitles[0].sidecar"),
        ("f/", english(json!({ "sidecar": "vtt", "stream": false })), "`subtitles[0].sidecar`"),
        (
            "a.mp4",
            json!({ "file": "a.en.vtt", "language": "en", "sidecar": "vtt" }),
            "give the output another name",
        ),
    ] {
        let path = job(directory, &[output], &json!([entry]));
        let ended = pagereel().arg(&path).output().unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{entry}: {error}");
        assert!(error.contains(said), "{entry}: {said:?} in\n{error}");
        assert!(!directory.join(output).exists());
    }
    assert_eq!(fs::read_to_string(directory.join("a.en.vtt")).unwrap(), ENGLISH);
}
