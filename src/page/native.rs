//! Videos that the page shows as flat areas and the engine fills with their pictures.

use std::collections::HashMap;
use std::time::Duration;

use headless_chrome::protocol::cdp::types::Method as _;
use serde::Deserialize;

use super::RUNTIME_FACE;
use crate::browser::cdp::{DOM, Runtime};
use crate::browser::{BrowserError, Page};

/// A video that a frame shows, and where.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NativeLayer {
    /// The number of its element.
    pub element: usize,
    /// Its name for the user, such as `<video id="intro">`.
    pub label: String,
    /// What its pictures are asked for with.
    pub source: usize,
    /// Which of them.
    pub picture_number: usize,
    /// In which part of their size.
    pub divisor: u32,
    /// Width and height of its content box, before it is transformed, in pixels of the picture.
    pub content: [f64; 2],
    /// Left, top, width and height of the picture, in parts of the content box.
    pub picture: [f64; 4],
    /// Which matte has it in a color; from 1.
    pub round: usize,
    /// Which primary color that is.
    pub channel: usize,
    /// The corners of the content box in the picture, from its upper left one clockwise.
    #[serde(skip)]
    pub quad: [[f64; 2]; 4],
}

/// Elements of a page that its layers belong to, as the protocol calls them.
#[derive(Debug, Default)]
pub(crate) struct LayerElements(HashMap<usize, String>);

/// Which videos are layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerKind {
    /// Those of HDR, for their light.
    Light,
    /// Those whose pixels lie on pixels of the frame, for speed.
    Codes,
}

/// Has the page show videos of a kind as flat areas from the next frame on.
pub(crate) fn begin_layers(
    page: &mut Page,
    kind: LayerKind,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let kind = match kind {
        LayerKind::Light => "light",
        LayerKind::Codes => "codes",
    };
    let expression = format!("{RUNTIME_FACE}.beginLayers('{kind}')");
    page.evaluate::<serde_json::Value>(&expression, timeout).map(drop)
}

/// How much of a composition of so many `seconds`, of 1, shows a video whose pixels lie on pixels of
/// the frame.
pub(crate) fn aligned_share(
    page: &mut Page,
    seconds: f64,
    timeout: Duration,
) -> Result<f64, BrowserError> {
    page.evaluate(&format!("{RUNTIME_FACE}.alignedShare({seconds})"), timeout)
}

/// What a page shows of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// Which matte; 0 has all layers in black.
    pub round: usize,
    /// Which transition, and which of its scenes alone; `None` for all as the page has them.
    pub scene: Option<(usize, Side)>,
}

/// One of the two scenes of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that goes.
    From,
    /// The one that comes.
    To,
    /// What the page's own library makes of both.
    Library,
}

/// Has the next seek to the same frame show it so.
pub(crate) fn choose_view(
    page: &mut Page,
    view: View,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let (number, side) = match view.scene {
        None => ("-1".to_owned(), 0),
        Some((number, side)) => (
            number.to_string(),
            match side {
                Side::From => 0,
                Side::To => 1,
                Side::Library => 2,
            },
        ),
    };
    let expression = format!("{RUNTIME_FACE}.chooseView({},{number},{side})", view.round);
    page.evaluate::<serde_json::Value>(&expression, timeout).map(drop)
}

/// Has the page's own library draw the transition of the frame that is shown. Returns whether it did.
pub(crate) fn draw_transition(page: &mut Page, timeout: Duration) -> Result<bool, BrowserError> {
    page.evaluate(&format!("{RUNTIME_FACE}.drawTransition()"), timeout)
}

/// The layers of the frame that is shown, whose picture has `scale` pixels for each of the page.
pub(crate) fn layers(
    page: &mut Page,
    elements: &mut LayerElements,
    scale: f64,
    timeout: Duration,
) -> Result<Vec<NativeLayer>, BrowserError> {
    let mut layers: Vec<NativeLayer> =
        page.evaluate(&format!("{RUNTIME_FACE}.layers()"), timeout)?;
    for layer in &mut layers {
        let object = if let Some(object) = elements.0.get(&layer.element) {
            object.clone()
        } else {
            let object = object_of(page, layer.element, timeout)?;
            elements.0.insert(layer.element, object.clone());
            object
        };
        let quad = quad_of(page, object, timeout)?;
        layer.quad = quad.map(|corner| corner.map(|place| place * scale));
        layer.content = layer.content.map(|side| side * scale);
    }
    Ok(layers)
}

/// The protocol's name for a layer's element.
fn object_of(page: &mut Page, element: usize, timeout: Duration) -> Result<String, BrowserError> {
    let expression = format!("{RUNTIME_FACE}.layerElement({element})");
    page.object_of(&expression, timeout)?.ok_or_else(|| BrowserError::Answer {
        method: Runtime::Evaluate::NAME,
        message: format!("there is no element for layer {element}"),
    })
}

/// Where the corners of an element's content box are on screen.
fn quad_of(
    page: &mut Page,
    object: String,
    timeout: Duration,
) -> Result<[[f64; 2]; 4], BrowserError> {
    let get = DOM::GetBoxModel { node_id: None, backend_node_id: None, object_id: Some(object) };
    let content = page.call(get, timeout)?.model.content;
    let [ax, ay, bx, by, cx, cy, dx, dy] = content[..] else {
        return Err(BrowserError::Answer {
            method: DOM::GetBoxModel::NAME,
            message: format!("a box has {} coordinates, expected 8", content.len()),
        });
    };
    Ok([[ax, ay], [bx, by], [cx, cy], [dx, dy]])
}
