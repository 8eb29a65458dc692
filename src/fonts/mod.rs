//! Font files for families that a page only names.
//!
//! A page says `font-family: Inter` and contains no file. The job may name one (`fonts`), and
//! `@fontsource` packages in a `node_modules` beside the page are found automatically. The page
//! runtime asks for a family that neither the page nor the system has, and gets rules that declare
//! its faces ([`FontLibrary::rules`]); addresses of Google Fonts are answered with the same rules
//! ([`FontLibrary::google`]).
//!
//! The module knows neither Chrome nor jobs.

mod face;
mod google;
mod names;
mod package;
mod rules;
pub(crate) mod tables;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::face::Face;
pub(crate) use self::google::Sheet;
pub(crate) use self::package::Package;

/// The prefix of a file's place in rules, for pages whose runtime knows our address.
pub(crate) const OWN: &str = "fonts:";

/// The families that one render can provide, and their files.
#[derive(Debug, Default)]
pub(crate) struct FontLibrary {
    /// The families of the job, by their names in lower case.
    named: BTreeMap<String, Family>,
    /// The folders in which packages are searched, the nearest first.
    folders: Vec<PathBuf>,
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct Family {
    /// The name as written.
    name: String,
    faces: Arc<[Face]>,
    /// The package or the file that it comes from.
    source: PathBuf,
}

#[derive(Debug, Default)]
struct State {
    /// Packages that were searched, by the families' names in lower case.
    found: HashMap<String, Option<Family>>,
    /// Files that rules have named, by number.
    files: Vec<PathBuf>,
}

impl FontLibrary {
    /// Creates a library that finds packages in `folders`, the nearest first.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, ..Self::default() }
    }

    /// The directories called `node_modules` beside `folder` and above it.
    pub(crate) fn folders_above(folder: &Path) -> Vec<PathBuf> {
        let folders = folder.ancestors().map(|folder| folder.join("node_modules"));
        folders.filter(|folder| folder.is_dir()).collect()
    }

    /// Provides `faces` under `name`, even if the system has such a family.
    pub(crate) fn name(&mut self, name: &str, faces: Vec<Face>, source: PathBuf) {
        let family = Family { name: name.to_owned(), faces: faces.into(), source };
        self.named.insert(key(name), family);
    }

    /// Provides the family `target` under `name`, too; false if there is no such family.
    pub(crate) fn alias(&mut self, name: &str, target: &str) -> bool {
        let Some(family) = self.family(target) else { return false };
        self.named.insert(key(name), Family { name: name.to_owned(), ..family });
        true
    }

    /// Finds a package by its name.
    pub(crate) fn package(&self, name: &str) -> Option<Package> {
        Package::find(&self.folders, name)
    }

    /// Whether it can provide no family at all.
    pub(crate) fn is_empty(&self) -> bool {
        let has_packages =
            |folder: &PathBuf| names::SCOPES.iter().any(|scope| folder.join(scope).is_dir());
        self.named.is_empty() && !self.folders.iter().any(has_packages)
    }

    /// Rules for all families of the job. Each file's place follows [`OWN`].
    pub(crate) fn named_rules(&self) -> String {
        self.named.values().map(|family| self.write(family, OWN)).collect()
    }

    /// Rules for one family; empty if there is none. Each file's place follows [`OWN`].
    pub(crate) fn rules(&self, name: &str) -> String {
        let family = self.family(name).map(|family| Family { name: name.to_owned(), ..family });
        family.map(|family| self.write(&family, OWN)).unwrap_or_default()
    }

    /// The file at a place in rules: a number, then perhaps its name.
    pub(crate) fn file(&self, place: &str) -> Option<PathBuf> {
        let number: usize = place.split('/').next()?.parse().ok()?;
        self.lock().files.get(number).cloned()
    }

    /// The job's family, or that of a package, or HyperFrames' stand-in for it.
    fn family(&self, name: &str) -> Option<Family> {
        let key = key(name);
        if let Some(family) = self.named.get(&key) {
            return Some(family.clone());
        }
        if let Some(found) = self.lock().found.get(&key) {
            return found.clone();
        }
        let packaged = |name: &str| {
            let package = names::packages(name).find_map(|package| self.package(&package))?;
            let source = package.path().to_owned();
            Some(Family { name: name.to_owned(), faces: package.faces(name).into(), source })
        };
        let found = packaged(&key).or_else(|| packaged(names::stand_in(&key)?));
        let found = found.filter(|family| !family.faces.is_empty());
        self.lock().found.insert(key, found.clone());
        found
    }

    fn write(&self, family: &Family, base: &str) -> String {
        let mut text = String::new();
        for face in &*family.faces {
            let number = self.number(&face.file);
            let file = face.file.file_name().unwrap_or_default().to_string_lossy();
            let file: String = file
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
                .collect();
            write!(
                text,
                "@font-face {{ font-family: {}; font-weight: {}; font-style: {}; font-stretch: {}; \
                 font-display: block; src: url(\"{base}{number}/{file}\")",
                quoted(&family.name),
                face.weight,
                face.style,
                face.stretch.as_deref().unwrap_or("normal"),
            )
            .expect("writing to a string");
            if let Some(range) = &face.range {
                write!(text, "; unicode-range: {range}").expect("writing to a string");
            }
            text.push_str(" }\n");
        }
        text
    }

