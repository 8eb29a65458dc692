//! Pictures for the page, cheap to make and to read: PNG without compression.
//!
//! Each row of pixels is a stored block of deflate by itself, so that rows lie at equal distances
//! and are converted right into the buffer that is sent. Loaded and drawn in Chrome, on a busy
//! machine, at 1920×1080: 83 and 107 ms, against 139 to 283 ms for kinds of BMP.

use crate::av::RgbLayout;
use crate::frame::Size;

/// Longest run of bytes that a stored block of deflate holds.
const BLOCK: usize = 65_535;

/// Bytes in front of the first row: signature, header, the data's length and name, zlib's header.
const HEAD: usize = 8 + 25 + 8 + 2;
/// Bytes in front of each row: the block's kind, its length twice, and the row's filter.
const LEAD: usize = 6;
/// Bytes behind the last row: zlib's sum, the data's, and the end.
const TAIL: usize = 4 + 4 + 12;

/// The places of a picture's pixels in its PNG of 8-bit RGB or RGBA.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredPng {
    pub size: Size,
    pub has_alpha: bool,
}

impl StoredPng {
    /// Whether its rows are short enough.
    pub(super) fn fits(self) -> bool {
        self.row() <= BLOCK
    }

    /// A row with its filter.
    fn row(self) -> usize {
        1 + self.size.width as usize * if self.has_alpha { 4 } else { 3 }
    }

    pub(super) fn layout(self) -> RgbLayout {
        RgbLayout { size: self.size, has_alpha: self.has_alpha, is_deep: false, lead: LEAD }
    }

    fn rows(self) -> usize {
        self.layout().stride() * self.size.height as usize
    }

    /// Room for the rows in `file`, and behind them for the rest and at least `slack` bytes.
    pub(super) fn make_room(self, file: &mut Vec<u8>, slack: usize) -> &mut [u8] {
        file.resize(HEAD + self.rows() + TAIL.max(slack), 0);
        &mut file[HEAD..]
    }

    /// Writes the bytes around the rows. Then `file` is a PNG.
    pub(super) fn seal(self, file: &mut Vec<u8>) {
        assert!(self.fits(), "a row is one block");
        let row = u16::try_from(self.row()).expect("a row is one block");
        let end = HEAD + self.rows();
        file.truncate(end + TAIL);

        let mut header = [0; 13];
        header[..4].copy_from_slice(&self.size.width.to_be_bytes());
        header[4..8].copy_from_slice(&self.size.height.to_be_bytes());
        header[8..10].copy_from_slice(&[8, if self.has_alpha { 6 } else { 2 }]);
        // A picture has far less than 4 GiB: its size is limited.
        let length = u32::try_from(2 + self.rows() + 4).unwrap_or(u32::MAX);
        let mut head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        head.extend_from_slice(&header);
        head.extend_from_slice(&crc32fast::hash(&head[12..]).to_be_bytes());
        head.extend_from_slice(&length.to_be_bytes());
        // A window of 32 KiB, no dictionary.
        head.extend_from_slice(b"IDAT\x78\x01");
        file[..HEAD].copy_from_slice(&head);

        let mut lead = [0; LEAD];
        lead[1..3].copy_from_slice(&row.to_le_bytes());
        lead[3..5].copy_from_slice(&(!row).to_le_bytes());
        let mut sum = simd_adler32::Adler32::new();
        let stride = LEAD - 1 + usize::from(row);
        let count = self.size.height as usize;
        for (at, block) in file[HEAD..end].chunks_exact_mut(stride).enumerate() {
            lead[0] = u8::from(at + 1 == count);
            block[..LEAD].copy_from_slice(&lead);
            sum.write(&block[LEAD - 1..]);
        }
        file[end..end + 4].copy_from_slice(&sum.finish().to_be_bytes());
        let crc = crc32fast::hash(&file[HEAD - 6..end + 4]);
        file[end + 4..end + 8].copy_from_slice(&crc.to_be_bytes());
        file[end + 8..].copy_from_slice(b"\0\0\0\0IEND\xae\x42\x60\x82");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_read_it() {
        for (has_alpha, width) in [(false, 3), (true, 150), (true, 16_383), (false, 16_384)] {
            let png = StoredPng { size: Size { width, height: 20 }, has_alpha };
            let mut file = vec![1; 7];
            let pixels: Vec<u8> = (0..=250).cycle().take((png.row() - 1) * 20).collect();
            let rows = png.make_room(&mut file, 64);
            let stride = png.layout().stride();
            for (row, pixels) in rows.chunks_mut(stride).zip(pixels.chunks(png.row() - 1)) {
                row[LEAD..].copy_from_slice(pixels);
            }
            png.seal(&mut file);
            let read = image::load_from_memory(&file).unwrap();
            assert_eq!((read.width(), read.height()), (width, 20));
            assert_eq!(read.into_bytes(), pixels);
        }
    }

    #[test]
    fn the_widest_rows_with_alpha_do_not_fit() {
        let png = |width| StoredPng { size: Size { width, height: 1 }, has_alpha: true };
        assert!(png(16_383).fits() && !png(16_384).fits());
    }
}
