//! Videos that the engine puts into the page's picture are as Chrome would have drawn them.

use std::path::Path;

use pagereel::job::{CaptureMode, Route};
use pagereel::{Job, Picture};
use tempfile::TempDir;

use crate::support::{digests, judge, pictures};

/// A style sheet that names what mixing cannot do has Chrome draw all videos.
const BY_CHROME: &str = "<style>#nobody { mix-blend-mode: multiply }</style>";

/// A directory with a moving source of 320x180.
fn workplace() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source.mp4");
    let make = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=30:duration=2",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "12",
        "-pix_fmt",
        "yuv420p",
    ];
    let source = source.to_str().unwrap();
    judge("ffmpeg", &[make.as_slice(), &[source]].concat());
    directory
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
