//! How renders differ whose frames are put together: of HDR, of transitions, and of videos that lie
//! on the frame pixel on pixel.

use std::sync::Arc;

use super::{Opened, Render};
use crate::capture::PageSources;
use crate::color::codes::LightCodes;
use crate::color::{ContentLightLevel, Transfer};
use crate::composite::{Crossings, LayeredSources, Layering, LightMeter};
use crate::error::Result;
use crate::frame::{Alpha, StreamInfo};
use crate::media::Library;
use crate::page::LayerKind;
use crate::pipeline::OpenSource;
use crate::plan::{Compression, Way};
use crate::plan::{Plan, Route};

/// What HDR is put together with, and how bright it turned out.
#[derive(Debug, Default)]
pub(super) struct Light {
    /// The pictures of the page's videos.
    pub library: Arc<Library>,
    meter: Arc<LightMeter>,
}

/// How much of a composition must show videos that can be left out of the page for speed: frames
/// without any cost a little more then.
const WORTHWHILE: f64 = 0.25;

impl Render<'_> {
    /// Has the page leave out what the engine puts into its pictures.
    pub(super) fn choose_layers(&self, opened: &mut Opened, plan: &mut Plan) -> Result<()> {
        let timeout = opened.options.load.call_timeout;
        let kind = if plan.stream.color.is_hdr() {
            LayerKind::Light
        } else if self.may_mix(opened, plan)
            && opened.page.aligned_share(plan.duration, timeout)? >= WORTHWHILE
        {
            plan.route = Route::Layered;
            LayerKind::Codes
        } else {
            return Ok(());
        };
        opened.options.layers = Some(kind);
        opened.page.begin_layers(kind, timeout)
    }

    /// Whether mattes of the page can be had as exactly as its pictures.
    fn may_mix(&self, opened: &Opened, plan: &Plan) -> bool {
        // Also where the render has to go on in another way than it begins with.
        let is_exact = opened.options.compression == Compression::Png;
        is_exact
            && opened.options.way() != Way::Canvas
            && !self.is_blind
            && self.decodes_media
            && plan.stream.alpha == Alpha::Opaque
            && plan.transitions.is_empty()
            && opened.page.description.media.iter().any(|media| media.tag == "video")
    }
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
