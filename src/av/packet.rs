//! An encoder's packets: bytes inserted, taken apart for a file, and put together again.

use std::ptr::NonNull;

use ffmpeg_next::codec::packet::traits::{Mut as _, Ref as _};
use ffmpeg_next::{Packet, ffi};
use serde::{Deserialize, Serialize};

use super::{AvError, check};

/// The packet with `bytes` inserted before its byte `at`, and otherwise unchanged.
pub(crate) fn with_inserted(packet: &Packet, at: usize, bytes: &[u8]) -> Result<Packet, AvError> {
    let data = packet.data().unwrap_or_default();
    let mut longer = Packet::new(data.len() + bytes.len());
    let out_of_memory = || AvError::out_of_memory("packet");
    let target = longer.data_mut().ok_or_else(out_of_memory)?;
    target[..at].copy_from_slice(&data[..at]);
    target[at..at + bytes.len()].copy_from_slice(bytes);
    target[at + bytes.len()..].copy_from_slice(&data[at..]);
    // SAFETY: two valid packets; what the first refers to is copied or counted.
    let copied = unsafe { ffi::av_packet_copy_props(longer.as_mut_ptr(), packet.as_ptr()) };
    check(copied, "packet")?;
    Ok(longer)
}

/// What a file must keep of a packet besides its bytes, so that it can be made anew. Times are in
/// the encoder's time base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PacketHead {
    pub pts: i64,
    pub dts: i64,
    /// libav's `AV_PKT_FLAG_*`.
    pub flags: i32,
    /// Bytes of the packet itself.
    pub bytes: usize,
    /// The kinds and lengths of its side data, whose bytes follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub side: Vec<(SideData, usize)>,
}

/// What a muxer may get with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SideData {
    /// Transparency of VP8 and VP9.
    BlockAdditional,
    /// A new head of the stream.
    NewExtradata,
}

impl SideData {
    const ALL: [Self; 2] = [Self::BlockAdditional, Self::NewExtradata];

    const fn kind(self) -> ffi::AVPacketSideDataType {
        use ffi::AVPacketSideDataType::{
            AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL, AV_PKT_DATA_NEW_EXTRADATA,
        };
        match self {
            Self::BlockAdditional => AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL,
            Self::NewExtradata => AV_PKT_DATA_NEW_EXTRADATA,
        }
    }
}

impl PacketHead {
    /// Bytes of the packet with its side data.
    pub(crate) fn whole(&self) -> usize {
        self.side.iter().map(|(_, bytes)| bytes).sum::<usize>() + self.bytes
    }
}

/// Splits a packet of an encoder into its head and all of its bytes.
pub(crate) fn packet_parts(packet: &Packet) -> Result<(PacketHead, Vec<u8>), AvError> {
    let untimed = || AvError::refused("packet", "the encoder gave it no time");
    let (pts, dts) = packet.pts().zip(packet.dts()).ok_or_else(untimed)?;
    let mut bytes = packet.data().unwrap_or_default().to_vec();
    // SAFETY: a valid packet; its fields are read.
    let raw = unsafe { &*packet.as_ptr() };
    let mut head = PacketHead { pts, dts, flags: raw.flags, bytes: bytes.len(), side: Vec::new() };
    for i in 0..usize::try_from(raw.side_data_elems).unwrap_or_default() {
        // SAFETY: the packet has as many elements, and each as many bytes as it says.
        let (kind, data) = unsafe {
            let element = &*raw.side_data.add(i);
            (element.type_, std::slice::from_raw_parts(element.data, element.size))
        };
        // No muxer looks at it.
        if kind == ffi::AVPacketSideDataType::AV_PKT_DATA_QUALITY_STATS {
            continue;
        }
        let Some(known) = SideData::ALL.into_iter().find(|known| known.kind() == kind) else {
            return Err(AvError::refused("packet", format!("{kind:?} with it cannot be kept")));
        };
        head.side.push((known, data.len()));
        bytes.extend_from_slice(data);
    }
    Ok((head, bytes))
}

/// The packet of a head and its bytes, of which there must be as many as it says.
pub(crate) fn packet_of(head: &PacketHead, bytes: &[u8]) -> Result<Packet, AvError> {
    let short = || AvError::refused("packet", "its bytes are not all there");
    let out_of_memory = || AvError::out_of_memory("packet");
    if bytes.len() != head.whole() {
        return Err(short());
    }
    let (own, mut rest) = bytes.split_at(head.bytes);
    let mut packet = Packet::copy(own);
    packet.set_pts(Some(head.pts));
    packet.set_dts(Some(head.dts));
    packet.set_duration(1);
    // SAFETY: a valid packet of ours.
    let raw = unsafe { &mut *packet.as_mut_ptr() };
    raw.flags = head.flags;
    for &(kind, length) in &head.side {
        let (data, after) = rest.split_at(length);
        rest = after;
        // SAFETY: a valid packet; the answer is null, or room for as many bytes.
        let target = unsafe { ffi::av_packet_new_side_data(raw, kind.kind(), length as _) };
        let target = NonNull::new(target).ok_or_else(out_of_memory)?;
        // SAFETY: both have that many bytes and do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), target.as_ptr(), length) };
    }
    Ok(packet)
}

/// Moves a packet of a segment to its place in the whole.
pub(crate) fn move_by(packet: &mut Packet, frames: i64) {
    packet.set_pts(packet.pts().map(|pts| pts + frames));
    packet.set_dts(packet.dts().map(|dts| dts + frames));
}
