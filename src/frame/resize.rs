//! Pictures brought to another size.
//!
//! By Lanczos on code values, as `swscale` and every player do it; colors are weighted by alpha. The
//! kernels are those of `fast_image_resize`, rows in parallel on rayon's global pool.

use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Picture, PixelFormat, Size};

/// How a picture comes into an output of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
}

impl Scaler {
    /// `picture` in `size`; bars are black, or transparent where the picture has alpha.
    pub(crate) fn scale(&mut self, picture: &Picture, size: Size, fit: Fit) -> Picture {
        let pixel = match picture.format {
            PixelFormat::Rgb8 => PixelType::U8x3,
            PixelFormat::Rgba8 | PixelFormat::Bgrx8 => PixelType::U8x4,
            PixelFormat::Rgb16 => PixelType::U16x3,
        };
        let from = picture.size;
        let deep: Vec<u8>;
        let source = match ImageRef::new(from.width, from.height, &picture.data, pixel) {
            Ok(source) => source,
            Err(_unaligned) => {
                // 16 bits at an odd address: a copy of one's own is aligned.
                deep = picture.data.clone();
                ImageRef::new(from.width, from.height, &deep, pixel)
                    .expect("a picture has all rows")
            }
        };
        let mut options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .use_alpha(picture.format == PixelFormat::Rgba8);
        let content = match fit {
            Fit::Pad => inside(from, size),
            Fit::Crop => {
                options = options.fit_into_destination(None);
                size
            }
            Fit::Stretch => size,
        };
        let mut target = Image::new(size.width, size.height, pixel);
        if picture.format == PixelFormat::Bgrx8 {
            // Black, and not transparent, for those who look at the fourth byte.
            target.buffer_mut().as_chunks_mut::<4>().0.fill([0, 0, 0, 255]);
        }
        let (left, top) = ((size.width - content.width) / 2, (size.height - content.height) / 2);
        let mut part = CroppedImageMut::new(&mut target, left, top, content.width, content.height)
            .expect("the content lies within the size");
        self.resizer
            .resize(&source, &mut part, &options)
            .expect("both have the same kind of pixels and are not empty");
        Picture { size, format: picture.format, data: target.into_vec() }
    }
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
