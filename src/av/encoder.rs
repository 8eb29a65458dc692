//! A video encoder: frames in, packets out.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use ffmpeg_next::{Packet, Rational, ffi};

use super::frame::{ColorTags, av_pixel_format};
use super::{AvError, VideoFrame, c_string, check, log};
use crate::color::Cicp;
use crate::frame::{CodedFormat, Size};
use crate::time::FrameRate;

/// The settings with which an encoder is opened.
#[derive(Clone, Debug)]
pub(crate) struct EncoderSettings {
    /// FFmpeg's name, such as `libx264`.
    pub name: String,
    pub size: Size,
    pub frame_rate: FrameRate,
    pub format: CodedFormat,
    pub color: Cicp,
    pub rate: RateControl,
    /// Most frames from one keyframe to the next.
    pub gop: Option<u32>,
    /// Whether frames may refer to those of the group before.
    pub open_gop: bool,
    /// The pass, if there are two.
    pub pass: Option<Pass>,
    /// The number of threads; more than one frame may then be in the works.
    pub threads: u32,
    /// The encoder's own options. One that it does not know is an error.
    pub options: Vec<(String, String)>,
    /// Whether the container keeps the parameter sets apart from the packets.
    pub global_header: bool,
}

/// The bits to spend, where the encoder is not controlled by quality alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateControl {
    /// Target bits per second.
    pub bitrate: Option<u64>,
    /// Most bits per second over the time that `buffer` holds.
    pub max_rate: Option<u64>,
    /// The decoder's buffer, in bits.
    pub buffer: Option<u64>,
}

/// One of two passes.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    /// Only measures. Take the result with [`Encoder::take_statistics`].
    First,
    /// Spends bits by the statistics of the first.
    Second(String),
}

/// An encoder's answer when asked for a packet.
pub(crate) enum Received {
    /// The next packet, in decoding order, in the encoder's time base.
    Packet(Packet),
    /// None until it gets another frame.
    NeedsInput,
    /// None any more: every frame has come out.
    Drained,
}

/// An open encoder. Frame `n` has pts `n`, in units of one frame.
#[derive(Debug)]
pub(crate) struct Encoder {
    context: NonNull<ffi::AVCodecContext>,
    name: String,
    /// The statistics of a first pass so far.
    statistics: String,
}

