//! Where frames go: into a file, a digest, or nowhere.
//!
//! | sink | for |
//! |---|---|
//! | [`EncodeSink`] | video files |
//! | [`ChecksumSink`] | proving that two renders are the same |
//! | [`PictureFormat`] | single pictures, which need no sink |
//! | [`NullSink`] | measuring everything but the sink |

mod checksum;
mod encode;
mod null;
mod partial;
mod picture;
mod sound;
mod verify;

pub use self::checksum::ChecksumSink;
pub(crate) use self::encode::{EncodeSink, SinkClock};
pub use self::null::NullSink;
pub use self::picture::PictureFormat;
