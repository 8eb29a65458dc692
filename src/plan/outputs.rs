//! The files that are written, resolved.

use super::video::VideoContext;
use super::{
    AudioPlan, Handover, Heard, OutputPlan, PosterPlan, Segments, SoundPlan, Survey, Thinning,
    VideoPlan,
};
use crate::error::{Error, Result};
use crate::frame::StreamInfo;
use crate::job::{Audio, AudioCodec, Container, Destination, Job, JobError};
use crate::time::{FrameIndex, FrameRate};
use crate::warning::Warning;

/// All outputs but posters, the main one first.
pub(super) fn outputs(
    job: &Job,
    survey: &Survey,
    stream: &StreamInfo,
    (first_frame, segments): (u64, Segments),
    warnings: &mut Vec<Warning>,
) -> Result<Vec<OutputPlan>> {
    job.metadata.validate_at(stream.frame_rate)?;
    let destinations = job.destinations()?.into_iter();
    let containers: Vec<_> = destinations.map(|(_, place, ..)| place.container).collect();
    let secs = stream.frames as f64 / stream.frame_rate.as_f64();
    let left_out = job.metadata.left_out(&containers, secs).into_iter();
    warnings.extend(left_out.map(|text| Warning::new("tag_left_out", text)));
    let encodings = job.encodings()?.into_iter();
    let plans = encodings.map(|(field, destination, video, audio)| {
        let Destination { path, container, names, place } = destination;
        let frame_rate = container.thinned(stream.frame_rate);
        let rate = frame_rate.unwrap_or(stream.frame_rate);
        let frames = if let Some(thinned) = frame_rate {
            let hint = format!("set `fps` to {thinned} or less to choose every frame yourself");
            let text = format!(
                "{}: players cannot show {} frames per second of .{}; {thinned} are written",
                path.display(),
                stream.frame_rate,
                container.word()
            );
            let warning = Warning::new("frames_left_out", text);
            warnings.push(Warning { hint: Some(hint), ..warning });
            Thinning::new(stream.frame_rate, thinned).frames(stream.frames)
        } else {
            stream.frames
        };
        let setting = VideoContext {
            size: stream.size,
            rate,
            frames,
            shortest: segments.shortest(),
            alpha: job.alpha,
            color: stream.color,
            display: job.color.mastering_display.unwrap_or_default(),
            cores: survey.encoder_cores.unwrap_or(survey.cores),
            is_streamed: place.is_streamed(),
        };
        let video = VideoPlan::new(video, container, setting, &format!("{field}video"))?;
        let metadata = job.metadata.clone();
        Ok(OutputPlan {
            path,
            container,
            names,
            frame_rate,
            handover: Handover::of(&video, container, frame_rate.is_some()),
            video,
            audio: sound_of(audio, container, survey, stream, first_frame, warnings),
            subtitles: Vec::new(),
            metadata,
            place,
        })
    });
    plans.collect()
}

/// The sound of an output with pictures, where the composition has sound.
fn sound_of(
    audio: &Audio,
    container: Container,
    survey: &Survey,
    stream: &StreamInfo,
    first_frame: u64,
    warnings: &mut Vec<Warning>,
) -> Option<AudioPlan> {
    let Heard::Tracks(tracks, groups) = &survey.heard else { return None };
    if !audio.enabled {
        return None;
    }
    let usual = container.sound_codecs().first().copied();
    let Some(codec) = audio.codec.or(usual) else {
        let word = container.word();
        let text = format!("the composition's sound is left out: .{word} has none");
        warnings.push(Warning::new("sound_left_out", text));
        return None;
    };
    let range = (first_frame, stream.frames);
    let plan =
        AudioPlan::new(audio, codec, stream.frame_rate, range, (tracks.clone(), groups.clone()));
    Some(plan.settled(&survey.loudness))
}

/// The sound for a sink of the caller's, where the composition has sound: samples as they are
/// mixed.
pub(super) fn sink_sound(
    audio: &Audio,
    survey: &Survey,
    stream: &StreamInfo,
    first_frame: u64,
) -> Option<AudioPlan> {
    let Heard::Tracks(tracks, groups) = &survey.heard else { return None };
    let audio =
        Audio { bits: Some(32), sample_rate: None, channels: None, bitrate: None, ..audio.clone() };
    let (range, sources) = ((first_frame, stream.frames), (tracks.clone(), groups.clone()));
    let plan = AudioPlan::new(&audio, AudioCodec::Pcm, stream.frame_rate, range, sources);
    Some(plan.settled(&survey.loudness))
}

/// All files of sound alone: silent where the composition has no sound or it is not known.
pub(super) fn sounds(
    job: &Job,
    survey: &Survey,
    rate: FrameRate,
    range: (u64, u64),
    warnings: &mut Vec<Warning>,
) -> Result<Vec<SoundPlan>> {
    let sources = match &survey.heard {
        Heard::Tracks(tracks, groups) => (tracks.clone(), groups.clone()),
        Heard::Unasked | Heard::Nothing => Default::default(),
    };
    let plans = job.sounds()?.into_iter().map(|(_, destination, _, audio)| {
        let Destination { path, container, place, .. } = destination;
        let codec = audio.codec.unwrap_or_else(|| container.sound_codecs()[0]);
        let audio = AudioPlan::new(audio, codec, rate, range, sources.clone());
        let audio = audio.settled(&survey.loudness);
        if matches!(survey.heard, Heard::Nothing) {
            let text = "nothing is heard in the composition, so it is silent";
            warnings.push(Warning::new("no_sound", format!("{}: {text}", path.display())));
        }
        SoundPlan { path, container, audio, metadata: job.metadata.clone(), place }
    });
    Ok(plans.collect())
}

pub(super) fn posters(job: &Job, stream: &StreamInfo, first_frame: u64) -> Result<Vec<PosterPlan>> {
    let posters = job.outputs.iter().enumerate().filter_map(|(i, o)| Some((i, o, o.at?)));
    let plans = posters.map(|(i, output, at)| {
        let frame =
            stream.frame_rate.frame_at(at).and_then(|frame| frame.0.checked_sub(first_frame));
        let Some(frame) = frame.filter(|&frame| frame < stream.frames) else {
            return Err(Error::Job(JobError::BadValue {
                path: format!("outputs[{i}].at"),
                found: at.to_string(),
                expected: "a moment of the frames that are rendered".into(),
            }));
        };
        Ok(PosterPlan { path: output.output.clone(), frame: FrameIndex(frame) })
    });
    plans.collect()
}
