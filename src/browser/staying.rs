//! Tracks whether the composition's document is still the one that was loaded.
//!
//! The browser reports navigations when the page requests them, in order with its answers; so the
//! frame in which a page leaves is known, whenever the next document comes.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::log::shorten;
use crate::time::FrameIndex;

/// Longest address in an error, in characters.
const MAX_ADDRESS: usize = 200;

/// The longest time from a requested navigation to its document. Not all lead to one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The composition's document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staying {
    /// The page's own frame, by the browser's name.
    main: Option<String>,
    /// The frame of the composition on the stage.
    staged: Option<String>,
    /// Whether there is a stage.
    pub has_stage: bool,
    /// Whether the composition has been loaded.
    is_loaded: bool,
    /// Whether another document would be an error.
    is_bound: bool,
    left: Option<String>,
    /// The composition's frame in which the page left or will leave, by its own report.
    pub at: Option<FrameIndex>,
    /// The time of a request for a document that has not come yet.
    asked: Option<Instant>,
    /// The number of documents that have come, or were opened anew.
    pub documents: u64,
}

/// The fields that are wanted from several events.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    frame_id: Option<String>,
    frame: Option<Frame>,
    url: Option<String>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    disposition: String,
    #[serde(default)]
    navigation_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    id: String,
    parent_id: Option<String>,
    #[serde(default)]
    url: String,
}

impl Staying {
    /// Binds the page to its document from now on, unless it `may_leave`.
    pub(crate) fn bind(&mut self, may_leave: bool) {
        (self.is_loaded, self.is_bound, self.left) = (true, !may_leave, None);
    }

    /// Records that the page did not stay, and the composition's frame `at`.
    pub(crate) fn leave(&mut self, what: String, at: Option<FrameIndex>) {
        self.at = self.at.or(at);
        self.left.get_or_insert(what);
    }

    /// Records the page's report that it requests what may be another document in this frame.
    pub(super) fn announce(&mut self, at: u64) {
        // The last report counts, as long as the page stays.
        if self.left.is_none() {
            self.at = Some(FrameIndex(at));
        }
        self.asked = Some(Instant::now());
    }

    /// Lets documents come and go from now on.
    pub(crate) fn release(&mut self) {
        (self.is_loaded, self.is_bound) = (false, false);
        (self.left, self.at, self.asked) = (None, None, None);
    }

    /// The page's action instead of staying, as the rest of a sentence about it.
    pub(crate) fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }

    /// Whether a requested document may still come.
    pub(crate) fn is_leaving(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < PATIENCE)
    }

    /// Records one of the browser's events about documents.
    pub(super) fn note(&mut self, method: &str, params: &str) {
        let Ok(event) = serde_json::from_str::<Event>(params) else { return };
        if method == "Page.frameNavigated"
            && let Some(frame) = &event.frame
        {
            match &frame.parent_id {
                None => self.main = Some(frame.id.clone()),
                Some(parent) if self.has_stage && Some(parent) == self.main.as_ref() => {
                    self.staged = Some(frame.id.clone());
                }
                Some(_) => {}
            }
        }
        let ours = if self.has_stage { self.staged.as_ref() } else { self.main.as_ref() };
        let id = event.frame.as_ref().map(|frame| &frame.id).or(event.frame_id.as_ref());
        // A staged page that breaks out replaces the stage.
        if id.is_none() || (id != ours && id != self.main.as_ref()) {
            return;
        }
        let url = event.frame.as_ref().map(|frame| &frame.url).or(event.url.as_ref());
        let url = shorten(url.map_or("", String::as_str), MAX_ADDRESS);
        let what = match method {
            "Page.frameNavigated" => {
                (self.asked, self.documents) = (None, self.documents + 1);
                format!("has gone to {url}")
            }
            "Page.documentOpened" => {
                self.documents += 1;
                "calls document.open()".into()
            }
            "Page.frameRequestedNavigation"
                if !matches!(event.disposition.as_str(), "" | "currentTab") =>
            {
                return;
            }
            _ if event.navigation_type == "sameDocument" => return,
            _ => {
                self.asked = Some(Instant::now());
                match event.reason.as_str() {
                    "reload" => "reloads itself".into(),
                    "metaTagRefresh" | "httpHeaderRefresh" => format!("goes to {url} (refresh)"),
                    "formSubmissionGet" | "formSubmissionPost" => {
                        format!("goes to {url} (a form is sent)")
                    }
                    _ => format!("goes to {url}"),
                }
            }
        };
        // A composition whose stage is gone cannot be seen.
        let is_stage = self.has_stage && id == self.main.as_ref();
        if self.is_bound || (self.is_loaded && is_stage) {
            self.left.get_or_insert(what);
        }
    }
}
