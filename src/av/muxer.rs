//! A container being written.

use std::ffi::{c_int, c_uint};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

use ffmpeg_next::{Packet, Rational, ffi};

use super::encoder::{Described, Options};
use super::{AvError, c_string, check, log};
use crate::color::{ContentLightLevel, MasteringDisplay};

/// Settings of the container.
#[derive(Clone, Debug, Default)]
pub(crate) struct MuxerSettings {
    /// FFmpeg's name, such as `mp4`.
    pub format: String,
    /// The number of packets that will come in each stream, to leave room for their index at the
    /// front.
    pub packets: Vec<u64>,
    /// Whether the file is made of fragments, each with an index of its own.
    pub fragmented: bool,
    /// The muxer's own options. One that it does not know is an error.
    pub options: Vec<(String, String)>,
    /// Title and other metadata of the whole file.
    pub metadata: Vec<(String, String)>,
    /// The program that the file states as its writer, if any.
    pub encoder: Option<String>,
    /// Language and other metadata of each stream.
    pub stream_metadata: Vec<Vec<(String, String)>>,
    /// The four characters that name the first stream's codec, where the usual ones will not do.
    pub codec_tag: Option<[u8; 4]>,
    pub chapters: Vec<MuxedChapter>,
    /// The distance in microseconds that the packets of two streams may have, where a stream has
    /// few; without it they wait for each other.
    pub apart_us: Option<u64>,
    /// The light of the first stream's pictures, for the head.
    pub light: Option<(MasteringDisplay, Option<ContentLightLevel>)>,
}

/// A part of the whole with a name.
#[derive(Clone, Debug)]
pub(crate) struct MuxedChapter {
    /// Milliseconds.
    pub start: i64,
    /// Milliseconds.
    pub end: i64,
    pub title: String,
}

/// `AVMasteringDisplayMetadata` of libavutil, which the bindings leave out.
#[repr(C)]
struct AvMasteringDisplay {
    display_primaries: [[ffi::AVRational; 2]; 3],
    white_point: [ffi::AVRational; 2],
    min_luminance: ffi::AVRational,
    max_luminance: ffi::AVRational,
    has_primaries: c_int,
    has_luminance: c_int,
}

/// `AVContentLightMetadata` of libavutil, which the bindings leave out.
#[repr(C)]
struct AvContentLight {
    max_cll: c_uint,
    max_fall: c_uint,
}

/// The longest wait for a pipe whose reader takes nothing, in microseconds: ten minutes.
const READER_PATIENCE_US: u64 = 600_000_000;

/// The place where a container is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MuxTarget<'a> {
    File(&'a Path),
    /// An open descriptor, which cannot be rewritten, and its name in errors.
    Descriptor(u32, &'a Path),
    /// Nothing, for formats that write no file.
    Nowhere,
}

impl MuxTarget<'_> {
    /// libav's address, and the name in errors.
    pub(super) fn address(self) -> Result<(String, PathBuf), AvError> {
        match self {
            // Without the scheme, a colon in the name would be taken for one.
            Self::File(path) => {
                let doing = || format!("cannot write {}", path.display());
                let text =
                    path.to_str().ok_or_else(|| AvError::refused(doing(), "not valid UTF-8"))?;
                Ok((format!("file:{text}"), path.to_owned()))
            }
            Self::Descriptor(number, name) => Ok((format!("pipe:{number}"), name.to_owned())),
            Self::Nowhere => Ok((String::new(), "nowhere".into())),
        }
    }
}

/// The conversion of a stream's time stamps to the container's.
#[derive(Clone, Copy, Debug)]
struct MuxedStream {
    encoder: Rational,
    container: Rational,
    /// Added to time stamps of the encoder, in its units.
    shift: i64,
}

