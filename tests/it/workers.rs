//! Workers go by the frame's time, and frames have what they draw.

use std::fs;
use std::time::Duration;

use pagereel::job::CaptureMode;
use pagereel::sink::ChecksumSink;
use pagereel::{Engine, Picture};

use crate::pages::{Page, pixel};

/// What the pages share: `bar(row, width)` shows a number, `frame(call)` calls in every frame,
/// `worker(text)` makes a worker, and `hand(canvas, worker)` gives it a canvas as `e.data.canvas`.
const PRELUDE: &str = r#"
const stage = document.getElementById("stage");
const bars = {};
function bar(row, width) {
  if (!bars[row]) stage.append((bars[row] = document.createElement("i")));
  bars[row].style.cssText = `position:absolute;left:0;top:${10 * row}px;height:10px;background:#00c;width:${width}px`;
}
const frame = (call) => requestAnimationFrame(function again(t) { call(t); requestAnimationFrame(again) });
const worker = (text, options) => new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })), options);
function hand(canvas, to, more = {}) {
  const offscreen = canvas.transferControlToOffscreen();
  to.postMessage({ canvas: offscreen, ...more }, [offscreen]);
}
function place(row) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [300, 10];
  canvas.style.cssText = `position:absolute;left:0;top:${10 * row}px`;
  stage.append(canvas);
  return canvas;
}
const PAINT = "function paint(g, x) { g.fillStyle = '#fff'; g.fillRect(0, 0, 300, 10); g.fillStyle = '#00c'; g.fillRect(0, 0, x, 10) }";
"#;

pub(crate) fn page(seconds: f64, script: &str) -> Page {
    Page::new(seconds, "", "", &format!("{PRELUDE}{script}"))
}

/// How far the bar of a row reaches; `None` if the row is empty.
pub(crate) fn reach(picture: &Picture, row: u32) -> Option<u32> {
    let is_ink = |&x: &u32| pixel(picture, x, 10 * row + 5)[0] < 128;
    (0..picture.size.width).rev().find(is_ink).map(|x| x + 1)
}

/// Where a row has ink: the first pixel, and the one after the last.
fn span(picture: &Picture, row: u32) -> Option<(u32, u32)> {
    let is_ink = |&x: &u32| pixel(picture, x, 10 * row + 5)[0] < 128;
    Some(((0..picture.size.width).find(is_ink)?, reach(picture, row)?))
}

/// 100 pixels a second at 30 frames a second; nothing at 0.
pub(crate) fn expected(frame: u32) -> Option<u32> {
    // To the nearest pixel.
    (frame > 0).then_some((200 * frame + 30) / 60)
}

#[test]
fn canvases_drawn_elsewhere_show_their_frame() {
    let frames = page(
        1.0,
        r#"
        eval(PAINT);
        const rounded = (t) => Math.round(t / 10);
        // On this thread.
        const own = place(0).transferControlToOffscreen().getContext("2d");
        frame((t) => paint(own, rounded(t)));
        // In a worker, for each message.
        const told = worker(PAINT + ";let g; onmessage = ({ data }) => { if (data.canvas) g = data.canvas.getContext('2d'); else paint(g, data.x) }");
        hand(place(1), told);
        frame((t) => told.postMessage({ x: rounded(t) }));
        // In a worker, by itself.
        const free = worker(PAINT + ";onmessage = ({ data }) => { const g = data.canvas.getContext('2d'), s = performance.now(); requestAnimationFrame(function f() { paint(g, Math.round((performance.now() - s) / 10)); requestAnimationFrame(f) }) }");
        hand(place(2), free);
        // In a worker of a worker, given through a port, its size changed there.
        const inner = PAINT + ";onmessage = ({ data }) => { const c = data.canvas; c.width = 310; const g = c.getContext('2d'); requestAnimationFrame(function f(t) { paint(g, Math.round(t / 10)); requestAnimationFrame(f) }) }";
        const outer = worker(`onmessage = ({ ports }) => { ports[0].onmessage = ({ data }) => new Worker(URL.createObjectURL(new Blob([${JSON.stringify(inner)}]))).postMessage(data, [data.canvas]) }`);
        const { port1, port2 } = new MessageChannel();
        outer.postMessage(0, [port2]);
        hand(place(3), port1);
        // By a renderer of bitmaps, after work that takes its time; the picture comes back, too.
        const slow = worker(PAINT + `;let r; const k = new OffscreenCanvas(300, 10), g = k.getContext('2d'); onmessage = async ({ data }) => {
          if (data.canvas) { r = data.canvas.getContext('bitmaprenderer'); return }
          paint(g, data.x);
          const blob = await k.convertToBlob();
          postMessage(await createImageBitmap(blob));
          r.transferFromImageBitmap(k.transferToImageBitmap());
        }`);
        hand(place(4), slow);
        frame((t) => slow.postMessage({ x: rounded(t) }));
        const back = place(5).getContext("bitmaprenderer");
        slow.onmessage = ({ data }) => back.transferFromImageBitmap(data);
        // By WebGL every third frame, without a clear: what was shown is gone, unless it is to stay.
        const gl = "let g, n = 0; onmessage = ({ data }) => { if (data.canvas) { g = data.canvas.getContext(data.kind, { preserveDrawingBuffer: data.keeps }); return } if (n++ % 3) return; g.enable(g.SCISSOR_TEST); g.scissor(data.x, 0, 10, 10); g.clearColor(0, 0, .8, 1); g.clear(g.COLOR_BUFFER_BIT) }";
        [[6, "webgl", false], [7, "webgl2", true]].forEach(([row, kind, keeps]) => {
          const w = worker(gl);
          hand(place(row), w, { kind, keeps });
          frame((t) => w.postMessage({ x: rounded(t) }));
        });
        "#,
    )
    .same_frames();
    for (n, picture) in (0..).zip(&frames) {
        for row in 0..=5 {
            assert_eq!(reach(picture, row), expected(n), "row {row} of frame {n}");
        }
        let at = expected(n - n % 3).unwrap_or(0);
        assert_eq!(span(picture, 6), Some((at, at + 10)), "frame {n}");
        assert_eq!(span(picture, 7), Some((0, at + 10)), "frame {n}");
    }
}

