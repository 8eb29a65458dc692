//! Job files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tree::{self, closest, excerpt};
use super::{Destination, Job, JobError, aliases};

impl Job {
    /// Reads a job file; resolves its relative paths against its directory.
    ///
    /// Names, types and spellings are checked here, ranges by [`Job::validate`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, JobError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => JobError::Missing { what: "the job file", path: path.into() },
            _ => JobError::Read { path: path.into(), error },
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::from_str(&text, base)
            .map_err(|error| JobError::InFile { file: path.into(), error: Box::new(error) })
    }

    /// Reads a job from JSON text; resolves relative paths against `base`.
    pub fn from_str(text: &str, base: impl AsRef<Path>) -> Result<Self, JobError> {
        // Editors on Windows begin files with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut tree: Value = serde_json::from_str(text).map_err(|error| syntax(&error))?;
        let Value::Object(fields) = &mut tree else {
            return Err(JobError::NotAnObject { found: excerpt(&tree) });
        };
        fields.remove("$schema");
        let moved = aliases::apply(fields)?;
        let job: Self = tree::typed(&tree).map_err(|error| as_written(error, &moved))?;
        Ok(job.relative_to(base.as_ref()))
    }

    /// The job with relative paths resolved against `base`.
    pub(crate) fn relative_to(mut self, base: &Path) -> Self {
        let resolve = |path: &mut Option<PathBuf>| {
            if let Some(path) = path {
                *path = base.join(&*path);
            }
        };
        resolve(&mut self.root);
        let stdout = Path::new(Destination::STDOUT);
        if self.output.as_deref() != Some(stdout) {
            resolve(&mut self.output);
        }
        for output in self.outputs.iter_mut().filter(|output| output.output != stdout) {
            output.output = base.join(&output.output);
        }
        for subtitle in &mut self.subtitles {
            if let Some(file) = &mut subtitle.file {
                *file = base.join(&*file);
            }
        }
        resolve(&mut self.browser.path);
        for target in self.network.map.values_mut() {
            *target = base.join(&*target);
        }
        self.fonts.relative_to(base);
        self.composition = self.composition.relative_to(base);
        self
    }
}

pub(super) fn syntax(error: &serde_json::Error) -> JobError {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    JobError::Syntax { line: error.line(), column: error.column(), message }
}

/// The same error, in terms of the names in the file.
pub(super) fn as_written(error: JobError, moved: &aliases::Moved) -> JobError {
    let name = |path: String| moved.written(&path).to_owned();
    match error {
        JobError::BadValue { path, found, expected } => {
            JobError::BadValue { path: name(path), found, expected }
        }
        JobError::Absent { path } => JobError::Absent { path: name(path) },
        JobError::UnknownField { path, suggestion: None, allowed } if !path.contains('.') => {
            JobError::UnknownField { suggestion: elsewhere(&path), path, allowed }
        }
        other => other,
    }
}

/// The proper place of a field that was written at the top of the job, such as `video.preset`.
fn elsewhere(name: &str) -> Option<String> {
    let aliases: Vec<_> = aliases::names().collect();
    let job = serde_json::to_value(Job::without_output(Path::new(""))).ok()?;
    let nested = job
        .as_object()?
        .iter()
        .find_map(|(owner, fields)| fields.get(name).is_some().then(|| format!("{owner}.{name}")));
    nested.or_else(|| closest(name, &aliases))
}
