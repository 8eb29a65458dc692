//! Subtitles beside the picture.

use std::path::PathBuf;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Container, Job, JobError, Place};
use crate::cues::{Cue, read_cues};

/// A file of subtitles, or tracks of the page, that become streams of the outputs, or files beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct Subtitle {
    /// A `WebVTT` or `SubRip` file in UTF-8. Its times are the composition's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// In place of a file: those `<track>` elements of the page that match this CSS selector, each a
    /// stream; `track` takes all. Their times are those of the element that they belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracks: Option<String>,
    /// Its language, by two or three letters of ISO 639, such as `en` or `eng`. Tracks say it
    /// themselves, by `srclang`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{2,3}$")))]
    pub language: Option<String>,
    /// What players call it. Default for tracks: their own label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether players show it where nothing else is chosen; of one at most. Default: false; of
    /// tracks the first that has the attribute `default`, where no other is chosen.
    #[serde(default)]
    pub default: bool,
    /// A file of its own beside each output: `film.en.vtt` for `film.mp4`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Sidecar>,
    /// Whether it becomes a stream. Default: true.
    #[serde(default = "yes")]
    pub stream: bool,
}

const fn yes() -> bool {
    true
}

/// A kind of file beside an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Sidecar {
    /// `WebVTT`.
    Vtt,
    /// `SubRip`.
    Srt,
}

impl Sidecar {
    /// The ending of its name.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Vtt => "vtt",
            Self::Srt => "srt",
        }
    }
}

/// Subtitles that have been read, in the composition's time.
#[derive(Clone, Debug)]
pub(crate) struct SubtitleText {
    /// The entry of the job's `subtitles` that they come from.
    pub entry: usize,
    /// The file that they come from, or the track's address.
    pub file: PathBuf,
    /// The path on this machine.
    pub local: Option<PathBuf>,
    /// As in the job, or as `srclang` has it.
    pub language: String,
    /// The name that players show.
    pub label: Option<String>,
    /// Whether players show it by default.
    pub default: bool,
    pub cues: Vec<Cue>,
}

/// Names in ISO 639-1, and in ISO 639-2 (T).
const LANGUAGES: &str = "aa aar ab abk ae ave af afr ak aka am amh an arg ar ara as asm av ava ay \
    aym az aze ba bak be bel bg bul bi bis bm bam bn ben bo bod br bre bs bos ca cat ce che ch cha \
    co cos cr cre cs ces cu chu cv chv cy cym da dan de deu dv div dz dzo ee ewe el ell en eng eo \
    epo es spa et est eu eus fa fas ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla gl glg \
    gn grn gu guj gv glv ha hau he heb hi hin ho hmo hr hrv ht hat hu hun hy hye hz her ia ina id \
    ind ie ile ig ibo ii iii ik ipk io ido is isl it ita iu iku ja jpn jv jav ka kat kg kon ki kik \
    kj kua kk kaz kl kal km khm kn kan ko kor kr kau ks kas ku kur kv kom kw cor ky kir la lat lb \
    ltz lg lug li lim ln lin lo lao lt lit lu lub lv lav mg mlg mh mah mi mri mk mkd ml mal mn mon \
    mr mar ms msa mt mlt my mya na nau nb nob nd nde ne nep ng ndo nl nld nn nno no nor nr nbl nv \
    nav ny nya oc oci oj oji om orm or ori os oss pa pan pi pli pl pol ps pus pt por qu que rm roh \
    rn run ro ron ru rus rw kin sa san sc srd sd snd se sme sg sag si sin sk slk sl slv sm smo sn \
    sna so som sq sqi sr srp ss ssw st sot su sun sv swe sw swa ta tam te tel tg tgk th tha ti tir \
    tk tuk tl tgl tn tsn to ton tr tur ts tso tt tat tw twi ty tah ug uig uk ukr ur urd uz uzb ve \
    ven vi vie vo vol wa wln wo wol xh xho yi yid yo yor za zha zh zho zu zul";

/// Three letters for a language.
fn three_letters(language: &str) -> Option<&str> {
    if !language.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    if language.len() == 3 {
        return Some(language);
    }
    let mut words = LANGUAGES.split_ascii_whitespace();
    while let (Some(two), Some(three)) = (words.next(), words.next()) {
        if two == language {
            return Some(three);
        }
    }
    None
}

/// A language as a container writes it. Of a tag such as `en-US` it is the first part.
pub(crate) fn language_in(container: Container, language: &str) -> String {
    let first = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let three = three_letters(&first).unwrap_or("und");
    let words: Vec<_> = LANGUAGES.split_ascii_whitespace().collect();
    let known = words.chunks(2).find(|pair| pair.last() == Some(&three));
    let two = known.and_then(|pair| pair.first());
    two.filter(|_| container == Container::Hls).map_or(three, |two| *two).to_owned()
}

/// FFmpeg's name of the subtitles that a container has.
pub(crate) const fn subtitle_codec(container: Container) -> Option<&'static str> {
    match container {
        Container::Mp4 | Container::Mov => Some("mov_text"),
        Container::Mkv | Container::Null => Some("subrip"),
        Container::Webm | Container::Hls => Some("webvtt"),
        _ => None,
    }
}