#[test]
fn workers_have_the_clock_of_the_frames() {
    let page = page(
        1.0,
        r#"
        const ticks = worker("let n = 0; const t = Date.now(); setInterval(() => postMessage([++n, Date.now() - t, performance.now()]), 100)");
        ticks.onmessage = ({ data: [n, date, now] }) => {
          bar(0, 10 * n);
          bar(1, date / 10);
          bar(2, Math.round(now / 10));
          bar(3, Math.round(performance.now() / 10));
        };
        const dice = worker("onmessage = () => postMessage(Math.random())");
        dice.onmessage = ({ data }) => bar(4, 1 + Math.round(200 * data));
        frame(() => dice.postMessage(0));
        const module = new Worker("sub/module.js", { type: "module", name: "given" });
        module.onmessage = ({ data: [row, width] }) => bar(row, width);
        const classic = new Worker("sub/classic.js");
        classic.onmessage = ({ data: [row, width] }) => bar(row, width);
        // Chains of messages by a channel end in the frame that they begin in.
        const there = worker("const c = new BroadcastChannel('c'); c.onmessage = ({ data }) => data.x && c.postMessage({ back: data.x })");
        const channel = new BroadcastChannel("c");
        channel.onmessage = ({ data }) => data.back && bar(11, data.back);
        frame((t) => channel.postMessage({ x: Math.round(t / 10) }));
        // A loop that waits for the clock ends, and takes no time.
        const spinner = worker("onmessage = ({ data }) => { const t = Date.now(), s = performance.now(); while (Date.now() - t < 50); while (performance.now() - s < 20); setTimeout(() => postMessage(Math.round(performance.now() / 10))) }");
        spinner.onmessage = ({ data }) => bar(10, data);
        frame(() => spinner.postMessage(0));
        // What takes real time takes none of the page's.
        const slow = worker("onmessage = async () => { let s = 0; for (let i = 0; i < 2e8; i++) s += i; await fetch('data:,'); postMessage(0) }");
        slow.onmessage = () => bar(12, Math.round(performance.now() / 10));
        setTimeout(() => slow.postMessage(0), 450);
        "#,
    );
    let sub = page.path.with_file_name("sub");
    fs::create_dir(&sub).unwrap();
    fs::write(
        sub.join("module.js"),
        "import { y } from './part.js'; postMessage([5, y]); \
         postMessage([6, self.name === 'given' && import.meta.url.endsWith('/sub/module.js') ? 40 : 0]); \
         await 0; fetch('text.txt').then((r) => r.text()).then((t) => postMessage([7, 10 * t.length]))",
    )
    .unwrap();
    fs::write(sub.join("part.js"), "export const y = 30").unwrap();
    fs::write(sub.join("text.txt"), "12345").unwrap();
    fs::write(
        sub.join("classic.js"),
        "importScripts('name.js'); postMessage([8, NAME === '' && location.pathname.endsWith('/sub/classic.js') ? 60 : 0]); \
         const inner = new Worker('inner.js'); inner.onmessage = ({ data }) => postMessage([9, data])",
    )
    .unwrap();
    fs::write(sub.join("name.js"), "const NAME = self.name").unwrap();
    fs::write(sub.join("inner.js"), "setTimeout(() => postMessage(70), 500)").unwrap();

    let frames = page.same_frames();
    for (n, picture) in (0..).zip(&frames) {
        let ticks = n / 3 * 10;
        for row in 0..4 {
            assert_eq!(reach(picture, row), (ticks > 0).then_some(ticks), "row {row}, frame {n}");
        }
        let fixed = [(5, 30), (6, 40), (7, 50), (8, 60)];
        for (row, width) in fixed {
            assert_eq!(reach(picture, row), Some(width), "row {row} of frame {n}");
        }
        assert_eq!(reach(picture, 9), (n >= 15).then_some(70), "frame {n}");
        assert_eq!(reach(picture, 10), expected(n), "frame {n}");
        assert_eq!(reach(picture, 11), expected(n), "frame {n}");
        assert_eq!(reach(picture, 12), (n >= 14).then_some(45), "frame {n}");
    }
    let throws: Vec<_> = frames.iter().map(|picture| reach(picture, 4).unwrap()).collect();
    assert!(throws.iter().max().unwrap() - throws.iter().min().unwrap() > 100, "{throws:?}");
}

