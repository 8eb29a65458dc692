//! Transitions: two scenes, alone before and after, and in linear light between.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use pagereel::frame::PixelFormat;
use pagereel::job::{CaptureMode, ColorMode, FrameRange};
use pagereel::plan::Shader;
use pagereel::{Engine, Error, Frame, Job, Moment, Picture, Report};
use tempfile::TempDir;

use crate::support::{cheaply, digests, fixture, pictures};

/// A page with scenes `a` and `b`, and whatever comes after them.
fn page(scenes: [&str; 2], script: &str) -> (TempDir, Job) {
    let directory = tempfile::tempdir().unwrap();
    let [a, b] = scenes;
    let html = format!(
        r#"<!doctype html><style>html,body{{margin:0;background:#000}}
        .scene{{position:absolute;left:0;top:0;width:160px;height:90px;overflow:hidden}}</style>
        <div data-composition-id="main" data-width="160" data-height="90" data-duration="1"
        data-fps="20"><div id="a" class="scene">{a}</div><div id="b" class="scene">{b}</div></div>
        <script>{script}</script>"#
    );
    fs::write(directory.path().join("index.html"), html).unwrap();
    let mut job = cheaply(&Job::without_output(directory.path().join("index.html")));
    job.strict = true;
    job.capture.workers = Some(1);
    (directory, job)
}

/// A transition from 0.25 s for 0.5 s, of a page that has a cut in its middle.
fn declared(shader: &str) -> String {
    format!(
        "window.__hf = {{ transitions: [{{ time: 0.25, duration: 0.5, {shader} ease: 'none', \
         fromScene: 'a', toScene: 'b' }}] }}; \
         for (const [id, before] of [['a', 1], ['b', 0]]) \
         document.getElementById(id).animate({{ opacity: [before, before, 1 - before, 1 - before], \
         offset: [0, 0.5, 0.5, 1] }}, {{ duration: 1000, fill: 'both' }});"
    )
}

fn filled(color: &str) -> String {
    format!("<div style=\"width:160px;height:90px;background:{color}\"></div>")
}

fn color(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let pixel = &picture.data[y * picture.stride() + x * picture.format.bytes_per_pixel()..];
    picture.format.rgb(pixel)
}

fn linear(code: u8) -> f64 {
    let code = f64::from(code) / 255.0;
    if code <= 0.04045 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
}

fn srgb(linear: f64) -> f64 {
    let curve = 1.055 * linear.powf(1.0 / 2.4) - 0.055;
    255.0 * if linear <= 0.003_130_8 { 12.92 * linear } else { curve }
}

/// Nit of a PQ code of 16 bits (SMPTE ST 2084).
fn nits(code: u16) -> f64 {
    let p = (f64::from(code) / 65_535.0).powf(1.0 / 78.84375);
    let y = (p - 0.835_937_5).max(0.0) / (18.851_562_5 - 18.6875 * p);
    10_000.0 * y.powf(1.0 / 0.159_301_757_812_5)
}

fn codes(picture: &Picture, x: usize, y: usize) -> [u16; 3] {
    assert_eq!(picture.format, PixelFormat::Rgb16);
    let at = y * picture.stride() + x * 6;
    [0, 2, 4].map(|c| u16::from_ne_bytes([picture.data[at + c], picture.data[at + c + 1]]))
}

#[test]
fn a_fade_is_linear_in_light() {
    let (red, blue) = (filled("rgb(255, 60, 0)"), filled("rgb(0, 20, 200)"));
    // Without a shader and by its name.
    for shader in ["", "shader: 'crossfade',"] {
        let (_directory, job) = page([&red, &blue], &declared(shader));
        let (report, all) = pictures(&job);
        assert_eq!(all.len(), 20);
        assert_eq!(report.plan.transitions[0].shader, Shader::Crossfade);
        for (index, picture) in all.iter().enumerate() {
            let part = ((index as f64 - 5.0) / 10.0).clamp(0.0, 1.0);
            let expected: Vec<f64> = [(255, 0), (60, 20), (0, 200)]
                .map(|(a, b)| srgb(linear(a).mul_add(1.0 - part, linear(b) * part)))
                .to_vec();
            for (got, expected) in color(picture, 80, 45).into_iter().zip(expected) {
                let error = (f64::from(got) - expected).abs();
                assert!(error <= 0.51, "frame {index}: {got}, not {expected}");
            }
        }
    }
}

