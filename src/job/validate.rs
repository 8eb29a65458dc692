//! Checks for faults that no page can make right.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::formats::bad_format;
use super::scale;
use super::{
    Audio, AudioCodec, CaptureFormat, CaptureMode, Codec, ColorMode, Container, Destination, Job,
    JobError, Output, PictureFormat, Place, Quality, Video,
};
use crate::time::FrameRate;

/// A day, in seconds.
const MAX_DURATION_SECS: f64 = 86_400.0;

impl Job {
    /// Checks every value as far as possible without the page. Reads only the job.
    pub fn validate(&self) -> Result<(), JobError> {
        self.validate_time()?;
        self.validate_picture()?;
        self.metadata.validate()?;
        self.validate_outputs()?;
        self.validate_subtitles()?;
        self.validate_network()?;
        self.validate_fonts()?;
        within("capture.jpegQuality", self.capture.jpeg_quality, 1..=100)?;
        within("samples", self.samples, 1..=64)?;
        if let Some(frames) = self.segment_frames {
            within("segmentFrames", frames, 1..=1_000_000)?;
        }
        if self.resume && self.destination().is_ok_and(|d| d.place != Place::File) {
            return Err(JobError::BadValue {
                path: "resume".into(),
                found: "true".into(),
                expected: "false, as the output is no file beside which anything could be kept"
                    .into(),
            });
        }
        if self.samples > 1 && self.is_hdr() {
            let first = "color.mode: hdr10 or hlg".into();
            return Err(JobError::Conflict { first, second: "samples".into() });
        }
        if let Some(workers) = self.capture.workers {
            within("capture.workers", workers, 1..=64)?;
        }
        Ok(())
    }

    /// Whether the job asks for HDR.
    const fn is_hdr(&self) -> bool {
        matches!(self.color.mode, ColorMode::Hdr10 | ColorMode::Hlg)
    }

