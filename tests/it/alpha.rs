//! What shows through the page shows through its pictures.

use std::fmt::Write as _;

use pagereel::frame::{Alpha, PixelFormat, Size};
use pagereel::job::CaptureMode;
use pagereel::plan::Backend;
use pagereel::{Job, Picture};

use crate::support::{digests, page, pagereel, pictures};

/// The color of the ramp.
const COLOR: [u8; 3] = [200, 100, 50];

/// Side of the ramp's boxes, and how many stand in a row.
const BOX: u32 = 8;
const ROW: u32 = 32;

/// A page of 256 by 128 pixels: boxes of every alpha, below them soft things that move.
fn scene() -> String {
    let [red, green, blue] = COLOR;
    let mut boxes = String::new();
    for alpha in 0..=255 {
        let (x, y) = (alpha % ROW * BOX, alpha / ROW * BOX);
        write!(
            boxes,
            "<i style='left:{x}px;top:{y}px;background:rgb({red} {green} {blue}/calc({alpha}/255))'></i>"
        )
        .unwrap();
    }
    format!(
        "<!doctype html><meta charset=utf-8><style>
         body {{ margin: 0 }}
         #root {{ position: relative; width: 256px; height: 128px; overflow: hidden }}
         i {{ position: absolute; width: {BOX}px; height: {BOX}px }}
         b {{ position: absolute; left: 8px; top: 72px; font: bold 32px sans-serif; color: #fff;
              animation: move 1s linear }}
         #card {{ position: absolute; left: 120px; top: 80px; width: 90px; height: 24px;
                  background: #06c; border-radius: 8px; box-shadow: 0 4px 12px #000a;
                  animation: fade 1s linear }}
         @keyframes move {{ to {{ translate: 20px 10px }} }}
         @keyframes fade {{ to {{ opacity: .4 }} }}
         </style>
         <div id=root data-composition-id=root data-width=256 data-height=128 data-duration=1
              data-fps=10>{boxes}<b>Soft</b><div id=card></div></div>"
    )
}

fn job(composition: &std::path::Path, mode: CaptureMode) -> Job {
    let mut job = Job::without_output(composition);
    job.alpha = true;
    job.capture.mode = mode;
    job.capture.workers = Some(1);
    job
}

/// Levels of color and alpha, the colors multiplied by alpha.
fn premultiplied(pixel: &[u8]) -> [f64; 4] {
    let alpha = f64::from(pixel[3]);
    let color = |n: usize| f64::from(pixel[n]) * alpha / 255.0;
    [color(0), color(1), color(2), alpha]
}

/// The largest difference of two pixels.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    let pairs = premultiplied(a).into_iter().zip(premultiplied(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn pixel(picture: &Picture, x: u32, y: u32) -> &[u8] {
    let at = (y as usize * picture.size.width as usize + x as usize) * 4;
    &picture.data[at..at + 4]
}

fn check_ramp(picture: &Picture, name: &str) {
    assert_eq!(picture.format, PixelFormat::Rgba8, "{name}");
    assert_eq!(picture.size, Size { width: 256, height: 128 }, "{name}");
    let [red, green, blue] = COLOR;
    for alpha in 0..=255_u8 {
        let (column, row) = (u32::from(alpha) % ROW, u32::from(alpha) / ROW);
        let found = pixel(picture, column * BOX + BOX / 2, row * BOX + BOX / 2);
        let wanted = [red, green, blue, alpha];
        let off = difference(found, &wanted);
        assert!(off <= 1.0, "{name}: {found:?}, wanted {wanted:?}");
        // The browser's own pixels are multiplied by alpha, in bytes: more is not known.
        if alpha >= 128 {
            let off = (0..3).map(|n| found[n].abs_diff(wanted[n])).max().unwrap();
            assert!(off <= 1, "{name}: {found:?}, wanted {wanted:?}");
        }
    }
}

#[test]
fn every_alpha_is_kept_in_every_way_that_can() {
    let (_directory, path) = page(&scene());
    let mut seen = Vec::new();
    for (mode, way) in [
        (CaptureMode::Auto, Backend::Canvas),
        (CaptureMode::Canvas, Backend::Canvas),
        (CaptureMode::Screenshot, Backend::Screenshot),
    ] {
        let (report, pictures) = pictures(&job(&path, mode));
        let capture = &report.plan.capture;
        assert_eq!(capture.backend, way, "{:?}", capture.reasons);
        assert_eq!(report.plan.stream.alpha, Alpha::Straight);
        assert_eq!(pictures.len(), 10);
        for picture in &pictures {
            check_ramp(picture, &way.to_string());
        }
        seen.push(pictures);
    }
    assert!(seen[0] == seen[1]);
    for (frame, (canvas, screenshot)) in seen[1].iter().zip(&seen[2]).enumerate() {
        let pixels = canvas.data.chunks_exact(4).zip(screenshot.data.chunks_exact(4));
        let differences: Vec<_> = pixels.map(|(a, b)| difference(a, b)).collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let most = differences.iter().copied().fold(0.0, f64::max);
        println!("frame {frame}: mean {mean:.3}, most {most:.1}");
        assert!(mean < 0.25, "frame {frame}: {mean} levels");
    }
    // Soft things are soft: a shadow of the card, and edges of letters.
    let soft = seen[1][0].data[256 * 4 * 66..].chunks_exact(4).filter(|p| (1..255).contains(&p[3]));
    assert!(soft.count() > 500);
}

