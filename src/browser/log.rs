//! The page's output and its failures.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;

use super::cdp::Runtime;
use super::staying::Staying;
use crate::network::{Access, NetworkOutcome};

/// Console lines kept.
const CONSOLE_LINES: usize = 200;

/// Ends addresses that the page runtime only requests to see whether they exist.
const PROBE: &str = "pagereel-probe";

/// The runtime's words before a frame's number when the page may be about to leave.
const LEAVES: &str = "__pagereel leaves";

/// Distinct errors kept: a page that throws in every frame must not fill the memory.
const MAX_ERRORS: usize = 50;

/// Longest address kept, in characters.
const MAX_ADDRESS: usize = 2000;

/// Collected from a page's events. Bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageLog {
    console: VecDeque<String>,
    errors: Vec<String>,
    /// Addresses and reasons.
    failed: Vec<(String, String)>,
    /// Requests under way: their addresses.
    requests: BTreeMap<String, String>,
    access: Arc<Access>,
    /// HTTP status of the page itself.
    pub document_status: Option<u32>,
    pub crashed: bool,
    /// The state of the page's document: whether it is still the one that was loaded.
    pub staying: Staying,
}

/// A request that failed; Chrome changes the other fields often.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadingFailed<'a> {
    request_id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    error_text: &'a str,
    #[serde(default)]
    canceled: bool,
}

impl PageLog {
    /// An empty log. Failures on other hosts go to the ledger of `access`.
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, ..Self::default() }
    }

    /// The last lines of the console, oldest first.
    pub(crate) fn console_tail(&self, lines: usize) -> Vec<String> {
        self.console.iter().skip(self.console.len().saturating_sub(lines)).cloned().collect()
    }

    /// Uncaught exceptions, each once.
    pub(crate) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Addresses on the composition's own server that did not load, with the reason.
    pub(crate) fn failed_resources(&self) -> &[(String, String)] {
        &self.failed
    }

    /// Records one protocol event.
    pub(super) fn note(&mut self, method: &str, params: &str) {
        match method {
            "Runtime.consoleAPICalled" => self.note_console(params),
            "Runtime.exceptionThrown" => {
                use Runtime::events::ExceptionThrownEventParams as Params;
                if let Ok(event) = serde_json::from_str::<Params>(params) {
                    let text = exception_text(&event.exception_details);
                    self.push_console(format!("uncaught: {text}"));
                    push_once(&mut self.errors, text);
                }
            }
            "Network.requestWillBeSent" => {
                // Only two fields are wanted, and Chrome changes the others often.
                let Ok(event) = serde_json::from_str::<serde_json::Value>(params) else { return };
                let (id, url) = (&event["requestId"], &event["request"]["url"]);
                if let (Some(id), Some(url)) = (id.as_str(), url.as_str()) {
                    self.requests.insert(id.to_owned(), shorten(url, MAX_ADDRESS));
                }
            }
            "Network.responseReceived" => self.note_response(params),
            "Network.loadingFinished" => {
                let Ok(event) = serde_json::from_str::<serde_json::Value>(params) else { return };
                if let Some(id) = event["requestId"].as_str() {
                    self.requests.remove(id);
                }
            }
            "Network.loadingFailed" => {
                let Ok(event) = serde_json::from_str::<LoadingFailed<'_>>(params) else { return };
                let url = self.requests.remove(event.request_id);
                // DevTools looks for the page's own source in the cache when styles are requested.
                let is_look = url.is_none() && event.error_text == "net::ERR_CACHE_MISS";
                if !event.canceled && !is_look {
                    let url = url.as_deref().unwrap_or("a resource");
                    self.note_failure(url, event.kind, event.error_text.to_owned());
                }
            }
            "Page.frameNavigated"
            | "Page.frameRequestedNavigation"
            | "Page.frameStartedNavigating"
            | "Page.documentOpened" => self.staying.note(method, params),
            "Inspector.targetCrashed" | "Target.targetCrashed" => self.crashed = true,
            _ => {}
        }
    }

    fn note_console(&mut self, params: &str) {
        use Runtime::events::ConsoleAPICalledEventParams as Params;
        let Ok(event) = serde_json::from_str::<Params>(params) else { return };
        let words: Vec<String> = event.args.iter().map(remote_text).collect();
        if let [LEAVES, at] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            if let Ok(at) = at.parse() {
                self.staying.announce(at);
            }
            return;
        }
        let level = format!("{:?}", event.Type).to_lowercase();
        self.push_console(format!("{level}: {}", words.join(" ")));
    }

    fn note_response(&mut self, params: &str) {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(params) else { return };
        let response = &event["response"];
        let Some(status) = response["status"].as_u64().and_then(|s| u32::try_from(s).ok()) else {
            return;
        };
        let url = response["url"].as_str().unwrap_or_default();
        if event["type"] == "Document" && self.document_status.is_none() {
            self.document_status = Some(status);
        }
        if status >= 400 && !url.ends_with("/favicon.ico") && !url.ends_with(PROBE) {
            let kind = event["type"].as_str().unwrap_or_default();
            self.note_failure(url, kind, format!("HTTP status {status}"));
        }
    }

    fn note_failure(&mut self, url: &str, kind: &str, reason: String) {
        // A prefix of the composition's own server may be mapped, too.
        if self.access.is_foreign(url) || self.access.ledger.has(url) {
            self.access.ledger.missed(url, kind, NetworkOutcome::Failed, reason);
        } else {
            push_once(&mut self.failed, (shorten(url, MAX_ADDRESS), reason));
        }
    }

    fn push_console(&mut self, line: String) {
        if self.console.len() == CONSOLE_LINES {
            self.console.pop_front();
        }
        self.console.push_back(line);
    }
}

fn push_once<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.len() < MAX_ERRORS && !list.contains(&item) {
        list.push(item);
    }
}

/// An address of at most so many characters.
pub(super) fn shorten(url: &str, length: usize) -> String {
    let end = url.char_indices().nth(length).map_or(url.len(), |(at, _)| at);
    if end < url.len() { format!("{}…", &url[..end]) } else { url.to_owned() }
}

/// A console argument as the console would print it.
fn remote_text(object: &Runtime::RemoteObject) -> String {
    match (&object.value, &object.description, &object.unserializable_value) {
        (Some(serde_json::Value::String(text)), ..)
        | (_, Some(text), _)
        | (None, None, Some(text)) => text.clone(),
        (Some(value), None, _) => value.to_string(),
        (None, None, None) => "undefined".into(),
    }
}

/// An exception with its place.
pub(super) fn exception_text(details: &Runtime::ExceptionDetails) -> String {
    let thrown = details.exception.as_ref().map(remote_text);
    // The description's further lines are the stack.
    let thrown = thrown.as_deref().and_then(|text| text.lines().next());
    let message = thrown.unwrap_or(&details.text);
    match details.url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => format!("{message} ({}:{})", shorten(url, 200), details.line_number + 1),
        None => message.to_owned(),
    }
}
