//! From a job's video settings to an encoder's options.

use serde::Serialize;

use crate::av::has_encoder;
use crate::color::{Cicp, MasteringDisplay, Matrix, Transfer};
use crate::error::{Error, Result};
use crate::frame::{CodedFormat, Fit, Size};
use crate::job::{
    Bitrate, Codec, Container, Display, JobError, OddSize, OutputSize, Quality, Video, bad_format,
};
use crate::job::{Dither, Hardware};
use crate::time::FrameRate;

/// How the picture of one output is encoded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VideoPlan {
    /// The codec.
    pub codec: Codec,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// Encoders of a graphics card to be tried before it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hardware: Vec<String>,
    /// The coded size.
    pub size: Size,
    /// The size that frames are brought to before odd sides are padded.
    pub picture: Size,
    /// How frames of another shape come into it.
    pub fit: Fit,
    /// How pixels are stored.
    pub pixel_format: CodedFormat,
    /// Color tags, and what the conversion does.
    pub color: Cicp,
    /// The display that HDR10 is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mastering_display: Option<MasteringDisplay>,
    /// Target bits per second, where quality does not steer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Most bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u64>,
    /// The decoder's buffer in bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer_size: Option<u64>,
    /// Whether frames are kept and encoded twice.
    pub two_pass: bool,
    /// Most frames from one keyframe to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gop: Option<u32>,
    /// Whether frames may refer to those before a keyframe.
    pub open_gop: bool,
    /// Frames that become keyframes, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keyframes: Vec<u64>,
    /// How often the output is played, 0 for ever, where it says so.
    pub plays: u32,
    /// How a palette is made do.
    pub dither: Dither,
    /// Whether the container is made of fragments.
    pub fragmented: bool,
    /// Encoder threads.
    pub threads: u32,
    /// The encoder's options, ours and the job's.
    pub options: Vec<(String, String)>,
}

/// The context that an encoding is resolved against.
#[derive(Clone, Copy, Debug)]
pub(super) struct VideoContext {
    /// The size of frames.
    pub size: Size,
    pub rate: FrameRate,
    pub frames: u64,
    /// Frames of the shortest segment.
    pub shortest: u64,
    pub alpha: bool,
    /// The color of frames.
    pub color: Cicp,
    /// The display that HDR10 is mastered for.
    pub display: Display,
    pub cores: u32,
    pub is_streamed: bool,
}

impl VideoPlan {
    /// Resolves `video` for an output. `field` is its name in messages.
    pub(super) fn new(
        video: &Video,
        container: Container,
        setting: VideoContext,
        field: &str,
    ) -> Result<Self> {
        let VideoContext { size, rate, frames, alpha, color, display, cores, .. } = setting;
        let VideoContext { shortest, is_streamed, .. } = setting;
        let (codec, format) = if color.is_hdr() {
            let codec = video.hdr_codec_in(container);
            (codec, video.hdr_format_of(codec))
        } else {
            let codec = video.codec_in(container);
            (codec, video.pixel_format_of(codec, alpha))
        };
        let Some(pixel_format) = format else {
            return Err(Error::Job(bad_format(video, codec, field)));
        };
        let picture = video.size.map_or(size, |wanted: OutputSize| wanted.pixels(size));
        let padded = padded(video, picture, pixel_format, field)?;
        let keyframes = video.keyframes.iter().filter_map(|&secs| rate.frame_at(secs));
        let mut keyframes: Vec<_> = keyframes.map(|f| f.0).filter(|&f| f < frames).collect();
        if container == Container::Hls {
            keyframes.extend(segment_starts(rate).take_while(|&frame| frame < frames));
        }
        keyframes.sort_unstable();
        keyframes.dedup();
        let encoder = encoder(codec, pixel_format, video);
        let mut options = options(video, encoder, pixel_format, cores.clamp(1, 16));
        let is_x264 = matches!(encoder, "libx264" | "libx264rgb");
        let is_given = options.iter().any(|(key, _)| key == "forced-idr");
        if is_x264 && !keyframes.is_empty() && !is_given {
            options.push(("forced-idr".into(), "1".into()));
        }
        avoid_short_delay(&mut options, encoder, shortest);
        Ok(Self {
            codec,
            hardware: hardware_encoders(video.hardware, codec),
            size: padded,
            picture,
            fit: video.fit,
            pixel_format,
            color: color_of(codec, pixel_format, color),
            mastering_display: (color.transfer == Transfer::Pq).then(|| display.resolved()),
            bitrate: video.bitrate.map(|b| b.0),
            max_rate: video.max_rate.map(|b| b.0),
            buffer_size: video
                .buffer_size
                .or(video.max_rate.map(|b| Bitrate(2 * b.0)))
                .map(|b| b.0),
            two_pass: video.two_pass,
            gop: video.gop.or((codec == Codec::Ffv1).then_some(1)),
            open_gop: video.open_gop,
            keyframes,
            plays: video.plays,
            dither: video.dither,
            fragmented: video.fragmented || is_streamed,
            // Never from the number of sessions: the bytes depend on it.
            threads: cores.clamp(1, 16),
            options,
            encoder: encoder.into(),
        })
    }

