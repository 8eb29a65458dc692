//! One frame: the page's picture and the light of its videos, mixed pixel by pixel.
//!
//! Where a video is drawn black the page's picture has `p = Σ aᵢ·cᵢ`, and where it is drawn white
//! `p + w`: all of Chrome's effects on it (layers above and below, opacity, clips, masks, soft
//! edges) are in its weight `w`, exactly, because blending is linear in each color. So the frame's
//! light is `(1 - W)·light(p / (1 - W)) + Σ wᵢ·videoᵢ` with `W = Σ wᵢ`. Three videos share one
//! picture, each in a primary color of its own.

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::light::{CodeRow, Codes, Decoder};
use super::place::Placed;
use super::{Rgb, WHITE_NITS, narrowed, times};
use crate::color::ContentLightLevel;
use crate::color::codes::LightCodes;
use crate::color::transfer::{BT2020_FROM_BT709, REFERENCE_WHITE, linear_of_srgb};
use crate::frame::{Picture, PixelFormat};
use crate::transition::Light;

/// Steps of [`PAGE_LIGHT`] per code. Under a video, codes are fractions, and at the bend of sRGB,
/// at code 10, whole steps would be off by 2.5 codes of 16-bit PQ; these are off by 0.3.
const STEPS: u16 = 4;

/// Linear components of the page, in nit, by their codes in parts; the last twice.
static PAGE_LIGHT: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let light = |step: u16| {
        let code = f64::from(step) / f64::from(STEPS);
        narrowed(linear_of_srgb(code.min(255.0) / 255.0) * REFERENCE_WHITE)
    };
    (0..=255 * STEPS + 1).map(light).collect()
});

/// Measures the brightness of a render's frames (CTA-861.3) as they are made.
#[derive(Debug, Default)]
pub(crate) struct LightMeter {
    // Non-negative floats have the order of their bits.
    max_content: AtomicU32,
    max_frame_average: AtomicU32,
}

impl LightMeter {
    pub(super) fn saw(&self, frame: FrameLight) {
        self.max_content.fetch_max(frame.brightest.max(0.0).to_bits(), Ordering::Relaxed);
        self.max_frame_average.fetch_max(frame.average.max(0.0).to_bits(), Ordering::Relaxed);
    }

    /// The levels of all frames so far.
    pub(crate) fn level(&self) -> ContentLightLevel {
        let nits = |bits: &AtomicU32| {
            let nits = f32::from_bits(bits.load(Ordering::Relaxed)).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            let nits = nits.clamp(0.0, 65_535.0) as u16;
            nits
        };
        ContentLightLevel {
            max_content: nits(&self.max_content),
            max_frame_average: nits(&self.max_frame_average),
        }
    }
}

/// The brightness of one frame, by the brightest component of each pixel, in nit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FrameLight {
    pub brightest: f32,
    pub average: f32,
}

/// A video in the frame.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub picture: Content<'a>,
    /// The picture of the page in which it has a color.
    pub matte: &'a Picture,
    /// The number of its primary color.
    pub channel: usize,
    /// Columns and rows that it may touch.
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

/// The content of a layer.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Light, at any place.
    Placed(Placed<'a>),
    /// Codes that lie pixel on pixel, with an offset in columns and rows.
    Aligned { codes: Codes<'a>, decoder: &'a Decoder, shift: (isize, isize) },
}

/// The weight of a pixel that is a code of the output already.
const IS_CODE: u16 = u16::MAX;

