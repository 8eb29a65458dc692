//! Formats of files of one picture.

use std::path::Path;

/// The format of a picture in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// PNG: lossless, RGB where the picture is opaque, else RGBA.
    Png,
    /// JPEG of a quality from 1 to 100. Transparency is lost.
    Jpeg(u8),
    /// WebP: lossless, as PNG.
    WebP,
    /// PNG of 16 bits. HDR has a `cICP` chunk.
    Png16,
    /// TIFF: lossless, as PNG.
    Tiff,
    /// TIFF of 16 bits.
    Tiff16,
    /// `OpenEXR`: half floats in linear light, white at 1, colors multiplied by alpha.
    Exr,
}

impl PictureFormat {
    /// The possible endings of a file name, for messages.
    pub const EXTENSIONS: &str = ".png, .jpg, .jpeg, .webp, .tif, .tiff or .exr";

    /// The default quality of JPEG.
    pub const JPEG_QUALITY: u8 = 95;

    /// The format for a file name's ending, if it has one.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg(Self::JPEG_QUALITY)),
            "webp" => Some(Self::WebP),
            "tif" | "tiff" => Some(Self::Tiff),
            "exr" => Some(Self::Exr),
            _ => None,
        }
    }
}