    /// FFmpeg's name of the codec.
    pub(crate) const fn codec_name(&self) -> &'static str {
        self.codec.codec_name()
    }
}

/// Seconds of a segment of HLS.
pub(crate) const SEGMENT_SECS: u32 = 4;

/// The first frames of all segments but the first.
fn segment_starts(rate: FrameRate) -> impl Iterator<Item = u64> {
    let (num, den) = (u64::from(rate.num.get()), u64::from(rate.den.get()));
    (1..).map(move |segment: u64| (segment * u64::from(SEGMENT_SECS) * num).div_ceil(den))
}

/// x265 takes the decoding time of clips of one or two frames from memory that it has not set, if
/// there may be B-frames: now and then the muxer refuses it.
fn avoid_short_delay(options: &mut [(String, String)], encoder: &str, frames: u64) {
    let parameters = options.iter_mut().find(|(key, _)| key == "x265-params");
    if let Some((_, value)) = parameters.filter(|_| encoder == "libx265" && frames < 3) {
        value.push_str(":bframes=0");
    }
}

/// The meaning of code values.
const fn color_of(codec: Codec, format: CodedFormat, frames: Cicp) -> Cicp {
    match codec {
        _ if frames.is_hdr() && format.is_yuv() => {
            Cicp { transfer: frames.transfer, ..Cicp::HDR10 }
        }
        _ if frames.is_hdr() => frames.as_rgb(),
        // Decoders of VP8 take every stream for BT.601, regardless of the container.
        Codec::Vp8 => Cicp { matrix: Matrix::Bt601, ..Cicp::BT709 },
        _ if format.is_yuv() => Cicp::BT709,
        _ => Cicp::SRGB,
    }
}

/// The picture's size, padded to multiples that the pixel format can hold.
fn padded(video: &Video, picture: Size, format: CodedFormat, field: &str) -> Result<Size> {
    let (step_x, step_y) = format.steps();
    let padded = Size {
        width: picture.width.next_multiple_of(step_x),
        height: picture.height.next_multiple_of(step_y),
    };
    if padded == picture || video.odd_size == OddSize::Pad {
        return Ok(padded);
    }
    let path = if video.size.is_some() { format!("{field}.size") } else { "size".into() };
    let what = if step_y == 1 { format!("{format} (width)") } else { format.to_string() };
    Err(Error::Job(JobError::BadValue {
        path,
        found: picture.to_string(),
        expected: format!(
            "even for {what}; use {padded}, or `video.oddSize: \"pad\"`, or \
             `video.pixelFormat: \"yuv444p\"`"
        ),
    }))
}

/// FFmpeg's name of the encoder.
fn encoder(codec: Codec, format: CodedFormat, video: &Video) -> &'static str {
    match codec {
        Codec::H264 if !format.is_yuv() => "libx264rgb",
        Codec::H264 => "libx264",
        Codec::Hevc => "libx265",
        Codec::Av1 => {
            let is_plain = matches!(format, CodedFormat::Yuv420p | CodedFormat::Yuv420p10);
            // SVT-AV1 is the fastest, but lacks the less common features.
            let suits = is_plain && !video.two_pass && video.quality != Quality::Lossless;
            if suits && has_encoder("libsvtav1") { "libsvtav1" } else { "libaom-av1" }
        }
        Codec::Vp9 => "libvpx-vp9",
        Codec::Vp8 => "libvpx",
        Codec::Prores => "prores_ks",
        Codec::Dnxhr => "dnxhd",
        Codec::Ffv1 => "ffv1",
        Codec::Png => "png",
        Codec::Animation => "qtrle",
        Codec::Gif => "gif",
        Codec::Apng => "apng",
        Codec::Webp => "libwebp_anim",
        Codec::Jpeg => "mjpeg",
        Codec::Tiff => "tiff",
        Codec::Exr => "exr",
        Codec::Raw => "rawvideo",
        // The encoder that the muxer of Y4M takes.
        Codec::Y4m => "wrapped_avframe",
    }
}

