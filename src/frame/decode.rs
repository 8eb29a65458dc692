//! Captured PNG and JPEG to pixels.

use std::io::Cursor;

use image::error::{LimitError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits};

use super::{Picture, PixelFormat, Size};

/// Room for one 16384×16384 RGBA picture and the decoder's own buffers.
const MAX_DECODED_BYTES: u64 = 2 << 30;

/// Decodes one compressed picture of the given format.
///
/// RGB and RGBA at 8 bit are taken as they are; everything else becomes RGBA.
pub(crate) fn decode(bytes: &[u8], format: ImageFormat) -> image::ImageResult<Picture> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    // Also before there is room for them.
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory)));
    }
    let (width, height) = decoder.dimensions();
    let size = Size { width, height };
    let format = match decoder.color_type() {
        image::ColorType::Rgb8 => PixelFormat::Rgb8,
        image::ColorType::Rgba8 => PixelFormat::Rgba8,
        _ => {
            let data = DynamicImage::from_decoder(decoder)?.into_rgba8().into_raw();
            return Ok(Picture { size, format: PixelFormat::Rgba8, data });
        }
    };
    let bytes = width as usize * height as usize * format.bytes_per_pixel();
    let mut data = vec![0; bytes];
    decoder.read_image(&mut data)?;
    Ok(Picture { size, format, data })
}
