//! Decoded pictures to RGB: any format, range, matrix and size, by libswscale, or by `rgb` where that
//! is enough.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use ffmpeg_next::ffi;

use super::rgb::{self, Matrix, Planar, Plane};
use super::{AvError, DecodedFrame, check};
use crate::frame::Size;

/// Rows of RGB or RGBA, stored one below the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RgbLayout {
    pub size: Size,
    pub has_alpha: bool,
    /// Whether components have two bytes instead of one.
    pub is_deep: bool,
    /// Bytes in front of each row.
    pub lead: usize,
}

impl RgbLayout {
    /// Bytes of one row, including the bytes in front of it.
    pub(crate) fn stride(&self) -> usize {
        let components = if self.has_alpha { 4 } else { 3 };
        let bytes = if self.is_deep { 2 } else { 1 };
        self.lead + self.size.width as usize * components * bytes
    }
}

#[cfg(target_endian = "little")]
const DEEP_RGB: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_RGB48LE;
#[cfg(target_endian = "big")]
const DEEP_RGB: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_RGB48BE;
#[cfg(target_endian = "little")]
const DEEP_RGBA: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_RGBA64LE;
#[cfg(target_endian = "big")]
const DEEP_RGBA: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_RGBA64BE;

/// Converts pictures of one kind to RGB. Kinds may change from picture to picture.
#[derive(Debug, Default)]
pub(crate) struct Converter {
    context: Option<NonNull<ffi::SwsContext>>,
    /// Rows with room behind each, for widths that need it.
    wide: Vec<u8>,
}

/// Pixels that libswscale's fast kernels write at a time. They omit a last block for which a row
/// has no room.
const BLOCK: u32 = 8;

// SAFETY: the context is used by one thread at a time.
unsafe impl Send for Converter {}

impl Converter {
    /// Bytes that libswscale may write past the end of the last row.
    pub(crate) const SLACK: usize = 64;

    /// The picture in rows. The bytes in front of the rows are undefined.
    pub(crate) fn rgb(
        &mut self,
        frame: &DecodedFrame,
        layout: RgbLayout,
    ) -> Result<Vec<u8>, AvError> {
        let length = layout.stride() * layout.size.height as usize;
        let mut rows = vec![0; length + Self::SLACK];
        self.rgb_into(frame, layout, &mut rows)?;
        rows.truncate(length);
        Ok(rows)
    }

    /// Writes the picture's rows from the beginning of `rows` on, and arbitrary bytes between and
    /// behind them: there must be [`Self::SLACK`] more bytes than the rows have.
    pub(crate) fn rgb_into(
        &mut self,
        frame: &DecodedFrame,
        layout: RgbLayout,
        rows: &mut [u8],
    ) -> Result<(), AvError> {
        if let Some(picture) = planar(frame.as_ref(), layout) {
            rgb::write(&picture, layout.has_alpha, (layout.lead, layout.stride()), rows);
            return Ok(());
        }
        if layout.size.width.is_multiple_of(BLOCK) {
            return self.scale(frame, layout, rows);
        }
        let row = layout.stride() - layout.lead;
        let size = Size { width: layout.size.width.next_multiple_of(BLOCK), ..layout.size };
        let stride = RgbLayout { size, lead: 0, ..layout }.stride();
        let mut wide = std::mem::take(&mut self.wide);
        wide.resize(stride * size.height as usize + Self::SLACK, 0);
        // The room behind a row is treated as a longer lead of the next.
        let lead = stride - row;
        let done = self.scale(frame, RgbLayout { lead, ..layout }, &mut wide);
        let rows = rows.chunks_mut(layout.stride()).take(size.height as usize);
        for (to, from) in rows.zip(wide.chunks_exact(stride)) {
            to[layout.lead..][..row].copy_from_slice(&from[lead..]);
        }
        self.wide = wide;
        done
    }