    /// Every output with pictures but posters, with the prefix of its fields' names; the main one
    /// first.
    pub(crate) fn encodings(&self) -> Result<Vec<Encoding<'_>>, JobError> {
        let mut all = self.destinations()?;
        all.retain(|(_, destination, ..)| !destination.container.is_sound());
        Ok(all)
    }

    /// Every output of sound alone.
    pub(crate) fn sounds(&self) -> Result<Vec<Encoding<'_>>, JobError> {
        let mut all = self.destinations()?;
        all.retain(|(_, destination, ..)| destination.container.is_sound());
        Ok(all)
    }

    /// Whether the job writes only sound.
    pub(crate) fn is_sound_alone(&self) -> bool {
        let has_posters = self.outputs.iter().any(|output| output.at.is_some());
        let has_pictures = |(_, d, ..): &Encoding<'_>| !d.container.is_sound();
        let all = self.destinations().unwrap_or_default();
        !has_posters && !all.is_empty() && !all.iter().any(has_pictures)
    }

    /// Every output but posters.
    pub(crate) fn destinations(&self) -> Result<Vec<Encoding<'_>>, JobError> {
        let mut encodings = Vec::new();
        let has_main = self.output.is_some() || self.format == Some(Container::Null);
        if has_main || self.outputs.is_empty() {
            encodings.push((String::new(), self.destination()?, &self.video, &self.audio));
        }
        for (i, output) in self.outputs.iter().enumerate() {
            if output.at.is_none() {
                let Output { output, format, video, audio, .. } = output;
                let prefix = format!("outputs[{i}].");
                let destination =
                    Destination::resolve(output, *format, &format!("{prefix}output"))?;
                encodings.push((prefix, destination, video, audio));
            }
        }
        Ok(encodings)
    }

    /// Whether an output of the job goes to standard output.
    pub fn writes_to_stdout(&self) -> bool {
        let all = self.destinations().unwrap_or_default();
        all.iter().any(|(_, destination, ..)| destination.is_stdout())
    }

    fn validate_outputs(&self) -> Result<(), JobError> {
        if !self.has_outputs() {
            // The frames are for a caller's own sink.
            validate_video(&self.video, self.video.codec.unwrap_or(Codec::H264), "")?;
            return validate_audio(&self.audio, None, "");
        }
        let mut paths = Vec::new();
        let all = self.destinations()?;
        for (prefix, destination, video, audio) in &all {
            let container = destination.container;
            if container.is_sound() {
                let expected = format!("true: there is nothing else in .{}", container.word());
                check(audio.enabled, &format!("{prefix}audio.enabled"), false, &expected)?;
            } else {
                self.validate_encoding(video, container, prefix)?;
            }
            validate_audio(audio, Some(container), prefix)?;
            self.metadata.validate_for(container)?;
            let shown = destination.path.display();
            let path = match destination.place {
                Place::Nowhere => continue,
                Place::Descriptor(number) => format!("descriptor {number}"),
                _ => format!("{shown}/{:?}", destination.names),
            };
            let expected = "another file than those of the other outputs";
            check(!paths.contains(&path), &format!("{prefix}output"), shown, expected)?;
            paths.push(path);
        }
        let encodings = self.encodings()?;
        for (i, output) in self.outputs.iter().enumerate() {
            let Some(at) = output.at else { continue };
            let expected = "a number of seconds from 0";
            check(at.is_finite() && at >= 0.0, &format!("outputs[{i}].at"), at, expected)?;
            let format = PictureFormat::of(&output.output);
            let holds_hdr = matches!(format, Some(PictureFormat::Png | PictureFormat::Exr));
            let field = format!("outputs[{i}].output");
            let expected = format!("a name that ends in {}", PictureFormat::EXTENSIONS);
            check(format.is_some(), &field, output.output.display(), &expected)?;
            let expected = "a name that ends in .png or .exr, which hold HDR";
            let is_right = holds_hdr || !self.is_hdr();
            check(is_right, &field, output.output.display(), expected)?;
        }
        if self.alpha && !encodings.is_empty() {
            let holds = |(_, _, video, codec): &(_, _, &Video, Codec)| {
                codec.holds_alpha()
                    && video
                        .pixel_format_of(*codec, true)
                        .is_some_and(|format| format.has_alpha() || *codec == Codec::Gif)
            };
            let outputs = encodings.iter().map(|(prefix, destination, video, _)| {
                (prefix, destination, *video, video.codec_in(destination.container))
            });
            let outputs: Vec<_> = outputs.collect();
            if !outputs.iter().any(holds) {
                let names = outputs.first().map_or_else(String::new, |(_, _, video, codec)| {
                    let format = video.pixel_format_of(*codec, true);
                    format.map_or(codec.to_string(), |format| format!("{codec} as {format}"))
                });
                let expected = format!(
                    "false for {names}; .webm (vp9), .mov (prores), .mkv (ffv1), .apng, .webp, .gif \
                     and directories of PNG, TIFF or EXR files hold transparency"
                );
                return check(false, "alpha", true, &expected);
            }
        }
        Ok(())
    }

    fn validate_encoding(
        &self,
        video: &Video,
        container: Container,
        prefix: &str,
    ) -> Result<(), JobError> {
        let is_hdr = self.is_hdr();
        let codec = if is_hdr { video.hdr_codec_in(container) } else { video.codec_in(container) };
        if is_hdr {
            validate_hdr(video, codec, container, prefix)?;
        }
        validate_codec(video, codec, container, prefix)?;
        validate_video(video, codec, prefix)?;
        let expected = "false in .m3u8, whose segments are independent";
        let can_be_open = container != Container::Hls || !video.open_gop;
        check(can_be_open, &format!("{prefix}video.openGop"), true, expected)
    }

    fn validate_time(&self) -> Result<(), JobError> {
        if let Some(fps) = self.fps {
            check(fps.is_renderable(), "fps", fps, FrameRate::EXPECTED)?;
        }
        if let Some(secs) = self.duration {
            let expected = "a number of seconds above 0, up to 86400";
            check(secs > 0.0 && secs <= MAX_DURATION_SECS, "duration", secs, expected)?;
        }
        if let Some(frames) = self.frames {
            let found = format_args!("\"{frames}\"");
            check(!frames.is_empty(), "frames", found, "a range whose start is below its end")?;
        }
        let timeouts = [
            ("timeouts.launch", self.timeouts.launch),
            ("timeouts.navigation", self.timeouts.navigation),
            ("timeouts.ready", self.timeouts.ready),
            ("timeouts.player", self.timeouts.player),
            ("timeouts.timelines", self.timeouts.timelines),
            ("timeouts.frame", self.timeouts.frame),
        ];
        timeouts.into_iter().try_for_each(|(path, timeout)| {
            let is_possible =
                !timeout.is_zero() && timeout <= Duration::from_secs_f64(MAX_DURATION_SECS);
            let expected = "a number of seconds above 0, up to 86400";
            check(is_possible, path, timeout.as_secs_f64(), expected)
        })
    }

    fn validate_picture(&self) -> Result<(), JobError> {
        if let Some(size) = self.size {
            within("size.width", size.width, 1..=16_384)?;
            within("size.height", size.height, 1..=16_384)?;
        }
        within("scale", self.scale, scale::RANGE)?;
        if let Some(size) = self.size {
            scale::picture_size(size, self.scale)?;
        }
        if let Some(display) = self.color.mastering_display {
            display.validate()?;
            let first = match self.color.mode {
                ColorMode::Hdr10 | ColorMode::Auto => None,
                ColorMode::Hlg => Some("color.mode: hlg"),
                ColorMode::Sdr => Some("color.mode: sdr"),
            };
            if let Some(first) = first.map(Into::into) {
                return Err(JobError::Conflict { first, second: "color.masteringDisplay".into() });
            }
        }
        match self.color.mode {
            ColorMode::Hdr10 | ColorMode::Hlg if self.alpha => {
                return Err(JobError::Conflict {
                    first: "color.mode: hdr10 or hlg".into(),
                    second: "alpha: true".into(),
                });
            }
            // Videos are not redrawn for their mattes there.
            ColorMode::Hdr10 | ColorMode::Hlg if self.capture.mode == CaptureMode::Canvas => {
                return Err(JobError::Conflict {
                    first: "color.mode: hdr10 or hlg".into(),
                    second: "capture.mode: canvas".into(),
                });
            }
            // JPEG's losses would look like videos that show through.
            ColorMode::Hdr10 | ColorMode::Hlg if self.capture.format == CaptureFormat::Jpeg => {
                return Err(JobError::Conflict {
                    first: "color.mode: hdr10 or hlg".into(),
                    second: "capture.format: jpeg".into(),
                });
            }
            _ => {}
        }
        if self.alpha { self.validate_alpha() } else { Ok(()) }
    }

    /// Windows have no alpha, nor have pictures of the compositor on command, nor has JPEG.
    fn validate_alpha(&self) -> Result<(), JobError> {
        let first = match self.capture.mode {
            CaptureMode::Display => "capture.mode: display",
            CaptureMode::BeginFrame => "capture.mode: beginFrame",
            _ if self.capture.format == CaptureFormat::Jpeg => "capture.format: jpeg",
            _ => return Ok(()),
        };
        Err(JobError::Conflict { first: first.into(), second: "alpha".into() })
    }
}

