//! Compares two pictures of one frame that were taken by different backends.
//!
//! Two backends never agree on every pixel: an edge of a glyph lies a fraction of a pixel
//! elsewhere, or a layer that the compositor has scaled is softer than one that was drawn at its
//! size. A plain difference calls that as bad as a shadow that is missing. So a channel counts only
//! as far as it lies outside of the other picture's range within one pixel around; of the two
//! directions, the larger. A sharp and a soft edge are then the same, and an area that differs
//! counts in full.
//!
//! Measured: letters in slow scaled layers, 38 dB by plain difference, 51 dB and 2 levels in the
//! worst block here; a small shadow that is missing, 40 dB and 12 levels in either measure.
//!
//! Pictures with alpha are compared as they would look on black and as they would look on white;
//! the worse counts. So a black shadow that is missing counts as much as it would on paper, and the
//! color of invisible pixels does not count.

use std::collections::BTreeSet;
use std::fmt;

use crate::frame::{Picture, PixelFormat, Size};

/// Red, green and blue.
const CHANNELS: usize = 3;

/// Side of the blocks that are judged by themselves, so that a small fault can fail.
const BLOCK: usize = 16;

/// The limits that two pictures of the same frame must keep.
const MIN_PSNR_DB: f64 = 48.0;
const MAX_BLOCK: f64 = 5.0;

/// Frames compared over the whole length, and the most at the edges of clips.
const SPREAD: u64 = 6;
const MAX_EDGES: usize = 8;

/// The agreement of two pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fidelity {
    /// Peak signal to noise over the whole picture; infinite without a difference.
    pub psnr_db: f64,
    /// Average difference in the worst block, in levels of 255.
    pub worst_block: f64,
    /// That block's left upper pixel.
    pub at: (u32, u32),
}

impl Fidelity {
    /// The worse of either in each measure.
    fn worse(self, other: Self) -> Self {
        let block = if self.worst_block < other.worst_block { other } else { self };
        Self { psnr_db: self.psnr_db.min(other.psnr_db), ..block }
    }

    /// Whether both look the same to people.
    pub(crate) fn is_faithful(&self) -> bool {
        self.psnr_db >= MIN_PSNR_DB && self.worst_block <= MAX_BLOCK
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { psnr_db, worst_block, at: (x, y) } = self;
        write!(
            f,
            "{psnr_db:.1} dB, and {worst_block:.1} levels around ({x}, {y}); wanted are at least \
             {MIN_PSNR_DB} dB and at most {MAX_BLOCK} levels"
        )
    }
}

/// Compares two pictures; `None` if they differ in size.
pub(crate) fn compare(a: &Picture, b: &Picture) -> Option<Fidelity> {
    if a.size != b.size {
        return None;
    }
    let on = |background| compare_on(background, a, b);
    let on_black = on(0);
    Some(if a.is_opaque() && b.is_opaque() { on_black } else { on_black.worse(on(255)) })
}

fn compare_on(background: u8, a: &Picture, b: &Picture) -> Fidelity {
    let Size { width, height } = a.size;
    let (width, height) = (width as usize, height as usize);
    let (a, b) = (flattened(a, background), flattened(b, background));
    let mut blocks = Blocks::new(width, height);
    let (mut from_a, mut from_b) = (Ranges::new(width), Ranges::new(width));
    for y in 0..height {
        from_a.look_at(&a, y, height);
        from_b.look_at(&b, y, height);
        let row = y * width * CHANNELS..(y + 1) * width * CHANNELS;
        for (i, (&a, &b)) in a[row.clone()].iter().zip(&b[row]).enumerate() {
            blocks.add(i / CHANNELS, y, from_b.distance(i, a).max(from_a.distance(i, b)));
        }
    }
    blocks.fidelity()
}

/// The pixels as red, green and blue, in front of a gray `background`.
fn flattened(picture: &Picture, background: u8) -> Vec<u8> {
    let step = picture.format.bytes_per_pixel();
    let blend = |color: u8, alpha: u8| {
        let (alpha, rest) = (u16::from(alpha), u16::from(255 - alpha));
        let sum = u16::from(color) * alpha + u16::from(background) * rest;
        u8::try_from((sum + 127) / 255).expect("a mean of bytes")
    };
    let one = |pixel: &[u8]| {
        let alpha = if picture.format == PixelFormat::Rgba8 { pixel[3] } else { 255 };
        picture.format.rgb(pixel).map(|color| blend(color, alpha))
    };
    picture.data.chunks_exact(step).flat_map(one).collect()
}

