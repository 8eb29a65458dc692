//! Pictures of a video file, decoded one after the other.

use std::ffi::c_int;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::ptr::NonNull;

use ffmpeg_next::codec::packet::side_data::Type as SideDataType;
use ffmpeg_next::codec::packet::traits::Ref as _;
use ffmpeg_next::{Packet, codec, ffi, format, media};

use super::AvError;
use super::combing::seem_whole;
use super::door::{MediaInput, open_media};
use super::length::said_length;
use super::parameters::ParameterWatch;
use super::png_color::png_color;
use super::shape::{Orientation, Shape, StreamShape, aspect};

/// Frames that are decoded to find the display time of interlaced ones.
const LOOKED_AT: usize = 8;

/// The meaning of a source's code values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceTransfer {
    /// Light up to a white, as displays show it.
    Sdr,
    /// Light in nit (SMPTE ST 2084).
    Pq,
    /// Light of the scene (ITU-R BT.2100, HLG).
    Hlg,
}

/// The facts in a video file about its pictures.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "answers to different questions")]
pub(crate) struct SourceFacts {
    /// The shape of the first picture.
    pub shape: Shape,
    /// The container's shape for all pictures.
    pub stream_shape: StreamShape,
    pub has_alpha: bool,
    /// Whether the file has a sound stream.
    pub has_sound: bool,
    /// The display time of a frame in ticks, where some of the first are interlaced.
    pub interlaced_ticks: Option<i64>,
    /// Whether the first frames that are marked as interlaced are of one moment each.
    pub seems_whole: bool,
    pub transfer: SourceTransfer,
    /// Whether its components can be read at full depth, in known colors, and opaque.
    pub is_readable: bool,
    /// The brightest light of the display it was made on, in nit, if stated.
    pub peak: Option<f64>,
    /// Seconds of one tick of all time stamps.
    pub tick: f64,
    /// The beginning of the file's own time, in ticks.
    pub start: i64,
    /// The length of the file in seconds, where its container knows it.
    pub duration: Option<f64>,
}

impl SourceFacts {
    /// The shape of one of its pictures.
    pub(crate) fn shape_of(&self, frame: &DecodedFrame) -> Shape {
        self.stream_shape.of_frame(frame.as_ref()).unwrap_or(self.shape)
    }
}

/// A decoded picture in its codec's own format. Clones share its pixels.
#[derive(Debug)]
pub(crate) struct DecodedFrame {
    frame: NonNull<ffi::AVFrame>,
}

// SAFETY: a decoded frame is never written to, and libav's buffer counts are atomic.
unsafe impl Send for DecodedFrame {}
// SAFETY: as above.
unsafe impl Sync for DecodedFrame {}

impl DecodedFrame {
    pub(super) fn empty() -> Result<Self, AvError> {
        // SAFETY: allocates, or returns null.
        let frame = NonNull::new(unsafe { ffi::av_frame_alloc() });
        frame.map(|frame| Self { frame }).ok_or_else(|| AvError::out_of_memory("frame"))
    }

    /// Sets its colors, in code points of H.273, before it is shared. Colors that are not HDR are
    /// not set.
    fn tag(&self, primaries: u8, transfer: u8) {
        use ffi::AVColorPrimaries as Primaries;
        use ffi::AVColorTransferCharacteristic as Trc;
        let transfer = match transfer {
            16 => Trc::AVCOL_TRC_SMPTE2084,
            18 => Trc::AVCOL_TRC_ARIB_STD_B67,
            _ => return,
        };
        let primaries = match primaries {
            1 => Primaries::AVCOL_PRI_BT709,
            9 => Primaries::AVCOL_PRI_BT2020,
            12 => Primaries::AVCOL_PRI_SMPTE432,
            _ => Primaries::AVCOL_PRI_RESERVED0,
        };
        // SAFETY: the frame is ours, and nobody else has seen it.
        unsafe {
            (*self.frame.as_ptr()).color_trc = transfer;
            (*self.frame.as_ptr()).color_primaries = primaries;
        }
    }

    /// libav's mutable view of it, to be filled by its maker before it is shared.
    pub(super) fn as_mut_ptr(&self) -> *mut ffi::AVFrame {
        self.frame.as_ptr()
    }