/// Composes the frame of a page that shows `layers`, whose picture with all of them black is
/// `base`.
pub(super) fn compose(
    base: &Picture,
    layers: &[Layer<'_>],
    output: &LightCodes,
) -> (Picture, FrameLight) {
    let format = PixelFormat::Rgb16;
    let width = base.size.width as usize;
    let mut data = vec![0; width * format.bytes_per_pixel() * base.size.height as usize];
    let rows = data.par_chunks_exact_mut(width * format.bytes_per_pixel()).enumerate();
    let measured: Vec<(f32, f64)> = rows
        .map_init(
            || Scratch::new(width),
            |scratch, (y, row)| {
                scratch.gather(base, layers, y, Some(output));
                scratch.mix(base, y, output, row)
            },
        )
        .collect();
    let brightest = measured.iter().map(|&(brightest, _)| brightest).fold(0.0, f32::max);
    let total: f64 = measured.iter().map(|&(_, total)| total).sum();
    let average = narrowed(total / (width as f64 * f64::from(base.size.height)).max(1.0));
    (Picture { size: base.size, format, data }, FrameLight { brightest, average })
}

/// The light of such a page, in parts of its white, opaque.
pub(super) fn light_of_page(
    base: &Picture,
    layers: &[Layer<'_>],
    output: &LightCodes,
    pixels: &mut [Light],
) {
    let width = base.size.width as usize;
    let rows = pixels.par_chunks_exact_mut(width).enumerate();
    rows.for_each_init(
        || Scratch::new(width),
        |scratch, (y, row)| {
            scratch.gather(base, layers, y, None);
            let from = &base.data[y * base.stride()..][..base.stride()];
            let codes = from.chunks_exact(base.format.bytes_per_pixel());
            for (x, (to, pixel)) in row.iter_mut().zip(codes).enumerate() {
                let light = scratch.light_of(x, base.format.rgb(pixel));
                let most = narrowed(output.most);
                let [r, g, b] = light.map(|nits| nits.clamp(0.0, most) / WHITE_NITS);
                *to = [r, g, b, 1.0];
            }
        },
    );
}

/// Room for the row of one thread.
struct Scratch {
    /// The light of all videos in each pixel, by their weights.
    light: Vec<Rgb>,
    /// The sum of their weights, of 255; [`IS_CODE`] where there is a code instead.
    weight: Vec<u16>,
    codes: [Vec<u16>; 3],
    /// Codes of the current layer, from the first column on in which it shows.
    aligned: [Vec<u16>; 3],
    /// The weights of the current layer.
    parts: Vec<u8>,
    sampled: Vec<Rgb>,
    read: CodeRow,
}

impl Scratch {
    fn new(width: usize) -> Self {
        Self {
            light: vec![[0.0; 3]; width],
            weight: vec![0; width],
            codes: [vec![0; width], vec![0; width], vec![0; width]],
            aligned: Default::default(),
            parts: Vec::new(),
            sampled: vec![[0.0; 3]; width],
            read: CodeRow::default(),
        }
    }

    /// Adds up the visible light of the videos in a row. Codes of `output` stay codes where nothing
    /// else shows.
    fn gather(
        &mut self,
        base: &Picture,
        layers: &[Layer<'_>],
        y: usize,
        output: Option<&LightCodes>,
    ) {
        self.light.fill([0.0; 3]);
        self.weight.fill(0);
        for layer in layers.iter().filter(|layer| layer.rows.contains(&y)) {
            let weights = Weights::new(base, layer, y);
            let mut shown = layer.columns.clone().filter(|&x| weights.at(x) > 0);
            let Some(first) = shown.next() else { continue };
            let last = shown.next_back().unwrap_or(first);
            match &layer.picture {
                Content::Placed(picture) => {
                    let mut sampled = std::mem::take(&mut self.sampled);
                    picture.sample(y, first, &mut sampled[..=last - first]);
                    for (x, &video) in (first..=last).zip(&sampled) {
                        self.add(x, weights.at(x), video);
                    }
                    self.sampled = sampled;
                }
                Content::Aligned { codes, decoder, shift } => {
                    let mut read = std::mem::take(&mut self.read);
                    let (_, rows) = codes.planes.extent(0);
                    codes.read(y.saturating_add_signed(shift.1).min(rows - 1), &mut read);
                    let primaries = codes.planes.primaries;
                    let keeps = output.is_some_and(|o| decoder.keeps_codes(o, primaries));
                    self.align(&mut read.full, first..last + 1, shift.0);
                    self.parts.clear();
                    self.parts.extend((first..=last).map(|x| weights.at(x)));
                    let parts = std::mem::take(&mut self.parts);
                    let mut x = first;
                    for run in parts.chunk_by(|a, b| (*a == 255) == (*b == 255)) {
                        let columns = x..x + run.len();
                        let at = x - first..x - first + run.len();
                        x = columns.end;
                        if keeps && run[0] == 255 {
                            self.weight[columns.clone()].fill(IS_CODE);
                            for (codes, aligned) in self.codes.iter_mut().zip(&self.aligned) {
                                codes[columns.clone()].copy_from_slice(&aligned[at.clone()]);
                            }
                            continue;
                        }
                        for ((x, at), &weight) in columns.zip(at).zip(run) {
                            if weight > 0 {
                                let video = [0, 1, 2].map(|c| read.full[c][at]);
                                self.add(x, weight, decoder.light(video, primaries));
                            }
                        }
                    }
                    self.parts = parts;
                    self.read = read;
                }
            }
        }
    }

    /// Shifts the codes of a row to the columns `range`, and makes codes of 16 bits of them, too.
    fn align(&mut self, full: &mut [Vec<f32>; 3], range: Range<usize>, shift: isize) {
        for (row, aligned) in full.iter_mut().zip(&mut self.aligned) {
            let last = row.len() - 1;
            let start = range.start.checked_add_signed(shift);
            match start.filter(|start| start + range.len() <= row.len()) {
                Some(0) => {}
                Some(start) => row.copy_within(start..start + range.len(), 0),
                // Beyond its edges a picture continues with its edge pixels.
                None => {
                    let at = |x: usize| row[x.saturating_add_signed(shift).min(last)];
                    *row = range.clone().map(at).collect();
                }
            }
            aligned.resize(range.len(), 0);
            for (to, &from) in aligned.iter_mut().zip(&*row) {
                *to = code_of(from);
            }
        }
    }

    fn add(&mut self, x: usize, weight: u8, video: Rgb) {
        if weight > 0 {
            self.weight[x] = self.weight[x].saturating_add(u16::from(weight));
            let part = f32::from(weight) / 255.0;
            self.light[x] = [0, 1, 2].map(|c| self.light[x][c] + part * video[c]);
        }
    }

    /// Writes the codes of a row. Returns its brightest component and the sum of each pixel's.
    fn mix(&self, base: &Picture, y: usize, output: &LightCodes, row: &mut [u8]) -> (f32, f64) {
        let n = base.format.bytes_per_pixel();
        let from = &base.data[y * base.stride()..][..base.stride()];
        let row = row.as_chunks_mut::<6>().0;
        let (mut brightest, mut total) = (0.0_f32, 0.0_f64);
        let mut start = 0;
        for run in self.weight.chunk_by(|a, b| (*a == IS_CODE) == (*b == IS_CODE)) {
            let columns = start..start + run.len();
            start = columns.end;
            let to = &mut row[columns.clone()];
            let (most, sum) = if run[0] == IS_CODE {
                self.take_over(columns, output, to)
            } else {
                self.blend(
                    columns.clone(),
                    &from[columns.start * n..columns.end * n],
                    base.format,
                    output,
                    to,
                )
            };
            brightest = brightest.max(most);
            total += sum;
        }
        (brightest, total)
    }

    /// Writes the pixels that are codes already.
    fn take_over(
        &self,
        columns: Range<usize>,
        output: &LightCodes,
        to: &mut [[u8; 6]],
    ) -> (f32, f64) {
        let lights = output.table();
        let [red, green, blue] = self.codes.each_ref().map(|codes| &codes[columns.clone()]);
        let mut brightest = 0;
        // Several sums avoid waiting for each other.
        let mut sums = [0.0_f64; 4];
        for (x, ((to, &r), (&g, &b))) in
            to.iter_mut().zip(red).zip(green.iter().zip(blue)).enumerate()
        {
            let most = r.max(g).max(b);
            brightest = brightest.max(most);
            sums[x % 4] += f64::from(lights[usize::from(most)]);
            *to = bytes_of([r, g, b]);
        }
        (lights[usize::from(brightest)], sums.iter().sum())
    }

    /// Writes the pixels to which the page contributes.
    fn blend(
        &self,
        columns: Range<usize>,
        from: &[u8],
        format: PixelFormat,
        output: &LightCodes,
        to: &mut [[u8; 6]],
    ) -> (f32, f64) {
        let (mut brightest, mut total) = (0.0_f32, 0.0_f64);
        // Pages have large areas of one color.
        let mut known: Option<([u8; 3], [u16; 3], f32)> = None;
        let pixels = from.chunks_exact(format.bytes_per_pixel()).zip(to);
        for (x, (pixel, to)) in columns.zip(pixels) {
            let rgb = format.rgb(pixel);
            let (codes, most) = match (self.weight[x], known) {
                (0, Some((same, codes, most))) if same == rgb => (codes, most),
                (weight, _) => {
                    let light = self.light_of(x, rgb);
                    let light = light.map(|nits| nits.clamp(0.0, narrowed(output.most)));
                    let most = light.into_iter().fold(0.0, f32::max);
                    let codes = output.codes(light);
                    if weight == 0 {
                        known = Some((rgb, codes, most));
                    }
                    (codes, most)
                }
            };
            brightest = brightest.max(most);
            total += f64::from(most);
            *to = bytes_of(codes);
        }
        (brightest, total)
    }

    fn light_of(&self, x: usize, page: [u8; 3]) -> Rgb {
        match self.weight[x] {
            0 => page_light(page.map(f32::from)),
            255.. => self.light[x],
            weight => {
                let rest = 1.0 - f32::from(weight) / 255.0;
                let page = page_light(page.map(|code| f32::from(code) / rest));
                [0, 1, 2].map(|c| self.light[x][c] + rest * page[c])
            }
        }
    }
}

/// A pixel of codes.
fn bytes_of([r, g, b]: [u16; 3]) -> [u8; 6] {
    let ([r0, r1], [g0, g1], [b0, b1]) = (r.to_ne_bytes(), g.to_ne_bytes(), b.to_ne_bytes());
    [r0, r1, g0, g1, b0, b1]
}

/// Converts a code from 0 to 1 to 16 bits.
fn code_of(code: f32) -> u16 {
    /// From here on floats are whole, and their last bits count.
    const WHOLE: f32 = (1 << 23) as f32;
    let bits = (code.clamp(0.0, 1.0) * f32::from(u16::MAX) + WHOLE).to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "the last 16 bits are meant")]
    let code = bits as u16;
    code
}

/// The light of a color of the page, whose codes count to 255.
fn page_light(codes: Rgb) -> Rgb {
    let linear = codes.map(|code| {
        let code = code.min(255.0) * f32::from(STEPS);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1020")]
        let step = code as usize;
        let (from, to) = (PAGE_LIGHT[step], PAGE_LIGHT[step + 1]);
        from + (code - step as f32) * (to - from)
    });
    times(&BT2020_FROM_BT709, linear)
}

/// The weights of a layer in the pixels of one row, of 255.
struct Weights<'a> {
    base: &'a [u8],
    matte: &'a [u8],
    base_at: (usize, usize),
    matte_at: (usize, usize),
}