fn hardware_encoders(hardware: Hardware, codec: Codec) -> Vec<String> {
    let prefix = match codec {
        Codec::H264 => "h264",
        Codec::Hevc => "hevc",
        Codec::Av1 => "av1",
        _ => return Vec::new(),
    };
    let suffixes: &[&str] = match hardware {
        Hardware::Off => &[],
        Hardware::Auto => &["nvenc", "videotoolbox", "qsv", "amf", "v4l2m2m"],
        Hardware::Nvenc => &["nvenc"],
        Hardware::Qsv => &["qsv"],
        Hardware::Videotoolbox => &["videotoolbox"],
        Hardware::Amf => &["amf"],
        Hardware::V4l2m2m => &["v4l2m2m"],
    };
    suffixes.iter().map(|suffix| format!("{prefix}_{suffix}")).collect()
}

/// One step of the ladder from fast to faithful: the encoder's options where the job does not set
/// them.
struct Rung {
    /// Options that a `preset` of the job replaces: the preset, and our changes to it.
    preset: &'static [(&'static str, &'static str)],
    /// The option that controls quality, and its value.
    quality: Option<(&'static str, &'static str)>,
}

/// The rungs, chosen from the measurements in `docs/quality.md`.
fn ladder(encoder: &str, quality: Quality) -> Rung {
    const fn rung(
        preset: &'static [(&'static str, &'static str)],
        quality: Option<(&'static str, &'static str)>,
    ) -> Rung {
        Rung { preset, quality }
    }
    use Quality::{Draft, High, Looks, Lossless, Standard};
    // `aq-mode` 3 spends more on dark areas, where banding shows. `subq` 1 takes half of the time of
    // `subq` 3 for an eighth more bytes; the weaker `aq` gives these to what moves. From `subq` 6 on
    // x264 gives chroma two steps more by itself; here an option gives one.
    const QUICK: &[(&str, &str)] = &[
        ("preset", "veryfast"),
        ("subq", "1"),
        ("aq-mode", "3"),
        ("aq-strength", "0.8"),
        ("chromaoffset", "-1"),
    ];
    match (encoder, quality.rung()) {
        ("libx264" | "libx264rgb", Draft) => {
            let preset = &[("preset", "ultrafast"), ("bf", "0"), ("aq-mode", "3")];
            rung(preset, Some(("crf", "28")))
        }
        ("libx264" | "libx264rgb", Standard) => rung(QUICK, Some(("crf", "18.2"))),
        ("libx264" | "libx264rgb", Looks) => rung(QUICK, Some(("crf", "16.2"))),
        ("libx264" | "libx264rgb", High) => {
            const HIGH: &[(&str, &str)] =
                &[("preset", "faster"), ("subq", "3"), ("aq-mode", "3"), ("aq-strength", "1.15")];
            rung(HIGH, Some(("crf", "15.2")))
        }
        ("libx264" | "libx264rgb", Lossless) => rung(&[("preset", "medium")], Some(("crf", "0"))),
        ("libx265", Draft) => rung(&[("preset", "ultrafast")], Some(("crf", "28"))),
        ("libx265", Standard) => rung(&[("preset", "veryfast")], Some(("crf", "20"))),
        ("libx265", Looks) => rung(&[("preset", "veryfast")], Some(("crf", "18"))),
        ("libx265", High) => rung(&[("preset", "medium")], Some(("crf", "16"))),
        ("libx265", Lossless) => rung(&[("preset", "fast")], Some(("x265-params", "lossless=1"))),
        ("libsvtav1", Draft) => rung(&[("preset", "12")], Some(("crf", "40"))),
        ("libsvtav1", Standard) => rung(&[("preset", "9")], Some(("crf", "26"))),
        ("libsvtav1", Looks) => rung(&[("preset", "9")], Some(("crf", "22"))),
        ("libsvtav1", _) => rung(&[("preset", "7")], Some(("crf", "18"))),
        ("libaom-av1", Draft) => rung(&[("cpu-used", "8")], Some(("crf", "40"))),
        ("libaom-av1", Standard) => rung(&[("cpu-used", "6")], Some(("crf", "26"))),
        ("libaom-av1", Looks) => rung(&[("cpu-used", "6")], Some(("crf", "22"))),
        ("libaom-av1", High) => rung(&[("cpu-used", "4")], Some(("crf", "18"))),
        ("libaom-av1", Lossless) => rung(&[("cpu-used", "6")], Some(("aom-params", "lossless=1"))),
        ("libvpx-vp9" | "libvpx", Draft) => {
            rung(&[("deadline", "realtime"), ("cpu-used", "8")], Some(("crf", "36")))
        }
        ("libvpx-vp9" | "libvpx", Standard) => {
            rung(&[("deadline", "good"), ("cpu-used", "4")], Some(("crf", "24")))
        }
        ("libvpx-vp9" | "libvpx", Looks) => {
            rung(&[("deadline", "good"), ("cpu-used", "4")], Some(("crf", "20")))
        }
        ("libvpx-vp9" | "libvpx", High) => {
            rung(&[("deadline", "good"), ("cpu-used", "2")], Some(("crf", "16")))
        }
        ("libvpx-vp9", Lossless) => {
            rung(&[("deadline", "good"), ("cpu-used", "4")], Some(("lossless", "1")))
        }
        ("libwebp_anim", Draft) => rung(&[("compression_level", "1")], Some(("quality", "60"))),
        ("libwebp_anim", Standard) => rung(&[("compression_level", "2")], Some(("quality", "85"))),
        ("libwebp_anim", Looks) => rung(&[("compression_level", "3")], Some(("quality", "90"))),
        ("libwebp_anim", High) => rung(&[("compression_level", "4")], Some(("quality", "95"))),
        ("libwebp_anim", Lossless) => rung(&[("compression_level", "2")], Some(("lossless", "1"))),
        ("png" | "apng", Draft) => rung(&[("pred", "up"), ("compression_level", "1")], None),
        ("png" | "apng", _) => rung(&[("pred", "paeth"), ("compression_level", "5")], None),
        ("mjpeg", Draft) => rung(&[], Some(("quality", "80"))),
        ("mjpeg", Standard) => rung(&[], Some(("quality", "95"))),
        ("mjpeg", Looks) => rung(&[], Some(("quality", "97"))),
        ("mjpeg", _) => rung(&[], Some(("quality", "99"))),
        ("ffv1", _) => rung(&[("level", "3"), ("slices", "16"), ("slicecrc", "1")], None),
        ("prores_ks", _) => rung(&[("vendor", "apl0")], None),
        _ => rung(&[], None),
    }
}

