//! Interlaced videos: each field has its moment, and no frame shows two of them.

use std::path::Path;

use pagereel::job::ColorMode;
use pagereel::{Job, Picture};
use tempfile::TempDir;

use crate::hdr;
use crate::support::{cheaply, digests, judge, page, pictures, stills};

const WIDTH: usize = 96;
const HEIGHT: usize = 64;

/// Makes a second of 50 fields of gray that moves, the top ones first or the bottom ones, with `format`
/// and `codec` of ffmpeg's.
fn fields(path: &Path, format: &str, is_top_first: bool, codec: &[&str]) {
    let (mode, top) = if is_top_first { ("top", "1") } else { ("bottom", "0") };
    let source = format!(
        "testsrc2=s={WIDTH}x{HEIGHT}:r=50:d=1,hue=s=0,format={format},tinterlace=mode=interleave_{mode}"
    );
    let flags = ["-flags", "+ildct+ilme", "-top", top, "-pix_fmt", format, path.to_str().unwrap()];
    judge("ffmpeg", &[&["-f", "lavfi", "-i", &source][..], codec, &flags].concat());
}

/// A page of `rate` frames per second that shows `v.` with this extension.
fn showing(extension: &str, rate: u32) -> (TempDir, Job) {
    let (directory, path) = page(&format!(
        "<!doctype html><style>body {{ margin: 0 }}</style><div data-composition-id=m \
         data-width={WIDTH} data-height={HEIGHT} data-fps={rate} data-duration=1><video \
         src=v.{extension} data-start=0 muted style='position:absolute;width:{WIDTH}px;\
         height:{HEIGHT}px'></video></div>"
    ));
    (directory, cheaply(&Job::without_output(path)))
}

/// What an independent deinterlacer makes of a file, one picture of RGB per field.
fn judged(file: &Path, is_deep: bool) -> Vec<Vec<u8>> {
    converted(file, "bwdif=mode=send_field:deint=interlaced", is_deep)
}

/// A file's pictures in RGB. Without tags they are of BT.601, as small videos are.
fn converted(file: &Path, filter: &str, is_deep: bool) -> Vec<Vec<u8>> {
    let arguments = ["-i", file.to_str().unwrap(), "-map", "0:v", "-vf", filter];
    // Without these it is up to a level and a half too dark. Chroma of 8 bits goes to the pixels that
    // it was made from.
    let chroma = if is_deep { "bilinear" } else { "neighbor" };
    let exact = ["-sws_flags", &format!("{chroma}+accurate_rnd+full_chroma_int")];
    let raw = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let raw = judge("ffmpeg", &[&arguments[..], &exact, &raw].concat());
    raw.chunks_exact(WIDTH * HEIGHT * 3).map(<[u8]>::to_vec).collect()
}

fn colors(picture: &Picture) -> Vec<u8> {
    let bytes = picture.format.bytes_per_pixel();
    picture.data.chunks_exact(bytes).flat_map(|pixel| picture.format.rgb(pixel)).collect()
}

