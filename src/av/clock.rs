//! The one clock of a file, for its pictures and for its sound.
//!
//! Both count from the same place, [`MediaInput::origin`], or they would not stay together. And in
//! formats that may be cut and joined as they are (transport and program streams, Ogg) time stamps
//! may restart in the middle: a new part continues where the part before ended. All readers of such
//! a file from its beginning find the same times, because they depend on its packets alone.

use std::collections::VecDeque;

use ffmpeg_next::{Packet, ffi, format, media};

use super::door::MediaInput;
use super::read_packet;

/// Times that fall back by more than this have restarted, in microseconds.
const BACK: i64 = 100_000;

/// Times that are ahead by more than this belong to another recording, as with ffmpeg.
const AHEAD: i64 = 10_000_000;

/// Most packets that are held back until the shift of the new part is known.
const MAX_WAITING: usize = 512;

/// The shifts of the times of a file's parts.
#[derive(Default)]
pub(super) struct Clock {
    /// Whether the format allows times to restart.
    may_jump: bool,
    /// The stream that decides the shift: of pictures, if there are any.
    leader: Option<usize>,
    streams: Vec<Stream>,
    /// The shift of the newest part, in microseconds.
    newest: i64,
    /// Packets of other streams that have jumped before the leader.
    waiting: VecDeque<Packet>,
    /// The next packets, whose times are right.
    ready: VecDeque<Packet>,
}

/// One stream's progress through the parts.
#[derive(Clone, Copy, Default)]
struct Stream {
    counts: bool,
    /// Microseconds of a tick, as a ratio.
    base: (i64, i64),
    /// The shift of its times, in microseconds.
    moved: i64,
    /// The decoding time of its last packet, and the expected one of its next, in microseconds.
    last: Option<(i64, i64)>,
}

impl Stream {
    fn micros(self, ticks: i64) -> i64 {
        scaled(ticks, self.base)
    }

    fn ticks(self, micros: i64) -> i64 {
        scaled(micros, (self.base.1, self.base.0))
    }
}

/// `value` times a ratio, rounded.
fn scaled(value: i64, (num, den): (i64, i64)) -> i64 {
    let (value, num, den) = (i128::from(value), i128::from(num), i128::from(den.max(1)));
    i64::try_from((2 * value * num + den).div_euclid(2 * den)).unwrap_or(i64::MAX)
}

/// The relation of a packet's time to the expected one.
enum Judged {
    /// It follows.
    Follows,
    /// A new part begins.
    Jumps,
}

