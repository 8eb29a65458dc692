//! Formats of files of one picture.

use std::path::Path;

/// How a picture is stored in a file.
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
    /// What a file name may end in, for messages.
    pub const EXTENSIONS: &str = ".png, .jpg, .jpeg, .webp, .tif, .tiff or .exr";

    /// The quality of JPEG where none is asked for.
    pub const JPEG_QUALITY: u8 = 95;

    /// The format that a file name asks for, if it is one.
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
