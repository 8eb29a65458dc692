//! Renders with a random fault each, counted: what came of them, and what was left.
//!
//! `cargo bench --bench chaos -- [--runs N] [--seed N] [--program FILE] [--only WORD] [--quiet]`
//!
//! A fault is a process that is killed or stands still, a signal, a full disk, few descriptors,
//! little memory or a time of day that jumps, at a random moment of a small render by one of three
//! ways of capture. The file must be the one of an undisturbed render, or the exit code and the
//! error must say why there is none. Five seconds later, processes, profiles, partial files, locks
//! of display servers and shared memory must be gone. Faults that need root are left out for others.

#![expect(clippy::print_stdout, reason = "it prints a table")]

mod fault;
mod film;
mod processes;
mod storm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::fault::{Dice, Fault};
use self::storm::{Storm, Trial};

fn main() -> Result<ExitCode> {
    let (mut runs, mut seed, mut is_quiet) = (140_usize, u64::from(std::process::id()), false);
    let mut program = option_env!("CARGO_BIN_EXE_pagereel").map(PathBuf::from);
    let mut only = String::new();
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => runs = value()?.parse()?,
            "--seed" => seed = value()?.parse()?,
            "--program" => program = Some(value()?.into()),
            "--only" => only = value()?,
            "--quiet" => is_quiet = true,
            _ => bail!("unknown argument {word}"),
        }
    }
    println!("seed {seed}");
    let program = program.context("--program is needed")?;
    let storm = Storm::new(&program, Duration::from_secs(5))?;
    let faults: Vec<Fault> =
        storm.faults().iter().copied().filter(|fault| fault.to_string().contains(&only)).collect();
    ensure!(!faults.is_empty(), "no fault that is possible here has {only:?} in its name");
    let mut trials: BTreeMap<Fault, Vec<Trial>> = BTreeMap::new();
    for run in 0..runs {
        // Each by itself, so that one can be had again.
        let mut dice = Dice::new(seed.wrapping_add(run as u64));
        let trial = storm.trial(faults[run % faults.len()], &mut dice)?;
        if !is_quiet || !trial.objections.is_empty() {
            let Trial { done, code, objections, took, message, .. } = &trial;
            let objections = objections.join("; ");
            println!("{run:4} exit {code:3} {:6.2} s  {done}  {objections}", took.as_secs_f64());
            if !message.is_empty() {
                println!("     {message}");
            }
        }
        trials.entry(trial.fault).or_default().push(trial);
    }
    println!();
    table(&trials);
    let is_good = trials.values().flatten().all(|trial| trial.objections.is_empty());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(trials: &BTreeMap<Fault, Vec<Trial>>) {
    println!(
        "| fault | renders | came too late | same file | no file, by exit code | wrong file, code or \
         error | left after 5 s | slowest | slowest cleanup |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let all: Vec<&Trial> = trials.values().flatten().collect();
    for (fault, trials) in trials {
        row(&fault.to_string(), &trials.iter().collect::<Vec<_>>());
    }
    row("all", &all);
}

fn row(name: &str, trials: &[&Trial]) {
    let count = |is: &dyn Fn(&Trial) -> bool| trials.iter().filter(|trial| is(trial)).count();
    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.file.is_none()) {
        *codes.entry(trial.code).or_default() += 1;
    }
    let codes: Vec<_> = codes.iter().map(|(code, n)| format!("{n} × {code}")).collect();
    let is_left = |trial: &Trial| trial.objections.iter().any(|word| word.contains("is left"));
    let is_wrong = |trial: &Trial| trial.objections.iter().any(|word| !word.contains("is left"));
    let seconds = |of: fn(&Trial) -> Duration| {
        trials.iter().map(|trial| of(trial)).max().unwrap_or_default().as_secs_f64()
    };
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {:.1} s | {:.1} s |",
        trials.len(),
        count(&|trial| trial.is_missed),
        count(&|trial| trial.file == Some(true)),
        if codes.is_empty() { "–".into() } else { codes.join(", ") },
        count(&is_wrong),
        count(&is_left),
        seconds(|trial| trial.took),
        seconds(|trial| trial.cleanup),
    );
}
