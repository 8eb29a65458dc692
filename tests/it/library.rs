//! The library as an embedder uses it.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pagereel::error::BrowserError;
use pagereel::frame::{Size, StreamInfo};
use pagereel::job::{Container, InlinePage};
use pagereel::progress::{Status, Update};
use pagereel::{
    Artifact, CancelToken, Engine, Error, Event, Frame, FrameSink, Job, Plan, RenderHandle, Report,
};

use crate::sound::{clicks, wav};
use crate::support::{cheaply, fixture};

const PAGE: &str = "<style>body { margin: 0 } div, img, p { position: absolute; margin: 0 }
    p { width: 40px; height: 40px; top: 40px; background: #0a0 }
    @keyframes move { to { transform: translateX(80px) } }
    p { animation: move 1s linear }</style>
  <div data-composition-id=page data-width=120 data-height=80 data-duration=1>
    <img src='img/red.svg'><p></p></div>";

const RED: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'>\
    <rect width='40' height='40' fill='#f00'/></svg>";

/// A page that lies in no file, with a picture that does not either.
fn inline() -> Job {
    let page = InlinePage::new(PAGE, |path| (path == "img/red.svg").then(|| RED.into())).unwrap();
    let mut job = Job::inline(page);
    job.fps = Some("10".parse().unwrap());
    job.capture.workers = Some("1".parse().unwrap());
    job
}

/// As it, into a file.
fn into_file(directory: &tempfile::TempDir) -> Job {
    Job { output: Some(directory.path().join("a.mp4")), ..inline() }
}

#[test]
fn what_threads_share_can_be_shared() {
    const fn shared<T: Send + Sync + 'static>() {}
    const fn sent<T: Send + 'static>() {}
    shared::<Engine>();
    shared::<Job>();
    shared::<CancelToken>();
    shared::<Plan>();
    shared::<Report>();
    shared::<Error>();
    shared::<RenderHandle>();
    sent::<Frame>();
    sent::<BrowserError>();
}

#[test]
fn a_page_without_a_file_is_rendered_with_what_it_asks_for() {
    let mut seen = Vec::new();
    let report = Engine::new().request(&inline()).frames(|frame| {
        let size = frame.picture.size;
        let at = |x: usize, y: usize| {
            let bytes = frame.picture.format.bytes_per_pixel();
            let at = (y * size.width as usize + x) * bytes;
            frame.picture.format.rgb(&frame.picture.data[at..at + bytes])
        };
        seen.push((size, at(10, 10), at(44, 60), frame.index.0));
        Ok(())
    });
    assert_eq!(report.unwrap().output.frames, 10);
    assert_eq!(seen.len(), 10);
    for (size, picture, moving, index) in seen {
        assert_eq!(size, Size { width: 120, height: 80 });
        assert_eq!(picture, [0xff, 0, 0], "frame {index}: the picture that was asked for");
        // The square is over it from 8 px on, in frames 1 to 5.
        let expected = if (1..=5).contains(&index) { [0, 0xaa, 0] } else { [0xff; 3] };
        assert_eq!(moving, expected, "frame {index}");
    }
}

/// A disk that is full after some bytes.
struct Full(usize);
impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_goes_into_a_writer_while_it_is_made() {
    let mut job = inline();
    let error = Engine::new().request(&job).render_to(Vec::new()).unwrap_err();
    assert!(error.to_string().contains("`format`"), "{error}");
    job.format = Some(Container::Mkv);
    let mut bytes = Vec::new();
    let report = Engine::new().request(&job).render_to(&mut bytes).unwrap();
    assert_eq!((report.output.frames, report.output.path), (10, None));
    let mut probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames,width"])
        .args(["-of", "csv=p=0", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    io::Write::write_all(&mut probe.stdin.take().unwrap(), &bytes).unwrap();
    let said = String::from_utf8(probe.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said.trim(), "120,10");

    let error = Engine::new().request(&job).render_to(Full(300)).unwrap_err();
    assert!(matches!(error, Error::Sink(_)), "{error:?}");
}

#[test]
fn a_render_on_its_own_thread_tells_and_is_cancelled_when_it_is_let_go() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::builder().keep_browsers(Duration::ZERO).renders_at_once(1).build();
    let handle = engine.start(&into_file(&directory)).unwrap();
    let mut statuses = Vec::new();
    loop {
        match handle.next(Duration::from_millis(200)) {
            Some(Update::Progress(event)) => statuses.push(event.status),
            Some(Update::Warning { warning }) => panic!("{warning:?}"),
            None if handle.is_finished() => break,
            other => assert!(other.is_none(), "{other:?}"),
        }
    }
    statuses.dedup();
    assert_eq!(statuses.last(), Some(&Status::Complete), "{statuses:?}");
    assert_eq!(handle.join().unwrap().output.frames, 10);

    let mut long = into_file(&directory);
    (long.duration, long.output) = (Some(600.0), Some(directory.path().join("b.mp4")));
    let handle = engine.start(&long).unwrap();
    let wait_for = |is_it: fn(&Update) -> bool| loop {
        match handle.next(Duration::from_secs(60)) {
            Some(update) if is_it(&update) => break,
            update => assert!(update.is_some() && !handle.is_finished(), "{update:?}"),
        }
    };
    // It has its turn once it tells of anything.
    wait_for(|_| true);
    let waits = engine.start(&into_file(&directory)).unwrap();
    wait_for(|update| matches!(update, Update::Progress(Event { frame: Some(_), .. })));
    assert!(!waits.is_finished(), "one after the other");
    drop(handle);
    waits.join().unwrap();
    assert!(!directory.path().join("b.mp4").exists(), "half a file");
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    drop(engine);
}

#[test]
fn it_may_be_called_from_within_an_async_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let job = into_file(&directory);
    let frames = runtime.block_on(async {
        let spawned =
            tokio::spawn(async move { Engine::new().render(&job).map(|r| r.output.frames) });
        spawned.await.expect("it does not panic")
    });
    assert_eq!(frames.unwrap(), 10);
}

#[test]
fn a_sink_is_told_what_is_coming() {
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);
    impl FrameSink for Told {
        fn begin(&mut self, stream: &StreamInfo) -> pagereel::Result<()> {
            let text = format!("{} {} {}", stream.size, stream.frame_rate, stream.frames);
            self.0.lock().unwrap().push(text);
            Ok(())
        }

        fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
            self.0.lock().unwrap().push(frame.index.0.to_string());
            Ok(())
        }

        fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
            Ok(Artifact::default())
        }
    }
    let told = Told::default();
    let mut job = inline();
    job.frames = Some("2..4".parse().unwrap());
    Engine::new().request(&job).render_into(told.clone()).unwrap();
    assert_eq!(*told.0.lock().unwrap(), ["120x80 10 2", "0", "1"]);
}

