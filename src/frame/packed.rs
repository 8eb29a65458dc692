//! Pictures as bytes in a file, compressed without loss by LZ4.

use lz4_flex::block::{
    CompressError, DecompressError, compress_into, decompress_into, get_maximum_output_size,
};
use serde::{Deserialize, Serialize};

use super::{Picture, PixelFormat, Size};

/// What must be known of a picture besides its packed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PictureHead {
    /// Packed bytes.
    pub bytes: usize,
    pub width: u32,
    pub height: u32,
    pub format: PixelFormat,
}

/// Packs a picture into the beginning of `buffer`, which grows as needed.
pub(crate) fn pack(picture: &Picture, buffer: &mut Vec<u8>) -> Result<PictureHead, CompressError> {
    buffer.resize(get_maximum_output_size(picture.data.len()), 0);
    let bytes = compress_into(&picture.data, buffer)?;
    let Size { width, height } = picture.size;
    Ok(PictureHead { bytes, width, height, format: picture.format })
}

/// The picture of packed bytes.
pub(crate) fn unpack(head: &PictureHead, packed: &[u8]) -> Result<Picture, DecompressError> {
    let &PictureHead { width, height, format, .. } = head;
    let mut data = vec![0; width as usize * height as usize * format.bytes_per_pixel()];
    let length = decompress_into(packed, &mut data)?;
    if length != data.len() {
        return Err(DecompressError::ExpectedAnotherByte);
    }
    Ok(Picture { size: Size { width, height }, format, data })
}
