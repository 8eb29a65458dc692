//! Job files: what is read, what is refused and in which words.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pagereel::frame::Size;
use pagereel::job::{
    Address, Bitrate, CaptureFormat, CaptureMode, CaptureOrder, Codec, CodedFormat, ColorMode,
    Container, FrameRange, Job, JobError, NetworkPolicy, OddSize, OptionValue, Quality, Sandbox,
    schema,
};
use serde_json::{Value, json};

/// Reads a job from the directory `/jobs`.
fn read(job: &Value) -> Result<Job, JobError> {
    Job::from_str(&job.to_string(), "/jobs")
}

/// A minimal job with the fields of `more` on top.
fn with(more: &Value) -> Value {
    let mut job = json!({ "composition": "index.html", "output": "out.mp4" });
    let fields = more.as_object().expect("a job is an object").clone();
    job.as_object_mut().expect("a job is an object").extend(fields);
    job
}

fn refused(job: &Value) -> JobError {
    match read(job).and_then(|job| job.validate()) {
        Ok(()) => panic!("was not refused: {job}"),
        Err(error) => error,
    }
}

#[track_caller]
fn says(more: &Value, message: &str) {
    assert_eq!(refused(&with(more)).to_string(), message, "{more}");
}

#[test]
fn two_fields_are_a_whole_job() {
    let job = read(&with(&json!({}))).unwrap();
    assert_eq!(job, Job::new("/jobs/index.html", "/jobs/out.mp4"));
    assert_eq!(job.composition, Address::Path("/jobs/index.html".into()));
    let destination = job.destination().unwrap();
    assert_eq!(destination.path, Path::new("/jobs/out.mp4"));
    assert_eq!(destination.container, Container::Mp4);
    job.validate().unwrap();

    assert_eq!((job.fps, job.size, job.duration, job.frames), (None, None, None, None));
    assert_eq!((job.seed, job.strict, job.alpha), (0, false, false));
    assert!((job.scale - 1.0).abs() < f64::EPSILON);
    assert_eq!((job.video.codec, job.video.quality), (None, Quality::Looks));
    assert_eq!(job.video.codec_in(Container::Mp4), Codec::H264);
    assert_eq!(job.video.pixel_format_of(Codec::H264, false), Some(CodedFormat::Yuv420p));
    assert!(job.audio.enabled);
    assert_eq!((&job.network.policy, job.network.follow_symlinks), (&NetworkPolicy::Allow, false));
    assert!(job.network.map.is_empty());
    assert_eq!((job.capture.mode, job.capture.jpeg_quality), (CaptureMode::Auto, 95));
    let timeouts = &job.timeouts;
    let secs = [timeouts.launch, timeouts.navigation, timeouts.ready, timeouts.frame];
    assert_eq!(secs.map(|t| t.as_secs()), [30, 60, 45, 30]);
    assert_eq!([timeouts.player, timeouts.timelines].map(|t| t.as_secs()), [45, 45]);
    assert_eq!(job.capture.order, CaptureOrder::Auto);
}

/// A job that gives every field a value other than its default.
fn full() -> Value {
    json!({
        "$schema": "../job.schema.json",
        "composition": "scenes/one.html",
        "root": ".",
        "output": "/films/one.mkv",
        "fps": "30000/1001",
        "size": { "width": 1920, "height": 1080 },
        "duration": 2.5,
        "frames": "10..70",
        "variables": { "title": "Hello", "points": [1, 2.5, null, { "x": true }] },
        "seed": 7,
        "video": {
            "codec": "h264",
            "quality": "high",
            "crf": 12.5,
            "preset": "slow",
            "gop": 60,
            "pixelFormat": "yuv422p",
            "oddSize": "pad",
            "options": { "aq-mode": 3, "psy-rd": 1.5, "tune": "animation", "open-gop": false },
        },
        "audio": { "enabled": false },
        "color": { "mode": "sdr" },
        "capture": { "mode": "beginFrame", "format": "jpeg", "jpegQuality": 80, "workers": 3, "order": "sequential" },
        "browser": { "path": "chrome/headless_shell", "sandbox": "off", "args": ["--lang=de"] },
        "network": {
            "policy": ["fonts.gstatic.com", "*.example.org", "localhost:8080"],
            "map": { "https://cdn.jsdelivr.net/npm/": "node_modules/", "http://a.b/c?d": "/e.css" },
            "followSymlinks": true,
        },
        "timeouts": { "launch": 1, "navigation": 2.5, "ready": 3, "player": 4, "timelines": 5, "frame": 0.25 },
        "strict": true,
    })
}

