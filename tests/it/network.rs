//! What pages may reach: mapped addresses, refused hosts, links.
//!
//! No test needs a network. Hosts that answer are servers of the test on the loopback interface.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pagereel::job::NetworkPolicy;
use pagereel::report::{NetworkOutcome, NetworkRequest};
use pagereel::sink::NullSink;
use pagereel::{Engine, Error, Job, Report};

use crate::support::{CHEAPLY, digests, fixture, page, pagereel, render};

const GSAP: &str = "https://cdn.jsdelivr.net/npm/gsap@3.14.2/dist/gsap.min.js";

/// A composition of three frames that loads scripts, and sets a duration only if all have run.
fn scripts(urls: &[&str]) -> String {
    let tags: Vec<_> = urls.iter().map(|url| format!("<script src=\"{url}\"></script>")).collect();
    format!(
        "<!doctype html><div id=r data-width=64 data-height=64 data-fps=30>x</div>{}",
        tags.concat()
    )
}

/// A page that animates with GSAP from a CDN.
fn gsap_page() -> String {
    scripts(&[GSAP])
        + "<script>window.__timelines = { r: gsap.timeline({ paused: true })
           .to('#r', { x: 30, duration: 0.1 }) }; r.dataset.compositionId = 'r'</script>"
}

fn job(html: &Path) -> Job {
    let mut job = Job::without_output(html);
    job.capture.workers = Some(1);
    job
}

fn report(job: &Job) -> pagereel::Result<Report> {
    let sink = Box::new(NullSink::default());
    Engine::new().request(job).render_into(sink)
}

fn map(prefix: &str, target: PathBuf) -> BTreeMap<String, PathBuf> {
    BTreeMap::from([(prefix.to_owned(), target)])
}

fn outcomes(requests: &[NetworkRequest]) -> Vec<(&str, &str, NetworkOutcome)> {
    requests.iter().map(|r| (r.url.as_str(), r.kind.as_str(), r.outcome)).collect()
}

