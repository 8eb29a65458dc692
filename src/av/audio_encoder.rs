//! An encoder of sound: 48 kHz stereo in, packets of any rate, with one channel or two, out.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use ffmpeg_next::{Rational, ffi};

use super::encoder::{Described, Received, describe, receive};
use super::resampler::Resampler;
use super::{AV_SAMPLE_RATE, AvError, StereoSample, c_string, check, log};

/// Samples per packet where the codec leaves it open.
const OPEN_FRAME: usize = 1024;

/// The settings with which an audio encoder is opened.
#[derive(Clone, Debug)]
pub(crate) struct AudioEncoderSettings {
    /// FFmpeg's name, such as `aac`.
    pub name: String,
    /// Target bits per second, where the codec loses anything.
    pub bitrate: Option<u64>,
    /// Samples per second of the output.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Bits of each sample, for lossless codecs.
    pub bits: Option<u8>,
    /// Whether the container keeps the parameter sets apart from the packets.
    pub global_header: bool,
}

/// An open encoder. Sample `n` of its own rate has pts `n`.
#[derive(Debug)]
pub(crate) struct AudioEncoder {
    context: NonNull<ffi::AVCodecContext>,
    name: String,
    /// The resampler, for rates other than the engine's.
    resampler: Option<Resampler>,
    rate: u32,
    /// The number of samples taken at the engine's rate, and of those made at the encoder's.
    taken: u64,
    made: u64,
    /// Samples per frame.
    frame: usize,
    /// Samples that do not yet fill a frame.
    waiting: VecDeque<StereoSample>,
    /// The number of samples sent to the encoder.
    sent: i64,
    /// Whether the waiting samples are the last.
    is_ending: bool,
}

// SAFETY: libav contexts may move between threads as long as one at a time uses them.
unsafe impl Send for AudioEncoder {}

impl AudioEncoder {
    pub(crate) fn open(settings: &AudioEncoderSettings) -> Result<Self, AvError> {
        super::init();
        let doing = || format!("encoder {}", settings.name);
        let name = c_string(&settings.name)?;
        // SAFETY: `name` is a C string; the answer is null or static.
        let codec = unsafe { ffi::avcodec_find_encoder_by_name(name.as_ptr()) };
        // SAFETY: null or static.
        let Some(known) = (unsafe { codec.as_ref() }) else {
            return Err(AvError::refused(doing(), "not in the linked libavcodec"));
        };
        // SAFETY: `codec` is a valid encoder.
        let context = unsafe { ffi::avcodec_alloc_context3(codec) };
        let context = NonNull::new(context).ok_or_else(|| AvError::out_of_memory(doing()))?;
        let mut encoder = Self {
            context,
            name: settings.name.clone(),
            resampler: None,
            rate: settings.rate,
            taken: 0,
            made: 0,
            frame: OPEN_FRAME,
            waiting: VecDeque::new(),
            sent: 0,
            is_ending: false,
        };
        // SAFETY: the list of formats ends with -1, and an audio encoder has one.
        let Some(&format) = (unsafe { known.sample_fmts.as_ref() }) else {
            return Err(AvError::refused(doing(), "it is no encoder of sound"));
        };
        let bitrate = settings.bitrate.map(i64::try_from).transpose();
        let bitrate = bitrate.map_err(|e| AvError::refused(doing(), e.to_string()))?;
        // SAFETY: the context is ours and not open yet.
        let raw = unsafe { encoder.context.as_mut() };
        raw.sample_fmt = best_format(known.sample_fmts, format, settings.bits == Some(16));
        let rate = c_int::try_from(settings.rate).unwrap_or(AV_SAMPLE_RATE);
        raw.sample_rate = rate;
        raw.time_base = ffi::AVRational { num: 1, den: rate };
        let whole =
            [ffi::AVSampleFormat::AV_SAMPLE_FMT_S32, ffi::AVSampleFormat::AV_SAMPLE_FMT_S32P];
        if whole.contains(&raw.sample_fmt) {
            raw.bits_per_raw_sample = 24;
        }
        if let Some(bitrate) = bitrate {
            raw.bit_rate = bitrate;
        }
        if settings.global_header {
            raw.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER.cast_signed();
        }
        // One thread: the same bytes on any machine.
        raw.thread_count = 1;
        log::clear();
        // SAFETY: context and codec belong together; the layout is the context's own.
        let opened = unsafe {
            ffi::av_channel_layout_default(&raw mut raw.ch_layout, settings.channels.into());
            ffi::avcodec_open2(encoder.context.as_ptr(), codec, ptr::null_mut())
        };
        check(opened, doing())?;
        // SAFETY: an open context.
        let frame = unsafe { encoder.context.as_ref() }.frame_size;
        if let Some(frame) = usize::try_from(frame).ok().filter(|&frame| frame > 0) {
            encoder.frame = frame;
        }
        if rate != AV_SAMPLE_RATE {
            encoder.resampler = Some(Resampler::to_rate(settings.rate)?);
        }
        Ok(encoder)
    }