/// Opens the `target` at `url` for writing.
pub(super) fn open_for_writing(
    context: &mut *mut ffi::AVIOContext,
    url: &str,
    target: MuxTarget<'_>,
    doing: &str,
) -> Result<(), AvError> {
    let mut options = Options::default();
    if matches!(target, MuxTarget::Descriptor(..)) {
        options.set("rw_timeout", &READER_PATIENCE_US.to_string())?;
    }
    let url = c_string(url)?;
    // SAFETY: a C string, the place that libav wants filled, and our own dictionary.
    let opened = unsafe {
        ffi::avio_open2(
            context,
            url.as_ptr(),
            ffi::AVIO_FLAG_WRITE,
            ptr::null(),
            &raw mut options.0,
        )
    };
    check(opened, doing).map(drop)
}

/// An output file whose header is written.
#[derive(Debug)]
pub(crate) struct Muxer {
    context: NonNull<ffi::AVFormatContext>,
    path: PathBuf,
    streams: Vec<MuxedStream>,
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

    /// Opens `target`, truncates a file, and writes the header for one stream per encoder.
    pub(crate) fn create(
        target: MuxTarget<'_>,
        encoders: &[&dyn Described],
        settings: &MuxerSettings,
    ) -> Result<Self, AvError> {
        super::init();
        log::clear();
        let (url, path) = target.address()?;
        let doing = || format!("cannot write {}", path.display());
        let context = allocate(&url, &settings.format, &doing())?;
        let mut muxer = Self { context, path: path.clone(), streams: Vec::new(), finished: false };
        let streams = muxer.add_streams(encoders, settings, &doing())?;
        if let (Some(tag), Some(stream)) = (settings.codec_tag, streams.first()) {
            // SAFETY: the parameters of a valid stream.
            unsafe { (*(*stream.as_ptr()).codecpar).codec_tag = u32::from_le_bytes(tag) };
        }
        if let (Some((display, level)), false) = (settings.light, streams.is_empty()) {
            muxer.set_light(0, display, level)?;
        }
        // SAFETY: a valid context, whose dictionary it frees.
        set_all(unsafe { &raw mut (*context.as_ptr()).metadata }, &settings.metadata)?;
        for chapter in &settings.chapters {
            muxer.add_chapter(chapter)?;
        }
        // SAFETY: plain fields of a valid context.
        let raw = unsafe { &mut *context.as_ptr() };
        // Packets wait for those of the other streams, even if an encoder sends them far apart.
        raw.max_interleave_delta = settings.apart_us.unwrap_or_default().cast_signed();
        // Same job, same bytes: no random identifiers and no dates.
        raw.flags |= ffi::AVFMT_FLAG_BITEXACT;
        // Such as FLAC in MP4, which older versions call an experiment.
        raw.strict_std_compliance = ffi::FF_COMPLIANCE_EXPERIMENTAL;
        let is_matroska = ["matroska", "webm"].contains(&settings.format.as_str());
        if is_matroska || settings.format == "hls" {
            // These formats store the priming of sound and the delay of pictures; otherwise all
            // would be late by it.
            raw.avoid_negative_ts = ffi::AVFMT_AVOID_NEG_TS_DISABLED;
        }

        // SAFETY: a muxer that is in use has a format.
        let writes_itself = unsafe { (*raw.oformat).flags } & ffi::AVFMT_NOFILE != 0;
        if !writes_itself {
            open_for_writing(&mut raw.pb, &url, target, &doing())?;
        }

        muxer.write_header(&streams, settings, &doing())?;
        for (encoder, stream) in encoders.iter().zip(&streams) {
            // SAFETY: streams live as long as the context; the muxer may have changed their base.
            let raw = unsafe { stream.as_ref() };
            // SAFETY: the parameters of a valid stream.
            let parameters = unsafe { &*raw.codecpar };
            let is_delayed = is_matroska && parameters.codec_id == ffi::AVCodecID::AV_CODEC_ID_OPUS;
            let shift = if is_delayed && leaves_delay_to_us() {
                parameters.initial_padding.into()
            } else {
                0
            };
            let (encoder, container) = (encoder.time_base(), raw.time_base.into());
            muxer.streams.push(MuxedStream { encoder, container, shift });
        }
        Ok(muxer)
    }

