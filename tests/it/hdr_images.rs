//! HDR pictures in `<img>`: their light arrives, like that of videos.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pagereel::Engine;
use pagereel::color::Transfer;
use pagereel::job::ColorMode;

use crate::hdr::{
    COLORS, Curve, GRAYS, codes_at, job, near, page, page_light, patch, raw_picture, rendered,
};

type Write = fn(&Path, Curve);

/// Grays above, colors below.
fn raw(curve: Curve) -> Vec<u8> {
    raw_picture((256, 64), curve, |x, y| patch(0, x, y))
}

fn encode(raw: &[u8], path: &Path, arguments: &[&str]) {
    let mut child = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo"])
        .args(["-pix_fmt", "rgb48le", "-s", "256x64", "-i", "-", "-frames:v", "1"])
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(raw).unwrap();
    assert!(child.wait().unwrap().success());
}

/// ISO 3309, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// A PNG of 16 bits that says what its colors are.
fn png(path: &Path, curve: Curve) {
    encode(&raw(curve), path, &["-pix_fmt", "rgb48be"]);
    let bytes = fs::read(path).unwrap();
    let transfer = if curve == Curve::Pq { 16 } else { 18 };
    let data = [b'c', b'I', b'C', b'P', 9, transfer, 0, 1];
    // Right behind the header, whose chunk has 25 bytes.
    let chunk = [&4_u32.to_be_bytes()[..], &data, &crc(&data).to_be_bytes()].concat();
    fs::write(path, [&bytes[..33], &chunk, &bytes[33..]].concat()).unwrap();
}

fn avif(path: &Path, curve: Curve) {
    let matrix = "format=gbrp16le,zscale=min=gbr:rin=full:m=2020_ncl:r=limited,format=yuv444p10le";
    let arguments = [
        "-vf",
        matrix,
        "-pix_fmt",
        "yuv444p10le",
        "-c:v",
        "libaom-av1",
        "-still-picture",
        "1",
        "-aom-params",
        "lossless=1",
        "-crf",
        "0",
        "-cpu-used",
        "8",
        "-color_primaries",
        "bt2020",
        "-color_trc",
        curve.tag(),
        "-colorspace",
        "bt2020nc",
        "-color_range",
        "tv",
    ];
    encode(&raw(curve), path, &arguments);
}

#[test]
fn light_of_pictures_arrives() {
    let body = |file: &str| {
        format!(
            r#"<img id="i" src="{file}" style="position:absolute;left:0;top:16px">
            <div style="position:absolute;left:40px;top:20px;width:10px;height:20px;
                background:rgb(230,60,20)"></div>"#
        )
    };
    let kinds: [(&str, Write, f64); 2] = [("hdr.png", png, 0.05), ("hdr.avif", avif, 3.0)];
    for (file, write, tolerance) in kinds {
        for (curve, mode) in [(Curve::Pq, ColorMode::Hdr10), (Curve::Hlg, ColorMode::Hlg)] {
            let directory = page((256, 96), 2, &body(file));
            write(&directory.path().join(file), curve);
            let (pictures, _) = rendered(&job(&directory, mode)).unwrap();
            for picture in pictures {
                for x in 0..8 {
                    let most = if curve == Curve::Hlg { 1000.0 } else { 4000.0 };
                    for (y, light) in [(40, [GRAYS[x].min(most); 3]), (64, COLORS[x])] {
                        let codes = codes_at(&picture, x * 32 + 24, y);
                        assert!(
                            near(codes, light, curve, tolerance),
                            "{file} {curve:?} {x} {y}: {codes:?} {light:?}"
                        );
                    }
                }
                let codes = codes_at(&picture, 45, 30);
                assert!(near(codes, page_light([230, 60, 20]), curve, 0.5), "{codes:?}");
            }
        }
    }
}

#[test]
fn pictures_are_fitted_and_shine_through() {
    // Twice its size, half of it covered, and half transparent.
    let body = r#"<img src="hdr.png" style="position:absolute;left:0;top:0;width:512px;height:128px;
        opacity:0.5">
        <div style="position:absolute;left:256px;top:0;width:256px;height:128px;background:#fff"></div>
        <img src="plain.svg" style="position:absolute;left:0;top:130px;width:8px;height:8px">"#;
    let directory = page((512, 140), 1, body);
    png(&directory.path().join("hdr.png"), Curve::Pq);
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg"><rect width="99" height="99" fill="#fff"/></svg>"##;
    fs::write(directory.path().join("plain.svg"), svg).unwrap();
    let (pictures, _) = rendered(&job(&directory, ColorMode::Hdr10)).unwrap();
    // The fourth gray and color, by half, over black.
    let half = 128.0 / 255.0;
    for (y, light) in [(32, [GRAYS[3] * half; 3]), (96, COLORS[3].map(|nits| nits * half))] {
        let codes = codes_at(&pictures[0], 3 * 64 + 32, y);
        assert!(near(codes, light, Curve::Pq, 2.0), "{y}: {codes:?} {light:?}");
    }
    for (x, y) in [(300, 60), (4, 134)] {
        let codes = codes_at(&pictures[0], x, y);
        assert!(near(codes, [203.0; 3], Curve::Pq, 0.5), "{x} {y}: {codes:?}");
    }
}

#[test]
fn a_picture_calls_for_hdr() {
    let body = r#"<img src="hdr.png" style="position:absolute;left:0;top:0">"#;
    for (curve, transfer) in [(Curve::Pq, Transfer::Pq), (Curve::Hlg, Transfer::Hlg)] {
        let directory = page((256, 64), 2, body);
        png(&directory.path().join("hdr.png"), curve);
        let mut job = job(&directory, ColorMode::Auto);
        job.output = Some(directory.path().join("out.mp4"));
        let (plan, _) = Engine::new().plan(&job).unwrap();
        assert_eq!(plan.stream.color.transfer, transfer);
    }
}
