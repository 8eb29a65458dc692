//! Pictures of videos in their own shape: mirrored, turned, in sizes that change, of any width.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pagereel::job::ColorMode;
use pagereel::plan::Route;
use pagereel::{Job, Picture};
use tempfile::TempDir;

use crate::hdr;
use crate::players_media::{notebook, noted};
use crate::support::{cheaply, digests, judge, page, pictures, stills};

/// What a display matrix does, and what is then seen at the upper left, upper right, lower left and
/// lower right, where the coded picture has red, green, blue and white.
const MATRICES: [(&str, [i32; 4], &str); 10] = [
    ("as it is", [1, 0, 0, 1], "rgbw"),
    ("a quarter turn clockwise", [0, 1, -1, 0], "brwg"),
    ("a half turn", [-1, 0, 0, -1], "wbgr"),
    ("a quarter turn counterclockwise", [0, -1, 1, 0], "gwrb"),
    ("left and right", [-1, 0, 0, 1], "grwb"),
    ("above and below", [1, 0, 0, -1], "bwrg"),
    ("over the diagonal", [0, 1, 1, 0], "rbgw"),
    ("over the other diagonal", [0, -1, -1, 0], "wgbr"),
    ("left and right, twice as large", [-2, 0, 0, 2], "grwb"),
    ("askew, which Chrome shows as it is", [1, 1, -1, 1], "rgbw"),
];

/// Makes a video of four colors of `width` by `height` pixels.
fn quadrants(path: &Path, (width, height): (u32, u32), more: &[&str]) {
    let (x, y) = (width / 2, height / 2);
    let source = format!(
        "color=red:s={width}x{height}:r=30:d=0.2,format=rgb24,drawbox={x}:0:{x}:{y}:lime:fill,\
         drawbox=0:{y}:{x}:{y}:blue:fill,drawbox={x}:{y}:{x}:{y}:white:fill"
    );
    let file = ["-y", path.to_str().unwrap()];
    judge("ffmpeg", &[&["-f", "lavfi", "-i", &source], more, &file].concat());
}

/// Writes another display matrix into a file with one track.
fn put_matrix(path: &Path, matrix: [i32; 4]) {
    let mut data = fs::read(path).unwrap();
    let at = data.windows(4).position(|four| four == b"tkhd").unwrap() + 4 + 40;
    let [a, b, c, d] = matrix.map(|n| n << 16);
    let numbers = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
    data[at..at + 36].copy_from_slice(&numbers.map(i32::to_be_bytes).concat());
    fs::write(path, data).unwrap();
}

/// A word for a color.
fn color(rgb: [u8; 3]) -> char {
    match rgb.map(|code| code > 100) {
        [true, false, false] => 'r',
        [false, true, false] => 'g',
        [false, false, true] => 'b',
        [true, true, true] => 'w',
        [false, false, false] => '.',
        _ => '?',
    }
}

fn at(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let bytes = picture.format.bytes_per_pixel();
    let at = y * picture.stride() + x * bytes;
    picture.format.rgb(&picture.data[at..at + bytes])
}

/// The colors of the quarters of a box.
fn corners(picture: &Picture, [x, y, width, height]: [usize; 4]) -> String {
    let places = [(1, 1), (3, 1), (1, 3), (3, 3)];
    places.map(|(u, v)| color(at(picture, x + u * width / 4, y + v * height / 4))).iter().collect()
}

