//! Tags, chapters and time codes that files hold, and those that are refused before the render.

use std::fs;
use std::path::Path;

use pagereel::Job;
use serde_json::{Value, json};

use crate::support::{judge, page, render};

const PAGE: &str = r#"<!doctype html><body><div data-composition-id="m" data-width="64"
    data-height="36" data-duration="2"></div></body>"#;

/// Renders half a second into files of these names with that metadata.
fn render_with(directory: &Path, names: &[&str], metadata: &Value) -> pagereel::Result<()> {
    let outputs = names.iter().map(|name| json!({ "output": directory.join(name) }));
    let job = json!({
        "composition": directory.join("index.html"),
        "frames": "0..30",
        "outputs": outputs.collect::<Vec<_>>(),
        "metadata": metadata,
    });
    let path = directory.join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    render(&Job::from_file(&path)?).map(drop)
}

/// What ffprobe reads of the whole, tags by lower-case names, and the chapters' titles.
fn probed(file: &Path) -> (Value, Vec<String>) {
    let arguments = ["-show_format", "-show_chapters", "-of", "json", file.to_str().unwrap()];
    let all: Value = serde_json::from_slice(&judge("ffprobe", &arguments)).unwrap();
    let tags = all["format"]["tags"].as_object().unwrap();
    let tags = tags.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect();
    let chapters = all["chapters"].as_array().unwrap();
    let title = |chapter: &Value| chapter["tags"]["title"].as_str().unwrap().to_owned();
    (Value::Object(tags), chapters.iter().map(title).collect())
}

#[test]
fn the_index_has_room_for_any_tags_and_chapters() {
    let (directory, _) = page(PAGE);
    let directory = directory.path();
    let long = "\u{fc}".repeat(2500);
    let tags = json!({
        "title": "T".repeat(300),
        "timecode": "01:00:00:00",
        "language": "eng",
        "tags": { "comment": long, "copyright": "c".repeat(60_000), "artist": "a" },
    });
    render_with(directory, &["tags.mp4", "tags.mov"], &tags).unwrap();
    for name in ["tags.mp4", "tags.mov"] {
        let (found, _) = probed(&directory.join(name));
        assert_eq!(found["comment"], tags["tags"]["comment"], "{name}");
        assert_eq!(found["copyright"], tags["tags"]["copyright"], "{name}");
        assert_eq!(found["title"], tags["title"], "{name}");
        assert_eq!(found["encoder"], concat!("pagereel ", env!("CARGO_PKG_VERSION")), "{name}");
    }
    let titles: Vec<_> = (0..1000).map(|n| format!("{n} {}", "name \u{e9} ".repeat(20))).collect();
    let chapters = titles
        .iter()
        .enumerate()
        .map(|(n, title)| json!({ "at": n as f64 / 1000.0, "title": title }));
    let chapters = json!({ "chapters": chapters.collect::<Vec<_>>() });
    let names = ["chapters.mp4", "chapters.mov", "chapters.mkv", "chapters.webm"];
    render_with(directory, &names, &chapters).unwrap();
    for name in names {
        let (_, found) = probed(&directory.join(name));
        assert_eq!(found, titles, "{name}");
    }
}
