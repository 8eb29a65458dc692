//! Canvas capture: what it draws, what it cannot, and that somebody notices.

use pagereel::job::CaptureMode;
use pagereel::{Job, Report, Way};

use crate::support::{digests, fixture, page, render};

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

/// Renders a scene with canvas capture wanted.
fn render_scene(html: &str) -> Report {
    let (directory, path) = page(html);
    let mut job = canvas_job(&path);
    job.output = Some(directory.path().join("out.mp4"));
    render(&job).unwrap()
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
        let report = render_scene(&scene(style, body));
        assert_eq!(report.plan.capture.way, Way::Canvas, "{name}: {}", reason(&report));
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
        let report = render_scene(&scene(style, body));
        assert_eq!(report.plan.capture.way, Way::Display, "{name}");
        let reason = reason(&report);
        let told = "not canvas: frame 0 is not what the compositor shows: ";
        assert!(reason.contains(told) && reason.contains(" dB, and "), "{name}: {reason}");
    }
}

#[test]
fn an_ordinary_chromium_draws_into_canvases_too() {
    let (directory, path) = page(&scene("", "<div class=box></div>"));
    let mut job = canvas_job(&path);
    job.browser.path = Some("/usr/bin/chromium".into());
    job.output = Some(directory.path().join("out.mp4"));
    let report = render(&job).unwrap();
    assert_eq!(report.plan.capture.way, Way::Canvas, "{}", reason(&report));
    assert!(reason(&report).contains("frames agree with display"), "{}", reason(&report));
    let shell = Job { browser: canvas_job(&path).browser, ..job.clone() };
    assert_eq!(digests(&job, 2), digests(&shell, 1));
}

#[test]
fn the_same_frames_whatever_the_sessions() {
    for name in ["css-cards", "kinetic-text", "gsap", "canvas-2d", "webgl"] {
        let mut job = canvas_job(&fixture(name));
        job.frames = Some("0..24".parse().unwrap());
        let one = digests(&job, 1);
        assert_eq!(one.len(), 24, "{name}");
        assert_eq!(digests(&job, 2), one, "{name}");
        assert_eq!(digests(&job, 3), one, "{name}");
    }
}