/// The name of the encoder's preset option.
fn preset_option(encoder: &str) -> &'static str {
    match encoder {
        "libaom-av1" | "libvpx-vp9" | "libvpx" => "cpu-used",
        "png" | "apng" | "libwebp_anim" => "compression_level",
        _ => "preset",
    }
}

/// The profile that a quality implies in the editing codecs.
fn usual_profile(encoder: &str, quality: Quality, format: CodedFormat) -> Option<&'static str> {
    let is_444 = !matches!(format, CodedFormat::Yuv422p | CodedFormat::Yuv422p10);
    Some(match (encoder, quality.rung()) {
        ("prores_ks", Quality::High) if is_444 => "4444xq",
        ("prores_ks", _) if is_444 => "4444",
        ("prores_ks", Quality::Draft) => "lt",
        ("prores_ks", Quality::High) => "hq",
        ("prores_ks", _) => "standard",
        ("dnxhd", _) if is_444 => "444",
        ("dnxhd", _) if format == CodedFormat::Yuv422p10 => "hqx",
        ("dnxhd", Quality::Draft) => "lb",
        ("dnxhd", Quality::High) => "hq",
        ("dnxhd", _) => "sq",
        _ => return None,
    })
}

/// The encoder's options: those always set, the rung's, the job's settings, then the job's options.
fn options(
    video: &Video,
    encoder: &str,
    format: CodedFormat,
    threads: u32,
) -> Vec<(String, String)> {
    let mut options: Vec<(String, String)> = Vec::new();
    let mut set = |key: &str, value: &str| {
        // The job's value replaces ours of that name; the plan must not hold both. Lists grow.
        let old = options.iter().position(|(ours, _)| ours == key);
        let value = match old.map(|at| options.remove(at).1) {
            Some(old) if key.ends_with("-params") => format!("{old}:{value}"),
            _ => value.to_owned(),
        };
        options.push((key.to_owned(), value));
    };
    let rung = ladder(encoder, video.quality);
    match &video.preset {
        // A preset that the job names is used as it is.
        Some(preset) => set(preset_option(encoder), preset),
        None => rung.preset.iter().for_each(|(key, value)| set(key, value)),
    }
    if let Some(crf) = video.crf {
        set("crf", &crf.to_string());
    } else if let (None, Some((key, value))) = (video.bitrate, rung.quality) {
        set(key, value);
    }
    match encoder {
        // Else it decides by sums that differ from processor to processor in the last bits, and with
        // AVX-512 (up to core 164 at least) by what lies behind rows that are no eight macroblocks.
        "libx264" | "libx264rgb" => set("x264-params", "cpu-independent=1"),
        "libx265" => {
            let gop = u32::from(video.open_gop);
            // x265 would write to standard error by itself.
            set("x265-params", &format!("log-level=none:open-gop={gop}:pools={threads}"));
            set("forced-idr", "1");
        }
        "libvpx-vp9" => {
            if video.two_pass {
                // The encoder's own limits let short clips miss the bitrate by more than a tenth.
                set("overshoot-pct", "5");
                set("undershoot-pct", "5");
            }
            set("row-mt", "1");
            if format.has_alpha() {
                // Frames that are not shown would have no transparency.
                set("auto-alt-ref", "0");
            }
        }
        "libvpx" => {
            if format.has_alpha() {
                set("auto-alt-ref", "0");
            }
            if video.bitrate.is_none() {
                // Constant quality counts only below a bitrate, and the default is a low one.
                set("b", "200000000");
            }
        }
        "libaom-av1" => set("row-mt", "1"),
        _ => {}
    }
    let usual = usual_profile(encoder, video.quality, format);
    if let Some(profile) = video.profile.as_deref().or(usual) {
        let prefix = if encoder == "dnxhd" { "dnxhr_" } else { "" };
        set("profile", &format!("{prefix}{profile}"));
    }
    for (key, value) in &video.options {
        set(key, &value.to_string());
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Bitrate, OptionValue};

    fn text(video: &Video, codec: Codec) -> String {
        let format = video.pixel_format_of(codec, false).unwrap();
        let options = options(video, encoder(codec, format, video), format, 2);
        let pairs = options.iter().map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_the_job_says_of_the_encoder_is_obeyed_as_it_is() {
        let text = |video: &Video| text(video, Codec::H264);
        let usual = Video::default();
        let same = "x264-params=cpu-independent=1";
        let quick = "preset=veryfast subq=1 aq-mode=3 aq-strength=0.8 chromaoffset=-1";
        assert_eq!(text(&usual), format!("{quick} crf=16.2 {same}"));
        let crf = Video { crf: Some(21.5), ..Video::default() };
        assert_eq!(text(&crf), format!("{quick} crf=21.5 {same}"));
        let preset = Video { preset: Some("slow".into()), ..Video::default() };
        assert_eq!(text(&preset), format!("preset=slow crf=16.2 {same}"));
        let bitrate = Video { bitrate: Some(Bitrate(1)), ..Video::default() };
        assert_eq!(text(&bitrate), format!("{quick} {same}"));
        let mut own = Video::default();
        own.options.insert("aq-mode".into(), OptionValue::Integer(1));
        assert_eq!(
            text(&own),
            format!(
                "preset=veryfast subq=1 aq-strength=0.8 chromaoffset=-1 crf=16.2 {same} aq-mode=1"
            )
        );
        let lossless = Video { quality: Quality::Lossless, ..Video::default() };
        assert_eq!(text(&lossless), format!("preset=medium crf=0 {same}"));
    }

    #[test]
    fn lists_of_an_encoders_own_parameters_grow() {
        let mut own = Video::default();
        own.options.insert("x265-params".into(), OptionValue::Text("aq-mode=1".into()));
        let text = text(&own, Codec::Hevc);
        assert!(text.contains("x265-params=log-level=none:open-gop=0:pools=2:aq-mode=1"), "{text}");
    }

    #[test]
    fn formats_follow_transparency_quality_and_profile() {
        let of = |video: &Video, codec, alpha| video.pixel_format_of(codec, alpha);
        let standard = Video::default();
        assert_eq!(of(&standard, Codec::Vp9, true), Some(CodedFormat::Yuva420p));
        assert_eq!(of(&standard, Codec::Prores, true), Some(CodedFormat::Yuva444p10));
        assert_eq!(of(&standard, Codec::Gif, true), Some(CodedFormat::Pal8));
        assert_eq!(of(&standard, Codec::H264, true), Some(CodedFormat::Yuv420p));
        let lossless = Video { quality: Quality::Lossless, ..Video::default() };
        assert_eq!(of(&lossless, Codec::Hevc, false), Some(CodedFormat::Yuv444p));
        assert_eq!(of(&lossless, Codec::Ffv1, false), Some(CodedFormat::Bgr0));
        let profile = Video { profile: Some("4444".into()), ..Video::default() };
        assert_eq!(of(&profile, Codec::Prores, false), Some(CodedFormat::Yuv444p10));
        let odd = Video { pixel_format: Some(CodedFormat::Rgba), ..Video::default() };
        assert_eq!(of(&odd, Codec::H264, false), None);
    }
}
