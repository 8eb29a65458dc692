//! HDR in files: what they say about their light, and what other programs read in them.

use std::fs;
use std::path::Path;

use exr::math::Vec2;
use pagereel::job::{
    CaptureMode, Codec, CodedFormat, ColorMode, Display, DisplayPreset, Fit, FrameRange, Job,
    Output, Quality, Video,
};
use pagereel::{Picture, Report};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hdr::{
    COLORS, Curve, GRAYS, codes_at, job, near as is_light, nits_of_pq, page, patch,
    rendered as pictures, source, step,
};
use crate::support::{CHEAPLY, judge, pagereel, probe, render};

const SIZE: (usize, usize) = (256, 64);
const FRAMES: usize = 12;

/// A page of nothing but a video of [`SIZE`].
fn whole(frames: usize) -> TempDir {
    let body = r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
        style="position:absolute;left:0;top:0;width:256px;height:64px"></video>"#;
    page(SIZE, frames, body)
}

/// The brightest light is in the ninth picture, the most on average in the fourth.
fn swelling(n: usize, x: usize, y: usize) -> [f64; 3] {
    let gray = if n == 3 { 320.0 } else { 20.0 + x as f64 / 4.0 };
    let is_lit = n == 8 && (32..64).contains(&x) && (16..48).contains(&y);
    if is_lit { [1630.0, 900.0, 1200.0] } else { [gray, gray * 0.9, gray * 0.5] }
}

fn output(directory: &TempDir, name: &str, video: Video) -> Output {
    let output = directory.path().join(name);
    Output { output, format: None, at: None, video, audio: pagereel::job::Audio::default() }
}

fn coded(codec: Codec, quality: Quality) -> Video {
    Video { codec: Some(codec), quality, gop: Some(5), ..Video::default() }
}

/// `MaxCLL` and `MaxFALL` of a file of PQ, by CTA-861.3 from its decoded pixels.
fn measured(file: &Path) -> [f64; 2] {
    let file = file.to_str().unwrap();
    let raw = judge("ffmpeg", &["-i", file, "-f", "rawvideo", "-pix_fmt", "gbrp16le", "-"]);
    let pixels = SIZE.0 * SIZE.1;
    assert_eq!(raw.len(), FRAMES * pixels * 6);
    let (mut brightest, mut most_average) = (0.0_f64, 0.0_f64);
    for frame in raw.chunks_exact(pixels * 6) {
        let code = |at: usize| u16::from_le_bytes([frame[2 * at], frame[2 * at + 1]]);
        let highest = |at: usize| (0..3).map(|plane| code(plane * pixels + at)).max().unwrap();
        let nits = (0..pixels).map(|at| nits_of_pq(f64::from(highest(at)) / 65_535.0));
        let nits: Vec<f64> = nits.collect();
        brightest = nits.iter().copied().fold(brightest, f64::max);
        most_average = most_average.max(nits.iter().sum::<f64>() / pixels as f64);
    }
    [brightest, most_average]
}

fn probed(arguments: &[&str]) -> Value {
    let json = judge("ffprobe", &[&["-of", "json", "-select_streams", "v:0"], arguments].concat());
    serde_json::from_slice(&json).unwrap()
}

/// `MaxCLL` and `MaxFALL`; red's x, green's y, the darkest and the brightest light of the display.
type Said = (Option<[f64; 2]>, Option<[f64; 4]>);

/// What a list of side data says.
fn said(sides: &Value) -> Said {
    let sides = sides.as_array().cloned().unwrap_or_default();
    let find = |key: &str| sides.iter().find(|side| !side[key].is_null()).cloned();
    let ratio = |value: &Value| {
        let (num, den) = value.as_str()?.split_once('/')?;
        Some(num.parse::<f64>().ok()? / den.parse::<f64>().ok()?)
    };
    let level = find("max_content").map(|side| {
        [&side["max_content"], &side["max_average"]].map(|value| value.as_f64().unwrap())
    });
    let display = find("max_luminance").map(|side| {
        ["red_x", "green_y", "min_luminance", "max_luminance"].map(|k| ratio(&side[k]).unwrap())
    });
    (level, display)
}

/// What the container says.
fn head(file: &Path) -> Said {
    said(&probed(&["-show_streams", file.to_str().unwrap()])["streams"][0]["side_data_list"])
}

