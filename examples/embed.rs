//! Frames into the caller's own sink: every frame becomes a PNG file.
//!
//! `cargo run --release --example embed -- job.json frames/ [workers]`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example")]

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use image::{Rgb, RgbImage};
use pagereel::{Artifact, Engine, Error, Event, Frame, FrameSink, Job};

/// Writes `000000.png`, `000001.png`, … into a directory.
struct PngFiles {
    directory: PathBuf,
    frames: u64,
}

impl FrameSink for PngFiles {
    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        let (picture, format) = (&frame.picture, frame.picture.format);
        let mut image = RgbImage::new(picture.size.width, picture.size.height);
        let pixels = picture.data.chunks_exact(format.bytes_per_pixel());
        for (target, pixel) in image.pixels_mut().zip(pixels) {
            *target = Rgb(format.rgb(pixel));
        }
        let path = self.directory.join(format!("{:06}.png", frame.index.0));
        image.save(path).map_err(|e| Error::Sink(e.into()))?;
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        Ok(Artifact { path: Some(self.directory), frames: self.frames, ..Artifact::default() })
    }
}

fn main() -> Result<()> {
    let usage = "usage: embed job.json directory [workers]";
    let mut arguments = std::env::args().skip(1);
    let mut job = Job::from_file(arguments.next().context(usage)?)?;
    let directory = PathBuf::from(arguments.next().context(usage)?);
    job.capture.workers = arguments.next().map(|n| n.parse()).transpose()?.or(job.capture.workers);
    std::fs::create_dir_all(&directory)?;

    let mut progress = |event: &Event| eprintln!("{:3.0} % {}", event.percent, event.message);
    let sink = Box::new(PngFiles { directory, frames: 0 });
    let report = Engine::new().request(&job).progress(&mut progress).render_into(sink)?;
    println!("{} frames in {:.1} s", report.output.frames, report.stages.total_ms / 1000.0);
    Ok(())
}
