//! How a render of HDR differs: its frames are put together in light.

use std::sync::Arc;

use crate::capture::PageSources;
use crate::color::{ContentLightLevel, Transfer};
use crate::composite::{LayeredSources, Layering, LightMeter, Output};
use crate::frame::StreamInfo;
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
    /// The sources of a stream: those of its pages, or of pages and HDR videos.
    pub(super) fn sources(&self, pages: PageSources, stream: &StreamInfo) -> Box<dyn OpenSource> {
        let Some(output) = Output::new(stream.color) else { return Box::new(pages) };
        let (library, meter) = (Arc::clone(&self.library), Arc::clone(&self.meter));
        let layering = Layering { library, output: Arc::new(output), meter };
        Box::new(LayeredSources { pages, layering })
    }

    /// How bright the frames of a stream of PQ are.
    pub(super) fn level(&self, stream: &StreamInfo) -> Option<ContentLightLevel> {
        (stream.color.transfer == Transfer::Pq).then(|| self.meter.level())
    }
}
