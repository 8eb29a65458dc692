//! `data-vfx-chain`: effects by their formulas, the same in any session and by any way of capture.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use pagereel::job::CaptureMode;
use pagereel::time::FrameIndex;
use pagereel::{Engine, Error, Job, Moment, Picture};
use tempfile::TempDir;

use crate::support::{digests, page, pictures};

const WIDTH: usize = 64;
const HEIGHT: usize = 36;
const FPS: f64 = 10.0;

type Rgba = [f64; 4];

/// Elements one above the other, each with a chain of `(nodes, what is in it besides, its frame)`.
fn job(style: &str, tiles: &[String], frames: u32) -> (TempDir, Job) {
    let mut body = String::new();
    for (i, tile) in tiles.iter().enumerate() {
        let top = i * HEIGHT;
        write!(body, "<div class=tile style='top:{top}px'>{tile}</div>").unwrap();
    }
    let html = format!(
        "<!doctype html><meta charset=utf-8><style>body {{ margin: 0; background: #000 }}
         .tile, .fx {{ position: absolute; left: 0; width: 64px; height: 36px }}
         .fx {{ top: 0 }} .hf-vfx-in {{ width: 64px; height: 36px }} .hf-vfx-in canvas {{ display: block }}
         {style}</style>
         <div id=root data-composition-id=root data-no-timeline data-width=64 data-height={} data-fps=10
         data-duration={} style='position:relative'>{body}</div>
         <script>for (const canvas of document.querySelectorAll('.ramp')) {{
           const context = canvas.getContext('2d'), image = context.createImageData(64, 36);
           for (let y = 0; y < 36; y++) for (let x = 0; x < 64; x++)
             image.data.set([3 * x + 20, 6 * y + 10, 128, 255], 4 * (64 * y + x));
           context.putImageData(image, 0, 0);
         }}</script>",
        HEIGHT * tiles.len(),
        f64::from(frames) / FPS,
    );
    let (directory, path) = page(&html);
    let mut job = Job::without_output(path);
    job.capture.mode = CaptureMode::BeginFrame;
    job.capture.workers = Some(1);
    (directory, job)
}

fn drawn(content: &str) -> String {
    format!("<canvas layoutsubtree class=hf-vfx-src><div class=hf-vfx-in>{content}</div></canvas>")
}

fn ramp() -> String {
    drawn("<canvas class=ramp width=64 height=36></canvas>")
}

fn chained(nodes: &str, content: &str) -> String {
    format!("<div class=fx data-vfx-chain='{{\"version\":1,\"nodes\":[{nodes}]}}'>{content}</div>")
}

fn node(kind: &str, params: &str) -> String {
    format!(r#"{{"id":"n","type":"{kind}","params":{{{params}}}}}"#)
}

/// A chain of one effect over the ramp.
fn tile(kind: &str, params: &str) -> String {
    chained(&node(kind, params), &ramp())
}

fn flat(id: &str, color: &str) -> String {
    let plate = drawn(&format!("<div style='height:36px;background:{color}'></div>"));
    format!("<div id={id} class=fx>{plate}</div>")
}

fn pixel(picture: &Picture, tile: usize, x: usize, y: usize) -> [u8; 3] {
    let bytes = picture.format.bytes_per_pixel();
    let at = ((tile * HEIGHT + y) * picture.size.width as usize + x) * bytes;
    picture.format.rgb(&picture.data[at..at + bytes])
}

/// The ramp at a place, and whether that is clear of its edges, where it is mixed with what is outside.
fn ramp_at(x: f64, y: f64) -> ([f64; 3], bool) {
    let (width, height) = (WIDTH as f64, HEIGHT as f64);
    let clear = |at: f64, most: f64| at.abs() > 0.02 && (at - most).abs() > 0.02;
    if !(0.0..=width).contains(&x) || !(0.0..=height).contains(&y) {
        return ([0.0; 3], clear(x, width) && clear(y, height));
    }
    let [x_in, y_in] = [(x - 0.5).clamp(0.0, width - 1.0), (y - 0.5).clamp(0.0, height - 1.0)];
    ([3.0 * x_in + 20.0, 6.0 * y_in + 10.0, 128.0], clear(x, width) && clear(y, height))
}

/// Compares a tile with a formula of the middles of its pixels; it says where it cannot be sure.
fn compare(
    name: &str,
    picture: &Picture,
    tile: usize,
    formula: impl Fn(f64, f64) -> ([f64; 3], bool),
) {
    let mut compared = 0;
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (expected, is_sure) = formula(x as f64 + 0.5, y as f64 + 0.5);
            if !is_sure {
                continue;
            }
            compared += 1;
            let found = pixel(picture, tile, x, y);
            let near = (0..3).all(|i| (f64::from(found[i]) - expected[i]).abs() <= 2.0);
            assert!(near, "{name} at {x}, {y}: {found:?}, expected {expected:?}");
        }
    }
    assert!(compared > WIDTH * HEIGHT / 2, "{name}: {compared} pixels");
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a place in a picture or in a pattern"
)]
const fn whole(place: f64) -> u32 {
    place as u32
}

