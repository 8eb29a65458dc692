//! The requests of one render's pages to other hosts.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::hint::hint;

/// The most requests kept. A failed one replaces one that was mapped.
const MAX_REQUESTS: usize = 200;

/// Longest address kept, in characters.
const MAX_ADDRESS: usize = 2000;

/// What became of a request to another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum NetworkOutcome {
    /// A local file was the answer.
    Mapped,
    /// The job's policy does not allow the host.
    Blocked,
    /// The network, or the server at its other end, did not deliver.
    Failed,
    /// A mapped prefix covers the address, but there is no such file.
    NotFound,
    /// What stands for the address is a link out of the mapped directory.
    LinkRefused,
}

/// A request to another host that was mapped, refused, or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NetworkRequest {
    /// The address.
    pub url: String,
    /// What the page wanted it for: `script`, `font`, `image`, `stylesheet`, `fetch` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// What became of it.
    pub outcome: NetworkOutcome,
    /// The file that was the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The package that was the answer, where it is not of the version asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionMismatch>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A package whose version is not compatible with the one asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VersionMismatch {
    /// Its name.
    pub package: String,
    /// The version in the address.
    pub asked: String,
    /// The version on disk.
    pub found: String,
}

/// All such requests of a render, each address once. Bounded.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Vec<NetworkRequest>>);

impl Ledger {
    /// Records that a file was the answer.
    pub(crate) fn mapped(
        &self,
        url: &str,
        kind: &str,
        file: PathBuf,
        version: Option<VersionMismatch>,
    ) {
        let file = Some(file);
        self.add(NetworkRequest {
            file,
            hint: version.as_ref().map(|v| format!("npm install {}@{}", v.package, v.asked)),
            version,
            ..request(url, kind, NetworkOutcome::Mapped)
        });
    }

    /// Records that a request failed.
    pub(crate) fn missed(&self, url: &str, kind: &str, outcome: NetworkOutcome, reason: String) {
        self.add(NetworkRequest {
            hint: Some(hint(url, kind, outcome)),
            reason: Some(reason),
            ..request(url, kind, outcome)
        });
    }

    /// Records that the mapped file cannot be the answer.
    pub(crate) fn unusable(&self, url: &str, kind: &str, reason: String) {
        let hint = "put the file into the project and name it by a relative address".into();
        let (hint, reason) = (Some(hint), Some(reason));
        self.add(NetworkRequest { reason, hint, ..request(url, kind, NetworkOutcome::Failed) });
    }

    /// Whether `url` is listed.
    pub(crate) fn has(&self, url: &str) -> bool {
        self.lock().iter().any(|request| request.url == url)
    }

    /// All requests, in the order in which they were recorded.
    pub(crate) fn requests(&self) -> Vec<NetworkRequest> {
        self.lock().clone()
    }

    fn add(&self, request: NetworkRequest) {
        let is_mapped = |r: &NetworkRequest| r.outcome == NetworkOutcome::Mapped;
        let mut requests = self.lock();
        let known = requests.iter().position(|r| r.url == request.url);
        if let Some(known) = known {
            // The first failure is the cause, and it outweighs an earlier success.
            if is_mapped(&requests[known]) && !is_mapped(&request) {
                requests[known] = request;
            }
        } else if requests.len() < MAX_REQUESTS {
            requests.push(request);
        } else if let Some(last) = requests.iter().rposition(is_mapped)
            && !is_mapped(&request)
        {
            requests.remove(last);
            requests.push(request);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<NetworkRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(url: &str, kind: &str, outcome: NetworkOutcome) -> NetworkRequest {
    NetworkRequest {
        url: url.chars().take(MAX_ADDRESS).collect(),
        kind: match kind.to_lowercase() {
            // DevTools' two domains have different names for a `fetch`.
            kind if kind == "xhr" => "fetch".into(),
            kind => kind,
        },
        outcome,
        file: None,
        version: None,
        reason: None,
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miss(ledger: &Ledger, url: &str) {
        ledger.missed(url, "Script", NetworkOutcome::Failed, "no network".into());
    }

    #[test]
    fn an_address_is_listed_once_and_failures_outweigh_files() {
        let ledger = Ledger::default();
        ledger.mapped("https://a.b/1", "Script", "1".into(), None);
        ledger.missed("https://a.b/2", "Font", NetworkOutcome::Blocked, "policy".into());
        miss(&ledger, "https://a.b/1");
        miss(&ledger, "https://a.b/2");
        ledger.mapped("https://a.b/1", "Script", "1".into(), None);
        let outcomes: Vec<_> =
            ledger.requests().into_iter().map(|r| (r.kind, r.outcome, r.file)).collect();
        let script = ("script".to_owned(), NetworkOutcome::Failed, None);
        assert_eq!(outcomes, [script, ("font".to_owned(), NetworkOutcome::Blocked, None)]);
    }

    #[test]
    fn the_list_is_bounded_and_keeps_what_failed() {
        let ledger = Ledger::default();
        for i in 0..300 {
            ledger.mapped(&format!("https://a.b/{i}"), "Image", "1".into(), None);
        }
        assert_eq!(ledger.requests().len(), MAX_REQUESTS);
        for i in 0..300 {
            miss(&ledger, &format!("https://c.d/{i}"));
        }
        let requests = ledger.requests();
        assert_eq!(requests.len(), MAX_REQUESTS);
        assert!(requests.iter().all(|r| r.outcome == NetworkOutcome::Failed));
    }
}
