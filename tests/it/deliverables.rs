//! Every kind of output, judged by ffprobe and ffmpeg.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use pagereel::frame::{Alpha, PixelFormat, Size};
use pagereel::job::{
    Bitrate, CaptureMode, Chapter, Codec, CodedFormat, Container, FrameRange, Output, Quality,
    Video,
};
use pagereel::time::FrameIndex;
use pagereel::{
    Artifact, CancelToken, Engine, Frame, FrameSink, Job, Picture, Plan, Report, Result,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{fixture, judge, pagereel, probe};

/// A render of the color patches, captured the cheap way.
fn patches(frames: u64) -> Job {
    let mut job = Job::without_output(fixture("color-patches"));
    job.frames = Some(FrameRange { start: 0, end: frames });
    job.capture.mode = CaptureMode::BeginFrame;
    job
}

fn render(job: &Job) -> Report {
    Engine::new().render(job).unwrap()
}

/// Keeps all pictures.
#[derive(Default)]
struct Album(Arc<Mutex<Vec<Arc<Picture>>>>);

impl FrameSink for Album {
    fn write(&mut self, frame: Frame) -> Result<()> {
        self.0.lock().unwrap().push(frame.picture);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact::default())
    }
}

fn captured(job: &Job) -> Vec<Arc<Picture>> {
    let album = Album::default();
    let pictures = Arc::clone(&album.0);
    let sink = Box::new(album);
    Engine::new().request(job).render_into(sink).unwrap();
    let pictures = pictures.lock().unwrap();
    pictures.clone()
}

/// Red, green and blue of every pixel.
fn rgb(picture: &Picture) -> Vec<u8> {
    let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
    pixels.flat_map(|pixel| picture.format.rgb(pixel)).collect()
}

