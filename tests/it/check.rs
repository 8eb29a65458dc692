//! What a composition is made of, without rendering it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{fixture, page, pagereel};

struct Checked {
    code: i32,
    stdout: String,
    stderr: String,
}

fn check(input: &Path, more: &[&str]) -> Checked {
    let output = pagereel().arg("check").arg(input).args(more).output().unwrap();
    Checked {
        code: output.status.code().expect("it exits by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn checked_json(input: &Path, more: &[&str]) -> (i32, Value) {
    let checked = check(input, &[&["--json"], more].concat());
    let json = serde_json::from_str(&checked.stdout);
    (checked.code, json.unwrap_or_else(|e| panic!("{e}: {} {}", checked.stdout, checked.stderr)))
}

/// One of each: a nested composition, clips, a reference, tracks, timelines, media, fonts, variables.
const WHOLE: &str = r##"<!doctype html>
<html data-composition-variables='[{"id":"title","type":"string","default":"Hello"},{"id":"n"}]'>
<style>
  @font-face { font-family: "Round"; font-weight: 700; src: url("no-such.woff2") }
  @keyframes turn { to { rotate: 1turn } }
  #sun { animation: turn 2s linear infinite }
</style>
<div data-composition-id="main" data-width="320" data-height="180" data-duration="6" data-fps="25">
  <h1 id="title" data-start="0.5" data-duration="2" data-track-index="1">Hello</h1>
  <p data-start="title + 0.25" data-end="4" data-track-index="2"></p>
  <div id="sun" data-start="1"></div>
  <div id="host" data-composition-id="scene" data-composition-src="scene.html" data-start="3" data-duration="2.5">
    <b id="inner" data-start="0.5" data-duration="1"></b>
  </div>
  <video id="film" src="film.mp4" data-start="1" data-duration="3"></video>
  <audio><source src="sound.mp3"></audio>
</div>
<script src="gsap.js"></script>
<script>
  window.__timelines = {
    main: gsap.timeline({ paused: true }).to("#title", { x: 9, duration: 1 }).to("#sun", { y: 9, duration: 3 }),
    scene: gsap.timeline({ paused: true }).to("#inner", { x: 9, duration: 1, repeat: -1 }),
    lost: gsap.timeline({ paused: true }),
  };
  setTimeout(() => {}, 1000);
  addEventListener("hf-seek", () => {});
  console.log("hello", 7);
</script>"##;

fn whole() -> (tempfile::TempDir, std::path::PathBuf) {
    let (directory, path) = page(WHOLE);
    let gsap = fixture("gsap/vendor/gsap.min.js");
    fs::copy(&gsap, directory.path().join("gsap.js")).expect("./setup.sh copies gsap");
    (directory, path)
}

#[test]
fn the_tree_for_programs() {
    let (_directory, path) = whole();
    let (code, check) = checked_json(&path, &[]);
    assert_eq!(code, 0, "{check:#}");
    let head = json!([
        check["composition"],
        check["size"],
        check["frameRate"],
        check["duration"],
        check["durationSource"],
        check["frames"],
        check["error"],
        check["console"],
    ]);
    let size = json!({ "width": 320, "height": 180 });
    assert_eq!(head, json!(["index.html", size, 25, 6.0, "root", 150, null, ["log: hello 7"]]));
    let timeline = |key, duration: Value, tweens| json!({ "key": key, "duration": duration, "tweens": tweens });
    assert_eq!(
        check["compositions"],
        json!([
            {
                "id": "main", "element": "<div>", "src": null, "start": 0.0, "duration": 6.0,
                "timeline": timeline("main", 4.0.into(), 2), "parent": null,
            },
            {
                "id": "scene", "element": "#host", "src": "scene.html", "start": 3.0,
                "duration": 2.5, "timeline": timeline("scene", "Infinity".into(), 1),
                "parent": "main",
            },
        ])
    );
    assert_eq!(check["otherTimelines"], json!([timeline("lost", 0.0.into(), 0)]));
    let clip = |element: &str, tag: &str, start: f64, end: Option<f64>, track: Option<f64>| {
        let composition = if element == "#inner" { "scene" } else { "main" };
        let id = element.strip_prefix('#');
        json!({
            "element": element, "id": id, "composition": composition, "track": track,
            "start": start, "end": end, "tag": tag,
        })
    };
    assert_eq!(
        check["clips"],
        json!([
            clip("#title", "h1", 0.5, Some(2.5), Some(1.0)),
            clip("<p>", "p", 2.75, Some(4.0), Some(2.0)),
            clip("#sun", "div", 1.0, None, None),
            clip("#inner", "b", 3.5, Some(4.5), None),
            clip("#film", "video", 1.0, Some(4.0), None),
        ])
    );
    let version = check["adapters"][0]["version"].clone();
    assert!(version.as_str().unwrap().starts_with("3."));
    assert_eq!(
        check["adapters"],
        json!([
            { "name": "gsap", "count": null, "version": version, "timelines": 3, "tweens": 3 },
            { "name": "cssAnimations", "count": 1 },
            { "name": "three", "count": null },
            { "name": "timers", "count": 1 },
        ])
    );
    assert_eq!(
        check["media"],
        json!([
            { "tag": "video", "id": "film", "src": "film.mp4", "start": 1.0, "end": 4.0 },
            { "tag": "audio", "id": null, "src": "sound.mp3", "start": 0.0, "end": "Infinity" },
        ])
    );
    assert_eq!(
        check["fonts"],
        json!([{
            "family": "Round", "weight": "700", "style": "normal", "status": "error",
            "source": "no-such.woff2",
        }])
    );
    assert_eq!(
        check["variables"],
        json!([{ "id": "title", "type": "string", "default": "Hello" }, { "id": "n", "type": null }])
    );
    let codes: Vec<_> =
        check["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"font_failed") && codes.contains(&"resource_failed"), "{codes:?}");
}

#[test]
fn the_tree_for_people() {
    let (_directory, path) = whole();
    let checked = check(&path, &[]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    let lists = checked.stdout.split("\nwarnings\n").next().unwrap();
    let version = lists.split("GSAP ").nth(1).unwrap().split(' ').next().unwrap();
    let expected = format!(
        "\
index.html: 320x180, 25 fps, 6 s (root), 150 frames

compositions
  main        composition  0 to 6 s      timeline: 4 s, 2 tweens
    #title    h1           0.5 to 2.5 s  track 1
    <p>       p            2.75 to 4 s   track 2
    #sun      div          from 1 s
    #film     video        1 to 4 s
    scene     composition  3 to 5.5 s    from scene.html, timeline: endless, 1 tween
      #inner  b            3.5 to 4.5 s

other timelines
  lost  timeline: 0 s, 0 tweens  of no composition

moved by
  GSAP {version}  3 timelines, 3 tweens
  CSS          1 animation
  hf-seek      listeners
  timers       1 timer

media
  video  #film  1 to 4 s      film.mp4
  audio         0 to endless  sound.mp3

fonts
  Round  700  normal  error  no-such.woff2

variables
  title  string  \"Hello\"
  n
"
    );
    assert_eq!(lists, expected, "\n{lists}");
    let (_, end) = checked.stdout.split_once("\nlast console lines\n  log: hello 7\n").unwrap();
    assert!(end.ends_with(" warnings\n"), "{end}");
}

/// A check of a page that cannot be rendered says what it found all the same.
#[test]
fn pages_that_cannot_be_rendered() {
    let broken = |name: &str, more: &[&str]| check(&fixture("broken").join(name), more);
    for (name, found, error) in [
        ("throws.html", "throws.html: 320x180, 30 fps\n", "the composition has no duration"),
        ("infinite-gsap.html", "timeline: endless", "repeats for ever and declares no duration"),
        ("zero-duration.html", "0 to 0 s", "the duration (root) is 0 s"),
        ("nan-duration.html", "1 seek function", "the duration (hf) is not a number"),
    ] {
        let checked = broken(name, &[]);
        assert!(checked.stdout.contains(found), "{}", checked.stdout);
        assert!(checked.stderr.starts_with("error: "), "{}", checked.stderr);
        assert!(checked.stderr.contains(error), "{}", checked.stderr);
        assert_eq!(checked.code, 1);
    }
    let (code, check) = checked_json(&fixture("broken/throws.html"), &[]);
    assert_eq!(code, 1);
    assert!(check["error"].as_str().unwrap().starts_with("the composition has no duration"));
    let thrown = "Error: broken on purpose: throws at load (throws.html:12)";
    assert_eq!(check["scriptErrors"], json!([thrown]));
    // What the page does not say, the caller can.
    assert_eq!(broken("no-duration.html", &["--duration", "1"]).code, 0);
    assert_eq!(broken("missing.html", &[]).code, 2);
}

#[test]
fn pages_that_are_never_ready() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("job.json");
    let job = json!({
        "composition": fixture("broken/never-ready.html"), "timeouts": { "ready": 1, "player": 1 },
    });
    fs::write(&path, job.to_string()).unwrap();
    let (code, check) = checked_json(&path, &[]);
    assert_eq!(code, 1);
    assert_eq!(
        check["error"],
        "the page is not ready after 1 s; still waiting for window.__renderReady"
    );
    assert_eq!(check["compositions"][0]["id"], "never-ready");
    assert_eq!(check["frames"], 30);
}

#[test]
fn warnings_count_where_the_job_is_strict() {
    let page = fixture("broken/missing-image.html");
    let checked = check(&page, &[]);
    assert!(checked.stdout.contains("\nwarnings\n"), "{}", checked.stdout);
    assert!(checked.stdout.contains("  not loaded: no-such-image.png: HTTP status 404\n"));
    assert_eq!(checked.code, 0);
    let checked = check(&page, &["--strict"]);
    assert!(checked.stderr.contains("the job is strict"), "{}", checked.stderr);
    assert_eq!(checked.code, 1);
    assert_eq!(check(&fixture("title-card"), &["--strict"]).code, 0);
}
