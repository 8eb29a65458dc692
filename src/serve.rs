//! A loopback server for the files of one composition.
//!
//! Reachable only on 127.0.0.1, and only under a host name that carries a random token
//! (`<token>.localhost`, which browsers resolve to loopback themselves): a foreign page, or another
//! user's program that scans ports, gets nothing. Paths cannot leave the composition's directory;
//! symbolic links in it can, if the job allows it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HOST, HeaderName, RANGE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tokio::runtime::Runtime;

use crate::error::{Error, Result};
use crate::job::InlinePage;
use crate::network::{
    Bounds, Place, ROUTE_PREFIX, Range, Route, UsedFiles, content_type, parse_range,
};

/// The number of threads that answer. Files come from the page cache, so two are plenty.
const THREADS: usize = 2;

/// The number of threads for a [`Route`]'s answers: pictures are large, and so is each thread's
/// memory.
const ROUTE_THREADS: usize = 3;

/// Bytes read from a file at a time.
const CHUNK: u64 = 256 * 1024;

/// Consecutive failures to accept a connection that are tolerated, and the pause in between.
const ACCEPT_ATTEMPTS: u32 = 1000;
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// The time that answers under way have when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_millis(200);

/// Most bytes that a page may post.
const MAX_POST: u64 = 2 << 30;

/// Characters that a path segment of a URL cannot contain as they are.
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
    site: Arc<Site>,
    port: u16,
    /// `None` once it has stopped.
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Site {
    files: Arc<Files>,
    /// The route. It may hold the files, but not the site, which would then never be dropped.
    route: OnceLock<Arc<dyn Route>>,
}

#[derive(Debug)]
struct Files {
    /// The `Host` header that requests must carry.
    host: String,
    /// Canonical.
    root: PathBuf,
    /// Whether links may lead out of the root.
    follow: bool,
    /// Provides files that are not there yet.
    assets: Option<InlinePage>,
    /// Requested links that lead out of the root, each once.
    refused: Mutex<Vec<RefusedLink>>,
    /// Files that were asked for.
    used: UsedFiles,
}

/// A requested link that leads out of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedLink {
    /// Its address.
    pub url: String,
    /// The link, relative to the root.
    pub file: PathBuf,
    /// The link's target.
    pub target: PathBuf,
}

/// The most links that are kept.
const MAX_REFUSED: usize = 50;

/// Finds the files at addresses of one server.
#[derive(Clone, Debug)]
pub(crate) struct FileFinder(Arc<Files>);

impl FileFinder {
    /// The file at an address of this server, by the rules for requests.
    ///
    /// `None` for other servers' addresses; an error with the HTTP status if it would be refused.
    pub(crate) fn find(&self, address: &str) -> Option<Result<PathBuf, StatusCode>> {
        Some(self.0.locate(&format!("/{}", self.path(address)?)))
    }

    /// The path of an address of this server, below its root and as written.
    pub(crate) fn path<'a>(&self, address: &'a str) -> Option<&'a str> {
        let rest = address.strip_prefix("http://")?.strip_prefix(&*self.0.host)?;
        rest.strip_prefix('/')?.split(['?', '#']).next()
    }

    /// The directory that is served, canonical.
    pub(crate) fn root(&self) -> &Path {
        &self.0.root
    }

    /// The files that were asked for, so far.
    pub(crate) fn used(&self) -> Vec<PathBuf> {
        self.0.used.list()
    }

    /// Requested links that lead out of the root, so far.
    pub(crate) fn refused_links(&self) -> Vec<RefusedLink> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl FileServer {
    /// Begins to serve the files below `root`, and with `follow` the targets of links in it.
    ///
    /// `listener` is a socket on 127.0.0.1 that the browsers can reach.
    pub(crate) fn start(
        root: &Path,
        (follow, assets): (bool, Option<InlinePage>),
        listener: TcpListener,
    ) -> Result<Self> {
        let root = root.canonicalize().map_err(Error::io("cannot open the composition", root))?;
        let failed =
            |source: io::Error| Error::System { doing: "cannot start the file server", source };
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| failed(io::Error::other(e)))?;
        let mut token = String::new();
        for byte in random {
            write!(token, "{byte:02x}").expect("writing to a string");
        }
        let host = format!("{token}.localhost:{port}");
        let files = Arc::new(Files {
            host,
            root,
            follow,
            assets,
            refused: Mutex::default(),
            used: UsedFiles::default(),
        });
        let site = Arc::new(Site { files, route: OnceLock::new() });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(ROUTE_THREADS)
            .thread_name("serve")
            .enable_io()
            .build()
            .map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        runtime.spawn(accept(listener, Arc::clone(&site)));
        Ok(Self { site, port, runtime: Some(runtime) })
    }

    /// Answers requests below a path of its own by `route`. Returns its address.
    pub(crate) fn add_route(&self, route: Arc<dyn Route>) -> String {
        let is_first = self.site.route.set(route).is_ok();
        debug_assert!(is_first, "there is one route");
        format!("http://{}{ROUTE_PREFIX}", self.site.files.host)
    }

    /// A finder of this server's files by their addresses.
    pub(crate) fn finder(&self) -> FileFinder {
        FileFinder(Arc::clone(&self.site.files))
    }

    /// The address of a file, given relative to the root.
    pub(crate) fn url(&self, file: &Path) -> String {
        let segments: Vec<String> = file
            .iter()
            .map(|s| utf8_percent_encode(&s.to_string_lossy(), SEGMENT).to_string())
            .collect();
        format!("http://{}/{}", self.site.files.host, segments.join("/"))
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        tracing::debug!(port = self.port, "the file server stops");
        let Some(runtime) = self.runtime.take() else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            // Within a runtime of the caller's, waiting for ours is not allowed.
            runtime.shutdown_background();
        } else {
            runtime.shutdown_timeout(STOP_TIMEOUT);
        }
    }
}

