//! Files of one picture.

use std::borrow::Cow;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageResult};

use super::exr;
use super::partial::PartialFile;
use crate::color::Cicp;
use crate::error::{Error, Result};
use crate::frame::convert::deep;
use crate::frame::{Picture, PixelFormat, Size};
use crate::job::PictureFormat;

impl PictureFormat {
    /// Writes `picture` to the file `path`, which appears when it is complete. Returns its size in
    /// bytes.
    pub fn write(self, picture: &Picture, path: &Path) -> Result<u64> {
        let file = PartialFile::create(path)?;
        let encoded = self.encode(picture, Cicp::SRGB).map_err(std::io::Error::other);
        let encoded = encoded.map_err(Error::io("cannot encode the picture", path))?;
        fs::write(file.path(), &encoded).map_err(Error::io("cannot write", path))?;
        file.keep()?;
        Ok(encoded.len() as u64)
    }

    /// The file's bytes, for a picture whose code values mean `color`.
    pub(super) fn encode(self, picture: &Picture, color: Cicp) -> ImageResult<Vec<u8>> {
        match self {
            Self::Exr => return exr::encode(picture, color),
            Self::Png16 | Self::Tiff16 => return self.encode_deep(picture, color),
            _ => {}
        }
        let has_alpha = !matches!(self, Self::Jpeg(_)) && !picture.is_opaque();
        let (data, color) = if has_alpha {
            (Cow::Borrowed(picture.data.as_slice()), ExtendedColorType::Rgba8)
        } else {
            (rgb(picture), ExtendedColorType::Rgb8)
        };
        let (width, height) = (picture.size.width, picture.size.height);
        let mut bytes = Vec::new();
        match self {
            Self::Png => PngEncoder::new(&mut bytes).write_image(&data, width, height, color),
            Self::Jpeg(quality) => JpegEncoder::new_with_quality(&mut bytes, quality)
                .write_image(&data, width, height, color),
            Self::WebP => {
                WebPEncoder::new_lossless(&mut bytes).write_image(&data, width, height, color)
            }
            _ => return tiff(&data, picture.size, color),
        }?;
        Ok(bytes)
    }

    /// Encodes the picture with 16 bits for each component.
    fn encode_deep(self, picture: &Picture, cicp: Cicp) -> ImageResult<Vec<u8>> {
        let has_alpha = !picture.is_opaque();
        let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
        let components = pixels.flat_map(|pixel| {
            deep(picture.format, pixel).into_iter().take(if has_alpha { 4 } else { 3 })
        });
        let data: Vec<u8> = components.flat_map(u16::to_ne_bytes).collect();
        let color = if has_alpha { ExtendedColorType::Rgba16 } else { ExtendedColorType::Rgb16 };
        if self == Self::Tiff16 {
            return tiff(&data, picture.size, color);
        }
        let mut bytes = Vec::new();
        let (width, height) = (picture.size.width, picture.size.height);
        PngEncoder::new(&mut bytes).write_image(&data, width, height, color)?;
        Ok(with_cicp(bytes, cicp))
    }
}

fn tiff(data: &[u8], size: Size, color: ExtendedColorType) -> ImageResult<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).write_image(data, size.width, size.height, color)?;
    Ok(file.into_inner())
}

/// The PNG with a chunk for the meaning of HDR codes. See W3C PNG, third edition, 11.3.2.6.
fn with_cicp(png: Vec<u8>, color: Cicp) -> Vec<u8> {
    // The signature, and the header's chunk of 13 bytes with its length, name and checksum.
    const AFTER_HEADER: usize = 8 + 25;
    if !color.is_hdr() {
        return png;
    }
    let chunk = [&b"cICP"[..], &color.as_rgb().code_points()].concat();
    let sum = crc32fast::hash(&chunk).to_be_bytes();
    let (before, after) = png.split_at(AFTER_HEADER);
    [before, &4_u32.to_be_bytes(), &chunk, &sum, after].concat()
}

/// Red, green and blue of every pixel.
fn rgb(picture: &Picture) -> Cow<'_, [u8]> {
    if picture.format == PixelFormat::Rgb8 {
        return Cow::Borrowed(&picture.data);
    }
    let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
    Cow::Owned(pixels.flat_map(|pixel| picture.format.rgb(pixel)).collect())
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;
    use crate::frame::Size;

    const SIZE: Size = Size { width: 2, height: 1 };

    fn read_back(format: PictureFormat, name: &str, picture: &Picture) -> DynamicImage {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        let bytes = format.write(picture, &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), bytes);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
        image::open(&path).unwrap()
    }

    #[test]
    fn opaque_pictures_are_rgb_and_others_keep_their_alpha() {
        let rgba = |alpha| Picture {
            size: SIZE,
            format: PixelFormat::Rgba8,
            data: vec![255, 128, 0, 255, 1, 2, 3, alpha],
        };
        for (format, name) in [(PictureFormat::Png, "a.png"), (PictureFormat::WebP, "a.webp")] {
            let DynamicImage::ImageRgb8(image) = read_back(format, name, &rgba(255)) else {
                panic!("{name} is not RGB");
            };
            assert_eq!(image.as_raw(), &[255, 128, 0, 1, 2, 3], "{name}");
            let DynamicImage::ImageRgba8(image) = read_back(format, name, &rgba(7)) else {
                panic!("{name} is not RGBA");
            };
            assert_eq!(image.as_raw(), &rgba(7).data, "{name}");
        }
    }

    #[test]
    fn the_order_of_components_is_understood() {
        let data = vec![3, 2, 1, 9, 6, 5, 4, 9];
        let picture = Picture { size: SIZE, format: PixelFormat::Bgrx8, data };
        let image = read_back(PictureFormat::Png, "a.png", &picture);
        assert_eq!(image.as_rgb8().unwrap().as_raw(), &[1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn jpeg_is_as_good_as_asked_for() {
        let data = (0..251).map(|n: u8| n.wrapping_mul(7)).cycle().take(64 * 64 * 3).collect();
        let size = Size { width: 64, height: 64 };
        let picture = Picture { size, format: PixelFormat::Rgb8, data };
        let bytes =
            |quality| PictureFormat::Jpeg(quality).encode(&picture, Cicp::SRGB).unwrap().len();
        assert!(bytes(20) < bytes(95), "{} {}", bytes(20), bytes(95));
        assert_eq!(read_back(PictureFormat::Jpeg(95), "a.jpg", &picture).width(), 64);
    }

    #[test]
    fn the_file_name_chooses() {
        let of = |name: &str| PictureFormat::of(Path::new(name));
        assert_eq!(of("a/b.PNG"), Some(PictureFormat::Png));
        assert_eq!(of("b.jpeg"), of("b.jpg"));
        assert_eq!(of("b.jpg"), Some(PictureFormat::Jpeg(95)));
        assert_eq!(of("b.webp"), Some(PictureFormat::WebP));
        assert_eq!([of("b"), of("png"), of("b.gif"), of("")], [None; 4]);
    }
}
