//! The components of a decoded picture, at their full depth.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::DecodedFrame;
use crate::color::Range;
use crate::frame::Size;

/// The relation of a source's components to red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SourceMatrix {
    /// The components are red, green and blue.
    Identity,
    /// Luma and two color differences, with the shares of red and blue in luma.
    Luma { red: f32, blue: f32 },
}

/// The colors of a source's red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourcePrimaries {
    Bt709,
    Bt2020,
    /// P3 with the white of daylight.
    P3,
}

/// The place of one component in memory.
#[derive(Clone, Copy, Debug)]
struct Component<'a> {
    data: &'a [u8],
    stride: usize,
    /// Bytes from one code to the next, and in front of the first.
    step: usize,
    offset: usize,
    /// Bits below the code.
    shift: u32,
    /// Whether codes of two bytes have the other order than this machine's.
    is_swapped: bool,
}

/// A picture's red, green and blue, or luma and color differences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes<'a> {
    components: [Component<'a>; 3],
    pub size: Size,
    /// Chroma has a 2ⁿth of the columns and of the rows.
    pub chroma_shift: (u32, u32),
    /// The distance right of, and below, the first pixel's center at which the first chroma sample
    /// lies, in pixels.
    pub chroma_offset: (f32, f32),
    /// Bits of a code.
    pub depth: u32,
    pub range: Range,
    pub matrix: SourceMatrix,
    pub primaries: SourcePrimaries,
}

impl Planes<'_> {
    /// Columns and rows of one component.
    pub(crate) fn extent(&self, component: usize) -> (usize, usize) {
        let (x, y) = if component == 0 { (0, 0) } else { self.chroma_shift };
        let side = |length: u32, shift: u32| length.div_ceil(1 << shift) as usize;
        (side(self.size.width, x), side(self.size.height, y))
    }

    /// The codes of one row of a component, as many as `codes` has room for.
    pub(crate) fn read_row(&self, component: usize, row: usize, codes: &mut [f32]) {
        let Component { data, stride, step, offset, shift, is_swapped } =
            self.components[component];
        let data = &data[row * stride + offset..];
        if self.depth <= 8 {
            for (code, bytes) in codes.iter_mut().zip(data.chunks(step)) {
                *code = f32::from(bytes[0]);
            }
            return;
        }
        // The bits above the code have no meaning.
        let mask = u16::MAX >> (16 - self.depth);
        if is_swapped {
            for (code, bytes) in codes.iter_mut().zip(data.chunks(step)) {
                let swapped = u16::from_ne_bytes([bytes[1], bytes[0]]);
                *code = f32::from(swapped >> shift & mask);
            }
            return;
        }
        if step == 2 {
            for (code, &bytes) in codes.iter_mut().zip(data.as_chunks::<2>().0) {
                *code = f32::from(u16::from_ne_bytes(bytes) >> shift & mask);
            }
            return;
        }
        for (code, bytes) in codes.iter_mut().zip(data.chunks(step)) {
            *code = f32::from(u16::from_ne_bytes([bytes[0], bytes[1]]) >> shift & mask);
        }
    }
}

