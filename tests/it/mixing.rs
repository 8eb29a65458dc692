//! Videos that the engine puts into the page's picture are as Chrome would have drawn them.

use std::path::Path;

use pagereel::job::CaptureMode;
use pagereel::plan::Route;
use pagereel::{Job, Picture};
use tempfile::TempDir;

use crate::support::{digests, judge, pagereel, pictures};

/// A style sheet that names what mixing cannot do has Chrome draw all videos.
const BY_CHROME: &str = "<style>#nobody { mix-blend-mode: multiply }</style>";

/// A directory with a moving source of 320x180.
fn workplace() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    make_source(&directory.path().join("source.mp4"), "320x180");
    directory
}

fn make_source(path: &Path, size: &str) {
    let input = format!("testsrc2=size={size}:rate=30:duration=2");
    let arguments = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        &input,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "12",
        "-pix_fmt",
        "yuv420p",
        path.to_str().unwrap(),
    ];
    judge("ffmpeg", &arguments);
}

/// A page of a second around `body`.
fn job(directory: &Path, name: &str, head: &str, body: &str) -> Job {
    let html = format!(
        "<!doctype html>{head}<style>body {{ margin: 0; background: #123 }} video {{ position: \
         absolute; left: 40px; top: 30px; width: 320px; height: 180px }} @keyframes move {{ to {{ \
         transform: translateX(150px) }} }} h1 {{ position: absolute; left: 20px; top: 60px; \
         margin: 0; color: #fff8; font: 700 60px sans-serif; animation: move 1s linear }} .scrim \
         {{ position: absolute; inset: 0; background: linear-gradient(transparent, #000c) }}\
         </style><div data-composition-id=r data-width=480 data-height=270 data-duration=1 \
         style='position:absolute;inset:0'>{body}</div>"
    );
    let path = directory.join(name);
    std::fs::write(&path, html).unwrap();
    let mut job = Job::without_output(path);
    job.capture.mode = CaptureMode::BeginFrame;
    job.capture.workers = Some(1);
    job
}

fn clip(more: &str) -> String {
    format!("<video src=source.mp4 data-start=0 data-duration=1 {more}></video>")
}

/// The most that a code differs, and how many pixels do.
fn difference(a: &Picture, b: &Picture) -> (u8, usize) {
    assert_eq!(a.size, b.size);
    let pixels = |picture: &Picture| -> Vec<[u8; 3]> {
        let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
        pixels.map(|pixel| picture.format.rgb(pixel)).collect()
    };
    let apart = |(a, b): ([u8; 3], [u8; 3])| (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap();
    let apart: Vec<u8> = pixels(a).into_iter().zip(pixels(b)).map(apart).collect();
    (*apart.iter().max().unwrap(), apart.iter().filter(|&&n| n > 0).count())
}

/// Compares all frames with what Chrome draws. `most` is what rounding may do: one level for each
/// layer that lies half transparent over a video.
fn check(body: &str, most: u8, is_mixed: bool, mode: CaptureMode) {
    let directory = workplace();
    let mut ours = job(directory.path(), "ours.html", "", body);
    let mut theirs = job(directory.path(), "theirs.html", BY_CHROME, body);
    (ours.capture.mode, theirs.capture.mode) = (mode, mode);
    let ((ours, made), (theirs, expected)) = (pictures(&ours), pictures(&theirs));
    let route = if is_mixed { Route::Layered } else { Route::Stream };
    assert_eq!((ours.plan.route, theirs.plan.route), (route, Route::Stream), "{body}");
    assert_eq!((made.len(), expected.len()), (30, 30), "{body}");
    let moves = difference(&made[3], &made[20]);
    assert!(moves.1 > 5000, "{body}: nothing moves");
    for (at, (made, expected)) in made.iter().zip(&expected).enumerate() {
        let (apart, pixels) = difference(made, expected);
        assert!(apart <= most, "{body}: frame {at}: {pixels} pixels are up to {apart} apart");
    }
}

#[test]
fn a_video_on_whole_pixels_is_what_chrome_draws() {
    let title = "<h1>Title</h1><div class=scrim></div>";
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        // Nothing over it: the very same pixels.
        check(&clip(""), 0, true, mode);
        check(&format!("{}{title}", clip("")), 2, true, mode);
    }
    let checks = [
        // Its own edges, opacity and clip.
        (clip("style='border-radius:40px;opacity:.7'"), 2),
        (clip("style='clip-path:circle(60px at 100px 90px);border:7px solid #f80'"), 1),
        (clip("style='animation:move 1s steps(10) both'"), 1),
        (clip("style='object-fit:none;object-position:0 0;width:200px;height:100px'"), 1),
        // Partly outside of the frame.
        (clip("style='left:-60px;top:-20px'") + title, 2),
        (clip("style='left:300px;top:200px'"), 1),
        // Four of them, one above the other: two rounds of mattes.
        (
            ["0", "50px", "90px", "120px"]
                .map(|left| clip(&format!("style='left:{left};top:{left};opacity:.6'")))
                .concat(),
            4,
        ),
        // In a composition of its own document's, and in a group.
        (format!("<div style='opacity:.5;transform:translate(10px,20px)'>{}</div>", clip("")), 2),
    ];
    for (body, most) in checks {
        check(&body, most, true, CaptureMode::BeginFrame);
    }
}

