//! Frames that take more than one picture of the page.
//!
//! Where videos are left out, a frame takes a picture with all videos black, and one more for every
//! three of them. During a transition it takes all of this twice: with each of two scenes alone.
//! All pictures are taken by the session's own backend. The first shows the view that was shown
//! last, black or not: if the page reports no change since, this frame reuses all pictures of the
//! frame before.
//!
//! Where the page's own library draws a transition there are two pictures as well: the first is of
//! the page with copies of the scenes, so that the browser has drawn them, and is thrown away.

use std::sync::Arc;

use super::source::PageSource;
use super::{CaptureRequest, Captured};
use crate::error::Result;
use crate::frame::Picture;
use crate::page::{self, LayerElements, NativeLayer, Side, View};
use crate::time::FrameIndex;
use crate::transition::{Shader, Transition};

/// The pictures of one frame, or of one scene in it.
#[derive(Clone, Debug)]
pub(crate) struct Captures {
    /// The picture with all layers in black.
    pub base: Arc<Picture>,
    /// The pictures of each round, with its layers in their colors.
    pub mattes: Vec<Arc<Picture>>,
    pub layers: Vec<NativeLayer>,
}

/// All pictures of a frame.
#[derive(Debug)]
pub(crate) struct FrameCaptures {
    /// The pictures of the whole page, or of the scene that goes.
    pub first: Captures,
    /// The other half, during a transition.
    pub transition_frame: Option<TransitionFrame>,
}

/// The other half of a frame in a transition.
#[derive(Debug)]
pub(crate) struct TransitionFrame {
    /// The transition's number.
    pub number: usize,
    /// The progress of the transition, from 0 to 1.
    pub progress: f64,
    /// The pictures of the scene that comes.
    pub to: Captures,
}

/// A session's memory of its layers.
#[derive(Debug, Default)]
pub(super) struct LayerCaptures {
    elements: LayerElements,
    /// The view that the page shows.
    view: View,
    /// The frame being taken.
    request: Option<CaptureRequest>,
    last: Option<Captures>,
}

impl PageSource {
    /// Chooses the view of a frame's first picture.
    pub(super) fn begin_layers(
        &mut self,
        index: FrameIndex,
        request: CaptureRequest,
    ) -> Result<()> {
        let Some(layers) = &mut self.layers else { return Ok(()) };
        layers.request = Some(request);
        let transition_frame =
            Transition::under_way(&self.options.transitions, request.at, request.rate);
        let scene = transition_frame.and_then(|(number, _)| {
            let transition = &self.options.transitions[number];
            match (transition.by_library, transition.shader) {
                (false, _) => Some((number, Side::From)),
                // The library fades by opacity: the page shows it by itself.
                (true, Shader::Crossfade) => None,
                (true, _) => Some((number, Side::Library)),
            }
        });
        // Pictures must not depend on the view that was shown before the batch.
        if request.is_fresh
            || request.begins_batch
            || scene.is_some()
            || layers.view.scene.is_some()
        {
            layers.last = None;
            return self.choose_view(index, View { round: 0, scene });
        }
        Ok(())
    }

    fn choose_view(&mut self, index: FrameIndex, view: View) -> Result<()> {
        // A page with only one view needs no call.
        let is_needed = self.options.layers.is_some() || !self.options.transitions.is_empty();
        if is_needed {
            let chosen = page::choose_view(&mut self.page, view, self.options.frame_timeout);
            chosen.map_err(|e| self.frame_error(index, e))?;
        }
        if let Some(layers) = &mut self.layers {
            layers.view = view;
        }
        Ok(())
    }