/// The prefix of an output's fields, its destination, and its settings.
pub(crate) type Encoding<'a> = (String, Destination, &'a Video, &'a Audio);

fn validate_codec(
    video: &Video,
    codec: Codec,
    container: Container,
    prefix: &str,
) -> Result<(), JobError> {
    let field = format!("{prefix}video");
    if !container.codecs().contains(&codec) {
        let usual: Vec<_> = container.codecs().iter().map(|codec| codec.word()).collect();
        let holders = Container::FILES.into_iter().filter(|c| c.codecs().contains(&codec));
        let holders: Vec<_> = holders.map(|c| format!(".{}", c.word())).collect();
        let expected = format!(
            "one of {} in .{} ({codec}: {})",
            usual.join(", "),
            container.word(),
            holders.join(", ")
        );
        return check(false, &format!("{field}.codec"), codec, &expected);
    }
    if video.pixel_format_of(codec, false).is_none() {
        return Err(bad_format(video, codec, &field));
    }
    if let (Some(profile), profiles) = (video.profile.as_deref(), codec.profiles())
        && !profiles.is_empty()
    {
        let expected = format!("one of {} for {codec}", profiles.join(", "));
        check(profiles.contains(&profile), &format!("{field}.profile"), profile, &expected)?;
        let plain = Video { pixel_format: None, ..video.clone() };
        let needed = [false, true].map(|alpha| plain.pixel_format_of(codec, alpha));
        if let Some(format) = video.pixel_format
            && !needed.contains(&Some(format))
        {
            let names: Vec<_> = needed.iter().flatten().map(|format| format.name()).collect();
            let expected = format!("{} for profile {profile}", names.join(" or "));
            return check(false, &format!("{field}.pixelFormat"), format, &expected);
        }
    }
    if video.quality == Quality::Lossless && !codec.can_be_lossless() {
        let expected = format!(
            "draft, standard or high for {codec}; ffv1 in .mkv, png in .mov, h264 and hevc lose nothing"
        );
        return check(false, &format!("{field}.quality"), "lossless", &expected);
    }
    Ok(())
}

