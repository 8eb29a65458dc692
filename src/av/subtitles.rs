//! Streams of subtitles, which are written without an encoder.

use std::ffi::c_int;
use std::ptr::NonNull;

use ffmpeg_next::codec::packet::traits::Mut as _;
use ffmpeg_next::{Packet, Rational, ffi};

use super::encoder::Described;
use super::{AvError, c_string};
use crate::cues::Cue;

/// Ticks per millisecond in MP4 and MOV: as fine as those of any sound, because the muxer compares
/// the numbers of two streams as if their units were the same.
const ISO_TICKS: i64 = 192;

/// The sample description of timed text after its first fields (3GPP TS 26.245): no flags, in the
/// middle, below, without background, in a box of the player's; font 1 in 16 points, white, and a
/// table with one font, `Arial`.
const SAMPLE_DESCRIPTION: &[u8] = b"\0\0\0\0\x01\xff\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\x01\0\x10\xff\xff\xff\xff\
    \0\0\0\x12ftab\0\x01\0\x01\x05Arial";

/// Bytes of padding that libav's decoders require.
const PADDING: usize = ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;

/// One stream of subtitles.
#[derive(Clone, Debug)]
pub(crate) struct TextStream {
    /// FFmpeg's name: `mov_text`, `subrip` or `webvtt`.
    codec: &'static str,
    is_default: bool,
}

impl TextStream {
    pub(crate) const fn new(codec: &'static str, is_default: bool) -> Self {
        Self { codec, is_default }
    }

    fn is_timed_text(&self) -> bool {
        self.codec == "mov_text"
    }

    /// Units of the stream's time in a millisecond.
    fn ticks(&self) -> i64 {
        if self.is_timed_text() { ISO_TICKS } else { 1 }
    }

    /// Makes a packet with `cue`.
    pub(crate) fn packet(&self, cue: &Cue) -> Packet {
        let data = match self.codec {
            "mov_text" => timed_text(cue),
            "webvtt" => cue.webvtt().into_bytes(),
            _ => cue.subrip().into_bytes(),
        };
        self.timed(&data, cue.start, cue.end)
    }

    /// Makes a packet without a cue, from one millisecond to another.
    pub(crate) fn pause(&self, start: i64, end: i64) -> Packet {
        self.timed(&[0, 0], start, end)
    }

    fn timed(&self, data: &[u8], start: i64, end: i64) -> Packet {
        let ticks = self.ticks();
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(start * ticks));
        packet.set_dts(Some(start * ticks));
        packet.set_duration((end - start) * ticks);
        // SAFETY: a plain field of a valid packet.
        unsafe { (*packet.as_mut_ptr()).flags |= ffi::AV_PKT_FLAG_KEY };
        packet
    }
}

/// Makes a sample of timed text: its length, the text, and the styles of its characters.
fn timed_text(cue: &Cue) -> Vec<u8> {
    let (text, runs) = cue.styled();
    // Texts are far shorter.
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
    let mut data = short(text.len()).to_vec();
    data.extend(text.bytes());
    if !runs.is_empty() {
        let size = u32::try_from(10 + 12 * runs.len()).unwrap_or_default();
        data.extend(size.to_be_bytes());
        data.extend(b"styl");
        data.extend(short(runs.len()));
        for (start, end, style) in runs {
            data.extend(short(start));
            data.extend(short(end));
            data.extend([0, 1, style, 16, 0xff, 0xff, 0xff, 0xff]);
        }
    }
    data
}

impl Described for TextStream {
    fn time_base(&self) -> Rational {
        // 1 or 192 in a millisecond.
        Rational::new(1, if self.is_timed_text() { 192_000 } else { 1000 })
    }

    fn describe(&self, stream: NonNull<ffi::AVStream>) -> Result<(), AvError> {
        let name = c_string(self.codec)?;
        // SAFETY: a C string; the answer is null or static.
        let descriptor = unsafe { ffi::avcodec_descriptor_get_by_name(name.as_ptr()).as_ref() };
        let Some(descriptor) = descriptor else {
            return Err(AvError::refused("subtitles", format!("libav has no `{}`", self.codec)));
        };
        // SAFETY: a valid stream of a muxer whose header is not written.
        let stream = unsafe { &mut *stream.as_ptr() };
        // SAFETY: the parameters of that stream.
        let parameters = unsafe { &mut *stream.codecpar };
        parameters.codec_type = ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE;
        parameters.codec_id = descriptor.id;
        stream.time_base = self.time_base().into();
        if self.is_default {
            stream.disposition |= ffi::AV_DISPOSITION_DEFAULT as c_int;
        }
        if !self.is_timed_text() {
            return Ok(());
        }
        // In QuickTime files, too, whose older kind of text is described differently.
        parameters.codec_tag = u32::from_le_bytes(*b"tx3g");
        let bytes = SAMPLE_DESCRIPTION.len();
        // SAFETY: allocates zeroed memory of that size, or returns null.
        let place = unsafe { ffi::av_mallocz(bytes + PADDING) }.cast::<u8>();
        if place.is_null() {
            return Err(AvError::out_of_memory("subtitles"));
        }
        // SAFETY: so many bytes were allocated there.
        unsafe { place.copy_from_nonoverlapping(SAMPLE_DESCRIPTION.as_ptr(), bytes) };
        parameters.extradata = place;
        parameters.extradata_size = c_int::try_from(bytes).unwrap_or_default();
        Ok(())
    }
}
