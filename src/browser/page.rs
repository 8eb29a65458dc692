//! One page in a browser of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::types::Method;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::answers::{Answers, CallId};
use super::cdp::{DOM, Emulation, Inspector, Network, Page as PageDomain, Runtime, Target};
use super::connection::{Message, PipeError};
use super::flags::{Sandbox, Surface};
use super::intercept::{self, Answer, PausedRequest};
use super::log::PageLog;
use super::pool::{Browser, BrowserPool, Launch};
use super::process::Usage;
use super::screen::Screen;
use super::workers::{WorkerNews, WorkerScript};
use super::{BrowserError, Chrome, ChromeKind};
use crate::cancel::CancelToken;
use crate::frame::Size;
use crate::network::{Access, Route};

/// The interval at which the browser is asked whether it has opened its window.
const WINDOW_POLL: Duration = Duration::from_millis(5);

/// Options with which a page is opened.
#[derive(Clone, Debug)]
pub(crate) struct PageOptions {
    pub chrome: Chrome,
    pub sandbox: Sandbox,
    /// Further flags, after ours.
    pub arguments: Vec<String>,
    /// The viewport, in CSS pixels.
    pub size: Size,
    /// Device pixels for each of them.
    pub scale: f64,
    /// The surface on which the browser draws.
    pub surface: Surface,
    /// Whether nothing lies behind the page, instead of white.
    pub is_transparent: bool,
    /// The window in device pixels, for one on a display.
    pub window: Size,
    /// Addresses that are answered with a document of ours: a path and its text.
    pub stage: Option<Stage>,
    /// Answers the engine's addresses, where the composition's server is not ours.
    pub route: Option<Arc<dyn Route>>,
    /// The longest time that the browser may take to start.
    pub launch_timeout: Duration,
    /// The hosts that the page may reach. Shared by all pages of a render.
    pub access: Arc<Access>,
    /// Browsers that can be taken over without a start.
    pub pool: Arc<BrowserPool>,
}

/// A document that the browser gets from us, at the origin of any server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The path below any origin.
    pub path: &'static str,
    /// The document.
    pub html: &'static str,
}

/// `Browser.grantPermissions`, with a permission that is newer than the generated types.
#[derive(Debug, Serialize)]
struct GrantLoopback<'a> {
    permissions: [&'static str; 1],
    origin: &'a str,
}

impl Method for GrantLoopback<'_> {
    const NAME: &'static str = "Browser.grantPermissions";
    type ReturnObject = serde::de::IgnoredAny;
}

/// A page, with the process that shows it. Dropping it ends the process, or returns it to the pool.
#[derive(Debug)]
pub(crate) struct Page {
    /// Present until the page is dropped.
    pub(super) browser: Option<Browser>,
    pub(super) pool: Arc<BrowserPool>,
    /// Whether another render's page may have this browser.
    pub(super) is_for_others: bool,
    /// Whether this browser is healthy enough for another page.
    pub(super) is_sound: bool,
    pub(super) answers: Answers,
    pub(super) target: Option<String>,
    pub(super) session: Option<String>,
    /// The address that was loaded last.
    pub(super) address: Option<Url>,
    access: Arc<Access>,
    stage: Option<Stage>,
    route: Option<Arc<dyn Route>>,
    /// The browser's name for the script that runs before any script of the page.
    injected: Option<String>,
    /// The script that runs before any script of its workers.
    pub(super) workers: Option<WorkerScript>,
    /// Whether the page may go to another document while it is rendered.
    pub may_leave: bool,
    /// The page's output so far.
    pub log: PageLog,
    /// Chrome's name and version.
    pub product: String,
}

impl Page {
    /// Opens a blank page in a browser of its own: an idle one from the pool, or else a new one.
    pub(crate) fn open(options: &PageOptions, cancel: &CancelToken) -> Result<Self, BrowserError> {
        let launch = Launch::of(options);
        while let Some(idle) = options.pool.take(&launch, cancel) {
            match Self::of(idle, options) {
                Err(e) if !matches!(e, BrowserError::Cancelled) => {
                    tracing::debug!(%e, "a browser that waited is of no use");
                }
                result => return result,
            }
        }
        Self::of(Browser::start(launch, cancel)?, options)
    }

