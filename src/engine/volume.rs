//! The volume of media by their elements' attributes: volumes, fades, automation.

use serde::Deserialize;

use super::Render;
use crate::page::Media;
use crate::sound::VolumePoint;
use crate::warning::Warning;

/// HyperFrames' highest volume: +12 dB.
const MAX_VOLUME: f64 = 3.981_071_705_5;

impl Render<'_> {
    /// A `data-volume`; 1 without one.
    pub(super) fn volume(&mut self, label: &str, text: Option<&str>) -> f64 {
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
    pub(super) fn fades(&mut self, media: &Media, length: f64) -> Vec<VolumePoint> {
        let sound = &media.sound;
        let mut fade_in = self.fade(&media.label, "data-fade-in", sound.fade_in.as_deref());
        let mut fade_out = self.fade(&media.label, "data-fade-out", sound.fade_out.as_deref());
        // The fades count in the clip's own seconds.
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
    /// The `clock` is the place where its time is 0, and its seconds per second of the composition.
    pub(super) fn automation(
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

pub(super) const fn point(&(at, volume): &(f64, f64)) -> VolumePoint {
    VolumePoint { at, volume }
}

/// Whether a number can be a volume; the highest is written with few digits.
fn is_volume(volume: f64) -> bool {
    (0.0..=MAX_VOLUME + 1e-3).contains(&volume)
}

/// Leaves out points between two others of the same volume.
pub(super) fn without_level(points: impl Iterator<Item = VolumePoint>) -> Vec<VolumePoint> {
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
