//! Kinds of output, and the sound that they hold.

use std::path::Path;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Codec;

/// The kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Container {
    /// MPEG-4 part 14: `.mp4`, `.m4v`.
    Mp4,
    /// `QuickTime`: `.mov`.
    Mov,
    /// Matroska: `.mkv`.
    Mkv,
    /// `WebM`: `.webm`.
    Webm,
    /// `.gif`, without sound.
    Gif,
    /// Animated PNG: `.apng`, without sound.
    Apng,
    /// Animated WebP: `.webp`, without sound.
    Webp,
    /// Uncompressed YUV with a header for each frame: `.y4m`, without sound.
    Y4m,
    /// Pixels and nothing else: `.raw`, without sound.
    Raw,
    /// A playlist with segments beside it: `.m3u8`.
    Hls,
    /// A directory of PNG files, the sound beside them as WAV.
    #[serde(alias = "png-sequence")]
    Png,
    /// A directory of JPEG files, the sound beside them as WAV.
    #[serde(alias = "jpg")]
    Jpeg,
    /// A directory of TIFF files, the sound beside them as WAV.
    #[serde(alias = "tif")]
    Tiff,
    /// A directory of `OpenEXR` files in linear light, the sound beside them as WAV.
    Exr,
    /// Sound alone, uncompressed: `.wav`.
    Wav,
    /// Sound alone, lossless: `.flac`.
    Flac,
    /// Sound alone in MPEG-4 part 14: `.m4a`.
    M4a,
    /// Sound alone: `.mp3`.
    Mp3,
    /// Sound alone in Ogg: `.opus`, `.ogg`, `.oga`.
    #[serde(alias = "ogg")]
    Opus,
    /// Nothing is written: what a render takes is measured, encoding included.
    Null,
}

impl Container {
    /// The possible endings of outputs' names, for messages.
    pub(super) const EXTENSIONS: &str = ".mp4, .mov, .mkv, .webm, .gif, .apng, .webp, .y4m, .raw, \
                                         .m3u8, .wav, .flac, .m4a, .mp3 or .opus, or a directory such as frames/ or frames/%06d.png";

    /// All kinds of files.
    pub(crate) const FILES: [Self; 19] = [
        Self::Mp4,
        Self::Mov,
        Self::Mkv,
        Self::Webm,
        Self::Gif,
        Self::Apng,
        Self::Webp,
        Self::Y4m,
        Self::Raw,
        Self::Hls,
        Self::Png,
        Self::Jpeg,
        Self::Tiff,
        Self::Exr,
        Self::Wav,
        Self::Flac,
        Self::M4a,
        Self::Mp3,
        Self::Opus,
    ];

    /// The container that the extension of `path` stands for.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "m4v" => Some(Self::Mp4),
            "m3u8" => Some(Self::Hls),
            "jpg" => Some(Self::Jpeg),
            "tif" => Some(Self::Tiff),
            "wave" => Some(Self::Wav),
            "m4b" => Some(Self::M4a),
            "ogg" | "oga" => Some(Self::Opus),
            "hls" => None,
            word => Self::FILES.into_iter().find(|container| container.word() == word),
        }
    }

    /// Its name in jobs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Mkv => "mkv",
            Self::Webm => "webm",
            Self::Gif => "gif",
            Self::Apng => "apng",
            Self::Webp => "webp",
            Self::Y4m => "y4m",
            Self::Raw => "raw",
            Self::Hls => "hls",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Exr => "exr",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::M4a => "m4a",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Null => "null",
        }
    }

    /// Whether it holds sound and no picture.
    pub const fn is_sound(self) -> bool {
        matches!(self, Self::Wav | Self::Flac | Self::M4a | Self::Mp3 | Self::Opus)
    }

    /// Whether it is a directory with a file per frame.
    pub const fn is_sequence(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Tiff | Self::Exr)
    }

    /// Whether pictures of this codec can carry HDR in it, with the tags for it.
    pub fn holds_hdr(self, codec: Codec) -> bool {
        codec.holds_hdr() && (codec != Codec::Png || self == Self::Png)
    }

    /// The muxer's name in FFmpeg. Sequences have none for their pictures.
    pub const fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Mkv => "matroska",
            Self::Webm => "webm",
            Self::Gif => "gif",
            Self::Apng => "apng",
            Self::Webp => "webp",
            Self::Y4m => "yuv4mpegpipe",
            Self::Raw => "rawvideo",
            Self::Hls => "hls",
            Self::Png | Self::Jpeg | Self::Tiff | Self::Exr => "image2",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::M4a => "ipod",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Null => "null",
        }
    }

    /// Codecs of its pictures, the usual one first.
    pub const fn codecs(self) -> &'static [Codec] {
        use Codec::{
            Animation, Apng, Av1, Dnxhr, Exr, Ffv1, Gif, H264, Hevc, Jpeg, Png, Prores, Raw, Tiff,
            Vp8, Vp9, Webp, Y4m,
        };
        match self {
            Self::Mp4 => &[H264, Hevc, Av1, Vp9],
            Self::Mov => &[H264, Hevc, Prores, Dnxhr, Png, Animation],
            Self::Mkv => &[H264, Hevc, Av1, Vp9, Vp8, Ffv1, Prores, Png],
            Self::Webm => &[Vp9, Av1, Vp8],
            Self::Gif => &[Gif],
            Self::Apng => &[Apng],
            Self::Webp => &[Webp],
            Self::Y4m => &[Y4m],
            Self::Raw => &[Raw],
            Self::Hls => &[H264, Hevc],
            Self::Png => &[Png],
            Self::Jpeg => &[Jpeg],
            Self::Tiff => &[Tiff],
            Self::Exr => &[Exr],
            Self::Wav | Self::Flac | Self::M4a | Self::Mp3 | Self::Opus => &[],
            Self::Null => &[H264, Hevc, Av1, Vp9, Vp8, Ffv1, Prores, Dnxhr, Png, Animation, Raw],
        }
    }

    /// Codecs of its sound, the usual one first.
    pub const fn sound_codecs(self) -> &'static [AudioCodec] {
        use AudioCodec::{Aac, Alac, Flac, Mp3, Opus, Pcm};
        match self {
            Self::Mp4 => &[Aac, Opus, Flac, Alac],
            Self::Mov => &[Aac, Pcm, Alac],
            Self::Mkv | Self::Null => &[Aac, Opus, Flac, Pcm, Alac],
            Self::Webm | Self::Opus => &[Opus],
            Self::Flac => &[Flac],
            Self::M4a => &[Aac, Alac],
            Self::Mp3 => &[Mp3],
            Self::Hls => &[Aac],
            Self::Wav | Self::Png | Self::Jpeg | Self::Tiff | Self::Exr => &[Pcm],
            Self::Gif | Self::Apng | Self::Webp | Self::Y4m | Self::Raw => &[],
        }
    }

    /// Whether sound of this codec can stand in it.
    pub fn holds(self, codec: AudioCodec) -> bool {
        self.sound_codecs().contains(&codec)
    }
}