/// The first frame of a file as raw pixels of a format; YUV by that matrix.
fn first_frame(file: &Path, format: &str, matrix: &str) -> Vec<u8> {
    let filter = format!(
        "scale=in_color_matrix={matrix}:flags=accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    );
    let (file, raw) = (file.to_str().unwrap(), "rawvideo");
    let mut arguments = vec![];
    if Path::new(file).extension().is_some_and(|extension| extension == "raw") {
        arguments.extend(["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "640x480"]);
    }
    arguments.extend(["-i", file, "-frames:v", "1", "-vf", &filter, "-f", raw, "-pix_fmt", format]);
    arguments.push("-");
    judge("ffmpeg", &arguments)
}

/// How far the patches of a picture are from what they should be, at most.
fn patch_error(rgb: &[u8]) -> u8 {
    let text = fs::read_to_string(fixture("color-patches/patches.json")).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let patches = list["patches"].as_array().unwrap();
    let errors = patches.iter().map(|patch| {
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let rect: Vec<_> = patch["rect"].as_array().unwrap().iter().map(number).collect();
        let at = ((rect[1] + rect[3] / 2) * 640 + rect[0] + rect[2] / 2) * 3;
        let wanted = patch["rgb"].as_array().unwrap().iter().map(number);
        let off = wanted.zip(&rgb[at..at + 3]).map(|(w, &found)| w.abs_diff(usize::from(found)));
        off.max().unwrap()
    });
    u8::try_from(errors.max().unwrap()).unwrap()
}

/// An output, and what a judge must find in it.
struct Row {
    file: &'static str,
    codec: Codec,
    format: Option<CodedFormat>,
    quality: Quality,
    /// Codec, tag and pixel format as ffprobe calls them.
    found: (&'static str, &'static str, &'static str),
    /// Levels that a patch may be off; ffmpeg takes 16 bits to 8 by its own rounding.
    tolerance: u8,
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Codec::{Animation, Apng, Av1, Dnxhr, Ffv1, Gif, H264, Hevc, Png, Prores, Vp8, Vp9, Webp, Y4m, Raw};
    use CodedFormat as F;
    use Quality::{Lossless as L, Standard as S};
    let row = |file, codec, format, quality, found, tolerance| Row { file, codec, format, quality, found, tolerance };
    vec![
        row("h264.mp4", H264, None, S, ("h264", "avc1", "yuv420p"), 3),
        row("h264-422.mov", H264, Some(F::Yuv422p), S, ("h264", "avc1", "yuv422p"), 3),
        row("h264-444.mkv", H264, Some(F::Yuv444p), S, ("h264", "", "yuv444p"), 3),
        row("h264-10.mp4", H264, Some(F::Yuv420p10), S, ("h264", "avc1", "yuv420p10le"), 3),
        row("h264-422-10.mp4", H264, Some(F::Yuv422p10), S, ("h264", "avc1", "yuv422p10le"), 3),
        row("h264-444-10.mkv", H264, Some(F::Yuv444p10), S, ("h264", "", "yuv444p10le"), 3),
        row("h264-lossless.mp4", H264, None, L, ("h264", "avc1", "yuv444p"), 2),
        row("h264-rgb.mkv", H264, Some(F::Bgr0), L, ("h264", "", "gbrp"), 0),
        row("hevc.mp4", Hevc, None, S, ("hevc", "hvc1", "yuv420p"), 3),
        row("hevc-10.mov", Hevc, Some(F::Yuv420p10), S, ("hevc", "hvc1", "yuv420p10le"), 3),
        row("hevc-422-10.mkv", Hevc, Some(F::Yuv422p10), S, ("hevc", "", "yuv422p10le"), 3),
        row("hevc-lossless.mkv", Hevc, None, L, ("hevc", "", "yuv444p"), 2),
        row("av1.mp4", Av1, None, S, ("av1", "av01", "yuv420p"), 3),
        row("av1-10.webm", Av1, Some(F::Yuv420p10), S, ("av1", "", "yuv420p10le"), 3),
        row("av1-444.mkv", Av1, Some(F::Yuv444p), S, ("av1", "", "yuv444p"), 3),
        row("av1-lossless.mkv", Av1, None, L, ("av1", "", "yuv444p"), 2),
        row("vp9.webm", Vp9, None, S, ("vp9", "", "yuv420p"), 3),
        row("vp9-10.webm", Vp9, Some(F::Yuv420p10), S, ("vp9", "", "yuv420p10le"), 3),
        row("vp9.mp4", Vp9, None, S, ("vp9", "vp09", "yuv420p"), 3),
        row("vp9-lossless.mkv", Vp9, None, L, ("vp9", "", "yuv444p"), 2),
        row("vp8.webm", Vp8, None, S, ("vp8", "", "yuv420p"), 4),
        row("prores.mov", Prores, None, S, ("prores", "apcn", "yuv422p10le"), 3),
        row("prores-444.mov", Prores, Some(F::Yuv444p10), S, ("prores", "ap4h", "yuv444p12le"), 2),
        row("dnxhr.mov", Dnxhr, None, S, ("dnxhd", "AVdh", "yuv422p"), 3),
        row("dnxhr-hqx.mov", Dnxhr, Some(F::Yuv422p10), S, ("dnxhd", "AVdh", "yuv422p10le"), 3),
        row("dnxhr-444.mov", Dnxhr, Some(F::Yuv444p10), S, ("dnxhd", "AVdh", "yuv444p10le"), 2),
        row("ffv1.mkv", Ffv1, None, S, ("ffv1", "FFV1", "bgr0"), 0),
        row("ffv1-16.mkv", Ffv1, Some(F::Gbrp16), S, ("ffv1", "FFV1", "gbrp16le"), 1),
        row("ffv1-10.mkv", Ffv1, Some(F::Yuv444p10), S, ("ffv1", "FFV1", "yuv444p10le"), 1),
        row("png.mov", Png, None, S, ("png", "png ", "rgb24"), 0),
        row("png-16.mov", Png, Some(F::Rgb48), S, ("png", "png ", "rgb48be"), 1),
        row("animation.mov", Animation, None, S, ("qtrle", "rle ", "rgb24"), 0),
        row("a.gif", Gif, None, S, ("gif", "", "bgra"), 0),
        row("a.apng", Apng, None, S, ("apng", "", "rgb24"), 0),
        row("lossless.webp", Webp, None, L, ("webp", "", ""), 0),
        row("a.y4m", Y4m, None, S, ("rawvideo", "I420", "yuv420p"), 2),
        row("a.raw", Raw, None, S, ("", "", ""), 0),
    ]
}

#[test]
fn every_codec_in_its_containers_is_tagged_and_colored_right() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = patches(6);
    job.outputs = rows()
        .iter()
        .map(|row| Output {
            output: directory.path().join(row.file),
            format: None,
            at: None,
            video: Video {
                codec: Some(row.codec),
                pixel_format: row.format,
                quality: row.quality,
                ..Video::default()
            },
            audio: pagereel::job::Audio::default(),
        })
        .collect();
    let report = render(&job);
    assert_eq!(report.output.others.len() + 1, rows().len());

    println!(
        "{:18} {:8} {:5} {:12} {:24} {:>9} {:>3} {:>3}",
        "file", "codec", "tag", "pixels", "color", "duration", "n", "off"
    );
    let mut wrong = Vec::new();
    for row in rows() {
        let file = directory.path().join(row.file);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let matrix = if row.codec == Codec::Vp8 { "bt601" } else { "bt709" };
        let off = patch_error(&first_frame(&file, "rgb24", matrix));
        if row.found.0.is_empty() || row.codec == Codec::Webp {
            println!("{:18} {:83} {off:>3}", row.file, row.codec.word());
            if off > row.tolerance {
                wrong.push(format!("{}: {off} levels off", row.file));
            }
            continue;
        }
        let probed = probe(&file);
        let stream = &probed["streams"][0];
        let color: Vec<_> = ["color_primaries", "color_transfer", "color_space", "color_range"]
            .iter()
            .map(|key| text(&stream[key]))
            .collect();
        let (codec, pixels) = (text(&stream["codec_name"]), text(&stream["pix_fmt"]));
        let tag = text(&stream["codec_tag_string"]).replace("[0][0][0][0]", "");
        let duration = text(&probed["format"]["duration"]).parse().unwrap_or(0.0);
        let frames: u64 = text(&stream["nb_read_packets"]).parse().unwrap();
        let color = color.join("/");
        println!(
            "{:18} {codec:8} {tag:5} {pixels:12} {color:24} {duration:>9.4} {frames:>3} {off:>3}",
            row.file
        );
        let mut check = |is_right: bool, what: &str| {
            if !is_right {
                wrong.push(format!("{}: {what}", row.file));
            }
        };
        check((codec.as_str(), tag.as_str(), pixels.as_str()) == row.found, "codec, tag or pixels");
        let is_yuv = pixels.starts_with("yuv") && row.codec != Codec::Y4m;
        let tags =
            if row.codec == Codec::Vp8 { "bt709/bt709/bt470bg/tv" } else { "bt709/bt709/bt709/tv" };
        check(!is_yuv || color == tags, "color tags");
        check(frames == 6, "frames");
        // GIF counts in hundredths of a second.
        let slack: f64 = if row.codec == Codec::Gif { 0.02 } else { 0.002 };
        check((duration - 0.2_f64).abs() <= slack || row.codec == Codec::Apng, "duration");
        check(off <= row.tolerance, "patches");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn lossless_outputs_are_the_captured_frames() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = patches(3);
    job.frames = Some(FrameRange { start: 30, end: 33 });
    job.composition = fixture("kinetic-text").into();
    job.size = Some(Size { width: 640, height: 360 });
    let pictures = captured(&job);
    job.outputs =
        ["ffv1.mkv", "png.mov", "animation.mov", "a.apng", "a.raw", "png/", "tiff/%04d.tif"]
            .map(|name| Output {
                output: format!("{}/{name}", directory.path().display()).into(),
                format: None,
                at: None,
                video: Video {
                    codec: match name {
                        "ffv1.mkv" => Some(Codec::Ffv1),
                        "png.mov" => Some(Codec::Png),
                        "animation.mov" => Some(Codec::Animation),
                        _ => None,
                    },
                    ..Video::default()
                },
                audio: pagereel::job::Audio::default(),
            })
            .to_vec();
    render(&job);
    let wanted: Vec<u8> = pictures.iter().flat_map(|picture| rgb(picture)).collect();
    assert!(wanted.chunks(3).any(|pixel| pixel != &wanted[..3]), "there is something to see");
    for name in ["ffv1.mkv", "png.mov", "animation.mov", "a.apng"] {
        let file = directory.path().join(name);
        let raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
        let decoded = judge("ffmpeg", &[&["-i", file.to_str().unwrap()], &raw[..]].concat());
        assert!(decoded == wanted, "{name} differs");
    }
    assert!(fs::read(directory.path().join("a.raw")).unwrap() == wanted, "raw differs");
    for (index, picture) in pictures.iter().enumerate() {
        let names =
            [format!("png/frame_{:06}.png", index + 1), format!("tiff/{:04}.tif", index + 1)];
        for name in names {
            let image = image::open(directory.path().join(&name)).unwrap().into_rgb8();
            assert!(image.as_raw() == &rgb(picture), "{name} differs");
        }
    }
}

/// The plan of a job, for frames of our own.
fn plan(job: &Job) -> Plan {
    Engine::new().plan(job).unwrap().0
}

/// Writes `picture` as all frames of a plan.
fn write(plan: &Plan, picture: &Arc<Picture>) {
    let mut sink = Engine::new().file_sink(plan.clone(), &CancelToken::new()).unwrap();
    for index in (0..plan.stream.frames).map(FrameIndex) {
        sink.write(Frame { index, picture: Arc::clone(picture) }).unwrap();
    }
    sink.finish().unwrap();
}

/// A ramp of alpha from 0 to 255 to the right, in colors that differ by rows.
fn ramp() -> Arc<Picture> {
    let size = Size { width: 256, height: 64 };
    let data =
        (0..64_u8).flat_map(|y| (0..=255_u8).flat_map(move |x| [255 - y, 128, y, x])).collect();
    Arc::new(Picture { size, format: PixelFormat::Rgba8, data })
}

/// A plan for the ramp in all outputs that hold alpha.
fn alpha_plan(directory: &TempDir, outputs: &[(&str, Option<Codec>, Option<CodedFormat>)]) -> Plan {
    let mut job = patches(3);
    job.size = Some(ramp().size);
    job.alpha = true;
    job.capture.mode = CaptureMode::Screenshot;
    let output = |&(name, codec, pixel_format): &(&str, _, _)| Output {
        output: format!("{}/{name}", directory.path().display()).into(),
        format: None,
        at: None,
        video: Video { codec, pixel_format, ..Video::default() },
        audio: pagereel::job::Audio::default(),
    };
    job.outputs = outputs.iter().map(output).collect();
    let mut plan = plan(&job);
    plan.stream.alpha = Alpha::Straight;
    plan
}

/// The alpha of one row of a decoded picture, or why there is none.
fn alpha_of(file: &Path, decoder: &[&str]) -> Vec<u8> {
    let file = file.to_str().unwrap();
    let tail = ["-i", file, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgba", "-"];
    let raw = judge("ffmpeg", &[decoder, &tail[..]].concat());
    raw[32 * 1024..33 * 1024].chunks(4).map(|pixel| pixel[3]).collect()
}

#[test]
fn transparency_arrives_in_everything_that_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let vp9: &[&str] = &["-c:v", "libvpx-vp9"];
    let vp8: &[&str] = &["-c:v", "libvpx"];
    #[expect(clippy::type_complexity, reason = "a table")]
    let rows: [(&str, Option<Codec>, Option<CodedFormat>, &[&str], u8); 12] = [
        ("vp9.webm", None, None, vp9, 2),
        ("vp8.webm", Some(Codec::Vp8), None, vp8, 2),
        ("prores.mov", Some(Codec::Prores), None, &[], 1),
        ("png.mov", Some(Codec::Png), None, &[], 0),
        ("png-16.mov", Some(Codec::Png), Some(CodedFormat::Rgba64), &[], 1),
        ("animation.mov", Some(Codec::Animation), None, &[], 0),
        ("ffv1.mkv", Some(Codec::Ffv1), None, &[], 0),
        ("ffv1-16.mkv", Some(Codec::Ffv1), Some(CodedFormat::Gbrap16), &[], 1),
        ("ffv1-yuv.mkv", Some(Codec::Ffv1), Some(CodedFormat::Yuva444p10), &[], 1),
        ("a.apng", None, None, &[], 0),
        ("png/", None, None, &[], 0),
        ("tiff/%d.tif", None, None, &[], 0),
    ];
    let outputs: Vec<_> =
        rows.iter().map(|&(name, codec, format, ..)| (name, codec, format)).collect();
    write(&alpha_plan(&directory, &outputs), &ramp());
    for (name, _, _, decoder, tolerance) in rows {
        let name = name.replace("png/", "png/frame_000001.png").replace("%d", "1");
        let alpha = alpha_of(&directory.path().join(&name), decoder);
        let off = (0..=255_u8).zip(&alpha).map(|(wanted, found)| wanted.abs_diff(*found)).max();
        println!("{name:24} alpha off by {}", off.unwrap());
        assert!(off.unwrap() <= tolerance, "{name}: {alpha:?}");
    }
}

#[test]
fn colors_under_transparency_stay_straight_and_are_flattened_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let prores = Some(Codec::Prores);
    let outputs =
        [("prores.mov", prores, None), ("flat.mkv", Some(Codec::Ffv1), Some(CodedFormat::Bgr0))];
    write(&alpha_plan(&directory, &outputs), &ramp());
    let file = directory.path().join("prores.mov");
    let picture = first_frame(&file, "rgba", "bt709");
    let pixel = |x: usize, y: usize| &picture[(y * 256 + x) * 4..][..3];
    for (found, wanted) in pixel(200, 10).iter().zip([245, 128, 10]) {
        assert!(i32::from(*found).abs_diff(wanted) <= 4, "{:?}", pixel(200, 10));
    }
    let flat = first_frame(&directory.path().join("flat.mkv"), "rgb24", "bt709");
    // 200 of 255 of (245, 128, 10) over white.
    assert_eq!(flat[(10 * 256 + 200) * 3..][..3], [247, 155, 63]);
    assert_eq!(flat[..3], [255; 3]);
}

#[test]
fn sixteen_bits_and_linear_light_follow_the_formula() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = patches(1);
    job.size = Some(ramp().size);
    job.outputs = [("exr/", Some(Container::Exr), None), ("png/", None, Some(CodedFormat::Rgb48))]
        .map(|(name, format, pixel_format)| Output {
            output: format!("{}/{name}", directory.path().display()).into(),
            format,
            at: None,
            video: Video { pixel_format, ..Video::default() },
            audio: pagereel::job::Audio::default(),
        })
        .to_vec();
    let size = ramp().size;
    let data = (0..64).flat_map(|_| (0..=255_u8).flat_map(|x| [x; 3])).collect();
    write(&plan(&job), &Arc::new(Picture { size, format: PixelFormat::Rgb8, data }));
    let png = image::open(directory.path().join("png/frame_000001.png")).unwrap();
    let png = png.as_rgb16().expect("16 bits");
    assert!((0..256).all(|x| png.get_pixel(x, 9).0 == [257 * u16::try_from(x).unwrap(); 3]));
    // ffmpeg reads it as floats.
    let exr = directory.path().join("exr/frame_000001.exr");
    let raw = ["-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-"];
    let floats = judge("ffmpeg", &[&["-i", exr.to_str().unwrap()], &raw[..]].concat());
    for (x, bytes) in floats[..1024].chunks(4).enumerate() {
        let found = f64::from(f32::from_le_bytes(bytes.try_into().unwrap()));
        let code = x as f64 / 255.0;
        let wanted =
            if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) };
        assert!((found - wanted).abs() <= 0.001 * wanted + 1e-6, "{x}: {found} is not {wanted}");
    }
}

