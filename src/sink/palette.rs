//! Palettes of 255 colors, one per scene, and pictures drawn with them.
//!
//! While frames are stored, a [`ColorHistogram`] counts their colors and notices where scenes
//! change. A palette is cut out of the counts by variance (after Wu) and improved by a few rounds
//! of k-means. Where a scene has no more colors than that, they are its palette. The 256th color is
//! transparent.

mod draw;

use std::collections::BTreeSet;

use rayon::prelude::*;

pub(super) use self::draw::Scenes;
use crate::frame::{Picture, PixelFormat};

/// Colors of a palette, without the transparent one.
pub(super) const COLORS: usize = 255;

/// Bits of a component by which colors are counted.
const BITS: u32 = 5;
const BUCKETS: usize = 1 << (3 * BITS);

/// Share of pixels that must have other colors for a new scene.
const CUT: f64 = 0.6;

/// Rounds of k-means.
const ROUNDS: usize = 4;

/// The weights of differences of red, green and blue.
const WEIGHTS: [f32; 3] = [2.0, 4.0, 1.5];

/// Red, green, blue.
pub(super) type Color = [u8; 3];

/// The colors of one scene.
#[derive(Debug)]
pub(super) struct Scene {
    /// The first frame of it.
    pub first: u64,
    pub palette: Vec<Color>,
    /// Whether the palette has all colors of the scene.
    pub is_exact: bool,
}

/// A group of similar colors.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    count: u64,
    sum: [u64; 3],
}

impl Bucket {
    fn mean(&self) -> [f32; 3] {
        self.sum.map(|sum| sum as f32 / self.count as f32)
    }
}

/// Counts the colors of frames.
#[derive(Debug)]
pub(super) struct ColorHistogram {
    done: Vec<Scene>,
    first: u64,
    frames: u64,
    buckets: Vec<Bucket>,
    /// All colors of the scene, while they are few.
    exact: Option<BTreeSet<Color>>,
    /// Shares of buckets in the last picture.
    last: Vec<u32>,
}

impl ColorHistogram {
    pub(super) fn new() -> Self {
        Self {
            done: Vec::new(),
            first: 0,
            frames: 0,
            buckets: vec![Bucket::default(); BUCKETS],
            exact: Some(BTreeSet::new()),
            last: Vec::new(),
        }
    }

    /// Counts one more frame; `is_same` if it shows the picture of the frame before.
    pub(super) fn add(&mut self, picture: &Picture, is_same: bool) {
        let number = self.frames;
        self.frames += 1;
        if is_same {
            return;
        }
        let mut shares = vec![0_u32; BUCKETS];
        let mut buckets = vec![Bucket::default(); BUCKETS];
        let mut colors = BTreeSet::new();
        let mut before = None;
        for color in opaque(picture) {
            let bucket = &mut buckets[bucket_of(color)];
            bucket.count += 1;
            for (sum, component) in bucket.sum.iter_mut().zip(color) {
                *sum += u64::from(component);
            }
            shares[bucket_of(color)] += 1;
            if before != Some(color) && colors.len() <= COLORS {
                colors.insert(color);
                before = Some(color);
            }
        }
        if self.is_cut(&shares) {
            self.end_scene(number);
        }
        for (all, one) in self.buckets.iter_mut().zip(buckets) {
            all.count += one.count;
            for (sum, more) in all.sum.iter_mut().zip(one.sum) {
                *sum += more;
            }
        }
        if let Some(exact) = &mut self.exact {
            exact.extend(colors);
            if exact.len() > COLORS {
                self.exact = None;
            }
        }
        self.last = shares;
    }

    fn is_cut(&self, shares: &[u32]) -> bool {
        let pixels: u64 = shares.iter().map(|&share| u64::from(share)).sum();
        let moved: u64 =
            shares.iter().zip(&self.last).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        !self.last.is_empty() && moved as f64 > 2.0 * CUT * pixels as f64
    }

