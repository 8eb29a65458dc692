//! The metadata of an output.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Container, JobError};
use crate::time::FrameRate;

/// Longest text, in bytes: some containers count them in 16 bits.
const MOST_BYTES: usize = 65_535;

/// The least seconds between chapters: containers count milliseconds.
const CHAPTER_STEP: f64 = 1e-3;

/// Tags that MP4 has a place for, by FFmpeg's names; its muxer silently omits all others.
const MP4_TAGS: &[&str] = &[
    "title",
    "artist",
    "album_artist",
    "composer",
    "album",
    "date",
    "encoding_tool",
    "encoder",
    "comment",
    "genre",
    "copyright",
    "grouping",
    "lyrics",
    "description",
    "synopsis",
    "show",
    "episode_id",
    "network",
    "keywords",
    "episode_sort",
    "season_number",
    "media_type",
    "hd_video",
    "gapless_playback",
    "compilation",
    "track",
    "disc",
    "tmpo",
    "location",
    "creation_time",
];

/// The same for WAV.
const WAV_TAGS: &[&str] =
    &["title", "artist", "album", "comment", "copyright", "date", "genre", "track", "encoder"];

/// The same for `QuickTime`.
const MOV_TAGS: &[&str] = &[
    "title",
    "artist",
    "author",
    "album",
    "date",
    "encoder",
    "comment",
    "genre",
    "copyright",
    "make",
    "model",
    "location",
    "keywords",
    "xmp",
    "creation_time",
];

/// What an output says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Metadata {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The language of picture and sound, by the three letters of ISO 639-2, such as `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{3}$")))]
    pub language: Option<String>,
    /// The time code of the first frame, `HH:MM:SS:FF`; in `.mov` and `.mp4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}:[0-9]{2}[:;][0-9]{2}$"))
    )]
    pub timecode: Option<String>,
    /// Chapters, in order; in `.mp4`, `.mov`, `.mkv` and `.webm`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chapters: Vec<Chapter>,
    /// Whether the output names the program that made it. Default: true.
    pub encoder: bool,
    /// Further tags, such as `artist`, `comment` or `copyright`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A part of the output that has a name. It ends where the next begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct Chapter {
    /// Where it begins, in seconds of the output.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub at: f64,
    /// Its name.
    pub title: String,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            title: None,
            language: None,
            timecode: None,
            chapters: Vec::new(),
            encoder: true,
            tags: BTreeMap::new(),
        }
    }
}

impl Metadata {
    /// Checks the metadata as far as possible on its own.
    pub(super) fn validate(&self) -> Result<(), JobError> {
        if let Some(language) = &self.language
            && !(language.len() == 3 && language.bytes().all(|b| b.is_ascii_lowercase()))
        {
            return refused("language", language, "three letters of ISO 639-2, such as eng");
        }
        if let Some(timecode) = &self.timecode
            && timecode_of(timecode).is_none()
        {
            return refused("timecode", timecode, "HH:MM:SS:FF, such as 01:00:00:00");
        }
        if let Some(title) = &self.title {
            validate_text("title", title)?;
        }
        for (key, value) in &self.tags {
            let path = format!("tags.{key}");
            if key.is_empty() || key.contains(|c: char| c.is_control() || c == '=') {
                let expected =
                    "left out: a tag's name is not empty and has no line breaks and no `=`";
                return refused(&path, value, expected);
            }
            validate_text(&path, value)?;
            for own in ["timecode", "language"] {
                if key.eq_ignore_ascii_case(own) {
                    return refused(&path, value, &format!("left out; use `metadata.{own}`"));
                }
            }
            if key.eq_ignore_ascii_case("creation_time") && !is_date(value) {
                return refused(&path, value, "a date such as 2026-11-28T09:00:00Z");
            }
        }
        let mut last = -1.0;
        for (i, chapter) in self.chapters.iter().enumerate() {
            let is_after = chapter.at >= last + CHAPTER_STEP - 1e-9;
            if !chapter.at.is_finite() || chapter.at < 0.0 || !is_after {
                let expected = "seconds, a thousandth at least after the chapter before";
                return refused(&format!("chapters[{i}].at"), &chapter.at.to_string(), expected);
            }
            validate_text(&format!("chapters[{i}].title"), &chapter.title)?;
            last = chapter.at;
        }
        Ok(())
    }