#[test]
fn each_shows_one_scene_before_both_between_and_the_other_after() {
    let hash = |index: u64, job: &Job| -> Arc<Picture> {
        let mut taken = None;
        let moments = [Moment::Frame(pagereel::time::FrameIndex(index))];
        let mut keep = |frame: Frame| {
            taken = Some(frame.picture);
            Ok(())
        };
        Engine::new().request(job).stills(&moments, &mut keep).unwrap();
        taken.unwrap()
    };
    let mut job = cheaply(&Job::from_file(fixture("transitions").join("job.json")).unwrap());
    job.output = None;
    job.capture.workers = Some(1);
    let plain = |picture: &Picture| color(picture, 600, 340);
    for (number, shader) in Shader::ALL.into_iter().enumerate() {
        // Each begins 0.6 s after a second and ends 0.4 s after the next one.
        let start = 30 * number as u64 + 18;
        job.frames = Some(FrameRange { start: start - 1, end: start + 25 });
        let (report, all) = pictures(&job);
        assert_eq!(report.plan.transitions[number].shader, shader);
        let (before, after) = (plain(&all[0]), plain(&all[25]));
        assert_eq!(plain(&all[1]), before, "{shader} begins with the first scene");
        assert_ne!(before, after);
        let middle = &all[13];
        assert!(middle.data != all[0].data && middle.data != all[25].data, "{shader}");
        let distance = |picture: &Picture, other: &Picture| {
            let pairs = (0..360).step_by(8).flat_map(|y| (0..640).step_by(8).map(move |x| (x, y)));
            let total: u32 = pairs
                .map(|(x, y)| {
                    let (a, b) = (color(picture, x, y), color(other, x, y));
                    (0..3).map(|c| u32::from(a[c].abs_diff(b[c]))).sum::<u32>()
                })
                .sum();
            f64::from(total) / (80.0 * 45.0 * 3.0)
        };
        // The last frame of it is almost the second scene.
        let (near, far) = (distance(&all[24], &all[25]), distance(&all[24], &all[0]));
        assert!(near < far / 3.0, "{shader}: {near} {far}");
        // A picture of the moment is the frame of the render.
        if number % 5 == 0 {
            let mut single = job.clone();
            single.frames = None;
            assert!(hash(start + 12, &single).data == middle.data, "{shader}: the still differs");
        }
    }
}

#[test]
fn any_number_of_sessions_and_any_way_makes_the_same_frames() {
    let mut job = Job::from_file(fixture("transitions").join("job.json")).unwrap();
    job.output = None;
    job.frames = Some(FrameRange { start: 40, end: 130 });
    let cheap = cheaply(&job);
    let one = digests(&cheap, 1);
    assert_eq!(one, digests(&cheap, 3));
    job.frames = Some(FrameRange { start: 70, end: 100 });
    job.capture.mode = CaptureMode::Display;
    let display = digests(&job, 2);
    assert_eq!(display, digests(&job, 1));
}