    fn of(browser: Browser, options: &PageOptions) -> Result<Self, BrowserError> {
        let mut page = Self {
            browser: Some(browser),
            pool: Arc::clone(&options.pool),
            is_for_others: options.access.wall.is_shared(),
            is_sound: false,
            answers: Answers::default(),
            target: None,
            session: None,
            address: None,
            access: Arc::clone(&options.access),
            stage: options.stage,
            route: options.route.clone(),
            injected: None,
            workers: None,
            may_leave: false,
            log: PageLog::new(Arc::clone(&options.access)),
            product: String::new(),
        };
        page.attach(options).map_err(|e| page.explain_start(e))?;
        page.is_sound = true;
        Ok(page)
    }

    pub(super) fn browser(&mut self) -> &mut Browser {
        self.browser.as_mut().expect("it is there until the page is dropped")
    }

    /// Creates the page's target and enables the events that the engine reads.
    fn attach(&mut self, options: &PageOptions) -> Result<(), BrowserError> {
        let timeout = options.launch_timeout;
        // A browser that has just started is busy: commands that are sent at once cost one wait.
        let version = self.begin(&super::cdp::Browser::GetVersion(None), timeout)?;
        // No download of a page is written to disk.
        let downloads = super::cdp::Browser::SetDownloadBehavior {
            behavior: super::cdp::Browser::SetDownloadBehaviorBehaviorOption::Deny,
            browser_context_id: None,
            download_path: None,
            events_enabled: None,
        };
        let downloads = self.begin_for_effect(&downloads, timeout)?;
        let discover = self.begin_for_effect(&discover_frames(), timeout)?;
        let target = if options.surface == Surface::Display {
            self.first_target(timeout)?
        } else {
            self.new_target(options, timeout)?
        };
        let version: super::cdp::Browser::GetVersionReturnObject =
            self.finish(version, "Browser.getVersion", timeout, |answer| {
                serde_json::from_str(answer.get())
            })?;
        self.product = version.product;
        self.finish(downloads.0, downloads.1, timeout, |_| Ok(()))?;
        self.finish(discover.0, discover.1, timeout, |_| Ok(()))?;
        let attach = Target::AttachToTarget { target_id: target.clone(), flatten: Some(true) };
        self.target = Some(target);
        self.session = Some(self.call(attach, timeout)?.session_id);
        let page = PageDomain::Enable { enable_file_chooser_opened_event: None };
        let network = Network::Enable {
            // Bodies are never requested; by default 200 MB of them would be kept.
            max_total_buffer_size: Some(0),
            max_resource_buffer_size: Some(0),
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        };
        // A window on a private display has no focus; pages look and behave as if it had.
        let focus = Emulation::SetFocusEmulationEnabled { enabled: true };
        let mut begun = vec![
            self.begin_for_effect(&focus, timeout)?,
            self.begin_for_effect(&page, timeout)?,
            self.begin_for_effect(&Runtime::Enable(None), timeout)?,
            self.begin_for_effect(&Inspector::Enable(None), timeout)?,
            self.begin_for_effect(&network, timeout)?,
        ];
        if let Some(enable) =
            intercept::enable(&options.access, options.stage, options.route.is_some())
        {
            begun.push(self.begin_for_effect(&enable, timeout)?);
        }
        if options.surface != Surface::Display {
            let metrics = metrics(options.size, options.scale);
            begun.push(self.begin_for_effect(&metrics, timeout)?);
            if options.is_transparent {
                // Takes away the white behind all that the page will show.
                let color = DOM::RGBA { r: 0, g: 0, b: 0, a: Some(0.0) };
                let clear = Emulation::SetDefaultBackgroundColorOverride { color: Some(color) };
                begun.push(self.begin_for_effect(&clear, timeout)?);
            }
        }
        for (id, name) in begun {
            self.finish(id, name, timeout, |_| Ok(()))?;
        }
        self.browser().watch.forget_renderers();
        self.scan_processes();
        Ok(())
    }