    /// Checks that the time code is one of frames at this rate.
    pub(crate) fn validate_at(&self, rate: FrameRate) -> Result<(), JobError> {
        let Some(timecode) = &self.timecode else { return Ok(()) };
        let Some(([hours, minutes, seconds, frame], drops)) = timecode_of(timecode) else {
            return Ok(());
        };
        let refused = |expected: &str| refused("timecode", timecode, expected);
        let nominal = (2 * rate.num.get()).saturating_add(rate.den.get()) / (2 * rate.den.get());
        if hours > 23 || minutes > 59 || seconds > 59 {
            return refused("at most 23:59:59");
        }
        if frame >= nominal {
            let last = nominal - 1;
            return refused(&format!("one whose frames count from 00 to {last:02}, at {rate} fps"));
        }
        if !drops {
            return Ok(());
        }
        // SMPTE ST 12-1: numbers are skipped at 29.97 and 59.94 Hz.
        let is_ntsc = rate.den.get() == 1001 && [30_000, 60_000].contains(&rate.num.get());
        if !is_ntsc {
            let expected = format!(
                "one with `:` before its frames: frames are dropped (`;`) at 30000/1001 and \
                 60000/1001 fps only, not at {rate}"
            );
            return refused(&expected);
        }
        if seconds == 0 && minutes % 10 != 0 && frame < nominal / 15 {
            return refused("one that is not dropped, such as 01:01:00;04");
        }
        Ok(())
    }

    /// The metadata that none of these outputs can hold, in sentences.
    pub(crate) fn left_out(&self, containers: &[Container], secs: f64) -> Vec<String> {
        let is_held = |key: &str| containers.iter().any(|&container| holds(container, key));
        let title = self.title.iter().map(|_| ("title", "metadata.title".to_owned()));
        let tags = self.tags.keys().map(|key| (key.as_str(), format!("metadata.tags.{key}")));
        let left_out = title.chain(tags).filter(|(key, _)| !is_held(key));
        let mut words: Vec<_> = containers.iter().map(|c| format!(".{}", c.word())).collect();
        words.dedup();
        let late = self.chapters.iter().enumerate().filter(|(_, chapter)| chapter.at >= secs);
        let late = late.map(|(i, chapter)| {
            let at = chapter.at;
            format!("`metadata.chapters[{i}]` is left out: it begins at {at} s, the end is at {secs:.3} s")
        });
        left_out
            .map(|(_, path)| {
                format!("`{path}` is left out: {} has no place for it", words.join(", "))
            })
            .chain(late)
            .collect()
    }

    /// Checks that an output of this kind can hold it.
    pub(super) fn validate_for(&self, container: Container) -> Result<(), JobError> {
        use Container::{Mkv, Mov, Mp4, Null, Webm};
        let refused = |path: &str, expected: &str| {
            let (path, found) =
                (format!("metadata.{path}"), format!("some in .{}", container.word()));
            Err(JobError::BadValue { path, found, expected: expected.into() })
        };
        if self.timecode.is_some()
            && !matches!(container, Mov | Mp4 | Null)
            && !container.is_sound()
        {
            return refused("timecode", "left out, or the output .mov or .mp4");
        }
        if !self.chapters.is_empty()
            && !matches!(container, Mp4 | Mov | Mkv | Webm | Null)
            && !container.is_sound()
        {
            return refused("chapters", "left out, or the output .mp4, .mov, .mkv or .webm");
        }
        Ok(())
    }
}

fn refused(path: &str, found: &str, expected: &str) -> Result<(), JobError> {
    /// Characters of a value that an error shows.
    const SHOWN: usize = 60;
    let mut shown: String = found.chars().take(SHOWN).collect();
    if shown.len() < found.len() {
        shown.push('\u{2026}');
    }
    let (path, found) = (format!("metadata.{path}"), format!("{shown:?}"));
    Err(JobError::BadValue { path, found, expected: expected.into() })
}

fn validate_text(path: &str, text: &str) -> Result<(), JobError> {
    if text.contains('\0') {
        return refused(path, text, "text without the character 0");
    }
    if text.len() > MOST_BYTES {
        return refused(path, text, &format!("at most {MOST_BYTES} bytes"));
    }
    Ok(())
}

/// Whether an output of this kind keeps a tag of the whole file.
fn holds(container: Container, key: &str) -> bool {
    use Container::{Apng, Exr, Gif, Hls, Jpeg, M4a, Mov, Mp4, Png, Raw, Tiff, Wav, Webp, Y4m};
    let is_in = |tags: &[&str]| tags.iter().any(|tag| tag.eq_ignore_ascii_case(key));
    match container {
        Mp4 | Hls | M4a => is_in(MP4_TAGS),
        Wav => is_in(WAV_TAGS),
        Mov => is_in(MOV_TAGS),
        Gif | Apng | Webp | Y4m | Raw | Png | Jpeg | Tiff | Exr => false,
        _ => true,
    }
}

/// Hours, minutes, seconds and frames, and whether frames are dropped.
fn timecode_of(text: &str) -> Option<([u32; 4], bool)> {
    let bytes = text.as_bytes();
    let is_shaped = bytes.len() == 11
        && bytes.iter().enumerate().all(|(i, b)| match i {
            2 | 5 => *b == b':',
            8 => matches!(b, b':' | b';'),
            _ => b.is_ascii_digit(),
        });
    let part = |at: usize| text.get(at..at + 2)?.parse().ok();
    is_shaped.then_some(())?;
    Some(([part(0)?, part(3)?, part(6)?, part(9)?], bytes[8] == b';'))
}

