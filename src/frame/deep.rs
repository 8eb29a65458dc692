//! RGB of 16 bits, or by an unusual matrix, to `Y'CbCr` of 8 or 10 bits, limited range.
//!
//! The same siting and filter as [`super::yuv`], in floating point. What the code values mean (PQ,
//! HLG, BT.709) is not this module's concern: the matrix is applied to them as they are.
//!
//! | what | here |
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

/// What a matrix and a bit depth make of components from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Coding {
    kr: f32,
    kb: f32,
    /// One code value of 8 bits in those of this depth.
    unit: f32,
    bits: u32,
    /// Whether what lies between two code values becomes both, in a pattern.
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

    fn luma(self, [r, g, b]: [f32; 3]) -> f32 {
        self.kr * r + (1.0 - self.kr - self.kb) * g + self.kb * b
    }

    /// Stores a code value that is not whole at its place.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    fn store(self, row: &mut [u8], (x, y): (usize, usize), value: f32) {
        let threshold =
            if self.dithers { (f32::from(BAYER[y % 8][x % 8]) + 0.5) / 64.0 } else { 0.5 };
        let most = 256.0f32.mul_add(self.unit, -1.0);
        let value = (value * self.unit + threshold).floor().clamp(0.0, most) as u16;
        if self.bits == 8 {
            row[x] = value as u8;
        } else {
            row[2 * x..2 * x + 2].copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// Converts `picture` into the planes of a frame of `size` with `bits` of 8 or 10.
///
/// What has 16 bits is dithered; 8 bits are rounded.
/// `size` may exceed the picture's by one column or row: the last is repeated.
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
    let strides = (y.stride, cb.stride, cr.stride);
    let tasks = y
        .data
        .par_chunks_mut(strides.0 * per_step * ROWS_PER_TASK)
        .zip(cb.data.par_chunks_mut(strides.1 * ROWS_PER_TASK))
        .zip(cr.data.par_chunks_mut(strides.2 * ROWS_PER_TASK));
    tasks.enumerate().for_each(|(task, ((y, cb), cr))| {
        let steps = y.chunks_mut(strides.0 * per_step);
        let steps = steps.zip(cb.chunks_mut(strides.1)).zip(cr.chunks_mut(strides.2));
        for (step, ((y, cb), cr)) in steps.enumerate() {
            let chroma_row = task * ROWS_PER_TASK + step;
            let first = chroma_row * per_step;
            if first >= size.height as usize {
                break;
            }
            let rows: Vec<_> = (first..first + per_step).map(|n| row(picture, size, n)).collect();
            for (i, (row, y)) in rows.iter().zip(y.chunks_mut(strides.0)).enumerate() {
                for (x, &rgb) in row.iter().enumerate() {
                    coding.store(y, (x, first + i), 219.0f32.mul_add(coding.luma(rgb), 16.0));
                }
            }
            for x in 0..(size.width as usize).div_ceil(1 << subsampling.shift_x()) {
                let rgb = mean(&rows, x, subsampling);
                let luma = coding.luma(rgb);
                let blue = 0.5 * (rgb[2] - luma) / (1.0 - coding.kb);
                let red = 0.5 * (rgb[0] - luma) / (1.0 - coding.kr);
                coding.store(cb, (x, chroma_row), 224.0f32.mul_add(blue, 128.0));
                coding.store(cr, (x, chroma_row), 224.0f32.mul_add(red, 128.0));
            }
        }
    });
}

/// One row of a frame, components from 0 to 1.
fn row(picture: &Picture, size: Size, row: usize) -> Vec<[f32; 3]> {
    let stride = picture.stride();
    let source = &picture.data[row.min(picture.size.height as usize - 1) * stride..][..stride];
    let pixels = source.chunks_exact(picture.format.bytes_per_pixel());
    let mut row: Vec<[f32; 3]> = pixels
        .map(|pixel| {
            let [r, g, b, _] = deep(picture.format, pixel);
            [r, g, b].map(|component| f32::from(component) / 65535.0)
        })
        .collect();
    let edge = *row.last().expect("a picture has a column");
    row.resize(size.width as usize, edge);
    row
}

/// The color of one chroma sample.
fn mean(rows: &[Vec<[f32; 3]>], x: usize, subsampling: Subsampling) -> [f32; 3] {
    let mut sum = [0.0; 3];
    for row in rows {
        let taps: &[(usize, f32)] = if subsampling.shift_x() == 0 {
            &[(x, 1.0)]
        } else {
            let right = (2 * x + 1).min(row.len() - 1);
            &[((2 * x).saturating_sub(1), 0.25), (2 * x, 0.5), (right, 0.25)]
        };
        for &(x, weight) in taps {
            for (sum, component) in sum.iter_mut().zip(row[x]) {
                *sum += component * weight / rows.len() as f32;
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::yuv::PlaneMut;

    /// Code values of 10 bits of a flat picture, the means of what the dither made of them.
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
