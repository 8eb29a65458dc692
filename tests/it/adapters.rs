//! Every way to animate, against a page that places itself.
//!
//! Each case says the same movement twice: with an animation technique, and as a formula that the
//! page's own `seek` applies. The frames must be the same, with one session and with two: of so few
//! and small frames a third would get none.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use pagereel::Job;
use pagereel::job::CaptureOrder;
use tempfile::TempDir;

use crate::support::{digests, fixture, page};

/// A page with a bar that `head` and `script` move for one second.
pub(crate) fn moving(head: &str, script: &str) -> String {
    format!(
        "<!doctype html><head><style>body {{ margin: 0 }} #a {{ width: 0; height: 32px; \
         background: #08f }}</style>{head}</head><body><div data-composition-id=root \
         data-width=64 data-height=64 data-duration=1 data-fps=30><div \
         id=a></div></div><script>{script}</script>"
    )
}

/// What pages of tests load, and where it comes from.
const LIBRARIES: [(&str, &str); 4] = [
    ("gsap.js", "gsap/vendor/gsap.min.js"),
    ("anime3.js", "anime3/vendor/anime.min.js"),
    ("anime4.js", "anime4/vendor/anime.umd.min.js"),
    ("lottie.js", "lottie-svg/vendor/lottie_svg.min.js"),
];

/// A page with the libraries, and the files that players.rs uses, beside it.
pub(crate) fn page_with_libraries(html: &str) -> (TempDir, Job) {
    let (directory, path) = page(html);
    for (name, source) in LIBRARIES {
        let source = fixture(source);
        fs::copy(&source, directory.path().join(name)).expect("./setup.sh copies libraries");
    }
    fs::write(directory.path().join("data.json"), "{\"n\": 5}").unwrap();
    fs::write(directory.path().join("bar.svg"), BAR).unwrap();
    (directory, Job::without_output(path))
}

fn frames(html: &str, workers: u32) -> Vec<u64> {
    let (_directory, job) = page_with_libraries(html);
    digests(&job, workers)
}

/// The bar as a file that moves by itself.
const BAR: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='32'>\
    <rect width='0' height='32' fill='#08f'><animate attributeName='width' from='0' to='60' \
    dur='1s' fill='freeze'/></rect></svg>";

/// What [`expected`] has rendered, by formula.
static EXPECTED: LazyLock<Mutex<HashMap<String, Vec<u64>>>> = LazyLock::new(Mutex::default);

/// Frames of the bar with the width that `formula` gives; rendered once for all tests.
pub(crate) fn expected(formula: &str) -> Vec<u64> {
    if let Some(known) = EXPECTED.lock().unwrap().get(formula) {
        return known.clone();
    }
    let seek = format!(
        "window.__hf = {{ duration: 1, seek(t) {{ a.style.width = Math.max(0, Math.min(60, \
         {formula})) + 'px' }} }}"
    );
    let expected = frames(&moving("", &seek), 1);
    assert_eq!(expected.len(), 30);
    assert!(expected.iter().any(|frame| *frame != expected[0]), "{formula}: nothing moves");
    EXPECTED.lock().unwrap().insert(formula.to_owned(), expected.clone());
    expected
}

/// `formula` gives the bar's width in pixels from `t` in seconds.
#[track_caller]
fn same(head: &str, script: &str, formula: &str) {
    let expected = expected(formula);
    let html = moving(head, script);
    for workers in [1, 2] {
        let got = frames(&html, workers);
        let wrong: Vec<_> = (0..30).filter(|&i| got[i] != expected[i]).collect();
        assert!(wrong.is_empty(), "{head}{script}: frames {wrong:?} differ ({workers} sessions)");
    }
}

const WIDER: &str = "<style>@keyframes wider { to { width: 60px } } ";

#[test]
fn css_animations() {
    same(&format!("{WIDER} #a {{ animation: wider 1s linear }}</style>"), "", "60 * t");
    same(
        &format!("{WIDER} #a {{ animation: wider .5s linear .1s infinite alternate }}</style>"),
        "",
        "(u => u < 0 ? 0 : 60 * (Math.floor(u + 1e-9) % 2 ? 1 - (u + 1e-9) % 1 : (u + 1e-9) % \
         1))((t - .1) / .5)",
    );
    same(
        &format!("{WIDER} #a {{ animation: wider .4s linear .2s both }}</style>"),
        "",
        "(t - .2) / .4 * 60",
    );
}

#[test]
fn css_transitions_begin_when_their_cause_happens() {
    same(
        "<style>#a { transition: width .5s linear }</style>",
        "setTimeout(() => a.style.width = '60px', 200)",
        "(t - .2) / .5 * 60",
    );
}

#[test]
fn web_animations() {
    same(
        "",
        "a.animate([{ width: '0px' }, { width: '60px' }], { duration: 500, delay: 100, fill: \
         'both' })",
        "(t - .1) / .5 * 60",
    );
    same(
        "",
        "setTimeout(() => a.animate([{ width: '0px' }, { width: '60px' }], 500), 300)",
        "t < .3 || t > .8 - 1e-9 ? 0 : (t - .3) / .5 * 60",
    );
}