    fn number(&self, file: &Path) -> usize {
        let mut state = self.lock();
        state.files.iter().position(|known| known == file).unwrap_or_else(|| {
            state.files.push(file.to_owned());
            state.files.len() - 1
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Advice about a family that is missing.
pub(crate) fn hint(family: &str) -> String {
    let name = names::stand_in(&key(family)).unwrap_or(family);
    let is_variable = key(name).ends_with(" variable");
    let packages: Vec<_> = names::packages(name).collect();
    let package = if is_variable { packages.last() } else { packages.first() };
    let install = package.map(|name| format!("npm install {name} beside the page, or "));
    let family = serde_json::Value::from(family);
    let install = install.unwrap_or_default();
    format!("{install}name its files in the job: \"fonts\": {{ {family}: \"file.woff2\" }}")
}

/// The key of a family's name: case does not matter.
fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A name as a string of CSS.
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => write!(text, "\\{:x} ", u32::from(c)).expect("a string"),
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A directory with packages like those of `@fontsource`.
    fn modules() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join("node_modules").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let rule = |file: &str, weight: &str, style: &str| {
            format!(
                "/* a; b {{ */ @font-face {{ font-family: 'Any'; font-style: {style}; \
                 font-display: swap; font-weight: {weight}; src: url(./files/{file}.woff2) \
                 format('woff2'), url(./files/{file}.woff) format('woff'); \
                 unicode-range: U+0000-00FF,U+0131; }}"
            )
        };
        for (name, css, weight, style) in [
            ("@fontsource/inter", "400.css", "400", "normal"),
            ("@fontsource/inter", "700-italic.css", "700", "italic"),
            ("@fontsource/inter", "latin-400.css", "400", "normal"),
            ("@fontsource-variable/fira-code", "index.css", "300 700", "normal"),
        ] {
            let file = css.trim_end_matches(".css");
            write(&format!("{name}/package.json"), "{}");
            write(&format!("{name}/{css}"), &rule(file, weight, style));
            write(&format!("{name}/files/{file}.woff2"), "");
        }
        directory
    }

    fn library(directory: &tempfile::TempDir) -> FontLibrary {
        let page = directory.path().join("deep/page");
        fs::create_dir_all(&page).unwrap();
        FontLibrary::new(FontLibrary::folders_above(&page))
    }

    #[test]
    fn packages_above_the_page_bring_all_their_faces() {
        let directory = modules();
        let library = library(&directory);
        assert!(!library.is_empty());
        let rules = library.rules("Inter");
        assert_eq!(
            rules,
            "@font-face { font-family: \"Inter\"; font-weight: 400; font-style: normal; \
             font-stretch: normal; font-display: block; src: url(\"fonts:0/400.woff2\"); \
             unicode-range: U+0000-00FF,U+0131 }\n\
             @font-face { font-family: \"Inter\"; font-weight: 700; font-style: italic; \
             font-stretch: normal; font-display: block; src: url(\"fonts:1/700-italic.woff2\"); \
             unicode-range: U+0000-00FF,U+0131 }\n"
        );
        let file = library.file("1/700-italic.woff2").unwrap();
        assert!(file.ends_with("@fontsource/inter/files/700-italic.woff2"), "{}", file.display());
        assert_eq!(library.file("2/x"), None);
        assert!(library.rules("Fira Code").contains("font-weight: 300 700"));
        assert!(library.rules("FIRA CODE Variable").contains("\"FIRA CODE Variable\""));
        assert_eq!(library.rules("Roboto"), "");
        assert_eq!(library.rules("../inter"), "");
    }

    #[test]
    fn aliases_bring_a_family_under_another_name() {
        let directory = modules();
        let mut library = library(&directory);
        // HyperFrames' list.
        assert!(
            library
                .rules("Helvetica Neue")
                .starts_with("@font-face { font-family: \"Helvetica Neue\"")
        );
        assert_eq!(library.rules("Georgia"), "");
        assert!(library.alias("Brand", "inter"));
        assert!(!library.alias("Brand", "Lato"));
        assert!(library.named_rules().contains("\"Brand\"; font-weight: 700"));
        assert!(hint("Georgia").starts_with("npm install @fontsource/eb-garamond beside"));
        assert!(hint("Lato Variable").starts_with("npm install @fontsource-variable/lato beside"));
        assert_eq!(hint("Ä"), "name its files in the job: \"fonts\": { \"Ä\": \"file.woff2\" }");
    }

    #[test]
    fn google_addresses_are_answered_from_packages() {
        let directory = modules();
        let library = library(&directory);
        let ask = |url: &str| library.google(&url::Url::parse(url).unwrap());
        let sheet = ask("https://fonts.googleapis.com/css2?family=Inter:wght@400;700&display=swap");
        let css = sheet.unwrap().css;
        assert!(css.contains("url(\"https://fonts.gstatic.com/pagereel/0/400.woff2\")"), "{css}");
        let some = ask("https://fonts.googleapis.com/css?family=Fira+Code:400,700|Lato:400");
        let css = some.unwrap().css;
        let lato = "@import url(\"https://fonts.googleapis.com/css?family=Lato%3A400\");\n";
        assert!(css.starts_with(lato), "{css}");
        assert!(css.contains("\"Fira Code\""));
        assert!(ask("https://fonts.googleapis.com/css2?family=Lato").is_none());
        assert!(ask("https://example.org/css2?family=Inter").is_none());
        assert!(FontLibrary::default().is_empty());
    }
}