    /// Sends the next samples. Drain with [`Self::receive`] after each.
    pub(crate) fn send(&mut self, samples: &[StereoSample]) -> Result<(), AvError> {
        self.taken += samples.len() as u64;
        let Some(resampler) = &mut self.resampler else {
            self.waiting.extend(samples);
            return Ok(());
        };
        let samples = resampler.convert_mix(samples)?;
        self.take(&samples);
        Ok(())
    }

    /// Takes a resampler's output, but no more than there is time for.
    fn take(&mut self, samples: &[StereoSample]) {
        let most = samples_at(self.taken, self.rate).saturating_sub(self.made);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(samples.len());
        self.waiting.extend(&samples[..most]);
        self.made += most as u64;
    }

    /// Tells the encoder that no samples will follow.
    pub(crate) fn send_end(&mut self) -> Result<(), AvError> {
        if let Some(resampler) = &mut self.resampler {
            let rest = resampler.drain()?;
            self.take(&rest);
            // The samples that the filter lacks at the end are silence.
            while self.made < samples_at(self.taken, self.rate) {
                self.waiting.push_back([0.0; 2]);
                self.made += 1;
            }
        }
        self.is_ending = true;
        Ok(())
    }

    /// Asks for the next packet.
    pub(crate) fn receive(&mut self) -> Result<Received, AvError> {
        loop {
            match receive(self.context, &self.name)? {
                // The encoder takes one frame at a time, and the next after it asks for input.
                Received::NeedsInput => {
                    if !self.feed()? {
                        return Ok(Received::NeedsInput);
                    }
                }
                received => return Ok(received),
            }
        }
    }

    /// Passes a frame on, or the end. Returns whether there was anything to pass on.
    fn feed(&mut self) -> Result<bool, AvError> {
        if self.waiting.len() >= self.frame || self.is_ending && !self.waiting.is_empty() {
            let count = self.frame.min(self.waiting.len());
            let samples: Vec<_> = self.waiting.drain(..count).collect();
            self.send_frame(&samples)?;
            return Ok(true);
        }
        if !self.is_ending {
            return Ok(false);
        }
        // SAFETY: a null frame means the end of the stream.
        let sent = unsafe { ffi::avcodec_send_frame(self.context.as_ptr(), ptr::null()) };
        check(sent, format!("encoder {}, end of stream", self.name))?;
        Ok(true)
    }

    fn send_frame(&mut self, samples: &[StereoSample]) -> Result<(), AvError> {
        let doing = || format!("encoder {}, sample {}", self.name, self.sent);
        // SAFETY: an open context.
        let context = unsafe { self.context.as_ref() };
        let mut frame = Frame::new(context, samples.len(), self.sent)?;
        frame.fill(context.sample_fmt, context.ch_layout.nb_channels == 1, samples)?;
        log::clear();
        // SAFETY: the encoder takes its own references to what it keeps.
        let sent = unsafe { ffi::avcodec_send_frame(self.context.as_ptr(), frame.0.as_ptr()) };
        check(sent, doing())?;
        self.sent += i64::try_from(samples.len()).unwrap_or(i64::MAX);
        Ok(())
    }
}

impl Described for AudioEncoder {
    fn time_base(&self) -> Rational {
        Rational(1, c_int::try_from(self.rate).unwrap_or(AV_SAMPLE_RATE))
    }

    fn describe(&self, stream: NonNull<ffi::AVStream>) -> Result<(), AvError> {
        describe(self.context, stream)
    }
}

impl Drop for AudioEncoder {
    fn drop(&mut self) {
        let mut context = self.context.as_ptr();
        // SAFETY: the context is ours.
        unsafe { ffi::avcodec_free_context(&raw mut context) };
    }
}