impl<'a> Weights<'a> {
    fn new(base: &'a Picture, layer: &Layer<'a>, y: usize) -> Self {
        let row = |picture: &'a Picture| &picture.data[y * picture.stride()..][..picture.stride()];
        let at = |picture: &Picture| {
            let channel = match picture.format {
                PixelFormat::Bgrx8 => 2 - layer.channel,
                _ => layer.channel,
            };
            (picture.format.bytes_per_pixel(), channel)
        };
        Self {
            base: row(base),
            matte: row(layer.matte),
            base_at: at(base),
            matte_at: at(layer.matte),
        }
    }

    fn at(&self, x: usize) -> u8 {
        let black = self.base[x * self.base_at.0 + self.base_at.1];
        let color = self.matte[x * self.matte_at.0 + self.matte_at.1];
        color.saturating_sub(black)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::light::LightPicture;
    use super::super::place::Placement;
    use super::*;
    use crate::av::Orientation;
    use crate::color::transfer::{
        BT2020_LUMINANCE, HLG_PEAK, PQ_PEAK, hlg_of_scene, hlg_scene_gain, light_of_pq, pq_of_light,
    };
    use crate::frame::Size;
    use crate::page::NativeLayer;

    const SIZE: Size = Size { width: 7, height: 3 };
    const PIXELS: usize = 21;

    /// The formula, pixel by pixel: codes of 16 bits, not rounded.
    fn twin(base: &[[u8; 3]], weights: &[Vec<u8>], videos: &[Vec<Rgb>], pq: bool) -> Vec<[f64; 3]> {
        let pixel = |at: usize| {
            let weight = |layer: usize| f64::from(weights[layer][at]) / 255.0;
            let shown: f64 = (0..weights.len()).map(weight).sum();
            let rest = (1.0 - shown).max(0.0);
            let mut light = [0.0; 3];
            if rest > 1e-9 {
                let linear = base[at].map(|code| {
                    linear_of_srgb((f64::from(code) / 255.0 / rest).min(1.0)) * REFERENCE_WHITE
                });
                for (light, row) in light.iter_mut().zip(BT2020_FROM_BT709) {
                    *light = rest * (0..3).map(|c| f64::from(row[c]) * linear[c]).sum::<f64>();
                }
            }
            for (layer, video) in videos.iter().enumerate() {
                for (light, &nits) in light.iter_mut().zip(&video[at]) {
                    *light += weight(layer) * f64::from(nits);
                }
            }
            if pq {
                return light.map(|nits| pq_of_light(nits.min(PQ_PEAK)) * 65_535.0);
            }
            let light = light.map(|nits| nits.min(HLG_PEAK));
            let luminance: f64 = (0..3).map(|c| f64::from(BT2020_LUMINANCE[c]) * light[c]).sum();
            let gain = hlg_scene_gain(luminance);
            light.map(|nits| hlg_of_scene((nits * gain).min(1.0)) * 65_535.0)
        };
        (0..base.len()).map(pixel).collect()
    }

    fn picture(format: PixelFormat, pixels: impl Iterator<Item = [u8; 3]>) -> Picture {
        let bytes = |[r, g, b]: [u8; 3]| match format {
            PixelFormat::Rgb8 => vec![r, g, b],
            PixelFormat::Bgrx8 => vec![b, g, r, 0],
            _ => vec![r, g, b, 255],
        };
        Picture { size: SIZE, format, data: pixels.flat_map(bytes).collect() }
    }

    proptest! {
        #[test]
        fn the_kernel_is_the_formula(
            // Per pixel: a color, the share of the frame that two videos take, and its split
            // between them.
            pixels in prop::collection::vec(
                (any::<[u8; 3]>(), 0_u8..=255, 0_u8..=255, any::<bool>()),
                PIXELS
            ),
            nits in prop::collection::vec(prop::array::uniform3(0.0_f32..4000.0), 2 * PIXELS),
            formats in prop::array::uniform2(prop::sample::select(vec![
                PixelFormat::Rgb8, PixelFormat::Rgba8, PixelFormat::Bgrx8,
            ])),
            pq in any::<bool>(),
        ) {
            let mut weights = [vec![], vec![]];
            let mut base = vec![];
            for (color, taken, part, is_plain) in pixels {
                let taken = if is_plain { 0 } else { taken };
                let first = u8::try_from(u16::from(taken) * u16::from(part) / 255).unwrap();
                weights[0].push(first);
                weights[1].push(taken - first);
                // Chrome's picture has the rest of the page's colors.
                let rest = f64::from(255 - taken) / 255.0;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
                base.push(color.map(|code| (f64::from(code) * rest) as u8));
            }
            let videos = [nits[..PIXELS].to_vec(), nits[PIXELS..].to_vec()];
            let expected = twin(&base, &weights, &videos, pq);

            let from = picture(formats[0], base.iter().copied());
            let colored = base.iter().zip(weights[0].iter().zip(&weights[1]));
            let colored = colored.map(|(&[r, g, b], (red, blue))| [r + red, g, b + blue]);
            let matte = picture(formats[1], colored);
            let quad = [[0.0, 0.0], [7.0, 0.0], [7.0, 3.0], [0.0, 3.0]];
            let whole = NativeLayer {
                quad, content: [7.0, 3.0], picture: [0.0, 0.0, 1.0, 1.0], ..NativeLayer::default()
            };
            let placement = Placement::of(&whole, Orientation::default()).unwrap();
            let [a, b] = videos.map(|pixels| LightPicture { width: 7, height: 3, pixels });
            let layer = |light, channel| Layer {
                picture: Content::Placed(Placed::new(light, &placement, [3.5, 1.5])),
                matte: &matte, channel, columns: 0..7, rows: 0..3,
            };
            let output = if pq { LightCodes::pq() } else { LightCodes::hlg() };
            let (frame, light) = compose(&from, &[layer(&a, 0), layer(&b, 2)], output);

            let codes = frame.data.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]]));
            for (code, expected) in codes.zip(expected.iter().flatten()) {
                // HLG is steep at black.
                let tolerance = if pq { 1.0 } else { 3.0 + 2000.0 / expected.max(1.0) };
                let error = (f64::from(code) - expected).abs();
                prop_assert!(error < tolerance, "{code}, not {expected}");
            }
            if pq {
                let most = |codes: &[f64; 3]| codes.iter().copied().fold(0.0, f64::max) / 65_535.0;
                let nits: Vec<f64> = expected.iter().map(|codes| light_of_pq(most(codes))).collect();
                let brightest = nits.iter().copied().fold(0.0, f64::max);
                let average = nits.iter().sum::<f64>() / PIXELS as f64;
                prop_assert!((f64::from(light.brightest) - brightest).abs() < brightest * 1e-4 + 1e-3);
                prop_assert!((f64::from(light.average) - average).abs() < average * 1e-4 + 1e-3);
            }
        }
    }
}
