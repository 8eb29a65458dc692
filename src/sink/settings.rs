//! Settings of encoder and muxer for an output of a plan.

use super::sound::SoundStream;
use super::target::Target;
use crate::av::{EncoderSettings, MuxedChapter, MuxerSettings, RateControl};
use crate::color::{ContentLightLevel, MasteringDisplay};
use crate::frame::StreamInfo;
use crate::job::{Codec, Container, Metadata};
use crate::plan::{OutputPlan, SEGMENT_SECS};
use crate::time::FrameRate;

/// The program name that files state as their writer.
pub(super) const PROGRAM: &str = concat!("pagereel ", env!("CARGO_PKG_VERSION"));

/// The encoder's settings for an output.
pub(super) fn encoder_settings(
    output: &OutputPlan,
    frame_rate: FrameRate,
    global_header: bool,
) -> EncoderSettings {
    let video = &output.video;
    EncoderSettings {
        name: video.encoder.clone(),
        size: video.size,
        frame_rate,
        format: video.pixel_format,
        color: video.color,
        rate: RateControl {
            bitrate: video.bitrate.map(|bits| bits + spare(output, bits)),
            max_rate: video.max_rate,
            buffer: video.buffer_size,
        },
        gop: video.gop,
        open_gop: video.open_gop,
        pass: None,
        threads: video.threads,
        options: video.options.clone(),
        global_header,
    }
}

/// The bits by which an encoder falls short of its bitrate in two passes.
fn spare(output: &OutputPlan, bits: u64) -> u64 {
    // Measured: 2 to 7 % with our limits.
    let is_vpx = output.video.encoder.starts_with("libvpx");
    if output.video.two_pass && is_vpx { bits / 25 } else { 0 }
}

/// Languages with two names in ISO 639-2: the present one, and the bibliographic one, the only one
/// that `QuickTime` files know.
const LANGUAGES: [(&str, &str); 20] = [
    ("sqi", "alb"),
    ("hye", "arm"),
    ("eus", "baq"),
    ("bod", "tib"),
    ("mya", "bur"),
    ("ces", "cze"),
    ("zho", "chi"),
    ("cym", "wel"),
    ("deu", "ger"),
    ("nld", "dut"),
    ("ell", "gre"),
    ("fas", "per"),
    ("fra", "fre"),
    ("kat", "geo"),
    ("isl", "ice"),
    ("mkd", "mac"),
    ("mri", "mao"),
    ("msa", "may"),
    ("ron", "rum"),
    ("slk", "slo"),
];

/// The name of a language as the container knows it.
pub(super) fn language_in(container: Container, language: &str) -> &str {
    let known = LANGUAGES.iter().find(|(today, _)| *today == language);
    match known {
        Some((_, old)) if container == Container::Mov => old,
        _ => language,
    }
}

/// The muxer's settings for an output.
pub(super) fn muxer_settings(
    output: &OutputPlan,
    stream: &StreamInfo,
    target: &Target,
    light: Option<(MasteringDisplay, Option<ContentLightLevel>)>,
) -> MuxerSettings {
    let video = &output.video;
    let mut packets = vec![stream.frames];
    packets.extend(output.audio.iter().map(SoundStream::packets));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let metadata = &output.metadata;
    let mut whole: Vec<_> = metadata.tags.clone().into_iter().collect();
    whole.extend(metadata.title.iter().map(|title| pair("title", title)));
    let language = metadata.language.iter();
    let language = language.map(|text| pair("language", language_in(output.container, text)));
    let language: Vec<_> = language.collect();
    let mut picture = language.clone();
    picture.extend(metadata.timecode.iter().map(|code| pair("timecode", code)));
    if video.pixel_format.has_alpha() && matches!(video.codec, Codec::Vp8 | Codec::Vp9) {
        picture.push(pair("alpha_mode", "1"));
    }
    let is_iso = matches!(output.container, Container::Mp4 | Container::Mov | Container::Hls);
    let names_itself = metadata.encoder && !metadata.tags.contains_key("encoding_tool");
    if is_iso && output.container != Container::Mov && names_itself {
        // MP4's name for the encoder.
        whole.push(pair("encoding_tool", PROGRAM));
    }
    MuxerSettings {
        format: output.container.muxer().into(),
        packets,
        fragmented: video.fragmented,
        options: container_options(output, target),
        metadata: whole,
        encoder: metadata.encoder.then(|| PROGRAM.into()),
        stream_metadata: vec![picture, language],
        // Apple's players know no other tag.
        codec_tag: (video.codec == Codec::Hevc && is_iso).then_some(*b"hvc1"),
        chapters: chapters(&output.metadata, stream),
        apart_us: None,
        light,
    }
}

