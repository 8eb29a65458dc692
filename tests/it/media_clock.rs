//! Pictures and sound of one file on one clock, and files whose time begins again or breaks off.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pagereel::{Job, Picture};

use crate::sound::{RATE, assert_times, clicks, composition, heard, onsets, output, wav};
use crate::support::{judge, pictures, render};

/// Height of a video on the test's pages; its width is 64.
const HEIGHT: usize = 8;

/// A source of numbered pictures: eight bars, the lowest bit at the left.
fn bars(rate: &str, count: u32, first: u32) -> Vec<String> {
    let bars = format!(
        "nullsrc=s=64x16:r={rate},geq=lum='if(mod(floor((N+{first})/pow(2,floor(X/8))),2),235,16)'\
         :cb=128:cr=128,trim=end_frame={count}"
    );
    ["-y", "-f", "lavfi", "-i", &bars].map(str::to_owned).to_vec()
}

/// Makes a video of numbered pictures with the sound of `c.wav`.
fn make(directory: &Path, name: &str, (rate, count, first): (&str, u32, u32), codec: &[&str]) {
    let sound = directory.join("c.wav");
    let path = directory.join(name);
    let input = bars(rate, count, first);
    let mut all: Vec<&str> = input.iter().map(String::as_str).collect();
    all.extend(["-i", sound.to_str().unwrap(), "-pix_fmt", "yuv420p"]);
    all.extend(codec);
    all.push(path.to_str().unwrap());
    judge("ffmpeg", &all);
}

/// The number that the video in this row shows; `None` where its bars are gray.
fn number(picture: &Picture, row: usize) -> Option<u32> {
    let bytes = picture.format.bytes_per_pixel();
    let bit = |bit: usize| {
        let at = (row * HEIGHT + HEIGHT / 2) * picture.stride() + (bit * 8 + 4) * bytes;
        let [_, green, _] = picture.format.rgb(&picture.data[at..][..bytes]);
        match green {
            0..80 => Some(0),
            176.. => Some(1 << bit),
            _ => None,
        }
    };
    (0..8).map(bit).sum()
}

/// A page that shows these files one above the other, and plays each at its time.
fn page(directory: &Path, rate: &str, secs: f64, files: &[&str], sound: bool) -> Job {
    let mut elements = String::new();
    for (row, file) in files.iter().enumerate() {
        let top = row * HEIGHT;
        write!(
            elements,
            "<video src='{file}' muted data-start=0 style='position:absolute;left:0;top:{top}px;\
             width:64px;height:{HEIGHT}px;object-fit:fill'></video>"
        )
        .unwrap();
        if sound {
            let at = row as f64 * secs;
            write!(elements, "<audio src='{file}' data-start='{at}'></audio>").unwrap();
        }
    }
    let length = if sound { secs * files.len() as f64 } else { secs };
    let html = format!(
        "<body style='margin:0;background:#777'><div data-composition-id=m data-width=64 \
         data-height=96 data-duration='{length}' data-fps='{rate}'>{elements}</div>"
    );
    fs::write(directory.join("in.html"), html).unwrap();
    let mut job = Job::new(directory.join("in.html"), directory.join("in.mov"));
    job.capture.mode = pagereel::job::CaptureMode::BeginFrame;
    job.capture.workers = Some(1);
    job.audio.codec = Some(pagereel::job::AudioCodec::Pcm);
    job
}

/// The numbers that a row shows, frame by frame.
fn row(shown: &[std::sync::Arc<Picture>], row: usize, count: usize) -> Vec<Option<u32>> {
    shown[..count].iter().map(|picture| number(picture, row)).collect()
}

fn counted(count: u32) -> Vec<Option<u32>> {
    (0..count).map(Some).collect()
}

