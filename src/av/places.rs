//! The places of a file's pictures, by its packets.

use std::ffi::c_int;
use std::path::Path;

use ffmpeg_next::codec::packet::traits::Ref as _;
use ffmpeg_next::{Packet, ffi};

use super::cut::is_cut_off;
use super::length::header_length;
use super::video_reader::{VideoReader, said};
use super::{AvError, check};

/// The least part of its stated length that a file lacks if it was cut off, in seconds.
const CUT_SECS: f64 = 0.5;

/// One picture's place in the file, by its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketPlace {
    /// The time at which it is shown, in ticks.
    pub pts: i64,
    /// The time at which it is decoded, in ticks.
    pub dts: i64,
    /// Whether decoding can begin here.
    pub is_key: bool,
    /// A number for its parameters of the shape of pictures from here on, if it has any.
    pub said: Option<u64>,
    /// The byte at which reading may begin to find it, and the shift of times there, in
    /// microseconds: where times have restarted in between, they do not lead to it.
    pub part: Option<(i64, i64)>,
}

/// All pictures of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    /// In decoding order.
    pub places: Vec<PacketPlace>,
    /// The end of pictures and sound, actual or promised, in seconds from the file's start.
    pub end: f64,
    /// The time from which promised pictures are missing, in seconds from the file's start.
    pub missing_from: Option<f64>,
}

/// A packet as in the file: its time may be missing.
struct Listed {
    pts: Option<i64>,
    dts: i64,
    duration: i64,
    is_key: bool,
    is_shown: bool,
    said: Option<u64>,
    part: (i64, i64),
}

impl VideoReader {
    /// Reads the rest of the file at `path` and lists its pictures. Decodes nothing.
    pub(crate) fn places(&mut self, path: &Path) -> Result<Listing, AvError> {
        let origin = self.input.origin().unwrap_or_default();
        let mut listed = Vec::new();
        let mut packet = Packet::empty();
        let mut watch = self.parameter_watch();
        let (mut end, mut shown_until, mut last_end) = (0.0_f64, 0.0_f64, 0.0_f64);
        let mut is_broken = false;
        // Where a packet has no position, that of an earlier one counts.
        let mut part = (0, 0);
        loop {
            match self.input.read(&mut packet) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if listed.is_empty() => {
                    return Err(AvError::of(format!("cannot read the video {}", self.name), error));
                }
                Err(_) => {
                    is_broken = true;
                    break;
                }
            }
            last_end = last_end.max(self.end_of_any(&packet, origin));
            if let Some(until) = self.input.end_of(&packet, origin) {
                end = end.max(until);
            }
            if packet.stream() != self.stream {
                continue;
            }
            // SAFETY: plain fields of a valid packet.
            let (place, flags) = unsafe { ((*packet.as_ptr()).pos, (*packet.as_ptr()).flags) };
            if place >= 0 {
                part = (place, self.input.clock.moved(self.stream));
            }
            let said = said(&mut watch, &packet);
            let (pts, duration) = (packet.pts(), packet.duration());
            let Some(dts) = packet.dts().or(pts) else { continue };
            let is_shown = flags & ffi::AV_PKT_FLAG_DISCARD == 0;
            shown_until = shown_until.max(self.input.end_of(&packet, origin).unwrap_or_default());
            listed.push(Listed {
                pts,
                dts,
                duration,
                is_key: packet.is_key(),
                is_shown,
                said,
                part,
            });
        }
        let promised = header_length(&self.input).unwrap_or_default().max(self.counted_length());
        let is_short = last_end + CUT_SECS < promised;
        let is_cut =
            self.lacks_packets(listed.len()) || is_short && (is_broken || is_cut_off(path));
        let is_joined = listed.iter().any(|listed| listed.part.1 != 0);
        fill_in(&mut listed, self.reorders());
        let places = listed.iter().filter(|listed| listed.is_shown).map(|listed| PacketPlace {
            pts: listed.pts.unwrap_or(listed.dts),
            dts: listed.dts,
            is_key: listed.is_key,
            said: listed.said,
            part: is_joined.then_some(listed.part),
        });
        let missing_from = is_cut.then_some(shown_until);
        let end = if is_cut { end.max(promised) } else { end };
        Ok(Listing { places: places.collect(), end, missing_from })
    }

    /// The length of the pictures that an AVI file counts: libav takes the present rest of it for
    /// all.
    fn counted_length(&self) -> f64 {
        let Some(stream) = self.input.stream(self.stream) else { return 0.0 };
        let rate = f64::from(stream.avg_frame_rate());
        if self.input.format().name() == "avi" && rate > 0.0 {
            stream.frames() as f64 / rate
        } else {
            0.0
        }
    }

    /// The end of a packet of any stream, in seconds.
    fn end_of_any(&self, packet: &Packet, origin: f64) -> f64 {
        let tick = self.input.stream(packet.stream()).map_or(0.0, |s| f64::from(s.time_base()));
        let start = packet.pts().or_else(|| packet.dts()).unwrap_or_default();
        start.saturating_add(packet.duration()) as f64 * tick - origin
    }

    /// Whether an index lists more packets than could be read.
    fn lacks_packets(&self, read: usize) -> bool {
        // Indexes of other formats list only some packets, or packets that are left out on purpose.
        let has_index = self.input.format().name().split(',').any(|name| name == "mov");
        let Some(stream) = self.input.stream(self.stream).filter(|_| has_index) else {
            return false;
        };
        // SAFETY: a valid stream.
        let listed = unsafe { ffi::avformat_index_get_entries_count(stream.as_ptr()) };
        usize::try_from(listed).is_ok_and(|listed| listed > read)
    }

    /// Whether pictures are decoded in another order than they are shown.
    fn reorders(&self) -> bool {
        let Some(stream) = self.input.stream(self.stream) else { return false };
        // SAFETY: a plain field of valid parameters.
        unsafe { (*stream.parameters().as_ptr()).video_delay > 0 }
    }

    /// Seeks to the last place at or before this one where decoding can begin.
    pub(crate) fn seek(&mut self, place: &PacketPlace) -> Result<(), AvError> {
        let stream = c_int::try_from(self.stream).unwrap_or(-1);
        let (at, flags, moved) = match place.part {
            Some((byte, moved)) => (byte, ffi::AVSEEK_FLAG_BYTE, moved),
            None => (place.dts, ffi::AVSEEK_FLAG_BACKWARD, 0),
        };
        // SAFETY: a valid context and one of its streams.
        let sought = unsafe { ffi::av_seek_frame(self.input.as_mut_ptr(), stream, at, flags) };
        check(sought, format!("cannot seek in the video {}", self.name))?;
        self.input.clock.go_to(moved);
        self.decoder.flush();
        self.is_drained = false;
        Ok(())
    }

    /// Reads the next packet of the stream. False at the end of the file.
    pub(super) fn read(&mut self, packet: &mut Packet) -> Result<bool, AvError> {
        loop {
            let read = self.input.read(packet);
            let is_there =
                read.map_err(|e| AvError::of(format!("cannot read the video {}", self.name), e))?;
            if !is_there || packet.stream() == self.stream {
                return Ok(is_there);
            }
        }
    }
}

