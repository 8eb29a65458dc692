//! The parameters in packets for the shape of their pictures, found without decoding.
//!
//! A stream may change its size, or the aspect of its pixels: recordings of calls, phones turned
//! while they record, broadcasts. Such a change is announced in front of a picture from which
//! decoding can begin, except in VP9, which may change in any. Only the change itself counts here;
//! its meaning for pictures is found by decoding one.

use ffmpeg_next::codec::Id;

/// Reads the packets of one stream in their order.
#[derive(Debug)]
pub(super) struct ParameterWatch {
    codec: Id,
    /// Bytes of the length in front of each unit of H.264 and HEVC; 0 where start codes separate
    /// them.
    length_bytes: usize,
    vp9: Vp9Sizes,
}

impl ParameterWatch {
    pub(super) fn new(codec: Id, extradata: &[u8]) -> Self {
        let at = match codec {
            Id::H264 => 4,
            _ => 21,
        };
        let is_counted = extradata.first() == Some(&1);
        let length = extradata.get(at).filter(|_| is_counted).map(|byte| usize::from(byte & 3) + 1);
        Self { codec, length_bytes: length.unwrap_or_default(), vp9: Vp9Sizes::default() }
    }

    /// The bytes of a packet that determine the shape of pictures; empty where there are none.
    pub(super) fn said(&mut self, data: &[u8]) -> Vec<u8> {
        match self.codec {
            Id::H264 | Id::HEVC => self.sets(data),
            Id::MPEG1VIDEO | Id::MPEG2VIDEO => sequence_headers(data),
            Id::MPEG4 => layer_header(data),
            Id::VP8 => match data {
                [flags, _, _, 0x9d, 0x01, 0x2a, size @ ..] if flags & 1 == 0 => first(size, 4),
                _ => Vec::new(),
            },
            Id::VP9 => self.vp9.said(data),
            Id::AV1 => av1_header(data),
            Id::MJPEG => jpeg_size(data),
            Id::PNG => data.get(16..24).map(<[u8]>::to_vec).unwrap_or_default(),
            // Width, height and aspect of a frame's header.
            Id::PRORES => match data.get(16..22) {
                Some(&[a, b, c, d, _, aspect]) => vec![a, b, c, d, aspect & 0xf0],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Sequence parameter sets of H.264 and HEVC.
    fn sets(&self, data: &[u8]) -> Vec<u8> {
        let mut found = Vec::new();
        let mut take = |unit: &[u8]| {
            let Some(&head) = unit.first() else { return true };
            let (is_set, is_picture) = match self.codec {
                Id::H264 => (head & 31 == 7, matches!(head & 31, 1..=5)),
                _ => ((head >> 1) & 63 == 33, (head >> 1) & 63 < 32),
            };
            if is_set {
                found.extend_from_slice(unit);
            }
            // They stand in front of the pictures that they apply to.
            !is_picture
        };
        if self.length_bytes == 0 {
            for (at, end) in units(data) {
                if !take(&data[at..end]) {
                    break;
                }
            }
        } else {
            let mut rest = data;
            while let Some((length, after)) = rest.split_at_checked(self.length_bytes) {
                let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
                let Some((unit, after)) = after.split_at_checked(length) else { break };
                if !take(unit) {
                    break;
                }
                rest = after;
            }
        }
        found
    }
}

fn first(data: &[u8], count: usize) -> Vec<u8> {
    data[..count.min(data.len())].to_vec()
}

/// The beginnings and ends of units between start codes (00 00 01).
fn units(data: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut starts = memchr::memmem::find_iter(data, &[0, 0, 1]).map(|at| at + 3).peekable();
    std::iter::from_fn(move || {
        let start = starts.next()?;
        let end = starts.peek().map_or(data.len(), |next| next - 3);
        // Zeros in front of a start code belong to it.
        let zeros = data[start..end].iter().rev().take_while(|&&byte| byte == 0).count();
        Some((start, end - zeros))
    })
}

/// Size and aspect from the sequence headers of MPEG-1 and MPEG-2, with the displayed part.
fn sequence_headers(data: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for (at, end) in units(data) {
        match data[at..end] {
            [0xb3, a, b, c, d, ..] => found.extend([a, b, c, d & 0xf0]),
            [0xb5, id, ref rest @ ..] if id >> 4 == 1 || id >> 4 == 2 => {
                found.push(id);
                found.extend(first(rest, 7));
            }
            // A picture.
            [0, ..] => break,
            _ => {}
        }
    }
    found
}

/// The header of a video object layer of MPEG-4.
fn layer_header(data: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for (at, end) in units(data) {
        match data[at..end] {
            [0x20..=0x2f, ref rest @ ..] => found.extend_from_slice(rest),
            // A picture.
            [0xb6, ..] => break,
            _ => {}
        }
    }
    found
}

/// The sequence header of AV1.
fn av1_header(mut data: &[u8]) -> Vec<u8> {
    while let Some((&head, mut rest)) = data.split_first() {
        // Extension.
        if head & 4 != 0 {
            rest = rest.get(1..).unwrap_or_default();
        }
        let mut length = rest.len();
        if head & 2 != 0 {
            length = 0;
            for shift in 0..8 {
                let Some((&byte, after)) = rest.split_first() else { return Vec::new() };
                rest = after;
                length |= usize::from(byte & 127) << (7 * shift);
                if byte < 128 {
                    break;
                }
            }
        }
        let Some((unit, after)) = rest.split_at_checked(length) else { break };
        match (head >> 3) & 15 {
            1 => return unit.to_vec(),
            // A picture.
            3 | 6 => break,
            _ => data = after,
        }
    }
    Vec::new()
}

/// Height, width and components of a JPEG.
fn jpeg_size(data: &[u8]) -> Vec<u8> {
    let mut rest = data.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, body @ ..] = rest {
        let length = usize::from(*high) << 8 | usize::from(*low);
        match marker {
            0xc0..=0xc2 => return first(body.get(1..).unwrap_or_default(), 5),
            // Pixels.
            0xda => break,
            _ => rest = rest.get(2 + length..).unwrap_or_default(),
        }
    }
    Vec::new()
}

/// Sizes of the pictures that later ones of VP9 may refer to.
#[derive(Debug, Default)]
struct Vp9Sizes {
    slots: [[u16; 2]; 8],
    now: [u16; 2],
}

impl Vp9Sizes {
    /// The size of the picture that a packet shows.
    fn said(&mut self, data: &[u8]) -> Vec<u8> {
        let mut rest = data;
        for length in superframe(data) {
            let Some((frame, after)) = rest.split_at_checked(length) else { break };
            rest = after;
            if self.read(frame).is_none() {
                return Vec::new();
            }
        }
        self.now.iter().flat_map(|side| side.to_be_bytes()).collect()
    }

    /// The uncompressed header (VP9 bitstream specification, 6.2).
    fn read(&mut self, frame: &[u8]) -> Option<()> {
        let mut bits = Bits { data: frame, at: 0 };
        if bits.read(2)? != 2 {
            return None;
        }
        let profile = bits.read(1)? | bits.read(1)? << 1;
        if profile == 3 {
            bits.read(1)?;
        }
        if bits.read(1)? == 1 {
            self.now = self.slots[bits.read(3)? as usize];
            return Some(());
        }
        let is_key = bits.read(1)? == 0;
        let is_shown = bits.read(1)? == 1;
        let is_resilient = bits.read(1)? == 1;
        let mut refresh = 0xff;
        let mut size = None;
        if is_key {
            bits.read(24)?;
            bits.color(profile)?;
        } else {
            let is_intra = !is_shown && bits.read(1)? == 1;
            if !is_resilient {
                bits.read(2)?;
            }
            if is_intra {
                bits.read(24)?;
                if profile > 0 {
                    bits.color(profile)?;
                }
                refresh = bits.read(8)?;
            } else {
                refresh = bits.read(8)?;
                let mut refers = [0; 3];
                for slot in &mut refers {
                    *slot = bits.read(3)? as usize;
                    bits.read(1)?;
                }
                for slot in refers {
                    if size.is_none() && bits.read(1)? == 1 {
                        size = Some(self.slots[slot]);
                    }
                }
            }
        }
        let size = match size {
            Some(size) => size,
            None => [bits.side()?, bits.side()?],
        };
        for (slot, kept) in self.slots.iter_mut().enumerate() {
            if refresh >> slot & 1 == 1 {
                *kept = size;
            }
        }
        if is_shown {
            self.now = size;
        }
        Some(())
    }
}

/// The lengths of the frames in a packet (VP9 bitstream specification, annex B).
fn superframe(data: &[u8]) -> Vec<usize> {
    let whole = vec![data.len()];
    let Some(&marker) = data.last().filter(|&&last| last & 0xe0 == 0xc0) else { return whole };
    let count = usize::from(marker & 7) + 1;
    let bytes = usize::from(marker >> 3 & 3) + 1;
    let index = data.len().checked_sub(2 + count * bytes).map(|at| &data[at..data.len() - 1]);
    match index {
        Some([first, lengths @ ..]) if *first == marker => lengths
            .chunks_exact(bytes)
            .map(|bytes| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
            .collect(),
        _ => whole,
    }
}

/// Bits from the most significant one on.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let byte = self.data.get(at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - at % 8) & 1);
        }
        self.at += count;
        Some(value)
    }

