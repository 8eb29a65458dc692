//! Finds the file of a directory for an address.
//!
//! Addresses of package CDNs hold versions (`gsap@3.12/dist/gsap.min.js`,
//! `gsap/3.12.2/gsap.min.js`) and mean files that a package keeps elsewhere; `node_modules` holds
//! neither. So several places are tried, the literal one first. None lies outside of the directory.

use std::fs;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::bounds::{Bounds, Place};
use super::ledger::VersionMismatch;

/// Directories of packages that cdnjs omits.
const FOLDERS: [&str; 7] = ["dist", "build", "lib", "umd", "dist/umd", "src", "build/player"];

/// Extensions that an address may omit.
const EXTENSIONS: [&str; 3] = [".js", ".mjs", ".css"];

/// The fields in which a package names its file, in order.
const ENTRY_FIELDS: [&str; 4] = ["jsdelivr", "unpkg", "browser", "main"];

/// A directory with files for addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory<'a> {
    /// Canonical.
    pub path: &'a Path,
    /// Whether links in it may lead out of it.
    pub follow: bool,
    /// The composition's own directory, canonical: links may lead into it.
    pub own: Option<&'a Path>,
}

/// A file, and a mismatch of its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub file: PathBuf,
    pub mismatch: Option<VersionMismatch>,
}

/// Finds the file for `rest`, the part of an address after the prefix, without its query.
///
/// `prefix` is the prefix's own path, which holds the version where the directory is a package.
pub(super) fn find(directory: Directory<'_>, prefix: &str, rest: &str) -> Option<Found> {
    let segments = decode(rest)?;
    let wanted = Wanted::new(directory, prefix, &segments);
    let mut places = vec![join(&segments), join(&wanted.named), join(&wanted.plain())];
    let packages = places.clone();
    places.extend(wanted.in_folders());

    let exact = || places.iter().find_map(|place| directory.file(place));
    let entry = || packages.iter().find_map(|place| directory.entry(place));
    let extended = || {
        let names = places.iter().flat_map(|place| with_extensions(place));
        names.into_iter().find_map(|name| directory.file(&name))
    };
    let minified = || places.iter().find_map(|place| directory.file(&other_minified(place)?));
    let file = exact().or_else(entry).or_else(extended).or_else(minified)?;
    Some(Found { file, mismatch: wanted.mismatch(directory) })
}

/// The file that would be found for `rest` if links could lead out of the directory.
pub(super) fn find_refused(directory: Directory<'_>, prefix: &str, rest: &str) -> Option<PathBuf> {
    let segments = decode(rest)?;
    let wanted = Wanted::new(directory, prefix, &segments);
    let mut places = vec![join(&segments), join(&wanted.named), join(&wanted.plain())];
    places.extend(wanted.in_folders());
    places.iter().find_map(|place| directory.refused(place))
}

/// The decoded segments; none if they could lead out of the directory.
fn decode(rest: &str) -> Option<Vec<String>> {
    let segments = rest.split('/').filter(|segment| !segment.is_empty());
    segments
        .map(|segment| {
            let segment = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
            let is_name =
                !matches!(segment.as_str(), "." | "..") && !segment.contains(['/', '\\', '\0']);
            is_name.then_some(segment)
        })
        .collect()
}

fn join(segments: &[String]) -> PathBuf {
    segments.iter().collect()
}

/// An address, parsed as a file of a package.
#[derive(Debug)]
struct Wanted {
    /// All segments, without the versions in their names.
    named: Vec<String>,
    /// The number of segments that name the package: none where the directory is one, two with a
    /// scope.
    package: usize,
    /// The requested version.
    version: Option<String>,
}

