//! Pictures into the planes of coded frames, in all formats of both.

use rayon::prelude::*;

use super::deep::yuv_from_deep_rgb;
use super::yuv::{PlaneMut, yuv_from_rgb};
use super::{CodedFormat, Layout, Picture, PixelFormat, Size};
use crate::color::Matrix;

/// The background of transparent pictures where the frame has no alpha: white, as in Chrome.
const BACKGROUND: u32 = 255;

/// Converts `picture` into the planes of a frame of `size`.
///
/// `size` may exceed the picture's by one column or row (padding to even): the last is repeated.
/// `matrix` is that of YUV formats. Not for palettes.
pub(crate) fn convert(
    picture: &Picture,
    size: Size,
    format: CodedFormat,
    matrix: Matrix,
    planes: Vec<PlaneMut<'_>>,
) {
    let mut planes = planes.into_iter();
    match format.layout() {
        Layout::Yuv(subsampling) => {
            let [y, cb, cr] = std::array::from_fn(|_| planes.next().expect("YUV has three planes"));
            let coding = (subsampling, format.bits());
            let is_usual = matches!(matrix, Matrix::Bt709 | Matrix::Identity);
            if picture.format == PixelFormat::Rgb16 || !is_usual {
                yuv_from_deep_rgb(picture, size, coding, matrix, [y, cb, cr]);
            } else {
                yuv_from_rgb(picture, size, coding, format.has_alpha(), [y, cb, cr]);
            }
        }
        Layout::Planar16 => {
            // G, B, R.
            for (component, plane) in [1, 2, 0].into_iter().zip(planes.by_ref().take(3)) {
                let row = |row: &mut [u8], pixels: Pixels<'_>| {
                    for (target, pixel) in row.as_chunks_mut::<2>().0.iter_mut().zip(pixels) {
                        *target = pixel[component].to_le_bytes();
                    }
                };
                each_row(picture, size, plane, row);
            }
        }
        Layout::Packed { order, components } => {
            let plane = planes.next().expect("packed formats have one plane");
            pack(picture, size, (format, order, components), plane);
        }
        Layout::Palette => unreachable!("palettes are made by the sink that uses them"),
    }
    if let Some(plane) = planes.next() {
        let bits = format.bits();
        each_row(picture, size, plane, |row, pixels| {
            if bits == 8 {
                for (target, pixel) in row.iter_mut().zip(pixels) {
                    *target = pixel[3].to_be_bytes()[0];
                }
            } else {
                let most = (1 << bits) - 1;
                for (target, pixel) in row.as_chunks_mut::<2>().0.iter_mut().zip(pixels) {
                    *target = scaled(pixel[3], most).to_le_bytes();
                }
            }
        });
    }
}

/// A component of 16 bits in another range.
#[expect(clippy::cast_possible_truncation, reason = "at most `most`, which has 16 bits")]
const fn scaled(value: u16, most: u32) -> u16 {
    ((value as u32 * most + 32767) / 65535) as u16
}

fn pack(
    picture: &Picture,
    size: Size,
    (format, order, components): (CodedFormat, [usize; 4], usize),
    plane: PlaneMut<'_>,
) {
    let used = if components == 4 { 4 } else { 3 };
    each_row(picture, size, plane, |row, pixels| {
        if format.bits() == 16 {
            for (target, pixel) in row.chunks_exact_mut(2 * components).zip(pixels) {
                let target = target.as_chunks_mut::<2>().0;
                for (place, value) in order.into_iter().zip(pixel).take(used) {
                    target[place] = value.to_be_bytes();
                }
            }
        } else {
            for (target, pixel) in row.chunks_exact_mut(components).zip(pixels) {
                for (place, value) in order.into_iter().zip(pixel).take(used) {
                    target[place] = value.to_be_bytes()[0];
                }
            }
        }
    });
}

/// Pixels of one row as R, G, B and alpha of 16 bits; the last is repeated forever.
struct Pixels<'a> {
    row: std::slice::ChunksExact<'a, u8>,
    format: PixelFormat,
    last: [u16; 4],
}

impl Iterator for Pixels<'_> {
    type Item = [u16; 4];

    fn next(&mut self) -> Option<[u16; 4]> {
        if let Some(pixel) = self.row.next() {
            self.last = deep(self.format, pixel);
        }
        Some(self.last)
    }
}