    /// One side of a picture.
    fn side(&mut self) -> Option<u16> {
        u16::try_from(self.read(16)? + 1).ok()
    }

    /// Skips VP9's fields about colors.
    fn color(&mut self, profile: u32) -> Option<()> {
        if profile >= 2 {
            self.read(1)?;
        }
        let is_rgb = self.read(3)? == 7;
        if !is_rgb {
            self.read(1)?;
        }
        match (profile & 1 == 1, is_rgb) {
            (true, false) => self.read(3),
            (true, true) => self.read(1),
            _ => Some(0),
        }
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits as text, without regard to spaces.
    fn packed(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|b| b != &b' ').map(|b| b - b'0').collect();
        bits.chunks(8)
            .map(|byte| (0..8).fold(0, |sum, i| sum << 1 | byte.get(i).unwrap_or(&0)))
            .collect()
    }

    #[test]
    fn vp9_pictures_take_their_size_from_others() {
        let mut watch = ParameterWatch::new(Id::VP9, &[]);
        // A key frame of 32x16, and one that is not shown of 46x24 into slot 1.
        let sync = format!("{:08b}{:08b}{:08b}", 0x49, 0x83, 0x42);
        let size = |w: u32, h: u32| format!("{:016b}{:016b}", w - 1, h - 1);
        let key = packed(&format!("10 00 0 0 1 0 {sync} 001 0 {}", size(32, 16)));
        assert_eq!(watch.said(&key), [0, 32, 0, 16]);
        let hidden = packed(&format!(
            "10 00 0 1 0 0 0 00 00000010 000 0 000 0 000 0 0 0 0 {}",
            size(46, 24)
        ));
        assert_eq!(watch.said(&hidden), [0, 32, 0, 16], "it is not seen");
        // One like the first in slot 0, then one like slot 1, both in a packet, and slot 1 itself.
        let like =
            |slot: u32| packed(&format!("10 00 0 1 1 0 00 00000000 {slot:03b} 0 000 0 000 0 1"));
        assert_eq!(watch.said(&like(0)), [0, 32, 0, 16]);
        let (one, other) = (like(0), like(1));
        let lengths = [one.len(), other.len()].map(|n| u8::try_from(n).unwrap());
        let index = [0xc1, lengths[0], lengths[1], 0xc1];
        assert_eq!(watch.said(&[&one[..], &other, &index].concat()), [0, 46, 0, 24]);
        assert_eq!(watch.said(&packed("10 00 1 000")), [0, 32, 0, 16]);
        assert_eq!(watch.said(&packed("10 00 1 001")), [0, 46, 0, 24]);
        assert_eq!(watch.said(&[0xff]), [0; 0], "damaged");
    }