const fn lowbias(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

fn cell(x: f64, y: f64, seed: u32) -> f64 {
    let [x, y] = [x, y].map(|at| whole(at.rem_euclid(1_048_576.0)));
    f64::from(lowbias(x ^ lowbias(y ^ lowbias(seed))) >> 8) / 16_777_215.0
}

fn value_noise(kind: u32, x: f64, y: f64, seed: u32) -> f64 {
    let (left, top) = (x.floor(), y.floor());
    let soft = |t: f64| match kind {
        3 => t * t * (3.0 - 2.0 * t),
        4 => t.powi(3) * (t * (6.0 * t - 15.0) + 10.0),
        _ => t,
    };
    let [a, b] = if kind == 1 { [0.0; 2] } else { [soft(x - left), soft(y - top)] };
    let row = |down: f64| {
        let [near, far] = [0.0, 1.0].map(|right| cell(left + right, top + down, seed));
        near + (far - near) * a
    };
    row(0.0) + (row(1.0) - row(0.0)) * b
}

struct Fractal {
    kind: u32,
    scale: f64,
    octaves: u32,
    evolution: f64,
    seed: u32,
    contrast: f64,
    brightness: f64,
}

impl Fractal {
    fn params(&self) -> String {
        let Self { kind, scale, octaves, evolution, seed, contrast, brightness } = self;
        format!(
            r#""noiseType":{kind},"scale":{scale},"complexity":{octaves},"evolution":{evolution},"randomSeed":{seed},"subScaling":50,"contrast":{contrast},"brightness":{brightness}"#
        )
    }

    /// By the formula, from 0 to 255.
    fn at(&self, x: f64, y: f64) -> f64 {
        let [mut x, mut y] =
            [x / self.scale + self.evolution, y / self.scale + 0.5 * self.evolution];
        let (mut sum, mut all, mut weight) = (0.0, 0.0, 1.0);
        for octave in 0..self.octaves {
            sum += weight * value_noise(self.kind, x, y, self.seed * 32 + octave);
            all += weight;
            weight *= 0.7;
            (x, y) = (2.0 * x, 2.0 * y);
        }
        let v = (sum / all - 0.5) * self.contrast / 100.0 + 0.5 + self.brightness / 100.0;
        255.0 * v.clamp(0.0, 1.0)
    }
}

#[test]
fn fractal_noise_follows_its_formula() {
    let plain = |kind| Fractal {
        kind,
        scale: 8.0,
        octaves: 3,
        evolution: 0.25,
        seed: 7,
        contrast: 100.0,
        brightness: 0.0,
    };
    let others = [
        Fractal { scale: 16.0, octaves: 1, evolution: 0.0, ..plain(1) },
        Fractal { scale: 8.0, octaves: 1, evolution: 0.0, ..plain(1) },
        Fractal { octaves: 1, evolution: 2.0, ..plain(1) },
        Fractal { contrast: 250.0, brightness: -20.0, ..plain(3) },
        Fractal { seed: 8, ..plain(3) },
    ];
    let all: Vec<_> = (1..=4).map(plain).chain(others).collect();
    let mut tiles: Vec<_> =
        all.iter().map(|each| chained(&node("fractal-noise", &each.params()), "")).collect();
    tiles.push(chained(&node("fractal-noise", r#""invert":true,"opacity":50"#), ""));
    tiles.push(chained(&node("fractal-noise", ""), ""));
    let (_directory, job) = job("", &tiles, 1);
    let (report, frames) = pictures(&job);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    for (i, each) in all.iter().enumerate() {
        compare(&format!("{i}"), &frames[0], i, |x, y| ([each.at(x, y); 3], true));
    }
    let levels = |tile: usize| {
        (0..WIDTH * HEIGHT).map(move |at| (at % WIDTH, at / WIDTH, tile)).collect::<Vec<_>>()
    };
    let at = |(x, y, tile): (usize, usize, usize)| pixel(&frames[0], tile, x, y)[0];
    // Everything twice as large.
    assert!((0..32).all(|x| (0..18).all(|y| at((2 * x, 2 * y, 4)) == at((x, y, 5)))));
    // An evolution of 2 is two cells to the left and one upwards.
    assert!((0..48).all(|x| (0..28).all(|y| at((x, y, 6)) == at((x + 16, y + 8, 5)))));
    for (inverted, plain) in levels(9).into_iter().zip(levels(10)) {
        let expected = (255.0 - f64::from(at(plain))) / 2.0;
        assert!((f64::from(at(inverted)) - expected).abs() <= 2.0, "{plain:?}");
    }
}

#[test]
fn warps_and_displacements_follow_their_formulas() {
    let displaced = |params: &str| {
        chained(&node("displacement-map", params), &ramp()) + &flat("map", "rgb(204, 51, 255)")
    };
    let tiles = [
        tile("wave-warp", ""),
        tile("wave-warp", r#""height":6,"width":25,"direction":30,"speed":0.7,"phase":90"#),
        displaced(r#""map":"map","maxH":10,"maxV":20"#),
        // Half a level is no shift, and off is none.
        displaced(r#""map":"map","useH":3,"maxH":-8,"useV":10,"maxV":20"#),
        displaced(r#""map":"map","useH":11,"maxH":8,"useV":5,"maxV":9"#),
        // By itself.
        tile("displacement-map", r#""useH":9,"maxH":4,"useV":3,"maxV":400"#),
    ];
    // All maps have the same id and the same color.
    let (_directory, job) = job("", &tiles, 4);
    let (report, frames) = pictures(&job);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    for (n, frame) in frames.iter().enumerate() {
        let seconds = n as f64 / FPS;
        let wave = |x: f64, y: f64, [height, width, direction, speed, phase]: [f64; 5]| {
            let (sin, cos) = f64::to_radians(direction).sin_cos();
            let turns = (x * sin - y * cos) / width + phase / 360.0 + speed * seconds;
            let by = height * (turns * std::f64::consts::TAU).sin();
            ramp_at(x + cos * by, y + sin * by)
        };
        compare("wave", frame, 0, |x, y| wave(x, y, [10.0, 40.0, 90.0, 1.0, 0.0]));
        compare("slanting wave", frame, 1, |x, y| wave(x, y, [6.0, 25.0, 30.0, 0.7, 90.0]));
        let luma = 0.299 * 0.8 + 0.587 * 0.2 + 0.114;
        let shifts = [(6.0, -12.0), (-8.0, 0.0), (0.0, 9.0 * (2.0 * luma - 1.0))];
        for (i, (right, down)) in shifts.into_iter().enumerate() {
            compare("displacement", frame, 2 + i, |x, y| ramp_at(x + right, y + down));
        }
        let own = 400.0 * (2.0 * 128.0 / 255.0 - 1.0);
        compare("by itself", frame, 5, |x, y| ramp_at(x + 4.0, y + own));
    }
}

#[test]
fn mattes_follow_their_formulas() {
    let color: Rgba = [204.0, 102.0, 51.0, 0.6];
    let matte =
        |params: &str| tile("luma-matte", params) + &flat("matte", "rgba(204, 102, 51, 0.6)");
    let tiles = [
        matte(r##""matte":"#matte","mode":1"##),
        matte(r#""matte":"matte","mode":2"#),
        matte(r#""matte":"matte""#),
        matte(r#""matte":"matte","mode":4"#),
    ];
    let (_directory, job) = job("", &tiles, 1);
    let (report, frames) = pictures(&job);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let light = color[3] * (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255.0;
    for (i, part) in [color[3], 1.0 - color[3], light, 1.0 - light].into_iter().enumerate() {
        compare("matte", &frames[0], i, |x, y| (ramp_at(x, y).0.map(|c| c * part), true));
    }
}

const fn jenkins(mut x: u32) -> u32 {
    x = x.wrapping_add(x << 10);
    x ^= x >> 6;
    x = x.wrapping_add(x << 3);
    x ^= x >> 11;
    x.wrapping_add(x << 15)
}

#[test]
fn noise_follows_its_formula() {
    let half = |params: &str| {
        let plate = drawn("<div style='height:36px;background:rgba(100, 200, 50, 0.5)'></div>");
        chained(&node("noise", params), &plate)
    };
    let tiles = [
        tile("noise", r#""amount":40"#),
        tile("noise", r#""amount":100,"useColorNoise":false"#),
        half(r#""amount":100"#),
        half(r#""amount":100,"clipping":false"#),
        tile("noise", ""),
    ];
    let (_directory, job) = job("", &tiles, 4);
    let (report, frames) = pictures(&job);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    for (n, frame) in frames.iter().enumerate() {
        let random = |x: f64, y: f64| {
            let r = jenkins(whole(x) ^ jenkins(whole(y) ^ jenkins(u32::try_from(n).unwrap())));
            let g = jenkins(r);
            [r, g, jenkins(g)].map(|x| f64::from(x >> 8) / 16_777_215.0 - 0.5)
        };
        let add = |c: [f64; 3], by: [f64; 3]| [0, 1, 2].map(|i| c[i] + 255.0 * by[i]);
        compare("noise", frame, 0, |x, y| {
            let by = random(x, y).map(|by| 0.4 * by);
            (add(ramp_at(x, y).0, by).map(|c| c.clamp(0.0, 255.0)), true)
        });
        compare("grey noise", frame, 1, |x, y| {
            let [by, ..] = random(x, y);
            (add(ramp_at(x, y).0, [by; 3]).map(|c| c.clamp(0.0, 255.0)), true)
        });
        let plate = [50.0, 100.0, 25.0];
        compare("up to alpha", frame, 2, |x, y| {
            (add(plate, random(x, y)).map(|c| c.clamp(0.0, 127.5)), true)
        });
        compare("around", frame, 3, |x, y| {
            let c = add(plate, random(x, y)).map(|c| c.rem_euclid(127.5));
            // Near the ends one level makes it the other.
            (c, c.iter().all(|c| (3.0..124.5).contains(c)))
        });
        compare("none", frame, 4, |x, y| (ramp_at(x, y).0, true));
    }
}

/// The first pixel of a row of a tile that is white, or the width.
fn white(picture: &Picture, tile: usize, y: usize) -> usize {
    (0..WIDTH).find(|&x| pixel(picture, tile, x, y)[1] > 200).unwrap_or(WIDTH)
}

#[test]
fn chains_run_in_order_and_follow_what_moves() {
    let noise = node("fractal-noise", r#""scale":9"#);
    let shift = node("displacement-map", r#""useH":9,"maxH":8,"useV":11"#);
    let off = r#"{"id":"o","type":"wave-warp","enabled":false}"#;
    let bar = |class: &str| {
        drawn(&format!(
            "<div class={class} style='width:4px;height:36px;background:#fff;margin-left:40px'></div>"
        ))
    };
    let animated = chained(&shift.replace("\"n\"", "\"s\""), &bar("still"));
    let beside = "<canvas layoutsubtree class=hf-vfx-src data-vfx-for=layer style='position:absolute;left:0;top:0'>\
                  <div class=hf-vfx-in><div style='width:4px;height:36px;background:#fff;margin-left:40px'></div></div></canvas>";
    let layer = chained(&shift, "").replacen("class=fx", "class=fx id=layer style='left:10px'", 1);
    let clip = format!(
        "<div data-start=0.2 data-duration=1 class=fx>{}</div>",
        tile("noise", r#""amount":50"#)
    );
    let seen =
        flat("seen", "#fff").replacen("layoutsubtree", "layoutsubtree data-vfx-ref-visible", 1);
    let tiles = [
        chained(&noise, ""),
        chained(&format!("{noise},{shift}"), &ramp()),
        chained(&format!("{shift},{noise},{off}"), &ramp()),
        chained(off, &ramp()),
        animated,
        chained(&shift, &bar("moves")),
        format!("{beside}{layer}"),
        clip,
        tile("noise", r#""amount":50"#),
        chained(&node("luma-matte", r#""matte":"seen""#), &bar("still")) + &seen,
        // One in what another shows.
        chained(&shift, &drawn(&chained(&shift, &bar("still")))),
    ];
    let style = "@property --vfx-s-maxH { syntax: '<number>'; inherits: true; initial-value: 0 }
                 @keyframes push { from { --vfx-s-maxH: 0 } to { --vfx-s-maxH: 40 } }
                 @keyframes move { to { translate: 20px 0 } }
                 .tile { animation: push 1s linear } .moves { animation: move 1s linear }";
    let (_directory, job) = job(style, &tiles, 4);
    let (report, frames) = pictures(&job);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    for (n, frame) in frames.iter().enumerate() {
        let all =
            |same: &dyn Fn(usize, usize) -> bool| (0..48).all(|x| (0..36).all(|y| same(x, y)));
        assert!(all(&|x, y| pixel(frame, 1, x, y) == pixel(frame, 0, x + 8, y)), "{n}: shift last");
        assert!(all(&|x, y| pixel(frame, 2, x, y) == pixel(frame, 0, x, y)), "{n}: shift first");
        compare("disabled", frame, 3, |x, y| (ramp_at(x, y).0, true));
        assert_eq!(white(frame, 4, 9), 40 - 4 * n, "animated parameter in frame {n}");
        assert_eq!(white(frame, 5, 9), 40 + 2 * n - 8, "animated source in frame {n}");
        // What is seen through the layer lies where it lies without it, but for the shift.
        assert_eq!(white(frame, 6, 9), 40 - 8, "layers below in frame {n}");
        assert_eq!(white(frame, 10, 9), 40 - 16, "nested in frame {n}");
        assert_eq!(white(frame, 9, 9), 0, "visible reference in frame {n}");
    }
    // The clip's own frames: what the first frame shows elsewhere.
    assert_eq!(pixel(&frames[1], 7, 9, 9), [0, 0, 0]);
    for n in [0, 1] {
        let same = (0..64).all(|x| pixel(&frames[2 + n], 7, x, 5) == pixel(&frames[n], 8, x, 5));
        assert!(same, "frame {n} of the clip");
    }

    let one = digests(&job, 1);
    assert_eq!(digests(&job, 3), one);
    let mut window = job;
    window.capture.mode = CaptureMode::Display;
    assert!(digests(&window, 1) == one, "a window shows something else");
}

#[test]
fn a_chain_that_nothing_changes_is_drawn_once() {
    let tiles = [tile("displacement-map", ""), chained(&node("fractal-noise", ""), "")];
    let (_directory, job) = job("", &tiles, 10);
    let (report, _) = pictures(&job);
    assert!(report.sessions[0].reused >= 8, "{:?}", report.sessions);
}

#[test]
fn finer_pictures_show_the_same() {
    let plate = drawn(
        "<div style='height:36px;background:linear-gradient(60deg, #123 10%, #fa0 70%, #0cf)'></div>",
    );
    let wave = node("wave-warp", r#""speed":0"#);
    let shift = node("displacement-map", r#""useH":9,"maxH":8,"useV":11"#);
    let tiles = [
        chained(&wave, &plate),
        chained(&shift, &plate),
        chained(&shift, &drawn(&chained(&shift, &plate))),
        chained(&node("fractal-noise", r#""scale":20,"complexity":2"#), ""),
    ];
    let count = tiles.len();
    let (_directory, mut job) = job("", &tiles, 1);
    let (_, plain) = pictures(&job);
    job.scale = 2.0;
    let (report, fine) = pictures(&job);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    for tile in 0..count {
        for (x, y) in [(8, 18), (30, 12), (44, 25)] {
            let plain = pixel(&plain[0], tile, x, y);
            let fine = pixel(&fine[0], 2 * tile, 2 * x, 2 * y);
            let near = (0..3).all(|i| plain[i].abs_diff(fine[i]) <= 12);
            assert!(near, "tile {tile} at {x}, {y}: {plain:?}, {fine:?}");
        }
    }
}

#[test]
fn what_has_no_effect_is_named() {
    let named = |id: &str, chain: &str, content: &str| {
        format!("<div id={id} class=fx data-vfx-chain='{chain}'>{content}</div>")
    };
    let nodes = |nodes: &str| format!(r#"{{"version":1,"nodes":[{nodes}]}}"#);
    let content = ramp();
    let tiles = [
        named("text", "{nodes", &content),
        named("unknown", &nodes(r#"{"id":"a","type":"wave-wrap"},{"type":"noise"}"#), &content),
        named(
            "params",
            &nodes(&node("wave-warp", r#""height":"9px","hieght":9,"speed":0"#)),
            &content,
        ),
        named("bare", &nodes(&node("wave-warp", "")), ""),
        named("lost", &nodes(&node("luma-matte", r#""matte":"nowhere""#)), &content),
        named("needs", &nodes(&node("luma-matte", "")), &content),
        named(
            "dense",
            &nodes(&node("noise", "")),
            &content.replace("class=ramp", "id=small class=ramp style='width:32px'"),
        ),
        named(
            "flat",
            &nodes(&node("noise", r#""amount":9"#)),
            &content.replace(" layoutsubtree", ""),
        ),
        named("img", &nodes(&node("noise", "")), "").replace("<div", "<img").replace("</div>", ""),
        named("other", r#"{"version":2,"nodes":[]}"#, &content),
        chained(
            &node("noise", ""),
            &drawn("<img id=foreign src=https://pictures.example/picture.svg width=9 height=9>"),
        ),
    ];
    let (directory, mut job) = job("", &tiles, 2);
    let picture = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>";
    fs::write(directory.path().join("picture.svg"), picture).unwrap();
    job.network.map =
        BTreeMap::from([("https://pictures.example/".into(), directory.path().to_owned())]);
    let (report, frames) = pictures(&job);
    let told: Vec<_> =
        report.warnings.iter().map(|w| format!("{} {}", w.code, w.message)).collect();
    let parts = [
        ["vfx_invalid", "#text", "not understood"],
        [
            "vfx_invalid",
            "#unknown",
            "\"wave-wrap\" of \"a\" is not known; did you mean \"wave-warp\"?; it has no effect",
        ],
        ["vfx_invalid", "#unknown", "a node of type \"noise\" has no id"],
        ["vfx_invalid", "#params", "height of \"n\" is \"9px\", expected a number"],
        [
            "vfx_invalid",
            "#params",
            "hieght of \"n\" is not known for wave-warp; did you mean \"height\"?",
        ],
        ["vfx_invalid", "#bare", "\"wave-warp\" of \"n\" needs pixels"],
        ["vfx_invalid", "#lost", "matte of \"n\" is \"nowhere\": there is no such element"],
        ["vfx_invalid", "#needs", "needs matte"],
        ["vfx_invalid", "#flat", "no attribute layoutsubtree"],
        ["vfx_unsupported", "#small", "64x36 pixels and fills 32x18"],
        ["vfx_unsupported", "#foreign", "picture.svg belongs to another host"],
        ["vfx_unsupported", "#img", "\"noise\" is not drawn: <img> can hold no canvas"],
        ["vfx_invalid", "#other", "its version is 2, expected 1"],
    ];
    for parts in parts {
        assert!(
            told.iter().any(|line| parts.iter().all(|part| line.contains(part))),
            "{parts:?} is not in {told:#?}"
        );
    }
    assert_eq!(told.len(), parts.len(), "{told:#?}");
    // What is left shows what it has.
    for tile in [1, 4, 5] {
        compare("left", &frames[0], tile, |x, y| (ramp_at(x, y).0, true));
    }
}

/// Chrome paints nothing outside of the window: there is nothing to be taken from there.
#[test]
fn a_source_outside_of_the_window_is_told_of() {
    for (left, is_told) in [(0, false), (-100, true)] {
        let html = format!(
            "<!doctype html><body style='margin:0'><div data-composition-id=m data-width=64 \
             data-height=36 data-fps=10 data-duration=.2 style='position:relative'><div id=fx \
             style='position:absolute;left:0;top:0;width:64px;height:36px' data-vfx-chain='{{\"version\
             \":1,\"nodes\":[{{\"id\":\"w\",\"type\":\"wave-warp\",\"params\":{{\"height\":0}}}}]}}'>\
             </div><canvas layoutsubtree class=hf-vfx-src data-vfx-for=fx \
             style='position:absolute;left:{left}px;top:0'><div class=hf-vfx-in \
             style='width:64px;height:36px;background:#0f0'></div></canvas></div>"
        );
        let (_directory, html) = page(&html);
        let mut job = Job::without_output(html);
        job.capture.mode = CaptureMode::BeginFrame;
        job.capture.workers = Some(1);
        let has_code = |code: &str| code == "vfx_unsupported";
        let (report, _) = pictures(&job);
        assert_eq!(report.warnings.iter().any(|w| has_code(&w.code)), is_told, "at {left}");
        // A still says the same, and a strict one fails.
        let still = |job: &Job| {
            let moments = [Moment::Frame(FrameIndex(1))];
            Engine::new().request(job).stills(&moments, &mut |_| Ok(()))
        };
        let warnings = still(&job).unwrap();
        assert_eq!(warnings.iter().any(|w| has_code(&w.code)), is_told, "at {left}");
        job.strict = true;
        assert_eq!(matches!(still(&job), Err(Error::Strict(_))), is_told, "at {left}");
    }
}