    fn end_scene(&mut self, next: u64) {
        let exact = self.exact.take();
        let is_exact = exact.is_some();
        let exact = exact.map(|colors| colors.into_iter().collect());
        let palette = exact.unwrap_or_else(|| palette_of(&self.buckets));
        self.done.push(Scene { first: self.first, palette, is_exact });
        self.first = next;
        self.buckets.fill(Bucket::default());
        self.exact = Some(BTreeSet::new());
    }

    /// The scenes of all frames.
    pub(super) fn finish(mut self) -> Scenes {
        self.end_scene(self.frames);
        Scenes::new(self.done)
    }
}

/// Colors of the pixels that are not transparent.
fn opaque(picture: &Picture) -> impl Iterator<Item = Color> {
    let format = picture.format;
    let pixels = picture.data.chunks_exact(format.bytes_per_pixel());
    let shows = move |pixel: &&[u8]| format != PixelFormat::Rgba8 || pixel[3] >= 128;
    pixels.filter(shows).map(move |pixel| format.rgb(pixel))
}

fn bucket_of(color: Color) -> usize {
    color.into_iter().fold(0, |at, c| at << BITS | usize::from(c >> (8 - BITS)))
}

/// Chooses up to [`COLORS`] colors that represent the counted ones.
fn palette_of(buckets: &[Bucket]) -> Vec<Color> {
    let points: Vec<(f32, [f32; 3])> = buckets
        .iter()
        .filter(|bucket| bucket.count > 0)
        .map(|bucket| (bucket.count as f32, bucket.mean()))
        .collect();
    let mut boxes = vec![Cut::of(points.clone())];
    while boxes.len() < COLORS {
        let worst = boxes.iter().enumerate().max_by(|(_, a), (_, b)| a.error.total_cmp(&b.error));
        let Some((at, worst)) = worst else { break };
        if worst.error <= 0.0 {
            break;
        }
        let (a, b) = boxes.swap_remove(at).split();
        boxes.extend([a, b]);
    }
    let mut centers: Vec<[f32; 3]> = boxes.iter().map(|part| part.mean).collect();
    for _ in 0..ROUNDS {
        let nearest: Vec<usize> =
            points.par_iter().map(|(_, point)| nearest(*point, &centers)).collect();
        let mut sums = vec![(0.0_f64, [0.0_f64; 3]); centers.len()];
        for ((weight, point), center) in points.iter().zip(nearest) {
            let (total, sum) = &mut sums[center];
            *total += f64::from(*weight);
            for (sum, component) in sum.iter_mut().zip(point) {
                *sum += f64::from(*weight) * f64::from(*component);
            }
        }
        for (center, (total, sum)) in centers.iter_mut().zip(sums) {
            if total > 0.0 {
                #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
                {
                    *center = sum.map(|sum| (sum / total) as f32);
                }
            }
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "means of bytes")]
    let color = |center: &[f32; 3]| center.map(|c| c.round().clamp(0.0, 255.0) as u8);
    centers.iter().map(color).collect()
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| WEIGHTS[i] * (a[i] - b[i]) * (a[i] - b[i])).sum()
}

/// The place of the center that is nearest; the first of equals.
fn nearest(point: [f32; 3], centers: &[[f32; 3]]) -> usize {
    let mut best = (f32::INFINITY, 0);
    for (i, &center) in centers.iter().enumerate() {
        let far = distance(point, center);
        if far < best.0 {
            best = (far, i);
        }
    }
    best.1
}

/// A box of colors that may be cut in two.
struct Cut {
    points: Vec<(f32, [f32; 3])>,
    mean: [f32; 3],
    /// Squared distances from the mean, by weight.
    error: f64,
    /// The component that varies most.
    axis: usize,
}

