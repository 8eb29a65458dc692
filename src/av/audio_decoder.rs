//! The sound of a file, decoded to 48 kHz stereo with the place of every sample.
//!
//! Places come from the file's own time stamps, counted from its start: the encoder's priming at
//! the front is gone, and a hole in the stream stays a hole. Reading goes forward; to read from
//! another place, open the file again there.

use std::ffi::c_int;
use std::fmt;
use std::path::{Path, PathBuf};

use ffmpeg_next::{Packet, codec, format, frame, media};

use super::clock::is_picture;
use super::door::{MediaInput, open_media};
use super::length::said_length;
use super::resampler::{Resampler, SampleLayout};
use super::{AvError, SAMPLE_RATE, StereoSample, log};

/// The distance before the wanted place at which reading begins: decoders need a few packets to
/// settle.
const PREROLL_SECS: f64 = 0.3;

/// Demuxers whose time stamps can be trusted after a seek. Others guess them from the bitrate.
const EXACT_DEMUXERS: [&str; 4] = ["mov", "wav", "flac", "w64"];

/// Matroska's stamps are exact only to the millisecond; a seek pays only for a long way.
const COARSE_DEMUXER: &str = "matroska";
const LONG_WAY_SECS: f64 = 120.0;

/// The tolerance of time stamps. Containers round them.
const JITTER_SECS: f64 = 1e-3;

/// The length of a hole in time stamps, in seconds. A longer one counts at once; others count after
/// they have lasted as long: around Vorbis' short blocks time stamps go off and come back.
const HOLE_SECS: f64 = 0.1;

/// A file may be this much shorter than its header says, and by two packets: its last one, and the
/// priming before its first one, are no sound, and some headers count them.
const SHORT_SECS: f64 = 0.1;
const SHORT_PACKETS: f64 = 2.0;

/// Errors in a row after which reading a file stops.
const MAX_ERRORS: u32 = 200;

/// Facts about a file's sound before it is decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SoundFacts {
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// Length of the sound by the file's header, in seconds from the file's start.
    pub duration: Option<f64>,
    /// The same where a header has counted it. One of AVI is a guess until the file is finished.
    pub counted: Option<f64>,
    /// Length of the moving picture beside it, in seconds; where the file does not state it, as far
    /// as the file has been read.
    pub picture: Option<f64>,
}

/// Consecutive samples without a hole.
#[derive(Debug, Default)]
pub(crate) struct SoundBlock {
    /// Place of the first, in samples from the file's start. May be negative.
    pub at: i64,
    pub samples: Vec<StereoSample>,
}

/// A stretch of sound without holes, on its way through the resampler.
struct Run {
    /// The sample at which it begins.
    start: i64,
    /// The number of samples that have come out.
    produced: i64,
    /// The time at which the next decoded frame should begin, in seconds.
    expected: f64,
    /// The time for which time stamps have been off, in seconds.
    off: f64,
    resampler: Resampler,
}

/// An open file.
pub(crate) struct AudioDecoder {
    path: PathBuf,
    input: MediaInput,
    decoder: codec::decoder::Audio,
    stream: usize,
    /// Seconds per tick.
    tick: f64,
    /// The beginning of the file on its own clock, in seconds.
    origin: f64,
    facts: SoundFacts,
    /// Whether the file states its length.
    is_said: bool,
    run: Option<Run>,
    /// A decoded frame that begins a new run.
    held: Option<frame::Audio>,
    drained: bool,
    /// The end of the sound, in seconds, as far as it is decoded.
    end: f64,
    errors: u32,
    /// The last decoding error. It counts once time stamps show that something is missing.
    doubt: Option<String>,
    fault: Option<String>,
}

impl fmt::Debug for AudioDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioDecoder").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The next output of the demuxer and the decoder.
enum Decoded {
    Frame(frame::Audio),
    End,
}