/// What cannot be mixed is drawn by Chrome, for as long as it cannot.
#[test]
fn what_does_not_lie_on_pixels_is_drawn_by_chrome() {
    let scaled = "<style>@keyframes grow { 40% { transform: none } to { transform: scale(1.2) \
                  rotate(3deg) } }</style>";
    check(
        &(scaled.to_owned() + &clip("style='animation:grow 1s'")),
        0,
        true,
        CaptureMode::BeginFrame,
    );
    let half = "<style>@keyframes half { to { transform: translateX(33.3px) } }</style>";
    check(
        &(half.to_owned() + &clip("style='animation:half 1s'")),
        0,
        true,
        CaptureMode::BeginFrame,
    );
    for body in [
        clip("style='width:300px'"),
        clip("style='left:40.5px'"),
        clip("style='transform:rotate(180deg)'"),
        clip("style='transform:scaleX(-1)'"),
        format!("<div style='zoom:1.25'>{}</div>", clip("")),
    ] {
        check(&body, 0, false, CaptureMode::BeginFrame);
    }
    // Something begins to take the video's colors.
    let late = "<h1 id=h style='color:#f00'>Title</h1><script>window.__hf = { duration: 1, seek(t) \
                { h.style.mixBlendMode = t > 0.4 ? 'difference' : 'normal' } }</script>";
    check(&(clip("") + late), 2, true, CaptureMode::BeginFrame);
    let filter = "<script>window.__hf = { duration: 1, seek(t) { \
                  document.querySelector('video').style.filter = t > 0.4 ? 'invert(1)' : '' } }\
                  </script>";
    check(&(clip("") + filter), 1, true, CaptureMode::BeginFrame);
}

#[test]
fn sessions_do_not_change_mixed_frames() {
    let directory = workplace();
    let body = clip("") + "<h1>Title</h1>" + &clip("style='left:130px;top:70px;opacity:.5'");
    let job = job(directory.path(), "index.html", "", &body);
    let one = digests(&job, 1);
    assert_eq!(one.len(), 30);
    assert_eq!(digests(&job, 3), one);
    let mut later = job;
    later.frames = Some("17..30".parse().unwrap());
    assert_eq!(digests(&later, 2), one[17..]);
}

/// Sizes that pictures of the page's videos were asked for in.
fn divisors(page: &Path, more: &[&str]) -> Vec<u32> {
    let output = page.with_extension("mp4");
    let mut command = pagereel();
    command.env("PAGEREEL_LOG", "pagereel=debug").arg(page).args(more).arg("-o").arg(output);
    let told = command.args(["--capture", "beginFrame", "--workers", "1"]).output().unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    let asked = told.lines().filter(|line| line.contains("picture asked for"));
    let divisor = |line: &str| {
        let rest: String =
            line.split("divisor").nth(1)?.chars().filter(char::is_ascii_digit).collect();
        rest.chars().next_back()?.to_digit(10)
    };
    asked.filter_map(divisor).collect()
}