/// The least and the most that each channel of one row has within one pixel around.
struct Ranges {
    least: Vec<u8>,
    most: Vec<u8>,
    /// The same, of the pixels above and below only.
    column_least: Vec<u8>,
    column_most: Vec<u8>,
}

impl Ranges {
    fn new(width: usize) -> Self {
        let row = vec![0; width * CHANNELS];
        Self { least: row.clone(), most: row.clone(), column_least: row.clone(), column_most: row }
    }

    fn look_at(&mut self, pixels: &[u8], y: usize, height: usize) {
        let bytes = self.least.len();
        let row = |y: usize| &pixels[y * bytes..(y + 1) * bytes];
        let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1)));
        for i in 0..bytes {
            self.column_least[i] = above[i].min(here[i]).min(below[i]);
            self.column_most[i] = above[i].max(here[i]).max(below[i]);
        }
        for i in 0..bytes {
            let (left, right) = (
                if i < CHANNELS { i } else { i - CHANNELS },
                if i + CHANNELS < bytes { i + CHANNELS } else { i },
            );
            let (least, most) = (&self.column_least, &self.column_most);
            self.least[i] = least[left].min(least[i]).min(least[right]);
            self.most[i] = most[left].max(most[i]).max(most[right]);
        }
    }

    /// The distance of `value` from the range at `i`.
    fn distance(&self, i: usize, value: u8) -> u8 {
        self.least[i].saturating_sub(value).max(value.saturating_sub(self.most[i]))
    }
}

/// Sums of differences per block, and of their squares over all.
struct Blocks {
    width: usize,
    height: usize,
    per_row: usize,
    sums: Vec<u64>,
    squares: u64,
}

impl Blocks {
    fn new(width: usize, height: usize) -> Self {
        let per_row = width.div_ceil(BLOCK);
        let sums = vec![0; per_row * height.div_ceil(BLOCK)];
        Self { width, height, per_row, sums, squares: 0 }
    }

    fn add(&mut self, x: usize, y: usize, difference: u8) {
        let difference = u64::from(difference);
        self.sums[y / BLOCK * self.per_row + x / BLOCK] += difference;
        self.squares += difference * difference;
    }

    #[expect(clippy::cast_precision_loss, reason = "sums of bytes over one picture")]
    fn fidelity(&self) -> Fidelity {
        let values = (self.width * self.height * CHANNELS) as f64;
        let mean = self.squares as f64 / values;
        let mut worst = Fidelity {
            psnr_db: if self.squares == 0 {
                f64::INFINITY
            } else {
                10.0 * (255.0 * 255.0 / mean).log10()
            },
            worst_block: 0.0,
            at: (0, 0),
        };
        for (i, &sum) in self.sums.iter().enumerate() {
            let (x, y) = (i % self.per_row * BLOCK, i / self.per_row * BLOCK);
            let pixels = BLOCK.min(self.width - x) * BLOCK.min(self.height - y);
            let average = sum as f64 / (pixels * CHANNELS) as f64;
            if average > worst.worst_block {
                worst.worst_block = average;
                worst.at = (pixel(x), pixel(y));
            }
        }
        worst
    }
}

fn pixel(at: usize) -> u32 {
    u32::try_from(at).expect("pictures have 32-bit sides")
}

