//! Pictures into frames as one encoder needs them: scaled, flattened, converted.

use std::sync::Arc;

use super::clock::{Part, SinkStats};
use super::palette::Scenes;
use crate::av::{FramePool, VideoFrame};
use crate::error::Result;
use crate::frame::convert::{convert, flattened};
use crate::frame::resize::Scaler;
use crate::frame::{Alpha, CodedFormat, Picture, PixelFormat};
use crate::plan::{Plan, VideoPlan};

/// Converts pictures, and keeps the last one.
#[derive(Debug)]
pub(super) struct Converter {
    video: VideoPlan,
    /// Whether pictures can be transparent.
    has_alpha: bool,
    scaler: Scaler,
    pool: FramePool,
    /// The scenes with their colors, where there is a palette.
    scenes: Option<Scenes>,
    /// The last picture and its converted frame.
    last: Option<(Arc<Picture>, VideoFrame)>,
    clock: SinkStats,
}

impl Converter {
    /// Creates a converter for output `index` of the plan.
    pub(super) fn new(
        plan: &Plan,
        index: usize,
        scenes: Option<Scenes>,
        clock: SinkStats,
    ) -> Result<Self> {
        let video = plan.outputs[index].video.clone();
        let pool = FramePool::new(video.size, video.pixel_format, video.color)?;
        let has_alpha = plan.stream.alpha != Alpha::Opaque;
        let scaler = Scaler::new(plan.stream.color);
        Ok(Self { video, has_alpha, scaler, pool, scenes, last: None, clock })
    }

    /// The picture of frame `number` in the encoder's format; the last one again if it is the same.
    pub(super) fn convert(&mut self, picture: &Arc<Picture>, number: u64) -> Result<VideoFrame> {
        let begins_scene = self.scenes.as_mut().is_some_and(|scenes| scenes.go_to(number));
        if let Some((last, converted)) = &self.last
            && Arc::ptr_eq(last, picture)
            && !begins_scene
        {
            return Ok(converted.share()?);
        }
        let clock = self.clock.clone();
        let _timed = clock.time(Part::Convert);
        let mut frame = self.pool.get()?;
        let shaped = shaped(picture, &self.video, self.has_alpha, &mut self.scaler);
        let shaped = shaped.as_ref().unwrap_or(picture);
        if let Some(scenes) = &mut self.scenes {
            scenes.draw(shaped, self.video.size, self.video.dither, &mut frame);
        } else {
            let VideoPlan { size, pixel_format, color, .. } = self.video;
            convert(shaped, size, pixel_format, color.matrix, frame.planes_mut());
        }
        self.last = Some((Arc::clone(picture), frame.share()?));
        Ok(frame)
    }

    /// Drops the last picture.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

/// The picture in the size of the output, and without transparency that the output cannot hold.
/// `None` if it is so already.
pub(super) fn shaped(
    picture: &Picture,
    video: &VideoPlan,
    has_alpha: bool,
    scaler: &mut Scaler,
) -> Option<Picture> {
    let is_transparent = has_alpha && picture.format == PixelFormat::Rgba8;
    let keeps_alpha = video.pixel_format.has_alpha() || video.pixel_format == CodedFormat::Pal8;
    let flat = (is_transparent && !keeps_alpha).then(|| flattened(picture));
    if picture.size == video.picture {
        return flat;
    }
    Some(scaler.scale(flat.as_ref().unwrap_or(picture), video.picture, video.fit))
}