/// What each keyframe of the bare stream says, and how many keyframes there are.
fn stream(file: &Path, kind: &str) -> Vec<Said> {
    let bare = file.with_extension(kind);
    let (file, text) = (file.to_str().unwrap(), bare.to_str().unwrap());
    judge("ffmpeg", &["-y", "-i", file, "-c:v", "copy", "-an", text]);
    let frames = probed(&["-show_frames", text])["frames"].as_array().cloned().unwrap();
    assert_eq!(frames.len(), FRAMES, "{text}");
    let keys = frames.iter().filter(|frame| frame["key_frame"] == 1);
    keys.map(|frame| said(&frame["side_data_list"])).collect()
}

fn near(found: Option<[f64; 2]>, wanted: [f64; 2], what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what}: no levels"));
    for (found, wanted) in found.iter().zip(wanted) {
        let is_near = (found - wanted).abs() <= 0.01 * wanted;
        assert!(is_near, "{what}: {found} nit said, {wanted} measured");
    }
}

fn is_display(found: Option<[f64; 4]>, wanted: [f64; 4], what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what}: no display"));
    for (found, wanted) in found.iter().zip(wanted) {
        // AV1 counts the darkest light in steps of 2^-14 nit.
        assert!((found - wanted).abs() <= 1e-4 * wanted.max(1.0), "{what}: {found} {wanted}");
    }
}

const BT2020_1000: [f64; 4] = [0.708, 0.797, 0.0001, 1000.0];

fn rendered(directory: &TempDir, mode: ColorMode, rows: &[(&str, Video)]) -> Report {
    let mut job = job(directory, mode);
    let outputs = rows.iter().map(|(name, video)| output(directory, name, video.clone()));
    job.outputs = outputs.collect();
    render(&job).unwrap()
}

#[test]
fn measured_levels_stand_in_streams_and_containers() {
    let directory = whole(FRAMES);
    source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, FRAMES), Curve::Pq, swelling);
    let hevc = coded(Codec::Hevc, Quality::Draft);
    let av1 = coded(Codec::Av1, Quality::Draft);
    let vp9 = coded(Codec::Vp9, Quality::Draft);
    let prores = Video { codec: Some(Codec::Prores), ..Video::default() };
    let rows = [
        // Lossless, and the judge of the others.
        ("all.mkv", Video { codec: Some(Codec::Ffv1), ..Video::default() }),
        ("hevc.mp4", hevc.clone()),
        ("hevc.mov", hevc.clone()),
        ("hevc.mkv", hevc.clone()),
        ("parts.mp4", Video { fragmented: true, ..hevc.clone() }),
        ("list.m3u8", hevc.clone()),
        ("twice.mp4", Video { bitrate: Some("2M".parse().unwrap()), two_pass: true, ..hevc }),
        ("av1.mp4", av1.clone()),
        ("av1.mkv", av1.clone()),
        ("av1.webm", av1),
        ("aom.mkv", coded(Codec::Av1, Quality::Lossless)),
        ("vp9.webm", vp9.clone()),
        ("vp9.mp4", vp9),
        ("prores.mov", prores),
    ];
    let report = rendered(&directory, ColorMode::Hdr10, &rows);
    let file = |name: &str| directory.path().join(name);
    let wanted = measured(&file("all.mkv"));
    println!("measured {wanted:?}, told {:?}", report.content_light);
    for (name, video) in &rows {
        // The playlist's segments have it in their streams alone.
        if *name != "list.m3u8" {
            let (level, display) = head(&file(name));
            near(level, wanted, name);
            is_display(display, BT2020_1000, name);
        }
        let kind = match video.codec {
            Some(Codec::Hevc) => "hevc",
            Some(Codec::Av1) => "obu",
            _ => continue,
        };
        let keys = stream(&file(name), kind);
        assert!(keys.len() >= 3, "{name}: {} keyframes", keys.len());
        for (level, display) in keys {
            near(level, wanted, &format!("stream of {name}"));
            is_display(display, BT2020_1000, &format!("stream of {name}"));
        }
    }
}

#[test]
fn the_mastering_display_is_the_jobs() {
    let directory = page((128, 64), FRAMES, "");
    let display = Display {
        preset: DisplayPreset::P3Nits4000,
        min_luminance: Some(0.01),
        ..Display::default()
    };
    let mut job = job(&directory, ColorMode::Hdr10);
    job.color.mastering_display = Some(display);
    let rows = [("a.mp4", Codec::Hevc, "hevc"), ("b.mkv", Codec::Av1, "obu")];
    job.outputs =
        rows.map(|(name, codec, _)| output(&directory, name, coded(codec, Quality::Draft))).into();
    render(&job).unwrap();
    let p3 = [0.68, 0.69, 0.01, 4000.0];
    for (name, _, kind) in rows {
        let file = directory.path().join(name);
        is_display(head(&file).1, p3, name);
        for (_, display) in stream(&file, kind) {
            is_display(display, p3, name);
        }
    }
}

