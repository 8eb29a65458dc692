//! The destinations of frames: files, a digest, or nowhere.
//!
//! | sink | for |
//! |---|---|
//! | `EncodeSink` | encoded outputs: a file, a playlist with segments, standard output |
//! | `SegmentSink` | finished segments in a work folder, which `Assembly` makes outputs of |
//! | `TwoPassSink`, `GifSink` | encoders that need all frames first, which are stored meanwhile |
//! | `SequenceSink` | a file per frame |
//! | `SoundSink` | files of sound alone |
//! | `MotionBlur` | motion blur: several moments of a frame become one |
//! | `TeeSink` | several outputs at once, and posters |
//! | [`ChecksumSink`] | proving that two renders are the same |
//! | `picture` | single pictures, which need no sink |
//! | [`NullSink`] | measuring everything but the sink |

mod ahead;
mod assemble;
mod checksum;
mod clock;
mod converter;
mod encode;
mod exr;
mod file_writer;
mod gif;
pub(crate) mod hardware;
pub(crate) mod light;
mod motion_blur;
mod null;
mod palette;
mod partial;
mod passes;
mod picture;
mod places;
mod plain;
mod renditions;
mod segment_encoder;
mod segment_sink;
mod sequence;
mod settings;
mod sound;
mod sound_file;
mod store;
mod stream;
mod subtitles;
mod target;
mod tee;
mod thinned;
mod verify;

use std::sync::Arc;

pub(crate) use self::assemble::Assembly;
pub use self::checksum::ChecksumSink;
pub(crate) use self::clock::SinkStats;
pub(crate) use self::encode::EncodeSink;
use self::encode::Learned;
use self::gif::GifSink;
pub(crate) use self::motion_blur::MotionBlur;
pub use self::null::NullSink;
use self::passes::TwoPassSink;
pub(crate) use self::places::{check_places, warn_about_space};
pub(crate) use self::segment_sink::SegmentSink;
use self::sequence::SequenceSink;
pub(crate) use self::sound::WithSound;
use self::sound_file::SoundSink;
use self::target::Target;
use self::tee::{Poster, TeeSink};
use self::thinned::ThinnedSink;
use crate::cancel::CancelToken;
use crate::error::Result;
use crate::job::Codec;
use crate::pipeline::FrameSink;
use crate::plan::{Plan, Thinning};

/// Opens the sink for all outputs of a plan.
pub(crate) fn open(
    plan: &Arc<Plan>,
    clock: &SinkStats,
    cancel: &CancelToken,
) -> Result<Box<dyn FrameSink>> {
    let sinks = (0..plan.outputs.len()).map(|index| open_one(plan, index, clock, cancel));
    let mut sinks: Vec<_> = sinks.collect::<Result<_>>()?;
    for index in 0..plan.sounds.len() {
        let sound = Box::new(SoundSink::open(plan, index, clock.clone(), cancel)?);
        // The main output comes first.
        let place = if plan.main_is_sound { index } else { sinks.len() };
        sinks.insert(place, sound);
    }
    if sinks.len() == 1 && plan.posters.is_empty() && plan.sidecars.is_empty() {
        return Ok(sinks.remove(0));
    }
    let posters = plan.posters.iter().map(|poster| Poster::create(poster, plan.stream.color));
    let posters = posters.collect::<Result<_>>()?;
    let sidecars = plan.sidecars.iter().map(tee::sidecar).collect::<Result<_>>()?;
    Ok(Box::new(TeeSink { sinks, posters, sidecars, frames: 0 }))
}

fn open_one(
    plan: &Arc<Plan>,
    index: usize,
    clock: &SinkStats,
    cancel: &CancelToken,
) -> Result<Box<dyn FrameSink>> {
    let Some(rate) = plan.outputs[index].frame_rate else {
        return open_plain(plan, index, clock, cancel);
    };
    let thinning = Thinning::new(plan.stream.frame_rate, rate);
    let frames = thinning.frames(plan.stream.frames);
    let mut thinned = Plan::clone(plan);
    (thinned.stream.frame_rate, thinned.stream.frames) = (rate, frames);
    let inner = open_plain(&Arc::new(thinned), index, clock, cancel)?;
    Ok(Box::new(ThinnedSink::new(inner, thinning, frames)))
}

/// Opens the sink for all frames of `plan` into one of its outputs.
fn open_plain(
    plan: &Arc<Plan>,
    index: usize,
    clock: &SinkStats,
    cancel: &CancelToken,
) -> Result<Box<dyn FrameSink>> {
    let output = &plan.outputs[index];
    let (clock, cancel) = (clock.clone(), cancel.clone());
    if output.container.is_sequence() {
        return Ok(Box::new(SequenceSink::open(plan, index, clock)?));
    }
    // First of all: a pipe may have to wait for its reader.
    let target = Target::create(output, &cancel)?;
    Ok(match output.video.codec {
        Codec::Gif => Box::new(GifSink::open(plan, index, target, clock, cancel)?),
        _ if output.video.two_pass => {
            Box::new(TwoPassSink::open(plan, index, target, clock, cancel)?)
        }
        _ => Box::new(EncodeSink::open(plan, index, target, Learned::default(), clock)?),
    })
}
