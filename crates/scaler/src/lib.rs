//! Rows of pixels brought to another size, by the kernels of `fast_image_resize`, in parallel on
//! rayon's global pool.
//!
//! It is a crate of its own because the compiler makes these kernels where they are called: for
//! every kind of pixel, filter and instruction set. Here it does so once, not with each change of
//! the engine.

use bytemuck::{cast_slice, cast_slice_mut};
use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{F32x3, InnerPixel, U8x3, U8x4, U16x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions};

/// Width and height in pixels.
pub type Sides = (u32, u32);

/// Options of the scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// The window of the filter.
    pub window: Window,
    /// Whether the fourth byte is alpha, by which colors are weighted.
    pub has_alpha: bool,
    /// Whether only the middle of the source is used, in the shape of the target.
    pub crops: bool,
}

/// The window of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Sharp, with negative weights.
    Lanczos3,
    /// Without negative weights.
    Hamming,
}

/// Source and target: pixels side by side, row by row from the top.
#[derive(Debug)]
pub enum Pixels<'a> {
    /// Three bytes each.
    Bytes3(&'a [u8], &'a mut [u8]),
    /// Four bytes each.
    Bytes4(&'a [u8], &'a mut [u8]),
    /// Three numbers each.
    Deep(&'a [u16], &'a mut [u16]),
    /// Three numbers each.
    Floats(&'a [f32], &'a mut [f32]),
}

/// Scales pictures. Holds buffers, so keep it.
#[derive(Debug, Default)]
pub struct Resizer(fast_image_resize::Resizer);

impl Resizer {
    /// Scales all of the source, of size `from`, into the middle of the target, of size `to`: a
    /// part of size `content`. The pixels around it stay as they are.
    ///
    /// # Panics
    ///
    /// If the pixels do not fit the sizes, or if `content` is larger than the target.
    pub fn resize(&mut self, pixels: Pixels<'_>, from: Sides, to: Sides, content: Sides, how: How) {
        let sizes = (from, to, content);
        match pixels {
            Pixels::Bytes3(source, target) => self.run::<U8x3>(source, target, sizes, how),
            Pixels::Bytes4(source, target) => self.run::<U8x4>(source, target, sizes, how),
            Pixels::Deep(source, target) => {
                self.run::<U16x3>(cast_slice(source), cast_slice_mut(target), sizes, how);
            }
            Pixels::Floats(source, target) => {
                self.run::<F32x3>(cast_slice(source), cast_slice_mut(target), sizes, how);
            }
        }
    }

    fn run<P: PixelTrait + InnerPixel>(
        &mut self,
        source: &[u8],
        target: &mut [u8],
        (from, to, content): (Sides, Sides, Sides),
        how: How,
    ) {
        let window = match how.window {
            Window::Lanczos3 => FilterType::Lanczos3,
            Window::Hamming => FilterType::Hamming,
        };
        let mut options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(window))
            .use_alpha(how.has_alpha);
        if how.crops {
            options = options.fit_into_destination(None);
        }
        let source = TypedImageRef::<P>::from_buffer(from.0, from.1, source)
            .expect("a picture has all its rows");
        let mut target =
            TypedImage::<P>::from_buffer(to.0, to.1, target).expect("a picture has all its rows");
        let (left, top) = ((to.0 - content.0) / 2, (to.1 - content.1) / 2);
        let mut part = TypedCroppedImageMut::from_ref(&mut target, left, top, content.0, content.1)
            .expect("the content lies within the target");
        self.0.resize_typed(&source, &mut part, &options).expect("neither is empty");
    }
}