/// Finds times of pictures that have none where others have: in program streams only some packets
/// carry them. A reference picture is shown when the next one is decoded.
///
/// Where no packet has one, as in AVI, only the decoding order is known.
fn fill_in(listed: &mut [Listed], reorders: bool) {
    let is_late = |listed: &Listed| listed.pts.is_some_and(|pts| pts > listed.dts);
    if !reorders || !listed.iter().any(is_late) {
        return;
    }
    let mut next = listed.last().map_or(0, |last| last.dts + last.duration);
    for listed in listed.iter_mut().rev() {
        let refers = listed.pts.is_none() || is_late(listed);
        if refers {
            listed.pts.get_or_insert(next);
            next = listed.dts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program stream's packets as ffmpeg writes them: I P B B P B B P, in frames.
    #[test]
    fn missing_times_are_those_of_the_next_reference() {
        let some = [Some(1), None, Some(2), Some(3), None, Some(5), Some(6), None];
        let list = |times: &[Option<i64>]| -> Vec<Listed> {
            let listed = |(dts, &pts)| Listed {
                pts,
                dts,
                duration: 1,
                is_key: false,
                is_shown: true,
                said: None,
                part: (0, 0),
            };
            (0..).zip(times).map(listed).collect()
        };
        let filled = |times: &[Option<i64>], reorders| {
            let mut listed = list(times);
            fill_in(&mut listed, reorders);
            listed.iter().map(|listed| listed.pts).collect::<Vec<_>>()
        };
        let expected = [1, 4, 2, 3, 7, 5, 6, 8].map(Some);
        assert_eq!(filled(&some, true), expected);
        assert_eq!(filled(&some, false), some);
        assert_eq!(filled(&[None, None], true), [None, None]);
    }
}
