//! Pictures brought to another size.
//!
//! By Lanczos on code values, as `swscale` and every player do it; colors are weighted by alpha.
//!
//! HDR is scaled in light, by a Hamming window: it has no negative weights, so there are no dark
//! rings around lights that are twenty times as bright as white, and no pixel is brighter than one of
//! the source.

use pagereel_scaler::{How, Pixels, Resizer, Window};
use rayon::prelude::*;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Picture, PixelFormat, Size};
use crate::color::Cicp;
use crate::color::codes::LightCodes;

/// How a picture comes into an output of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// All of it, with black bars (nothing, where the output is transparent).
    #[default]
    Pad,
    /// Its middle, without bars.
    Crop,
    /// All of it, out of shape.
    Stretch,
}

/// Brings pictures to one size. Holds buffers, so keep it.
#[derive(Debug, Default)]
pub(crate) struct Scaler {
    resizer: Resizer,
    /// The meaning of the codes of HDR pictures.
    codes: Option<&'static LightCodes>,
}

impl Scaler {
    /// Creates a scaler for pictures whose code values mean `color`.
    pub(crate) fn new(color: Cicp) -> Self {
        Self { resizer: Resizer::default(), codes: LightCodes::of(color) }
    }

    /// `picture` in `size`; bars are black, or transparent where the picture has alpha.
    pub(crate) fn scale(&mut self, picture: &Picture, size: Size, fit: Fit) -> Picture {
        if let (Some(codes), PixelFormat::Rgb16) = (self.codes, picture.format) {
            return scale_light(&mut self.resizer, codes, picture, size, fit);
        }
        let bytes = picture.format.bytes_per_pixel();
        let mut data = vec![0; size.width as usize * size.height as usize * bytes];
        if picture.format == PixelFormat::Bgrx8 {
            // Black, and not transparent, for readers of the fourth byte.
            data.as_chunks_mut::<4>().0.fill([0, 0, 0, 255]);
        }
        let (source, target) = (&*picture.data, &mut *data);
        let pixels = match picture.format {
            PixelFormat::Rgb8 => Pixels::Bytes3(source, target),
            PixelFormat::Rgba8 | PixelFormat::Bgrx8 => Pixels::Bytes4(source, target),
            PixelFormat::Rgb16 => return self.scale_deep(picture, size, fit),
        };
        let has_alpha = picture.format == PixelFormat::Rgba8;
        resize(&mut self.resizer, pixels, (picture.size, size), fit, (Window::Lanczos3, has_alpha));
        Picture { size, format: picture.format, data }
    }

    /// Scales a picture of 16 bits.
    fn scale_deep(&mut self, picture: &Picture, size: Size, fit: Fit) -> Picture {
        // Bytes may lie at an odd address, numbers do not.
        let number = |two: &[u8; 2]| u16::from_ne_bytes(*two);
        let source: Vec<u16> = picture.data.as_chunks().0.iter().map(number).collect();
        let mut target = vec![0_u16; size.width as usize * size.height as usize * 3];
        let pixels = Pixels::Deep(&source, &mut target);
        resize(&mut self.resizer, pixels, (picture.size, size), fit, (Window::Lanczos3, false));
        let data = target.into_iter().flat_map(u16::to_ne_bytes).collect();
        Picture { size, format: PixelFormat::Rgb16, data }
    }
}

/// Scales a picture of the first size into one of the second.
fn resize(
    resizer: &mut Resizer,
    pixels: Pixels<'_>,
    (from, to): (Size, Size),
    fit: Fit,
    (window, has_alpha): (Window, bool),
) {
    let content = if fit == Fit::Pad { inside(from, to) } else { to };
    let how = How { window, has_alpha, crops: fit == Fit::Crop };
    let sides = |size: Size| (size.width, size.height);
    resizer.resize(pixels, sides(from), sides(to), sides(content), how);
}

/// Scales a picture of HDR in light.
fn scale_light(
    resizer: &mut Resizer,
    codes: &LightCodes,
    picture: &Picture,
    size: Size,
    fit: Fit,
) -> Picture {
    let from = picture.size;
    let mut source = vec![0.0; picture.data.len() / 2];
    let rows = source.par_chunks_exact_mut(3 * from.width as usize);
    rows.zip(picture.data.par_chunks_exact(picture.stride())).for_each(|(to, row)| {
        for (to, pixel) in to.as_chunks_mut::<3>().0.iter_mut().zip(row.chunks_exact(6)) {
            let code = |at: usize| u16::from_ne_bytes([pixel[at], pixel[at + 1]]);
            *to = codes.light([code(0), code(2), code(4)]);
        }
    });
    let mut target = vec![0.0; size.width as usize * size.height as usize * 3];
    let pixels = Pixels::Floats(&source, &mut target);
    resize(resizer, pixels, (from, size), fit, (Window::Hamming, false));
    let mut data = vec![0; target.len() * 2];
    let rows = data.par_chunks_exact_mut(6 * size.width as usize);
    rows.zip(target.par_chunks_exact(3 * size.width as usize)).for_each(|(to, row)| {
        for (to, pixel) in to.chunks_exact_mut(6).zip(row.as_chunks::<3>().0) {
            let codes = codes.codes(*pixel);
            to.copy_from_slice(codes.map(u16::to_ne_bytes).as_flattened());
        }
    });
    Picture { size, format: PixelFormat::Rgb16, data }
}

