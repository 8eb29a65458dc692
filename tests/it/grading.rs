//! `data-color-grading`: numbers by their formulas, places as Chrome's, the same in any session.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pagereel::job::CaptureMode;
use pagereel::{Job, Picture};
use tempfile::TempDir;

use crate::support::{cheaply, digests, judge, pictures, stills};

type Rgb = [f64; 3];

/// Flat colors: the corners of the cube, greys, and what lies between.
const PATCHES: [[u8; 3]; 12] = [
    [0, 0, 0],
    [255, 255, 255],
    [128, 128, 128],
    [40, 40, 40],
    [210, 210, 210],
    [200, 60, 50],
    [60, 180, 75],
    [40, 70, 200],
    [224, 172, 140],
    [250, 220, 30],
    [90, 30, 110],
    [20, 120, 130],
];
const SIDE: usize = 20;

fn luma(c: Rgb) -> f64 {
    0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]
}

fn ramp(from: f64, to: f64, x: f64) -> f64 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn each(c: Rgb, f: impl Fn(f64) -> f64) -> Rgb {
    c.map(f)
}

fn mix(a: Rgb, b: Rgb, t: f64) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

fn grey(c: Rgb) -> Rgb {
    [luma(c); 3]
}

fn spread(c: Rgb) -> f64 {
    c.iter().fold(0.0_f64, |a, &b| a.max(b)) - c.iter().fold(1.0_f64, |a, &b| a.min(b))
}

fn vibrant(c: Rgb, vibrance: f64) -> Rgb {
    let y = luma(c);
    let skin = ramp(0.02, 0.18, c[0] - c[1]) * ramp(0.0, 0.16, c[1] - c[2]) * ramp(0.18, 0.82, y);
    let weight = (1.0 - 0.72 * spread(c)) * (1.0 - 0.45 * skin);
    mix(grey(c), c, (1.0 + vibrance * weight).max(0.0))
}

/// A wheel on the shadows: hue 240 is blue, whose light is 0.0722.
fn blue_shadows(c: Rgb) -> Rgb {
    let y = luma(c);
    let (low, high) = (1.0 - ramp(0.0, 0.6, y), ramp(0.4, 1.0, y));
    let weight = low / (low + high + (1.0 - low - high).max(0.0));
    let most = 1.0 - 0.0722;
    let blue = [-0.0722 / most, -0.0722 / most, 1.0];
    [0, 1, 2].map(|i| c[i] + weight * (0.18 * 0.8 * blue[i] + 0.25 * 0.5))
}

/// Green becomes grey: hues within 40 degrees of 120, and fading over 20 more.
fn without_green(c: Rgb) -> Rgb {
    let most = c.iter().fold(0.0_f64, |a, &b| a.max(b));
    let d = spread(c);
    if d < 1e-9 {
        return c;
    }
    let hue = if most <= c[0] {
        60.0 * (c[1] - c[2]) / d
    } else if most <= c[1] {
        120.0 + 60.0 * (c[2] - c[0]) / d
    } else {
        240.0 + 60.0 * (c[0] - c[1]) / d
    };
    let away = (hue.rem_euclid(360.0) - 120.0).abs();
    let mask = if away <= 40.0 { 1.0 } else { 1.0 - ramp(40.0, 60.0, away) };
    mix(c, grey(c), mask)
}

type Formula = fn(Rgb) -> Rgb;