#[test]
fn every_field_is_read() {
    let job = read(&full()).unwrap();
    job.validate().unwrap();
    assert_eq!(job.composition, Address::Path("/jobs/scenes/one.html".into()));
    assert_eq!(job.root.as_deref(), Some(Path::new("/jobs/.")));
    let destination = job.destination().unwrap();
    assert_eq!(destination.path, Path::new("/films/one.mkv"));
    assert_eq!(destination.container, Container::Mkv);
    assert_eq!(job.fps.map(|fps| fps.to_string()).as_deref(), Some("30000/1001"));
    assert_eq!(job.size, Some(Size { width: 1920, height: 1080 }));
    assert_eq!(job.duration, Some(2.5));
    assert_eq!(job.frames, Some(FrameRange { start: 10, end: 70 }));
    assert_eq!(job.variables["points"], json!([1, 2.5, null, { "x": true }]));
    assert_eq!(job.seed, 7);
    assert_eq!((job.video.crf, job.video.gop), (Some(12.5), Some(60)));
    assert_eq!(job.video.preset.as_deref(), Some("slow"));
    assert_eq!(job.video.pixel_format_of(Codec::H264, false), Some(CodedFormat::Yuv422p));
    assert_eq!(job.video.odd_size, OddSize::Pad);
    let options: Vec<_> =
        job.video.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(options, ["aq-mode=3", "open-gop=0", "psy-rd=1.5", "tune=animation"]);
    assert_eq!(job.video.options["open-gop"], OptionValue::Bool(false));
    assert!(!job.audio.enabled);
    assert_eq!(job.color.mode, ColorMode::Sdr);
    assert_eq!((job.capture.mode, job.capture.workers), (CaptureMode::BeginFrame, Some(3)));
    assert_eq!((job.capture.format, job.capture.jpeg_quality), (CaptureFormat::Jpeg, 80));
    assert_eq!(job.browser.path.as_deref(), Some(Path::new("/jobs/chrome/headless_shell")));
    assert_eq!((job.browser.sandbox, job.browser.args.len()), (Sandbox::Off, 1));
    let hosts = ["fonts.gstatic.com", "*.example.org", "localhost:8080"].map(str::to_owned);
    assert_eq!(job.network.policy, NetworkPolicy::Hosts(hosts.to_vec()));
    let mapped = &job.network.map;
    assert_eq!(mapped["https://cdn.jsdelivr.net/npm/"], Path::new("/jobs/node_modules/"));
    assert_eq!((&*mapped["http://a.b/c?d"], mapped.len()), (Path::new("/e.css"), 2));
    assert!(job.network.follow_symlinks);
    assert_eq!(job.timeouts.frame, Duration::from_millis(250));
    assert_eq!([job.timeouts.player, job.timeouts.timelines].map(|t| t.as_secs()), [4, 5]);
    assert_eq!(job.capture.order, CaptureOrder::Sequential);
    assert!(job.strict);
}

#[test]
fn a_printed_job_reads_as_the_same_job() {
    for job in [read(&full()).unwrap(), read(&with(&json!({}))).unwrap()] {
        let printed = serde_json::to_string_pretty(&job).unwrap();
        assert_eq!(Job::from_str(&printed, "/elsewhere").unwrap(), job);
    }
}

