//! Anything of a browser may die at any time: the file is the same, or the exit code says why not.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{CHEAPLY, browsers_of, groups_of, members_of, page, pagereel, write_program};

/// Sixty small frames, each of which differs.
const MOVING: &str = "<!doctype html><style>body { margin: 0 } @keyframes m { to { translate: 54px } }\
    #b { width: 10px; height: 10px; background: #f80; animation: m 6s linear both }</style>\
    <div data-composition-id=r data-width=64 data-height=36 data-duration=6 data-fps=10 \
    style='height:36px;background:#123'><div id=b></div></div>";

/// A place for a render: its page, a directory for temporary files, and where its file goes.
struct Place {
    _directory: TempDir,
    html: PathBuf,
    temporary: PathBuf,
    output: PathBuf,
}

impl Place {
    fn new(html: &str) -> Self {
        let (directory, html) = page(html);
        let temporary = directory.path().join("t");
        fs::create_dir(&temporary).unwrap();
        let output = directory.path().join("out.mp4");
        Self { _directory: directory, html, temporary, output }
    }

    fn command(&self, capture: &[&str]) -> Command {
        let mut command = pagereel();
        command
            .arg(&self.html)
            .args(["--json", "--workers", "1", "-o"])
            .arg(&self.output)
            .args(capture)
            .env("TMPDIR", &self.temporary)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// The file that comes when nothing is disturbed.
    fn whole(&self, capture: &[&str]) -> Vec<u8> {
        assert!(self.command(capture).status().unwrap().success());
        let bytes = fs::read(&self.output).unwrap();
        fs::remove_file(&self.output).unwrap();
        bytes
    }

    /// Whether there is a process of the render's browsers with this in its command line.
    fn find(&self, word: &str) -> Option<i32> {
        let members = members_of(&groups_of(&browsers_of(&self.temporary)));
        members.into_iter().find(|id| command_line(*id).contains(word))
    }

    /// Everything but the page and what is in the way of it.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(&self.temporary).unwrap().flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

fn command_line(id: i32) -> String {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

fn signal(name: &str, process: i32) -> bool {
    Command::new("kill").args([name, &process.to_string()]).status().unwrap().success()
}

/// Follows a render, and calls `act` at each frame. Returns its report or its error.
fn follow(child: &mut Child, act: &mut dyn FnMut(u64)) -> Value {
    let mut last = Value::Null;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(frame) = event["frame"].as_u64() {
            act(frame);
        }
        last = event;
    }
    last
}

/// Kills a process of a kind under way. Returns how many sessions were opened again.
fn survives(place: &Place, capture: &[&str], kind: &str, at: u64, whole: &[u8]) -> u64 {
    let mut child = place.command(capture).spawn().unwrap();
    let mut killed = false;
    let mut last = follow(&mut child, &mut |frame| {
        if frame >= at && !killed {
            killed = place.find(kind).is_some_and(|id| signal("-KILL", id));
        }
    });
    assert!(child.wait().unwrap().success(), "{kind} at {at}: {last}");
    let bytes = fs::read(&place.output).unwrap();
    assert!(bytes == whole, "another file after the death of {kind} at frame {at}");
    let sessions = last["report"]["sessions"].take();
    sessions.as_array().unwrap().iter().filter_map(|session| session["retried"].as_u64()).sum()
}

#[test]
fn no_frame_is_wrong_after_a_helper_of_the_browser_died() {
    let place = Place::new(MOVING);
    let kinds = ["--type=gpu-process", "network.mojom", "storage.mojom", "--type=renderer"];
    for (capture, kinds) in [(CHEAPLY, &kinds[..]), (["--capture", "screenshot"], &kinds[..1])] {
        let whole = place.whole(&capture);
        let mut retried = 0;
        for kind in kinds {
            retried += survives(&place, &capture, kind, 3, &whole);
        }
        // Not always: a page does not need the renderer that is kept in reserve, and a death may
        // come after the last picture.
        assert!(retried >= 1, "no session was lost in {capture:?}");
    }
}

#[test]
fn a_display_whose_parts_die_shows_the_same() {
    let place = Place::new(MOVING);
    let capture = ["--capture", "display"];
    let whole = place.whole(&capture);
    survives(&place, &capture, "--type=gpu-process", 3, &whole);
    let mut lock = None;
    let mut child = place.command(&capture).spawn().unwrap();
    follow(&mut child, &mut |_| {
        if lock.is_none()
            && let Some(id) = place.find("Xvfb")
        {
            let number = command_line(id).split_whitespace().nth(1).unwrap()[1..].to_owned();
            lock = Some([format!("/tmp/.X{number}-lock"), format!("/tmp/.X11-unix/X{number}")]);
            signal("-KILL", id);
        }
    });
    assert!(child.wait().unwrap().success());
    assert!(fs::read(&place.output).unwrap() == whole, "another file after the display's death");
    for path in lock.expect("a display has a server") {
        assert!(!Path::new(&path).exists(), "{path} is left");
    }
}

#[test]
fn a_network_process_that_dies_while_the_page_opens_is_missed() {
    let place = Place::new(MOVING);
    let page = fs::read_to_string(&place.html).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let mut command = place.command(&CHEAPLY);
    let arguments: Vec<_> = command.get_args().skip(1).map(ToOwned::to_owned).collect();
    command = pagereel();
    command.arg(address).args(arguments).env("TMPDIR", &place.temporary);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // Its first request gets no answer.
    let (first, _) = listener.accept().unwrap();
    let network = place.find("network.mojom").expect("something has asked");
    assert!(signal("-KILL", network));
    drop(first);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let is_page = request.starts_with(b"GET / ");
                let (status, body) = if is_page { ("200 OK", &*page) } else { ("404 No", "") };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n"
                );
                stream.write_all((head + body).as_bytes()).ok();
            }
        }
    });
    let last = follow(&mut child, &mut |_| {});
    assert!(child.wait().unwrap().success(), "{last}");
}

