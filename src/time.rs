//! Exact media time.
//!
//! A frame rate is a ratio, and the time of a frame is computed from its index, never accumulated.
//! Seconds as floating point appear only where a page is asked to show a moment, and where a page
//! states its duration.

#[cfg(feature = "schema")]
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// The position of a frame in the output, from 0, without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct FrameIndex(pub u64);

/// Frames per second as an exact ratio, such as 30000/1001.
///
/// Text and JSON hold a whole number or a ratio, within 1 to 240 frames per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRate {
    /// Frames.
    pub num: NonZeroU32,
    /// Seconds in which that many frames are shown.
    pub den: NonZeroU32,
}

/// The length of one timestamp tick, in seconds, as an exact ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeBase {
    /// Numerator.
    pub num: NonZeroU32,
    /// Denominator.
    pub den: NonZeroU32,
}

/// The error for a text that is not a frame rate that can be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {}", FrameRate::EXPECTED)]
pub struct FrameRateError;

impl FrameRate {
    /// 30 frames per second, for pages and jobs that name none.
    pub const DEFAULT: Self = Self::whole(NonZeroU32::new(30).expect("30 is not 0"));

    /// The form of a frame rate, for messages.
    pub const EXPECTED: &str = "a whole number or a ratio such as 30000/1001, within 1 to 240";

    /// A whole number of frames per second.
    pub const fn whole(num: NonZeroU32) -> Self {
        Self { num, den: NonZeroU32::MIN }
    }

    /// The rate `num/den` in lowest terms; `None` outside of 1 to 240 frames per second.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        let divisor = gcd(num, den);
        let num = NonZeroU32::new(num.checked_div(divisor)?)?;
        let den = NonZeroU32::new(den.checked_div(divisor)?)?;
        Some(Self { num, den }).filter(|rate| rate.is_renderable())
    }

    /// The exact rate that a decimal stands for, such as 30000/1001 for 29.97.
    ///
    /// A guess for suggestions, not for rendering.
    pub fn from_decimal(fps: f64) -> Option<Self> {
        // NTSC rates are written with two or three decimals.
        let ntsc = [24_000, 30_000, 48_000, 60_000, 120_000, 240_000];
        let ntsc = ntsc.into_iter().find(|&num| (f64::from(num) / 1001.0 - fps).abs() < 0.005);
        if let Some(num) = ntsc {
            return Self::new(num, 1001);
        }
        let thousandths = (fps * 1000.0).round();
        if !(1000.0..=240_000.0).contains(&thousandths) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        Self::new(thousandths as u32, 1000)
    }

    /// Whether the rate lies within 1 to 240 frames per second.
    pub const fn is_renderable(self) -> bool {
        let (num, den) = (self.num.get() as u64, self.den.get() as u64);
        den <= num && num <= 240 * den
    }

    /// The time base in which frame `n` has timestamp `n`.
    pub const fn time_base(self) -> TimeBase {
        TimeBase { num: self.den, den: self.num }
    }

    /// Frames per second, for approximate uses: progress, tolerances, messages.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num.get()) / f64::from(self.den.get())
    }

    /// The moment that a frame shows, in seconds from the start.
    pub fn seconds(self, frame: FrameIndex) -> f64 {
        frame.0 as f64 * f64::from(self.den.get()) / f64::from(self.num.get())
    }

    /// The frame that shows a moment, given in seconds; `None` before the start.
    ///
    /// It is `floor(secs · num/den + 1e-9)`: a moment such as 0.1 s must not miss, by its last
    /// binary digit, the frame that begins there.
    pub fn frame_at(self, secs: f64) -> Option<FrameIndex> {
        let raw = secs * f64::from(self.num.get()) / f64::from(self.den.get()) + 1e-9;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        (raw >= 0.0).then(|| FrameIndex(raw.floor() as u64))
    }

    /// This rate, multiplied by `factor`.
    pub(crate) fn times(self, factor: u32) -> Self {
        let factor = NonZeroU32::new(factor).unwrap_or(NonZeroU32::MIN);
        Self { num: self.num.saturating_mul(factor), ..self }
    }

    /// This rate, divided by `step`, if that can be rendered.
    pub(crate) fn divided(self, step: u32) -> Option<Self> {
        Self::new(self.num.get(), self.den.get().checked_mul(step)?)
    }

    /// The number of frames in `duration_secs`; 0 unless that is a number above 0.
    ///
    /// A last frame that is cut short still counts, but a thousandth of a frame does not: it comes
    /// from the rounding of a duration such as 3.3366667 s (HyperFrames has the same rule).
    pub fn frames_in(self, duration_secs: f64) -> u64 {
        let raw = duration_secs * f64::from(self.num.get()) / f64::from(self.den.get());
        let frames = if (raw - raw.round()).abs() <= 1e-3 { raw.round() } else { raw.ceil() };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let frames = if frames > 0.0 { frames as u64 } else { 0 };
        // Any duration above 0 has a frame.
        if duration_secs > 0.0 { frames.max(1) } else { frames }
    }
}

