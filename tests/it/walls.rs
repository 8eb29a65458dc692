//! Nothing gets out: what a page tries under `network.policy`, and what arrives.
//!
//! All that is tried goes to the loopback interface, where the test listens.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pagereel::Job;
use pagereel::job::{CaptureMode, IsolationMode, NetworkPolicy};
use pagereel::report::Isolation;

use crate::support::{page, pagereel, pictures, write_program};

/// Listens on some loopback addresses, over TCP and UDP, until the test's program ends.
struct Ears {
    port: u16,
    heard: Arc<Mutex<BTreeSet<String>>>,
}

const ADDRESSES: [&str; 3] = ["127.0.0.1", "127.0.0.2", "::1"];

impl Ears {
    fn open() -> Self {
        for _ in 0..20 {
            let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            if let Some(ears) = Self::at(port) {
                return ears;
            }
        }
        panic!("no port is free on all of {ADDRESSES:?}");
    }

    fn at(port: u16) -> Option<Self> {
        let heard = Arc::<Mutex<BTreeSet<String>>>::default();
        let mut sockets = Vec::new();
        for address in ADDRESSES {
            sockets.push((
                address,
                TcpListener::bind((address, port)).ok()?,
                UdpSocket::bind((address, port)).ok()?,
            ));
        }
        for (address, tcp, udp) in sockets {
            let list = Arc::clone(&heard);
            thread::spawn(move || {
                let mut packet = [0; 64];
                while udp.recv_from(&mut packet).is_ok() {
                    list.lock().unwrap().insert(format!("UDP {address}"));
                }
            });
            let list = Arc::clone(&heard);
            thread::spawn(move || {
                for mut stream in tcp.incoming().flatten() {
                    let list = Arc::clone(&list);
                    thread::spawn(move || {
                        drop(stream.set_read_timeout(Some(Duration::from_secs(2))));
                        let mut head = [0; 512];
                        let count = stream.read(&mut head).unwrap_or_default();
                        let head = String::from_utf8_lossy(&head[..count]);
                        let first = head.lines().next().unwrap_or_default();
                        list.lock().unwrap().insert(format!("TCP {address} {first}"));
                        drop(stream.write_all(
                            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n\
                              Content-Length: 2\r\nConnection: close\r\n\r\nhi",
                        ));
                    });
                }
            });
        }
        Some(Self { port, heard })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().cloned().collect()
    }
}

/// A page that tries what is known to lead out of a browser.
fn hostile(port: u16) -> String {
    include_str!("walls/hostile.html").replace("PORT", &port.to_string())
}

fn job(html: &Path, mode: CaptureMode, isolation: IsolationMode, policy: NetworkPolicy) -> Job {
    let mut job = Job::without_output(html);
    job.capture.mode = mode;
    job.capture.workers = Some(1);
    job.network.policy = policy;
    job.network.isolation = isolation;
    job
}

/// What the page of a render sends, with the wall that held.
fn sent(mode: CaptureMode, isolation: IsolationMode) -> (Isolation, Vec<String>) {
    let ears = Ears::open();
    let (_directory, html) = page(&hostile(ears.port));
    fs::write(
        html.parent().unwrap().join("worker.js"),
        format!(
            "fetch('http://127.0.0.1:{0}/sw'); new WebSocket('ws://127.0.0.1:{0}/sws')",
            ears.port
        ),
    )
    .unwrap();
    let (report, frames) = pictures(&job(&html, mode, isolation, NetworkPolicy::Deny));
    assert_eq!(frames.len(), 20);
    (report.isolation, ears.heard())
}

#[test]
fn nothing_is_heard_where_all_is_denied() {
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let (isolation, heard) = sent(mode, IsolationMode::Off);
        assert_eq!((isolation, heard), (Isolation::Rules, vec![]), "{mode:?}");
        let (isolation, heard) = sent(mode, IsolationMode::Auto);
        assert_ne!(isolation, Isolation::None);
        assert_eq!(heard, Vec::<String>::new(), "{mode:?} {isolation:?}");
    }
}

#[test]
fn who_is_listed_answers_and_nobody_else() {
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        for isolation in [IsolationMode::Auto, IsolationMode::Off] {
            let ears = Ears::open();
            let port = ears.port;
            let html = format!(
                "<!doctype html><body data-composition-id=m data-width=64 data-height=36 \
                 data-duration=0.1 data-fps=20><script>
                   const ask = (host, path) => fetch(`http://${{host}}:{port}/${{path}}`);
                   const draw = (text) => document.body.style.background = text === 'hi' ? '#0f0' : '#f00';
                   ask('127.0.0.1', 'listed').then((r) => r.text()).then(draw, () => draw());
                   for (const host of ['127.0.0.2', '[::1]', '127.0.0.3']) {{
                     ask(host, 'other').catch(() => 0);
                     new WebSocket(`ws://${{host}}:{port}/other`);
                   }}
                 </script></body>"
            );
            let (_directory, html) = page(&html);
            let list = NetworkPolicy::Hosts(vec![format!("127.0.0.1:{port}")]);
            let (report, frames) = pictures(&job(&html, mode, isolation, list));
            assert_eq!(
                ears.heard(),
                ["TCP 127.0.0.1 GET /listed HTTP/1.1"],
                "{mode:?} {isolation:?}"
            );
            assert_eq!(frames[0].data[..3], [0, 255, 0], "{mode:?} {:?}", report.isolation);
        }
    }
}

