//! Inserts bytes into an encoder's packets.

use ffmpeg_next::codec::packet::traits::{Mut as _, Ref as _};
use ffmpeg_next::{Packet, ffi};

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
