//! The colors that a PNG states, which libavformat does not report yet.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The chunk `cICP` of a PNG (third edition, section 11.3.2.6): primaries, transfer, matrix and range
/// in the code points of H.273. `None` for other files, and for a PNG without one.
pub(crate) fn png_color(path: &Path) -> Option<[u8; 4]> {
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut signature = [0; 8];
    file.read_exact(&mut signature).ok()?;
    if signature != SIGNATURE {
        return None;
    }
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let [a, b, c, d, kind @ ..] = head;
        match &kind {
            b"cICP" => {
                let mut color = [0; 4];
                file.read_exact(&mut color).ok()?;
                return Some(color);
            }
            // It stands before the palette and the pixels.
            b"PLTE" | b"IDAT" | b"IEND" => return None,
            // The chunk's data and its checksum.
            _ => file
                .seek(SeekFrom::Current(i64::from(u32::from_be_bytes([a, b, c, d])) + 4))
                .ok()?,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8]) -> Option<[u8; 4]> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        png_color(file.path())
    }

    #[test]
    fn the_chunk_is_found_before_the_pixels() {
        let chunk = |kind: &[u8; 4], data: &[u8]| {
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            [&length[..], kind, data, &[0; 4]].concat()
        };
        let header = chunk(b"IHDR", &[0; 13]);
        let color = chunk(b"cICP", &[9, 16, 0, 1]);
        let with = [&SIGNATURE[..], &header, &chunk(b"tEXt", b"hello"), &color].concat();
        assert_eq!(read(&with), Some([9, 16, 0, 1]));
        let late = [&SIGNATURE[..], &header, &chunk(b"IDAT", &[1]), &color].concat();
        assert_eq!(read(&late), None);
        for other in [&b""[..], b"\x89PNG\r\n\x1a\n\0\0", b"GIF89a and more", &with[..40]] {
            assert_eq!(read(other), None);
        }
    }
}
