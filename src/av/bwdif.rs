//! Interpolates the rows of an interlaced picture that belong to the other field's moment.
//!
//! The filter is that of BBC research (W3FDIF, with its published coefficients), limited to the
//! range of the fields before and after, as in Bwdif: still fine lines stay whole, and moving parts
//! are interpolated from the rows above and below. It works on columns only, so it takes any layout
//! of samples.

use rayon::prelude::*;

/// Coefficients from fields of both moments: of the missing rows, in both fields, ...
const HIGH: [i32; 3] = [5570, 3801, 1016];
/// ... and of the field's own rows.
const LOW: [i32; 2] = [4309, 213];
/// Coefficients from the field's own rows alone.
const ALONE: [i32; 2] = [5077, 981];

/// Rows of samples of one byte, or of two in the machine's order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub data: &'a [u8],
    pub stride: usize,
    /// Bytes of each row that hold samples.
    pub bytes: usize,
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// A row; beyond the edges the nearest one of the same field.
    pub(super) fn row(&self, y: isize) -> &'a [u8] {
        let last = self.count.cast_signed() - 1;
        let y = if y < 0 { -y } else { y };
        let y = if y > last { (2 * last - y).max(0) } else { y };
        let at = y.cast_unsigned().min(self.count - 1) * self.stride;
        &self.data[at..at + self.bytes]
    }
}

impl<'a> Rows<'a> {
    /// The rows above and below one.
    fn beside(&self, y: isize) -> [&'a [u8]; 2] {
        [self.row(y - 1), self.row(y + 1)]
    }
}

/// The three frames around a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub before: Rows<'a>,
    pub now: Rows<'a>,
    pub after: Rows<'a>,
}

/// The field of a frame that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Whether it has the rows 0, 2, 4, ...
    pub is_top: bool,
    /// Whether the frame's other field comes first.
    pub is_second: bool,
    /// Whether the other field before it, or the one after it, is missing.
    pub is_alone: bool,
}

/// The layout of samples in a row.
pub(super) trait Sample {
    const BYTES: usize;
    fn get(row: &[u8], at: usize) -> i32;
    fn put(row: &mut [u8], at: usize, value: i32);
}

pub(super) struct Byte;
pub(super) struct Word;

impl Sample for Byte {
    const BYTES: usize = 1;

    fn get(row: &[u8], at: usize) -> i32 {
        i32::from(row[at])
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    fn put(row: &mut [u8], at: usize, value: i32) {
        row[at] = value as u8;
    }
}

impl Sample for Word {
    const BYTES: usize = 2;

