//! The way in which pictures leave the browser.

use std::fmt;

use image::ImageFormat;
use serde::Serialize;

/// How pictures leave the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Backend {
    /// The browser draws into a window on a private display, whose pixels are read.
    Display,
    /// Each frame is drawn and read by one `HeadlessExperimental.beginFrame`.
    BeginFrame,
    /// The browser draws when it likes; `Page.captureScreenshot` reads.
    Screenshot,
    /// The page is drawn into a canvas, whose pixels come over a socket.
    Canvas,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Display => "display",
            Self::BeginFrame => "beginFrame",
            Self::Screenshot => "screenshot",
            Self::Canvas => "canvas",
        })
    }
}

/// How pictures are compressed on the way out of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Lossless.
    Png,
    /// Lossy, quality 1 to 100.
    Jpeg(u8),
}

impl Compression {
    pub(crate) const fn image_format(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg(_) => ImageFormat::Jpeg,
        }
    }
}