// SAFETY: libav contexts may move between threads as long as one at a time uses them.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Opens the encoder, and refuses options that it does not know.
    pub(crate) fn open(settings: &EncoderSettings) -> Result<Self, AvError> {
        super::init();
        let doing = || format!("encoder {}", settings.name);
        let name = c_string(&settings.name)?;
        // SAFETY: `name` is a C string; the answer is null or static.
        let codec = unsafe { ffi::avcodec_find_encoder_by_name(name.as_ptr()) };
        if codec.is_null() {
            return Err(AvError::refused(doing(), "not in the linked libavcodec"));
        }
        // SAFETY: `codec` is a valid encoder.
        let context = unsafe { ffi::avcodec_alloc_context3(codec) };
        let context = NonNull::new(context).ok_or_else(|| AvError::out_of_memory(doing()))?;
        let mut encoder = Self { context, name: settings.name.clone(), statistics: String::new() };
        encoder.configure(settings)?;

        let mut options = Options::default();
        for (key, value) in &settings.options {
            options.set(key, value)?;
        }
        log::clear();
        // SAFETY: context and codec belong together, and the dictionary is ours.
        let opened =
            unsafe { ffi::avcodec_open2(encoder.context.as_ptr(), codec, &raw mut options.0) };
        // libx264 reports a bad option only in its log, then returns a bare "external error".
        let complaints = log::take();
        if opened < 0 {
            let mut error = AvError::new(doing(), opened);
            error.log = complaints.into_iter().next();
            return Err(error);
        }
        if let Some(key) = options.first_left() {
            return Err(AvError::refused(doing(), format!("option `{key}` is unknown to it")));
        }
        let refused = |line: &&String| line.contains("Error parsing option");
        if let Some(line) = complaints.iter().find(refused) {
            return Err(AvError::refused(doing(), line.as_str()));
        }
        Ok(encoder)
    }

    fn configure(&mut self, settings: &EncoderSettings) -> Result<(), AvError> {
        let too_large = |what: &str| {
            AvError::refused(format!("encoder {}", settings.name), format!("{what} is too large"))
        };
        let (num, den) = (settings.frame_rate.num.get(), settings.frame_rate.den.get());
        let num = c_int::try_from(num).ok().ok_or_else(|| too_large("the frame rate"))?;
        let den = c_int::try_from(den).ok().ok_or_else(|| too_large("the frame rate"))?;
        let tags = ColorTags::from(settings.color);
        // SAFETY: the context is ours and not open yet.
        let raw = unsafe { self.context.as_mut() };
        raw.width =
            c_int::try_from(settings.size.width).ok().ok_or_else(|| too_large("the width"))?;
        raw.height =
            c_int::try_from(settings.size.height).ok().ok_or_else(|| too_large("the height"))?;
        raw.pix_fmt = av_pixel_format(settings.format);
        raw.time_base = ffi::AVRational { num: den, den: num };
        raw.framerate = ffi::AVRational { num, den };
        raw.sample_aspect_ratio = ffi::AVRational { num: 1, den: 1 };
        raw.color_primaries = tags.primaries;
        raw.color_trc = tags.transfer;
        raw.colorspace = tags.matrix;
        raw.color_range = tags.range;
        if settings.format.is_yuv() {
            raw.chroma_sample_location = ffi::AVChromaLocation::AVCHROMA_LOC_LEFT;
        }
        raw.bits_per_raw_sample = c_int::try_from(settings.format.bits()).unwrap_or_default();
        raw.thread_count =
            c_int::try_from(settings.threads).ok().ok_or_else(|| too_large("threads"))?;
        if let Some(gop) = settings.gop {
            raw.gop_size = c_int::try_from(gop).ok().ok_or_else(|| too_large("gop"))?;
        }
        let RateControl { bitrate, max_rate, buffer } = settings.rate;
        if let Some(bitrate) = bitrate {
            raw.bit_rate = i64::try_from(bitrate).ok().ok_or_else(|| too_large("the bitrate"))?;
        }
        if let Some(rate) = max_rate {
            raw.rc_max_rate = i64::try_from(rate).ok().ok_or_else(|| too_large("maxRate"))?;
        }
        if let Some(bits) = buffer {
            raw.rc_buffer_size = c_int::try_from(bits).ok().ok_or_else(|| too_large("buffer"))?;
        }
        if !settings.open_gop {
            raw.flags |= ffi::AV_CODEC_FLAG_CLOSED_GOP.cast_signed();
        }
        match &settings.pass {
            None => {}
            Some(Pass::First) => raw.flags |= ffi::AV_CODEC_FLAG_PASS1.cast_signed(),
            Some(Pass::Second(statistics)) => {
                raw.flags |= ffi::AV_CODEC_FLAG_PASS2.cast_signed();
                let text = c_string(statistics)?;
                // SAFETY: a C string, which libav copies; the context frees the copy.
                raw.stats_in = unsafe { ffi::av_strdup(text.as_ptr()) };
            }
        }
        if settings.global_header {
            raw.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER.cast_signed();
        }
        Ok(())
    }

    /// Sends the next frame, to be shown at `pts`. Drain with [`Self::receive`] after each.
    pub(crate) fn send(&mut self, frame: &mut VideoFrame, pts: i64) -> Result<(), AvError> {
        log::clear();
        // SAFETY: the encoder takes its own references to what it keeps.
        let sent = unsafe { ffi::avcodec_send_frame(self.context.as_ptr(), frame.as_ptr_at(pts)) };
        check(sent, format!("encoder {}, frame {pts}", self.name)).map(drop)
    }

    /// Tells the encoder that no frame will follow.
    pub(crate) fn send_end(&mut self) -> Result<(), AvError> {
        // SAFETY: a null frame means the end of the stream.
        let sent = unsafe { ffi::avcodec_send_frame(self.context.as_ptr(), ptr::null()) };
        check(sent, format!("encoder {}, end of stream", self.name)).map(drop)
    }

    /// Asks for the next packet.
    pub(crate) fn receive(&mut self) -> Result<Received, AvError> {
        let mut received = receive(self.context, &self.name)?;
        // SAFETY: null, or a C string that lives until the next call.
        let told = unsafe { self.context.as_mut() }.stats_out;
        if !told.is_null() && !matches!(received, Received::NeedsInput) {
            // SAFETY: as above.
            self.statistics += &unsafe { std::ffi::CStr::from_ptr(told) }.to_string_lossy();
        }
        if let Received::Packet(packet) = &mut received {
            // Without it the last frame would have no length in the container.
            packet.set_duration(1);
        }
        Ok(received)
    }
}