impl AudioDecoder {
    /// Opens `path`; `None` if there is no sound in it.
    ///
    /// Reading may begin before the sample `at`, never after it.
    pub(crate) fn open(path: &Path, at: i64) -> Result<Option<Self>, AvError> {
        super::init();
        log::clear();
        let doing = || format!("cannot read {}", path.display());
        let failed = |e: ffmpeg_next::Error| AvError::new(doing(), e.into());
        let mut input = open_media(path, &doing())?;
        let Some(stream) = input.streams().best(media::Type::Audio) else { return Ok(None) };
        let (index, tick) = (stream.index(), f64::from(stream.time_base()));
        let mut context = codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
        // Without it the time stamps of cut frames would not move with their first sample.
        // SAFETY: a plain field of a context that is not open yet.
        unsafe { (*context.as_mut_ptr()).pkt_timebase = stream.time_base().into() };
        // Frame threads would only add delay.
        context.set_threading(codec::threading::Config::count(1));
        let decoder = context.decoder().audio().map_err(failed)?;
        let origin = input.origin().unwrap_or_default() + rounding(&stream);
        let is_said = said_length(&input).is_some();
        let mut facts = facts(&input, index, decoder.id().name(), origin);
        facts.picture = facts.picture.filter(|_| is_said);

        let demuxer = input.format().name().to_owned();
        let secs = at as f64 / f64::from(SAMPLE_RATE);
        let is_exact = demuxer.split(',').any(|name| EXACT_DEMUXERS.contains(&name));
        let is_coarse = demuxer.contains(COARSE_DEMUXER) && secs > LONG_WAY_SECS;
        let target = secs - PREROLL_SECS;
        if target > 0.0 && (is_exact || is_coarse) {
            #[expect(clippy::cast_possible_truncation, reason = "a place within a file")]
            let micros = ((origin + target) * 1e6) as i64;
            // If the seek fails, all is read from the start.
            if let Err(error) = input.seek(micros, ..micros) {
                tracing::debug!(path = %path.display(), %error, "not sought");
            }
        }
        Ok(Some(Self {
            path: path.to_owned(),
            input,
            decoder,
            stream: index,
            tick,
            origin,
            facts,
            is_said,
            run: None,
            held: None,
            drained: false,
            end: 0.0,
            errors: 0,
            doubt: None,
            fault: None,
        }))
    }

    /// The file's own facts about its sound.
    pub(crate) const fn facts(&self) -> &SoundFacts {
        &self.facts
    }

    /// The end of the sound, in seconds from the file's start; meaningful once all is read.
    pub(crate) const fn end(&self) -> f64 {
        self.end
    }

    /// Takes the first fault of the file so far.
    pub(crate) fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// Reads the next samples; `None` at the end.
    pub(crate) fn read(&mut self) -> Result<Option<SoundBlock>, AvError> {
        loop {
            let next = match self.held.take() {
                Some(frame) => Decoded::Frame(frame),
                None if self.drained => Decoded::End,
                None => self.decode(),
            };
            let Decoded::Frame(frame) = next else {
                if !self.drained {
                    self.drained = true;
                    self.settle_doubt(true);
                    self.notice_short();
                }
                return match self.run.take() {
                    Some(run) => Ok(Some(run.finish()?)),
                    None => Ok(None),
                };
            };
            let block = self.resample(frame)?;
            if !block.samples.is_empty() {
                return Ok(Some(block));
            }
        }
    }

