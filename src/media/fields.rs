//! Interlaced files: each frame has two fields, of two moments, and is shown as two pictures.
//!
//! The time alone determines which of them a page shows. At 50 frames per second, one of 25i shows
//! every field; at 25, the first of each frame. Frames that are not interlaced, which such files
//! also have, are shown as they are at both moments; and so are those that are only marked as
//! interlaced (a film in a broadcaster's stream), where motion in them reveals it.

use std::sync::{Arc, PoisonError};

use super::cache::Cache;
use super::source::{Moment, Source};
use crate::av::{AvError, DecodedFrame};

/// Frames kept around the shown ones, for each of the few places that are shown at the same time.
const KEPT: usize = 9;

/// The pictures into which an interlaced file is divided.
#[derive(Debug)]
pub(super) struct Fields {
    /// The display time of each, in halves of the file's ticks.
    pub ticks: Vec<i64>,
    /// The number of the frame of each.
    frames: Vec<usize>,
}

impl Fields {
    /// Creates the fields of frames that are shown at `ticks`, and last `frame_ticks`.
    ///
    /// Some streams have a packet for each field, which is shown half a frame after the other.
    pub(super) fn new(ticks: &[i64], frame_ticks: i64) -> Self {
        let mut all = Self { ticks: Vec::new(), frames: Vec::new() };
        let mut frame = 0;
        while let Some(&tick) = ticks.get(frame) {
            let gap = ticks.get(frame + 1).map_or(frame_ticks, |next| next - tick);
            let are_fields = gap * 4 <= frame_ticks * 3;
            // A longer gap is one in which frames are missing.
            let half = if are_fields { 2 * gap } else { frame_ticks };
            let second = frame + usize::from(are_fields);
            all.ticks.extend([2 * tick, 2 * tick + half]);
            all.frames.extend([frame, second]);
            frame = second + 1;
        }
        all
    }
}

impl Source {
    /// The display times of pictures, and the seconds of their unit.
    pub(super) fn shown(&self) -> (&[i64], f64) {
        match &self.fields {
            Some(fields) => (&fields.ticks, self.facts.tick / 2.0),
            None => (&self.ticks, self.facts.tick),
        }
    }

    /// The first picture of a frame.
    pub(super) fn first_of_frame(&self, frame: usize) -> usize {
        match &self.fields {
            Some(fields) => fields.frames.partition_point(|&of| of < frame),
            None => frame,
        }
    }

    /// The frame or field shown as the picture of this number, or the last.
    pub(super) fn picture(
        &self,
        number: usize,
        cache: &Cache,
        moment: Moment,
    ) -> Result<Arc<DecodedFrame>, AvError> {
        let (frame, is_second) = match &self.fields {
            Some(fields) => {
                let number = number.min(fields.frames.len() - 1);
                let frame = fields.frames[number];
                (frame, number > 0 && fields.frames[number - 1] == frame)
            }
            None => (number.min(self.ticks.len() - 1), false),
        };
        let now = self.kept_frame(frame, cache, moment)?;
        if !now.is_interlaced() {
            return Ok(now);
        }
        let at = self.number_of(&now);
        // The field has a packet of its own.
        let is_second = is_second || at < frame;
        let before = at.checked_sub(1).map(|before| self.kept_frame(before, cache, moment));
        let before = before.transpose()?;
        let mut after = None;
        for next in frame + 1..(frame + 3).min(self.ticks.len()) {
            let frame = self.kept_frame(next, cache, moment)?;
            if self.number_of(&frame) > at {
                after = Some(frame);
                break;
            }
        }
        if self.facts.seems_whole
            && now.is_of_one_moment(before.as_deref(), after.as_deref()) == Some(true)
        {
            return Ok(now);
        }
        let made = now.field(before.as_deref(), after.as_deref(), is_second)?;
        Ok(made.map_or(now, Arc::new))
    }

    /// A frame, and for interlaced ones also the frames decoded around it.
    fn kept_frame(
        &self,
        number: usize,
        cache: &Cache,
        moment: Moment,
    ) -> Result<Arc<DecodedFrame>, AvError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = kept().iter().find(|(of, _)| *of == number) {
            return Ok(Arc::clone(frame));
        }
        let frame = self.frame(number, cache, moment)?;
        if frame.is_interlaced() {
            let mut kept = kept();
            if !kept.iter().any(|(of, _)| *of == number) {
                kept.truncate(KEPT - 1);
                kept.push_front((number, Arc::clone(&frame)));
            }
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_two_fields() {
        let fields = Fields::new(&[0, 3600, 7200], 3600);
        assert_eq!(fields.ticks, [0, 3600, 7200, 10_800, 14_400, 18_000]);
        assert_eq!(fields.frames, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_lost_frame_leaves_a_gap() {
        let fields = Fields::new(&[0, 2, 8, 10], 2);
        assert_eq!(fields.ticks, [0, 2, 4, 6, 16, 18, 20, 22]);
    }

    #[test]
    fn packets_of_fields_are_not_halved() {
        let fields = Fields::new(&[0, 1, 2, 3, 4, 5], 2);
        assert_eq!(fields.ticks, [0, 2, 4, 6, 8, 10]);
        assert_eq!(fields.frames, [0, 1, 2, 3, 4, 5]);
        // With frames among them.
        let fields = Fields::new(&[0, 1, 2, 4, 6, 7], 2);
        assert_eq!(fields.frames, [0, 1, 2, 2, 3, 3, 4, 5]);
        assert_eq!(fields.ticks, [0, 2, 4, 6, 8, 10, 12, 14]);
    }
}
