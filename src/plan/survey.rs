//! What is known before a render is planned: of its page, of what is heard, and of the machine.

use super::Backend;
use crate::frame::Size;
use crate::job::{Entry, SubtitleText};
use crate::page::Description;
use crate::sound::{Group, Settled, Track};

/// Everything that is asked of a page and of the machine. With the job it decides the plan, alone.
///
/// It grows: what can only be asked once it is known how long a render lasts is filled in after a
/// first plan, and the plan is made anew.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// Where the page is.
    pub entry: Entry,
    /// The page's size in CSS pixels.
    pub size: Size,
    /// What the page says of itself.
    pub description: Description,
    /// What is known to be wrong with the page, for errors that it may explain.
    pub troubles: Vec<String>,
    /// The page's last console lines, for errors.
    pub console: Vec<String>,
    /// How pictures leave the browser.
    pub backend: Backend,
    /// Why in that way.
    pub reasons: Vec<String>,
    /// Processors that this process may use.
    pub cores: u32,
    /// Bytes that the engine and its browsers may use, where there is a limit.
    pub memory: Option<u64>,
    /// The texts of files of subtitles and of the page's tracks; `None` as long as nobody has read
    /// them.
    pub texts: Option<Vec<SubtitleText>>,
    /// How much of the composition shows videos that lie on the frame pixel on pixel, from 0 to 1;
    /// `None` where they cannot be left out of the page's pictures.
    pub aligned_share: Option<f64>,
    /// What is heard.
    pub heard: Heard,
    /// The gain of each mix that must come to a loudness.
    pub loudness: Vec<(LoudnessKey, Settled)>,
}

/// What is heard in a composition.
#[derive(Clone, Debug, Default)]
pub(crate) enum Heard {
    /// It was not asked: nothing that is written has sound.
    #[default]
    Unasked,
    Nothing,
    Tracks(Vec<Track>, Vec<Group>),
}

/// What the gain of a mix depends on, besides the mix: the target, the ceiling, and the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoudnessKey {
    pub target: u64,
    pub ceiling: u32,
    pub channels: u16,
}