#[test]
fn frames_with_alpha_are_the_same_whatever_the_sessions() {
    let (_directory, path) = page(&scene());
    for mode in [CaptureMode::Canvas, CaptureMode::Screenshot] {
        let job = job(&path, mode);
        let one = digests(&job, 1);
        assert_eq!(one.len(), 10, "{mode:?}");
        assert_eq!(digests(&job, 2), one, "{mode:?}");
    }
}

#[test]
fn a_digest_knows_alpha() {
    let html = "<!doctype html><style>@keyframes fade { to { opacity: 0 } }
                div { width: 64px; height: 64px; background: #000; animation: fade 1s linear }
                </style><div data-composition-id=a data-width=64 data-height=64 data-duration=1
                data-fps=5></div>";
    let (_directory, path) = page(html);
    let seen = digests(&job(&path, CaptureMode::Screenshot), 1);
    assert_eq!(seen.len(), 5);
    assert!((1..5).all(|n| seen[n] != seen[n - 1]), "{seen:?}");
}

#[test]
fn what_a_canvas_cannot_draw_keeps_its_alpha_by_screenshot() {
    let html = "<!doctype html><style>html, body { margin: 0 }
                #root { position: relative; width: 320px; height: 180px; perspective: 400px }
                p { position: absolute; left: 40px; top: 30px; width: 120px; height: 90px;
                    margin: 0; transform-style: preserve-3d; transform: rotateY(0deg) }
                b { position: absolute; inset: 0; backface-visibility: hidden; background: #06c }
                b + b { transform: rotateY(180deg); background: #fa0 }</style>
                <div id=root data-composition-id=a data-width=320 data-height=180 data-duration=.2
                data-fps=10><p><b></b><b></b></p></div>";
    let (_directory, path) = page(html);
    let (report, pictures) = pictures(&job(&path, CaptureMode::Auto));
    let capture = &report.plan.capture;
    assert_eq!(capture.backend, Backend::Screenshot, "{:?}", capture.reasons);
    let told = "not canvas: frame 0 is not what the compositor shows: ";
    assert!(capture.reasons.iter().any(|r| r.starts_with(told)), "{:?}", capture.reasons);
    assert_eq!(pixel(&pictures[0], 0, 0), [0; 4]);
    assert_eq!(pixel(&pictures[0], 100, 75), [0, 102, 204, 255]);
}

/// The page's own backgrounds stay, and an opaque picture has its alpha all the same.
#[test]
fn a_page_with_a_background_is_opaque() {
    for style in ["html { background: #258 }", "body { background: #258 }"] {
        let html = format!(
            "<!doctype html><style>{style}</style><div data-composition-id=a data-width=64
             data-height=64 data-duration=.1 data-fps=10></div>"
        );
        let (_directory, path) = page(&html);
        for mode in [CaptureMode::Canvas, CaptureMode::Screenshot] {
            let (_, pictures) = pictures(&job(&path, mode));
            assert_eq!(pictures[0].format, PixelFormat::Rgba8, "{style}, {mode:?}");
            let color = [0x22, 0x55, 0x88, 255];
            assert!(pictures[0].data.chunks_exact(4).all(|p| p == color), "{style}, {mode:?}");
        }
    }
}

#[test]
fn a_still_has_alpha() {
    let (directory, path) = page(&scene());
    let job = directory.path().join("job.json");
    std::fs::write(&job, r#"{ "composition": "index.html", "alpha": true }"#).unwrap();
    let file = path.with_file_name("still.png");
    let output = pagereel().arg("still").arg(&job).args(["--at", "0", "-o"]).arg(&file).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = image::open(&file).unwrap();
    let image = image.as_rgba8().expect("RGBA");
    let size = Size { width: image.width(), height: image.height() };
    let data = image.as_raw().clone();
    check_ramp(&Picture { size, format: PixelFormat::Rgba8, data }, "still");
}
