//! A page that does not stay is an error that says so, unless it says that it means it.

use std::fs;

use pagereel::job::CaptureMode;
use pagereel::sink::ChecksumSink;
use pagereel::time::FrameIndex;
use pagereel::{Engine, Error, Job, Moment};

use crate::support::{cheaply, page};

/// Two seconds of ten frames each. The script runs before all else, `at_one` at one second.
fn composition(attributes: &str, head: &str, at_one: &str) -> String {
    format!(
        "<!doctype html><html><head>{head}<style>body {{ margin: 0; background: #f00 }}</style>\
         </head><body><div data-composition-id=r data-width=64 data-height=36 data-duration=2 \
         data-fps=10 {attributes}></div><form id=f action='green.html'></form>\
         <script>setTimeout(() => {{ {at_one} }}, 1000)</script></body></html>"
    )
}

const GREEN: &str = "<!doctype html><body style='margin:0;background:#0f0'>";

fn error_of(job: &Job) -> Option<Error> {
    let sink = Box::new(ChecksumSink::default());
    let job = cheaply(job);
    Engine::new().request(&job).render_into(sink).err()
}

/// How a page leaves, and what the error says of it.
const WAYS: [(&str, &str); 8] = [
    ("location.href = 'green.html'", "the page goes to http"),
    ("location.replace('https://nowhere.invalid/x')", "the page goes to https://nowhere.invalid/x"),
    ("location.reload()", "the page reloads itself"),
    ("history.back()", "the page goes to about:blank"),
    ("f.submit()", "(a form is sent)"),
    ("document.documentElement.remove()", "the page removes its document element"),
    ("document.open()", "the page calls document.open()"),
    ("window.stop()", "the page calls window.stop()"),
];

#[test]
fn a_page_that_leaves_is_an_error_that_names_frame_and_address() {
    for (code, said) in WAYS {
        let (directory, html) = page(&composition("", "", code));
        fs::write(directory.path().join("green.html"), GREEN).unwrap();
        let error = error_of(&Job::without_output(&*html)).expect(code);
        let text = error.to_string();
        assert!(text.contains(said), "{code}: {text}");
        assert_eq!(error.exit_code(), 1, "{code}");
        assert!(error.hint().unwrap().contains("data-allow-navigation"), "{code}");
        let Error::Capture { index, .. } = error else { panic!("{code}: {error:?}") };
        assert_eq!(index.0, 10, "{code}");
    }
}

#[test]
fn a_page_on_a_display_that_leaves_is_the_same_error() {
    for (code, said) in [WAYS[0], WAYS[1]] {
        let (directory, html) = page(&composition("", "", code));
        fs::write(directory.path().join("green.html"), GREEN).unwrap();
        let mut job = Job::without_output(&*html);
        job.capture.mode = CaptureMode::Display;
        let error = error_of(&job).expect(code);
        assert!(error.to_string().contains(said), "{code}: {error}");
        assert_eq!(error.exit_code(), 1);
    }
}

#[test]
fn a_page_that_stays_may_move_within_itself() {
    for code in [
        "location.hash = 'x'",
        "history.pushState(1, '', '?x')",
        "f.onsubmit = () => false; f.requestSubmit()",
        "window.open('green.html')",
    ] {
        let (_directory, html) = page(&composition("", "", code));
        assert!(error_of(&Job::without_output(&*html)).is_none(), "{code}");
    }
}

#[test]
fn a_refresh_is_known_before_the_first_frame() {
    let refresh = "<meta http-equiv=Refresh content='1; url=green.html'>";
    let (_directory, html) = page(&composition("", refresh, ""));
    let job = Job::without_output(&*html);
    let text = error_of(&job).unwrap().to_string();
    assert_eq!(text, "the page would go to green.html after 1 s (meta refresh)");
    let check = Engine::new().check(&cheaply(&job)).unwrap();
    assert_eq!(check.error.as_deref(), Some(text.as_str()));
}

#[test]
fn a_still_of_a_page_that_has_left_is_an_error() {
    let (directory, html) = page(&composition("", "", WAYS[0].0));
    fs::write(directory.path().join("green.html"), GREEN).unwrap();
    let job = cheaply(&Job::without_output(&*html));
    let still = |frame| {
        let moments = [Moment::Frame(FrameIndex(frame))];
        Engine::new().request(&job).stills(&moments, &mut |_| Ok(()))
    };
    let text = still(15).unwrap_err().to_string();
    assert!(text.starts_with("frame 10: the page goes to http"), "{text}");
}
