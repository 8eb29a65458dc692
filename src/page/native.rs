//! Videos that the page shows as flat areas and the engine fills with their pictures.

use std::collections::HashMap;
use std::time::Duration;

use headless_chrome::protocol::cdp::types::Method as _;
use serde::Deserialize;

use super::RUNTIME_FACE;
use crate::browser::cdp::{DOM, Runtime};
use crate::browser::{BrowserError, Page};

/// A video that a frame shows, and its place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NativeLayer {
    /// The number of its element.
    pub element: usize,
    /// Its name for the user, such as `<video id="intro">`.
    pub label: String,
    /// The key with which its pictures are requested.
    pub source: usize,
    /// The number of the picture.
    pub picture_number: usize,
    /// The divisor of the picture's size.
    pub divisor: u32,
    /// Width and height of its content box, before it is transformed, in pixels of the picture.
    pub content: [f64; 2],
    /// Left, top, width and height of the picture, in parts of the content box.
    pub picture: [f64; 4],
    /// The number of the matte that has it in a color; from 1.
    pub round: usize,
    /// The number of that primary color.
    pub channel: usize,
    /// The corners of the content box in the picture, from its upper left one clockwise.
    #[serde(skip)]
    pub quad: [[f64; 2]; 4],
}

/// Elements of a page that its layers belong to, as the protocol calls them.
#[derive(Debug, Default)]
pub(crate) struct LayerElements(HashMap<usize, String>);

/// The kind of videos that are layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerKind {
    /// HDR videos, for their light.
    Light,
    /// Videos whose pixels lie on pixels of the frame, for speed.
    Codes,
}

/// Makes the page show videos of a kind as flat areas from the next frame on.
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

/// The share of a composition that shows a video aligned to the frame, from 0 to 1. Pixels of such
/// a video lie on pixels of the frame. The composition lasts `seconds`.
pub(crate) fn aligned_share(
    page: &mut Page,
    seconds: f64,
    timeout: Duration,
) -> Result<f64, BrowserError> {
    page.evaluate(&format!("{RUNTIME_FACE}.alignedShare({seconds})"), timeout)
}

/// The view of a frame that a page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// The number of the matte; 0 has all layers in black.
    pub round: usize,
    /// The transition, and the one of its scenes to show; `None` for all as the page has them.
    pub scene: Option<(usize, Side)>,
}

/// A view of a transition's scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The scene that goes.
    From,
    /// The scene that comes.
    To,
    /// Both, drawn by the page's own library.
    Library,
}

/// Makes the next seek to the same frame show it in this view.
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

/// Makes the page's own library draw the transition of the present frame. Returns whether it did.
pub(crate) fn draw_transition(page: &mut Page, timeout: Duration) -> Result<bool, BrowserError> {
    page.evaluate(&format!("{RUNTIME_FACE}.drawTransition()"), timeout)
}

/// The layers of the present frame, whose picture has `scale` pixels for each of the page.
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

/// The corners of an element's content box on screen.
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
