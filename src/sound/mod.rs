//! The composition's sound: tracks placed to the sample, mixed, and handed over in blocks.
//!
//! Time is counted in samples of the composition at 48 kHz; an output sample `n` has everything
//! that plays at `n / 48000` seconds. A [`Track`] holds a file and the time at which it plays: a
//! [`Mixer`] opens the file when its time has come and closes it when it is over, so that memory
//! does not grow with length or with the number of tracks.
//!
//! | module | for |
//! |---|---|
//! | `examine` | the sound in a file, before it is needed |
//! | `playhead` | one file's samples in order, with loops, holes as silence |
//! | `reader` | samples of any file, for pages that play them through a graph of their own |
//! | `stretch` | another speed at the same pitch |
//! | `curve` | volume over time |
//! | `voice` | one track: its file, speed, effects and volume |
//! | `mixer` | all tracks, groups, the gain of the whole |
//! | `limiter` | peaks that would clip |
//! | `loudness` | the loudness of the mix, and the gain that brings it to a target |
//! | `effects` | the effects of `data-fx-chain` |

mod curve;
mod effects;
mod examine;
mod limiter;
mod loudness;
mod mixer;
mod playhead;
mod reader;
mod stretch;
mod track;
mod voice;

pub use self::effects::Effect;
pub(crate) use self::effects::read_chain;
pub(crate) use self::examine::examine;
pub(crate) use self::loudness::{Mix, Settled, ceiling, settle};
pub(crate) use self::mixer::Mixer;
pub(crate) use self::reader::SoundReaders;
pub use self::track::{Group, Track, VolumePoint};

/// The sample at a time.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(crate) fn sample_at(secs: f64) -> i64 {
    (secs * f64::from(crate::av::SAMPLE_RATE)).round() as i64
}