#[test]
fn workers_that_fail_are_waited_for_no_longer() {
    let page = page(
        0.2,
        r#"
        new Worker("none.js").onerror = () => bar(0, 50);
        worker("this is bad").onerror = (e) => { e.preventDefault(); bar(1, 50) };
        const thrown = worker("onmessage = () => postMessage(0); throw new Error('on purpose')");
        thrown.onmessage = () => bar(2, 50);
        thrown.postMessage(0);
        worker("postMessage(0); close()").onmessage = () => bar(3, 50);
        const address = URL.createObjectURL(new Blob(["postMessage(0)"]));
        new Worker(address).onmessage = () => bar(4, 50);
        URL.revokeObjectURL(address);
        const ended = worker("onmessage = () => { for (;;); }");
        ended.postMessage(0);
        ended.terminate();
        const canvas = place(5);
        canvas.transferControlToOffscreen();
        for (const call of [() => canvas.getContext("2d"), () => canvas.transferControlToOffscreen(), () => (canvas.width = 5)]) {
          try { call(); bar(6, 300) } catch (e) { if (e.name !== "InvalidStateError") bar(6, 200) }
        }
        new SharedWorker(URL.createObjectURL(new Blob([""])));
        "#,
    );
    let (report, frames) = page.render(CaptureMode::BeginFrame, 1);
    for row in 0..=4 {
        assert_eq!(reach(&frames[0], row), Some(50), "row {row}");
    }
    assert_eq!(reach(&frames[0], 6), None);
    let failed = report.warnings.iter().filter(|warning| warning.code == "worker_failed");
    let mut failed: Vec<_> = failed.map(|warning| warning.message.as_str()).collect();
    failed.sort_unstable();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed.iter().any(|text| text.ends_with("Error: on purpose")), "{failed:?}");
    assert!(failed.contains(&"worker none.js: its script did not load"), "{failed:?}");
    assert!(report.warnings.iter().any(|warning| warning.code == "shared_worker"));
}

/// The error of a render with short deadlines.
fn error_of(script: &str) -> String {
    let job = page(1.0, script);
    let mut short = job.job(CaptureMode::BeginFrame, 1);
    short.timeouts.ready = Duration::from_secs(2);
    short.timeouts.frame = Duration::from_secs(5);
    let result = Engine::new().request(&short).render_into(Box::new(ChecksumSink::default()));
    result.unwrap_err().to_string()
}

#[test]
fn endless_work_ends_by_the_deadline() {
    let text = error_of(
        "const w = worker('onmessage = () => { for (;;); }', { name: 'cruncher' }); setTimeout(() => w.postMessage(0), 500)",
    );
    assert!(text.contains(r#"worker "cruncher" (blob:"#), "{text}");
    assert!(text.contains("did not finish within 4 s what the frame at 0.5 s asked for"), "{text}");
    let text = error_of("worker('for (;;);', { name: 'cruncher' })");
    assert!(text.contains(r#"still waiting for worker "cruncher" (blob:"#), "{text}");
}
