//! Fewer frames for outputs that cannot show as many.

use crate::job::Container;
use crate::time::FrameRate;

/// Most frames per second of a GIF: players show a delay below two hundredths of a second as ten.
const MOST_OF_GIF: FrameRate = FrameRate::whole(std::num::NonZeroU32::new(50).unwrap());

/// Most frames per second of animated PNG and WebP, in whole steps of the rate: browsers show a
/// frame of ten milliseconds or less for a tenth of a second.
const MOST_OF_ANIMATIONS: f64 = 90.0;

/// The choice of frames that are written where an output shows fewer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thinning {
    from: FrameRate,
    to: FrameRate,
}

impl Thinning {
    pub(crate) const fn new(from: FrameRate, to: FrameRate) -> Self {
        Self { from, to }
    }

    /// The number of frames that remain: as many as last equally long, and at least one.
    pub(crate) fn frames(self, frames: u64) -> u64 {
        let (part, whole) = self.ratio();
        let left = (2 * u128::from(frames) * part + whole) / (2 * whole);
        u64::try_from(left).unwrap_or(u64::MAX).max(1)
    }

    /// The source of frame `index` of those that remain.
    pub(crate) fn source(self, index: u64) -> u64 {
        let (part, whole) = self.ratio();
        u64::try_from(u128::from(index) * whole / part).unwrap_or(u64::MAX)
    }

    /// The ratio of frames that remain to all frames.
    fn ratio(self) -> (u128, u128) {
        let product =
            |a: FrameRate, b: FrameRate| u128::from(a.num.get()) * u128::from(b.den.get());
        (product(self.to, self.from), product(self.from, self.to))
    }
}

impl Container {
    /// The rate at which frames of `rate` are written, where players cannot show that many.
    pub(super) fn thinned(self, rate: FrameRate) -> Option<FrameRate> {
        match self {
            Self::Gif => (rate.as_f64() > MOST_OF_GIF.as_f64()).then_some(MOST_OF_GIF),
            Self::Apng | Self::Webp => (2..).map_while(|step| rate.divided(step)).find(|thinned| {
                rate.as_f64() > MOST_OF_ANIMATIONS && thinned.as_f64() <= MOST_OF_ANIMATIONS
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_left_out_evenly_and_the_length_stays() {
        let rate = |text: &str| text.parse::<FrameRate>().unwrap();
        for (container, from, to) in [
            (Container::Gif, "60", Some("50")),
            (Container::Gif, "60000/1001", Some("50")),
            (Container::Gif, "50", None),
            (Container::Gif, "24000/1001", None),
            (Container::Apng, "60", None),
            (Container::Apng, "100", Some("50")),
            (Container::Webp, "120000/1001", Some("60000/1001")),
            (Container::Webp, "240", Some("80")),
            (Container::Mp4, "240", None),
        ] {
            assert_eq!(container.thinned(rate(from)), to.map(rate), "{container:?} at {from}");
        }
        let thinning = Thinning::new(rate("60"), rate("50"));
        let shown: Vec<_> = (0..11).map(|n| thinning.source(n)).collect();
        assert_eq!(shown, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12]);
        for frames in 1..200 {
            for from in ["60", "60000/1001", "75", "100", "120", "240"] {
                let thinning = Thinning::new(rate(from), rate("50"));
                let left = thinning.frames(frames);
                assert!(thinning.source(left - 1) < frames, "{frames} at {from}");
                let off = left as f64 / 50.0 - frames as f64 / rate(from).as_f64();
                assert!(off.abs() <= 0.01 + 1e-9 || left == 1, "{frames} at {from}: {off} s");
            }
        }
    }
}