    /// Takes the other pictures of a frame that was begun.
    pub(super) fn finish_captures(&mut self, index: FrameIndex) -> Result<(FrameCaptures, bool)> {
        let (mut first, is_same) = self.finish_scene(index)?;
        if let Some((number, Side::Library)) = self.layers.as_ref().and_then(|l| l.view.scene) {
            // The page has been drawn with copies of both scenes.
            let drawn = page::draw_transition(&mut self.page, self.options.frame_timeout);
            let is_drawn = drawn.map_err(|e| self.frame_error(index, e))?;
            if !is_drawn {
                self.choose_view(index, View { round: 0, scene: Some((number, Side::From)) })?;
            }
            self.begin_again(index)?;
            (first, _) = self.finish_scene(index)?;
            if is_drawn {
                return Ok((FrameCaptures { first, transition_frame: None }, false));
            }
        }
        let state = self.layers.as_mut().expect("only pages with layers are taken so");
        let Some(((number, _), request)) = state.view.scene.zip(state.request) else {
            state.last = Some(first.clone());
            return Ok((FrameCaptures { first, transition_frame: None }, is_same));
        };
        let scene = Some((number, Side::To));
        self.choose_view(index, View { round: 0, scene })?;
        self.begin_again(index)?;
        let (to, _) = self.finish_scene(index)?;
        let transition = &self.options.transitions[number];
        let progress = transition.progress(request.at, request.rate).unwrap_or(1.0);
        Ok((
            FrameCaptures {
                first,
                transition_frame: Some(TransitionFrame { number, progress, to }),
            },
            false,
        ))
    }

    /// Takes all pictures of the view that was begun.
    fn finish_scene(&mut self, index: FrameIndex) -> Result<(Captures, bool)> {
        let Captured { is_same, .. } = self.finish(index)?;
        let shown = self.decode(index)?;
        if self.options.layers.is_none() {
            return Ok((Captures { base: shown, mattes: Vec::new(), layers: Vec::new() }, is_same));
        }
        let mut state = self.layers.take().expect("only pages with layers are taken so");
        let (scale, timeout) = (self.options.page.scale, self.options.frame_timeout);
        let layers = page::layers(&mut self.page, &mut state.elements, scale, timeout);
        let (view, last) = (state.view, state.last.take());
        self.layers = Some(state);
        let layers = layers.map_err(|e| self.frame_error(index, e))?;
        Ok(match last {
            Some(last) if is_same && has_same_places(&last.layers, &layers) => {
                (Captures { layers, ..last }, true)
            }
            _ => (self.take_rounds(index, (view, shown), layers)?, false),
        })
    }

    /// Takes the pictures of all rounds but the one that is there.
    fn take_rounds(
        &mut self,
        index: FrameIndex,
        (view, shown): (View, Arc<Picture>),
        layers: Vec<NativeLayer>,
    ) -> Result<Captures> {
        let rounds = layers.iter().map(|layer| layer.round).max().unwrap_or(0);
        // A matte of a round without layers has them all in black.
        let shown_round = if view.round > rounds { 0 } else { view.round };
        let mut pictures = vec![None; rounds + 1];
        pictures[shown_round] = Some(shown);
        for (round, picture) in pictures.iter_mut().enumerate().filter(|(_, p)| p.is_none()) {
            self.choose_view(index, View { round, ..view })?;
            self.begin_again(index)?;
            self.finish(index)?;
            *picture = Some(self.decode(index)?);
        }
        let mut pictures = pictures.into_iter().flatten();
        let base = pictures.next().expect("there is a picture without layers");
        Ok(Captures { base, mattes: pictures.collect(), layers })
    }

    /// Asks for another picture of the frame that is shown.
    fn begin_again(&mut self, index: FrameIndex) -> Result<()> {
        let request = self.layers.as_ref().and_then(|layers| layers.request);
        let request = request.expect("pictures follow a beginning");
        let again = CaptureRequest { is_fresh: false, begins_batch: false, ahead: 0, ..request };
        let begun = self.grabber.begin(&mut self.page, again, self.options.frame_timeout);
        begun.map_err(|e| self.frame_error(index, e))
    }

    /// Begins a frame, for [`Self::collect_captures`].
    pub(crate) fn submit_shots(&mut self, index: FrameIndex) -> Result<()> {
        self.start(index)
    }

    /// Waits for the pictures of the frame that was begun.
    pub(crate) fn collect_captures(&mut self, index: FrameIndex) -> Result<FrameCaptures> {
        let (captures, is_same) = self.finish_captures(index)?;
        self.meter.took_one();
        self.fallback.delivered(self.session);
        if is_same {
            self.meter.reused(self.session);
        }
        self.keep_house(index)?;
        Ok(captures)
    }
}

/// Whether the page has not moved its layers; their pictures may differ.
fn has_same_places(before: &[NativeLayer], now: &[NativeLayer]) -> bool {
    let place = |layer: &NativeLayer| NativeLayer { picture_number: 0, ..layer.clone() };
    before.iter().map(place).eq(now.iter().map(place))
}
