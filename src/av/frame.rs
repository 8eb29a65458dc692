//! Video frames in libav's layout, from a pool.

use std::ffi::c_int;
use std::ptr::NonNull;

use ffmpeg_next::ffi;

use super::AvError;
use crate::color::{Cicp, Matrix, Primaries, Range, Transfer};
use crate::frame::yuv::PlaneMut;
use crate::frame::{CodedFormat, Layout, Size};

/// Row alignment in bytes, enough for AVX-512.
const ALIGN: c_int = 64;

/// libav's name for a format.
pub(super) const fn av_pixel_format(format: CodedFormat) -> ffi::AVPixelFormat {
    use ffi::AVPixelFormat as Av;
    match format {
        CodedFormat::Yuv420p => Av::AV_PIX_FMT_YUV420P,
        CodedFormat::Yuv422p => Av::AV_PIX_FMT_YUV422P,
        CodedFormat::Yuv444p => Av::AV_PIX_FMT_YUV444P,
        CodedFormat::Yuv420p10 => Av::AV_PIX_FMT_YUV420P10LE,
        CodedFormat::Yuv422p10 => Av::AV_PIX_FMT_YUV422P10LE,
        CodedFormat::Yuv444p10 => Av::AV_PIX_FMT_YUV444P10LE,
        CodedFormat::Yuva420p => Av::AV_PIX_FMT_YUVA420P,
        CodedFormat::Yuva444p => Av::AV_PIX_FMT_YUVA444P,
        CodedFormat::Yuva444p10 => Av::AV_PIX_FMT_YUVA444P10LE,
        CodedFormat::Rgb24 => Av::AV_PIX_FMT_RGB24,
        CodedFormat::Rgba => Av::AV_PIX_FMT_RGBA,
        CodedFormat::Rgb48 => Av::AV_PIX_FMT_RGB48BE,
        CodedFormat::Rgba64 => Av::AV_PIX_FMT_RGBA64BE,
        CodedFormat::Bgr0 => Av::AV_PIX_FMT_BGR0,
        CodedFormat::Bgra => Av::AV_PIX_FMT_BGRA,
        CodedFormat::Argb => Av::AV_PIX_FMT_ARGB,
        CodedFormat::Gbrp16 => Av::AV_PIX_FMT_GBRP16LE,
        CodedFormat::Gbrap16 => Av::AV_PIX_FMT_GBRAP16LE,
        CodedFormat::Pal8 => Av::AV_PIX_FMT_PAL8,
    }
}

/// The four color tags in libav's types.
pub(super) struct ColorTags {
    pub primaries: ffi::AVColorPrimaries,
    pub transfer: ffi::AVColorTransferCharacteristic,
    pub matrix: ffi::AVColorSpace,
    pub range: ffi::AVColorRange,
}

impl From<Cicp> for ColorTags {
    fn from(color: Cicp) -> Self {
        use ffi::AVColorTransferCharacteristic as Trc;
        Self {
            primaries: match color.primaries {
                Primaries::Bt709 => ffi::AVColorPrimaries::AVCOL_PRI_BT709,
                Primaries::Bt2020 => ffi::AVColorPrimaries::AVCOL_PRI_BT2020,
            },
            transfer: match color.transfer {
                Transfer::Bt709 => Trc::AVCOL_TRC_BT709,
                Transfer::Srgb => Trc::AVCOL_TRC_IEC61966_2_1,
                Transfer::Pq => Trc::AVCOL_TRC_SMPTE2084,
                Transfer::Hlg => Trc::AVCOL_TRC_ARIB_STD_B67,
            },
            matrix: match color.matrix {
                Matrix::Identity => ffi::AVColorSpace::AVCOL_SPC_RGB,
                Matrix::Bt709 => ffi::AVColorSpace::AVCOL_SPC_BT709,
                Matrix::Bt601 => ffi::AVColorSpace::AVCOL_SPC_BT470BG,
                Matrix::Bt2020 => ffi::AVColorSpace::AVCOL_SPC_BT2020_NCL,
            },
            range: match color.range {
                Range::Full => ffi::AVColorRange::AVCOL_RANGE_JPEG,
                Range::Limited => ffi::AVColorRange::AVCOL_RANGE_MPEG,
            },
        }
    }
}

/// Buffers of one frame size, used again once the encoder has released them.
#[derive(Debug)]
pub(crate) struct FramePool {
    pool: NonNull<ffi::AVBufferPool>,
    size: Size,
    format: CodedFormat,
    color: Cicp,
}

// SAFETY: libav's buffer pools are reference counted and locked.
unsafe impl Send for FramePool {}

impl FramePool {
    /// A pool for frames of `size`.
    pub(crate) fn new(size: Size, format: CodedFormat, color: Cicp) -> Result<Self, AvError> {
        let (width, height) = dimensions(size)?;
        // SAFETY: a computation on plain integers.
        let bytes =
            unsafe { ffi::av_image_get_buffer_size(av_pixel_format(format), width, height, ALIGN) };
        let bytes = super::check(bytes, "frame size")?;
        // Some kernels read past the last row.
        let bytes = usize::try_from(bytes).unwrap_or_default() + 64;
        // SAFETY: a null allocator means libav's own.
        let pool = unsafe { ffi::av_buffer_pool_init(bytes as _, None) };
        let pool = NonNull::new(pool).ok_or_else(|| AvError::out_of_memory("frame pool"))?;
        Ok(Self { pool, size, format, color })
    }

