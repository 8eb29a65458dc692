//! One page in a browser of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::types::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::cdp::{DOM, Emulation, Inspector, Network, Page as PageDomain, Runtime, Target};
use super::connection::{Broken, Connection, Message};
use super::flags::{Sandbox, Surface, arguments};
use super::intercept::{self, Answer, Held};
use super::log::{PageLog, exception_text};
use super::process::{ChromeProcess, Usage, group_usage};
use super::screen::Screen;
use super::{BrowserError, Chrome, ChromeKind};
use crate::frame::Size;
use crate::network::Access;
use crate::pipeline::CancelToken;

/// How often it is asked whether the browser has opened its window.
const WINDOW_POLL: Duration = Duration::from_millis(5);

/// Calls that are begun and not finished: two at most, unless some are given up.
const MAX_EXPECTED: usize = 8;

/// How to open a page.
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
    /// Where the browser draws.
    pub surface: Surface,
    /// Whether nothing lies behind the page, instead of white.
    pub is_transparent: bool,
    /// Whether canvases may draw elements.
    pub canvas: bool,
    /// The window in device pixels, for one on a display.
    pub window: Size,
    /// Addresses that are answered with a document of ours: a path and its text.
    pub stage: Option<Stage>,
    /// How long the browser may take to start.
    pub launch_timeout: Duration,
    /// What the page may reach. Shared by all pages of a render.
    pub access: Arc<Access>,
}

/// A document that the browser gets from us, whatever server it asks.
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

/// An answer that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(u32);

/// Answers that are still to come, and those that came while another was waited for.
#[derive(Debug, Default)]
struct Answers {
    expected: VecDeque<u32>,
    early: Vec<(u32, Vec<u8>)>,
}

impl Answers {
    fn expect(&mut self, id: CallId) {
        self.expected.push_back(id.0);
        if self.expected.len() > MAX_EXPECTED {
            let forgotten = self.expected.pop_front();
            self.early.retain(|&(id, _)| Some(id) != forgotten);
        }
    }

    /// Its answer, if it has come. It is expected no more.
    fn take(&mut self, id: CallId) -> Option<Vec<u8>> {
        self.expected.retain(|&expected| expected != id.0);
        let at = self.early.iter().position(|&(early, _)| early == id.0)?;
        Some(self.early.swap_remove(at).1)
    }

    fn keep(&mut self, id: u32, message: &[u8]) {
        if self.expected.contains(&id) {
            self.early.push((id, message.to_vec()));
        }
    }
}

/// A page, with the process that shows it. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Page {
    // Dropped first: Chrome is told by the closing pipe, then killed.
    connection: Connection,
    process: ChromeProcess,
    screen: Option<Screen>,
    answers: Answers,
    session: Option<String>,
    access: Arc<Access>,
    stage: Option<Stage>,
    /// What the page said so far.
    pub log: PageLog,
    /// Chrome's name and version.
    pub product: String,
}

impl Page {
    /// Starts a browser with one blank page.
    pub(crate) fn open(options: &PageOptions, cancel: &CancelToken) -> Result<Self, BrowserError> {
        let is_window = options.surface == Surface::Display;
        let window = options.window;
        let flags = arguments(options);
        let screen = is_window.then_some(window);
        let (process, ends) = ChromeProcess::start(&options.chrome.path, &flags, screen)?;
        let screen = process.display().map(|d| Screen::connect(d, window, cancel.clone()));
        let screen = screen.transpose()?;
        let connection =
            Connection::new(ends.commands, ends.answers, cancel.clone()).map_err(|source| {
                BrowserError::CannotStart { path: options.chrome.path.clone(), source }
            })?;
        let access = Arc::clone(&options.access);
        let log = PageLog::new(Arc::clone(&access));
        let (product, answers) = (String::new(), Answers::default());
        let stage = options.stage;
        let mut page = Self {
            connection,
            process,
            screen,
            answers,
            session: None,
            access,
            stage,
            log,
            product,
        };
        page.attach(options).map_err(|e| page.explain_start(e))?;
        Ok(page)
    }