#[test]
fn values_may_be_spelled_in_two_ways() {
    for (one, other) in [
        (json!({ "size": "1920x1080" }), json!({ "size": { "width": 1920, "height": 1080 } })),
        (json!({ "frames": "3..9" }), json!({ "frames": { "start": 3, "end": 9 } })),
        (json!({ "fps": 30 }), json!({ "fps": "30" })),
        (json!({ "video": { "bitrate": "1.5M" } }), json!({ "video": { "bitrate": 1_500_000 } })),
        (json!({ "fps": null }), json!({})),
    ] {
        assert_eq!(read(&with(&one)).unwrap(), read(&with(&other)).unwrap(), "{one} {other}");
    }
}

#[test]
fn hyperframes_names_mean_our_fields() {
    let ours = |more| read(&with(&more)).unwrap();
    for (theirs, ours) in [
        (json!({ "width": 320, "height": 180 }), ours(json!({ "size": "320x180" }))),
        (json!({ "quality": "draft" }), ours(json!({ "video": { "quality": "draft" } }))),
        (json!({ "crf": 20 }), ours(json!({ "video": { "crf": 20 } }))),
        (json!({ "videoBitrate": "800k" }), ours(json!({ "video": { "bitrate": "800k" } }))),
        (json!({ "codec": "h264" }), ours(json!({ "video": { "codec": "h264" } }))),
        (json!({ "hdrMode": "auto" }), ours(json!({ "color": { "mode": "auto" } }))),
        (json!({ "hdrMode": "force-sdr" }), ours(json!({ "color": { "mode": "sdr" } }))),
        (json!({ "hdrMode": "force-hdr" }), ours(json!({ "color": { "mode": "hlg" } }))),
        (json!({ "workers": 2 }), ours(json!({ "capture": { "workers": 2 } }))),
        (
            json!({ "crf": 20, "video": { "preset": "fast" } }),
            ours(json!({ "video": { "crf": 20, "preset": "fast" } })),
        ),
    ] {
        assert_eq!(read(&with(&theirs)).unwrap(), ours, "{theirs}");
    }
    let theirs = json!({ "inputPath": "project", "outputPath": "a.MOV", "format": "mov" });
    let ours = Job::new("/jobs/project", "/jobs/a.MOV");
    assert_eq!(read(&theirs).unwrap(), Job { format: Some(Container::Mov), ..ours });
    let theirs = json!({ "inputPath": "a", "outputPath": "frames", "format": "png-sequence" });
    assert_eq!(read(&theirs).unwrap().destination().unwrap().container, Container::Png);
}

#[test]
fn an_entry_file_keeps_its_project_as_root() {
    let theirs = json!({ "inputPath": "project/", "entryFile": "scenes/a.html" });
    let job = read(&theirs).unwrap();
    assert_eq!(job.composition, Address::Path("/jobs/project/scenes/a.html".into()));
    assert_eq!(job.root.as_deref(), Some(Path::new("/jobs/project/")));
    let expected = "must be a path inside the composition's directory";
    for outside in ["../a.html", "/etc/passwd", "a/../../b", "", "http://example.org/"] {
        says(
            &json!({ "entryFile": outside }),
            &format!("field `entryFile` {expected}, found {outside:?}"),
        );
    }
}

#[test]
fn a_field_and_its_alias_exclude_each_other() {
    says(&json!({ "inputPath": "a" }), "fields `inputPath` and `composition` exclude each other");
    says(
        &json!({ "crf": 1, "video": { "crf": 1 } }),
        "fields `crf` and `video.crf` exclude each other",
    );
    says(&json!({ "height": 1, "size": "1x1" }), "fields `height` and `size` exclude each other");
    let error = refused(&with(&json!({ "crf": 1, "video": { "crf": 1 } })));
    assert_eq!(error.hint().as_deref(), Some("keep one of them"));
}

