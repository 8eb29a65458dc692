//! From a job's options to those of sessions.

use std::sync::Arc;

use super::backends;
use crate::browser::{BrowserPool, PageOptions, Sandbox};
use crate::capture::{OpenPage, SessionOptions, surface_of};
use crate::frame::Size;
use crate::job::{self, CaptureFormat, CaptureMode, Job};
use crate::network::Access;
use crate::page::LoadOptions;
use crate::plan::{Backend, Compression};
use crate::warning::Warning;

/// Gives WebGPU an adapter where there is no graphics card. Only for pages that ask for one: all others
/// keep the browser that Chromium ships.
const WEBGPU: &str = "--enable-unsafe-webgpu";

/// Whether WebGPU was missing from the page's browser, and another browser may provide it.
pub(super) fn add_webgpu(options: &mut SessionOptions, page: &OpenPage) -> bool {
    let described = page.description.warnings.iter().map(|warning| &*warning.code);
    let mut codes = described.chain(page.warnings.iter().map(|warning| &*warning.code));
    let is_missing = codes.any(|code| code == "webgpu_unavailable");
    let adds = is_missing && !options.page.arguments.iter().any(|flag| flag == WEBGPU);
    if adds {
        options.page.arguments.push(WEBGPU.into());
    }
    adds
}

/// The warning about view transitions of a page that is drawn in a window.
const LOST_SNAPSHOTS: &str = "in a window on a busy machine, what a view transition \
    begins with can be empty";

/// Chooses drawing on command for a page that may start view transitions, if the job leaves the
/// choice: a browser that draws by itself can lose their snapshots. Returns whether it does.
pub(super) fn draw_on_command(
    job: &Job,
    options: &mut SessionOptions,
    page: &OpenPage,
    reasons: &mut Vec<String>,
    warnings: &mut Vec<Warning>,
) -> bool {
    if !page.description.view_transitions || options.backend != Backend::Display {
        return false;
    }
    if job.capture.mode == CaptureMode::Auto
        && let Some(candidate) = backends::on_command(job)
    {
        reasons.push(format!("beginFrame: {LOST_SNAPSHOTS}"));
        candidate.apply(options);
        return true;
    }
    let hint = "use capture.mode beginFrame, which needs a headless shell";
    warnings.push(Warning {
        hint: Some(hint.into()),
        ..Warning::new("view_transition_display", LOST_SNAPSHOTS)
    });
    false
}

/// The options with which the sessions of `job` open their pages at first.
pub(super) fn session_options(
    job: &Job,
    candidate: backends::Candidate,
    url: String,
    size: Size,
    access: Arc<Access>,
    pool: &Arc<BrowserPool>,
) -> SessionOptions {
    let timeouts = &job.timeouts;
    let mut options = SessionOptions {
        page: PageOptions {
            chrome: candidate.chrome.clone(),
            sandbox: match job.browser.sandbox {
                job::Sandbox::Auto => Sandbox::auto(),
                job::Sandbox::On => Sandbox::On,
                job::Sandbox::Off => Sandbox::Off,
            },
            arguments: job.browser.args.clone(),
            size,
            scale: job.scale,
            is_transparent: job.alpha,
            surface: surface_of(candidate.backend, candidate.chrome.kind),
            window: size,
            stage: None,
            route: None,
            launch_timeout: timeouts.launch,
            access,
            pool: Arc::clone(pool),
        },
        backend: candidate.backend,
        load: LoadOptions {
            url,
            staging: None,
            seed: job.seed,
            variables: job.variables.clone(),
            media: None,
            fonts: None,
            rehearses: false,
            governed: None,
            length: None,
            navigation_timeout: timeouts.navigation,
            ready_timeout: timeouts.ready,
            player_timeout: timeouts.player,
            timelines_timeout: timeouts.timelines,
            sequential: job.capture.order == job::CaptureOrder::Sequential,
            call_timeout: timeouts.navigation,
            frame_timeout: timeouts.frame,
        },
        compression: match job.capture.format {
            CaptureFormat::Png => Compression::Png,
            CaptureFormat::Jpeg => Compression::Jpeg(job.capture.jpeg_quality),
        },
        frame_timeout: timeouts.frame,
        reuses: job.capture.reuse,
        is_blind: false,
        layers: None,
        transitions: Arc::default(),
    };
    candidate.apply(&mut options);
    options
}