impl Job {
    /// Checks the subtitles as far as possible without the files.
    pub(super) fn validate_subtitles(&self) -> Result<(), JobError> {
        for (i, subtitle) in self.subtitles.iter().enumerate() {
            subtitle.validate(i, self.subtitles[..i].iter().any(|other| other.default))?;
        }
        if self.subtitles.is_empty() {
            return Ok(());
        }
        let bad = |path: String, found: String, expected: &str| {
            Err(JobError::BadValue { path, found, expected: expected.into() })
        };
        let encodings = self.encodings()?;
        let none =
            encodings.iter().find(|(_, place, ..)| subtitle_codec(place.container).is_none());
        let has_streams = self.subtitles.iter().any(|subtitle| subtitle.stream);
        if let Some((_, place, ..)) = none.filter(|_| has_streams) {
            let found = format!("some in .{}", place.container.word());
            let expected = "left out, files beside the output (`sidecar`, with `stream` false), or \
                the output .mp4, .mov, .mkv, .webm or .m3u8";
            return bad("subtitles".into(), found, expected);
        }
        if encodings.is_empty() && self.has_outputs() {
            let expected = "left out where there is no output with pictures";
            return bad("subtitles".into(), "some".into(), expected);
        }
        let sidecar = self.subtitles.iter().position(|subtitle| subtitle.sidecar.is_some());
        let has_place = encodings.iter().any(|(_, to, ..)| has_sidecars(to.container, to.place));
        if let Some(i) = sidecar.filter(|_| !has_place && self.has_outputs()) {
            let expected = "left out where no output with pictures is a file";
            return bad(format!("subtitles[{i}].sidecar"), "some".into(), expected);
        }
        Ok(())
    }

    /// Reads the files of subtitles.
    pub(crate) fn read_subtitles(&self) -> Result<Vec<SubtitleText>, JobError> {
        let files = self.subtitles.iter().enumerate();
        let files = files.filter_map(|(i, subtitle)| Some((i, subtitle, subtitle.file.as_ref()?)));
        let read = files.map(|(entry, subtitle, path)| {
            if !path.exists() {
                return Err(JobError::Missing {
                    what: "the file of subtitles",
                    path: path.clone(),
                });
            }
            let cues = read_cues(path).map_err(|message| {
                let field = format!("subtitles[{entry}].file");
                JobError::BadFile { field, path: path.clone(), message }
            })?;
            Ok(SubtitleText {
                entry,
                file: path.clone(),
                local: Some(path.clone()),
                language: subtitle.language.clone().unwrap_or_default(),
                label: subtitle.label.clone(),
                default: subtitle.default,
                cues,
            })
        });
        read.collect()
    }

    /// The error for a text.
    pub(crate) fn in_text(&self, text: &SubtitleText, message: String) -> JobError {
        let kind = if self.subtitles[text.entry].file.is_some() { "file" } else { "tracks" };
        let field = format!("subtitles[{}].{kind}", text.entry);
        JobError::BadFile { field, path: text.file.clone(), message }
    }
}

impl Subtitle {
    /// Checks entry `i`; `has_default` is set if one before it is the default.
    fn validate(&self, i: usize, has_default: bool) -> Result<(), JobError> {
        /// Longest label, in bytes.
        const LONGEST: usize = 1000;
        let field = |name: &str| format!("subtitles[{i}].{name}");
        let bad = |name: &str, found: String, expected: &str| {
            Err(JobError::BadValue { path: field(name), found, expected: expected.into() })
        };
        match (&self.file, &self.tracks) {
            (Some(_), Some(_)) => {
                let (first, second) = (field("file"), field("tracks"));
                return Err(JobError::Conflict { first, second });
            }
            (None, None) => return Err(JobError::Absent { path: field("file") }),
            (Some(_), None) if self.language.is_none() => {
                return Err(JobError::Absent { path: field("language") });
            }
            _ => {}
        }
        if let Some(language) = self.language.as_ref().filter(|l| three_letters(l).is_none()) {
            let expected = "two or three letters of ISO 639, such as en or eng";
            return bad("language", format!("{language:?}"), expected);
        }
        let label = self.label.as_deref().unwrap_or_default();
        if label.contains(char::is_control) || label.len() > LONGEST {
            let expected = "a line of at most 1000 bytes";
            return bad("label", format!("{} bytes", label.len()), expected);
        }
        if self.default && has_default {
            return bad("default", "true".into(), "false: another has it already");
        }
        if !self.stream && self.sidecar.is_none() {
            return bad("stream", "false".into(), "true where there is no `sidecar`");
        }
        if !self.stream && self.default {
            return bad("default", "true".into(), "false where `stream` is false");
        }
        Ok(())
    }
}

/// Whether files can be written beside such an output.
pub(crate) fn has_sidecars(container: Container, place: Place) -> bool {
    place == Place::File && !container.is_sequence()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_three_letters() {
        for (given, expected) in
            [("en", Some("eng")), ("de", Some("deu")), ("zu", Some("zul")), ("gsw", Some("gsw"))]
        {
            assert_eq!(three_letters(given), expected);
        }
        for wrong in ["xx", "EN", "", "e", "en-US", "english"] {
            assert_eq!(three_letters(wrong), None, "{wrong}");
        }
        let words: Vec<_> = LANGUAGES.split_ascii_whitespace().collect();
        let is_pair = |pair: &[&str]| pair[0].len() == 2 && pair[1].len() == 3;
        assert!(words.chunks(2).all(is_pair) && words.len() == 2 * 183, "{}", words.len());
    }
}
