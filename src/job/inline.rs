//! A page without a file.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use tempfile::TempDir;

use super::Job;
use super::address::Address;

/// Finds the file that the page requests by its path, such as `img/logo.png`; `None` if there is
/// none.
type Resolve = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

/// A page that lies in no file, and what knows the files that it asks for.
///
/// ```no_run
/// use pagereel::job::InlinePage;
/// use pagereel::{Engine, Job};
///
/// let html = r#"<div data-composition-id="hi" data-width="640" data-height="360"
///     data-duration="2"><img src="logo.png"></div>"#;
/// let logo = std::fs::read("logo.png")?;
/// let page = InlinePage::new(html, move |path| (path == "logo.png").then(|| logo.clone()))?;
/// let job = Job { output: Some("out.mp4".into()), ..Job::inline(page) };
/// Engine::new().render(&job)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InlinePage(Arc<Inner>);

struct Inner {
    /// Holds the page, and the files that it has requested. Removed with the last clone.
    directory: TempDir,
    resolve: Box<Resolve>,
}

impl InlinePage {
    /// Creates a page whose files `resolve` finds: it is called with their paths, on threads of the
    /// engine's, and should return soon.
    ///
    /// The files are kept in a private temporary directory, where the engine's decoders read them,
    /// until the page and all jobs with it are dropped.
    pub fn new(
        html: &str,
        resolve: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("pagereel-page-").tempdir()?;
        fs::write(directory.path().join("index.html"), html)?;
        Ok(Self(Arc::new(Inner { directory, resolve: Box::new(resolve) })))
    }

    /// Puts the file of a path into the directory, if it is not there and can be found.
    pub(crate) fn provide(&self, path: &str) -> io::Result<()> {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let place = self.0.directory.path().join(path);
        if !plain || path.is_empty() || place.exists() {
            return Ok(());
        }
        let Some(bytes) = (self.0.resolve)(path) else { return Ok(()) };
        let folder = place.parent().unwrap_or(self.0.directory.path());
        fs::create_dir_all(folder)?;
        // Two threads may ask at the same time, and neither may read half of it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut file, &bytes)?;
        file.persist(place).map(drop).map_err(|e| e.error)
    }
}

impl fmt::Debug for InlinePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InlinePage").field(&self.0.directory.path()).finish()
    }
}

impl PartialEq for InlinePage {
    /// Whether they are clones of one page.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Job {
    /// A job about a page without a file, without an output.
    pub fn inline(page: InlinePage) -> Self {
        let directory = page.0.directory.path().to_owned();
        let mut job = Self::without_output(directory.clone());
        job.composition = Address::Path(directory);
        job.inline = Some(page);
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_kept_and_nothing_lies_outside() {
        let page = InlinePage::new("<p>", |path| (path != "none").then(|| path.into())).unwrap();
        let directory = page.0.directory.path().to_owned();
        for path in ["a/b.txt", "none", "../c.txt", "/d.txt", "index.html", ""] {
            page.provide(path).unwrap();
        }
        assert_eq!(fs::read_to_string(directory.join("a/b.txt")).unwrap(), "a/b.txt");
        assert_eq!(fs::read_to_string(directory.join("index.html")).unwrap(), "<p>");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "a and the page");
        assert!(!directory.with_file_name("c.txt").exists());
        drop(page);
        assert!(!directory.exists());
    }
}
