//! RGB to `Y'CbCr` (YUV): BT.709 matrix, limited range, from 8 bits to 8 or 10.
//!
//! A video frame stores brightness (Y') for every pixel and color difference (Cb, Cr) for every
//! pixel (4:4:4), every second column (4:2:2), or every second column and row (4:2:0). With limited
//! range, black is Y' 16 and white 235; gray is Cb = Cr = 128; four times that with 10 bits.
//!
//! | property | here |
//! |---|---|
//! | matrix | BT.709: Kr = 0.2126, Kb = 0.0722 |
//! | arithmetic | 15-bit fixed point, rounded once per component |
//! | chroma siting | left: in line with even columns, midway between two rows (H.273 type 0) |
//! | chroma filter | 1-2-1 horizontally, 1-1 vertically, on R'G'B' code values |
//! | edges | the outermost column is repeated |
//! | alpha | a plane of its own, full range; colors stay straight, and chroma is averaged by it |
//!
//! Where the frame has no alpha, [`super::convert()`] lays pictures with alpha over white first.
//!
//! Rows are converted in parallel on rayon's global pool. The kernels run over separate rows of R,
//! G and B, which compilers turn into wide SIMD; `multiversion` picks the widest at run time.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{Picture, PixelFormat, Size};

/// The amount of chroma that a video frame stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subsampling {
    Yuv420,
    Yuv422,
    Yuv444,
}

impl Subsampling {
    /// Luma columns per chroma column, as a shift.
    pub(crate) const fn shift_x(self) -> u32 {
        match self {
            Self::Yuv444 => 0,
            Self::Yuv420 | Self::Yuv422 => 1,
        }
    }

    /// Luma rows per chroma row, as a shift.
    pub(crate) const fn shift_y(self) -> u32 {
        match self {
            Self::Yuv420 => 1,
            Self::Yuv422 | Self::Yuv444 => 0,
        }
    }
}

/// One plane of a video frame, to be written.
#[derive(Debug)]
pub(crate) struct PlaneMut<'a> {
    /// At least `stride` bytes for every row.
    pub data: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// The three components of a video frame: Y', Cb, Cr.
pub(crate) type PlanesMut<'a> = [PlaneMut<'a>; 3];

/// A code value as it lies in memory.
trait Sample: Copy + Send {
    /// Its bits.
    const BITS: u32;

    fn of(value: i32) -> Self;

    fn row(bytes: &mut [u8]) -> &mut [Self];
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "legal code values")]
impl Sample for u8 {
    const BITS: u32 = 8;

    #[inline]
    fn of(value: i32) -> Self {
        value as Self
    }

    fn row(bytes: &mut [u8]) -> &mut [Self] {
        bytes
    }
}

/// 10 bits in two bytes, little-endian.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "legal code values")]
impl Sample for [u8; 2] {
    const BITS: u32 = 10;

    #[inline]
    fn of(value: i32) -> Self {
        (value as u16).to_le_bytes()
    }

    fn row(bytes: &mut [u8]) -> &mut [Self] {
        bytes.as_chunks_mut().0
    }
}

/// Row pairs that one task converts: enough to be worth the hand-over.
const ROWS_PER_TASK: usize = 32;

/// Fixed-point precision, in bits.
const BITS: u32 = 15;

const fn fixed(value: f64) -> i32 {
    let scaled = value * (1 << BITS) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "coefficients are below 1")]
    if scaled < 0.0 { -((0.5 - scaled) as i32) } else { (scaled + 0.5) as i32 }
}