    /// libav's view of it.
    pub(super) fn as_ref(&self) -> &ffi::AVFrame {
        // SAFETY: a valid frame that nobody writes to.
        unsafe { self.frame.as_ref() }
    }

    /// The time at which it is shown, in ticks of its file.
    pub(crate) fn pts(&self) -> Option<i64> {
        let raw = self.as_ref();
        [raw.best_effort_timestamp, raw.pts].into_iter().find(|&t| t != ffi::AV_NOPTS_VALUE)
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let raw = self.as_ref();
        // SAFETY: buffers are null or valid as long as the frame is.
        let size =
            |buffer: &*mut ffi::AVBufferRef| unsafe { buffer.as_ref() }.map_or(0, |b| b.size);
        raw.buf.iter().map(size).sum()
    }
}

impl Drop for DecodedFrame {
    fn drop(&mut self) {
        let mut frame = self.frame.as_ptr();
        // SAFETY: the frame is ours.
        unsafe { ffi::av_frame_free(&raw mut frame) };
    }
}

/// An open video file, at some position.
pub(crate) struct VideoReader {
    pub(super) input: MediaInput,
    pub(super) decoder: codec::decoder::Video,
    pub(super) stream: usize,
    pub(super) name: String,
    pub(super) is_drained: bool,
    /// The colors that a PNG states.
    png_color: Option<[u8; 4]>,
}

impl std::fmt::Debug for VideoReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoReader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl VideoReader {
    /// Opens the best video stream of the file at `path`, to be decoded by so many threads.
    pub(crate) fn open(path: &Path, threads: usize) -> Result<Self, AvError> {
        super::init();
        let name = path.display().to_string();
        let doing = || format!("cannot read the video {name}");
        let failed = |e: ffmpeg_next::Error| AvError::of(doing(), e);
        let input = open_media(path, &doing())?;
        let stream = input
            .streams()
            .filter(|s| !s.disposition().contains(format::stream::Disposition::ATTACHED_PIC))
            .filter(|s| s.parameters().medium() == media::Type::Video)
            .max_by_key(|s| {
                input.streams().best(media::Type::Video).is_some_and(|b| b.index() == s.index())
            })
            .ok_or_else(|| AvError::refused(doing(), "it has no video stream"))?;
        let index = stream.index();
        let mut context = codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
        let id = context.id();
        let codec = Self::codec_of(id, stream.metadata().get("alpha_mode") == Some("1"))
            .ok_or_else(|| {
                AvError::refused(doing(), format!("libavcodec has no decoder for {}", id.name()))
            })?;
        context.set_threading(codec::threading::Config::count(threads));
        // SAFETY: the context is ours and not open yet.
        unsafe { (*context.as_mut_ptr()).pkt_timebase = stream.time_base().into() };
        let decoder = context.decoder().open_as(codec).and_then(codec::decoder::Opened::video);
        let decoder = decoder.map_err(failed)?;
        let png_color = if id == codec::Id::PNG { png_color(path) } else { None };
        Ok(Self { decoder, stream: index, name, is_drained: false, png_color, input })
    }

    /// The decoder for a codec. FFmpeg's own VP8 and VP9 decoders omit the alpha channel; those of
    /// libvpx do not.
    fn codec_of(id: codec::Id, has_alpha: bool) -> Option<ffmpeg_next::Codec> {
        let by_name = ffmpeg_next::decoder::find_by_name;
        let preferred = match id {
            codec::Id::VP8 if has_alpha => by_name("libvpx"),
            codec::Id::VP9 if has_alpha => by_name("libvpx-vp9"),
            // FFmpeg's own decoder needs hardware.
            codec::Id::AV1 => by_name("libdav1d").or_else(|| by_name("libaom-av1")),
            _ => None,
        };
        preferred.or_else(|| ffmpeg_next::decoder::find(id))
    }

