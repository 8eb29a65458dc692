//! Files, frame by frame.

use std::fs;

use pagereel::frame::Size;
use pagereel::job::{CaptureMode, CodedFormat, FrameRange, OddSize, Quality};
use pagereel::time::FrameRate;
use pagereel::{Error, Job};
use serde_json::{Value, json};

use crate::support::{barcode, decode, digests, fixture, page, probe, render, time_stamps};

fn barcode_job(fps: &str, frames: u64, size: Size, output: &std::path::Path) -> Job {
    let mut job = Job::new(fixture("frame-barcode"), output);
    job.fps = Some(fps.parse().unwrap());
    job.size = Some(size);
    job.variables.insert("fps".into(), json!(fps));
    job.variables.insert("frames".into(), json!(frames));
    job.video.quality = Quality::Draft;
    job
}

/// Renders barcodes, decodes them, and checks that each index is there once, in order.
fn check_barcodes(job: &Job, frames: u64, size: Size) {
    let path = job.output.clone().unwrap();
    let report = render(job).unwrap();
    assert_eq!(report.output.frames, frames);
    let (w, h) = (size.width as usize, size.height as usize);
    let seen: Vec<_> =
        decode(&path, "gray", w * h).iter().map(|gray| barcode(gray, w, h)).collect();
    let expected: Vec<_> = (0..frames).map(Some).collect();
    assert_eq!(seen, expected);
}

#[test]
fn each_frame_once_in_order_at_its_time_for_any_number_of_sessions() {
    let size = Size { width: 320, height: 180 };
    for fps in ["30", "60", "30000/1001"] {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for workers in 1..=3 {
            let path = directory.path().join(format!("{workers}.mp4"));
            let mut job = barcode_job(fps, 150, size, &path);
            job.capture.workers = Some(workers);
            if workers == 1 {
                check_barcodes(&job, 150, size);
            } else {
                render(&job).unwrap();
            }
            files.push(fs::read(&path).unwrap());
        }
        assert!(files[0] == files[1] && files[1] == files[2], "{fps}: the files differ");

        let path = directory.path().join("1.mp4");
        let stream = &probe(&path)["streams"][0];
        let rate: FrameRate = fps.parse().unwrap();
        let base: Vec<i64> =
            stream["time_base"].as_str().unwrap().split('/').map(|n| n.parse().unwrap()).collect();
        let ticks = base[1] * i64::from(rate.den.get()) / (base[0] * i64::from(rate.num.get()));
        let expected: Vec<i64> = (0..150).map(|n| n * ticks).collect();
        assert_eq!(time_stamps(&path), expected, "{fps}");
        assert_eq!(stream["nb_read_packets"], "150");
        assert_eq!(stream["start_pts"], 0);
    }
}

#[test]
fn plain_scripts_that_follow_the_clock_show_each_frame_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raf.mp4");
    let size = Size { width: 320, height: 180 };
    let mut job = barcode_job("60", 90, size, &path);
    job.composition = fixture("frame-barcode/raf.html").into();
    job.duration = Some(1.5);
    job.capture.workers = Some(3);
    check_barcodes(&job, 90, size);
}

#[test]
fn screenshots_show_each_frame_too() {
    let directory = tempfile::tempdir().unwrap();
    let size = Size { width: 320, height: 180 };
    let mut job = barcode_job("30", 40, size, &directory.path().join("s.mp4"));
    job.capture.mode = CaptureMode::Screenshot;
    job.capture.workers = Some(2);
    check_barcodes(&job, 40, size);
    assert_eq!(render(&job).unwrap().plan.capture.backend, pagereel::plan::Backend::Screenshot);
}

#[test]
fn an_ordinary_chromium_does_it_too() {
    let chromium = std::path::Path::new("/usr/bin/chromium");
    assert!(chromium.exists(), "./setup.sh installs it");
    let directory = tempfile::tempdir().unwrap();
    let size = Size { width: 320, height: 180 };
    let mut job = barcode_job("30", 20, size, &directory.path().join("c.mp4"));
    job.browser.path = Some(chromium.to_owned());
    job.capture.workers = Some(2);
    check_barcodes(&job, 20, size);
}

#[test]
fn one_to_eleven_frames() {
    let directory = tempfile::tempdir().unwrap();
    let size = Size { width: 320, height: 180 };
    for frames in 1..=11 {
        let path = directory.path().join(format!("{frames}.mp4"));
        let mut job = barcode_job("30", frames, size, &path);
        job.capture.workers = Some(1 + (frames % 3) as u32);
        check_barcodes(&job, frames, size);
        let duration: f64 =
            probe(&path)["streams"][0]["duration"].as_str().unwrap().parse().unwrap();
        assert!((duration - frames as f64 / 30.0).abs() < 1e-3, "{frames}: {duration} s");
    }
}

