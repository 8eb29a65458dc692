//! Fonts in npm packages.

use std::path::{Path, PathBuf};

use super::Face;
use super::rules::{self, Rule};

/// A package that is installed.
#[derive(Debug)]
pub(crate) struct Package(PathBuf);

impl Package {
    /// Searches for a package, such as `@fontsource/inter`, in the nearest folder that has it.
    pub(super) fn find(folders: &[PathBuf], name: &str) -> Option<Self> {
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.');
        if !name.split('/').all(is_part) || name.contains('\\') {
            return None;
        }
        let mut places = folders.iter().map(|folder| folder.join(name));
        places.find(|place| place.join("package.json").is_file()).map(Self)
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Its faces for `family`: those of its style sheets, or else all its font files.
    pub(crate) fn faces(&self, family: &str) -> Vec<Face> {
        let mut rules: Vec<Rule> = Vec::new();
        for sheet in self.sheets() {
            rules.extend(rules::read(&sheet, &self.0));
        }
        // A package may have several families. Its own name for the requested one may differ.
        let is = |rule: &Rule, name: &str| rule.family.eq_ignore_ascii_case(name);
        let asked = rules.iter().any(|rule| is(rule, family));
        let first = rules.first().map(|rule| rule.family.clone());
        let wanted = if asked { family.to_owned() } else { first.unwrap_or_default() };
        let mut faces: Vec<Face> = Vec::new();
        for rule in rules.into_iter().filter(|rule| is(rule, &wanted)) {
            if !faces.contains(&rule.face) {
                faces.push(rule.face);
            }
        }
        if faces.is_empty() { Face::of_directory(&self.0) } else { faces }
    }

    /// The sheets that declare all its faces, each once.
    fn sheets(&self) -> Vec<PathBuf> {
        // One for each weight and style, as `@fontsource` has them: `400.css`, `400-italic.css`.
        let is_weight = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let weight = name.strip_suffix(".css").unwrap_or_default();
            let weight = weight.strip_suffix("-italic").unwrap_or(weight);
            !weight.is_empty() && weight.bytes().all(|b| b.is_ascii_digit())
        };
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut sheets: Vec<_> = entries.map(|entry| entry.path()).filter(is_weight).collect();
        sheets.sort();
        if !sheets.is_empty() {
            return sheets;
        }
        // Variable fonts: one for each slope.
        let named = |name: &str| Some(self.0.join(name)).filter(|sheet| sheet.is_file());
        let upright = named("wght.css").or_else(|| named("index.css")).or_else(|| self.main());
        upright.into_iter().chain(named("wght-italic.css")).collect()
    }

    /// The sheet that `package.json` names.
    fn main(&self) -> Option<PathBuf> {
        let text = std::fs::read_to_string(self.0.join("package.json")).ok()?;
        let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
        let named = |field: &str| manifest.get(field)?.as_str().map(|name| self.0.join(name));
        let sheet = [named("style"), named("main")].into_iter().flatten();
        sheet
            .into_iter()
            .find(|path| path.extension().is_some_and(|e| e == "css") && path.is_file())
    }
}