/// A server that gives every path the same script, until the test ends.
struct Server {
    host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(script: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let list = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Chrome opens connections before it needs them.
                let list = Arc::clone(&list);
                std::thread::spawn(move || answer(&stream, script, &list));
            }
        });
        Self { host, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Sends the script, or for `/to=ADDRESS` a redirect.
fn answer(stream: &TcpStream, script: &str, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let (status, location) = match path.strip_prefix("/to=") {
        Some(address) => ("302 Found", format!("Location: {address}\r\n")),
        None => ("200 OK", String::new()),
    };
    let kind = if script.starts_with('<') { "text/html" } else { "text/javascript" };
    drop(write!(
        &*stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{location}\
         Content-Length: {}\r\n\r\n{script}",
        script.len()
    ));
}

#[test]
fn a_page_from_a_cdn_renders_offline() {
    let (_directory, html) = page(&gsap_page());
    let mut job = job(&html);
    job.strict = true;
    job.network.policy = NetworkPolicy::Deny;
    job.network.map = map("https://cdn.jsdelivr.net/npm/", fixture("node_modules"));
    let file = fixture("node_modules/gsap/dist/gsap.min.js").canonicalize().unwrap();
    for workers in [1, 2] {
        // More browsers get the same, and it is listed once.
        job.capture.workers = Some(workers);
        let report = report(&job).unwrap();
        assert_eq!(report.output.frames, 3);
        assert_eq!(outcomes(&report.network), [(GSAP, "script", NetworkOutcome::Mapped)]);
        assert_eq!(report.network[0].file.as_ref(), Some(&file));
        assert_eq!(report.warnings, []);
    }
    assert_eq!(digests(&job, 1), digests(&job, 3));
}

#[test]
fn a_map_needs_no_policy_and_packages_of_another_version_are_told() {
    let old = "https://cdn.jsdelivr.net/npm/gsap@2";
    let (_directory, html) = page(&scripts(&[old]));
    let mut job = job(&html);
    job.duration = Some(0.1);
    job.network.map = map("https://cdn.jsdelivr.net/npm/", fixture("node_modules"));
    let report = report(&job).unwrap();
    assert_eq!(outcomes(&report.network), [(old, "script", NetworkOutcome::Mapped)]);
    let [warning] = &*report.warnings else { panic!("{:?}", report.warnings) };
    assert_eq!(warning.code, "mapped_version");
    assert!(warning.message.starts_with(&format!("{old} asks for gsap 2;")), "{warning:?}");
    assert_eq!(warning.hint.as_deref(), Some("npm install gsap@2"));
}

#[test]
fn what_is_denied_is_told_once_with_a_hint() {
    let image = "https://images.example/a.png";
    let (_directory, html) =
        page(&(scripts(&[GSAP, GSAP]) + &format!("<img src='{image}'><img src='{image}'>")));
    let mut job = job(&html);
    job.duration = Some(0.1);
    job.network.policy = NetworkPolicy::Deny;
    let report = report(&job).unwrap();
    let mut listed = outcomes(&report.network);
    listed.sort_by_key(|(_, kind, _)| *kind);
    let blocked = NetworkOutcome::Blocked;
    assert_eq!(listed, [(image, "image", blocked), (GSAP, "script", blocked)]);
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(report.warnings.iter().all(|w| w.code == "request_blocked"), "{:?}", report.warnings);
    let gsap = report.warnings.iter().find(|w| w.message.contains(GSAP)).unwrap();
    assert_eq!(
        gsap.hint.as_deref(),
        Some(
            "add \"https://cdn.jsdelivr.net/npm/\": \"node_modules/\" to network.map and npm \
             install gsap@3.14.2"
        )
    );
}

/// The program's exit code and what it says.
fn run(html: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = html.with_file_name("out.mp4");
    let mut command = pagereel();
    command.arg(html).arg("-o").arg(&output).args(["--workers", "1"]);
    command.args(CHEAPLY).args(more);
    let ended = command.output().unwrap();
    let is_done = ended.status.success();
    assert_eq!(output.exists(), is_done, "{:?}", ended.status);
    assert_eq!(fs::read_dir(html.parent().unwrap()).unwrap().count(), 1 + usize::from(is_done));
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn the_program_says_what_to_write() {
    let hint = "hint: add \"https://cdn.jsdelivr.net/npm/\": \"node_modules/\" to network.map and \
                npm install gsap@3.14.2";
    let warned = format!("not loaded: {GSAP}: its host is not allowed by network.policy");
    let (_directory, html) = page(&scripts(&[GSAP]));
    let deny = ["--network", "deny", "--duration", "0.1"];
    let (code, text) = run(&html, &deny);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("warning: {warned}\n{hint}\n")), "{text}");
    fs::remove_file(html.with_file_name("out.mp4")).unwrap();
    let (code, text) = run(&html, &[&deny[..], &["--strict"]].concat());
    assert_eq!(code, Some(1), "{text}");
    let strict =
        format!("error: the job is strict, and the page is not complete: {warned}\n{hint}");
    assert!(text.contains(&strict), "{text}");
    // A page that is nothing without its script.
    let (_directory, html) = page(&gsap_page());
    let (code, text) = run(&html, &["--network", "deny"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the composition has no duration"), "{text}");
    assert!(text.contains(&warned) && text.contains(hint), "{text}");
    let modules = fixture("node_modules");
    let mapping = format!("https://cdn.jsdelivr.net/npm/={}", modules.display());
    let (code, text) = run(&html, &["--network", "deny", "--strict", "--map", &mapping]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn listed_hosts_are_reached_and_no_others() {
    let server = Server::start("document.querySelector('div').dataset.duration = 0.1");
    let other = Server::start("");
    let listed = format!("http://{}/a.js", server.host);
    let refused = format!("http://{}/b.js", other.host);
    let redirected = format!("http://{}/to={refused}?c", server.host);
    let (_directory, html) = page(&scripts(&[&listed, &refused, &redirected]));
    let mut job = job(&html);
    job.network.policy = NetworkPolicy::Hosts(vec![server.host.clone()]);
    let report = report(&job).unwrap();
    assert_eq!(report.output.frames, 3);
    let end = format!("{refused}?c");
    let mut listed = outcomes(&report.network);
    listed.sort_unstable_by_key(|(url, ..)| *url);
    let blocked = NetworkOutcome::Blocked;
    assert_eq!(listed, [(&*refused, "script", blocked), (&*end, "script", blocked)]);
    assert_eq!(server.asked().len(), 2, "{:?}", server.asked());
    assert_eq!(other.asked(), [""; 0]);
}

#[test]
fn a_page_from_the_web_reaches_its_own_server() {
    let server = Server::start(
        "<div data-width=64 data-height=64 data-duration=0.1>x</div><script src=/vendor/a.js>\
         </script><script src=/vendor/b.js></script><img src=/c.png><img src=//other.example/>",
    );
    let own = |path: &str| format!("http://{}/{path}", server.host);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.js"), "").unwrap();
    let mut job = Job::without_output(own("").as_str());
    job.network.policy = NetworkPolicy::Deny;
    job.network.map = map(&own("vendor/"), directory.path().to_owned());
    let report = report(&job).unwrap();
    assert_eq!(report.output.frames, 3);
    let mut listed: Vec<_> = report.network.iter().map(|r| (r.url.clone(), r.outcome)).collect();
    listed.sort_unstable_by_key(|(url, _)| url.clone());
    let (mapped, missing) = (NetworkOutcome::Mapped, NetworkOutcome::NotFound);
    assert_eq!(
        listed,
        [
            (own("vendor/a.js"), mapped),
            (own("vendor/b.js"), missing),
            ("http://other.example/".to_owned(), NetworkOutcome::Blocked),
        ]
    );
    let asked = server.asked();
    assert!(asked.contains(&"/c.png".into()) && !asked.iter().any(|p| p.contains("vendor")));
    let codes: Vec<_> = report.warnings.iter().map(|w| w.code.as_str()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "request_failed").count(), 1, "{codes:?}");
    assert!(!codes.contains(&"resource_failed"), "{codes:?}");
}

#[test]
fn everything_that_the_page_asks_for_gets_an_answer() {
    let server = Server::start("");
    let foreign = format!("http://{}", server.host);
    let mapped = "https://data.example/values.txt";
    let script = format!(
        "<script>
         window.__renderReady = false;
         const read = (url) => {{
           const request = new XMLHttpRequest();
           request.open('GET', url, false);
           request.send();
           return request.responseText;
         }};
         const refused = () => 'refused';
         const worker = new Worker(URL.createObjectURL(new Blob(
           [`fetch('{foreign}/w').catch(() => postMessage('refused'))`])));
         Promise.all([
           read('{mapped}'),
           read('own.txt'),
           fetch('{mapped}', {{ headers: {{ Range: 'bytes=1-3' }} }}).then((r) => r.text()),
           fetch('https://data.example/none').then((r) => r.status),
           fetch('{foreign}/c').catch(refused),
           fetch('{mapped}', {{ method: 'POST' }}).catch(refused),
           new Promise((resolve) => worker.onmessage = (e) => resolve(e.data)),
         ]).then((all) => {{
           window.__renderReady = true;
           const right = String(all) === '12345,678,234,404,refused,refused,refused';
           if (right) r.dataset.duration = 0.1;
           else throw new Error(all);
         }});
         </script>"
    );
    let (directory, html) = page(&(scripts(&[]) + &script));
    fs::write(directory.path().join("values.txt"), "12345").unwrap();
    fs::write(directory.path().join("own.txt"), "678").unwrap();
    let mut job = job(&html);
    job.network.policy = NetworkPolicy::Deny;
    job.network.map = map("https://data.example/", directory.path().to_owned());
    let report = report(&job).unwrap();
    assert_eq!(report.output.frames, 3);
    assert_eq!(server.asked(), [""; 0]);
    let mut outcomes: Vec<_> = report.network.iter().map(|r| (r.url.as_str(), r.outcome)).collect();
    outcomes.sort_unstable_by_key(|(url, _)| *url);
    let (c, w) = (format!("{foreign}/c"), format!("{foreign}/w"));
    let none = "https://data.example/none";
    let blocked = NetworkOutcome::Blocked;
    // The mapped file was given, and later refused to a POST.
    let missing = (none, NetworkOutcome::NotFound);
    assert_eq!(outcomes, [(&*c, blocked), (&w, blocked), missing, (mapped, blocked)]);
}

#[test]
fn a_mapped_prefix_without_the_file_goes_nowhere_else() {
    let server = Server::start("document.querySelector('div').dataset.duration = 0.1");
    let missing = format!("http://{}/npm/none@1/none.js", server.host);
    let (directory, html) = page(&scripts(&[&missing]));
    let mut job = job(&html);
    job.duration = Some(0.1);
    job.network.map = map(&format!("http://{}/npm", server.host), directory.path().to_owned());
    let report = report(&job).unwrap();
    assert_eq!(outcomes(&report.network), [(&*missing, "script", NetworkOutcome::NotFound)]);
    let [warning] = &*report.warnings else { panic!("{:?}", report.warnings) };
    let target = directory.path().canonicalize().unwrap();
    let text = format!("not loaded: {missing}: no such file in {}", target.display());
    assert_eq!((warning.code.as_str(), &warning.message), ("request_failed", &text));
    assert!(warning.hint.is_some());
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn what_fails_on_an_open_network_is_told_too() {
    let server = Server::start("");
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let unknown = "http://no-such-host.invalid/a.js";
    let (there, closed) = (format!("http://{}/a.js", server.host), format!("http://{closed}/b.js"));
    let (_directory, html) = page(&scripts(&[unknown, &there, &closed]));
    let mut job = job(&html);
    job.duration = Some(0.1);
    let report = report(&job).unwrap();
    let mut failed: Vec<_> =
        report.network.iter().map(|r| (r.url.as_str(), r.reason.as_deref())).collect();
    failed.sort_unstable();
    let refused = (&*closed, Some("net::ERR_CONNECTION_REFUSED"));
    assert_eq!(failed, [refused, (unknown, Some("net::ERR_NAME_NOT_RESOLVED"))]);
    let codes: Vec<_> = report.warnings.iter().map(|w| w.code.as_str()).collect();
    assert_eq!(codes, ["request_failed", "request_failed"], "{:?}", report.warnings);
    assert_eq!(server.asked(), ["/a.js"]);
}

#[test]
fn fonts_come_from_mapped_stylesheets() {
    let css = "https://fonts.googleapis.com/css2?family=Mine";
    let font = "https://fonts.gstatic.com/s/mine/v1/mine.ttf";
    let (directory, html) = page(&format!(
        "<!doctype html><link rel=stylesheet href='{css}'><div data-width=64 data-height=64 \
         data-duration=0.1 style='font: 20px Mine'>Wiii</div>"
    ));
    let fonts = directory.path().join("fonts");
    fs::create_dir(&fonts).unwrap();
    let file = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf";
    fs::copy(file, fonts.join("mine.ttf")).expect("setup.sh installs the DejaVu fonts");
    let sheet = directory.path().join("mine.css");
    fs::write(&sheet, format!("@font-face {{ font-family: Mine; src: url({font}) }}")).unwrap();
    let mut job = job(&html);
    job.network.policy = NetworkPolicy::Deny;
    let without = digests(&job, 1);
    job.strict = true;
    job.network.policy = NetworkPolicy::Allow;
    job.network.map = BTreeMap::from([
        (css.to_owned(), sheet),
        ("https://fonts.gstatic.com/s/mine/v1".to_owned(), fonts),
    ]);
    let report = report(&job).unwrap();
    let mapped = NetworkOutcome::Mapped;
    assert_eq!(outcomes(&report.network), [(css, "stylesheet", mapped), (font, "font", mapped)]);
    assert_ne!(digests(&job, 1), without);
}

#[test]
fn requests_during_the_render_are_told_too() {
    let late = "https://late.example/a.png";
    let (directory, html) = page(&format!(
        "<div data-width=64 data-height=64 data-duration=0.2>x</div><script>
         addEventListener('hf-seek', (e) => {{
           if (e.detail.time > 0.1) new Image().src = '{late}';
         }})</script>"
    ));
    let mut job = job(&html);
    job.network.policy = NetworkPolicy::Deny;
    for workers in [1, 2] {
        job.capture.workers = Some(workers);
        let report = report(&job).unwrap();
        assert_eq!(outcomes(&report.network), [(late, "image", NetworkOutcome::Blocked)]);
        assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    }
    job.strict = true;
    job.output = Some(directory.path().join("out.mp4"));
    let error = render(&job).unwrap_err();
    assert!(matches!(&error, Error::Strict(warnings) if warnings.len() == 1), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn links_lead_out_only_where_they_may() {
    let (directory, html) = page(&scripts(&["link/a.js", "https://cdn.example/link/a.js"]));
    let outside = tempfile::tempdir().unwrap();
    let script = "{ const root = document.querySelector('div').dataset;
                  root.duration = Number(root.duration ?? 0) + 0.1 }";
    fs::write(outside.path().join("a.js"), script).unwrap();
    symlink(outside.path(), directory.path().join("link")).unwrap();
    let mut job = job(&html);
    job.network.map = map("https://cdn.example/", directory.path().to_owned());
    let error = report(&job).unwrap_err();
    assert!(matches!(error, Error::Composition { .. }), "{error}");
    job.duration = Some(0.1);
    let codes = report(&job).unwrap().warnings.into_iter().map(|w| w.code).collect::<Vec<_>>();
    assert_eq!(codes, ["link_refused", "link_refused"]);
    job.duration = None;
    job.strict = true;
    job.network.follow_symlinks = true;
    assert_eq!(report(&job).unwrap().output.frames, 6);
}

#[test]
fn a_map_must_lead_somewhere() {
    let (directory, html) = page("<p data-width=64 data-height=64 data-duration=0.1>x</p>");
    let mut job = job(&html);
    job.network.map = map("https://a.b/", directory.path().join("node_modules"));
    let error = report(&job).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "field `network.map[\"https://a.b/\"]` must be a directory or a file that exists, \
             found \""
        ),
        "{error}"
    );
    assert_eq!((error.exit_code(), error.hint().unwrap().contains("npm install")), (2, true));
    job.network.map = map("https://a.b/?c", directory.path().to_owned());
    let error = report(&job).unwrap_err().to_string();
    assert!(error.contains("a file, because the address has a query"), "{error}");
}
