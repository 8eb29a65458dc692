//! Pictures of the page's videos, decoded by libav on demand.
//!
//! The page asks for [`Info`] about an address, and then for single pictures by their numbers. All
//! sessions of a render share one [`Library`], so that a picture is decoded once even if several
//! sessions render frames around it. Knows neither Chrome nor jobs.

mod cache;
mod native;
mod png;
mod source;
mod tone_map;
mod turn;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;

use self::cache::Cache;
pub(crate) use self::native::flat_png;
use self::source::Source;
use crate::av::{AvError, Converter, MediaKinds, RgbLayout, probe_kinds};
use crate::frame::Size;

/// Decoded pictures that are kept, in bytes: those around the frames that sessions render.
const CACHE_BYTES: usize = 96 << 20;

/// Files whose decoders stay open: each holds a dozen pictures.
const OPEN_SOURCES: usize = 4;

/// Largest width or height of a source.
const MAX_SIDE: u32 = 16_384;

/// Finds the file that stands for an address; else says why there is none.
pub(crate) type Resolve = dyn Fn(&str) -> Result<PathBuf, String> + Send + Sync;

/// Why there are no pictures.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum MediaError {
    /// There is no file for the address.
    #[error("{0}")]
    Unresolved(String),
    /// libav cannot read it.
    #[error(transparent)]
    Av(#[from] AvError),
    /// The file asks for too much.
    #[error("the video {path} is {size}, expected at most {MAX_SIDE} pixels each way")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        size: Size,
    },
    /// Nobody has asked about it before.
    #[error("there is no such source")]
    Unknown,
}

/// What the page needs to know of a source.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    /// What pictures of it are asked for with.
    pub id: usize,
    /// Of an upright picture with square pixels.
    pub width: u32,
    pub height: u32,
    /// Seconds.
    pub duration: f64,
    pub has_sound: bool,
    pub is_interlaced: bool,
    /// The transfer of a source whose light can be read: `pq` or `hlg`.
    pub hdr: Option<&'static str>,
    /// Seconds of one tick.
    pub tick: f64,
    /// When each picture is shown, in ticks from the beginning; none in files of sound alone.
    pub ticks: Vec<i64>,
}

/// A file that is being opened once, whoever asks for it.
type Opened = Arc<OnceLock<Result<File, MediaError>>>;

/// What a file turned out to be.
#[derive(Clone, Debug)]
enum File {
    Video(Arc<Source>),
    /// Nothing to be seen: its length in seconds.
    Sound(f64),
}

impl File {
    fn open(id: usize, path: &Path) -> Result<Self, MediaError> {
        let MediaKinds { has_video, has_sound, duration } = probe_kinds(path)?;
        if has_sound && !has_video {
            return Ok(Self::Sound(duration.unwrap_or_default()));
        }
        let source = Source::open(id, path)?;
        let size = source.facts.display();
        if size.width > MAX_SIDE || size.height > MAX_SIDE {
            return Err(MediaError::TooLarge { path: path.display().to_string(), size });
        }
        Ok(Self::Video(Arc::new(source)))
    }

    fn info(&self, id: usize) -> Info {
        match self {
            Self::Sound(duration) => {
                Info { id, duration: *duration, has_sound: true, ..Info::default() }
            }
            Self::Video(source) => {
                let size = source.facts.display();
                Info {
                    id,
                    width: size.width,
                    height: size.height,
                    duration: source.duration(),
                    has_sound: source.facts.has_sound,
                    is_interlaced: source.facts.is_interlaced,
                    hdr: source.hdr(),
                    tick: source.facts.tick,
                    ticks: source.ticks.clone(),
                }
            }
        }
    }
}

/// All videos of one render.
pub(crate) struct Library {
    resolve: Box<Resolve>,
    cache: Cache,
    /// By file: several addresses may lead to one.
    sources: Mutex<HashMap<PathBuf, (usize, Opened)>>,
    /// Those used last, at the end.
    awake: Mutex<VecDeque<Arc<Source>>>,
    converters: Mutex<Vec<Converter>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Default for Library {
    /// A library without files.
    fn default() -> Self {
        Self::new(Box::new(|address| Err(format!("there is no file for {address}"))))
    }
}

impl Library {
    /// A library of the files that `resolve` finds.
    pub(crate) fn new(resolve: Box<Resolve>) -> Self {
        Self {
            resolve,
            cache: Cache::new(CACHE_BYTES),
            sources: Mutex::default(),
            awake: Mutex::default(),
            converters: Mutex::default(),
        }
    }

    /// What there is at an absolute address.
    pub(crate) fn info(&self, address: &str) -> Result<Info, MediaError> {
        let path = (self.resolve)(address).map_err(MediaError::Unresolved)?;
        let (id, opened) = {
            let mut sources = lock(&self.sources);
            let next = sources.len();
            let (id, opened) =
                sources.entry(path.clone()).or_insert_with(|| (next, Opened::default()));
            (*id, Arc::clone(opened))
        };
        let opened = opened.get_or_init(|| File::open(id, &path));
        opened.as_ref().map(|file| file.info(id)).map_err(MediaError::clone)
    }

    /// One picture of a source as a PNG, whole or in a `divisor`th of its size.
    pub(crate) fn picture(
        &self,
        id: usize,
        number: usize,
        divisor: u32,
    ) -> Result<Vec<u8>, MediaError> {
        let source = self.source(id).ok_or(MediaError::Unknown)?;
        self.wake(&source);
        let last = source.ticks.len() - 1;
        let frame = source.frame(number.min(last), &self.cache)?;
        let facts = &source.facts;
        let (display, turns) = (facts.display(), facts.quarter_turns);
        let divided = |side: u32| side.div_ceil(divisor.max(1)).max(1);
        let upright = Size { width: divided(display.width), height: divided(display.height) };
        let size = match turns % 2 {
            0 => upright,
            _ => Size { width: upright.height, height: upright.width },
        };
        let layout = RgbLayout { size, has_alpha: facts.has_alpha, is_deep: false, lead: 1 };
        let mut converter = lock(&self.converters).pop().unwrap_or_default();
        let rows = match &source.tone_map {
            Some(map) if !facts.has_alpha => {
                let deep = RgbLayout { is_deep: true, ..layout };
                let rows = converter.rgb(&frame, deep)?;
                map.apply(&rows, deep.stride(), layout.stride(), layout.lead)
            }
            _ => converter.rgb(&frame, layout)?,
        };
        lock(&self.converters).push(converter);
        let n = if facts.has_alpha { 4 } else { 3 };
        let rows = if turns == 0 { rows } else { turn::turned(&rows, size, n, turns).0 };
        Ok(png::stored_png(upright, facts.has_alpha, rows))
    }

    fn source(&self, id: usize) -> Option<Arc<Source>> {
        let sources = lock(&self.sources);
        let (_, opened) = sources.values().find(|(number, _)| *number == id)?;
        match opened.get()? {
            Ok(File::Video(source)) => Some(Arc::clone(source)),
            _ => None,
        }
    }

    /// Keeps the decoders of the sources used last, and no others.
    fn wake(&self, source: &Arc<Source>) {
        let mut awake = lock(&self.awake);
        if let Some(at) = awake.iter().position(|other| Arc::ptr_eq(other, source)) {
            awake.remove(at);
        }
        awake.push_back(Arc::clone(source));
        let tired = if awake.len() > OPEN_SOURCES { awake.pop_front() } else { None };
        drop(awake);
        if let Some(tired) = tired {
            tired.rest();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
