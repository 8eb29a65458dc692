//! Tests of the whole engine: real Chrome, real libav, real files.
//!
//! `ffmpeg` and `ffprobe` judge the files independently; `setup.sh` installs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adapters;
mod faults;
mod input;
mod job;
mod memory;
mod network;
mod pipeline;
mod render;
mod still;
mod support;
mod tidy;
