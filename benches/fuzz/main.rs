//! Tries the readers of strangers' bytes with changed seeds, on any compiler.
//!
//! `cargo bench --bench fuzz -- [--seconds N] [--target NAME] [--seed N]`
//!
//! The targets are those of `fuzz/`, where libFuzzer tries them by what they cover. An input that
//! makes one panic, or takes 10 s, is written to `fuzz/artifacts`.

#![expect(clippy::print_stdout, reason = "it prints a table")]

mod mutate;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use pagereel::fuzzing::DOORS;

use self::mutate::{Corpus, fault_of};

fn main() -> Result<ExitCode> {
    let (mut seconds, mut seed) = (60, u64::from(std::process::id()));
    let mut only = None;
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--seconds" => seconds = value()?.parse()?,
            "--seed" => seed = value()?.parse()?,
            "--target" => only = Some(value()?),
            _ => bail!("unknown argument {word}"),
        }
    }
    let doors: Vec<_> =
        DOORS.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|o| o == *name)).collect();
    ensure!(!doors.is_empty(), "no such target");
    println!("seed {seed}");
    // Panics are counted, not shown.
    std::panic::set_hook(Box::new(|_| {}));
    let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/artifacts");
    let mut is_good = true;
    for (name, door) in doors {
        let mut corpus = Corpus::of(name, seed)?;
        let (start, mut tried, mut faults) = (Instant::now(), 0_u64, Vec::new());
        let mut seeds = corpus.seeds().to_vec();
        while start.elapsed() < Duration::from_secs(seconds) {
            let input = seeds.pop().unwrap_or_else(|| corpus.next_input());
            tried += 1;
            if let Some(fault) = fault_of(door, &input)
                && !faults.contains(&fault)
                && faults.len() < 20
            {
                fs::create_dir_all(artifacts.join(name))?;
                fs::write(artifacts.join(name).join(tried.to_string()), &input)?;
                println!("{name}: {fault}: {:?}", String::from_utf8_lossy(&input));
                faults.push(fault);
            }
        }
        println!("{name:10} {tried:9} inputs, {} faults", faults.len());
        is_good &= faults.is_empty();
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
