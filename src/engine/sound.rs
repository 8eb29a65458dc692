//! Chooses the page's media that are heard: their files, times and volumes.

use std::io::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::locate::resolve;
use super::volume::{point, without_level};
use super::{Opened, Render};
use crate::error::Result;
use crate::page::{GraphSound, GroupElement, Media, Rehearsed, Volumes};
use crate::plan::{Heard, Plan};
use crate::serve::FileServer;
use crate::sound::{Effect, Group, Track, VolumePoint, examine, read_chain};
use crate::warning::Warning;

/// Two media with one source are the same sound if they play it this close together.
const SAME_SECS: f64 = 0.1;

impl Render<'_> {
    /// Whether anything that is written may have sound.
    pub(super) fn may_hear(&self, plan: &Plan) -> Result<bool> {
        if !self.job.has_outputs() {
            return Ok(self.sink_takes_sound && self.job.audio.enabled);
        }
        let is_wanted = self.job.encodings()?.iter().any(|(.., audio)| audio.enabled);
        Ok(is_wanted || !plan.sounds.is_empty())
    }

    /// The sound in `length` seconds.
    ///
    /// Media that cannot be heard become warnings, and the rest is heard without them.
    pub(super) fn listen(&mut self, opened: &Opened, length: f64, learned: Rehearsed) -> Heard {
        match self.sound_sources(opened, length, learned) {
            Some((tracks, groups)) => Heard::Tracks(tracks, groups),
            None => Heard::Nothing,
        }
    }

    /// The sound's sources; `None` where nothing is heard.
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

    /// A part of the sound that page code has made itself.
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

    /// The effects that `data-fx-chain` names, as far as they are understood.
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
            // A video may well be silent.
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
        // A volume that a script has set takes precedence over the attribute.
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

    /// The local file behind an address, or the reason why there is none.
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
}

/// The list of media with the results of a rehearsal, each with its volume where that changes.
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

/// Whether an element is meant to be heard.
fn is_audible(media: &Media, all: &[&Media]) -> bool {
    let sound = &media.sound;
    if media.muted || sound.muted || sound.hidden || media.src.is_none() {
        return false;
    }
    if media.tag != "video" {
        return true;
    }
    // The sound of this video is also there as a track of its own.
    let is_double = all.iter().any(|other| {
        let is_heard = other.tag == "audio" && !other.muted && !other.sound.muted;
        let overlaps =
            other.start.0 < media.end.0 - SAME_SECS && media.start.0 < other.end.0 - SAME_SECS;
        is_heard && other.src == media.src && overlaps
    });
    sound.has_audio.as_deref() != Some("false") && !is_double
}