/// The number of samples at another rate for so many of the engine's, rounded.
fn samples_at(samples: u64, rate: u32) -> u64 {
    let engine = u128::from(super::SAMPLE_RATE);
    let samples = (u128::from(samples) * u128::from(rate) + engine / 2) / engine;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// The encoder's format that keeps most precision; 16 bits where no more are wanted.
fn best_format(
    mut formats: *const ffi::AVSampleFormat,
    first: ffi::AVSampleFormat,
    is_short: bool,
) -> ffi::AVSampleFormat {
    use ffi::AVSampleFormat as F;
    let wanted = [
        F::AV_SAMPLE_FMT_FLTP,
        F::AV_SAMPLE_FMT_FLT,
        F::AV_SAMPLE_FMT_S32,
        F::AV_SAMPLE_FMT_S32P,
        F::AV_SAMPLE_FMT_S16,
        F::AV_SAMPLE_FMT_S16P,
    ];
    let short = [F::AV_SAMPLE_FMT_S16, F::AV_SAMPLE_FMT_S16P];
    let mut offered = Vec::new();
    // SAFETY: the list ends with -1.
    unsafe {
        while *formats != F::AV_SAMPLE_FMT_NONE {
            offered.push(*formats);
            formats = formats.add(1);
        }
    }
    let short = short.into_iter().filter(|_| is_short);
    short.chain(wanted).find(|format| offered.contains(format)).unwrap_or(first)
}

/// A frame of samples for an encoder.
struct Frame(NonNull<ffi::AVFrame>);

impl Frame {
    fn new(context: &ffi::AVCodecContext, samples: usize, pts: i64) -> Result<Self, AvError> {
        let out_of_memory = || AvError::out_of_memory("frame of sound");
        // SAFETY: allocates, or returns null.
        let frame = NonNull::new(unsafe { ffi::av_frame_alloc() }).ok_or_else(out_of_memory)?;
        let mut frame = Self(frame);
        // SAFETY: the frame is ours.
        let raw = unsafe { frame.0.as_mut() };
        raw.format = context.sample_fmt as c_int;
        raw.sample_rate = context.sample_rate;
        raw.nb_samples = c_int::try_from(samples).unwrap_or_default();
        raw.pts = pts;
        // SAFETY: a layout of the context goes into a frame that has none.
        let copied = unsafe {
            ffi::av_channel_layout_copy(&raw mut raw.ch_layout, &raw const context.ch_layout)
        };
        check(copied, "frame of sound")?;
        // SAFETY: format, layout and length are set.
        check(unsafe { ffi::av_frame_get_buffer(frame.0.as_ptr(), 0) }, "frame of sound")?;
        Ok(frame)
    }

    /// Writes the samples; for one channel, the mean of both sides.
    fn fill(
        &mut self,
        format: ffi::AVSampleFormat,
        is_mono: bool,
        from: &[StereoSample],
    ) -> Result<(), AvError> {
        use ffi::AVSampleFormat as F;
        let whole24 = |sample| whole(sample, 8_388_608.0) << 8;
        let whole16 = |sample| i16::try_from(whole(sample, 32_768.0)).unwrap_or_default();
        match format {
            F::AV_SAMPLE_FMT_FLTP => self.planes(is_mono, from, |sample: f32| sample),
            F::AV_SAMPLE_FMT_FLT => self.packed(is_mono, from, |sample: f32| sample),
            // 24 bits, in the upper part.
            F::AV_SAMPLE_FMT_S32P => self.planes(is_mono, from, whole24),
            F::AV_SAMPLE_FMT_S32 => self.packed(is_mono, from, whole24),
            F::AV_SAMPLE_FMT_S16P => self.planes(is_mono, from, whole16),
            F::AV_SAMPLE_FMT_S16 => self.packed(is_mono, from, whole16),
            other => {
                let text = format!("its sample format {other:?} is not written");
                return Err(AvError::refused("encoder of sound", text));
            }
        }
        Ok(())
    }

    /// Fills the plane of each channel. `T` must be the frame's kind of sample.
    fn planes<T>(&mut self, is_mono: bool, from: &[StereoSample], of: impl Fn(f32) -> T) {
        for channel in 0..if is_mono { 1 } else { 2 } {
            let side = |sample: StereoSample| if is_mono { mean(sample) } else { sample[channel] };
            let to = self.plane::<T>(channel, from.len());
            to.iter_mut().zip(from).for_each(|(to, from)| *to = of(side(*from)));
        }
    }

    /// Fills the one plane. `T` must be the frame's kind of sample.
    fn packed<T>(&mut self, is_mono: bool, from: &[StereoSample], of: impl Fn(f32) -> T) {
        if is_mono {
            return self.planes(true, from, of);
        }
        let to = self.plane::<T>(0, 2 * from.len());
        to.iter_mut().zip(from.as_flattened()).for_each(|(to, &from)| *to = of(from));
    }

    fn plane<T>(&mut self, channel: usize, count: usize) -> &mut [T] {
        // SAFETY: the frame is ours. `av_frame_get_buffer` made room for its samples in this format:
        // a plane for each channel where it is planar, else one for all, aligned for any kind.
        unsafe {
            let data = self.0.as_ref().data[channel].cast::<c_void>().cast::<T>();
            std::slice::from_raw_parts_mut(data, count)
        }
    }
}

fn mean(sample: StereoSample) -> f32 {
    f32::midpoint(sample[0], sample[1])
}

/// The nearest whole number of steps, `scale` of them to full scale.
#[expect(clippy::cast_possible_truncation, reason = "clamped")]
fn whole(sample: f32, scale: f32) -> i32 {
    (sample * scale).round().clamp(-scale, scale - 1.0) as i32
}

impl Drop for Frame {
    fn drop(&mut self) {
        let mut frame = self.0.as_ptr();
        // SAFETY: the frame is ours.
        unsafe { ffi::av_frame_free(&raw mut frame) };
    }
}
