//! The abilities of this machine, and advice about those that it lacks.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::av;
use crate::browser::{self, BrowserError, ChromeKind, Page, PageOptions, Sandbox, Surface};
use crate::cancel::CancelToken;
use crate::capture::{can_begin_frame, can_display, can_screenshot};
use crate::frame::Size;
use crate::network::can_isolate;
use crate::page::fonts_of;
use crate::sink::hardware;
use crate::sys;

/// Commands timed for the round trip.
const ROUND_TRIPS: usize = 300;

/// Generic families that pages ask for.
const GENERIC: [&str; 4] = ["sans-serif", "serif", "monospace", "system-ui"];

/// Lists the scripts in pairs of `(name, character)` for which no font of the system has the
/// character: it then looks like another that no font has.
const FIND_BOXES: &str = r#"(scripts) => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const draw = (text) => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.font = "40px sans-serif";
    context.fillText(text, 20, 60);
    return canvas.toDataURL();
  };
  const box = draw("\u{10fffd}");
  return scripts.filter(([, character]) => draw(character) === box).map(([name]) => name);
}"#;

/// Scripts that compositions use, each with a character.
const SCRIPTS: [(&str, &str); 9] = [
    ("Latin", "g"),
    ("Cyrillic", "Ж"),
    ("Arabic", "ع"),
    ("Devanagari", "न"),
    ("Thai", "ไ"),
    ("Japanese", "あ"),
    ("Chinese", "语"),
    ("Korean", "한"),
    ("emoji", "🎉"),
];

/// The rating of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All is well.
    Good,
    /// Renders work, but slower or less safely than they could.
    Limited,
    /// No render can work.
    Missing,
}

/// The result of one examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the examined part.
    pub name: &'static str,
    /// The rating of the part.
    pub state: State,
    /// The details.
    pub detail: String,
    /// The advice about it.
    pub advice: Option<String>,
}

/// All findings. Prints as a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkup {
    /// Findings in the order of importance.
    pub findings: Vec<Finding>,
}

impl Checkup {
    /// Whether renders can work here.
    pub fn is_able(&self) -> bool {
        self.findings.iter().all(|f| f.state != State::Missing)
    }

    fn add(&mut self, name: &'static str, state: State, detail: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding { name, state, detail: detail.into(), advice: None });
        self.findings.last_mut().expect("one was just added")
    }
}

impl fmt::Display for Checkup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let mark = match finding.state {
                State::Good => "ok     ",
                State::Limited => "limited",
                State::Missing => "MISSING",
            };
            writeln!(f, "{mark}  {:<14}  {}", finding.name, finding.detail)?;
            if let Some(advice) = &finding.advice {
                writeln!(f, "{:>27}{advice}", "→ ")?;
            }
        }
        Ok(())
    }
}

/// Examines browser, encoders and machine. Starts the browser for a moment.
pub fn examine() -> Checkup {
    let mut checkup = Checkup::default();
    examine_browser(&mut checkup);
    examine_display(&mut checkup);
    let built =
        [env!("PAGEREEL_LIBAVCODEC"), env!("PAGEREEL_LIBAVFORMAT"), env!("PAGEREEL_LIBAVUTIL")];
    for ((name, version), built) in av::versions().into_iter().zip(built) {
        checkup.add(name, State::Good, format!("{version} (built with {built})"));
    }
    if av::has_encoder("libx264") {
        checkup.add("H.264", State::Good, format!("libx264 ({})", av::license()));
    } else {
        checkup.add("H.264", State::Missing, "no libx264 in the linked libavcodec").advice =
            Some("install a libavcodec that was built with it, as Debian's is".into());
    }
    let other = ["libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "prores_ks", "libopus"];
    let (there, absent): (Vec<&str>, Vec<&str>) =
        other.into_iter().partition(|name| av::has_encoder(name));
    let mut told = there.join(", ");
    if !absent.is_empty() {
        told = format!("{told}; not in this libavcodec: {}", absent.join(", "));
    }
    checkup.add("encoders", State::Good, told);
    let hardware = hardware::working().join(", ");
    let told =
        if hardware.is_empty() { "no encoder of a graphics card works here" } else { &hardware };
    checkup.add("hardware", State::Good, told);
    match can_isolate() {
        Ok(()) => checkup.add("isolation", State::Good, "a network of its own for the browser"),
        Err(e) => {
            let finding =
                checkup.add("isolation", State::Limited, format!("no network namespace: {e}"));
            finding.advice = Some(
                "with network.policy the browser's own rules hold; allow user namespaces to this \
                 user, or CAP_SYS_ADMIN to the container"
                    .into(),
            );
            finding
        }
    };
    if let Some(limit) = sys::too_few_open_files() {
        let finding = checkup.add("open files", State::Missing, format!("only {limit} at once"));
        finding.advice = Some("raise the limit: `ulimit -n 1024`".into());
    }
    let cores = sys::cores();
    checkup.add("processors", State::Good, format!("{cores} usable by this process"));
    checkup
}

/// The median time of a command without effect.
fn round_trip(page: &mut Page) -> Result<Duration, BrowserError> {
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        page.evaluate::<u32>("1", Duration::from_secs(5))?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[ROUND_TRIPS / 2])
}

