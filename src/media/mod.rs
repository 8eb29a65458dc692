//! Pictures of the page's videos, decoded by libav on demand.
//!
//! The page asks for [`Info`] about an address, and then for single pictures by their numbers. All
//! sessions of a render share one [`Library`], so that a picture is decoded once even if several
//! sessions render frames around it. The module knows neither Chrome nor jobs.

mod buffers;
mod cache;
mod fields;
mod native;
mod png;
mod shapes;
mod source;
mod tone_map;
mod turn;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;

use self::buffers::{Buffer, Buffers};
use self::cache::Cache;
use self::native::divided;
pub(crate) use self::native::flat_png;
use self::png::StoredPng;
use self::source::{Moment, Source};
use crate::av::{
    AvError, Converter, DecodedFrame, MediaKinds, Orientation, RgbLayout, probe_kinds,
};
use crate::frame::Size;

/// Decoded pictures that are kept, in bytes: those around the frames that sessions render.
const CACHE_BYTES: usize = 16 << 20;

/// Files whose decoders stay open, at most: each holds up to a dozen pictures.
const OPEN_SOURCES: usize = 16;

/// Rounds through the open decoders, and some more, within which a decoder must be needed again.
const PATIENT_ROUNDS: u64 = 2;
const PATIENT_QUESTIONS: u64 = 8;

/// Largest width or height of a source.
const MAX_SIDE: u32 = 16_384;

/// A file, and its name for pages, which must not learn its path on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub file: PathBuf,
    pub name: String,
}

/// Finds the file behind an address; otherwise returns the reason why there is none.
pub(crate) type Resolve = dyn Fn(&str) -> Result<Located, String> + Send + Sync;

/// The reason why there are no pictures.
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
    /// The source was not opened before.
    #[error("there is no such source")]
    Unknown,
}

/// The facts about a source that the page needs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    /// The key with which its pictures are requested.
    pub id: usize,
    /// Size of the first picture, upright and with square pixels.
    pub width: u32,
    pub height: u32,
    /// Seconds.
    pub duration: f64,
    pub has_sound: bool,
    /// Whether its pictures are opaque.
    pub is_opaque: bool,
    /// For HDR: `light` that can be read, or `unknown` colors, or transparency.
    pub hdr: Option<&'static str>,
    /// For HDR, `pq` or `hlg`.
    pub curve: Option<&'static str>,
    /// Seconds of one tick.
    pub tick: f64,
    /// The display time of each picture, in ticks from the beginning; none in files of sound alone.
    pub ticks: Vec<i64>,
    /// Where pictures differ in size: the first picture of each size, width and height.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<(usize, u32, u32)>,
    /// The place from which pictures are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

impl MediaError {
    /// The same error, with a name in place of a path.
    fn naming(self, Located { file, name }: &Located) -> Self {
        match self {
            Self::Av(error) => Self::Av(error.naming(file, name)),
            Self::TooLarge { size, .. } => Self::TooLarge { path: name.clone(), size },
            other => other,
        }
    }
}

/// A file that was cut off.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cut {
    /// The time from which there are no pictures, in seconds.
    pub from: f64,
    /// The text of the warning about it.
    pub text: String,
}

/// A file that is opened once for all callers.
type Opened = Arc<OnceLock<Result<File, MediaError>>>;

/// A file that was requested.
#[derive(Debug)]
struct Known {
    id: usize,
    /// The name by which it was requested first.
    name: String,
    opened: Opened,
}

/// The kind of a file.
#[derive(Clone, Debug)]
enum File {
    Video(Arc<Source>),
    /// A file without pictures: its length in seconds.
    Sound(f64),
}

impl File {
    fn open(id: usize, path: &Path) -> Result<Self, MediaError> {
        let MediaKinds { has_video, has_sound, size, duration } = probe_kinds(path)?;
        if has_sound && !has_video {
            let none = || {
                let doing = format!("cannot read {}", path.display());
                AvError::refused(doing, "nothing in it can be decoded")
            };
            return Ok(Self::Sound(duration.ok_or_else(none)?));
        }
        let judge = |size: Size| match size.width.max(size.height) {
            ..=MAX_SIDE => Ok(()),
            _ => Err(MediaError::TooLarge { path: path.display().to_string(), size }),
        };
        // Before anything is decoded, and again with pixels made square.
        judge(size)?;
        let source = Source::open(id, path)?;
        for (_, shape) in &source.shapes {
            judge(shape.display())?;
        }
        Ok(Self::Video(Arc::new(source)))
    }

    fn info(&self, id: usize, name: &str) -> Info {
        match self {
            Self::Sound(duration) => {
                Info { id, duration: *duration, has_sound: true, ..Info::default() }
            }
            Self::Video(source) => {
                let size = source.facts.shape.display();
                let (ticks, tick) = source.shown();
                Info {
                    id,
                    width: size.width,
                    height: size.height,
                    duration: source.duration(),
                    has_sound: source.facts.has_sound,
                    is_opaque: !source.facts.has_alpha,
                    hdr: source.hdr(),
                    curve: source.curve(),
                    tick,
                    ticks: ticks.to_vec(),
                    sizes: source.sizes(),
                    cut: source.missing_from.map(|from| Cut {
                        from,
                        text: format!(
                            "{name} was cut off: its pictures are missing from {from:.2} s on, of \
                             {:.2} s; the last one stays",
                            source.duration()
                        ),
                    }),
                }
            }
        }
    }
}

