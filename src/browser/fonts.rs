//! Pins the fonts behind generic families, through a fontconfig file for the browser.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// Our rules; the system's come after them.
const RULES: &str = include_str!("fonts.conf");

/// The system's rules, where the user has not named others.
const SYSTEM: &str = "/etc/fonts/fonts.conf";

/// Makes the browser choose fonts by our rules, for every user and language.
pub(super) fn pin(command: &mut Command, profile: &Path) -> io::Result<()> {
    let system = std::env::var_os("FONTCONFIG_FILE").filter(|file| !file.is_empty());
    let system = system.as_deref().unwrap_or(OsStr::new(SYSTEM)).to_string_lossy();
    let system = system.replace('&', "&amp;").replace('<', "&lt;");
    let file = profile.join("fonts.conf");
    fs::write(&file, RULES.replace("@SYSTEM@", &system))?;
    command
        .env("FONTCONFIG_FILE", file)
        // The user's own rules lie there.
        .env("XDG_CONFIG_HOME", profile.join("config"))
        // The language decides which fonts are asked first for a character.
        .env("LC_ALL", "C.UTF-8")
        .env_remove("LANGUAGE");
    Ok(())
}
