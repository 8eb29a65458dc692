//! A container being written.

use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

use ffmpeg_next::{Packet, Rational, ffi};

use super::encoder::{Described, Options};
use super::{AvError, c_string, check, log};

/// How to write the container.
#[derive(Clone, Debug)]
pub(crate) struct MuxerSettings {
    /// FFmpeg's name, such as `mp4`.
    pub format: String,
    /// Packets that will come in each stream, so that room for their index can be left at the
    /// front.
    pub packets: Vec<u64>,
}

/// An output file whose header is written.
#[derive(Debug)]
pub(crate) struct Muxer {
    context: NonNull<ffi::AVFormatContext>,
    path: PathBuf,
    /// The encoder's time base and the container's, per stream.
    time_bases: Vec<(Rational, Rational)>,
    finished: bool,
}

// SAFETY: libav contexts may move between threads as long as one at a time uses them.
unsafe impl Send for Muxer {}

impl Muxer {
    /// Whether this container keeps the codec's parameter sets apart from the packets.
    pub(crate) fn wants_global_header(format: &str) -> Result<bool, AvError> {
        let name = c_string(format)?;
        // SAFETY: a C string; the answer is null or static.
        let format_ptr = unsafe { ffi::av_guess_format(name.as_ptr(), ptr::null(), ptr::null()) };
        // SAFETY: null or static.
        let Some(found) = (unsafe { format_ptr.as_ref() }) else {
            return Err(AvError::refused(
                "muxer",
                format!("no `{format}` in the linked libavformat"),
            ));
        };
        Ok(found.flags & ffi::AVFMT_GLOBALHEADER != 0)
    }

    /// Opens `path`, which is emptied, and writes the header for one stream per encoder.
    pub(crate) fn create(
        path: &Path,
        encoders: &[&dyn Described],
        settings: &MuxerSettings,
    ) -> Result<Self, AvError> {
        super::init();
        log::clear();
        let doing = || format!("cannot write {}", path.display());
        let text = path.to_str().ok_or_else(|| AvError::refused(doing(), "not valid UTF-8"))?;
        // Without the scheme, a colon in the name would be taken for one.
        let url = c_string(&format!("file:{text}"))?;
        let format = c_string(&settings.format)?;
        let mut context = ptr::null_mut();
        // SAFETY: C strings, and a null format means "by name".
        let allocated = unsafe {
            ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null_mut(),
                format.as_ptr(),
                url.as_ptr(),
            )
        };
        check(allocated, doing())?;
        let context = NonNull::new(context).ok_or_else(|| AvError::out_of_memory(doing()))?;
        let mut muxer =
            Self { context, path: path.to_owned(), time_bases: Vec::new(), finished: false };
        let mut streams = Vec::new();
        for encoder in encoders {
            // SAFETY: a valid context without a header.
            let stream = unsafe { ffi::avformat_new_stream(context.as_ptr(), ptr::null()) };
            let stream = NonNull::new(stream).ok_or_else(|| AvError::out_of_memory(doing()))?;
            encoder.describe(stream)?;
            streams.push(stream);
        }
        // Packets wait for those of the other streams, however far apart an encoder lets them come.
        // SAFETY: a plain field of a valid context.
        unsafe { (*context.as_ptr()).max_interleave_delta = 0 };
        if settings.format == "matroska" {
            // It writes down by how much sound begins early; the picture must not move with that.
            // SAFETY: as above.
            unsafe { (*context.as_ptr()).avoid_negative_ts = 0 };
        }

        // SAFETY: a valid context.
        let pb = unsafe { &raw mut (*context.as_ptr()).pb };
        // SAFETY: a C string, and the field that libav wants filled.
        let opened = unsafe { ffi::avio_open(pb, url.as_ptr(), ffi::AVIO_FLAG_WRITE) };
        check(opened, doing())?;

        let mut options = Options::default();
        if ["mp4", "mov"].contains(&settings.format.as_str()) {
            // The index before the media ("faststart") without writing the file twice.
            options.set("moov_size", &index_bytes(&settings.packets).to_string())?;
        }
        // SAFETY: a valid context with its streams and an open file.
        let header = unsafe { ffi::avformat_write_header(context.as_ptr(), &raw mut options.0) };
        check(header, doing())?;
        if let Some(key) = options.first_left() {
            return Err(AvError::refused(
                doing(),
                format!("option `{key}` is unknown to the muxer"),
            ));
        }
        for (encoder, stream) in encoders.iter().zip(&streams) {
            // SAFETY: streams live as long as the context; the muxer may have changed their base.
            let base = unsafe { stream.as_ref() }.time_base.into();
            muxer.time_bases.push((encoder.time_base(), base));
        }
        Ok(muxer)
    }

    /// Writes one packet of the encoder with this number.
    pub(crate) fn write(&mut self, stream: usize, mut packet: Packet) -> Result<(), AvError> {
        use ffmpeg_next::codec::packet::traits::Mut as _;
        let (encoder, container) = self.time_bases[stream];
        packet.rescale_ts(encoder, container);
        packet.set_stream(stream);
        log::clear();
        // SAFETY: both are valid, and the header is written; libav takes the packet's reference.
        let written =
            unsafe { ffi::av_interleaved_write_frame(self.context.as_ptr(), packet.as_mut_ptr()) };
        check(written, self.doing())?;
        self.check_file()
    }

    /// Writes what is left, and closes the file. Returns its size in bytes.
    pub(crate) fn finish(mut self) -> Result<u64, AvError> {
        log::clear();
        self.finished = true;
        // SAFETY: the header is written, and this happens once.
        let trailer = unsafe { ffi::av_write_trailer(self.context.as_ptr()) };
        check(trailer, self.doing())?;
        self.check_file()?;
        // SAFETY: a valid context.
        let pb = unsafe { &raw mut (*self.context.as_ptr()).pb };
        // SAFETY: the file is open; size and close are its last uses.
        let bytes = unsafe { ffi::avio_size(*pb) };
        // SAFETY: as above; closing flushes and reports what could not be written.
        let closed = unsafe { ffi::avio_closep(pb) };
        check(closed, self.doing())?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// Reports a failed write as soon as it is known.
    fn check_file(&self) -> Result<(), AvError> {
        // SAFETY: the context and its open file are valid.
        let error = unsafe { (*(*self.context.as_ptr()).pb).error };
        check(error, self.doing()).map(drop)
    }

    fn doing(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: a valid context; a file that `finish` closed is null by now.
        unsafe { ffi::avio_closep(&raw mut (*self.context.as_ptr()).pb) };
        // SAFETY: the context is ours.
        unsafe { ffi::avformat_free_context(self.context.as_ptr()) };
    }
}

/// An upper bound for the size of an MP4 index over streams with so many packets.
///
/// Per packet: 4 bytes of size (`stsz`), 8 of composition offset (`ctts`), 4 when it is a keyframe
/// (`stss`), 1 of dependency (`sdtp`), 8 of place (`co64`) and 12 of chunk (`stsc`) if every packet
/// were a chunk of its own. What is left over becomes a `free` box.
fn index_bytes(packets: &[u64]) -> u64 {
    packets.iter().map(|packets| 4096 + 37 * packets).sum()
}
