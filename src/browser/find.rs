//! Chooses the Chrome to use.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::BrowserError;

/// Names looked for on `PATH`, best first.
const NAMES: [&str; 6] = [
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Places outside of `PATH`.
const PLACES: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// Scripts of packages that start a browser, and the programs that they start.
///
/// They look about for 30 to 60 ms and add flags of the machine's (`/etc/chromium.d`), by which
/// frames could differ from machine to machine.
const WRAPPERS: [(&str, &str); 3] = [
    ("/usr/bin/chromium", "/usr/lib/chromium/chromium"),
    ("/usr/bin/chromium-headless-shell", "/usr/lib/chromium/chromium-headless-shell"),
    ("/opt/google/chrome/google-chrome", "/opt/google/chrome/chrome"),
];

/// The abilities of a browser, as far as its kind tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChromeKind {
    /// The old headless mode as a program of its own: frames can be drawn on command.
    HeadlessShell,
    /// The ordinary browser in its headless mode.
    Browser,
}

/// A browser on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Chrome {
    /// The program.
    pub path: PathBuf,
    /// The kind of browser.
    pub kind: ChromeKind,
}

impl Chrome {
    /// Judges a program by its name: both kinds answer `--version` alike.
    fn at(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let shell = name.contains("headless-shell") || name.contains("headless_shell");
        let kind = if shell { ChromeKind::HeadlessShell } else { ChromeKind::Browser };
        Self { path, kind }
    }
}

/// Finds the browser: `wanted`, else `PAGEREEL_CHROME`, else the best one installed.
pub(crate) fn find(wanted: Option<&Path>) -> Result<Chrome, BrowserError> {
    let named = wanted
        .map(Path::to_owned)
        .or_else(|| env::var_os("PAGEREEL_CHROME").filter(|v| !v.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return on_path(&path)
            .map(Chrome::at)
            .ok_or_else(|| BrowserError::NotFound { tried: vec![path.display().to_string()] });
    }
    let names = NAMES.iter().chain(&PLACES);
    names.clone().find_map(|name| installed(name)).map(Chrome::at).ok_or_else(|| {
        BrowserError::NotFound { tried: names.map(|&name| name.to_owned()).collect() }
    })
}

/// The best browser of one kind that is installed: `wanted` or `PAGEREEL_CHROME` if they name one.
pub(crate) fn find_kind(wanted: Option<&Path>, kind: ChromeKind) -> Option<Chrome> {
    let is_named =
        wanted.is_some() || env::var_os("PAGEREEL_CHROME").is_some_and(|v| !v.is_empty());
    if is_named {
        return find(wanted).ok().filter(|chrome| chrome.kind == kind);
    }
    let mut found = NAMES.iter().chain(&PLACES).filter_map(|name| installed(name));
    found.find_map(|path| Some(Chrome::at(path)).filter(|chrome| chrome.kind == kind))
}

/// The browser of this name, without the script of its package.
fn installed(name: &str) -> Option<PathBuf> {
    let path = on_path(Path::new(name))?;
    let real = path.canonicalize().unwrap_or_else(|_| path.clone());
    let wrapped = WRAPPERS.iter().find(|(script, _)| real == Path::new(script));
    let program = wrapped.map(|(_, program)| PathBuf::from(program)).filter(|p| p.is_file());
    // One that was put there by somebody else may be a program.
    let is_script = || fs::File::open(&real).is_ok_and(|file| starts_with(file, *b"#!"));
    Some(program.filter(|_| is_script()).unwrap_or(path))
}

fn starts_with(mut file: fs::File, magic: [u8; 2]) -> bool {
    let mut head = [0; 2];
    file.read_exact(&mut head).is_ok() && head == magic
}

/// The program as a path, looked up in `PATH` if it is a bare name.
pub(super) fn on_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_the_name() {
        let kind = |name: &str| Chrome::at(PathBuf::from(name)).kind;
        assert_eq!(kind("/usr/bin/chromium-headless-shell"), ChromeKind::HeadlessShell);
        assert_eq!(
            kind("/opt/chrome-headless-shell-linux64/chrome-headless-shell"),
            ChromeKind::HeadlessShell
        );
        assert_eq!(kind("/usr/bin/chromium"), ChromeKind::Browser);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = find(Some(Path::new("/nowhere/chrome"))).unwrap_err();
        assert_eq!(error.to_string(), "no Chrome found; looked for /nowhere/chrome");
    }
}