    #[test]
    fn sets_stand_in_front_of_pictures() {
        let mut annex_b = ParameterWatch::new(Id::H264, &[]);
        let stream =
            [0, 0, 0, 1, 9, 16, 0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x65, 0x67, 0, 0, 1, 0x67];
        assert_eq!(annex_b.said(&stream), [0x67, 1, 2, 3]);
        let mut counted = ParameterWatch::new(Id::HEVC, &{
            let mut head = [0; 23];
            (head[0], head[21]) = (1, 1);
            head
        });
        assert_eq!(counted.said(&[0, 2, 0x40, 1, 0, 3, 0x42, 1, 7, 0, 1, 0x26]), [0x42, 1, 7]);
        assert_eq!(counted.said(&[0, 9, 0x42]), [0; 0], "cut off");
    }

    #[test]
    fn sizes_in_headers() {
        let said = |codec, data: &[u8]| ParameterWatch::new(codec, &[]).said(data);
        assert_eq!(said(Id::VP8, &[0x10, 2, 0, 0x9d, 1, 0x2a, 64, 1, 180, 0, 9]), [64, 1, 180, 0]);
        assert_eq!(said(Id::VP8, &[0x11, 2, 0, 0x9d, 1, 0x2a, 64, 1, 180, 0, 9]), [0; 0]);
        let mpeg = [0, 0, 1, 0xb3, 0x14, 0, 0xb4, 0x35, 0, 0, 1, 0, 5];
        assert_eq!(said(Id::MPEG2VIDEO, &mpeg), [0x14, 0, 0xb4, 0x30]);
        assert_eq!(said(Id::AV1, &[0x12, 0, 0x0a, 2, 5, 6, 0x32, 1, 9]), [5, 6]);
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0, 180, 1, 64, 3, 1];
        assert_eq!(said(Id::MJPEG, &jpeg), [0, 180, 1, 64, 3]);
    }
}
