//! Subtitles of the outputs: from the job's files, and from the page's own tracks.

use super::locate::name_of;
use super::{Opened, Render};
use crate::cues::{Cue, cues_in};
use crate::error::Result;
use crate::job::{JobError, SubtitleText};
use crate::page::{Rehearsed, TrackFile, TrackRun};
use crate::plan::Plan;

/// The most cues that the loops of an element can lead to.
const MOST_CUES: usize = 100_000;

/// The tolerance for ends of loops, which are sums of times.
const JOINT_SECS: f64 = 1e-6;

impl Render<'_> {
    /// The texts that become subtitles. Tracks that no output asks for are not read from the page.
    pub(super) fn texts(
        &self,
        opened: &mut Opened,
        plan: &Plan,
        learned: &Rehearsed,
    ) -> Result<Vec<SubtitleText>> {
        let entries = self.job.subtitles.iter().enumerate();
        let asked: Vec<(usize, &str)> =
            entries.filter_map(|(i, entry)| Some((i, entry.tracks.as_deref()?))).collect();
        let mut texts = self.job.read_subtitles()?;
        if !asked.is_empty() && !plan.outputs.is_empty() {
            let selectors: Vec<&str> = asked.iter().map(|(_, selector)| *selector).collect();
            let found = opened.page.read_tracks(&selectors, opened.options.load.ready_timeout)?;
            for ((entry, selector), tracks) in asked.into_iter().zip(found) {
                let path = format!("subtitles[{entry}].tracks");
                let Some(tracks) = tracks.filter(|tracks| !tracks.is_empty()) else {
                    let found = format!("{selector:?}");
                    let expected = "a CSS selector of <track> elements of subtitles or captions, in \
                        an <audio> or <video> of the page";
                    return Err(
                        JobError::BadValue { path, found, expected: expected.into() }.into()
                    );
                };
                for track in tracks {
                    let text = self.track_text(entry, track, (plan.duration, learned))?;
                    texts.push(text);
                }
            }
            texts.sort_by_key(|text| text.entry);
            choose_default(&mut texts, |text| self.job.subtitles[text.entry].default);
        }
        Ok(texts)
    }

    /// A track of the page, in the composition's time.
    fn track_text(
        &self,
        entry: usize,
        track: TrackFile,
        (length, learned): (f64, &Rehearsed),
    ) -> Result<SubtitleText> {
        let asked = &self.job.subtitles[entry];
        let local = self.files.as_ref().and_then(|files| files.find(&track.address)?.ok());
        let mut text = SubtitleText {
            entry,
            file: name_of(&track.address, self.files.as_ref()).into(),
            local,
            language: asked.language.clone().unwrap_or(track.language),
            label: asked.label.clone().or(Some(track.title).filter(|title| !title.is_empty())),
            default: track.is_default,
            cues: Vec::new(),
        };
        let failure = track.failure.unwrap_or_else(|| "cannot be read".into());
        let read = track.text.ok_or(failure).and_then(|text| cues_in(&text));
        let played = learned.played.iter().find(|(media, _)| Some(*media) == track.media);
        let runs = played.map_or(&track.runs, |(_, runs)| runs);
        let placed = read.and_then(|cues| placed(&cues, runs, length));
        match placed {
            Ok(cues) => text.cues = cues,
            Err(message) => {
                let message = format!("{}: {message}", track.label);
                return Err(self.job.in_text(&text, message).into());
            }
        }
        Ok(text)
    }
}

/// Keeps one default text: of an entry for which the job asks for it, or the first that declares
/// itself so.
fn choose_default(texts: &mut [SubtitleText], is_asked: impl Fn(&SubtitleText) -> bool) {
    let asked = texts.iter().position(is_asked);
    let chosen = asked.or_else(|| texts.iter().position(|text| text.default));
    for (i, text) in texts.iter_mut().enumerate() {
        text.default = Some(i) == chosen;
    }
}

/// Cues of a source at the times at which an element plays them, as the element shows them itself.
fn placed(cues: &[Cue], runs: &[TrackRun], length: f64) -> Result<Vec<Cue>, String> {
    let mut out = Vec::new();
    for run in runs {
        let (start, end) = (run.start.0.max(0.0), run.end.0.min(length));
        if run.rate.is_nan() || run.rate <= 0.0 {
            continue;
        }
        let source_end = run.length.0;
        let loops = run.loops && source_end.is_finite() && source_end - run.again > JOINT_SECS;
        let (mut origin, mut from) = (run.origin.0, run.from);
        loop {
            let joint = if loops { origin + (source_end - from) / run.rate } else { f64::INFINITY };
            for cue in cues {
                let [begins, ends] = [cue.start, cue.end].map(|ms| ms as f64 / 1000.0);
                if begins >= source_end || ends <= from {
                    continue;
                }
                let at = |secs: f64| origin + (secs - from) / run.rate;
                // At its end an element stands still, with the cue that is shown there.
                let ends = if ends > source_end { joint.min(end) } else { at(ends) };
                let span = [at(begins).max(origin).max(start), ends.min(joint).min(end)];
                #[expect(clippy::cast_possible_truncation, reason = "at most a day")]
                let [begins, ends] = span.map(|secs| (secs * 1000.0).round() as i64);
                if begins < ends {
                    out.push(cue.at(begins, ends));
                }
            }
            if out.len() > MOST_CUES {
                return Err(format!("its loops show more than {MOST_CUES} cues"));
            }
            if !loops || joint >= end - JOINT_SECS {
                break;
            }
            (origin, from) = (joint, run.again);
        }
    }
    out.sort_by_key(|cue| (cue.start, cue.end));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Number;

    const VTT: &str = "WEBVTT\n\n00:00.500 --> 00:01.000\na\n\n00:01.500 --> 00:09.000\nb\n";

    fn spans(run: &TrackRun, length: f64) -> Vec<(i64, i64)> {
        let cues = placed(&cues_in(VTT).unwrap(), std::slice::from_ref(run), length).unwrap();
        cues.iter().map(|cue| (cue.start, cue.end)).collect()
    }

    #[test]
    fn cues_come_when_their_element_plays_them() {
        let run = TrackRun {
            origin: Number(1.0),
            start: Number(1.0),
            end: Number(f64::INFINITY),
            from: 0.0,
            rate: 1.0,
            loops: false,
            again: 0.0,
            length: Number(2.0),
        };
        // The last picture stays, and its cue.
        assert_eq!(spans(&run, 5.0), [(1500, 2000), (2500, 5000)]);
        let cut = TrackRun { from: 0.75, rate: 0.5, end: Number(2.0), ..run.clone() };
        assert_eq!(spans(&cut, 5.0), [(1000, 1500)]);
        let fast = TrackRun { rate: 2.0, ..run.clone() };
        assert_eq!(spans(&fast, 5.0), [(1250, 1500), (1750, 5000)]);
        let looped = TrackRun { loops: true, from: 0.75, ..run.clone() };
        let expected = [(1000, 1250), (1750, 2250), (2750, 3250), (3750, 4250), (4750, 5000)];
        assert_eq!(spans(&looped, 5.0), expected);
        let endless = TrackRun { loops: true, length: Number(1e-5), ..run };
        assert!(placed(&cues_in(VTT).unwrap(), &[endless], 86_400.0).is_ok());
    }
}
