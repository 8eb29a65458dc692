//! Our document around the composition, for backends that need one.
//!
//! It is served at the composition's own origin, so that the composition on disk or on its server
//! stays as it is, its own policies do not bind the stage, and both share one event loop.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{LoadError, LoadOptions, POLL, Sought, Step};
use crate::browser::{BrowserError, CallId, Page, Stage};
use crate::frame::Size;

/// The document. The runtime does not run in it.
pub(crate) const STAGE: Stage = Stage {
    path: "/.pagereel/stage",
    html: "<!doctype html><title>pagereel</title>\
           <style>html, body { margin: 0; background: #fff; overflow: hidden }</style><body>",
};

/// The host of the composition on its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostKind {
    /// The window that shows it, and a mark.
    Window,
    /// A canvas that it is drawn into.
    Canvas,
}

/// Options of the composition's stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostPage {
    pub setting: HostKind,
    /// The composition's viewport, in CSS pixels.
    pub size: Size,
    /// Device pixels for each of them.
    pub scale: f64,
    /// Whether nothing lies behind it, instead of white.
    pub is_transparent: bool,
}

impl HostKind {
    /// The script for the stage's document.
    pub(super) fn script(self) -> String {
        let stage = include_str!("stage.js");
        let setting = match self {
            Self::Window => include_str!("stage_window.js"),
            Self::Canvas => include_str!("stage_canvas.js"),
        };
        format!("(() => {{\n\"use strict\";\n{stage}\n{setting}}})();")
    }
}

/// Opens the stage and begins to load the composition on it.
pub(super) fn open(
    page: &mut Page,
    options: &LoadOptions,
    staging: HostPage,
) -> Result<(), LoadError> {
    let timeout = options.navigation_timeout;
    let Ok(stage) = url::Url::parse(&options.url).and_then(|url| url.join(STAGE.path)) else {
        return Err(LoadError::Unstageable);
    };
    page.navigate(stage.as_str(), timeout)?;
    let start = Instant::now();
    let is_there = "globalThis.__pagereelStage !== undefined && document.body !== null";
    while !page.evaluate::<bool>(is_there, options.call_timeout)? {
        if start.elapsed() > timeout {
            return Err(LoadError::Unstageable);
        }
        std::thread::sleep(POLL);
    }
    page.log.document_status = None;
    let url = serde_json::to_string(&options.url).expect("text is JSON");
    let HostPage { size: Size { width, height }, scale, is_transparent, .. } = staging;
    let open = format!("__pagereelStage.open({url}, {width}, {height}, {scale}, {is_transparent})");
    page.evaluate::<serde_json::Value>(&open, options.call_timeout)?;
    Ok(())
}

/// Options with which the stage shows a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    /// The number in the picture's mark.
    pub number: u32,
    /// Whether it is drawn and marked even if the page cannot look different.
    pub must_draw: bool,
    /// Whether it, if drawn, is drawn as if nothing had come before.
    pub anew: bool,
}

/// Begins to show one frame in the window. Read the answer with `finish_evaluate`.
pub(crate) fn begin_show(
    page: &mut Page,
    step: Step,
    show: Show,
    timeout: Duration,
) -> Result<CallId, BrowserError> {
    let Show { number, must_draw, anew } = show;
    let show = format!("__pagereelStage.show({step},{number},{must_draw},{anew})");
    page.begin_evaluate(&show, timeout)
}

/// Marks what the window shows with `number`.
pub(crate) fn set_mark(
    page: &mut Page,
    number: u32,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let expression = format!("__pagereelStage.setMark({number})");
    page.evaluate::<serde_json::Value>(&expression, timeout).map(drop)
}

/// The stage's answer to a request for a picture.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub sought: Sought,
    /// The duration of the seek, in milliseconds.
    pub ms: f64,
    /// Whether there will be a picture.
    pub is_awaited: bool,
}

/// Begins to show one frame and to draw it into the canvas. Read the answer, [`Asked`], with
/// `finish_evaluate`.
pub(crate) fn begin_shoot(
    page: &mut Page,
    step: Step,
    number: u32,
    must_draw: bool,
    timeout: Duration,
) -> Result<CallId, BrowserError> {
    let shoot = format!("__pagereelStage.shoot({step},{number},{must_draw})");
    page.begin_evaluate(&shoot, timeout)
}

/// Makes the stage send its pictures to `address`, and requests the first.
pub(crate) fn connect_canvas(
    page: &mut Page,
    address: &str,
    number: u32,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let expression = format!("__pagereelStage.connect('{address}', {number})");
    page.evaluate::<serde_json::Value>(&expression, timeout).map(drop)
}

/// Whether this browser can draw elements into canvases.
pub(crate) fn has_canvas(page: &mut Page, timeout: Duration) -> Result<bool, BrowserError> {
    let has = "'drawElementImage' in CanvasRenderingContext2D.prototype && \
               'requestPaint' in HTMLCanvasElement.prototype";
    page.evaluate(has, timeout)
}