    fn get(row: &[u8], at: usize) -> i32 {
        i32::from(u16::from_ne_bytes([row[2 * at], row[2 * at + 1]]))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    fn put(row: &mut [u8], at: usize, value: i32) {
        row[2 * at..2 * at + 2].copy_from_slice(&(value as u16).to_ne_bytes());
    }
}

/// Writes one plane of a field's picture into `out`, rows of `stride` bytes. Samples have `depth` bits.
pub(super) fn fill(around: &Around<'_>, field: Field, depth: u32, out: &mut [u8], stride: usize) {
    let bytes = around.now.bytes;
    let rows = out.par_chunks_mut(stride).take(around.now.count).enumerate();
    rows.for_each(|(y, out)| {
        let out = &mut out[..bytes];
        if y.is_multiple_of(2) == field.is_top {
            out.copy_from_slice(around.now.row(y.cast_signed()));
        } else if depth > 8 {
            interpolate::<Word>(around, field, y, (1 << depth) - 1, out);
        } else {
            interpolate::<Byte>(around, field, y, (1 << depth) - 1, out);
        }
    });
}

/// Interpolates one row of the other field, for the moment of this one.
fn interpolate<S: Sample>(around: &Around<'_>, field: Field, y: usize, most: i32, out: &mut [u8]) {
    let height = around.now.count;
    let is_edge = y < 4 || y + 5 > height;
    let looks_further = !(y < 2 || y + 3 > height);
    let y = y.cast_signed();
    // The other field before this one, and the one after it.
    let (older, newer) =
        if field.is_second { (around.now, around.after) } else { (around.before, around.now) };
    let own = [y - 3, y - 1, y + 1, y + 3].map(|y| around.now.row(y));
    let others = [y - 4, y - 2, y, y + 2, y + 4].map(|y| (older.row(y), newer.row(y)));
    let (before, after) = (around.before.beside(y), around.after.beside(y));

    let alone = |[further_up, up, down, further_down]: [i32; 4]| {
        (ALONE[0] * (up + down) - ALONE[1] * (further_up + further_down)) >> 13
    };
    if field.is_alone {
        for x in 0..out.len() / S::BYTES {
            S::put(out, x, alone(own.map(|row| S::get(row, x))).clamp(0, most));
        }
        return;
    }
    for x in 0..out.len() / S::BYTES {
        let [further_up, up, down, further_down] = own.map(|row| S::get(row, x));
        let both = others.map(|(older, newer)| S::get(older, x) + S::get(newer, x));
        let middle = both[2] >> 1;
        let apart = |rows: [&[u8]; 2]| {
            ((S::get(rows[0], x) - up).abs() + (S::get(rows[1], x) - down).abs()) >> 1
        };
        let change = (S::get(others[2].0, x) - S::get(others[2].1, x)).abs();
        let mut leeway = (change >> 1).max(apart(before)).max(apart(after));
        if leeway == 0 {
            S::put(out, x, middle);
            continue;
        }
        if looks_further {
            let (above, below) = ((both[1] >> 1) - up, (both[3] >> 1) - down);
            let (from_up, from_down) = (middle - up, middle - down);
            let most = from_up.max(from_down).max(above.min(below));
            let least = from_up.min(from_down).min(above.max(below));
            leeway = leeway.max(least).max(-most);
        }
        let made = if is_edge {
            (up + down) >> 1
        } else if (up - down).abs() > change {
            let high =
                HIGH[0] * both[2] - HIGH[1] * (both[1] + both[3]) + HIGH[2] * (both[0] + both[4]);
            ((high >> 2) + LOW[0] * (up + down) - LOW[1] * (further_up + further_down)) >> 13
        } else {
            alone([further_up, up, down, further_down])
        };
        let made = made.clamp(middle - leeway, middle + leeway);
        S::put(out, x, made.clamp(0, most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 6;
    const HEIGHT: usize = 16;

    fn rows(data: &[u8], bytes: usize) -> Rows<'_> {
        Rows { data, stride: bytes, bytes, count: HEIGHT }
    }

    /// A field of frames in which each row has one value.
    fn field(frames: [[u8; HEIGHT]; 3], field: Field) -> Vec<u8> {
        let [before, now, after] =
            frames.map(|rows| rows.into_iter().flat_map(|row| [row; WIDTH]).collect::<Vec<_>>());
        let around = Around {
            before: rows(&before, WIDTH),
            now: rows(&now, WIDTH),
            after: rows(&after, WIDTH),
        };
        let mut out = vec![0; WIDTH * HEIGHT];
        fill(&around, field, 8, &mut out, WIDTH);
        out.chunks(WIDTH).map(|row| row[0]).collect()
    }

    #[test]
    fn what_stands_still_stays_whole() {
        let rows = std::array::from_fn(|y| if y % 3 == 0 { 200 } else { 40 });
        for (is_top, is_second) in [(true, false), (false, true), (true, true)] {
            assert_eq!(field([rows; 3], Field { is_top, is_second, is_alone: false }), rows);
        }
    }

    #[test]
    fn a_field_has_its_own_moment() {
        // Each field is lighter than the one before, by 20.
        let frame = |n: u8| std::array::from_fn(|y| 20 * (2 * n + u8::from(y % 2 == 1)));
        let frames = [frame(1), frame(2), frame(3)];
        for is_alone in [false, true] {
            let first = Field { is_top: true, is_second: false, is_alone };
            assert_eq!(field(frames, first), [80; HEIGHT]);
            let second = Field { is_top: false, is_second: true, is_alone };
            assert_eq!(field(frames, second), [100; HEIGHT]);
        }
    }

    #[test]
    fn words_are_like_bytes() {
        let noise = |seed: usize| -> Vec<u8> {
            (0..WIDTH * HEIGHT).map(|i| u8::try_from((i * 97 + seed * 31) % 251).unwrap()).collect()
        };
        let frames = [noise(1), noise(2), noise(3)];
        let words = frames.clone().map(|frame| {
            frame.iter().flat_map(|&byte| u16::from(byte).to_ne_bytes()).collect::<Vec<_>>()
        });
        let [a, b, c] = &frames;
        let around = Around { before: rows(a, WIDTH), now: rows(b, WIDTH), after: rows(c, WIDTH) };
        let mut bytes = vec![0; WIDTH * HEIGHT];
        let which = Field { is_top: false, is_second: false, is_alone: false };
        fill(&around, which, 8, &mut bytes, WIDTH);
        let [a, b, c] = &words;
        let deep = |data| rows(data, 2 * WIDTH);
        let around = Around { before: deep(a), now: deep(b), after: deep(c) };
        let mut out = vec![0; 2 * WIDTH * HEIGHT];
        fill(&around, which, 16, &mut out, 2 * WIDTH);
        // Only values clamped at 255 may differ.
        for (byte, word) in bytes.iter().zip(out.chunks_exact(2)) {
            assert_eq!(u16::from(*byte), u16::from_ne_bytes([word[0], word[1]]).min(255));
        }
    }
}