#[test]
fn two_outputs_and_a_poster_come_of_one_capture() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut job = patches(12);
    job.composition = fixture("kinetic-text").into();
    job.output = Some(path("a.mp4"));
    let output = |name: &str, size: Option<&str>, at| Output {
        output: path(name),
        format: None,
        at,
        video: Video { size: size.map(|s| s.parse().unwrap()), ..Video::default() },
        audio: pagereel::job::Audio::default(),
    };
    job.outputs = vec![
        output("small.webm", Some("480x360"), None),
        output("square.mp4", Some("200x200"), None),
        output("poster.png", None, Some(0.2)),
    ];
    let report = render(&job);
    assert_eq!(report.output.others.len(), 3);
    for (name, width, height) in
        [("a.mp4", 1920, 1080), ("small.webm", 480, 360), ("square.mp4", 200, 200)]
    {
        let stream = &probe(&path(name))["streams"][0];
        assert_eq!(
            (&stream["width"], &stream["height"]),
            (&width.into(), &height.into()),
            "{name}"
        );
        assert_eq!(stream["nb_read_packets"], "12", "{name}");
    }
    let poster = image::open(path("poster.png")).unwrap().into_rgb8();
    job.outputs.clear();
    job.output = None;
    assert!(poster.as_raw() == &rgb(&captured(&job)[6]), "the poster is frame 6");
}