/// Grades, and what they do to a color.
const GRADES: &[(&str, Formula)] = &[
    (r#"{"adjust":{"exposure":0.5}}"#, |c| each(c, |x| x * 0.5_f64.exp2())),
    (r#"{"adjust":{"contrast":0.4}}"#, |c| each(c, |x| (x - 0.5) * 1.4 + 0.5)),
    (r#"{"adjust":{"shadows":0.6,"highlights":-0.5}}"#, |c| {
        let y = luma(c);
        let add = 0.35 * 0.6 * (1.0 - ramp(0.0, 0.65, y)) - 0.35 * 0.5 * ramp(0.35, 1.0, y);
        each(c, |x| x + add)
    }),
    (r#"{"adjust":{"blacks":0.5,"whites":0.5}}"#, |c| each(c, |x| (x - 0.09) / (0.91 - 0.09))),
    (r#"{"adjust":{"temperature":0.7,"tint":-0.6}}"#, |c| {
        [c[0] + 0.056 - 0.024, c[1] + 0.048, c[2] - (0.056 + 0.024)]
    }),
    (r#"{"adjust":{"saturation":-0.6}}"#, |c| mix(grey(c), c, 0.4)),
    (r#"{"adjust":{"vibrance":0.8}}"#, |c| vibrant(c, 0.8)),
    (r#"{"intensity":0.5,"adjust":{"exposure":-1}}"#, |c| mix(c, each(c, |x| x / 2.0), 0.5)),
    (r#"{"wheels":{"shadows":{"hue":240,"amount":0.8,"level":0.5}}}"#, blue_shadows),
    // Of two points the curve is a straight line, and so is the blue one upon it.
    (r#"{"curves":{"master":[[0,0.2],[1,0.8]],"blue":[[0,1],[1,0]]}}"#, |c| {
        let c = each(c, |x| 0.2 + 0.6 * x);
        [c[0], c[1], 1.0 - c[2]]
    }),
    (r#"{"lut":{"src":"negative.cube","intensity":0.75}}"#, |c| mix(c, each(c, |x| 1.0 - x), 0.75)),
    (
        r#"{"secondaries":[{"key":{"hue":{"center":120,"range":40,"softness":20}},"correction":{"saturation":-1}}]}"#,
        without_green,
    ),
    (r#"{"hueCurves":{"hueVsSaturation":[[0,-1],[120,-1],[240,-1]]}}"#, grey_by_value),
    ("mono-clean", |c| {
        let y = luma(c);
        let add = 0.35 * 0.04 * (1.0 - ramp(0.0, 0.65, y)) - 0.35 * 0.04 * ramp(0.35, 1.0, y);
        let black = -0.18 * 0.08;
        grey(each(c, |x| ((x + add - black) / (1.0 - black) - 0.5) * 1.12 + 0.5))
    }),
    // The bar of variables below.
    ("${look}", |c| each(c, |x| (x - 0.5) * 0.5 + 0.5)),
    (r#"{"adjust":{"exposure":"$stops"}}"#, |c| each(c, |x| x * 2.0)),
];

// Hue curves take saturation away from the colors, not from the light, which is kept.
fn grey_by_value(c: Rgb) -> Rgb {
    grey(c)
}

fn workplace() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let rects = PATCHES.iter().enumerate().fold(String::new(), |mut all, (i, [r, g, b])| {
        let x = i * SIDE;
        write!(all, "<rect x='{x}' width='20' height='20' fill='rgb({r},{g},{b})'/>").unwrap();
        all
    });
    let width = PATCHES.len() * SIDE;
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='20'>{rects}</svg>"
    );
    fs::write(directory.path().join("patches.svg"), svg).unwrap();
    let mut cube = String::from("# turned\nTITLE \"a # in it\"\nLUT_3D_SIZE 2\n");
    for i in 0..8 {
        writeln!(cube, "{} {} {}", 1 - (i & 1), 1 - (i >> 1 & 1), 1 - (i >> 2 & 1)).unwrap();
    }
    fs::write(directory.path().join("negative.cube"), cube).unwrap();
    directory
}

fn make_video(path: &Path) {
    let input = "testsrc2=size=160x90:rate=30:duration=1";
    let path = path.to_str().unwrap();
    let codec = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p"];
    judge("ffmpeg", &[&["-f", "lavfi", "-i", input][..], &codec, &[path]].concat());
}

/// A strict job of a page around `body`, of so many frames.
fn job(directory: &TempDir, (width, height): (usize, usize), frames: u32, body: &str) -> Job {
    let variables = r#"[{"id":"look","type":"string","default":"{\"adjust\":{\"contrast\":-0.5}}"},{"id":"stops","type":"number","default":1}]"#;
    let html = format!(
        "<!doctype html><html data-composition-variables='{variables}'><style>body {{ margin: 0; \
         background: #456 }} img, video {{ position: absolute }}</style><div \
         data-composition-id=r data-width={width} data-height={height} data-fps=30 \
         data-duration={} data-no-timeline>{body}</div>",
        f64::from(frames) / 30.0
    );
    let path = directory.path().join("index.html");
    fs::write(&path, html).unwrap();
    let mut job = cheaply(&Job::without_output(path));
    job.strict = true;
    job.capture.workers = Some(1);
    job
}

fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let bytes = picture.format.bytes_per_pixel();
    let at = (y * picture.size.width as usize + x) * bytes;
    picture.format.rgb(&picture.data[at..at + bytes])
}

fn apart(found: [u8; 3], expected: Rgb) -> f64 {
    let codes = expected.map(|x| x.clamp(0.0, 1.0) * 255.0);
    (0..3).map(|i| (f64::from(found[i]) - codes[i]).abs()).fold(0.0, f64::max)
}

#[test]
fn corrections_follow_their_formulas() {
    let directory = workplace();
    let body = GRADES.iter().enumerate().fold(String::new(), |mut all, (i, (grade, _))| {
        let y = i * SIDE;
        write!(all, "<img src=patches.svg style='top:{y}px' data-color-grading='{grade}'>")
            .unwrap();
        all
    });
    let size = (PATCHES.len() * SIDE, GRADES.len() * SIDE);
    let (_, frames) = pictures(&job(&directory, size, 1, &body));
    let mut wrong = String::new();
    for (row, (grade, formula)) in GRADES.iter().enumerate() {
        for (column, patch) in PATCHES.iter().enumerate() {
            let found = pixel(&frames[0], column * SIDE + SIDE / 2, row * SIDE + SIDE / 2);
            let expected = formula(patch.map(|code| f64::from(code) / 255.0));
            if apart(found, expected) > 2.0 {
                let expected = expected.map(|x| (x * 255.0).round());
                writeln!(wrong, "{grade}: {patch:?} is {found:?}, expected {expected:?}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn details_follow_their_formulas() {
    let directory = workplace();
    let flat = "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%22100%22 \
                height=%2250%22%3E%3Crect width=%22100%22 height=%2250%22 fill=%22%23808080%22/%3E\
                %3C/svg%3E";
    let grain = r#"data-color-grading='{"details":{"grain":1,"grainSize":0.4}}'"#;
    // Of two elements with the same source and no id the grain is the same; one of them lets all fade.
    let body = format!(
        "<img src='{flat}' data-color-grading='{{\"details\":{{\"vignette\":0.8}}}}'><img \
         src='{flat}' style='left:100px' {grain}><img src='{flat}' style='left:200px;transition:\
         all 1s' {grain}>"
    );
    let (_, frames) = pictures(&job(&directory, (300, 50), 4, &body));
    for (x, y) in [(0_u32, 0_u32), (50, 25), (10, 40), (95, 5), (99, 25)] {
        let e = 8.0 + (1.8 - 8.0) * 0.5;
        let q = [(f64::from(x) + 0.5) / 50.0 - 1.0, (f64::from(y) + 0.5) / 25.0 - 1.0];
        let r = ((q[0].abs() * 2.0).powf(e) + q[1].abs().powf(e)).powf(1.0 / e);
        let from = 0.22 + (1.08 - 0.22) * 0.5;
        let factor = 1.0 - 0.75 * 0.8 * ramp(from, from + 0.08 + 0.64 * 0.65, r);
        let found = pixel(&frames[0], x as usize, y as usize);
        assert!(apart(found, [factor * 128.0 / 255.0; 3]) <= 2.0, "{x}, {y}: {found:?}");
    }
    // Grain is grey, lies around the color, and is new in each frame here.
    let grain_from = |from: usize, frame: usize| -> Vec<u8> {
        (from..from + 100)
            .map(|x| pixel(&frames[frame], x, 20))
            .inspect(|c| assert!(c[0] == c[1] && c[1] == c[2]))
            .map(|c| c[0])
            .collect()
    };
    let grain = |frame| grain_from(100, frame);
    let first = grain(0);
    let mean = first.iter().map(|&n| f64::from(n)).sum::<f64>() / 100.0;
    assert!((mean - 128.0).abs() < 6.0, "{mean}");
    assert!(first.iter().any(|n| n.abs_diff(128) > 8));
    assert_ne!(first, grain(1));
    assert_ne!(grain(1), grain(2));
    for frame in 0..4 {
        assert_eq!(grain(frame), grain_from(200, frame), "frame {frame}");
    }
}

/// Each effect alone, with what it needs to be seen.
const EFFECTS: [&str; 20] = [
    r#""blur":0.5"#,
    r#""pixelate":0.14893617"#,
    r#""bloom":1"#,
    r#""kuwahara":1"#,
    r#""chromaBleed":1"#,
    r#""tapeDamage":1,"tapeTracking":0.5"#,
    r#""filmArtifacts":1"#,
    r#""scanlines":0.8"#,
    r#""chromaticAberration":1"#,
    r#""crtCurvature":0.4"#,
    r#""digitalGlitch":1,"digitalGlitchBlockAmount":0.5,"digitalGlitchBlockOpacity":1"#,
    r#""halftone":1"#,
    r#""twoInkPrint":1"#,
    r#""dither":1"#,
    r#""monoScreen":1,"monoScreenSize":1"#,
    r#""ascii":1"#,
    r#""ascii":1,"asciiStyle":6,"asciiColor":0,"asciiRotation":1"#,
    r#""engraving":1"#,
    r#""crosshatch":1"#,
    r#""dither":1,"blur":1,"bloom":0.5,"scanlines":0.3"#,
];

#[test]
fn each_effect_does_something_of_its_own() {
    const WIDTH: usize = 160;
    const HEIGHT: usize = 96;
    let directory = workplace();
    let source = "testsrc2=size=160x96:rate=1:duration=1";
    let path = directory.path().join("picture.png");
    judge("ffmpeg", &["-f", "lavfi", "-i", source, "-frames:v", "1", path.to_str().unwrap()]);
    let place = |i: usize| (i % 6 * WIDTH, i / 6 * HEIGHT);
    let image = |i: usize, more: &str| {
        let (x, y) = place(i);
        format!("<img src=picture.png style='left:{x}px;top:{y}px' {more}>")
    };
    let graded = EFFECTS.iter().enumerate().map(|(i, effect)| {
        let palette = r##""palette":["#102030","#c08040","#ffffff"]"##;
        image(i, &format!("data-color-grading='{{\"effects\":{{{effect}}},{palette}}}'"))
    });
    let body = graded.collect::<String>() + &image(EFFECTS.len(), "");
    let (_, frames) = pictures(&job(&directory, (6 * WIDTH, 4 * HEIGHT), 1, &body));
    let part = |i: usize| -> Vec<[u8; 3]> {
        let (x, y) = place(i);
        (0..WIDTH * HEIGHT).map(|at| pixel(&frames[0], x + at % WIDTH, y + at / WIDTH)).collect()
    };
    let parts: Vec<_> = (0..=EFFECTS.len()).map(part).collect();
    for (i, effect) in EFFECTS.iter().enumerate() {
        for (j, other) in parts.iter().enumerate().skip(i + 1) {
            let apart = parts[i].iter().zip(other).filter(|(a, b)| a != b).count();
            assert!(apart > 20, "{effect} looks like number {j}: {apart} pixels differ");
        }
    }
    // Blocks of eight pixels, and none but the three colors of the palette.
    for (at, color) in parts[1].iter().enumerate() {
        let (x, y) = (at % WIDTH / 8 * 8, at / WIDTH / 8 * 8);
        assert_eq!(color, &parts[1][y * WIDTH + x], "{at}");
    }
    let palette = [[0x10, 0x20, 0x30], [0xc0, 0x80, 0x40], [0xff, 0xff, 0xff]];
    assert!(parts[13].iter().all(|color| palette.contains(color)));
}

/// A video in two boxes, one of them graded.
#[test]
fn a_video_is_graded_in_every_frame() {
    let directory = workplace();
    make_video(&directory.path().join("clip.mp4"));
    let clip = |style: &str, more: &str| {
        format!(
            "<video src=clip.mp4 muted data-start=0 data-duration=1 style='width:160px;height:90px;{style}' {more}></video>"
        )
    };
    let body = clip("", "")
        + &clip(
            "left:160px",
            r#"data-color-grading='{"adjust":{"saturation":-1,"contrast":-0.5}}'"#,
        );
    let (_, frames) = pictures(&job(&directory, (320, 90), 12, &body));
    let mut seen = Vec::new();
    for (n, frame) in frames.iter().enumerate() {
        for (x, y) in (0..160).step_by(7).flat_map(|x| (0..90).step_by(7).map(move |y| (x, y))) {
            let c = pixel(frame, x, y).map(|code| f64::from(code) / 255.0);
            let expected = grey(each(c, |x| (x - 0.5) * 0.5 + 0.5));
            let found = pixel(frame, 160 + x, y);
            assert!(apart(found, expected) <= 2.0, "frame {n}, {x}, {y}: {found:?}");
        }
        seen.push(frame.data.clone());
    }
    seen.dedup();
    assert_eq!(seen.len(), 12, "the video does not move");
}

/// A grade that changes nothing to be seen leaves all that CSS does to a picture as it is.
#[test]
fn a_graded_picture_lies_where_chrome_puts_it() {
    let directory = workplace();
    let source = "testsrc2=size=120x80:rate=1:duration=1";
    let path = directory.path().join("picture.png");
    judge("ffmpeg", &["-f", "lavfi", "-i", source, "-frames:v", "1", path.to_str().unwrap()]);
    let styles = [
        "left:10px;top:10px",
        "left:140px;top:10px;width:110px;height:70px;object-fit:none;object-position:right 5px top 3px",
        "left:10px;top:100px;width:100px;height:110px;object-fit:none;padding:5px;border:3px solid \
         #fff8;border-radius:24px;background:#0f04",
        "left:140px;top:110px;box-sizing:border-box;width:140px;height:90px;object-fit:scale-down;\
         opacity:0.6;filter:drop-shadow(3px 3px 2px #000)",
        "left:270px;top:10px;clip-path:circle(35px);transform:translate(10px, 4px);z-index:-1",
        "left:300px;top:100px;mix-blend-mode:multiply;transition:all 1s",
    ];
    let body = |grade: &str| {
        let images = styles.map(|style| format!("<img src=picture.png style='{style}' {grade}>"));
        format!("{}<p style='position:absolute;left:300px;top:20px'>over it</p>", images.concat())
    };
    let plain = pictures(&job(&directory, (440, 230), 3, &body(""))).1;
    let grade = r#"data-color-grading='{"adjust":{"exposure":0.000001}}'"#;
    let graded = pictures(&job(&directory, (440, 230), 3, &body(grade))).1;
    for (n, (a, b)) in plain.iter().zip(&graded).enumerate() {
        for (x, y) in (0..440).flat_map(|x| (0..230).map(move |y| (x, y))) {
            let [one, other] = [pixel(a, x, y), pixel(b, x, y)];
            let most = (0..3).map(|i| one[i].abs_diff(other[i])).max().unwrap();
            assert!(most <= 2, "frame {n}, {x}, {y}: {one:?} {other:?}");
        }
    }
}

/// What moves by itself, by a video and by a page's own hand.
fn moving_page(directory: &TempDir) -> Job {
    make_video(&directory.path().join("clip.mp4"));
    let body = r#"<video src=clip.mp4 muted data-start=0 data-duration=1 data-color-grading=vhs-playback style='width:160px;height:90px'></video>
        <img src=patches.svg data-color-grading=home-movie-8mm style='left:160px;width:160px;height:90px'>
        <img src=patches.svg data-color-grading='{"effects":{"dither":1},"details":{"vignette":0.4}}' id=driven style='top:90px;height:60px'>
        <script>window.__hf = { duration: 0.4, seek(t) {
            driven.style.setProperty("--hf-color-grading-exposure", String(2 * t));
            driven.style.width = `${100 + 300 * t}px`;
        } };</script>"#;
    job(directory, (320, 180), 12, body)
}

#[test]
fn frames_do_not_depend_on_sessions_order_or_way_of_capture() {
    let directory = workplace();
    let mut job = moving_page(&directory);
    let one = digests(&job, 1);
    assert_eq!(one.len(), 12);
    assert_eq!(digests(&job, 3), one);
    assert_eq!(stills(&job, &[9, 2]), [one[9], one[2]]);
    job.capture.mode = CaptureMode::Display;
    assert_eq!(digests(&job, 1), one);
    let mut different = one.clone();
    different.dedup();
    assert_eq!(different.len(), 12);
}

/// The page counts how often a picture is read from WebGL, by the width of a bar.
#[test]
fn a_graded_still_picture_is_drawn_once() {
    let directory = workplace();
    let body = r#"<img src=patches.svg data-color-grading='{"preset":"food-pop","details":{"vignette":0.5}}'>
        <div id=bar style='position:absolute;top:20px;height:20px;width:0;background:#f00'></div>
        <script>
            const read = WebGL2RenderingContext.prototype.readPixels;
            let count = 0;
            WebGL2RenderingContext.prototype.readPixels = function (...given) {
                bar.style.width = `${10 * ++count}px`;
                return read.apply(this, given);
            };
        </script>"#;
    let (report, frames) = pictures(&job(&directory, (240, 40), 20, body));
    assert_eq!(frames.len(), 20);
    assert!(report.sessions[0].reused >= 18, "{:?}", report.sessions);
    let last = &frames[19];
    assert_eq!(pixel(last, 5, 30), [255, 0, 0]);
    assert_eq!(pixel(last, 15, 30), [0x44, 0x55, 0x66]);
}

#[test]
fn what_cannot_be_graded_is_named() {
    let directory = workplace();
    fs::write(directory.path().join("short.cube"), "LUT_3D_SIZE 2\n0 0 0\n1 1 1\n").unwrap();
    let images = [
        "id=broken src=patches.svg data-color-grading='{exposure'",
        "id=flat src=patches.svg data-color-grading='{\"exposure\":0.1}'",
        "id=far src=patches.svg data-color-grading='{\"adjust\":{\"contrast\":7}}'",
        "id=unknown src=patches.svg data-color-grading=sunset",
        "id=short src=patches.svg data-color-grading='{\"lut\":\"short.cube\"}'",
        "id=foreign src=https://pictures.example/patches.svg data-color-grading=mono-clean",
    ];
    let images = images.map(|attributes| format!("<img {attributes}>")).concat();
    let chain = r#"data-vfx-chain='{"nodes":[{"id":"w","type":"wave-warp"}]}'"#;
    let body = format!("{images}<p id=text data-color-grading=mono-clean {chain}>text</p>");
    let mut job = job(&directory, (240, 60), 2, &body);
    job.strict = false;
    job.network.map =
        BTreeMap::from([("https://pictures.example/".into(), directory.path().to_owned())]);
    let (report, _) = pictures(&job);
    let told: Vec<_> =
        report.warnings.iter().map(|w| format!("{} {}", w.code, w.message)).collect();
    let parts = [
        ["color_grading_invalid", "#broken", "not JSON"],
        ["color_grading_invalid", "#flat", "exposure is not known"],
        ["color_grading_invalid", "#far", "adjust.contrast is 7, expected -1 to 1"],
        ["color_grading_invalid", "#unknown", "\"sunset\""],
        ["color_grading_lut_failed", "short.cube", "2 rows, expected 8"],
        ["color_grading_failed", "#foreign", "another host"],
        ["color_grading_unsupported", "#text", "<img> or a <video>"],
        ["vfx_invalid", "#text", "wave-warp"],
    ];
    for parts in parts {
        assert!(
            told.iter().any(|line| parts.iter().all(|part| line.contains(part))),
            "{parts:?} is not in {told:#?}"
        );
    }
    assert_eq!(told.len(), parts.len(), "{told:#?}");
}
