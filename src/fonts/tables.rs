//! The weight, slope and width in a font file.
//!
//! It reads the tables `OS/2` and `fvar` of TrueType and OpenType files, also as WOFF (zlib, each
//! table by itself) and WOFF2 (one Brotli stream with all tables).

use std::io::Read as _;
use std::path::Path;

use flate2::read::ZlibDecoder;

/// Most bytes of a file, and of its tables once they are unpacked.
const MAX_BYTES: u64 = 64 << 20;

/// The widths of `usWidthClass` 1 to 9, in percent.
const WIDTHS: [&str; 9] = ["50", "62.5", "75", "87.5", "100", "112.5", "125", "150", "200"];

/// Descriptors of a face, as CSS writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    pub weight: String,
    pub style: String,
    pub stretch: Option<String>,
}

impl Traits {
    /// Reads a file; `None` if it is not a font that a page can load.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut bytes = Vec::new();
        std::fs::File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        Self::of(&bytes)
    }

    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let tables = match bytes.get(..4)? {
            b"wOFF" => woff(bytes)?,
            b"wOF2" => woff2(bytes)?,
            b"\0\x01\0\0" | b"OTTO" | b"true" => sfnt(bytes)?,
            _ => return None,
        };
        let os2 = tables.os2?;
        let weight = u16_at(&os2, 4)?.clamp(1, 1000).to_string();
        let width = WIDTHS.get(usize::from(u16_at(&os2, 6)?).wrapping_sub(1));
        let selection = u16_at(&os2, 62)?;
        let axis = |tag| tables.fvar.as_deref().and_then(|fvar| axis(fvar, tag));
        Some(Self {
            weight: axis(*b"wght").map_or(weight, |(first, last)| format!("{first} {last}")),
            style: if selection & 1 != 0 { "italic" } else { "normal" }.into(),
            stretch: axis(*b"wdth").map(|(first, last)| format!("{first}% {last}%")).or_else(
                || width.filter(|&&width| width != "100").map(|width| format!("{width}%")),
            ),
        })
    }
}

#[derive(Debug, Default)]
struct Tables {
    os2: Option<Vec<u8>>,
    fvar: Option<Vec<u8>>,
}

impl Tables {
    fn keep(&mut self, tag: [u8; 4], table: impl FnOnce() -> Option<Vec<u8>>) {
        match &tag {
            b"OS/2" => self.os2 = table(),
            b"fvar" => self.fvar = table(),
            _ => {}
        }
    }
}

fn sfnt(bytes: &[u8]) -> Option<Tables> {
    let mut tables = Tables::default();
    for i in 0..usize::from(u16_at(bytes, 4)?) {
        let entry = 12 + 16 * i;
        let (offset, length) = (usize_at(bytes, entry + 8)?, usize_at(bytes, entry + 12)?);
        tables.keep(tag_at(bytes, entry)?, || part(bytes, offset, length));
    }
    Some(tables)
}

fn woff(bytes: &[u8]) -> Option<Tables> {
    let mut tables = Tables::default();
    for i in 0..usize::from(u16_at(bytes, 12)?) {
        let entry = 44 + 20 * i;
        let place = |at| usize_at(bytes, entry + at);
        let (offset, packed, length) = (place(4)?, place(8)?, place(12)?);
        tables.keep(tag_at(bytes, entry)?, || {
            let table = part(bytes, offset, packed)?;
            if packed == length {
                return Some(table);
            }
            let mut unpacked = Vec::new();
            ZlibDecoder::new(&*table).take(MAX_BYTES).read_to_end(&mut unpacked).ok()?;
            Some(unpacked)
        });
    }
    Some(tables)
}

/// <https://www.w3.org/TR/WOFF2/>, section 4.
fn woff2(bytes: &[u8]) -> Option<Tables> {
    if bytes.get(4..8)? == b"ttcf" {
        return None;
    }
    let mut at = 48;
    let mut entries = Vec::new();
    for _ in 0..u16_at(bytes, 12)? {
        let flags = *bytes.get(at)?;
        at += 1;
        let (version, known) = (flags >> 6, flags & 63);
        let tag = match known {
            6 => *b"OS/2",
            10 => *b"glyf",
            11 => *b"loca",
            47 => *b"fvar",
            63 => {
                at += 4;
                tag_at(bytes, at - 4)?
            }
            _ => *b"else",
        };
        let length = base128(bytes, &mut at)?;
        // Glyphs are transformed unless their version is 3, other tables unless it is 0.
        let is_glyphs = matches!(&tag, b"glyf" | b"loca");
        let is_transformed = if is_glyphs { version != 3 } else { version != 0 };
        let length = if is_transformed { base128(bytes, &mut at)? } else { length };
        entries.push((tag, length));
    }
    let packed = part(bytes, at, usize_at(bytes, 20)?)?;
    let mut unpacked = Vec::new();
    let stream = brotli_decompressor::Decompressor::new(&*packed, 4096);
    stream.take(MAX_BYTES).read_to_end(&mut unpacked).ok()?;
    let mut tables = Tables::default();
    let mut offset = 0;
    for (tag, length) in entries {
        tables.keep(tag, || part(&unpacked, offset, length));
        offset += length;
    }
    Some(tables)
}

