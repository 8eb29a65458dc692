//! Workers of the page: each is stopped before its script, given a runtime, and let go.
//!
//! Dedicated workers get it; worklets are only let go; targets of other types are left alone. A
//! worker of a worker is attached to through the session of that one.
//!
//! Where Chrome stops a worker by itself, half of what scripts may use is not there yet, timers
//! among it. So its debugger stops it again before the first script, and is detached before that
//! script runs.

use std::collections::VecDeque;
use std::time::Duration;

use headless_chrome::protocol::cdp::types::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::to_raw_value;

use super::BrowserError;
use super::cdp::Runtime;
use super::page::Page;

/// The script that workers run before their own.
#[derive(Debug)]
pub(super) struct WorkerScript {
    /// The prefix of the names of workers that run it.
    name: &'static str,
    source: String,
    /// Sessions of workers that are to stop before their first script.
    awaited: VecDeque<String>,
}

/// Most workers that may be about to begin at once. One whose script never comes stays among them.
const MAX_AWAITED: usize = 256;

/// A worker that has just started.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Started {
    session_id: String,
    target_info: TargetInfo,
}

#[derive(Debug, Deserialize)]
struct TargetInfo {
    /// The worker's name, or else its address.
    title: String,
}

/// `Target.setAutoAttach`, with a filter that the generated types write as a nested object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AttachToWorkers {
    auto_attach: bool,
    wait_for_debugger_on_start: bool,
    flatten: bool,
    filter: [Filter; 2],
}

#[derive(Debug, Serialize)]
struct Filter {
    #[serde(rename = "type")]
    kind: &'static str,
    exclude: bool,
}

impl Method for AttachToWorkers {
    const NAME: &'static str = "Target.setAutoAttach";
    type ReturnObject = serde::de::IgnoredAny;
}

const ATTACH: AttachToWorkers = AttachToWorkers {
    auto_attach: true,
    wait_for_debugger_on_start: true,
    flatten: true,
    // Chrome stops worklets as well, and lets them go only if the engine attaches to them.
    filter: [Filter { kind: "worker", exclude: false }, Filter { kind: "worklet", exclude: false }],
};

/// A report about a worker.
#[derive(Debug)]
pub(super) enum WorkerNews {
    /// The worker was stopped by Chrome at its start.
    Started(Started),
    /// The worker is stopped before its first script: its session.
    Ready(String),
}

impl WorkerNews {
    /// Reads an event; `None` if it is about something else.
    pub(super) fn read(event: &str, session: Option<&str>, params: &str) -> Option<Self> {
        match event {
            "Target.attachedToTarget" => serde_json::from_str(params)
                .inspect_err(|error| tracing::warn!(%error, "a worker was not understood"))
                .ok()
                .map(Self::Started),
            "Debugger.paused" => session.map(|session| Self::Ready(session.to_owned())),
            _ => None,
        }
    }
}

impl Page {
    /// Makes workers whose name begins with `name` run `source` before their own script, from now
    /// on.
    pub(crate) fn inject_workers(
        &mut self,
        name: &'static str,
        source: String,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        self.workers = Some(WorkerScript { name, source, awaited: VecDeque::new() });
        self.call(ATTACH, timeout).map(drop)
    }

    /// Lets a worker begin, with our script before its own. Answers do not matter: it may be gone.
    pub(super) fn heed_worker(
        &mut self,
        news: WorkerNews,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let mut commands = Vec::new();
        let session = match news {
            WorkerNews::Started(Started { session_id, target_info }) => {
                let script = self.workers.as_mut();
                if let Some(script) = script.filter(|s| target_info.title.starts_with(s.name)) {
                    if script.awaited.len() == MAX_AWAITED {
                        script.awaited.pop_front();
                    }
                    script.awaited.push_back(session_id.clone());
                    commands.push(("Debugger.enable", json!({})));
                    let before = json!({ "instrumentation": "beforeScriptExecution" });
                    commands.push(("Debugger.setInstrumentationBreakpoint", before));
                }
                commands.push((AttachToWorkers::NAME, json!(ATTACH)));
                commands.push(("Runtime.runIfWaitingForDebugger", json!({})));
                session_id
            }
            WorkerNews::Ready(session) => {
                if let Some(script) = &mut self.workers
                    && let Some(at) = script.awaited.iter().position(|each| *each == session)
                {
                    script.awaited.remove(at);
                    let run = json!({ "expression": script.source });
                    commands.push((Runtime::Evaluate::NAME, run));
                }
                // The worker continues without its debugger.
                commands.push(("Debugger.disable", json!({})));
                session
            }
        };
        for (name, params) in commands {
            let params = to_raw_value(&params).expect("plain values serialize");
            self.send_to(Some(&session), name, &params, timeout)?;
        }
        Ok(())
    }
}