#[test]
fn errors_name_the_field_as_it_was_written() {
    says(&json!({ "crf": "low" }), "field `crf` must be a number, found \"low\"");
    says(
        &json!({ "quality": "best" }),
        "field `quality` must be draft, standard, looks, high, delivery or lossless, found \"best\"",
    );
    says(
        &json!({ "codec": "prores" }),
        "field `video.codec` must be one of h264, hevc, av1, vp9 in .mp4 (prores: .mov, .mkv), found prores",
    );
    says(
        &json!({ "width": 5.5, "height": 1 }),
        "field `width` must be a whole number, 0 or more, found 5.5",
    );
    says(&json!({ "width": 5 }), "field `height` is missing");
    says(
        &json!({ "hdrMode": "hdr" }),
        "field `hdrMode` must be auto, force-sdr or force-hdr, found \"hdr\"",
    );
    says(
        &json!({ "format": "mov" }),
        "field `format` must be what the extension of `output` says (/jobs/out.mp4), found \"mov\"",
    );
    says(&json!({ "workers": -1 }), "field `workers` must be a whole number, 0 or more, found -1");
}

#[test]
fn unknown_fields_are_refused() {
    let error = refused(&with(&json!({ "video": { "crff": 18 } })));
    assert_eq!(error.to_string(), "field `video.crff` is unknown; did you mean `crf`?");
    assert_eq!(
        error.hint().as_deref(),
        Some(
            "the fields of `video` are codec, quality, crf, bitrate, maxRate, bufferSize, \
             twoPass, preset, profile, gop, openGop, keyframes, pixelFormat, size, fit, \
             oddSize, loop, dither, hardware, fragmented, options"
        )
    );
    says(&json!({ "ouput": "" }), "field `ouput` is unknown; did you mean `output`?");
    says(&json!({ "preset": "slow" }), "field `preset` is unknown; did you mean `video.preset`?");
    says(&json!({ "input_path": "a" }), "field `input_path` is unknown; did you mean `inputPath`?");
    says(&json!({ "qqq": 1 }), "field `qqq` is unknown");
    let size = json!({ "size": { "width": 1, "heigth": 1 } });
    says(&size, "field `size.heigth` is unknown; did you mean `height`?");
}

#[test]
fn missing_fields_are_named() {
    let error = refused(&json!({ "output": "out.mp4" }));
    assert_eq!(error.to_string(), "field `composition` is missing");
    assert_eq!(
        error.hint().as_deref(),
        Some("name the page with `composition`, such as \"index.html\"")
    );
    says(&json!({ "frames": { "start": 3 } }), "field `frames.end` is missing");

    let error = Job::without_output("index.html").destination().unwrap_err();
    assert_eq!(error.to_string(), "field `output` is missing");
    assert!(error.hint().unwrap().contains("-o out.mp4"));
}

#[test]
fn wrong_types_are_refused() {
    says(&json!({ "composition": 3 }), "field `composition` must be text, found 3");
    says(&json!({ "output": ["a"] }), "field `output` must be text, found [\"a\"]");
    says(&json!({ "strict": "yes" }), "field `strict` must be true or false, found \"yes\"");
    says(&json!({ "seed": -1 }), "field `seed` must be a whole number, 0 or more, found -1");
    says(&json!({ "video": 3 }), "field `video` must be an object, found 3");
    says(&json!({ "variables": [] }), "field `variables` must be an object, found []");
    says(
        &json!({ "video": { "gop": 5_000_000_000_u64 } }),
        "field `video.gop` must be a smaller whole number, found 5000000000",
    );
    says(
        &json!({ "browser": { "args": ["--a", 3] } }),
        "field `browser.args[1]` must be text, found 3",
    );
    says(
        &json!({ "video": { "options": { "tune": ["film"] } } }),
        "field `video.options.tune` must be text, a number, true or false, found [\"film\"]",
    );
    says(
        &json!({ "size": 1080 }),
        "field `size` must be an object with width and height, or text such as \"1920x1080\", \
         found 1080",
    );
    says(
        &json!({ "frames": [0, 9] }),
        "field `frames` must be text such as \"0..90\", or an object with start and end, \
         found [0,9]",
    );
    says(
        &json!({ "video": { "bitrate": "10 Mbit" } }),
        "field `video.bitrate` must be bits per second as a whole number, or text such as \"10M\", \
         found \"10 Mbit\"",
    );
    says(
        &json!({ "capture": { "mode": "camera" } }),
        "field `capture.mode` must be auto, display, beginFrame, screenshot or canvas, found \"camera\"",
    );
    says(
        &json!({ "composition": "ftp://example.org/" }),
        "field `composition` must be a file, a directory or an http(s) URL, \
         found \"ftp://example.org/\"",
    );
}

