//! Renders whose frames are composed of several pictures: HDR, transitions, and videos that lie on
//! the frame pixel on pixel.

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
use crate::plan::{Backend, Compression};
use crate::plan::{Plan, Route};

/// The data that HDR is composed with, and the brightness of the result.
#[derive(Debug, Default)]
pub(super) struct Light {
    /// The pictures of the page's videos.
    pub library: Arc<Library>,
    meter: Arc<LightMeter>,
}

impl Render<'_> {
    /// The share of the composition that shows videos that the engine may put into the page's
    /// pictures; `None` where it may not.
    pub(super) fn aligned_share(&self, opened: &mut Opened, plan: &Plan) -> Result<Option<f64>> {
        if !self.may_mix(opened, plan) {
            return Ok(None);
        }
        let timeout = opened.options.load.call_timeout;
        opened.page.aligned_share(plan.duration, timeout).map(Some)
    }

    /// Whether mattes of the page can be captured as exactly as its pictures.
    fn may_mix(&self, opened: &Opened, plan: &Plan) -> bool {
        // Also where the render has to continue with another backend.
        let is_exact = opened.options.compression == Compression::Png;
        is_exact
            && opened.options.backend != Backend::Canvas
            && !self.pictures.are_left()
            && self.decodes_media
            && plan.stream.alpha == Alpha::Opaque
            && !plan.stream.color.is_hdr()
            && plan.transitions.is_empty()
            && opened.page.description.media.iter().any(|media| media.tag == "video")
    }
}

impl Opened {
    /// Makes the page leave out the videos that the engine puts into its pictures.
    pub(super) fn leave_out(&mut self, layers: Option<LayerKind>) -> Result<()> {
        let Some(kind) = layers else { return Ok(()) };
        self.options.layers = Some(kind);
        self.page.begin_layers(kind, self.options.load.call_timeout)
    }
}

impl Light {
    /// The sources of a plan: its pages, or a composition of their pictures.
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

    /// The meter of all frames so far.
    pub(super) fn meter(&self) -> Arc<LightMeter> {
        Arc::clone(&self.meter)
    }

    /// The brightness of the frames of a PQ stream.
    pub(super) fn level(&self, stream: &StreamInfo) -> Option<ContentLightLevel> {
        (stream.color.transfer == Transfer::Pq).then(|| self.meter.level())
    }
}