    /// Passes a frame on, or holds it back and ends the run that it does not belong to.
    fn resample(&mut self, frame: frame::Audio) -> Result<SoundBlock, AvError> {
        let layout = SampleLayout::of(&frame);
        let expected = self.run.as_ref().map(|run| run.expected);
        let stamp = frame.pts().or_else(|| frame.timestamp());
        let time = stamp.map(|pts| pts as f64 * self.tick - self.origin);
        let time = time.or(expected).unwrap_or(0.0);
        let length = frame.samples() as f64 / f64::from(frame.rate().max(1));
        let tolerance = JITTER_SECS.max(1.5 * self.tick);
        // A tag between two files that were joined is no damage: time goes on after it.
        let goes_on = expected.is_some_and(|expected| (time - expected).abs() <= tolerance);
        self.settle_doubt(stamp.is_none() || !goes_on);
        if let Some(run) = &mut self.run {
            let off = (time - run.expected).abs();
            run.off = if off > tolerance { run.off + length } else { 0.0 };
            let is_hole = off > tolerance.max(HOLE_SECS) || run.off > HOLE_SECS;
            if is_hole || run.resampler.layout() != layout {
                let run = self.run.take().expect("there is a run");
                self.held = Some(frame);
                return run.finish();
            }
        }
        if self.run.is_none() {
            let resampler = Resampler::open(&frame)?;
            let start = place(time);
            self.run = Some(Run { start, produced: 0, expected: time, off: 0.0, resampler });
        }
        let run = self.run.as_mut().expect("there is a run");
        let samples = run.resampler.convert(&frame)?;
        run.expected += length;
        self.end = self.end.max(run.expected);
        Ok(run.block(samples))
    }

    /// Decodes the next frame. Skips packets that cannot be decoded, and records the error.
    fn decode(&mut self) -> Decoded {
        loop {
            let mut frame = frame::Audio::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) if frame.samples() > 0 => {
                    self.errors = 0;
                    return Decoded::Frame(frame);
                }
                Ok(()) => {}
                Err(ffmpeg_next::Error::Eof) => return Decoded::End,
                Err(ffmpeg_next::Error::Other { .. }) => {
                    if !self.feed() {
                        return Decoded::End;
                    }
                }
                Err(error) => {
                    if !self.stumble(error) {
                        return Decoded::End;
                    }
                }
            }
        }
    }

    /// Sends one packet to the decoder, or the end. Returns whether to go on.
    fn feed(&mut self) -> bool {
        let mut packet = Packet::empty();
        let sent = match self.input.read(&mut packet) {
            Ok(true) if packet.stream() != self.stream => {
                self.see_picture(&packet);
                return true;
            }
            Ok(true) => {
                skip_tag(&mut packet);
                self.decoder.send_packet(&packet)
            }
            Ok(false) => self.decoder.send_eof(),
            Err(error) => {
                let goes_on = self.stumble(error);
                // Only damage in the data can be stepped over.
                return match error {
                    ffmpeg_next::Error::InvalidData => goes_on,
                    _ => self.decoder.send_eof().is_ok(),
                };
            }
        };
        sent.or_else(|error| if self.stumble(error) { Ok(()) } else { Err(error) }).is_ok()
    }

    /// Records the end of pictures, for files that do not state it.
    fn see_picture(&mut self, packet: &Packet) {
        let is_one = self.input.stream(packet.stream()).is_some_and(|stream| is_picture(&stream));
        if is_one && !self.is_said {
            let end = self.input.end_of(packet, self.origin).unwrap_or_default();
            self.facts.picture = Some(self.facts.picture.unwrap_or_default().max(end));
        }
    }

    /// Records a decoding error. Returns whether to go on.
    fn stumble(&mut self, error: ffmpeg_next::Error) -> bool {
        self.errors += 1;
        let text = log::take_last().unwrap_or_else(|| AvError::new("", error.into()).text);
        self.doubt.get_or_insert_with(|| format!("damaged after {:.2} s: {text}", self.end));
        self.errors < MAX_ERRORS
    }

    /// Settles whether the packets that could not be decoded were sound that is missed.
    fn settle_doubt(&mut self, is_missed: bool) {
        if let Some(text) = self.doubt.take().filter(|_| is_missed) {
            self.fault.get_or_insert(text);
        }
    }

    /// Records a sound that ends before the length in its file.
    fn notice_short(&mut self) {
        let Some(duration) = self.facts.duration else { return };
        let packet = f64::from(self.decoder.frame_size()) / f64::from(self.decoder.rate().max(1));
        if self.end < duration - SHORT_SECS - SHORT_PACKETS * packet {
            let end = self.end;
            self.fault.get_or_insert_with(|| {
                format!("its sound ends after {end:.2} s, but its header says {duration:.2} s")
            });
        }
    }
}

