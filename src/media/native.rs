//! Pictures in their decoded format, for compositing in light, and their placeholders in the page.

use std::io::Cursor;
use std::sync::Arc;

use image::{ImageFormat, Rgb, RgbImage};

use super::source::Source;
use super::{Library, MAX_SIDE, MediaError, draw, lock};
use crate::av::{AvError, Converter, DecodedFrame, Orientation, RgbLayout, Shape, SourceTransfer};
use crate::frame::Size;

/// A decoded picture, and the facts in its file.
#[derive(Debug)]
pub(crate) struct NativePicture {
    pub frame: Arc<DecodedFrame>,
    pub transfer: SourceTransfer,
    /// The brightest light of the display it was made on, in nit, if stated.
    pub peak: Option<f64>,
    /// The orientation in which it is shown.
    pub orientation: Orientation,
}

/// The size of an upright picture in a `divisor`th of its own.
pub(super) fn divided(shape: &Shape, divisor: u32) -> Size {
    let Size { width, height } = shape.display();
    let divisor = divisor.max(1);
    Size { width: width.div_ceil(divisor), height: height.div_ceil(divisor) }
}

impl Source {
    /// Whether pictures are brighter than SDR, and whether their light can be read.
    pub(super) fn hdr(&self) -> Option<&'static str> {
        match self.facts.transfer {
            SourceTransfer::Sdr => None,
            SourceTransfer::Pq | SourceTransfer::Hlg if self.facts.is_readable => Some("light"),
            SourceTransfer::Pq | SourceTransfer::Hlg => Some("unknown"),
        }
    }

    /// The curve of its codes, if it is HDR.
    pub(super) fn curve(&self) -> Option<&'static str> {
        match self.facts.transfer {
            SourceTransfer::Sdr => None,
            SourceTransfer::Pq => Some("pq"),
            SourceTransfer::Hlg => Some("hlg"),
        }
    }
}

impl Library {
    /// One picture of a source, in its own format.
    pub(crate) fn native_picture(
        &self,
        id: usize,
        number: usize,
    ) -> Result<NativePicture, MediaError> {
        let source = self.source(id).ok_or(MediaError::Unknown)?;
        let moment = self.touch(&source);
        let frame = source.picture(number, &self.cache, moment)?;
        let facts = &source.facts;
        let orientation = facts.shape_of(&frame).orientation;
        Ok(NativePicture { frame, transfer: facts.transfer, peak: facts.peak, orientation })
    }

    /// Writes one picture of a source, as the page would show it, into `rows`. The picture is in a
    /// `divisor`th of its size: rows of 8-bit RGB, upright.
    pub(crate) fn rgb_picture(
        &self,
        id: usize,
        number: usize,
        divisor: u32,
        rows: &mut Vec<u8>,
    ) -> Result<Size, MediaError> {
        let source = self.source(id).ok_or(MediaError::Unknown)?;
        let moment = self.touch(&source);
        let frame = source.picture(number, &self.cache, moment)?;
        let shape = source.facts.shape_of(&frame);
        let size = divided(&shape, divisor);
        let layout = RgbLayout { size, has_alpha: false, is_deep: false, lead: 0 };
        let bytes = layout.stride() * size.height as usize;
        rows.resize(bytes + Converter::SLACK, 0);
        let mut converter = lock(&self.converters).pop().unwrap_or_default();
        draw(&source, &frame, shape.orientation, &mut converter, layout, rows)?;
        lock(&self.converters).push(converter);
        rows.truncate(bytes);
        Ok(size)
    }
}

/// A PNG of one color.
pub(crate) fn flat_png(width: u32, height: u32, color: [u8; 3]) -> Result<Vec<u8>, MediaError> {
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(MediaError::Unknown);
    }
    let mut png = Cursor::new(Vec::new());
    let image = RgbImage::from_pixel(width, height, Rgb(color));
    let written = image.write_to(&mut png, ImageFormat::Png);
    written.map_err(|e| AvError::refused("making a flat picture", e.to_string()))?;
    Ok(png.into_inner())
}
