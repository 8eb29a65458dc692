//! Values with a spelling of their own: `"1920x1080"`, `"0..90"`, `"10M"`.

#[cfg(feature = "schema")]
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::frame::Size;

/// A text that does not spell the value; holds the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct ValueError(pub(super) &'static str);

/// Frames `start` up to, but not including, `end`. In text `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRange {
    /// The first frame.
    pub start: u64,
    /// The frame after the last.
    pub end: u64,
}

/// Bits per second. In text with `k` or `M` for thousands and millions, such as `1.5M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Bitrate(pub u64);

/// The size of an output: pixels, or a name for them. In text such as `1280x720` or `720p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputSize {
    /// The pixels of both sides.
    Pixels(Size),
    /// The pixels of the shorter side, in the shape of the frames.
    Shorter(u32),
}

/// Names of sizes.
const SIZE_NAMES: [(&str, OutputSize); 8] = [
    ("720p", OutputSize::Shorter(720)),
    ("1080p", OutputSize::Shorter(1080)),
    ("1440p", OutputSize::Shorter(1440)),
    ("2160p", OutputSize::Shorter(2160)),
    ("4k", OutputSize::Shorter(2160)),
    ("square", OutputSize::Pixels(Size { width: 1080, height: 1080 })),
    ("portrait", OutputSize::Pixels(Size { width: 1080, height: 1920 })),
    ("landscape", OutputSize::Pixels(Size { width: 1920, height: 1080 })),
];

impl OutputSize {
    /// The pixels for frames of `size`, the longer side to the nearest even number.
    pub fn pixels(self, size: Size) -> Size {
        let shorter = match self {
            Self::Pixels(pixels) => return pixels,
            Self::Shorter(shorter) => shorter,
        };
        let (long, short) = (size.width.max(size.height), size.width.min(size.height));
        let longer = f64::from(shorter) * f64::from(long) / f64::from(short.max(1));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let longer = (longer / 2.0).round() as u32 * 2;
        if size.width >= size.height {
            Size { width: longer, height: shorter }
        } else {
            Size { width: shorter, height: longer }
        }
    }
}

impl FrameRange {
    /// The number of frames in the range.
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the range holds no frame.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

const SIZE: &str = "WIDTHxHEIGHT in pixels, such as 1920x1080";
const SIZE_JSON: &str = "an object with width and height, or text such as \"1920x1080\"";
const OUTPUT_SIZE: &str = "WIDTHxHEIGHT in pixels, 720p, 1080p, 1440p, 2160p, 4k, square, portrait \
                           or landscape";
const OUTPUT_SIZE_JSON: &str = "an object with width and height, or text such as \"1280x720\", \
                                \"720p\", \"4k\" or \"square\"";
const FRAME_RANGE: &str = "START..END, such as 0..90";
const FRAME_RANGE_JSON: &str = "text such as \"0..90\", or an object with start and end";
const BITRATE: &str = "bits per second, such as 10M or 800k";
const BITRATE_JSON: &str = "bits per second as a whole number, or text such as \"10M\"";

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.split_once(['x', 'X'])
            .and_then(|(width, height)| Some((whole(width)?, whole(height)?)))
            .and_then(|(width, height)| {
                Some(Self { width: width.try_into().ok()?, height: height.try_into().ok()? })
            })
            .ok_or(ValueError(SIZE))
    }
}

impl FromStr for OutputSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some((_, size)) = SIZE_NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(text)) {
            return Ok(*size);
        }
        text.parse().map(Self::Pixels).or(Err(ValueError(OUTPUT_SIZE)))
    }
}

impl FromStr for FrameRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.split_once("..")
            .and_then(|(start, end)| Some(Self { start: whole(start)?, end: whole(end)? }))
            .ok_or(ValueError(FRAME_RANGE))
    }
}

impl fmt::Display for FrameRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl FromStr for Bitrate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (number, unit) = match text.as_bytes().last() {
            Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
            Some(b'm' | b'M') => (&text[..text.len() - 1], 1_000_000),
            _ => (text, 1),
        };
        let (units, fraction) = number.split_once('.').unwrap_or((number, "0"));
        // Exact: `fraction` holds so many digits of the unit.
        let digits = u32::try_from(fraction.len()).ok();
        let value = digits.and_then(|digits| {
            let part = whole(fraction)?.checked_mul(unit)? / 10_u64.checked_pow(digits)?;
            whole(units)?.checked_mul(unit)?.checked_add(part)
        });
        value.map(Self).ok_or(ValueError(BITRATE))
    }
}

/// Digits and nothing else, where `str::parse` would also take a sign.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Reads text by `FromStr`, and an object by its `Fields`.
struct TextOr<T, Fields> {
    expected: &'static str,
    from_fields: fn(Fields) -> T,
}

impl<'de, T: FromStr, Fields: Deserialize<'de>> Visitor<'de> for TextOr<T, Fields> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_reason| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        Fields::deserialize(MapAccessDeserializer::new(map)).map(self.from_fields)
    }
}

#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(inline))]
struct SizeFields {
    /// Pixels in a row.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 16_384)))]
    width: u32,
    /// Rows.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 16_384)))]
    height: u32,
}

