//! Tests of the whole engine: real Chrome, real libav, real files.
//!
//! `ffmpeg` and `ffprobe` judge the files independently; `setup.sh` installs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "tables of what was found")]

mod adapters;
mod alpha;
mod canvas;
mod chaos;
mod check;
mod clocks;
mod deaths;
mod deliverables;
mod display;
mod documents;
mod drawn_states;
mod faults;
mod files_out;
mod fixtures;
mod fonts;
mod frame_documents;
mod fuzzed;
mod grading;
mod hdr;
mod hdr_files;
mod hdr_images;
mod heavy;
mod inner_styles;
mod input;
mod job;
mod judges;
mod library;
mod looks;
mod loudness;
mod media_clock;
mod media_door;
mod media_fields;
mod media_lengths;
mod media_shapes;
mod memory;
mod mixing;
mod moments;
mod nested;
mod network;
mod pages;
mod pipeline;
mod places;
mod players;
mod players_media;
mod remote;
mod render;
mod scale;
mod schemas;
mod segments;
mod side_by_side;
mod sound;
mod sound_files;
mod staying;
mod still;
mod subtitle_tracks;
mod subtitles;
mod support;
mod tags_out;
mod tidy;
mod transitions;
mod unchanged;
mod vfx;
mod video;
mod walls;
mod warm;
mod web_audio;
mod webgpu;
mod workers;
mod worklets;
