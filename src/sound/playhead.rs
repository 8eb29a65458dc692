//! One file's samples in order.
//!
//! Places are counted on through all rounds of a loop: round `n` begins at `round(n * length)`
//! samples after the first, so that a length which is no whole number of samples adds up to no
//! error.

use std::path::{Path, PathBuf};

use super::sample_at;
use crate::av::{AudioDecoder, AvError, SAMPLE_RATE, SoundBlock, StereoSample};

/// A loop shorter than this would only be a tone; it ends like a file without `loop`.
const MIN_LOOP_SECS: f64 = 1e-3;

/// Reads a file from a place on, from its start again if it loops.
#[derive(Debug)]
pub(super) struct Playhead {
    file: PathBuf,
    /// The beginning of every round in the file, in seconds.
    from: f64,
    loops: bool,
    /// The next sample, counted on through all rounds, from the file's start.
    at: i64,
    /// The round that is being read.
    round: u32,
    /// Length of a round in samples, once it is known.
    length: Option<f64>,
    decoder: Option<AudioDecoder>,
    block: SoundBlock,
    last: StereoSample,
    has_ended: bool,
    /// Whether reading the file has failed.
    has_failed: bool,
    fault: Fault,
}

/// The fault of a file. Only the first one counts: each round of a loop has the same.
#[derive(Debug)]
enum Fault {
    None,
    Known(String),
    Told,
}

impl Playhead {
    /// Creates a playhead at `from` seconds.
    pub(super) fn new(file: &Path, from: f64, loops: bool) -> Self {
        Self {
            file: file.to_owned(),
            from,
            loops,
            at: sample_at(from),
            round: 0,
            length: None,
            decoder: None,
            block: SoundBlock::default(),
            last: [0.0; 2],
            has_ended: false,
            has_failed: false,
            fault: Fault::None,
        }
    }

    /// Whether only silence follows.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether reading the file has failed.
    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Takes the first fault of the file, once.
    pub(super) fn take_fault(&mut self) -> Option<String> {
        if let Some(text) = self.decoder.as_mut().and_then(AudioDecoder::take_fault) {
            self.note(text);
        }
        match std::mem::replace(&mut self.fault, Fault::Told) {
            Fault::Known(text) => Some(text),
            other => {
                self.fault = other;
                None
            }
        }
    }

    fn note(&mut self, text: String) {
        if matches!(self.fault, Fault::None) {
            self.fault = Fault::Known(text);
        }
    }

    /// Closes the file, to be opened again at another place.
    fn close(&mut self) {
        if let Some(text) = self.decoder.take().and_then(|mut decoder| decoder.take_fault()) {
            self.note(text);
        }
        self.block = SoundBlock::default();
    }

    /// The sample that [`Self::fill`] reads next.
    pub(super) const fn at(&self) -> i64 {
        self.at
    }

    /// Goes to a later place. Only before the first [`Self::fill`].
    pub(super) fn go_to(&mut self, at: i64) {
        if at <= self.at {
            return;
        }
        if self.loops {
            // Only decoding tells the length of a round.
            self.measure();
            if let Some(length) = self.length {
                let into = (at - self.first()) as f64 / length;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "+")]
                let round = into as u32;
                self.round = round;
                while self.start_of(self.round + 1) <= at {
                    self.round += 1;
                }
            }
        }
        self.at = at;
    }

    fn first(&self) -> i64 {
        sample_at(self.from)
    }

    /// The beginning of a round.
    #[expect(clippy::cast_possible_truncation, reason = "a number of samples")]
    fn start_of(&self, round: u32) -> i64 {
        self.first() + (f64::from(round) * self.length.unwrap_or(0.0)).round() as i64
    }

    /// Reads through a whole round.
    fn measure(&mut self) {
        while let Some(block) = self.next_block(self.first()) {
            self.block = block;
        }
        self.learn_length();
        self.close();
    }

    fn learn_length(&mut self) {
        let Some(decoder) = &self.decoder else { return };
        // A video's rounds are those of its picture.
        let end = decoder.facts().picture.unwrap_or(0.0).max(decoder.end());
        let secs = end - self.from;
        if secs >= MIN_LOOP_SECS {
            self.length.get_or_insert(secs * f64::from(SAMPLE_RATE));
        }
    }

    /// The next block of the file, which is opened at `at` if it is not open.
    fn next_block(&mut self, at: i64) -> Option<SoundBlock> {
        let opened = match self.decoder.take() {
            Some(decoder) => Ok(Some(decoder)),
            None => AudioDecoder::open(&self.file, at),
        };
        let read = opened.and_then(|decoder| {
            let none = || AvError::refused("reading", "there is no sound in it");
            self.decoder.insert(decoder.ok_or_else(none)?).read()
        });
        match read {
            Ok(block) => block,
            Err(error) => {
                self.note(error.text);
                self.has_failed = true;
                None
            }
        }
    }

    /// Fills `out` with the next samples, with silence after the end.
    pub(super) fn fill(&mut self, out: &mut [StereoSample]) {
        let mut rest = out;
        while !rest.is_empty() && !self.has_ended {
            let filled = self.fill_some(rest);
            self.at += i64::try_from(filled).unwrap_or_default();
            rest = &mut rest[filled..];
        }
        rest.fill([0.0; 2]);
    }

    /// Fills the beginning of `out`, up to the next joint. Returns the number of samples.
    fn fill_some(&mut self, out: &mut [StereoSample]) -> usize {
        let until = self.length.filter(|_| self.loops).map(|_| self.start_of(self.round + 1));
        if until.is_some_and(|until| self.at >= until) {
            self.round += 1;
            self.close();
            return 0;
        }
        let room = until.and_then(|until| usize::try_from(until - self.at).ok());
        let room = room.unwrap_or(usize::MAX).min(out.len());
        let out = &mut out[..room];
        let place = self.first() + (self.at - self.start_of(self.round));
        while place >= self.block.at + len(&self.block) {
            let Some(block) = self.next_block(place) else {
                return self.fill_after_end(until.is_some(), out);
            };
            self.block = block;
        }
        // There is a hole before the block.
        let ahead = usize::try_from(self.block.at - place).unwrap_or(0).min(out.len());
        if ahead > 0 {
            out[..ahead].fill([0.0; 2]);
            return ahead;
        }
        let skipped = usize::try_from(place - self.block.at).unwrap_or(0);
        let ready = &self.block.samples[skipped..];
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.last = out[count - 1];
        count
    }

    /// Fills `out` after the file's last sample, until the round ends if it does.
    fn fill_after_end(&mut self, is_bounded: bool, out: &mut [StereoSample]) -> usize {
        if !self.loops {
            self.has_ended = true;
            return 0;
        }
        self.learn_length();
        if self.length.is_none() || self.has_failed {
            self.has_ended = true;
            return 0;
        }
        if !is_bounded {
            // Now that the end is known, the round has one.
            return 0;
        }
        // A round that ends between two samples gets its last one once more.
        if let [only] = out {
            *only = self.last;
        } else {
            out.fill([0.0; 2]);
        }
        out.len()
    }
}

fn len(block: &SoundBlock) -> i64 {
    i64::try_from(block.samples.len()).unwrap_or(i64::MAX)
}
