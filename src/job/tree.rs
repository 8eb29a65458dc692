//! Typed values from a JSON tree, with faults as data.
//!
//! `serde_json` turns every fault into a sentence. Here the tree is walked by a deserializer of our
//! own, so that a message can name the field, show the value and list what is allowed.

use std::fmt::Display;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    self, DeserializeOwned, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::JobError;

/// Longest excerpt of a value in a message, in characters.
const MAX_EXCERPT: usize = 60;

/// Reads a `T`, or returns an error about the part of `tree` that is wrong.
pub(super) fn typed<T: DeserializeOwned>(tree: &Value) -> Result<T, JobError> {
    serde_path_to_error::deserialize(Node(tree)).map_err(|error| {
        let path = dotted(error.path());
        let found = excerpt(value_at(tree, error.path()));
        match error.into_inner() {
            Fault::UnknownField { allowed } => {
                let name = path.rsplit('.').next().unwrap_or(&path);
                JobError::UnknownField { suggestion: closest(name, allowed), path, allowed }
            }
            Fault::MissingField(name) => {
                let path = if path.is_empty() { name.into() } else { format!("{path}.{name}") };
                JobError::Absent { path }
            }
            Fault::Expected(expected) => JobError::BadValue { path, found, expected },
        }
    })
}

/// A value as JSON on one short line.
pub(super) fn excerpt(value: &Value) -> String {
    let json = value.to_string();
    match json.char_indices().nth(MAX_EXCERPT) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}

/// The name in `names` that `typed` is most likely meant to be.
pub(super) fn closest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a &'a str>,
) -> Option<String> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let typed = plain(typed);
    let distance = |name: &&str| edit_distance(&typed, &plain(name));
    let (distance, name) = names.into_iter().map(|name| (distance(name), name)).min()?;
    (distance <= 1.max(name.len() / 3)).then(|| (*name).to_owned())
}

/// Levenshtein's distance: the number of letters to insert, remove or replace.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

fn dotted(path: &Path) -> String {
    path.iter().fold(String::new(), |dotted, segment| match segment {
        // Keys that are not ours, such as addresses.
        Segment::Map { key } if key.contains(['/', ':', ' ']) => format!("{dotted}[{key:?}]"),
        Segment::Map { key } if dotted.is_empty() => key.clone(),
        Segment::Map { key } => dotted + "." + key,
        Segment::Seq { index } => format!("{dotted}[{index}]"),
        Segment::Enum { .. } | Segment::Unknown => dotted,
    })
}

fn value_at<'a>(tree: &'a Value, path: &Path) -> &'a Value {
    path.iter().fold(tree, |value, segment| match segment {
        Segment::Map { key } => value.get(key).unwrap_or(&Value::Null),
        Segment::Seq { index } => value.get(index).unwrap_or(&Value::Null),
        Segment::Enum { .. } | Segment::Unknown => value,
    })
}

#[derive(Debug)]
enum Fault {
    UnknownField {
        allowed: &'static [&'static str],
    },
    MissingField(&'static str),
    /// The valid values.
    Expected(String),
}

impl std::error::Error for Fault {}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl de::Error for Fault {
    /// Visitors of our own types state what they expected.
    fn custom<T: Display>(expected: T) -> Self {
        Self::Expected(expected.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Self::Expected(match expected.as_str() {
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
            "f64" => "a number".into(),
            "a boolean" => "true or false".into(),
            "a string" | "path string" | "a borrowed string" => "text".into(),
            "a map" => "an object".into(),
            "a sequence" => "a list".into(),
            _ => expected,
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            // No field is signed, so a number that does not fit is too large.
            Unexpected::Unsigned(_) if expected.to_string().starts_with('u') => {
                Self::Expected("a smaller whole number".into())
            }
            _ => Self::invalid_type(found, expected),
        }
    }

    fn unknown_variant(_: &str, allowed: &'static [&'static str]) -> Self {
        Self::Expected(one_of(allowed))
    }

    fn unknown_field(_: &str, allowed: &'static [&'static str]) -> Self {
        Self::UnknownField { allowed }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::MissingField(name)
    }
}

/// "a, b or c".
fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".into(),
        [word] => (*word).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

struct Node<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, Fault> for Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(values) => {
                SeqDeserializer::new(values.iter().map(Node)).deserialize_any(visitor)
            }
            Value::Object(map) => {
                MapDeserializer::new(map.iter().map(|(key, value)| (key.as_str(), Node(value))))
                    .deserialize_any(visitor)
            }
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                _ => Err(Fault::Expected("a number within the range of a double".into())),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.as_str().into_deserializer()),
            _ => Err(Fault::Expected(one_of(variants))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_the_one_that_was_meant() {
        let names = ["crf", "bitrate", "pixelFormat", "preset"];
        let cases = [
            ("crff", Some("crf")),
            ("CRF", Some("crf")),
            ("pixel_format", Some("pixelFormat")),
            ("bit-rate", Some("bitrate")),
            ("pixelFromat", Some("pixelFormat")),
            ("colour", None),
            ("", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(closest(typed, &names).as_deref(), meant, "{typed}");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let text = excerpt(&Value::from("é".repeat(100)));
        assert_eq!(text.chars().count(), MAX_EXCERPT + 1);
        assert_eq!(excerpt(&Value::from("short")), "\"short\"");
    }
}
