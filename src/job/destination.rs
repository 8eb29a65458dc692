//! The destination of an output, and its kind.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::place::Place;
use super::{Container, JobError};

/// The destination of an output, and its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The file, the directory of a sequence, or `-` for standard output.
    pub path: PathBuf,
    /// Its kind.
    pub container: Container,
    /// The names of a sequence's files.
    pub names: Option<FileNames>,
    /// The meaning of its name.
    pub place: Place,
}

/// Names with a number in them, such as `frame_%06d.png`. Numbers begin at 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(into = "String")]
pub struct FileNames {
    before: String,
    digits: usize,
    after: String,
}

impl FileNames {
    /// HyperFrames' names.
    fn usual(container: Container) -> Self {
        let extension = match container {
            Container::Jpeg => "jpg",
            Container::Tiff => "tif",
            other => other.word(),
        };
        Self { before: "frame_".into(), digits: 6, after: format!(".{extension}") }
    }

    /// Parses `text` if it has exactly one number in it, such as `%d` or `%04d`.
    fn parse(text: &str) -> Option<Self> {
        let (before, rest) = text.split_once('%')?;
        let (digits, after) = rest.split_once('d')?;
        let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && !after.contains('%');
        let digits = if digits.is_empty() { 1 } else { digits.parse().ok()? };
        let parsed = Self { before: before.into(), digits, after: after.into() };
        (is_plain && (1..=18).contains(&digits)).then_some(parsed)
    }

    /// The name of output frame `index`, which counts from 0.
    pub fn of(&self, index: u64) -> String {
        format!("{}{:0width$}{}", self.before, index + 1, self.after, width = self.digits)
    }

    /// Whether a file called `name` may be one of ours.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let number = name.strip_prefix(&self.before).and_then(|n| n.strip_suffix(&self.after));
        number.is_some_and(|n| n.len() >= self.digits && n.bytes().all(|b| b.is_ascii_digit()))
    }
}

impl From<FileNames> for String {
    fn from(names: FileNames) -> Self {
        format!("{}%0{}d{}", names.before, names.digits, names.after)
    }
}

impl Destination {
    /// Standard output, as a path.
    pub(super) const STDOUT: &str = "-";

    /// Whether it goes to standard output.
    pub fn is_stdout(&self) -> bool {
        self.place == Place::Descriptor(1)
    }

    /// An output that is only measured.
    pub(super) fn nowhere() -> Self {
        let path = Self::STDOUT.into();
        Self { path, container: Container::Null, names: None, place: Place::Nowhere }
    }

