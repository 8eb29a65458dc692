//! The light of HDR10 in the syntax of HEVC and AV1, and its place in a keyframe.

use crate::color::{ContentLightLevel, MasteringDisplay};

/// `MaxCLL` and `MaxFALL` in the byte order of all formats.
pub(super) const fn level_bytes(level: ContentLightLevel) -> [u8; 4] {
    let [a, b] = level.max_content.to_be_bytes();
    let [c, d] = level.max_frame_average.to_be_bytes();
    [a, b, c, d]
}

/// A prefix SEI NAL unit without its start code (Rec. ITU-T H.265, 7.3.2.4 and D.2).
pub(super) fn hevc_message(display: MasteringDisplay, level: Option<ContentLightLevel>) -> Vec<u8> {
    // Type 39, layer 0, temporal id 1.
    let header = [39 << 1, 1];
    let mut payload = Vec::new();
    // Mastering display colour volume: green, blue, red.
    payload.extend([137, 24]);
    let [red, green, blue] = display.primaries;
    for point in [green, blue, red, display.white] {
        payload.extend(point.map(u16::to_be_bytes).concat());
    }
    payload.extend(display.max_luminance.to_be_bytes());
    payload.extend(display.min_luminance.to_be_bytes());
    if let Some(level) = level {
        payload.extend([144, 4]);
        payload.extend(level_bytes(level));
    }
    // The stop bit.
    payload.push(0x80);
    [&header[..], &escaped(&payload)].concat()
}

/// Bytes as they are stored in a NAL unit: an escape keeps start codes from appearing (H.265,
/// 7.4.2.1).
pub(crate) fn escaped(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 2);
    let mut zeros = 0;
    for &byte in payload {
        if zeros == 2 && byte <= 3 {
            bytes.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// The place of the first slice's NAL unit in an access unit with start codes.
pub(crate) fn first_slice(unit: &[u8]) -> Option<usize> {
    // Units with lengths in place of start codes are not understood.
    if !unit.starts_with(&[0, 0, 1]) && !unit.starts_with(&[0, 0, 0, 1]) {
        return None;
    }
    let starts = memchr::memmem::find_iter(unit, &[0, 0, 1]);
    let mut slices = starts.filter(|start| {
        // Types below 32 are slices.
        unit.get(start + 3).is_some_and(|header| header >> 1 & 0x3f < 32)
    });
    let start = slices.next()?;
    // A zero before it belongs to the start code.
    let is_long = start > 0 && unit[start - 1] == 0;
    Some(start - usize::from(is_long))
}

/// Two metadata OBUs (AV1 specification, 5.8 and 6.7), that of the levels last.
pub(super) fn av1_message(display: MasteringDisplay, level: Option<ContentLightLevel>) -> Vec<u8> {
    // Type 5, with a size.
    const METADATA: u8 = 5 << 3 | 1 << 1;
    // Kinds of metadata.
    const LEVELS: u8 = 1;
    const DISPLAY: u8 = 2;
    // Chromaticities of 16 bits after the point, luminances of 8 and 14.
    let fixed = |value: u32, unit: u64, bits: u32| {
        let scaled = ((u64::from(value) << bits) + unit / 2) / unit;
        u32::try_from(scaled).unwrap_or(u32::MAX)
    };
    let chromaticity = |value: u16| {
        let value = fixed(value.into(), 50_000, 16);
        u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes()
    };
    let mut bytes = vec![METADATA, 26, DISPLAY];
    for point in [&display.primaries[..], &[display.white]].concat() {
        bytes.extend(point.map(chromaticity).concat());
    }
    bytes.extend(fixed(display.max_luminance, 10_000, 8).to_be_bytes());
    bytes.extend(fixed(display.min_luminance, 10_000, 14).to_be_bytes());
    bytes.push(0x80);
    if let Some(level) = level {
        bytes.extend([METADATA, 6, LEVELS]);
        bytes.extend(level_bytes(level));
        bytes.push(0x80);
    }
    bytes
}

/// The end of the sequence header in a temporal unit, whose OBUs have sizes.
pub(crate) fn end_of_sequence_header(unit: &[u8]) -> Option<usize> {
    const SEQUENCE_HEADER: u8 = 1;
    let mut at = 0;
    loop {
        let header = *unit.get(at)?;
        let has_size = header >> 1 & 1 == 1;
        at += 1 + usize::from(header >> 2 & 1);
        let mut size = 0;
        // leb128: seven bits in a byte, the lowest first.
        for shift in (0..56).step_by(7) {
            let byte = *unit.get(at).filter(|_| has_size)?;
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at = at.checked_add(size).filter(|&end| end <= unit.len())?;
        if header >> 3 & 0xf == SEQUENCE_HEADER {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: ContentLightLevel =
        ContentLightLevel { max_content: 0x0102, max_frame_average: 0x0304 };

    #[test]
    fn messages_are_those_of_the_standards() {
        let display = MasteringDisplay::BT2020_1000;
        let sei = hevc_message(display, Some(LEVEL));
        // As x265 writes it: green 0x2134/0x9baa, blue 0x1996/0x08fc, red 0x8a48/0x3908.
        let wanted = [
            0x4e, 1, 137, 24, 0x21, 0x34, 0x9b, 0xaa, 0x19, 0x96, 0x08, 0xfc, 0x8a, 0x48, 0x39,
            0x08, 0x3d, 0x13, 0x40, 0x42, 0x00, 0x98, 0x96, 0x80, 0, 0, 3, 0, 1, 144, 4, 1, 2, 3,
            4, 0x80,
        ];
        assert_eq!(sei, wanted);
        let obus = av1_message(display, Some(LEVEL));
        // 0.708 and 1000 nit.
        assert_eq!(obus[..5], [0x2a, 26, 2, 0xb5, 0x3f]);
        assert_eq!(obus[19..28], [0x00, 0x03, 0xe8, 0x00, 0, 0, 0, 2, 0x80]);
        assert_eq!(obus[28..], [0x2a, 6, 1, 1, 2, 3, 4, 0x80]);
        for message in [hevc_message, av1_message] {
            let whole = message(display, Some(LEVEL));
            let mut without = message(display, None);
            without.pop();
            assert!(whole.starts_with(&without));
        }
    }

    #[test]
    fn escapes_stand_where_a_start_code_would() {
        assert_eq!(escaped(&[0, 0, 1, 0, 0, 0, 0]), [0, 0, 3, 1, 0, 0, 3, 0, 0]);
        assert_eq!(escaped(&[0, 0, 4, 0, 1]), [0, 0, 4, 0, 1]);
    }

    #[test]
    fn the_place_in_a_keyframe() {
        // Parameter set, SEI, IDR slice (type 19), another slice.
        let unit = [0, 0, 0, 1, 0x40, 1, 9, 0, 0, 1, 0x4e, 1, 7, 0, 0, 0, 1, 0x26, 1, 0, 0, 1, 2];
        assert_eq!(first_slice(&unit), Some(13));
        assert_eq!(first_slice(&[0, 0, 1, 0x26, 1]), Some(0));
        assert_eq!(first_slice(&[0, 0, 0, 9, 0, 0, 1, 2]), None);
        // Temporal delimiter, a sequence header of 2 bytes, a frame.
        let unit = [0x12, 0, 0x0a, 2, 7, 7, 0x32, 1, 9];
        assert_eq!(end_of_sequence_header(&unit), Some(6));
        assert_eq!(end_of_sequence_header(&unit[..5]), None);
        assert_eq!(end_of_sequence_header(&[0x12, 0, 0x32, 1, 9]), None);
    }
}