#[test]
fn frame_rates_must_be_exact_and_possible() {
    let expected = "field `fps` must be a whole number or a ratio such as 30000/1001, \
                    within 1 to 240, found";
    for fps in [json!(0), json!(1e9), json!(241), json!(29.97), json!("29.97"), json!("1/0")] {
        says(&json!({ "fps": fps }), &format!("{expected} {fps}"));
    }
    for fps in [json!(29.97), json!("29.97")] {
        let hint = refused(&with(&json!({ "fps": fps }))).hint();
        assert_eq!(hint.as_deref(), Some("decimals are not exact; write 30000/1001"));
    }
    assert_eq!(refused(&with(&json!({ "fps": "fast" }))).hint(), None);
}

#[test]
fn values_out_of_range_are_refused() {
    let seconds = "must be a number of seconds above 0, up to 86400";
    says(&json!({ "size": "0x100" }), "field `size.width` must be within 1 to 16384, found 0");
    says(
        &json!({ "size": "100x100000" }),
        "field `size.height` must be within 1 to 16384, found 100000",
    );
    for secs in [json!(0.0), json!(-1.5), json!(86400.5)] {
        let found = secs.to_string().replace(".0", "");
        says(&json!({ "duration": secs }), &format!("field `duration` {seconds}, found {found}"));
    }
    says(
        &json!({ "frames": "9..9" }),
        "field `frames` must be a range whose start is below its end, found \"9..9\"",
    );
    says(&json!({ "crf": 51.5 }), "field `video.crf` must be within 0 to 51, found 51.5");
    says(
        &json!({ "video": { "bitrate": 10 } }),
        "field `video.bitrate` must be from 1k to 1000M bits per second, found 10",
    );
    says(
        &json!({ "video": { "gop": 0 } }),
        "field `video.gop` must be within 1 to 1000000, found 0",
    );
    says(
        &json!({ "video": { "preset": "" } }),
        "field `video.preset` must be the name of an encoder preset, found \"\"",
    );
    says(
        &json!({ "capture": { "jpegQuality": 101 } }),
        "field `capture.jpegQuality` must be within 1 to 100, found 101",
    );
    for workers in [0, 65] {
        says(
            &json!({ "workers": workers }),
            &format!("field `capture.workers` must be within 1 to 64, found {workers}"),
        );
    }
    for name in ["launch", "navigation", "ready", "frame"] {
        for secs in [json!(0), json!(-1), json!(90_000)] {
            says(
                &json!({ "timeouts": { name: secs } }),
                &format!("field `timeouts.{name}` {seconds}, found {secs}"),
            );
        }
    }
    for output in ["out.avi", "out", "mp4"] {
        says(
            &json!({ "output": output }),
            &format!(
                "field `output` must be a file name that ends in .mp4, .mov, .mkv, .webm, .gif, \
                 .apng, .webp, .y4m, .raw, .m3u8, .wav, .flac, .m4a, .mp3 or .opus, or a directory such as frames/ or \
                 frames/%06d.png, found \"/jobs/{output}\""
            ),
        );
    }
}

#[test]
fn numbers_that_json_cannot_hold_are_refused_too() {
    let job = || Job::new("a.html", "a.mp4");
    for secs in [f64::NAN, f64::INFINITY] {
        assert!(Job { duration: Some(secs), ..job() }.validate().is_err(), "{secs}");
        let mut with_crf = job();
        with_crf.video.crf = Some(secs);
        assert!(with_crf.validate().is_err(), "{secs}");
    }
}

