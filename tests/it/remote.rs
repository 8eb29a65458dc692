//! Video and sound that are no files beside the page: from other hosts, whose servers are the test's
//! own on the loopback interface, and from the page itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pagereel::job::{AudioCodec, CaptureMode, NetworkPolicy};
use pagereel::report::NetworkOutcome;
use pagereel::sink::NullSink;
use pagereel::{CancelToken, Engine, Error, Job, Report};

use crate::support::{digests, judge, page, pagereel, render};

/// A second of pictures with sound.
const CLIP: &str = "clip.mp4";

fn make_clip(directory: &Path) -> Vec<u8> {
    let path = directory.join(CLIP);
    judge(
        "ffmpeg",
        &[
            "-hide_banner",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=160x96:r=30",
            "-f",
            "lavfi",
            "-i",
            "sine",
            "-t",
            "1",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            path.to_str().unwrap(),
        ],
    );
    fs::read(path).unwrap()
}

/// Serves one file under many addresses, until the test ends:
///
/// `/index.html` is a page with a video at `clip.mp4`; `/to=ADDRESS` refers to another; `/none` is missing; `/page` is a web page; `/cut` ends too early;
/// `/busy` is served the third time; `/mute` and what begins so says nothing.
struct Server {
    host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (list, file) = (Arc::clone(&asked), Arc::new(file));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (list, file) = (Arc::clone(&list), Arc::clone(&file));
                std::thread::spawn(move || answer(&stream, &file, &list));
            }
        });
        Self { host, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.host)
    }

    fn times_asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked[1..] == *path).count()
    }
}

fn answer(stream: &TcpStream, file: &[u8], asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let times = {
        let mut asked = asked.lock().unwrap();
        asked.push(path.clone());
        asked.iter().filter(|other| **other == path).count()
    };
    let send = |status: &str, more: &str, length: usize, body: &[u8]| {
        drop(write!(
            &*stream,
            "HTTP/1.1 {status}\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n"
        ));
        drop((&*stream).write_all(body));
    };
    if let Some(address) = path.strip_prefix("/to=") {
        return send("302 Found", &format!("Location: {address}\r\n"), 0, &[]);
    }
    match path.as_str() {
        "/index.html" => {
            let html = composition(&[CLIP]);
            send("200 OK", "Content-Type: text/html\r\n", html.len(), html.as_bytes());
        }
        "/none" => send("404 Not Found", "", 0, &[]),
        "/busy" if times < 3 => send("503 Service Unavailable", "", 0, &[]),
        "/page" => send("200 OK", "Content-Type: text/html; charset=utf-8\r\n", 4, b"<h1>"),
        "/cut" => send("200 OK", "", file.len(), &file[..1000]),
        path if path.starts_with("/mute") => std::thread::sleep(Duration::from_secs(60)),
        _ => send("200 OK", "Content-Type: video/mp4\r\n", file.len(), file),
    }
}

/// A page of a third of a second with these videos, one upon the other.
fn composition(sources: &[&str]) -> String {
    let video = |(at, source): (usize, &&str)| {
        format!(
            "<video id=v{at} src='{source}' data-start=0 data-duration=1 data-has-audio=true \
             style='position:absolute;left:0;top:0'></video>"
        )
    };
    format!(
        "<body style='margin:0'><div data-composition-id=c data-width=160 data-height=96 \
         data-fps=30 data-duration=0.34>{}</div>",
        sources.iter().enumerate().map(video).collect::<String>()
    )
}

fn job(html: &Path) -> Job {
    let mut job = Job::without_output(html.to_str().unwrap());
    job.capture.mode = CaptureMode::BeginFrame;
    job.capture.workers = Some(1);
    job
}

fn report(job: &Job) -> pagereel::Result<Report> {
    let sink = Box::new(NullSink::default());
    Engine::new().request(job).render_into(sink)
}

/// The sound of a page's file, decoded by `ffmpeg`.
fn sound_of(html: &Path) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out.mov");
    let mut job = Job::new(html.to_str().unwrap(), &file);
    job.capture.workers = Some(1);
    job.audio.codec = Some(AudioCodec::Pcm);
    let report = render(&job).unwrap();
    assert_eq!(report.warnings, []);
    let file = file.to_str().unwrap();
    judge("ffmpeg", &["-loglevel", "error", "-i", file, "-vn", "-f", "s16le", "-"])
}