#[test]
fn mirrors_are_shown_as_chrome_shows_them() {
    // A style sheet that names what mixing cannot do has Chrome draw all videos.
    let by_chrome = "<style>#nobody { mix-blend-mode: multiply }</style>";
    for (more, route) in [("", Route::Layered), (by_chrome, Route::Stream)] {
        let mut videos = String::new();
        for (n, (_, [a, ..], _)) in MATRICES.iter().enumerate() {
            let (left, top) = (n % 5 * 60, n / 5 * 60);
            // Where Chrome draws them, they have their own sizes.
            let size = match (route, a) {
                (Route::Stream, _) => "",
                (_, 0) => "width:32px;height:48px",
                _ => "width:48px;height:32px",
            };
            let style = format!("left:{left}px;top:{top}px;{size}");
            write!(videos, "<video src={n}.mp4 data-start=0 style='{style}'></video>").unwrap();
        }
        let sizes = "<script>requestAnimationFrame(() => note([...document.querySelectorAll('video')]\
                     .map(v => v.videoWidth + 'x' + v.videoHeight)))</script>";
        let (directory, path) = page(&format!(
            "<!doctype html><style>body {{ margin: 0; background: #000 }} video {{ position: \
             absolute }}</style>{more}<div data-composition-id=m data-width=300 data-height=120 \
             data-fps=10 data-duration=.3>{videos}{}{sizes}</div>",
            notebook(3)
        ));
        for (n, (_, matrix, _)) in MATRICES.iter().enumerate() {
            let path = directory.path().join(format!("{n}.mp4"));
            quadrants(&path, (48, 32), &["-c:v", "libx264", "-pix_fmt", "yuv444p"]);
            put_matrix(&path, *matrix);
        }
        let (report, shown) = pictures(&cheaply(&Job::without_output(path)));
        assert_eq!(report.plan.route, route);
        let mut sizes = Vec::new();
        for (n, (name, [a, ..], expected)) in MATRICES.iter().enumerate() {
            let (left, top) = (n % 5 * 60, n / 5 * 60);
            let (width, height) = if *a == 0 { (32, 48) } else { (48, 32) };
            let seen = corners(&shown[1], [left, top, width, height]);
            assert_eq!(seen, *expected, "{route:?}, {name}");
            assert_eq!(color(at(&shown[1], left + width, top + 2)), '.', "{name}: too wide");
            assert_eq!(color(at(&shown[1], left + 2, top + height)), '.', "{name}: too high");
            sizes.push(format!("{width}x{height}"));
        }
        assert_eq!(noted(&report), sizes.join(","));
    }
}

#[test]
fn mirrors_of_hdr() {
    let lights = [[400.0, 0.0, 0.0], [0.0, 400.0, 0.0], [0.0, 0.0, 400.0], [400.0; 3]];
    for (name, matrix, expected) in [MATRICES[4], MATRICES[5], MATRICES[6], MATRICES[1]] {
        let directory = hdr::page((48, 48), 1, "<video src=v.mov data-start=0 muted></video>");
        let path = directory.path().join("v.mov");
        hdr::source(&path, (48, 32, 2), hdr::Curve::Pq, |_, x, y| lights[x / 24 + y / 16 * 2]);
        put_matrix(&path, matrix);
        let (frames, report) = hdr::rendered(&hdr::job(&directory, ColorMode::Hdr10)).unwrap();
        assert_eq!(report.plan.route, Route::Layered);
        let (width, height) = if matrix[0] == 0 { (32, 48) } else { (48, 32) };
        let seen: String = [(1, 1), (3, 1), (1, 3), (3, 3)]
            .map(|(u, v)| hdr::codes_at(&frames[0], u * width / 4, v * height / 4))
            .map(|codes| color(codes.map(|code| if code > 20_000 { 255 } else { 0 })))
            .iter()
            .collect();
        assert_eq!(seen, expected, "{name}");
    }
}