    /// Creates the page's target and enables what we listen to.
    fn attach(&mut self, options: &PageOptions) -> Result<(), BrowserError> {
        let timeout = options.launch_timeout;
        self.product = self.call(super::cdp::Browser::GetVersion(None), timeout)?.product;
        let target = if options.surface == Surface::Display {
            self.first_target(timeout)?
        } else {
            self.new_target(options, timeout)?
        };
        let attach = Target::AttachToTarget { target_id: target, flatten: Some(true) };
        self.session = Some(self.call(attach, timeout)?.session_id);
        self.call(PageDomain::Enable { enable_file_chooser_opened_event: None }, timeout)?;
        self.call(Runtime::Enable(None), timeout)?;
        self.call(Inspector::Enable(None), timeout)?;
        self.call(
            Network::Enable {
                // Bodies are never asked for; by default 200 MB of them would be kept.
                max_total_buffer_size: Some(0),
                max_resource_buffer_size: Some(0),
                max_post_data_size: None,
                report_direct_socket_traffic: None,
                enable_durable_messages: None,
            },
            timeout,
        )?;
        if let Some(enable) = intercept::enable(&options.access, options.stage) {
            self.call(enable, timeout)?;
        }
        if options.surface == Surface::Display {
            return Ok(());
        }
        self.resize(options.size, options.scale, timeout)?;
        if options.is_transparent { self.clear_background(timeout) } else { Ok(()) }
    }

    /// The page in the window that the browser opens by itself.
    fn first_target(&mut self, timeout: Duration) -> Result<String, BrowserError> {
        let until = Instant::now() + timeout;
        loop {
            let targets = self.call(Target::GetTargets { filter: None }, timeout)?.target_infos;
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

    /// Sets the viewport in CSS pixels, and the device pixels for each.
    pub(crate) fn resize(
        &mut self,
        size: Size,
        scale: f64,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let metrics = Emulation::SetDeviceMetricsOverride {
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
        };
        self.call(metrics, timeout).map(drop)
    }

    /// Takes away the white behind all that the page will show.
    fn clear_background(&mut self, timeout: Duration) -> Result<(), BrowserError> {
        let color = DOM::RGBA { r: 0, g: 0, b: 0, a: Some(0.0) };
        let clear = Emulation::SetDefaultBackgroundColorOverride { color: Some(color) };
        self.call(clear, timeout).map(drop)
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
        let deadline = Instant::now() + timeout;
        let params = to_raw_value(params).expect("protocol types serialize");
        // Commands without parameters are `null` in the generated types, which Chrome refuses.
        let params = if params.get() == "null" {
            RawValue::from_string("{}".into()).expect("JSON")
        } else {
            params
        };
        let sent = self.connection.send(self.session.as_deref(), name, &params, deadline);
        sent.map(CallId).map_err(|e| self.explain(&e, name, timeout))
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
            let received = self.connection.receive(deadline);
            let Ok(bytes) = received else {
                let broken = received.err().unwrap_or(Broken::Closed);
                return Err(self.explain(&broken, name, timeout));
            };
            let message = read_message(bytes, name)?;
            match (message.id, message.method) {
                (Some(n), _) if n == id.0 => return read_answer(message, name, parse),
                (Some(n), _) => self.answers.keep(n, bytes),
                (None, Some(event)) => {
                    let params = message.params.map_or("", RawValue::get);
                    dialog = event == "Page.javascriptDialogOpening";
                    held = Held::read(event, params);
                    self.log.note(event, params);
                }
                _ => {}
            }
            if dialog {
                // Nobody is there to answer an `alert`, and it stops the page.
                let answer = PageDomain::HandleJavaScriptDialog { accept: true, prompt_text: None };
                self.tell(&answer, timeout)?;
            }
            if let Some(held) = held {
                // Chrome's answer is dropped: the request may be gone by now, which is no harm.
                match held.answer(&self.access, self.stage) {
                    Answer::Continue(answer) => self.tell(&answer, timeout)?,
                    Answer::Fulfill(answer) => self.tell(&answer, timeout)?,
                    Answer::Fail(answer) => self.tell(&answer, timeout)?,
                }
            }
            if self.log.crashed {
                return Err(BrowserError::Crashed { doing: name.into() });
            }
        }
    }

    /// Has the browser give back memory that it only keeps because it may be of use again.
    ///
    /// At the moderate level it would keep 256 MB of decoded pictures.
    pub(crate) fn release_memory(&mut self, timeout: Duration) -> Result<(), BrowserError> {
        let level = super::cdp::Memory::PressureLevel::Critical;
        self.tell(&super::cdp::Memory::SimulatePressureNotification { level }, timeout)
    }

    /// Runs `expression` in the page, waits for its promise if it is one, and reads the value.
    pub(crate) fn evaluate<T: DeserializeOwned>(
        &mut self,
        expression: &str,
        timeout: Duration,
    ) -> Result<T, BrowserError> {
        let id = self.begin_evaluate(expression, timeout)?;
        self.finish_evaluate(id, timeout)
    }

    /// Begins to run `expression`; the value is read with [`Self::finish_evaluate`].
    pub(crate) fn begin_evaluate(
        &mut self,
        expression: &str,
        timeout: Duration,
    ) -> Result<CallId, BrowserError> {
        self.begin(&evaluate(expression), timeout)
    }

    /// Waits for the value of an expression that was begun.
    pub(crate) fn finish_evaluate<T: DeserializeOwned>(
        &mut self,
        id: CallId,
        timeout: Duration,
    ) -> Result<T, BrowserError> {
        let name = Runtime::Evaluate::NAME;
        let answer: Runtime::EvaluateReturnObject =
            self.finish(id, name, timeout, |result| serde_json::from_str(result.get()))?;
        if let Some(details) = answer.exception_details {
            return Err(BrowserError::Script { message: exception_text(&details) });
        }
        let value = answer.result.value.unwrap_or_default();
        serde_json::from_value(value)
            .map_err(|e| BrowserError::Answer { method: name, message: e.to_string() })
    }

    /// Runs `source` before any script of every document that the page opens from now on.
    pub(crate) fn inject(&mut self, source: String, timeout: Duration) -> Result<(), BrowserError> {
        let script = PageDomain::AddScriptToEvaluateOnNewDocument {
            source,
            world_name: None,
            include_command_line_api: None,
            run_immediately: None,
        };
        self.call(script, timeout).map(drop)
    }

    /// Lets pages of the `origin` connect to sockets of this machine.
    ///
    /// Chrome asks a person for that, unless the page itself has come from loopback. One that does
    /// not know this permission does not need it.
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
        self.screen.as_mut()
    }

