//! Turning pictures upright, and mirrors.

use crate::av::{Orientation, RgbLayout};
use crate::frame::Size;

/// Rows of 8-bit pixels of `size`, mirrored and turned into rows of another layout.
pub(super) fn turn(rows: &[u8], size: Size, way: Orientation, to: RgbLayout, out: &mut [u8]) {
    let (width, height) = (size.width as usize, size.height as usize);
    let n = if to.has_alpha { 4 } else { 3 };
    debug_assert_eq!(way.turned(size), to.size);
    let out = out.chunks_exact_mut(to.stride()).take(to.size.height as usize);
    for (y, row) in out.enumerate() {
        for (x, pixel) in row[to.lead..].chunks_exact_mut(n).enumerate() {
            let (from_x, from_y) = match way.quarter_turns % 4 {
                1 => (y, height - 1 - x),
                2 => (width - 1 - x, height - 1 - y),
                3 => (width - 1 - y, x),
                _ => (x, y),
            };
            let from_x = if way.is_mirrored { width - 1 - from_x } else { from_x };
            let at = (from_y * width + from_x) * n;
            pixel.copy_from_slice(&rows[at..at + n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_quarters_are_none() {
        // Two pixels side by side.
        let rows = [1, 1, 1, 2, 2, 2];
        let size = Size { width: 2, height: 1 };
        let turned = |rows: &[u8], size: Size, quarter_turns: u8, lead: usize| {
            let way = Orientation { is_mirrored: false, quarter_turns };
            let upright = way.turned(size);
            let to = RgbLayout { size: upright, has_alpha: false, is_deep: false, lead };
            let mut out = vec![0; to.stride() * to.size.height as usize];
            turn(rows, size, way, to, &mut out);
            (out, upright)
        };
        let (below, upright) = turned(&rows, size, 1, 0);
        assert_eq!((&*below, upright), (&rows[..], Size { width: 1, height: 2 }));
        assert_eq!(turned(&rows, size, 2, 0).0, [2, 2, 2, 1, 1, 1]);
        assert_eq!(turned(&rows, size, 3, 1).0, [0, 2, 2, 2, 0, 1, 1, 1]);
        assert_eq!(turned(&below, upright, 3, 0), (rows.to_vec(), size));
    }

    #[test]
    fn mirrors_come_before_turns() {
        // 1 2 3
        // 4 5 6
        let rows: Vec<u8> = (1..=6).flat_map(|n| [n; 4]).collect();
        let size = Size { width: 3, height: 2 };
        let shown = |quarter_turns| {
            let way = Orientation { is_mirrored: true, quarter_turns };
            let to = RgbLayout { size: way.turned(size), has_alpha: true, is_deep: false, lead: 0 };
            let mut out = vec![0; 24];
            turn(&rows, size, way, to, &mut out);
            out.chunks(4).map(|pixel| pixel[0]).collect::<Vec<_>>()
        };
        assert_eq!(shown(0), [3, 2, 1, 6, 5, 4]);
        assert_eq!(shown(1), [6, 3, 5, 2, 4, 1]);
        assert_eq!(shown(2), [4, 5, 6, 1, 2, 3]);
        assert_eq!(shown(3), [1, 4, 2, 5, 3, 6]);
    }
}
