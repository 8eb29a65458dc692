//! RGB of 16 bits, or by an unusual matrix, to `Y'CbCr` of 8 or 10 bits, limited range.
//!
//! The same siting and filter as [`super::yuv`], in floating point. The meaning of the code values
//! (PQ, HLG, BT.709) is not this module's concern: the matrix is applied to them as they are.
//!
//! | property | here |
//! |---|---|
//! | matrix | BT.709, BT.601, or BT.2020 non-constant luminance |
//! | rounding | of 16 bits with an 8x8 ordered dither, so that ramps do not band |

use rayon::prelude::*;

use super::convert::deep;
use super::yuv::{PlanesMut, Subsampling};
use super::{Picture, PixelFormat, Size};
use crate::color::Matrix;

/// Row pairs that one task converts.
const ROWS_PER_TASK: usize = 16;

/// Thresholds of an ordered dither, in 64ths.
const BAYER: [[u8; 8]; 8] = [
    [0, 32, 8, 40, 2, 34, 10, 42],
    [48, 16, 56, 24, 50, 18, 58, 26],
    [12, 44, 4, 36, 14, 46, 6, 38],
    [60, 28, 52, 20, 62, 30, 54, 22],
    [3, 35, 11, 43, 1, 33, 9, 41],
    [51, 19, 59, 27, 49, 17, 57, 25],
    [15, 47, 7, 39, 13, 45, 5, 37],
    [63, 31, 55, 23, 61, 29, 53, 21],
];

/// The conversion of components from 0 to 1 by a matrix to a bit depth.
#[derive(Clone, Copy, Debug)]
struct Coding {
    kr: f32,
    kb: f32,
    /// One code value of 8 bits, in code values of this depth.
    unit: f32,
    bits: u32,
    /// Whether values between two code values become a pattern of both.
    dithers: bool,
}

impl Coding {
    const fn new(matrix: Matrix, bits: u32, dithers: bool) -> Self {
        // Rec. ITU-T H.273, table 4.
        let (kr, kb) = match matrix {
            Matrix::Bt2020 => (0.2627, 0.0593),
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 | Matrix::Identity => (0.2126, 0.0722),
        };
        Self { kr, kb, unit: (1 << (bits - 8)) as f32, bits, dithers }
    }

