//! Which of the page's media are heard, from which files, when and how loud.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::media::resolve;
use super::{Opened, Render};
use crate::error::Result;
use crate::page::{GraphSound, GroupElement, Media, Rehearsed, Volumes};
use crate::plan::{Heard, Plan};
use crate::serve::FileServer;
use crate::sound::{Effect, Group, Track, VolumePoint, examine, read_chain};
use crate::warning::Warning;

/// HyperFrames' highest volume: +12 dB.
const MAX_VOLUME: f64 = 3.981_071_705_5;

/// Two media with one source are the same sound if they play it this close together.
const SAME_SECS: f64 = 0.1;

impl Render<'_> {
    /// Whether anything that is written may have sound.
    pub(super) fn may_hear(&self, plan: &Plan) -> Result<bool> {
        if !self.job.has_outputs() {
            return Ok(false);
        }
        let is_wanted = self.job.encodings()?.iter().any(|(.., audio)| audio.enabled);
        Ok(is_wanted || !plan.sounds.is_empty())
    }

    /// What is heard in `length` seconds.
    ///
    /// Whatever cannot be heard becomes a warning, and the rest is heard without it.
    pub(super) fn listen(&mut self, opened: &Opened, length: f64, learned: Rehearsed) -> Heard {
        match self.sound_sources(opened, length, learned) {
            Some((tracks, groups)) => Heard::Tracks(tracks, groups),
            None => Heard::Nothing,
        }
    }

    /// What is heard; `None` where nothing is.
    fn sound_sources(
        &mut self,
        opened: &Opened,
        length: f64,
        learned: Rehearsed,
    ) -> Option<(Vec<Track>, Vec<Group>)> {
        let all = with_learned(&opened.page.description.media, &learned);
        let media: Vec<&Media> = all.iter().map(|(media, _)| media).collect();
        let mut tracks = Vec::new();
        for (each, volumes) in &all {
            if !is_audible(each, &media) {
                continue;
            }
            let Some(mut track) = self.track(each, length, opened.server.as_ref()) else {
                continue;
            };
            if let Some(volumes) = volumes {
                track.volume = without_level(volumes.iter().map(point));
            }
            let clock = (each.origin.0, each.sound.clip_rate);
            let text = each.sound.automation.as_deref();
            if let Some(points) = self.automation(&each.label, text, clock) {
                track.volume = points;
            }
            tracks.push(track);
        }
        for graph in learned.graphs {
            match self.graph(&graph, length) {
                Ok(track) => tracks.push(track),
                Err(text) => self.warnings.push(Warning::new("web_audio_failed", text)),
            }
        }
        tracks.retain(|track| track.volume.iter().any(|point| point.volume > 0.0));
        let groups = self.groups(&opened.page.description.audio_groups, &mut tracks);
        (!tracks.is_empty()).then_some((tracks, groups))
    }

    /// A part of what page code has made itself.
    fn graph(&self, graph: &GraphSound, length: f64) -> Result<Track, String> {
        let lost = || "the sound of an AudioContext is lost".to_owned();
        Ok(Track {
            label: "AudioContext".into(),
            file: self.access.held(&graph.src).ok_or_else(lost)?,
            start: graph.start,
            end: graph.end.min(length),
            origin: graph.start,
            from: graph.from,
            rate: 1.0,
            loops: false,
            volume: vec![VolumePoint { at: graph.start, volume: 1.0 }],
            fades: Vec::new(),
            effects: Vec::new(),
            group: None,
        })
    }

    /// The groups that have tracks; hidden ones lose theirs.
    fn groups(&mut self, elements: &[GroupElement], tracks: &mut Vec<Track>) -> Vec<Group> {
        let mut groups = Vec::new();
        for element in elements {
            let is_member = |track: &Track| track.group.as_ref() == Some(&element.id);
            if element.hidden {
                tracks.retain(|track| !is_member(track));
            }
            if !tracks.iter().any(is_member) {
                continue;
            }
            let label = &element.label;
            let volume = self.volume(label, element.volume.as_deref());
            let level = || vec![VolumePoint { at: 0.0, volume }];
            let lane = self.automation(label, element.automation.as_deref(), (0.0, 1.0));
            groups.push(Group {
                id: element.id.clone(),
                volume: lane.unwrap_or_else(level),
                effects: self.effects(label, element.effects.as_deref()),
            });
        }
        groups
    }

    /// What `data-fx-chain` names, as far as it is understood.
    fn effects(&mut self, label: &str, text: Option<&str>) -> Vec<Effect> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Vec::new() };
        let (effects, troubles) = read_chain(text);
        self.warnings.extend(troubles.into_iter().map(|trouble| {
            Warning::new("invalid_effect", format!("data-fx-chain of {label}: {trouble}; not used"))
        }));
        effects
    }

    /// An element as a track with one volume; `None` if it cannot be heard.
    fn track(&mut self, media: &Media, length: f64, server: Option<&FileServer>) -> Option<Track> {
        let (start, end) = (media.start.0.max(0.0), media.end.0.min(length));
        // A comparison with NaN is false.
        let plays = start < end && media.rate > 0.0 && media.origin.0.is_finite();
        if !plays {
            return None;
        }
        let src = media.src.as_deref()?;
        let failed = |text: String| {
            Warning::new("sound_not_loaded", format!("{} is not heard: {text}", media.label))
        };
        let file = match self.file_of(src, server) {
            Ok(file) => file,
            Err(text) => {
                self.warnings.push(failed(text));
                return None;
            }
        };
        match examine(&file) {
            Ok(Some(facts)) => self.warn_about_short_sound(media, &file, facts.counted),
            // A picture may well be silent.
            Ok(None) if media.tag == "video" => return None,
            Ok(None) => {
                self.warnings.push(failed(format!("there is no sound in {}", file.display())));
                return None;
            }
            Err(text) => {
                self.warnings.push(failed(text));
                return None;
            }
        }
        let player = media.sound.player_volume;
        // What a script has set counts for more than the attribute.
        let is_set = player.to_bits() != 1.0_f64.to_bits();
        let volume =
            if is_set { player } else { self.volume(&media.label, media.sound.volume.as_deref()) };
        Some(Track {
            label: media.label.clone(),
            file,
            start,
            end,
            origin: media.origin.0,
            from: media.from,
            rate: media.rate,
            loops: media.loops,
            volume: vec![VolumePoint { at: start, volume }],
            fades: self.fades(media, length),
            effects: self.effects(&media.label, media.sound.effects.as_deref()),
            group: media.sound.group.clone(),
        })
    }

    /// Takes note of a file that was cut off, where its element ends with what is left of it: whoever
    /// reads it does not come to its end then, and so cannot tell.
    fn warn_about_short_sound(&mut self, media: &Media, file: &Path, counted: Option<f64>) {
        /// What headers count that is no sound, in seconds.
        const SHORT_SECS: f64 = 0.3;
        /// Both ends are sums of times.
        const SAME_END_SECS: f64 = 0.01;
        let Some(Ok(info)) = media.src.as_deref().map(|src| self.light.library.info(src)) else {
            return;
        };
        let ends = media.from + (media.end.0 - media.origin.0) * media.rate;
        let found = info.duration;
        let Some(said) = counted.filter(|said| found < said - SHORT_SECS) else { return };
        if (ends - found).abs() < SAME_END_SECS {
            let (label, file) = (&media.label, file.display());
            let text = format!(
                "{label}: {file}: its sound ends after {found:.2} s, but its header says {said:.2} s"
            );
            self.warnings.push(Warning::new("sound_damaged", text));
        }
    }

    /// The local file behind an address, or why there is none.
    fn file_of(&self, src: &str, server: Option<&FileServer>) -> Result<PathBuf, String> {
        match src.strip_prefix("data:") {
            Some(data) => self.keep_data(data),
            None => resolve(src, server.map(FileServer::finder).as_ref(), &self.access),
        }
    }

    /// Writes a `data:` address to a file that lasts as long as the render.
    fn keep_data(&self, data: &str) -> Result<PathBuf, String> {
        let (head, body) = data.split_once(',').ok_or("its data: address has no comma")?;
        let body: Vec<u8> = percent_decode_str(body).collect();
        let bytes = if head.trim_end().ends_with(";base64") {
            let text: Vec<u8> = body.into_iter().filter(|b| !b.is_ascii_whitespace()).collect();
            STANDARD.decode(text).map_err(|e| format!("its data: address: {e}"))?
        } else {
            body
        };
        let kept = tempfile::tempfile().and_then(|mut file| {
            file.write_all(&bytes)?;
            self.access.hold(file)
        });
        let address = kept.map_err(|e| format!("its data: address cannot be kept: {e}"))?;
        self.access.held(&address).ok_or_else(|| "its data: address is lost".into())
    }

    /// A `data-volume`; 1 without one.
    fn volume(&mut self, label: &str, text: Option<&str>) -> f64 {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return 1.0 };
        let parsed = text.trim().parse::<f64>().ok();
        if let Some(volume) = parsed.filter(|volume| is_volume(*volume)) {
            return volume;
        }
        let used = if parsed.is_some_and(|volume| volume > MAX_VOLUME) { MAX_VOLUME } else { 1.0 };
        let message = format!(
            "data-volume of {label} is {text:?}, expected a number from 0 to 3.981 (+12 dB); \
             {used:.3} is used"
        );
        self.warnings.push(Warning::new("invalid_volume", message));
        used
    }

    /// The ramps of `data-fade-in` and `data-fade-out`; none without them.
    fn fades(&mut self, media: &Media, length: f64) -> Vec<VolumePoint> {
        let sound = &media.sound;
        let mut fade_in = self.fade(&media.label, "data-fade-in", sound.fade_in.as_deref());
        let mut fade_out = self.fade(&media.label, "data-fade-out", sound.fade_out.as_deref());
        // What they say counts in the clip's own seconds.
        fade_in /= sound.clip_rate;
        fade_out /= sound.clip_rate;
        let start = media.start.0;
        let end = if media.end.0.is_finite() { media.end.0 } else { length };
        let excess = (fade_in + fade_out) / (end - start);
        if excess > 1.0 {
            fade_in /= excess;
            fade_out /= excess;
        }
        let mut points = Vec::new();
        if fade_in > 0.0 {
            points.extend([(start, 0.0), (start + fade_in, 1.0)]);
        }
        if fade_out > 0.0 {
            points.extend([(end - fade_out, 1.0), (end, 0.0)]);
        }
        points.iter().map(point).collect()
    }

    /// The length of a fade in seconds; 0 without one.
    fn fade(&mut self, label: &str, name: &str, text: Option<&str>) -> f64 {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return 0.0 };
        let parsed = text.trim().parse::<f64>().ok();
        if let Some(secs) = parsed.filter(|secs| secs.is_finite() && *secs >= 0.0) {
            return secs;
        }
        let message =
            format!("{name} of {label} is {text:?}, expected a length in seconds; not used");
        self.warnings.push(Warning::new("invalid_fade", message));
        0.0
    }

    /// The points of an automation, in seconds of the composition.
    ///
    /// The `clock` is where its time is 0, and its seconds per second of the composition.
    fn automation(
        &mut self,
        label: &str,
        text: Option<&str>,
        (origin, rate): (f64, f64),
    ) -> Option<Vec<VolumePoint>> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        match read_lane(text) {
            Ok(lane) => {
                let place = |(time, volume)| VolumePoint { at: origin + time / rate, volume };
                Some(lane?.into_iter().map(place).collect())
            }
            Err(text) => {
                let message = format!("data-automation of {label}: {text}; not used");
                self.warnings.push(Warning::new("invalid_automation", message));
                None
            }
        }
    }
}

