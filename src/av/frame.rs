//! Video frames as libav wants them, from a pool.

use std::ffi::c_int;
use std::ptr::NonNull;

use ffmpeg_next::ffi;

use super::AvError;
use crate::color::{Cicp, Matrix, Primaries, Range, Transfer};
use crate::frame::Size;
use crate::frame::yuv::{PlaneMut, PlanesMut, Subsampling};

/// Row alignment in bytes, enough for AVX-512.
const ALIGN: c_int = 64;

/// libav's name for 8-bit planar YUV with this much chroma.
pub(super) const fn av_pixel_format(subsampling: Subsampling) -> ffi::AVPixelFormat {
    match subsampling {
        Subsampling::Yuv420 => ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
        Subsampling::Yuv422 => ffi::AVPixelFormat::AV_PIX_FMT_YUV422P,
        Subsampling::Yuv444 => ffi::AVPixelFormat::AV_PIX_FMT_YUV444P,
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
                Matrix::Bt2020 => ffi::AVColorSpace::AVCOL_SPC_BT2020_NCL,
            },
            range: match color.range {
                Range::Full => ffi::AVColorRange::AVCOL_RANGE_JPEG,
                Range::Limited => ffi::AVColorRange::AVCOL_RANGE_MPEG,
            },
        }
    }
}

/// Buffers of one frame size, used again when the encoder has let go of them.
#[derive(Debug)]
pub(crate) struct FramePool {
    pool: NonNull<ffi::AVBufferPool>,
    size: Size,
    subsampling: Subsampling,
    color: Cicp,
}

// SAFETY: libav's buffer pools are reference counted and locked.
unsafe impl Send for FramePool {}

impl FramePool {
    /// A pool for 8-bit YUV frames of `size`.
    pub(crate) fn new(size: Size, subsampling: Subsampling, color: Cicp) -> Result<Self, AvError> {
        let (width, height) = dimensions(size)?;
        // SAFETY: a computation on plain integers.
        let bytes = unsafe {
            ffi::av_image_get_buffer_size(av_pixel_format(subsampling), width, height, ALIGN)
        };
        let bytes = super::check(bytes, "frame size")?;
        // Some kernels read past the last row.
        let bytes = usize::try_from(bytes).unwrap_or_default() + 64;
        // SAFETY: a null allocator means libav's own.
        let pool = unsafe { ffi::av_buffer_pool_init(bytes as _, None) };
        let pool = NonNull::new(pool).ok_or_else(|| AvError::out_of_memory("frame pool"))?;
        Ok(Self { pool, size, subsampling, color })
    }

    /// A frame with undefined pixels.
    pub(crate) fn get(&self) -> Result<VideoFrame, AvError> {
        let out_of_memory = || AvError::out_of_memory("frame");
        // SAFETY: allocates, or returns null.
        let frame = NonNull::new(unsafe { ffi::av_frame_alloc() }).ok_or_else(out_of_memory)?;
        let mut frame = VideoFrame { frame, size: self.size, subsampling: self.subsampling };
        // SAFETY: the pool is alive for as long as `self`.
        let buffer = unsafe { ffi::av_buffer_pool_get(self.pool.as_ptr()) };
        let buffer = NonNull::new(buffer).ok_or_else(out_of_memory)?;
        let (width, height) = dimensions(self.size)?;
        let tags = ColorTags::from(self.color);
        // SAFETY: we are the only owner of this frame.
        let raw = unsafe { frame.frame.as_mut() };
        raw.buf[0] = buffer.as_ptr();
        raw.format = av_pixel_format(self.subsampling) as c_int;
        raw.width = width;
        raw.height = height;
        raw.color_primaries = tags.primaries;
        raw.color_trc = tags.transfer;
        raw.colorspace = tags.matrix;
        raw.color_range = tags.range;
        raw.chroma_location = ffi::AVChromaLocation::AVCHROMA_LOC_LEFT;
        // SAFETY: the buffer has just been allocated.
        let data = unsafe { buffer.as_ref() }.data;
        // SAFETY: the buffer has the size that `av_image_get_buffer_size` gave for the same
        // arguments, and the arrays have four entries each.
        let filled = unsafe {
            ffi::av_image_fill_arrays(
                raw.data.as_mut_ptr(),
                raw.linesize.as_mut_ptr(),
                data,
                av_pixel_format(self.subsampling),
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

/// One frame of 8-bit planar YUV.
#[derive(Debug)]
pub(crate) struct VideoFrame {
    frame: NonNull<ffi::AVFrame>,
    size: Size,
    subsampling: Subsampling,
}

// SAFETY: the frame has one owner, and libav's buffer counts are atomic.
unsafe impl Send for VideoFrame {}

impl VideoFrame {
    /// The components, to be written. The frame must not have been sent to an encoder yet.
    pub(crate) fn planes_mut(&mut self) -> PlanesMut<'_> {
        // SAFETY: the frame is ours alone.
        let raw = unsafe { self.frame.as_mut() };
        std::array::from_fn(|i| {
            let shift = if i == 0 { 0 } else { self.subsampling.shift_y() };
            let rows = self.size.height.div_ceil(1 << shift) as usize;
            let stride = usize::try_from(raw.linesize[i]).unwrap_or_default();
            // SAFETY: `av_image_fill_arrays` laid the planes out apart from each other, each with
            // this many rows of this stride; the exclusive borrow of `self` covers them.
            let data = unsafe { std::slice::from_raw_parts_mut(raw.data[i], rows * stride) };
            PlaneMut { data, stride }
        })
    }

    /// Another handle to the same pixels, for showing them once more.
    pub(crate) fn share(&self) -> Result<Self, AvError> {
        // SAFETY: clones the reference counts of a valid frame, or returns null.
        let frame = unsafe { ffi::av_frame_clone(self.frame.as_ptr()) };
        let frame = NonNull::new(frame).ok_or_else(|| AvError::out_of_memory("frame"))?;
        Ok(Self { frame, size: self.size, subsampling: self.subsampling })
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
