//! Cancels a render from another thread; no file and no browser is left.
//!
//! `cargo run --release --example cancel -- job.json [seconds]`

#![expect(clippy::print_stdout, reason = "an example")]

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use pagereel::{CancelToken, Engine, Error, Job};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let job = Job::from_file(arguments.next().context("usage: cancel job.json [seconds]")?)?;
    let after: f64 = arguments.next().map_or(Ok(1.0), |text| text.parse())?;

    let cancel = CancelToken::new();
    let remote = cancel.clone();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_secs_f64(after));
        remote.cancel();
        Instant::now()
    });
    let result = Engine::new().request(&job).cancel(&cancel).render();
    let Ok(asked) = canceller.join() else { bail!("the other thread panicked") };
    match result {
        Ok(report) => println!("done before that: {} frames", report.output.frames),
        Err(Error::Cancelled) => println!("cancelled within {} ms", asked.elapsed().as_millis()),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
