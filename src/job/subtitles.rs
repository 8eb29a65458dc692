//! Subtitles beside the picture.

use std::path::PathBuf;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Container, Job, JobError};
use crate::cues::{Cue, read_cues};
use crate::frame::StreamInfo;
use crate::warning::Warning;

/// A file of subtitles that becomes a stream of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct Subtitle {
    /// A `WebVTT` or `SubRip` file in UTF-8. Its times are the composition's.
    pub file: PathBuf,
    /// Its language, by two or three letters of ISO 639, such as `en` or `eng`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{2,3}$")))]
    pub language: String,
    /// What players call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether players show it where nothing else is chosen; of one at most. Default: false.
    #[serde(default)]
    pub default: bool,
}

/// Subtitles of an output, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubtitlePlan {
    /// The file that they come from.
    pub file: PathBuf,
    /// FFmpeg's name of the codec.
    pub codec: &'static str,
    /// Three letters of ISO 639-2; in HLS two of ISO 639-1, where there are such.
    pub language: String,
    /// What players call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether players show it where nothing else is chosen.
    pub default: bool,
    /// How many texts are shown, one after the other.
    pub count: usize,
    /// In milliseconds of the output.
    #[serde(skip)]
    pub(crate) cues: Vec<Cue>,
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

/// A language as a container writes it.
fn language_in(container: Container, language: &str) -> String {
    let three = three_letters(language).unwrap_or("und");
    let words: Vec<_> = LANGUAGES.split_ascii_whitespace().collect();
    let known = words.chunks(2).find(|pair| pair.last() == Some(&three));
    let two = known.and_then(|pair| pair.first());
    two.filter(|_| container == Container::Hls).map_or(three, |two| *two).to_owned()
}

/// FFmpeg's name of the subtitles that a container has.
const fn codec_in(container: Container) -> Option<&'static str> {
    match container {
        Container::Mp4 | Container::Mov => Some("mov_text"),
        Container::Mkv | Container::Null => Some("subrip"),
        Container::Webm | Container::Hls => Some("webvtt"),
        _ => None,
    }
}

impl Job {
    /// Checks what can be judged without the files.
    pub(super) fn validate_subtitles(&self) -> Result<(), JobError> {
        /// Longest label, in bytes.
        const LONGEST: usize = 1000;
        let bad = |path: String, found: String, expected: &str| {
            Err(JobError::BadValue { path, found, expected: expected.into() })
        };
        for (i, Subtitle { language, label, default, .. }) in self.subtitles.iter().enumerate() {
            let field = |name: &str| format!("subtitles[{i}].{name}");
            if three_letters(language).is_none() {
                let expected = "two or three letters of ISO 639, such as en or eng";
                return bad(field("language"), format!("{language:?}"), expected);
            }
            let label = label.as_deref().unwrap_or_default();
            if label.contains(char::is_control) || label.len() > LONGEST {
                let expected = "a line of at most 1000 bytes";
                return bad(field("label"), format!("{} bytes", label.len()), expected);
            }
            if *default && self.subtitles[..i].iter().any(|other| other.default) {
                return bad(field("default"), "true".into(), "false: another has it already");
            }
        }
        if self.subtitles.is_empty() {
            return Ok(());
        }
        let encodings = self.encodings()?;
        let none = encodings.iter().find(|(_, place, ..)| codec_in(place.container).is_none());
        if let Some((_, place, ..)) = none {
            let found = format!("some in .{}", place.container.word());
            let expected = "left out, or the output .mp4, .mov, .mkv, .webm or .m3u8";
            return bad("subtitles".into(), found, expected);
        }
        if encodings.is_empty() && self.has_outputs() {
            let expected = "left out where there is no output with pictures";
            return bad("subtitles".into(), "some".into(), expected);
        }
        Ok(())
    }

    /// The cues of each file of subtitles, by the composition's time.
    pub(crate) fn read_subtitles(&self) -> Result<Vec<Vec<Cue>>, JobError> {
        let read = self.subtitles.iter().enumerate().map(|(i, subtitle)| {
            let path = &subtitle.file;
            if !path.exists() {
                return Err(JobError::Missing {
                    what: "the file of subtitles",
                    path: path.clone(),
                });
            }
            read_cues(path).map_err(|message| Self::bad_subtitles(i, path.clone(), message))
        });
        read.collect()
    }

    fn bad_subtitles(i: usize, path: PathBuf, message: String) -> JobError {
        JobError::BadFile { field: format!("subtitles[{i}].file"), path, message }
    }

    /// What an output of this kind gets of them; `first_frame` is the composition's.
    pub(crate) fn subtitles_in(
        &self,
        container: Container,
        all: &[Vec<Cue>],
        (first_frame, stream): (u64, &StreamInfo),
    ) -> Result<Vec<SubtitlePlan>, JobError> {
        let Some(codec) = codec_in(container) else { return Ok(Vec::new()) };
        let rate = stream.frame_rate;
        let ms = |frame: u64| {
            let ms = u128::from(frame) * 1000 * u128::from(rate.den.get());
            i64::try_from(ms / u128::from(rate.num.get())).unwrap_or(i64::MAX)
        };
        let start = ms(first_frame);
        let end = start + ms(stream.frames);
        let plans = self.subtitles.iter().zip(all).enumerate().map(|(i, (subtitle, cues))| {
            let Subtitle { file, language, label, default } = subtitle;
            let mut cues = Cue::within(cues, start, end);
            if codec == "mov_text" {
                cues = Cue::one_at_a_time(&cues)
                    .map_err(|message| Self::bad_subtitles(i, file.clone(), message))?;
            }
            Ok(SubtitlePlan {
                file: file.clone(),
                codec,
                language: language_in(container, language),
                label: label.clone(),
                default: *default,
                count: cues.len(),
                cues,
            })
        });
        plans.collect()
    }
}

/// A warning for each of them that shows nothing.
pub(crate) fn empty_subtitles(plans: &[SubtitlePlan]) -> Vec<Warning> {
    let empty = plans.iter().filter(|plan| plan.count == 0);
    let warning = |plan: &SubtitlePlan| {
        let file = plan.file.display();
        Warning::new("subtitles_empty", format!("{file}: no cue is within what is rendered"))
    };
    empty.map(warning).collect()
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