/// The list of media with what a rehearsal has shown, each with its volume where that changes.
fn with_learned(listed: &[Media], learned: &Rehearsed) -> Vec<(Media, Option<Volumes>)> {
    let volumes = |index| {
        let found = learned.volumes.iter().find(|(at, _)| *at == index);
        found.map(|(_, volumes)| volumes.clone())
    };
    let known = listed.iter().enumerate().filter(|(index, _)| !learned.silenced.contains(index));
    let known = known.map(|(index, media)| (media.clone(), volumes(index)));
    let added = learned.added.iter().map(|added| (added.media.clone(), added.volume.clone()));
    known.chain(added).collect()
}

const fn point(&(at, volume): &(f64, f64)) -> VolumePoint {
    VolumePoint { at, volume }
}

/// Whether a number can be a volume; the highest is written with few digits.
fn is_volume(volume: f64) -> bool {
    (0.0..=MAX_VOLUME + 1e-3).contains(&volume)
}

/// Whether an element is meant to be heard.
fn is_audible(media: &Media, all: &[&Media]) -> bool {
    let sound = &media.sound;
    if media.muted || sound.muted || sound.hidden || media.src.is_none() {
        return false;
    }
    if media.tag != "video" {
        return true;
    }
    // A picture whose sound stands beside it as a track of its own.
    let is_double = all.iter().any(|other| {
        let is_heard = other.tag == "audio" && !other.muted && !other.sound.muted;
        let overlaps =
            other.start.0 < media.end.0 - SAME_SECS && media.start.0 < other.end.0 - SAME_SECS;
        is_heard && other.src == media.src && overlaps
    });
    sound.has_audio.as_deref() != Some("false") && !is_double
}