impl Default for FrameRate {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.den.get() {
            1 => write!(f, "{}", self.num),
            den => write!(f, "{}/{den}", self.num),
        }
    }
}

impl FromStr for FrameRate {
    type Err = FrameRateError;

    fn from_str(text: &str) -> Result<Self, FrameRateError> {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        let whole = |part: &str| {
            let is_plain = part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u32>().ok().filter(|_| is_plain)
        };
        whole(num).zip(whole(den)).and_then(|(num, den)| Self::new(num, den)).ok_or(FrameRateError)
    }
}

impl Serialize for FrameRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.den.get() {
            1 => serializer.serialize_u32(self.num.get()),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for FrameRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rate;

        impl Visitor<'_> for Rate {
            type Value = FrameRate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FrameRate::EXPECTED)
            }

            fn visit_u64<E: de::Error>(self, fps: u64) -> Result<FrameRate, E> {
                u32::try_from(fps)
                    .ok()
                    .and_then(|fps| FrameRate::new(fps, 1))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(fps), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FrameRate, E> {
                text.parse()
                    .map_err(|FrameRateError| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Rate)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for FrameRate {
    fn schema_name() -> Cow<'static, str> {
        "FrameRate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Frames per second: a whole number, or an exact ratio as text.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 240 },
                { "type": "string", "pattern": "^[0-9]+(/[0-9]+)?$", "examples": ["30000/1001"] },
            ],
        })
    }
}

