//! How renders of HDR, and of transitions, differ: their frames are put together in light.

use std::sync::Arc;

use crate::capture::PageSources;
use crate::color::codes::LightCodes;
use crate::color::{ContentLightLevel, Transfer};
use crate::composite::{Crossings, LayeredSources, Layering, LightMeter};
use crate::frame::{Alpha, StreamInfo};
use crate::job::{Plan, Route};
use crate::media::Library;
use crate::pipeline::OpenSource;

/// What HDR is put together with, and how bright it turned out.
#[derive(Debug, Default)]
pub(super) struct Light {
    /// The pictures of the page's videos.
    pub library: Arc<Library>,
    meter: Arc<LightMeter>,
}

impl Light {
    /// The sources of a plan: those of its pages, or what is put together of them.
    pub(super) fn sources(&self, pages: PageSources, plan: &Plan) -> Box<dyn OpenSource> {
        if plan.route != Route::Layered {
            return Box::new(pages);
        }
        let layering = Layering {
            library: Arc::clone(&self.library),
            output: LightCodes::of(plan.stream.color),
            meter: Arc::clone(&self.meter),
            crossings: Arc::new(Crossings::new(plan.transitions.clone().into())),
            has_alpha: plan.stream.alpha == Alpha::Straight,
        };
        Box::new(LayeredSources { pages, layering })
    }

    /// How bright the frames of a stream of PQ are.
    pub(super) fn level(&self, stream: &StreamInfo) -> Option<ContentLightLevel> {
        (stream.color.transfer == Transfer::Pq).then(|| self.meter.level())
    }
}