    /// What the browser and its children use now.
    pub(crate) fn usage(&self) -> Usage {
        group_usage(self.group())
    }

    /// The process group of the browser and its children.
    pub(crate) fn group(&self) -> i32 {
        self.process.group().as_raw_nonzero().get()
    }

    /// Turns the end of the pipe into what the user should hear.
    fn explain(&mut self, broken: &Broken, doing: &str, timeout: Duration) -> BrowserError {
        match broken {
            Broken::Cancelled => BrowserError::Cancelled,
            Broken::Timeout => {
                BrowserError::Timeout { doing: doing.into(), seconds: timeout.as_secs_f64() }
            }
            Broken::Closed => {
                BrowserError::Died { doing: doing.into(), output: self.process.output() }
            }
        }
    }

    /// An error before the first answer is about the browser as such.
    fn explain_start(&mut self, error: BrowserError) -> BrowserError {
        let BrowserError::Died { output, .. } = error else { return error };
        // The pipe closes a moment before the process is gone.
        let until = Instant::now() + Duration::from_millis(500);
        let mut status = self.process.status();
        while status.is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            status = self.process.status();
        }
        BrowserError::EndedAtOnce { path: self.process.path().to_owned(), status, output }
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

/// A command that waits for promises and returns plain values.
fn evaluate(expression: &str) -> Runtime::Evaluate {
    Runtime::Evaluate {
        expression: expression.into(),
        object_group: None,
        include_command_line_api: None,
        silent: None,
        context_id: None,
        return_by_value: Some(true),
        generate_preview: None,
        user_gesture: None,
        await_promise: Some(true),
        throw_on_side_effect: None,
        timeout: None,
        disable_breaks: None,
        repl_mode: None,
        allow_unsafe_eval_blocked_by_csp: None,
        unique_context_id: None,
        serialization_options: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_early_is_kept() {
        let mut answers = Answers::default();
        answers.expect(CallId(1));
        answers.keep(1, b"one");
        answers.keep(2, b"nobody waits for it");
        assert_eq!(answers.take(CallId(1)).as_deref(), Some(&b"one"[..]));
        assert_eq!(answers.take(CallId(1)), None);
        assert!(answers.early.is_empty() && answers.expected.is_empty());
    }

    #[test]
    fn calls_that_are_given_up_do_not_pile_up() {
        let mut answers = Answers::default();
        for id in 0..100 {
            answers.expect(CallId(id));
            answers.keep(id, b"late");
        }
        assert_eq!((answers.early.len(), answers.expected.len()), (MAX_EXPECTED, MAX_EXPECTED));
        assert!(answers.take(CallId(99)).is_some());
    }
}
