//! Pages of the kinds that people report about: what the browser does by itself while it draws, what
//! waits for a person, and what libraries expect of time.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pagereel::job::CaptureMode;
use pagereel::time::FrameIndex;
use pagereel::{Engine, Frame, Job, Moment, Picture, Report};
use tempfile::TempDir;

use crate::support::{Pictures, fixture};

/// A page of 320x180 at 30 fps, with GSAP beside it.
pub(crate) struct Page {
    engine: Engine,
    _directory: TempDir,
    pub(crate) path: PathBuf,
}

impl Page {
    pub(crate) fn new(seconds: f64, style: &str, body: &str, script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::copy(fixture("gsap/vendor/gsap.min.js"), directory.path().join("gsap.min.js")).unwrap();
        let path = directory.path().join("index.html");
        let html = format!(
            "<!doctype html><script src=gsap.min.js></script><style>body {{ margin: 0; background: \
             #fff; font: 20px \"DejaVu Sans\" }} {style}</style><body><div id=stage \
             data-composition-id=main data-no-timeline data-width=320 data-height=180 \
             data-duration={seconds} data-fps=30>{body}</div><script>{script}</script>"
        );
        fs::write(&path, html).unwrap();
        Self { engine: Engine::new(), _directory: directory, path }
    }

    /// A page of `fixtures/libraries`.
    fn of_library(name: &str) -> Self {
        let path = fixture("libraries").join(format!("{name}.html"));
        Self { engine: Engine::new(), _directory: tempfile::tempdir().unwrap(), path }
    }

    pub(crate) fn job(&self, mode: CaptureMode, workers: u32) -> Job {
        let mut job = Job::without_output(self.path.clone());
        job.capture.mode = mode;
        job.capture.workers = Some(workers);
        job
    }

    pub(crate) fn render(&self, mode: CaptureMode, workers: u32) -> (Report, Vec<Arc<Picture>>) {
        let (sender, pictures) = std::sync::mpsc::sync_channel(1000);
        let sink = Box::new(Pictures(sender));
        let job = self.job(mode, workers);
        let report = self.engine.request(&job).render_into(sink).unwrap();
        (report, pictures.try_iter().collect())
    }

    pub(crate) fn frames(&self, mode: CaptureMode, workers: u32) -> Vec<Arc<Picture>> {
        self.render(mode, workers).1
    }

    fn still(&self, frame: u64) -> Arc<Picture> {
        let mut taken = None;
        let mut take = |frame: Frame| {
            taken = Some(frame.picture);
            Ok(())
        };
        let moments = [Moment::Frame(FrameIndex(frame))];
        let job = self.job(CaptureMode::BeginFrame, 1);
        self.engine.request(&job).stills(&moments, &mut take).unwrap();
        taken.unwrap()
    }

    /// The frames, after it is sure that they do not depend on sessions or on which are passed.
    pub(crate) fn steady_frames(&self, mode: CaptureMode) -> Vec<Arc<Picture>> {
        let frames = self.frames(mode, 1);
        let others = self.frames(mode, 3);
        let differ: Vec<_> =
            (0..frames.len()).filter(|&n| rgb(&frames[n]) != rgb(&others[n])).collect();
        assert!(differ.is_empty(), "{mode:?}: 3 sessions differ from 1 in {differ:?}");
        frames
    }

    /// The same by a window and on command, which must not differ.
    pub(crate) fn same_frames(&self) -> Vec<Arc<Picture>> {
        let frames = self.steady_frames(CaptureMode::BeginFrame);
        let window = self.steady_frames(CaptureMode::Display);
        let differ: Vec<_> =
            (0..frames.len()).filter(|&n| rgb(&frames[n]) != rgb(&window[n])).collect();
        assert!(differ.is_empty(), "display differs from begin-frame in {differ:?}");
        frames
    }
}

/// Red, green and blue of all pixels.
pub(crate) fn rgb(picture: &Picture) -> Vec<[u8; 3]> {
    let size = picture.size;
    (0..size.height).flat_map(|y| (0..size.width).map(move |x| pixel(picture, x, y))).collect()
}