/// The largest size of the shape of `from` that lies within `size`.
fn inside(from: Size, size: Size) -> Size {
    let (w, h) = (u64::from(from.width), u64::from(from.height));
    let scaled = |side: u32, num: u64, den: u64| {
        let rounded = (u64::from(side) * num + den / 2) / den;
        u32::try_from(rounded.max(1)).unwrap_or(u32::MAX)
    };
    let (width, height) = (size.width, size.height);
    if u64::from(width) * h <= u64::from(height) * w {
        Size { width, height: scaled(width, h, w).min(height) }
    } else {
        Size { width: scaled(height, w, h).min(width), height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(size: Size, value: u8) -> Picture {
        let data = vec![value; size.width as usize * size.height as usize * 3];
        Picture { size, format: PixelFormat::Rgb8, data }
    }

    #[test]
    fn the_shape_is_kept_with_bars_or_without_the_edges() {
        let (wide, square) = (Size { width: 160, height: 90 }, Size { width: 60, height: 60 });
        assert_eq!(inside(wide, square), Size { width: 60, height: 34 });
        let mut scaler = Scaler::default();
        let padded = scaler.scale(&gray(wide, 200), square, Fit::Pad);
        let row = |picture: &Picture, y: usize| picture.data[y * 180 + 90];
        assert_eq!((row(&padded, 12), row(&padded, 13), row(&padded, 46)), (0, 200, 200));
        assert_eq!(row(&padded, 47), 0);
        for fit in [Fit::Crop, Fit::Stretch] {
            let picture = scaler.scale(&gray(wide, 200), square, fit);
            assert!(picture.data.iter().all(|&value| value == 200), "{fit:?}");
        }
    }

    #[test]
    fn hdr_is_averaged_in_light_and_has_no_rings() {
        let codes = LightCodes::of(Cicp::HDR10).unwrap();
        let picture = |size: Size, light: &dyn Fn(u32) -> f32| {
            let row = (0..size.width).flat_map(|x| codes.codes([light(x); 3]));
            let row: Vec<u8> = row.flat_map(u16::to_ne_bytes).collect();
            Picture { size, format: PixelFormat::Rgb16, data: row.repeat(size.height as usize) }
        };
        let nits = |picture: &Picture| -> Vec<f32> {
            let codes_at = picture.data.as_chunks::<2>().0.iter();
            let of = |&bytes: &[u8; 2]| codes.light([u16::from_ne_bytes(bytes); 3])[0];
            codes_at.step_by(3).map(of).collect()
        };
        let mut scaler = Scaler::new(Cicp::HDR10.as_rgb());
        // Lines of 0 and 1000 nit become 500, not the 75 that the mean of their codes is.
        let lines = picture(Size { width: 64, height: 8 }, &|x| [0.0, 1000.0][x as usize % 2]);
        let half = scaler.scale(&lines, Size { width: 32, height: 4 }, Fit::Stretch);
        assert!(nits(&half)[8..24].iter().all(|nits| (nits - 500.0).abs() < 5.0), "{half:?}");
        // A light of 4000 nit upon white: all is between the two, at any size.
        let light = picture(Size { width: 48, height: 4 }, &|x| [203.0, 4000.0][x as usize / 24]);
        for width in [17, 31, 96, 150] {
            let scaled = scaler.scale(&light, Size { width, height: 4 }, Fit::Stretch);
            let nits = nits(&scaled);
            let is_between = |nits: &f32| (202.9..4001.0).contains(nits);
            assert!(nits.iter().all(is_between), "{width}: {nits:?}");
        }
        let padded = scaler.scale(&light, Size { width: 48, height: 8 }, Fit::Pad);
        assert!(nits(&padded)[0] < 1e-3);
    }

    #[test]
    fn what_is_transparent_gives_no_color() {
        let size = Size { width: 4, height: 4 };
        let row = [[255, 0, 0, 255], [255, 0, 0, 255], [0; 4], [0; 4]].concat();
        let picture = Picture { size, format: PixelFormat::Rgba8, data: row.repeat(4) };
        let half = Size { width: 2, height: 2 };
        let small = Scaler::default().scale(&picture, half, Fit::Stretch);
        let [r, g, b, a] = small.data[..4] else { panic!() };
        assert!(r > 250 && g < 5 && b < 5 && a > 200, "{:?}", &small.data[..4]);
    }
}
