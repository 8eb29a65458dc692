//! The size of a page that has not been opened yet.

use std::path::Path;

use crate::frame::Size;

/// The viewport where nothing is known.
pub(super) const GUESS: Size = Size { width: 1920, height: 1080 };

/// The size in the first tag with `data-width` and `data-height`, read from the text.
///
/// A guess, so that the page need not be opened twice; the page's own declaration counts once it is
/// open.
pub(super) fn declared_size(page: &Path) -> Option<Size> {
    let text = std::fs::read_to_string(page).ok()?;
    let number = |name: &str| -> Option<u32> {
        let rest = &text[text.find(&format!("{name}="))? + name.len() + 1..];
        let digits = rest.trim_start_matches(['"', '\'']);
        let end = digits.find(|c: char| !c.is_ascii_digit())?;
        digits[..end].parse().ok().filter(|n| (1..=16_384).contains(n))
    };
    Some(Size { width: number("data-width")?, height: number("data-height")? })
}