pub(crate) fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let bytes = picture.format.bytes_per_pixel();
    let at = (y as usize * picture.size.width as usize + x as usize) * bytes;
    let [a, g, b] = [picture.data[at], picture.data[at + 1], picture.data[at + 2]];
    match picture.format {
        pagereel::frame::PixelFormat::Bgrx8 => [b, g, a],
        _ => [a, g, b],
    }
}

/// The first pixel of a row that is darker than white in one of its colors.
pub(crate) fn first_ink(picture: &Picture, y: u32) -> Option<u32> {
    (0..picture.size.width).find(|&x| pixel(picture, x, y).iter().any(|&v| v < 128))
}

#[test]
fn time_stamps_are_never_nothing() {
    let page = Page::new(
        2.0,
        "i { position: absolute; left: 0; width: 20px; height: 20px; background: #00c }",
        "<i id=a style='top: 0'></i><i id=b style='top: 30px'></i><i id=c style='top: 60px'></i><i id=d style='top: 90px'></i>",
        "const put = (e, ms) => { e.style.left = ms / 10 + 'px' };
         let a0; requestAnimationFrame(function f(t) { a0 ??= t; put(a, t - a0); requestAnimationFrame(f) });
         let b0 = null; requestAnimationFrame(function f(t) { if (b0 === null) b0 = t || Date.now(); put(b, t - b0); requestAnimationFrame(f) });
         let c0 = 0; requestAnimationFrame(function f(t) { if (!c0) c0 = t; put(c, t - c0); requestAnimationFrame(f) });
         let d0 = performance.now() || 1e9; requestAnimationFrame(function f(t) { put(d, performance.now() - d0); requestAnimationFrame(f) });",
    );
    let frames = page.same_frames();
    for y in [10, 40, 70, 100] {
        assert_eq!(first_ink(&frames[30], y), Some(100), "row {y}");
    }
}

#[test]
fn chains_of_messages_end_in_the_frame_they_begin_in() {
    let page = Page::new(
        2.0,
        "i { position: absolute; left: 0; width: 20px; height: 20px; background: #00c }",
        "<i id=a style='top: 0'></i><i id=b style='top: 30px'></i><i id=c style='top: 60px'></i>",
        "const put = (e) => { e.style.left = Math.floor(performance.now()) / 10 + 'px' };
         const hops = (n, done) => { const c = new MessageChannel(); let k = 0; c.port1.onmessage = () => ++k < n ? c.port2.postMessage(0) : done(); c.port2.postMessage(0) };
         let begun = false;
         requestAnimationFrame(function f(t) { if (t >= 500 && !begun) { begun = true; hops(20, () => put(a)); scheduler.postTask(() => scheduler.postTask(() => put(b))); let n = 0; addEventListener('message', () => ++n < 5 ? postMessage(0, '*') : put(c)); postMessage(0, '*') } requestAnimationFrame(f) });",
    );
    let frames = page.same_frames();
    for y in [10, 40, 70] {
        assert_eq!(first_ink(&frames[14], y), Some(0), "row {y} before");
        assert_eq!(first_ink(&frames[15], y), Some(50), "row {y}");
    }
    assert_eq!(rgb(&page.still(30)), rgb(&frames[30]));
}

#[test]
fn observers_hear_of_every_frame() {
    let page = Page::new(
        2.0,
        ".card { position: absolute; width: 100px; height: 40px; background: #ccc } .card.in { background: #080 } #r { position: absolute; left: 200px; top: 0 }",
        "<div id=list style='position: absolute; top: 0'></div><div id=r style='width: 10px; height: 20px'></div><b id=n style='position: absolute; left: 200px; top: 60px'></b>",
        "for (let i = 0; i < 12; i++) { const c = document.createElement('div'); c.className = 'card'; c.style.top = i * 60 + 'px'; list.append(c) }
         const io = new IntersectionObserver((es) => es.forEach((e) => e.isIntersecting && e.target.classList.add('in')), { threshold: 0.5 });
         document.querySelectorAll('.card').forEach((c) => io.observe(c));
         new ResizeObserver(([e]) => { n.textContent = Math.round(e.contentRect.width) }).observe(r);
         const tl = gsap.timeline({ paused: true }); window.__timelines = { main: tl };
         tl.to(list, { top: -540, duration: 2, ease: 'none' }, 0).to(r, { width: 100, duration: 2, ease: 'none' }, 0);",
    );
    let frames = page.same_frames();
    // The fourth card comes in at y 180, and half of it is in view when the list is 20 px up.
    assert_eq!(pixel(&frames[0], 50, 130), [0, 0x88, 0], "the third is in view from the beginning");
    assert_eq!(pixel(&frames[2], 50, 170), [0xcc; 3], "18 px up: 18 of 40 px are in view");
    assert_eq!(pixel(&frames[3], 50, 170), [0, 0x88, 0], "27 px up");
    assert_eq!(rgb(&page.still(41)), rgb(&frames[41]));
}