    /// A frame with undefined pixels.
    pub(crate) fn get(&self) -> Result<VideoFrame, AvError> {
        let out_of_memory = || AvError::out_of_memory("frame");
        // SAFETY: allocates, or returns null.
        let frame = NonNull::new(unsafe { ffi::av_frame_alloc() }).ok_or_else(out_of_memory)?;
        let mut frame = VideoFrame { frame, size: self.size, format: self.format };
        // SAFETY: the pool is alive for as long as `self`.
        let buffer = unsafe { ffi::av_buffer_pool_get(self.pool.as_ptr()) };
        let buffer = NonNull::new(buffer).ok_or_else(out_of_memory)?;
        let (width, height) = dimensions(self.size)?;
        let tags = ColorTags::from(self.color);
        // SAFETY: we are the only owner of this frame.
        let raw = unsafe { frame.frame.as_mut() };
        raw.buf[0] = buffer.as_ptr();
        raw.format = av_pixel_format(self.format) as c_int;
        raw.width = width;
        raw.height = height;
        raw.color_primaries = tags.primaries;
        raw.color_trc = tags.transfer;
        raw.colorspace = tags.matrix;
        raw.color_range = tags.range;
        if self.format.is_yuv() {
            raw.chroma_location = ffi::AVChromaLocation::AVCHROMA_LOC_LEFT;
        }
        // SAFETY: the buffer has just been allocated.
        let data = unsafe { buffer.as_ref() }.data;
        // SAFETY: the buffer has the size that `av_image_get_buffer_size` gave for the same
        // arguments, and the arrays have four entries each.
        let filled = unsafe {
            ffi::av_image_fill_arrays(
                raw.data.as_mut_ptr(),
                raw.linesize.as_mut_ptr(),
                data,
                av_pixel_format(self.format),
                width,
                height,
                ALIGN,
            )
        };
        super::check(filled, "frame layout")?;
        Ok(frame)
    }
}

impl Drop for FramePool {
    fn drop(&mut self) {
        let mut pool = self.pool.as_ptr();
        // SAFETY: the pool is ours; buffers that are still out keep it alive until they return.
        unsafe { ffi::av_buffer_pool_uninit(&raw mut pool) };
    }
}

fn dimensions(size: Size) -> Result<(c_int, c_int), AvError> {
    match (c_int::try_from(size.width), c_int::try_from(size.height)) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(AvError::refused("frame size", format!("{size} is too large"))),
    }
}

/// One frame for an encoder.
#[derive(Debug)]
pub(crate) struct VideoFrame {
    frame: NonNull<ffi::AVFrame>,
    size: Size,
    format: CodedFormat,
}

// SAFETY: the frame has one owner, and libav's buffer counts are atomic.
unsafe impl Send for VideoFrame {}

impl VideoFrame {
    /// The planes, to be written. The frame must not have been sent to an encoder yet.
    pub(crate) fn planes_mut(&mut self) -> Vec<PlaneMut<'_>> {
        // SAFETY: the frame is ours alone.
        let raw = unsafe { self.frame.as_mut() };
        let plane = |i: usize| {
            let rows = self.size.height.div_ceil(1 << self.format.shift_y(i)) as usize;
            let stride = usize::try_from(raw.linesize[i]).unwrap_or_default();
            // SAFETY: `av_image_fill_arrays` laid the planes out apart from each other, each with
            // this many rows of this stride; the exclusive borrow of `self` covers them.
            let data = unsafe { std::slice::from_raw_parts_mut(raw.data[i], rows * stride) };
            PlaneMut { data, stride }
        };
        (0..self.format.planes()).map(plane).collect()
    }

    /// The colors of a palette, to be written: blue, green, red, alpha. None in other formats.
    pub(crate) fn palette_mut(&mut self) -> Option<&mut [[u8; 4]; 256]> {
        if self.format.layout() != Layout::Palette {
            return None;
        }
        // SAFETY: the frame is ours alone.
        let raw = unsafe { self.frame.as_mut() };
        // SAFETY: frames with a palette have 256 colors of four bytes there; the exclusive borrow
        // of `self` covers them.
        Some(unsafe { &mut *raw.data[1].cast() })
    }

    /// Sets whether the encoder must make a keyframe of it.
    pub(crate) fn set_keyframe(&mut self, is_forced: bool) {
        use ffi::AVPictureType::{AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE};
        // SAFETY: the frame is ours; this field is not shared with other handles.
        unsafe { self.frame.as_mut() }.pict_type =
            if is_forced { AV_PICTURE_TYPE_I } else { AV_PICTURE_TYPE_NONE };
    }

    /// Another handle to the same pixels, for showing them once more.
    pub(crate) fn share(&self) -> Result<Self, AvError> {
        // SAFETY: clones the reference counts of a valid frame, or returns null.
        let frame = unsafe { ffi::av_frame_clone(self.frame.as_ptr()) };
        let frame = NonNull::new(frame).ok_or_else(|| AvError::out_of_memory("frame"))?;
        Ok(Self { frame, size: self.size, format: self.format })
    }

    /// The frame for libav, to be shown at `pts`.
    pub(super) fn as_ptr_at(&mut self, pts: i64) -> *const ffi::AVFrame {
        // SAFETY: the frame is ours; its time stamp is not shared with other handles.
        unsafe { self.frame.as_mut() }.pts = pts;
        self.frame.as_ptr()
    }
}

impl Drop for VideoFrame {
    fn drop(&mut self) {
        let mut frame = self.frame.as_ptr();
        // SAFETY: the frame is ours; its buffer goes back to the pool with its last reference.
        unsafe { ffi::av_frame_free(&raw mut frame) };
    }
}
