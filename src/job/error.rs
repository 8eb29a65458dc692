//! Errors in a job.

use std::io;
use std::path::PathBuf;

use crate::time::FrameRate;

/// The reason for which a job is refused.
///
/// Field paths are dotted, such as `video.crf`, and name the field as the user wrote it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A file that the job needs is not there.
    #[error("{what} does not exist: {}", .path.display())]
    Missing {
        /// The file's part in the job, such as "the composition".
        what: &'static str,
        /// The path where it was expected.
        path: PathBuf,
    },

    /// A file exists but cannot be read.
    #[error("cannot read ({error}): {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },

    /// The text is not JSON.
    #[error("not JSON: line {line}, column {column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The parser's expectation.
        message: String,
    },

    /// The JSON is not an object.
    #[error("a job must be a JSON object, found {found}")]
    NotAnObject {
        /// The JSON, cut to a line.
        found: String,
    },

    /// The job names a field that does not exist.
    #[error("field `{path}` is unknown{}", did_you_mean(.suggestion.as_deref()))]
    UnknownField {
        /// The field.
        path: String,
        /// An allowed field with a similar name.
        suggestion: Option<String>,
        /// All fields that may stand in its place.
        allowed: &'static [&'static str],
    },

    /// A request to a service sets a field that only the service may set.
    #[error("field `{path}` cannot be set from outside")]
    Forbidden {
        /// The field.
        path: String,
    },

    /// A required field is not given.
    #[error("field `{path}` is missing")]
    Absent {
        /// The field.
        path: String,
    },

    /// Two fields exclude each other.
    #[error("fields `{first}` and `{second}` exclude each other")]
    Conflict {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },

    /// A value of the wrong type, out of range, or not one of the words.
    #[error("field `{path}` must be {expected}, found {found}")]
    BadValue {
        /// The field.
        path: String,
        /// The value as JSON, cut to a line.
        found: String,
        /// The valid values; completes "must be".
        expected: String,
    },

    /// The content of a file that the job names cannot be used.
    #[error("{}: {message} (`{field}`)", .path.display())]
    BadFile {
        /// The field that names it.
        field: String,
        /// The file.
        path: PathBuf,
        /// The fault in it, with the line.
        message: String,
    },

    /// The error of a job file.
    #[error("{}: {error}", .file.display())]
    InFile {
        /// The job file.
        file: PathBuf,
        /// The fault in it.
        error: Box<Self>,
    },
}

impl JobError {
    /// Advice to the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InFile { error, .. } => error.hint(),
            Self::UnknownField { path, allowed, .. } => {
                let owner = match path.rsplit_once('.') {
                    Some((owner, _)) => format!("`{owner}`"),
                    None => "a job".into(),
                };
                Some(format!("the fields of {owner} are {}", allowed.join(", ")))
            }
            Self::Absent { path } if path == "output" => {
                Some("name the file to write with `output` or with -o, such as -o out.mp4".into())
            }
            Self::Absent { path } if path == "composition" => {
                Some("name the page with `composition`, such as \"index.html\"".into())
            }
            Self::Conflict { .. } => Some("keep one of them".into()),
            Self::BadValue { path, found, .. }
                if path.starts_with("network.map[") && found.contains("node_modules") =>
            {
                Some("install the packages first: npm install".into())
            }
            Self::BadValue { path, found, .. }
                if path.starts_with("fonts[") && found.contains('@') =>
            {
                let package = found.trim_matches('"');
                Some(format!("install the package beside the page: npm install {package}"))
            }
            Self::BadValue { path, found, .. } if path == "fps" => {
                let exact =
                    found.trim_matches('"').parse().ok().and_then(FrameRate::from_decimal)?;
                Some(format!("decimals are not exact; write {exact}"))
            }
            _ => None,
        }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
