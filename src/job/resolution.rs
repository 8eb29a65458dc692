//! Sizes by HyperFrames' words: a whole number of pixels for each of the composition's.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Job, JobError};
use crate::frame::Size;

/// A size by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Resolution {
    /// 1920x1080.
    Landscape,
    /// 3840x2160.
    #[serde(rename = "landscape-4k")]
    Landscape4k,
    /// 1080x1920.
    Portrait,
    /// 2160x3840.
    #[serde(rename = "portrait-4k")]
    Portrait4k,
    /// 1080x1080.
    Square,
    /// 2160x2160.
    #[serde(rename = "square-4k")]
    Square4k,
    /// 1080 pixels on the short side, whatever the shape.
    #[serde(rename = "1080p")]
    P1080,
    /// The same as `1080p`.
    Hd,
    /// 2160 pixels on the short side, whatever the shape.
    #[serde(rename = "4k")]
    K4,
    /// The same as `4k`.
    Uhd,
}

impl Resolution {
    /// The pixels that the word means for a composition of a size.
    fn pixels(self, size: Size) -> Size {
        let of = |width, height| Size { width, height };
        let turned = |long, short| match size.width.cmp(&size.height) {
            std::cmp::Ordering::Less => of(short, long),
            std::cmp::Ordering::Equal => of(short, short),
            std::cmp::Ordering::Greater => of(long, short),
        };
        match self {
            Self::Landscape => of(1920, 1080),
            Self::Landscape4k => of(3840, 2160),
            Self::Portrait => of(1080, 1920),
            Self::Portrait4k => of(2160, 3840),
            Self::Square => of(1080, 1080),
            Self::Square4k => of(2160, 2160),
            Self::P1080 | Self::Hd => turned(1920, 1080),
            Self::K4 | Self::Uhd => turned(3840, 2160),
        }
    }

    fn refused(found: impl std::fmt::Display, expected: impl Into<String>) -> JobError {
        JobError::BadValue {
            path: "resolution".into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// Pixels of the picture for each of a composition of a size; an error if it does not fit.
    pub(crate) fn scale(self, size: Size) -> Result<f64, JobError> {
        let target = self.pixels(size);
        let scale = target.width / size.width;
        let fits = scale >= 1 && size.width * scale == target.width;
        if !fits || size.height * scale != target.height {
            let expected = format!(
                "a whole multiple of the composition's {size}; `scale` and `video.size` take others"
            );
            return Err(Self::refused(target, expected));
        }
        let scale = f64::from(scale);
        if !super::scale::RANGE.contains(&scale) {
            let most = super::scale::RANGE.end();
            return Err(Self::refused(target, format!("at most {most} times {size}")));
        }
        Ok(scale)
    }
}

impl Job {
    /// The same job with a `scale` in place of its resolution, for a composition whose HTML
    /// declares a size.
    pub(crate) fn with_scale(&self, declared: Option<Size>) -> Result<Self, JobError> {
        let Some(resolution) = self.resolution else { return Ok(self.clone()) };
        if (self.scale - 1.0).abs() > f64::EPSILON {
            return Err(JobError::Conflict { first: "resolution".into(), second: "scale".into() });
        }
        let size = self.size.or(declared).ok_or_else(|| {
            let expected = "a composition whose HTML has data-width and data-height, or `size` beside \
                            it; `scale` works with any";
            Resolution::refused(format!("{resolution:?}").to_lowercase(), expected)
        })?;
        Ok(Self { scale: resolution.scale(size)?, ..self.clone() })
    }

    /// Fails if the opened page is not of the size from which the scale was taken.
    pub(crate) fn check_resolution(&self, size: Size) -> Result<(), JobError> {
        let Some(resolution) = self.resolution else { return Ok(()) };
        let scale = resolution.scale(size)?;
        if (scale - self.scale).abs() > f64::EPSILON {
            let expected =
                format!("`scale`, or `size` beside it: the page turned out to be {size}");
            return Err(Resolution::refused(resolution.pixels(size), expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(resolution: Resolution, width: u32, height: u32) -> Result<f64, String> {
        resolution.scale(Size { width, height }).map_err(|e| e.to_string())
    }

    #[test]
    fn words_are_whole_multiples_of_the_same_shape() {
        use Resolution::{Hd, K4, Landscape, Landscape4k, P1080, Portrait, Square4k, Uhd};
        for (resolution, width, height, expected) in [
            (Landscape, 1920, 1080, 1.0),
            (Landscape, 960, 540, 2.0),
            (Landscape4k, 1280, 720, 3.0),
            (Portrait, 540, 960, 2.0),
            (Square4k, 1080, 1080, 2.0),
            (P1080, 1080, 1920, 1.0),
            (Hd, 540, 540, 2.0),
            (K4, 1920, 1080, 2.0),
            (Uhd, 1080, 1920, 2.0),
        ] {
            assert_eq!(scale(resolution, width, height), Ok(expected), "{width}x{height}");
        }
        for (resolution, width, height) in [
            (Landscape, 1080, 1920),
            (Landscape, 1280, 720),
            (Landscape, 3840, 2160),
            (K4, 640, 360),
        ] {
            let message = scale(resolution, width, height).unwrap_err();
            assert!(message.contains("resolution"), "{message}");
        }
    }
}
