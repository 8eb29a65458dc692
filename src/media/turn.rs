//! Turning pictures upright.

use crate::frame::Size;

/// Rows of `n` bytes per pixel with one byte in front, turned clockwise by quarters.
pub(super) fn turned(rows: &[u8], size: Size, n: usize, quarters: u8) -> (Vec<u8>, Size) {
    let (width, height) = (size.width as usize, size.height as usize);
    let to = match quarters % 2 {
        0 => size,
        _ => Size { width: size.height, height: size.width },
    };
    let (from_stride, to_stride) = (1 + width * n, 1 + to.width as usize * n);
    let mut out = vec![0; to_stride * to.height as usize];
    for (y, row) in out.chunks_exact_mut(to_stride).enumerate() {
        for (x, pixel) in row[1..].chunks_exact_mut(n).enumerate() {
            let (from_x, from_y) = match quarters % 4 {
                1 => (y, height - 1 - x),
                2 => (width - 1 - x, height - 1 - y),
                3 => (width - 1 - y, x),
                _ => (x, y),
            };
            let at = from_y * from_stride + 1 + from_x * n;
            pixel.copy_from_slice(&rows[at..at + n]);
        }
    }
    (out, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_quarters_are_none() {
        let size = Size { width: 2, height: 1 };
        // One byte per pixel: a row "12".
        let rows = [0, 1, 2];
        let quarter = turned(&rows, size, 1, 1);
        assert_eq!(quarter, (vec![0, 1, 0, 2], Size { width: 1, height: 2 }));
        assert_eq!(turned(&rows, size, 1, 2).0, [0, 2, 1]);
        assert_eq!(turned(&rows, size, 1, 3).0, [0, 2, 0, 1]);
        let back = turned(&quarter.0, quarter.1, 1, 3);
        assert_eq!(back, (rows.to_vec(), size));
    }
}