#[test]
fn smooth_scrolls_go_by_the_frames_time() {
    let page = Page::new(
        2.0,
        ".s { position: absolute; top: 0; width: 60px; height: 100px; overflow: auto } .s div { height: 100px } #b { left: 80px; scroll-behavior: smooth } #c { left: 160px; scroll-snap-type: y mandatory } #c div { scroll-snap-align: start }",
        "<div class=s id=a></div><div class=s id=b></div><div class=s id=c></div>",
        "for (const e of document.querySelectorAll('.s')) for (let i = 0; i < 30; i++) { const d = document.createElement('div'); d.style.background = `rgb(${8 * i},0,0)`; e.append(d) }
         setTimeout(() => a.scrollTo({ top: 1000, behavior: 'smooth' }), 500);
         setTimeout(() => { b.scrollTop = 1000 }, 500);
         setTimeout(() => c.children[10].scrollIntoView({ behavior: 'smooth' }), 500);",
    );
    let frames = page.same_frames();
    let shown = |n: usize, x| pixel(&frames[n], x, 0)[0] / 8;
    for x in [10, 90, 170] {
        assert_eq!(shown(14, x), 0);
        // 32 sixtieths of a second, as many as the square root of 1000 rounded; half of the way at half the time.
        assert!((3..=6).contains(&shown(23, x)), "at {x}: {}", shown(23, x));
        let moves: Vec<_> = (15..32).map(|n| shown(n, x)).collect();
        assert!(moves.is_sorted() && moves.windows(2).filter(|w| w[0] != w[1]).count() > 6);
        assert_eq!(shown(40, x), 10, "at {x}");
    }
}

#[test]
fn view_transitions_begin_where_they_are_asked_for() {
    let page = Page::new(
        2.0,
        "#box { position: absolute; left: 20px; top: 20px; width: 40px; height: 40px; background: #00c; view-transition-name: box } .moved #box { left: 220px } ::view-transition-group(*), ::view-transition-old(*), ::view-transition-new(*) { animation-duration: 1s; animation-timing-function: linear }",
        "<div id=box></div>",
        "setTimeout(() => document.startViewTransition(() => document.body.classList.add('moved')), 500);",
    );
    let at = |frames: &[Arc<Picture>], wanted: &[(usize, u32)]| {
        for &(n, x) in wanted {
            assert_eq!(first_ink(&frames[n], 40), Some(x), "frame {n}");
        }
    };
    let wanted = [(14, 20), (33, 140), (42, 200), (45, 220), (59, 220)];
    let frames = page.steady_frames(CaptureMode::BeginFrame);
    at(&frames, &wanted);
    at(&frames, &[(15, 20)]);
    // On a busy machine a browser that draws when it likes loses what was there before, which is
    // told: what fades in is where it should be, for any number of sessions.
    for workers in [1, 3] {
        let (report, frames) = page.render(CaptureMode::Display, workers);
        at(&frames, &wanted);
        assert!(report.warnings.iter().any(|w| w.code == "view_transition_display"));
    }
    assert_eq!(first_ink(&page.still(42), 40), Some(200));
}

#[test]
fn windows_and_dialogs_stop_nobody() {
    let page = Page::new(
        1.0,
        "#o { width: 40px; height: 40px; background: #ccc }",
        "<div id=o></div>",
        "setTimeout(() => { open('about:blank'); print(); for (let i = 0; i < 3000; i++) { alert(i); confirm(i); prompt(i) } if (confirm('go on?')) o.style.background = '#00c' }, 200)",
    );
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let (report, frames) = page.render(mode, 1);
        assert_eq!(pixel(&frames[5], 10, 10), [0xcc; 3]);
        assert_eq!(pixel(&frames[6], 10, 10), [0, 0, 0xcc]);
        let codes: Vec<_> = report.warnings.iter().map(|w| w.code.as_str()).collect();
        assert!(codes.contains(&"window_suppressed") && codes.contains(&"dialog_answered"));
    }
}

