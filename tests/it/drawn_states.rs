//! Styles that follow what the browser finds out while it draws do not depend on which frames it drew.

use pagereel::job::CaptureMode;

use crate::pages::{Page, first_ink, pixel};

#[test]
fn queries_of_what_sticks_are_answered_in_each_frame() {
    let page = Page::new(
        2.0,
        "#s { height: 180px; width: 320px; overflow: auto } #h { position: sticky; top: 0; \
         container-type: scroll-state } #h b { display: block; height: 40px; background: #f00; transition: \
         background-color 1s linear } @container scroll-state(stuck: top) { #h b { background: #00f } }",
        "<div id=s><div style='height: 60px'></div><div id=h><b></b></div><div style='height: \
         900px'></div></div>",
        "setTimeout(() => s.scrollTo(0, 100), 500)",
    );
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let frames = page.steady_frames(mode);
        for (n, blue) in [(15, 0), (30, 128), (40, 213), (50, 255)] {
            let shown = pixel(&frames[n], 10, 10)[2];
            assert!(shown.abs_diff(blue) <= 2, "{mode:?}, frame {n}: {shown}");
        }
    }
}

#[test]
fn elements_have_view_transitions_of_their_own() {
    let page = Page::new(
        2.0,
        "#w { position: relative; height: 100px; contain: layout } #box { position: absolute; left: 20px; \
         top: 20px; width: 40px; height: 40px; background: #00c; view-transition-name: box } .moved #box { \
         left: 220px } ::view-transition-group(*), ::view-transition-old(*), ::view-transition-new(*) { \
         animation-duration: 1s; animation-timing-function: linear }",
        "<div id=w><div id=box></div></div>",
        "setTimeout(() => w.startViewTransition(() => w.classList.add('moved')), 500)",
    );
    let frames = page.steady_frames(CaptureMode::BeginFrame);
    for (n, x) in [(14, 20), (15, 20), (30, 120), (42, 200), (45, 220), (59, 220)] {
        assert_eq!(first_ink(&frames[n], 40), Some(x), "frame {n}");
    }
}