/// Options of single containers.
fn container_options(output: &OutputPlan, target: &Target) -> Vec<(String, String)> {
    let plays = output.video.plays;
    let pair = |key: &str, value: String| (key.to_owned(), value);
    match (output.container, target) {
        (Container::Gif, _) => {
            // The option counts repetitions; -1 is none, 0 is forever.
            let repetitions = match plays {
                0 => 0,
                1 => -1,
                plays => i64::from(plays) - 1,
            };
            vec![pair("loop", repetitions.to_string())]
        }
        (Container::Apng, _) => vec![pair("plays", plays.to_string())],
        (Container::Webp, _) => vec![pair("loop", plays.to_string())],
        (Container::Hls, Target::Files(.., playlist, _)) => {
            let stem = playlist.file_stem().unwrap_or_default().to_string_lossy();
            let segments = playlist.with_file_name(format!("{stem}_%05d.m4s"));
            vec![
                pair("hls_segment_type", "fmp4".into()),
                pair("hls_time", SEGMENT_SECS.to_string()),
                pair("hls_list_size", "0".into()),
                pair("hls_playlist_type", "vod".into()),
                pair("hls_flags", "independent_segments".into()),
                pair("hls_segment_filename", segments.to_string_lossy().into_owned()),
                pair("hls_fmp4_init_filename", format!("{stem}_init.mp4")),
            ]
        }
        _ => Vec::new(),
    }
}

/// The prefix of segment names: the playlist's name, changed where it is no piece of an address.
///
/// Players resolve the names in a playlist, so that `#`, `?`, `%` and spaces have another meaning,
/// and a line that begins with one is a comment. Names that are changed get a number, so that those
/// of another playlist are not replaced.
pub(super) fn segment_stem(name: &str) -> String {
    /// File systems still accept it with the suffixes.
    const LONGEST: usize = 200;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let is_kept = plain == name && name.len() <= LONGEST && !name.starts_with(['-', '.']);
    if is_kept {
        return plain;
    }
    let short: String = plain.trim_start_matches(['-', '.']).chars().take(LONGEST - 9).collect();
    format!("{short}-{:08x}", crc32fast::hash(name.as_bytes()))
}

/// Names of chapters, as far as they lie within the stream.
pub(super) fn chapters(metadata: &Metadata, stream: &StreamInfo) -> Vec<MuxedChapter> {
    let end = stream.frames as f64 / stream.frame_rate.as_f64();
    #[expect(clippy::cast_possible_truncation, reason = "a day at most")]
    let ms = |secs: f64| (secs.min(end) * 1000.0).round() as i64;
    let chapters = &metadata.chapters;
    let ends = chapters.iter().skip(1).map(|next| next.at).chain([end]);
    let within = chapters.iter().zip(ends).filter(|(chapter, _)| chapter.at < end);
    within
        .map(|(chapter, end)| MuxedChapter {
            start: ms(chapter.at),
            end: ms(end),
            title: chapter.title.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_have_names_that_need_no_escapes() {
        assert_eq!(segment_stem("film-2_a.v1"), "film-2_a.v1");
        let changed =
            ["a#1", "a?1", "a%1", "a 1", "a_1", "#a", "\u{fc}", "-a", "a\"\n\\'"].map(segment_stem);
        for (i, stem) in changed.iter().enumerate() {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            assert!(stem.chars().all(is_plain) && !stem.starts_with('-'), "{stem}");
            assert!(!changed[..i].contains(stem), "{stem} twice");
        }
        assert!(segment_stem(&"x".repeat(255)).len() <= 200);
    }
}
