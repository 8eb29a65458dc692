//! Pictures of one file that differ in size, in pixel aspect, or in orientation.

use std::collections::HashMap;

use super::cache::Cache;
use super::source::{Moment, Source};
use crate::av::{PacketPlace, Shape};

impl Source {
    /// The numbers of the pictures with another shape than the one before, from 0 on.
    ///
    /// Packets tell where it may change; one picture of each kind is decoded to find its shape.
    pub(super) fn all_shapes(&self, places: &[PacketPlace]) -> Vec<(usize, Shape)> {
        let mut shapes = vec![(0, self.facts.shape)];
        // The first announced parameters belong to the first picture's shape.
        let mut known = HashMap::new();
        let cache = Cache::new(0);
        for (number, said) in self.announcements(places) {
            let shape = *known.entry(said).or_insert_with(|| {
                if shapes.len() == 1 && number == 0 {
                    return self.facts.shape;
                }
                let moment = Moment { now: 0, patience: 0 };
                let decoded = self.frame(number, &cache, moment);
                decoded.map_or(self.facts.shape, |frame| self.facts.shape_of(&frame))
            });
            if shapes.last().is_some_and(|(_, last)| *last != shape) {
                shapes.push((number, shape));
            }
        }
        self.close_decoders();
        shapes
    }

    /// The places in display order where the announced parameters change, and the new parameters.
    fn announcements(&self, places: &[PacketPlace]) -> Vec<(usize, u64)> {
        let mut said = None;
        let mut by_time: Vec<_> = places
            .iter()
            .filter_map(|place| {
                said = place.said.or(said);
                said.map(|said| (place.pts - self.facts.start, said))
            })
            .collect();
        by_time.sort_by_key(|&(tick, _)| tick);
        by_time.dedup_by_key(|&mut (_, said)| said);
        let number = |tick| self.ticks.partition_point(|&t| t <= tick).saturating_sub(1);
        by_time.into_iter().map(|(tick, said)| (number(tick), said)).collect()
    }

    /// Where pictures differ in size: the first of each size, and its width and height as the page
    /// sees it.
    pub(super) fn sizes(&self) -> Vec<(usize, u32, u32)> {
        let sizes = self.shapes.iter().map(|(number, shape)| {
            let size = shape.display();
            (self.first_of_frame(*number), size.width, size.height)
        });
        let mut sizes: Vec<_> = sizes.collect();
        sizes.dedup_by_key(|&mut (_, width, height)| (width, height));
        if sizes.len() > 1 { sizes } else { Vec::new() }
    }
}