impl Run {
    /// Takes the samples that the resampler still holds.
    fn finish(mut self) -> Result<SoundBlock, AvError> {
        let samples = self.resampler.drain()?;
        Ok(self.block(samples))
    }

    fn block(&mut self, samples: Vec<StereoSample>) -> SoundBlock {
        let at = self.start + self.produced;
        self.produced += i64::try_from(samples.len()).unwrap_or(i64::MAX);
        SoundBlock { at, samples }
    }
}

/// The sample at a time in seconds.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn place(secs: f64) -> i64 {
    (secs * f64::from(SAMPLE_RATE)).round() as i64
}

/// Removes a tag (ID3, version 2) from the front of a packet: tags stand where MP3 files are
/// joined.
fn skip_tag(packet: &mut Packet) {
    use ffmpeg_next::codec::packet::traits::Mut as _;
    let Some([b'I', b'D', b'3', _, _, _, size @ ..]) =
        packet.data().and_then(|data| data.first_chunk::<10>())
    else {
        return;
    };
    // Seven bits of each byte, and the head itself. https://id3.org/id3v2.4.0-structure, 3.1.
    let tag = 10 + size.iter().fold(0_usize, |all, &byte| all << 7 | usize::from(byte & 127));
    let tag = tag.min(packet.size());
    // SAFETY: a packet of ours, which keeps its buffer; the tag lies within its data.
    unsafe {
        let raw = &mut *packet.as_mut_ptr();
        raw.data = raw.data.add(tag);
        raw.size -= c_int::try_from(tag).unwrap_or_default();
    }
}

/// The numbers of samples with which encoders of AAC prime the sound.
const AAC_PRIMING: [i32; 3] = [1024, 2048, 2112];

/// The amount by which a beginning below 0 is rounded up, in seconds.
///
/// Matroska counts in milliseconds and does not state the length of AAC's priming: a stream that
/// begins at -21 ms begins 1024 samples before 0.
fn rounding(stream: &format::stream::Stream<'_>) -> f64 {
    let tick = f64::from(stream.time_base());
    let start = stream.start_time();
    if stream.parameters().id() != codec::Id::AAC || !(-1_000_000..0).contains(&start) {
        return 0.0;
    }
    let start = start as f64 * tick;
    // SAFETY: a plain field of valid parameters.
    let rate = f64::from(unsafe { (*stream.parameters().as_ptr()).sample_rate }.max(1));
    let off = AAC_PRIMING.into_iter().map(|samples| start + f64::from(samples) / rate);
    off.filter(|off| off.abs() <= 0.51 * tick && 1.5 < tick * rate)
        .reduce(|a, b| if a.abs() <= b.abs() { a } else { b })
        .unwrap_or_default()
}

fn facts(input: &MediaInput, stream: usize, codec: &str, origin: f64) -> SoundFacts {
    // An estimate from the bitrate is no promise, nor is the last time in a file whose times may
    // restart.
    // SAFETY: a plain field of an open context.
    let method = unsafe { (*input.as_ptr()).duration_estimation_method };
    let is_known = method
        != ffmpeg_next::ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE
        && !input.clock.may_jump();
    let end = |stream: &format::stream::Stream<'_>| {
        let start = match stream.start_time() {
            ffmpeg_next::ffi::AV_NOPTS_VALUE => 0,
            start => start,
        };
        let tick = f64::from(stream.time_base());
        let length = Some(stream.duration()).filter(|&length| length > 0)?;
        Some(start.saturating_add(length) as f64 * tick - origin)
    };
    let whole = (input.duration() > 0).then(|| input.duration() as f64 / 1e6);
    let picture = input.streams().find(is_picture);
    let duration = input.stream(stream).as_ref().and_then(end).filter(|_| is_known);
    SoundFacts {
        codec: codec.to_owned(),
        duration,
        counted: duration.filter(|_| input.format().name() != "avi"),
        picture: picture.and_then(|stream| end(&stream).or(whole)),
    }
}
