//! Playlists of HLS (RFC 8216).

use std::fs;
use std::path::Path;

use crate::frame::StreamInfo;

/// The fault of the playlist at `path`, whose segments lie beside it.
pub(super) fn difference(path: &Path, stream: &StreamInfo) -> Option<String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(format!("the playlist cannot be read: {error}")),
    };
    let size = |name: &str| fs::metadata(path.with_file_name(name)).map_or(0, |facts| facts.len());
    difference_in(&text, stream, size)
}

/// The fault of a playlist's text; `size` returns the bytes of a file beside the playlist.
fn difference_in(text: &str, stream: &StreamInfo, size: impl Fn(&str) -> u64) -> Option<String> {
    if !text.starts_with("#EXTM3U\n") {
        return Some("the playlist does not begin with #EXTM3U".into());
    }
    let tags =
        ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-ENDLIST"].into_iter();
    let absent = tags.into_iter().find(|tag| !text.lines().any(|line| line == *tag));
    if let Some(tag) = absent {
        return Some(format!("the playlist has no {tag}"));
    }
    let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
    let map = value("#EXT-X-MAP:URI=\"").and_then(|rest| rest.strip_suffix('"'));
    let Some(map) = map else { return Some("the playlist has no #EXT-X-MAP".into()) };
    let segments = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let segments: Vec<_> = segments.collect();
    if let Some(file) = segments.iter().chain([&map]).find(|file| size(file) == 0) {
        return Some(format!("the playlist names {file}, which is not there or empty"));
    }
    let lengths = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.split(',').next());
    let lengths: Vec<f64> = lengths.filter_map(|length| length.parse().ok()).collect();
    if lengths.len() != segments.len() {
        let (lengths, segments) = (lengths.len(), segments.len());
        return Some(format!("the playlist has {lengths} lengths for {segments} segments"));
    }
    let target: f64 = value("#EXT-X-TARGETDURATION:")?.parse().ok()?;
    // Rounded to the nearest second, none may be longer (4.3.3.1).
    if let Some(longest) = lengths.iter().find(|length| length.round() > target) {
        return Some(format!("a segment lasts {longest} s, the target duration is {target} s"));
    }
    let rate = stream.frame_rate.as_f64();
    let (sum, expected) = (lengths.iter().sum::<f64>(), stream.frames as f64 / rate);
    let off = (sum - expected).abs() > 0.5 / rate;
    off.then(|| format!("the playlist lasts {sum:.4} s, expected {expected:.4} s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::Cicp;
    use crate::frame::{Alpha, Size};
    use crate::time::FrameRate;

    const GOOD: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n\
        #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"a_init.mp4\"\n\
        #EXTINF:4.000000,\na_00000.m4s\n#EXTINF:2.000000,\na_00001.m4s\n#EXT-X-ENDLIST\n";

    #[test]
    fn a_playlist_names_what_is_there_and_lasts_as_long() {
        let stream = StreamInfo {
            size: Size { width: 2, height: 2 },
            frame_rate: FrameRate::DEFAULT,
            frames: 180,
            alpha: Alpha::Opaque,
            color: Cicp::SRGB,
        };
        let judged = |text: &str| difference_in(text, &stream, |_| 1).unwrap_or_default();
        assert_eq!(judged(GOOD), "");
        for (from, to, expected) in [
            ("DURATION:4", "DURATION:3", "a segment lasts 4 s, the target duration is 3 s"),
            ("2.000000", "1.900000", "the playlist lasts 5.9000 s, expected 6.0000 s"),
            ("#EXTINF:2.000000,\n", "", "the playlist has 1 lengths for 2 segments"),
            (
                "#EXT-X-INDEPENDENT-SEGMENTS\n",
                "",
                "the playlist has no #EXT-X-INDEPENDENT-SEGMENTS",
            ),
        ] {
            assert_eq!(judged(&GOOD.replace(from, to)), expected);
        }
        let missing = difference_in(GOOD, &stream, |name| u64::from(name != "a_00001.m4s"));
        assert_eq!(missing.unwrap(), "the playlist names a_00001.m4s, which is not there or empty");
    }
}
