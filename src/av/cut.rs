//! Detects files that were cut off: broken downloads, recorders that died.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Bytes at the beginning of a file that contain its outermost size.
const HEAD_BYTES: u64 = 4096;

/// Whether a file is shorter than its outermost box states, where one does: in Matroska and in AVI.
pub(super) fn is_cut_off(path: &Path) -> bool {
    let read = || -> std::io::Result<(Vec<u8>, u64)> {
        let mut file = std::fs::File::open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut head = Vec::new();
        file.take(HEAD_BYTES).read_to_end(&mut head)?;
        Ok((head, length))
    };
    read().is_ok_and(|(head, length)| said_size(&head).is_some_and(|size| length < size))
}

/// The size of a file by its head.
fn said_size(head: &[u8]) -> Option<u64> {
    if head.starts_with(b"RIFF") {
        let size = u32::from_le_bytes(*head.get(4..)?.first_chunk()?);
        // A file that was written to a pipe has no size.
        return (!matches!(size, 0 | u32::MAX)).then_some(u64::from(size) + 8);
    }
    // RFC 8794: an identifier, a size, a content, one after the other.
    let mut at = 0;
    for id in [&[0x1a, 0x45, 0xdf, 0xa3][..], &[0x18, 0x53, 0x80, 0x67]] {
        let rest = head.get(at..)?.strip_prefix(id)?;
        let (size, bytes) = vint(rest)?;
        let start = at + id.len() + bytes;
        at = start + usize::try_from(size?).ok()?;
    }
    u64::try_from(at).ok()
}

/// A number of one to eight bytes, `None` for unknown, and its length in bytes.
fn vint(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    let all = bytes.get(..length)?.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    let mask = 1_u64.checked_shl(7 * u32::try_from(length).ok()?)?.checked_sub(1)?;
    let value = all & mask;
    Some(((value != mask).then_some(value), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_where_they_are_said() {
        let ebml = [0x1a, 0x45, 0xdf, 0xa3, 0x81, 0x00, 0x18, 0x53, 0x80, 0x67];
        let with = |size: &[u8]| said_size(&[&ebml[..], size].concat());
        assert_eq!(with(&[0x81]), Some(12));
        assert_eq!(with(&[0x40, 0x05]), Some(17));
        assert_eq!(with(&[0x01, 0, 0, 0, 0, 0, 1, 0]), Some(18 + 256));
        // Unknown, as recorders write it.
        assert_eq!(with(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(said_size(b"RIFF\x0a\0\0\0AVI "), Some(18));
        assert_eq!(said_size(b"RIFF\xff\xff\xff\xffAVI "), None);
        assert_eq!(said_size(b"RIFF"), None);
        assert_eq!(said_size(&ebml[..7]), None);
    }
}