/// R, G, B and alpha of a pixel in 16 bits: 255 becomes 65535.
pub(crate) fn deep(format: PixelFormat, pixel: &[u8]) -> [u16; 4] {
    if format == PixelFormat::Rgb16 {
        let at = |i: usize| u16::from_ne_bytes([pixel[2 * i], pixel[2 * i + 1]]);
        return [at(0), at(1), at(2), u16::MAX];
    }
    let [r, g, b] = format.rgb(pixel).map(|c| u16::from(c) * 257);
    let alpha = if format == PixelFormat::Rgba8 { u16::from(pixel[3]) * 257 } else { u16::MAX };
    [r, g, b, alpha]
}

fn each_row(
    picture: &Picture,
    size: Size,
    plane: PlaneMut<'_>,
    write: impl Fn(&mut [u8], Pixels<'_>) + Sync,
) {
    let (stride, format) = (picture.stride(), picture.format);
    let PlaneMut { data, stride: plane_stride } = plane;
    let rows = data.par_chunks_mut(plane_stride).take(size.height as usize);
    rows.enumerate().for_each(|(row, target)| {
        let source = &picture.data[row.min(picture.size.height as usize - 1) * stride..][..stride];
        let row = source.chunks_exact(format.bytes_per_pixel());
        write(target, Pixels { row, format, last: [0; 4] });
    });
}

/// `picture` laid over white, for frames without alpha.
pub(crate) fn flattened(picture: &Picture) -> Picture {
    let over = |color: u8, alpha: u8| {
        let (color, alpha) = (u32::from(color), u32::from(alpha));
        let sum = color * alpha + BACKGROUND * (255 - alpha);
        #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
        {
            ((sum + 127) / 255) as u8
        }
    };
    let mut data = vec![0; picture.data.len()];
    data.par_chunks_mut(1 << 16).zip(picture.data.par_chunks(1 << 16)).for_each(|(to, from)| {
        for (to, &[r, g, b, a]) in to.as_chunks_mut().0.iter_mut().zip(from.as_chunks::<4>().0) {
            *to = [over(r, a), over(g, a), over(b, a), 255];
        }
    });
    Picture { size: picture.size, format: PixelFormat::Rgba8, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 2, height: 1 };

    fn packed(format: CodedFormat, bytes: usize) -> Vec<u8> {
        let data = vec![1, 2, 3, 4, 255, 254, 0, 255];
        let picture = Picture { size: SIZE, format: PixelFormat::Rgba8, data };
        let mut plane = vec![0; bytes];
        let planes = vec![PlaneMut { data: &mut plane, stride: bytes }];
        convert(&picture, SIZE, format, Matrix::Identity, planes);
        plane
    }

    #[test]
    fn components_come_to_their_places() {
        assert_eq!(packed(CodedFormat::Rgb24, 6), [1, 2, 3, 255, 254, 0]);
        assert_eq!(packed(CodedFormat::Rgba, 8), [1, 2, 3, 4, 255, 254, 0, 255]);
        assert_eq!(packed(CodedFormat::Bgra, 8), [3, 2, 1, 4, 0, 254, 255, 255]);
        assert_eq!(packed(CodedFormat::Argb, 8), [4, 1, 2, 3, 255, 255, 254, 0]);
        let deep = packed(CodedFormat::Rgba64, 16);
        assert_eq!(deep, [1, 1, 2, 2, 3, 3, 4, 4, 255, 255, 254, 254, 0, 0, 255, 255]);
    }

    #[test]
    fn planes_of_sixteen_bits_are_green_blue_red_alpha() {
        let picture = Picture { size: SIZE, format: PixelFormat::Rgba8, data: (1..9).collect() };
        let mut planes = vec![vec![0; 4]; 4];
        let planes_mut = planes.iter_mut().map(|data| PlaneMut { data, stride: 4 }).collect();
        convert(&picture, SIZE, CodedFormat::Gbrap16, Matrix::Identity, planes_mut);
        assert_eq!(planes, [[2, 2, 6, 6], [3, 3, 7, 7], [1, 1, 5, 5], [4, 4, 8, 8]]);
    }

    #[test]
    fn alpha_of_ten_bits_is_full_range() {
        assert_eq!([0, 128 * 257, 65535].map(|v| scaled(v, 1023)), [0, 514, 1023]);
    }

    #[test]
    fn transparent_pictures_lie_over_white() {
        let data = vec![0, 0, 0, 0, 200, 100, 0, 128];
        let picture = Picture { size: SIZE, format: PixelFormat::Rgba8, data };
        assert_eq!(flattened(&picture).data, [255, 255, 255, 255, 227, 177, 127, 255]);
    }
}
