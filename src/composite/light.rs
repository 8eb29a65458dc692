//! The light of a decoded picture.

use rayon::prelude::*;

use super::curve::Curve;
use super::{Matrix, Rgb, times};
use crate::av::{Planes, SourceMatrix, SourcePrimaries, SourceTransfer};
use crate::color::Range;
use crate::color::codes::LightCodes;
use crate::color::transfer::{BT2020_FROM_BT709, BT2020_FROM_P3, PQ_PEAK, compressed};

/// A picture in nit, in rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LightPicture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<Rgb>,
}

impl LightPicture {
    pub(super) fn row(&self, y: usize) -> &[Rgb] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }
}

/// Converts the codes of one source to light.
#[derive(Debug)]
pub(super) struct Decoder {
    transfer: SourceTransfer,
    codes: &'static LightCodes,
    /// Dims light that is too bright for the output, by the brightest component.
    limit: Option<Curve>,
}

impl Decoder {
    /// Whether codes of these primaries are those of the output, unchanged.
    pub(super) fn keeps_codes(&self, output: &LightCodes, primaries: SourcePrimaries) -> bool {
        let is_same = match self.transfer {
            SourceTransfer::Pq => !output.is_hlg(),
            SourceTransfer::Hlg => output.is_hlg(),
            SourceTransfer::Sdr => false,
        };
        is_same && self.limit.is_none() && primaries == SourcePrimaries::Bt2020
    }

    /// Creates a decoder for a source of PQ whose brightest light is `peak`, or of HLG. Light
    /// brighter than the output's `most` nit is compressed below it (ITU-R BT.2390), and keeps its
    /// hue.
    pub(super) fn new(transfer: SourceTransfer, peak: Option<f64>, most: f64) -> Self {
        let peak = if transfer == SourceTransfer::Pq { peak.unwrap_or(PQ_PEAK) } else { 0.0 };
        let limit = (peak > most).then(|| {
            Curve::new(|nits| {
                let nits = nits.max(1e-3);
                compressed(nits.min(peak), peak, most) / nits
            })
        });
        let is_hlg = transfer == SourceTransfer::Hlg;
        let codes = if is_hlg { LightCodes::hlg() } else { LightCodes::pq() };
        Self { transfer, codes, limit }
    }

    /// The light of a whole picture.
    pub(super) fn decode(&self, planes: &Planes<'_>) -> LightPicture {
        let (width, height) = planes.extent(0);
        let mut pixels = vec![[0.0; 3]; width * height];
        let codes = Codes::new(*planes);
        pixels.par_chunks_exact_mut(width).enumerate().for_each_init(
            CodeRow::default,
            |scratch, (y, row)| {
                codes.read(y, scratch);
                let [first, second, third] = &scratch.full;
                let codes = first.iter().zip(second).zip(third);
                for (pixel, ((&first, &second), &third)) in row.iter_mut().zip(codes) {
                    *pixel = self.light([first, second, third], planes.primaries);
                }
            },
        );
        LightPicture { width, height, pixels }
    }

    /// The light of red, green and blue codes, which count from 0 to 1.
    pub(super) fn light(&self, codes: Rgb, primaries: SourcePrimaries) -> Rgb {
        let table = self.codes.table();
        let mut light = codes.map(|code| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            let step = (code.clamp(0.0, 1.0) * f32::from(u16::MAX) + 0.5) as usize;
            table[step]
        });
        if let Some(matrix) = wide(primaries) {
            light = times(matrix, light);
        }
        light = self.codes.displayed(light);
        if let Some(limit) = &self.limit {
            let gain = limit.at(light.into_iter().fold(0.0, f32::max));
            light = light.map(|nits| nits * gain);
        }
        light
    }
}

const fn wide(primaries: SourcePrimaries) -> Option<&'static Matrix> {
    match primaries {
        SourcePrimaries::Bt2020 => None,
        SourcePrimaries::Bt709 => Some(&BT2020_FROM_BT709),
        SourcePrimaries::P3 => Some(&BT2020_FROM_P3),
    }
}

/// Rows of one picture as red, green and blue codes from 0 to 1.
#[derive(Debug)]
pub(super) struct Codes<'a> {
    pub planes: Planes<'a>,
    /// For each pixel of a row, the samples of chroma around it, and the share of the second.
    taps: Vec<(usize, usize, f32)>,
    /// The factor, after an offset, of codes of luma, or of red, green and blue.
    luma: (f32, f32),
    chroma: (f32, f32),
}

/// Room for the row of one thread.
#[derive(Debug, Default)]
pub(super) struct CodeRow {
    /// Red, green and blue, or luma and color differences, of each pixel.
    pub full: [Vec<f32>; 3],
    /// Two rows of chroma, which are mixed into the first.
    near: [Vec<f32>; 2],
}

impl CodeRow {
    fn fit(&mut self, planes: &Planes<'_>) {
        let (width, (chroma, _)) = (planes.extent(0).0, planes.extent(1));
        self.full.iter_mut().for_each(|row| row.resize(width, 0.0));
        self.near.iter_mut().for_each(|row| row.resize(chroma, 0.0));
    }
}

