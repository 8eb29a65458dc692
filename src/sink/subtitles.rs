//! Subtitles beside the picture: written in step with the frames.

use crate::av::{AvError, Described, Muxer, MuxerSettings, TextStream};
use crate::job::Container;
use crate::plan::OutputPlan;
use crate::plan::SubtitlePlan;
use crate::time::FrameRate;

/// Longest packet without a cue, in milliseconds: containers count ticks in 32 bits.
const LONGEST_PAUSE: i64 = 600_000;

/// The distance of streams beyond what an encoder holds back, in microseconds.
const APART_US: u64 = 10_000_000;

/// More frames than any encoder holds back.
const HELD_BACK: u64 = 256;

/// The subtitles of an output.
#[derive(Debug)]
pub(super) struct Subtitles {
    tracks: Vec<Track>,
    rate: FrameRate,
}

#[derive(Debug)]
struct Track {
    stream: TextStream,
    /// The number of its stream in the file.
    number: usize,
    /// The lines that remain to be written, the next one last.
    left: Vec<Line>,
}

/// A cue by its number, or a pause; milliseconds.
#[derive(Clone, Copy, Debug)]
struct Line {
    cue: Option<usize>,
    start: i64,
    end: i64,
}

impl Subtitles {
    /// Creates the streams; `first` is the number of the first one.
    pub(super) fn new(output: &OutputPlan, rate: FrameRate, frames: u64, first: usize) -> Self {
        // A playlist has files of its own for them.
        let plans = if output.container == Container::Hls { &[][..] } else { &output.subtitles };
        let tracks = plans.iter().zip(first..).map(|(plan, number)| Track {
            stream: TextStream::new(plan.codec, plan.default),
            number,
            left: lines(plan, moment(rate, frames)).into_iter().rev().collect(),
        });
        Self { tracks: tracks.collect(), rate }
    }

    /// The streams, for the muxer's head.
    pub(super) fn streams(&self) -> impl Iterator<Item = &dyn Described> {
        self.tracks.iter().map(|track| -> &dyn Described { &track.stream })
    }

    /// Writes the lines that begin before the end of the first `frames` frames.
    pub(super) fn advance(
        &mut self,
        frames: u64,
        output: &OutputPlan,
        muxer: &mut Muxer,
    ) -> Result<(), AvError> {
        self.advance_to(moment(self.rate, frames), output, muxer)
    }

    /// Writes all remaining lines.
    pub(super) fn finish(&mut self, output: &OutputPlan, muxer: &mut Muxer) -> Result<(), AvError> {
        self.advance_to(i64::MAX, output, muxer)
    }

    fn advance_to(
        &mut self,
        now: i64,
        output: &OutputPlan,
        muxer: &mut Muxer,
    ) -> Result<(), AvError> {
        for (track, plan) in self.tracks.iter_mut().zip(&output.subtitles) {
            while let Some(line) = track.left.pop_if(|line| line.start < now) {
                let cue = line.cue.and_then(|n| plan.cues.get(n));
                let packet = match cue {
                    Some(cue) => track.stream.packet(cue),
                    None => track.stream.pause(line.start, line.end),
                };
                muxer.write(track.number, packet)?;
            }
        }
        Ok(())
    }
}

/// Milliseconds before a frame.
fn moment(rate: FrameRate, frame: u64) -> i64 {
    let ms = u128::from(frame) * 1000 * u128::from(rate.den.get());
    i64::try_from(ms / u128::from(rate.num.get())).unwrap_or(i64::MAX)
}

/// The lines of a stream, in order. Where a stream must show something at any time, as in MP4 and
/// MOV, pauses are written too.
fn lines(plan: &SubtitlePlan, end: i64) -> Vec<Line> {
    let has_pauses = plan.codec == "mov_text";
    let (mut lines, mut at) = (Vec::new(), 0);
    let pause = |lines: &mut Vec<Line>, mut from: i64, to: i64| {
        while has_pauses && from < to {
            let end = to.min(from + LONGEST_PAUSE);
            lines.push(Line { cue: None, start: from, end });
            from = end;
        }
    };
    for (n, cue) in plan.cues.iter().enumerate() {
        pause(&mut lines, at, cue.start);
        lines.push(Line { cue: Some(n), start: cue.start, end: cue.end });
        at = cue.end;
    }
    pause(&mut lines, at, end);
    lines
}

/// Adds the streams to a muxer's settings: `settings` are those for the streams before.
pub(super) fn describe(
    settings: &mut MuxerSettings,
    output: &OutputPlan,
    rate: FrameRate,
    frames: u64,
) {
    if output.subtitles.is_empty() || output.container == Container::Hls {
        return;
    }
    let before = settings.packets.len();
    settings.stream_metadata.truncate(before);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    for plan in &output.subtitles {
        // And one packet that ends the stream.
        let packets = lines(plan, moment(rate, frames)).len() as u64 + 1;
        settings.packets.push(packets);
        let language = super::settings::language_in(output.container, &plan.language);
        let mut metadata = vec![pair("language", language)];
        if let Some(label) = &plan.label {
            metadata.push(pair("title", label));
            if plan.codec == "mov_text" {
                // The name that players of MP4 show.
                metadata.push(pair("handler_name", label));
            }
        }
        settings.stream_metadata.push(metadata);
    }
    if ["matroska", "webm"].contains(&settings.format.as_str()) {
        // Otherwise libav would mark the first stream as the one to show.
        settings.options.push(pair("default_mode", "infer_no_subs"));
    }
    let held_back = HELD_BACK * 1_000_000 * u64::from(rate.den.get()) / u64::from(rate.num.get());
    settings.apart_us = Some(APART_US + held_back);
}
