//! Samples of any kind to 48 kHz stereo, and those to other rates.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use ffmpeg_next::{ffi, frame};

use super::{AV_SAMPLE_RATE, AvError, StereoSample, check};

/// The layout of decoded samples. When it changes, a new resampler is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SampleLayout {
    rate: c_int,
    format: c_int,
    channels: c_int,
    /// The mask of speakers, 0 where the file does not state it.
    speakers: u64,
}

impl SampleLayout {
    pub(super) fn of(frame: &frame::Audio) -> Self {
        // SAFETY: plain fields of a valid frame.
        let raw = unsafe { &*frame.as_ptr() };
        let layout = &raw.ch_layout;
        let is_native = layout.order == ffi::AVChannelOrder::AV_CHANNEL_ORDER_NATIVE;
        // SAFETY: with the native order the union holds the mask.
        let speakers = if is_native { unsafe { layout.u.mask } } else { 0 };
        Self { rate: raw.sample_rate, format: raw.format, channels: layout.nb_channels, speakers }
    }
}

/// libswresample, set up for one layout.
#[derive(Debug)]
pub(super) struct Resampler {
    context: NonNull<ffi::SwrContext>,
    layout: SampleLayout,
}

// SAFETY: the context may move between threads as long as one at a time uses it.
unsafe impl Send for Resampler {}

impl Resampler {
    /// A resampler for frames like this one.
    pub(super) fn open(frame: &frame::Audio) -> Result<Self, AvError> {
        Self::between(SampleLayout::of(frame), AV_SAMPLE_RATE)
    }

    /// A resampler from the engine's samples to as many per second.
    pub(super) fn to_rate(rate: u32) -> Result<Self, AvError> {
        let format = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLT as c_int;
        let layout = SampleLayout { rate: AV_SAMPLE_RATE, format, channels: 2, speakers: 0 };
        Self::between(layout, c_int::try_from(rate).unwrap_or(AV_SAMPLE_RATE))
    }

    fn between(layout: SampleLayout, rate: c_int) -> Result<Self, AvError> {
        // SAFETY: zeros are a valid, empty layout.
        let (mut from, mut to): (ffi::AVChannelLayout, ffi::AVChannelLayout) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        // A single channel goes to both sides as it is; libswresample would lower it by 3 dB.
        // SAFETY: two layouts of our own.
        unsafe {
            ffi::av_channel_layout_default(&raw mut to, if layout.channels == 1 { 1 } else { 2 });
            if layout.speakers == 0 {
                ffi::av_channel_layout_default(&raw mut from, layout.channels);
            } else {
                ffi::av_channel_layout_from_mask(&raw mut from, layout.speakers);
            }
        }
        let mut context = ptr::null_mut();
        // SAFETY: valid layouts; the format is that of a decoded frame.
        let set = unsafe {
            ffi::swr_alloc_set_opts2(
                &raw mut context,
                &raw mut to,
                ffi::AVSampleFormat::AV_SAMPLE_FMT_FLT,
                rate,
                &raw mut from,
                std::mem::transmute::<c_int, ffi::AVSampleFormat>(layout.format),
                layout.rate,
                0,
                ptr::null_mut(),
            )
        };
        check(set, "resampler")?;
        let context = NonNull::new(context).ok_or_else(|| AvError::out_of_memory("resampler"))?;
        let resampler = Self { context, layout };
        // SAFETY: the context is ours.
        let ready = unsafe { ffi::swr_init(context.as_ptr()) };
        check(ready, format!("resampler from {} Hz", layout.rate))?;
        Ok(resampler)
    }

    pub(super) const fn layout(&self) -> SampleLayout {
        self.layout
    }

    /// Converts a frame, and returns the samples that are ready.
    pub(super) fn convert(&mut self, frame: &frame::Audio) -> Result<Vec<StereoSample>, AvError> {
        // SAFETY: a valid frame; with many channels the planes stand in `extended_data`.
        let (data, count) = unsafe { ((*frame.as_ptr()).extended_data, frame.samples()) };
        self.run(data, c_int::try_from(count).unwrap_or_default())
    }

    /// Converts the engine's samples, and returns those that are ready.
    pub(super) fn convert_mix(
        &mut self,
        samples: &[StereoSample],
    ) -> Result<Vec<StereoSample>, AvError> {
        let mut plane = samples.as_ptr().cast_mut().cast::<u8>();
        self.run(&raw mut plane, c_int::try_from(samples.len()).unwrap_or_default())
    }

    /// Returns the remaining samples.
    pub(super) fn drain(&mut self) -> Result<Vec<StereoSample>, AvError> {
        self.run(ptr::null_mut(), 0)
    }

    fn run(&mut self, data: *mut *mut u8, count: c_int) -> Result<Vec<StereoSample>, AvError> {
        // SAFETY: an initialized context.
        let room = unsafe { ffi::swr_get_out_samples(self.context.as_ptr(), count) };
        let room = check(room, "resampler")?;
        let is_mono = self.layout.channels == 1;
        let floats = usize::try_from(room).unwrap_or_default() * if is_mono { 1 } else { 2 };
        let mut out = vec![0.0_f32; floats];
        let mut plane = out.as_mut_ptr().cast::<u8>();
        // SAFETY: packed floats have one plane, with room for `room` samples of its channels; the
        // input is null or has `count` samples in each of its planes.
        let done = unsafe {
            ffi::swr_convert(self.context.as_ptr(), &raw mut plane, room, data.cast(), count)
        };
        let done = usize::try_from(check(done, "resampler")?).unwrap_or_default();
        Ok(if is_mono {
            out[..done].iter().map(|&sample| [sample, sample]).collect()
        } else {
            out[..2 * done].as_chunks().0.to_vec()
        })
    }
}

impl Drop for Resampler {
    fn drop(&mut self) {
        let mut context = self.context.as_ptr();
        // SAFETY: the context is ours.
        unsafe { ffi::swr_free(&raw mut context) };
    }
}