#[test]
fn standard_output_says_what_is_known_from_the_start() {
    let directory = page((64, 32), FRAMES, "");
    let file = directory.path().join("job.json");
    let text = json!({ "composition": "index.html", "output": "-", "format": "mp4",
        "color": { "mode": "hdr10" }, "video": { "codec": "hevc", "quality": "draft", "gop": 5 } });
    fs::write(&file, text.to_string()).unwrap();
    let run = pagereel().arg(&file).args(CHEAPLY).arg("--quiet").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let video = directory.path().join("piped.mp4");
    fs::write(&video, run.stdout).unwrap();
    let (level, display) = head(&video);
    assert_eq!(level, None);
    is_display(display, BT2020_1000, "head");
    for (level, display) in stream(&video, "hevc") {
        assert_eq!(level, None);
        is_display(display, BT2020_1000, "stream");
    }
}

/// All frames of a file as pixels of three codes of 16 bits, green, blue, red.
fn gbr(file: &Path, (width, height): (usize, usize)) -> Vec<Vec<u8>> {
    let file = file.to_str().unwrap();
    let raw = judge("ffmpeg", &["-i", file, "-f", "rawvideo", "-pix_fmt", "gbrp16le", "-"]);
    raw.chunks_exact(width * height * 6).map(<[u8]>::to_vec).collect()
}

/// The codes of red, green and blue at a place of such a frame.
fn at(frame: &[u8], (width, height): (usize, usize), (x, y): (usize, usize)) -> [u16; 3] {
    [2, 0, 1].map(|plane| {
        let at = 2 * (plane * width * height + y * width + x);
        u16::from_le_bytes([frame[at], frame[at + 1]])
    })
}

const MODES: [(Curve, ColorMode); 2] =
    [(Curve::Pq, ColorMode::Hdr10), (Curve::Hlg, ColorMode::Hlg)];

/// Places of [`patch`] and their light, as far as the curve has codes for all of it.
fn patches(curve: Curve) -> Vec<((usize, usize), [f64; 3])> {
    let grays = GRAYS.iter().enumerate().map(|(i, &nits)| ((i * 32 + 16, 16), [nits; 3]));
    let colors = COLORS.iter().enumerate().map(|(i, &light)| ((i * 32 + 16, 48), light));
    let has_codes = |light: &[f64; 3]| {
        curve == Curve::Pq || curve.codes(*light).iter().all(|&code| code <= 1.0)
    };
    grays.chain(colors).filter(|(_, light)| has_codes(light)).collect()
}

#[test]
fn ffv1_holds_every_code() {
    for (curve, mode) in MODES {
        let directory = whole(2);
        source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, 2), curve, patch);
        let ffv1 = Video { codec: Some(Codec::Ffv1), ..Video::default() };
        let deep = |format| Video { pixel_format: Some(format), ..ffv1.clone() };
        let rows = [
            ("rgb.mkv", ffv1.clone(), "gbrp16le", "gbr", "pc"),
            ("444.mkv", deep(CodedFormat::Yuv444p10), "yuv444p10le", "bt2020nc", "tv"),
            ("420.mkv", deep(CodedFormat::Yuv420p10), "yuv420p10le", "bt2020nc", "tv"),
        ];
        let videos: Vec<_> = rows.iter().map(|row| (row.0, row.1.clone())).collect();
        rendered(&directory, mode, &videos);
        for (name, _, format, matrix, range) in rows {
            let stream = probe(&directory.path().join(name))["streams"][0].clone();
            let tags =
                ["pix_fmt", "color_space", "color_range", "color_primaries", "color_transfer"];
            let tags = tags.map(|tag| stream[tag].as_str().unwrap_or_default().to_owned());
            assert_eq!(tags, [format, matrix, range, "bt2020", curve.tag()], "{name}");
        }
        for frame in gbr(&directory.path().join("rgb.mkv"), SIZE) {
            for (place, light) in patches(curve) {
                let codes = at(&frame, SIZE, place);
                assert!(is_light(codes, light, curve, 0.05), "{place:?}: {codes:?} {light:?}");
            }
        }
    }
}

