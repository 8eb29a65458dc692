//! One face of a family: a font file and its descriptors.

use std::path::{Path, PathBuf};

use super::tables::Traits;

/// The endings of font files' names, the best first.
const EXTENSIONS: [&str; 4] = ["woff2", "otf", "ttf", "woff"];

/// The depth below a directory to which files are searched, and the most that are read.
const MAX_DEPTH: usize = 3;
const MAX_FILES: usize = 2000;

/// A font file, with the descriptors of the rule that declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    pub file: PathBuf,
    /// A weight, or the first and the last.
    pub weight: String,
    /// `normal`, `italic` or `oblique` with its angles.
    pub style: String,
    /// Percent, or the first and the last.
    pub stretch: Option<String>,
    /// The characters that it covers; `None` for all.
    pub range: Option<String>,
}

impl Face {
    /// The face in a file, by its own tables; `None` if it is no font.
    pub(crate) fn of_file(file: &Path) -> Option<Self> {
        let Traits { weight, style, stretch } = Traits::read(file)?;
        Some(Self { file: file.to_owned(), weight, style, stretch, range: None })
    }

    /// All faces in a directory, in the order of their files' names.
    ///
    /// Of files that differ only in their extension, the best one counts.
    pub(crate) fn of_directory(directory: &Path) -> Vec<Self> {
        let mut files = Vec::new();
        collect(directory, MAX_DEPTH, &mut files);
        files.sort();
        let rank = |file: &Path| {
            let extension = file.extension()?.to_str()?.to_ascii_lowercase();
            EXTENSIONS.iter().position(|known| *known == extension)
        };
        let is_best = |file: &&PathBuf| {
            let twin = |other: &&PathBuf| other.with_extension("") == file.with_extension("");
            files.iter().filter(twin).all(|other| rank(file) <= rank(other))
        };
        files.iter().filter(is_best).filter_map(|file| Self::of_file(file)).collect()
    }

    /// Whether the name of `path` is that of a font file.
    pub(crate) fn is_file_name(path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
    }
}

fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if files.len() >= MAX_FILES {
            return;
        }
        if path.is_dir() {
            if depth > 1 {
                collect(&path, depth - 1, files);
            }
        } else if Face::is_file_name(&path) {
            files.push(path);
        }
    }
}
