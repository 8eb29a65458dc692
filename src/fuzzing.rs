//! Doors for fuzzing: each reads foreign bytes with the code that reads them in a render.
//!
//! A panic is a fault: of the reader, or of an invariant that is checked here. `fuzz/` has a target
//! for each, and seeds; the bench `fuzz` tries them without libFuzzer.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use image::ImageFormat;
use tempfile::NamedTempFile;
use url::Url;

use crate::cues::{Cue, cues_of};
use crate::fonts::tables::Traits;
use crate::job::Job;
use crate::network::{HostPattern, Map, MapKey, PrivateHost, Range, parse_range};
use crate::sink::light::bitstream::{end_of_sequence_header, escaped, first_slice};
use crate::sink::light::patch::repair_checksums;

/// A reader, by the name of its target.
pub type Door = (&'static str, fn(&[u8]));

/// All doors.
pub const DOORS: [Door; 10] = [
    ("range", range),
    ("path", path),
    ("host", host),
    ("job", job),
    ("devtools", devtools),
    ("bitstream", bitstream),
    ("matroska", matroska),
    ("cues", cues),
    ("picture", picture),
    ("font", font),
];

/// Reads a `Range` header, for a file whose length is in the first eight bytes.
pub fn range(bytes: &[u8]) {
    let Some((length, text)) = bytes.split_first_chunk() else { return };
    let length = u64::from_le_bytes(*length);
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Range::Part(first, end) = parse_range(text, length) {
        assert!(first < end && end <= length, "{first}..{end} of {length}");
    }
}

/// Reads the part of an address after a mapped prefix: no file outside of its directory is found.
pub fn path(bytes: &[u8]) {
    static TREE: OnceLock<Option<Map>> = OnceLock::new();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/tree");
    let map = TREE.get_or_init(|| {
        let mut map = Map::new(false, None);
        map.insert(MapKey::parse("https://cdn.test/npm/")?, &tree).ok().map(|_| map)
    });
    let (Some(map), Ok(text)) = (map, std::str::from_utf8(bytes)) else { return };
    let Ok(url) = Url::parse(&format!("https://cdn.test/npm/{text}")) else { return };
    let Some(found) = map.find(&url).and_then(|hit| hit.found) else { return };
    let file = fs::canonicalize(&found.file).expect("what is found is there");
    let tree = fs::canonicalize(tree).expect("something was found in it");
    assert!(file.starts_with(&tree) && file.is_file(), "{}", file.display());
}

/// Reads names of hosts in a policy.
pub fn host(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(text.parse::<HostPattern>());
    drop(text.parse::<PrivateHost>());
    drop(MapKey::parse(text));
}

/// Reads a job file, and a request that a service takes from its users.
pub fn job(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(job) = Job::from_str(text, "/base") {
        drop(job.validate());
    }
    let own = Job::new("/own/index.html", "/own/out.mp4");
    if let Ok(job) = own.restricted(text) {
        let reach = |job: &Job| {
            format!("{:?}", (&job.output, &job.root, &job.browser, &job.network.policy, &job.fonts))
        };
        assert_eq!(reach(&job), reach(&own), "a request reaches outside");
    }
}

/// Reads messages of a browser, one per line.
pub fn devtools(bytes: &[u8]) {
    crate::browser::hear(bytes);
}

/// Reads keyframes of HEVC and AV1 into which a message is inserted.
pub fn bitstream(bytes: &[u8]) {
    assert!(first_slice(bytes).is_none_or(|at| at < bytes.len()), "HEVC");
    assert!(end_of_sequence_header(bytes).is_none_or(|at| at <= bytes.len()), "AV1");
    let escaped = escaped(bytes);
    let is_code = |window: &[u8]| window[..2] == [0, 0] && window[2] < 3;
    assert!(!escaped.windows(3).any(is_code), "a start code within a NAL unit");
}

/// Reads a Matroska file whose checksums are repaired, at places from the first eight bytes.
pub fn matroska(bytes: &[u8]) {
    let Some((places, content)) = bytes.split_first_chunk::<8>() else { return };
    let places = places.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair).into());
    let Some(file) = written(content) else { return };
    drop(repair_checksums(file.path(), &places.collect::<Vec<_>>()));
    let after = fs::metadata(file.path()).map_or(0, |metadata| metadata.len());
    assert_eq!(after, content.len() as u64, "its length has changed");
}

/// Reads a file of subtitles, and writes its cues for containers.
pub fn cues(bytes: &[u8]) {
    let Ok(cues) = cues_of(bytes) else { return };
    for cue in &cues {
        assert!(0 <= cue.start && cue.start < cue.end, "{cue:?}");
        let (text, styles) = cue.styled();
        let length = text.len();
        assert!(styles.iter().all(|(from, to, _)| from <= to && *to <= length), "{cue:?}");
        drop((cue.subrip(), cue.webvtt()));
    }
    if let Ok(single) = Cue::one_at_a_time(&cues) {
        let follow = |pair: &[Cue]| pair[0].end <= pair[1].start;
        assert!(single.windows(2).all(follow), "two at a time: {single:?}");
    }
    drop(Cue::within(&cues, 1000, 2000));
}

/// Reads a picture from a browser, or from a page.
pub fn picture(bytes: &[u8]) {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        if let Ok(picture) = crate::frame::decode(bytes, format) {
            let pixels = picture.size.width as usize * picture.size.height as usize;
            assert_eq!(picture.data.len(), pixels * picture.format.bytes_per_pixel());
        }
    }
    if let Some(file) = written(bytes) {
        crate::av::png_color(file.path());
    }
}

/// Reads a font file.
pub fn font(bytes: &[u8]) {
    drop(Traits::of(bytes));
}

fn written(bytes: &[u8]) -> Option<NamedTempFile> {
    let mut file = NamedTempFile::new().ok()?;
    file.write_all(bytes).ok()?;
    Some(file)
}