    /// Adds a stream for each encoder, with its description.
    fn add_streams(
        &mut self,
        encoders: &[&dyn Described],
        settings: &MuxerSettings,
        doing: &str,
    ) -> Result<Vec<NonNull<ffi::AVStream>>, AvError> {
        let add = |(i, encoder): (usize, &&dyn Described)| {
            // SAFETY: a valid context without a header.
            let stream = unsafe { ffi::avformat_new_stream(self.context.as_ptr(), ptr::null()) };
            let stream = NonNull::new(stream).ok_or_else(|| AvError::out_of_memory(doing))?;
            encoder.describe(stream)?;
            let metadata = settings.stream_metadata.get(i).map_or(&[][..], Vec::as_slice);
            // SAFETY: a valid stream, whose dictionary the context frees.
            set_all(unsafe { &raw mut (*stream.as_ptr()).metadata }, metadata)?;
            Ok(stream)
        };
        encoders.iter().enumerate().map(add).collect()
    }

    /// Begins the file. An option that the muxer does not know is an error.
    fn write_header(
        &mut self,
        streams: &[NonNull<ffi::AVStream>],
        settings: &MuxerSettings,
        doing: &str,
    ) -> Result<(), AvError> {
        // SAFETY: streams live as long as the context, and so do their parameters.
        let heads =
            streams.iter().map(|stream| unsafe { (*stream.as_ref().codecpar).extradata_size });
        let mut options = container_options(settings, heads.map(i64::from).sum())?;
        // SAFETY: a valid context with its streams and an open file.
        let begun = unsafe { ffi::avformat_init_output(self.context.as_ptr(), &raw mut options.0) };
        check(begun, doing)?;
        if let Some(name) = &settings.encoder {
            // libav has just set this to its own name, or to nothing where bytes must not vary.
            let tag = [("encoder".to_owned(), name.clone())];
            // SAFETY: a valid context, whose dictionary it frees.
            set_all(unsafe { &raw mut (*self.context.as_ptr()).metadata }, &tag)?;
        }
        // SAFETY: as above; the options have been taken.
        let header = unsafe { ffi::avformat_write_header(self.context.as_ptr(), ptr::null_mut()) };
        check(header, doing)?;
        if let Some(key) = options.first_left() {
            return Err(AvError::refused(doing, format!("option `{key}` is unknown to the muxer")));
        }
        Ok(())
    }

    fn add_chapter(&mut self, chapter: &MuxedChapter) -> Result<(), AvError> {
        let out_of_memory = || AvError::out_of_memory("chapter");
        // SAFETY: allocates zeroed memory of that size, or returns null.
        let new = unsafe { ffi::av_mallocz(size_of::<ffi::AVChapter>()) }.cast::<ffi::AVChapter>();
        // SAFETY: null, or a zeroed structure that nobody else knows; zero is valid in all fields.
        let raw = unsafe { new.as_mut() }.ok_or_else(out_of_memory)?;
        // SAFETY: a valid context.
        let context = unsafe { self.context.as_mut() };
        raw.id = (i64::from(context.nb_chapters) + 1) as _;
        raw.time_base = ffi::AVRational { num: 1, den: 1000 };
        (raw.start, raw.end) = (chapter.start, chapter.end);
        let title = [("title".to_owned(), chapter.title.clone())];
        let set = set_all(&raw mut raw.metadata, &title);
        let mut count = context.nb_chapters.cast_signed();
        // SAFETY: the array and the count of a valid context, which frees what it holds.
        let added = unsafe {
            ffi::av_dynarray_add_nofree(
                (&raw mut context.chapters).cast(),
                &raw mut count,
                new.cast(),
            )
        };
        check(added, "chapter")?;
        context.nb_chapters = count.cast_unsigned();
        set
    }

