//! One track while it plays.

use super::curve::Curve;
use super::playhead::Playhead;
use super::stretch::Stretch;
use super::{Track, sample_at};
use crate::av::{SAMPLE_RATE, StereoSample};

/// Speeds this close to 1 are 1.
const SAME_RATE: f64 = 1e-6;

/// A track, opened when its time comes.
#[derive(Debug)]
pub(super) struct Voice {
    track: Track,
    /// The samples of the composition in which it is heard.
    start: i64,
    end: i64,
    curve: Curve,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Waiting,
    Plain(Playhead),
    Stretched(Playhead, Stretch),
    Over,
}

impl Voice {
    pub(super) fn new(track: &Track) -> Self {
        Self {
            start: sample_at(track.start).max(0),
            end: sample_at(track.end),
            curve: Curve::new(&track.volume),
            track: track.clone(),
            source: Source::Waiting,
        }
    }

    pub(super) fn label(&self) -> &str {
        &self.track.label
    }

    /// What was wrong with its file so far.
    pub(super) fn take_fault(&mut self) -> Option<String> {
        match &mut self.source {
            Source::Plain(playhead) | Source::Stretched(playhead, _) => playhead.take_fault(),
            Source::Waiting | Source::Over => None,
        }
    }

    /// Adds what is heard from sample `at` on. Blocks must follow each other.
    ///
    /// Returns what was wrong with its file, once it is over.
    pub(super) fn add_to(&mut self, at: i64, out: &mut [StereoSample]) -> Option<String> {
        let count = i64::try_from(out.len()).unwrap_or(i64::MAX);
        if matches!(self.source, Source::Over) || at + count <= self.start {
            return None;
        }
        let begin = usize::try_from(self.start - at).unwrap_or(0);
        let end = usize::try_from((self.end - at).min(count)).unwrap_or(0);
        if begin < end {
            let first = at + i64::try_from(begin).unwrap_or_default();
            let mut own = vec![[0.0; 2]; end - begin];
            self.read(first, &mut own);
            self.curve.apply(first, &mut own);
            for (sum, sample) in out[begin..].as_flattened_mut().iter_mut().zip(own.as_flattened())
            {
                *sum += sample;
            }
        }
        let has_ended = match &self.source {
            Source::Plain(playhead) => playhead.has_ended(),
            Source::Stretched(_, stretch) => stretch.has_ended(),
            Source::Waiting | Source::Over => false,
        };
        if !has_ended && at + count < self.end {
            return None;
        }
        // Its file is closed.
        let fault = self.take_fault();
        self.source = Source::Over;
        fault
    }

    fn read(&mut self, at: i64, out: &mut [StereoSample]) {
        if matches!(self.source, Source::Waiting) {
            self.source = self.open(at);
        }
        match &mut self.source {
            Source::Plain(playhead) => playhead.fill(out),
            Source::Stretched(playhead, stretch) => stretch.fill(playhead, out),
            Source::Waiting | Source::Over => {}
        }
    }

    /// The source, ready to give what is heard at sample `at`.
    fn open(&self, at: i64) -> Source {
        let Track { file, from, origin, rate, loops, .. } = &self.track;
        let mut playhead = Playhead::new(file, *from, *loops);
        if (rate - 1.0).abs() < SAME_RATE {
            playhead.go_to(at - sample_at(origin - from));
            return Source::Plain(playhead);
        }
        let samples = f64::from(SAMPLE_RATE);
        let first = (from + (self.start as f64 / samples - origin) * rate) * samples;
        Source::Stretched(playhead, Stretch::new(*rate, first, at - self.start))
    }
}
