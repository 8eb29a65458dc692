//! A home of the browser's own, so that it leaves nothing in the user's.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The path, below a home, of certificates that the user trusts besides the system's.
const CERTIFICATES: &str = ".pki/nssdb";

/// Paths, below a home, of the user's fonts.
const FONTS: [&str; 2] = [".fonts", ".local/share/fonts"];

/// Gives the browser a directory in its profile as its home.
///
/// Settings, caches, crash reports and downloads end there. Pages look the same: the user's fonts
/// are seen, and certificates are trusted, as before.
pub(super) fn give(command: &mut Command, profile: &Path) -> io::Result<()> {
    let home = profile.join("home");
    fs::create_dir(&home)?;
    if let Some(old) = std::env::var_os("HOME").filter(|old| !old.is_empty()) {
        furnish(&home, Path::new(&old));
    }
    for (name, part) in [
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_RUNTIME_DIR", ".run"),
        ("XDG_DOWNLOAD_DIR", "Downloads"),
    ] {
        command.env(name, home.join(part));
    }
    // Fonts may lie there. Chrome writes nothing to it.
    let data = std::env::var_os("XDG_DATA_HOME").filter(|place| !place.is_empty());
    command.env("XDG_DATA_HOME", data.unwrap_or_else(|| home.join(".local/share").into()));
    command.env("HOME", home);
    Ok(())
}

/// Puts those parts of the `old` home into `home` that matter for pictures. Skips missing parts.
fn furnish(home: &Path, old: &Path) {
    for part in FONTS {
        let (from, to) = (old.join(part), home.join(part));
        if from.is_dir() && make_parent(&to).is_ok() {
            std::os::unix::fs::symlink(&from, &to).ok();
        }
    }
    // A copy, because Chrome writes to it.
    let (from, to) = (old.join(CERTIFICATES), home.join(CERTIFICATES));
    let Ok(entries) = fs::read_dir(from) else { return };
    if fs::create_dir_all(&to).is_ok() {
        for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name())).ok();
        }
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn fonts_and_certificates_come_along() {
        let (home, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |path: PathBuf| {
            make_parent(&path).unwrap();
            fs::write(path, "x").unwrap();
        };
        write(old.path().join(".local/share/fonts/a.ttf"));
        write(old.path().join(".pki/nssdb/cert9.db"));
        write(old.path().join(".ssh/id"));
        furnish(home.path(), old.path());
        assert!(home.path().join(".local/share/fonts/a.ttf").exists());
        assert!(home.path().join(".pki/nssdb/cert9.db").exists());
        assert!(!home.path().join(".ssh").exists() && !home.path().join(".fonts").exists());
    }
}