#[test]
fn frame_callbacks_and_clocks() {
    same(
        "",
        "requestAnimationFrame(function f(t) { a.style.width = t * .06 + 'px'; \
         requestAnimationFrame(f) })",
        "60 * t",
    );
    same(
        "",
        "const start = performance.now(); requestAnimationFrame(function f() { a.style.width = \
         (performance.now() - start) * .06 + 'px'; requestAnimationFrame(f) })",
        "60 * t",
    );
    same(
        "",
        "const start = Date.now(); requestAnimationFrame(function f() { a.style.width = \
         Math.round((Date.now() - start) / 100) * 6 + 'px'; requestAnimationFrame(f) })",
        "Math.round(Math.floor(t * 1000 + 1e-6) / 100) * 6",
    );
}

#[test]
fn timers() {
    same(
        "",
        "let n = 0; setInterval(() => a.style.width = ++n * 5 + 'px', 100)",
        "Math.floor(t * 10 + 1e-6) * 5",
    );
    same(
        "",
        "(async () => { for (let n = 1; ; n++) { await new Promise(r => setTimeout(r, 100)); \
         a.style.width = n * 5 + 'px' } })()",
        "Math.floor(t * 10 + 1e-6) * 5",
    );
}

#[test]
fn gsap_timelines_and_free_tweens() {
    let gsap = "<script src=gsap.js></script>";
    same(
        gsap,
        "const tl = gsap.timeline({ paused: true }); tl.to('#a', { width: 60, duration: 1, ease: \
         'none' }); window.__timelines = { root: tl }",
        "60 * t",
    );
    same(
        gsap,
        "window.__timelines = { root: gsap.timeline({ paused: true }).set('#a', { width: 20 }, \
         .2).set('#a', { width: 40 }, .5).call(() => a.style.background = '#08f', null, .6) }",
        "t < .2 - 1e-6 ? 0 : t < .5 - 1e-6 ? 20 : 40",
    );
    same(gsap, "gsap.to('#a', { width: 60, duration: 1, ease: 'none' })", "60 * t");
    // A timeline that is only built after a while: the clock begins when the page is ready.
    same(
        gsap,
        "setTimeout(() => { const tl = gsap.timeline({ paused: true }); tl.to('#a', { width: 60, \
         duration: 1, ease: 'none' }); window.__timelines = { root: tl } }, 200)",
        "60 * t",
    );
}

#[test]
fn seek_events() {
    same(
        "",
        "addEventListener('hf-seek', e => e.detail.waitUntil(new Promise(done => { a.style.width \
         = 60 * e.detail.time + 'px'; done() })))",
        "60 * t",
    );
}

#[test]
fn clips_show_from_their_start_until_before_their_end() {
    let clip = |attributes: &str| {
        format!(
            "const clip = document.createElement('div'); clip.style.cssText = \
             'width:60px;height:32px;background:#08f'; a.replaceWith(clip); for (const [name, \
             value] of {attributes}) clip.setAttribute(name, value)"
        )
    };
    same(
        "",
        &clip("[['data-start', '0.3'], ['data-duration', '0.4']]"),
        "t > .3 - 1e-6 && t < .7 - 1e-6 ? 60 : 0",
    );
    same(
        "",
        &format!(
            "document.body.insertAdjacentHTML('beforeend', '<div id=one data-start=0.1 \
             data-duration=0.2></div>'); {}",
            clip("[['data-start', 'one + 0.1'], ['data-end', '0.8']]")
        ),
        "t > .4 - 1e-6 && t < .8 - 1e-6 ? 60 : 0",
    );
}

#[test]
fn chance_is_the_same_for_any_number_of_sessions() {
    let script = "requestAnimationFrame(function f() { a.style.width = Math.random() * 60 + 'px'; \
                  requestAnimationFrame(f) }); a.style.height = 10 + Math.random() * 20 + 'px'";
    let one = frames(&moving("", script), 1);
    assert!(one.windows(2).filter(|pair| pair[0] != pair[1]).count() > 20, "it is not random");
    assert_eq!(one, frames(&moving("", script), 2));
}

/// A page whose own player moves a bar a little further with each seek, to any time.
const COUNTING: &str = "let seeks = 0; window.__hf = { duration: 1, seek() { a.style.width = 2 * \
    seeks++ + 'px' } }";

#[test]
fn a_sequential_capture_visits_every_frame() {
    let html = moving("", COUNTING);
    let (_directory, path) = page(&html);
    let mut job = Job::without_output(path);
    job.capture.order = CaptureOrder::Sequential;
    let one = digests(&job, 1);
    assert_eq!(digests(&job, 2), one);
    job.capture.order = CaptureOrder::Auto;
    assert_eq!(digests(&job, 1), one);
    assert_ne!(digests(&job, 2), one, "nothing tells of this state");
}

/// Keeps all processors busy for as long as it lives.
struct Load(Arc<AtomicBool>);

impl Load {
    fn start() -> Self {
        let running = Arc::new(AtomicBool::new(true));
        for _ in 0..4 {
            let running = Arc::clone(&running);
            std::thread::spawn(move || {
                let mut n = 1_u64;
                while running.load(Ordering::Relaxed) {
                    n = std::hint::black_box(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                }
            });
        }
        Self(running)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn neither_the_wall_clock_nor_load_nor_chance_is_seen() {
    let job = Job::without_output(&*fixture("wall-clock/index.html"));
    let idle = digests(&job, 1);
    let _load = Load::start();
    assert_eq!(digests(&job, 1), idle);
    assert_eq!(digests(&job, 2), idle);
}
