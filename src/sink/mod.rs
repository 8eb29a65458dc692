//! Where frames go: into a file, a digest, or nowhere.
//!
//! | sink | for |
//! |---|---|
//! | [`EncodeSink`] | video files |
//! | [`ChecksumSink`] | proving that two renders are the same |
//! | [`NullSink`] | measuring everything but the sink |

mod checksum;
mod encode;
mod null;
mod partial;
mod verify;

pub use self::checksum::ChecksumSink;
pub(crate) use self::encode::{EncodeSink, SinkClock};
pub use self::null::NullSink;
