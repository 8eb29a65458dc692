//! Pictures drawn with the palette of their scene.

use rayon::prelude::*;

#[cfg(test)]
use super::Color;
use super::{COLORS, Scene, nearest};
use crate::av::VideoFrame;
use crate::frame::{Picture, PixelFormat, Size};
use crate::job::Dither;

/// The number of the transparent color.
const NOTHING: u8 = 255;

/// Bits of a component by which the nearest color is looked up.
const BITS: u32 = 6;

/// The amplitude of the fixed pattern, in code values.
const PATTERN: i32 = 16;

/// Thresholds of the fixed pattern, in 16ths.
const BAYER: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// The palettes of all scenes, and the last drawn picture.
#[derive(Debug)]
pub(in crate::sink) struct Scenes {
    list: Vec<Scene>,
    current: usize,
    /// The nearest color of each color of [`BITS`].
    lookup: Vec<u8>,
    /// The last picture of this scene, and its numbers.
    last: Option<(Picture, Vec<u8>)>,
}

impl Scenes {
    pub(super) fn new(scenes: Vec<Scene>) -> Self {
        let mut new = Self { list: scenes, current: 0, lookup: Vec::new(), last: None };
        new.enter(0);
        new
    }

    /// Changes to the scene of a frame; frames come in order. Returns whether it is another one.
    pub(in crate::sink) fn go_to(&mut self, frame: u64) -> bool {
        let next = self.list.get(self.current + 1);
        let is_next = next.is_some_and(|scene| scene.first <= frame);
        if is_next {
            self.enter(self.current + 1);
        }
        is_next
    }

    fn enter(&mut self, scene: usize) {
        self.current = scene;
        self.last = None;
        let colors: Vec<_> =
            self.list[scene].palette.iter().map(|color| color.map(f32::from)).collect();
        let side = 1 << BITS;
        #[expect(clippy::cast_possible_truncation, reason = "at most 255 colors")]
        let look_up = |at: usize| {
            let component = |shift: u32| ((at >> shift) % side) as f32 * 4.0 + 1.5;
            nearest([component(2 * BITS), component(BITS), component(0)], &colors) as u8
        };
        self.lookup = (0..1 << (3 * BITS)).into_par_iter().map(look_up).collect();
    }

    #[cfg(test)]
    pub(super) fn palette_at(&self, frame: u64) -> &[Color] {
        &self.list.iter().rfind(|scene| scene.first <= frame).unwrap().palette
    }

    /// Draws `picture`, which has the frame's size, into `frame`.
    pub(in crate::sink) fn draw(
        &mut self,
        picture: &Picture,
        size: Size,
        dither: Dither,
        frame: &mut VideoFrame,
    ) {
        let numbers = self.numbers(picture, dither);
        if let Some(colors) = frame.palette_mut() {
            *colors = [[0; 4]; 256];
            let palette = &self.list[self.current].palette;
            for (target, [r, g, b]) in colors.iter_mut().take(COLORS).zip(palette) {
                *target = [*b, *g, *r, 255];
            }
        }
        let width = size.width as usize;
        for plane in frame.planes_mut() {
            let rows = plane.data.chunks_mut(plane.stride).zip(numbers.chunks(width));
            rows.for_each(|(target, row)| target[..width].copy_from_slice(row));
        }
        self.last = Some((
            Picture { size: picture.size, format: picture.format, data: picture.data.clone() },
            numbers,
        ));
    }

    /// The number of each pixel's color.
    ///
    /// Pixels that are as in the last picture keep their number, regardless of the dither: so
    /// nothing flickers where nothing moves, and they take no room in the file.
    fn numbers(&self, picture: &Picture, dither: Dither) -> Vec<u8> {
        let (width, format) = (picture.size.width as usize, picture.format);
        let bytes = format.bytes_per_pixel();
        let last = self.last.as_ref().filter(|(last, _)| last.size == picture.size);
        let palette = &self.list[self.current].palette;
        // Errors that the row above and the pixel before have passed on, in 4ths.
        let mut below = vec![[0_i32; 3]; width + 2];
        let mut numbers = Vec::with_capacity(width * picture.size.height as usize);
        for (y, row) in picture.data.chunks_exact(picture.stride()).enumerate() {
            let mut above = std::mem::replace(&mut below, vec![[0; 3]; width + 2]);
            for (x, pixel) in row.chunks_exact(bytes).enumerate() {
                let at = y * width + x;
                let kept = last.filter(|(last, _)| last.data[at * bytes..][..bytes] == *pixel);
                if let Some((_, kept)) = kept {
                    numbers.push(kept[at]);
                    continue;
                }
                if format == PixelFormat::Rgba8 && pixel[3] < 128 {
                    numbers.push(NOTHING);
                    continue;
                }
                if self.list[self.current].is_exact {
                    // The palette is sorted, so that each color can be found.
                    let found = palette.binary_search(&format.rgb(pixel)).unwrap_or_default();
                    numbers.push(u8::try_from(found).unwrap_or_default());
                    continue;
                }
                let color = format.rgb(pixel).map(i32::from);
                let wanted = match dither {
                    Dither::None => color,
                    Dither::Bayer => {
                        let shift = (2 * BAYER[y % 4][x % 4] - 15) * PATTERN / 32;
                        color.map(|c| c + shift)
                    }
                    Dither::Diffusion => std::array::from_fn(|i| color[i] + above[x + 1][i] / 4),
                };
                let wanted = wanted.map(|c| c.clamp(0, 255));
                let number = self.nearest(wanted);
                numbers.push(number);
                if dither == Dither::Diffusion {
                    // Sierra's small filter: half to the right, a fourth each below and to its left.
                    let found = palette[usize::from(number)].map(i32::from);
                    for i in 0..3 {
                        let error = wanted[i] - found[i];
                        above[x + 2][i] += 2 * error;
                        below[x][i] += error;
                        below[x + 1][i] += error;
                    }
                }
            }
        }
        numbers
    }

    fn nearest(&self, color: [i32; 3]) -> u8 {
        let at = color.into_iter().fold(0, |at, c| at << BITS | c.cast_unsigned() >> (8 - BITS));
        self.lookup[at as usize]
    }
}