#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(inline))]
struct FrameRangeFields {
    /// The first frame.
    start: u64,
    /// The frame after the last.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    end: u64,
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOr {
            expected: SIZE_JSON,
            from_fields: |SizeFields { width, height }| Self { width, height },
        })
    }
}

impl<'de> Deserialize<'de> for OutputSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOr {
            expected: OUTPUT_SIZE_JSON,
            from_fields: |SizeFields { width, height }| Self::Pixels(Size { width, height }),
        })
    }
}

impl Serialize for OutputSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pixels(size) => serializer.collect_str(size),
            Self::Shorter(lines) => serializer.collect_str(&format_args!("{lines}p")),
        }
    }
}

impl<'de> Deserialize<'de> for FrameRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOr {
            expected: FRAME_RANGE_JSON,
            from_fields: |FrameRangeFields { start, end }| Self { start, end },
        })
    }
}

impl<'de> Deserialize<'de> for Bitrate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = Bitrate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(BITRATE_JSON)
            }

            fn visit_u64<E: de::Error>(self, bits: u64) -> Result<Bitrate, E> {
                Ok(Bitrate(bits))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bitrate, E> {
                text.parse()
                    .map_err(|ValueError(_)| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

impl Serialize for FrameRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<SizeFields>();
        json_schema!({
            "description": "Width and height in pixels, 1 to 16384 each.",
            "anyOf": [
                fields,
                { "type": "string", "pattern": "^[0-9]+[xX][0-9]+$", "examples": ["1920x1080"] },
            ],
        })
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for OutputSize {
    fn schema_name() -> Cow<'static, str> {
        "OutputSize".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<SizeFields>();
        let names: Vec<_> = SIZE_NAMES.iter().map(|(name, _)| *name).collect();
        json_schema!({
            "description": "Width and height in pixels, or a name for them.",
            "anyOf": [
                fields,
                { "type": "string", "pattern": "^[0-9]+[xX][0-9]+$", "examples": ["1280x720"] },
                { "enum": names },
            ],
        })
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for FrameRange {
    fn schema_name() -> Cow<'static, str> {
        "FrameRange".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<FrameRangeFields>();
        json_schema!({
            "description": "Frames from a first one up to, but not including, a last one.",
            "anyOf": [
                { "type": "string", "pattern": r"^[0-9]+\.\.[0-9]+$", "examples": ["0..90"] },
                fields,
            ],
        })
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Bitrate {
    fn schema_name() -> Cow<'static, str> {
        "Bitrate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bits per second: a whole number, or text with k or M.",
            "anyOf": [
                { "type": "integer", "minimum": 1000, "maximum": 1_000_000_000 },
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?[kKmM]?$", "examples": ["10M"] },
            ],
        })
    }
}

/// Durations as a number of seconds.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::Serializer;
    use serde::de::{Deserialize as _, Deserializer, Error as _};

    pub(in crate::job) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(in crate::job) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let secs = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(secs)
            .map_err(|_reason| D::Error::custom("a number of seconds above 0, up to 86400"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!("1920x1080".parse(), Ok(Size { width: 1920, height: 1080 }));
        assert_eq!("2X2".parse(), Ok(Size { width: 2, height: 2 }));
        for text in
            ["", "1920", "x", "1920x", "1920x1080x2", "-1x2", "+1x2", "1.5x2", "99999999999x1"]
        {
            assert_eq!(text.parse::<Size>(), Err(ValueError(SIZE)), "{text}");
        }
    }

    #[test]
    fn named_sizes_keep_the_shape_of_the_frames() {
        let size = |width, height| Size { width, height };
        let of = |name: &str, frames| name.parse::<OutputSize>().unwrap().pixels(frames);
        assert_eq!(of("720p", size(1920, 1080)), size(1280, 720));
        assert_eq!(of("720P", size(1080, 1920)), size(720, 1280));
        assert_eq!(of("4k", size(1000, 1000)), size(2160, 2160));
        assert_eq!(of("square", size(1920, 1080)), size(1080, 1080));
        assert_eq!(of("641x361", size(1920, 1080)), size(641, 361));
        assert_eq!("8k".parse::<OutputSize>(), Err(ValueError(OUTPUT_SIZE)));
    }

    #[test]
    fn frame_ranges_are_half_open() {
        let range: FrameRange = "10..90".parse().unwrap();
        assert_eq!((range, range.len()), (FrameRange { start: 10, end: 90 }, 80));
        assert!(FrameRange { start: 9, end: 3 }.is_empty());
        for text in ["", "..", "1..", "..9", "1...9", "1..=9", "1-9", "-1..9"] {
            assert_eq!(text.parse::<FrameRange>(), Err(ValueError(FRAME_RANGE)), "{text}");
        }
    }

    #[test]
    fn bitrates_are_exact() {
        let cases = [
            ("10M", 10_000_000),
            ("800k", 800_000),
            ("1.5m", 1_500_000),
            ("0.0625K", 62),
            ("4500000", 4_500_000),
        ];
        for (text, bits) in cases {
            assert_eq!(text.parse(), Ok(Bitrate(bits)), "{text}");
        }
        for text in
            ["", "M", "1.M", ".5M", "10G", "-1k", "1e6", "10 M", "99999999999999999M", "10µ"]
        {
            assert_eq!(text.parse::<Bitrate>(), Err(ValueError(BITRATE)), "{text}");
        }
    }
}
