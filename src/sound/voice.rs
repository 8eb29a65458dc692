//! One track while it plays.

use super::curve::Curve;
use super::effects::Chain;
use super::mixer::Fault;
use super::playhead::Playhead;
use super::stretch::Stretch;
use super::{Track, sample_at};
use crate::av::{SAMPLE_RATE, StereoSample};

/// The tolerance for a speed of 1.
const SAME_RATE: f64 = 1e-6;

/// A track, opened when its time comes: its file, then its effects, then its volume.
#[derive(Debug)]
pub(super) struct Voice {
    input: Input,
    chain: Chain,
    curve: Curve,
    fades: Option<Curve>,
    /// The sample from which its file has no more sound.
    quiet: Option<i64>,
    is_over: bool,
}

/// The input of the effects: the file, within the time in which the track is heard.
#[derive(Debug)]
struct Input {
    track: Track,
    /// The samples of the composition in which it is heard.
    start: i64,
    end: i64,
    /// The composition's next sample; `None` before the first.
    next: Option<i64>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Closed,
    Plain(Playhead),
    Stretched(Playhead, Stretch),
}

impl Voice {
    pub(super) fn new(track: &Track) -> Self {
        Self {
            input: Input {
                start: sample_at(track.start).max(0),
                end: sample_at(track.end),
                track: track.clone(),
                next: None,
                source: Source::Closed,
            },
            chain: Chain::new(&track.effects),
            curve: Curve::new(&track.volume),
            fades: (!track.fades.is_empty()).then(|| Curve::new(&track.fades)),
            quiet: None,
            is_over: false,
        }
    }

    /// A fault of its file.
    pub(super) fn fault(&self, text: String) -> Fault {
        let Track { label, file, .. } = &self.input.track;
        Fault { label: label.clone(), file: file.clone(), text }
    }

    /// Takes the fault of its file so far.
    pub(super) fn take_fault(&mut self) -> Option<String> {
        match &mut self.input.source {
            Source::Plain(playhead) | Source::Stretched(playhead, _) => playhead.take_fault(),
            Source::Closed => None,
        }
    }

    /// Adds its sound from sample `at` on. Blocks must follow each other.
    ///
    /// Returns the fault of its file, if any, once it is over.
    pub(super) fn add_to(&mut self, at: i64, out: &mut [StereoSample]) -> Option<String> {
        let count = i64::try_from(out.len()).unwrap_or(i64::MAX);
        if self.is_over || at + count <= self.input.start {
            return None;
        }
        let end = self.input.end.saturating_add(self.chain.tail());
        let from = usize::try_from(self.input.start - at).unwrap_or(0);
        let until = usize::try_from((end - at).min(count)).unwrap_or(0);
        if from < until {
            let first = at + i64::try_from(from).unwrap_or_default();
            let mut own = vec![[0.0; 2]; until - from];
            let input = &mut self.input;
            input.next.get_or_insert(first);
            self.chain.fill(&mut own, &mut |block| input.read(block));
            self.curve.apply(first, &mut own);
            if let Some(fades) = &mut self.fades {
                fades.apply(first, &mut own);
            }
            add(&mut out[from..], &own);
        }
        if self.input.has_ended() {
            self.quiet.get_or_insert(at + count);
        }
        let sounds_on =
            self.quiet.is_none_or(|quiet| at + count < quiet.saturating_add(self.chain.tail()));
        if sounds_on && at + count < end {
            return None;
        }
        // This closes its file.
        let fault = self.take_fault();
        self.input.source = Source::Closed;
        self.is_over = true;
        fault
    }
}

impl Input {
    /// Fills `out` with the next samples, with silence after the end.
    fn read(&mut self, out: &mut [StereoSample]) {
        let at = self.next.unwrap_or(self.start);
        let own = usize::try_from((self.end - at).max(0)).unwrap_or(usize::MAX).min(out.len());
        let (own, rest) = out.split_at_mut(own);
        rest.fill([0.0; 2]);
        if !own.is_empty() && matches!(self.source, Source::Closed) {
            self.source = self.open(at);
        }
        match &mut self.source {
            Source::Plain(playhead) => playhead.fill(own),
            Source::Stretched(playhead, stretch) => stretch.fill(playhead, own),
            Source::Closed => {}
        }
        self.next = Some(at + i64::try_from(out.len()).unwrap_or_default());
    }

    fn has_ended(&self) -> bool {
        match &self.source {
            Source::Plain(playhead) if playhead.has_ended() => true,
            Source::Stretched(_, stretch) if stretch.has_ended() => true,
            _ => self.next.is_some_and(|next| next >= self.end),
        }
    }

    /// Opens the source, ready to read the sound at sample `at`.
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

/// Adds samples to others.
pub(super) fn add(to: &mut [StereoSample], from: &[StereoSample]) {
    for (sum, sample) in to.as_flattened_mut().iter_mut().zip(from.as_flattened()) {
        *sum += sample;
    }
}