// Rec. ITU-T BT.709-6, items 3.2 and 3.3, scaled to 219 and 224 steps (item 4.6).
const KR: f64 = 0.2126;
const KB: f64 = 0.0722;
const LUMA: f64 = 219.0 / 255.0;
const CHROMA: f64 = 224.0 / 255.0;
const Y_FROM_R: i32 = fixed(KR * LUMA);
const Y_FROM_B: i32 = fixed(KB * LUMA);
// The remainder, so that white is exactly 235 and gray exactly 128.
const Y_FROM_G: i32 = fixed(LUMA) - Y_FROM_R - Y_FROM_B;
const CB_FROM_R: i32 = fixed(-KR / (2.0 * (1.0 - KB)) * CHROMA);
const CB_FROM_B: i32 = fixed(0.5 * CHROMA);
const CB_FROM_G: i32 = -(CB_FROM_R + CB_FROM_B);
const CR_FROM_B: i32 = fixed(-KB / (2.0 * (1.0 - KR)) * CHROMA);
const CR_FROM_R: i32 = fixed(0.5 * CHROMA);
const CR_FROM_G: i32 = -(CR_FROM_B + CR_FROM_R);

/// Converts `picture` into the planes of a frame of `size`, with `bits` of 8 or 10.
///
/// `size` may exceed the picture's by one column or row (padding to even): the last is repeated.
/// Where the frame keeps the picture's alpha, it `weighs` chroma.
pub(crate) fn yuv_from_rgb(
    picture: &Picture,
    size: Size,
    (subsampling, bits): (Subsampling, u32),
    weighs: bool,
    planes: PlanesMut<'_>,
) {
    let weighs = weighs && picture.format == PixelFormat::Rgba8;
    match bits {
        8 => convert_rows::<u8>(picture, size, subsampling, weighs, planes),
        _ => convert_rows::<[u8; 2]>(picture, size, subsampling, weighs, planes),
    }
}

fn convert_rows<S: Sample>(
    picture: &Picture,
    size: Size,
    subsampling: Subsampling,
    weighs: bool,
    planes: PlanesMut<'_>,
) {
    let [y, cb, cr] = planes;
    let rows_per_step = 1 << subsampling.shift_y();
    let steps = ROWS_PER_TASK / rows_per_step;
    let tasks = y
        .data
        .par_chunks_mut(y.stride * ROWS_PER_TASK)
        .zip(cb.data.par_chunks_mut(cb.stride * steps))
        .zip(cr.data.par_chunks_mut(cr.stride * steps))
        .enumerate();
    let strides = (y.stride, cb.stride, cr.stride);
    tasks.for_each_init(
        || Scratch::new(size, subsampling),
        |scratch, (task, ((y, cb), cr))| {
            let chunks = y
                .chunks_mut(strides.0 * rows_per_step)
                .zip(cb.chunks_mut(strides.1))
                .zip(cr.chunks_mut(strides.2));
            for (step, ((y, cb), cr)) in chunks.enumerate() {
                let row = task * ROWS_PER_TASK + step * rows_per_step;
                if row >= size.height as usize {
                    break;
                }
                scratch.load(picture, row);
                scratch.store_luma::<S>(y, strides.0);
                if weighs && scratch.halve {
                    scratch.weigh(picture, row);
                }
                scratch.store_chroma::<S>(cb, cr, weighs);
            }
        },
    );
}

/// One or two rows of R, G and B, and the sums that become chroma.
struct Scratch {
    width: usize,
    chroma_width: usize,
    rows: usize,
    /// `rgb[row][component]`.
    rgb: [[Vec<u8>; 3]; 2],
    vertical: Vec<i16>,
    sums: [Vec<i16>; 3],
    halve: bool,
}

impl Scratch {
    fn new(size: Size, subsampling: Subsampling) -> Self {
        let width = size.width as usize;
        let halve = subsampling.shift_x() == 1;
        let chroma_width = width.div_ceil(1 << subsampling.shift_x());
        let row = || std::array::from_fn(|_| vec![0; width]);
        Self {
            width,
            chroma_width,
            rows: 1 << subsampling.shift_y(),
            rgb: [row(), row()],
            vertical: vec![0; width + 1],
            sums: std::array::from_fn(|_| vec![0; chroma_width]),
            halve,
        }
    }

