//! HDR: light that is meant arrives, whatever the page puts over it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use pagereel::frame::PixelFormat;
use pagereel::job::{CaptureMode, ColorMode};
use pagereel::{Artifact, CancelToken, Engine, Event, Frame, FrameSink, Job, Picture, Report};
use tempfile::TempDir;

/// SMPTE ST 2084, written once more: the code of a light in nit.
fn pq(nits: f64) -> f64 {
    let y = (nits / 10_000.0).powf(0.159_301_757_812_5);
    ((0.835_937_5 + 18.851_562_5 * y) / (1.0 + 18.6875 * y)).powf(78.84375)
}

/// The light of a PQ code.
fn nits_of_pq(code: f64) -> f64 {
    let p = code.powf(1.0 / 78.84375);
    let y = (p - 0.835_937_5).max(0.0) / (18.851_562_5 - 18.6875 * p);
    10_000.0 * y.powf(1.0 / 0.159_301_757_812_5)
}

/// ITU-R BT.2100, OETF of HLG.
fn hlg(scene: f64) -> f64 {
    if scene <= 1.0 / 12.0 {
        (3.0 * scene).sqrt()
    } else {
        0.178_832_77 * (12.0 * scene - 0.284_668_92).ln() + 0.559_910_73
    }
}

/// The code of HLG for light on a display of 1000 nit.
fn hlg_of_nits([r, g, b]: [f64; 3]) -> [f64; 3] {
    let luminance = 0.2627 * r + 0.678 * g + 0.0593 * b;
    let scene = (luminance / 1000.0).max(1e-12).powf(1.0 / 1.2);
    let gain = if luminance > 0.0 { scene / luminance } else { 0.0 };
    [r, g, b].map(|nits| hlg(nits * gain))
}

/// The light of a color of the page, in components of BT.2020 (IEC 61966-2-1, ITU-R BT.2087).
fn page_light(rgb: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|code| {
        let code = f64::from(code) / 255.0;
        if code <= 0.04045 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
    });
    [
        203.0 * (0.6274 * r + 0.3293 * g + 0.0433 * b),
        203.0 * (0.0691 * r + 0.9195 * g + 0.0114 * b),
        203.0 * (0.0164 * r + 0.0880 * g + 0.8956 * b),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Curve {
    Pq,
    Hlg,
}

impl Curve {
    fn codes(self, light: [f64; 3]) -> [f64; 3] {
        match self {
            Self::Pq => light.map(pq),
            Self::Hlg => hlg_of_nits(light),
        }
    }

    const fn tag(self) -> &'static str {
        match self {
            Self::Pq => "smpte2084",
            Self::Hlg => "arib-std-b67",
        }
    }
}

/// Makes a video of so many pictures, whose light `light(picture, x, y)` gives, without loss.
fn source(
    path: &Path,
    (width, height, pictures): (usize, usize, usize),
    curve: Curve,
    light: impl Fn(usize, usize, usize) -> [f64; 3],
) {
    let mut raw = Vec::new();
    for n in 0..pictures {
        for y in 0..height {
            for x in 0..width {
                for code in curve.codes(light(n, x, y)) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "16 bits"
                    )]
                    let code = (code.clamp(0.0, 1.0) * 65_535.0).round() as u16;
                    raw.extend(code.to_le_bytes());
                }
            }
        }
    }
    let size = format!("{width}x{height}");
    let mut child = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo"])
        .args(["-pix_fmt", "rgb48le", "-s", &size, "-r", "30", "-i", "-", "-c:v", "ffv1"])
        .args(["-pix_fmt", "gbrp16le", "-color_primaries", "bt2020", "-color_range", "pc"])
        .args(["-color_trc", curve.tag(), "-colorspace", "rgb"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&raw).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A page of 30 frames per second with `body` in it.
fn page((width, height): (usize, usize), frames: usize, body: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let html = format!(
        r#"<!doctype html><body style="margin:0;background:#000"><div data-composition-id="hdr"
        data-width="{width}" data-height="{height}" data-duration="{}" style="background:#000">
        {body}</div></body>"#,
        frames as f64 / 30.0
    );
    fs::write(directory.path().join("index.html"), html).unwrap();
    directory
}

fn job(directory: &TempDir, mode: ColorMode) -> Job {
    let mut job = Job::without_output(directory.path().join("index.html"));
    job.color.mode = mode;
    job.capture.workers = Some(1);
    job.capture.mode = CaptureMode::BeginFrame;
    job.strict = true;
    job
}

#[derive(Clone, Default)]
struct Collect(Arc<Mutex<Vec<Arc<Picture>>>>);

impl FrameSink for Collect {
    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        self.0.lock().unwrap().push(frame.picture);
        Ok(())
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        Ok(Artifact::default())
    }
}

fn rendered(job: &Job) -> pagereel::Result<(Vec<Arc<Picture>>, Report)> {
    let sink = Collect::default();
    let (engine, cancel) = (Engine::new(), CancelToken::new());
    let report = engine.render_into(job, Box::new(sink.clone()), &mut |_: &Event| {}, &cancel)?;
    let pictures = sink.0.lock().unwrap().clone();
    Ok((pictures, report))
}

