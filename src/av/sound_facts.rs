//! Reading a file of sound alone back.

use std::path::Path;

use ffmpeg_next::{Packet, codec, frame, media};

use super::AvError;
use super::door::open_written;

/// The facts in a file of sound, and the amount of sound that it really has.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SoundFileFacts {
    /// FFmpeg's name of the codec, such as `flac`.
    pub codec: String,
    /// Samples per second.
    pub sample_rate: u32,
    pub channels: u16,
    /// Samples that the decoder returns, without priming and padding.
    pub samples: u64,
    /// Bits per second, container included.
    pub bitrate: i64,
}

/// Decodes all of the first sound stream of `path`.
pub(crate) fn probe_sound(path: &Path) -> Result<SoundFileFacts, AvError> {
    super::init();
    let doing = || format!("cannot read {} back", path.display());
    let failed = |e: ffmpeg_next::Error| AvError::of(doing(), e);
    let mut input = open_written(path, &doing())?;
    let bitrate = input.bit_rate();
    let stream = input
        .streams()
        .best(media::Type::Audio)
        .ok_or_else(|| AvError::refused(doing(), "there is no sound in it"))?;
    let index = stream.index();
    let mut context = codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
    // Without it, the decoder does not know the samples to omit at the ends.
    context.set_time_base(stream.time_base());
    // SAFETY: a plain field of a context that is not open yet.
    unsafe { (*context.as_mut_ptr()).pkt_timebase = stream.time_base().into() };
    let mut decoder = context.decoder().audio().map_err(failed)?;
    let mut frame = frame::Audio::empty();
    let mut samples = 0;
    let mut packet = Packet::empty();
    let mut is_ending = false;
    loop {
        if super::read_packet(&mut input, &mut packet).map_err(failed)? {
            if packet.stream() != index {
                continue;
            }
            decoder.send_packet(&packet).map_err(failed)?;
        } else {
            decoder.send_eof().map_err(failed)?;
            is_ending = true;
        }
        while decoder.receive_frame(&mut frame).is_ok() {
            samples += frame.samples() as u64;
        }
        if is_ending {
            break;
        }
    }
    Ok(SoundFileFacts {
        codec: decoder.id().name().to_owned(),
        sample_rate: decoder.rate(),
        channels: decoder.channels(),
        samples,
        bitrate,
    })
}