    /// Takes the rows from `row` on, repeating the last row and column of the picture.
    fn load(&mut self, picture: &Picture, row: usize) {
        let stride = picture.stride();
        let last = picture.size.height as usize - 1;
        for (i, planes) in self.rgb.iter_mut().take(self.rows).enumerate() {
            let source = &picture.data[(row + i).min(last) * stride..][..stride];
            let [r, g, b] = planes.each_mut().map(Vec::as_mut_slice);
            match picture.format {
                PixelFormat::Rgb8 => split::<3>(source, r, g, b),
                PixelFormat::Rgba8 => split::<4>(source, r, g, b),
                PixelFormat::Bgrx8 => split::<4>(source, b, g, r),
                PixelFormat::Rgb16 => unreachable!("16 bits have a conversion of their own"),
            }
            let width = picture.size.width as usize;
            for component in planes {
                let edge = component[width - 1];
                component[width..].fill(edge);
            }
        }
    }

    fn store_luma<S: Sample>(&self, y: &mut [u8], stride: usize) {
        for ([r, g, b], y) in self.rgb.iter().take(self.rows).zip(y.chunks_mut(stride)) {
            luma(r, g, b, &mut S::row(y)[..self.width]);
        }
    }

    /// Sums colors weighted by alpha: transparent pixels have no color to give.
    fn weigh(&mut self, picture: &Picture, row: usize) {
        let stride = picture.stride();
        let last = (picture.size.width as usize - 1, picture.size.height as usize - 1);
        let mut pixel = [[0_i32; 4]; 6];
        for column in 0..self.chroma_width {
            let mut shown = 0;
            for (i, pixel) in pixel.iter_mut().enumerate() {
                let x = (2 * column + i % 3).saturating_sub(1).min(last.0);
                let y = (row + (i / 3).min(self.rows - 1)).min(last.1);
                let weight = 1 + i32::from(i % 3 == 1);
                let bytes = &picture.data[y * stride + 4 * x..][..4];
                let alpha = weight * i32::from(bytes[3]);
                *pixel = [bytes[0].into(), bytes[1].into(), bytes[2].into(), alpha];
                shown += alpha;
            }
            for (component, sums) in self.sums.iter_mut().enumerate() {
                let weighed = if shown == 0 {
                    8 * pixel[1][component]
                } else {
                    let sum: i32 = pixel.iter().map(|p| p[component] * p[3]).sum();
                    (8 * sum + shown / 2) / shown
                };
                sums[column] = i16::try_from(weighed).unwrap_or(i16::MAX);
            }
        }
    }

    fn store_chroma<S: Sample>(&mut self, cb: &mut [u8], cr: &mut [u8], is_weighed: bool) {
        let second = &self.rgb[self.rows - 1];
        for ((sums, a), b) in self.sums.iter_mut().zip(&self.rgb[0]).zip(second) {
            match self.halve {
                true if is_weighed => {}
                true => sum_121(a, b, &mut self.vertical, sums),
                false => sum_8(a, sums),
            }
        }
        let [r, g, b] = &self.sums;
        let width = self.chroma_width;
        chroma(r, g, b, &mut S::row(cb)[..width], &mut S::row(cr)[..width]);
    }
}

/// Splits interleaved pixels of `N` bytes into their first three components.
#[multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
fn split<const N: usize>(source: &[u8], c0: &mut [u8], c1: &mut [u8], c2: &mut [u8]) {
    let pixels = source.as_chunks::<N>().0;
    for (((pixel, c0), c1), c2) in pixels.iter().zip(c0).zip(c1).zip(c2) {
        *c0 = pixel[0];
        *c1 = pixel[1];
        *c2 = pixel[2];
    }
}

#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn luma<S: Sample>(r: &[u8], g: &[u8], b: &[u8], y: &mut [S]) {
    let shift = BITS + 8 - S::BITS;
    let offset = (16 << BITS) + (1 << (shift - 1));
    for (((y, &r), &g), &b) in y.iter_mut().zip(r).zip(g).zip(b) {
        let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
        *y = S::of((r * Y_FROM_R + g * Y_FROM_G + b * Y_FROM_B + offset) >> shift);
    }
}