#[test]
fn a_range_of_frames_is_that_part_of_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    let size = Size { width: 320, height: 180 };
    let path = directory.path().join("range.mp4");
    let mut job = barcode_job("30", 100, size, &path);
    job.frames = Some(FrameRange { start: 40, end: 52 });
    let report = render(&job).unwrap();
    assert_eq!((report.output.frames, report.plan.first_frame), (12, 40));
    let seen: Vec<_> =
        decode(&path, "gray", 320 * 180).iter().map(|g| barcode(g, 320, 180)).collect();
    assert_eq!(seen, (40..52).map(Some).collect::<Vec<_>>());

    job.frames = Some(FrameRange { start: 90, end: 101 });
    let error = render(&job).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field `frames` must be within the composition's 100 frames (0..100), found 90..101"
    );
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn the_smallest_and_the_largest() {
    let directory = tempfile::tempdir().unwrap();
    let html = "<body style='margin:0;background:rgb(0,192,48)'>";
    let (_page, html) = page(html);
    let mut job = Job::new(html, directory.path().join("small.mp4"));
    // The window that shows it is larger.
    job.capture.mode = CaptureMode::Display;
    job.size = Some(Size { width: 2, height: 2 });
    job.duration = Some(0.2);
    render(&job).unwrap();
    let frames = decode(&directory.path().join("small.mp4"), "rgb24", 12);
    assert_eq!(frames.len(), 6);
    for (channel, expected) in frames[0].iter().zip([0_u8, 192, 48].repeat(4)) {
        assert!(channel.abs_diff(expected) <= 3, "{:?}", frames[0]);
    }

    let size = Size { width: 3840, height: 2160 };
    let mut job = barcode_job("30", 10, size, &directory.path().join("large.mp4"));
    job.capture.mode = CaptureMode::Display;
    job.capture.workers = Some(2);
    check_barcodes(&job, 10, size);
}

#[test]
fn odd_sizes_are_refused_or_padded_never_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("odd.mp4");
    let size = Size { width: 1081, height: 721 };
    let mut job = barcode_job("30", 3, size, &path);
    let error = render(&job).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field `size` must be even for yuv420p; use 1082x722, or `video.oddSize: \"pad\"`, or \
         `video.pixelFormat: \"yuv444p\"`, found 1081x721"
    );
    assert!(!path.exists());

    job.video.odd_size = OddSize::Pad;
    render(&job).unwrap();
    let frames = decode(&path, "gray", 1082 * 722);
    assert_eq!(frames.len(), 3);
    // The last column is there twice; the bars reach the edge.
    for row in frames[0].chunks(1082) {
        assert!(row[1080].abs_diff(row[1081]) <= 12, "{:?}", &row[1076..]);
    }

    job.video.odd_size = OddSize::Error;
    job.video.pixel_format = Some(CodedFormat::Yuv444p);
    job.capture.mode = CaptureMode::Display;
    check_barcodes(&job, 3, size);
}

#[test]
fn colors_come_back_and_are_tagged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("colors.mp4");
    let job = Job::new(fixture("color-patches"), &path);
    render(&job).unwrap();
    let stream = &probe(&path)["streams"][0];
    let tags = ["color_primaries", "color_transfer", "color_space", "color_range"];
    let tags = tags.map(|tag| stream[tag].as_str().unwrap_or_default().to_owned());
    assert_eq!(tags, ["bt709", "bt709", "bt709", "tv"]);

    let list = fs::read_to_string(fixture("color-patches/patches.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let patches = list.as_array().or_else(|| list["patches"].as_array()).unwrap();
    assert!(patches.len() >= 24);
    let frames = decode(&path, "rgb24", 640 * 480 * 3);
    for frame in [&frames[0], frames.last().unwrap()] {
        for patch in patches {
            let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
            let [x, y, w, h] = [0, 1, 2, 3].map(|i| number(&patch["rect"][i]));
            let at = ((y + h / 2) * 640 + x + w / 2) * 3;
            let expected: Vec<_> = patch["rgb"].as_array().unwrap().iter().map(number).collect();
            for (got, &expected) in frame[at..at + 3].iter().zip(&expected) {
                let off = usize::from(*got).abs_diff(expected);
                assert!(off <= 3, "{patch}: {:?}", &frame[at..at + 3]);
            }
        }
    }
}

#[test]
fn animations_give_the_same_frames_for_any_number_of_sessions() {
    for name in ["gsap", "raf-canvas", "title-card", "css-cards"] {
        let mut job = Job::from_file(fixture(name).join("job.json")).unwrap();
        // The second half is where an earlier frame would have left its traces.
        job.frames = Some(FrameRange { start: 30, end: 60 });
        let one = digests(&job, 1);
        assert_eq!(one.len(), 30);
        assert!(one.windows(2).any(|pair| pair[0] != pair[1]), "{name}: nothing moves");
        assert_eq!(one, digests(&job, 3), "{name}");
    }
}

#[test]
fn a_misspelt_encoder_option_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let mut job = Job::new(fixture("color-patches"), &path);
    for (key, text) in [
        ("crff", "encoder libx264: option `crff` is unknown to it"),
        ("x264-params", "encoder libx264: Error parsing option"),
    ] {
        job.video.options.clear();
        job.video.options.insert(key.into(), pagereel::job::OptionValue::Text("nope=1".into()));
        let error = render(&job).unwrap_err();
        assert!(matches!(error, Error::Encode(_)), "{error:?}");
        assert!(error.to_string().contains(text.split(": ").last().unwrap()), "{error}");
        assert!(!path.exists());
    }
}

#[test]
fn lossless_is_444_and_exact_up_to_the_matrix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lossless.mkv");
    let mut job = Job::new(fixture("color-patches"), &path);
    job.video.quality = Quality::Lossless;
    job.duration = Some(0.1);
    render(&job).unwrap();
    let stream = &probe(&path)["streams"][0];
    assert_eq!(stream["pix_fmt"], "yuv444p");
    assert_eq!(stream["profile"], "High 4:4:4 Predictive");
}

#[test]
fn the_index_stands_before_the_media() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let size = Size { width: 320, height: 180 };
    render(&barcode_job("30", 300, size, &path)).unwrap();
    let bytes = fs::read(&path).unwrap();
    let find = |name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    assert!(find(b"moov") < find(b"mdat"));
}