#[test]
fn png_and_exr_files_say_what_their_numbers_mean() {
    for (curve, mode) in MODES {
        let directory = whole(2);
        source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, 2), curve, patch);
        let rows = [("png/%03d.png", Video::default()), ("exr/%03d.exr", Video::default())];
        rendered(&directory, mode, &rows);

        let bytes = fs::read(directory.path().join("png/002.png")).unwrap();
        let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
        let chunk = place(b"cICP");
        assert!(place(b"IHDR") < chunk && chunk < place(b"IDAT"));
        assert_eq!(bytes[chunk - 4..chunk], [0, 0, 0, 4]);
        let transfer = if curve == Curve::Pq { 16 } else { 18 };
        assert_eq!(bytes[chunk + 4..chunk + 8], [9, transfer, 0, 1]);
        let sum = crc32fast::hash(&bytes[chunk..chunk + 8]).to_be_bytes();
        assert_eq!(bytes[chunk + 8..chunk + 12], sum);
        let png = image::load_from_memory(&bytes).unwrap();
        let png = png.as_rgb16().expect("it has 16 bits");
        let file = directory.path().join("exr/002.exr");
        let raw = ["-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-"];
        let exr = judge("ffmpeg", &[&["-i", file.to_str().unwrap()], &raw[..]].concat());
        for ((x, y), light) in patches(curve) {
            let codes = png.get_pixel(u32::try_from(x).unwrap(), u32::try_from(y).unwrap()).0;
            assert!(is_light(codes, light, curve, 0.05), "{x} {y}: {codes:?} {light:?}");
            let linear = [2, 0, 1].map(|plane| {
                let at = 4 * (plane * SIZE.0 * SIZE.1 + y * SIZE.0 + x);
                f64::from(f32::from_le_bytes(exr[at..at + 4].try_into().unwrap()))
            });
            for (found, nits) in linear.iter().zip(light) {
                let wanted = nits / 203.0;
                let is_near = (found - wanted).abs() <= 0.001 * wanted + 1e-4;
                assert!(is_near, "{curve:?} {x} {y}: {linear:?} of {light:?} nit");
            }
        }
        let meta = exr::meta::MetaData::read_from_file(&file, true).unwrap();
        let header = &meta.headers[0];
        assert_eq!(header.own_attributes.white_luminance, Some(203.0));
        let colors = header.shared_attributes.chromaticities.unwrap();
        assert_eq!((colors.red, colors.white), (Vec2(0.708, 0.292), Vec2(0.3127, 0.329)));
    }
}

/// Whether a picture of any size shows the patches of the source in their places.
fn shows_patches(picture: &Picture, curve: Curve) {
    let (width, height) = (picture.size.width as usize, picture.size.height as usize);
    for ((x, y), light) in patches(curve) {
        let codes = codes_at(picture, x * width / SIZE.0, y * height / SIZE.1);
        assert!(is_light(codes, light, curve, 0.05), "{} {x} {y}: {codes:?}", picture.size);
    }
}

#[test]
fn pages_of_another_scale_have_the_light() {
    let ways = [CaptureMode::BeginFrame, CaptureMode::Display, CaptureMode::Screenshot];
    for (scale, mode) in [0.5, 2.0].into_iter().flat_map(|scale| ways.map(|mode| (scale, mode))) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let side = |side: usize| (side as f64 / scale) as usize;
        let (width, height) = (side(SIZE.0), side(SIZE.1));
        let body = format!(
            r#"<video id="v" src="hdr.mkv" muted data-start="0" data-duration="1"
            style="position:absolute;left:0;top:0;width:{width}px;height:{height}px"></video>
            <div style="position:absolute;left:0;top:0;width:50%;height:2px;background:#fff"></div>"#
        );
        let directory = page((width, height), 1, &body);
        source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, 1), Curve::Pq, patch);
        let mut job = Job { scale, ..job(&directory, ColorMode::Hdr10) };
        job.capture.mode = mode;
        let (frames, _) = pictures(&job).unwrap();
        assert_eq!((frames[0].size.width, frames[0].size.height), (256, 64));
        shows_patches(&frames[0], Curve::Pq);
        let white = codes_at(&frames[0], 64, 0);
        assert!(is_light(white, [203.0; 3], Curve::Pq, 0.3), "{scale} {mode:?}: {white:?}");
        let edge = codes_at(&frames[0], 160, 0);
        assert!(is_light(edge, [203.0; 3], Curve::Pq, 0.05), "beside it: {edge:?}");
    }
}