#[test]
fn what_the_network_takes() {
    let policy = |policy| read(&with(&json!({ "network": { "policy": policy } }))).unwrap();
    assert_eq!(policy(json!("allow")).network.policy, NetworkPolicy::Allow);
    assert_eq!(policy(json!("deny")).network.policy, NetworkPolicy::Deny);
    assert_eq!(policy(json!([])).network.policy, NetworkPolicy::Hosts(vec![]));
    for wrong in [json!("fonts.gstatic.com"), json!(true), json!({})] {
        says(
            &json!({ "network": { "policy": wrong } }),
            &format!(
                "field `network.policy` must be allow, deny or a list of host names, found {wrong}"
            ),
        );
    }
    says(
        &json!({ "network": { "policy": ["a.b", 3] } }),
        "field `network.policy[1]` must be text, found 3",
    );
    for host in ["https://a.b/", "*", "a b", "", "a,b"] {
        says(
            &json!({ "network": { "policy": ["a.b", host] } }),
            &format!(
                "field `network.policy[1]` must be a host name such as fonts.gstatic.com, \
                 *.example.org or localhost:8080, found {host:?}"
            ),
        );
    }
    for key in ["ftp://x", "cdn.jsdelivr.net/npm/", ""] {
        says(
            &json!({ "network": { "map": { key: "a" } } }),
            &format!(
                "field `network.map[{key:?}]` must be an http(s) URL, such as \
                 https://cdn.jsdelivr.net/npm/, found {key:?}"
            ),
        );
    }
    says(
        &json!({ "network": { "map": { "https://a.b/": 3 } } }),
        "field `network.map[\"https://a.b/\"]` must be text, found 3",
    );
    let error = refused(&with(&json!({ "network": { "allow": false } })));
    assert_eq!(error.to_string(), "field `network.allow` is unknown");
    assert_eq!(
        error.hint().as_deref(),
        Some("the fields of `network` are policy, map, followSymlinks, isolation, private")
    );
    says(&json!({ "policy": "deny" }), "field `policy` is unknown; did you mean `network.policy`?");
    let close = json!({ "network": { "follow_symlink": true } });
    says(&close, "field `network.follow_symlink` is unknown; did you mean `followSymlinks`?");
}

#[test]
fn contradictions_are_refused() {
    says(
        &json!({ "video": { "crf": 18, "bitrate": "10M" } }),
        "fields `video.crf` and `video.bitrate` exclude each other",
    );
    says(
        &json!({ "video": { "crf": 18, "quality": "lossless" } }),
        "fields `video.quality: lossless` and `video.crf` exclude each other",
    );
    let lossless = read(&with(&json!({ "quality": "lossless" }))).unwrap();
    assert_eq!(lossless.video.pixel_format_of(Codec::H264, false), Some(CodedFormat::Yuv444p));
    lossless.validate().unwrap();
}

#[test]
fn what_cannot_be_had_together_is_refused() {
    for (capture, first) in [
        (json!({ "mode": "display" }), "capture.mode: display"),
        (json!({ "mode": "beginFrame" }), "capture.mode: beginFrame"),
        (json!({ "format": "jpeg" }), "capture.format: jpeg"),
    ] {
        let told = format!("fields `{first}` and `alpha` exclude each other");
        says(&json!({ "alpha": true, "capture": capture }), &told);
    }
    for mode in ["hdr10", "hlg"] {
        for (other, second) in [
            (json!({ "alpha": true }), "alpha: true"),
            (json!({ "capture": { "format": "jpeg" } }), "capture.format: jpeg"),
        ] {
            let mut fields = other;
            fields["color"] = json!({ "mode": mode });
            let told =
                format!("fields `color.mode: hdr10 or hlg` and `{second}` exclude each other");
            says(&fields, &told);
        }
    }
    let display = |mode: &str, display: Value| json!({ "color": { "mode": mode, "masteringDisplay": display } });
    let p3 = json!({ "preset": "p3-1000" });
    for mode in ["hlg", "sdr"] {
        let told =
            format!("fields `color.mode: {mode}` and `color.masteringDisplay` exclude each other");
        says(&display(mode, p3.clone()), &told);
    }
    let told = "field `color.masteringDisplay.maxLuminance` must be within 50 to 10000, found 49.5";
    says(&display("hdr10", json!({ "maxLuminance": 49.5 })), told);
    let told = "field `color.masteringDisplay.minLuminance` must be within 0.0001 to 5, found 6";
    says(&display("hdr10", json!({ "minLuminance": 6 })), told);
    read(&with(&display("hdr10", p3))).unwrap().validate().unwrap();
}

