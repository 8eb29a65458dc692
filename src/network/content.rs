//! Headers of an answer with a file: its type, and the part that is sent.

use std::path::Path;

/// The `Content-Type` of a file, by its extension.
pub(crate) fn content_type(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let essence = match extension.to_str().unwrap_or_default() {
        // RFC 9239 has retired the other names.
        "js" | "mjs" | "cjs" => "text/javascript",
        "lottie" => "application/zip",
        _ => mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream"),
    };
    if essence.starts_with("text/") || essence == "application/json" {
        format!("{essence}; charset=utf-8")
    } else {
        essence.to_owned()
    }
}

/// The request in a `Range` header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// Not a single byte range: the whole file is a valid answer.
    Ignored,
    /// From the first to before the second.
    Part(u64, u64),
    Unsatisfiable,
}

/// Reads a `Range` header, RFC 9110 section 14.1.2.
pub(crate) fn parse_range(text: &str, length: u64) -> Range {
    let Some(spec) = text.strip_prefix("bytes=") else { return Range::Ignored };
    let Some((first, last)) = spec.split_once('-') else { return Range::Ignored };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), _) if first >= length => Range::Unsatisfiable,
        (Ok(first), Ok(last)) if last >= first => Range::Part(first, last.min(length - 1) + 1),
        (Ok(first), Err(_)) if last.trim().is_empty() => Range::Part(first, length),
        (Err(_), Ok(0)) if first.trim().is_empty() => Range::Unsatisfiable,
        (Err(_), Ok(suffix)) if first.trim().is_empty() && length > 0 => {
            Range::Part(length.saturating_sub(suffix), length)
        }
        _ => Range::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-99", 1000), Range::Part(0, 100));
        assert_eq!(parse_range("bytes=990-2000", 1000), Range::Part(990, 1000));
        assert_eq!(parse_range("bytes=500-", 1000), Range::Part(500, 1000));
        assert_eq!(parse_range("bytes=-10", 1000), Range::Part(990, 1000));
        assert_eq!(parse_range("bytes=-2000", 1000), Range::Part(0, 1000));
        assert_eq!(parse_range("bytes=1000-", 1000), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=-0", 1000), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=0-1,5-6", 1000), Range::Ignored);
        assert_eq!(parse_range("lines=1-2", 1000), Range::Ignored);
        assert_eq!(parse_range("bytes=9-3", 1000), Range::Ignored);
        assert_eq!(parse_range("bytes=0-", 0), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=-5", 0), Range::Ignored);
    }

    #[test]
    fn types_follow_the_extension() {
        let cases = [
            ("a.html", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.min.MJS", "text/javascript; charset=utf-8"),
            ("a.json", "application/json; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.lottie", "application/zip"),
            ("a.glb", "model/gltf-binary"),
            ("a.unknown", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ];
        for (name, wanted) in cases {
            assert_eq!(content_type(Path::new(name)), wanted, "{name}");
        }
    }
}
