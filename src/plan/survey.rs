//! The facts that a plan is made from: about the page, its sound, and the machine.

use super::Backend;
use crate::frame::Size;
use crate::job::{Entry, SubtitleText};
use crate::page::Description;
use crate::sound::{Group, Settled, Track};

/// Everything that is asked of a page and of the machine. Only it and the job decide the plan.
///
/// It grows: some questions need the length of the render. Their answers are filled in after a
/// first plan, and the plan is made anew.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The page's address.
    pub entry: Entry,
    /// The page's size in CSS pixels.
    pub size: Size,
    /// The page's description of itself.
    pub description: Description,
    /// Known faults of the page, for errors that they may explain.
    pub troubles: Vec<String>,
    /// The page's last console lines, for errors.
    pub console: Vec<String>,
    /// The way in which pictures leave the browser.
    pub backend: Backend,
    /// The reasons for that way.
    pub reasons: Vec<String>,
    /// Processors that this process may use.
    pub cores: u32,
    /// Processors that encoders are told of, where that is fixed: the bytes depend on it.
    pub encoder_cores: Option<u32>,
    /// Bytes that the engine and its browsers may use, where there is a limit.
    pub memory: Option<u64>,
    /// The texts of files of subtitles and of the page's tracks; `None` until they have been read.
    pub texts: Option<Vec<SubtitleText>>,
    /// The share of the composition that shows aligned videos, from 0 to 1. Their pixels lie on
    /// pixels of the frame. `None` where they cannot be left out of the page's pictures.
    pub aligned_share: Option<f64>,
    /// The sound of the composition.
    pub heard: Heard,
    /// The gain of each mix that must come to a loudness.
    pub loudness: Vec<(LoudnessKey, Settled)>,
}

/// The sound of a composition.
#[derive(Clone, Debug, Default)]
pub(crate) enum Heard {
    /// Not asked for: nothing that is written has sound.
    #[default]
    Unasked,
    Nothing,
    Tracks(Vec<Track>, Vec<Group>),
}

/// The values that the gain of a mix depends on, besides the mix: target, ceiling, and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoudnessKey {
    pub target: u64,
    pub ceiling: u32,
    pub channels: u16,
}