    fn scale(
        &mut self,
        frame: &DecodedFrame,
        layout: RgbLayout,
        rows: &mut [u8],
    ) -> Result<(), AvError> {
        let raw = frame.as_ref();
        let doing = "converting a picture to RGB";
        let (Ok(width), Ok(height), Ok(stride)) = (
            c_int::try_from(layout.size.width),
            c_int::try_from(layout.size.height),
            c_int::try_from(layout.stride()),
        ) else {
            return Err(AvError::refused(doing, format!("{} is too large", layout.size)));
        };
        let (source, is_full) = without_j(raw.format);
        let target = match (layout.has_alpha, layout.is_deep) {
            (false, false) => ffi::AVPixelFormat::AV_PIX_FMT_RGB24,
            (true, false) => ffi::AVPixelFormat::AV_PIX_FMT_RGBA,
            (false, true) => DEEP_RGB,
            (true, true) => DEEP_RGBA,
        };
        let method = if (width, height) == (raw.width, raw.height) {
            ffi::SWS_BILINEAR
        } else {
            ffi::SWS_AREA
        };
        // Without these two, colors come out up to two levels too dark.
        let flags = (method | ffi::SWS_ACCURATE_RND | ffi::SWS_FULL_CHR_H_INT) as c_int;
        let old = self.context.take().map_or(ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: an old context of ours or null, which libav frees or gives back.
        let context = unsafe {
            ffi::sws_getCachedContext(
                old,
                raw.width,
                raw.height,
                source,
                width,
                height,
                target,
                flags,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        let context = NonNull::new(context)
            .ok_or_else(|| AvError::refused(doing, "libswscale does not know its pixel format"))?;
        self.context = Some(context);
        let range = c_int::from(is_full || raw.color_range == ffi::AVColorRange::AVCOL_RANGE_JPEG);
        // SAFETY: a valid context, and tables that live as long as the program. A refusal means that
        // the source is RGB and has no matrix.
        unsafe {
            let table = ffi::sws_getCoefficients(matrix(raw));
            ffi::sws_setColorspaceDetails(
                context.as_ptr(),
                table,
                range,
                table,
                1,
                0,
                1 << 16,
                1 << 16,
            );
        }
        let needed = layout.stride() * layout.size.height as usize + Self::SLACK;
        assert!(rows.len() >= needed, "there is room for the rows and what follows them");
        let first = rows[layout.lead..].as_mut_ptr();
        let planes = [first, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()];
        let strides = [stride, 0, 0, 0];
        // SAFETY: the source is a valid frame; the target has `height` rows of `stride` bytes from
        // `first` on, and room for what vector code writes beyond the last.
        let scaled = unsafe {
            ffi::sws_scale(
                context.as_ptr(),
                raw.data.as_ptr().cast::<*const u8>(),
                raw.linesize.as_ptr(),
                0,
                raw.height,
                planes.as_ptr(),
                strides.as_ptr(),
            )
        };
        check(scaled, doing).map(drop)
    }
}

impl Drop for Converter {
    fn drop(&mut self) {
        if let Some(context) = self.context {
            // SAFETY: the context is ours.
            unsafe { ffi::sws_freeContext(context.as_ptr()) };
        }
    }
}

/// The planes of a picture of 8 bits that is neither scaled nor deepened.
fn planar(raw: &ffi::AVFrame, layout: RgbLayout) -> Option<Planar<'_>> {
    use ffi::AVPixelFormat as Format;
    let (format, is_full) = without_j(raw.format);
    let chroma_shift = match format {
        Format::AV_PIX_FMT_YUV420P | Format::AV_PIX_FMT_YUVA420P => (1, 1),
        Format::AV_PIX_FMT_YUV422P | Format::AV_PIX_FMT_YUVA422P => (1, 0),
        Format::AV_PIX_FMT_YUV444P | Format::AV_PIX_FMT_YUVA444P => (0, 0),
        _ => return None,
    };
    let (width, height) = (usize::try_from(raw.width).ok()?, usize::try_from(raw.height).ok()?);
    let is_same = (width, height) == (layout.size.width as usize, layout.size.height as usize);
    if layout.is_deep || !is_same || width == 0 || height == 0 {
        return None;
    }
    let plane = |at: usize, (across, down): (u32, u32)| {
        let (columns, rows) = (width.div_ceil(1 << across), height.div_ceil(1 << down));
        let stride = usize::try_from(raw.linesize[at]).ok().filter(|&stride| stride >= columns)?;
        let data = raw.data[at];
        let bytes = stride * (rows - 1) + columns;
        (!data.is_null()).then(|| Plane {
            // SAFETY: the decoder has filled so many rows of this stride, of the last at least the
            // columns, and nobody writes to them as long as the frame lives.
            data: unsafe { std::slice::from_raw_parts(data, bytes) },
            stride,
        })
    };
    let has_alpha = matches!(
        format,
        Format::AV_PIX_FMT_YUVA420P | Format::AV_PIX_FMT_YUVA422P | Format::AV_PIX_FMT_YUVA444P
    );
    let is_full = is_full || raw.color_range == ffi::AVColorRange::AVCOL_RANGE_JPEG;
    Some(Planar {
        luma: plane(0, (0, 0))?,
        cb: plane(1, chroma_shift)?,
        cr: plane(2, chroma_shift)?,
        alpha: if has_alpha { Some(plane(3, (0, 0))?) } else { None },
        width,
        height,
        chroma_shift,
        matrix: Matrix::new(shares(matrix(raw)), is_full),
    })
}

/// The shares of red and blue in luma, of a matrix in libswscale's numbers.
const fn shares(matrix: c_int) -> [f64; 2] {
    match matrix {
        ffi::SWS_CS_ITU709 => [0.2126, 0.0722],
        ffi::SWS_CS_SMPTE240M => [0.212, 0.087],
        ffi::SWS_CS_FCC => [0.3, 0.11],
        ffi::SWS_CS_BT2020 => [0.2627, 0.0593],
        _ => [0.299, 0.114],
    }
}

/// The matrix of a picture in libswscale's numbers. Untagged pictures are taken as Chrome takes
/// them: BT.709 from 720 rows on, else BT.601.
fn matrix(frame: &ffi::AVFrame) -> c_int {
    use ffi::AVColorSpace as Space;
    let number = match frame.colorspace {
        Space::AVCOL_SPC_BT709 => ffi::SWS_CS_ITU709,
        Space::AVCOL_SPC_BT470BG | Space::AVCOL_SPC_SMPTE170M => ffi::SWS_CS_ITU601,
        Space::AVCOL_SPC_SMPTE240M => ffi::SWS_CS_SMPTE240M,
        Space::AVCOL_SPC_FCC => ffi::SWS_CS_FCC,
        Space::AVCOL_SPC_BT2020_NCL | Space::AVCOL_SPC_BT2020_CL => ffi::SWS_CS_BT2020,
        _ if frame.height >= 720 => ffi::SWS_CS_ITU709,
        _ => ffi::SWS_CS_ITU601,
    };
    number as c_int
}

/// The format without the range in old names, and whether that is the full one.
fn without_j(format: c_int) -> (ffi::AVPixelFormat, bool) {
    use ffi::AVPixelFormat as Format;
    // SAFETY: libav wrote the number of one of its formats.
    let format = unsafe { std::mem::transmute::<c_int, Format>(format) };
    match format {
        Format::AV_PIX_FMT_YUVJ420P => (Format::AV_PIX_FMT_YUV420P, true),
        Format::AV_PIX_FMT_YUVJ422P => (Format::AV_PIX_FMT_YUV422P, true),
        Format::AV_PIX_FMT_YUVJ444P => (Format::AV_PIX_FMT_YUV444P, true),
        Format::AV_PIX_FMT_YUVJ440P => (Format::AV_PIX_FMT_YUV440P, true),
        format => (format, false),
    }
}