/// Each container of ours, at rates that its ticks fit and at others; Matroska's sound begins below
/// 0 there, as does that of fragmented MP4.
#[test]
fn our_own_files_are_exact_when_they_come_back() {
    for (rate, frames) in [("24000/1001", 24), ("60", 60)] {
        let secs = if frames == 24 { 1.001 } else { 1.0 };
        let (directory, _) = composition(1.0, "");
        let root = directory.path();
        wav(&root.join("c.wav"), RATE, 1, &clicks(1.0, RATE, &[0.25, 0.501, 0.75]));
        let html = format!(
            "<body style='margin:0'><div data-composition-id=m data-width=64 data-height=16 \
             data-duration={secs} data-fps={rate}><canvas id=c width=64 height=16></canvas>\
             <audio src=c.wav data-start=0></audio></div><script>const x = c.getContext('2d');
             (function d() {{ const n = Math.round(performance.now() / 1000 * {rate});
             for (let b = 0; b < 8; b++) {{ x.fillStyle = n >> b & 1 ? '#fff' : '#000';
             x.fillRect(b * 8, 0, 8, 16); }} requestAnimationFrame(d); }})()</script>"
        );
        fs::write(root.join("index.html"), html).unwrap();
        let text = r#"{"composition":"index.html","capture":{"mode":"beginFrame","workers":1},
            "outputs":[{"output":"a.mp4"},{"output":"a.mov"},{"output":"a.mkv"},
            {"output":"a.webm"},{"output":"f.mp4","video":{"fragmented":true}}]}"#;
        fs::write(root.join("job.json"), text).unwrap();
        render(&Job::from_file(root.join("job.json")).unwrap()).unwrap();

        let files = ["a.mp4", "a.mov", "a.mkv", "a.webm", "f.mp4"];
        let job = page(root, rate, secs, &files, true);
        let (report, shown) = pictures(&job);
        assert_eq!(report.warnings, []);
        for (at, file) in files.iter().enumerate() {
            let count = usize::try_from(frames).unwrap();
            assert_eq!(row(&shown, at, count), counted(frames), "{file} at {rate}");
        }
        render(&job).unwrap();
        let found = onsets(&heard(output(&job)));
        assert_eq!(found.len(), 15, "{found:?}");
        for (at, found) in found.chunks(3).enumerate() {
            let expected = [0.25, 0.501, 0.75].map(|click| at as f64 * secs + click);
            let tolerance = 2.01 / f64::from(RATE);
            assert_times(found, &expected, tolerance);
        }
    }
}

/// As newer and as older FFmpeg write it: sound before 0, or pictures and sound moved behind it.
#[test]
fn sound_that_begins_before_zero_moves_no_picture() {
    let (directory, _) = composition(1.0, "");
    let root = directory.path();
    wav(&root.join("c.wav"), RATE, 1, &clicks(1.0, RATE, &[0.25, 0.75]));
    let thirty = ("30", 30, 0);
    let vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-c:a", "libopus"];
    let early = ["-bsf:a", "setts=ts=TS+7", "-avoid_negative_ts", "disabled"];
    make(root, "early.webm", thirty, &[&vp8[..], &early].concat());
    let h264 = ["-c:v", "libx264", "-bf", "2", "-c:a", "aac"];
    let below = ["-avoid_negative_ts", "disabled"];
    make(root, "early.mkv", thirty, &[&h264[..], &below].concat());
    let parts = ["-movflags", "frag_keyframe+empty_moov+delay_moov+default_base_moof"];
    make(root, "early.mp4", thirty, &[&h264[..], &parts].concat());
    make(root, "list.mov", thirty, &h264);
    let files = ["early.webm", "early.mkv", "early.mp4", "list.mov"];
    let job = page(root, "30", 1.0, &files, true);
    let (report, shown) = pictures(&job);
    assert_eq!(report.warnings, []);
    for (at, file) in files.iter().enumerate() {
        assert_eq!(row(&shown, at, 30), counted(30), "{file}");
    }
    render(&job).unwrap();
    let expected: Vec<f64> =
        (0..4).flat_map(|at| [0.25, 0.75].map(|click| f64::from(at) + click)).collect();
    assert_times(&onsets(&heard(output(&job))), &expected, 0.0011);
}

/// Time begins again in the middle of the one; the other has no times at every third picture.
#[test]
fn joined_and_program_streams_are_shown_and_heard_whole() {
    let (directory, _) = composition(1.0, "");
    let root = directory.path();
    wav(&root.join("c.wav"), RATE, 1, &clicks(1.0, RATE, &[0.5]));
    let h264 = ["-c:v", "libx264", "-bf", "2", "-g", "15", "-c:a", "mp2", "-b:a", "192k"];
    make(root, "a.ts", ("30", 30, 0), &h264);
    make(root, "b.ts", ("30", 30, 100), &h264);
    let mpeg2 = ["-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-c:a", "mp2", "-f", "vob"];
    make(root, "dvd.mpg", ("25", 50, 0), &mpeg2);
    let joined = ["a.ts", "b.ts", "a.ts"].map(|part| fs::read(root.join(part)).unwrap()).concat();
    fs::write(root.join("joined.ts"), joined).unwrap();
    let job = page(root, "30", 3.1, &["joined.ts"], true);
    let (report, shown) = pictures(&job);
    assert_eq!(report.warnings, []);
    let found: Vec<_> = row(&shown, 0, 93).into_iter().flatten().collect();
    let mut distinct = found.clone();
    distinct.dedup();
    let expected: Vec<u32> = (0..30).chain(100..130).chain(0..30).collect();
    assert_eq!(distinct, expected, "all of {found:?}");
    // Also where a reader is sent there.
    let wanted = [45, 10, 75, 44];
    let apart = crate::support::stills(&job, &wanted);
    let one = crate::support::digests(&job, 1);
    assert_eq!(apart, wanted.map(|n: u64| one[usize::try_from(n).unwrap()]));
    render(&job).unwrap();
    assert_times(&onsets(&heard(output(&job))), &[0.5, 1.5, 2.5], 0.06);

    let job = page(root, "25", 2.0, &["dvd.mpg"], false);
    let (report, shown) = pictures(&job);
    assert_eq!(report.warnings, []);
    let mut found: Vec<_> = row(&shown, 0, 50).into_iter().flatten().collect();
    found.dedup();
    // Its sound begins a picture earlier.
    assert!(found.len() >= 49 && found.iter().copied().eq(0..u32::try_from(found.len()).unwrap()));
}

