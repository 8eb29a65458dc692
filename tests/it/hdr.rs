//! HDR: light that is meant arrives, whatever the page puts over it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use pagereel::color::Transfer;
use pagereel::frame::PixelFormat;
use pagereel::job::{CaptureMode, Codec, ColorMode, FrameRange, Output, Quality, Video};
use pagereel::{Artifact, CancelToken, Engine, Frame, FrameSink, Job, Picture, Report};
use tempfile::TempDir;

use crate::support::{judge, probe};

/// SMPTE ST 2084, written once more: the code of a light in nit.
pub(crate) fn pq(nits: f64) -> f64 {
    let y = (nits / 10_000.0).powf(0.159_301_757_812_5);
    ((0.835_937_5 + 18.851_562_5 * y) / (1.0 + 18.6875 * y)).powf(78.84375)
}

/// The light of a PQ code.
pub(crate) fn nits_of_pq(code: f64) -> f64 {
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
pub(crate) fn page_light(rgb: [u8; 3]) -> [f64; 3] {
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
pub(crate) enum Curve {
    Pq,
    Hlg,
}

impl Curve {
    pub(crate) fn codes(self, light: [f64; 3]) -> [f64; 3] {
        match self {
            Self::Pq => light.map(pq),
            Self::Hlg => hlg_of_nits(light),
        }
    }

    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Pq => "smpte2084",
            Self::Hlg => "arib-std-b67",
        }
    }
}

/// Red, green and blue codes of 16 bits, little-endian, of the light at each pixel.
pub(crate) fn raw_picture(
    (width, height): (usize, usize),
    curve: Curve,
    light: impl Fn(usize, usize) -> [f64; 3],
) -> Vec<u8> {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let codes = pixels.flat_map(|(x, y)| curve.codes(light(x, y)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "16 bits")]
    let codes = codes.map(|code| (code.clamp(0.0, 1.0) * 65_535.0).round() as u16);
    codes.flat_map(u16::to_le_bytes).collect()
}

