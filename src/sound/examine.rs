//! A first look into a file.

use std::path::Path;

use crate::av::{AudioDecoder, SoundFacts};

/// Facts about the sound of a file, once its first samples have been decoded.
///
/// `None` if the file has none; an error in words if it cannot be read.
pub(crate) fn examine(file: &Path) -> Result<Option<SoundFacts>, String> {
    let said = |e: crate::av::AvError| e.to_string();
    let Some(mut decoder) = AudioDecoder::open(file, 0).map_err(said)? else { return Ok(None) };
    if decoder.read().map_err(said)?.is_some() {
        return Ok(Some(decoder.facts().clone()));
    }
    let none = || "nothing in it can be decoded".into();
    Err(format!("cannot read {}: {}", file.display(), decoder.take_fault().unwrap_or_else(none)))
}