impl Wanted {
    fn new(directory: Directory<'_>, prefix: &str, segments: &[String]) -> Self {
        let named = segments.iter().map(|segment| split_version(segment).0.to_owned()).collect();
        if directory.path.join("package.json").is_file() {
            let segments = prefix.rsplit('/');
            let mut versions = segments.filter_map(|segment| {
                split_version(segment).1.or_else(|| is_version(segment).then_some(segment))
            });
            return Self { named, package: 0, version: versions.next().map(str::to_owned) };
        }
        let is_scoped = segments.first().is_some_and(|first| first.starts_with('@'));
        let package = if is_scoped { 2 } else { 1 }.min(segments.len());
        let name = segments[..package].last().map_or("", String::as_str);
        let next = segments.get(package).filter(|next| is_version(next));
        let version = split_version(name).1.map(str::to_owned).or_else(|| next.cloned());
        Self { named, package, version }
    }

    /// Segments, except those that are only a version.
    fn plain(&self) -> Vec<String> {
        self.named.iter().filter(|segment| !is_version(segment)).cloned().collect()
    }

    /// The same file in the directories in which packages keep such files.
    fn in_folders(&self) -> Vec<PathBuf> {
        let plain = self.plain();
        let (package, file) = plain.split_at(self.package.min(plain.len()));
        if file.is_empty() {
            return Vec::new();
        }
        let mut packages = vec![join(package)];
        // cdnjs calls `three` `three.js`.
        if let Some(short) = join(package).to_str().and_then(|name| name.strip_suffix(".js")) {
            packages.push(short.into());
        }
        let folders = [""].into_iter().chain(FOLDERS);
        let places = folders.flat_map(|f| packages.iter().map(move |p| p.join(f)));
        places.map(|place| place.join(join(file))).collect()
    }

    /// The installed package, if its version is not compatible with the requested one.
    fn mismatch(&self, directory: Directory<'_>) -> Option<VersionMismatch> {
        let asked = self.version.as_deref()?;
        let package = directory.path.join(join(&self.named[..self.package]));
        let description = read_json(&package.join("package.json"))?;
        let found = description["version"].as_str()?;
        if is_compatible(asked, found)? {
            return None;
        }
        let name = description["name"].as_str().unwrap_or("the package");
        let [name, asked, found] = [name, asked, found].map(str::to_owned);
        Some(VersionMismatch { package: name, asked, found })
    }
}

impl<'a> Directory<'a> {
    /// The file at `place`, if there is one.
    fn file(self, place: &Path) -> Option<PathBuf> {
        if place.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return None;
        }
        match self.bounds().look(&self.path.join(place)) {
            Place::File(file) => Some(file),
            Place::Outside(_) | Place::Missing => None,
        }
    }

    const fn bounds(self) -> Bounds<'a> {
        Bounds { root: self.path, own: self.own, follow: self.follow }
    }

    /// The file out of the directory that a link at `place` leads to.
    fn refused(self, place: &Path) -> Option<PathBuf> {
        match self.bounds().look(&self.path.join(place)) {
            Place::Outside(target) if target.is_file() => Some(target),
            _ => None,
        }
    }

    /// The file that a package at `place` names as its own.
    fn entry(self, place: &Path) -> Option<PathBuf> {
        let description = self.file(&place.join("package.json"))?;
        let description = read_json(&description)?;
        let named = ENTRY_FIELDS.iter().find_map(|field| description[field].as_str());
        let entry = place.join(named.unwrap_or("index.js"));
        self.file(&entry)
            .or_else(|| with_extensions(&entry).iter().find_map(|name| self.file(name)))
            .or_else(|| self.file(&entry.join("index.js")))
    }
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn with_extensions(place: &Path) -> Vec<PathBuf> {
    let Some(name) = place.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    EXTENSIONS.iter().map(|extension| place.with_file_name(format!("{name}{extension}"))).collect()
}

