//! Retries after a browser dies before the first frame, as after later deaths.

use std::time::Duration;

use super::Render;
use super::backends::{self, Candidate};
use super::layered::Light;
use crate::browser::BrowserError;
use crate::error::{Error, Result};

/// The number of attempts with a backend whose browser dies.
const ATTEMPTS: usize = 3;

/// The same for a browser that always ends by itself in the same way: it lacks something.
const ATTEMPTS_ALIKE: usize = 2;

/// The pause before another attempt, times the number of failed ones.
const PAUSE: Duration = Duration::from_millis(200);

/// The backend that is used because no page opens in those before, and the reason.
#[derive(Debug)]
pub(super) struct Detour {
    pub candidate: Candidate,
    pub reasons: Vec<String>,
}

impl Render<'_> {
    /// Does the steps before the first frame: again if the browser dies, then with the next
    /// backend.
    ///
    /// The error of the last backend tells whether the browser lacks something or was killed.
    pub(super) fn surely<T>(&mut self, step: &mut dyn FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let (warnings, missing) = (self.warnings.len(), self.missing.len());
        let mut deaths = Vec::new();
        loop {
            let error = match step(self) {
                Err(e) if e.is_death() && !self.cancel.is_cancelled() => e,
                result => return result,
            };
            tracing::warn!(%error, "lost before the first frame, starting anew");
            deaths.push(error);
            let attempts = if are_alike(&deaths) { ATTEMPTS_ALIKE } else { ATTEMPTS };
            if deaths.len() >= attempts {
                let Some(error) = most_telling(std::mem::take(&mut deaths)) else { continue };
                if !self.go_on(&error) {
                    return Err(error);
                }
            }
            self.warnings.truncate(warnings);
            self.missing.truncate(missing);
            self.light = Light::default();
            self.files = None;
            self.access.end();
            let pause = PAUSE * u32::try_from(deaths.len()).unwrap_or(1);
            if !self.cancel.pause(pause) {
                return Err(Error::Cancelled);
            }
        }
    }

    /// Changes to the next backend, if there is one.
    fn go_on(&mut self, error: &Error) -> bool {
        let Some(failed) = self.tried else { return false };
        let (Error::NoBrowser(source)
        | Error::Browser { source, .. }
        | Error::Capture { source, .. }) = error
        else {
            return false;
        };
        let mut reasons = self.detour.take().map(|detour| detour.reasons).unwrap_or_default();
        let next = backends::after(self.job, failed, source, &mut reasons);
        self.detour = next.map(|candidate| Detour { candidate, reasons });
        self.detour.is_some()
    }
}

/// Whether the browser has always ended by itself, in the same way.
fn are_alike(deaths: &[Error]) -> bool {
    let status = |error: &Error| match error {
        Error::NoBrowser(e @ BrowserError::EndedAtOnce { status, .. }) if !e.is_transient() => {
            Some(*status)
        }
        _ => None,
    };
    let mut all = deaths.iter().map(status);
    let first = all.next().flatten();
    first.is_some() && all.all(|status| status == first)
}

/// The death that tells most, of those with one backend: a passing cause is no lack.
fn most_telling(mut deaths: Vec<Error>) -> Option<Error> {
    let is_lack = are_alike(&deaths);
    let passing = deaths.iter().rposition(Error::is_transient);
    let error = passing.map(|at| deaths.swap_remove(at)).or_else(|| deaths.pop())?;
    Some(match error {
        // Each time in a different way.
        Error::NoBrowser(BrowserError::EndedAtOnce { output, .. })
            if !is_lack && passing.is_none() =>
        {
            Error::NoBrowser(BrowserError::Died { doing: "it started".into(), output })
        }
        error => error,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    /// A start that ended with this wait status.
    fn ended(raw: i32) -> Error {
        let status = Some(ExitStatus::from_raw(raw));
        let (path, output) = ("chrome".into(), Vec::new());
        Error::NoBrowser(BrowserError::EndedAtOnce { path, status, output })
    }

    #[test]
    fn a_browser_that_always_ends_alike_lacks_something() {
        let code = |statuses: &[i32]| {
            let deaths: Vec<_> = statuses.iter().map(|&raw| ended(raw)).collect();
            (are_alike(&deaths), most_telling(deaths).unwrap().exit_code())
        };
        // Exit status 127, twice; a trap, twice.
        assert_eq!(code(&[127 << 8, 127 << 8]), (true, 3));
        assert_eq!(code(&[5, 5]), (true, 3));
        // Killed; killed once.
        assert_eq!(code(&[9, 9, 9]), (false, 75));
        assert_eq!(code(&[127 << 8, 9, 127 << 8]), (false, 75));
        // Never twice the same.
        assert_eq!(code(&[127 << 8, 5, 1 << 8]), (false, 75));
    }
}