    /// The meaning of `output` and `format` together; `field` names the output in messages.
    pub(super) fn resolve(
        output: &Path,
        format: Option<Container>,
        field: &str,
    ) -> Result<Self, JobError> {
        let shown = output.display().to_string();
        let refused = |path: String, found: String, expected: String| {
            Err(JobError::BadValue { path, found, expected })
        };
        let format_field = field.strip_suffix("output").map(|owner| format!("{owner}format"));
        let format_field = format_field.unwrap_or_else(|| "format".into());
        let by_name = Container::of(output);
        let place = match Place::of(output) {
            Ok(place) => place,
            Err(found) => {
                let expected = "a file, a pipe or a device that can be written".into();
                return refused(field.into(), format!("{shown:?}, {found}"), expected);
            }
        };
        if let (Some(format), Some(by_name)) = (format, by_name)
            && format != by_name
        {
            let expected = format!("what the extension of `{field}` says ({shown})");
            return refused(format_field, format!("{:?}", format.word()), expected);
        }
        if format == Some(Container::Null) && (place.is_streamed() || !output.is_dir()) {
            return Ok(Self { path: output.to_owned(), ..Self::nowhere() });
        }
        if place.is_streamed() {
            let kind = if place == Place::Stream { "a pipe or device" } else { "standard output" };
            return match format.or(by_name) {
                Some(container) if container.can_be_piped() => {
                    Ok(Self { path: output.to_owned(), container, names: None, place })
                }
                other => {
                    let found = other.map_or("nothing", Container::word).to_owned();
                    let expected = format!(
                        "mp4, mov, mkv, webm, gif, y4m, raw, wav, flac, m4a, mp3 or opus for {kind}"
                    );
                    refused(format_field, found, expected)
                }
            };
        }
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let container = format.or(by_name);
        let is_directory = shown.ends_with('/') || output.is_dir();
        let has_number = name.contains('%') && !is_directory;
        if has_number && container.is_none_or(Container::is_sequence) {
            let names = FileNames::parse(&name).filter(|_| container.is_some());
            let (Some(names), Some(container)) = (names, container) else {
                let expected = "a name with one number, such as frames/%06d.png".into();
                return refused(field.into(), format!("{shown:?}"), expected);
            };
            let directory = output.parent().filter(|parent| !parent.as_os_str().is_empty());
            let path = directory.unwrap_or_else(|| Path::new(".")).to_owned();
            return Ok(Self { path, container, names: Some(names), place });
        }
        let Some(container) = container.or(is_directory.then_some(Container::Png)) else {
            let expected = format!("a file name that ends in {}", Container::EXTENSIONS);
            return refused(field.into(), format!("{shown:?}"), expected);
        };
        if !container.is_sequence() {
            return Ok(Self { path: output.to_owned(), container, names: None, place });
        }
        if by_name.is_some() && !is_directory {
            let expected = format!(
                "a directory, or names with a number, such as frames/%06d.{}; one picture is what \
                 `pagereel still` writes, or an entry of `outputs` with `at`",
                container.word()
            );
            return refused(field.into(), format!("{shown:?}"), expected);
        }
        let names = Some(FileNames::usual(container));
        Ok(Self { path: output.to_owned(), container, names, place })
    }
}

impl Container {
    /// Whether it can be written in one pass; sound alone is finished first.
    const fn can_be_piped(self) -> bool {
        matches!(
            self,
            Self::Mp4 | Self::Mov | Self::Mkv | Self::Webm | Self::Gif | Self::Y4m | Self::Raw
        ) || self.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(output: &str, format: Option<Container>) -> Result<Destination, String> {
        Destination::resolve(Path::new(output), format, "output").map_err(|e| e.to_string())
    }

    #[test]
    fn names_and_formats_say_together_what_is_written() {
        let kind = |output, format| resolve(output, format).unwrap().container;
        assert_eq!(kind("a.webm", None), Container::Webm);
        assert_eq!(kind("a.bin", Some(Container::Mkv)), Container::Mkv);
        assert_eq!(kind("-", Some(Container::Webm)), Container::Webm);
        assert_eq!(kind("frames/", None), Container::Png);
        assert_eq!(kind("frames", Some(Container::Exr)), Container::Exr);
        let sequence = resolve("shots/a_%04d.jpg", None).unwrap();
        assert_eq!((sequence.path.to_str(), sequence.container), (Some("shots"), Container::Jpeg));
        let names = sequence.names.unwrap();
        assert_eq!(
            (names.of(0).as_str(), names.of(12_344).as_str()),
            ("a_0001.jpg", "a_12345.jpg")
        );
        assert!(names.matches("a_0001.jpg") && !names.matches("a_001.jpg"));
        let usual = resolve("frames/", None).unwrap().names.unwrap();
        assert_eq!(usual.of(0), "frame_000001.png");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (output, format, expected) in [
            (
                "-",
                None,
                "mp4, mov, mkv, webm, gif, y4m, raw, wav, flac, m4a, mp3 or opus for standard output",
            ),
            ("-", Some(Container::Png), "for standard output"),
            ("a.mkv", Some(Container::Mp4), "what the extension of `output` says (a.mkv)"),
            ("a.png", None, "pagereel still"),
            ("a_%d_%d.png", None, "a name with one number"),
            ("a.avi", None, "a file name that ends in .mp4"),
        ] {
            let error = resolve(output, format).unwrap_err();
            assert!(error.contains(expected), "{output}: {error}");
        }
    }
}
