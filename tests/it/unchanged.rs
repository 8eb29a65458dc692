//! No frame is called unchanged that is not: each page changes its pixels in another way, and its
//! frames are those of a render in which every frame is drawn.

use std::collections::HashSet;
use std::fs;

use pagereel::job::CaptureMode;
use pagereel::sink::ChecksumSink;
use pagereel::{Engine, Job};

use crate::support::fixture;

/// A way to change pixels.
struct Backend {
    name: &'static str,
    /// So many different pictures there are at least, among 60.
    pictures: usize,
    body: &'static str,
    /// Has `tween(object, values)` over the two seconds, `driver(draw)`, whose tween calls a setter,
    /// `canvas()` and `paint(context, x)`.
    script: &'static str,
}

const fn way(
    name: &'static str,
    pictures: usize,
    body: &'static str,
    script: &'static str,
) -> Backend {
    Backend { name, pictures, body, script }
}

const PRELUDE: &str = r##"
const tl = gsap.timeline({ paused: true });
window.__timelines = { main: tl };
const tween = (target, values) => tl.to(target, { duration: 2, ease: "none", ...values }, 0);
const driver = (draw) => tween({ _v: 0, get v() { return this._v }, set v(v) { this._v = v; draw(v) } }, { v: 100 });
const stage = document.getElementById("stage");
const canvas = (parent = stage) => {
  const made = document.createElement("canvas");
  [made.width, made.height] = [200, 40];
  parent.append(made);
  return made.getContext("2d");
};
const paint = (context, x) => {
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 200, 40);
  context.fillStyle = "#c00";
  context.fillRect(x, 5, 30, 30);
};
"##;

const BOX: &str = r#"<style id="s">#box { margin-left: 0 }</style><div id="box" style="width: 30px; height: 30px; background: red"></div>"#;