/// The least and the most of a variation axis, if they differ.
fn axis(fvar: &[u8], tag: [u8; 4]) -> Option<(i32, i32)> {
    let (first, size) = (usize::from(u16_at(fvar, 4)?), usize::from(u16_at(fvar, 10)?));
    let mut axes = (0..usize::from(u16_at(fvar, 8)?)).map(|i| first + size * i);
    let at = axes.find(|&at| tag_at(fvar, at) == Some(tag))?;
    let whole = |at| u16_at(fvar, at).map(|bits| i32::from(bits.cast_signed()));
    Some((whole(at + 4)?, whole(at + 12)?)).filter(|(least, most)| least < most)
}

fn part(bytes: &[u8], offset: usize, length: usize) -> Option<Vec<u8>> {
    Some(bytes.get(offset..offset.checked_add(length)?)?.to_vec())
}

fn tag_at(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(tag_at(bytes, at)?)).ok()
}

/// `UIntBase128` of WOFF2: seven bits a byte, the last without the eighth.
fn base128(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value: usize = 0;
    for _ in 0..5 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_shl(7)? | usize::from(byte & 127);
        if byte & 128 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn installed_fonts_say_what_they_are() {
        let read = |name: &str| {
            let path = Path::new("/usr/share/fonts/truetype/dejavu").join(name);
            Traits::read(&path).expect("setup.sh installs the DejaVu fonts")
        };
        let plain =
            |weight: &str| Traits { weight: weight.into(), style: "normal".into(), stretch: None };
        assert_eq!(read("DejaVuSans.ttf"), plain("400"));
        assert_eq!(read("DejaVuSans-Bold.ttf"), plain("700"));
    }

    /// A table `OS/2` of a bold, italic and condensed face.
    fn os2() -> Vec<u8> {
        let mut os2 = vec![0; 78];
        os2[4..8].copy_from_slice(&[2, 188, 0, 3]);
        os2[63] = 1;
        os2
    }

    #[test]
    fn packed_fonts_say_it_too() {
        let axis = |tag: &[u8; 4], least: u16, most: u16| {
            let fixed = |n: u16| [n.to_be_bytes(), [0, 0]].concat();
            [&tag[..], &fixed(least), &fixed(least), &fixed(most), &[0; 4]].concat()
        };
        let fvar = [
            &[0, 1, 0, 0, 0, 16, 0, 2, 0, 2, 0, 20, 0, 0, 0, 0][..],
            &axis(b"opsz", 14, 32),
            &axis(b"wght", 100, 900),
        ];
        let tables = [os2(), fvar.concat()];
        // Brotli: a window of 64 KiB, one block that is not compressed, an empty last one.
        let data = tables.concat();
        let head = u32::try_from(data.len() - 1).unwrap() << 4 | 1 << 20;
        let packed = [&head.to_le_bytes()[..3], &data, &[3]].concat();
        let mut woff2 = b"wOF2\0\x01\0\0".to_vec();
        woff2.resize(48, 0);
        woff2[13] = 2;
        woff2[20..24].copy_from_slice(&u32::try_from(packed.len()).unwrap().to_be_bytes());
        let length = |i: usize| u8::try_from(tables[i].len()).unwrap();
        woff2.extend([6, length(0), 47, length(1)]);
        woff2.extend(packed);
        let variable = Traits {
            weight: "100 900".into(),
            style: "italic".into(),
            stretch: Some("75%".into()),
        };
        assert_eq!(Traits::of(&woff2), Some(variable));

        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(&os2()).unwrap();
        let zlib = zlib.finish().unwrap();
        let mut woff = b"wOFF".to_vec();
        woff.resize(44, 0);
        woff[13] = 1;
        let number = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
        woff.extend([*b"OS/2", number(64), number(zlib.len()), number(78), number(0)].concat());
        woff.extend(zlib);
        let single =
            Traits { weight: "700".into(), style: "italic".into(), stretch: Some("75%".into()) };
        assert_eq!(Traits::of(&woff), Some(single));
    }

    #[test]
    fn what_is_no_font_is_none() {
        for bytes in [&b""[..], b"wOF2", b"wOFF1234", b"<!doctype html>", b"\0\x01\0\0\0\x09"] {
            assert_eq!(Traits::of(bytes), None);
        }
        // A table of WOFF2 that is longer than the stream.
        let mut bytes = b"wOF2\0\x01\0\0".to_vec();
        bytes.resize(48, 0);
        bytes[13] = 1;
        bytes.extend([6, 0xff, 0xff, 0x7f]);
        assert_eq!(Traits::of(&bytes), None);
    }
}
