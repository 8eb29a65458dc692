//! Reading a finished file back.

use std::path::Path;

use ffmpeg_next::{Packet, codec, color, format, media};

use super::AvError;
use super::door::{open_media, open_written};
use super::length::{measured_length, said_length};
use crate::frame::Size;

/// What a video file says about itself, and how many pictures really are in it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct VideoFacts {
    /// FFmpeg's name of the codec, such as `h264`.
    pub codec: String,
    pub width: u32,
    pub height: u32,
    /// FFmpeg's name of the pixel format.
    pub pixel_format: String,
    /// Primaries, transfer, matrix and range, in FFmpeg's words.
    pub color: [String; 4],
    /// Packets in the stream.
    pub frames: u64,
    /// Of those, keyframes.
    pub keyframes: u64,
    /// When keyframes are shown, in order, in units of `time_base`.
    #[serde(skip)]
    pub key_pts: Vec<i64>,
    /// Whether the first picture could be decoded.
    #[serde(skip)]
    pub is_decodable: bool,
    /// Whether the stream is marked as having transparency beside it.
    #[serde(skip)]
    pub has_alpha_mode: bool,
    /// Presentation time stamps, in order, in units of `time_base`.
    #[serde(skip)]
    pub pts: Vec<i64>,
    /// The unit of `pts`, in seconds, as a ratio.
    #[serde(skip)]
    pub time_base: (i32, i32),
    /// Length of the stream as the container gives it, in seconds.
    pub duration: f64,
    /// Bits per second, container included.
    pub bitrate: i64,
    /// The sound beside the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<SoundStreamFacts>,
    /// Streams of subtitles, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<SubtitleFacts>,
}

/// What a video file says about one of its streams of subtitles.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubtitleFacts {
    /// FFmpeg's name of the codec, such as `mov_text`.
    pub codec: String,
    /// As the container writes it.
    pub language: String,
    /// Packets that show something.
    pub texts: usize,
    /// When the first begins and the last ends, in seconds.
    pub start: f64,
    pub end: f64,
    /// Whether the packet before shows something.
    #[serde(skip)]
    is_shown: bool,
}

impl SubtitleFacts {
    fn count(&mut self, packet: &Packet, base: f64) {
        let begins = packet.pts().unwrap_or_default();
        if self.is_shown && self.codec == "mov_text" {
            // Each ends where the next begins; fragments do not state the length of one.
            self.end = self.end.max(begins as f64 * base);
        }
        // Timed text whose length is 0 shows nothing.
        let length = packet.data().map_or(0, <[u8]>::len);
        self.is_shown = length > 2 || self.codec != "mov_text";
        if !self.is_shown {
            return;
        }
        if self.texts == 0 {
            self.start = begins as f64 * base;
        }
        self.texts += 1;
        self.end = self.end.max((begins + packet.duration()) as f64 * base);
    }
}

/// What a video file says about its sound.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SoundStreamFacts {
    /// FFmpeg's name of the codec, such as `aac`.
    pub codec: String,
    /// Samples per second.
    pub sample_rate: u32,
    pub channels: u16,
    /// When it begins, in seconds.
    pub start: f64,
    /// When it ends, by the container or by the last packet, in seconds.
    pub end: f64,
    /// Packets in the stream.
    pub packets: u64,
}

/// Packets in which the first picture must come.
const DECODED_PACKETS: usize = 128;

/// Opens `path` and reads every packet of its first video stream.
pub(crate) fn probe_video(path: &Path) -> Result<VideoFacts, AvError> {
    super::init();
    let doing = || format!("cannot read {} back", path.display());
    let failed = |e: ffmpeg_next::Error| AvError::of(doing(), e);
    let mut input = open_written(path, &doing())?;
    let bitrate = input.bit_rate();
    let stream = input
        .streams()
        .best(media::Type::Video)
        .ok_or_else(|| AvError::refused(doing(), "it has no video stream"))?;
    let (index, base, duration) = (stream.index(), stream.time_base(), stream.duration());
    let has_alpha_mode = stream
        .metadata()
        .iter()
        .any(|(key, value)| key.eq_ignore_ascii_case("alpha_mode") && value == "1");
    let mut decoder = codec::Context::from_parameters(stream.parameters())
        .and_then(|context| context.decoder().video())
        .map_err(failed)?;
    let mut picture = ffmpeg_next::frame::Video::empty();
    let mut is_decodable = false;

    let mut sound = input.streams().best(media::Type::Audio).map(|s| sound_facts(&s)).transpose();
    let sound = sound.as_mut().map_err(|e| failed(*e))?;

    let mut subtitles: Vec<_> = input.streams().filter_map(|s| subtitle_facts(&s)).collect();

    let (mut pts, mut key_pts) = (Vec::new(), Vec::new());
    let mut packet = Packet::empty();
    while super::read_packet(&mut input, &mut packet).map_err(failed)? {
        if packet.stream() == index {
            let shown = packet.pts().unwrap_or(i64::MIN);
            pts.push(shown);
            if packet.is_key() {
                key_pts.push(shown);
            }
            if !is_decodable && pts.len() <= DECODED_PACKETS {
                // A fault shows when no picture comes.
                _ = decoder.send_packet(&packet);
                is_decodable = decoder.receive_frame(&mut picture).is_ok();
            }
        } else if let Some((index, base, facts)) = sound
            && packet.stream() == *index
        {
            facts.packets += 1;
            let end = packet.pts().unwrap_or_default() + packet.duration();
            facts.end = facts.end.max(end as f64 * *base);
        } else if let Some((_, base, facts)) =
            subtitles.iter_mut().find(|(index, ..)| *index == packet.stream())
        {
            facts.count(&packet, *base);
        }
    }
    if !is_decodable {
        _ = decoder.send_eof();
        is_decodable = decoder.receive_frame(&mut picture).is_ok();
    }
    pts.sort_unstable();
    key_pts.sort_unstable();
    let name = |name: Option<&str>| name.unwrap_or("unknown").to_owned();
    Ok(VideoFacts {
        codec: decoder.id().name().to_owned(),
        width: decoder.width(),
        height: decoder.height(),
        pixel_format: name(decoder.format().descriptor().map(format::pixel::Descriptor::name)),
        color: [
            name(decoder.color_primaries().name()),
            name(decoder.color_transfer_characteristic().name()),
            name(decoder.color_space().name()),
            match decoder.color_range() {
                color::Range::MPEG => "tv".into(),
                color::Range::JPEG => "pc".into(),
                color::Range::Unspecified => "unknown".into(),
            },
        ],
        frames: pts.len() as u64,
        keyframes: key_pts.len() as u64,
        key_pts,
        is_decodable,
        has_alpha_mode,
        pts,
        time_base: (base.numerator(), base.denominator()),
        duration: duration as f64 * f64::from(base),
        bitrate,
        sound: sound.take().map(|(_, _, facts)| facts),
        subtitles: subtitles.into_iter().map(|(_, _, facts)| facts).collect(),
    })
}