impl Clock {
    /// The clock of a file that has been opened but not read.
    pub(super) fn of(input: &format::context::Input) -> Self {
        // SAFETY: the flags of the static format of an open context.
        let flags = unsafe { (*(*input.as_ptr()).iformat).flags };
        let stream = |stream: format::stream::Stream<'_>| {
            let base = stream.time_base();
            let (num, den) = (i64::from(base.numerator()), i64::from(base.denominator()));
            Stream { counts: counts(&stream), base: (num * 1_000_000, den), ..Stream::default() }
        };
        Self {
            may_jump: flags & ffi::AVFMT_TS_DISCONT != 0,
            leader: input.streams().find(is_picture).map(|stream| stream.index()),
            streams: input.streams().map(stream).collect(),
            ..Self::default()
        }
    }

    /// Whether times may restart in the middle.
    pub(super) const fn may_jump(&self) -> bool {
        self.may_jump
    }

    /// The present shift of a stream's times, in microseconds.
    pub(super) fn moved(&self, stream: usize) -> i64 {
        self.streams.get(stream).map_or(0, |stream| stream.moved)
    }

    /// Continues in the part whose times are shifted by so many microseconds.
    pub(super) fn go_to(&mut self, moved: i64) {
        self.waiting.clear();
        self.ready.clear();
        self.newest = moved;
        for stream in &mut self.streams {
            (stream.moved, stream.last) = (moved, None);
        }
    }

    /// Takes a packet as read from the file.
    fn take(&mut self, packet: Packet) {
        let at = packet.stream();
        let time = packet.dts().or_else(|| packet.pts());
        let Some((time, stream)) = time.zip(self.streams.get(at).filter(|stream| stream.counts))
        else {
            self.ready.push_back(packet);
            return;
        };
        let raw = stream.micros(time);
        match self.judge(at, raw) {
            Judged::Follows => self.pass(packet, raw),
            // The leader decides when the new part begins.
            Judged::Jumps if self.leader.is_some_and(|leader| leader != at) => {
                self.waiting.push_back(packet);
                if self.waiting.len() > MAX_WAITING {
                    self.release(None);
                }
            }
            Judged::Jumps => self.release(Some((packet, raw))),
        }
    }

    /// Judges whether a stream's next packet follows, in its own part or in the newest one.
    fn judge(&mut self, at: usize, raw: i64) -> Judged {
        let stream = self.streams[at];
        let newest = self.newest;
        let Some((last, next)) = stream.last else {
            self.streams[at].moved = newest;
            return Judged::Follows;
        };
        let fits = |moved: i64| (last - BACK..=next + AHEAD).contains(&(raw + moved));
        // Where another stream has come as far, there was just nothing in between.
        let is_there = |other: &Stream| {
            other.last.is_some_and(|(last, _)| (raw + stream.moved - last).abs() <= AHEAD)
        };
        let is_ahead = raw + stream.moved > next;
        let others = self.streams.iter().enumerate().filter(|(other, _)| *other != at);
        if fits(stream.moved) || is_ahead && others.map(|(_, other)| other).any(is_there) {
            return Judged::Follows;
        }
        // Sound may reach a little further into the part before than pictures do.
        let is_near = (raw + newest - next).abs() <= AHEAD;
        if newest != stream.moved && is_near {
            self.streams[at].moved = newest;
            return Judged::Follows;
        }
        Judged::Jumps
    }

    /// Begins a new part with a packet, or with the first that waits, and releases those that wait.
    fn release(&mut self, first: Option<(Packet, i64)>) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let first = first.or_else(|| {
            let packet = waiting.pop_front()?;
            let time = packet.dts().or_else(|| packet.pts())?;
            let raw = self.streams[packet.stream()].micros(time);
            Some((packet, raw))
        });
        let Some((packet, raw)) = first else { return };
        let stream = &mut self.streams[packet.stream()];
        let next = stream.last.map_or(raw, |(_, next)| next);
        stream.moved = next - raw;
        self.newest = stream.moved;
        self.pass(packet, raw);
        for packet in waiting {
            let Some(time) = packet.dts().or_else(|| packet.pts()) else { continue };
            let at = packet.stream();
            let raw = self.streams[at].micros(time);
            // A packet that is still off is from a part too short to be recognized.
            if matches!(self.judge(at, raw), Judged::Jumps) {
                self.streams[at].moved = self.newest;
            }
            self.pass(packet, raw);
        }
    }

    /// Releases a packet, with its times shifted.
    fn pass(&mut self, mut packet: Packet, raw: i64) {
        let at = packet.stream();
        let stream = &mut self.streams[at];
        let moved = stream.ticks(stream.moved);
        let now = raw + stream.moved;
        let step = match packet.duration() {
            0 => stream.last.map_or(0, |(last, _)| now - last),
            ticks => stream.micros(ticks),
        };
        stream.last = Some((now, now + step.max(0)));
        packet.set_pts(packet.pts().map(|pts| pts + moved));
        packet.set_dts(packet.dts().map(|dts| dts + moved));
        self.ready.push_back(packet);
    }
}

impl MediaInput {
    /// Reads the next packet, its times on the file's own clock. False at the end.
    pub(super) fn read(&mut self, packet: &mut Packet) -> Result<bool, ffmpeg_next::Error> {
        if !self.clock.may_jump {
            return read_packet(self, packet);
        }
        loop {
            if let Some(next) = self.clock.ready.pop_front() {
                *packet = next;
                return Ok(true);
            }
            let mut next = Packet::empty();
            if read_packet(self, &mut next)? {
                self.clock.take(next);
            } else if self.clock.waiting.is_empty() {
                return Ok(false);
            } else {
                self.clock.release(None);
            }
        }
    }