impl Cut {
    fn of(points: Vec<(f32, [f32; 3])>) -> Self {
        let total: f64 = points.iter().map(|(weight, _)| f64::from(*weight)).sum();
        let mut mean = [0.0_f64; 3];
        for (weight, point) in &points {
            for (mean, component) in mean.iter_mut().zip(point) {
                *mean += f64::from(*weight) * f64::from(*component) / total.max(1.0);
            }
        }
        let mut errors = [0.0_f64; 3];
        for (weight, point) in &points {
            for i in 0..3 {
                let off = f64::from(point[i]) - mean[i];
                errors[i] += f64::from(*weight) * f64::from(WEIGHTS[i]) * off * off;
            }
        }
        let axis = (0..3).max_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or_default();
        let error = if points.len() < 2 { 0.0 } else { errors.iter().sum() };
        #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
        let mean = mean.map(|mean| mean as f32);
        Self { points, mean, error, axis }
    }

    /// Two boxes, with as little error together as a cut across the axis allows.
    fn split(mut self) -> (Self, Self) {
        let axis = self.axis;
        self.points.sort_by(|(_, a), (_, b)| a[axis].total_cmp(&b[axis]));
        let total: f64 = self.points.iter().map(|(w, _)| f64::from(*w)).sum();
        let whole: f64 = self.points.iter().map(|(w, p)| f64::from(*w) * f64::from(p[axis])).sum();
        let (mut weight, mut sum) = (0.0, 0.0);
        let mut best = (f64::NEG_INFINITY, 1);
        for (i, (w, point)) in self.points.iter().enumerate().take(self.points.len() - 1) {
            weight += f64::from(*w);
            sum += f64::from(*w) * f64::from(point[axis]);
            // The larger the squared means, the smaller the remaining error.
            let gain = sum * sum / weight + (whole - sum) * (whole - sum) / (total - weight);
            if gain > best.0 {
                best = (gain, i + 1);
            }
        }
        let rest = self.points.split_off(best.1);
        (Self::of(self.points), Self::of(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn picture(colors: &[Color]) -> Picture {
        let size = Size { width: u32::try_from(colors.len()).unwrap(), height: 1 };
        Picture { size, format: PixelFormat::Rgb8, data: colors.concat() }
    }

    #[test]
    fn few_colors_are_kept_as_they_are() {
        let mut surveyor = ColorHistogram::new();
        surveyor.add(&picture(&[[1, 2, 3], [1, 2, 4], [255, 0, 9]]), false);
        surveyor.add(&picture(&[[1, 2, 3], [1, 2, 4], [255, 0, 8]]), false);
        let scenes = surveyor.finish();
        assert_eq!(scenes.palette_at(0), [[1, 2, 3], [1, 2, 4], [255, 0, 8], [255, 0, 9]]);
    }

    #[test]
    fn other_colors_are_another_scene() {
        let mut surveyor = ColorHistogram::new();
        let (red, blue) = (picture(&[[255, 0, 0]; 8]), picture(&[[0, 0, 255]; 8]));
        surveyor.add(&red, false);
        surveyor.add(&red, true);
        surveyor.add(&blue, false);
        let scenes = surveyor.finish();
        assert_eq!(scenes.palette_at(1), [[255, 0, 0]]);
        assert_eq!(scenes.palette_at(2), [[0, 0, 255]]);
    }

    #[test]
    fn many_colors_are_cut_where_they_differ_most() {
        // A ramp of gray and a little of red: the ramp gets most of the palette.
        let mut colors: Vec<Color> = (0..=255).flat_map(|v| [[v; 3]; 16]).collect();
        colors.extend((0..=255).map(|v| [255, v / 16, v / 16]));
        let mut surveyor = ColorHistogram::new();
        surveyor.add(&picture(&colors), false);
        let palette = surveyor.finish().palette_at(0).to_vec();
        assert!(palette.len() <= COLORS);
        let centers: Vec<_> = palette.iter().map(|color| color.map(f32::from)).collect();
        let worst = colors.iter().map(|color| {
            let point = color.map(f32::from);
            let center = centers[nearest(point, &centers)];
            (0..3).map(|i| (point[i] - center[i]).abs()).fold(0.0, f32::max)
        });
        assert!(worst.fold(0.0, f32::max) <= 8.0, "{palette:?}");
    }
}
