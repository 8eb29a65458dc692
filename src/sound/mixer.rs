//! All tracks together.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::curve::Curve;
use super::effects::Chain;
use super::limiter::Limiter;
use super::voice::{Voice, add};
use super::{Group, Track};
use crate::av::StereoSample;

/// Samples that are mixed at a time.
const BLOCK: usize = 1024;

/// A fault of a track, found while it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The track's name.
    pub label: String,
    /// Its file.
    pub file: PathBuf,
    /// The fault, in words.
    pub text: String,
}

/// Mixes the composition's sound, from one sample on, in blocks.
///
/// The result does not depend on the number of samples read at a time.
#[derive(Debug)]
pub(crate) struct Mixer {
    /// Tracks in no group.
    voices: Vec<Voice>,
    buses: Vec<Bus>,
    gain: f32,
    limiter: Limiter,
    /// The next sample to be mixed.
    at: i64,
    /// Samples that are mixed and not yet handed over.
    ready: VecDeque<StereoSample>,
    /// Samples of the limiter's delay that remain to be dropped.
    late: usize,
    faults: Vec<Fault>,
}

/// The tracks of a group, with the effects and the volume of all of them.
#[derive(Debug)]
struct Bus {
    voices: Vec<Voice>,
    chain: Chain,
    curve: Curve,
    /// The next sample that enters the effects.
    next: i64,
}

impl Mixer {
    /// Creates a mixer whose first sample is the composition's sample `start`, and whose peaks stay
    /// below `ceiling`.
    pub(crate) fn new(
        tracks: &[Track],
        groups: &[Group],
        start: i64,
        gain_db: f64,
        ceiling: f32,
    ) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "samples are in single precision")]
        let gain = 10.0_f64.powf(gain_db / 20.0) as f32;
        let is_of = |track: &&Track, group: &Group| track.group.as_ref() == Some(&group.id);
        let has_none = |track: &&Track| !groups.iter().any(|group| is_of(track, group));
        let bus = |group: &Group| Bus {
            voices: tracks.iter().filter(|track| is_of(track, group)).map(Voice::new).collect(),
            chain: Chain::new(&group.effects),
            curve: Curve::new(&group.volume),
            next: start,
        };
        Self {
            voices: tracks.iter().filter(has_none).map(Voice::new).collect(),
            buses: groups.iter().map(bus).collect(),
            gain,
            limiter: Limiter::new(ceiling),
            at: start,
            ready: VecDeque::new(),
            late: Limiter::DELAY,
            faults: Vec::new(),
        }
    }

    /// Reads the next `count` samples.
    pub(crate) fn read(&mut self, count: usize) -> Vec<StereoSample> {
        while self.ready.len() < count {
            self.mix_block();
        }
        self.ready.drain(..count).collect()
    }

    /// Takes the faults of the tracks that have not been reported yet.
    pub(crate) fn take_faults(&mut self) -> Vec<Fault> {
        let grouped = self.buses.iter_mut().flat_map(|bus| &mut bus.voices);
        for voice in self.voices.iter_mut().chain(grouped) {
            if let Some(text) = voice.take_fault() {
                self.faults.push(voice.fault(text));
            }
        }
        std::mem::take(&mut self.faults)
    }

    fn mix_block(&mut self) {
        let mut block = vec![[0.0; 2]; BLOCK];
        sum(&mut self.voices, self.at, &mut block, &mut self.faults);
        for bus in &mut self.buses {
            bus.add_to(self.at, &mut block, &mut self.faults);
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

impl Bus {
    fn add_to(&mut self, at: i64, out: &mut [StereoSample], faults: &mut Vec<Fault>) {
        let mut own = vec![[0.0; 2]; out.len()];
        let (voices, next) = (&mut self.voices, &mut self.next);
        self.chain.fill(&mut own, &mut |block| {
            block.fill([0.0; 2]);
            sum(voices, *next, block, faults);
            *next += i64::try_from(block.len()).unwrap_or_default();
        });
        self.curve.apply(at, &mut own);
        add(out, &own);
    }
}

/// Adds the voices in the order of the document: sums of floating point depend on it.
fn sum(voices: &mut [Voice], at: i64, out: &mut [StereoSample], faults: &mut Vec<Fault>) {
    for voice in voices {
        if let Some(text) = voice.add_to(at, out) {
            faults.push(voice.fault(text));
        }
    }
}