impl TimeBase {
    /// Converts `ticks` of `self` to ticks of `to`, rounding half away from zero.
    ///
    /// Returns `None` if the result does not fit.
    pub fn rescale(self, ticks: i64, to: Self) -> Option<i64> {
        let num = i128::from(ticks) * i128::from(self.num.get()) * i128::from(to.den.get());
        let den = i128::from(self.den.get()) * i128::from(to.num.get());
        let half = if num < 0 { -den / 2 } else { den / 2 };
        i64::try_from((num + half) / den).ok()
    }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A moment of a composition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Seconds from its start. Shown by the frame [`FrameRate::frame_at`] names.
    Seconds(f64),
    /// One of its frames.
    Frame(FrameIndex),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(secs) => write!(f, "moment at {secs} s"),
            Self::Frame(index) => write!(f, "frame {}", index.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> FrameRate {
        text.parse().unwrap()
    }

    #[test]
    fn rates_are_read_and_printed_in_lowest_terms() {
        for (text, printed) in
            [("30", "30"), ("30000/1001", "30000/1001"), ("60/2", "30"), ("25/2", "25/2")]
        {
            assert_eq!(rate(text).to_string(), printed);
        }
        assert_eq!(rate("30"), FrameRate::DEFAULT);
    }

    #[test]
    fn rates_outside_of_the_range_are_refused() {
        for text in
            ["0", "241", "1/2", "481/2", "1000000000", "30/0", "0/0", "4294967296", "99999999999/1"]
        {
            assert_eq!(text.parse::<FrameRate>(), Err(FrameRateError), "{text}");
        }
        for text in ["1", "240", "24001/1001"] {
            assert!(text.parse::<FrameRate>().is_ok(), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "29.97", "30.0", "+30", "-30", " 30", "30/", "/1", "30/1/1", "ntsc"] {
            assert_eq!(text.parse::<FrameRate>(), Err(FrameRateError), "{text}");
        }
    }

    #[test]
    fn a_decimal_suggests_the_exact_rate() {
        let cases = [
            (29.97, "30000/1001"),
            (23.976, "24000/1001"),
            (23.98, "24000/1001"),
            (59.94, "60000/1001"),
            (119.88, "120000/1001"),
            (12.5, "25/2"),
            (30.0, "30"),
        ];
        for (decimal, exact) in cases {
            assert_eq!(FrameRate::from_decimal(decimal), Some(rate(exact)), "{decimal}");
        }
        for decimal in [0.0, -29.97, 1e9, f64::NAN, f64::INFINITY] {
            assert_eq!(FrameRate::from_decimal(decimal), None, "{decimal}");
        }
    }

    #[test]
    fn a_cut_frame_counts_and_a_rounding_error_does_not() {
        let cases = [
            ("30", 10.0, 300),
            ("30", 0.1 + 0.2, 9),
            ("30", 1.0 / 30.0, 1),
            ("30", 1.00003, 30),
            ("30", 1.000_034, 31),
            ("30", 0.01, 1),
            ("30", 0.99996, 30),
            ("30000/1001", 10.01, 300),
            ("30000/1001", 3.336_666_7, 100),
            ("60", 86_400.0, 5_184_000),
            ("30", 0.0, 0),
            ("30", -1.0, 0),
            ("30", f64::NAN, 0),
        ];
        for (fps, secs, frames) in cases {
            assert_eq!(rate(fps).frames_in(secs), frames, "{secs} s at {fps}");
        }
    }

    #[test]
    fn a_moment_belongs_to_the_frame_that_shows_it() {
        let cases = [
            ("30", 0.0, Some(0)),
            ("30", 0.0333, Some(0)),
            ("30", 0.1, Some(3)),
            ("30", 0.7, Some(21)),
            ("30", 2.5, Some(75)),
            ("30", 2.533, Some(75)),
            ("60", 0.35, Some(21)),
            ("30000/1001", 1.001, Some(30)),
            ("30000/1001", 1.0, Some(29)),
            ("30", -0.001, None),
            ("30", f64::NAN, None),
        ];
        for (fps, secs, frame) in cases {
            assert_eq!(rate(fps).frame_at(secs), frame.map(FrameIndex), "{secs} s at {fps}");
        }
        for frame in (0..100_000).map(FrameIndex) {
            for rate in ["30", "60", "30000/1001", "24000/1001"].map(rate) {
                assert_eq!(rate.frame_at(rate.seconds(frame)), Some(frame));
            }
        }
    }

    #[test]
    fn frame_times_do_not_accumulate() {
        let ntsc = rate("30000/1001");
        assert_eq!(ntsc.seconds(FrameIndex(30_000)).to_bits(), 1001.0_f64.to_bits());
        assert_eq!(rate("60").seconds(FrameIndex(90)).to_bits(), 1.5_f64.to_bits());
    }

    #[test]
    fn rescaling_rounds_half_away_from_zero() {
        let from = rate("2").time_base();
        let to = rate("1").time_base();
        assert_eq!([-3, -1, 0, 1, 3].map(|t| from.rescale(t, to)), [-2, -1, 0, 1, 2].map(Some));
        assert_eq!(to.rescale(i64::MAX, from), None);
    }

    #[test]
    fn json_keeps_the_shape_it_was_written_in() {
        for json in ["30", "\"30000/1001\""] {
            let rate: FrameRate = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&rate).unwrap(), json);
        }
    }
}