impl<'a> Codes<'a> {
    pub(super) fn new(planes: Planes<'a>) -> Self {
        let unit = (1_u32 << (planes.depth - 8)) as f32;
        let most = ((1_u32 << planes.depth) - 1) as f32;
        let middle = (1_u32 << (planes.depth - 1)) as f32;
        let (luma, chroma) = match planes.range {
            Range::Full => ((0.0, 1.0 / most), (middle, 1.0 / most)),
            Range::Limited => ((16.0 * unit, 1.0 / (219.0 * unit)), (middle, 1.0 / (224.0 * unit))),
        };
        let (columns, _) = planes.extent(1);
        let tap = |x| between(x, planes.chroma_shift.0, planes.chroma_offset.0, columns);
        let taps = (0..planes.extent(0).0).map(tap).collect();
        Self { planes, taps, luma, chroma }
    }

    pub(super) fn read(&self, y: usize, scratch: &mut CodeRow) {
        let planes = &self.planes;
        scratch.fit(planes);
        planes.read_row(0, y, &mut scratch.full[0]);
        scale(&mut scratch.full[0], self.luma);
        let SourceMatrix::Luma { red, blue } = planes.matrix else {
            for component in 1..3 {
                planes.read_row(component, y, &mut scratch.full[component]);
                scale(&mut scratch.full[component], self.luma);
            }
            return;
        };
        for component in 1..3 {
            if planes.chroma_shift == (0, 0) {
                planes.read_row(component, y, &mut scratch.full[component]);
            } else {
                self.spread(component, y, scratch);
            }
            scale(&mut scratch.full[component], self.chroma);
        }
        let green = 1.0 - red - blue;
        let (from_cr, from_cb) = (2.0 - 2.0 * red, 2.0 - 2.0 * blue);
        // An excess of red and blue is a lack of green.
        let (green_cr, green_cb) = (from_cr * red / green, from_cb * blue / green);
        let [luma, cb, cr] = &mut scratch.full;
        for ((luma, cb), cr) in luma.iter_mut().zip(cb).zip(cr) {
            let r = *luma + from_cr * *cr;
            let b = *luma + from_cb * *cb;
            let g = *luma - green_cr * *cr - green_cb * *cb;
            (*luma, *cb, *cr) = (r, g, b);
        }
    }

    /// One row of a color difference for all pixels, between the samples around each.
    fn spread(&self, component: usize, y: usize, scratch: &mut CodeRow) {
        let planes = &self.planes;
        let (_, rows) = planes.extent(component);
        let (upper, lower, part) = between(y, planes.chroma_shift.1, planes.chroma_offset.1, rows);
        let [near, other] = &mut scratch.near;
        planes.read_row(component, upper, near);
        if part > 0.0 && lower != upper {
            planes.read_row(component, lower, other);
            for (near, other) in near.iter_mut().zip(other) {
                *near += part * (*other - *near);
            }
        }
        for (code, &(left, right, part)) in scratch.full[component].iter_mut().zip(&self.taps) {
            *code = near[left] + part * (near[right] - near[left]);
        }
    }
}

/// The samples around a pixel, and the share of the second.
fn between(at: usize, shift: u32, offset: f32, count: usize) -> (usize, usize, f32) {
    let place = ((at as f32 - offset) / (1 << shift) as f32).clamp(0.0, (count - 1) as f32);
    let floor = place.floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let first = floor as usize;
    (first, (first + 1).min(count - 1), place - floor)
}

fn scale(codes: &mut [f32], (offset, factor): (f32, f32)) {
    for code in codes {
        *code = (*code - offset) * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_light_that_was_meant() {
        let pq = Decoder::new(SourceTransfer::Pq, Some(1000.0), PQ_PEAK);
        let [r, g, b] = pq.light([0.508_078_4; 3], SourcePrimaries::Bt2020);
        for nits in [r, g, b] {
            assert!((nits - 100.0).abs() < 0.05, "{nits}");
        }
        let hlg = Decoder::new(SourceTransfer::Hlg, None, PQ_PEAK);
        let [white, ..] = hlg.light([0.75; 3], SourcePrimaries::Bt2020);
        assert!((white - 203.0).abs() < 1.5, "{white}");
        let [peak, ..] = hlg.light([1.0; 3], SourcePrimaries::Bt2020);
        assert!((peak - 1000.0).abs() < 0.5, "{peak}");
        // A red of BT.709 has some green in BT.2020.
        let [r, g, b] = pq.light([0.508_078_4, 0.0, 0.0], SourcePrimaries::Bt709);
        assert!((r - 62.74).abs() < 0.1 && (g - 6.91).abs() < 0.05 && (b - 1.64).abs() < 0.02);
    }

    #[test]
    fn what_is_too_bright_comes_below_the_limit() {
        let decoder = Decoder::new(SourceTransfer::Pq, Some(4000.0), 1000.0);
        let [peak, ..] = decoder.light([0.9026; 3], SourcePrimaries::Bt2020);
        assert!((peak - 1000.0).abs() < 2.0, "{peak}");
        let [dark, ..] = decoder.light([0.508_078_4; 3], SourcePrimaries::Bt2020);
        assert!((dark - 100.0).abs() < 0.1, "{dark}");
    }

    #[test]
    fn chroma_lies_between_its_samples() {
        // To the left: the first pixel has the first sample, the second half of the next.
        assert_eq!(between(0, 1, 0.0, 4), (0, 1, 0.0));
        assert_eq!(between(1, 1, 0.0, 4), (0, 1, 0.5));
        // In the middle of its pixels, vertically.
        assert_eq!(between(0, 1, 0.5, 4), (0, 1, 0.0));
        assert_eq!(between(1, 1, 0.5, 4), (0, 1, 0.25));
        assert_eq!(between(2, 1, 0.5, 4), (0, 1, 0.75));
        assert_eq!(between(7, 1, 0.0, 4), (3, 3, 0.0));
    }
}