/// The frames to compare, of so many: spread over all, and on both sides of `edges`, where clips
/// begin and end. Of many edges, some; ascending.
pub(crate) fn samples(frames: u64, edges: &BTreeSet<u64>) -> Vec<u64> {
    let last = frames.saturating_sub(1);
    let spread = (0..SPREAD).map(|i| i * last / (SPREAD - 1));
    let inside: Vec<u64> = edges.iter().copied().filter(|edge| (1..=last).contains(edge)).collect();
    let step = inside.len().div_ceil(MAX_EDGES).max(1);
    let around = inside.into_iter().step_by(step).flat_map(|edge| [edge - 1, edge]);
    spread.chain(around).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture(width: u32, height: u32, data: Vec<u8>) -> Picture {
        Picture { size: Size { width, height }, format: PixelFormat::Rgba8, data }
    }

    fn plain(width: u32, height: u32, color: [u8; 4]) -> Picture {
        picture(width, height, color.repeat((width * height) as usize))
    }

    /// The definition, pixel by pixel.
    fn slow(a: &Picture, b: &Picture) -> Fidelity {
        slow_on(0, a, b).worse(slow_on(255, a, b))
    }

    fn slow_on(background: u8, a: &Picture, b: &Picture) -> Fidelity {
        let (width, height) = (a.size.width as usize, a.size.height as usize);
        let (a, b) = (flattened(a, background), flattened(b, background));
        let outside = |of: &[u8], value: u8, x: usize, y: usize, channel: usize| {
            let mut around = Vec::new();
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    around.push(of[(ny * width + nx) * CHANNELS + channel]);
                }
            }
            let (least, most) = (*around.iter().min().unwrap(), *around.iter().max().unwrap());
            least.saturating_sub(value).max(value.saturating_sub(most))
        };
        let mut blocks = Blocks::new(width, height);
        for (i, (&va, &vb)) in a.iter().zip(&b).enumerate() {
            let (x, y, channel) = (i / CHANNELS % width, i / CHANNELS / width, i % CHANNELS);
            blocks.add(x, y, outside(&b, va, x, y, channel).max(outside(&a, vb, x, y, channel)));
        }
        blocks.fidelity()
    }

    proptest! {
        #[test]
        fn it_is_the_slow_twin(
            (width, height, a, b) in (1_u32..40, 1_u32..40).prop_flat_map(|(width, height)| {
                let bytes = (width * height * 4) as usize;
                let data = || proptest::collection::vec(any::<u8>(), bytes);
                (Just(width), Just(height), data(), data())
            }),
        ) {
            let (a, b) = (picture(width, height, a), picture(width, height, b));
            prop_assert_eq!(compare(&a, &b).unwrap(), slow(&a, &b));
            prop_assert_eq!(compare(&a, &b), compare(&b, &a));
            prop_assert!(compare(&a, &a).unwrap().is_faithful());
        }
    }

    #[test]
    fn softer_edges_pass_and_areas_do_not() {
        let white = plain(64, 64, [255; 4]);
        // Columns of one gray, from top to bottom.
        let columns = |columns: &[(usize, u8)]| {
            let mut data = white.data.clone();
            for (x, level) in columns {
                for y in 0..64 {
                    data[(y * 64 + x) * 4..][..3].fill(*level);
                }
            }
            picture(64, 64, data)
        };
        let sharp = columns(&[(30, 0), (31, 0)]);
        let soft = columns(&[(30, 60), (31, 0), (32, 200)]);
        let shadow = columns(&(20..44).map(|x| (x, 243)).collect::<Vec<_>>());
        assert!(compare(&sharp, &soft).unwrap().is_faithful());
        let missing = compare(&white, &shadow).unwrap();
        assert!(!missing.is_faithful(), "{missing}");
        assert!(missing.worst_block > 8.0, "{missing}");
        assert_eq!(compare(&white, &plain(64, 63, [255; 4])), None);
    }

    #[test]
    fn what_cannot_be_seen_does_not_count() {
        let (a, b) = (plain(16, 16, [255, 0, 9, 0]), plain(16, 16, [0; 4]));
        assert!(compare(&a, &b).unwrap().psnr_db.is_infinite());
        let half = plain(16, 16, [255, 0, 9, 128]);
        assert!(!compare(&a, &half).unwrap().is_faithful());
        // A black shadow, and a white glow: each is missed against the background that shows it.
        let nothing = plain(64, 64, [0; 4]);
        for color in [0, 255] {
            let shadow = plain(64, 64, [color, color, color, 12]);
            let missing = compare(&nothing, &shadow).unwrap();
            assert!((11.5..12.5).contains(&missing.worst_block), "{missing}");
        }
    }

    #[test]
    fn samples_are_spread_and_stand_around_edges() {
        assert_eq!(samples(1, &BTreeSet::new()), [0]);
        assert_eq!(samples(0, &BTreeSet::new()), [0]);
        assert_eq!(samples(101, &BTreeSet::from([0, 30, 101])), [0, 20, 29, 30, 40, 60, 80, 100]);
        let many = samples(1000, &(0..1000).collect());
        assert!(many.len() <= 22 && many.windows(2).all(|two| two[0] < two[1]), "{many:?}");
    }
}
