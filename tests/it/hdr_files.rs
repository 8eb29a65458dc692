//! HDR in files: what they say about their light, and what other programs read in them.

use std::path::Path;

use pagereel::Report;
use pagereel::job::{Codec, ColorMode, Output, Quality, Video};
use serde_json::Value;
use tempfile::TempDir;

use crate::hdr::{Curve, job, nits_of_pq, page, source};
use crate::support::{judge, render};

const SIZE: (usize, usize) = (256, 64);
const FRAMES: usize = 12;

/// A page of nothing but a video of [`SIZE`].
fn whole(frames: usize) -> TempDir {
    let body = r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:0;width:256px;height:64px"></video>"#;
    page(SIZE, frames, body)
}

/// The brightest light is in the ninth picture, the most on average in the fourth.
fn swelling(n: usize, x: usize, y: usize) -> [f64; 3] {
    let gray = if n == 3 { 320.0 } else { 20.0 + x as f64 / 4.0 };
    let is_lit = n == 8 && (32..64).contains(&x) && (16..48).contains(&y);
    if is_lit { [1630.0, 900.0, 1200.0] } else { [gray, gray * 0.9, gray * 0.5] }
}

fn output(directory: &TempDir, name: &str, video: Video) -> Output {
    let output = directory.path().join(name);
    Output { output, format: None, at: None, video, audio: pagereel::job::Audio::default() }
}

fn coded(codec: Codec, quality: Quality) -> Video {
    Video { codec: Some(codec), quality, gop: Some(5), ..Video::default() }
}

/// `MaxCLL` and `MaxFALL` of a file of PQ, by CTA-861.3 from its decoded pixels.
fn measured(file: &Path) -> [f64; 2] {
    let file = file.to_str().unwrap();
    let raw = judge("ffmpeg", &["-i", file, "-f", "rawvideo", "-pix_fmt", "gbrp16le", "-"]);
    let pixels = SIZE.0 * SIZE.1;
    assert_eq!(raw.len(), FRAMES * pixels * 6);
    let (mut brightest, mut most_average) = (0.0_f64, 0.0_f64);
    for frame in raw.chunks_exact(pixels * 6) {
        let code = |at: usize| u16::from_le_bytes([frame[2 * at], frame[2 * at + 1]]);
        let highest = |at: usize| (0..3).map(|plane| code(plane * pixels + at)).max().unwrap();
        let nits = (0..pixels).map(|at| nits_of_pq(f64::from(highest(at)) / 65_535.0));
        let nits: Vec<f64> = nits.collect();
        brightest = nits.iter().copied().fold(brightest, f64::max);
        most_average = most_average.max(nits.iter().sum::<f64>() / pixels as f64);
    }
    [brightest, most_average]
}

fn json(arguments: &[&str]) -> Value {
    let json = judge("ffprobe", &[&["-of", "json", "-select_streams", "v:0"], arguments].concat());
    serde_json::from_slice(&json).unwrap()
}

/// What a list of side data says: `MaxCLL` and `MaxFALL`, and the display's red and luminances.
fn said(sides: &Value) -> (Option<[f64; 2]>, Option<[f64; 4]>) {
    let sides = sides.as_array().cloned().unwrap_or_default();
    let find = |key: &str| sides.iter().find(|side| !side[key].is_null()).cloned();
    let ratio = |value: &Value| {
        let (num, den) = value.as_str()?.split_once('/')?;
        Some(num.parse::<f64>().ok()? / den.parse::<f64>().ok()?)
    };
    let level = find("max_content").map(|side| {
        [&side["max_content"], &side["max_average"]].map(|value| value.as_f64().unwrap())
    });
    let display = find("max_luminance").map(|side| {
        ["red_x", "green_y", "min_luminance", "max_luminance"].map(|k| ratio(&side[k]).unwrap())
    });
    (level, display)
}

/// What the container says.
fn head(file: &Path) -> (Option<[f64; 2]>, Option<[f64; 4]>) {
    said(&json(&["-show_streams", file.to_str().unwrap()])["streams"][0]["side_data_list"])
}