/// The server, and the report on a page with videos at these of its addresses.
fn served(paths: &[&str], change: impl Fn(&mut Job)) -> (Server, Report) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(make_clip(directory.path()));
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let (_directory, html) = page(&composition(&urls));
    let mut job = job(&html);
    change(&mut job);
    let report = report(&job).unwrap();
    (server, report)
}

#[test]
fn they_are_shown_and_heard_like_files() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(make_clip(directory.path()));
    let near = directory.path().join("index.html");
    fs::write(&near, composition(&[CLIP])).unwrap();
    let (_directory, far) = page(&composition(&[&server.url("to=/film.mp4")]));
    let expected = digests(&job(&near), 1);
    assert_ne!(expected[0], expected[9]);
    for workers in [1, 2] {
        assert_eq!(digests(&job(&far), workers), expected);
        // Each render asks once, however many browsers it has.
        for path in ["to=/film.mp4", "film.mp4"] {
            assert_eq!(server.times_asked(path), workers as usize, "{path}");
        }
    }
    let sounds = [near, far].map(|html| sound_of(&html));
    assert!(sounds[0].iter().any(|&byte| byte != 0));
    assert_eq!(sounds[0], sounds[1]);
}

#[test]
fn a_page_from_another_server_shows_and_plays_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(make_clip(directory.path()));
    let near = directory.path().join("index.html");
    fs::write(&near, composition(&[CLIP])).unwrap();
    let far = server.url("index.html");
    let expected = digests(&job(&near), 1);
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        for workers in [1, 2] {
            let mut job = job(Path::new(&far));
            job.capture.mode = mode;
            assert_eq!(digests(&job, workers), expected, "{mode:?}, {workers} workers");
        }
    }
    let [near, far] = [near, far.into()].map(|html| sound_of(&html));
    assert_eq!(near, far);
}

#[test]
fn what_the_page_has_in_itself_is_shown_and_heard() {
    let directory = tempfile::tempdir().unwrap();
    let clip = make_clip(directory.path());
    let place = |name: &str, html: String| {
        let path = directory.path().join(name);
        fs::write(&path, html).unwrap();
        path
    };
    let near = place("near.html", composition(&[CLIP]));
    let data = format!("data:video/mp4;base64,{}", STANDARD.encode(&clip));
    let data = place("data.html", composition(&[&data]));
    let blob = composition(&[""]).replace("src='' ", "")
        + "<script>fetch('clip.mp4').then((r) => r.blob()).then((blob) => {
             const address = URL.createObjectURL(blob);
             v0.src = address;
             if (v0.src !== address || v0.currentSrc !== address) v0.style.opacity = .5;
           })</script>";
    let blob = place("blob.html", blob);
    let (expected, sound) = (digests(&job(&near), 1), sound_of(&near));
    assert_ne!(expected[0], expected[9]);
    for html in [data, blob] {
        for workers in [1, 2] {
            assert_eq!(digests(&job(&html), workers), expected, "{}", html.display());
        }
        assert_eq!(sound_of(&html), sound, "{}", html.display());
    }
    // What is not there to be read.
    let stream = composition(&[""]).replace("src='' ", "")
        + "<script>v0.src = URL.createObjectURL(new MediaSource())</script>";
    let told = report(&job(&place("stream.html", stream))).unwrap().warnings;
    assert!(
        told.iter().any(|w| w.code == "video_failed" && w.message.contains("#v0 ")),
        "{told:?}"
    );
}

