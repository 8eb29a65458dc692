//! A loopback server for the files of one composition.
//!
//! Reachable only on 127.0.0.1, and only under a host name that carries a random token
//! (`<token>.localhost`, which browsers resolve to loopback themselves): a page from elsewhere, or
//! another user's program that scans ports, gets nothing. Paths cannot leave the composition's
//! directory; symbolic links in it can, if the job says so.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use crate::error::{Error, Result};
use crate::network::{Range, content_type, parse_range};

/// Requests answered at the same time; Chrome opens six connections per host.
const THREADS: usize = 6;

/// What a path segment of a URL cannot contain as it is.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Serves a directory until it is dropped.
#[derive(Debug)]
pub(crate) struct FileServer {
    shared: Arc<Shared>,
    port: u16,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    server: Server,
    /// The `Host` header that requests must carry.
    host: String,
    /// Canonical.
    root: PathBuf,
    /// Whether links may lead out of the root.
    follow: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("host", &self.host)
            .field("root", &self.root)
            .field("follow", &self.follow)
            .finish_non_exhaustive()
    }
}

impl FileServer {
    /// Begins to serve the files below `root`, and with `follow` what links in it lead to.
    pub(crate) fn start(root: &Path, follow: bool) -> Result<Self> {
        let root = root.canonicalize().map_err(Error::io("cannot open the composition", root))?;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::System {
            doing: "cannot start the file server",
            source: io::Error::other(source),
        };
        let server = Server::http(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map_err(failed)?;
        let port = server
            .server_addr()
            .to_ip()
            .ok_or_else(|| failed("it has no IP address".into()))?
            .port();
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| failed(e.into()))?;
        let mut token = String::new();
        for byte in random {
            write!(token, "{byte:02x}").expect("writing to a string");
        }
        let host = format!("{token}.localhost:{port}");
        let shared = Arc::new(Shared { server, host, root, follow });
        let mut server = Self { shared, port, threads: Vec::with_capacity(THREADS) };
        for i in 0..THREADS {
            let shared = Arc::clone(&server.shared);
            let thread = thread::Builder::new()
                .name(format!("serve-{i}"))
                .spawn(move || shared.run())
                .map_err(|e| failed(e.into()))?;
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// The address of a file, given relative to the root.
    pub(crate) fn url(&self, file: &Path) -> String {
        let segments: Vec<String> = file
            .iter()
            .map(|s| utf8_percent_encode(&s.to_string_lossy(), SEGMENT).to_string())
            .collect();
        format!("http://{}/{}", self.shared.host, segments.join("/"))
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        tracing::debug!(port = self.port, "the file server stops");
        for _ in &self.threads {
            self.shared.server.unblock();
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn run(&self) {
        // An error means that `unblock` was called.
        while let Ok(request) = self.server.recv() {
            self.answer(request);
        }
    }

    fn answer(&self, request: Request) {
        let url = request.url().to_owned();
        let answered = match self.find(&request) {
            Ok(path) => match send_file(request, &path) {
                Ok(()) => Ok(()),
                Err(e) => Err(e),
            },
            Err(status) => request.respond(Response::empty(status)),
        };
        // Chrome closes connections of requests that it no longer wants.
        if let Err(error) = answered {
            tracing::debug!(%url, %error, "request not answered");
        }
    }

    /// The file that a request is for, or the status that refuses it.
    fn find(&self, request: &Request) -> Result<PathBuf, StatusCode> {
        let host = header(request, "Host").unwrap_or_default();
        if host != self.host {
            return Err(StatusCode(403));
        }
        if ![Method::Get, Method::Head].contains(request.method()) {
            return Err(StatusCode(405));
        }
        let path = request.url().split(['?', '#']).next().unwrap_or_default();
        if path == "/favicon.ico" && !self.root.join("favicon.ico").exists() {
            return Err(StatusCode(204));
        }
        let path = percent_decode_str(path).decode_utf8_lossy();
        // Before any link is followed: browsers resolve such paths themselves.
        if path.split(['/', '\\']).any(|segment| segment == "..") {
            return Err(StatusCode(403));
        }
        let place = self.root.join(path.trim_start_matches('/'));
        let place = if place.is_dir() { place.join("index.html") } else { place };
        let file = place.canonicalize().or(Err(StatusCode(404)))?;
        if !self.follow && !file.starts_with(&self.root) {
            return Err(StatusCode(403));
        }
        if file.is_file() { Ok(file) } else { Err(StatusCode(404)) }
    }
}

fn header(request: &Request, name: &'static str) -> Option<String> {
    let header = request.headers().iter().find(|h| h.field.equiv(name));
    header.map(|h| h.value.as_str().to_owned())
}

/// Answers with the file, or with the part of it that a `Range` header names.
fn send_file(request: Request, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let range = header(&request, "Range").map(|text| parse_range(&text, length));
    let (status, start, end) = match range {
        None | Some(Range::Ignored) => (StatusCode(200), 0, length),
        Some(Range::Part(start, end)) => (StatusCode(206), start, end),
        Some(Range::Unsatisfiable) => {
            let headers = vec![make_header("Content-Range", &format!("bytes */{length}"))];
            let empty = io::empty();
            return request.respond(Response::new(StatusCode(416), headers, empty, Some(0), None));
        }
    };
    file.seek(SeekFrom::Start(start))?;
    let mut headers = vec![
        make_header("Content-Type", &content_type(path)),
        make_header("Accept-Ranges", "bytes"),
        make_header("Cache-Control", "no-store"),
    ];
    if status.0 == 206 {
        headers.push(make_header("Content-Range", &format!("bytes {start}-{}/{length}", end - 1)));
    }
    let bytes = end - start;
    let body = file.take(bytes);
    let response = Response::new(status, headers, body, usize::try_from(bytes).ok(), None)
        // Whole files are sent with their length, never in chunks.
        .with_chunked_threshold(usize::MAX);
    request.respond(response)
}

fn make_header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("our header values are ASCII")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::net::TcpStream;
    use std::os::unix::fs::symlink;

    use super::*;

    fn get(server: &FileServer, host: &str, path: &str, more: &str) -> String {
        ask(server, "GET", host, path, more)
    }

    fn ask(server: &FileServer, method: &str, host: &str, path: &str, more: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_our_page_and_only_our_directory() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let root = outside.path().join("composition");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a b.html"), "0123456789").unwrap();
        fs::create_dir(root.join("pages")).unwrap();
        for (target, link) in
            [("secret", "link"), ("", "folder"), ("secret", "pages/index.html"), ("none", "lost")]
        {
            symlink(outside.path().join(target), root.join(link)).unwrap();
        }
        let server = FileServer::start(&root, false).unwrap();
        let host = server.shared.host.clone();

        let url = server.url(Path::new("a b.html"));
        assert_eq!(url, format!("http://{host}/a%20b.html"));
        let ok = get(&server, &host, "/a%20b.html?v=1", "");
        assert!(ok.starts_with("HTTP/1.1 200") && ok.ends_with("0123456789"), "{ok}");
        assert!(ok.contains("Content-Type: text/html; charset=utf-8"), "{ok}");
        let part = get(&server, &host, "/a%20b.html", "Range: bytes=2-4\r\n");
        assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("234"), "{part}");
        assert!(part.contains("Content-Range: bytes 2-4/10"), "{part}");
        let beyond = get(&server, &host, "/a%20b.html", "Range: bytes=10-\r\n");
        assert!(beyond.starts_with("HTTP/1.1 416"), "{beyond}");
        assert!(beyond.contains("Content-Range: bytes */10"), "{beyond}");
        let head = ask(&server, "HEAD", &host, "/a%20b.html", "");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains("Content-Length: 10\r\n"), "{head}");
        assert!(ask(&server, "POST", &host, "/a%20b.html", "").starts_with("HTTP/1.1 405"));
        for (path, status) in [
            ("/../secret", "403"),
            ("/%2e%2e/secret", "403"),
            ("/pages/..%2f../secret", "403"),
            ("/link", "403"),
            ("/folder/secret", "403"),
            ("/pages/", "403"),
            ("/none", "404"),
            ("/a%00b", "404"),
        ] {
            let answer = get(&server, &host, path, "");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        }
        let stranger = get(&server, "127.0.0.1", "/a%20b.html", "");
        assert!(stranger.starts_with("HTTP/1.1 403"), "{stranger}");

        let server = FileServer::start(&root, true).unwrap();
        let host = server.shared.host.clone();
        for (path, status) in [
            ("/link", "200"),
            ("/folder/secret", "200"),
            ("/pages/", "200"),
            ("/lost", "404"),
            ("/../secret", "403"),
            ("/folder/%2e%2e/secret", "403"),
        ] {
            let answer = get(&server, &host, path, "");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        }
    }
}
