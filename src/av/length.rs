//! The length of a file's sound, where the file does not state it or states an impossible one.

use ffmpeg_next::codec::packet::traits::Ref as _;
use ffmpeg_next::{Packet, ffi, media};

use super::AvError;
use super::door::MediaInput;

/// The most that is read of one file. The length of a longer file is estimated from the part read.
///
/// 2 GiB are three hours of the largest WAV and a day of MP3; the packets, a day of 20 ms each.
const MAX_BYTES: i64 = 2 << 30;
const MAX_PACKETS: u64 = 4_500_000;

/// Bytes of a file that may be neither header nor samples.
const BESIDE_BYTES: i64 = 1 << 20;

/// Demuxers whose stated length counts. Others guess, count only the encoder's samples without
/// appended ones, or read a header that could not be corrected because it was written to a pipe.
const TRUSTED: [&str; 14] = [
    "mov", "matroska", "webm", "asf", "wav", "w64", "aiff", "caf", "au", "flac", "wv", "tta",
    "ape", "tak",
];

/// The length in seconds that a file states, if it is credible.
pub(super) fn said_length(input: &MediaInput) -> Option<f64> {
    let is_trusted = input.format().name().split(',').any(|name| TRUSTED.contains(&name));
    header_length(input).filter(|&secs| is_trusted && holds(input, secs))
}

/// The length in seconds that the header of a file states, true or not.
pub(super) fn header_length(input: &MediaInput) -> Option<f64> {
    use ffi::AVDurationEstimationMethod as Method;
    // SAFETY: a plain field of an open context.
    let method = unsafe { (*input.as_ptr()).duration_estimation_method };
    let secs = input.duration() as f64 / f64::from(ffi::AV_TIME_BASE);
    (method == Method::AVFMT_DURATION_FROM_STREAM && secs > 0.0).then_some(secs)
}

/// Whether a file is large enough for so many seconds, where that can be computed.
fn holds(input: &MediaInput, secs: f64) -> bool {
    let Some(stream) = input.streams().best(media::Type::Audio) else { return true };
    // SAFETY: plain fields of valid parameters, and a pure function.
    let (bits, rate, channels) = unsafe {
        let parameters = stream.parameters();
        let raw = parameters.as_ptr();
        (
            ffi::av_get_exact_bits_per_sample((*raw).codec_id),
            (*raw).sample_rate,
            (*raw).ch_layout.nb_channels,
        )
    };
    let needed = secs * f64::from(bits.max(0)) / 8.0 * f64::from(rate) * f64::from(channels);
    size(input).is_none_or(|size| needed <= (size + BESIDE_BYTES.min(size / 100)) as f64)
}

/// Bytes of the file.
fn size(input: &MediaInput) -> Option<i64> {
    // SAFETY: the open file of an open context.
    let size = unsafe { ffi::avio_size((*input.as_ptr()).pb) };
    (size > 0).then_some(size)
}

/// Reads the packets of the sound and finds where the last one ends, in seconds from the start.
///
/// Decodes nothing, and depends on nothing but the file. `None` if there is no packet.
pub(super) fn measured_length(input: &mut MediaInput, doing: &str) -> Result<Option<f64>, AvError> {
    let Some(index) = input.streams().best(media::Type::Audio).map(|stream| stream.index()) else {
        return Ok(None);
    };
    let origin = input.origin().unwrap_or_default();
    let mut packet = Packet::empty();
    let (mut end, mut packets, mut place) = (None, 0, 1);
    loop {
        match input.read(&mut packet) {
            Ok(true) => {}
            Err(error) if end.is_none() => return Err(AvError::of(doing, error)),
            // Damage ends the file, as it does where it is played.
            Ok(false) | Err(_) => return Ok(end),
        }
        if packet.stream() == index
            && let Some(until) = input.end_of(&packet, origin)
        {
            end = Some(end.map_or(until, |end: f64| end.max(until)));
        }
        packets += 1;
        // SAFETY: a plain field of a valid packet.
        place = place.max(unsafe { (*packet.as_ptr()).pos });
        if packets > MAX_PACKETS || place > MAX_BYTES {
            let share = size(input).map_or(1.0, |size| size as f64 / place as f64);
            return Ok(end.map(|end| end * share.max(1.0)));
        }
    }
}