/// Whether it is a time of ISO 8601 in the form that containers take.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 19
        && bytes.iter().take(19).enumerate().all(|(i, b)| match i {
            4 | 7 => *b == b'-',
            10 => matches!(b, b'T' | b' '),
            13 | 16 => *b == b':',
            _ => b.is_ascii_digit(),
        })
        && bytes[19..].iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_file_can_hold_is_refused() {
        let chapter = |at| Chapter { at, title: "a".into() };
        let cases: [(Metadata, &str); 4] = [
            (Metadata { language: Some("en".into()), ..Metadata::default() }, "such as eng"),
            (Metadata { timecode: Some("1:0:0:0".into()), ..Metadata::default() }, "HH:MM:SS:FF"),
            (
                Metadata { chapters: vec![chapter(1.0), chapter(1.0)], ..Metadata::default() },
                "`metadata.chapters[1].at`",
            ),
            (Metadata { chapters: vec![chapter(-1.0)], ..Metadata::default() }, "chapters[0]"),
        ];
        for (metadata, expected) in cases {
            let error = metadata.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let timed = Metadata { timecode: Some("01:00:00;00".into()), ..Metadata::default() };
        assert!(timed.validate().is_ok() && timed.validate_for(Container::Mov).is_ok());
        assert!(timed.validate_for(Container::Mkv).is_err());
    }

    #[test]
    fn time_codes_are_those_of_their_rate() {
        let judged = |code: &str, rate: &str| {
            let metadata = Metadata { timecode: Some(code.into()), ..Metadata::default() };
            metadata.validate_at(rate.parse().unwrap()).map_err(|e| e.to_string())
        };
        for (code, rate) in [
            ("01:00:00:00", "25"),
            ("23:59:59:29", "30"),
            ("01:00:00;00", "30000/1001"),
            ("01:01:00;04", "60000/1001"),
            ("01:10:00;00", "30000/1001"),
            ("00:00:00:23", "24000/1001"),
            ("00:00:00:59", "60000/1001"),
        ] {
            assert_eq!(judged(code, rate), Ok(()), "{code} at {rate}");
        }
        for (code, rate, expected) in [
            ("01:00:00;00", "25", "`:` before its frames"),
            ("01:00:00;00", "30", "not at 30"),
            ("01:00:00;00", "24000/1001", "not at 24000/1001"),
            ("01:00:00:45", "30", "from 00 to 29"),
            ("01:00:00:30", "30000/1001", "from 00 to 29"),
            ("24:00:00:00", "30", "23:59:59"),
            ("00:60:00:00", "30", "23:59:59"),
            ("01:01:00;01", "30000/1001", "01:01:00;04"),
            ("01:01:00;03", "60000/1001", "01:01:00;04"),
        ] {
            let error = judged(code, rate).unwrap_err();
            assert!(error.contains("`metadata.timecode`") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn texts_that_no_container_holds_are_refused() {
        let tagged = |key: &str, value: &str| {
            let tags = [(key.to_owned(), value.to_owned())].into();
            Metadata { tags, ..Metadata::default() }.validate().map_err(|e| e.to_string())
        };
        assert_eq!(tagged("comment", &"x".repeat(65_535)), Ok(()));
        assert_eq!(tagged("creation_time", "2026-11-28T09:00:00.000000Z"), Ok(()));
        for (key, value, expected) in [
            ("comment", "x".repeat(65_536), "at most 65535 bytes"),
            ("comment", "a\0b".into(), "without the character 0"),
            ("", "x".into(), "a tag's name"),
            ("a=b", "x".into(), "a tag's name"),
            ("timecode", "01:00:00:00".into(), "use `metadata.timecode`"),
            ("creation_time", "yesterday".into(), "a date such as"),
        ] {
            let error = tagged(key, &value).unwrap_err();
            assert!(error.contains(expected) && error.len() < 300, "{error}");
        }
        let close = [0.0, 0.0004].map(|at| Chapter { at, title: String::new() });
        let close = Metadata { chapters: close.to_vec(), ..Metadata::default() };
        assert!(close.validate().unwrap_err().to_string().contains("chapters[1].at"));
    }

    #[test]
    fn what_no_output_holds_is_named_once() {
        let tags = ["artist", "mood"].map(|key| (key.to_owned(), "x".to_owned())).into();
        let metadata = Metadata { title: Some("T".into()), tags, ..Metadata::default() };
        let left_out = |containers: &[Container]| metadata.left_out(containers, 2.0);
        assert_eq!(left_out(&[Container::Gif, Container::Mkv]), [""; 0]);
        assert_eq!(
            left_out(&[Container::Mp4]),
            ["`metadata.tags.mood` is left out: .mp4 has no place for it"]
        );
        assert_eq!(left_out(&[Container::Gif]).len(), 3);
        let chapters = [0.0, 2.0].map(|at| Chapter { at, title: "a".into() }).to_vec();
        let late = Metadata { chapters, ..Metadata::default() }.left_out(&[Container::Mp4], 2.0);
        assert_eq!(late.len(), 1);
        assert!(late[0].starts_with("`metadata.chapters[1]` is left out: it begins at 2 s"));
    }
}
