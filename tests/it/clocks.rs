//! Every clock that page code can read tells the frame's time.

use pagereel::job::CaptureMode;
use pagereel::plan::Backend;

use crate::pages::{Page, pixel, rgb};

/// What holds at 0.5 s.
const RIGHT: [&str; 11] = [
    "short.format().replace(/\\s/g, ' ') === '1/1/00, 12:00:00 AM'",
    "[undefined].map(short.format)[0] === short.format(Date.now())",
    "short.formatToParts().find((p) => p.type === 'second').value === '00'",
    "!T || T.Now.instant().epochMilliseconds === Date.now()",
    "!T || T.Now.plainDateISO('UTC').toString() === '2000-01-01'",
    "!T || T.Now.plainTimeISO('UTC').millisecond === 500",
    "!T || T.Now.zonedDateTimeISO('Asia/Tokyo').hour === 9",
    "performance.toJSON().timeOrigin === performance.timeOrigin",
    "performance.timing.navigationStart + 500 === Date.now()",
    "Math.abs(performance.measure('m').duration - 500) < 0.01",
    "(performance.mark('a'), performance.measure('m', 'a').duration === 0)",
];

#[test]
fn what_formats_and_measures_without_being_given_a_time_takes_the_frames() {
    let page = Page::new(
        1.0,
        "#stage div { float: left; width: 20px; height: 40px; background: #ccc }",
        "",
        &format!(
            "setTimeout(() => {{ const short = new Intl.DateTimeFormat('en', {{ timeZone: 'UTC', \
             dateStyle: 'short', timeStyle: 'medium' }}); const T = globalThis.Temporal; for (const \
             right of [{}]) {{ const o = document.createElement('div'); try {{ o.style.background = \
             right() ? '#080' : '#c00' }} catch (e) {{ console.error(e) }} stage.append(o) }} }}, 500)",
            RIGHT.map(|right| format!("() => {right}")).join(",")
        ),
    );
    let frames = page.frames(CaptureMode::BeginFrame, 1);
    for (n, right) in (0..).zip(RIGHT) {
        assert_eq!(pixel(&frames[20], 20 * n + 10, 10), [0, 0x88, 0], "{right}");
    }
}

#[test]
fn idle_callbacks_that_ask_for_another_come_between_frames() {
    let page = Page::new(
        2.0,
        "#o { position: absolute; left: 0; width: 40px; height: 40px; background: #00c }",
        "<div id=o></div>",
        "let n = 0; (function f() { o.style.left = n++ + 'px'; requestIdleCallback(f) })()",
    );
    let frames = page.same_frames();
    // Every 16 ms, so 62 in the second between these.
    let left = |n: usize| {
        (0..320)
            .find(|&x| pixel(&frames[n], x, 10)[2] > 0x80 && pixel(&frames[n], x, 10)[0] == 0)
            .unwrap()
    };
    assert!((61..=63).contains(&(left(45) - left(15))), "{} and {}", left(15), left(45));
}

#[test]
fn frames_that_nobody_moves_are_told_of() {
    let frame = "<iframe sandbox=allow-scripts srcdoc='<p>x</p>'></iframe>";
    let page = Page::new(0.2, "", frame, "");
    let told = |page: &Page| {
        let (report, _) = page.render(CaptureMode::BeginFrame, 1);
        report.warnings.iter().any(|warning| warning.code == "frame_undriven")
    };
    assert!(told(&page));
    assert!(!told(&Page::new(0.2, "", "<iframe srcdoc='<p>x</p>'></iframe>", "")));
}

#[test]
fn monospace_is_the_same_font_in_every_way_of_capture() {
    let page = Page::new(0.1, "p { margin: 0; font-family: monospace }", "<p>0Wil@</p>", "");
    let [one, other] =
        [CaptureMode::BeginFrame, CaptureMode::Display].map(|mode| rgb(&page.frames(mode, 1)[0]));
    assert!(one == other);
}

#[test]
fn pages_with_view_transitions_are_drawn_on_command() {
    let transition = "setTimeout(() => document.startViewTransition(() => {}), 50)";
    let of = |script, mode| {
        let (report, _) = Page::new(15.0, "", "", script).render(mode, 1);
        let codes = report.warnings.iter().map(|warning| warning.code.clone());
        (report.plan.capture.backend, codes.collect::<Vec<_>>())
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(of("", CaptureMode::Auto), (Backend::Display, none.clone()));
    assert_eq!(of(transition, CaptureMode::Auto), (Backend::BeginFrame, none));
    let (way, codes) = of(transition, CaptureMode::Display);
    assert_eq!((way, codes), (Backend::Display, vec!["view_transition_display".to_owned()]));
}