    /// Stores `offset + factor * value`, code values of 8 bits that are not whole, in row `y` of
    /// their plane.
    fn store(self, row: &mut [u8], y: usize, values: &[f32], (offset, factor): (f32, f32)) {
        let most = 256.0 * self.unit - 1.0;
        let thresholds = BAYER[y % 8]
            .map(|step| if self.dithers { (f32::from(step) + 0.5) / 64.0 } else { 0.5 });
        let (offset, factor) = (offset * self.unit, factor * self.unit);
        let code = |value: f32, threshold: f32| {
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            let code = (offset + factor * value + threshold).clamp(0.0, most) as i32;
            code
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        if self.bits == 8 {
            for (to, values) in row.chunks_mut(8).zip(values.chunks(8)) {
                for ((to, &value), &threshold) in to.iter_mut().zip(values).zip(&thresholds) {
                    *to = code(value, threshold) as u8;
                }
            }
        } else {
            for (to, values) in row.as_chunks_mut::<2>().0.chunks_mut(8).zip(values.chunks(8)) {
                for ((to, &value), &threshold) in to.iter_mut().zip(values).zip(&thresholds) {
                    *to = (code(value, threshold) as u16).to_le_bytes();
                }
            }
        }
    }
}

/// Rows of one step of chroma: luma, and the differences of red and blue from it.
#[derive(Default)]
struct Rows {
    /// The components of one row, up to 65535.
    rgb: [Vec<f32>; 3],
    /// From 0 to 1, of each row.
    luma: [Vec<f32>; 2],
    /// Blue and red less luma, the mean of the rows.
    more: [Vec<f32>; 2],
    /// The same differences, at the places of the samples.
    sampled: Vec<f32>,
}

impl Rows {
    fn read(&mut self, picture: &Picture, width: usize, rows: [usize; 2], count: usize, c: Coding) {
        let (red, green, blue) = (c.kr / FULL, (1.0 - c.kr - c.kb) / FULL, c.kb / FULL);
        let share = 1.0 / count as f32;
        let Self { rgb, luma, more: [more_blue, more_red], .. } = self;
        for more in [&mut *more_blue, &mut *more_red] {
            more.clear();
            more.resize(width, 0.0);
        }
        for (&y, luma) in rows[..count].iter().zip(luma) {
            let y = y.min(picture.size.height as usize - 1);
            let source = &picture.data[y * picture.stride()..][..picture.stride()];
            for component in &mut *rgb {
                component.resize(width, 0.0);
            }
            luma.resize(width, 0.0);
            let [r, g, b] = rgb;
            let pixels = r.iter_mut().zip(g.iter_mut()).zip(b.iter_mut());
            if picture.format == PixelFormat::Rgb16 {
                for (((r, g), b), &pixel) in pixels.zip(source.as_chunks::<6>().0) {
                    let [r0, r1, g0, g1, b0, b1] = pixel;
                    *r = f32::from(u16::from_ne_bytes([r0, r1]));
                    *g = f32::from(u16::from_ne_bytes([g0, g1]));
                    *b = f32::from(u16::from_ne_bytes([b0, b1]));
                }
            } else {
                let source = source.chunks_exact(picture.format.bytes_per_pixel());
                for (((r, g), b), pixel) in pixels.zip(source) {
                    let [red, green, blue, _] = deep(picture.format, pixel).map(f32::from);
                    (*r, *g, *b) = (red, green, blue);
                }
            }
            // The last column is repeated.
            let columns = picture.size.width as usize;
            if columns < width {
                for component in &mut *rgb {
                    component[columns] = component[columns - 1];
                }
            }
            let [r, g, b] = &*rgb;
            for (luma, ((r, g), b)) in luma.iter_mut().zip(r.iter().zip(g).zip(b)) {
                *luma = red * r + green * g + blue * b;
            }
            for (more, component) in [(&mut *more_blue, b), (&mut *more_red, r)] {
                for ((more, component), luma) in more.iter_mut().zip(component).zip(&*luma) {
                    *more += share * (component / FULL - luma);
                }
            }
        }
    }

