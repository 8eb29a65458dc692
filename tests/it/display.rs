//! Capture off the window of a private display.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use pagereel::frame::Size;
use pagereel::job::CaptureMode;
use pagereel::plan::Backend;
use pagereel::sink::NullSink;
use pagereel::{Artifact, CancelToken, Engine, Frame, FrameSink, Job};

use crate::support::{barcode, digests, fixture, pagereel};

fn job(name: &str, mode: CaptureMode) -> Job {
    let mut job = Job::without_output(fixture(name).join("index.html"));
    job.frames = Some("0..12".parse().unwrap());
    job.capture.mode = mode;
    job
}

#[test]
fn a_display_shows_what_begin_frame_shows_for_any_number_of_sessions() {
    for name in ["kinetic-text", "nested", "title-card"] {
        let expected = digests(&job(name, CaptureMode::BeginFrame), 1);
        for workers in [1, 2] {
            let seen = digests(&job(name, CaptureMode::Display), workers);
            assert_eq!(seen, expected, "{name}, {workers} session(s)");
        }
    }
}

/// Sockets of display servers that nobody listens to any more. Other tests have displays, too.
fn dead_sockets() -> Vec<PathBuf> {
    let found = fs::read_dir("/tmp/.X11-unix").into_iter().flatten().flatten();
    let found: Vec<_> = found.map(|socket| socket.path()).collect();
    let open = fs::read_to_string("/proc/net/unix").unwrap();
    let is_dead = |socket: &PathBuf| {
        // One that has ended meanwhile has removed it.
        socket.exists() && !open.lines().any(|line| line.ends_with(socket.to_str().unwrap()))
    };
    found.into_iter().filter(is_dead).collect()
}

#[test]
fn a_display_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let before = dead_sockets();
    let page = fixture("gsap-nested").join("index.html");
    let output = pagereel()
        .env("TMPDIR", temporary.path())
        .arg(page)
        .args(["--capture", "display", "--frames", "0..3", "--quiet", "--report", "-", "-o"])
        .arg(temporary.path().join("out.mp4"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["plan"]["capture"]["backend"], "display");
    let mut after = dead_sockets();
    after.retain(|socket| !before.contains(socket));
    assert!(after.is_empty(), "sockets are left: {after:?}");
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Reads the barcode in each picture.
struct BarcodeSink(u64);

impl FrameSink for BarcodeSink {
    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        let Size { width, height } = frame.picture.size;
        let pixels = frame.picture.data.chunks_exact(frame.picture.format.bytes_per_pixel());
        let green: Vec<u8> = pixels.map(|pixel| pixel[1]).collect();
        assert_eq!(barcode(&green, width as usize, height as usize), Some(self.0));
        self.0 += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        Ok(Artifact { frames: self.0, ..Artifact::default() })
    }
}

#[test]
#[ignore = "takes minutes: cargo test --release -- --ignored three_thousand"]
fn three_thousand_frames_are_whole_on_a_busy_machine() {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        for (width, height) in [(640, 360), (3840, 2160)] {
            let mut job = job("frame-barcode", CaptureMode::Display);
            job.size = Some(Size { width, height });
            job.duration = Some(100.0);
            job.frames = None;
            job.capture.workers = Some(2);
            let sink = Box::new(BarcodeSink(0));
            let cancel = CancelToken::new();
            let report = Engine::new().request(&job).cancel(&cancel).render_into(sink);
            assert_eq!(report.unwrap().output.frames, 3000);
        }
        is_over.store(true, Relaxed);
    });
}

#[test]
fn a_page_that_refuses_frames_is_taken_in_another_way() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    // Ends with the test's process.
    thread::spawn(move || {
        let html = "<div data-composition-id=a data-width=64 data-height=64 data-duration=1 \
                    style='width: 64px; height: 64px; background: #06c'></div>";
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let length = html.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
                     X-Frame-Options: DENY\r\nConnection: close\r\n\r\n"
                );
                drop(stream.write_all([head.as_bytes(), html.as_bytes()].concat().as_slice()));
            }
        }
    });
    let mut job = Job::without_output(&*address);
    job.frames = Some("0..2".parse().unwrap());
    let sink = Box::new(NullSink::default());
    let cancel = CancelToken::new();
    let report = Engine::new().request(&job).cancel(&cancel).render_into(sink).unwrap();
    let capture = &report.plan.capture;
    assert_eq!(capture.backend, Backend::BeginFrame, "{:?}", capture.reasons);
    let reason = "not display: no private display: the page does not open inside of another one";
    assert_eq!(capture.reasons[1], reason);
}