/// The way sound is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AudioCodec {
    /// AAC, which every player knows.
    Aac,
    /// Opus, better at low bitrates.
    Opus,
    /// Lossless, 24 bits.
    Flac,
    /// Lossless, 24 bits; Apple's.
    Alac,
    /// Uncompressed, 24 bits.
    Pcm,
    /// MP3, for old players; only as a file of its own.
    Mp3,
}

impl AudioCodec {
    /// The encoder's name in FFmpeg, for samples of so many bits.
    pub const fn encoder(self, bits: Option<u8>) -> &'static str {
        match self {
            Self::Mp3 => "libmp3lame",
            Self::Aac => "aac",
            Self::Opus => "libopus",
            Self::Flac => "flac",
            Self::Alac => "alac",
            Self::Pcm => match bits {
                Some(16) => "pcm_s16le",
                Some(32) => "pcm_f32le",
                _ => "pcm_s24le",
            },
        }
    }

    /// The codec's own name in FFmpeg.
    pub(crate) const fn codec_name(self, bits: Option<u8>) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Mp3 => "mp3",
            other => other.encoder(bits),
        }
    }

    /// Its name in jobs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pcm => "pcm",
            other => other.codec_name(None),
        }
    }

    /// Whether it has so many samples per second.
    pub fn has_rate(self, rate: u32) -> bool {
        const MPEG: [u32; 9] =
            [48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000];
        match self {
            Self::Opus => rate == 48_000,
            Self::Mp3 => MPEG.contains(&rate),
            Self::Aac => MPEG.contains(&rate) || [96_000, 88_200, 64_000].contains(&rate),
            Self::Flac | Self::Alac | Self::Pcm => (8000..=192_000).contains(&rate),
        }
    }

    /// The usual bitrate; `None` for lossless codecs.
    pub const fn default_bitrate(self) -> Option<u64> {
        match self {
            Self::Aac | Self::Mp3 => Some(192_000),
            Self::Opus => Some(128_000),
            Self::Flac | Self::Alac | Self::Pcm => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_follow_the_extension() {
        let cases = [
            ("a.mp4", Some(Container::Mp4)),
            ("a.b.MKV", Some(Container::Mkv)),
            ("mp4", None),
            ("a.webm", Some(Container::Webm)),
            ("a/b.m3u8", Some(Container::Hls)),
            ("a.jpg", Some(Container::Jpeg)),
            ("a.hls", None),
            ("a.avi", None),
        ];
        for (path, container) in cases {
            assert_eq!(Container::of(Path::new(path)), container, "{path}");
        }
    }

    #[test]
    fn names_in_jobs_are_those_of_serde() {
        for container in Container::FILES {
            let json = serde_json::to_value(container).unwrap();
            assert_eq!(json, container.word());
        }
    }
}
