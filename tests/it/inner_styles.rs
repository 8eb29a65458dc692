//! What moves in parts that browsers build into elements goes by the frame's time.

use pagereel::job::CaptureMode;

use crate::pages::{Page, pixel};

/// How many rows are blue at `x`, one below the other.
fn blue_rows(frame: &pagereel::Picture, x: u32, from: u32) -> u32 {
    let is_blue = |y: u32| pixel(frame, x, y)[2] > 0x80 && pixel(frame, x, y)[0] == 0;
    (from..180).find(|&y| !is_blue(y)).unwrap_or(180) - from
}

#[test]
fn what_details_and_bars_show_is_in_transition() {
    let page = Page::new(
        2.0,
        "details { interpolate-size: allow-keywords; position: absolute; left: 0; top: 0; width: 100px } \
         summary { height: 20px; overflow: hidden } details::details-content { height: 0; overflow: \
         clip; transition: height 1s linear, content-visibility 1s allow-discrete } \
         details[open]::details-content { height: auto } #i { height: 90px; background: #00c } \
         progress { appearance: none; position: absolute; left: 110px; top: 0; width: 200px; height: \
         20px } progress::-webkit-progress-bar { background: #ddd } progress::-webkit-progress-value \
         { background: #00c; transition: width 1s linear } #h { position: absolute; left: 110px; top: \
         40px; border: 0 } #h::placeholder { color: transparent; background: #000; animation: g 1s linear \
         infinite } @keyframes g { to { background: #f00 } } #r { position: absolute; left: 110px; top: 110px; \
         appearance: none } #r::-webkit-slider-thumb { transition: opacity 1s }",
        "<details id=d><summary>x</summary><div id=i></div></details><progress id=p value=0 max=1>\
         </progress><input id=h placeholder=MMMMMM><input id=r type=range>",
        "setTimeout(() => { d.open = true; p.value = 1 }, 500); setTimeout(() => { d.open = false }, 1600)",
    );
    let frames = page.steady_frames(CaptureMode::Display);
    let drawn = page.frames(CaptureMode::BeginFrame, 1);
    for frames in [&frames, &drawn] {
        let bar =
            |n: usize| (110..310).filter(|&x| pixel(&frames[n], x, 10) == [0, 0, 0xcc]).count();
        let rows = |n: usize| blue_rows(&frames[n], 50, 20);
        assert_eq!((rows(15), bar(15)), (0, 0));
        for (n, height, width) in [(30, 45, 100), (36, 63, 140), (45, 90, 200)] {
            assert!(rows(n).abs_diff(height) <= 1, "frame {n}: {} rows", rows(n));
            assert!(bar(n).abs_diff(width) <= 1, "frame {n}: {} columns", bar(n));
        }
        // It closes from 1.6 s on.
        assert!(rows(54).abs_diff(72) <= 1, "{} rows", rows(54));
        let red = |n: usize| pixel(&frames[n], 118, 50)[0];
        for (n, value) in [(0, 0), (15, 128), (45, 128), (54, 204)] {
            assert!(red(n).abs_diff(value) <= 2, "frame {n}: {}", red(n));
        }
    }
    let (report, _) = page.render(CaptureMode::BeginFrame, 1);
    let jumps = report.warnings.iter().filter(|warning| warning.code == "part_jumps");
    assert!(
        jumps
            .map(|warning| &warning.message)
            .eq(["#r::-webkit-slider-thumb: what is in transition there jumps to its end"])
    );
}
