//! Pictures of single moments: the frames of a render, in any order.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;

use pagereel::job::{CaptureMode, FrameRange};
use pagereel::time::FrameIndex;
use pagereel::{CancelToken, Engine, Error, Frame, Job, Moment};

use crate::support::{
    CHEAPLY, cheaply, digest, digests, fixture, page, pagereel, stills, write_program,
};

#[track_caller]
fn same_as_rendered(job: &Job, rendered: &[u64], frames: &[u64]) {
    let seen = stills(job, frames);
    assert!(seen.iter().collect::<HashSet<_>>().len() > 2, "nothing moves");
    for (&frame, seen) in frames.iter().zip(seen) {
        let rendered = rendered[usize::try_from(frame).unwrap()];
        assert_eq!(seen, rendered, "frame {frame} of {frames:?}");
    }
}

#[test]
fn a_still_is_that_frame_of_a_render_in_any_order() {
    for name in ["gsap", "css-cards", "raf-canvas"] {
        let mut job = Job::from_file(fixture(name).join("job.json")).unwrap();
        job.frames = Some(FrameRange { start: 0, end: 40 });
        let rendered = digests(&job, 1);
        same_as_rendered(&job, &rendered, &[0, 1, 9, 24, 39]);
        same_as_rendered(&job, &rendered, &[39, 24, 9, 9, 33, 0, 24]);
    }
}

/// Bars come and go at frames 3, 4, 11, 17 and 18.
const MOSTLY_STILL: &str = "<!doctype html><style>body { margin: 0 } i { position: absolute; left: \
    0; width: 90px; height: 8px; background: #08f }</style><body>\
    <div data-composition-id=m data-width=160 data-height=64 data-duration=1 data-fps=30>\
    <i style='top: 0' data-start=0.1 data-duration=0.466667></i>\
    <i style='top: 20px' data-start=0.133333 data-duration=2></i>\
    <i style='top: 40px' data-start=0.366667 data-duration=0.233333></i></div>";

#[test]
fn the_page_is_asked_no_more_than_it_takes() {
    let (_directory, html) = page(MOSTLY_STILL);
    let mut job = Job::without_output(html);
    let modes = [
        CaptureMode::Display,
        CaptureMode::BeginFrame,
        CaptureMode::Screenshot,
        CaptureMode::Canvas,
    ];
    for mode in modes {
        job.capture.mode = mode;
        let rendered = digests(&job, 1);
        let changes: Vec<_> = (1..30).filter(|&n| rendered[n] != rendered[n - 1]).collect();
        assert_eq!(changes, [3, 4, 11, 17, 18], "{mode:?}");
        assert_eq!(rendered, digests(&job, 2), "{mode:?}");
        // In whatever order they are wanted.
        let frames: Vec<u64> = (0..30).map(|n| n * 11 % 30).collect();
        for (frame, seen) in frames.iter().zip(stills(&job, &frames)) {
            let rendered = rendered[usize::try_from(*frame).unwrap()];
            assert_eq!(seen, rendered, "{mode:?}: frame {frame}");
        }
    }
}

/// Counts its loads wherever a page can keep something, and moves by a timer and a promise.
const REMEMBERS: &str = "<!doctype html><style>body { margin: 0 } div { height: 8px; background: \
    #08f }</style><body data-width=160 data-height=64 data-duration=1 data-fps=30><script>
    const bars = Array.from({ length: 6 }, () => document.body.appendChild(document.createElement('div')));
    const count = (get, set) => { const n = Number(get() ?? 0) + 1; set(n); return n };
    const loads = [
      count(() => localStorage.n, (n) => (localStorage.n = n)),
      count(() => sessionStorage.n, (n) => (sessionStorage.n = n)),
      count(() => document.cookie.split('=')[1], (n) => (document.cookie = 'n=' + n)),
      count(() => window.name || 0, (n) => (window.name = n)),
      Math.floor(Math.random() * 100),
    ];
    loads.forEach((n, at) => (bars[at].style.width = n * 8 + 'px'));
    (async () => {
      for (let n = 0; ; n++) { bars[5].style.width = n + 'px'; await new Promise(r => setTimeout(r, 20)) }
    })();
    </script>";

#[test]
fn a_page_that_cannot_go_back_is_loaded_as_if_for_the_first_time() {
    let (_directory, html) = page(REMEMBERS);
    let mut job = Job::without_output(html);
    for mode in [CaptureMode::BeginFrame, CaptureMode::Screenshot, CaptureMode::Canvas] {
        job.capture.mode = mode;
        let rendered = digests(&job, 1);
        same_as_rendered(&job, &rendered, &[20, 5, 29, 6, 0, 29]);
    }
}

/// A timer that a seek starts, on a page that could rewind when it was loaded.
#[test]
fn whether_a_page_can_go_back_may_change() {
    let html = "<!doctype html><body style='margin:0'><div id=a data-width=64 data-height=64 \
                data-duration=1 style='height:64px;width:0;background:#08f'></div><script>
                let ticks = 0;
                addEventListener('hf-seek', ({ detail }) => {
                  if (detail.time > 0 && !ticks) setInterval(() => ticks++, 10), ticks = 1;
                  a.style.width = ticks / 2 + 'px';
                })</script>";
    let (_directory, html) = page(html);
    let job = Job::without_output(html);
    let rendered = stills(&job, &[0, 1, 2, 10, 20, 29]);
    let backwards = stills(&job, &[29, 0, 1, 2, 10, 20, 29]);
    assert_eq!(backwards[1..], rendered);
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let is_page = lines.next().is_some_and(|line| line.starts_with("GET / "));
    lines.find(String::is_empty);
    let (status, body) = if is_page { ("200 OK", REMEMBERS) } else { ("404 Not Found", "") };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .unwrap();
}

