//! Renders with a random fault each, counted: what came of them, and what was left.
//!
//! `cargo bench --bench chaos -- [--runs N] [--seed N] [--quiet]`
//!
//! A fault is a process that is killed or stands still, a signal, a full disk, few descriptors or
//! little memory, at a random moment of a small render by one of three ways of capture. The file must
//! be the one of an undisturbed render, or the exit code must say that there is none. Processes,
//! profiles, partial files and locks of display servers must be gone. Faults that need root are left
//! out for others.

#![expect(clippy::print_stdout, reason = "it prints a table")]

mod storm;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use self::storm::{Dice, FAULTS, Fault, Storm, Trial, is_possible};

fn main() -> Result<ExitCode> {
    let (mut runs, mut seed, mut is_quiet) = (140_usize, u64::from(std::process::id()), false);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => runs = value()?.parse()?,
            "--seed" => seed = value()?.parse()?,
            "--quiet" => is_quiet = true,
            _ => bail!("unknown argument {word}"),
        }
    }
    println!("seed {seed}");
    let faults: Vec<Fault> = FAULTS.into_iter().filter(|&fault| is_possible(fault)).collect();
    let storm = Storm::new(Path::new(env!("CARGO_BIN_EXE_pagereel")))?;
    let mut dice = Dice::new(seed);
    let mut trials: BTreeMap<Fault, Vec<Trial>> = BTreeMap::new();
    for run in 0..runs {
        let trial = storm.trial(faults[run % faults.len()], &mut dice)?;
        if !is_quiet || !trial.objections.is_empty() {
            let Trial { done, code, objections, took, .. } = &trial;
            let objections = objections.join("; ");
            println!("{run:4} exit {code:3} {:6.2} s  {done}  {objections}", took.as_secs_f64());
        }
        trials.entry(trial.fault).or_default().push(trial);
    }
    println!();
    table(&trials);
    let is_good = trials.values().flatten().all(|trial| trial.objections.is_empty());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(trials: &BTreeMap<Fault, Vec<Trial>>) {
    println!("| fault | renders | same file | no file, exit code | wrong | slowest |");
    println!("|---|---|---|---|---|---|");
    for (fault, trials) in trials {
        let same = trials.iter().filter(|t| t.code == 0 && t.file == Some(true)).count();
        let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.code != 0) {
            *codes.entry(trial.code).or_default() += 1;
        }
        let codes: Vec<_> = codes.iter().map(|(code, n)| format!("{n} × {code}")).collect();
        let wrong = trials.iter().filter(|trial| !trial.objections.is_empty()).count();
        let slowest = trials.iter().map(|trial| trial.took).max().unwrap_or_default();
        println!(
            "| {fault} | {} | {same} | {} | {wrong} | {:.1} s |",
            trials.len(),
            if codes.is_empty() { "–".into() } else { codes.join(", ") },
            slowest.as_secs_f64(),
        );
    }
}
