//! Volume over time.

use super::VolumePoint;
use crate::av::{SAMPLE_RATE, StereoSample};

/// Applies the volume of a track, block after block, forward in time.
#[derive(Debug)]
pub(super) struct Curve {
    points: Vec<VolumePoint>,
    /// The last point at or before the present.
    passed: usize,
}

impl Curve {
    pub(super) fn new(points: &[VolumePoint]) -> Self {
        Self { points: points.to_vec(), passed: 0 }
    }

    /// Changes `samples`, the first of which is at sample `at`.
    pub(super) fn apply(&mut self, at: i64, samples: &mut [StereoSample]) {
        if let [only] = self.points[..] {
            // Full volume leaves every bit unchanged.
            if only.volume.to_bits() != 1.0_f64.to_bits() {
                scale(samples, only.volume);
            }
            return;
        }
        for (time, sample) in (at..).zip(samples) {
            let volume = self.volume_at(time as f64 / f64::from(SAMPLE_RATE));
            scale(std::slice::from_mut(sample), volume);
        }
    }

    fn volume_at(&mut self, secs: f64) -> f64 {
        while self.points.get(self.passed + 1).is_some_and(|next| next.at <= secs) {
            self.passed += 1;
        }
        match self.points[self.passed..] {
            [a, b, ..] if secs > a.at => {
                a.volume + (b.volume - a.volume) * (secs - a.at) / (b.at - a.at)
            }
            [a, ..] => a.volume,
            [] => 1.0,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "single precision is what samples have")]
fn scale(samples: &mut [StereoSample], volume: f64) {
    for sample in samples.as_flattened_mut() {
        *sample *= volume as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_lines_between_points_and_level_outside() {
        let points = [(1.0, 0.0), (2.0, 1.0), (2.0, 0.5), (4.0, 0.0)];
        let points = points.map(|(at, volume)| VolumePoint { at, volume });
        let mut curve = Curve::new(&points);
        for (secs, volume) in
            [(0.0, 0.0), (1.0, 0.0), (1.25, 0.25), (2.0, 0.5), (3.0, 0.25), (4.0, 0.0), (9.0, 0.0)]
        {
            assert!((curve.volume_at(secs) - volume).abs() < 1e-12, "{secs} s");
        }
    }

    #[test]
    fn full_volume_changes_no_bit() {
        let mut curve = Curve::new(&[VolumePoint { at: 0.0, volume: 1.0 }]);
        let mut samples = [[0.1, -0.3], [f32::MIN_POSITIVE, 1.0]];
        let before = samples;
        curve.apply(0, &mut samples);
        assert_eq!(samples.map(|s| s.map(f32::to_bits)), before.map(|s| s.map(f32::to_bits)));
    }
}