/// Answers every connection in a task of its own, so that none waits for another.
async fn accept(listener: tokio::net::TcpListener, site: Arc<Site>) {
    let mut failures = 0;
    while failures < ACCEPT_ATTEMPTS {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or the connection was closed again.
                tracing::debug!(%error, "connection not accepted");
                failures += 1;
                std::thread::sleep(ACCEPT_PAUSE);
                continue;
            }
        };
        failures = 0;
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let site = Arc::clone(&site);
                async move { Ok::<_, Infallible>(site.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            // Chrome closes connections of requests that it no longer wants.
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "connection ended early");
            }
        });
    }
}

impl Site {
    async fn answer(&self, request: Request<Incoming>) -> Response<FileBody> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, ());
        if let Some(answer) = self.ask_route(&request, body).await {
            return answer;
        }
        let answered = self.files.find_for(&request).and_then(|path| {
            send_file(&request, &path).map_err(|error| {
                tracing::debug!(path = %path.display(), %error, "file not read");
                StatusCode::NOT_FOUND
            })
        });
        answered.unwrap_or_else(|status| {
            let mut refusal = Response::new(FileBody::empty());
            *refusal.status_mut() = status;
            refusal
        })
    }

    /// The route's answer, if the request is for it.
    async fn ask_route(&self, request: &Request<()>, body: Incoming) -> Option<Response<FileBody>> {
        let path = request.uri().path().strip_prefix(ROUTE_PREFIX)?.to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_ours = header(request, HOST) == Some(&*self.files.host);
        let route = Arc::clone(self.route.get().filter(|_| is_ours)?);
        let posted = if request.method() == Method::POST {
            Some(spool(body).await.map_err(|error| tracing::debug!(%error, "not taken")).ok()?)
        } else {
            None
        };
        let answer = move || match posted {
            Some(file) => route.take(&path, file),
            None => Some(route.answer(&path, &query)),
        };
        let answered = tokio::task::spawn_blocking(answer).await.ok()??;
        let lasts = if answered.is_lasting { "max-age=86400, immutable" } else { "no-store" };
        let answer = Response::builder()
            .status(answered.status)
            .header(CONTENT_TYPE, answered.content_type)
            .header(CACHE_CONTROL, lasts);
        answer.body(FileBody::of(answered.body)).ok()
    }
}

impl Files {
    /// The file of a request, or the status that refuses it.
    fn find_for<B>(&self, request: &Request<B>) -> Result<PathBuf, StatusCode> {
        if header(request, HOST) != Some(&*self.host) {
            return Err(StatusCode::FORBIDDEN);
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let path = request.uri().path();
        if path == "/favicon.ico" && !self.root.join("favicon.ico").exists() {
            return Err(StatusCode::NO_CONTENT);
        }
        self.locate(path)
    }

    /// The file at a path, or the status that refuses it.
    fn locate(&self, path: &str) -> Result<PathBuf, StatusCode> {
        let asked = path;
        let path = percent_decode_str(path).decode_utf8_lossy();
        // Before any link is followed: browsers resolve such paths themselves.
        if path.split(['/', '\\']).any(|segment| segment == "..") {
            return Err(StatusCode::FORBIDDEN);
        }
        let place = self.root.join(path.trim_start_matches('/'));
        let place = if place.is_dir() { place.join("index.html") } else { place };
        if let Some(assets) = &self.assets {
            assets.provide(path.trim_start_matches('/')).map_err(|error| {
                tracing::warn!(%error, %path, "an asset was not taken");
                StatusCode::INTERNAL_SERVER_ERROR
            })?;
        }
        let bounds = Bounds { root: &self.root, own: None, follow: self.follow };
        match bounds.look(&place) {
            Place::File(file) => {
                self.used.add(&file);
                Ok(file)
            }
            Place::Outside(target) => {
                self.refuse(asked, &place, target);
                Err(StatusCode::FORBIDDEN)
            }
            Place::Missing => Err(StatusCode::NOT_FOUND),
        }
    }
}

impl Files {
    fn refuse(&self, asked: &str, place: &Path, target: PathBuf) {
        let url = format!("http://{}{asked}", self.host);
        let file = place.strip_prefix(&self.root).unwrap_or(place).to_owned();
        let link = RefusedLink { url, file, target };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MAX_REFUSED && !refused.contains(&link) {
            refused.push(link);
        }
    }
}

/// Writes the posted body to a file without a name.
async fn spool(mut body: Incoming) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > MAX_POST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        file.write_all(&data)?;
    }
    Ok(file)
}