#[test]
fn a_bitrate_is_met_by_two_passes() {
    let directory = tempfile::tempdir().unwrap();
    for (name, codec, bitrate) in [
        ("a.mp4", Codec::H264, 400_000),
        ("b.mp4", Codec::Hevc, 400_000),
        ("c.webm", Codec::Vp9, 400_000),
    ] {
        let mut job = Job::new(fixture("particles"), directory.path().join(name));
        job.capture.mode = CaptureMode::BeginFrame;
        job.size = Some(Size { width: 640, height: 360 });
        job.video.codec = Some(codec);
        job.video.bitrate = Some(Bitrate(bitrate));
        job.video.two_pass = true;
        job.duration = Some(4.0);
        let report = render(&job);
        assert!(report.resources.stored_bytes > 0, "frames were kept");
        let file = probe(&directory.path().join(name));
        let packets = judge(
            "ffprobe",
            &[
                "-select_streams",
                "v:0",
                "-show_entries",
                "packet=size",
                "-of",
                "csv=p=0",
                directory.path().join(name).to_str().unwrap(),
            ],
        );
        let bytes: u64 = String::from_utf8(packets)
            .unwrap()
            .lines()
            .filter_map(|l| l.trim_end_matches(',').parse::<u64>().ok())
            .sum();
        let secs: f64 = file["format"]["duration"].as_str().unwrap().parse().unwrap();
        let found = bytes as f64 * 8.0 / secs;
        println!("{name}: {found:.0} bits per second of {bitrate}");
        assert!((found / bitrate as f64 - 1.0).abs() <= 0.05, "{name}: {found}");
    }
}

