//! Whether a written file is what was planned.

use std::path::Path;

use crate::av::{VideoFacts, probe_video};
use crate::error::{Error, Result};
use crate::job::{Container, Plan};

/// Reads the file back and compares it with the plan. Returns what was read.
///
/// `path` is where the file is now, `target` what errors call it.
pub(super) fn verify(path: &Path, target: &Path, plan: &Plan) -> Result<VideoFacts> {
    let facts = probe_video(path)?;
    match difference(&facts, plan) {
        None => Ok(facts),
        Some(message) => Err(Error::Verify { path: target.to_owned(), message }),
    }
}

fn difference(facts: &VideoFacts, plan: &Plan) -> Option<String> {
    let expected = |what: &str, found: &str, expected: &str| {
        (found != expected).then(|| format!("{what} is {found}, expected {expected}"))
    };
    let frames = plan.stream.frames;
    let rate = plan.stream.frame_rate;
    let duration = frames as f64 / rate.as_f64();
    // Matroska counts in milliseconds and leaves out the last frame's length.
    let tolerance = match plan.container {
        Container::Mp4 | Container::Mov => 0.5 / rate.as_f64(),
        _ => 1.5 / rate.as_f64(),
    };
    let size = format!("{}x{}", facts.width, facts.height);
    expected("the codec", &facts.codec, plan.video.codec_name())
        .or_else(|| expected("the size", &size, &plan.video.size.to_string()))
        .or_else(|| {
            expected("the pixel format", &facts.pixel_format, plan.video.pixel_format_name())
        })
        .or_else(|| expected("the frame count", &facts.frames.to_string(), &frames.to_string()))
        .or_else(|| expected("the color", &facts.color.join("/"), "bt709/bt709/bt709/tv"))
        .or_else(|| misplaced(facts, plan))
        .or_else(|| sound_difference(facts, plan))
        .or_else(|| {
            let known = facts.duration > 0.0 || plan.container != Container::Mkv;
            let off = (facts.duration - duration).abs() > tolerance;
            (known && off).then(|| {
                format!("the duration is {:.4} s, expected {duration:.4} s", facts.duration)
            })
        })
}

/// What is wrong with the sound.
fn sound_difference(facts: &VideoFacts, plan: &Plan) -> Option<String> {
    let (sound, audio) = match (&facts.sound, &plan.audio) {
        (None, None) => return None,
        (Some(sound), Some(audio)) => (sound, audio),
        (Some(_), None) => return Some("there is sound, expected none".into()),
        (None, Some(_)) => return Some("there is no sound, expected some".into()),
    };
    let name = audio.codec.codec_name();
    if sound.codec != name {
        return Some(format!("the sound's codec is {}, expected {name}", sound.codec));
    }
    if sound.sample_rate != audio.sample_rate {
        let expected = audio.sample_rate;
        return Some(format!("the sound has {} Hz, expected {expected} Hz", sound.sample_rate));
    }
    let length = audio.samples as f64 / f64::from(audio.sample_rate);
    let frame = 1.0 / plan.stream.frame_rate.as_f64();
    // A last packet may reach beyond the end, by less than one of AAC's or Opus'.
    let slack = frame.max(1024.0 / f64::from(audio.sample_rate)) + SOUND_TICK_SECS;
    let is_off = sound.start > SOUND_TICK_SECS || (sound.end - length).abs() > slack;
    is_off.then(|| {
        let (start, end) = (sound.start, sound.end);
        format!("the sound lasts from {start:.4} s to {end:.4} s, expected 0 s to {length:.4} s")
    })
}

/// Matroska counts in milliseconds.
const SOUND_TICK_SECS: f64 = 2e-3;

/// The first frame that is not shown when it should be.
fn misplaced(facts: &VideoFacts, plan: &Plan) -> Option<String> {
    let rate = plan.stream.frame_rate;
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
