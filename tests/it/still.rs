//! Frames that look like the one before.

use pagereel::Job;

use crate::support::{digests, fixture, page, render};

#[test]
fn a_still_second_is_captured_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = Job::from_file(fixture("stills").join("job.json")).unwrap();
    job.output = Some(directory.path().join("stills.mp4"));
    job.capture.workers = Some(1);
    let report = render(&job).unwrap();
    assert!(report.sessions[0].reused >= 80, "{:?}", report.sessions);
}

/// Everything that changes the picture must be noticed, with as many sessions as you like.
#[test]
fn no_change_is_missed() {
    let change = |script: &str| {
        format!(
            "<body style='margin:0'><div id=a data-duration=1 data-width=64 data-height=64 \
             style='width:64px;height:64px;background:#08f'></div><canvas id=c width=64 height=64 \
             style='position:absolute;left:0;top:0'></canvas><script>{script}</script>"
        )
    };
    let scripts = [
        // A timer, a promise after a timer, a frame callback, a canvas, a style sheet rule.
        "setTimeout(() => a.style.background = '#f00', 500)",
        "(async () => { for (;;) { await new Promise(r => setTimeout(r, 100)); a.style.width = \
         parseInt(a.style.width) - 2 + 'px' } })()",
        "requestAnimationFrame(function f(t) { a.style.opacity = 1 - t / 1000; \
         requestAnimationFrame(f) })",
        "const x = c.getContext('2d'); requestAnimationFrame(function f(t) { x.fillRect(0, 0, t / \
         16, 9); requestAnimationFrame(f) })",
        "setInterval(() => document.styleSheets[0]?.insertRule('x{}') ?? \
         document.head.appendChild(document.createElement('style')).sheet.insertRule('#a { \
         background: red !important }'), 300)",
        "a.animate([{ transform: 'none' }, { transform: 'translateX(40px)' }], { duration: 900, \
         delay: 50 })",
        "window.__hf = { duration: 1, seek(t) { a.style.marginLeft = t * 30 + 'px' } }",
        "addEventListener('hf-seek', e => { a.style.marginLeft = e.detail.time * 30 + 'px' })",
        "a.attachShadow({ mode: 'open' }).innerHTML = '<p>x</p>'; setTimeout(() => \
         a.shadowRoot.innerHTML = '<h1>y</h1>', 400)",
    ];
    for script in scripts {
        let (_directory, html) = page(&change(script));
        let job = Job::without_output(html);
        let one = digests(&job, 1);
        assert_eq!(one.len(), 30, "{script}");
        assert!(one.iter().any(|frame| *frame != one[0]), "{script}: nothing moves");
        assert_eq!(one, digests(&job, 2), "{script}");
    }
}

/// A page that becomes empty again must not keep its last picture.
#[test]
fn an_empty_page_is_empty() {
    let html = "<!doctype html><div data-composition-id=r data-width=64 data-height=64 \
                data-duration=1><p data-start=0.5 data-duration=0.3 \
                style='margin:0;width:64px;height:64px;background:#f00'></p></div>";
    let (_directory, html) = page(html);
    for workers in [1, 2] {
        let frames = digests(&Job::without_output(&*html), workers);
        let empty: Vec<_> = (0..30).filter(|&i| frames[i] == frames[0]).collect();
        assert_eq!(empty, (0..15).chain(24..30).collect::<Vec<_>>(), "{workers} sessions");
    }
}
