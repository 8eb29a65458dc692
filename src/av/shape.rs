//! The shape in which a decoded picture is shown: its pixels' aspect, and its orientation.

use ffmpeg_next::ffi;

use crate::frame::Size;

/// The tolerance for axes of a display matrix, as the tangent of one degree.
const ALIGNED: f64 = 0.017_455;

/// The orientation in which coded pictures are shown: they are mirrored first, then turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Whether left and right change places.
    pub is_mirrored: bool,
    /// Quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
}

impl Orientation {
    /// Whether pictures are shown as they are coded.
    pub(crate) fn is_plain(self) -> bool {
        self == Self::default()
    }

    /// A size before or after the turn, from the other.
    pub(crate) fn turned(self, size: Size) -> Size {
        if self.quarter_turns.is_multiple_of(2) {
            size
        } else {
            Size { width: size.height, height: size.width }
        }
    }

    /// The orientation in libav's display matrix: nine numbers of four bytes, in rows. The scale of
    /// a matrix is ignored; a skewed matrix counts as none, as in Chrome.
    pub(super) fn of_matrix(matrix: &[u8]) -> Self {
        let numbers = matrix.chunks_exact(4).map(|b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
        let numbers: Vec<f64> = numbers.map(f64::from).collect();
        let &[a, b, _, c, d, ..] = &*numbers else { return Self::default() };
        // The directions of the picture's axes: (a, b) and (c, d).
        let along = |main: f64, other: f64| other.abs() <= main.abs() * ALIGNED && main != 0.0;
        let quarter_turns = if along(a, b) && along(d, c) {
            if d > 0.0 { 0 } else { 2 }
        } else if along(b, a) && along(c, d) {
            if c < 0.0 { 1 } else { 3 }
        } else {
            return Self::default();
        };
        Self { is_mirrored: a * d - b * c < 0.0, quarter_turns }
    }

    /// The orientation that a decoder found in the stream itself.
    fn of_frame(frame: &ffi::AVFrame) -> Option<Self> {
        let kind = ffi::AVFrameSideDataType::AV_FRAME_DATA_DISPLAYMATRIX;
        // SAFETY: a valid frame; the answer is null or lives as long as it.
        let data = unsafe { ffi::av_frame_get_side_data(frame, kind).as_ref() }?;
        // SAFETY: the data has this many bytes.
        Some(Self::of_matrix(unsafe { std::slice::from_raw_parts(data.data, data.size) }))
    }
}

/// Size, aspect and orientation of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The decoded size, without rows and columns that the stream crops.
    pub coded: Size,
    /// Width of a pixel by its height.
    pub pixel_aspect: (u32, u32),
    pub orientation: Orientation,
}

impl Shape {
    /// The size of an upright picture with square pixels. As in Chrome, no row or column is lost: wide
    /// pixels make it wider, and narrow ones make it higher.
    pub(crate) fn display(&self) -> Size {
        let (num, den) = self.pixel_aspect;
        let stretched = |side: u32, num: u32, den: u32| {
            let side = f64::from(side) * f64::from(num) / f64::from(den);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a size of at most 31 bits times at most 100"
            )]
            let side = side.round() as u32;
            side
        };
        let Size { width, height } = self.coded;
        self.orientation.turned(if num >= den {
            Size { width: stretched(width, num, den), height }
        } else {
            Size { width, height: stretched(height, den, num) }
        })
    }
}

/// The container's shape for all pictures of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamShape {
    pub pixel_aspect: Option<(u32, u32)>,
    pub orientation: Orientation,
}

impl StreamShape {
    /// The shape of one of them. The container's pixel aspect takes precedence over the stream's,
    /// as in Chrome and FFmpeg; the picture's own orientation, which is rare, over the container's.
    pub(super) fn of_frame(self, frame: &ffi::AVFrame) -> Option<Shape> {
        let (Ok(width @ 1..), Ok(height @ 1..)) =
            (u32::try_from(frame.width), u32::try_from(frame.height))
        else {
            return None;
        };
        let own = || aspect(frame.sample_aspect_ratio);
        Some(Shape {
            coded: Size { width, height },
            pixel_aspect: self.pixel_aspect.or_else(own).unwrap_or((1, 1)),
            orientation: Orientation::of_frame(frame).unwrap_or(self.orientation),
        })
    }
}

/// A pixel's width and height, where they make sense.
pub(super) fn aspect(ratio: ffi::AVRational) -> Option<(u32, u32)> {
    match (u32::try_from(ratio.num), u32::try_from(ratio.den)) {
        // A ratio that would make a picture a hundred times as wide is a mistake.
        (Ok(num @ 1..), Ok(den @ 1..)) if num / den < 100 && den / num < 100 => Some((num, den)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orientation(a: f64, b: f64, c: f64, d: f64) -> (bool, u8) {
        #[expect(clippy::cast_possible_truncation, reason = "16.16 fixed point")]
        let fixed = |n: f64| (n * 65_536.0).round() as i32;
        let matrix = [a, b, 0.0, c, d, 0.0, 320.0, 0.0].map(fixed);
        let bytes = matrix.iter().chain(&[1 << 30]).flat_map(|n| n.to_ne_bytes());
        let Orientation { is_mirrored, quarter_turns } =
            Orientation::of_matrix(&bytes.collect::<Vec<_>>());
        (is_mirrored, quarter_turns)
    }

    #[test]
    fn display_matrices() {
        assert_eq!(orientation(1.0, 0.0, 0.0, 1.0), (false, 0));
        assert_eq!(orientation(0.0, 1.0, -1.0, 0.0), (false, 1));
        assert_eq!(orientation(-1.0, 0.0, 0.0, -1.0), (false, 2));
        assert_eq!(orientation(0.0, -1.0, 1.0, 0.0), (false, 3));
        assert_eq!(orientation(-1.0, 0.0, 0.0, 1.0), (true, 0), "left and right");
        assert_eq!(orientation(1.0, 0.0, 0.0, -1.0), (true, 2), "above and below");
        assert_eq!(orientation(0.0, 1.0, 1.0, 0.0), (true, 3), "over the diagonal");
        assert_eq!(orientation(0.0, -1.0, -1.0, 0.0), (true, 1), "over the other");
        assert_eq!(orientation(-2.0, 0.0, 0.0, 2.0), (true, 0), "scaled");
        // Chrome shows skewed pictures as they are coded.
        let (sin, cos) = 30_f64.to_radians().sin_cos();
        assert_eq!(orientation(cos, sin, -sin, cos), (false, 0));
        let (sin, cos) = 135_f64.to_radians().sin_cos();
        assert_eq!(orientation(cos, sin, -sin, cos), (false, 0));
        assert_eq!(orientation(0.0, 0.0, 0.0, 0.0), (false, 0));
        assert_eq!(Orientation::of_matrix(&[0; 7]), Orientation::default());
    }

    #[test]
    fn pixels_are_made_square_without_loss() {
        let display = |pixel_aspect, quarter_turns| {
            let orientation = Orientation { is_mirrored: true, quarter_turns };
            let size = Size { width: 320, height: 180 };
            let Size { width, height } = Shape { coded: size, pixel_aspect, orientation }.display();
            (width, height)
        };
        // The sizes that Chrome reports for such files.
        assert_eq!(display((1, 1), 0), (320, 180));
        assert_eq!(display((4, 3), 0), (427, 180));
        assert_eq!(display((16, 15), 0), (341, 180));
        assert_eq!(display((1, 2), 0), (320, 360));
        assert_eq!(display((2, 1), 3), (180, 640));
    }
}