/// Leaves out points between two others of the same volume.
fn without_level(points: impl Iterator<Item = VolumePoint>) -> Vec<VolumePoint> {
    let mut kept: Vec<VolumePoint> = Vec::new();
    for point in points {
        let is_same = |other: &VolumePoint| other.volume.to_bits() == point.volume.to_bits();
        if kept.len() > 1 && kept[kept.len() - 2..].iter().all(is_same) {
            kept.pop();
        }
        kept.push(point);
    }
    if kept.len() == 2 && kept[0].volume.to_bits() == kept[1].volume.to_bits() {
        kept.pop();
    }
    kept
}

/// A point as it is written, in HyperFrames' words or in plain ones.
#[derive(Deserialize)]
struct WrittenPoint {
    #[serde(alias = "t")]
    time: f64,
    #[serde(alias = "v")]
    value: f64,
}

#[derive(Deserialize)]
struct WrittenLane {
    target: String,
    points: Vec<WrittenPoint>,
}

/// `[{time, value}]`, or HyperFrames' `{lanes: [{target, points: [{t, v}]}]}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Points(Vec<WrittenPoint>),
    Lanes { lanes: Vec<WrittenLane> },
}

/// Times and volumes of a lane, in order; `None` if it is about something else.
fn read_lane(text: &str) -> Result<Option<Vec<(f64, f64)>>, String> {
    const EXPECTED: &str = "expected a JSON list of points such as {\"time\": 0, \"value\": 1}";
    let written = serde_json::from_str(text).map_err(|_e| EXPECTED.to_owned())?;
    let points = match written {
        Written::Points(points) => points,
        Written::Lanes { lanes } => match lanes.into_iter().find(|lane| lane.target == "volume") {
            Some(lane) => lane.points,
            None => return Ok(None),
        },
    };
    if points.is_empty() {
        return Ok(None);
    }
    let mut lane: Vec<(f64, f64)> = points.iter().map(|point| (point.time, point.value)).collect();
    if let Some((_, value)) = lane.iter().find(|(_, value)| !is_volume(*value)) {
        return Err(format!("a value is {value}, expected 0 to 3.981 (+12 dB)"));
    }
    lane.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(Some(lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_read_in_both_forms() {
        let points = Ok(Some(vec![(0.0, 1.0), (2.0, 0.5)]));
        assert_eq!(read_lane(r#"[{"time":2,"value":0.5},{"time":0,"value":1}]"#), points);
        let lanes = r#"{"version":1,"lanes":[{"target":"fx.n1.gain","points":[]},
            {"target":"volume","points":[{"t":0,"v":1},{"t":2,"v":0.5}]}]}"#;
        assert_eq!(read_lane(lanes), points);
        assert_eq!(read_lane(r#"{"lanes":[]}"#), Ok(None));
        assert!(read_lane("[1]").unwrap_err().contains("expected a JSON list"));
        assert!(read_lane(r#"[{"t":0,"v":9}]"#).unwrap_err().contains("a value is 9"));
    }

    #[test]
    fn level_stretches_need_two_points() {
        let points = |volumes: &[f64]| {
            let points =
                (0..).zip(volumes).map(|(n, &volume)| VolumePoint { at: f64::from(n), volume });
            without_level(points).iter().map(|p| (p.at, p.volume)).collect::<Vec<_>>()
        };
        assert_eq!(points(&[1.0, 1.0, 1.0, 1.0]), [(0.0, 1.0)]);
        assert_eq!(
            points(&[1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0]),
            [(0.0, 1.0), (2.0, 1.0), (3.0, 0.5), (4.0, 0.0), (6.0, 0.0)]
        );
    }
}
