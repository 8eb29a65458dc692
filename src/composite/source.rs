//! Composes videos into the frames of a page.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use super::blend::{Content, FrameLight, Layer, LightMeter, compose};
use super::cross::{Crossings, Target};
use super::flat::{self, FlatLayer};
use super::light::{Codes, Decoder, LightPicture};
use super::place::{Placed, Placement};
use crate::av::{DecodedFrame, Orientation};
use crate::cancel::CancelToken;
use crate::capture::{Captures, FrameCaptures, PageSource, PageSources, TransitionFrame};
use crate::color::codes::LightCodes;
use crate::error::{Error, Result};
use crate::frame::{Frame, Picture, Size};
use crate::media::Library;
use crate::page::NativeLayer;
use crate::pipeline::{FrameSource, OpenSource, Throughput};
use crate::time::FrameIndex;

/// Data with which all sessions of a render composite.
#[derive(Clone, Debug)]
pub(crate) struct Layering {
    pub library: Arc<Library>,
    /// The codes of the output; `None` for SDR.
    pub output: Option<&'static LightCodes>,
    pub meter: Arc<LightMeter>,
    pub crossings: Arc<Crossings>,
    /// Whether pictures are transparent where the page is.
    pub has_alpha: bool,
}

/// Opens the sessions of one render.
pub(crate) struct LayeredSources {
    pub pages: PageSources,
    pub layering: Layering,
}

impl OpenSource for LayeredSources {
    fn open(&self, session: usize, cancel: &CancelToken) -> Result<Box<dyn FrameSource>> {
        let page = self.pages.open_page(session, cancel)?;
        Ok(Box::new(LayeredSource {
            page,
            layering: self.layering.clone(),
            queue: VecDeque::new(),
            decoded: Vec::new(),
            flats: Vec::new(),
            last: None,
        }))
    }

    fn lost(&self, session: usize, error: &Error) {
        self.pages.lost(session, error);
    }

    fn should_add_session(&self, pace: &Throughput) -> bool {
        self.pages.should_add_session(pace)
    }
}

/// Renders the frames of one session.
struct LayeredSource {
    page: PageSource,
    layering: Layering,
    /// Submitted frames, oldest first; the first is under way.
    queue: VecDeque<FrameIndex>,
    /// The decoded pictures of the last frame, which the next may show again.
    decoded: Vec<Decoded>,
    /// The same in SDR.
    flats: Vec<FlatPicture>,
    last: Option<Last>,
}

/// A picture of a source in SDR: rows of 8-bit RGB, upright.
#[derive(Debug)]
struct FlatPicture {
    source: usize,
    number: usize,
    divisor: u32,
    size: Size,
    rows: Vec<u8>,
}

/// A picture of a source.
#[derive(Debug)]
struct Decoded {
    source: usize,
    number: usize,
    orientation: Orientation,
    frame: Arc<DecodedFrame>,
    decoder: Decoder,
    /// The light of the whole picture, once it is needed.
    light: OnceLock<LightPicture>,
}

/// The last frame, and its sources.
#[derive(Debug)]
struct Last {
    captures: Captures,
    picture: Arc<Picture>,
    light: FrameLight,
}

impl FrameSource for LayeredSource {
    fn depth(&self) -> usize {
        2
    }

    fn submit(&mut self, index: FrameIndex) -> Result<()> {
        self.queue.push_back(index);
        if self.queue.len() == 1 { self.page.submit_shots(index) } else { Ok(()) }
    }

    fn collect(&mut self) -> Result<Frame> {
        let index = *self.queue.front().expect("collect follows submit");
        let FrameCaptures { first: captures, transition_frame } =
            self.page.collect_captures(index)?;
        self.queue.pop_front();
        // The page draws the next frame while this one is put together.
        if let Some(&next) = self.queue.front() {
            self.page.submit_shots(next)?;
        }
        if let Some(transition_frame) = transition_frame {
            self.last = None;
            let (picture, light) = self.cross(index, &captures, &transition_frame)?;
            self.layering.meter.saw(light);
            return Ok(Frame { index, picture: Arc::new(picture) });
        }
        let Some(output) = self.layering.output else {
            return Ok(Frame { index, picture: self.mix(index, captures)? });
        };
        let (picture, light) = match &self.last {
            Some(last) if is_same(&last.captures, &captures) => {
                (Arc::clone(&last.picture), last.light)
            }
            _ => {
                self.decode_all(index, &[&captures])?;
                let layers = self.layers(index, &captures)?;
                let (picture, light) = compose(&captures.base, &layers, output);
                let picture = Arc::new(picture);
                self.last = Some(Last { captures, picture: Arc::clone(&picture), light });
                (picture, light)
            }
        };
        self.layering.meter.saw(light);
        Ok(Frame { index, picture })
    }
}