#[test]
fn nothing_is_left_and_no_proxy_is_asked_about_this_machine() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(make_clip(directory.path()));
    let (_directory, html) = page(&composition(&[&server.url("film.mp4")]));
    let temporary = tempfile::tempdir().unwrap();
    let mut program = pagereel();
    program.arg(&html).arg("-o").arg(directory.path().join("out.mp4"));
    program.args(["--strict", "--quiet", "--capture", "beginFrame"]);
    program.env("TMPDIR", temporary.path());
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        program.env(name, "http://127.0.0.1:9");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        program.env_remove(name);
    }
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.times_asked("film.mp4"), 1);
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_does_not_come_is_named() {
    let paths = ["none", "page", "cut", "to=/to=/none", "busy"];
    let (server, report) = served(&paths, |_| {});
    let reasons = [
        "the server answers 404 Not Found",
        "a web page",
        "3 attempts",
        "the server answers 404 Not Found",
    ];
    for (at, (path, reason)) in paths.iter().zip(reasons).enumerate() {
        let about = format!("#v{at} ");
        let told = |code| {
            report
                .warnings
                .iter()
                .any(|w| w.code == code && w.message.contains(&about) && w.message.contains(reason))
        };
        assert!(told("video_failed"), "{path}: {:?}", report.warnings);
        let listed = report.network.iter().find(|request| request.url == server.url(path)).unwrap();
        assert_eq!((&*listed.kind, listed.outcome), ("media", NetworkOutcome::Failed));
        assert!(listed.reason.as_ref().unwrap().contains(reason), "{listed:?}");
    }
    assert!(!report.warnings.iter().any(|w| w.message.contains("#v4 ")), "{:?}", report.warnings);
    assert_eq!([server.times_asked("none"), server.times_asked("cut")], [1 + 1, 3]);
}

#[test]
fn the_policy_holds_for_each_address_on_the_way() {
    let paths = ["film.mp4"];
    let (server, denied) = served(&paths, |job| job.network.policy = NetworkPolicy::Deny);
    assert_eq!(server.times_asked("film.mp4"), 0);
    let listed: Vec<_> = denied.network.iter().map(|r| (&*r.kind, r.outcome)).collect();
    assert_eq!(listed, [("media", NetworkOutcome::Blocked)]);
    // The server has another name, too.
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(make_clip(directory.path()));
    let other = server.url("film.mp4").replace("127.0.0.1", "localhost");
    let (_directory, html) = page(&composition(&[&server.url(&format!("to={other}"))]));
    let mut job = job(&html);
    job.network.policy = NetworkPolicy::Hosts(vec![server.host.clone()]);
    let told = report(&job).unwrap().warnings;
    assert!(told.iter().any(|w| w.message.contains("does not allow")), "{told:?}");
    assert_eq!(server.times_asked("film.mp4"), 0);
}

#[test]
fn a_server_that_says_nothing_holds_nobody_up() {
    let began = Instant::now();
    let (_server, report) = served(&["mute1", "mute2", "mute3", "mute4", "film.mp4"], |job| {
        job.timeouts.ready = Duration::from_secs(1);
    });
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let told: Vec<_> = report.warnings.iter().filter(|w| w.code == "video_failed").collect();
    let are_named = told.iter().all(|w| w.message.contains("timeouts.ready"));
    assert!(told.len() == 4 && are_named, "{told:?}");
    assert!(report.network.iter().any(|r| r.reason.as_ref().unwrap().contains("timeouts.ready")));

    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(make_clip(directory.path()));
    let (_directory, html) = page(&composition(&[&server.url("mute")]));
    let cancel = CancelToken::new();
    let other = cancel.clone();
    let waiting = std::thread::spawn(move || {
        while server.times_asked("mute") == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        other.cancel();
        Instant::now()
    });
    let sink = Box::new(NullSink::default());
    let ended = Engine::new().request(&job(&html)).cancel(&cancel).render_into(sink);
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    let took = waiting.join().unwrap().elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// libav would open some of these; nothing of ours does, and the reason is said.
#[test]
fn addresses_of_other_schemes_are_refused_in_words() {
    for (source, expected) in [
        ("file:///etc/passwd", "file addresses are not loaded; a file is named relative"),
        ("concat:/etc/passwd", "concat is no scheme that is loaded: http and https are"),
        ("crypto:/etc/passwd", "crypto is no scheme that is loaded"),
    ] {
        let (_directory, page) = page(&format!(
            "<div data-composition-id=a data-width=64 data-height=36 data-duration=0.2>\
             <video src='{source}' data-start=0 data-duration=0.2></video></div>"
        ));
        let mut job = Job::new(page.as_path(), page.with_extension("mp4"));
        job.capture.workers = Some("1".parse().unwrap());
        let report = render(&job).unwrap();
        let told = report.warnings.iter().any(|warning| warning.message.contains(expected));
        assert!(told, "{source}: {:?}", report.warnings);
    }
}