#[test]
fn the_library_of_hyperframes_draws_by_itself() {
    let path = fixture("transitions-library").join("index.html");
    let mut job = cheaply(&Job::without_output(path.clone()));
    job.strict = true;
    let (report, all) = pictures(&job);
    let found = |report: &Report| -> Vec<_> {
        let each = report.plan.transitions.iter();
        each.map(|t| (t.shader, t.time, t.by_library)).collect()
    };
    assert_eq!(
        found(&report),
        [(Shader::SdfIris, 0.5, true), (Shader::Crossfade, 1.5, true)],
        "the plan says who draws"
    );
    assert_eq!(report.plan.transitions[0].accent, Some([0x40, 0xc0, 0xff]));
    // The same page without the library, whose place the engine takes.
    let directory = tempfile::tempdir().unwrap();
    let html = fs::read_to_string(&path).unwrap();
    let line = html.lines().find(|line| line.contains("index.global.js")).unwrap();
    fs::write(directory.path().join("index.html"), html.replace(line, "")).unwrap();
    fs::create_dir(directory.path().join("vendor")).unwrap();
    let gsap = fixture("transitions-library").join("vendor/gsap.min.js");
    fs::copy(gsap, directory.path().join("vendor/gsap.min.js")).unwrap();
    let own = Job { composition: directory.path().join("index.html").into(), ..job.clone() };
    let (report, alone) = pictures(&own);
    assert!(report.plan.transitions.iter().all(|transition| !transition.by_library));
    assert_eq!(all.len(), alone.len());
    for (index, (a, b)) in all.iter().zip(&alone).enumerate() {
        let is_crossing = (15..30).contains(&index) || (45..57).contains(&index);
        assert!(is_crossing || a.data == b.data, "frame {index} differs");
        let apart = (0..640).step_by(16).map(|x| {
            let (a, b) = (color(a, x, 100), color(b, x, 100));
            (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap_or(0)
        });
        assert!(is_crossing && index >= 45 || apart.max() < Some(40), "frame {index}");
    }
    // Halfway through the iris its ring has the page's color, and inside is the second scene.
    for (got, expected) in color(&all[22], 320, 100).into_iter().zip([0xa8, 0x34, 0x1f_u8]) {
        assert!(got.abs_diff(expected) <= 1, "{:?}", color(&all[22], 320, 100));
    }
    // Fading by opacity is not fading in light.
    assert_ne!(color(&all[51], 20, 340), color(&alone[51], 20, 340));
    // Neither sessions nor ways of capture make a difference.
    let one = digests(&job, 1);
    assert_eq!(one, digests(&job, 3));
    job.capture.mode = CaptureMode::Display;
    assert_eq!(one, digests(&job, 1));
    // What is not opaque is drawn here.
    job.capture.mode = CaptureMode::Auto;
    job.alpha = true;
    // Its background hides what is behind it, of which it is told.
    job.strict = false;
    let (plan, _) = Engine::new().plan(&job).unwrap();
    assert!(plan.transitions.iter().all(|transition| !transition.by_library));
}

/// A page with HyperFrames' library, and scenes of one color.
fn library_page(inside: &str, shader: &str) -> (TempDir, Job) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["gsap.min.js", "index.global.js"] {
        let vendor = fixture("transitions-library").join("vendor").join(name);
        fs::copy(vendor, directory.path().join(name)).unwrap();
    }
    let html = format!(
        r##"<!doctype html><style>.scene{{position:absolute;left:0;top:0;width:160px;height:90px}}</style>
        <div data-composition-id="main" data-width="160" data-height="90" data-duration="1"
        data-fps="8"><div id="a" class="scene" style="background:rgb(200,40,0)"></div>
        <div id="b" class="scene" style="background:rgb(0,40,200)">{inside}</div></div>
        <script src="gsap.min.js"></script><script src="index.global.js"></script>
        <script>
          const timeline = gsap.timeline({{ paused: true }});
          timeline.to({{}}, {{ duration: 1 }}, 0);
          HyperShader.init({{ bgColor: "#000", scenes: ["a", "b"], timeline,
            transitions: [{{ time: 0, shader: "{shader}", duration: 1 }}] }});
          window.__timelines.main = timeline;
        </script>"##
    );
    fs::write(directory.path().join("index.html"), html).unwrap();
    let mut job = cheaply(&Job::without_output(directory.path().join("index.html")));
    job.strict = true;
    job.capture.workers = Some(1);
    (directory, job)
}

#[test]
fn what_the_library_cannot_copy_is_drawn_here() {
    // From the first frame on. The library mixes codes, the engine light.
    let (_directory, job) = library_page("", "cinematic-zoom");
    let (report, all) = pictures(&job);
    assert!(report.plan.transitions[0].by_library);
    assert_eq!(color(&all[0], 80, 45), [200, 40, 0]);
    for (got, expected) in color(&all[4], 80, 45).into_iter().zip([100, 40, 100_u8]) {
        assert!(got.abs_diff(expected) <= 1, "{:?}", color(&all[4], 80, 45));
    }
    for inside in [
        "<canvas></canvas>",
        "<style>@keyframes k { to { opacity: 0.5 } }</style><i style='animation: k 1s'>x</i>",
    ] {
        let (_directory, job) = library_page(inside, "cinematic-zoom");
        let (report, all) = pictures(&job);
        assert!(!report.plan.transitions[0].by_library, "{inside}");
        let mixed = srgb(linear(200) / 2.0);
        assert!((f64::from(color(&all[4], 80, 80)[0]) - mixed).abs() <= 1.0, "{inside}");
    }
}

fn refused(script: &str) -> String {
    let (_directory, job) = page(["a", "b"], script);
    match Engine::new().plan(&job).unwrap_err() {
        Error::Composition { message, .. } => message,
        other => panic!("{other}"),
    }
}