/// HDR needs codecs that can store the meaning of their code values, and 10 bits.
fn validate_hdr(
    video: &Video,
    codec: Codec,
    container: Container,
    prefix: &str,
) -> Result<(), JobError> {
    let expected = "one that holds HDR: hevc or av1 in .mp4 and .mkv, ffv1 in .mkv, hevc or prores \
                    in .mov, vp9 or av1 in .webm, directories of PNG or EXR files; or `color.mode` \
                    sdr";
    check(container.holds_hdr(codec), &format!("{prefix}video.codec"), codec, expected)?;
    let format = video.pixel_format.map_or_else(String::new, |format| format.to_string());
    let expected = "one of 10 bits or more, such as yuv420p10le, for HDR";
    let is_deep = video.hdr_format_of(codec).is_some();
    check(is_deep, &format!("{prefix}video.pixelFormat"), format, expected)
}

fn validate_audio(
    audio: &Audio,
    container: Option<Container>,
    prefix: &str,
) -> Result<(), JobError> {
    let Audio { codec, bitrate, gain, bits, sample_rate, channels, .. } = *audio;
    if let Some(loudness) = audio.loudness {
        within(&format!("{prefix}audio.loudness"), loudness, -40.0..=-5.0)?;
        if gain.abs() > 0.0 {
            return Err(JobError::Conflict {
                first: format!("{prefix}audio.loudness"),
                second: format!("{prefix}audio.gain"),
            });
        }
    }
    if let Some(peak) = audio.true_peak {
        within(&format!("{prefix}audio.truePeak"), peak, -9.0..=0.0)?;
    }
    within(&format!("{prefix}audio.gain"), gain, -60.0..=24.0)?;
    let codec = codec.or_else(|| container?.sound_codecs().first().copied());
    let codec = codec.unwrap_or(AudioCodec::Aac);
    if let Some(bitrate) = bitrate {
        if codec.default_bitrate().is_none() {
            return Err(JobError::Conflict {
                first: format!("{prefix}audio.codec: {}", codec.word()),
                second: format!("{prefix}audio.bitrate"),
            });
        }
        let most = if codec == AudioCodec::Mp3 { 320 } else { 512 };
        let is_possible = (8_000..=most * 1000).contains(&bitrate.0);
        let field = format!("{prefix}audio.bitrate");
        let expected = format!("from 8k to {most}k bits per second");
        check(is_possible, &field, bitrate.0, &expected)?;
    }
    if let Some(bits) = bits {
        let has_bits = match codec {
            AudioCodec::Pcm => matches!(bits, 16 | 24 | 32),
            _ => codec.default_bitrate().is_none() && matches!(bits, 16 | 24),
        };
        let expected = match codec {
            AudioCodec::Pcm => "16, 24 or 32".into(),
            _ if codec.default_bitrate().is_none() => "16 or 24".into(),
            _ => format!("left out: {} does not keep bits", codec.word()),
        };
        check(has_bits, &format!("{prefix}audio.bits"), bits, &expected)?;
    }
    if let Some(rate) = sample_rate {
        let expected = format!("one that {} has, such as 48000", codec.word());
        check(codec.has_rate(rate), &format!("{prefix}audio.sampleRate"), rate, &expected)?;
    }
    if let Some(channels) = channels {
        within(&format!("{prefix}audio.channels"), channels, 1..=2)?;
    }
    let (Some(container), Some(asked)) = (container, audio.codec) else { return Ok(()) };
    if !audio.enabled || container.holds(asked) {
        return Ok(());
    }
    let words: Vec<_> = container.sound_codecs().iter().map(|codec| codec.word()).collect();
    let holders = Container::FILES.into_iter().filter(|other| other.holds(asked));
    let holders: Vec<_> = holders.map(|c| format!(".{}", c.word())).collect();
    let expected = if words.is_empty() {
        format!("left out: .{} has no sound", container.word())
    } else {
        let (words, holders) = (words.join(", "), holders.join(", "));
        format!("one of {words} in .{} ({}: {holders})", container.word(), asked.word())
    };
    check(false, &format!("{prefix}audio.codec"), asked.word(), &expected)
}