/// Eight times the average of three columns (1-2-1) and two rows, at every second column.
#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn sum_121(row: &[u8], next: &[u8], vertical: &mut [i16], sums: &mut [i16]) {
    let width = row.len();
    // Shifted by one, so that the left neighbor of column `c` stands at `c`.
    let (first, rest) = vertical.split_at_mut(1);
    for ((v, &a), &b) in rest.iter_mut().zip(row).zip(next) {
        *v = i16::from(a) + i16::from(b);
    }
    first[0] = rest[0];
    for (i, sum) in sums.iter_mut().enumerate() {
        let right = (2 * i + 2).min(width);
        *sum = vertical[2 * i] + 2 * vertical[2 * i + 1] + vertical[right];
    }
}

/// Eight times each value, so that every subsampling ends in the same kernel.
fn sum_8(row: &[u8], sums: &mut [i16]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum = 8 * i16::from(value);
    }
}

#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn chroma<S: Sample>(r: &[i16], g: &[i16], b: &[i16], cb: &mut [S], cr: &mut [S]) {
    let shift = BITS + 3 + 8 - S::BITS; // The sums are eight times the average.
    let offset = (128 << (BITS + 3)) + (1 << (shift - 1));
    for ((((cb, cr), &r), &g), &b) in cb.iter_mut().zip(cr).zip(r).zip(g).zip(b) {
        let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
        *cb = S::of((r * CB_FROM_R + g * CB_FROM_G + b * CB_FROM_B + offset) >> shift);
        *cr = S::of((r * CR_FROM_R + g * CR_FROM_G + b * CR_FROM_B + offset) >> shift);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KG: f64 = 1.0 - KR - KB;

    /// The slow, obvious twin: floating point, one pixel at a time.
    fn reference(picture: &Picture, size: Size, subsampling: Subsampling) -> [Vec<f64>; 3] {
        let (w, h) = (i64::from(picture.size.width), i64::from(picture.size.height));
        let n = picture.format.bytes_per_pixel();
        let rgb = |x: i64, y: i64| -> [f64; 3] {
            let (x, y) = (x.clamp(0, w - 1), y.clamp(0, h - 1));
            let at = usize::try_from(y * w + x).unwrap() * n;
            let p = &picture.data[at..at + 3];
            let p = if picture.format == PixelFormat::Bgrx8 {
                [p[2], p[1], p[0]]
            } else {
                [p[0], p[1], p[2]]
            };
            p.map(f64::from)
        };
        let y_of = |[r, g, b]: [f64; 3]| KR * r + KG * g + KB * b;
        let mut out = [vec![], vec![], vec![]];
        for y in 0..i64::from(size.height) {
            for x in 0..i64::from(size.width) {
                out[0].push(16.0 + LUMA * y_of(rgb(x, y)));
            }
        }
        let (sx, sy) = (subsampling.shift_x(), subsampling.shift_y());
        for cy in 0..i64::from(size.height >> sy) {
            for cx in 0..i64::from(size.width.div_ceil(1 << sx)) {
                let mut sum = [0.0; 3];
                for (dx, weight) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
                    for row in 0..=sy {
                        let (dx, weight) = if sx == 0 { (0, 1.0 / 3.0) } else { (dx, weight) };
                        let x = ((cx << sx) + dx).min(i64::from(size.width) - 1);
                        let p = rgb(x, (cy << sy) + i64::from(row));
                        for (s, c) in sum.iter_mut().zip(p) {
                            *s += c * weight / f64::from(sy + 1);
                        }
                    }
                }
                let y = y_of(sum);
                out[1].push(128.0 + CHROMA * (sum[2] - y) / (2.0 * (1.0 - KB)));
                out[2].push(128.0 + CHROMA * (sum[0] - y) / (2.0 * (1.0 - KR)));
            }
        }
        out
    }

    /// Code values of all components, without padding.
    fn convert(
        picture: &Picture,
        size: Size,
        subsampling: Subsampling,
        bits: u32,
    ) -> [Vec<u16>; 3] {
        let bytes = bits.div_ceil(8) as usize;
        let (w, h) = (size.width as usize * bytes, size.height as usize);
        let cw = size.width.div_ceil(1 << subsampling.shift_x()) as usize * bytes;
        let ch = h >> subsampling.shift_y();
        let mut planes = [vec![0; w * h], vec![0; cw * ch], vec![0; cw * ch]];
        let [y, cb, cr] = planes.each_mut();
        yuv_from_rgb(
            picture,
            size,
            (subsampling, bits),
            false,
            [
                PlaneMut { data: y, stride: w },
                PlaneMut { data: cb, stride: cw },
                PlaneMut { data: cr, stride: cw },
            ],
        );
        planes.map(|plane| match bytes {
            1 => plane.into_iter().map(u16::from).collect(),
            _ => plane.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect(),
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_twin(
            width in 1_u32..70,
            height in 1_u32..70,
            format in prop::sample::select(vec![PixelFormat::Rgb8, PixelFormat::Rgba8, PixelFormat::Bgrx8]),
            subsampling in prop::sample::select(vec![
                Subsampling::Yuv420, Subsampling::Yuv422, Subsampling::Yuv444,
            ]),
            seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let data = (0..width as usize * height as usize * format.bytes_per_pixel())
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()[3]
                })
                .collect();
            let picture = Picture { size: Size { width, height }, format, data };
            let size = match subsampling {
                Subsampling::Yuv444 => picture.size,
                _ => Size { width: width.next_multiple_of(2), height: height.next_multiple_of(2) },
            };
            for bits in [8, 10] {
                let fast = convert(&picture, size, subsampling, bits);
                let slow = reference(&picture, size, subsampling);
                let unit = f64::from(1 << (bits - 8));
                for (fast, slow) in fast.iter().zip(&slow) {
                    prop_assert_eq!(fast.len(), slow.len());
                    for (&fast, &slow) in fast.iter().zip(slow) {
                        let off = (f64::from(fast) - slow * unit).abs();
                        prop_assert!(off <= 0.52, "{} is not {} with {} bits", fast, slow, bits);
                    }
                }
            }
        }
    }

    #[test]
    fn known_colors() {
        // BT.709 limited: white, black, gray and the three primaries at 8 bit.
        for (rgb, yuv) in [
            ([255, 255, 255], [235, 128, 128]),
            ([0, 0, 0], [16, 128, 128]),
            ([128, 128, 128], [126, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 255, 0], [173, 42, 26]),
            ([0, 0, 255], [32, 240, 118]),
        ] {
            let size = Size { width: 2, height: 2 };
            let picture = Picture { size, format: PixelFormat::Rgb8, data: rgb.repeat(4) };
            let planes = convert(&picture, size, Subsampling::Yuv420, 8);
            assert_eq!(planes.map(|p| p[0]), yuv, "{rgb:?}");
        }
    }

    #[test]
    fn what_is_transparent_gives_no_color() {
        let size = Size { width: 4, height: 2 };
        // Red at the left, nothing at the right, whose color is black.
        let row = [[255, 0, 0, 255], [255, 0, 0, 128], [0; 4], [0; 4]].concat();
        let picture = Picture { size, format: PixelFormat::Rgba8, data: row.repeat(2) };
        let mut planes = [vec![0; 8], vec![0; 2], vec![0; 2]];
        let [y, cb, cr] = planes.each_mut();
        let plane = |data, stride| PlaneMut { data, stride };
        let planes_mut = [plane(y, 4), plane(cb, 2), plane(cr, 2)];
        yuv_from_rgb(&picture, size, (Subsampling::Yuv420, 8), true, planes_mut);
        assert_eq!((planes[1][0], planes[2][0]), (102, 240), "all that shows is red");
        assert_eq!((planes[1][1], planes[2][1]), (102, 240), "the last red pixel shows by half");
    }
}