    /// Sends a command whose answer only confirms it.
    pub(super) fn begin_for_effect<M: Method + Serialize>(
        &mut self,
        method: &M,
        timeout: Duration,
    ) -> Result<(CallId, &'static str), BrowserError> {
        self.begin(method, timeout).map(|id| (id, M::NAME))
    }

    /// The page in the window that the browser opens by itself.
    fn first_target(&mut self, timeout: Duration) -> Result<String, BrowserError> {
        let until = Instant::now() + timeout;
        loop {
            // Without this filter, the filter of the browser's own announcements would apply.
            let pages = Target::GetTargets { filter: Some(only("page")) };
            let targets = self.call(pages, timeout)?.target_infos;
            if let Some(page) = targets.into_iter().find(|target| target.Type == "page") {
                return Ok(page.target_id);
            }
            if Instant::now() > until {
                let seconds = timeout.as_secs_f64();
                return Err(BrowserError::Timeout { doing: "opening its window".into(), seconds });
            }
            std::thread::sleep(WINDOW_POLL);
        }
    }

    /// A blank page of the wanted size.
    fn new_target(
        &mut self,
        options: &PageOptions,
        timeout: Duration,
    ) -> Result<String, BrowserError> {
        let shell = options.chrome.kind == ChromeKind::HeadlessShell;
        let target = self.call(
            Target::CreateTarget {
                url: "about:blank".into(),
                left: None,
                top: None,
                // Only the shell has windows of any size; elsewhere `resize` is enough.
                width: shell.then_some(options.size.width),
                height: shell.then_some(options.size.height),
                window_state: None,
                browser_context_id: None,
                enable_begin_frame_control: (options.surface == Surface::BeginFrame)
                    .then_some(true),
                new_window: None,
                background: None,
                for_tab: None,
                hidden: None,
            },
            timeout,
        )?;
        Ok(target.target_id)
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn call<M: Method + Serialize>(
        &mut self,
        method: M,
        timeout: Duration,
    ) -> Result<M::ReturnObject, BrowserError> {
        let id = self.begin(&method, timeout)?;
        drop(method);
        self.finish(id, M::NAME, timeout, |result| serde_json::from_str(result.get()))
    }

    /// Sends a command; its answer is taken with [`Self::finish`].
    pub(crate) fn begin<M: Method + Serialize>(
        &mut self,
        method: &M,
        timeout: Duration,
    ) -> Result<CallId, BrowserError> {
        let id = self.send(M::NAME, method, timeout)?;
        self.answers.expect(id);
        Ok(id)
    }

    /// Sends a command whose answer does not matter.
    fn tell<M: Method + Serialize>(
        &mut self,
        method: &M,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        self.send(M::NAME, method, timeout).map(drop)
    }

    fn send<P: Serialize>(
        &mut self,
        name: &'static str,
        params: &P,
        timeout: Duration,
    ) -> Result<CallId, BrowserError> {
        let params = to_raw_value(params).expect("protocol types serialize");
        // Commands without parameters are `null` in the generated types, which Chrome refuses.
        let params = if params.get() == "null" {
            RawValue::from_string("{}".into()).expect("JSON")
        } else {
            params
        };
        let session = self.session.clone();
        self.send_to(session.as_deref(), name, &params, timeout).map(CallId)
    }

    /// Sends a command to a session, and returns its number.
    pub(super) fn send_to(
        &mut self,
        session: Option<&str>,
        name: &'static str,
        params: &RawValue,
        timeout: Duration,
    ) -> Result<u32, BrowserError> {
        let deadline = Instant::now() + timeout;
        let sent = self.browser().connection.send(session, name, params, deadline);
        sent.map_err(|e| self.explain(&e, name, timeout))
    }

    /// Waits for the answer to `id` and reads it with `parse`. Answers that come before it are kept
    /// if they are expected.
    pub(crate) fn finish<T>(
        &mut self,
        id: CallId,
        name: &'static str,
        timeout: Duration,
        parse: impl FnOnce(&RawValue) -> serde_json::Result<T>,
    ) -> Result<T, BrowserError> {
        let deadline = Instant::now() + timeout;
        if let Some(early) = self.answers.take(id) {
            return read_answer(read_message(&early, name)?, name, parse);
        }
        loop {
            let mut dialog = false;
            let mut held = None;
            let mut worker = None;
            let browser = self.browser.as_mut().expect("it is there until the page is dropped");
            let received = browser.connection.receive(deadline, &mut browser.watch);
            let Ok(bytes) = received else {
                let broken = received.err().unwrap_or(PipeError::Closed);
                return Err(self.explain(&broken, name, timeout));
            };
            let message = read_message(bytes, name)?;
            match (message.id, message.method) {
                (Some(n), _) if n == id.0 => return read_answer(message, name, parse),
                (Some(n), _) => self.answers.keep(n, bytes),
                (None, Some(event)) => {
                    let params = message.params.map_or("", RawValue::get);
                    dialog = event == "Page.javascriptDialogOpening";
                    held = PausedRequest::read(event, params);
                    worker = WorkerNews::read(event, message.session_id, params);
                    self.log.note(event, params);
                }
                _ => {}
            }
            if dialog {
                // An `alert` stops the page until it is answered.
                let answer = PageDomain::HandleJavaScriptDialog { accept: true, prompt_text: None };
                self.tell(&answer, timeout)?;
            }
            if let Some(held) = held {
                // Chrome's answer is dropped: the request may be gone by now, which does no harm.
                match held.answer(&self.access, self.stage, self.route.as_deref()) {
                    Answer::Continue(answer) => self.tell(&answer, timeout)?,
                    Answer::Fulfill(answer) => self.tell(&answer, timeout)?,
                    Answer::Fail(answer) => self.tell(&answer, timeout)?,
                }
            }
            if let Some(worker) = worker {
                self.heed_worker(worker, timeout)?;
            }
            if self.log.crashed {
                let crashed = BrowserError::Crashed { doing: name.into() };
                return Err(self.browser().memory.explain(crashed));
            }
        }
    }

    /// Makes the browser give back memory that it keeps only for possible reuse.
    ///
    /// At the moderate level it would keep 256 MB of decoded pictures.
    pub(crate) fn release_memory(&mut self, timeout: Duration) -> Result<(), BrowserError> {
        let level = super::cdp::Memory::PressureLevel::Critical;
        self.tell(&super::cdp::Memory::SimulatePressureNotification { level }, timeout)
    }

    /// Runs `source` before any script of every document that the page opens from now on. Replaces
    /// the script that was given before.
    pub(crate) fn inject(&mut self, source: String, timeout: Duration) -> Result<(), BrowserError> {
        if let Some(identifier) = self.injected.take() {
            let remove = PageDomain::RemoveScriptToEvaluateOnNewDocument { identifier };
            self.call(remove, timeout)?;
        }
        let script = PageDomain::AddScriptToEvaluateOnNewDocument {
            source,
            world_name: None,
            include_command_line_api: None,
            run_immediately: None,
        };
        self.injected = Some(self.call(script, timeout)?.identifier);
        Ok(())
    }

    /// Lets pages of the `origin` connect to sockets of this machine.
    ///
    /// Chrome asks the user for that, unless the page itself has come from loopback. A Chrome that
    /// does not know this permission does not need it.
    pub(crate) fn allow_loopback(
        &mut self,
        origin: &str,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let grant = GrantLoopback { permissions: ["loopbackNetwork"], origin };
        match self.call(grant, timeout) {
            Ok(_) => Ok(()),
            Err(BrowserError::Refused { message, .. }) => {
                tracing::debug!(%message, "no permission for loopback");
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Begins loading `url`. Returns Chrome's error text if there is nothing to load.
    pub(crate) fn navigate(
        &mut self,
        url: &str,
        timeout: Duration,
    ) -> Result<Option<String>, BrowserError> {
        self.log.document_status = None;
        self.log.staying.release();
        self.address = Url::parse(url).ok();
        let navigate = PageDomain::Navigate {
            url: url.into(),
            referrer: None,
            transition_Type: None,
            frame_id: None,
            referrer_policy: None,
        };
        self.call(navigate, timeout).map(|answer| answer.error_text)
    }

    /// The display that its window is on, if it has one.
    pub(crate) fn screen(&mut self) -> Option<&mut Screen> {
        self.browser().screen.as_mut()
    }

    /// The present resource use of the browser and its children.
    pub(crate) fn usage(&self) -> Usage {
        self.browser.as_ref().map_or_else(Usage::default, Browser::usage)
    }

    /// The process group of the browser and its children.
    pub(crate) fn group(&self) -> i32 {
        self.browser.as_ref().map_or(0, Browser::group)
    }

    /// Turns a broken pipe into an error for the user.
    fn explain(&mut self, broken: &PipeError, doing: &str, timeout: Duration) -> BrowserError {
        self.is_sound = false;
        let error = match broken {
            PipeError::Cancelled => BrowserError::Cancelled,
            PipeError::Timeout => {
                BrowserError::Timeout { doing: doing.into(), seconds: timeout.as_secs_f64() }
            }
            PipeError::Lost => {
                let process = self.browser().watch.lost().unwrap_or("process");
                BrowserError::Lost { process, doing: doing.into() }
            }
            PipeError::Closed => {
                BrowserError::Died { doing: doing.into(), output: self.browser().process.output() }
            }
        };
        self.browser().memory.explain(error)
    }

    /// Explains an error before the first answer: it is about the browser itself.
    fn explain_start(&mut self, error: BrowserError) -> BrowserError {
        let BrowserError::Died { output, .. } = error else { return error };
        // The pipe closes a moment before the process is gone.
        let until = Instant::now() + Duration::from_millis(500);
        let process = &mut self.browser().process;
        let mut status = process.status();
        while status.is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            status = process.status();
        }
        if let Some(display) = process.display()
            && display.was_killed()
        {
            return display.explain("");
        }
        BrowserError::EndedAtOnce { path: process.path().to_owned(), status, output }
    }
}

fn read_message<'a>(bytes: &'a [u8], method: &'static str) -> Result<Message<'a>, BrowserError> {
    serde_json::from_slice(bytes)
        .map_err(|e| BrowserError::Answer { method, message: e.to_string() })
}

/// The value of a message that answers a call of `method`, or its refusal.
fn read_answer<T>(
    message: Message<'_>,
    method: &'static str,
    parse: impl FnOnce(&RawValue) -> serde_json::Result<T>,
) -> Result<T, BrowserError> {
    if let Some(error) = message.error {
        let message = format!("{} {}", error.message, error.data);
        return Err(BrowserError::Refused { method, message: message.trim_end().to_owned() });
    }
    parse(message.result.unwrap_or(RawValue::NULL))
        .map_err(|e| BrowserError::Answer { method, message: e.to_string() })
}

/// Makes the browser report when the renderer of a frame of another site crashes.
fn discover_frames() -> Target::SetDiscoverTargets {
    Target::SetDiscoverTargets { discover: true, filter: Some(only("iframe")) }
}

/// Targets of one kind.
fn only(kind: &str) -> Vec<Target::FilterEntry> {
    vec![Target::FilterEntry { exclude: None, Type: Some(kind.into()) }]
}

/// Sets the viewport in CSS pixels, and the device pixels for each.
fn metrics(size: Size, scale: f64) -> Emulation::SetDeviceMetricsOverride {
    Emulation::SetDeviceMetricsOverride {
        width: size.width,
        height: size.height,
        device_scale_factor: scale,
        mobile: false,
        scale: None,
        screen_width: Some(size.width),
        screen_height: Some(size.height),
        position_x: None,
        position_y: None,
        dont_set_visible_size: None,
        screen_orientation: None,
        viewport: None,
        display_feature: None,
        device_posture: None,
    }
}
