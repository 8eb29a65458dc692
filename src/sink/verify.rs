//! Checks a written file against its plan.

mod animation;
mod playlist;

use std::path::Path;

use self::animation::Animation;
use crate::av::{SubtitleFacts, VideoFacts, probe_video};
use crate::error::{Error, Result};
use crate::frame::{CodedFormat, StreamInfo};
use crate::job::{Codec, Container};
use crate::plan::OutputPlan;

/// Reads the file back and compares it with the plan. Returns the facts that were read.
///
/// `path` is the file's present place; errors name the output.
pub(super) fn verify(
    path: &Path,
    output: &OutputPlan,
    stream: &StreamInfo,
) -> Result<serde_json::Value> {
    let failed = |message| Error::Verify { path: output.path.clone(), message };
    match output.container {
        Container::Webp => {
            let animation = Animation::read(path).map_err(failed)?;
            animation.difference(output, stream).map_or(Ok(()), |message| Err(failed(message)))?;
            Ok(serde_json::json!({ "frames": animation.frames, "duration": animation.secs() }))
        }
        Container::Raw => {
            let bytes = std::fs::metadata(path).map_err(Error::io("cannot read", path))?.len();
            let expected = frame_bytes(output) * stream.frames;
            if bytes != expected {
                return Err(failed(format!("it has {bytes} bytes, expected {expected}")));
            }
            Ok(serde_json::json!({ "frames": stream.frames }))
        }
        _ => {
            let facts = probe_video(path)?;
            difference(&facts, output, stream).map_or(Ok(()), |message| Err(failed(message)))?;
            if output.container == Container::Hls {
                let found = playlist::difference(path, stream);
                found.map_or(Ok(()), |message| Err(failed(message)))?;
            }
            Ok(serde_json::to_value(facts).unwrap_or_default())
        }
    }
}

/// Bytes of one frame without padding.
pub(super) fn frame_bytes(output: &OutputPlan) -> u64 {
    let (format, size) = (output.video.pixel_format, output.video.size);
    let pixels = u64::from(size.width) * u64::from(size.height);
    let sample = u64::from(format.bits().div_ceil(8));
    if format.is_yuv() {
        let (step_x, step_y) = format.steps();
        let chroma =
            u64::from(size.width.div_ceil(step_x)) * u64::from(size.height.div_ceil(step_y));
        let alpha = if format.has_alpha() { pixels } else { 0 };
        return (pixels + 2 * chroma + alpha) * sample;
    }
    let components = match format {
        CodedFormat::Rgb24 | CodedFormat::Rgb48 | CodedFormat::Gbrp16 => 3,
        _ => 4,
    };
    pixels * components * sample
}

/// FFmpeg's name of the pixel format into which the coded pictures decode.
fn decoded_format(output: &OutputPlan) -> &'static str {
    let video = &output.video;
    match (video.codec, video.pixel_format) {
        (Codec::H264, CodedFormat::Bgr0) => "gbrp",
        (Codec::Gif, _) => "bgra",
        // Its decoder takes 4444 for 12 bits.
        (Codec::Prores, CodedFormat::Yuv444p10) => "yuv444p12le",
        (Codec::Prores, CodedFormat::Yuva444p10) => "yuva444p12le",
        // Transparency is a stream of its own, which FFmpeg's decoder ignores.
        (Codec::Vp9 | Codec::Vp8, CodedFormat::Yuva420p) => "yuv420p",
        (_, format) => format.name(),
    }
}

fn difference(facts: &VideoFacts, output: &OutputPlan, stream: &StreamInfo) -> Option<String> {
    let expected = |what: &str, found: &str, expected: &str| {
        (found != expected).then(|| format!("{what} is {found}, expected {expected}"))
    };
    let video = &output.video;
    let (frames, rate) = (stream.frames, stream.frame_rate);
    let duration = frames as f64 / rate.as_f64();
    // Matroska counts in milliseconds and leaves out the last frame's length.
    let tolerance = match output.container {
        Container::Mp4 | Container::Mov => 0.5 / rate.as_f64(),
        // Hundredths of a second per frame.
        Container::Gif | Container::Apng => 1.5 / rate.as_f64() + 0.02,
        _ => 1.5 / rate.as_f64(),
    };
    let size = format!("{}x{}", facts.width, facts.height);
    let is_tagged = video.pixel_format.is_yuv() || video.color.is_hdr();
    let has_tags = is_tagged && video.codec != Codec::Y4m;
    let is_alpha_apart = decoded_format(output) == "yuv420p" && video.pixel_format.has_alpha();
    let timed = !matches!(output.container, Container::Gif | Container::Apng);
    // One picture is no animation: its file is a still PNG, and libav gives a GIF a length of its own.
    let is_still = frames == 1 && matches!(output.container, Container::Gif | Container::Apng);
    let codec = if is_still && video.codec == Codec::Apng { "png" } else { video.codec_name() };
    expected("the codec", &facts.codec, codec)
        .or_else(|| expected("the size", &size, &video.size.to_string()))
        .or_else(|| (!facts.is_decodable).then(|| "the first picture cannot be decoded".to_owned()))
        .or_else(|| expected("the pixel format", &facts.pixel_format, decoded_format(output)))
        .or_else(|| expected("the frame count", &facts.frames.to_string(), &frames.to_string()))
        .or_else(|| {
            let tags = video.color.names().join("/");
            has_tags.then(|| expected("the color", &facts.color.join("/"), &tags)).flatten()
        })
        .or_else(|| {
            let is_marked = facts.has_alpha_mode || !is_alpha_apart;
            (!is_marked).then(|| "it is not marked as transparent".to_owned())
        })
        .or_else(|| timed.then(|| misplaced(facts, stream)).flatten())
        .or_else(|| keyframes_difference(facts, output, stream))
        .or_else(|| sound_difference(facts, output, stream))
        .or_else(|| subtitle_difference(facts, output))
        .or_else(|| {
            let known = facts.duration > 0.0 || output.container == Container::Mp4;
            let off = (facts.duration - duration).abs() > tolerance;
            (known && off && !is_still).then(|| {
                format!("the duration is {:.4} s, expected {duration:.4} s", facts.duration)
            })
        })
}

