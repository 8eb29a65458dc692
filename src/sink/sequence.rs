//! A file for each frame, in a directory that gets its name when it is complete.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::clock::{Part, SinkStats};
use super::converter::shaped;
use super::partial::{PartialDirectory, check_replaceable};
use super::sound::SoundStream;
use crate::av::{Described, MuxTarget, Muxer, MuxerSettings};
use crate::error::{Error, Result};
use crate::frame::resize::Scaler;
use crate::frame::{Alpha, Frame, Picture, Size};
use crate::job::{Codec, FileNames, PictureFormat};
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::{OutputPlan, Plan};

/// The sound beside the pictures.
const SOUND: &str = "audio.wav";

/// Writes a file for each frame.
#[derive(Debug)]
pub(super) struct SequenceSink {
    plan: Arc<Plan>,
    index: usize,
    // Before the directory: writers into it are closed first.
    sound: Option<(SoundStream, Muxer)>,
    directory: PartialDirectory,
    format: PictureFormat,
    scaler: Scaler,
    /// Pictures that wait to be written, with the frames that show them.
    waiting: Vec<(Arc<Picture>, Vec<u64>)>,
    /// The most pictures that wait.
    most: usize,
    /// The last picture as it came.
    last: Option<Arc<Picture>>,
    frames: u64,
    bytes: u64,
    clock: SinkStats,
}

impl SequenceSink {
    pub(super) fn open(plan: &Arc<Plan>, index: usize, clock: SinkStats) -> Result<Self> {
        let output = &plan.outputs[index];
        // An existing directory is checked now, not after all is drawn.
        check_replaceable(&output.path, |name| is_ours(output.names.as_ref(), name))?;
        let directory = PartialDirectory::replacing(&output.path)?;
        let open = |audio| -> Result<_> {
            let stream =
                SoundStream::open(audio, plan.stream.frame_rate, false, clock.clone())?.alone();
            let settings = MuxerSettings { format: "wav".into(), ..MuxerSettings::default() };
            let encoders: [&dyn Described; 1] = [stream.encoder()];
            let path = directory.path().join(SOUND);
            let muxer = Muxer::create(MuxTarget::File(&path), &encoders, &settings)?;
            Ok((stream, muxer))
        };
        let sound = output.audio.as_ref().map(open).transpose()?;
        Ok(Self {
            plan: Arc::clone(plan),
            index,
            sound,
            directory,
            format: format_of(output),
            scaler: Scaler::new(plan.stream.color),
            waiting: Vec::new(),
            most: 2 * output.video.threads as usize,
            last: None,
            frames: 0,
            bytes: 0,
            clock,
        })
    }

    fn names(&self) -> &FileNames {
        let names = self.plan.outputs[self.index].names.as_ref();
        names.expect("a sequence has names")
    }

    /// Writes all waiting pictures, except the last while more may come.
    fn write_waiting(&mut self, is_last: bool) -> Result<()> {
        let kept = if is_last { None } else { self.waiting.pop() };
        let waiting = std::mem::replace(&mut self.waiting, kept.into_iter().collect());
        let clock = self.clock.clone();
        let _timed = clock.time(Part::Convert);
        let (format, names, color) = (self.format, self.names(), self.plan.stream.color);
        let (place, target) = (self.directory.path(), self.directory.target());
        let write = |(picture, frames): &(Arc<Picture>, Vec<u64>)| -> Result<u64> {
            let path = |frame: &u64| place.join(names.of(*frame));
            let (first, others) = frames.split_first().expect("a picture is shown by a frame");
            let encoded = format.encode(picture, color).map_err(std::io::Error::other);
            let encoded = encoded.map_err(Error::io("cannot encode a frame", target))?;
            let write =
                |to: &Path| fs::write(to, &encoded).map_err(Error::io("cannot write", target));
            write(&path(first))?;
            others.iter().try_for_each(|other| write(&path(other)))?;
            Ok(encoded.len() as u64 * frames.len() as u64)
        };
        let written: Result<Vec<u64>> = waiting.par_iter().map(write).collect();
        self.bytes += written?.iter().sum::<u64>();
        Ok(())
    }
}