#[test]
fn metadata_chapters_keyframes_and_timecode_are_written() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.mov", "a.mkv"] {
        let mut job = patches(30);
        job.output = Some(directory.path().join(name));
        job.metadata.title = Some("Patches".into());
        job.metadata.language = Some("deu".into());
        job.metadata.tags = BTreeMap::from([("artist".into(), "nobody".into())]);
        job.metadata.chapters = [(0.0, "first"), (0.5, "second")]
            .map(|(at, title)| Chapter { at, title: title.into() })
            .to_vec();
        job.metadata.timecode = name.ends_with("mov").then(|| "01:00:00:00".into());
        job.video.keyframes = vec![0.5];
        job.video.gop = Some(20);
        render(&job);
        let file = directory.path().join(name);
        let file = file.to_str().unwrap();
        let json = judge(
            "ffprobe",
            &["-show_format", "-show_streams", "-show_chapters", "-of", "json", file],
        );
        let json: Value = serde_json::from_slice(&json).unwrap();
        let tag = |key: &str| {
            let tags = json["format"]["tags"].as_object().unwrap();
            tags.iter()
                .find(|(k, _)| k.eq_ignore_ascii_case(key))
                .map(|(_, v)| v.as_str().unwrap().to_owned())
        };
        assert_eq!(tag("title").as_deref(), Some("Patches"), "{name}");
        assert_eq!(tag("artist").as_deref(), Some("nobody"), "{name}");
        assert!(
            tag("encoder").unwrap().starts_with("pagereel") || name == "a.mkv",
            "{:?}",
            tag("encoder")
        );
        let chapters = json["chapters"].as_array().unwrap();
        assert_eq!(chapters.len(), 2, "{name}");
        assert_eq!(
            (&chapters[1]["start_time"], &chapters[1]["tags"]["title"]),
            (&"0.500000".into(), &"second".into())
        );
        assert_eq!(
            json["streams"][0]["tags"]["language"].as_str(),
            Some(if name == "a.mov" { "ger" } else { "deu" }),
            "{name}"
        );
        if name.ends_with("mov") {
            assert!(json.to_string().contains("01:00:00:00"), "{name}");
        }
        let keys = judge(
            "ffprobe",
            &[
                "-select_streams",
                "v:0",
                "-skip_frame",
                "nokey",
                "-show_entries",
                "frame=pts_time",
                "-of",
                "csv=p=0",
                file,
            ],
        );
        let keys = String::from_utf8(keys).unwrap();
        assert!(keys.contains("0.5"), "{name}: {keys}");
    }
}

