//! Requests that the browser holds until the engine decides about them.
//!
//! The engine sees the document, its frames, its dedicated workers and what they load. It does not
//! see the requests of targets of their own, which it does not attach to: shared and service
//! workers, and frames of another site where Chrome isolates sites (the headless shell does not);
//! nor are web sockets. No file is mapped for them. Unless the policy allows everything, the
//! browser resolves only the allowed names ([`Access::resolver_rules`]), so that those targets
//! reach nothing else either, except loopback.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::cdp::{Fetch, Network};
use super::page::Stage;
use crate::network::{
    Access, Hit, NetworkOutcome, ROUTE_PREFIX, Range, Route, Verdict, content_type, parse_range,
};

/// Most bytes of one answer: Chrome reads no command above 100 MiB, and base64 adds a third.
const MAX_BODY: u64 = 64 << 20;

/// A request that waits for a decision.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PausedRequest {
    request_id: String,
    request: Request,
    resource_type: String,
}

#[derive(Debug, Deserialize)]
struct Request {
    url: String,
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// The engine's decision about a request.
#[derive(Debug)]
pub(super) enum Answer {
    Continue(Fetch::ContinueRequest),
    Fulfill(Fetch::FulfillRequest),
    Fail(Fetch::FailRequest),
}

/// The command that makes the browser hold requests; `None` if none need be held.
pub(super) fn enable(
    access: &Access,
    stage: Option<Stage>,
    has_route: bool,
) -> Option<Fetch::Enable> {
    let pattern = |pattern| Fetch::RequestPattern {
        url_pattern: Some(pattern),
        resource_Type: None,
        request_stage: None,
    };
    let staged = stage.map(|stage| format!("*://*{}", stage.path));
    let routed = has_route.then(|| format!("*://*{ROUTE_PREFIX}*"));
    let ours = staged.into_iter().chain(routed);
    let patterns: Vec<_> =
        access.patterns().into_iter().flatten().chain(ours).map(pattern).collect();
    (!patterns.is_empty())
        .then_some(Fetch::Enable { patterns: Some(patterns), handle_auth_requests: None })
}

impl PausedRequest {
    /// Reads an event; `None` if it is not about a held request.
    pub(super) fn read(event: &str, params: &str) -> Option<Self> {
        if event != "Fetch.requestPaused" {
            return None;
        }
        serde_json::from_str(params)
            .inspect_err(|error| tracing::warn!(%error, "a held request was not understood"))
            .ok()
    }

    /// Decides about the request, and records it.
    pub(super) fn answer(
        self,
        access: &Access,
        stage: Option<Stage>,
        route: Option<&dyn Route>,
    ) -> Answer {
        let Request { url, method, .. } = &self.request;
        if let Some(route) = route
            && let Ok(url) = url::Url::parse(url)
            && let Some(path) = url.path().strip_prefix(ROUTE_PREFIX)
        {
            let answer = route.answer(path, url.query().unwrap_or_default());
            let headers = [("Content-Type", answer.content_type.to_owned())];
            return self.reply(answer.status.into(), &headers, &answer.body);
        }
        if let Some(stage) = stage
            && url::Url::parse(url).is_ok_and(|url| url.path() == stage.path)
        {
            let headers = [("Content-Type", "text/html; charset=utf-8".to_owned())];
            return self.reply(200, &headers, stage.html.as_bytes());
        }
        match access.judge(method, url) {
            Verdict::Pass => Answer::Continue(Fetch::ContinueRequest {
                request_id: self.request_id,
                url: None,
                method: None,
                post_data: None,
                headers: None,
                intercept_response: None,
            }),
            Verdict::Refused => {
                let reason = "its host is not allowed by network.policy".into();
                access.ledger.missed(url, &self.resource_type, NetworkOutcome::Blocked, reason);
                self.fail()
            }
            Verdict::Mapped(_) | Verdict::Sheet(_) if method == "OPTIONS" => {
                let allowed = [
                    ("Access-Control-Allow-Methods", "GET, HEAD"),
                    ("Access-Control-Allow-Headers", "*"),
                ];
                self.reply(204, &allowed.map(|(name, value)| (name, value.to_owned())), &[])
            }
            Verdict::Mapped(hit) => self.mapped(hit, access),
            Verdict::Sheet(sheet) => {
                access.ledger.mapped(url, &self.resource_type, sheet.source, None);
                let headers = [("Content-Type", "text/css; charset=utf-8".to_owned())];
                self.reply(200, &headers, sheet.css.as_bytes())
            }
        }
    }

    fn mapped(self, hit: Hit, access: &Access) -> Answer {
        let Request { url, method, .. } = &self.request;
        let (ledger, kind) = (&access.ledger, &self.resource_type);
        let Some(found) = hit.found else {
            let target = hit.target.display();
            let (outcome, reason) = match hit.refused {
                Some(file) => {
                    let file = file.display();
                    let reason = format!("a symbolic link leads out of {target}, to {file}");
                    (NetworkOutcome::LinkRefused, reason)
                }
                None => (NetworkOutcome::NotFound, format!("no such file in {target}")),
            };
            ledger.missed(url, kind, outcome, reason);
            return self.reply(404, &[], &[]);
        };
        match read(&found.file, self.range()) {
            Ok(Body { status, headers, bytes }) => {
                ledger.mapped(url, kind, found.file, found.mismatch);
                let bytes = if method == "HEAD" { Vec::new() } else { bytes };
                self.reply(status, &headers, &bytes)
            }
            Err(error) => {
                let file = found.file.display();
                ledger.unusable(url, kind, format!("cannot read {file}: {error}"));
                self.fail()
            }
        }
    }

