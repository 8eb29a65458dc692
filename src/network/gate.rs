//! The one door to the network for a browser behind a wall: a proxy that judges host *and* address.
//!
//! A name is looked up here, once for each connection, and the connection goes to the address that
//! was judged: a name server that answers differently the next time gains nothing. The browser's
//! own decisions and protocols do not matter; there is no other way out.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::private::{is_loopback_name, is_public, literal};
use super::{HostPattern, PrivateHost};

/// Connections at the same time; more wait.
const MAX_CONNECTIONS: usize = 256;

/// The longest time for a lookup of a name, and for a server to accept a connection.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// Headers that are only between a client and its proxy.
const OURS: [&str; 2] = ["proxy-connection", "proxy-authorization"];

/// The hosts that the gate lets through.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Hosts by name, and by port where one is given.
    pub hosts: Vec<HostPattern>,
    /// The composition's own server, if it is not ours.
    pub own: Option<(String, u16)>,
    /// The hosts that may have an address that is not public.
    pub private: Vec<PrivateHost>,
}

impl Rules {
    fn is_listed(&self, host: &str, port: u16) -> bool {
        self.is_own(host) || self.hosts.iter().any(|pattern| pattern.means(host, port))
    }

    fn is_own(&self, host: &str) -> bool {
        self.own.as_ref().is_some_and(|(own, _)| own == host)
    }

    /// Whether a listed host may be at this address.
    fn is_fit(&self, host: &str, address: IpAddr) -> bool {
        is_public(address)
            || self.is_own(host)
            // An address, or this machine's name, is listed on purpose.
            || literal(host).is_some()
            || (is_loopback_name(host) && address.is_loopback())
            || self.private.iter().any(|entry| entry.permits(host, address))
    }
}

/// A gate, open until it is dropped.
#[derive(Debug)]
pub(super) struct Gate {
    /// `None` once it is shut.
    runtime: Option<Runtime>,
    pub port: u16,
}

impl Gate {
    /// Opens a gate at `listener`.
    pub(super) fn open(listener: TcpListener, rules: Rules) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("gate")
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(accept(listener, Arc::new(rules)));
        Ok(Self { runtime: Some(runtime), port })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, rules: Arc<Rules>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let rules = Arc::clone(&rules);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let rules = Arc::clone(&rules);
                async move { Ok::<_, Infallible>(pass(request, &rules).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection through the gate broke");
            }
            drop(place);
        });
    }
}

/// The reason for which a request is refused.
struct Refusal(StatusCode, String);

async fn pass(request: Request<Incoming>, rules: &Rules) -> Response<Answer> {
    let passed = if request.method() == Method::CONNECT {
        tunnel(request, rules).await
    } else {
        forward(request, rules).await
    };
    passed.unwrap_or_else(|Refusal(status, reason)| {
        tracing::debug!(%status, reason, "not let through");
        let mut response = Response::new(Answer::Text(Some(Bytes::from(reason))));
        *response.status_mut() = status;
        response
    })
}

/// Passes bytes both ways, unread.
async fn tunnel(request: Request<Incoming>, rules: &Rules) -> Result<Response<Answer>, Refusal> {
    let (host, port) = target(request.uri())?;
    let mut server = connect(&host, port, rules).await?;
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(client) => {
                let mut client = TokioIo::new(client);
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            }
            Err(error) => tracing::debug!(%error, "no tunnel"),
        }
    });
    Ok(Response::new(Answer::Text(None)))
}

/// Forwards one request to a server without encryption.
async fn forward(
    mut request: Request<Incoming>,
    rules: &Rules,
) -> Result<Response<Answer>, Refusal> {
    let (host, port) = target(request.uri())?;
    let server = connect(&host, port, rules).await?;
    let broken = |e: hyper::Error| Refusal(StatusCode::BAD_GATEWAY, e.to_string());
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(server)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    tokio::spawn(async move { drop(connection.await) });
    let bad = |e: &dyn std::error::Error| Refusal(StatusCode::BAD_REQUEST, e.to_string());
    let named = if port == 80 { host } else { format!("{host}:{port}") };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|e| bad(&e))?;
    let headers = request.headers_mut();
    for name in OURS {
        headers.remove(name);
    }
    headers.insert(HOST, HeaderValue::from_str(&named).map_err(|e| bad(&e))?);
    // One connection, one request: the next may be for another host.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut response = sender.send_request(request).await.map_err(broken)?.map(Answer::Body);
    response.headers_mut().remove(CONNECTION);
    Ok(response)
}

/// The requested host and port.
fn target(uri: &Uri) -> Result<(String, u16), Refusal> {
    let bad = || Refusal(StatusCode::BAD_REQUEST, "an address with a host is expected".into());
    let authority = uri.authority().ok_or_else(bad)?;
    let usual = match uri.scheme_str() {
        Some("http") => 80,
        Some(_) => return Err(bad()),
        None => 443,
    };
    let host = url::Host::parse(authority.host()).map_err(|_not_a_host| bad())?;
    Ok((host.to_string(), authority.port_u16().unwrap_or(usual)))
}