    /// Writes one packet of the encoder with this number.
    pub(crate) fn write(&mut self, stream: usize, mut packet: Packet) -> Result<(), AvError> {
        use ffmpeg_next::codec::packet::traits::Mut as _;
        let MuxedStream { encoder, container, shift } = self.streams[stream];
        packet.set_pts(packet.pts().map(|pts| pts + shift));
        packet.set_dts(packet.dts().map(|dts| dts + shift));
        packet.rescale_ts(encoder, container);
        packet.set_stream(stream);
        log::clear();
        // SAFETY: both are valid, and the header is written; libav takes the packet's reference.
        let written =
            unsafe { ffi::av_interleaved_write_frame(self.context.as_ptr(), packet.as_mut_ptr()) };
        check(written, self.doing())?;
        self.check_file()
    }

    /// Sets the display and the light of HDR pictures, before the header is written.
    fn set_light(
        &mut self,
        stream: usize,
        display: MasteringDisplay,
        level: Option<ContentLightLevel>,
    ) -> Result<(), AvError> {
        use ffi::AVPacketSideDataType::{
            AV_PKT_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        };
        let ratio = |num: u32, den| ffi::AVRational { num: num.cast_signed(), den };
        let point = |[x, y]: [u16; 2]| [ratio(x.into(), 50_000), ratio(y.into(), 50_000)];
        let mastering = AvMasteringDisplay {
            display_primaries: display.primaries.map(point),
            white_point: point(display.white),
            min_luminance: ratio(display.min_luminance, 10_000),
            max_luminance: ratio(display.max_luminance, 10_000),
            has_primaries: 1,
            has_luminance: 1,
        };
        self.set_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &mastering)?;
        let Some(level) = level else { return Ok(()) };
        let light = AvContentLight {
            max_cll: level.max_content.into(),
            max_fall: level.max_frame_average.into(),
        };
        self.set_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &light)
    }

    /// Attaches a structure of plain numbers to a stream.
    fn set_side_data<T>(
        &mut self,
        stream: usize,
        kind: ffi::AVPacketSideDataType,
        value: &T,
    ) -> Result<(), AvError> {
        let bytes = size_of::<T>();
        // SAFETY: a stream of a valid context.
        let stream = unsafe { *(*self.context.as_ptr()).streams.add(stream) };
        #[cfg(not(coded_side_data))]
        // SAFETY: as above; the stream owns what is returned, or it is null.
        let place = unsafe { ffi::av_stream_new_side_data(stream, kind, bytes) };
        #[cfg(coded_side_data)]
        // SAFETY: the parameters of that stream own what is returned, or it is null.
        let place = unsafe {
            let parameters = (*stream).codecpar;
            let data = ffi::av_packet_side_data_new(
                &raw mut (*parameters).coded_side_data,
                &raw mut (*parameters).nb_coded_side_data,
                kind,
                bytes,
                0,
            );
            data.as_ref().map_or(ptr::null_mut(), |data| data.data)
        };
        if place.is_null() {
            return Err(AvError::out_of_memory(self.doing()));
        }
        // SAFETY: so many bytes were allocated there, for a structure of this type.
        unsafe { ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>(), place, bytes) };
        Ok(())
    }

    /// Writes the remaining packets, and closes the file. Returns its size in bytes.
    pub(crate) fn finish(mut self) -> Result<u64, AvError> {
        log::clear();
        self.finished = true;
        // SAFETY: the header is written, and this happens once.
        let trailer = unsafe { ffi::av_write_trailer(self.context.as_ptr()) };
        check(trailer, self.doing())?;
        self.check_file()?;
        // SAFETY: a valid context.
        let pb = unsafe { &raw mut (*self.context.as_ptr()).pb };
        // SAFETY: as above.
        if unsafe { (*pb).is_null() } {
            return Ok(0);
        }
        // SAFETY: the file is open; where there is no size, there is a place.
        let bytes = match unsafe { ffi::avio_size(*pb) } {
            // SAFETY: as above.
            ..0 => unsafe { ffi::avio_seek(*pb, 0, 1) },
            bytes => bytes,
        };
        // SAFETY: as above; closing flushes and reports what could not be written.
        let closed = unsafe { ffi::avio_closep(pb) };
        check(closed, self.doing())?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// Reports a failed write as soon as it is known.
    fn check_file(&self) -> Result<(), AvError> {
        // SAFETY: the context is valid, and its file null or open.
        let error = unsafe { (*self.context.as_ptr()).pb.as_ref() }.map_or(0, |file| file.error);
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

/// A context for a file of this format.
fn allocate(
    url: &str,
    format: &str,
    doing: &str,
) -> Result<NonNull<ffi::AVFormatContext>, AvError> {
    let (url, format) = (c_string(url)?, c_string(format)?);
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
    check(allocated, doing)?;
    NonNull::new(context).ok_or_else(|| AvError::out_of_memory(doing))
}

fn set_all(
    dictionary: *mut *mut ffi::AVDictionary,
    entries: &[(String, String)],
) -> Result<(), AvError> {
    for (key, value) in entries {
        let (key, value) = (c_string(key)?, c_string(value)?);
        // SAFETY: the place of a dictionary, and two C strings, which libav copies.
        let set = unsafe { ffi::av_dict_set(dictionary, key.as_ptr(), value.as_ptr(), 0) };
        check(set, "metadata")?;
    }
    Ok(())
}

/// Whether the loaded libavformat writes Opus into Matroska by the encoder's time stamps.
///
/// A track states the priming of its sound (`CodecDelay`), and players subtract that from each
/// block's time, so the first block stands at 0. Since 59.30.100 (FFmpeg 6) the muxer ensures that.
fn leaves_delay_to_us() -> bool {
    const SINCE: c_uint = (59 << 16) + (30 << 8) + 100;
    // SAFETY: a pure function without arguments.
    (unsafe { ffi::avformat_version() }) < SINCE
}

/// The options for the muxer; `heads` are the bytes of all parameter sets.
fn container_options(settings: &MuxerSettings, heads: i64) -> Result<Options, AvError> {
    let mut options = Options::default();
    if ["mp4", "mov", "ipod"].contains(&settings.format.as_str()) {
        if settings.fragmented {
            let flags = "frag_keyframe+empty_moov+default_base_moof+delay_moov";
            options.set("movflags", flags)?;
        } else {
            // The index before the media ("faststart") without writing the file twice.
            let room = index_bytes(settings) + heads.unsigned_abs();
            options.set("moov_size", &room.to_string())?;
        }
    }
    for (key, value) in &settings.options {
        options.set(key, value)?;
    }
    Ok(options)
}

/// An upper bound for the size of an MP4 index, but for the parameter sets of its streams.
///
/// Per packet: 4 bytes of size (`stsz`), 8 of composition offset (`ctts`), 4 when it is a keyframe
/// (`stss`), 1 of dependency (`sdtp`), 8 of place (`co64`) and 12 of chunk (`stsc`) if every packet
/// were a chunk of its own. Chapters are packets of a stream of their own and stand in a list,
/// which holds their names. The remainder becomes a `free` box.
fn index_bytes(settings: &MuxerSettings) -> u64 {
    /// Twice what a stream's boxes take without their tables and texts.
    const STREAM: u64 = 2048;
    const PACKET: u64 = 37;
    /// Boxes around a text, twice: some stand in two places.
    const TEXT: u64 = 2 * 64;
    let bytes = |text: &str| text.len() as u64;
    let tags = settings.metadata.iter().chain(settings.stream_metadata.iter().flatten());
    let tags = tags.map(|(key, value)| TEXT + 2 * (bytes(key) + bytes(value)));
    let program = settings.encoder.as_deref().map_or(0, |name| TEXT + 2 * bytes(name));
    // The list has a time for each, the stream also its length.
    let chapters = settings.chapters.iter().map(|chapter| PACKET + 32 + 2 * bytes(&chapter.title));
    let packets = settings.packets.iter().map(|packets| STREAM + PACKET * packets);
    // What the whole file has, and streams of chapters and of a time code where it has them.
    let has_code = settings.stream_metadata.iter().flatten().any(|(key, _)| key == "timecode");
    let more = 1 + u64::from(!settings.chapters.is_empty()) + u64::from(has_code);
    more * STREAM + packets.chain(tags).chain(chapters).sum::<u64>() + program
}