#[test]
fn what_cannot_be_drawn_is_refused_by_name() {
    let text = refused(&declared("shader: 'star-wipe',"));
    assert!(
        text.starts_with("transition 0: its shader is \"star-wipe\", expected one of"),
        "{text}"
    );
    assert!(text.contains("light-leak"), "{text}");
    let text = refused(&declared("").replace("toScene: 'b'", "toScene: 'c'"));
    assert_eq!(text, "transition 0: there is no scene with the id \"c\"");
    let text = refused(&declared("").replace("duration: 0.5,", "duration: -1,"));
    assert_eq!(text, "transition 0: its duration is -1 s, expected more than 0");
}

#[test]
fn transparent_scenes_keep_their_alpha() {
    let half = filled("rgba(200, 100, 50, 0.5)");
    let (directory, mut job) = page([&half, ""], &declared(""));
    let html = fs::read_to_string(directory.path().join("index.html")).unwrap();
    let clear = html.replace("background:#000", "background:transparent");
    fs::write(directory.path().join("index.html"), clear).unwrap();
    job.alpha = true;
    job.capture.mode = CaptureMode::Auto;
    let (_, all) = pictures(&job);
    for (index, alpha) in [(2, 128), (5, 128), (10, 64), (17, 0)] {
        let picture = &all[index];
        assert_eq!(picture.format, PixelFormat::Rgba8);
        let pixel = &picture.data[45 * picture.stride() + 80 * 4..][..4];
        assert!(pixel[3].abs_diff(alpha) <= 1, "frame {index}: {pixel:?}");
        if alpha > 0 {
            let off = [200, 100, 50].iter().zip(pixel).map(|(a, &b): (&u8, _)| a.abs_diff(b));
            assert!(off.max() <= Some(3), "frame {index}: {pixel:?}");
        }
    }
}

#[test]
fn what_the_page_does_with_its_scenes_does_not_shine_through() {
    // The page itself fades `b` and shows `a` faintly.
    let script = declared("")
        + "document.getElementById('a').animate({ opacity: [0.3, 0.3] }, \
        { duration: 1000, fill: 'both' });";
    let (_directory, job) = page([&filled("#fff"), &filled("#fff")], &script);
    let (_, all) = pictures(&job);
    for picture in &all[5..15] {
        assert_eq!(color(picture, 80, 45), [255; 3]);
    }
    assert!(color(&all[2], 80, 45)[0] < 200, "outside of it the page is as it is");
}

fn hdr_page(mode: ColorMode, shader: &str) -> (TempDir, Job) {
    let body = r#"<video src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:0;width:160px;height:90px"></video>"#;
    let (directory, mut job) = page([body, &filled("#fff")], &declared(shader));
    crate::hdr::bright_source(&directory.path().join("hdr.mkv"), 1000.0);
    job.color.mode = mode;
    (directory, job)
}

fn hdr(shader: &str) -> (Report, Vec<Arc<Picture>>) {
    let (_directory, job) = hdr_page(ColorMode::Hdr10, shader);
    pictures(&job)
}

#[test]
fn hdr_scenes_are_mixed_in_light() {
    let (_, all) = hdr("shader: 'crossfade',");
    for (index, picture) in all.iter().enumerate() {
        let part = ((index as f64 - 5.0) / 10.0).clamp(0.0, 1.0);
        let expected = 1000.0_f64.mul_add(1.0 - part, 203.0 * part);
        for code in codes(picture, 80, 45) {
            let got = nits(code);
            assert!((got - expected).abs() < expected * 0.01, "frame {index}: {got} {expected}");
        }
    }
}

#[test]
fn a_white_flash_is_as_bright_as_the_pages_white() {
    let (report, all) = hdr("shader: 'flash-through-white',");
    let mut seen = String::new();
    for picture in &all[4..16] {
        write!(seen, "{:.0} ", nits(codes(picture, 80, 45)[0])).unwrap();
    }
    println!("white flash over 1000 nit, in nit: {seen}");
    for code in codes(&all[10], 80, 45) {
        assert!((nits(code) - 203.0).abs() < 2.0, "{}", nits(code));
    }
    // Nothing is brighter than the video.
    assert_eq!(report.content_light.unwrap().max_content, 1000);
}

#[test]
fn hdr_does_not_depend_on_sessions() {
    for (mode, shader) in [(ColorMode::Hdr10, "swirl-vortex"), (ColorMode::Hlg, "light-leak")] {
        let (_directory, job) = hdr_page(mode, &format!("shader: '{shader}',"));
        assert_eq!(digests(&job, 1), digests(&job, 3), "{shader}");
    }
}
