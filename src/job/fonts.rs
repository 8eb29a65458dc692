//! Families that the job provides: their names, and the places of their files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{Entry, Job, JobError};
use crate::fonts::{Face, FontLibrary};

/// Families and the places of their faces. The field `aliases` gives families further names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fonts {
    /// Each family with its sources.
    pub families: BTreeMap<String, Vec<FontSource>>,
    /// Names that pages use, each with the family that it stands for.
    pub aliases: BTreeMap<String, String>,
}

impl Fonts {
    /// The files, directories and packages that the job names.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.families.values().flatten().map(|source| match source {
            FontSource::Named(path) => path.as_path(),
            FontSource::File(file) => file.file.as_path(),
        })
    }
}

/// The place of a family's faces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FontSource {
    /// A font file, a directory of them, or an npm package. Relative to the job file.
    Named(PathBuf),
    /// A font file, with descriptors in place of its own tables.
    File(FontFile),
}

/// A font file and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub struct FontFile {
    /// The file: `.ttf`, `.otf`, `.woff` or `.woff2`.
    pub file: PathBuf,
    /// A weight such as 700, or the first and the last such as `"100 900"`. Default: the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<FontWeight>,
    /// `normal` or `italic`. Default: the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<FontStyle>,
    /// The characters that it is for, such as `"U+0-FF, U+131"`. Default: all that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unicode_range: Option<String>,
}

/// A weight, or the first and the last of a variable font: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FontWeight {
    /// The least.
    pub first: u16,
    /// The most; the same for a single weight.
    pub last: u16,
}

/// The slope of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FontStyle {
    /// Upright.
    Normal,
    /// Italic.
    Italic,
}

/// The form of a source, for messages.
const SOURCE: &str = "a font file, a directory of fonts or an npm package";
const SOURCES: &str = "a font file, a directory of fonts, an npm package, or a list of them";
const WEIGHT: &str = "a weight from 1 to 1000, or two such as \"100 900\"";

impl Job {
    /// Checks the fonts as far as possible without the file system.
    pub(super) fn validate_fonts(&self) -> Result<(), JobError> {
        let named = self.fonts.families.keys().map(|name| (name, field(name)));
        let aliases = self.fonts.aliases.keys().map(|name| (name, alias_field(name)));
        for (name, path) in named.chain(aliases) {
            if name.trim().is_empty() {
                return Err(bad(path, "\"\"", "named by a family"));
            }
        }
        for (name, sources) in &self.fonts.families {
            if sources.is_empty() {
                return Err(bad(field(name), "[]", SOURCES));
            }
            for (i, source) in sources.iter().enumerate() {
                let FontSource::File(FontFile { unicode_range: Some(range), .. }) = source else {
                    continue;
                };
                let is_range = |c: char| c.is_ascii_hexdigit() || "Uu+-?, ".contains(c);
                if range.trim().is_empty() || !range.chars().all(is_range) {
                    let path = format!("{}[{i}].unicodeRange", field(name));
                    return Err(bad(path, range, "ranges such as \"U+0-FF, U+131\""));
                }
            }
        }
        Ok(())
    }

    /// Finds the fonts that the job names, and the places to look for more.
    ///
    /// Packages are those of the directories called `node_modules` beside the page and above it; of
    /// the working directory for a page that a server delivers, and only the job's.
    pub(crate) fn font_library(&self, entry: &Entry) -> Result<FontLibrary, JobError> {
        let working = || std::env::current_dir().unwrap_or_default();
        let folders = match entry {
            Entry::File { root, page } => {
                FontLibrary::folders_above(root.join(page).parent().unwrap_or(root))
            }
            Entry::Url(_) => FontLibrary::folders_above(&working()),
        };
        let mut library = FontLibrary::new(folders);
        for (name, sources) in &self.fonts.families {
            let (mut faces, mut source) = (Vec::new(), None);
            for (i, given) in sources.iter().enumerate() {
                let path =
                    if sources.len() > 1 { format!("{}[{i}]", field(name)) } else { field(name) };
                let (found, place) = given.find(name, &library, &path)?;
                faces.extend(found);
                source.get_or_insert(place);
            }
            library.name(name, faces, source.unwrap_or_default());
        }
        for (name, target) in &self.fonts.aliases {
            if !library.alias(name, target) {
                let expected =
                    "a family of `fonts`, or of an @fontsource package that is installed";
                return Err(bad(alias_field(name), target, expected));
            }
        }
        Ok(library)
    }
}

impl Fonts {
    /// Resolves paths of files against `base`. Names of packages stay as they are.
    pub(super) fn relative_to(&mut self, base: &Path) {
        for source in self.families.values_mut().flatten() {
            match source {
                FontSource::Named(path) => {
                    let place = base.join(&*path);
                    if Face::is_file_name(path) || path.starts_with(".") || place.exists() {
                        *path = place;
                    }
                }
                FontSource::File(file) => file.file = base.join(&file.file),
            }
        }
    }
}