    /// The facts in the file. May decode the beginning: not all is in the headers.
    pub(crate) fn facts(&mut self) -> Result<SourceFacts, AvError> {
        let first = self.next_frame()?.ok_or_else(|| self.error("it has no picture"))?;
        let stream =
            self.input.stream(self.stream).ok_or_else(|| self.error("its stream is gone"))?;
        let frame = first.as_ref();
        let stream_shape = stream_shape(&stream);
        let shape =
            stream_shape.of_frame(frame).ok_or_else(|| self.error("its size makes no sense"))?;
        let base = stream.time_base();
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let ticks = |secs: f64| (secs / f64::from(base)).round() as i64;
        let start = self.input.origin().map(ticks).or_else(|| first.pts()).unwrap_or_default();
        let mut facts = SourceFacts {
            shape,
            stream_shape,
            has_alpha: has_alpha(frame.format),
            has_sound: self.input.streams().best(media::Type::Audio).is_some(),
            interlaced_ticks: None,
            seems_whole: false,
            transfer: transfer(frame),
            is_readable: !has_alpha(frame.format) && first.planes().is_ok(),
            peak: mastering_peak(frame),
            tick: f64::from(base),
            start,
            duration: said_length(&self.input),
        };
        if first.is_interlaced() || self.declares_fields() {
            (facts.interlaced_ticks, facts.seems_whole) = self.fields_after(first)?;
        }
        Ok(facts)
    }

    /// Whether the container, or the stream's header, states that frames are interlaced.
    fn declares_fields(&self) -> bool {
        use ffi::AVFieldOrder as Order;
        // SAFETY: a plain field of an open decoder.
        let order = unsafe { (*self.decoder.as_ptr()).field_order };
        !matches!(order, Order::AV_FIELD_UNKNOWN | Order::AV_FIELD_PROGRESSIVE)
    }

    /// The display time of frames, if `first` or some of those after it are interlaced; and whether
    /// these are only marked so.
    fn fields_after(&mut self, first: DecodedFrame) -> Result<(Option<i64>, bool), AvError> {
        let mut is_interlaced = first.is_interlaced();
        let mut last = first.pts();
        let (mut gaps, mut frames) = (Vec::new(), vec![first]);
        while gaps.len() < LOOKED_AT {
            let Some(frame) = self.next_frame()? else { break };
            is_interlaced |= frame.is_interlaced();
            let pts = frame.pts();
            gaps.extend(pts.zip(last).map(|(now, last)| now - last).filter(|&gap| gap > 0));
            last = pts;
            frames.push(frame);
        }
        gaps.sort_unstable();
        let stream = self.input.stream(self.stream);
        let rate = stream.map(|stream| stream.avg_frame_rate()).filter(|r| r.numerator() > 0);
        let typical = gaps.get(gaps.len() / 2).copied().or_else(|| {
            let base = self.input.stream(self.stream)?.time_base();
            let ticks = 1.0 / f64::from(rate?) / f64::from(base);
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            Some(ticks.round() as i64)
        });
        let seems_whole = is_interlaced && seem_whole(&frames);
        Ok((typical.filter(|_| is_interlaced), seems_whole))
    }

    /// The watch that detects changed parameters of pictures in packets.
    pub(super) fn parameter_watch(&self) -> ParameterWatch {
        // SAFETY: an open decoder has its extradata, of this many bytes, or none.
        let extradata = unsafe {
            let raw = &*self.decoder.as_ptr();
            let length = usize::try_from(raw.extradata_size).unwrap_or_default();
            if raw.extradata.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(raw.extradata, length)
            }
        };
        ParameterWatch::new(self.decoder.id(), extradata)
    }

    /// Reads the next picture in display order; `None` after the last.
    ///
    /// Packets that cannot be decoded are passed over: the pictures around them remain.
    pub(crate) fn next_frame(&mut self) -> Result<Option<DecodedFrame>, AvError> {
        let frame = DecodedFrame::empty()?;
        let mut packet = Packet::empty();
        loop {
            // SAFETY: an open decoder, and a frame of ours.
            let code = unsafe {
                ffi::avcodec_receive_frame(self.decoder.as_mut_ptr(), frame.frame.as_ptr())
            };
            match code {
                0 => {
                    if let Some([primaries, transfer, ..]) = self.png_color {
                        frame.tag(primaries, transfer);
                    }
                    return Ok(Some(frame));
                }
                ffi::AVERROR_EOF => return Ok(None),
                again if again == ffi::AVERROR(ffi::EAGAIN) => {}
                code => return Err(AvError::new(format!("cannot decode {}", self.name), code)),
            }
            if self.is_drained {
                return Ok(None);
            }
            // A read error ends the file: the pictures so far are shown.
            let is_there = self.read(&mut packet).unwrap_or_else(|error| {
                tracing::debug!(file = self.name, %error, "not read on");
                false
            });
            if is_there {
                // SAFETY: an open decoder and a valid packet.
                let sent =
                    unsafe { ffi::avcodec_send_packet(self.decoder.as_mut_ptr(), packet.as_ptr()) };
                if sent < 0 {
                    tracing::debug!(file = self.name, code = sent, "packet not decoded");
                }
            } else {
                self.is_drained = true;
                // SAFETY: an open decoder; null means the end.
                unsafe { ffi::avcodec_send_packet(self.decoder.as_mut_ptr(), std::ptr::null()) };
            }
        }
    }

    fn error(&self, text: &str) -> AvError {
        AvError::refused(format!("cannot read the video {}", self.name), text)
    }
}