#[test]
fn text_that_is_no_job_is_refused() {
    let message = |text: &str| Job::from_str(text, "").unwrap_err().to_string();
    assert_eq!(message("{\n  \"fps\": 30,\n}"), "not JSON: line 3, column 1: trailing comma");
    assert_eq!(message(""), "not JSON: line 1, column 0: EOF while parsing a value");
    assert_eq!(message("[1]"), "a job must be a JSON object, found [1]");
    assert!(Job::from_str("\u{feff}{\"composition\": \"a.html\"}", "").is_ok());
}

#[test]
fn files_are_named_in_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("job.json");
    let shown = path.display();

    let error = Job::from_file(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("the job file does not exist: {shown}"));

    fs::write(&path, r#"{ "composition": "a.html", "video": { "crff": 1 } }"#).unwrap();
    let error = Job::from_file(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{shown}: field `video.crff` is unknown; did you mean `crf`?")
    );
    assert!(error.hint().unwrap().starts_with("the fields of `video` are codec"));

    fs::write(&path, b"{ \"composition\": \"\xff\" }").unwrap();
    let error = Job::from_file(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read (stream did not contain valid UTF-8): {shown}")
    );
}

#[test]
fn a_file_is_relative_to_its_own_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("job.json");
    fs::write(&path, r#"{ "composition": ".", "output": "out/a.mp4" }"#).unwrap();
    let job = Job::from_file(&path).unwrap();
    assert_eq!(job.output.as_deref(), Some(dir.path().join("out/a.mp4").as_path()));

    let error = job.entry().unwrap_err();
    let missing = dir.path().join("./index.html");
    assert_eq!(error.to_string(), format!("the composition does not exist: {}", missing.display()));
    fs::write(missing, "<!doctype html>").unwrap();
    assert!(job.entry().is_ok());

    let url = json!({ "composition": "https://example.org/a", "output": "a.mp4" });
    let Address::Url(url) = read(&url).unwrap().composition else { panic!("a path") };
    assert_eq!(url.as_str(), "https://example.org/a");
}

#[test]
fn bitrates_are_bits_per_second() {
    let job = read(&with(&json!({ "videoBitrate": "10M" }))).unwrap();
    assert_eq!(job.video.bitrate, Some(Bitrate(10_000_000)));
}

#[test]
fn the_committed_schema_is_current() {
    let committed = include_str!("../../job.schema.json");
    assert!(
        committed == schema(),
        "job.schema.json is out of date; write it anew with \
         `cargo run --release -- schema > job.schema.json`"
    );
}

#[test]
fn the_schema_knows_every_field() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let properties = |schema: &Value| {
        let names = schema["properties"].as_object().unwrap().keys().cloned();
        names.collect::<Vec<_>>()
    };
    let job = serde_json::to_value(read(&full()).unwrap()).unwrap();
    let mut fields: Vec<_> = job.as_object().unwrap().keys().cloned().collect();
    fields.push("$schema".into());
    fields.sort();
    assert_eq!(properties(&schema), fields);
    assert_eq!(schema["additionalProperties"], json!(false));

    let video = job["video"].as_object().unwrap().keys().cloned();
    let mut video: Vec<_> = video.collect();
    video.sort();
    assert_eq!(properties(&schema["$defs"]["Video"]), video);
}
