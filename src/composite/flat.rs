//! One frame of SDR: the page's picture and those of its videos, mixed in code values.
//!
//! Chrome blends code values, too. Where a video is drawn black the page's picture has `p`, and
//! where it is drawn in a primary color `p + w` in that component: `w` is its visible share,
//! including everything above it. So the frame is `p + w·video`, to within the rounding of two
//! pictures.

use std::ops::Range;

use rayon::prelude::*;

use crate::frame::{Picture, PixelFormat, Size};

/// Pixels that are tested together: most have all of the video, or nothing.
const RUN: usize = 32;

/// A video whose pixels lie on those of the frame.
#[derive(Debug)]
pub(super) struct FlatLayer<'a> {
    /// Rows of 8-bit RGB.
    pub rows: &'a [u8],
    pub size: Size,
    /// Columns and rows of the video that lie left of and above the frame's first.
    pub shift: (isize, isize),
    /// The picture of the page in which it has a color.
    pub matte: &'a Picture,
    /// The number of its primary color.
    pub channel: usize,
    /// Columns and rows of the frame that it may touch.
    pub area: [Range<usize>; 2],
}

/// Composes the frame of a page that shows `layers`, whose picture with all of them black is
/// `base`.
pub(super) fn compose(base: &Picture, layers: &[FlatLayer<'_>]) -> Picture {
    let mut data = base.data.clone();
    data.par_chunks_exact_mut(base.stride()).enumerate().for_each(|(y, row)| {
        for layer in layers.iter().filter(|layer| layer.area[1].contains(&y)) {
            layer.mix(base, y, row);
        }
    });
    Picture { size: base.size, format: base.format, data }
}

impl FlatLayer<'_> {
    fn mix(&self, base: &Picture, y: usize, row: &mut [u8]) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let inside = |at: usize, shift: isize, count: usize| {
            at.checked_add_signed(shift).filter(|&at| at < count)
        };
        let Some(down) = inside(y, self.shift.1, height) else { return };
        let video = &self.rows[down * width * 3..][..width * 3];
        // The columns of the frame that the video covers.
        let first = self.area[0].start.max(self.shift.0.min(0).unsigned_abs());
        let last = width.saturating_add_signed(-self.shift.0).min(self.area[0].end);
        let Some(count) = last.checked_sub(first).filter(|&count| count > 0) else { return };
        let Some(across) = first.checked_add_signed(self.shift.0) else { return };
        let video = &video[across * 3..][..count * 3];

        let line = |picture: &Picture| {
            let n = picture.format.bytes_per_pixel();
            y * picture.stride() + first * n..y * picture.stride() + (first + count) * n
        };
        let black = &base.data[line(base)];
        let color = &self.matte.data[line(self.matte)];
        let n = base.format.bytes_per_pixel();
        let row = &mut row[first * n..(first + count) * n];
        let places = places(base.format);
        let (black_at, color_at) =
            (places[self.channel], self::places(self.matte.format)[self.channel]);
        let m = self.matte.format.bytes_per_pixel();
        let weight = |at: usize| color[at * m + color_at].saturating_sub(black[at * n + black_at]);

        for start in (0..count).step_by(RUN) {
            let end = (start + RUN).min(count);
            let (mut least, mut most) = (255, 0);
            for at in start..end {
                let weight = weight(at);
                least = weight.min(least);
                most = weight.max(most);
            }
            if most == 0 {
                continue;
            }
            let pixels = row[start * n..end * n].chunks_exact_mut(n);
            let pixels = pixels.zip(video[start * 3..end * 3].as_chunks::<3>().0);
            if least == 255 {
                for (to, from) in pixels {
                    for (&place, &code) in places.iter().zip(from) {
                        to[place] = code;
                    }
                }
            } else {
                for ((to, from), at) in pixels.zip(start..end) {
                    let weight = weight(at);
                    for (&place, &code) in places.iter().zip(from) {
                        to[place] = to[place].saturating_add(part(code, weight));
                    }
                }
            }
        }
    }
}

/// The places of red, green and blue in a pixel.
const fn places(format: PixelFormat) -> [usize; 3] {
    match format {
        PixelFormat::Bgrx8 => [2, 1, 0],
        _ => [0, 1, 2],
    }
}

/// `weight` of 255 parts of a code, to the nearest.
fn part(code: u8, weight: u8) -> u8 {
    let product = u32::from(code) * u32::from(weight) + 127;
    #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
    let part = (product / 255) as u8;
    part
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: Size = Size { width: 70, height: 2 };

    fn picture(format: PixelFormat, pixels: &[[u8; 3]]) -> Picture {
        let bytes = |&[r, g, b]: &[u8; 3]| match format {
            PixelFormat::Rgb8 => vec![r, g, b],
            PixelFormat::Bgrx8 => vec![b, g, r, 0],
            _ => vec![r, g, b, 255],
        };
        Picture { size: SIZE, format, data: pixels.iter().flat_map(bytes).collect() }
    }

    proptest! {
        #[test]
        fn the_kernel_is_the_formula(
            // Per pixel: the page's color, and the share that the video leaves of it.
            pixels in prop::collection::vec((any::<[u8; 3]>(), prop::sample::select(vec![
                0_u8, 0, 0, 0, 0, 0, 255, 255, 7, 130,
            ])), 140),
            is_solid in any::<bool>(),
            video in prop::collection::vec(any::<u8>(), 3 * 60 * 3),
            shift in (-20_isize..20, -2_isize..2),
            channel in 0_usize..3,
            formats in prop::array::uniform2(prop::sample::select(vec![
                PixelFormat::Rgb8, PixelFormat::Rgba8, PixelFormat::Bgrx8,
            ])),
        ) {
            let taken = |rest: u8| if is_solid { 255 } else { 255 - rest };
            let base: Vec<_> = pixels.iter().map(|&(color, rest)| color.map(|code| {
                u8::try_from(u16::from(code) * u16::from(255 - taken(rest)) / 255).unwrap()
            })).collect();
            let colored: Vec<_> = base.iter().zip(&pixels).map(|(color, &(_, rest))| {
                let mut color = *color;
                color[channel] += taken(rest);
                color
            }).collect();
            let (from, matte) = (picture(formats[0], &base), picture(formats[1], &colored));
            let layer = FlatLayer {
                rows: &video,
                size: Size { width: 60, height: 3 },
                shift,
                matte: &matte,
                channel,
                area: [3..68, 0..2],
            };
            let made = compose(&from, &[layer]);
            for (at, &(_, rest)) in pixels.iter().enumerate() {
                let (x, y) = (at % 70, at / 70);
                let inside = |at: usize, shift: isize, count: usize| {
                    at.checked_add_signed(shift).filter(|&at| at < count)
                };
                let place = inside(x, shift.0, 60).zip(inside(y, shift.1, 3));
                let expected: [u8; 3] = std::array::from_fn(|c| {
                    let Some((u, v)) = place.filter(|_| (3..68).contains(&x)) else {
                        return base[at][c];
                    };
                    // Half of an odd number is never exactly between.
                    let part = 2 * u32::from(video[(v * 60 + u) * 3 + c]) * u32::from(taken(rest));
                    let code = u32::from(base[at][c]) + (part + 255) / 510;
                    u8::try_from(code.min(255)).unwrap()
                });
                let n = made.format.bytes_per_pixel();
                prop_assert_eq!(made.format.rgb(&made.data[at * n..][..n]), expected, "{} {}", x, y);
            }
        }
    }
}