fn is_same(before: &Captures, now: &Captures) -> bool {
    Arc::ptr_eq(&before.base, &now.base)
        && before.layers == now.layers
        && before.mattes.len() == now.mattes.len()
        && before.mattes.iter().zip(&now.mattes).all(|(a, b)| Arc::ptr_eq(a, b))
}

impl LayeredSource {
    /// Composes a frame of SDR. Without layers, the page's picture is the frame.
    fn mix(&mut self, index: FrameIndex, captures: Captures) -> Result<Arc<Picture>> {
        if captures.layers.is_empty() {
            self.last = None;
            return Ok(captures.base);
        }
        if let Some(last) = self.last.as_ref().filter(|last| is_same(&last.captures, &captures)) {
            return Ok(Arc::clone(&last.picture));
        }
        let mut spare = std::mem::take(&mut self.flats);
        for layer in &captures.layers {
            let is_it = |flat: &FlatPicture| {
                (flat.source, flat.number, flat.divisor)
                    == (layer.source, layer.picture_number, layer.divisor)
            };
            if self.flats.iter().any(is_it) {
                continue;
            }
            let flat = match spare.iter().position(is_it) {
                Some(known) => spare.swap_remove(known),
                None => self.decode_flat(index, layer, spare.pop())?,
            };
            self.flats.push(flat);
        }
        let frame = [captures.base.size.width as usize, captures.base.size.height as usize];
        let layers = captures.layers.iter().filter(|layer| !is_flat(&layer.quad)).map(|layer| {
            let wanted = (layer.source, layer.picture_number, layer.divisor);
            let is_it = |flat: &&FlatPicture| (flat.source, flat.number, flat.divisor) == wanted;
            let flat = self.flats.iter().find(is_it);
            let FlatPicture { size, rows, .. } = flat.expect("all layers have been decoded");
            FlatLayer {
                rows,
                size: *size,
                shift: shift_of(layer),
                matte: captures.mattes.get(layer.round - 1).expect("each layer has a matte"),
                channel: layer.channel,
                area: [0, 1].map(|axis| range(&layer.quad, axis, frame[axis])),
            }
        });
        let layers: Vec<_> = layers.collect();
        let picture = Arc::new(flat::compose(&captures.base, &layers));
        let light = FrameLight { brightest: 0.0, average: 0.0 };
        self.last = Some(Last { captures, picture: Arc::clone(&picture), light });
        Ok(picture)
    }

    /// A layer's picture in SDR, in the buffer of one that is no longer shown.
    fn decode_flat(
        &self,
        index: FrameIndex,
        layer: &NativeLayer,
        room: Option<FlatPicture>,
    ) -> Result<FlatPicture> {
        let (source, number, divisor) = (layer.source, layer.picture_number, layer.divisor);
        let mut rows = room.map(|room| room.rows).unwrap_or_default();
        let size = self.layering.library.rgb_picture(source, number, divisor, &mut rows);
        let size = size.map_err(|e| media_error(index, layer, e.to_string(), None))?;
        Ok(FlatPicture { source, number, divisor, size, rows })
    }

    /// Composes a frame of a transition between two scenes.
    fn cross(
        &mut self,
        index: FrameIndex,
        from: &Captures,
        transition_frame: &TransitionFrame,
    ) -> Result<(Picture, FrameLight)> {
        let TransitionFrame { number, progress, to } = transition_frame;
        self.decode_all(index, &[from, to])?;
        let target = match self.layering.output {
            Some(output) => Target::Hdr(output),
            None => Target::Sdr { has_alpha: self.layering.has_alpha },
        };
        let from = target.scene(&from.base, &self.layers(index, from)?);
        let to = target.scene(&to.base, &self.layers(index, to)?);
        Ok(self.layering.crossings.cross(*number, *progress, [&from, &to], &target))
    }

    /// Decodes the light of the pictures of all layers, and drops all others.
    fn decode_all(&mut self, index: FrameIndex, captures: &[&Captures]) -> Result<()> {
        let mut decoded: Vec<Decoded> = Vec::new();
        for layer in captures.iter().flat_map(|captures| &captures.layers) {
            let wanted = (layer.source, layer.picture_number);
            if decoded.iter().all(|d| (d.source, d.number) != wanted) {
                decoded.push(self.decode(index, layer)?);
            }
        }
        self.decoded = decoded;
        Ok(())
    }