    fn range(&self) -> Option<&str> {
        let mut headers = self.request.headers.iter();
        let range = headers.find(|(name, _)| name.eq_ignore_ascii_case("range"));
        range.map(|(_, value)| value.as_str())
    }

    fn fail(self) -> Answer {
        Answer::Fail(Fetch::FailRequest {
            request_id: self.request_id,
            error_reason: Network::ErrorReason::BlockedByClient,
        })
    }

    fn reply(self, status: u32, headers: &[(&str, String)], body: &[u8]) -> Answer {
        let always = [("Access-Control-Allow-Origin", "*"), ("Cache-Control", "no-store")];
        let always = always.map(|(name, value)| (name, value.to_owned()));
        let entry = |(name, value): &(&str, String)| Fetch::HeaderEntry {
            name: (*name).to_owned(),
            value: value.clone(),
        };
        Answer::Fulfill(Fetch::FulfillRequest {
            request_id: self.request_id,
            response_code: status,
            response_headers: Some(always.iter().chain(headers).map(entry).collect()),
            binary_response_headers: None,
            body: Some(BASE64_STANDARD.encode(body)),
            response_phrase: None,
        })
    }
}

/// A file as an answer.
struct Body {
    status: u32,
    headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
}

/// Reads a file, or the part that a `Range` header asks for. Parts may be shorter than asked for.
fn read(path: &Path, range: Option<&str>) -> io::Result<Body> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut headers = vec![("Accept-Ranges", "bytes".to_owned())];
    let (status, start, end) = match range.map(|range| parse_range(range, length)) {
        Some(Range::Unsatisfiable) => {
            headers.push(("Content-Range", format!("bytes */{length}")));
            return Ok(Body { status: 416, headers, bytes: Vec::new() });
        }
        Some(Range::Part(start, end)) => {
            let end = end.min(start + MAX_BODY);
            headers.push(("Content-Range", format!("bytes {start}-{}/{length}", end - 1)));
            (206, start, end)
        }
        Some(Range::Ignored) | None if length > MAX_BODY => {
            let text = format!("{length} bytes are too many for a mapped file");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Some(Range::Ignored) | None => (200, 0, length),
    };
    headers.push(("Content-Type", content_type(path)));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(end - start).read_to_end(&mut bytes)?;
    Ok(Body { status, headers, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Map, MapKey, Policy};

    fn ask(access: &Access, method: &str, url: &str, range: Option<&str>) -> Answer {
        let params = serde_json::json!({
            "requestId": "r", "frameId": "f", "resourceType": "Script",
            "request": {
                "url": url, "method": method, "initialPriority": "High",
                "headers": range.map_or_else(
                    || serde_json::json!({}), |range| serde_json::json!({ "range": range }),
                ),
            },
        });
        PausedRequest::read("Fetch.requestPaused", &params.to_string())
            .unwrap()
            .answer(access, None, None)
    }

    #[test]
    fn each_request_gets_its_answer() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.js"), "0123456789").unwrap();
        let mut map = Map::new(false, None);
        assert!(map.insert(MapKey::parse("https://a.b/").unwrap(), directory.path()).unwrap());
        let access = Access::new(Policy::Only(vec![]), map, "http://t.localhost:1/");
        let reply = |method, url, range| match ask(&access, method, url, range) {
            Answer::Fulfill(f) => {
                let body = BASE64_STANDARD.decode(f.body.unwrap()).unwrap();
                let headers = f.response_headers.unwrap().into_iter().map(|h| (h.name, h.value));
                (f.response_code, headers.collect::<BTreeMap<_, _>>(), body)
            }
            other => panic!("{other:?}"),
        };
        let (status, headers, body) = reply("GET", "https://a.b/a.js", None);
        assert_eq!((status, &*body), (200, &b"0123456789"[..]));
        assert_eq!(headers["Access-Control-Allow-Origin"], "*");
        assert_eq!(headers["Content-Type"], "text/javascript; charset=utf-8");
        let (status, headers, body) = reply("GET", "https://a.b/a.js", Some("bytes=2-4"));
        assert_eq!((status, &*body), (206, &b"234"[..]));
        assert_eq!(headers["Content-Range"], "bytes 2-4/10");
        assert_eq!(reply("GET", "https://a.b/a.js", Some("bytes=10-")).0, 416);
        assert_eq!(reply("HEAD", "https://a.b/a.js", None).2, b"");
        assert_eq!(reply("OPTIONS", "https://a.b/a.js", None).0, 204);
        assert_eq!(reply("GET", "https://a.b/none.js", None).0, 404);

        let own = ask(&access, "POST", "http://t.localhost:1/x", None);
        assert!(matches!(own, Answer::Continue(_)), "{own:?}");
        for (method, url) in [("POST", "https://a.b/a.js"), ("GET", "https://c.d/")] {
            let refused = ask(&access, method, url, None);
            assert!(matches!(refused, Answer::Fail(_)), "{refused:?}");
        }
        let outcomes: Vec<_> =
            access.ledger.requests().into_iter().map(|r| (r.url, r.outcome)).collect();
        let expected = [
            ("https://a.b/a.js".to_owned(), NetworkOutcome::Blocked),
            ("https://a.b/none.js".to_owned(), NetworkOutcome::NotFound),
            ("https://c.d/".to_owned(), NetworkOutcome::Blocked),
        ];
        assert_eq!(outcomes, expected);
    }
}
