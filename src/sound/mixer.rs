//! All tracks together.

use std::collections::VecDeque;

use super::Track;
use super::limiter::Limiter;
use super::voice::Voice;
use crate::av::StereoSample;

/// Samples that are mixed at a time.
const BLOCK: usize = 1024;

/// What was wrong with a track, found out while it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The track's name.
    pub label: String,
    /// What happened.
    pub text: String,
}

/// Gives the composition's sound, from one sample on, in blocks.
///
/// The result does not depend on how much is asked for at a time.
#[derive(Debug)]
pub(crate) struct Mixer {
    voices: Vec<Voice>,
    gain: f32,
    limiter: Limiter,
    /// The next sample to be mixed.
    at: i64,
    /// Mixed, and not yet handed over.
    ready: VecDeque<StereoSample>,
    /// Samples of the limiter's delay that are still to be dropped.
    late: usize,
    faults: Vec<Fault>,
}

impl Mixer {
    /// A mixer whose first sample is the composition's sample `start`.
    pub(crate) fn new(tracks: &[Track], start: i64, gain_db: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
        let gain = 10.0_f64.powf(gain_db / 20.0) as f32;
        Self {
            voices: tracks.iter().map(Voice::new).collect(),
            gain,
            limiter: Limiter::new(),
            at: start,
            ready: VecDeque::new(),
            late: Limiter::DELAY,
            faults: Vec::new(),
        }
    }

    /// The next `count` samples.
    pub(crate) fn read(&mut self, count: usize) -> Vec<StereoSample> {
        while self.ready.len() < count {
            self.mix_block();
        }
        self.ready.drain(..count).collect()
    }

    /// What was wrong with the tracks so far, and has not been told.
    pub(crate) fn take_faults(&mut self) -> Vec<Fault> {
        for voice in &mut self.voices {
            if let Some(text) = voice.take_fault() {
                self.faults.push(Fault { label: voice.label().to_owned(), text });
            }
        }
        std::mem::take(&mut self.faults)
    }

    fn mix_block(&mut self) {
        let mut block = vec![[0.0; 2]; BLOCK];
        // In the order of the document: sums of floating point depend on it.
        for voice in &mut self.voices {
            if let Some(text) = voice.add_to(self.at, &mut block) {
                self.faults.push(Fault { label: voice.label().to_owned(), text });
            }
        }
        self.at += i64::try_from(BLOCK).unwrap_or_default();
        for sample in block {
            let sample = sample.map(|side| side * self.gain);
            let out = self.limiter.pass(sample);
            if self.late > 0 {
                self.late -= 1;
            } else {
                self.ready.push_back(out);
            }
        }
    }
}
