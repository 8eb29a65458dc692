//! Warnings about a page, collected for the report.

use std::path::Path;

use super::Render;
use crate::capture::{OpenPage, SessionMeter};
use crate::error::{Error, Result};
use crate::job::Container;
use crate::media::Info;
use crate::network::{Access, NetworkOutcome, NetworkRequest};
use crate::page::Media;
use crate::plan::{OutputPlan, Plan};
use crate::serve::{FileFinder, RefusedLink};
use crate::warning::Warning;

/// The page's own codes for addresses that did not load.
const LOAD_FAILURES: [&str; 3] = ["script_failed", "stylesheet_failed", "image_failed"];

/// A hint rather than a warning: nothing is missing.
const ALPHA_UNUSED: &str = "alpha_unused";

/// Codes that say of nothing that it is missing from the film.
const HARMLESS: [&str; 2] = [ALPHA_UNUSED, "resume_discarded"];

/// Codes of warnings about values for variables.
const ABOUT_VARIABLES: [&str; 3] = ["variable_type", "unknown_variable", "invalid_variables"];

impl Render<'_> {
    /// Records a file that was cut off, where its element ends with the rest of it: its reader does
    /// not come to its end then, and cannot report it.
    pub(super) fn warn_about_short_sound(
        &mut self,
        media: &Media,
        file: &Path,
        counted: Option<f64>,
    ) {
        /// The time that headers may count beyond the sound, in seconds.
        const SHORT_SECS: f64 = 0.3;
        /// Both ends are sums of times.
        const SAME_END_SECS: f64 = 0.01;
        let Some(Ok(info)) = media.src.as_deref().map(|src| self.light.library.info(src)) else {
            return;
        };
        let ends = media.from + (media.end.0 - media.origin.0) * media.rate;
        let found = info.duration;
        let Some(said) = counted.filter(|said| found < said - SHORT_SECS) else { return };
        if (ends - found).abs() < SAME_END_SECS {
            let (label, file) = (&media.label, file.display());
            let text = format!(
                "{label}: {file}: its sound ends after {found:.2} s, but its header says {said:.2} s"
            );
            self.warnings.push(Warning::new("sound_damaged", text));
        }
    }

    /// Records the warnings of the page.
    pub(super) fn collect_warnings(&mut self, page: &OpenPage) {
        let described = page.description.warnings.iter().cloned().map(Warning::from);
        let told = page.warnings.iter().cloned().chain(described).collect();
        if page.description.allows_leaving {
            let mut warning = Warning::new(
                "navigation_allowed",
                "the page may go to other documents (data-allow-navigation): in which frame the next \
                 one is first seen can depend on how busy the machine is",
            );
            warning.hint =
                Some("put what follows into the same page where frames must be exact".into());
            self.warnings.push(warning);
        }
        self.missing = page.failed_addresses().map(str::to_owned).collect();
        let told = self.without_listed(told);
        self.warnings.extend(told);
        self.warnings.extend(self.without_links(page.page_warnings()));
        self.warnings.extend(self.request_warnings());
        name_files(&mut self.warnings, &self.access);
        let mut seen = Vec::new();
        self.warnings.retain(|w| {
            !seen.contains(w) && {
                seen.push(w.clone());
                true
            }
        });
    }

    /// Records videos that the page shows up to a place where their pictures are missing.
    pub(super) fn warn_about_cuts(&mut self, page: &OpenPage, length: f64) {
        for media in page.description.media.iter().filter(|media| media.tag == "video") {
            let found = media.src.as_deref().map(|src| self.light.library.info(src));
            let Some(Ok(Info { cut: Some(cut), duration, .. })) = found else { continue };
            let shown = media.from + (media.end.0.min(length) - media.origin.0) * media.rate;
            let last = if media.loops { duration } else { shown };
            if media.start.0 < length && last > cut.from {
                self.warnings.push(Warning::new("video_damaged", cut.text));
            }
        }
    }

    /// Warns about a page whose transparency is not used, or that declares itself transparent and
    /// is not.
    pub(super) fn warn_about_alpha(&mut self, page: &OpenPage, plan: &Plan) {
        let backgrounds = &page.description.backgrounds;
        let holds = |output: &OutputPlan| {
            matches!(output.container, Container::Webm | Container::Mov)
                && !output.video.pixel_format.has_alpha()
        };
        let warning = match (&backgrounds.opaque, plan.outputs.iter().find(|o| holds(o))) {
            (Some(element), _) if self.job.alpha => {
                let text = format!(
                    "`alpha` is true, but the background of {element} hides all that is transparent"
                );
                let hint = "leave the background of html and body out".to_owned();
                Warning { hint: Some(hint), ..Warning::new("alpha_hidden", text) }
            }
            (None, Some(output)) if !self.job.alpha && backgrounds.declared => {
                let path = output.path.display();
                let text =
                    format!("the page says that it is transparent; {path} shows it on white");
                let hint = "`alpha: true`, or --alpha, keeps what is transparent".to_owned();
                Warning { hint: Some(hint), ..Warning::new(ALPHA_UNUSED, text) }
            }
            _ => return,
        };
        self.warnings.push(warning);
    }

    /// Fails if the job does not accept the warnings.
    pub(super) fn refuse_warnings(&self) -> Result<()> {
        let about_variables =
            |w: &&Warning| ABOUT_VARIABLES.contains(&w.code.as_str()) && self.job.strict_variables;
        let refused: Vec<_> = self
            .warnings
            .iter()
            .filter(|w| self.job.strict && !HARMLESS.contains(&&*w.code) || about_variables(w))
            .cloned()
            .collect();
        if refused.is_empty() { Ok(()) } else { Err(Error::Strict(refused)) }
    }

    /// Leaves out the page's own warnings about addresses that are listed with a reason elsewhere.
    fn without_listed(&self, mut warnings: Vec<Warning>) -> Vec<Warning> {
        let ledger = self.access.ledger.requests();
        let missed = ledger.iter().filter(|r| r.outcome != NetworkOutcome::Mapped);
        let told = self.missing.iter().map(String::as_str);
        let links = self.refused_links();
        let links = links.iter().map(|link| link.url.as_str());
        let missed: Vec<_> = missed.map(|r| r.url.as_str()).chain(told).chain(links).collect();
        warnings.retain(|warning| {
            !LOAD_FAILURES.contains(&warning.code.as_str())
                || !missed.iter().any(|url| warning.message.ends_with(url))
        });
        warnings
    }

    /// Records the requests of frames as they were drawn, and warnings about frames; fails if the
    /// job is strict.
    pub(super) fn warn_about_frames(&mut self, meter: &SessionMeter) -> Result<()> {
        let mut late = self.request_warnings();
        late.extend(self.clock.take_warnings());
        let noted = self.without_listed(meter.notes());
        late.extend(self.without_links(noted));
        name_files(&mut late, &self.access);
        late.retain(|warning| !self.warnings.contains(warning));
        self.warnings.extend(late.iter().cloned());
        if self.job.strict && !late.is_empty() { Err(Error::Strict(late)) } else { Ok(()) }
    }

    fn request_warnings(&self) -> Vec<Warning> {
        request_warnings(&self.access, self.files.as_ref())
    }

    fn refused_links(&self) -> Vec<RefusedLink> {
        self.files.as_ref().map(FileFinder::refused_links).unwrap_or_default()
    }

    /// Leaves out warnings that only report that a link was not loaded.
    fn without_links(&self, mut warnings: Vec<Warning>) -> Vec<Warning> {
        let links = self.refused_links();
        warnings.retain(|warning| {
            let is_of = |link: &RefusedLink| warning.message.contains(&format!("{}: ", link.url));
            warning.code != "resource_failed" || !links.iter().any(is_of)
        });
        warnings
    }
}

