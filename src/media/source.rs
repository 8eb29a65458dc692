//! One video file, and any of its pictures.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::cache::Cache;
use super::fields::Fields;
use super::tone_map::ToneMap;
use crate::av::{AvError, DecodedFrame, Listing, PacketPlace, Shape, SourceFacts, VideoReader};

/// The most places of one file that are decoded at the same time: sessions that render distant
/// frames do not make each other seek.
const CURSORS: usize = 3;

/// The distance up to which pictures are decoded and skipped, even if decoding could begin nearer.
const NEAR: usize = 24;

/// Pictures with more pixels than this are decoded by two threads.
const LARGE: u64 = 2560 * 1440;

/// A video file whose pictures are numbered in the order they are shown.
#[derive(Debug)]
pub(super) struct Source {
    number: usize,
    path: PathBuf,
    pub facts: SourceFacts,
    /// The tone map, for HDR.
    pub tone_map: Option<ToneMap>,
    /// The display time of each frame, in ticks from the file's beginning; rising.
    pub ticks: Vec<i64>,
    /// The pictures where decoding can begin: their numbers and places.
    keys: Vec<(usize, PacketPlace)>,
    /// The end of its pictures and its sound, in seconds.
    end: f64,
    /// The time from which promised pictures are missing, in seconds.
    pub missing_from: Option<f64>,
    /// The fields, for interlaced files.
    pub fields: Option<Fields>,
    /// Frames around those shown, of interlaced files; the one decoded last comes first.
    pub kept: Mutex<VecDeque<(usize, Arc<DecodedFrame>)>>,
    /// The numbers of frames with another shape than those before, from 0 on, and the shapes.
    pub shapes: Vec<(usize, Shape)>,
    cursors: Mutex<Vec<Cursor>>,
}

/// The time of a request, counted in requests to the whole library.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: u64,
    /// The number of requests after which everything is closed that none of them needed.
    pub patience: u64,
}

impl Moment {
    pub(super) const fn is_over(self, used: u64) -> bool {
        used + self.patience < self.now
    }
}

/// A reader, and the picture that it decodes next.
#[derive(Debug)]
struct Cursor {
    reader: VideoReader,
    next: usize,
    /// Pictures before it may lack their references.
    sound_from: usize,
    /// The picture it decoded last.
    last: Option<Arc<DecodedFrame>>,
    /// The time of its last use.
    used: u64,
}

impl Source {
    /// Opens a file and lists its pictures.
    pub(super) fn open(number: usize, path: &Path) -> Result<Self, AvError> {
        let facts = VideoReader::open(path, 1)?.facts()?;
        // A reader of its own: the first has decoded some pictures already.
        let Listing { places, end, missing_from } = VideoReader::open(path, 1)?.places(path)?;
        let (ticks, keys) = in_order(&places, facts.start);
        if ticks.is_empty() {
            let doing = format!("cannot read the video {}", path.display());
            return Err(AvError::refused(doing, "it has no picture"));
        }
        let tone_map = ToneMap::new(facts.transfer, facts.peak);
        let (path, cursors) = (path.to_owned(), Mutex::default());
        let shapes = vec![(0, facts.shape)];
        let fields = facts.interlaced_ticks.map(|frame| Fields::new(&ticks, frame));
        let kept = Mutex::default();
        let mut source = Self {
            number,
            path,
            facts,
            tone_map,
            ticks,
            keys,
            end,
            missing_from,
            fields,
            kept,
            shapes,
            cursors,
        };
        source.shapes = source.all_shapes(&places);
        Ok(source)
    }

    /// The length in seconds: from the file, or else from its pictures and its sound.
    pub(super) fn duration(&self) -> f64 {
        let last = *self.ticks.last().expect("a source has pictures");
        let step = match self.ticks.len() {
            1 => 0,
            n => (last - self.ticks[0]) / i64::try_from(n - 1).unwrap_or(i64::MAX),
        };
        let shown = (last + step) as f64 * self.facts.tick;
        let measured = shown.max(self.end);
        self.facts.duration.map_or(measured, |duration| duration.max(last as f64 * self.facts.tick))
    }

