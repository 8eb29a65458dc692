//! Finds out whether the fields of a picture are of one moment, regardless of its stream's flags.
//!
//! Films are broadcast and recorded in streams that are marked as interlaced though each frame was
//! taken at once. Motion reveals that: a frame whose rows are replaced by those of a neighbor is
//! combed then, and the frame itself is not. In one that was taken as two fields, the rows that
//! come next in time fit as well, or as badly, as its own (the idea of FFmpeg's `idet`).

use rayon::prelude::*;

use super::DecodedFrame;
use super::bwdif::{Around, Byte, Sample, Word};

/// The factor, in halves, by which frames with rows of any neighbor must be more combed. `idet` has
/// three, of both neighbors together.
const MORE: u64 = 3;

/// Frames that must be whole before a stream is taken for a film.
const LEAST_WHOLE: usize = 3;

/// Rows and columns of a block. Only blocks with motion are measured.
const BLOCK: usize = 8;

/// The least average distance of a moving block from its neighbors in time, in levels of 8 bits:
/// more than grain and coding cause.
const MOVED: u64 = 4;

/// The combing of a frame: by itself, and with its even and odd rows taken from the frame before
/// it, and from the one after.
type Combing = [u64; 5];

impl DecodedFrame {
    /// Whether the frame is surely of one moment, judged by its neighbors. One of `before` and
    /// `after` may be missing. `None` where nothing moves, or the result is unclear.
    pub(crate) fn is_of_one_moment(
        &self,
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> Option<bool> {
        let kind = |frame: &Self| {
            let raw = frame.as_ref();
            (raw.format, raw.width, raw.height)
        };
        let ((depth, _), now) = (self.samples()?, self.rows(0, 0)?);
        let neighbors = [before, after].into_iter().flatten();
        if neighbors.clone().any(|frame| kind(frame) != kind(self)) {
            return None;
        }
        let rows: Vec<_> = neighbors.filter_map(|frame| frame.rows(0, 0)).collect();
        let around = Around { before: *rows.first()?, now, after: *rows.last()? };
        let moved = MOVED << (depth - 8);
        let combing = if depth > 8 {
            measure::<Word>(&around, moved)
        } else {
            measure::<Byte>(&around, moved)
        };
        judge(combing)
    }
}

/// Whether most frames with motion are of one moment. Frames come in display order.
pub(super) fn seem_whole(frames: &[DecodedFrame]) -> bool {
    let verdicts = frames.windows(3).filter_map(|three| match three {
        [before, now, after] if now.is_interlaced() => {
            now.is_of_one_moment(Some(before), Some(after))
        }
        _ => None,
    });
    let verdicts: Vec<_> = verdicts.collect();
    let whole = verdicts.iter().filter(|is_whole| **is_whole).count();
    whole >= LEAST_WHOLE && 4 * whole >= 3 * verdicts.len()
}

/// Whether rows of every neighbor fit clearly worse than its own; `None` where none does, or
/// nothing moves.
fn judge([own, others @ ..]: Combing) -> Option<bool> {
    if others == [0; 4] {
        return None;
    }
    Some(others.iter().all(|other| 2 * other > MORE * own))
}

/// The combing of the blocks that have `moved` so far.
fn measure<S: Sample>(around: &Around<'_>, moved: u64) -> Combing {
    let (rows, columns) = (around.now.count, around.now.bytes / S::BYTES);
    let bands = (0..rows.saturating_sub(2) / BLOCK).into_par_iter().map(|band| {
        let first = 1 + band * BLOCK;
        let mut sums = Combing::default();
        for from in (0..columns).step_by(BLOCK) {
            let block = (first, from, columns.min(from + BLOCK));
            let (combing, apart) = measure_block::<S>(around, block);
            let pixels = (block.2 - block.1) as u64 * BLOCK as u64;
            if apart.iter().all(|apart| *apart >= moved * pixels) {
                sums = added(sums, combing);
            }
        }
        sums
    });
    bands.reduce(Combing::default, added)
}

fn added(a: Combing, b: Combing) -> Combing {
    std::array::from_fn(|i| a[i] + b[i])
}

/// The combing of the block at a row, and its distance from the frames before and after. The block
/// extends from one column to another.
fn measure_block<S: Sample>(
    around: &Around<'_>,
    (first, from, to): (usize, usize, usize),
) -> (Combing, [u64; 2]) {
    let (mut combing, mut apart) = (Combing::default(), [0; 2]);
    for y in first..first + BLOCK {
        let row = y.cast_signed();
        let (up, now, down) =
            (around.now.row(row - 1), around.now.row(row), around.now.row(row + 1));
        let (before, after) = (around.before.row(row), around.after.row(row));
        for x in from..to {
            let neighbors = S::get(up, x) + S::get(down, x);
            let own = S::get(now, x);
            let combed = |value: i32| u64::from((2 * value - neighbors).unsigned_abs());
            let (before, after) = (S::get(before, x), S::get(after, x));
            combing[0] += combed(own);
            combing[1 + y % 2] += combed(before);
            combing[3 + y % 2] += combed(after);
            apart[0] += u64::from(own.abs_diff(before));
            apart[1] += u64::from(own.abs_diff(after));
        }
    }
    // Each kind has half of the rows.
    combing[1..].iter_mut().for_each(|kind| *kind *= 2);
    (combing, apart)
}

#[cfg(test)]
mod tests {
    use super::super::bwdif::Rows;
    use super::*;

    const SIZE: usize = 64;

    /// A round hill at `x`, which has no fine lines; rows of odd numbers are of another moment.
    fn hill(x: f64, odd: f64) -> Vec<u8> {
        let rows = (0..SIZE).map(|y| (y, if y % 2 == 1 { odd } else { x }));
        let pixels = rows.flat_map(|(y, x)| {
            (0..SIZE).map(move |column| {
                let (dx, dy) = (column as f64 - x, y as f64 - 32.0);
                200.0 * (-(dx * dx + dy * dy) / 200.0).exp()
            })
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
        pixels.map(|value| value.round() as u8).collect()
    }

    fn is_whole(frames: &[Vec<u8>; 3]) -> Option<bool> {
        let [before, now, after] =
            frames.each_ref().map(|data| Rows { data, stride: SIZE, bytes: SIZE, count: SIZE });
        judge(measure::<Byte>(&Around { before, now, after }, MOVED))
    }

    #[test]
    fn what_moves_tells_fields_from_whole_frames() {
        let whole = |x: f64| hill(x, x);
        assert_eq!(is_whole(&[whole(20.0), whole(26.0), whole(32.0)]), Some(true));
        // The top field first, and the bottom field.
        let top = [hill(20.0, 23.0), hill(26.0, 29.0), hill(32.0, 35.0)];
        assert_eq!(is_whole(&top), Some(false));
        let bottom = [hill(23.0, 20.0), hill(29.0, 26.0), hill(35.0, 32.0)];
        assert_eq!(is_whole(&bottom), Some(false));
        // Nothing moves, or not on both sides.
        assert_eq!(is_whole(&[whole(20.0), whole(20.0), whole(20.0)]), None);
        assert_eq!(is_whole(&[whole(20.0), whole(20.0), whole(26.0)]), None);
        // The first frame of a scene, of fields.
        let cut = [whole(60.0), hill(26.0, 29.0), hill(32.0, 35.0)];
        assert_eq!(is_whole(&cut), Some(false));
    }
}