    /// The layers of a picture, with their places and contents.
    fn layers<'s>(&'s self, index: FrameIndex, captures: &'s Captures) -> Result<Vec<Layer<'s>>> {
        let size = captures.base.size;
        let frame = [size.width as usize, size.height as usize];
        let mut layers = Vec::with_capacity(captures.layers.len());
        for layer in &captures.layers {
            let wanted = (layer.source, layer.picture_number);
            let decoded = self.decoded.iter().find(|d| (d.source, d.number) == wanted);
            let decoded = decoded.expect("all layers have been decoded");
            // A layer seen from its edge covers nothing.
            if is_flat(&layer.quad) {
                continue;
            }
            let placement = Placement::of(layer, decoded.orientation).ok_or_else(|| {
                let text = "it is HDR and reaches behind the viewer, where light has no place";
                media_error(index, layer, text.into(), Some("`color.mode: \"sdr\"` can show it"))
            })?;
            let ranges = [0, 1].map(|axis| range(&layer.quad, axis, frame[axis]));
            let [columns, rows] = ranges;
            let matte = captures.mattes.get(layer.round - 1).expect("each layer has a matte");
            let planes = decoded.frame.planes().expect("they were there when it was decoded");
            let picture = if let Some(shift) = Placed::shift(planes.extent(0), &placement) {
                let (codes, decoder) = (Codes::new(planes), &decoded.decoder);
                Content::Aligned { codes, decoder, shift }
            } else {
                let light = decoded.light.get_or_init(|| decoded.decoder.decode(&planes));
                let middle = [middle(&columns), middle(&rows)];
                Content::Placed(Placed::new(light, &placement, middle))
            };
            layers.push(Layer { picture, matte, channel: layer.channel, columns, rows });
        }
        Ok(layers)
    }

    /// A layer's picture: one of the last frame's, or decoded.
    fn decode(&mut self, index: FrameIndex, layer: &NativeLayer) -> Result<Decoded> {
        let (source, number) = (layer.source, layer.picture_number);
        let known = self.decoded.iter().position(|d| (d.source, d.number) == (source, number));
        if let Some(known) = known {
            return Ok(self.decoded.swap_remove(known));
        }
        let failed = |text: String| media_error(index, layer, text, None);
        let native = self.layering.library.native_picture(source, number);
        let native = native.map_err(|e| failed(e.to_string()))?;
        native.frame.planes().map_err(failed)?;
        let most = self.layering.output.expect("only HDR has layers of light").most;
        Ok(Decoded {
            source,
            number,
            orientation: native.orientation,
            frame: native.frame,
            decoder: Decoder::new(native.transfer, native.peak, most),
            light: OnceLock::new(),
        })
    }
}

/// Columns and rows of a video's picture that lie left of and above the frame's first pixel.
fn shift_of(layer: &NativeLayer) -> (isize, isize) {
    let [left, top, ..] = layer.picture;
    let ([x, y], [width, height]) = (layer.quad[0], layer.content);
    #[expect(clippy::cast_possible_truncation, reason = "a place in a frame")]
    let whole = |n: f64| n.round() as isize;
    (-whole(x + left * width), -whole(y + top * height))
}

/// Whether a quadrilateral has no area.
fn is_flat(quad: &[[f64; 2]; 4]) -> bool {
    let area: f64 = (0..4)
        .map(|i| {
            let ([ax, ay], [bx, by]) = (quad[i], quad[(i + 1) % 4]);
            ax.mul_add(by, -bx * ay)
        })
        .sum();
    area.abs() < 1e-3
}

/// The columns, or rows, of the frame that a quadrilateral may touch, with its soft edge.
fn range(quad: &[[f64; 2]; 4], axis: usize, length: usize) -> std::ops::Range<usize> {
    let ends = quad.iter().map(|corner| corner[axis]);
    let clamped = |place: f64| place.clamp(0.0, length as f64);
    let first = clamped(ends.clone().fold(f64::INFINITY, f64::min).floor() - 1.0);
    let last = clamped(ends.fold(f64::NEG_INFINITY, f64::max).ceil() + 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let range = first as usize..last as usize;
    range
}

fn middle(range: &std::ops::Range<usize>) -> f64 {
    (range.start + range.end) as f64 / 2.0
}

/// The error for a layer's picture that cannot be decoded, or placed on the page.
fn media_error(
    index: FrameIndex,
    layer: &NativeLayer,
    message: String,
    hint: Option<&str>,
) -> Error {
    Error::Media { index, label: layer.label.clone(), message, hint: hint.map(Into::into) }
}