/// A download that broke off: what is there is shown, and from when on nothing is, is told.
#[test]
fn what_was_cut_off_is_told_before_the_first_frame() {
    let (directory, _) = composition(1.0, "");
    let root = directory.path();
    wav(&root.join("c.wav"), RATE, 1, &clicks(2.0, RATE, &[0.5]));
    let h264 = ["-c:v", "libx264", "-bf", "2", "-g", "15", "-c:a", "aac"];
    make(root, "whole.mp4", ("30", 60, 0), &[&h264[..], &["-movflags", "+faststart"]].concat());
    make(root, "whole.mkv", ("30", 60, 0), &h264);
    make(root, "whole.avi", ("30", 60, 0), &["-c:v", "mjpeg", "-c:a", "pcm_s16le"]);
    for ending in ["mp4", "mkv", "avi"] {
        let bytes = fs::read(root.join(format!("whole.{ending}"))).unwrap();
        // Of MP4 its index must be whole.
        let media = bytes.windows(4).position(|name| name == b"mdat").unwrap_or_default();
        let end = media + (bytes.len() - media) * 6 / 10;
        fs::write(root.join(format!("cut.{ending}")), &bytes[..end]).unwrap();
    }
    let cut = ["cut.mp4", "cut.mkv", "cut.avi"];
    let mut job = page(root, "5", 2.0, &cut, false);
    let (report, shown) = pictures(&job);
    for (at, file) in cut.iter().enumerate() {
        let mut told = report.warnings.iter().filter(|w| w.code == "video_damaged");
        let told = told.find(|w| w.message.starts_with(&format!("{file} was cut off")));
        let told = told.unwrap_or_else(|| panic!("nothing about {file}: {:?}", report.warnings));
        let from = told.message.split("missing from ").nth(1).unwrap().split(' ').next().unwrap();
        let from: f64 = from.parse().unwrap();
        assert!((0.2..1.6).contains(&from), "{}", told.message);
        let numbers = row(&shown, at, 10);
        for (frame, number) in numbers.iter().enumerate() {
            let number = f64::from(number.unwrap()) / 30.0;
            let expected = (frame as f64 / 5.0).min(from);
            assert!((number - expected).abs() < 0.15, "{file}: {numbers:?}, cut at {from}");
        }
    }
    assert_eq!(report.warnings.len(), 3, "{:?}", report.warnings);
    job.strict = true;
    let refused = render(&job).unwrap_err().to_string();
    assert!(refused.contains("cut.mp4 was cut off") && !output(&job).exists(), "{refused}");
    // What is not shown may be missing, and whole files promise nothing that they lack.
    let mut job = page(root, "5", 0.2, &cut, false);
    job.strict = true;
    render(&job).unwrap();
    let mut job = page(root, "5", 2.0, &["whole.mp4", "whole.mkv", "whole.avi"], false);
    job.strict = true;
    render(&job).unwrap();
}

/// A recorder's file says nothing of its length: pictures and sound go round together all the same.
#[test]
fn a_loop_without_a_length_is_as_long_for_the_ear_as_for_the_eye() {
    let (directory, _) = composition(1.0, "");
    let root = directory.path();
    wav(&root.join("c.wav"), RATE, 1, &clicks(0.5, RATE, &[0.25]));
    let vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-c:a", "libopus"];
    let live = ["-live", "1", "-f", "webm", "-avoid_negative_ts", "disabled"];
    make(root, "live.webm", ("30", 30, 0), &[&vp8[..], &live].concat());
    let job = page(root, "30", 2.5, &["live.webm"], false);
    let html = fs::read_to_string(root.join("in.html")).unwrap();
    let html = html.replace("muted data-start=0", "loop data-start=0 data-duration=2.5");
    fs::write(root.join("in.html"), html).unwrap();
    let (report, shown) = pictures(&job);
    assert_eq!(report.warnings, []);
    let expected: Vec<_> = (0..75).map(|n| Some(n % 30)).collect();
    assert_eq!(row(&shown, 0, 75), expected);
    render(&job).unwrap();
    assert_times(&onsets(&heard(output(&job))), &[0.25, 1.25, 2.25], 0.008);
}