/// Makes a video of so many pictures, whose light `light(picture, x, y)` gives, without loss.
pub(crate) fn source(
    path: &Path,
    (width, height, pictures): (usize, usize, usize),
    curve: Curve,
    light: impl Fn(usize, usize, usize) -> [f64; 3],
) {
    let picture = |n| raw_picture((width, height), curve, |x, y| light(n, x, y));
    let raw: Vec<u8> = (0..pictures).flat_map(picture).collect();
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

/// A video of one gray, in PQ.
pub(crate) fn bright_source(path: &Path, nits: f64) {
    source(path, (64, 36, 30), Curve::Pq, |_, _, _| [nits; 3]);
}

/// A page of 30 frames per second with `body` in it.
pub(crate) fn page((width, height): (usize, usize), frames: usize, body: &str) -> TempDir {
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

pub(crate) fn job(directory: &TempDir, mode: ColorMode) -> Job {
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

pub(crate) fn rendered(job: &Job) -> pagereel::Result<(Vec<Arc<Picture>>, Report)> {
    let sink = Collect::default();
    let (engine, cancel) = (Engine::new(), CancelToken::new());
    let report = engine.request(job).cancel(&cancel).render_into(Box::new(sink.clone()))?;
    let pictures = sink.0.lock().unwrap().clone();
    Ok((pictures, report))
}

pub(crate) fn codes_at(picture: &Picture, x: usize, y: usize) -> [u16; 3] {
    assert_eq!(picture.format, PixelFormat::Rgb16);
    let at = y * picture.stride() + x * 6;
    [0, 2, 4].map(|c| u16::from_ne_bytes([picture.data[at + c], picture.data[at + c + 1]]))
}

/// Whether codes are those of a light, within a part of a 10-bit code.
pub(crate) fn near(codes: [u16; 3], light: [f64; 3], curve: Curve, tolerance: f64) -> bool {
    let expected = curve.codes(light).map(|code| code.min(1.0) * 65_535.0);
    codes.iter().zip(expected).all(|(&code, e)| (f64::from(code) - e).abs() <= tolerance * 64.0)
}

pub(crate) const GRAYS: [f64; 8] = [0.0, 0.1, 1.0, 10.0, 100.0, 203.0, 1000.0, 4000.0];
pub(crate) const COLORS: [[f64; 3]; 8] = [
    [203.0, 0.0, 0.0],
    [0.0, 203.0, 0.0],
    [0.0, 0.0, 203.0],
    [1000.0, 0.0, 0.0],
    [0.0, 1000.0, 0.0],
    [0.0, 0.0, 1000.0],
    [50.0, 203.0, 10.0],
    [600.0, 20.0, 400.0],
];

pub(crate) fn patch(_: usize, x: usize, y: usize) -> [f64; 3] {
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

#[test]
fn the_page_decides_where_the_job_leaves_it_open() {
    let body = r#"<video id="v" src="hdr.mkv" muted data-start="0.1" data-duration="1"
        style="position:absolute;left:0;top:0;width:64px;height:36px"></video>"#;
    let directory = page((64, 36), 9, body);
    let planned = |curve: Curve, change: &dyn Fn(&mut Job)| {
        let one = |_: usize, _: usize, _: usize| [100.0; 3];
        source(&directory.path().join("hdr.mkv"), (64, 36, 3), curve, one);
        let mut job = job(&directory, ColorMode::Auto);
        job.strict = false;
        job.output = Some(directory.path().join("out.mp4"));
        change(&mut job);
        let (plan, warnings) = Engine::new().plan(&job).unwrap();
        let codes: Vec<_> = warnings.into_iter().map(|warning| warning.code).collect();
        (plan.stream.color.transfer, plan.outputs[0].video.codec, codes)
    };
    let found = planned(Curve::Pq, &|_| {});
    assert_eq!(found, (Transfer::Pq, Codec::Hevc, vec![]));
    assert_eq!(planned(Curve::Hlg, &|_| {}), (Transfer::Hlg, Codec::Hevc, vec![]));
    let sdr = planned(Curve::Pq, &|job| job.color.mode = ColorMode::Sdr);
    assert_eq!(sdr, (Transfer::Srgb, Codec::H264, vec![]));
    let held = planned(Curve::Pq, &|job| job.video.codec = Some(Codec::H264));
    assert_eq!(held, (Transfer::Srgb, Codec::H264, vec!["hdr_as_sdr".to_owned()]));
    // Before the video is on screen.
    let before = planned(Curve::Pq, &|job| job.frames = Some(FrameRange { start: 0, end: 3 }));
    assert_eq!(before, (Transfer::Srgb, Codec::H264, vec![]));
}

/// A picture with soft and hard edges, in codes of sRGB.
fn scene(x: usize, y: usize) -> [u8; 3] {
    let wave = |at: usize, period: f64| {
        let phase = at as f64 / period * std::f64::consts::TAU;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let code = (127.5 + 100.0 * phase.sin()) as u8;
        code
    };
    let is_marked = (20..60).contains(&x) && (10..30).contains(&y);
    if is_marked { [250, 40, 30] } else { [wave(x, 40.0), wave(y, 32.0), wave(x + y, 90.0)] }
}

/// What an HDR frame is in codes of sRGB, as long as it is no brighter.
fn as_srgb(picture: &Picture) -> Vec<[f64; 3]> {
    let pixels = picture.data.chunks_exact(6).map(|pixel| {
        let nits = [0, 2, 4].map(|c| {
            nits_of_pq(f64::from(u16::from_ne_bytes([pixel[c], pixel[c + 1]])) / 65_535.0) / 203.0
        });
        let rows =
            [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];
        rows.map(|row| {
            let linear = (0..3).map(|c| row[c] * nits[c]).sum::<f64>().clamp(0.0, 1.0);
            let curve = 1.055 * linear.powf(1.0 / 2.4) - 0.055;
            255.0 * if linear <= 0.003_130_8 { 12.92 * linear } else { curve }
        })
    });
    pixels.collect()
}

/// Mean structural similarity of two lumas, in blocks of 8 pixels.
fn similarity(a: &[f64], b: &[f64], width: usize) -> f64 {
    let (c1, c2) = (6.5025, 58.5225);
    let (mut sum, mut count) = (0.0, 0.0);
    for top in (0..a.len() / width - 8).step_by(4) {
        for left in (0..width - 8).step_by(4) {
            let block = |from: &[f64]| -> Vec<f64> {
                (0..64).map(|i| from[(top + i / 8) * width + left + i % 8]).collect()
            };
            let (x, y) = (block(a), block(b));
            let mean = |v: &[f64]| v.iter().sum::<f64>() / 64.0;
            let (mx, my) = (mean(&x), mean(&y));
            let spread = |p: &[f64], q: &[f64]| {
                p.iter().zip(q).map(|(p, q)| p * q).sum::<f64>() / 64.0 - mean(p) * mean(q)
            };
            let (vx, vy, vxy) = (spread(&x, &x), spread(&y, &y), spread(&x, &y));
            sum += (2.0 * mx * my + c1) * (2.0 * vxy + c2)
                / ((mx * mx + my * my + c1) * (vx + vy + c2));
            count += 1.0;
        }
    }
    sum / count
}

const BOXES: [(&str, &str); 9] = [
    ("plain", "left:30px;top:20px;width:160px;height:90px"),
    ("shifted", "left:30.4px;top:20.3px;width:160px;height:90px;transform:translate(7.5px,3.25px)"),
    ("turned", "left:60px;top:40px;width:160px;height:90px;transform:rotate(17deg) scale(0.9)"),
    ("enlarged", "left:10px;top:5px;width:300px;height:160px;object-fit:cover;border-radius:50px"),
    ("shrunk", "left:60px;top:40px;width:70px;height:50px;object-fit:contain;background:#345"),
    (
        "placed",
        "left:20px;top:20px;width:240px;height:60px;object-fit:none;object-position:20% calc(100% - 4px)",
    ),
    (
        "tilted",
        "left:60px;top:30px;width:180px;height:110px;transform:perspective(300px) rotateY(40deg)",
    ),
    (
        "clipped",
        "left:40px;top:20px;width:200px;height:120px;clip-path:polygon(50% 0,100% 100%,0 80%);opacity:.8",
    ),
    (
        "framed",
        "left:40px;top:20px;width:200px;height:120px;padding:9px 4px;border:6px solid #08f;box-sizing:border-box",
    ),
];

#[test]
fn an_hdr_video_lies_where_chrome_puts_one_of_sdr() {
    let size = (160, 90, 1);
    let video = |file, style| {
        format!(
            r#"<div style="position:absolute;left:8px;top:8px;width:300px;height:170px;
            overflow:hidden;border-radius:30px;background:linear-gradient(#246,#642)">
            <video id="v" src="{file}" muted data-start="0" data-duration="1"
            style="position:absolute;{style}"></video>
            <div style="position:absolute;left:80px;top:60px;font:bold 30px sans-serif;color:#ffc;
            text-shadow:0 0 6px #000">Title</div></div>"#
        )
    };
    for (name, style) in BOXES {
        let bright = page((320, 192), 1, &video("hdr.mkv", style));
        let path = bright.path().join("hdr.mkv");
        source(&path, size, Curve::Pq, |_, x, y| page_light(scene(x, y)));
        let (frames, _) = rendered(&job(&bright, ColorMode::Hdr10)).unwrap();
        let hdr = as_srgb(&frames[0]);

        let plain = page((320, 192), 1, &video("sdr.mkv", style));
        let raw: Vec<u8> = (0..90).flat_map(|y| (0..160).flat_map(move |x| scene(x, y))).collect();
        let path = plain.path().join("sdr.mkv");
        let mut child = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt"])
            .args(["rgb24", "-s", "160x90", "-r", "30", "-i", "-", "-c:v", "ffv1"])
            .args(["-pix_fmt", "gbrp"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&raw).unwrap();
        assert!(child.wait().unwrap().success());
        let (frames, _) = rendered(&job(&plain, ColorMode::Sdr)).unwrap();
        let format = frames[0].format;
        let sdr = frames[0].data.chunks_exact(format.bytes_per_pixel());
        let sdr: Vec<[f64; 3]> = sdr.map(|pixel| format.rgb(pixel).map(f64::from)).collect();

        let luma = |pixels: &[[f64; 3]]| -> Vec<f64> {
            pixels.iter().map(|[r, g, b]| 0.2126 * r + 0.7152 * g + 0.0722 * b).collect()
        };
        let alike = similarity(&luma(&hdr), &luma(&sdr), 320);
        let error = hdr.iter().flatten().zip(sdr.iter().flatten()).map(|(a, b)| (a - b).abs());
        let error = error.sum::<f64>() / (hdr.len() * 3) as f64;
        if let Some(directory) = std::env::var_os("PAGEREEL_TEST_PICTURES") {
            let pixels = |from: &[[f64; 3]]| -> Vec<u8> {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "codes"
                )]
                from.iter().flatten().map(|c| c.round() as u8).collect()
            };
            for (kind, pixels) in [("hdr", pixels(&hdr)), ("sdr", pixels(&sdr))] {
                let path = Path::new(&directory).join(format!("{name}-{kind}.png"));
                image::save_buffer(path, &pixels, 320, 192, image::ColorType::Rgb8).unwrap();
            }
        }
        println!("{name}: similarity of luma {alike:.4}, codes off by {error:.2} on average");
        assert!(alike >= 0.98, "{name}: {alike}");
        // Chrome and we round fractions of a pixel differently.
        assert!(error < 2.5, "{name}: {error}");
    }
}

/// Light that tells the picture's number, in a picture of one color.
pub(crate) fn step(n: usize) -> f64 {
    20.0 * (n + 1) as f64
}

#[test]
fn sessions_do_not_change_frames() {
    let body = r#"<style>@keyframes fly { to { transform: translateX(120px) rotate(20deg) } }</style>
        <video id="a" src="hdr.mkv" muted data-start="0" data-duration="2"
        style="position:absolute;left:0;top:0;width:160px;height:96px"></video>
        <video id="b" src="hdr.mkv" muted data-start="0.3" data-duration="0.5"
        style="position:absolute;left:90px;top:30px;width:60px;height:50px;border-radius:20px;
        animation:fly 1s linear"></video>
        <div style="position:absolute;left:10px;top:30px;font:bold 30px sans-serif;color:#fff;
        animation:fly 1.2s linear">Hdr</div>"#;
    let directory = page((160, 96), 44, body);
    let picture = |n, x: usize, _| [step(n) + x as f64; 3];
    source(&directory.path().join("hdr.mkv"), (160, 96, 44), Curve::Pq, picture);
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let job = Job { capture: capture(mode), ..job(&directory, ColorMode::Hdr10) };
        let with = |workers| {
            let mut job = job.clone();
            job.capture.workers = Some(workers);
            rendered(&job).unwrap()
        };
        let ((one, first), (three, second)) = (with(1), with(3));
        assert_eq!(first.content_light, second.content_light);
        assert_eq!(one.len(), 44);
        for (at, (a, b)) in one.iter().zip(&three).enumerate() {
            let differing = (0..96).flat_map(|y| (0..160).map(move |x| (x, y)));
            let differing = differing.filter(|&(x, y)| codes_at(a, x, y) != codes_at(b, x, y));
            let seen: Vec<_> = differing.collect();
            assert!(
                seen.is_empty(),
                "{mode:?}: frame {at} differs between one session and three in {} pixels: {:?}",
                seen.len(),
                seen.first().map(|&(x, y)| (x, y, codes_at(a, x, y), codes_at(b, x, y)))
            );
            // Nothing lies over its right lower corner.
            let light = [step(at) + 159.0; 3];
            let codes = codes_at(a, 159, 95);
            assert!(near(codes, light, Curve::Pq, 0.05), "frame {at}: {codes:?}");
        }
    }
}

fn capture(mode: CaptureMode) -> pagereel::job::Capture {
    pagereel::job::Capture { mode, workers: Some(1), ..pagereel::job::Capture::default() }
}

#[test]
fn a_page_that_stands_still_is_taken_once() {
    let body = r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:0;width:64px;height:32px"></video>
        <b style="position:absolute;left:4px;top:4px;color:#fff">still</b>"#;
    let directory = page((64, 32), 12, body);
    source(&directory.path().join("hdr.mkv"), (64, 32, 12), Curve::Pq, |n, _, _| [step(n); 3]);
    let (pictures, report) = rendered(&job(&directory, ColorMode::Hdr10)).unwrap();
    assert_eq!(report.sessions[0].reused, 11);
    for (n, picture) in pictures.iter().enumerate() {
        let codes = codes_at(picture, 60, 28);
        assert!(near(codes, [step(n); 3], Curve::Pq, 0.05), "frame {n}: {codes:?}");
    }
}

#[test]
fn five_videos_among_pages_within_the_page() {
    let video = |n: usize, style: &str| {
        format!(
            r#"<video id="v{n}" src="v{n}.mkv" muted data-start="0" data-duration="1"
            style="position:absolute;{style}"></video>"#
        )
    };
    // Each 32 pixels wide; the fourth lies over the third, and a page between them.
    let mut body = video(0, "left:0;top:0;width:32px;height:32px;z-index:2");
    body += &video(1, "left:32px;top:0;width:32px;height:32px");
    body += &video(2, "left:64px;top:0;width:64px;height:32px");
    body += r#"<div style="position:absolute;left:64px;top:8px;width:64px;height:8px;
        background:#fff"></div>"#;
    body += &video(3, "left:96px;top:0;width:32px;height:32px");
    body += r#"<div style="position:absolute;left:0;top:0;width:32px;height:32px;z-index:1;
        background:#f00"></div>
        <iframe src="inner.html" style="position:absolute;left:128px;top:0;width:32px;height:32px;
        border:0"></iframe>"#;
    let directory = page((160, 32), 1, &body);
    let inner = r#"<!doctype html><body style="margin:0"><video src="v4.mkv" muted
        style="position:absolute;left:0;top:0;width:32px;height:32px"></video>"#;
    fs::write(directory.path().join("inner.html"), inner).unwrap();
    let light = |n: usize| [100.0 * (n + 1) as f64, 50.0, 900.0];
    for n in 0..5 {
        let path = directory.path().join(format!("v{n}.mkv"));
        source(&path, (32, 32, 1), Curve::Pq, |_, _, _| light(n));
    }
    let (pictures, _) = rendered(&job(&directory, ColorMode::Hdr10)).unwrap();
    let white = page_light([255; 3]);
    for (x, y, expected) in [
        (16, 20, light(0)),
        (48, 20, light(1)),
        (80, 20, light(2)),
        (80, 12, white),
        (112, 12, light(3)),
        (112, 20, light(3)),
        (144, 20, light(4)),
    ] {
        let codes = codes_at(&pictures[0], x, y);
        assert!(near(codes, expected, Curve::Pq, 0.3), "({x}, {y}): {codes:?} {expected:?}");
    }
}

#[test]
fn what_changes_colors_shows_a_video_with_sdr_light_and_says_so() {
    for (style, around, reason) in [
        ("filter:saturate(2)", "", "it has filter: saturate(2)"),
        ("mix-blend-mode:screen", "", "it has mix-blend-mode: screen"),
        ("", "filter:hue-rotate(90deg)", "#box around it has filter: hue-rotate(90deg)"),
    ] {
        let body = format!(
            r#"<div id="box" style="{around}"><video id="v" src="hdr.mkv" muted data-start="0"
            data-duration="1" style="position:absolute;left:0;top:0;width:64px;height:32px;{style}">
            </video></div>"#
        );
        let directory = page((64, 32), 3, &body);
        source(&directory.path().join("hdr.mkv"), (64, 32, 3), Curve::Pq, |_, _, _| [1000.0; 3]);
        let mut job = job(&directory, ColorMode::Hdr10);
        job.strict = false;
        let (pictures, report) = rendered(&job).unwrap();
        let told: Vec<_> = report.warnings.iter().map(|w| w.message.clone()).collect();
        assert_eq!(told, [format!("#v is shown with SDR light: {reason}")]);
        assert!(report.warnings[0].code == "hdr_drawn_as_sdr");
        for picture in &pictures {
            // White of the page at most, and not black.
            let [r, g, b] = codes_at(picture, 32, 16).map(|c| nits_of_pq(f64::from(c) / 65_535.0));
            assert!([r, g, b].iter().all(|&nits| nits > 150.0 && nits < 204.0), "{r} {g} {b}");
        }
        job.strict = true;
        assert!(rendered(&job).unwrap_err().to_string().contains("SDR light"));
    }
}

/// The planes of the patches in BT.2020's `Y'CbCr`, limited range (ITU-R BT.2100, table 6).
fn yuv(depth: u32, (shift_x, shift_y): (usize, usize)) -> Vec<u8> {
    let unit = f64::from(1 << (depth - 8));
    let planes = [(0, 0), (shift_x, shift_y), (shift_x, shift_y)].into_iter().enumerate();
    let mut raw = Vec::new();
    for (plane, (x_shift, y_shift)) in planes {
        for y in 0..64 >> y_shift {
            for x in 0..256 >> x_shift {
                let [r, g, b] = Curve::Pq.codes(patch(0, x << x_shift, y << y_shift));
                let luma = 0.2627 * r + 0.678 * g + 0.0593 * b;
                let code = match plane {
                    0 => 16.0 + 219.0 * luma,
                    1 => 128.0 + 224.0 * (b - luma) / 1.8814,
                    _ => 128.0 + 224.0 * (r - luma) / 1.4746,
                };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "codes"
                )]
                let code = (code * unit).round() as u16;
                raw.extend(code.to_le_bytes());
            }
        }
    }
    raw
}

#[test]
fn broadcast_formats_are_read_at_their_depth() {
    const LOSSLESS: &[&str] = &["-c:v", "libx265", "-x265-params", "lossless=1:log-level=error"];
    for (encode, format, depth, shifts, file, tolerance) in [
        (LOSSLESS, "yuv420p10le", 10, (1, 1), "a.mp4", 1.6),
        (LOSSLESS, "yuv422p12le", 12, (1, 0), "b.mkv", 0.5),
        (&["-c:v", "ffv1"], "yuv444p10le", 10, (0, 0), "c.mkv", 1.6),
    ] {
        let body = format!(
            r#"<video id="v" src="{file}" muted data-start="0" data-duration="1"
            style="position:absolute;left:0;top:0;width:256px;height:64px"></video>"#
        );
        let directory = page((256, 64), 1, &body);
        let mut child = Command::new("ffmpeg")
            .args([
                "-hide_banner",
                "-loglevel",
                "error",
                "-y",
                "-f",
                "rawvideo",
                "-pix_fmt",
                format,
            ])
            .args(["-s", "256x64", "-r", "30", "-i", "-"])
            .args(encode)
            .args(["-pix_fmt", format, "-color_primaries", "bt2020", "-color_trc", "smpte2084"])
            .args(["-colorspace", "bt2020nc", "-color_range", "tv"])
            .arg(directory.path().join(file))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&yuv(depth, shifts)).unwrap();
        assert!(child.wait().unwrap().success());
        let (pictures, _) = rendered(&job(&directory, ColorMode::Hdr10)).unwrap();
        for x in 0..8 {
            for (y, light) in [(16, [GRAYS[x]; 3]), (48, COLORS[x])] {
                let codes = codes_at(&pictures[0], x * 32 + 16, y);
                // Codes of luma and chroma are rounded.
                assert!(
                    near(codes, light, Curve::Pq, tolerance),
                    "{file} {x} {y}: {codes:?} {light:?}"
                );
            }
        }
    }
}

