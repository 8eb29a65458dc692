//! Streams of subtitles, and files of them beside the outputs, resolved.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Plan;
use crate::cues::{Cue, subrip_file, webvtt_file};
use crate::job::{Job, JobError, Sidecar, SubtitleText, has_sidecars, language_in, subtitle_codec};
use crate::warning::Warning;

/// Subtitles of an output, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SubtitlePlan {
    /// The file that they come from, or the track's address.
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

/// A file of subtitles beside an output, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SidecarPlan {
    /// The file to write.
    pub path: PathBuf,
    /// The file that they come from, or the track's address.
    pub file: PathBuf,
    /// The kind of file.
    pub format: Sidecar,
    /// How many cues are in it.
    pub count: usize,
    /// What is in it.
    #[serde(skip)]
    pub(crate) text: String,
}

impl Plan {
    /// Gives the outputs their streams of subtitles, and the files beside them. Returns a
    /// warning for each text that shows nothing.
    pub(super) fn add_subtitles(
        &mut self,
        job: &Job,
        texts: &[SubtitleText],
    ) -> Result<Vec<Warning>, JobError> {
        let rate = self.stream.frame_rate;
        let ms = |frame: u64| {
            let ms = u128::from(frame) * 1000 * u128::from(rate.den.get());
            i64::try_from(ms / u128::from(rate.num.get())).unwrap_or(i64::MAX)
        };
        let start = ms(self.first_frame);
        let end = start + ms(self.stream.frames);
        let cut: Vec<_> = texts.iter().map(|text| Cue::within(&text.cues, start, end)).collect();
        for output in &mut self.outputs {
            let Some(codec) = subtitle_codec(output.container) else { continue };
            let streams = texts.iter().zip(&cut).filter(|(t, _)| job.subtitles[t.entry].stream);
            let streams = streams.map(|(text, cues)| {
                let cues = if codec == "mov_text" {
                    Cue::one_at_a_time(cues).map_err(|message| job.in_text(text, message))?
                } else {
                    cues.clone()
                };
                Ok(SubtitlePlan {
                    file: text.file.clone(),
                    codec,
                    language: language_in(output.container, &text.language),
                    label: text.label.clone(),
                    default: text.default,
                    count: cues.len(),
                    cues,
                })
            });
            output.subtitles = streams.collect::<Result<_, JobError>>()?;
        }
        let mut sidecars = Vec::new();
        for output in self.outputs.iter().filter(|o| has_sidecars(o.container, o.place)) {
            let mut names: Vec<PathBuf> = Vec::new();
            for (text, cues) in texts.iter().zip(&cut) {
                let Some(format) = job.subtitles[text.entry].sidecar else { continue };
                let path = sidecar_path(&output.path, &text.language, format, &names);
                names.push(path.clone());
                check_sidecar(text, &path, texts)?;
                let written = match format {
                    Sidecar::Vtt => webvtt_file(cues),
                    Sidecar::Srt => subrip_file(cues),
                };
                let (file, count) = (text.file.clone(), cues.len());
                sidecars.push(SidecarPlan { path, file, format, count, text: written });
            }
        }
        // Outputs that differ in their extension alone share them.
        sidecars.sort_by(|a, b| a.path.cmp(&b.path));
        sidecars.dedup_by(|a, b| a.path == b.path);
        self.sidecars = sidecars;
        let empty = texts.iter().zip(&cut).filter(|(_, cues)| cues.is_empty());
        let warning = |(text, _): (&SubtitleText, _)| {
            let file = text.file.display();
            Warning::new("subtitles_empty", format!("{file}: no cue is within what is rendered"))
        };
        Ok(empty.map(warning).collect())
    }
}

/// `film.en.vtt` for `film.mp4`; with a number where others have that name.
fn sidecar_path(output: &Path, language: &str, format: Sidecar, names: &[PathBuf]) -> PathBuf {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_tag = (1..=35).contains(&language.len()) && language.chars().all(is_plain);
    let language = if is_tag { language } else { "und" };
    let extension = format.extension();
    let first = output.with_file_name(format!("{stem}.{language}.{extension}"));
    let others = (2..=names.len() + 1)
        .map(|n| output.with_file_name(format!("{stem}.{language}.{n}.{extension}")));
    let mut paths = std::iter::once(first.clone()).chain(others);
    paths.find(|path| !names.contains(path)).unwrap_or(first)
}

/// An error if `path` is one of the files that are read.
fn check_sidecar(text: &SubtitleText, path: &Path, texts: &[SubtitleText]) -> Result<(), JobError> {
    let Ok(place) = path.canonicalize() else { return Ok(()) };
    let mut sources = texts.iter().filter_map(|text| text.local.as_ref());
    if sources.any(|source| source.canonicalize().is_ok_and(|source| source == place)) {
        let path = format!("subtitles[{}].sidecar", text.entry);
        let found = format!("{:?}", place.display().to_string());
        let expected = "a file that is not read: give the output another name".into();
        return Err(JobError::BadValue { path, found, expected });
    }
    Ok(())
}