impl FontSource {
    /// The faces, and their origins.
    fn find(
        &self,
        family: &str,
        library: &FontLibrary,
        field: &str,
    ) -> Result<(Vec<Face>, PathBuf), JobError> {
        let read = |file: &Path, field: &str| {
            let found = file.display().to_string();
            let face = Face::of_file(file);
            face.ok_or_else(|| bad(field.into(), &found, "a font file that exists and can be read"))
        };
        match self {
            Self::File(FontFile { file, weight, style, unicode_range }) => {
                let mut face = read(file, &format!("{field}.file"))?;
                if let Some(weight) = weight {
                    face.weight = weight.to_string();
                }
                if let Some(style) = style {
                    face.style = style.to_string();
                }
                face.range.clone_from(unicode_range);
                Ok((vec![face], file.clone()))
            }
            Self::Named(path) if path.is_dir() => {
                let faces = Face::of_directory(path);
                let found = path.display().to_string();
                if faces.is_empty() {
                    return Err(bad(field.into(), &found, "a directory that holds font files"));
                }
                Ok((faces, path.clone()))
            }
            Self::Named(path) if Face::is_file_name(path) || path.exists() => {
                Ok((vec![read(path, field)?], path.clone()))
            }
            Self::Named(path) => {
                let name = path.to_str().unwrap_or_default();
                let package = library.package(name);
                let faces = package.as_ref().map(|package| package.faces(family));
                match (package, faces.filter(|faces| !faces.is_empty())) {
                    (Some(package), Some(faces)) => Ok((faces, package.path().to_owned())),
                    (Some(_), None) => Err(bad(field.into(), name, "a package that holds fonts")),
                    (None, _) => Err(bad(field.into(), name, &format!("{SOURCE} that is there"))),
                }
            }
        }
    }
}

/// The field of one family, as errors name it.
fn field(family: &str) -> String {
    format!("fonts[{family:?}]")
}

fn alias_field(name: &str) -> String {
    format!("fonts.aliases[{name:?}]")
}

fn bad(path: String, found: &str, expected: &str) -> JobError {
    let found = if found.starts_with(['"', '[']) { found.into() } else { format!("{found:?}") };
    JobError::BadValue { path, found, expected: expected.into() }
}

impl fmt::Display for FontStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Italic => "italic",
        })
    }
}

impl fmt::Display for FontWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first} {last}") }
    }
}

impl FontWeight {
    fn new(first: u64, last: u64) -> Option<Self> {
        let weight = |n: u64| u16::try_from(n).ok().filter(|n| (1..=1000).contains(n));
        Some(Self { first: weight(first)?, last: weight(last)? })
            .filter(|weight| weight.first <= weight.last)
    }
}

impl Serialize for FontWeight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last {
            serializer.serialize_u16(self.first)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for FontWeight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Weight;

        impl Visitor<'_> for Weight {
            type Value = FontWeight;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(WEIGHT)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<FontWeight, E> {
                FontWeight::new(number, number).ok_or_else(|| E::custom(WEIGHT))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FontWeight, E> {
                let numbers: Option<Vec<u64>> =
                    text.split_ascii_whitespace().map(|n| n.parse().ok()).collect();
                let weight = match numbers.as_deref() {
                    Some(&[weight]) => FontWeight::new(weight, weight),
                    Some(&[first, last]) => FontWeight::new(first, last),
                    _ => None,
                };
                weight.ok_or_else(|| E::custom(WEIGHT))
            }
        }

        deserializer.deserialize_any(Weight)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for FontWeight {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FontWeight".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A weight, or the first and the last of a variable font.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 1000 },
                { "type": "string", "pattern": "^[0-9]+( +[0-9]+)?$", "examples": ["100 900"] },
            ],
        })
    }
}

/// One source, or several.
struct Sources(Vec<FontSource>);

impl<'de> Deserialize<'de> for FontSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Source;

        impl<'de> Visitor<'de> for Source {
            type Value = FontSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SOURCE)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FontSource, E> {
                if text.is_empty() {
                    return Err(E::custom(SOURCE));
                }
                Ok(FontSource::Named(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FontSource, A::Error> {
                FontFile::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(FontSource::File)
            }
        }

        deserializer.deserialize_any(Source)
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Sources;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SOURCES)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Sources, E> {
                FontSource::deserialize(de::value::StrDeserializer::new(text))
                    .map(|source| Sources(vec![source]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sources, A::Error> {
                FontSource::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|source| Sources(vec![source]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sources, A::Error> {
                let mut sources = Vec::new();
                while let Some(source) = list.next_element()? {
                    sources.push(source);
                }
                Ok(Sources(sources))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl<'de> Deserialize<'de> for Fonts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Families;

        impl<'de> Visitor<'de> for Families {
            type Value = Fonts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fonts, A::Error> {
                let mut fonts = Fonts::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "aliases" {
                        fonts.aliases = map.next_value()?;
                    } else {
                        let Sources(sources) = map.next_value()?;
                        fonts.families.insert(name, sources);
                    }
                }
                Ok(fonts)
            }
        }

        deserializer.deserialize_map(Families)
    }
}

impl Serialize for Fonts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, sources) in &self.families {
            match &sources[..] {
                [source] => map.serialize_entry(name, source)?,
                sources => map.serialize_entry(name, sources)?,
            }
        }
        map.serialize_entry("aliases", &self.aliases)?;
        map.end()
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Fonts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fonts".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<FontFile>();
        let named = serde_json::json!({
            "description": "A font file, a directory of fonts, or an npm package.",
            "type": "string",
            "minLength": 1,
            "examples": ["@fontsource/inter", "brand-700.woff2", "fonts/"],
        });
        let source = serde_json::json!({ "anyOf": [named, file] });
        json_schema!({
            "description": "Families that the page names: where their files are.",
            "type": "object",
            "properties": {
                "aliases": {
                    "description": "Names that the page uses, each with the family that is meant.",
                    "type": "object",
                    "additionalProperties": { "type": "string" },
                },
            },
            "additionalProperties": {
                "anyOf": [named, file, { "type": "array", "items": source, "minItems": 1 }],
            },
        })
    }
}
