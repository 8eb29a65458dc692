//! Fields of interlaced pictures, as pictures of their own.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::bwdif::{Around, Field, Rows, fill};
use super::{AvError, DecodedFrame, check};

impl DecodedFrame {
    /// Whether its even and odd rows are of different moments.
    pub(crate) fn is_interlaced(&self) -> bool {
        self.as_ref().interlaced_frame != 0
    }

    /// The picture at the moment of one of its two fields. `before` and `after` are the frames
    /// around it, where there are any. `None` where its pixels have no separate samples, or the
    /// three are not alike.
    pub(crate) fn field(
        &self,
        before: Option<&Self>,
        after: Option<&Self>,
        is_second: bool,
    ) -> Result<Option<Self>, AvError> {
        let raw = self.as_ref();
        let kind = |frame: &Self| {
            let raw = frame.as_ref();
            (raw.format, raw.width, raw.height)
        };
        let Some((depth, chroma_rows)) = samples(raw.format) else { return Ok(None) };
        let is_alone = if is_second { after.is_none() } else { before.is_none() };
        let (before, after) = (before.unwrap_or(self), after.unwrap_or(self));
        if kind(before) != kind(self) || kind(after) != kind(self) || raw.height < 2 {
            return Ok(None);
        }
        let field = Field { is_top: (raw.top_field_first != 0) != is_second, is_second, is_alone };
        let mut made = self.like()?;
        for plane in 0..raw.data.len() {
            let (Some(now), Some(before), Some(after)) = (
                self.rows(plane, chroma_rows),
                before.rows(plane, chroma_rows),
                after.rows(plane, chroma_rows),
            ) else {
                break;
            };
            let Some((out, stride)) = made.rows_mut(plane, now.count, now.bytes) else { break };
            fill(&Around { before, now, after }, field, depth, out, stride);
        }
        Ok(Some(made))
    }

    /// The samples of its format, as the function of this name returns them.
    pub(super) fn samples(&self) -> Option<(u32, usize)> {
        samples(self.as_ref().format)
    }

    /// A progressive picture of the same kind with undefined pixels.
    fn like(&self) -> Result<Self, AvError> {
        let made = Self::empty()?;
        let raw = self.as_ref();
        // SAFETY: the new frame is ours, and the old one is valid.
        unsafe {
            let new = made.as_mut_ptr();
            ((*new).format, (*new).width, (*new).height) = (raw.format, raw.width, raw.height);
            check(ffi::av_frame_get_buffer(new, 0), "deinterlacing")?;
            check(ffi::av_frame_copy_props(new, raw), "deinterlacing")?;
            (*new).interlaced_frame = 0;
        }
        Ok(made)
    }

    /// The rows of a plane, if it is stored from the top.
    pub(super) fn rows(&self, plane: usize, chroma_rows: usize) -> Option<Rows<'_>> {
        let raw = self.as_ref();
        let (bytes, count) = extent(raw, plane, chroma_rows)?;
        let stride = usize::try_from(raw.linesize[plane]).ok().filter(|&s| s >= bytes)?;
        let data = raw.data[plane];
        // SAFETY: the decoder has filled so many rows of this stride, of the last at least what
        // counts, and nobody writes to them as long as the frame lives.
        let data = (!data.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(data, stride * (count - 1) + bytes) })?;
        Some(Rows { data, stride, bytes, count })
    }

    /// The writable rows of a frame that is not yet shared, and its stride.
    fn rows_mut(&mut self, plane: usize, count: usize, bytes: usize) -> Option<(&mut [u8], usize)> {
        let raw = self.as_ref();
        let stride = usize::try_from(raw.linesize[plane]).ok().filter(|&s| s >= bytes)?;
        let data = raw.data[plane];
        // SAFETY: libav has made room for so many rows of this stride, which are ours alone.
        let data = (!data.is_null()).then(|| unsafe {
            std::slice::from_raw_parts_mut(data, stride * (count - 1) + bytes)
        })?;
        Some((data, stride))
    }
}

/// Bits of a format's samples, and the logarithm of luma rows per chroma row. `None` where samples
/// are not whole bytes or words in the machine's order.
fn samples(format: c_int) -> Option<(u32, usize)> {
    // SAFETY: the answer is null for what is no pixel format, else static.
    let descriptor = unsafe {
        let format = std::mem::transmute::<c_int, ffi::AVPixelFormat>(format);
        ffi::av_pix_fmt_desc_get(format).as_ref()
    }?;
    let has = |flag: u32| descriptor.flags & u64::from(flag) != 0;
    let odd = ffi::AV_PIX_FMT_FLAG_PAL
        | ffi::AV_PIX_FMT_FLAG_BITSTREAM
        | ffi::AV_PIX_FMT_FLAG_HWACCEL
        | ffi::AV_PIX_FMT_FLAG_FLOAT
        | ffi::AV_PIX_FMT_FLAG_BAYER;
    let first = &descriptor.comp[0];
    let depth = u32::try_from(first.depth + first.shift).ok()?;
    let is_swapped = has(ffi::AV_PIX_FMT_FLAG_BE.cast_unsigned()) == cfg!(target_endian = "little");
    let fits = (8..=16).contains(&depth) && !has(odd.cast_unsigned());
    (fits && !(depth > 8 && is_swapped)).then_some((depth, usize::from(descriptor.log2_chroma_h)))
}

/// Bytes of a row of a plane that hold samples, and the number of its rows.
fn extent(frame: &ffi::AVFrame, plane: usize, chroma_rows: usize) -> Option<(usize, usize)> {
    // SAFETY: a computation on plain numbers; formats come from libav.
    let bytes = unsafe {
        let format = std::mem::transmute::<c_int, ffi::AVPixelFormat>(frame.format);
        ffi::av_image_get_linesize(format, frame.width, c_int::try_from(plane).ok()?)
    };
    let height = usize::try_from(frame.height).ok()?;
    let is_chroma = plane == 1 || plane == 2;
    let count = if is_chroma { height.div_ceil(1 << chroma_rows) } else { height };
    Some((usize::try_from(bytes).ok().filter(|&bytes| bytes > 0)?, count))
}
