//! The address of the page.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use url::Url;

use super::{Job, JobError, ValueError};

/// The address of the page, as the user writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An HTML file, or a directory with an `index.html`.
    Path(PathBuf),
    /// An http or https URL.
    Url(Url),
}

/// The page that an [`Address`] leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file that exists.
    File {
        /// The directory to serve, which holds the page.
        root: PathBuf,
        /// The page, relative to `root`.
        page: PathBuf,
    },
    /// A page that a server delivers.
    Url(Url),
}

impl fmt::Display for Entry {
    /// The page's name for people: relative to its root, or a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { page, .. } => page.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl Job {
    /// Finds the page's file.
    pub fn entry(&self) -> Result<Entry, JobError> {
        let path = match &self.composition {
            Address::Path(path) => path,
            Address::Url(url) => return Ok(Entry::Url(url.clone())),
        };
        let (folder, name) = if path.is_dir() {
            (path.as_path(), OsStr::new("index.html"))
        } else {
            (path.parent().unwrap_or(path), path.file_name().unwrap_or_default())
        };
        let page = folder.join(name);
        if !page.is_file() {
            return Err(JobError::Missing { what: "the composition", path: page });
        }
        // The page itself may be a link: its own directory is served, not that of its target.
        let folder = absolute(folder)?;
        let root = self.root.as_deref().map_or_else(|| Ok(folder.clone()), absolute)?;
        match folder.strip_prefix(&root) {
            Ok(inside) => Ok(Entry::File { page: inside.join(name), root }),
            Err(_) => Err(JobError::BadValue {
                path: "root".into(),
                found: format!("{:?}", root.display().to_string()),
                expected: "a directory that holds the composition".into(),
            }),
        }
    }
}

fn absolute(folder: &Path) -> Result<PathBuf, JobError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => JobError::Missing { what: "the root", path: folder.to_owned() },
        _ => JobError::Read { path: folder.to_owned(), error },
    })
}

impl Address {
    /// The form of an address, for messages.
    const EXPECTED: &str = "a file, a directory or an http(s) URL";

    /// The same address with a relative path taken from `base`.
    pub(super) fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::Path(path) => Self::Path(base.join(path)),
            Self::Url(url) => Self::Url(url),
        }
    }
}

impl FromStr for Address {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let address = match scheme.as_deref() {
            None if text.is_empty() => None,
            None => Some(Self::Path(text.into())),
            Some("http" | "https") => Url::parse(text).ok().map(Self::Url),
            Some("file") => {
                Url::parse(text).ok().and_then(|url| url.to_file_path().ok()).map(Self::Path)
            }
            Some(_) => None,
        };
        address.ok_or(ValueError(Self::EXPECTED))
    }
}

impl From<&str> for Address {
    /// A URL where the text is one, else a path.
    fn from(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::Path(text.into()))
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self::Url(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => path.serialize(serializer),
            Self::Url(url) => serializer.collect_str(url),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(|ValueError(expected)| de::Error::custom(expected))
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_path_or_a_web_address() {
        let path = |text: &str| Ok(Address::Path(text.into()));
        assert_eq!("a/index.html".parse(), path("a/index.html"));
        assert_eq!("C:\\page.html".parse(), path("C:\\page.html"));
        assert_eq!("file:///a%20b/index.html".parse(), path("/a b/index.html"));
        let url = "https://example.org/page?x=1";
        assert_eq!(url.parse(), Ok(Address::Url(Url::parse(url).unwrap())));
        for text in ["", "http://", "ftp://example.org/", "data://x"] {
            assert_eq!(text.parse::<Address>(), Err(ValueError(Address::EXPECTED)), "{text}");
        }
    }

    #[test]
    fn a_page_is_found_by_file_and_by_directory() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("scenes")).unwrap();
        std::fs::write(root.join("index.html"), "").unwrap();
        std::fs::write(root.join("scenes/one.html"), "").unwrap();
        let entry = |composition: PathBuf| Job::without_output(composition).entry().unwrap();
        let file = |root: PathBuf, page: &str| Entry::File { root, page: page.into() };

        assert_eq!(entry(root.clone()), file(root.clone(), "index.html"));
        assert_eq!(entry(root.join("index.html")), file(root.clone(), "index.html"));
        assert_eq!(entry(root.join("scenes/one.html")), file(root.join("scenes"), "one.html"));

        let mut job = Job::without_output(root.join("scenes/one.html"));
        job.root = Some(root.clone());
        assert_eq!(job.entry().unwrap(), file(root.clone(), "scenes/one.html"));

        job = Job::without_output(root.join("index.html"));
        job.root = Some(root.join("scenes"));
        assert!(matches!(job.entry(), Err(JobError::BadValue { path, .. }) if path == "root"));
    }
}
