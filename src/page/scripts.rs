//! The scripts that run before a page's own, and before those of its workers.

use std::borrow::Cow;

use serde::Serialize;

use super::{HostPage, LoadOptions, PageFonts, STAGE};
use crate::browser::{BrowserError, Page};

/// The joined script.
const RUNTIME: &str = include_str!(concat!(env!("OUT_DIR"), "/runtime.js"));

/// The joined script of workers.
const WORKER_RUNTIME: &str = include_str!(concat!(env!("OUT_DIR"), "/worker_runtime.js"));

/// The joined script; in a debug build the file that `PAGEREEL_RUNTIME` names, to try a changed
/// runtime without a build.
fn runtime_script() -> Cow<'static, str> {
    changed_script("PAGEREEL_RUNTIME").unwrap_or(Cow::Borrowed(RUNTIME))
}

/// The same for workers and `PAGEREEL_WORKER_RUNTIME`. The page passes options in the worker's
/// name.
fn worker_script() -> String {
    let script = changed_script("PAGEREEL_WORKER_RUNTIME").unwrap_or(Cow::Borrowed(WORKER_RUNTIME));
    let length = WORKER_NAME.len();
    format!(
        "globalThis.__pagereelConfig = ((worker) => ({{ ...worker, worker, drives: true }}))\
         (JSON.parse(self.name.slice({length})));\n{script}"
    )
}

#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "for debug builds"))]
fn changed_script(variable: &str) -> Option<Cow<'static, str>> {
    #[cfg(debug_assertions)]
    if let Some(path) = std::env::var_os(variable) {
        return Some(Cow::Owned(std::fs::read_to_string(path).expect("the file can be read")));
    }
    None
}

/// The prefix of the names of workers that are driven by their page (`workers.js`).
const WORKER_NAME: &str = "pagereel:";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    seed: u64,
    variables: &'a serde_json::Map<String, serde_json::Value>,
    sequential: bool,
    media: Option<&'a str>,
    fonts: Option<&'a PageFonts>,
    rehearses: bool,
    governed: Option<&'a [String]>,
    length: Option<f64>,
    /// Milliseconds for one frame.
    frame_ms: f64,
    /// Whether workers and canvases that are drawn elsewhere follow the page's clock.
    drives: bool,
}

/// Makes the runtime run before every script of the page.
pub(crate) fn inject(page: &mut Page, options: &LoadOptions) -> Result<(), BrowserError> {
    let config = Config {
        seed: options.seed,
        variables: &options.variables,
        sequential: options.sequential,
        media: options.media.as_deref(),
        fonts: options.fonts.as_ref(),
        rehearses: options.rehearses,
        governed: options.governed.as_deref(),
        length: options.length,
        frame_ms: options.frame_timeout.as_secs_f64() * 1e3,
        drives: true,
    };
    let config = serde_json::to_string(&config).expect("variables are JSON");
    let script = format!("globalThis.__pagereelConfig={config};\n{}", runtime_script());
    let script = match options.staging {
        Some(HostPage { setting, .. }) => format!(
            "if (location.pathname === '{}') {{\n{}\n}} else {{\n{script}\n}}",
            STAGE.path,
            setting.script()
        ),
        None => script,
    };
    page.inject_workers(WORKER_NAME, worker_script(), options.call_timeout)?;
    page.inject(script, options.call_timeout)
}