/// How far two pictures are apart, on average.
fn apart(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn each_field_is_shown_at_its_moment() {
    const X264: &[&str] = &["-c:v", "libx264", "-qp", "4", "-g", "10"];
    const MPEG2: &[&str] = &["-c:v", "mpeg2video", "-q:v", "2", "-bf", "2"];
    const PRORES: &[&str] = &["-c:v", "prores_ks"];
    for (extension, format, is_top_first, codec) in [
        ("mp4", "yuv420p", true, X264),
        ("mkv", "yuv420p", false, X264),
        ("ts", "yuv422p", true, MPEG2),
        ("mpg", "yuv420p", false, &["-c:v", "mpeg2video", "-q:v", "2"]),
        ("mov", "yuv422p10le", false, PRORES),
    ] {
        let (directory, job) = showing(extension, 50);
        let file = directory.path().join(format!("v.{extension}"));
        fields(&file, format, is_top_first, codec);
        let expected = judged(&file, format.contains("10"));
        let (report, shown) = pictures(&job);
        assert!(report.warnings.is_empty(), "{extension}: {:?}", report.warnings);
        assert_eq!((expected.len(), shown.len()), (50, 50), "{extension}");
        for (n, (shown, expected)) in shown.iter().zip(&expected).enumerate().take(46) {
            // The first lacks a neighbor, which the two take differently.
            let most = if n == 0 { 6.0 } else { 0.5 };
            let off = apart(&colors(shown), expected);
            assert!(off < most, "{extension}, field {n} is off by {off} on average");
        }
        let moved = apart(&expected[20], &expected[21]);
        assert!(moved > 1.5, "{extension}: fields are too much alike: {moved}");
    }
}

#[test]
fn a_page_of_half_the_rate_shows_the_first_fields() {
    let (directory, job) = showing("mp4", 25);
    let file = directory.path().join("v.mp4");
    fields(&file, "yuv420p", true, &["-c:v", "libx264", "-qp", "4"]);
    let expected = judged(&file, false);
    let (_, shown) = pictures(&job);
    assert_eq!(shown.len(), 25);
    for (n, shown) in shown.iter().enumerate().skip(1) {
        let off = apart(&colors(shown), &expected[2 * n]);
        assert!(off < 0.5, "frame {n} is off by {off}");
    }
}

#[test]
fn sessions_and_order_do_not_change_fields() {
    let (directory, job) = showing("ts", 50);
    let file = directory.path().join("v.ts");
    fields(&file, "yuv420p", true, &["-c:v", "mpeg2video", "-q:v", "2", "-bf", "2"]);
    let one = digests(&job, 1);
    assert_eq!(one, digests(&job, 3), "by three sessions");
    let wanted = [43, 7, 8, 31, 0, 49];
    let expected = wanted.map(|n: u64| one[usize::try_from(n).unwrap()]);
    assert_eq!(stills(&job, &wanted), expected, "as single pictures");
}

#[test]
fn whole_frames_in_interlaced_files_stay_as_they_are() {
    let (directory, job) = showing("mp4", 25);
    let file = directory.path().join("v.mp4");
    let source = format!("testsrc2=s={WIDTH}x{HEIGHT}:r=25:d=1,hue=s=0,format=yuv420p");
    // The stream says that it may have fields, and each picture that it has none.
    let codec = ["-c:v", "libx264", "-qp", "4", "-x264-params", "fake-interlaced=1:pic-struct=1"];
    let more = ["-pix_fmt", "yuv420p", file.to_str().unwrap()];
    judge("ffmpeg", &[&["-f", "lavfi", "-i", &source][..], &codec, &more].concat());
    let (_, shown) = pictures(&job);
    for (n, (shown, expected)) in shown.iter().zip(converted(&file, "null", false)).enumerate() {
        let off = apart(&colors(shown), &expected);
        assert!(off < 0.5, "frame {n} is off by {off}");
    }
}

#[test]
fn films_in_streams_that_are_called_interlaced_stay_whole() {
    const X264: &[&str] = &["-c:v", "libx264", "-qp", "4", "-g", "10"];
    for (extension, format, codec) in
        [("mp4", "yuv420p", X264), ("mov", "yuv422p10le", &["-c:v", "prores_ks"])]
    {
        let (directory, job) = showing(extension, 25);
        let file = directory.path().join(format!("v.{extension}"));
        let source = format!(
            "color=gray:s={WIDTH}x{HEIGHT}:r=25:d=1,format={format},geq=lum='60+15*mod(X+2*Y+9*N,12)':cb=0:cr=0,\
             gblur=2,hue=s=0,format={format}"
        );
        let flags = ["-flags", "+ildct+ilme", "-top", "1", "-pix_fmt", format];
        let input = ["-f", "lavfi", "-i", &source];
        judge("ffmpeg", &[&input[..], codec, &flags, &[file.to_str().unwrap()]].concat());
        let told = ["-v", "error", "-show_entries", "frame=interlaced_frame", "-of", "csv=p=0"];
        let told = judge("ffprobe", &[&told[..], &[file.to_str().unwrap()]].concat());
        assert!(told.starts_with(b"1"), "{extension} is not called interlaced");
        let (_, shown) = pictures(&job);
        for (n, (shown, expected)) in shown.iter().zip(converted(&file, "null", false)).enumerate()
        {
            let off = apart(&colors(shown), &expected);
            assert!(off < 0.5, "{extension}: frame {n} is off by {off}");
        }
    }
}

#[test]
fn fields_of_hdr_keep_their_light() {
    let body = "<video src=v.mov data-start=0 muted style='width:64px;height:36px'></video>";
    let directory = hdr::page((64, 36), 12, body);
    let path = directory.path().join("v.mov");
    // Each field is a step brighter than the one before.
    let source = "color=black:s=64x36:r=60:d=0.5,format=yuv422p10le,geq=lum='200+20*N':cb=512:cr=512,\
                  tinterlace=mode=interleave_top";
    let codec = ["-c:v", "prores_ks", "-flags", "+ildct", "-top", "1"];
    let color = "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc";
    let input = ["-f", "lavfi", "-i", source, "-vf", color];
    judge("ffmpeg", &[&input[..], &codec, &[path.to_str().unwrap()]].concat());
    let mut job = hdr::job(&directory, ColorMode::Hdr10);
    job.fps = Some("60".parse().unwrap());
    let (frames, _) = hdr::rendered(&job).unwrap();
    assert_eq!(frames.len(), 24);
    for (n, frame) in frames.iter().enumerate() {
        let code = (200.0 + 20.0 * n as f64 - 64.0) / 876.0 * 65_535.0;
        for y in [0, 1, 17, 18, 35] {
            let [_, green, _] = hdr::codes_at(frame, 31, y);
            let off = (f64::from(green) - code).abs() / 64.0;
            assert!(off < 3.0, "frame {n}, row {y}: {green} instead of {code}");
        }
    }
}