#[test]
fn pages_have_the_focus_and_carets_do_not_blink() {
    let page = Page::new(
        1.0,
        "input { position: absolute; left: 10px; top: 10px; font: 28px \"DejaVu Sans Mono\"; caret-color: #e00 } input:focus { outline: 6px solid #00c } #o { position: absolute; left: 10px; top: 100px; width: 30px; height: 30px; background: #ccc }",
        "<input id=i value=abc><div id=o></div>",
        "i.focus(); requestAnimationFrame(function f() { if (document.hasFocus()) o.style.background = '#080'; requestAnimationFrame(f) })",
    );
    let frames = page.same_frames();
    assert_eq!(pixel(&frames[10], 15, 110), [0, 0x88, 0], "hasFocus()");
    assert_eq!(pixel(&frames[10], 100, 7), [0, 0, 0xcc], "the outline");
    assert!(frames.iter().all(|frame| rgb(frame) == rgb(&frames[0])), "the caret stands still");
    let is_caret = |v: [u8; 3]| v[0] > 0xc0 && v[1] < 0x40 && v[2] < 0x40;
    assert!(rgb(&frames[0]).into_iter().any(is_caret), "there is a caret");
}

#[test]
fn marquees_and_bars_go_by_the_frames_time() {
    let page = Page::new(
        2.0,
        "marquee { position: absolute; left: 0; top: 0; width: 320px } progress { position: absolute; left: 10px; top: 60px; width: 300px }",
        "<marquee scrollamount=10><div style='width: 40px; height: 30px; background: #00c'></div></marquee><progress></progress>",
        "",
    );
    let frames = page.same_frames();
    let [early, late] = [6, 30].map(|n| first_ink(&frames[n], 15).unwrap());
    // 0.8 s at 10 px for every 85 ms.
    assert_eq!(early - late, 94);
    let bar = |n: usize| (11..309).find(|&x| pixel(&frames[n], x, 70)[0] < 40);
    assert!(bar(0) < bar(10) && bar(10) < bar(20));
}

#[test]
fn what_comes_into_a_marquee_later_moves_with_it() {
    // The parser stops at a script, and what follows comes after the marquee has been taken over; page
    // code brings the second.
    let page = Page::new(
        2.0,
        "marquee { position: absolute; left: 0; width: 320px } #b { top: 60px } marquee div { width: 40px; height: 30px; background: #00c }",
        "<marquee scrollamount=10><script></script><div></div></marquee><marquee id=b scrollamount=10>old</marquee>",
        "requestAnimationFrame(() => { b.innerHTML = '<div></div>' })",
    );
    let frames = page.same_frames();
    for y in [15, 75] {
        let [early, late] = [6, 30].map(|n| first_ink(&frames[n], y).unwrap());
        assert_eq!(early - late, 94, "row {y}");
    }
}

#[test]
fn canvases_draw_elements_as_they_are_in_the_frame() {
    let page = Page::new(
        2.0,
        "#src { width: 60px; height: 40px; background: #000 }",
        "<canvas id=cap layoutsubtree width=60 height=40><div id=src></div></canvas><canvas id=out width=60 height=40></canvas>",
        "const [g, h] = [cap.getContext('2d'), out.getContext('2d')]; const o = { v: 0 };
         const tl = gsap.timeline({ paused: true, onUpdate() { src.style.background = `rgb(${Math.round(o.v)}, 0, 0)`; try { g.clearRect(0, 0, 60, 40); g.drawElementImage(src, 0, 0, 60, 40); h.clearRect(0, 0, 60, 40); h.drawImage(cap, 0, 0) } catch {} } });
         tl.to(o, { v: 240, duration: 2, ease: 'none' }); window.__timelines = { main: tl };",
    );
    let frames = page.same_frames();
    for n in [1, 15, 30, 59] {
        let expected = u8::try_from(n * 4).unwrap();
        assert_eq!(pixel(&frames[n], 30, 20), [expected, 0, 0], "frame {n}");
        assert_eq!(pixel(&frames[n], 95, 20), [expected, 0, 0], "its copy in frame {n}");
    }
}