    /// Closes all decoders.
    pub(super) fn close_decoders(&self) {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The frame of this number. A frame that cannot be decoded is replaced by the one before.
    pub(super) fn frame(
        &self,
        index: usize,
        cache: &Cache,
        moment: Moment,
    ) -> Result<Arc<DecodedFrame>, AvError> {
        let mut at = index;
        loop {
            let found = self.frame_from_its_key(at, cache, moment);
            let (key_at, _) = self.key_before(at);
            match found {
                // A file that was cut off has nothing from here on: the last picture stays.
                Err(_) if key_at > 0 => at = key_at - 1,
                found => return found,
            }
        }
    }

    fn frame_from_its_key(
        &self,
        index: usize,
        cache: &Cache,
        moment: Moment,
    ) -> Result<Arc<DecodedFrame>, AvError> {
        if let Some(frame) = cache.get((self.number, index)) {
            return Ok(frame);
        }
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have decoded it during the wait.
        if let Some(frame) = cache.get((self.number, index)) {
            return Ok(frame);
        }
        cursors.retain(|cursor| !moment.is_over(cursor.used));
        let (key_at, _) = self.key_before(index);
        let behind = |cursor: &Cursor| {
            cursor.next <= index && (index - cursor.next <= NEAR || cursor.next >= key_at)
        };
        let nearest = (0..cursors.len())
            .filter(|&at| behind(&cursors[at]))
            .min_by_key(|&at| index - cursors[at].next);
        // The cursor used last stands at the end.
        let mut cursor = match nearest {
            Some(at) => cursors.remove(at),
            None => self.cursor_at(index, &mut cursors)?,
        };
        cursor.used = moment.now;
        let found = self.advance(&mut cursor, index, cache);
        cursors.push(cursor);
        found
    }

    /// The last picture at or before `index` where decoding can begin, by its place in `keys`.
    fn key_before(&self, index: usize) -> (usize, usize) {
        let at = self.keys.partition_point(|&(key, _)| key <= index).saturating_sub(1);
        (self.keys.get(at).map_or(0, |&(key, _)| key), at)
    }

    /// A reader whose next picture is at or before `index`.
    fn cursor_at(&self, index: usize, cursors: &mut Vec<Cursor>) -> Result<Cursor, AvError> {
        let old = if cursors.len() < CURSORS { None } else { Some(cursors.remove(0)) };
        let mut reader = match old {
            Some(old) => old.reader,
            None => self.reader()?,
        };
        let (_, mut at) = self.key_before(index);
        loop {
            let Some((key, place)) = self.keys.get(at).filter(|_| at > 0) else {
                // From the very beginning: not every container can seek there.
                return Ok(Cursor {
                    reader: self.reader()?,
                    next: 0,
                    sound_from: 0,
                    last: None,
                    used: 0,
                });
            };
            reader.seek(place)?;
            // Not all containers seek exactly: the first picture tells.
            let first = loop {
                let Some(frame) = reader.next_frame()? else { break None };
                let number = self.number_of(&frame);
                if number >= *key {
                    break Some((number, frame));
                }
                // Otherwise it precedes the key, from which on pictures are whole, or the container
                // landed before it, and the key will come.
            };
            match first {
                Some((number, frame)) if number <= index => {
                    let last = Some(Arc::new(frame));
                    let (next, sound_from) = (number + 1, number);
                    return Ok(Cursor { reader, next, sound_from, last, used: 0 });
                }
                _ => at -= 1,
            }
        }
    }

    fn reader(&self) -> Result<VideoReader, AvError> {
        let size = self.facts.shape.coded;
        let is_large = u64::from(size.width) * u64::from(size.height) > LARGE;
        VideoReader::open(&self.path, if is_large { 2 } else { 1 })
    }

    /// Decodes up to the picture of this number.
    fn advance(
        &self,
        cursor: &mut Cursor,
        index: usize,
        cache: &Cache,
    ) -> Result<Arc<DecodedFrame>, AvError> {
        if let Some(last) = cursor.last.as_ref().filter(|_| cursor.next > index) {
            cache.put((self.number, index), Arc::clone(last), true);
            return Ok(Arc::clone(last));
        }
        loop {
            let Some(frame) = cursor.reader.next_frame()? else {
                // The end came early. The last picture stays.
                cursor.next = self.ticks.len();
                return cursor.last.clone().ok_or_else(|| {
                    let doing = format!("cannot decode {}", self.path.display());
                    AvError::refused(doing, format!("picture {index} of {}", self.ticks.len()))
                });
            };
            let number = self.number_of(&frame);
            if number < cursor.sound_from {
                continue;
            }
            let frame = Arc::new(frame);
            cache.put((self.number, number), Arc::clone(&frame), number == index);
            let before = cursor.last.replace(Arc::clone(&frame));
            cursor.next = number + 1;
            if number == index {
                return Ok(frame);
            }
            if number > index {
                // The requested picture cannot be decoded.
                let shown = before.unwrap_or(frame);
                cache.put((self.number, index), Arc::clone(&shown), true);
                return Ok(shown);
            }
        }
    }

    /// The number of a decoded picture: of the last that is shown no later.
    pub(super) fn number_of(&self, frame: &DecodedFrame) -> usize {
        let tick = frame.pts().unwrap_or_default() - self.facts.start;
        self.ticks.partition_point(|&t| t <= tick).saturating_sub(1)
    }
}

/// The display times of pictures, and the numbers of those where decoding can begin.
fn in_order(places: &[PacketPlace], start: i64) -> (Vec<i64>, Vec<(usize, PacketPlace)>) {
    let mut places: Vec<_> = places.to_vec();
    places.sort_by_key(|place| place.pts);
    places.dedup_by_key(|place| place.pts);
    let keys = places.iter().enumerate().filter(|(_, place)| place.is_key);
    let keys = keys.map(|(number, place)| (number, *place)).collect();
    (places.iter().map(|place| place.pts - start).collect(), keys)
}
