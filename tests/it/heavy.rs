//! Pages that take all they can get: each ends by its deadlines, and the engine stays small.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::chaos::fault::Group;
use crate::support::pagereel;
use serde_json::Value;

/// What the engine may take, whatever a page does.
const MOST_KIB: u64 = 1 << 20;

/// All tries of a frame with the deadlines of [`JOB`], three at least, on a busy machine.
const MOST_TIME: Duration = Duration::from_secs(240);

const JOB: &str = r#"{ "composition": "index.html", "output": "o.mp4",
    "capture": { "mode": "beginFrame", "workers": 1 },
    "timeouts": { "frame": 4, "ready": 4, "navigation": 6, "player": 4, "timelines": 4 } }"#;

/// A page that runs `script` when it loads.
fn at_load(script: &str) -> String {
    format!(
        "<!doctype html><body style='margin:0'><div data-composition-id=r data-width=64 \
         data-height=36 data-duration=1 data-fps=5 style='position:relative;height:36px'>\
         <div id=b style='width:10px;height:10px;background:#f80'></div></div>\
         <script>{script}</script>"
    )
}

/// A page that runs `script` in its third frame.
fn in_frame(script: &str) -> String {
    at_load(&format!(
        "window.__hf = {{ duration: 1, seek(t) {{ b.style.width = 10 + t * 20 + 'px'; \
         if (t > 0.3) {{ {script} }} }} }};"
    ))
}

struct End {
    code: Option<i32>,
    /// The last event.
    last: Value,
    took: Duration,
    /// Most memory that the engine had.
    engine_kib: u64,
    left: Vec<String>,
}

