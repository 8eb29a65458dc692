//! Worklets run, and draw what their properties are in the frame.

use std::fs;

use pagereel::job::CaptureMode;

use crate::pages::{Page, pixel};

#[test]
fn styles_are_painted_by_worklets() {
    let page = Page::new(
        2.0,
        "@property --p { syntax: '<number>'; initial-value: 0; inherits: false } #b { width: 300px; \
         height: 100px; background: paint(bar); animation: g 2s linear forwards } @keyframes g { to { \
         --p: 1 } }",
        "<div id=b></div>",
        "CSS.paintWorklet.addModule('bar.js')",
    );
    let bar = "registerPaint('bar', class { static get inputProperties() { return ['--p'] } \
               paint(c, s, p) { c.fillStyle = '#00c'; c.fillRect(0, 0, s.width * parseFloat(p.get('--p')), \
               s.height) } })";
    fs::write(page.path.with_file_name("bar.js"), bar).unwrap();
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let frames = page.steady_frames(mode);
        for (n, width) in [(0, 0), (15, 75), (30, 150), (45, 225)] {
            let painted = (0..320).filter(|&x| pixel(&frames[n], x, 50) == [0, 0, 0xcc]).count();
            assert!(painted.abs_diff(width) <= 1, "{mode:?}, frame {n}: {painted} columns");
        }
    }
}