/// The fault of the keyframes.
fn keyframes_difference(
    facts: &VideoFacts,
    output: &OutputPlan,
    stream: &StreamInfo,
) -> Option<String> {
    let video = &output.video;
    if matches!(output.container, Container::Gif | Container::Apng) {
        return None;
    }
    // Keyframes are found by order, because time stamps may have been rounded.
    let place = |pts: &i64| facts.pts.binary_search(pts).ok().map(|at| at as u64);
    let keys: Vec<u64> = facts.key_pts.iter().filter_map(place).collect();
    if keys.first() != Some(&0) {
        return Some("the first frame is no keyframe".into());
    }
    if let Some(frame) = video.keyframes.iter().find(|frame| !keys.contains(frame)) {
        return Some(format!("frame {frame} is no keyframe"));
    }
    let gop = u64::from(video.gop?);
    let ends = keys.iter().skip(1).copied().chain([stream.frames]);
    let longest = keys.iter().zip(ends).map(|(key, end)| end - key).max()?;
    (longest > gop).then(|| format!("{longest} frames follow upon a keyframe, expected {gop}"))
}

/// The fault of the subtitles.
fn subtitle_difference(facts: &VideoFacts, output: &OutputPlan) -> Option<String> {
    /// Matroska counts in milliseconds, from which MP4's ticks are rounded.
    const TICK_SECS: f64 = 1.5e-3;
    if output.container == Container::Hls {
        return None;
    }
    let (found, wanted) = (facts.subtitles.len(), output.subtitles.len());
    if found != wanted {
        return Some(format!("there are {found} streams of subtitles, expected {wanted}"));
    }
    facts.subtitles.iter().zip(&output.subtitles).enumerate().find_map(|(i, (facts, plan))| {
        let is_off = |found: f64, ms: Option<i64>| {
            ms.is_some_and(|ms| (found - ms as f64 / 1000.0).abs() > TICK_SECS)
        };
        let start = plan.cues.first().map(|cue| cue.start);
        let end = plan.cues.iter().map(|cue| cue.end).max();
        if facts.codec != plan.codec || facts.texts != plan.count {
            let SubtitleFacts { codec, texts, .. } = facts;
            let (codec_wanted, count) = (plan.codec, plan.count);
            return Some(format!(
                "subtitles {i} have {texts} texts of {codec}, expected {count} of {codec_wanted}"
            ));
        }
        (is_off(facts.start, start) || is_off(facts.end, end)).then(|| {
            let SubtitleFacts { start, end, .. } = facts;
            format!("subtitles {i} last from {start:.3} s to {end:.3} s, expected other times")
        })
    })
}

/// The fault of the sound.
fn sound_difference(
    facts: &VideoFacts,
    output: &OutputPlan,
    stream: &StreamInfo,
) -> Option<String> {
    let (sound, audio) = match (&facts.sound, &output.audio) {
        (None, None) => return None,
        (Some(sound), Some(audio)) => (sound, audio),
        (Some(_), None) => return Some("there is sound, expected none".into()),
        (None, Some(_)) => return Some("there is no sound, expected some".into()),
    };
    let name = audio.codec.codec_name(audio.bits);
    if sound.codec != name {
        return Some(format!("the sound's codec is {}, expected {name}", sound.codec));
    }
    if sound.sample_rate != audio.sample_rate {
        let expected = audio.sample_rate;
        return Some(format!("the sound has {} Hz, expected {expected} Hz", sound.sample_rate));
    }
    let length = audio.samples as f64 / f64::from(audio.sample_rate);
    let frame = 1.0 / stream.frame_rate.as_f64();
    // A last packet may extend beyond the end, by less than one of ALAC's.
    let slack = frame.max(4096.0 / f64::from(audio.sample_rate)) + SOUND_TICK_SECS;
    let is_off = sound.start.abs() > SOUND_TICK_SECS || (sound.end - length).abs() > slack;
    is_off.then(|| {
        let (start, end) = (sound.start, sound.end);
        format!("the sound lasts from {start:.4} s to {end:.4} s, expected 0 s to {length:.4} s")
    })
}

/// Matroska counts in milliseconds.
const SOUND_TICK_SECS: f64 = 2e-3;

/// The first frame that is not shown when it should be.
fn misplaced(facts: &VideoFacts, stream: &StreamInfo) -> Option<String> {
    let rate = stream.frame_rate;
    let (num, den) = (i128::from(facts.time_base.0), i128::from(facts.time_base.1));
    (0_i128..).zip(&facts.pts).find_map(|(frame, &pts)| {
        // pts·num/den seconds against frame·rate.den/rate.num seconds, over one denominator.
        let shown = i128::from(pts) * num * i128::from(rate.num.get());
        let wanted = frame * i128::from(rate.den.get()) * den;
        let tick = num * i128::from(rate.num.get());
        let exact = den % (num * i128::from(rate.num.get())) == 0;
        let tolerance = if exact { 0 } else { tick };
        ((shown - wanted).abs() > tolerance)
            .then(|| format!("frame {frame} has time stamp {pts} in units of {num}/{den} s"))
    })
}