impl Encoder {
    /// The stream's head, such as parameter sets: empty where they come with the packets.
    pub(crate) fn head(&self) -> &[u8] {
        // SAFETY: an open encoder.
        let context = unsafe { self.context.as_ref() };
        let length = usize::try_from(context.extradata_size).unwrap_or_default();
        if context.extradata.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the context keeps as many bytes as it says, as long as it lives.
        unsafe { std::slice::from_raw_parts(context.extradata, length) }
    }

    /// Takes the statistics of a first pass, once everything has come out.
    pub(crate) fn take_statistics(&mut self) -> String {
        std::mem::take(&mut self.statistics)
    }
}

/// The description of a stream that the muxer needs.
pub(crate) trait Described {
    /// The unit of its time stamps.
    fn time_base(&self) -> Rational;

    /// Describes the stream to the muxer, whose header is not written yet.
    fn describe(&self, stream: NonNull<ffi::AVStream>) -> Result<(), AvError>;
}

impl Described for Encoder {
    fn time_base(&self) -> Rational {
        // SAFETY: reads a plain field of a valid context.
        unsafe { self.context.as_ref() }.time_base.into()
    }

    fn describe(&self, stream: NonNull<ffi::AVStream>) -> Result<(), AvError> {
        describe(self.context, stream)?;
        // SAFETY: a valid stream of a muxer whose header is not written.
        let stream = unsafe { &mut *stream.as_ptr() };
        // SAFETY: an open encoder.
        let context = unsafe { self.context.as_ref() };
        stream.avg_frame_rate = context.framerate;
        stream.r_frame_rate = context.framerate;
        stream.sample_aspect_ratio = context.sample_aspect_ratio;
        Ok(())
    }
}

/// Copies the parameters that every kind of stream has.
pub(super) fn describe(
    context: NonNull<ffi::AVCodecContext>,
    stream: NonNull<ffi::AVStream>,
) -> Result<(), AvError> {
    // SAFETY: a valid stream of a muxer whose header is not written.
    let stream = unsafe { &mut *stream.as_ptr() };
    // SAFETY: an open encoder, and the parameters of that stream.
    let copied = unsafe { ffi::avcodec_parameters_from_context(stream.codecpar, context.as_ptr()) };
    check(copied, "stream parameters")?;
    // SAFETY: as above.
    stream.time_base = unsafe { context.as_ref() }.time_base;
    Ok(())
}

/// Asks an open encoder for its next packet.
pub(super) fn receive(
    context: NonNull<ffi::AVCodecContext>,
    name: &str,
) -> Result<Received, AvError> {
    use ffmpeg_next::codec::packet::traits::Mut as _;
    let mut packet = Packet::empty();
    // SAFETY: both are valid; on success the packet owns its data.
    let code = unsafe { ffi::avcodec_receive_packet(context.as_ptr(), packet.as_mut_ptr()) };
    match code {
        ffi::AVERROR_EOF => Ok(Received::Drained),
        again if again == ffi::AVERROR(ffi::EAGAIN) => Ok(Received::NeedsInput),
        code => {
            check(code, format!("encoder {name}"))?;
            Ok(Received::Packet(packet))
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let mut context = self.context.as_ptr();
        // SAFETY: the context is ours; closing waits for its threads.
        unsafe { ffi::avcodec_free_context(&raw mut context) };
    }
}

/// A dictionary of options.
pub(super) struct Options(pub *mut ffi::AVDictionary);

impl Default for Options {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

impl Options {
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), AvError> {
        let (c_key, c_value) = (c_string(key)?, c_string(value)?);
        // SAFETY: two C strings, which libav copies.
        let set = unsafe { ffi::av_dict_set(&raw mut self.0, c_key.as_ptr(), c_value.as_ptr(), 0) };
        check(set, format!("option {key}")).map(drop)
    }

    /// The first option that was not taken.
    pub(super) fn first_left(&self) -> Option<String> {
        // SAFETY: an empty key with this flag walks through all entries.
        let entry = unsafe {
            ffi::av_dict_get(self.0, c"".as_ptr(), ptr::null(), ffi::AV_DICT_IGNORE_SUFFIX as c_int)
        };
        // SAFETY: null, or an entry that lives in the dictionary.
        let key = unsafe { entry.as_ref() }?.key;
        // SAFETY: keys are C strings.
        Some(unsafe { std::ffi::CStr::from_ptr(key) }.to_string_lossy().into_owned())
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the dictionary is ours, or null.
        unsafe { ffi::av_dict_free(&raw mut self.0) };
    }
}