fn validate_video(video: &Video, codec: Codec, prefix: &str) -> Result<(), JobError> {
    let field = |name: &str| format!("{prefix}video.{name}");
    let conflict = |first: &str, second: &str| JobError::Conflict {
        first: field(first),
        second: field(second),
    };
    if video.crf.is_some() && video.bitrate.is_some() {
        return Err(conflict("crf", "bitrate"));
    }
    if video.quality == Quality::Lossless {
        if video.crf.is_some() {
            return Err(conflict("quality: lossless", "crf"));
        }
        if video.bitrate.is_some() {
            return Err(conflict("quality: lossless", "bitrate"));
        }
    }
    if let Some(crf) = video.crf {
        let Some(most) = codec.largest_crf() else {
            let expected = format!("left out: {codec} has no constant quality");
            return check(false, &field("crf"), crf, &expected);
        };
        within(&field("crf"), crf, 0.0..=most)?;
    }
    for (name, rate) in
        [("bitrate", video.bitrate), ("maxRate", video.max_rate), ("bufferSize", video.buffer_size)]
    {
        let Some(rate) = rate else { continue };
        let expected = format!("left out: {codec} takes no bitrate");
        check(codec.has_bitrate(), &field(name), rate.0, &expected)?;
        let expected = "from 1k to 1000M bits per second";
        let is_possible = (1_000..=1_000_000_000).contains(&rate.0);
        check(is_possible, &field(name), rate.0, expected)?;
    }
    if video.buffer_size.is_some() && video.max_rate.is_none() {
        return Err(JobError::Absent { path: field("maxRate") });
    }
    if let (Some(rate), Some(most)) = (video.bitrate, video.max_rate) {
        let expected = "at least `video.bitrate`";
        check(most >= rate, &field("maxRate"), most.0, expected)?;
    }
    if video.two_pass && video.bitrate.is_none() {
        let expected = "false, or `video.bitrate` given: two passes are for a bitrate";
        return check(false, &field("twoPass"), true, expected);
    }
    if let Some(gop) = video.gop {
        within(&field("gop"), gop, 1..=1_000_000)?;
    }
    within(&field("loop"), video.plays, 0..=65_535)?;
    for (i, at) in video.keyframes.iter().enumerate() {
        let is_time = at.is_finite() && *at >= 0.0;
        check(is_time, &field(&format!("keyframes[{i}]")), at, "a number of seconds from 0")?;
    }
    for (name, text) in [("preset", &video.preset), ("profile", &video.profile)] {
        let is_given = text.as_ref().is_none_or(|text| !text.is_empty());
        check(is_given, &field(name), "\"\"", &format!("the name of an encoder {name}"))?;
    }
    Ok(())
}

fn within<T: Display + PartialOrd + Copy>(
    path: &str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), JobError> {
    let expected = format_args!("within {} to {}", range.start(), range.end()).to_string();
    check(range.contains(&found), path, found, &expected)
}

fn check(is_right: bool, path: &str, found: impl Display, expected: &str) -> Result<(), JobError> {
    if is_right {
        return Ok(());
    }
    let (found, expected) = (found.to_string(), expected.into());
    Err(JobError::BadValue { path: path.into(), found, expected })
}