/// The same address with a fragment would be a jump within the page, not a load.
#[test]
fn a_page_with_a_fragment_is_loaded_again_too() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            // Chrome opens connections ahead of any request.
            std::thread::spawn(|| answer(stream.unwrap()));
        }
    });
    let job = Job::without_output(&*format!("http://{address}/#scene"));
    let rendered = digests(&job, 1);
    same_as_rendered(&job, &rendered, &[20, 5, 29]);
}

#[test]
fn the_caller_may_stop_it() {
    let job = cheaply(&Job::without_output(fixture("title-card")));
    let moments = [0.5, 1.0, 1.5].map(Moment::Seconds);
    let mut seen = 0;
    let mut refuse = |frame: Frame| {
        seen += 1;
        if frame.index.0 == 30 { Err(Error::Sink("enough".into())) } else { Ok(()) }
    };
    let cancel = CancelToken::new();
    let error =
        Engine::new().request(&job).cancel(&cancel).stills(&moments, &mut refuse).unwrap_err();
    assert_eq!((error.to_string().as_str(), seen), ("the frame sink failed: enough", 2));

    cancel.cancel();
    let mut never = |_: Frame| panic!("cancelled");
    let error =
        Engine::new().request(&job).cancel(&cancel).stills(&moments, &mut never).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
}

fn still(directory: &Path, arguments: &[&str]) -> Output {
    pagereel().arg("still").args(arguments).args(CHEAPLY).current_dir(directory).output().unwrap()
}

fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().flatten();
    let mut names: Vec<_> = names.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_program_writes_one_file_per_moment() {
    let directory = tempfile::tempdir().unwrap();
    let job = fixture("raf-canvas").join("job.json");
    let job = job.to_str().unwrap();
    let ended = still(directory.path(), &[job, "--at", "1.50,0.5,0", "-o", "new/t{}.png"]);
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && ended.stdout.is_empty(), "{stderr}");
    let written: Vec<_> = stderr.lines().map(|line| line.split(", ").next().unwrap()).collect();
    let expected = ["new/t0.png: frame 0", "new/t0.5.png: frame 15", "new/t1.50.png: frame 45"];
    assert_eq!(written, expected);
    assert_eq!(files(&directory.path().join("new")), ["t0.5.png", "t0.png", "t1.50.png"]);
    let rendered = digests(&Job::from_file(job).unwrap(), 1);
    for (file, frame) in [("t0.png", 0), ("t0.5.png", 15), ("t1.50.png", 45)] {
        let image = image::open(directory.path().join("new").join(file)).unwrap();
        let image::DynamicImage::ImageRgb8(image) = image else { panic!("{file} is not RGB") };
        assert_eq!(digest_of(image), rendered[frame], "{file}");
    }

    for name in ["a.jpg", "a.webp"] {
        let ended = still(directory.path(), &[job, "--frame", "15", "-o", name, "--quiet"]);
        assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
        let image = image::open(directory.path().join(name)).unwrap().into_rgb8();
        assert_eq!((image.width(), image.height()), (960, 540));
        assert_eq!(digest_of(image) == rendered[15], name == "a.webp", "{name}");
    }
    assert_eq!(files(directory.path()), ["a.jpg", "a.webp", "new"]);
}

fn digest_of(image: image::RgbImage) -> u64 {
    let size = pagereel::frame::Size { width: image.width(), height: image.height() };
    let format = pagereel::frame::PixelFormat::Rgb8;
    let picture = pagereel::Picture { size, format, data: image.into_raw() };
    digest(Frame { index: FrameIndex(0), picture: picture.into() })
}

#[test]
fn moments_that_are_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let job = fixture("raf-canvas").join("job.json");
    let job = job.to_str().unwrap();
    let of_2_s = "it is 2 s long, with the frames 0 to 59";
    for (arguments, message) in [
        (["--at", "0,2"], format!("the composition has no moment at 2 s: {of_2_s}")),
        (["--at", "-0.5"], format!("the composition has no moment at -0.5 s: {of_2_s}")),
        (["--frame", "60"], format!("the composition has no frame 60: {of_2_s}")),
    ] {
        let ended = still(directory.path(), &[&[job, "-o", "{}.png"], &arguments[..]].concat());
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(stderr, format!("error: {message}\n"));
        assert_eq!(ended.status.code(), Some(2));
    }
    let ended = still(directory.path(), &[job, "--at", "1"]);
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.contains("no file to write: pass -o FILE, such as -o frame.png"), "{stderr}");
    assert_eq!(ended.status.code(), Some(2));
    assert!(files(directory.path()).is_empty());
}

#[test]
fn one_browser_is_enough() {
    let directory = tempfile::tempdir().unwrap();
    let (shell, starts) = (directory.path().join("chrome-headless-shell"), "starts");
    let script = "#!/bin/sh\necho start >> starts\nexec chromium-headless-shell \"$@\"\n";
    write_program(&shell, script.as_bytes());
    let job = fixture("raf-canvas").join("job.json");
    let (job, shell) = (job.to_str().unwrap(), shell.to_str().unwrap());
    let arguments = [job, "--at", "0.1,1.9,1,0.1", "-o", "{}.png", "--chrome", shell];
    let ended = still(directory.path(), &arguments);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(fs::read_to_string(directory.path().join(starts)).unwrap(), "start\n");
}
