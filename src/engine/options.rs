//! What a job says about sessions.

use std::sync::Arc;

use super::ways;
use crate::browser::{BrowserPool, PageOptions, Sandbox};
use crate::capture::{OpenPage, SessionOptions};
use crate::frame::Size;
use crate::job::{self, CaptureFormat, Job};
use crate::network::Access;
use crate::page::LoadOptions;
use crate::plan::Compression;

/// Gives WebGPU an adapter where there is no graphics card. Only for pages that ask for one: all others
/// keep the browser that Chromium ships.
const WEBGPU: &str = "--enable-unsafe-webgpu";

/// Whether the page has asked for WebGPU in vain, and may get it in another browser.
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

/// How the sessions of `job` open their pages, to begin with.
pub(super) fn session_options(
    job: &Job,
    candidate: ways::Candidate,
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
            surface: candidate.surface,
            canvas: candidate.canvas,
            window: size,
            stage: None,
            route: None,
            launch_timeout: timeouts.launch,
            access,
            pool: Arc::clone(pool),
        },
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
