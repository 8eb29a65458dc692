//! The `@font-face` rules of a package's style sheet.

use std::path::Path;

use super::Face;

/// A rule, with the family that it declares.
#[derive(Debug)]
pub(super) struct Rule {
    pub family: String,
    pub face: Face,
}

/// Reads the rules of a sheet whose files lie beside it, or below `root`.
pub(super) fn read(sheet: &Path, root: &Path) -> Vec<Rule> {
    let Ok(text) = std::fs::read_to_string(sheet) else { return Vec::new() };
    let text = without_comments(&text);
    let blocks = text.split("@font-face").skip(1);
    blocks.filter_map(|block| rule(block, sheet.parent()?, root)).collect()
}

fn rule(block: &str, folder: &Path, root: &Path) -> Option<Rule> {
    let body = block.trim_start().strip_prefix('{')?;
    let end = outside(body, '}').first().copied()?;
    let mut found = Face {
        file: folder.to_owned(),
        weight: "400".into(),
        style: "normal".into(),
        stretch: None,
        range: None,
    };
    let (mut family, mut file) = (None, None);
    for declaration in split(&body[..end], ';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let value = value.trim();
        match property.trim().to_ascii_lowercase().as_str() {
            "font-family" => family = Some(unquoted(value).to_owned()),
            "font-weight" => found.weight = descriptor(value)?,
            "font-style" => found.style = descriptor(value)?,
            "font-stretch" => found.stretch = Some(descriptor(value)?),
            "unicode-range" => found.range = Some(descriptor(value)?),
            "src" => {
                let files = split(value, ',');
                file = files.iter().find_map(|source| local_file(source, folder, root));
            }
            _ => {}
        }
    }
    Some(Rule { family: family?, face: Face { file: file?, ..found } })
}

/// A descriptor's text, if it has only plain characters.
fn descriptor(value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " \n\t%+-.,?".contains(c);
    value
        .chars()
        .all(is_plain)
        .then(|| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

/// The file of `url(…)`, if it lies below `root`.
fn local_file(source: &str, folder: &Path, root: &Path) -> Option<std::path::PathBuf> {
    let inner = source.trim().strip_prefix("url(")?;
    let address = unquoted(inner[..inner.find(')')?].trim());
    let address = address.split(['?', '#']).next()?;
    if address.contains("://") || address.starts_with("data:") {
        return None;
    }
    let file = folder.join(address).canonicalize().ok()?;
    (file.is_file() && file.starts_with(root.canonicalize().ok()?)).then_some(file)
}

fn unquoted(text: &str) -> &str {
    let inner = ['"', '\''].iter().find_map(|&q| text.strip_prefix(q)?.strip_suffix(q));
    inner.unwrap_or(text)
}

fn without_comments(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        plain.push_str(&rest[..start]);
        rest = rest[start..].find("*/").map_or("", |end| &rest[start + end + 2..]);
    }
    plain + rest
}

/// The places of `wanted` in `text`, outside of strings and parentheses.
fn outside(text: &str, wanted: char) -> Vec<usize> {
    let (mut quote, mut depth) = (None, 0);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, c) if c == wanted && depth == 0 => found.push(at),
            _ => {}
        }
    }
    found
}

fn split(text: &str, by: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in outside(text, by) {
        parts.push(&text[start..at]);
        start = at + by.len_utf8();
    }
    parts.push(&text[start..]);
    parts
}