#[test]
fn outputs_of_another_size_have_the_light() {
    for (curve, mode) in MODES {
        let directory = whole(1);
        source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, 1), curve, patch);
        // The size, how the frame comes into it, and where its left upper corner and its size are.
        let rows = [
            ("128x32", Fit::Pad, (0.0, 0.0), (128.0, 32.0)),
            ("512x128", Fit::Pad, (0.0, 0.0), (512.0, 128.0)),
            ("192x96", Fit::Pad, (0.0, 24.0), (192.0, 48.0)),
            ("96x64", Fit::Stretch, (0.0, 0.0), (96.0, 64.0)),
            ("64x32", Fit::Crop, (-32.0, 0.0), (128.0, 32.0)),
        ];
        let names = rows.map(|(size, fit, ..)| format!("{size}-{fit:?}.mkv"));
        let videos = names.iter().zip(rows).map(|(name, (size, fit, ..))| {
            let size = Some(size.parse().unwrap());
            (name.as_str(), Video { codec: Some(Codec::Ffv1), size, fit, ..Video::default() })
        });
        let videos: Vec<_> = videos.collect();
        rendered(&directory, mode, &videos);
        for (name, (size, fit, corner, content)) in names.iter().zip(rows) {
            let (width, height) = size.split_once('x').unwrap();
            let size: (usize, usize) = (width.parse().unwrap(), height.parse().unwrap());
            let frame = &gbr(&directory.path().join(name), size)[0];
            let mut seen = 0;
            for ((x, y), light) in patches(curve) {
                let x = corner.0 + (x as f64 + 0.5) / 256.0 * content.0;
                let y = corner.1 + (y as f64 + 0.5) / 64.0 * content.1;
                if x < 4.0 || x > size.0 as f64 - 4.0 {
                    continue;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "within"
                )]
                let codes = at(frame, size, (x as usize, y as usize));
                assert!(is_light(codes, light, curve, 0.05), "{name} {x} {y}: {codes:?} {light:?}");
                seen += 1;
            }
            assert!(seen > 4, "{name}");
            if fit == Fit::Pad && corner.1 > 0.0 {
                assert_eq!(at(frame, size, (96, 12)), [0; 3], "{name}: bars are black");
            }
        }
    }
}

#[test]
fn a_range_of_frames_has_its_own_light() {
    let directory = whole(FRAMES);
    source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, FRAMES), Curve::Pq, |n, _, _| {
        [step(n); 3]
    });
    let mut job = job(&directory, ColorMode::Hdr10);
    job.frames = Some(FrameRange { start: 3, end: 8 });
    job.outputs = vec![output(&directory, "a.mp4", coded(Codec::Hevc, Quality::Lossless))];
    let report = render(&job).unwrap();
    let file = directory.path().join("a.mp4");
    // The eighth picture is the last and the brightest.
    let level = report.content_light.unwrap();
    assert_eq!((level.max_content, level.max_frame_average), (160, 160));
    near(head(&file).0, [160.0, 160.0], "head");
    let (frames, _) = pictures(&job).unwrap();
    assert_eq!(frames.len(), 5);
    for (n, frame) in frames.iter().enumerate() {
        let codes = codes_at(frame, 128, 32);
        assert!(is_light(codes, [step(n + 3); 3], Curve::Pq, 0.05), "frame {n}: {codes:?}");
    }
}

#[test]
fn posters_of_hdr_are_hdr_or_refused() {
    let directory = whole(2);
    source(&directory.path().join("hdr.mkv"), (SIZE.0, SIZE.1, 2), Curve::Pq, patch);
    let mut job = job(&directory, ColorMode::Hdr10);
    let poster = |name| Output { at: Some(0.0), ..output(&directory, name, Video::default()) };
    job.outputs = vec![output(&directory, "a.mp4", coded(Codec::Hevc, Quality::Draft))];
    job.outputs.push(poster("a.jpg"));
    let text = job.validate().unwrap_err().to_string();
    assert!(
        text.contains("`outputs[1].output` must be a name that ends in .png or .exr"),
        "{text}"
    );
    job.outputs[1] = poster("a.png");
    render(&job).unwrap();
    let bytes = fs::read(directory.path().join("a.png")).unwrap();
    assert!(bytes.windows(8).any(|window| window == b"cICP\x09\x10\x00\x01"));
    let png = image::load_from_memory(&bytes).unwrap();
    let codes = png.as_rgb16().expect("it has 16 bits").get_pixel(6 * 32 + 16, 16).0;
    assert!(is_light(codes, [1000.0; 3], Curve::Pq, 0.05), "{codes:?}");
}
