//! What HyperFrames' pages and words of today come to here.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use pagereel::plan::Shader;
use pagereel::{Job, Picture};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{CHEAPLY, cheaply, fixture, page, pagereel, pictures};

/// Frames of one of the two pages that show all shaders on the way between two scenes.
///
/// Frame `4 n + k` shows shader `n` at `k` quarters of its way.
fn strip(page: &str) -> (TempDir, Vec<Arc<Picture>>) {
    let directory = tempfile::tempdir().unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/looks");
    for file in ["scenes.js", page] {
        fs::copy(own.join(file), directory.path().join(file)).unwrap();
    }
    let library = "node_modules/@hyperframes/shader-transitions/dist/index.global.js";
    let library = fs::read(fixture(library)).expect("the library is there: run ./setup.sh");
    fs::write(directory.path().join("library.js"), library).unwrap();
    let mut job = cheaply(&Job::without_output(directory.path().join(page)));
    job.capture.workers = Some(1);
    let (_, pictures) = pictures(&job);
    (directory, pictures)
}

/// Luma by BT.709, of codes.
fn luma(picture: &Picture) -> Vec<f64> {
    let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
    let weighted = |[r, g, b]: [u8; 3]| {
        0.0722f64.mul_add(f64::from(b), 0.2126f64.mul_add(r.into(), 0.7152 * f64::from(g)))
    };
    pixels.map(|pixel| weighted(picture.format.rgb(pixel))).collect()
}

/// Structural similarity of two pictures: the mean over windows of 8x8 pixels, each 4 apart.
fn similarity(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.size, b.size);
    let (width, height) = (a.size.width as usize, a.size.height as usize);
    let [a, b] = [a, b].map(luma);
    let (mut sum, mut windows) = (0.0, 0.0);
    for top in (0..=height - 8).step_by(4) {
        for left in (0..=width - 8).step_by(4) {
            let mut sums = [0.0; 5];
            for y in top..top + 8 {
                for (a, b) in a[y * width + left..][..8].iter().zip(&b[y * width + left..][..8]) {
                    for (sum, more) in sums.iter_mut().zip([*a, *b, a * a, b * b, a * b]) {
                        *sum += more / 64.0;
                    }
                }
            }
            let [a, b, aa, bb, ab] = sums;
            let (c1, c2) = ((0.01 * 255.0f64).powi(2), (0.03 * 255.0f64).powi(2));
            let (means, products) = (a * b, aa + bb - a * a - b * b);
            sum += (2.0 * means + c1) * (2.0 * (ab - means) + c2)
                / ((a * a + b * b + c1) * (products + c2));
            windows += 1.0;
        }
    }
    sum / windows
}

#[test]
fn transitions_look_like_their_namesakes() {
    let (_one, theirs) = strip("library.html");
    let (_other, ours) = strip("ours.html");
    assert_eq!((theirs.len(), ours.len()), (56, 56));
    let shaders = Shader::ALL.into_iter().filter(|&shader| shader != Shader::Crossfade);
    let mut table = String::new();
    let mut least = 1.0_f64;
    for (number, shader) in shaders.enumerate() {
        let at =
            |quarter: usize| similarity(&theirs[4 * number + quarter], &ours[4 * number + quarter]);
        let [early, middle, late] = [1, 2, 3].map(at);
        least = least.min(early).min(middle).min(late);
        writeln!(table, "{shader:20} {early:.3} {middle:.3} {late:.3}").unwrap();
        // A page shows its first scene alone before it begins.
        assert!(ours[4 * number].data == ours[0].data, "{shader} begins with the first scene");
    }
    println!("{table}");
    assert!(least >= 0.85, "\n{table}");
}

/// A page, looked at by the program: its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = pagereel().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn red(picture: &Picture, x: usize, y: usize) -> bool {
    let pixel = &picture.data[y * picture.stride() + x * picture.format.bytes_per_pixel()..];
    picture.format.rgb(pixel) == [255, 0, 0]
}

const ROOT: &str = r#"<div data-composition-id="main" data-width="64" data-height="36" data-duration="1" data-fps="4">"#;