impl DecodedFrame {
    /// The components of the picture; an error with the reason if they cannot be read.
    pub(crate) fn planes(&self) -> Result<Planes<'_>, String> {
        use ffi::AVColorPrimaries as Primaries;
        use ffi::AVColorRange::AVCOL_RANGE_JPEG;
        let raw = self.as_ref();
        // SAFETY: the answer is null for what is no pixel format, else static.
        let descriptor = unsafe {
            let format = std::mem::transmute::<c_int, ffi::AVPixelFormat>(raw.format);
            ffi::av_pix_fmt_desc_get(format).as_ref()
        };
        let descriptor = descriptor.ok_or("its pixel format is not known")?;
        let has = |flag: u32| descriptor.flags & u64::from(flag) != 0;
        let is_rgb = has(ffi::AV_PIX_FMT_FLAG_RGB.cast_unsigned());
        let is_swapped =
            has(ffi::AV_PIX_FMT_FLAG_BE.cast_unsigned()) == cfg!(target_endian = "little");
        let odd = ffi::AV_PIX_FMT_FLAG_PAL
            | ffi::AV_PIX_FMT_FLAG_BITSTREAM
            | ffi::AV_PIX_FMT_FLAG_HWACCEL
            | ffi::AV_PIX_FMT_FLAG_FLOAT
            | ffi::AV_PIX_FMT_FLAG_BAYER;
        let depth = u32::try_from(descriptor.comp[0].depth).unwrap_or_default();
        if has(odd.cast_unsigned()) || descriptor.nb_components < 3 || !(8..=16).contains(&depth) {
            return Err("its pixel format is not one of planes of 8 to 16 bits".into());
        }
        let (Ok(width), Ok(height)) = (u32::try_from(raw.width), u32::try_from(raw.height)) else {
            return Err("its size makes no sense".into());
        };
        let chroma_shift =
            (u32::from(descriptor.log2_chroma_w), u32::from(descriptor.log2_chroma_h));
        let component = |at: usize| {
            let described = descriptor.comp[at];
            let plane = usize::try_from(described.plane).ok()?;
            let stride = usize::try_from(raw.linesize[plane]).ok()?;
            let step = usize::try_from(described.step).ok().filter(|&step| step > 0)?;
            let (x, y) = if at == 0 || is_rgb { (0, 0) } else { chroma_shift };
            let (columns, rows) =
                (width.div_ceil(1 << x) as usize, height.div_ceil(1 << y) as usize);
            let bytes = stride * rows.checked_sub(1)? + columns * step;
            let data = raw.data[plane];
            (!data.is_null()).then(|| Component {
                // SAFETY: the decoder has filled so many rows of this stride, of the last at least
                // the columns, and nobody writes to them as long as the frame lives.
                data: unsafe { std::slice::from_raw_parts(data, bytes) },
                stride,
                step,
                offset: usize::try_from(described.offset).unwrap_or_default(),
                shift: u32::try_from(described.shift).unwrap_or_default(),
                is_swapped,
            })
        };
        let (Some(first), Some(second), Some(third)) = (component(0), component(1), component(2))
        else {
            return Err("its planes are not where they should be".into());
        };
        Ok(Planes {
            components: [first, second, third],
            size: Size { width, height },
            chroma_shift,
            chroma_offset: chroma_offset(raw.chroma_location, chroma_shift),
            depth,
            range: if is_rgb || raw.color_range == AVCOL_RANGE_JPEG {
                Range::Full
            } else {
                Range::Limited
            },
            matrix: if is_rgb { SourceMatrix::Identity } else { luma_matrix(raw)? },
            primaries: match raw.color_primaries {
                Primaries::AVCOL_PRI_BT2020 | Primaries::AVCOL_PRI_UNSPECIFIED => {
                    SourcePrimaries::Bt2020
                }
                Primaries::AVCOL_PRI_BT709 => SourcePrimaries::Bt709,
                Primaries::AVCOL_PRI_SMPTE432 => SourcePrimaries::P3,
                other => return Err(format!("its primaries {} are not known", other as c_int)),
            },
        })
    }
}

/// The matrix that an HDR picture states; that of BT.2020 where it states none.
fn luma_matrix(frame: &ffi::AVFrame) -> Result<SourceMatrix, String> {
    use ffi::AVColorSpace as Space;
    let (red, blue) = match frame.colorspace {
        Space::AVCOL_SPC_BT2020_NCL | Space::AVCOL_SPC_UNSPECIFIED => (0.2627, 0.0593),
        Space::AVCOL_SPC_BT709 => (0.2126, 0.0722),
        Space::AVCOL_SPC_BT470BG | Space::AVCOL_SPC_SMPTE170M => (0.299, 0.114),
        other => return Err(format!("its matrix {} is not known", other as c_int)),
    };
    Ok(SourceMatrix::Luma { red, blue })
}

/// The offsets of the places that H.273 numbers from 0 to 5. Unknown ones are to the left, as in
/// most encoders.
fn chroma_offset(location: ffi::AVChromaLocation, (x, y): (u32, u32)) -> (f32, f32) {
    use ffi::AVChromaLocation as Location;
    // The first, the middle and the last of the pixels that share a sample.
    let place = |shift: u32, part: f32| ((1 << shift) - 1) as f32 * part;
    let (across, down) = match location {
        Location::AVCHROMA_LOC_CENTER => (0.5, 0.5),
        Location::AVCHROMA_LOC_TOPLEFT => (0.0, 0.0),
        Location::AVCHROMA_LOC_TOP => (0.5, 0.0),
        Location::AVCHROMA_LOC_BOTTOMLEFT => (0.0, 1.0),
        Location::AVCHROMA_LOC_BOTTOM => (0.5, 1.0),
        _ => (0.0, 0.5),
    };
    (place(x, across), place(y, down))
}