/// Examines whether a window opens on a private display.
fn examine_display(checkup: &mut Checkup) {
    let advice = "install xvfb and chromium: reading a window is the fastest way to take frames";
    let chrome = browser::find_kind(None, ChromeKind::Browser);
    let opened = match (chrome, browser::find_xvfb()) {
        (None, _) => Err("no ordinary Chromium".into()),
        (_, None) => Err("no Xvfb".into()),
        (Some(chrome), Some(_)) => {
            let options = PageOptions {
                chrome,
                sandbox: Sandbox::auto(),
                arguments: Vec::new(),
                size: Size { width: 64, height: 64 },
                scale: 1.0,
                surface: Surface::Display,
                is_transparent: false,
                window: Size { width: 640, height: 400 },
                stage: None,
                route: None,
                launch_timeout: Duration::from_secs(20),
                access: Arc::default(),
                pool: Arc::default(),
            };
            Page::open(&options, &CancelToken::new())
                .and_then(|mut page| can_display(&mut page))
                .map_err(|e| e.to_string())
        }
    };
    match opened {
        Ok(()) => {
            checkup.add("display", State::Good, "works");
        }
        Err(reason) => {
            checkup.add("display", State::Limited, reason).advice = Some(advice.into());
        }
    }
}

/// The fonts behind the generic families, and the scripts that have none.
fn examine_fonts(page: &mut Page, checkup: &mut Checkup) -> Result<(), BrowserError> {
    let timeout = Duration::from_secs(10);
    let mut drawn = Vec::new();
    for family in GENERIC {
        let element = format!(
            "(() => {{ const p = document.createElement('p'); p.textContent = 'Rag'; \
             p.style.fontFamily = '{family}'; document.body.append(p); \
             p.offsetWidth; return p }})()"
        );
        let fonts = fonts_of(page, &element, timeout)?;
        drawn.push(format!("{family}: {}", fonts.first().map_or("none", String::as_str)));
    }
    checkup.add("fonts", State::Good, drawn.join(", "));
    let scripts = serde_json::to_string(&SCRIPTS).expect("text is JSON");
    let lacking: Vec<String> = page.evaluate(&format!("({FIND_BOXES})({scripts})"), timeout)?;
    if lacking.is_empty() {
        let names: Vec<_> = SCRIPTS.iter().map(|&(name, _)| name).collect();
        checkup.add("scripts", State::Good, names.join(", "));
    } else {
        let detail = format!("boxes are drawn for {}", lacking.join(", "));
        checkup.add("scripts", State::Limited, detail).advice = Some(
            "install fonts-noto-core, fonts-noto-cjk and fonts-noto-color-emoji: ./setup.sh does"
                .into(),
        );
    }
    Ok(())
}

fn examine_browser(checkup: &mut Checkup) {
    let chrome = match browser::find(None) {
        Ok(chrome) => chrome,
        Err(e) => {
            checkup.add("Chrome", State::Missing, e.to_string()).advice = e.hint();
            return;
        }
    };
    let sandbox = Sandbox::auto();
    let shell = chrome.kind == ChromeKind::HeadlessShell;
    let path = chrome.path.display().to_string();
    let mut options = PageOptions {
        chrome,
        sandbox,
        arguments: Vec::new(),
        size: Size { width: 64, height: 64 },
        scale: 1.0,
        surface: if shell { Surface::BeginFrame } else { Surface::Headless },
        is_transparent: false,
        window: Size { width: 64, height: 64 },
        stage: None,
        route: None,
        launch_timeout: Duration::from_secs(20),
        access: Arc::default(),
        pool: Arc::default(),
    };
    let mut page = match Page::open(&options, &CancelToken::new()) {
        Ok(page) => page,
        Err(e) => {
            checkup.add("Chrome", State::Missing, e.to_string()).advice = e.hint();
            return;
        }
    };
    checkup.add("Chrome", State::Good, format!("{} ({path})", page.product));
    if let Ok(round_trip) = round_trip(&mut page) {
        let text = format!("{} µs for a trivial evaluate (median)", round_trip.as_micros());
        checkup.add("round trip", State::Good, text);
    }
    if let Err(e) = examine_fonts(&mut page, checkup) {
        checkup.add("fonts", State::Limited, e.to_string());
    }
    match sandbox {
        Sandbox::On => checkup.add("sandbox", State::Good, "on"),
        Sandbox::Off => {
            let finding = checkup.add("sandbox", State::Limited, "off: running as root");
            finding.advice = Some("run as an ordinary user if you do not trust the pages".into());
            finding
        }
    };
    if shell {
        match can_begin_frame(&mut page) {
            Ok(()) => {
                checkup.add("beginFrame", State::Good, "works");
                return;
            }
            Err(e) => checkup.add("beginFrame", State::Limited, e.to_string()),
        };
        drop(page);
        options.surface = Surface::Headless;
        match Page::open(&options, &CancelToken::new()) {
            Ok(other) => page = other,
            Err(e) => {
                checkup.add("Chrome", State::Missing, e.to_string()).advice = e.hint();
                return;
            }
        }
    } else {
        checkup.add("beginFrame", State::Limited, "this browser is not a headless shell").advice =
            Some("install chromium-headless-shell: it draws frames on command".into());
    }
    match can_screenshot(&mut page) {
        Ok(()) => checkup.add("screenshot", State::Good, "works"),
        Err(e) => checkup.add("screenshot", State::Missing, e.to_string()),
    };
}
