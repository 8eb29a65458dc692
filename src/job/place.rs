//! The meaning of an output's name: a file, or something to write into.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// The meaning of an output's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file or a directory, which gets its name when it is complete.
    #[default]
    File,
    /// An open descriptor of this process, such as 1, standard output.
    Descriptor(u32),
    /// A pipe or a device, which is written from the beginning to the end.
    Stream,
    /// Nothing: the output is only measured.
    Nowhere,
}

impl Place {
    /// Whether written bytes cannot be changed, or read again.
    pub const fn is_streamed(self) -> bool {
        !matches!(self, Self::File)
    }

    /// The meaning of `path`, from its name and the file there; an error names the obstacle.
    ///
    /// Symbolic links are followed.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        if let Some(number) = descriptor(path) {
            check_descriptor(number)?;
            return Ok(Self::Descriptor(number));
        }
        let Ok(kind) = fs::metadata(path).map(|found| found.file_type()) else {
            return Ok(Self::File);
        };
        if kind.is_socket() {
            return Err("a socket".into());
        }
        Ok(if kind.is_file() || kind.is_dir() { Self::File } else { Self::Stream })
    }
}

/// The number of an open descriptor that goes by this name.
fn descriptor(path: &Path) -> Option<u32> {
    match path.to_str()? {
        "-" | "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        text => {
            let rest = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|p| text.strip_prefix(p))?;
            rest.bytes().all(|b| b.is_ascii_digit()).then(|| rest.parse().ok())?
        }
    }
}

/// Fails if there is no such descriptor, if it is not the caller's, or only open for reading.
fn check_descriptor(number: u32) -> Result<(), String> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    const ACCESS: u32 = 0o3;
    if number == 1 || !Path::new("/proc/self/fdinfo").exists() {
        return Ok(());
    }
    let place = PathBuf::from(format!("/proc/self/fdinfo/{number}"));
    let text = fs::read_to_string(place).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    match flags {
        // Descriptors that this program has opened for itself are closed in its children.
        Some(flags) if flags & CLOSE_ON_EXEC == 0 && flags & ACCESS != 0 => Ok(()),
        Some(flags) if flags & CLOSE_ON_EXEC == 0 => {
            Err(format!("descriptor {number}, which is open for reading only"))
        }
        _ => Err(format!("descriptor {number}, which is not open")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_descriptors_are_known() {
        let numbers = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/7", "/dev/fd/x", "out.mp4"]
            .map(|name| descriptor(Path::new(name)));
        assert_eq!(numbers, [Some(1), Some(1), Some(1), Some(7), None, None]);
        assert!(Place::of(Path::new("/dev/fd/987")).unwrap_err().contains("not open"));
    }

    #[test]
    fn devices_are_streams_and_files_are_not() {
        assert_eq!(Place::of(Path::new("/dev/null")), Ok(Place::Stream));
        assert_eq!(Place::of(Path::new("/tmp")), Ok(Place::File));
        assert_eq!(Place::of(Path::new("/nowhere/out.mp4")), Ok(Place::File));
        assert_eq!(Place::of(Path::new("-")), Ok(Place::Descriptor(1)));
    }
}