/// Warnings about requests so far: links that were not followed, and what did not load.
pub(super) fn request_warnings(access: &Access, files: Option<&FileFinder>) -> Vec<Warning> {
    let links = files.map(FileFinder::refused_links).unwrap_or_default();
    let links = links.iter().map(of_link);
    let requests = access.ledger.requests();
    links.chain(requests.iter().filter_map(of_request)).collect()
}

/// Replaces the local paths in libav's messages by the addresses that were loaded there.
fn name_files(warnings: &mut [Warning], access: &Access) {
    for warning in warnings {
        warning.message = access.named(std::mem::take(&mut warning.message));
    }
}

/// The warning about a link that leads out of the composition's directory.
fn of_link(link: &RefusedLink) -> Warning {
    let RefusedLink { file, target, .. } = link;
    let (file, target) = (file.display(), target.display());
    Warning {
        code: "link_refused".into(),
        message: format!(
            "not loaded: {file} is a symbolic link out of the composition's directory, to {target}"
        ),
        hint: Some(
            "set network.followSymlinks to true if it may be followed, or name as `root` the \
             directory that holds both"
                .into(),
        ),
    }
}

/// The warning about a request to another host.
pub(super) fn of_request(request: &NetworkRequest) -> Option<Warning> {
    let NetworkRequest { url, outcome, version, reason, hint, .. } = request;
    let reason = reason.as_deref().unwrap_or("no answer");
    let (code, message) = match (outcome, version) {
        (NetworkOutcome::Mapped, None) => return None,
        (NetworkOutcome::Mapped, Some(version)) => (
            "mapped_version",
            format!(
                "{url} asks for {} {}; the mapped directory has {}",
                version.package, version.asked, version.found
            ),
        ),
        (NetworkOutcome::Blocked, _) => ("request_blocked", format!("not loaded: {url}: {reason}")),
        (NetworkOutcome::LinkRefused, _) => {
            ("link_refused", format!("not loaded: {url}: {reason}"))
        }
        (NetworkOutcome::Failed | NetworkOutcome::NotFound, _) => {
            ("request_failed", format!("not loaded: {url}: {reason}"))
        }
    };
    Some(Warning { code: code.into(), message, hint: hint.clone() })
}
