//! Replaces bytes of a finished file by others of the same length.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use memchr::memmem::Finder;

/// The size of one read.
const CHUNK: usize = 1 << 20;

/// Replaces the first of each pair by the second, which is as long, wherever it occurs. Returns the
/// places, pair by pair; an empty pair has none.
pub(super) fn patch(path: &Path, pairs: &[(Vec<u8>, Vec<u8>)]) -> io::Result<Vec<Vec<u64>>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let finders: Vec<_> = pairs.iter().map(|(old, _)| Finder::new(old)).collect();
    // A match across two chunks is found in the second.
    let overlap = pairs.iter().map(|(old, _)| old.len()).max().unwrap_or(0).saturating_sub(1);
    let mut places = vec![Vec::new(); pairs.len()];
    let mut buffer = vec![0; CHUNK + overlap];
    let (mut start, mut kept) = (0_u64, 0);
    loop {
        let read = fill(&file, &mut buffer[kept..], start + kept as u64)?;
        let window = &buffer[..kept + read];
        for ((finder, (old, new)), places) in finders.iter().zip(pairs).zip(&mut places) {
            if old.is_empty() {
                continue;
            }
            assert_eq!(old.len(), new.len(), "a form is as long as its placeholder");
            for at in finder.find_iter(window) {
                file.write_all_at(new, start + at as u64)?;
                places.push(start + at as u64);
            }
        }
        if read == 0 {
            return Ok(places);
        }
        let end = kept + read;
        kept = overlap.min(end);
        buffer.copy_within(end - kept..end, 0);
        start += (end - kept) as u64;
    }
}

/// Reads until `buffer` is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Recomputes the checksums of the elements of a Matroska file that contain one of `places`.
///
/// Elements of the first level may begin with the CRC-32 of the rest of them (RFC 8794, 11.3.1).
pub(crate) fn repair_checksums(path: &Path, places: &[u64]) -> io::Result<()> {
    const SEGMENT: u32 = 0x1853_8067;
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut at = 0;
    while let Some(element) = Element::read(&file, at, length)? {
        if element.id == SEGMENT {
            // The first level is within it.
            at = element.start;
            continue;
        }
        if places.iter().any(|place| (element.start..element.end).contains(place)) {
            repair(&file, &element)?;
        }
        at = element.end;
    }
    Ok(())
}

fn repair(file: &File, element: &Element) -> io::Result<()> {
    let bytes = usize::try_from(element.end - element.start).map_err(io::Error::other)?;
    let mut data = vec![0; bytes];
    file.read_exact_at(&mut data, element.start)?;
    let Some(rest) = data.strip_prefix(&[0xbf, 0x84]).and_then(|data| data.get(4..)) else {
        return Ok(());
    };
    file.write_all_at(&crc32fast::hash(rest).to_le_bytes(), element.start + 2)
}

/// The place of an element's content.
struct Element {
    id: u32,
    start: u64,
    end: u64,
}

impl Element {
    /// The element at `at`; none at the end of the file.
    fn read(file: &File, at: u64, length: u64) -> io::Result<Option<Self>> {
        let mut head = [0; 12];
        let read = fill(file, &mut head, at)?;
        let head = &head[..read];
        let Some(&first) = head.first() else { return Ok(None) };
        // As many zeros as bytes follow.
        let id_bytes = first.leading_zeros() as usize + 1;
        let Some((id, rest)) = head.split_at_checked(id_bytes).filter(|_| id_bytes <= 4) else {
            return Ok(None);
        };
        let id = id.iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
        let Some(&first) = rest.first() else { return Ok(None) };
        let bits = 7 * (first.leading_zeros() + 1);
        let size_bytes = bits as usize / 7;
        let Some(size) = rest.get(..size_bytes) else { return Ok(None) };
        let size = size.iter().fold(0, |size, &byte| size << 8 | u64::from(byte));
        let size = size & ((1 << bits) - 1);
        let start = at + (id_bytes + size_bytes) as u64;
        // All ones: as far as the file goes.
        let is_open = size == (1 << bits) - 1;
        let end = if is_open { length } else { start.saturating_add(size).min(length) };
        Ok(Some(Self { id, start, end }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_place_is_found_wherever_chunks_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for at in CHUNK - 12..CHUNK + 12 {
            let mut bytes = vec![7; 2 * CHUNK + 100];
            for place in [0, at, 2 * CHUNK + 90] {
                bytes[place..place + 10].copy_from_slice(b"0123456789");
            }
            bytes[50..53].copy_from_slice(b"abc");
            fs::write(&path, &bytes).unwrap();
            let pairs = [
                (b"0123456789".to_vec(), b"ABCDEFGHIJ".to_vec()),
                (Vec::new(), Vec::new()),
                (b"abc".to_vec(), b"xyz".to_vec()),
            ];
            let places = patch(&path, &pairs).unwrap();
            assert_eq!(places, [vec![0, at as u64, 2 * CHUNK as u64 + 90], vec![], vec![50]]);
            for place in [0, at, 2 * CHUNK + 90] {
                bytes[place..place + 10].copy_from_slice(b"ABCDEFGHIJ");
            }
            bytes[50..53].copy_from_slice(b"xyz");
            assert!(fs::read(&path).unwrap() == bytes, "{at}");
        }
    }

    #[test]
    fn only_checksums_of_changed_elements_are_computed_anew() {
        let element = |id: &[u8], content: &[u8]| {
            [id, &[0x80 | u8::try_from(content.len()).unwrap()], content].concat()
        };
        let checked = |sum: [u8; 4], rest: &[u8]| [&[0xbf, 0x84], &sum[..], rest].concat();
        let right = |rest: &[u8]| checked(crc32fast::hash(rest).to_le_bytes(), rest);
        let file = |tracks: &[u8], cluster: &[u8], tags: &[u8]| {
            let inner = [
                element(&[0x16, 0x54, 0xae, 0x6b], tracks),
                element(&[0x1f, 0x43, 0xb6, 0x75], cluster),
                element(&[0x12, 0x54, 0xc3, 0x67], tags),
            ];
            let segment = [0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
            [element(&[0x1a, 0x45, 0xdf, 0xa3], b"head"), segment.to_vec(), inner.concat()].concat()
        };
        let (wrong, old) = (checked([0; 4], b"new"), checked([1; 4], b"same"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.mkv");
        let written = file(&wrong, &old, b"bare");
        fs::write(&path, &written).unwrap();
        let place = |text: &[u8]| memchr::memmem::find(&written, text).unwrap() as u64;
        repair_checksums(&path, &[place(b"new"), place(b"bare")]).unwrap();
        assert!(fs::read(&path).unwrap() == file(&right(b"new"), &old, b"bare"));
    }
}