/// Whether a file in the directory is of such a sequence.
pub(super) fn is_ours(names: Option<&FileNames>, name: &str) -> bool {
    name == SOUND || names.is_some_and(|names| names.matches(name))
}

/// The file format of an output's pictures.
fn format_of(output: &OutputPlan) -> PictureFormat {
    let video = &output.video;
    let is_deep = video.pixel_format.bits() == 16;
    let quality = video.options.iter().find(|(key, _)| key == "quality");
    let quality = quality.and_then(|(_, value)| value.parse().ok());
    match video.codec {
        Codec::Jpeg => PictureFormat::Jpeg(quality.unwrap_or(PictureFormat::JPEG_QUALITY)),
        Codec::Tiff if is_deep => PictureFormat::Tiff16,
        Codec::Tiff => PictureFormat::Tiff,
        Codec::Exr => PictureFormat::Exr,
        _ if is_deep => PictureFormat::Png16,
        _ => PictureFormat::Png,
    }
}

impl FrameSink for SequenceSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let is_same = self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &frame.picture));
        if let Some((_, frames)) = self.waiting.last_mut().filter(|_| is_same) {
            frames.push(self.frames);
        } else {
            let video = &self.plan.outputs[self.index].video;
            let has_alpha = self.plan.stream.alpha != Alpha::Opaque;
            let shaped = shaped(&frame.picture, video, has_alpha, &mut self.scaler);
            let picture = shaped.map_or_else(|| Arc::clone(&frame.picture), Arc::new);
            self.waiting.push((picture, vec![self.frames]));
            self.last = Some(frame.picture);
        }
        self.frames += 1;
        if self.waiting.len() > self.most {
            self.write_waiting(false)?;
        }
        if let Some((sound, muxer)) = &mut self.sound {
            sound.advance(self.frames, muxer)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Artifact> {
        self.last = None;
        self.write_waiting(true)?;
        if let Some((mut sound, mut muxer)) = self.sound.take() {
            sound.finish(&mut muxer)?;
            self.bytes += muxer.finish()?;
        }
        let output = &self.plan.outputs[self.index];
        {
            let _timed = self.clock.time(Part::Verify);
            let size = output.video.size;
            let expected =
                Expected { size, frames: self.frames, has_sound: output.audio.is_some() };
            verify(self.directory.path(), self.names(), expected)
                .map_err(|message| Error::Verify { path: output.path.clone(), message })?;
        }
        let path = self.directory.keep(|name| is_ours(output.names.as_ref(), name))?;
        let (frames, bytes) = (self.frames, Some(self.bytes));
        Ok(Artifact { path: Some(path), frames, bytes, ..Artifact::default() })
    }
}

/// The expected content of a finished directory.
#[derive(Clone, Copy, Debug)]
struct Expected {
    size: Size,
    frames: u64,
    has_sound: bool,
}

/// Checks that all files are there, and that the first and the last have the right size.
fn verify(directory: &Path, names: &FileNames, expected: Expected) -> Result<(), String> {
    for frame in [0, expected.frames.saturating_sub(1)] {
        let path = directory.join(names.of(frame));
        let size = size_of(&path).map_err(|e| format!("{}: {e}", names.of(frame)))?;
        if size != expected.size {
            return Err(format!("{} is {size}, expected {}", names.of(frame), expected.size));
        }
    }
    let entries = fs::read_dir(directory).map_err(|e| e.to_string())?;
    let wanted = expected.frames + u64::from(expected.has_sound);
    match entries.count() as u64 {
        found if found == wanted => Ok(()),
        found => Err(format!("there are {found} files, expected {wanted}")),
    }
}

fn size_of(path: &PathBuf) -> Result<Size, String> {
    if path.extension().is_some_and(|extension| extension == "exr") {
        let meta = exr::meta::MetaData::read_from_file(path, false).map_err(|e| e.to_string())?;
        let header = meta.headers.first().ok_or("it has no picture")?;
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let (width, height) = (side(header.layer_size.0), side(header.layer_size.1));
        return Ok(Size { width, height });
    }
    let (width, height) = image::image_dimensions(path).map_err(|e| e.to_string())?;
    Ok(Size { width, height })
}