/// A stream of one second each of a red picture of 64x36, a green one of 36x64 and a blue one of 32x18,
/// each with a white square in its middle.
fn changing(directory: &Path, file: &str, codec: &str) -> String {
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let muxed = if codec == "libvpx" { "ivf" } else { "h264" };
    let mut parts = Vec::new();
    for (color, width, height) in [("red", 64, 36), ("lime", 36, 64), ("blue", 32, 18)] {
        let source = format!(
            "color={color}:s={width}x{height}:r=10:d=1,drawbox={}:{}:12:12:white:fill",
            width / 2 - 6,
            height / 2 - 6
        );
        let part = path(&format!("{color}.{muxed}"));
        let arguments = ["-y", "-f", "lavfi", "-i", &source, "-c:v", codec, "-g", "5", "-crf", "4"];
        let more = ["-b:v", "1M", "-pix_fmt", "yuv420p", "-f", muxed, &part];
        // Without B-frames, so that a raw stream can be copied.
        let speed: &[&str] = if muxed == "h264" { &["-preset", "ultrafast"] } else { &[] };
        judge("ffmpeg", &[&arguments[..], speed, &more].concat());
        parts.push(fs::read(&part).unwrap());
    }
    let mut stream = parts[0].clone();
    if muxed == "ivf" {
        // Head, then size and number in front of each picture.
        stream = parts[0][..32].to_vec();
        stream[24..28].copy_from_slice(&30_u32.to_le_bytes());
        let mut number = 0_u64;
        for mut part in parts.iter().map(|part| &part[32..]) {
            while !part.is_empty() {
                let length = u32::from_le_bytes(part[..4].try_into().unwrap()) as usize + 12;
                stream.extend_from_slice(&part[..4]);
                stream.extend_from_slice(&number.to_le_bytes());
                stream.extend_from_slice(&part[12..length]);
                (part, number) = (&part[length..], number + 1);
            }
        }
    } else {
        stream.extend(parts[1..].concat());
    }
    let all = path(&format!("all.{muxed}"));
    fs::write(&all, stream).unwrap();
    let rate: &[&str] = if muxed == "h264" { &["-r", "10"] } else { &[] };
    let arguments = ["-i", &all, "-c", "copy", "-y", &path(file)].map(ToOwned::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    judge("ffmpeg", &[rate, &arguments].concat());
    format!("<video src={file} muted data-start=0></video>")
}

fn changing_page(more: &str) -> (TempDir, Job) {
    let directory = tempfile::tempdir().unwrap();
    let webm = changing(directory.path(), "all.webm", "libvpx");
    let ts = changing(directory.path(), "all.ts", "libx264");
    let html = format!(
        "<!doctype html><style>body {{ margin: 0; background: #000 }} video {{ position: absolute; \
         width: 64px; height: 36px; left: 0; top: 0; object-fit: contain }} video ~ video {{ left: \
         64px }} video ~ video ~ video {{ left: 128px; width: auto; height: auto; object-fit: fill \
         }}</style><div data-composition-id=m data-width=192 data-height=64 data-fps=10 \
         data-duration=3>{webm}{ts}{webm}{more}</div>"
    );
    let path = directory.path().join("index.html");
    fs::write(&path, html).unwrap();
    let job = cheaply(&Job::new(path, "unused.mp4"));
    (directory, job)
}

#[test]
fn each_picture_has_its_own_size() {
    let script = "<script>const v = document.querySelector('video');
        const size = () => note(v.videoWidth + 'x' + v.videoHeight + '@' + Math.round(performance.now()));
        v.addEventListener('resize', size); v.addEventListener('loadedmetadata', size)</script>";
    let (_directory, job) = changing_page(&format!("{}{script}", notebook(84)));
    let (report, shown) = pictures(&job);
    assert_eq!(noted(&report), "64x36@0 64x36@0 36x64@1000 32x18@2000");
    assert_eq!(shown.len(), 30);
    for (n, picture) in shown.iter().enumerate() {
        for left in [0, 64] {
            let seen = |x: usize, y: usize| color(at(picture, left + x, y));
            let row: String = [2, 18, 32, 46, 62].map(|x| seen(x, 18)).iter().collect();
            let column: String = [0, 2, 18, 33, 35].map(|y| seen(32, y)).iter().collect();
            let expected = match n {
                0..10 => ("rrwrr", "rrwrr"),
                // Between bars, as Chrome has it: 20 of 64 pixels wide.
                10..20 => ("..w..", "ggwgg"),
                _ => ("bbwbb", "bbwbb"),
            };
            assert_eq!((&*row, &*column), expected, "frame {n}, {left}");
        }
        // One whose box is that of its pictures.
        let seen = |x: usize, y: usize| color(at(picture, 128 + x, y));
        let (width, height, expected) = match n {
            0..10 => (64, 36, 'r'),
            10..20 => (36, 64, 'g'),
            _ => (32, 18, 'b'),
        };
        assert_eq!(seen(width - 1, height - 1), expected, "frame {n}");
        assert!(width == 64 || seen(width, 2) == '.', "frame {n} is too wide");
        assert!(height == 64 || seen(2, height) == '.', "frame {n} is too high");
    }
}

#[test]
fn sessions_agree_on_sizes() {
    let (_directory, job) = changing_page("");
    let one = digests(&job, 1);
    assert_eq!(one, digests(&job, 3), "by three sessions");
    let apart = stills(&job, &[25, 4, 14]);
    assert_eq!(apart, [25, 4, 14].map(|n: usize| one[n]), "as single pictures");
}

#[test]
fn any_width_is_shown_to_its_last_column() {
    // libswscale leaves out a last block of eight pixels for which a row has no room.
    for width in [36, 42, 47] {
        let (directory, path) = page(&format!(
            "<!doctype html><style>body {{ margin: 0; background: #000 }}</style><div \
             data-composition-id=m data-width=64 data-height=36 data-fps=10 data-duration=.6>\
             <video src=v.mp4 data-start=0 muted style='position:absolute;width:{width}px;\
             height:24px;transform:rotate(0deg)'></video></div>"
        ));
        let part = |color| format!("color={color}:s={width}x24:r=10:d=0.3,format=yuv444p");
        let source = format!("{}[a];{}[b];[a][b]concat", part("red"), part("lime"));
        let file = directory.path().join("v.mp4");
        let format = if width % 2 == 0 { "yuv420p" } else { "yuv444p" };
        let codec = ["-c:v", "libx264", "-pix_fmt", format, file.to_str().unwrap()];
        judge("ffmpeg", &[&["-f", "lavfi", "-i", &source][..], &codec].concat());
        let (_, shown) = pictures(&cheaply(&Job::new(path, "unused.mp4")));
        for (n, picture) in shown.iter().enumerate() {
            let row: String = (0..=width).map(|x| color(at(picture, x, 12))).collect();
            let of = if n < 3 { "r" } else { "g" };
            assert_eq!(row, of.repeat(width) + ".", "frame {n} of {width} columns");
        }
    }
}

#[test]
fn pixels_that_are_not_square() {
    for (aspect, width, height) in [("4/3", 64, 36), ("1/2", 48, 72)] {
        let (directory, path) = page(&format!(
            "<!doctype html><style>body {{ margin: 0; background: #000 }}</style><div \
             data-composition-id=m data-width=96 data-height=96 data-fps=10 data-duration=.1>\
             {}<video src=v.mp4 data-start=0 muted style='position:absolute'></video></div>",
            ""
        ));
        let file = directory.path().join("v.mp4");
        let filter = format!("setsar={aspect}");
        let more = ["-vf", &filter, "-c:v", "libx264", "-pix_fmt", "yuv420p"];
        quadrants(&file, (48, 36), &more);
        let (_, shown) = pictures(&cheaply(&Job::new(path, "unused.mp4")));
        assert_eq!(corners(&shown[0], [0, 0, width, height]), "rgbw", "{aspect}");
        let seen = |x: usize, y: usize| color(at(&shown[0], x, y));
        assert_eq!((seen(width - 1, height - 1), seen(width, 2), seen(2, height)), ('w', '.', '.'));
    }
}

#[test]
fn grays_and_colors_keep_their_level_at_any_depth() {
    for format in ["yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p", "yuv411p", "nv12"] {
        let (directory, path) = page(
            "<!doctype html><style>body { margin: 0 }</style><div data-composition-id=m \
             data-width=64 data-height=32 data-fps=10 data-duration=.1><video src=v.mkv data-start=0 \
             muted style='position:absolute'></video></div>",
        );
        let source = format!(
            "color=0x808080:s=64x32:r=10:d=0.2,format=rgb24,drawbox=32:0:32:32:0x20c040:fill,\
             format={format}"
        );
        let file = directory.path().join("v.mkv");
        // Without loss.
        let codec: &[&str] =
            if format == "nv12" { &["-c:v", "rawvideo"] } else { &["-c:v", "ffv1"] };
        let file = ["-pix_fmt", format, file.to_str().unwrap()];
        judge("ffmpeg", &[&["-f", "lavfi", "-i", &source], codec, &file].concat());
        let (_, shown) = pictures(&cheaply(&Job::without_output(path)));
        for (x, expected, most) in [(12, [0x80; 3], 0), (52, [0x20, 0xc0, 0x40], 2)] {
            let seen = at(&shown[0], x, 16);
            let off = (0..3).map(|c| seen[c].abs_diff(expected[c])).max().unwrap();
            assert!(off <= most, "{format}: {seen:x?} instead of {expected:x?}");
        }
    }
}

#[test]
fn videos_are_as_bright_as_their_codes() {
    const FORMATS: [(&str, &str); 6] = [
        ("yuv420p", "tv"),
        ("yuv420p", "pc"),
        ("yuv422p", "tv"),
        ("yuv444p", "tv"),
        ("nv12", "tv"),
        ("yuv420p10le", "tv"),
    ];
    // A style sheet that names what mixing cannot do has Chrome draw all videos.
    let by_chrome = "<style>#nobody { mix-blend-mode: multiply }</style>";
    for (more, route) in [("", Route::Layered), (by_chrome, Route::Stream)] {
        for (format, range) in FORMATS {
            let (directory, path) = page(&format!(
                "<!doctype html><style>body {{ margin: 0 }} video {{ position: absolute; left: 0; top: 0; \
                 width: 320px; height: 180px }}</style>{more}<div data-composition-id=m \
                 data-width=320 data-height=180 data-fps=10 data-duration=.1>\
                 <video src=v.mkv data-start=0 muted></video></div>"
            ));
            let file = directory.path().join("v.mkv");
            let file = file.to_str().unwrap();
            // Colors that lie between the levels of RGB, as those of a camera do.
            let source = format!("testsrc2=s=320x180:r=10:d=0.1,gblur=4,format={format}");
            let tags = ["-color_range", range, "-colorspace", "bt709", "-c:v", "ffv1", "-y", file];
            judge("ffmpeg", &[&["-f", "lavfi", "-i", &source], &tags[..]].concat());
            let exact = "scale=in_color_matrix=bt709:flags=neighbor+accurate_rnd+full_chroma_int,\
                         format=rgb24";
            let rgb = ["-i", file, "-vf", exact, "-f", "rawvideo", "-"];
            let wanted = judge("ffmpeg", &rgb);
            let (report, shown) = pictures(&cheaply(&Job::without_output(path)));
            assert_eq!(report.plan.route, route);
            let mut off = [0.0; 3];
            for (n, wanted) in wanted.as_chunks::<3>().0.iter().enumerate() {
                let got = at(&shown[0], n % 320, n / 320);
                for (off, (got, wanted)) in off.iter_mut().zip(got.iter().zip(wanted)) {
                    *off += f64::from(*got) - f64::from(*wanted);
                }
            }
            let off = off.map(|sum| sum / (320.0 * 180.0));
            assert!(off.iter().all(|off| off.abs() < 0.2), "{format} {range} {route:?}: {off:?}");
        }
    }
}