#[test]
fn pages_write_nothing_into_the_home_of_who_runs_them() {
    for mode in ["beginFrame", "display"] {
        let home = tempfile::tempdir().unwrap();
        let (directory, html) = page(
            "<!doctype html><body data-composition-id=m data-width=64 data-height=36 \
             data-duration=0.5 data-fps=20><script>
               for (const name of ['a.txt', '.bashrc', '../../b.txt']) {
                 const link = document.createElement('a');
                 link.download = name;
                 link.href = URL.createObjectURL(new Blob(['EVIL']));
                 document.body.append(link);
                 link.click();
               }
               document.body.append(Object.assign(document.createElement('iframe'),
                 { src: 'data:application/octet-stream,EVIL' }));
             </script></body>",
        );
        let out = directory.path().join("out.mp4");
        let ended = pagereel()
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .args(["--capture", mode, "--workers", "1", "-o"])
            .args([&out, &html])
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().flatten().map(|e| e.path()).collect();
        assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{mode}");
    }
}

/// An ordinary user's number, on every system.
const NOBODY: u32 = 65534;

/// With Chrome's own sandbox. Where the tests run as root, as they do in containers.
#[test]
fn an_ordinary_user_has_a_wall_too() {
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = directory.path().join("pagereel");
    write_program(&program, &fs::read(pagereel().get_program()).unwrap());
    let ears = Ears::open();
    let html = hostile(ears.port).replace("<html>", "<html><!-- -->");
    fs::write(directory.path().join("index.html"), html).unwrap();
    for isolation in ["auto", "off"] {
        let text = format!(
            r#"{{"composition": "index.html", "output": "{isolation}.mp4", "duration": 0.5,
                 "capture": {{"mode": "beginFrame", "workers": 1}},
                 "network": {{"policy": "deny", "isolation": "{isolation}"}}}}"#
        );
        let job = directory.path().join(format!("{isolation}.json"));
        fs::write(&job, text).unwrap();
        let report = directory.path().join(format!("{isolation}-report.json"));
        let ended = std::process::Command::new(&program)
            .current_dir(directory.path())
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .args([&job, Path::new("--report"), &report])
            .uid(NOBODY)
            .gid(NOBODY)
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        // User namespaces can be forbidden; then the other wall holds.
        assert_ne!(report["isolation"], "none");
        assert_eq!(ears.heard(), Vec::<String>::new(), "{}", report["isolation"]);
    }
}

#[test]
fn a_wall_that_is_required_and_not_to_be_had_ends_the_render() {
    // A process without privileges in a user namespace that may make no other.
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("index.html"),
        "<body data-composition-id=m data-width=64 data-height=36 data-duration=0.1 data-fps=20>",
    )
    .unwrap();
    fs::write(
        directory.path().join("job.json"),
        r#"{"composition": "index.html", "output": "a.mp4", "browser": {"sandbox": "off"},
            "capture": {"mode": "beginFrame", "workers": 1},
            "network": {"policy": "deny", "isolation": "required"}}"#,
    )
    .unwrap();
    let no_more = "echo 0 > /proc/sys/user/max_user_namespaces; \
                   echo 0 > /proc/sys/user/max_net_namespaces; exec \"$@\"";
    let ended = std::process::Command::new("unshare")
        .current_dir(directory.path())
        .args(["-Ur", "/bin/sh", "-c", no_more, "sh"])
        .arg(pagereel().get_program())
        .arg("job.json")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    if said.contains("unshare") {
        // The system allows not even that one.
        return;
    }
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("network.isolation"), "{said}");
    assert!(!directory.path().join("a.mp4").exists());
}

#[test]
fn what_is_started_opens_only_what_the_job_needs() {
    // Not below the directory for temporary files, which all may use.
    let apart = tempfile::tempdir_in("/var/tmp").unwrap();
    let (site, secret) = (apart.path().join("site"), apart.path().join("secret.txt"));
    fs::create_dir_all(&site).unwrap();
    fs::write(&secret, "SECRET").unwrap();
    fs::write(
        site.join("index.html"),
        "<body data-composition-id=m data-width=64 data-height=36 data-duration=0.1 data-fps=20>",
    )
    .unwrap();
    // Stands for a browser that a page has taken over.
    let browser = site.join("chromium-headless-shell");
    let script = "#!/bin/sh\ncat ../secret.txt > leaked.txt\ncat index.html > read.txt\n\
                  exec chromium-headless-shell \"$@\"\n";
    write_program(&browser, script.as_bytes());
    let leaked = |confine: &str, policy: &str| {
        let ended = pagereel()
            .current_dir(&site)
            .env("PAGEREEL_CONFINE", confine)
            .args(["--capture", "beginFrame", "--workers", "1", "--network", policy])
            .args(["--chrome", "./chromium-headless-shell", "-o", "out.mp4", "index.html"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if said.contains("files are open") {
            // A kernel without Landlock.
            return None;
        }
        assert!(ended.status.success(), "{said}");
        assert!(!fs::read(site.join("read.txt")).unwrap().is_empty());
        Some(fs::read_to_string(site.join("leaked.txt")).unwrap())
    };
    assert_eq!(leaked("off", "deny").as_deref(), Some("SECRET"));
    if leaked("required", "allow").is_some() {
        assert_eq!(leaked("required", "allow").as_deref(), Some(""));
        assert_eq!(leaked("auto", "deny").as_deref(), Some(""));
    }
    assert_eq!(leaked("auto", "allow").as_deref(), Some("SECRET"));
}