/// What each keyframe of the bare stream says, and how many keyframes there are.
fn stream(file: &Path, kind: &str) -> Vec<(Option<[f64; 2]>, Option<[f64; 4]>)> {
    let bare = file.with_extension(kind);
    let (file, text) = (file.to_str().unwrap(), bare.to_str().unwrap());
    judge("ffmpeg", &["-y", "-i", file, "-c:v", "copy", "-an", text]);
    let frames = json(&["-show_frames", text])["frames"].as_array().cloned().unwrap();
    assert_eq!(frames.len(), FRAMES, "{text}");
    let keys = frames.iter().filter(|frame| frame["key_frame"] == 1);
    keys.map(|frame| said(&frame["side_data_list"])).collect()
}

fn near(found: Option<[f64; 2]>, wanted: [f64; 2], what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what}: no levels"));
    for (found, wanted) in found.iter().zip(wanted) {
        let is_near = (found - wanted).abs() <= 0.01 * wanted;
        assert!(is_near, "{what}: {found} nit said, {wanted} measured");
    }
}

fn is_display(found: Option<[f64; 4]>, wanted: [f64; 4], what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what}: no display"));
    for (found, wanted) in found.iter().zip(wanted) {
        // AV1 counts the darkest light in steps of 2^-14 nit.
        assert!((found - wanted).abs() <= 1e-4 * wanted.max(1.0), "{what}: {found} {wanted}");
    }
}

const BT2020_1000: [f64; 4] = [0.708, 0.797, 0.0001, 1000.0];

fn rendered(directory: &TempDir, mode: ColorMode, rows: &[(&str, Video)]) -> Report {
    let mut job = job(directory, mode);
    let outputs = rows.iter().map(|(name, video)| output(directory, name, video.clone()));
    job.outputs = outputs.collect();
    render(&job).unwrap()
}

#[test]
fn measured_levels_stand_in_streams_and_containers() {
    let directory = whole(FRAMES);
    source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, FRAMES), Curve::Pq, swelling);
    let hevc = coded(Codec::Hevc, Quality::Draft);
    let av1 = coded(Codec::Av1, Quality::Draft);
    let vp9 = coded(Codec::Vp9, Quality::Draft);
    let prores = Video { codec: Some(Codec::Prores), ..Video::default() };
    let rows = [
        // Lossless, and the judge of the others.
        ("all.mkv", Video { codec: Some(Codec::Ffv1), ..Video::default() }),
        ("hevc.mp4", hevc.clone()),
        ("hevc.mov", hevc.clone()),
        ("hevc.mkv", hevc.clone()),
        ("parts.mp4", Video { fragmented: true, ..hevc.clone() }),
        ("list.m3u8", hevc.clone()),
        ("twice.mp4", Video { bitrate: Some("2M".parse().unwrap()), two_pass: true, ..hevc }),
        ("av1.mp4", av1.clone()),
        ("av1.mkv", av1.clone()),
        ("av1.webm", av1),
        ("vp9.webm", vp9.clone()),
        ("vp9.mp4", vp9),
        ("prores.mov", prores),
    ];
    let report = rendered(&directory, ColorMode::Hdr10, &rows);
    let file = |name: &str| directory.path().join(name);
    let wanted = measured(&file("all.mkv"));
    println!("measured {wanted:?}, told {:?}", report.content_light);
    for (name, video) in &rows {
        // The playlist's segments have it in their streams alone.
        if *name != "list.m3u8" {
            let (level, display) = head(&file(name));
            near(level, wanted, name);
            is_display(display, BT2020_1000, name);
        }
        let kind = match video.codec {
            Some(Codec::Hevc) => "hevc",
            Some(Codec::Av1) => "obu",
            _ => continue,
        };
        let keys = stream(&file(name), kind);
        assert!(keys.len() >= 3, "{name}: {} keyframes", keys.len());
        for (level, display) in keys {
            near(level, wanted, &format!("stream of {name}"));
            is_display(display, BT2020_1000, &format!("stream of {name}"));
        }
    }
}