#[test]
fn segments_play_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = Job::new(fixture("frame-barcode"), directory.path().join("stream.m3u8"));
    job.capture.mode = CaptureMode::BeginFrame;
    job.size = Some(Size { width: 320, height: 240 });
    job.variables = serde_json::from_str(r#"{"fps":30,"frames":270}"#).unwrap();
    render(&job);
    let playlist = fs::read_to_string(directory.path().join("stream.m3u8")).unwrap();
    assert_eq!(playlist.matches("#EXTINF").count(), 3, "{playlist}");
    assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
    let probed = probe(&directory.path().join("stream.m3u8"));
    assert_eq!(probed["streams"][0]["nb_read_packets"], "270");
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 5, "a playlist, its first part and three segments, and nothing else");
}

#[test]
fn the_same_job_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let mut files: Vec<Vec<Vec<u8>>> = Vec::new();
    for round in 0..2 {
        let mut job = patches(4);
        job.composition = fixture("kinetic-text").into();
        job.capture.workers = Some(1 + round);
        job.size = Some(Size { width: 640, height: 360 });
        let names = ["a.mkv", "a.webm", "b.mp4", "c.mp4", "a.gif", "a.mov", "a.webp"];
        let codecs =
            [None, None, Some(Codec::Hevc), Some(Codec::Av1), None, Some(Codec::Prores), None];
        let paths: Vec<PathBuf> =
            names.iter().map(|name| directory.path().join(format!("{round}-{name}"))).collect();
        job.outputs = paths
            .iter()
            .zip(codecs)
            .map(|(path, codec)| Output {
                output: path.clone(),
                format: None,
                at: None,
                video: Video { codec, ..Video::default() },
                audio: pagereel::job::Audio::default(),
            })
            .collect();
        render(&job);
        files.push(paths.iter().map(|path| fs::read(path).unwrap()).collect());
    }
    for (i, (a, b)) in files[0].iter().zip(&files[1]).enumerate() {
        assert!(a == b, "output {i} differs between one session and two");
    }
}

