//! Inputs that are nearly right: seeds and dictionaries of `fuzz/`, changed at random.
//!
//! Used by the bench `fuzz` and by a test.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// An input that takes longer than this is a fault.
const SLOW: Duration = Duration::from_secs(10);

/// Longest input, in bytes.
const MOST_BYTES: usize = 1 << 14;

/// Seeds of one target, and words that belong into its inputs.
pub(crate) struct Corpus {
    inputs: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    state: u64,
}

impl Corpus {
    pub(crate) fn of(target: &str, seed: u64) -> Result<Self> {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let folder = fuzz.join("seeds").join(target);
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        let inputs: Vec<_> = files.iter().map(fs::read).collect::<Result<_, _>>()?;
        ensure!(!inputs.is_empty(), "{} has no seeds", folder.display());
        let list = fuzz.join("dictionaries").join(format!("{target}.dict"));
        let list = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
        let words = list.lines().map(|line| word(line).with_context(|| line.to_owned()));
        let words = words.collect::<Result<_>>()?;
        Ok(Self { inputs, words, state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 })
    }

    pub(crate) fn seeds(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let roll = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(roll).unwrap_or(0) % end.max(1)
    }

    /// The next input: a seed after one to eight changes.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let at = self.below(self.inputs.len());
        let mut input = self.inputs[at].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(MOST_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'"', b' '];
        let at = self.below(input.len() + 1);
        let until = at + self.below((input.len() - at).min(40) + 1);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = EDGES[self.below(EDGES.len())],
            2 => input.insert(at, u8::try_from(self.below(256)).unwrap_or(0)),
            3 => drop(input.drain(at..until)),
            4 => {
                let copy = input[at..until].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            5 => input.truncate(at),
            6 => {
                let other = self.below(self.inputs.len());
                let from = self.below(self.inputs[other].len() + 1);
                input.truncate(at);
                input.extend_from_slice(&self.inputs[other][from..]);
            }
            _ => {
                let word = self.below(self.words.len());
                let word = self.words[word].clone();
                // In place of something, or between.
                let end = if self.below(2) == 0 { at } else { until };
                input.splice(at..end, word);
            }
        }
    }
}

/// A line of a dictionary: text in quotes, with bytes as `\xNN`.
fn word(line: &str) -> Option<Vec<u8>> {
    let text = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&kind, tail) = rest.split_first()?;
        rest = tail;
        if kind == b'x' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(kind);
        }
    }
    Some(bytes)
}

/// What is wrong with what a door does with an input.
pub(crate) fn fault_of(door: fn(&[u8]), input: &[u8]) -> Option<String> {
    let start = Instant::now();
    let result = panic::catch_unwind(|| door(input));
    let took = start.elapsed();
    match result {
        Err(cause) => Some(
            cause
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "a panic".into()),
        ),
        Ok(()) if took > SLOW => Some(format!("it takes {:.1} s", took.as_secs_f64())),
        Ok(()) => None,
    }
}
