//! Idle browsers, kept for the next render.
//!
//! Starting one takes half a second of processor time. One with the same launch options can be
//! taken over: its page leaves nothing behind (`Page::leave`), and the next one opens a session of
//! its own.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::flags::{Surface, arguments};
use super::process::{ChromeProcess, Usage, group_usage};
use super::screen::Screen;
use super::watch::{Health, MemoryWatch, Watch};
use super::{BrowserError, PageOptions};
use crate::cancel::CancelToken;
use crate::frame::Size;
use crate::network::SharedNamespace;

/// The options with which a browser is started. Browsers with equal ones are interchangeable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launch {
    path: PathBuf,
    surface: Surface,
    flags: Vec<String>,
    /// The size of its private display.
    screen: Option<Size>,
    /// The network namespace that it runs in, if not the machine's.
    network: Option<SharedNamespace>,
}

impl Launch {
    pub(super) fn of(options: &PageOptions) -> Self {
        Self {
            path: options.chrome.path.clone(),
            surface: options.surface,
            flags: arguments(options),
            screen: (options.surface == Surface::Display).then_some(options.window),
            network: options.access.wall.namespace().cloned(),
        }
    }

    pub(super) const fn surface(&self) -> Surface {
        self.surface
    }
}

/// A running browser. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Browser {
    // Dropped first: the closing pipe tells Chrome to end, then it is killed.
    pub connection: Connection,
    pub process: ChromeProcess,
    pub screen: Option<Screen>,
    pub watch: Watch,
    pub memory: MemoryWatch,
    pub launch: Launch,
    /// The resource use before its present page.
    used: Usage,
}

impl Browser {
    pub(super) fn start(launch: Launch, cancel: &CancelToken) -> Result<Self, BrowserError> {
        let Launch { path, flags, screen, network, .. } = &launch;
        let (mut process, ends) = ChromeProcess::start(path, flags, *screen, network.as_ref())?;
        let connection = Connection::new(ends.commands, ends.answers, cancel.clone());
        let connection = connection
            .map_err(|source| BrowserError::CannotStart { path: path.clone(), source })?;
        let screen = match (process.display(), screen) {
            (Some(display), &Some(size)) => Some(Screen::connect(display, size, cancel.clone())?),
            _ => None,
        };
        let watch = Watch::new(process.group().as_raw_nonzero().get());
        let memory = MemoryWatch::begin();
        Ok(Self { connection, process, screen, watch, memory, launch, used: Usage::default() })
    }

    /// The group of the browser and its children.
    pub(super) fn group(&self) -> i32 {
        self.process.group().as_raw_nonzero().get()
    }

    /// Present resource use of the browser and its children; processor time since its page was
    /// opened.
    pub(super) fn usage(&self) -> Usage {
        let usage = group_usage(self.group());
        Usage { cpu_ms: usage.cpu_ms.saturating_sub(self.used.cpu_ms), ..usage }
    }

    fn set_cancel(&mut self, cancel: &CancelToken) {
        self.connection.set_cancel(cancel.clone());
        if let Some(screen) = &mut self.screen {
            screen.set_cancel(cancel.clone());
        }
    }
}

/// Keeps idle browsers for a while. By default, not at all.
#[derive(Debug, Default)]
pub(crate) struct BrowserPool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Idle>,
    /// The time for which each is kept; zero: not at all.
    patience: Duration,
    /// Whether a thread ends those kept too long.
    is_watched: bool,
}

#[derive(Debug)]
struct Idle {
    browser: Browser,
    until: Instant,
}

impl BrowserPool {
    /// Creates a pool that keeps idle browsers for `patience`.
    pub(crate) fn new(patience: Duration) -> Arc<Self> {
        let state = State { patience, ..State::default() };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Whether browsers are kept.
    pub(super) fn keeps(&self) -> bool {
        !self.lock().patience.is_zero()
    }

    /// Takes an idle browser that was started like `launch`, if there is one.
    pub(super) fn take(&self, launch: &Launch, cancel: &CancelToken) -> Option<Browser> {
        let mut state = self.lock();
        let at = state.idle.iter().rposition(|idle| idle.browser.launch == *launch)?;
        let mut browser = state.idle.swap_remove(at).browser;
        drop(state);
        if matches!(browser.watch.health(), Health::Lost(_)) {
            return self.take(launch, cancel);
        }
        browser.set_cancel(cancel);
        browser.used = group_usage(browser.group());
        Some(browser)
    }

    /// Keeps a browser whose page has left nothing behind.
    pub(super) fn put(self: &Arc<Self>, mut browser: Browser) {
        browser.set_cancel(&CancelToken::new());
        let mut state = self.lock();
        if state.patience.is_zero() {
            drop(state);
            return;
        }
        let until = Instant::now() + state.patience;
        state.idle.push(Idle { browser, until });
        if !state.is_watched {
            let pool = Arc::clone(self);
            let watch = thread::Builder::new().name("idle-browsers".into());
            // Without the thread, browsers are kept until they are taken or the pool is closed.
            state.is_watched = watch.spawn(move || pool.watch()).is_ok();
        }
    }

    /// Ends all idle browsers.
    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut self.lock().idle);
        self.changed.notify_all();
        drop(idle);
    }

    /// Ends all idle browsers, and keeps none from now on.
    pub(crate) fn close(&self) {
        self.lock().patience = Duration::ZERO;
        self.clear();
    }

    /// Ends browsers that were idle too long, until none is left.
    fn watch(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let (late, idle) = state.idle.drain(..).partition(|idle| idle.until <= now);
            state.idle = idle;
            let late: Vec<Idle> = late;
            if !late.is_empty() {
                drop(state);
                drop(late);
                state = self.lock();
                continue;
            }
            let Some(next) = state.idle.iter().map(|idle| idle.until).min() else {
                state.is_watched = false;
                return;
            };
            let wait = next.saturating_duration_since(now);
            let woken = self.changed.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