#[test]
fn files_carry_the_light_and_what_says_so() {
    let body = r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:0;width:256px;height:64px"></video>"#;
    for (curve, mode) in [(Curve::Pq, ColorMode::Hdr10), (Curve::Hlg, ColorMode::Hlg)] {
        let directory = page((256, 64), 2, body);
        source(&directory.path().join("hdr.mkv"), (256, 64, 2), curve, patch);
        let mut job = job(&directory, mode);
        let rows = [
            ("lossless.mp4", Codec::Hevc, Quality::Lossless, "yuv420p10le", 1.0),
            ("hevc.mp4", Codec::Hevc, Quality::High, "yuv420p10le", 3.0),
            ("av1.mp4", Codec::Av1, Quality::High, "yuv420p10le", 3.0),
            ("vp9.webm", Codec::Vp9, Quality::High, "yuv420p10le", 3.0),
            ("prores.mov", Codec::Prores, Quality::High, "yuv422p10le", 3.0),
        ];
        let output = |&(name, codec, quality, ..): &(&str, _, _, _, _)| Output {
            output: directory.path().join(name),
            format: None,
            at: None,
            video: Video { codec: Some(codec), quality, ..Video::default() },
            audio: pagereel::job::Audio::default(),
        };
        job.outputs = rows.iter().map(output).collect();
        let cancel = CancelToken::new();
        let report = Engine::new().request(&job).cancel(&cancel).render().unwrap();
        for (name, _, _, pixels, tolerance) in rows {
            let file = directory.path().join(name);
            let probed = probe(&file);
            let stream = &probed["streams"][0];
            assert_eq!(stream["pix_fmt"], pixels, "{name}");
            assert_eq!(stream["color_primaries"], "bt2020", "{name}");
            assert_eq!(stream["color_transfer"], curve.tag(), "{name}");
            assert_eq!(stream["color_space"], "bt2020nc", "{name}");
            let raw = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", pixels, "-"];
            let luma = judge("ffmpeg", &[&["-i", file.to_str().unwrap()], &raw[..]].concat());
            for (i, &nits) in GRAYS.iter().enumerate() {
                let at = 2 * (16 * 256 + 32 * i + 16);
                let found = f64::from(u16::from_le_bytes([luma[at], luma[at + 1]]));
                let wanted = 64.0 + 876.0 * curve.codes([nits; 3])[0].min(1.0);
                assert!(
                    (found - wanted).abs() <= tolerance,
                    "{name}: {nits} nit: {found} {wanted}"
                );
            }
            println!("{name}: {pixels} {} as planned", curve.tag());
        }
        let mp4 = probe(&directory.path().join("hevc.mp4"));
        let sides = mp4["streams"][0]["side_data_list"].as_array().cloned().unwrap_or_default();
        let light = sides.iter().find(|side| !side["max_content"].is_null());
        if curve == Curve::Pq {
            let light = light.expect("the file says how bright it is");
            let told = report.content_light.unwrap();
            assert_eq!(light["max_content"], told.max_content);
            assert_eq!(light["max_average"], told.max_frame_average);
            assert!(told.max_content.abs_diff(4000) <= 40, "{told:?}");
            assert!(sides.iter().any(|side| !side["max_luminance"].is_null()), "{sides:?}");
        } else {
            assert!(light.is_none(), "HLG has none");
        }
    }
}

#[test]
fn what_holds_no_hdr_is_refused() {
    let directory = page((64, 64), 1, "");
    let mut job = job(&directory, ColorMode::Hdr10);
    job.output = Some("a.mp4".into());
    job.video.codec = Some(Codec::H264);
    let text = job.validate().unwrap_err().to_string();
    assert!(text.contains("`video.codec` must be one that holds HDR"), "{text}");
    job.video.codec = None;
    job.video.pixel_format = Some(pagereel::job::CodedFormat::Yuv420p);
    let text = job.validate().unwrap_err().to_string();
    assert!(text.contains("10 bits"), "{text}");
}