#[test]
fn passed_frames_have_deadlines_of_their_own() {
    let page = Page::new(
        4.0,
        "",
        "<canvas id=c width=40 height=40></canvas>",
        "const gl = c.getContext('webgl'); let sum = 0;
         const tl = gsap.timeline({ paused: true, onUpdate() { for (let i = 0; i < 3e7; i++) sum += Math.sqrt(i); gl.clearColor(0, 0, tl.time() / 4, 1); gl.clear(gl.COLOR_BUFFER_BIT) } });
         tl.to({}, { duration: 4 }); window.__timelines = { main: tl };",
    );
    let mut job = page.job(CaptureMode::BeginFrame, 1);
    // Far more than a frame takes, and far less than all of them take.
    job.timeouts.frame = Duration::from_secs(3);
    let mut taken = None;
    let mut take = |frame: Frame| {
        taken = Some(frame.picture);
        Ok(())
    };
    let moments = [Moment::Frame(FrameIndex(119))];
    page.engine.request(&job).stills(&moments, &mut take).unwrap();
    assert_eq!(pixel(&taken.unwrap(), 10, 10), [0, 0, 253]);
}

/// The first red pixel of a row.
fn first_red(picture: &Picture, y: u32) -> Option<u32> {
    (0..picture.size.width).find(|&x| {
        let [r, g, b] = pixel(picture, x, y);
        r > 150 && g < 100 && b < 100
    })
}

/// A frame, a row, and where something red begins in it.
type Place = (usize, u32, u32);

#[test]
fn libraries_move_by_the_frames_time() {
    let expected: [(&str, &[Place]); 3] = [
        ("fabric", &[(0, 95, 20), (45, 95, 220), (59, 95, 220)]),
        ("pixi", &[(10, 60, 42), (30, 60, 122)]),
        ("konva", &[(59, 65, 220)]),
    ];
    for (name, places) in expected {
        let frames = Page::of_library(name).same_frames();
        for &(n, y, x) in places {
            let seen = first_red(&frames[n], y);
            let near = seen.is_some_and(|seen| seen.abs_diff(x) <= 2);
            assert!(near, "{name}, frame {n}, row {y}: {seen:?}, not {x}");
        }
    }
    // p5 counts from its first drawing: what moves in a second is known.
    let frames = Page::of_library("p5").same_frames();
    for (y, moved) in [(50, 90), (110, 100)] {
        let [before, after] = [10, 40].map(|n| first_red(&frames[n], y).unwrap());
        assert!((after - before).abs_diff(moved) <= 1, "p5, row {y}: {}", after - before);
    }
}

#[test]
fn frameworks_move_by_the_frames_time() {
    let frames = Page::of_library("react").same_frames();
    // All four have arrived, each a tenth of a second after the one above.
    assert_eq!(first_red(&frames[50], 15), Some(200));
    assert_eq!(first_red(&frames[50], 135), Some(200));
    let rows = [15, 55, 95, 135].map(|y| first_red(&frames[30], y).unwrap());
    assert!(rows.is_sorted_by(|above, below| above > below), "{rows:?}");

    let frames = Page::of_library("vue").same_frames();
    let items = |n: usize| {
        (0..6)
            .filter(|i| {
                pixel(&frames[n], 4, 12 + 24 * i)[2] > 150
                    && pixel(&frames[n], 4, 12 + 24 * i)[0] < 80
            })
            .count()
    };
    // One in the beginning; the one that comes at 0.25 s begins to move two frames later, for 0.4 s.
    assert_eq!((items(0), items(19), items(23)), (1, 1, 2));
}

#[test]
fn modules_run_in_the_frame_that_imports_them() {
    let page = Page::new(
        1.0,
        "",
        "<canvas id=c width=40 height=40></canvas>",
        "const g = c.getContext('2d'); setTimeout(() => import('./part.js').then(({ color }) => { g.fillStyle = color; g.fillRect(0, 0, 40, 40) }), 500);",
    );
    fs::write(page.path.with_file_name("part.js"), "export const color = '#00c';").unwrap();
    let frames = page.same_frames();
    assert_eq!(pixel(&frames[14], 10, 10), [255; 3]);
    assert_eq!(pixel(&frames[15], 10, 10), [0, 0, 0xcc]);
}