fn codes_at(picture: &Picture, x: usize, y: usize) -> [u16; 3] {
    assert_eq!(picture.format, PixelFormat::Rgb16);
    let at = y * picture.stride() + x * 6;
    [0, 2, 4].map(|c| u16::from_ne_bytes([picture.data[at + c], picture.data[at + c + 1]]))
}

/// Whether codes are those of a light, within a part of a 10-bit code.
fn near(codes: [u16; 3], light: [f64; 3], curve: Curve, tolerance: f64) -> bool {
    let expected = curve.codes(light).map(|code| code.min(1.0) * 65_535.0);
    codes.iter().zip(expected).all(|(&code, e)| (f64::from(code) - e).abs() <= tolerance * 64.0)
}

const GRAYS: [f64; 8] = [0.0, 0.1, 1.0, 10.0, 100.0, 203.0, 1000.0, 4000.0];
const COLORS: [[f64; 3]; 8] = [
    [203.0, 0.0, 0.0],
    [0.0, 203.0, 0.0],
    [0.0, 0.0, 203.0],
    [1000.0, 0.0, 0.0],
    [0.0, 1000.0, 0.0],
    [0.0, 0.0, 1000.0],
    [50.0, 203.0, 10.0],
    [600.0, 20.0, 400.0],
];

fn patch(_: usize, x: usize, y: usize) -> [f64; 3] {
    if y < 32 { [GRAYS[x / 32]; 3] } else { COLORS[x / 32] }
}

#[test]
fn known_light_arrives_under_the_page_and_beside_it() {
    let body = r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:16px;width:256px;height:64px"></video>
        <div style="position:absolute;left:40px;top:20px;width:10px;height:20px;
            background:rgb(230,60,20)"></div>
        <div style="position:absolute;left:0;top:0;width:256px;height:16px;background:#fff"></div>"#;
    for (curve, mode) in [(Curve::Pq, ColorMode::Hdr10), (Curve::Hlg, ColorMode::Hlg)] {
        let directory = page((256, 96), 2, body);
        source(&directory.path().join("hdr.mkv"), (256, 64, 2), curve, patch);
        let (pictures, report) = rendered(&job(&directory, mode)).unwrap();
        assert_eq!(pictures.len(), 2);
        for picture in pictures {
            for x in 0..8 {
                let gray = [GRAYS[x].min(if curve == Curve::Hlg { 1000.0 } else { 4000.0 }); 3];
                for (y, light) in [(40, gray), (64, COLORS[x])] {
                    let codes = codes_at(&picture, x * 32 + 24, y);
                    assert!(
                        near(codes, light, curve, 0.05),
                        "{curve:?} {x} {y}: {codes:?} {light:?}"
                    );
                }
            }
            for (at, rgb) in [((45, 30), [230, 60, 20]), ((9, 9), [255; 3]), ((9, 90), [0; 3])] {
                let codes = codes_at(&picture, at.0, at.1);
                assert!(near(codes, page_light(rgb), curve, 0.5), "{curve:?} {at:?}: {codes:?}");
            }
        }
        if curve == Curve::Pq {
            let light = report.content_light.unwrap();
            // 3 of 4 grays and colors are 32 columns by 32 rows, less what lies over them.
            assert_eq!(light.max_content, 4000);
            let rows = GRAYS.iter().map(|nits| nits * 1024.0).sum::<f64>()
                + COLORS
                    .iter()
                    .map(|c| c.iter().copied().fold(0.0, f64::max) * 1024.0)
                    .sum::<f64>();
            let over = 200.0 * (page_light([230, 60, 20])[0] - 0.1);
            let mean = (rows + 203.0 * 256.0 * 16.0 + over) / (256.0 * 96.0);
            assert!((f64::from(light.max_frame_average) - mean).abs() < 1.0, "{light:?} {mean}");
        } else {
            assert_eq!(report.content_light, None);
        }
    }
}

#[test]
fn what_shines_through_is_mixed_in_light() {
    let mut body = r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:0;width:256px;height:32px"></video>"#
        .to_owned();
    let opacity = |n: usize| n as f64 / 7.0;
    for n in 0..8 {
        write!(
            body,
            r#"<div style="position:absolute;left:{}px;top:0;width:32px;height:32px;background:#fff;
            opacity:{}"></div>"#,
            n * 32,
            opacity(n)
        )
        .unwrap();
    }
    let directory = page((256, 32), 1, &body);
    source(&directory.path().join("hdr.mkv"), (256, 32, 1), Curve::Pq, |_, _, _| [1000.0; 3]);
    let (pictures, _) = rendered(&job(&directory, ColorMode::Hdr10)).unwrap();
    for n in 0..8 {
        let [code, g, b] = codes_at(&pictures[0], n * 32 + 16, 16);
        assert!(code.abs_diff(g) < 24 && code.abs_diff(b) < 24, "{code} {g} {b}");
        let nits = nits_of_pq(f64::from(code) / 65_535.0);
        // Chrome knows an opacity to a 255th.
        let expected = opacity(n) * 203.0 + (1.0 - opacity(n)) * 1000.0;
        assert!((nits - expected).abs() < 797.0 / 255.0 + 1.0, "{n}: {nits} {expected}");
    }
}
