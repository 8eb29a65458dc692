//! Canvas capture: what it draws, what it cannot, and that somebody notices.

use std::time::Duration;

use pagereel::job::CaptureMode;
use pagereel::plan::Backend;
use pagereel::{Job, Picture, Report};

use crate::support::{digests, fixture, page, pictures};

/// A page whose root is `body`, with `style` and a moving box.
fn scene(style: &str, body: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><style>
         html, body {{ margin: 0 }}
         #root {{ position: relative; width: 320px; height: 180px; overflow: hidden }}
         .box {{ position: absolute; left: 40px; top: 30px; width: 120px; height: 90px;
                 background: #d5432e; animation: move 1s linear }}
         @keyframes move {{ to {{ translate: 60px 20px }} }}
         {style}</style>
         <div id=root data-composition-id=root data-width=320 data-height=180 data-duration=1
              data-fps=10>{body}</div>"
    )
}

fn canvas_job(composition: &std::path::Path) -> Job {
    let mut job = Job::without_output(composition);
    job.capture.mode = CaptureMode::Canvas;
    job.capture.workers = Some(1);
    job
}

/// Renders a scene with canvas capture wanted, and compares every frame with a display's.
///
/// Returns the report, and the largest average difference of a frame in levels of 255.
fn render_scene(html: &str) -> (Report, f64) {
    let (_directory, path) = page(html);
    let job = canvas_job(&path);
    let (report, drawn) = pictures(&job);
    let mut display = job;
    display.capture.mode = CaptureMode::Display;
    let (_, shown) = pictures(&display);
    assert_eq!((drawn.len(), shown.len()), (10, 10));
    let differences = drawn.iter().zip(&shown).map(|(drawn, shown)| difference(drawn, shown));
    (report, differences.fold(0.0, f64::max))
}

fn difference(a: &Picture, b: &Picture) -> f64 {
    let colors = |picture: &Picture| {
        let format = picture.format;
        let pixels = picture.data.chunks_exact(format.bytes_per_pixel());
        pixels.flat_map(|pixel| format.rgb(pixel)).collect::<Vec<_>>()
    };
    let (a, b) = (colors(a), colors(b));
    let sum: u64 = a.iter().zip(&b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

fn reason(report: &Report) -> String {
    report.plan.capture.reasons.join("; ")
}

#[test]
fn canvas_draws_what_a_window_shows() {
    // The composition is not moved out of its document, so all of this is as it was.
    for (name, style, body) in [
        (
            "html background",
            "html { background: linear-gradient(#258, #8bc) }",
            "<div class=box></div>",
        ),
        (
            "body background",
            "body { background: #582; min-height: 300px }",
            "<div class=box></div>",
        ),
        ("fixed", ".box { position: fixed; left: auto; right: 10px }", "<div class=box></div>"),
        (
            "body child",
            "body > #root > .box { background: #06c } body > .box { background: red }",
            "<div class=box></div>",
        ),
        // At 0.3 s exactly, a sampled frame, the box is there.
        (
            "step at its delay",
            ".box { animation: move .1s steps(1, jump-start) .3s both }",
            "<div class=box></div>",
        ),
        (
            "shadow",
            ".box { box-shadow: 0 8px 24px #0008; border-radius: 12px }",
            "<div class=box></div>",
        ),
        (
            "blend",
            "html { background: #8bc } .box { mix-blend-mode: difference }",
            "<div class=box></div>",
        ),
    ] {
        let (report, difference) = render_scene(&scene(style, body));
        assert!(difference < 0.25, "{name}: {difference} levels");
        assert_eq!(report.plan.capture.backend, Backend::Canvas, "{name}: {}", reason(&report));
        assert!(reason(&report).contains("frames agree with display"), "{name}");
    }
}

#[test]
fn what_canvas_cannot_draw_is_noticed() {
    for (name, style, body) in [
        (
            "3-D flip",
            "#root { perspective: 400px; background: #eee } .box { transform-style: preserve-3d; animation: flip 1s linear }
             .box b { position: absolute; inset: 0; backface-visibility: hidden; background: #06c }
             .box b + b { transform: rotateY(180deg); background: #fa0 }
             @keyframes flip { to { transform: rotateY(360deg) } }",
            "<div class=box style='background:none'><b></b><b></b></div>",
        ),
        (
            "backdrop filter",
            "#root { background: repeating-linear-gradient(90deg, #000 0 8px, #fff 8px 16px) }
             .box { background: #fff4; backdrop-filter: blur(6px) }",
            "<div class=box></div>",
        ),
        (
            "cross-origin frame",
            "iframe { position: absolute; inset: 0; border: 0; width: 200px; height: 180px }",
            "<iframe src=\"data:text/html,<body style='background:%23285'>\"></iframe><div class=box></div>",
        ),
    ] {
        let (report, difference) = render_scene(&scene(style, body));
        assert!(difference == 0.0, "{name}: {difference} levels");
        assert_eq!(report.plan.capture.backend, Backend::Display, "{name}");
        let reason = reason(&report);
        let told = "not canvas: frame 0 is not what the compositor shows: ";
        assert!(reason.contains(told) && reason.contains(" dB, and "), "{name}: {reason}");
    }
}

/// What a page does to the canvas that it stands in, and what is told of it.
#[test]
fn a_canvas_that_fails_is_left() {
    for (script, told) in [
        (
            "canvas?.removeAttribute('layoutsubtree')",
            "not canvas: unreadable picture: InvalidStateError",
        ),
        (
            "if (canvas) top.addEventListener('paint', (e) => e.stopImmediatePropagation(), true)",
            "not canvas: no answer from Chrome within 2 s while drawing into the canvas",
        ),
        (
            "addEventListener('hf-seek', ({ detail }) => {
               if (canvas && detail.time > 0.4) canvas.style.display = 'none'
             })",
            "not canvas: frame 5 is lost: unreadable picture: InvalidStateError",
        ),
    ] {
        let html = scene("", "<div class=box></div>");
        let script = format!("const canvas = top.document.querySelector('canvas'); {script}");
        let (_directory, path) = page(&format!("{html}<script>{script}</script>"));
        let mut job = canvas_job(&path);
        job.timeouts.frame = Duration::from_secs(2);
        let (report, drawn) = pictures(&job);
        assert_eq!(drawn.len(), 10);
        let reason = reason(&report);
        assert!(reason.contains(told), "{reason}");
        assert_eq!(report.plan.capture.backend, Backend::Display, "{reason}");
    }
}

#[test]
fn any_chrome_draws_into_canvases_the_same() {
    let (_directory, path) = page(&scene("", "<div class=box></div>"));
    let mut seen = Vec::new();
    for (chrome, other) in [("chromium", "display"), ("chromium-headless-shell", "beginFrame")] {
        let mut job = canvas_job(&path);
        job.browser.path = Some(format!("/usr/bin/{chrome}").into());
        let (report, drawn) = pictures(&job);
        let reason = reason(&report);
        assert_eq!(report.plan.capture.backend, Backend::Canvas, "{chrome}: {reason}");
        assert!(reason.contains(&format!("frames agree with {other}")), "{chrome}: {reason}");
        seen.push(drawn);
    }
    assert!(seen[0] == seen[1]);
}

#[test]
fn the_same_frames_whatever_the_sessions() {
    for name in ["css-cards", "kinetic-text", "gsap", "canvas-2d", "webgl"] {
        let mut job = canvas_job(&fixture(name));
        // The first batch began before.
        job.frames = Some("5..27".parse().unwrap());
        let one = digests(&job, 1);
        assert_eq!(one.len(), 22, "{name}");
        assert_eq!(digests(&job, 2), one, "{name}");
    }
}
