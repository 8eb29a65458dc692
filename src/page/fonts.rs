//! Finds the fonts that the browser has really drawn.

use std::time::Duration;

use headless_chrome::protocol::cdp::types::Method as _;

use super::{RUNTIME_FACE, RuntimeWarning};
use crate::browser::cdp::{CSS, DOM};
use crate::browser::{BrowserError, Page};

/// The words before the fonts in a warning of the runtime.
const DRAWN_IN: &str = " is drawn in ";

/// Adds the fonts that were drawn instead to warnings about families. Leaves one warning per
/// family, and none for families that were drawn after all.
pub(crate) fn name_drawn_fonts(
    page: &mut Page,
    warnings: &mut Vec<RuntimeWarning>,
    timeout: Duration,
) -> Result<(), BrowserError> {
    let mut told: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for mut warning in std::mem::take(warnings) {
        if let Some(family) = &warning.family {
            let key = family.to_lowercase();
            if told.contains(&key) {
                continue;
            }
            let drawn = drawn_fonts(page, family, timeout)?;
            let is_drawn = drawn.iter().any(|name| name.to_lowercase() == key);
            told.push(key);
            if is_drawn {
                continue;
            }
            if let Some((head, _)) = warning.message.rsplit_once(DRAWN_IN)
                && !drawn.is_empty()
            {
                warning.message = format!("{head}{DRAWN_IN}{}", drawn.join(", "));
            }
        }
        kept.push(warning);
    }
    *warnings = kept;
    Ok(())
}

/// The fonts of an element that asks for `family`, the one with the most glyphs first.
fn drawn_fonts(
    page: &mut Page,
    family: &str,
    timeout: Duration,
) -> Result<Vec<String>, BrowserError> {
    let family = serde_json::to_string(family).expect("text is JSON");
    fonts_of(page, &format!("{RUNTIME_FACE}.misdrawn({family})"), timeout)
}

/// The fonts that draw the text of the element that `expression` returns; none if it returns none.
pub(crate) fn fonts_of(
    page: &mut Page,
    expression: &str,
    timeout: Duration,
) -> Result<Vec<String>, BrowserError> {
    let Some(object_id) = page.object_of(expression, timeout)? else {
        return Ok(Vec::new());
    };
    page.call(DOM::Enable { include_whitespace: None }, timeout)?;
    page.call(CSS::Enable(None), timeout)?;
    // Nodes have numbers only below a document that was requested.
    page.call(DOM::GetDocument { depth: Some(0), pierce: None }, timeout)?;
    let node_id = page.call(DOM::RequestNode { object_id }, timeout)?.node_id;
    let asked = page.call(CSS::GetPlatformFontsForNode { node_id }, timeout);
    page.call(CSS::Disable(None), timeout)?;
    page.call(DOM::Disable(None), timeout)?;
    let mut fonts = match asked {
        Ok(answer) => answer.fonts,
        // The element is not laid out.
        Err(BrowserError::Refused { message, .. }) => {
            tracing::debug!(message, method = CSS::GetPlatformFontsForNode::NAME, "no fonts");
            Vec::new()
        }
        Err(e) => return Err(e),
    };
    fonts.sort_by(|a, b| b.glyph_count.total_cmp(&a.glyph_count));
    let mut names: Vec<String> = Vec::new();
    for font in fonts {
        if !names.contains(&font.family_name) {
            names.push(font.family_name);
        }
    }
    Ok(names)
}