#[test]
fn warnings_come_before_frames_and_name_what_was_meant() {
    let html = format!(
        r#"<!doctype html><html data-composition-variables='[{{"id":"title","type":"string","default":"A"}}]'>{ROOT}</div>"#
    );
    let (directory, path) = page(&html);
    let path = path.to_str().unwrap();
    let output = directory.path().join("out.mp4");
    let output = output.to_str().unwrap();
    let arguments = [path, "-o", output, "--json", "--variables", r#"{"titel":"B"}"#];
    let (code, lines, _) = run(&[&arguments[..], &CHEAPLY].concat());
    assert_eq!(code, 0, "{lines}");
    let place = |wanted: &str| lines.lines().position(|line| line.contains(wanted));
    let warning = place("\"unknown_variable\"").unwrap();
    assert!(warning < place("\"frame\":1").unwrap(), "{lines}");
    assert!(lines.lines().nth(warning).unwrap().contains(r#"did you mean \"title\"?"#), "{lines}");
    assert_eq!(lines.matches("\"type\":\"warning\"").count(), 1, "told once");

    fs::remove_file(output).unwrap();
    let (code, lines, _) = run(&[&arguments[..], &CHEAPLY, &["--strict-variables"]].concat());
    assert_eq!((code, Path::new(output).exists()), (1, false), "{lines}");
}

#[test]
fn a_check_names_the_cause_first_and_fails_for_a_script() {
    let (_directory, path) = page(&format!(
        r#"<!doctype html>{ROOT}<b data-start="x y">a</b></div><script>nothing.here()</script>
        <script src="https://cdn.jsdelivr.net/npm/gsap@3/dist/gsap.min.js"></script>"#
    ));
    let (code, text, errors) = run(&["check", path.to_str().unwrap(), "--network", "deny"]);
    assert_eq!(code, 1, "{text}");
    assert!(errors.contains("a script failed: ") && errors.contains("nothing"), "{errors}");
    let place = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted}: {text}"));
    let order = [
        place("not loaded: https://cdn"),
        place("hint: add \"https://cdn.jsdelivr.net/npm/\""),
        place("script error"),
        place("data-start of <b>"),
        place("\n3 warnings\n"),
    ];
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn links_out_of_the_composition_are_named_and_links_within_are_followed() {
    let outside = tempfile::tempdir().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (out, own) = (outside.path(), directory.path());
    for folder in ["assets", "packages/lib", "node_modules"] {
        fs::create_dir_all(own.join(folder)).unwrap();
    }
    fs::write(out.join("out.css"), "body { color: red }").unwrap();
    fs::write(out.join("other.js"), "window.other = 1;").unwrap();
    fs::write(own.join("assets/in.css"), "body { color: blue }").unwrap();
    fs::write(own.join("packages/lib/lib.js"), "window.lib = 1;").unwrap();
    symlink(out.join("out.css"), own.join("out.css")).unwrap();
    symlink(own.join("assets/in.css"), own.join("in.css")).unwrap();
    symlink(own.join("packages/lib"), own.join("node_modules/lib")).unwrap();
    symlink(out, own.join("node_modules/other")).unwrap();
    let html = format!(
        r#"<!doctype html><link rel="stylesheet" href="in.css"><link rel="stylesheet" href="out.css">
        <script src="https://unpkg.com/lib/lib.js"></script><script src="https://unpkg.com/other/other.js"></script>
        {ROOT}</div>"#
    );
    fs::write(own.join("index.html"), html).unwrap();
    let map = format!("https://unpkg.com/={}", own.join("node_modules").display());
    let check = |more: &[&str]| {
        let arguments = ["check", own.to_str().unwrap(), "--json", "--map", &map];
        let (_, text, errors) = run(&[&arguments[..], more].concat());
        let found: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {errors}"));
        found["warnings"].as_array().unwrap().clone()
    };
    let warnings = check(&[]);
    let codes: Vec<_> = warnings.iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["link_refused", "link_refused"], "{warnings:?}");
    for (warning, name) in warnings.iter().zip(["out.css", "other.js"]) {
        assert!(warning["message"].as_str().unwrap().contains(name), "{warning}");
        assert!(warning["hint"].as_str().unwrap().contains("network.followSymlinks"), "{warning}");
    }
    // A job that lets links lead out has nothing to warn of.
    let job = json!({
        "composition": "index.html",
        "network": { "followSymlinks": true, "map": { "https://unpkg.com/": "node_modules" } },
    });
    fs::write(own.join("job.json"), job.to_string()).unwrap();
    let path = own.join("job.json");
    let (_, text, _) = run(&["check", path.to_str().unwrap(), "--json"]);
    assert!(!text.contains("link_refused"), "{text}");
}

#[test]
fn nothing_shows_through_a_clip_outside_of_its_time() {
    let (_directory, path) = page(&format!(
        r#"<!doctype html><style>i {{ position: absolute; left: 0; top: 0; width: 64px; height: 36px;
        background: #f00; visibility: visible }}</style>{ROOT}
        <p data-start="0.5" data-duration="0.5"><i></i></p></div>"#
    ));
    let (_, frames) = pictures(&cheaply(&Job::without_output(path.as_path())));
    let shown: Vec<_> = frames.iter().map(|frame| red(frame, 30, 18)).collect();
    assert_eq!(shown, [false, false, true, true]);
}

#[test]
fn a_fragment_renders_when_it_is_named() {
    let fragment = format!(
        r#"<template id="main-template">{ROOT}<style>#box {{ position: absolute; width: 16px;
        height: 36px; background: #f00; left: 0; top: 0 }}</style><div id="box"></div>
        <script src="gsap.min.js"></script>
        <script>
          const steps = gsap.timeline({{ paused: true }});
          steps.to('#box', {{ left: 64, duration: 1, ease: 'none' }});
          window.__timelines["main"] = steps;
        </script></div></template>"#
    );
    let (directory, path) = page(&fragment);
    let gsap = fixture("transitions-library/vendor/gsap.min.js");
    fs::copy(gsap, directory.path().join("gsap.min.js")).expect("run ./setup.sh");
    let (report, frames) = pictures(&cheaply(&Job::without_output(path.as_path())));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(frames.len(), 4);
    for (number, frame) in frames.iter().enumerate() {
        assert!(red(frame, 16 * number + 8, 18) && !red(frame, (16 * number + 40) % 64, 18));
    }
}

#[test]
fn sizes_by_words_are_whole_multiples() {
    let (_directory, path) = page(
        r#"<!doctype html><div data-composition-id="main" data-width="480" data-height="270" data-duration="1" data-fps="4"></div>"#,
    );
    let path = path.to_str().unwrap();
    let plan = |resolution: &str| {
        run(&[&["plan", path, "-o", "x.mp4", "--resolution", resolution], &CHEAPLY[..]].concat())
    };
    for word in ["landscape", "1080p", "hd"] {
        let (code, text, errors) = plan(word);
        assert_eq!(code, 0, "{errors}");
        let plan: Value = serde_json::from_str(&text).unwrap();
        assert!(text.contains("1920"), "{text}");
        assert_eq!(plan["stream"]["size"], json!({ "width": 1920, "height": 1080 }), "{plan}");
    }
    for (word, told) in [
        ("portrait", "a whole multiple of the composition's 480x270"),
        ("4k", "at most 4 times 480x270"),
    ] {
        let (code, _, errors) = plan(word);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains("resolution") && errors.contains(told), "{errors}");
    }
    for (quality, crf) in [("looks", "16.2"), ("delivery", "15.2")] {
        let arguments = [&["plan", path, "-o", "x.mp4", "-q", quality], &CHEAPLY[..]].concat();
        let (code, text, _) = run(&arguments);
        let plan: Value = serde_json::from_str(&text).unwrap();
        let options = plan["outputs"][0]["video"]["options"].as_array().unwrap();
        assert!(code == 0 && options.contains(&json!(["crf", crf])), "{text}");
    }
}

#[test]
fn a_medium_can_count_from_the_whole() {
    let (_directory, path) = page(&format!(
        r#"<!doctype html>{ROOT}<div data-composition-id="inner" data-start="0.25" data-duration="0.75">
        <audio id="a" data-start="0.5" data-duration="0.25" src="none.wav"></audio>
        <audio id="b" data-start="0.5" data-duration="0.25" src="none.wav" data-hf-media-start-basis="global"></audio>
        </div></div>"#
    ));
    let (_, text, _) = run(&["check", path.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_str(&text).unwrap();
    let span = |id: &str| {
        let media = found["media"].as_array().unwrap();
        let medium = media.iter().find(|m| m["id"] == id).unwrap();
        (medium["start"].as_f64().unwrap(), medium["end"].as_f64().unwrap())
    };
    assert_eq!((span("a"), span("b")), ((0.75, 1.0), (0.5, 0.75)), "{text}");
}

/// Texts in quotes that are warnings' codes: in the page's runtime all names with a low line, in Rust
/// those of a `Warning`.
fn codes<'s>(source: &'s str, path: &Path) -> Vec<&'s str> {
    /// An event of Lottie's.
    const NO_CODES: [&str; 1] = ["data_failed"];
    let is_code = |text: &str| {
        text.contains('_')
            && !text.starts_with('_')
            && !NO_CODES.contains(&text)
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if path.extension().is_some_and(|e| e == "js") || path.ends_with("report.rs") {
        return source.split('"').filter(|text| is_code(text)).collect();
    }
    let marks = ["Warning::new(", "code: "];
    let behind = marks.iter().flat_map(|mark| source.split(mark).skip(1));
    let quoted = behind.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    quoted.filter(|text| is_code(text)).collect()
}

#[test]
fn every_warning_is_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = fs::read_to_string(root.join("docs/warnings.md")).unwrap();
    let mut folders = vec![root.join("src")];
    let (mut missing, mut all) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            // Tests invent codes of their own.
            let source = source.split("#[cfg(test)]").next().unwrap();
            for code in codes(source, &path) {
                all += 1;
                if !documented.contains(&format!("| `{code}` |")) {
                    missing.push(format!("{code} ({})", path.display()));
                }
            }
        }
    }
    assert!(all > 60, "codes are found: {all}");
    assert!(missing.is_empty(), "not in docs/warnings.md:\n{}", missing.join("\n"));
}
