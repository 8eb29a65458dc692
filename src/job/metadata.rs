//! What an output says about itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Container, JobError};

/// What an output says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Metadata {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The language of picture and sound, by the three letters of ISO 639-2, such as `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z]{3}$"))]
    pub language: Option<String>,
    /// The time code of the first frame, `HH:MM:SS:FF`; in `.mov` and `.mp4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}:[0-9]{2}[:;][0-9]{2}$"))]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct Chapter {
    /// Where it begins, in seconds of the output.
    #[schemars(range(min = 0))]
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
    /// Checks what can be judged by itself.
    pub(super) fn validate(&self) -> Result<(), JobError> {
        let refused = |path: &str, found: &str, expected: &str| {
            let (path, found) = (format!("metadata.{path}"), format!("{found:?}"));
            Err(JobError::BadValue { path, found, expected: expected.into() })
        };
        if let Some(language) = &self.language
            && !(language.len() == 3 && language.bytes().all(|b| b.is_ascii_lowercase()))
        {
            return refused("language", language, "three letters of ISO 639-2, such as eng");
        }
        if let Some(timecode) = &self.timecode
            && !is_timecode(timecode)
        {
            return refused("timecode", timecode, "HH:MM:SS:FF, such as 01:00:00:00");
        }
        let mut last = -1.0;
        for (i, chapter) in self.chapters.iter().enumerate() {
            if !chapter.at.is_finite() || chapter.at < 0.0 || chapter.at <= last {
                let path = format!("chapters[{i}].at");
                return refused(&path, &chapter.at.to_string(), "seconds after the chapter before");
            }
            last = chapter.at;
        }
        Ok(())
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

fn is_timecode(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 11
        && bytes.iter().enumerate().all(|(i, b)| match i {
            2 | 5 => *b == b':',
            8 => matches!(b, b':' | b';'),
            _ => b.is_ascii_digit(),
        })
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
}