/// Whether a pixel format has an alpha channel.
fn has_alpha(format: c_int) -> bool {
    // SAFETY: the answer is null for what is no pixel format, else static.
    let descriptor = unsafe {
        ffi::av_pix_fmt_desc_get(std::mem::transmute::<c_int, ffi::AVPixelFormat>(format))
    };
    // SAFETY: as above.
    unsafe { descriptor.as_ref() }
        .is_some_and(|d| d.flags & u64::from(ffi::AV_PIX_FMT_FLAG_ALPHA.cast_unsigned()) != 0)
}

fn transfer(frame: &ffi::AVFrame) -> SourceTransfer {
    use ffi::AVColorTransferCharacteristic as Trc;
    match frame.color_trc {
        Trc::AVCOL_TRC_SMPTE2084 => SourceTransfer::Pq,
        Trc::AVCOL_TRC_ARIB_STD_B67 => SourceTransfer::Hlg,
        _ => SourceTransfer::Sdr,
    }
}

/// The peak of the display that the picture was made on, in nit.
fn mastering_peak(frame: &ffi::AVFrame) -> Option<f64> {
    let kind = ffi::AVFrameSideDataType::AV_FRAME_DATA_MASTERING_DISPLAY_METADATA;
    // SAFETY: a valid frame; the answer is null or lives as long as it.
    let data = unsafe { ffi::av_frame_get_side_data(frame, kind).as_ref() }?;
    // SAFETY: the data has this many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(data.data, data.size) };
    // `AVMasteringDisplayMetadata`, which the bindings lack: eight ratios of chromaticities, then
    // the least and the most luminance, then whether chromaticities and luminances are there.
    let numbers = bytes.chunks_exact(4).map(|b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let numbers: Vec<i32> = numbers.collect();
    let &[num, den, _, has_luminance] = numbers.get(18..22)? else { return None };
    let is_there = has_luminance != 0 && num > 0 && den > 0;
    is_there.then(|| f64::from(num) / f64::from(den))
}

/// The shape of pictures in a stream's header.
fn stream_shape(stream: &format::stream::Stream<'_>) -> StreamShape {
    let matrix = stream.side_data().find(|d| d.kind() == SideDataType::DisplayMatrix);
    StreamShape {
        // SAFETY: a plain field of a valid stream.
        pixel_aspect: aspect(unsafe { (*stream.as_ptr()).sample_aspect_ratio }),
        orientation: matrix.map(|matrix| Orientation::of_matrix(matrix.data())).unwrap_or_default(),
    }
}

/// A number for the parameters of the shape of pictures in a packet, or in its side data.
pub(super) fn said(watch: &mut ParameterWatch, packet: &Packet) -> Option<u64> {
    let beside = [SideDataType::NewExtraData, SideDataType::ParamChange];
    let beside = packet.side_data().filter(|data| beside.contains(&data.kind()));
    let mut said: Vec<u8> = beside.flat_map(|data| data.data().to_vec()).collect();
    said.extend(watch.said(packet.data().unwrap_or_default()));
    let mut hasher = DefaultHasher::new();
    said.hash(&mut hasher);
    (!said.is_empty()).then(|| hasher.finish())
}
