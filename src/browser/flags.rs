//! Chrome's command line, each flag with its reason.

use serde::Serialize;

use super::{ChromeKind, PageOptions};
use crate::frame::Size;

/// Whether Chrome isolates the page from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    /// Chrome's own sandbox.
    On,
    /// No sandbox: Chrome refuses it to root.
    Off,
}

impl Sandbox {
    /// On, unless this process runs as root.
    pub(crate) fn auto() -> Self {
        if rustix::process::geteuid().is_root() { Self::Off } else { Self::On }
    }
}

/// The surface on which a browser draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Surface {
    /// No surface; draws only on command (headless shell only).
    BeginFrame,
    /// No surface; draws by itself.
    Headless,
    /// A window on a private display (ordinary browser only).
    Display,
}

/// Flags for every browser and every backend.
const ALWAYS: &[&str] = &[
    "--remote-debugging-pipe",
    // No questions, no restoring and no reports: no person uses this browser.
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-component-extensions-with-background-pages",
    "--disable-popup-blocking",
    // A second window would cover the page.
    "--block-new-web-contents",
    "--disable-breakpad",
    "--disable-search-engine-choice-screen",
    "--password-store=basic",
    "--use-mock-keychain",
    // No traffic of its own.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-pings",
    // The omnibox's popups are pages of their own: loaded at each start, for a second of processor
    // time.
    "--disable-features=Translate,BackForwardCache,AcceptCHFrame,MediaRouter,OptimizationHints,\
     PaintHolding,IntensiveWakeUpThrottling,WebUIOmniboxPopup,WebUIOmniboxAimPopup,\
     ParkableImagesToDisk",
    // The page runtime drops many large pictures, which Chrome would keep until it likes.
    "--js-flags=--expose-gc-as=__pagereelCollect",
    // Drawing elements into canvases is an experiment of Chrome's. HyperFrames' library of
    // transitions uses it, and so do pages that are written for it.
    "--enable-blink-features=CanvasDrawElement",
    // Full speed even though no window is looked at.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    // The same picture on every machine.
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    // Whole tiles, so that a pixel does not depend on changes around it.
    "--disable-partial-raster",
    // Equal tiles in all layers, small ones too: a shadow, or a layer at a scale that is not whole,
    // depends by a level on the tile it lies in. Of this size, because Chrome's own 256 cost more
    // per tile, and larger ones draw too much anew around moving parts (docs/speed.md).
    "--default-tile-width=512",
    "--default-tile-height=512",
    "--max-untiled-layer-width=512",
    "--max-untiled-layer-height=512",
    "--disable-checker-imaging",
    "--disable-image-animation-resync",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-new-content-rendering-timeout",
    "--enable-surface-synchronization",
    // Software drawing: the CPU compositor leaves no ghosts of moved layers, and SwiftShader keeps
    // WebGL alive.
    "--disable-gpu-compositing",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
];

/// Flags for a window on a private display.
const IN_A_WINDOW: [&str; 8] = [
    "--ozone-platform=x11",
    // Nothing but the page.
    "--kiosk",
    "--window-position=0,0",
    "--test-type",
    "--disable-infobars",
    // Frames are presented as soon as they are drawn. (Here `--run-all-compositor-stages-before-draw`
    // would ask for frames without end, which costs one and a half processors at rest.)
    "--disable-frame-rate-limit",
    "--disable-gpu-vsync",
    "--disable-gpu-memory-buffer-compositor-resources",
];

/// The arguments for one browser.
pub(super) fn arguments(options: &PageOptions) -> Vec<String> {
    let &PageOptions { ref chrome, surface, scale, .. } = options;
    let mut flags: Vec<String> = ALWAYS.iter().map(|&flag| flag.to_owned()).collect();
    match (surface, chrome.kind) {
        (Surface::Display, _) => flags.extend(IN_A_WINDOW.map(str::to_owned)),
        (_, ChromeKind::HeadlessShell) => flags.push("--headless".into()),
        (_, ChromeKind::Browser) => flags.push("--headless=new".into()),
    }
    let size = if surface == Surface::Display {
        let Size { width, height } = options.window.scaled(1.0 / scale);
        // The size is rounded, and a kiosk's window comes out one row short.
        Size { width: width + 1, height: height + 2 }
    } else {
        options.size
    };
    flags.push(format!("--window-size={},{}", size.width, size.height));
    flags.push(format!("--force-device-scale-factor={scale}"));
    if surface == Surface::BeginFrame {
        flags.push("--enable-begin-frame-control".into());
        flags.push("--run-all-compositor-stages-before-draw".into());
    }
    if options.sandbox == Sandbox::Off {
        flags.extend(["--no-sandbox".into(), "--disable-setuid-sandbox".into()]);
    }
    // A container's /dev/shm is often 64 MB, too small for a 4K page.
    if rustix::fs::statvfs("/dev/shm").is_ok_and(|s| s.f_bavail * s.f_frsize < 512 << 20) {
        flags.push("--disable-dev-shm-usage".into());
    }
    flags.extend(options.access.flags());
    flags.extend_from_slice(&options.arguments);
    flags
}
