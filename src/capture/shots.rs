//! Frames of pages whose HDR videos are left out: the page without them, and where they show.
//!
//! A frame takes a picture with all videos black, and one more for every three of them. All are taken
//! in the session's own way. The first picture is taken of whatever was shown last, black or not: if
//! the page says that it has not changed since, all pictures of the frame before are those of this one.

use std::sync::Arc;

use super::source::PageSource;
use super::{Shot, Taken};
use crate::error::Result;
use crate::frame::Picture;
use crate::page::{self, LayerElements, NativeLayer};
use crate::time::FrameIndex;

/// The pictures of one frame.
#[derive(Clone, Debug)]
pub(crate) struct Shots {
    /// With all layers in black.
    pub base: Arc<Picture>,
    /// With those of each round in their colors.
    pub mattes: Vec<Arc<Picture>>,
    pub layers: Vec<NativeLayer>,
}

/// What a session remembers of its layers.
#[derive(Debug, Default)]
pub(super) struct LayerShots {
    elements: LayerElements,
    /// The matte that the page shows; 0 for none.
    round: usize,
    /// The frame being taken.
    shot: Option<Shot>,
    last: Option<Shots>,
}

impl PageSource {
    /// Chooses what the first picture of a frame shows.
    pub(super) fn begin_layers(&mut self, index: FrameIndex, shot: Shot) -> Result<()> {
        let Some(layers) = &mut self.layers else { return Ok(()) };
        layers.shot = Some(shot);
        // Pictures must not depend on what was shown before the batch.
        if shot.is_fresh || shot.begins_batch {
            layers.last = None;
            return self.choose_matte(index, 0);
        }
        Ok(())
    }

    fn choose_matte(&mut self, index: FrameIndex, round: usize) -> Result<()> {
        let chosen = page::choose_matte(&mut self.page, round, self.options.frame_timeout);
        chosen.map_err(|e| self.frame_error(index, e))?;
        if let Some(layers) = &mut self.layers {
            layers.round = round;
        }
        Ok(())
    }

    /// Takes the other pictures of a frame that was begun.
    pub(super) fn finish_shots(&mut self, index: FrameIndex) -> Result<(Shots, bool)> {
        let Taken { is_same, .. } = self.finish(index)?;
        let shown = self.develop(index)?;
        let mut state = self.layers.take().expect("only pages with layers are taken so");
        let (scale, timeout) = (self.options.page.scale, self.options.frame_timeout);
        let layers = page::layers(&mut self.page, &mut state.elements, scale, timeout);
        let (round, shot, last) = (state.round, state.shot, state.last.take());
        self.layers = Some(state);
        let layers = layers.map_err(|e| self.frame_error(index, e))?;
        let shots = match last {
            Some(last) if is_same && has_same_places(&last.layers, &layers) => {
                (Shots { layers, ..last }, true)
            }
            _ => (self.take_rounds(index, shot, (round, shown), layers)?, false),
        };
        if let Some(state) = &mut self.layers {
            state.last = Some(shots.0.clone());
        }
        Ok(shots)
    }

    /// Takes the pictures of all rounds but the one that is there.
    fn take_rounds(
        &mut self,
        index: FrameIndex,
        shot: Option<Shot>,
        (shown_round, shown): (usize, Arc<Picture>),
        layers: Vec<NativeLayer>,
    ) -> Result<Shots> {
        let rounds = layers.iter().map(|layer| layer.round).max().unwrap_or(0);
        // A matte of a round that has no layers any more has them all in black.
        let shown_round = if shown_round > rounds { 0 } else { shown_round };
        let mut pictures = vec![None; rounds + 1];
        pictures[shown_round] = Some(shown);
        let again = shot.map(|shot| Shot { is_fresh: false, begins_batch: false, ..shot });
        for (round, picture) in pictures.iter_mut().enumerate().filter(|(_, p)| p.is_none()) {
            self.choose_matte(index, round)?;
            let again = again.expect("pictures follow a beginning");
            let begun = self.grab.begin(&mut self.page, again, self.options.frame_timeout);
            begun.map_err(|e| self.frame_error(index, e))?;
            self.finish(index)?;
            *picture = Some(self.develop(index)?);
        }
        let mut pictures = pictures.into_iter().flatten();
        let base = pictures.next().expect("there is a picture without layers");
        Ok(Shots { base, mattes: pictures.collect(), layers })
    }

    /// Begins a frame, for [`Self::collect_shots`].
    pub(crate) fn submit_shots(&mut self, index: FrameIndex) -> Result<()> {
        self.start(index)
    }

    /// Waits for the pictures of the frame that was begun.
    pub(crate) fn collect_shots(&mut self, index: FrameIndex) -> Result<Shots> {
        let (shots, is_same) = self.finish_shots(index)?;
        self.meter.took_one();
        if is_same {
            self.meter.reused(self.session);
        }
        self.keep_house(index)?;
        Ok(shots)
    }
}

/// Whether the page has not moved its layers; which pictures they show may differ.
fn has_same_places(before: &[NativeLayer], now: &[NativeLayer]) -> bool {
    let place = |layer: &NativeLayer| NativeLayer { picture_number: 0, ..layer.clone() };
    before.iter().map(place).eq(now.iter().map(place))
}