    /// The samples of blue, or red, each from the pixels around it.
    fn sample(&mut self, which: usize, subsampling: Subsampling) -> &[f32] {
        let more = &self.more[which];
        if subsampling.shift_x() == 0 {
            return more;
        }
        let last = more.len() - 1;
        self.sampled.clear();
        let first = (3.0 * more[0] + more[1.min(last)]) / 4.0;
        self.sampled.push(first);
        // Left, its own column, and right: from the second sample on.
        let inner = more[1..].windows(3).step_by(2);
        self.sampled.extend(inner.map(|near| (near[0] + 2.0 * near[1] + near[2]) / 4.0));
        if self.sampled.len() < more.len().div_ceil(2) {
            self.sampled.push((more[last - 1] + 3.0 * more[last]) / 4.0);
        }
        &self.sampled
    }
}

/// The value of the largest component.
const FULL: f32 = 65_535.0;

/// Converts `picture` into the planes of a frame of `size` with `bits` of 8 or 10.
///
/// Pictures of 16 bits are dithered; those of 8 bits are rounded. `size` may exceed the picture's
/// by one column or row: the last is repeated.
pub(super) fn yuv_from_deep_rgb(
    picture: &Picture,
    size: Size,
    (subsampling, bits): (Subsampling, u32),
    matrix: Matrix,
    planes: PlanesMut<'_>,
) {
    let coding = Coding::new(matrix, bits, picture.format == PixelFormat::Rgb16);
    let [y, cb, cr] = planes;
    let per_step = 1 << subsampling.shift_y();
    let width = size.width as usize;
    let strides = (y.stride, cb.stride, cr.stride);
    let tasks = y
        .data
        .par_chunks_mut(strides.0 * per_step * ROWS_PER_TASK)
        .zip(cb.data.par_chunks_mut(strides.1 * ROWS_PER_TASK))
        .zip(cr.data.par_chunks_mut(strides.2 * ROWS_PER_TASK));
    tasks.enumerate().for_each_init(Rows::default, |rows, (task, ((y, cb), cr))| {
        let steps = y.chunks_mut(strides.0 * per_step);
        let steps = steps.zip(cb.chunks_mut(strides.1)).zip(cr.chunks_mut(strides.2));
        for (step, ((y, cb), cr)) in steps.enumerate() {
            let chroma_row = task * ROWS_PER_TASK + step;
            let first = chroma_row * per_step;
            if first >= size.height as usize {
                break;
            }
            rows.read(picture, width, [first, first + 1], per_step, coding);
            for (i, (luma, y)) in rows.luma.iter().zip(y.chunks_mut(strides.0)).enumerate() {
                coding.store(y, first + i, luma, (16.0, 219.0));
            }
            for (which, plane, part) in [(0, cb, coding.kb), (1, cr, coding.kr)] {
                let factor = 224.0 * 0.5 / (1.0 - part);
                let samples = rows.sample(which, subsampling);
                coding.store(plane, chroma_row, samples, (128.0, factor));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::yuv::PlaneMut;

    /// Code values of 10 bits of a flat picture: the means of its dithered samples.
    fn flat(rgb: [u16; 3], matrix: Matrix) -> [f64; 3] {
        let size = Size { width: 16, height: 16 };
        let data = rgb.iter().flat_map(|c| c.to_ne_bytes()).collect::<Vec<_>>().repeat(256);
        let picture = Picture { size, format: PixelFormat::Rgb16, data };
        let mut planes = [vec![0; 512], vec![0; 128], vec![0; 128]];
        let [y, cb, cr] = planes.each_mut();
        let plane = |data, stride| PlaneMut { data, stride };
        let planes_mut = [plane(y, 32), plane(cb, 16), plane(cr, 16)];
        yuv_from_deep_rgb(&picture, size, (Subsampling::Yuv420, 10), matrix, planes_mut);
        planes.map(|plane| {
            let values = plane.as_chunks::<2>().0.iter().map(|&b| f64::from(u16::from_le_bytes(b)));
            values.sum::<f64>() / (plane.len() / 2) as f64
        })
    }

    #[test]
    fn known_colors() {
        let near = |found: [f64; 3], wanted: [f64; 3]| {
            let is_near = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.05);
            assert!(is_near, "{found:?} is not {wanted:?}");
        };
        near(flat([65535; 3], Matrix::Bt2020), [940.0, 512.0, 512.0]);
        near(flat([0; 3], Matrix::Bt2020), [64.0, 512.0, 512.0]);
        // BT.2020: Y' = 0.2627, Cb = -0.2627 / 1.8814, Cr = 0.5.
        let red = [64.0 + 876.0 * 0.2627, 512.0 - 896.0 * 0.2627 / 1.8814, 960.0];
        near(flat([65535, 0, 0], Matrix::Bt2020), red);
        let green = [
            64.0 + 876.0 * 0.7152,
            512.0 - 896.0 * 0.7152 / 1.8556,
            512.0 - 896.0 * 0.7152 / 1.5748,
        ];
        near(flat([0, 65535, 0], Matrix::Bt709), green);
    }

    #[test]
    fn between_two_codes_the_dither_keeps_the_mean() {
        // Gray of 512.25 in 10 bits.
        let gray = ((512.25 - 64.0) / 876.0 * 65535.0_f64).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code value")]
        let [y, ..] = flat([gray as u16; 3], Matrix::Bt2020);
        assert!((y - 512.25).abs() < 0.05, "{y}");
    }
}
