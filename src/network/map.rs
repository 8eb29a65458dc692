//! Maps addresses to files and directories on disk.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use super::find::{Directory, Found, find, find_refused};

/// Address prefixes, each with the directory or the file that stands for it.
#[derive(Debug, Default)]
pub(crate) struct Map {
    entries: Vec<Entry>,
    /// Whether links in the directories may lead out of them.
    follow: bool,
    /// The composition's own directory, into which links may lead.
    own: Option<PathBuf>,
}

/// An http(s) address that other addresses may begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapKey(Url);

#[derive(Debug)]
struct Entry {
    key: MapKey,
    /// Canonical.
    target: PathBuf,
    is_directory: bool,
}

/// The map's answer to an address that it covers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The directory or file of the prefix.
    pub target: PathBuf,
    /// The file; `None` if there is none for the address.
    pub found: Option<Found>,
    /// The target of a link that may not be followed.
    pub refused: Option<PathBuf>,
}

impl MapKey {
    /// The form of a key, for messages.
    pub(crate) const EXPECTED: &str = "an http(s) URL, such as https://cdn.jsdelivr.net/npm/";

    /// Reads a key; `None` if it is not an http(s) URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_network = matches!(url.scheme(), "http" | "https") && text.contains("://");
        is_network.then_some(Self(url))
    }

    /// Whether it names a single address rather than all below it.
    pub(crate) fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    /// The part of `url` after this prefix. Pages may use an address without TLS for a key with it.
    fn rest<'u>(&self, url: &'u Url) -> Option<&'u str> {
        let key = &self.0;
        let is_scheme = key.scheme() == url.scheme() || (key.scheme(), url.scheme()) == UPGRADE;
        let is_server = is_scheme && key.host() == url.host() && key.port() == url.port();
        let rest = url.path().strip_prefix(key.path()).filter(|_| is_server)?;
        let is_boundary = rest.is_empty() || rest.starts_with('/') || key.path().ends_with('/');
        is_boundary.then_some(rest)
    }

    fn is_exactly(&self, url: &Url) -> bool {
        self.rest(url) == Some("") && self.0.query().is_none_or(|query| url.query() == Some(query))
    }

    /// A DevTools pattern for all addresses that begin with it, and maybe more.
    fn pattern(&self) -> String {
        let server = &self.0[url::Position::BeforeHost..url::Position::AfterPort];
        let path = self.0.path().replace('\\', r"\\").replace('*', r"\*");
        format!("http*://{server}{path}*")
    }
}

/// The schemes of a key, and of `//cdn.example.org/` on a page that our own server delivers.
const UPGRADE: (&str, &str) = ("https", "http");

impl Map {
    /// An empty map for a composition in the directory `own`.
    pub(crate) fn new(follow: bool, own: Option<PathBuf>) -> Self {
        Self { entries: Vec::new(), follow, own }
    }

    /// Maps `key` to the directory or the file `target`, which must exist.
    ///
    /// Returns false, and adds nothing, for a directory under a key with a query.
    pub(crate) fn insert(&mut self, key: MapKey, target: &Path) -> io::Result<bool> {
        let target = target.canonicalize()?;
        let is_directory = target.is_dir();
        let fits = !is_directory || !key.has_query();
        if fits {
            self.entries.push(Entry { key, target, is_directory });
        }
        Ok(fits)
    }

    pub(super) fn patterns(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.key.pattern()).collect()
    }

    /// The answer for `url`; `None` if no prefix covers it. The longest prefix wins.
    pub(crate) fn find(&self, url: &Url) -> Option<Hit> {
        let covers = |entry: &&Entry| {
            let Entry { key, is_directory, .. } = entry;
            if *is_directory { key.rest(url).is_some() } else { key.is_exactly(url) }
        };
        let length = |entry: &&Entry| {
            let key = &entry.key.0;
            (key.path().len(), key.query().is_some(), key.scheme() == url.scheme())
        };
        let entry = self.entries.iter().filter(covers).max_by_key(length)?;
        let found = if entry.is_directory {
            let own = self.own.as_deref();
            let directory = Directory { path: &entry.target, follow: self.follow, own };
            let (prefix, rest) = (entry.key.0.path(), entry.key.rest(url)?);
            let found = find(directory, prefix, rest);
            if found.is_none() {
                let refused = find_refused(directory, prefix, rest);
                return Some(Hit { target: entry.target.clone(), found, refused });
            }
            found
        } else {
            Some(Found { file: entry.target.clone(), mismatch: None })
        };
        Some(Hit { target: entry.target.clone(), found, refused: None })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn keys_are_web_addresses() {
        for text in ["https://a.b", "http://a.b:80/c", "HTTPS://A.B/c?d"] {
            assert!(MapKey::parse(text).is_some(), "{text}");
        }
        for text in ["", "ftp://a.b/", "a.b/c", "//a.b", "https:", "file:///a", "*"] {
            assert!(MapKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_segment() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let mut map = Map::new(false, None);
        for (key, name) in [
            ("https://cdn.net", "all"),
            ("https://cdn.net/npm", "npm"),
            ("https://cdn.net/npm/gsap@2/", "old"),
            ("https://fonts.net/css", "any.css"),
            ("https://fonts.net/css?family=A", "a.css"),
            ("http://cdn.net:8080/", "port"),
        ] {
            let target = root.join(name);
            if name.contains("css") {
                fs::write(&target, "").unwrap();
            } else {
                fs::create_dir_all(target.join("x")).unwrap();
                fs::write(target.join("x/a.js"), "").unwrap();
                fs::write(target.join("a.js"), "").unwrap();
            }
            assert!(map.insert(MapKey::parse(key).unwrap(), &target).unwrap());
        }
        let find = |url: &str| map.find(&Url::parse(url).unwrap());
        let file = |url: &str| {
            let file = find(url).and_then(|hit| hit.found).map(|found| found.file);
            file.map(|file| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
        };
        for (url, wanted) in [
            ("https://cdn.net/a.js", Some("all/a.js")),
            ("https://CDN.net:443/x/a.js?v=1#b", Some("all/x/a.js")),
            ("http://cdn.net/a.js", Some("all/a.js")),
            ("https://cdn.net/npm/x/a.js", Some("npm/x/a.js")),
            ("https://cdn.net/npm/gsap@2/a.js", Some("old/a.js")),
            ("https://cdn.net/npmx/a.js", None),
            ("https://fonts.net/css?family=B", Some("any.css")),
            ("https://fonts.net/css?family=A", Some("a.css")),
            ("http://cdn.net:8080/a.js", Some("port/a.js")),
            ("https://cdn.net:8080/a.js", None),
            ("https://fonts.net/css/more", None),
            ("https://other.net/a.js", None),
        ] {
            assert_eq!(file(url).as_deref(), wanted, "{url}");
        }
        // Covered, but missing.
        let hit = find("https://cdn.net/npm/none.js").unwrap();
        assert_eq!((hit.target, hit.found), (root.join("npm"), None));
        assert_eq!(find("https://fonts.net/css/more"), None);
        assert_eq!(map.patterns()[5], "http*://cdn.net:8080/*");
    }

    #[test]
    fn a_directory_has_no_query() {
        let directory = tempfile::tempdir().unwrap();
        let mut map = Map::new(false, None);
        let key = |text| MapKey::parse(text).unwrap();
        assert!(!map.insert(key("https://a.b/?c"), directory.path()).unwrap());
        assert!(map.insert(key("https://a.b/"), &directory.path().join("none")).is_err());
        assert!(map.patterns().is_empty());
    }
}
