//! Browsers that wait for the engine's next render.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use pagereel::job::{Address, CaptureMode};
use pagereel::sink::{ChecksumSink, NullSink};
use pagereel::{Artifact, CancelToken, Engine, Frame, FrameSink, Job};

use crate::support::{groups_of, page};

const MOVING: &str = "<!doctype html><body style='margin:0'><div id=a data-composition-id=r \
                      data-width=320 data-height=180 data-duration=1 \
                      style='width:90px;height:90px;background:#08f'>text</div><script>\
                      a.animate([{}, { transform: 'translateX(200px)' }], 1000)</script>";

/// A job whose browsers can be told by a flag that means nothing.
fn job(html: impl Into<Address>, mode: CaptureMode, mark: &str) -> Job {
    let mut job = Job::without_output(html);
    job.capture.mode = mode;
    job.capture.workers = Some(1);
    job.browser.args = vec![format!("--test-mark={mark}")];
    job
}

/// The process groups of browsers with that mark.
fn browsers(mark: &str) -> Vec<i32> {
    let mark = format!("--test-mark={mark}");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_marked = |id: &i32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&mark)
    };
    let mut groups = groups_of(&ids.filter(is_marked).collect::<Vec<_>>());
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn digests(engine: &Engine, job: &Job) -> Vec<u64> {
    let (list, digests) = sync_channel(1000);
    let sink = Box::new(ChecksumSink::with_list(list));
    engine.request(job).render_into(sink).unwrap();
    digests.try_iter().collect()
}

#[test]
fn a_browser_is_taken_over_and_ends_with_the_engine() {
    let (_directory, html) = page(MOVING);
    for mode in [CaptureMode::Display, CaptureMode::BeginFrame, CaptureMode::Screenshot] {
        let mark = format!("over-{mode:?}");
        let job = job(&*html, mode, &mark);
        let engine = Engine::new();
        let first = digests(&engine, &job);
        let waiting = browsers(&mark);
        assert_eq!((first.len(), waiting.len()), (30, 1), "{mode:?}");
        for _ in 0..2 {
            assert_eq!(digests(&engine, &job), first, "{mode:?}");
            assert_eq!(browsers(&mark), waiting, "{mode:?}: it is the same browser");
        }
        // One of another size is started anew, and both wait.
        let mut wide = job.clone();
        wide.size = Some(pagereel::frame::Size { width: 700, height: 180 });
        assert_eq!(digests(&engine, &wide).len(), 30);
        assert_eq!(browsers(&mark).len(), 2, "{mode:?}");
        engine.end_idle_browsers();
        assert_eq!(browsers(&mark), [0; 0], "{mode:?}");
        assert_eq!(digests(&engine, &job), first, "{mode:?}");
        assert_eq!(browsers(&mark).len(), 1, "{mode:?}");
        drop(engine);
        assert_eq!(browsers(&mark), [0; 0], "{mode:?}");
    }
}

#[test]
fn a_browser_does_not_wait_for_ever() {
    let (_directory, html) = page(MOVING);
    let job = job(&*html, CaptureMode::BeginFrame, "patience");
    let engine = Engine::builder().keep_browsers(Duration::from_millis(300)).build();
    digests(&engine, &job);
    assert_eq!(browsers("patience").len(), 1);
    let until = Instant::now() + Duration::from_secs(10);
    while !browsers("patience").is_empty() {
        assert!(Instant::now() < until, "it still waits");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(digests(&engine, &job).len(), 30);

    let engine = Engine::builder().keep_browsers(Duration::ZERO).build();
    let job = self::job(&*html, CaptureMode::BeginFrame, "hurry");
    digests(&engine, &job);
    assert_eq!(browsers("hurry"), [0; 0]);
}

/// Refuses the third frame.
struct Full(NullSink);

impl FrameSink for Full {
    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        if frame.index.0 == 3 {
            let source = std::io::Error::other("full");
            return Err(pagereel::Error::System { doing: "cannot write", source });
        }
        self.0.write(frame)
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        unreachable!("it has failed")
    }
}

#[test]
fn no_browser_waits_after_a_render_that_failed() {
    let (_directory, html) = page(MOVING);
    let job = job(&*html, CaptureMode::BeginFrame, "failed");
    let engine = Engine::new();
    digests(&engine, &job);
    assert_eq!(browsers("failed").len(), 1);
    let sink = Box::new(Full(NullSink::default()));
    engine.request(&job).render_into(sink).unwrap_err();
    assert_eq!(browsers("failed"), [0; 0]);
    let cancel = CancelToken::new();
    digests(&engine, &job);
    cancel.cancel();
    let sink = Box::new(NullSink::default());
    engine.request(&job).cancel(&cancel).render_into(sink).unwrap_err();
    assert_eq!(browsers("failed"), [0; 0]);
}

/// A page tells by its color whether it finds something of the page before.
#[test]
fn a_page_finds_nothing_of_the_one_before() {
    const KEEPING: &str = "<!doctype html><body style='margin:0'><div id=a data-composition-id=r \
        data-width=64 data-height=64 data-duration=0.1 style='width:64px;height:64px'></div>\
        <script>const found = [document.cookie, localStorage.x, sessionStorage.x, window.name, \
        history.state].some(Boolean);\
        a.style.background = found ? 'red' : 'blue';\
        document.cookie = 'x=1;max-age=1000'; localStorage.x = sessionStorage.x = 1;\
        window.name = 'x'</script>";
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|l| !l.is_empty())) {}
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
                let length = KEEPING.len();
                write!(stream, "{head}Content-Length: {length}\r\n\r\n{KEEPING}").ok();
            });
        }
    });
    for mode in [CaptureMode::Display, CaptureMode::BeginFrame] {
        let mark = format!("kept-{mode:?}");
        let job = job(url.as_str(), mode, &mark);
        let engine = Engine::new();
        let first = digests(&engine, &job);
        let waiting = browsers(&mark);
        assert_eq!(digests(&engine, &job), first, "{mode:?}");
        assert!(!waiting.is_empty(), "{mode:?}");
        assert_eq!(browsers(&mark), waiting, "{mode:?}: it was the same browser");
    }
}