#[test]
fn large_sources_are_sent_in_the_size_that_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    make_source(&directory.path().join("source.mp4"), "1280x720");
    let at = |name: &str| directory.path().join(name);
    let growing = "<style>@keyframes grow { to { transform: scale(3) } }</style>";
    let cases = [
        // Half, a quarter, and what is not worth it.
        ("left:0;top:0;width:640px;height:360px", vec![2]),
        ("width:300px;height:170px;object-fit:cover", vec![4]),
        ("width:700px;height:394px", vec![1]),
        // The box is what the source makes it.
        ("width:auto;height:360px", vec![1]),
        ("width:320px;height:180px;object-fit:none", vec![1]),
        ("width:320px;height:180px;max-width:max-content", vec![1]),
        // Videos are contained in their boxes unless a page says otherwise.
        ("width:25%;height:180px", vec![8]),
        ("width:25%;height:180px;object-fit:fill", vec![4]),
        // What is seen of it grows.
        ("width:320px;height:180px;animation:grow 1s linear both", vec![1, 2, 4]),
    ];
    for (style, expected) in cases {
        let body = growing.to_owned() + &clip(&format!("style='{style}'"));
        job(directory.path(), "index.html", BY_CHROME, &body);
        let mut found = divisors(&at("index.html"), &[]);
        // Before the first frame nobody knows how large it is.
        assert_eq!(found.remove(0), 1, "{style}");
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "{style}");
    }
    // A box whose size may follow from the picture's: as large as the source, as Chrome has it.
    for (around, style, expected) in [
        ("display:inline-block", "position:static;width:100%;height:auto", 1),
        ("position:absolute;height:100px", "position:static;width:100%;height:100%", 1),
        ("display:flex;width:300px", "position:static;width:320px;height:180px", 1),
        ("position:absolute;inset:0", "position:static;width:100%;height:100%", 2),
        ("width:320px;height:180px", "position:static;width:100%;height:100%", 4),
    ] {
        let body = format!("<div style='{around}'>{}</div>", clip(&format!("style='{style}'")));
        job(directory.path(), "index.html", BY_CHROME, &body);
        assert_eq!(divisors(&at("index.html"), &[]).last(), Some(&expected), "{around} {style}");
    }
    // Frames do not depend on which sizes were asked for before.
    let body =
        growing.to_owned() + &clip("style='width:320px;height:180px;animation:grow 1s linear'");
    let growing = job(directory.path(), "growing.html", "", &body);
    assert_eq!(digests(&growing, 1), digests(&growing, 3));
    // Averaged, as ffmpeg does it, by the page and by the engine.
    let expected = judge(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-i",
            at("source.mp4").to_str().unwrap(),
            "-vf",
            "select=eq(n\\,10),scale=320:180:flags=area+accurate_rnd+full_chroma_int:in_color_matrix=bt709,format=rgb24",
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-",
        ],
    );
    for (head, route) in [("", Route::Layered), (BY_CHROME, Route::Stream)] {
        let job = job(directory.path(), "small.html", head, &clip(""));
        let (report, pictures) = pictures(&job);
        assert_eq!(report.plan.route, route);
        let picture = &pictures[10];
        let mut sum = 0_u64;
        for (at, expected) in expected.chunks_exact(3).enumerate() {
            let (x, y) = (40 + at % 320, 30 + at / 320);
            let n = picture.format.bytes_per_pixel();
            let found = picture.format.rgb(&picture.data[(y * 480 + x) * n..][..n]);
            sum += found.iter().zip(expected).map(|(a, &b)| u64::from(a.abs_diff(b))).sum::<u64>();
        }
        let mean = sum as f64 / expected.len() as f64;
        assert!(mean < 1.5, "{route:?}: {mean} levels from ffmpeg's");
    }
}

/// A file whose index is there and whose end is not shows its last picture on, wherever one begins.
#[test]
fn a_file_that_was_cut_off_keeps_its_last_picture() {
    let directory = workplace();
    let source = directory.path().join("source.mp4");
    let whole = directory.path().join("whole.mp4");
    let input = "testsrc2=size=320x180:rate=30:duration=2";
    judge(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            input,
            "-c:v",
            "libx264",
            "-g",
            "6",
            "-pix_fmt",
            "yuv420p",
            "-movflags",
            "+faststart",
            whole.to_str().unwrap(),
        ],
    );
    let whole = std::fs::read(whole).unwrap();
    std::fs::write(source, &whole[..whole.len() / 4]).unwrap();
    for (head, route) in [("", Route::Layered), (BY_CHROME, Route::Stream)] {
        let mut job = job(directory.path(), "cut.html", head, &clip(""));
        let (report, all) = pictures(&job);
        assert_eq!(report.plan.route, route);
        assert!(difference(&all[0], &all[29]).1 > 5000, "it moves before it is over");
        assert_eq!(difference(&all[27], &all[29]).1, 0, "it has been over for long");
        job.frames = Some("28..30".parse().unwrap());
        let (_, late) = pictures(&job);
        assert_eq!(difference(&late[1], &all[29]).1, 0, "{route:?}");
    }
}