/// Keeps the order of the calls, and all samples.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Heard>>);

/// The calls of a sink, and the samples that came with them.
type Heard = (Vec<String>, Vec<[f32; 2]>);

impl FrameSink for Listener {
    fn takes_sound(&self) -> bool {
        true
    }

    fn begin_sound(&mut self, samples: u64) -> pagereel::Result<()> {
        self.0.lock().unwrap().0.push(format!("{samples} samples"));
        Ok(())
    }

    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        self.0.lock().unwrap().0.push(format!("frame {}", frame.index.0));
        Ok(())
    }

    fn write_sound(&mut self, samples: &[[f32; 2]]) -> pagereel::Result<()> {
        let mut heard = self.0.lock().unwrap();
        heard.1.extend(samples);
        let count = heard.1.len();
        heard.0.push(format!("until {count}"));
        Ok(())
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        Ok(Artifact::default())
    }
}

#[test]
fn sinks_get_the_sound_of_their_frames() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    wav(&root.join("a.wav"), 48_000, 1, &clicks(1.0, 48_000, &[0.1, 0.25]));
    let page = "<div data-composition-id=page data-width=64 data-height=36 data-duration=0.3>\
        <audio src=a.wav data-start=0 data-volume=0.5></audio></div>";
    fs::write(root.join("index.html"), page).unwrap();
    let mut job = Job::new(root.join("index.html"), root.join("a.wav.wav"));
    job.fps = Some("30000/1001".parse().unwrap());
    job.audio.bits = Some(32);
    job.capture.workers = Some("1".parse().unwrap());
    let engine = Engine::new();
    engine.render(&job).unwrap();
    let listener = Listener::default();
    engine.request(&job).render_into(listener.clone()).unwrap();
    let (calls, samples) = &*listener.0.lock().unwrap();
    // Nine frames of 1601.6 samples.
    let expected = [
        "14414 samples",
        "frame 0",
        "until 1602",
        "frame 1",
        "until 3203",
        "frame 2",
        "until 4805",
    ];
    assert_eq!(calls[..7], expected);
    assert_eq!(calls.last().unwrap(), "until 14414");
    let judge = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(root.join("a.wav.wav"))
        .args(["-f", "f32le", "-"])
        .output()
        .unwrap();
    let file: Vec<f32> =
        judge.stdout.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(file.len(), samples.len() * 2);
    let bits = |sample: &f32| sample.to_bits();
    assert!(samples.iter().flatten().map(bits).eq(file.iter().map(bits)), "as in a file");
    assert!(samples.iter().any(|[left, _]| left.abs() > 0.2), "there is sound");

    // No call where nothing is heard, nor where the job wants none.
    for (page, enabled) in [(page, false), (&page.replace("<audio", "<audio muted"), true)] {
        fs::write(root.join("index.html"), page).unwrap();
        (job.audio.enabled, job.audio.bits, job.output) = (enabled, None, None);
        let listener = Listener::default();
        engine.request(&job).render_into(listener.clone()).unwrap();
        let (calls, _) = &*listener.0.lock().unwrap();
        assert_eq!((calls.len(), calls[0].as_str()), (9, "frame 0"));
    }
}

#[test]
fn what_a_page_waits_for_is_told_while_it_does() {
    let mut job = Job::without_output(fixture("broken/never-ready.html"));
    job.timeouts.ready = Duration::from_secs(6);
    job.timeouts.player = Duration::from_secs(6);
    let mut messages = Vec::new();
    let mut progress = |event: &Event| messages.push(event.message.clone());
    let ended = Engine::new()
        .request(&cheaply(&job))
        .progress(&mut progress)
        .render_into(Box::new(pagereel::sink::NullSink::default()));
    assert!(ended.is_err());
    let told = messages.iter().filter(|message| *message == "Waiting for window.__renderReady");
    assert!(told.count() >= 1, "{messages:?}");
}