#[rustfmt::skip]
const WAYS: &[Backend] = &[
    way("a canvas", 50, "", "const c = canvas(); driver((v) => paint(c, v));"),
    way("webgl", 50, "", "const gl = Object.assign(document.createElement('canvas'), { width: 60, height: 40 }).getContext('webgl'); stage.append(gl.canvas); driver((v) => { gl.clearColor(v / 100, 0, 1 - v / 100, 1); gl.clear(gl.COLOR_BUFFER_BIT); });"),
    way("an offscreen canvas that is copied", 50, "", "const c = canvas(); const o = new OffscreenCanvas(200, 40).getContext('2d'); driver((v) => { paint(o, v); c.drawImage(o.canvas, 0, 0); });"),
    way("a rule of a style sheet", 50, BOX, "const rule = s.sheet.cssRules[0]; driver((v) => { rule.style.marginLeft = v + 'px'; });"),
    way("rules that come and go", 50, BOX, "driver((v) => { s.sheet.deleteRule(0); s.sheet.insertRule(`#box { margin-left: ${v}px }`); });"),
    way("a constructed style sheet", 50, BOX, "const sheet = new CSSStyleSheet(); document.adoptedStyleSheets.push(sheet); driver((v) => sheet.replaceSync(`#box { margin-left: ${v}px !important }`));"),
    way("adopted style sheets", 2, BOX, "const sheet = new CSSStyleSheet(); sheet.replaceSync('#box { margin-left: 60px !important }'); driver((v) => { document.adoptedStyleSheets = v % 10 < 5 ? [sheet] : []; });"),
    way("a custom property of a rule", 50, BOX, "s.sheet.insertRule(':root { --x: 0px }', 1); s.sheet.cssRules[0].style.marginLeft = 'var(--x)'; driver((v) => s.sheet.cssRules[1].style.setProperty('--x', v + 'px'));"),
    way("scrollTop", 50, "<div id=box style='width: 200px; height: 100px; overflow: auto'><div style='height: 900px; background: linear-gradient(red, blue)'></div></div>", "tween(box, { scrollTop: 600 });"),
    way("scrollTo from a setter", 50, "<div id=box style='width: 200px; height: 60px; overflow: auto'><div style='width: 900px; height: 50px; background: linear-gradient(90deg, red, blue)'></div></div>", "driver((v) => box.scrollTo(6 * v, 0));"),
    way("the value of a field", 20, "<input id=box>", "driver((v) => { box.value = 'x'.repeat(v / 4); });"),
    way("a check mark", 2, "<input id=box type=checkbox>", "driver((v) => { box.checked = v % 10 < 5; });"),
    way("a mark that is neither", 2, "<input id=box type=checkbox>", "driver((v) => { box.indeterminate = v % 10 < 5; });"),
    way("a choice", 10, "<select id=box></select>", "for (let i = 0; i < 20; i++) box.add(new Option('item ' + i)); driver((v) => { box.selectedIndex = v / 5; });"),
    way("a slider", 20, "<input id=box type=range>", "driver((v) => { box.value = v; });"),
    way("details", 2, "<details id=box><summary>more</summary>inside</details>", "driver((v) => { box.open = v % 10 < 5; });"),
    way("a selection", 15, "<p id=box>the quick brown fox jumps over it</p>", "driver((v) => getSelection().setBaseAndExtent(box.firstChild, 0, box.firstChild, v / 4));"),
    way("a highlight", 15, "<style>::highlight(h) { background: #fc0 }</style><p id=box>the quick brown fox jumps over it</p>", "const range = new Range(); range.setStart(box.firstChild, 0); CSS.highlights.set('h', new Highlight(range)); driver((v) => range.setEnd(box.firstChild, v / 4));"),
    way("a closed tree", 50, "<div id=box></div>", "const c = canvas(box.attachShadow({ mode: 'closed' })); driver((v) => paint(c, v));"),
    way("properties of svg", 50, "<svg id=box width=200 height=40><rect width=30 height=30 fill=red /></svg>", "const x = box.firstElementChild.x.baseVal; driver((v) => { x.value = v; });"),
    way("a document in a frame", 50, "<iframe id=box srcdoc='<canvas width=200 height=40></canvas>' style='border: 0'></iframe>", "driver((v) => { const c = box.contentDocument?.querySelector('canvas')?.getContext('2d'); if (c) paint(c, v); });"),
    way("an ease", 50, "", "const c = canvas(); tl.to({}, { duration: 2, ease: (p) => (paint(c, 100 * p), p) }, 0);"),
    way("an ease that is registered", 50, "", "const c = canvas(); gsap.registerEase('mine', (p) => (paint(c, 100 * p), p)); tl.to({}, { duration: 2, ease: 'mine' }, 0);"),
    way("a modifier", 50, "<div id=box></div>", "const c = canvas(); tween(box, { x: 100, modifiers: { x: (v) => (paint(c, parseFloat(v)), '0px') } });"),
    way("a proxy", 50, "", "const c = canvas(); tween(new Proxy({ v: 0 }, { set: (o, k, v) => { o[k] = v; if (k === 'v') paint(c, v); return true; } }), { v: 100 });"),
    way("a function for a target", 50, "", "const c = canvas(); let at = 0; tween({ v: (...given) => { if (given.length === 0) return at; at = given[0]; paint(c, at); } }, { v: 100 });"),
    way("calls at times", 15, "", "const c = canvas(); for (let i = 0; i < 20; i++) tl.call(() => paint(c, 5 * i), null, i / 10);"),
    way("sets of setters at times", 15, "", "const c = canvas(); const o = { set v(v) { paint(c, v); } }; for (let i = 0; i < 20; i++) tl.set(o, { v: 5 * i }, i / 10);"),
    way("a tween that a setter makes", 25, "", "const c = canvas(); let made = false; tl.to({ set v(v) { if (made || v < 40) return; made = true; gsap.to({ set w(w) { paint(c, w); }, get w() { return 0; } }, { w: 100, duration: 1, ease: 'none' }); }, get v() { return 0; } }, { v: 100, duration: 2, ease: 'none' }, 0);"),
    way("timers", 15, "", "const c = canvas(); let n = 0; setInterval(() => paint(c, 5 * n++), 100);"),
    way("frame callbacks", 50, "", "const c = canvas(); requestAnimationFrame(function f(t) { paint(c, t / 20); requestAnimationFrame(f); });"),
    way("messages", 15, "", "const c = canvas(); let n = 0; const { port1, port2 } = new MessageChannel(); port1.onmessage = (e) => (e.data < 3 ? port2.postMessage(e.data + 1) : paint(c, 5 * n++)); setInterval(() => port2.postMessage(0), 100);"),
    way("messages to the window", 15, "", "const c = canvas(); let n = 0; addEventListener('message', () => paint(c, 5 * n++)); setInterval(() => postMessage(0, '*'), 100);"),
    way("a request", 15, "", "const c = canvas(); let n = 0; setInterval(() => fetch('data:,').then((r) => r.text()).then(() => paint(c, 5 * n++)), 100);"),
    way("tasks of the scheduler", 15, "", "const c = canvas(); let n = 0; (async () => { for (;;) { await scheduler.postTask(() => paint(c, 5 * n++), { delay: 100 }); } })();"),
    way("an observer of sizes", 50, "<div id=box style='height: 10px; background: #ccc'></div>", "const c = canvas(); tween(box, { width: 20 }); new ResizeObserver(([e]) => paint(c, e.contentRect.width / 2)).observe(box);"),
    way("an observer of views", 4, "<div style='width: 100px; height: 40px; overflow: hidden'><div id=box style='width: 30px; height: 30px; background: #ccc'></div></div>", "const c = canvas(); tween(box, { x: 200 }); new IntersectionObserver(([e]) => paint(c, 100 * e.intersectionRatio), { threshold: [0, 0.25, 0.5, 0.75, 1] }).observe(box);"),
    way("an observer of mutations", 50, "<div id=box></div>", "const c = canvas(); new MutationObserver(() => paint(c, box.dataset.v)).observe(box, { attributes: true }); tween(box, { attr: { 'data-v': 100 } });"),
    way("an element that hears of attributes", 50, "", "customElements.define('x-box', class extends HTMLElement { static observedAttributes = ['v']; c = canvas(this.attachShadow({ mode: 'closed' })); attributeChangedCallback(n, o, v) { paint(this.c, v); } }); const box = document.createElement('x-box'); box.setAttribute('v', 0); stage.append(box); tween(box, { attr: { v: 100 } });"),
    way("events of animations", 8, "<style>@keyframes k { to { opacity: 1 } } #box { animation: k 0.2s infinite }</style><div id=box></div>", "const c = canvas(); let n = 0; box.addEventListener('animationiteration', () => paint(c, 5 * n++));"),
    way("a handler in the markup", 8, "<style>@keyframes k { to { opacity: 1 } } #box { animation: k 0.2s infinite }</style><div id=box onanimationiteration='paint(window.c, 5 * window.n++)'></div>", "window.c = canvas(); window.n = 0; window.paint = paint;"),
    way("an animation that is placed by hand", 50, BOX, "const a = box.animate([{ marginLeft: 0 }, { marginLeft: '100px' }], 1000); a.pause(); driver((v) => { a.currentTime = 9 * v; });"),
    way("a smooth scroll", 10, "<div id=box style='width: 200px; height: 100px; overflow: auto'><div style='height: 900px; background: linear-gradient(red, blue)'></div></div>", "setTimeout(() => box.scrollTo({ top: 700, behavior: 'smooth' }), 300);"),
    way("listeners of scrolling", 10, "<div id=box style='width: 200px; height: 50px; overflow: auto'><div style='height: 900px'></div></div>", "const c = canvas(); box.onscroll = () => paint(c, box.scrollTop / 8); setTimeout(() => box.scrollTo({ top: 700, behavior: 'smooth' }), 300);"),
];