/// Sources with open decoders.
#[derive(Debug, Default)]
struct Awake {
    /// Sources, with the number of the request that each was needed for; the most recent at the
    /// end.
    sources: VecDeque<(Arc<Source>, u64)>,
    /// The number of requests so far.
    questions: u64,
}

/// All videos of one render.
pub(crate) struct Library {
    resolve: Box<Resolve>,
    cache: Cache,
    /// Sources by file: several addresses may lead to one.
    sources: Mutex<HashMap<PathBuf, Known>>,
    awake: Mutex<Awake>,
    converters: Mutex<Vec<Converter>>,
    buffers: Arc<Buffers>,
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
            buffers: Arc::default(),
        }
    }

    /// Facts about the file at an absolute address.
    pub(crate) fn info(&self, address: &str) -> Result<Info, MediaError> {
        let located = (self.resolve)(address).map_err(MediaError::Unresolved)?;
        let (id, opened) = {
            let mut sources = lock(&self.sources);
            let id = sources.len();
            let new = || Known { id, name: located.name.clone(), opened: Opened::default() };
            let known = sources.entry(located.file.clone()).or_insert_with(new);
            (known.id, Arc::clone(&known.opened))
        };
        let opened = opened.get_or_init(|| File::open(id, &located.file));
        let found = opened.as_ref().map(|file| file.info(id, &located.name));
        found.map_err(|error| error.clone().naming(&located))
    }

    /// One picture of a source as a PNG, whole or in a `divisor`th of its size.
    pub(crate) fn picture(
        &self,
        id: usize,
        number: usize,
        divisor: u32,
    ) -> Result<Buffer, MediaError> {
        self.draw_picture(id, number, divisor).map_err(|error| self.named(id, error))
    }

    /// An error about a source, as pages may read it.
    fn named(&self, id: usize, error: MediaError) -> MediaError {
        let sources = lock(&self.sources);
        let known = sources.iter().find(|(_, known)| known.id == id);
        let located =
            known.map(|(file, known)| Located { file: file.clone(), name: known.name.clone() });
        drop(sources);
        located.map_or(MediaError::Unknown, |located| error.naming(&located))
    }

    fn draw_picture(&self, id: usize, number: usize, divisor: u32) -> Result<Buffer, MediaError> {
        let source = self.source(id).ok_or(MediaError::Unknown)?;
        let moment = self.touch(&source);
        let frame = source.picture(number, &self.cache, moment)?;
        let has_alpha = source.facts.has_alpha;
        let shape = source.facts.shape_of(&frame);
        let png = (divisor.max(1)..=MAX_SIDE)
            .map(|divisor| StoredPng { size: divided(&shape, divisor), has_alpha })
            .find(|png| png.fits());
        let png = png.expect("narrow pictures fit");
        let mut buffer = self.buffers.take();
        let room = png.make_room(&mut buffer.bytes, Converter::SLACK);
        let mut converter = lock(&self.converters).pop().unwrap_or_default();
        draw(&source, &frame, shape.orientation, &mut converter, png.layout(), room)?;
        lock(&self.converters).push(converter);
        png.seal(&mut buffer.bytes);
        Ok(buffer)
    }

    fn source(&self, id: usize) -> Option<Arc<Source>> {
        let sources = lock(&self.sources);
        match sources.values().find(|known| known.id == id)?.opened.get()? {
            Ok(File::Video(source)) => Some(Arc::clone(source)),
            _ => None,
        }
    }

    /// Records that a picture of a source is requested, and closes the decoders that are no longer
    /// needed.
    fn touch(&self, source: &Arc<Source>) -> Moment {
        let mut awake = lock(&self.awake);
        awake.questions += 1;
        let now = awake.questions;
        awake.sources.retain(|(other, _)| !Arc::ptr_eq(other, source));
        awake.sources.push_back((Arc::clone(source), now));
        let patience = PATIENT_ROUNDS * awake.sources.len() as u64 + PATIENT_QUESTIONS;
        let moment = Moment { now, patience };
        let mut tired = Vec::new();
        while let Some((_, used)) = awake.sources.front()
            && (moment.is_over(*used) || awake.sources.len() > OPEN_SOURCES)
        {
            tired.extend(awake.sources.pop_front());
        }
        drop(awake);
        for (source, _) in tired {
            source.close_decoders();
        }
        moment
    }
}

/// Writes the rows of a picture, upright and in SDR, into `out`, which has room for them.
fn draw(
    source: &Source,
    frame: &DecodedFrame,
    way: Orientation,
    converter: &mut Converter,
    layout: RgbLayout,
    out: &mut [u8],
) -> Result<(), AvError> {
    let map = source.tone_map.as_ref().filter(|_| !layout.has_alpha);
    if way.is_plain() && map.is_none() {
        return converter.rgb_into(frame, layout, out);
    }
    let size = way.turned(layout.size);
    let flat = RgbLayout { size, lead: 0, ..layout };
    let rows = match map {
        Some(map) => {
            let deep = RgbLayout { is_deep: true, ..flat };
            map.apply(&converter.rgb(frame, deep)?, deep.stride(), flat.stride(), 0)
        }
        None => converter.rgb(frame, flat)?,
    };
    turn::turn(&rows, size, way, layout, out);
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