fn header<B>(request: &Request<B>, name: HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Answers with the file, or with the part of it in a `Range` header.
fn send_file<B>(request: &Request<B>, path: &Path) -> io::Result<Response<FileBody>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let range = header(request, RANGE).map_or(Range::Ignored, |text| parse_range(text, length));
    let answer = Response::builder();
    let (answer, start, end) = match range {
        Range::Ignored => (answer, 0, length),
        Range::Part(start, end) => {
            let part = format!("bytes {start}-{}/{length}", end - 1);
            let answer = answer.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, part);
            (answer, start, end)
        }
        Range::Unsatisfiable => {
            let answer = answer.status(StatusCode::RANGE_NOT_SATISFIABLE);
            let answer = answer.header(CONTENT_RANGE, format!("bytes */{length}"));
            return answer.body(FileBody::empty()).map_err(io::Error::other);
        }
    };
    file.seek(SeekFrom::Start(start))?;
    let answer = answer
        .header(CONTENT_TYPE, content_type(path))
        .header(ACCEPT_RANGES, "bytes")
        .header(CACHE_CONTROL, "no-store");
    // For HEAD, hyper takes the length from the body and sends none of it.
    answer
        .body(FileBody { bytes: None, file: Some(file), left: end - start })
        .map_err(io::Error::other)
}

/// The body of an answer: bytes, or a file that is read as it is sent.
struct FileBody {
    bytes: Option<Bytes>,
    file: Option<File>,
    left: u64,
}

impl FileBody {
    const fn empty() -> Self {
        Self { bytes: None, file: None, left: 0 }
    }

    fn of(bytes: Bytes) -> Self {
        Self { left: bytes.len() as u64, bytes: Some(bytes), file: None }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.bytes.take() {
            self.left = 0;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let wanted = self.left.min(CHUNK);
        let Some(file) = self.file.as_mut().filter(|_| wanted > 0) else {
            return Poll::Ready(None);
        };
        let mut chunk = Vec::new();
        let read = file.take(wanted).read_to_end(&mut chunk).and_then(|read| match read {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read as u64),
        });
        Poll::Ready(Some(read.map(|read| {
            self.left -= read;
            Frame::data(Bytes::from(chunk))
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::net::TcpStream;
    use std::os::unix::fs::symlink;

    use super::*;

    fn socket() -> TcpListener {
        TcpListener::bind(("127.0.0.1", 0)).unwrap()
    }

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
        let server = FileServer::start(&root, (false, None), socket()).unwrap();
        let host = server.site.files.host.clone();

        let url = server.url(Path::new("a b.html"));
        assert_eq!(url, format!("http://{host}/a%20b.html"));
        let ok = get(&server, &host, "/a%20b.html?v=1", "");
        assert!(ok.starts_with("HTTP/1.1 200") && ok.ends_with("0123456789"), "{ok}");
        assert!(ok.contains("content-type: text/html; charset=utf-8"), "{ok}");
        let part = get(&server, &host, "/a%20b.html", "Range: bytes=2-4\r\n");
        assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("234"), "{part}");
        assert!(part.contains("content-range: bytes 2-4/10"), "{part}");
        let beyond = get(&server, &host, "/a%20b.html", "Range: bytes=10-\r\n");
        assert!(beyond.starts_with("HTTP/1.1 416"), "{beyond}");
        assert!(beyond.contains("content-range: bytes */10"), "{beyond}");
        let head = ask(&server, "HEAD", &host, "/a%20b.html", "");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains("content-length: 10\r\n"), "{head}");
        let of = |address: &str| server.finder().find(address);
        assert_eq!(
            of(&format!("{url}?v=1#t=3")),
            Some(Ok(root.canonicalize().unwrap().join("a b.html")))
        );
        assert_eq!(of(&format!("http://{host}/link")), Some(Err(StatusCode::FORBIDDEN)));
        assert_eq!(of("http://example.org/a%20b.html"), None);
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

        let server = FileServer::start(&root, (true, None), socket()).unwrap();
        let host = server.site.files.host.clone();
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
