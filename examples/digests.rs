//! Prints one digest per frame: two renders are the same if their lists are.
//!
//! `cargo run --release --example digests -- job.json [workers]`

#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::sync::mpsc::sync_channel;

use anyhow::{Context as _, Result};
use pagereel::sink::ChecksumSink;
use pagereel::{Engine, Job};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut job = Job::from_file(arguments.next().context("usage: digests job.json [workers]")?)?;
    if let Some(workers) = arguments.next() {
        job.capture.workers = Some(workers.parse()?);
    }
    let (list, digests) = sync_channel(1_000_000);
    let sink = Box::new(ChecksumSink::with_list(list));
    Engine::new().request(&job).render_into(sink)?;
    for (frame, digest) in digests.try_iter().enumerate() {
        println!("{frame} {digest:016x}");
    }
    Ok(())
}