/// A stream's number and the seconds of its tick, if it is one of subtitles. Chapters of MP4 and
/// MOV are not: their reader makes a list of them, except where a time code has taken their track's
/// reference; then only the tag `text` identifies them (subtitles are `tx3g`).
fn subtitle_facts(stream: &format::stream::Stream<'_>) -> Option<(usize, f64, SubtitleFacts)> {
    let parameters = stream.parameters();
    // SAFETY: a plain field of valid parameters.
    let tag = unsafe { (*parameters.as_ptr()).codec_tag };
    if parameters.medium() != media::Type::Subtitle || tag == u32::from_le_bytes(*b"text") {
        return None;
    }
    let language = stream.metadata().get("language").unwrap_or("und").to_owned();
    let codec = parameters.id().name().to_owned();
    let facts = SubtitleFacts { codec, language, texts: 0, start: 0.0, end: 0.0, is_shown: false };
    Some((stream.index(), f64::from(stream.time_base()), facts))
}

/// The facts in the header, with the stream's number and the seconds of its tick.
fn sound_facts(
    stream: &format::stream::Stream<'_>,
) -> Result<(usize, f64, SoundStreamFacts), ffmpeg_next::Error> {
    let base = f64::from(stream.time_base());
    let decoder = codec::Context::from_parameters(stream.parameters())?.decoder().audio()?;
    // SAFETY: a plain field of valid parameters.
    let priming = unsafe { (*stream.parameters().as_ptr()).initial_padding };
    let begins = stream.start_time() as f64 * base;
    let start = match priming {
        // Cut off by an edit list, or by the player.
        ..=0 => begins.max(0.0),
        priming if begins < 0.0 => begins + f64::from(priming) / f64::from(decoder.rate().max(1)),
        _ => begins,
    };
    let facts = SoundStreamFacts {
        codec: decoder.id().name().to_owned(),
        sample_rate: decoder.rate(),
        channels: decoder.channels(),
        start,
        end: 0.0,
        packets: 0,
    };
    Ok((stream.index(), base, facts))
}

/// The kinds of streams in a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MediaKinds {
    /// Whether it has moving pictures; covers of sound files are none.
    pub has_video: bool,
    pub has_sound: bool,
    /// The size of the largest pictures that the headers name.
    pub size: Size,
    /// The length in seconds: from the container, or measured where there is only sound.
    pub duration: Option<f64>,
}

/// Opens `path` and reads its headers, and all packets where only those tell the length.
pub(crate) fn probe_kinds(path: &Path) -> Result<MediaKinds, AvError> {
    super::init();
    let doing = format!("cannot read {}", path.display());
    let mut input = open_media(path, &doing)?;
    let is_cover = |stream: &format::stream::Stream<'_>| {
        stream.disposition().contains(format::stream::Disposition::ATTACHED_PIC)
    };
    let has = |kind| input.streams().any(|s| s.parameters().medium() == kind && !is_cover(&s));
    let sides = input.streams().filter(|s| !is_cover(s)).map(|stream| {
        // SAFETY: plain fields of valid parameters.
        let (width, height) = unsafe {
            let parameters = stream.parameters();
            let raw = parameters.as_ptr();
            ((*raw).width, (*raw).height)
        };
        (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0))
    });
    let (width, height) = sides.fold((0, 0), |all, one| (all.0.max(one.0), all.1.max(one.1)));
    let (has_video, has_sound) = (has(media::Type::Video), has(media::Type::Audio));
    let size = Size { width, height };
    let duration = match said_length(&input) {
        None if has_sound && !has_video => measured_length(&mut input, &doing)?,
        said => said,
    };
    Ok(MediaKinds { has_video, has_sound, size, duration })
}