/// `a.min.js` for `a.js`, and the other way round.
fn other_minified(place: &Path) -> Option<PathBuf> {
    let name = place.file_name()?.to_str()?;
    let (stem, extension) =
        EXTENSIONS.iter().find_map(|extension| Some((name.strip_suffix(extension)?, extension)))?;
    Some(place.with_file_name(match stem.strip_suffix(".min") {
        Some(stem) => format!("{stem}{extension}"),
        None => format!("{stem}.min{extension}"),
    }))
}

/// A segment's name, and the part behind its `@`. A scope's own `@` does not count.
pub(super) fn split_version(segment: &str) -> (&str, Option<&str>) {
    match segment.get(1..).and_then(|rest| rest.find('@')) {
        Some(at) => (&segment[..=at], Some(&segment[at + 2..])),
        None => (segment, None),
    }
}

/// Whether a segment is only a version: `3`, `v1.2`, `3.12.2-beta.1`, three.js' `r128`.
pub(super) fn is_version(segment: &str) -> bool {
    let numbers = segment.strip_prefix(['v', 'r']).unwrap_or(segment);
    let numbers = numbers.split(['-', '+']).next().unwrap_or_default();
    numbers.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether the version `found` may replace the one `asked` for; unknown for tags like `latest`.
///
/// By the rule of semantic versioning: the first number that is not 0 must be the same.
fn is_compatible(asked: &str, found: &str) -> Option<bool> {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let text = text.trim_start_matches(['v', '^', '~', '=']);
        let text = text.split(['-', '+']).next()?;
        let numbers = text.split('.').map_while(|n| n.parse().ok());
        Some(numbers.collect()).filter(|numbers: &Vec<u64>| !numbers.is_empty())
    };
    let (asked, found) = (numbers(asked)?, numbers(found)?);
    let breaking = asked.iter().position(|&n| n != 0).unwrap_or(asked.len() - 1);
    let compared = 0..=breaking.min(2);
    Some(compared.into_iter().all(|i| found.get(i).is_none_or(|n| *n == asked[i])))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// A directory like `node_modules`.
    fn modules() -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join("modules").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("gsap/package.json", r#"{"name":"gsap","version":"3.14.2","main":"dist/gsap.js"}"#);
        for file in ["dist/gsap.js", "dist/gsap.min.js", "dist/Flip.js", "index.js"] {
            write(&format!("gsap/{file}"), "");
        }
        write("@scope/name/package.json", r#"{"version":"1.5.0","jsdelivr":"./umd/name"}"#);
        write("@scope/name/umd/name.js", "");
        write("three/package.json", r#"{"name":"three","version":"0.169.0","browser":{}}"#);
        for file in ["build/three.module.min.js", "build/three.min.js", "index.js"] {
            write(&format!("three/{file}"), "");
        }
        write("odd name/a@2x.png", "");
        write("plain/3/style.css", "");
        write("lost/package.json", r#"{"main":"../../outside.js"}"#);
        write("4.0.0/a.js", "");
        write("../outside.js", "");
        directory
    }

    fn find_in(directory: &TempDir, follow: bool, rest: &str) -> Option<Found> {
        let path = directory.path().join("modules").canonicalize().unwrap();
        find(Directory { path: &path, follow, own: None }, "/npm/", rest)
    }

    #[track_caller]
    fn finds(directory: &TempDir, cases: &[(&str, &str)]) {
        let root = directory.path().join("modules").canonicalize().unwrap();
        for (rest, file) in cases {
            let found = find_in(directory, false, rest).map(|found| found.file);
            assert_eq!(found, Some(root.join(file)), "{rest}");
        }
    }

    #[test]
    fn files_with_and_without_versions() {
        finds(
            &modules(),
            &[
                ("gsap/dist/gsap.min.js", "gsap/dist/gsap.min.js"),
                ("gsap@3.14.2/dist/gsap.min.js", "gsap/dist/gsap.min.js"),
                ("gsap@latest//dist/gsap.min.js", "gsap/dist/gsap.min.js"),
                ("@scope/name@1/umd/name.js", "@scope/name/umd/name.js"),
                ("gsap/3.12.2/gsap.min.js", "gsap/dist/gsap.min.js"),
                ("gsap/3.12.2/dist/gsap.min.js", "gsap/dist/gsap.min.js"),
                ("three.js/r128/three.min.js", "three/build/three.min.js"),
                ("odd%20name/a@2x.png", "odd name/a@2x.png"),
                // Literal matches come first.
                ("plain/3/style.css", "plain/3/style.css"),
                ("4.0.0/a.js", "4.0.0/a.js"),
            ],
        );
    }

    #[test]
    fn packages_extensions_and_minified_files() {
        finds(
            &modules(),
            &[
                ("gsap", "gsap/dist/gsap.js"),
                ("gsap@3", "gsap/dist/gsap.js"),
                ("gsap@3/", "gsap/dist/gsap.js"),
                ("gsap/3.14.2/", "gsap/dist/gsap.js"),
                ("@scope/name@1.5", "@scope/name/umd/name.js"),
                ("three@0.169.0", "three/index.js"),
                ("gsap@3/dist/Flip", "gsap/dist/Flip.js"),
                ("plain/3/style", "plain/3/style.css"),
                ("gsap@3/dist/Flip.min.js", "gsap/dist/Flip.js"),
                ("gsap/3.12.2/Flip.min.js", "gsap/dist/Flip.js"),
                ("three@0.169/build/three.module.js", "three/build/three.module.min.js"),
            ],
        );
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let directory = modules();
        for rest in ["", "vue@3", "gsap@3/dist", "gsap@3/dist/none.js", "@scope", "lost", "plain/3"]
        {
            assert_eq!(find_in(&directory, true, rest), None, "{rest}");
        }
    }

    #[test]
    fn nothing_outside_is_found() {
        let directory = modules();
        let modules = directory.path().join("modules");
        symlink(directory.path().join("outside.js"), modules.join("link.js")).unwrap();
        symlink(modules.join("gsap"), modules.join("inner")).unwrap();
        for rest in
            ["../outside.js", "%2e%2e/outside.js", "a/..%2f../outside.js", "gsap/../../outside.js"]
        {
            assert_eq!(find_in(&directory, true, rest), None, "{rest}");
        }
        assert_eq!(find_in(&directory, false, "link.js"), None);
        assert!(find_in(&directory, true, "link.js").is_some());
        assert!(find_in(&directory, false, "inner/dist/gsap.js").is_some());
    }

    #[test]
    fn another_major_version_is_told() {
        let directory = modules();
        let mismatch = |rest: &str| find_in(&directory, false, rest).unwrap().mismatch;
        let told = mismatch("gsap@2.1.3/dist/gsap.js").unwrap();
        assert_eq!(
            told,
            VersionMismatch {
                package: "gsap".into(),
                asked: "2.1.3".into(),
                found: "3.14.2".into()
            }
        );
        assert!(mismatch("gsap/2.1.3/gsap.js").is_some());
        assert!(mismatch("@scope/name@^2").is_some());
        assert!(mismatch("three@0.128.0/build/three.min.js").is_some());
        for rest in ["gsap@3.0.0", "gsap@latest", "gsap", "gsap@^3.99", "three@0", "three@0.169.1"]
        {
            assert_eq!(mismatch(rest), None, "{rest}");
        }
        // A prefix that names the package, and its directory.
        let gsap = directory.path().join("modules/gsap").canonicalize().unwrap();
        let gsap = Directory { path: &gsap, follow: false, own: None };
        let found = find(gsap, "/ajax/libs/gsap/2.0.0/", "gsap.min.js").unwrap();
        assert!(found.file.ends_with("gsap/dist/gsap.min.js"), "{found:?}");
        assert_eq!(found.mismatch.unwrap().asked, "2.0.0");
        assert!(find(gsap, "/npm/gsap@3/", "").unwrap().file.ends_with("dist/gsap.js"));
    }
}