    /// The beginning of the file on its own clock, in seconds; `None` where it does not state it.
    ///
    /// A start below 0 is priming that decoding takes away, not a beginning.
    pub(super) fn origin(&self) -> Option<f64> {
        let starts = self.streams().filter_map(|stream| {
            let start = stream.start_time();
            (counts(&stream) && start != ffi::AV_NOPTS_VALUE)
                .then(|| start as f64 * f64::from(stream.time_base()))
        });
        starts.reduce(f64::min).map(|start| start.max(0.0))
    }

    /// The end of a packet's contents, in seconds from `origin`, without padding.
    pub(super) fn end_of(&self, packet: &Packet, origin: f64) -> Option<f64> {
        let stream = self.stream(packet.stream()).filter(counts)?;
        let tick = f64::from(stream.time_base());
        let end = packet.pts().or_else(|| packet.dts())?.saturating_add(packet.duration());
        // SAFETY: plain fields of valid parameters.
        let rate = unsafe { (*stream.parameters().as_ptr()).sample_rate };
        let cut = f64::from(cut_off(packet)) / f64::from(rate.max(1));
        Some(end as f64 * tick - cut - origin)
    }
}

/// Samples at the end of a packet that are only padding.
fn cut_off(packet: &Packet) -> u32 {
    use ffmpeg_next::codec::packet::side_data::Type;
    let skip = packet.side_data().find(|data| data.kind() == Type::SkipSamples);
    // Samples to leave out at the start, then those at the end, both in little endian.
    let bytes = skip.as_ref().and_then(|skip| skip.data().get(4..8)?.first_chunk::<4>().copied());
    bytes.map_or(0, u32::from_le_bytes)
}

/// Whether a stream is one of moving pictures; the cover of a sound file is none.
pub(super) fn is_picture(stream: &format::stream::Stream<'_>) -> bool {
    let is_cover = stream.disposition().contains(format::stream::Disposition::ATTACHED_PIC);
    stream.parameters().medium() == media::Type::Video && !is_cover
}

/// Whether a stream is seen or heard.
fn counts(stream: &format::stream::Stream<'_>) -> bool {
    stream.parameters().medium() == media::Type::Audio || is_picture(stream)
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::packet::Mut as _;

    use super::*;

    /// A clock of pictures and sound with ticks of a millisecond.
    fn clock() -> Clock {
        let stream = Stream { counts: true, base: (1000, 1), ..Stream::default() };
        Clock { may_jump: true, leader: Some(0), streams: vec![stream; 2], ..Clock::default() }
    }

    /// Decoding times of packets in milliseconds, from pairs of stream and time in the file.
    fn told(packets: &[(usize, i64)]) -> Vec<(usize, i64)> {
        let mut clock = clock();
        for &(stream, dts) in packets {
            let mut packet = Packet::empty();
            packet.set_stream(stream);
            packet.set_dts(Some(dts));
            packet.set_duration(40);
            // SAFETY: a plain field of a packet of ours.
            unsafe { (*packet.as_mut_ptr()).pos = 0 };
            clock.take(packet);
        }
        clock.release(None);
        clock.ready.iter().map(|packet| (packet.stream(), packet.dts().unwrap())).collect()
    }

    #[test]
    fn time_that_begins_again_goes_on() {
        // Sound comes first, and waits until the shift of the pictures is known.
        let joined = [(0, 1000), (1, 1010), (0, 1200), (1, 1210), (1, 1010), (0, 1000), (1, 1050)];
        let expected =
            [(0, 1000), (1, 1010), (0, 1200), (1, 1210), (0, 1240), (1, 1250), (1, 1290)];
        assert_eq!(told(&joined), expected);
        // Another recording, of another day.
        let later = [(0, 0), (1, 0), (0, 90_000), (1, 90_010)];
        assert_eq!(told(&later), [(0, 0), (1, 0), (0, 40), (1, 50)]);
    }

    #[test]
    fn holes_stay() {
        let hole = [(0, 0), (1, 0), (0, 5000), (1, 5000)];
        assert_eq!(told(&hole), hole);
        let slides: Vec<_> = (0..30).map(|n| (1, n * 1000)).chain([(0, 29_000)]).collect();
        let slides = [&[(0, 0)], &slides[..]].concat();
        assert_eq!(told(&slides), slides);
        // A little back, as muxers write it.
        let uneven = [(0, 1000), (0, 960), (0, 1080)];
        assert_eq!(told(&uneven), uneven);
    }
}