/// A browser that is one only after so many starts, before which it runs `instead`.
fn late_browser(place: &Place, starts: u32, instead: &str) -> PathBuf {
    let path = place.temporary.parent().unwrap().join("chromium-headless-shell");
    let count = path.with_extension("count");
    let script = format!(
        "#!/bin/sh\necho >> '{count}'\nif [ \"$(wc -l < '{count}')\" -le {starts} ]; then\n  \
         {instead}\nfi\nexec chromium-headless-shell \"$@\"\n",
        count = count.display(),
    );
    write_program(&path, script.as_bytes());
    path
}

fn started(browser: &Path) -> usize {
    fs::read_to_string(browser.with_extension("count")).unwrap().lines().count()
}

fn error_of(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn a_browser_that_dies_before_the_first_frame_is_started_again() {
    let place = Place::new(MOVING);
    let whole = place.whole(&CHEAPLY);
    let run = |browser: &Path| {
        fs::remove_file(browser.with_extension("count")).ok();
        place.command(&CHEAPLY).env("PAGEREEL_CHROME", browser).output().unwrap()
    };

    let output = run(&late_browser(&place, 2, "kill -KILL $$"));
    assert!(output.status.success(), "{}", error_of(&output));
    assert!(fs::read(&place.output).unwrap() == whole);
    fs::remove_file(&place.output).unwrap();

    // Killed each time: that may pass. Two ways of capture, three times each.
    let browser = late_browser(&place, 99, "kill -KILL $$");
    let output = run(&browser);
    assert_eq!((output.status.code(), started(&browser)), (Some(75), 6));
    let error = error_of(&output);
    assert_eq!(error["exitCode"], 75);
    assert!(error["message"].as_str().unwrap().contains("ended at once"), "{error}");
    assert!(!error["hint"].as_str().unwrap().contains("sandbox"), "{error}");

    // It always says the same: something is missing.
    let browser = late_browser(&place, 99, "echo 'libnss3.so: no such file' >&2; exit 127");
    let output = run(&browser);
    assert_eq!((output.status.code(), started(&browser)), (Some(3), 4));
    let error = error_of(&output);
    assert!(error["message"].as_str().unwrap().contains("libnss3.so"), "{error}");

    assert!(!place.output.exists());
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn a_check_and_a_still_outlive_a_browser_too() {
    let place = Place::new(MOVING);
    let browser = late_browser(&place, 1, "kill -KILL $$");
    let still = place.temporary.parent().unwrap().join("still.png");
    let check = |command: &mut Command| {
        fs::remove_file(browser.with_extension("count")).ok();
        let output = command.env("PAGEREEL_CHROME", &browser).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(started(&browser) >= 2);
    };
    check(pagereel().arg("check").arg(&place.html));
    check(pagereel().arg("still").arg(&place.html).args(["--at", "1", "-o"]).arg(&still));
}

#[test]
fn what_a_browser_lacks_is_named_before_it_starts() {
    let place = Place::new(MOVING);
    let program = pagereel().get_program().to_owned();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""]).arg(program);
    let few = shell.args(place.command(&CHEAPLY).get_args()).output().unwrap();
    assert_eq!(few.status.code(), Some(3));
    let error = error_of(&few);
    assert!(error["message"].as_str().unwrap().contains("only 100 files open"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("ulimit -n"), "{error}");

    let nowhere = place.temporary.join("nowhere");
    let output = place.command(&CHEAPLY).env("TMPDIR", &nowhere).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let error = error_of(&output);
    assert!(error["message"].as_str().unwrap().contains(&*nowhere.to_string_lossy()), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("TMPDIR"), "{error}");
}

#[test]
fn no_order_of_signals_leaves_anything() {
    let place = Place::new(MOVING);
    let orders: [&[&str]; 4] = [&["-INT", "-INT"], &["-TERM", "-KILL"], &["-HUP"], &["-KILL"]];
    for (i, order) in orders.into_iter().enumerate() {
        // One on a display, which has more to clean up.
        let capture = if i == 0 { ["--capture", "display"] } else { CHEAPLY };
        let mut child = place.command(&capture).spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let mut groups = Vec::new();
        let last = follow(&mut child, &mut |_| {
            if groups.is_empty() {
                groups = groups_of(&browsers_of(&place.temporary));
                for name in order {
                    signal(name, id);
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        let status = child.wait().unwrap();
        assert!(!status.success(), "{order:?}: {last}");
        let until = Instant::now() + Duration::from_secs(20);
        let is_clean = || members_of(&groups).is_empty() && place.left().is_empty();
        while !is_clean() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!((members_of(&groups), place.left()), (vec![], vec![]), "{order:?}");
        assert!(!place.output.exists(), "{order:?}");
    }
}
