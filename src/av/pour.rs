//! Copies a finished file into a target that is written from the beginning to the end.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::ptr;

use ffmpeg_next::ffi;

use super::muxer::{MuxTarget, open_for_writing};
use super::{AvError, check};

/// Copies the file `from` into `target`. Returns its bytes.
pub(crate) fn pour(from: &Path, target: MuxTarget<'_>) -> Result<u64, AvError> {
    let (url, name) = target.address()?;
    let doing = || format!("cannot write {}", name.display());
    let refused = |e: std::io::Error| AvError::refused(doing(), e.to_string());
    let mut file = File::open(from).map_err(refused)?;
    let mut context = ptr::null_mut();
    open_for_writing(&mut context, &url, target, &doing())?;
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    let copied = loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break Ok(0),
            Ok(count) => count,
            Err(e) => break Err(refused(e)),
        };
        bytes += count as u64;
        let length = std::ffi::c_int::try_from(count).unwrap_or_default();
        // SAFETY: an open context, and so many bytes of our own.
        let error = unsafe {
            ffi::avio_write(context, buffer.as_ptr(), length);
            ffi::avio_flush(context);
            (*context).error
        };
        if let Err(e) = check(error, doing()) {
            break Err(e);
        }
    };
    // SAFETY: an open context, which is null from here on.
    let closed = unsafe { ffi::avio_closep(&raw mut context) };
    copied?;
    check(closed, doing())?;
    Ok(bytes)
}
