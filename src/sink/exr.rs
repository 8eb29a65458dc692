//! `OpenEXR` files: half floats in linear light, colors multiplied by alpha as the format wants it.
//!
//! 1 is the page's white. In HDR that is 203 nit (ITU-R BT.2408), which the file states, too
//! (`whiteLuminance`), beside the chromaticities of BT.2020.

use std::io::Cursor;

use exr::image::write::WritableImage as _;
use exr::image::{Encoding, Image, Layer, SpecificChannels};
use exr::math::Vec2;
use exr::meta::attribute::Chromaticities;
use half::f16;
use image::{ImageError, ImageResult};

use super::motion_blur::linear_of_srgb;
use crate::color::codes::LightCodes;
use crate::color::transfer::REFERENCE_WHITE;
use crate::color::{Cicp, MasteringDisplay};
use crate::frame::Picture;
use crate::frame::convert::deep;

/// The light of 1 in HDR, in nit.
#[expect(clippy::cast_possible_truncation, reason = "203")]
const WHITE: f32 = REFERENCE_WHITE as f32;

/// Encodes the file of a picture whose code values mean `color`.
pub(super) fn encode(picture: &Picture, color: Cicp) -> ImageResult<Vec<u8>> {
    let hdr = LightCodes::of(color);
    // IEC 61966-2-1.
    let srgb = || (0..=u16::MAX).map(|code| linear_of_srgb(f32::from(code) / 65_535.0)).collect();
    let srgb: Vec<f32> = if hdr.is_some() { Vec::new() } else { srgb() };
    let linear = |codes: [u16; 3]| match hdr {
        Some(tables) => tables.light(codes).map(|nits| nits / WHITE),
        None => codes.map(|code| srgb[usize::from(code)]),
    };
    let (stride, bytes) = (picture.stride(), picture.format.bytes_per_pixel());
    let components = |place: Vec2<usize>| {
        let pixel = &picture.data[place.y() * stride + place.x() * bytes..][..bytes];
        let [r, g, b, a] = deep(picture.format, pixel);
        let alpha = f32::from(a) / 65_535.0;
        let [r, g, b] = linear([r, g, b]).map(|linear| f16::from_f32(linear * alpha));
        (r, g, b, f16::from_f32(alpha))
    };
    let size = (picture.size.width as usize, picture.size.height as usize);
    let mut file = Cursor::new(Vec::new());
    let written = if picture.is_opaque() {
        let channels = SpecificChannels::rgb(|place| {
            let (r, g, b, _) = components(place);
            (r, g, b)
        });
        let image = Image::from_encoded_channels(size, Encoding::SMALL_LOSSLESS, channels);
        described(image, color).write().non_parallel().to_buffered(&mut file)
    } else {
        let channels = SpecificChannels::rgba(components);
        let image = Image::from_encoded_channels(size, Encoding::SMALL_LOSSLESS, channels);
        described(image, color).write().non_parallel().to_buffered(&mut file)
    };
    written.map_err(|e| ImageError::IoError(std::io::Error::other(e)))?;
    Ok(file.into_inner())
}

/// The image with attributes for the meaning of its light, where that is not the usual one.
fn described<Channels>(mut image: Image<Layer<Channels>>, color: Cicp) -> Image<Layer<Channels>> {
    if color.is_hdr() {
        image.attributes.chromaticities = Some(bt2020());
        image.layer_data.attributes.white_luminance = Some(WHITE);
    }
    image
}

/// The primaries and the white of BT.2020.
fn bt2020() -> Chromaticities {
    let MasteringDisplay { primaries, white, .. } = MasteringDisplay::BT2020_1000;
    let point = |[x, y]: [u16; 2]| Vec2(f32::from(x) / 50_000.0, f32::from(y) / 50_000.0);
    let [red, green, blue] = primaries.map(point);
    Chromaticities { red, green, blue, white: point(white) }
}