/// Connects to an allowed host, at an allowed address.
async fn connect(host: &str, port: u16, rules: &Rules) -> Result<TcpStream, Refusal> {
    let refused = |reason: String| Refusal(StatusCode::FORBIDDEN, reason);
    if !rules.is_listed(host, port) {
        return Err(refused(format!("{host}:{port} is not allowed by network.policy")));
    }
    let failed = |reason: String| Refusal(StatusCode::BAD_GATEWAY, reason);
    let found = look_up(host, port).await.map_err(|e| failed(format!("{host}: {e}")))?;
    let fit: Vec<_> = found.iter().filter(|at| rules.is_fit(host, at.ip())).collect();
    if fit.is_empty()
        && let Some(at) = found.first()
    {
        let at = at.ip();
        return Err(refused(format!(
            "{host} is at {at}, which is not public; name it in network.private"
        )));
    }
    let mut last = failed(format!("{host} has no address"));
    for at in fit {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Ok(Err(e)) => last = failed(format!("{host}: {e}")),
            Err(_) => last = failed(format!("{host} does not answer")),
        }
    }
    Err(last)
}

async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = literal(host) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    if is_loopback_name(host) {
        let both = [IpAddr::from([127, 0, 0, 1]), std::net::Ipv6Addr::LOCALHOST.into()];
        return Ok(both.map(|address| SocketAddr::new(address, port)).to_vec());
    }
    match timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((host, port))).await {
        Ok(found) => found.map(Iterator::collect),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The body of a response.
enum Answer {
    Text(Option<Bytes>),
    Body(Incoming),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Body(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Body(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |t| t.len() as u64)),
            Self::Body(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::Ipv4Addr;
    use std::thread;

    use super::*;

    /// Starts a server that answers with the head of the request; returns its port.
    fn server() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = Vec::new();
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap();
                    if line.is_empty() {
                        break;
                    }
                    head.push(line);
                }
                let body = head.join("|");
                let length = body.len();
                let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                drop(stream.write_all(said.as_bytes()));
            }
        });
        port
    }

    fn gate(hosts: &[&str], private: &[&str]) -> Gate {
        let rules = Rules {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            own: None,
            private: private.iter().map(|entry| entry.parse().unwrap()).collect(),
        };
        Gate::open(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), rules).unwrap()
    }

    /// The status, and everything after it.
    fn ask(gate: &Gate, text: &str) -> (u16, String) {
        let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, gate.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    fn get(gate: &Gate, address: &str) -> (u16, String) {
        ask(gate, &format!("GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    #[test]
    fn listed_hosts_pass_and_others_do_not() {
        let port = server();
        let gate = gate(&["localhost", &format!("127.0.0.1:{port}")], &[]);
        let (status, answer) = get(&gate, &format!("http://localhost:{port}/a?b"));
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("GET /a?b HTTP/1.1"), "{answer}");
        assert!(answer.contains(&format!("host: localhost:{port}")), "{answer}");
        assert_eq!(get(&gate, &format!("http://127.0.0.1:{port}/")).0, 200);
        assert_eq!(get(&gate, &format!("http://127.0.0.2:{port}/")).0, 403);
        assert_eq!(get(&gate, &format!("http://[::1]:{port}/")).0, 403);
        assert_eq!(get(&gate, &format!("http://0x7f.1:{}/", port ^ 1)).0, 403);
        let through = |host: &str| {
            format!(
                "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n\
                 GET /tunnel HTTP/1.1\r\nHost: y\r\n\r\n"
            )
        };
        let (status, answer) = ask(&gate, &through("127.0.0.1"));
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("GET /tunnel"), "{answer}");
        assert_eq!(
            ask(
                &gate,
                &format!(
                    "CONNECT 127.0.0.9:{port} HTTP/1.1\r\nHost: z\r\nConnection: close\r\n\r\n"
                )
            )
            .0,
            403
        );
    }

    #[test]
    fn a_listed_name_at_a_private_address_does_not_pass() {
        let rules = Rules {
            hosts: vec!["media.example".parse().unwrap()],
            own: Some(("studio.example".into(), 3000)),
            private: vec!["10.1.0.0/16".parse().unwrap()],
        };
        let fits = |host: &str, address: &str| rules.is_fit(host, address.parse().unwrap());
        assert!(fits("media.example", "1.1.1.1"));
        assert!(fits("media.example", "10.1.2.3"));
        for address in ["10.2.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00::1"] {
            assert!(!fits("media.example", address), "{address}");
            assert!(fits("studio.example", address), "{address}");
        }
        assert!(fits("app.localhost", "127.0.0.1"));
        assert!(!fits("app.localhost", "10.2.0.1"));
    }
}
