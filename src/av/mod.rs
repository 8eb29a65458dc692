//! libav, linked: encoders, muxers, and reading files back.
//!
//! Thin owners around libav's structures. Knows nothing of jobs or browsers; no `ffi` type leaves
//! this folder. EAGAIN and EOF are values here ([`Received`]), not errors.
#![allow(unsafe_code, clippy::allow_attributes, reason = "libav is a C library")]

mod audio_decoder;
mod audio_encoder;
mod bwdif;
mod clock;
mod combing;
mod converter;
mod cut;
mod deinterlace;
mod door;
mod encoder;
mod frame;
mod length;
mod log;
mod muxer;
mod packet;
mod parameters;
mod places;
mod planes;
mod png_color;
mod pour;
mod probe;
mod resampler;
mod rgb;
mod shape;
mod sound_facts;
mod subtitles;
mod video_reader;

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Once;

pub(crate) use ffmpeg_next::Packet;
use ffmpeg_next::packet::Mut as _;
use ffmpeg_next::{ffi, format};

pub(crate) use self::audio_decoder::{AudioDecoder, SoundBlock, SoundFacts};
pub(crate) use self::audio_encoder::{AudioEncoder, AudioEncoderSettings};
pub(crate) use self::converter::{Converter, RgbLayout};
pub(crate) use self::encoder::{Described, Encoder, EncoderSettings, Pass, RateControl, Received};
pub(crate) use self::frame::{FramePool, VideoFrame};
pub(crate) use self::muxer::{MuxTarget, MuxedChapter, Muxer, MuxerSettings};
pub(crate) use self::packet::{PacketHead, move_by, packet_of, packet_parts, with_inserted};
pub(crate) use self::places::{Listing, PacketPlace};
pub(crate) use self::planes::{Planes, SourceMatrix, SourcePrimaries};
pub(crate) use self::png_color::png_color;
pub(crate) use self::pour::pour;
pub(crate) use self::probe::{MediaKinds, SubtitleFacts, VideoFacts, probe_kinds, probe_video};
pub(crate) use self::shape::{Orientation, Shape};
pub(crate) use self::sound_facts::{SoundFileFacts, probe_sound};
pub(crate) use self::subtitles::TextStream;
pub(crate) use self::video_reader::{DecodedFrame, SourceFacts, SourceTransfer, VideoReader};

/// Samples per second of all sound in the engine.
pub(crate) const SAMPLE_RATE: u32 = 48_000;

/// The same, for libav.
const AV_SAMPLE_RATE: c_int = SAMPLE_RATE.cast_signed();

/// Left and right at one moment, full scale at 1.
pub(crate) type StereoSample = [f32; 2];

/// An error of libav, and the action that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing}: {text}{}", .log.as_ref().map(|l| format!(" ({l})")).unwrap_or_default())]
pub struct AvError {
    /// The action that was attempted.
    pub doing: String,
    /// libav's error code, 0 when the refusal is ours.
    pub code: i32,
    /// libav's words for the code.
    pub text: String,
    /// The last line that libav logged during it.
    pub log: Option<String>,
}

impl AvError {
    /// A refusal of our own.
    pub(crate) fn refused(doing: impl Into<String>, text: impl Into<String>) -> Self {
        Self { doing: doing.into(), code: 0, text: text.into(), log: None }
    }

    fn new(doing: impl Into<String>, code: c_int) -> Self {
        let mut buffer = [0 as c_char; ffi::AV_ERROR_MAX_STRING_SIZE];
        // SAFETY: libav writes at most the given number of bytes, with a final zero.
        let text = unsafe {
            ffi::av_strerror(code, buffer.as_mut_ptr(), buffer.len());
            CStr::from_ptr(buffer.as_ptr())
        };
        let text = text.to_string_lossy().to_lowercase();
        Self { doing: doing.into(), code, text, log: log::take_last() }
    }

    /// Converts an error of the wrapper crate, in libav's own words.
    fn of(doing: impl Into<String>, error: ffmpeg_next::Error) -> Self {
        Self::new(doing, error.into())
    }

    fn out_of_memory(doing: impl Into<String>) -> Self {
        Self::new(doing, ffi::AVERROR(ffi::ENOMEM))
    }

    /// The same error, with `name` in place of `path`: pages may read it.
    pub(crate) fn naming(mut self, path: &std::path::Path, name: &str) -> Self {
        let path = path.display().to_string();
        self.doing = self.doing.replace(&path, name);
        self.text = self.text.replace(&path, name);
        self.log = self.log.map(|log| log.replace(&path, name));
        self
    }

    /// Whether the file system had no room left.
    pub fn is_storage_full(&self) -> bool {
        const ENOSPC: c_int = 28;
        const EDQUOT: c_int = 122;
        [ENOSPC, EDQUOT].contains(&-self.code)
    }

    /// Advice to the user.
    pub fn hint(&self) -> Option<String> {
        self.is_storage_full().then(|| "free some space, or write elsewhere".into())
    }
}

/// Sets libav up once per process.
fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(log::install);
}

fn check(code: c_int, doing: impl Into<String>) -> Result<c_int, AvError> {
    if code < 0 { Err(AvError::new(doing, code)) } else { Ok(code) }
}

/// Reads the next packet of a file. False at its end.
///
/// `Packet::read` of the wrapper would leak the packet's previous data.
fn read_packet(
    input: &mut format::context::Input,
    packet: &mut Packet,
) -> Result<bool, ffmpeg_next::Error> {
    // SAFETY: a valid packet, and a valid context; libav wants the packet empty.
    let code = unsafe {
        ffi::av_packet_unref(packet.as_mut_ptr());
        ffi::av_read_frame(input.as_mut_ptr(), packet.as_mut_ptr())
    };
    match code {
        0.. => Ok(true),
        ffi::AVERROR_EOF => Ok(false),
        code => Err(code.into()),
    }
}

fn c_string(text: &str) -> Result<CString, AvError> {
    CString::new(text).map_err(|e| AvError::refused("option", format!("{e}: {text:?}")))
}

/// Versions of the libraries that are loaded now, such as `("libavcodec", "59.37.100")`.
pub(crate) fn versions() -> Vec<(&'static str, String)> {
    // SAFETY: pure functions without arguments.
    let all = unsafe {
        [
            ("libavcodec", ffi::avcodec_version()),
            ("libavformat", ffi::avformat_version()),
            ("libavutil", ffi::avutil_version()),
            ("libswresample", ffi::swresample_version()),
        ]
    };
    all.map(|(name, v)| (name, format!("{}.{}.{}", v >> 16, (v >> 8) & 255, v & 255))).into()
}

/// The licence under which the loaded libavcodec may be used, such as "GPL version 2 or later".
pub(crate) fn license() -> String {
    // SAFETY: returns a static string.
    let text = unsafe { CStr::from_ptr(ffi::avcodec_license()) };
    text.to_string_lossy().into_owned()
}

/// Whether the loaded libavcodec has this encoder.
pub(crate) fn has_encoder(name: &str) -> bool {
    ffmpeg_next::encoder::find_by_name(name).is_some()
}
