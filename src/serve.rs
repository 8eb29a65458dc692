//! A loopback server for the files of one composition.
//!
//! Reachable only on 127.0.0.1, and only under a host name that carries a random token
//! (`<token>.localhost`, which browsers resolve to loopback themselves): a page from elsewhere, or
//! another user's program that scans ports, gets nothing. Paths cannot leave the composition's
//! directory, not even through symbolic links.

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
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("host", &self.host)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl FileServer {
    /// Begins to serve the files below `root`.
    pub(crate) fn start(root: &Path) -> Result<Self> {
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
        let shared = Arc::new(Shared { server, host, root });
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
        let relative = path.trim_start_matches('/');
        let file = self.root.join(relative).canonicalize().or(Err(StatusCode(404)))?;
        if !file.starts_with(&self.root) {
            return Err(StatusCode(403));
        }
        let file = if file.is_dir() { file.join("index.html") } else { file };
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
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = match (mime.type_().as_str(), mime.essence_str()) {
        ("text", essence) | (_, essence @ ("application/javascript" | "application/json")) => {
            format!("{essence}; charset=utf-8")
        }
        (_, essence) => essence.to_owned(),
    };
    let mut headers = vec![
        make_header("Content-Type", &mime),
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

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// Not a single byte range: the whole file is a valid answer.
    Ignored,
    /// From the first to before the second.
    Part(u64, u64),
    Unsatisfiable,
}

/// Reads a `Range` header, RFC 9110 section 14.1.2.
fn parse_range(text: &str, length: u64) -> Range {
    let Some(spec) = text.strip_prefix("bytes=") else { return Range::Ignored };
    let Some((first, last)) = spec.split_once('-') else { return Range::Ignored };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), _) if first >= length => Range::Unsatisfiable,
        (Ok(first), Ok(last)) if last >= first => Range::Part(first, last.min(length - 1) + 1),
        (Ok(first), Err(_)) if last.trim().is_empty() => Range::Part(first, length),
        (Err(_), Ok(0)) if first.trim().is_empty() => Range::Unsatisfiable,
        (Err(_), Ok(suffix)) if first.trim().is_empty() && length > 0 => {
            Range::Part(length.saturating_sub(suffix), length)
        }
        _ => Range::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-99", 1000), Range::Part(0, 100));
        assert_eq!(parse_range("bytes=990-2000", 1000), Range::Part(990, 1000));
        assert_eq!(parse_range("bytes=500-", 1000), Range::Part(500, 1000));
        assert_eq!(parse_range("bytes=-10", 1000), Range::Part(990, 1000));
        assert_eq!(parse_range("bytes=-2000", 1000), Range::Part(0, 1000));
        assert_eq!(parse_range("bytes=1000-", 1000), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=-0", 1000), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=0-1,5-6", 1000), Range::Ignored);
        assert_eq!(parse_range("lines=1-2", 1000), Range::Ignored);
        assert_eq!(parse_range("bytes=9-3", 1000), Range::Ignored);
    }

    fn get(server: &FileServer, host: &str, path: &str, more: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
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
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("link")).unwrap();
        let server = FileServer::start(&root).unwrap();
        let host = server.shared.host.clone();

        let url = server.url(Path::new("a b.html"));
        assert_eq!(url, format!("http://{host}/a%20b.html"));
        let ok = get(&server, &host, "/a%20b.html?v=1", "");
        assert!(ok.starts_with("HTTP/1.1 200") && ok.ends_with("0123456789"), "{ok}");
        assert!(ok.contains("Content-Type: text/html; charset=utf-8"), "{ok}");
        let part = get(&server, &host, "/a%20b.html", "Range: bytes=2-4\r\n");
        assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("234"), "{part}");
        assert!(part.contains("Content-Range: bytes 2-4/10"), "{part}");
        for (path, status) in
            [("/../secret", "40"), ("/%2e%2e/secret", "40"), ("/link", "403"), ("/none", "404")]
        {
            let answer = get(&server, &host, path, "");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        }
        let stranger = get(&server, "127.0.0.1", "/a%20b.html", "");
        assert!(stranger.starts_with("HTTP/1.1 403"), "{stranger}");
    }
}