fn digests(engine: &Engine, job: &Job, mode: CaptureMode, workers: u32, reuse: bool) -> Vec<u64> {
    let mut job = job.clone();
    job.capture.mode = mode;
    job.capture.workers = Some(workers);
    job.capture.reuse = reuse;
    let (list, digests) = std::sync::mpsc::sync_channel(1000);
    let sink = Box::new(ChecksumSink::with_list(list));
    engine.request(&job).render_into(sink).unwrap();
    digests.try_iter().collect()
}

/// Checks every `of`th way, from `first` on.
fn check(first: usize, of: usize) {
    let engine = Engine::new();
    let directory = tempfile::tempdir().unwrap();
    fs::copy(fixture("gsap/vendor/gsap.min.js"), directory.path().join("gsap.min.js")).unwrap();
    let mut wrong = Vec::new();
    for (number, Backend { name, pictures, body, script }) in WAYS.iter().enumerate() {
        if number % of != first {
            continue;
        }
        let path = directory.path().join(format!("{number}.html"));
        let html = format!(
            "<!doctype html><script src=gsap.min.js></script>\
             <body style='margin: 0; background: #fff; font: 16px \"DejaVu Sans\"'>\
             <div id=stage data-composition-id=main data-width=320 data-height=180 \
             data-duration=2 data-fps=30>{body}</div><script>{PRELUDE}{script}</script>"
        );
        fs::write(&path, html).unwrap();
        let job = Job::without_output(path.clone());
        for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
            let expected = digests(&engine, &job, mode, 1, false);
            let different = expected.iter().collect::<HashSet<_>>().len();
            if different < *pictures {
                wrong.push(format!("{name}: {different} pictures by {mode:?}"));
            }
            for workers in [1, 3] {
                let seen = digests(&engine, &job, mode, workers, true);
                let differ: Vec<_> = (0..60).filter(|&n| seen.get(n) != expected.get(n)).collect();
                if !differ.is_empty() {
                    wrong.push(format!("{name}: {mode:?}, {workers} session(s): {differ:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_page_code_changes_is_drawn() {
    check(0, 3);
}

#[test]
fn what_leaves_no_trace_in_the_tree_is_drawn() {
    check(1, 3);
}

#[test]
fn what_the_browser_tells_page_code_is_drawn() {
    check(2, 3);
}
