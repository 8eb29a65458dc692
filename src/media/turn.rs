//! Turning pictures upright.

use crate::av::RgbLayout;
use crate::frame::Size;

/// Rows of 8-bit pixels of `size`, turned clockwise by quarters into rows of another layout.
pub(super) fn turn(rows: &[u8], size: Size, quarters: u8, to: RgbLayout, out: &mut [u8]) {
    let (width, height) = (size.width as usize, size.height as usize);
    let n = if to.has_alpha { 4 } else { 3 };
    let upright = if quarters.is_multiple_of(2) { (width, height) } else { (height, width) };
    debug_assert_eq!(upright, (to.size.width as usize, to.size.height as usize));
    let out = out.chunks_exact_mut(to.stride()).take(upright.1);
    for (y, row) in out.enumerate() {
        for (x, pixel) in row[to.lead..].chunks_exact_mut(n).enumerate() {
            let (from_x, from_y) = match quarters % 4 {
                1 => (y, height - 1 - x),
                2 => (width - 1 - x, height - 1 - y),
                3 => (width - 1 - y, x),
                _ => (x, y),
            };
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
        let turned = |rows: &[u8], size: Size, quarters: u8, lead: usize| {
            let upright = match quarters % 2 {
                0 => size,
                _ => Size { width: size.height, height: size.width },
            };
            let to = RgbLayout { size: upright, has_alpha: false, is_deep: false, lead };
            let mut out = vec![0; to.stride() * to.size.height as usize];
            turn(rows, size, quarters, to, &mut out);
            (out, upright)
        };
        let (below, upright) = turned(&rows, size, 1, 0);
        assert_eq!((&*below, upright), (&rows[..], Size { width: 1, height: 2 }));
        assert_eq!(turned(&rows, size, 2, 0).0, [2, 2, 2, 1, 1, 1]);
        assert_eq!(turned(&rows, size, 3, 1).0, [0, 2, 2, 2, 0, 1, 1, 1]);
        assert_eq!(turned(&below, upright, 3, 0), (rows.to_vec(), size));
    }
}