#[test]
fn a_pipe_gets_what_a_file_would() {
    for (format, frames) in [("webm", "6"), ("mp4", "6"), ("mkv", "6"), ("y4m", "6")] {
        let mut child = pagereel()
            .arg(fixture("color-patches"))
            .args([
                "--frames",
                "0..6",
                "--capture",
                "beginFrame",
                "--quiet",
                "-o",
                "-",
                "--format",
                format,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bytes = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
        assert!(child.wait().unwrap().success(), "{format}");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        assert_eq!(probe(file.path())["streams"][0]["nb_read_packets"], frames, "{format}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_render() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = pagereel()
        .env("TMPDIR", temporary.path())
        .arg(fixture("frame-barcode"))
        .args(["--variables", r#"{"fps":30,"frames":20000}"#, "--capture", "beginFrame"])
        .args(["--quiet", "-o", "-", "--format", "y4m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = vec![0; 1 << 20];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut some).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot write standard output"), "{text}");
    assert!(crate::support::browsers_of(temporary.path()).is_empty());
}

#[test]
fn what_cannot_be_written_is_refused_with_what_can() {
    let refused = |change: &dyn Fn(&mut Job)| {
        let mut job = Job::new(fixture("color-patches"), "/tmp/out.mp4");
        change(&mut job);
        job.validate().unwrap_err().to_string()
    };
    let output = |job: &mut Job, name: &str| job.output = Some(name.into());
    #[expect(clippy::type_complexity, reason = "a table")]
    let cases: [(&dyn Fn(&mut Job), &str); 9] = [
        (&|job| job.alpha = true, "field `alpha` must be false for h264 as yuv420p; .webm (vp9)"),
        (
            &|job| {
                output(job, "a.mov");
                job.audio.codec = Some(pagereel::job::AudioCodec::Opus);
            },
            "field `audio.codec` must be one of aac, pcm, alac in .mov (opus: .mp4, .mkv, .webm, .opus)",
        ),
        (
            &|job| {
                output(job, "a.webm");
                job.video.codec = Some(Codec::H264);
            },
            "field `video.codec` must be one of vp9, av1, vp8 in .webm (h264: .mp4, .mov, .mkv",
        ),
        (
            &|job| job.video.pixel_format = Some(CodedFormat::Rgba),
            "field `video.pixelFormat` must be one of yuv420p, yuv422p",
        ),
        (&|job| job.video.two_pass = true, "two passes are for a bitrate"),
        (
            &|job| {
                output(job, "a.mov");
                job.video.codec = Some(Codec::Prores);
                job.video.crf = Some(3.0);
            },
            "prores has no constant quality",
        ),
        (
            &|job| {
                output(job, "a.mov");
                job.video.codec = Some(Codec::Prores);
                job.video.profile = Some("422".into());
            },
            "field `video.profile` must be one of proxy, lt, standard, hq, 4444, 4444xq",
        ),
        (
            &|job| {
                output(job, "a.gif");
                job.audio.codec = Some(pagereel::job::AudioCodec::Aac);
            },
            ".gif has no sound",
        ),
        (&|job| output(job, "a.png"), "pagereel still"),
    ];
    for (change, expected) in cases {
        let error = refused(change);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn hardware_that_is_not_there_is_told_and_made_up_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = patches(3);
    job.output = Some(directory.path().join("a.mp4"));
    job.video.hardware = pagereel::job::Hardware::Nvenc;
    let report = render(&job);
    let warning = report.warnings.iter().find(|w| w.code == "hardware_unavailable");
    assert!(
        warning.unwrap().message.starts_with("libx264 encodes: encoder h264_nvenc"),
        "{warning:?}"
    );
    assert_eq!(probe(&directory.path().join("a.mp4"))["streams"][0]["codec_name"], "h264");
}

#[test]
fn a_directory_with_other_things_in_it_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let frames = directory.path().join("frames");
    let mut job = patches(2);
    job.output = Some(format!("{}/", frames.display()).into());
    render(&job);
    render(&job);
    assert_eq!(fs::read_dir(&frames).unwrap().count(), 2, "its own frames are replaced");
    fs::write(frames.join("notes.txt"), "mine").unwrap();
    let error = Engine::new().render(&job).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(frames.join("notes.txt").exists());
}

#[test]
fn motion_blur_is_light_averaged_over_the_frame() {
    let (_directory, path) = crate::support::page(
        "<!doctype html><style>body{margin:0;background:#fff}@keyframes k{to{transform:translateX(64px)}}
         p{margin:0;width:16px;height:16px;background:#000;animation:k 1s linear}</style>
         <div data-composition-id=a data-width=96 data-height=16 data-duration=0.5 data-fps=8><p></p></div>",
    );
    let mut job = Job::without_output(path);
    job.capture.mode = CaptureMode::BeginFrame;
    job.samples = 4;
    let blurred = captured(&job);
    job.samples = 1;
    job.fps = Some("32".parse().unwrap());
    let moments = captured(&job);
    assert_eq!((blurred.len(), moments.len()), (4, 16));
    let light = |code: u8| {
        let code = f64::from(code) / 255.0;
        if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
    };
    for (frame, moments) in blurred.iter().zip(moments.chunks(4)) {
        let (frame, moments): (_, Vec<_>) = (rgb(frame), moments.iter().map(|m| rgb(m)).collect());
        for (at, &code) in frame.iter().enumerate() {
            let wanted = moments.iter().map(|moment| light(moment[at])).sum::<f64>() / 4.0;
            let half = (light(code.saturating_add(1)) - light(code.saturating_sub(1))) / 2.0;
            assert!((light(code) - wanted).abs() <= half + 1e-4, "{at}: {code}, light {wanted}");
        }
        assert!(frame.iter().any(|&code| (150..250).contains(&code)), "there is something between");
    }
}

#[test]
fn an_encoder_that_is_not_built_in_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = patches(1);
    job.output = Some(directory.path().join("a.mp4"));
    let mut plan = plan(&job);
    plan.outputs[0].video.encoder = "libnope".into();
    let error = Engine::new().file_sink(plan, &CancelToken::new()).err().unwrap();
    assert_eq!(error.to_string(), "no encoder `libnope` in the linked libavcodec");
    assert_eq!(error.exit_code(), 3);
}