/// Renders a page, within a control group if there is one.
fn end_of(html: &str, group: Option<&Path>) -> End {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join("t");
    fs::create_dir(&temporary).unwrap();
    fs::write(directory.path().join("index.html"), html).unwrap();
    let job = directory.path().join("job.json");
    fs::write(&job, JOB).unwrap();
    let program = pagereel().get_program().to_owned();
    let enter = group.map_or(String::new(), |group| {
        format!("echo $$ > '{}';", group.join("cgroup.procs").display())
    });
    let start = Instant::now();
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{enter} exec \"$0\" \"$@\""))
        .arg(program)
        .arg(job)
        .arg("--json")
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let events = thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).last());
    let (mut engine_kib, mut code) = (0, None);
    while start.elapsed() < MOST_TIME {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        engine_kib = engine_kib.max(most.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            code = status.code();
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let took = start.elapsed();
    child.kill().ok();
    child.wait().unwrap();
    let last = events.join().unwrap().unwrap_or_default();
    let last = serde_json::from_str(&last).unwrap_or_default();
    let left = fs::read_dir(&temporary).unwrap().flatten();
    let left = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    End { code, last, took, engine_kib, left }
}

#[test]
fn what_the_kernel_kills_for_memory_is_named_so() {
    let Some(group) = Group::new(400 << 20) else {
        println!("no control groups here");
        return;
    };
    let end = end_of(
        &in_frame("const a = []; for (;;) a.push(new Uint8Array(1 << 22).fill(1));"),
        Some(&group.0),
    );
    assert_eq!(end.code, Some(75), "{}", end.last);
    let message = end.last["message"].as_str().unwrap();
    assert!(message.contains("frame 2: "), "{message}");
    assert!(message.contains("for lack of memory (its limit is 400 MB)"), "{message}");
    assert!(end.last["hint"].as_str().unwrap().contains("memory"), "{}", end.last);
    assert_eq!(end.left, Vec::<String>::new());
}

#[test]
fn floods_end_by_the_deadline_and_leave_the_engine_small() {
    let pages = [
        (
            "console lines",
            at_load("for (let i = 0; i < 20; i++) console.log('x'.repeat(5e7) + i);"),
        ),
        (
            "posts",
            at_load(
                "const z = new Uint8Array(32 << 20); for (let i = 0; i < 30; i++) { z[0] = i; \
             fetch('/__pagereel/media/held', { method: 'POST', body: z.slice() }).catch(() => 0); }",
            ),
        ),
        (
            "messages",
            in_frame("onmessage = () => { postMessage(0); postMessage(0) }; postMessage(0);"),
        ),
    ];
    for (name, html) in pages {
        let end = end_of(&html, None);
        assert!(end.code.is_some(), "{name}: it goes on after {:?}", end.took);
        assert!(end.engine_kib < MOST_KIB, "{name}: {} KiB", end.engine_kib);
        assert_eq!(end.left, Vec::<String>::new(), "{name}");
    }
}

/// The whole list, with a table. `cargo test --test it -- --ignored heavy --nocapture`
#[test]
#[ignore = "it takes ten minutes"]
fn heavy_pages_end() {
    println!("| page | exit code | time | engine | message |\n|---|---|---|---|---|");
    for (name, html) in heavy_pages() {
        let group = Group::new(3 << 30);
        let end = end_of(&html, group.as_ref().map(|group| &*group.0));
        let code = end.code.map_or("none".into(), |code| code.to_string());
        let message = end.last["message"].as_str().unwrap_or_default();
        let (took, engine) = (end.took.as_secs_f64(), end.engine_kib >> 10);
        println!("| {name} | {code} | {took:.1} s | {engine} MiB | {message} |");
        assert!(end.code.is_some(), "{name}: it goes on after {:?}", end.took);
        assert!(end.engine_kib < MOST_KIB, "{name}: {} KiB", end.engine_kib);
        assert_eq!(end.left, Vec::<String>::new(), "{name}");
    }
}

fn heavy_pages() -> Vec<(&'static str, String)> {
    let worker = |script: &str| format!("URL.createObjectURL(new Blob([\"{script}\"]))");
    vec![
        ("memory", at_load("const a = []; for (;;) a.push(new Uint8Array(1 << 24).fill(1));")),
        (
            "memory of WebAssembly",
            at_load(
                "const a = []; for (;;) { const m = new WebAssembly.Memory({ initial: 16384 }); \
             new Uint8Array(m.buffer).fill(1); a.push(m); }",
            ),
        ),
        (
            "canvas of 20000x20000",
            at_load(
                "const c = document.createElement('canvas'); c.width = c.height = 20000; b.append(c); \
             const x = c.getContext('2d'); x.fillRect(0, 0, 20000, 20000);",
            ),
        ),
        (
            "200,000 nodes",
            at_load("for (let i = 0; i < 2e5; i++) b.append(document.createElement('span'));"),
        ),
        (
            "30,000 media elements",
            at_load(
                "for (let i = 0; i < 30000; i++) { const v = document.createElement(i % 2 ? 'video' : \
             'audio'); v.src = 'n' + i + '.mp4'; v.dataset.start = 0; v.dataset.duration = 1; \
             b.append(v); }",
            ),
        ),
        (
            "messages",
            at_load("onmessage = () => { postMessage(0); postMessage(0) }; postMessage(0);"),
        ),
        (
            "console lines",
            at_load("for (let i = 0; i < 1e6; i++) console.log(i + 'x'.repeat(300));"),
        ),
        (
            "long console lines",
            at_load("for (let i = 0; i < 20; i++) console.log('x'.repeat(5e7) + i);"),
        ),
        (
            "errors",
            at_load(
                "for (let i = 0; i < 2e5; i++) setTimeout(() => { throw new Error('e' + i) });",
            ),
        ),
        ("timers", at_load("function f() { setTimeout(f); setTimeout(f) } f();")),
        ("microtasks", in_frame("(function f() { Promise.resolve().then(f) })();")),
        ("requests", at_load("for (let i = 0; i < 20000; i++) fetch('none' + i).catch(() => 0);")),
        (
            "posts",
            at_load(
                "const z = new Uint8Array(64 << 20); for (let i = 0; i < 60; i++) { z[0] = i; \
             fetch('/__pagereel/media/held', { method: 'POST', body: z.slice() }).catch(() => 0); }",
            ),
        ),
        (
            "workers",
            at_load(&format!("for (let i = 0; i < 300; i++) new Worker({});", worker("for (;;);"))),
        ),
        (
            "messages of workers",
            at_load(&format!(
                "for (let i = 0; i < 4; i++) new Worker({}).postMessage(0);",
                worker("onmessage = () => { for (;;) postMessage(new Uint8Array(1000)) };")
            )),
        ),
        (
            "loop of WebAssembly",
            in_frame(
                "new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, \
             0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, \
             0, 11, 11]))).exports.f();",
            ),
        ),
        ("loop", in_frame("for (;;);")),
        ("regular expression", in_frame("/(a+)+$/.test('a'.repeat(60) + 'b');")),
        ("dialogs", at_load("for (let i = 0; i < 3000; i++) alert(i);")),
        ("doubling markup", at_load("for (;;) b.innerHTML += '<i></i>' + b.innerHTML;")),
        ("title of 300 MB", at_load("document.title = 't'.repeat(3e8);")),
        (
            "entities",
            at_load(
                "let s = '<!ENTITY a0 \"lolololol\">'; for (let i = 0; i < 10; i++) s += '<!ENTITY a' + \
             (i + 1) + ' \"' + ('&a' + i + ';').repeat(10) + '\">'; const m = new Image; m.src = \
             URL.createObjectURL(new Blob(['<!DOCTYPE svg [' + s + ']><svg \
             xmlns=\"http://www.w3.org/2000/svg\"><text>&a10;</text></svg>'], { type: \
             'image/svg+xml' })); b.append(m);",
            ),
        ),
    ]
}
