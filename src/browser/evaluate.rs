//! Running expressions in a page.

use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::types::Method as _;
use serde::de::DeserializeOwned;

use super::BrowserError;
use super::answers::CallId;
use super::cdp::Runtime;
use super::log::exception_text;
use super::page::Page;

/// The time that the page runs alone before it is asked whether it wants something done.
const ATTEND_INTERVAL: Duration = Duration::from_millis(40);

impl Page {
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
        self.begin(&evaluate(expression, true), timeout)
    }

    /// Runs `expression` as [`Self::evaluate`] does. While it runs and the page `wants` it,
    /// `attend` does what the page cannot do by itself.
    pub(crate) fn evaluate_attended<T: DeserializeOwned>(
        &mut self,
        expression: &str,
        wants: &str,
        timeout: Duration,
        attend: &mut dyn FnMut(&mut Self) -> Result<(), BrowserError>,
    ) -> Result<T, BrowserError> {
        let until = Instant::now() + timeout;
        let id = self.begin_evaluate(expression, timeout)?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.finish_evaluate(id, left.min(ATTEND_INTERVAL)) {
                Err(BrowserError::Timeout { .. }) if left > ATTEND_INTERVAL => {
                    // The answer may still come.
                    self.answers.expect(id);
                    self.is_sound = true;
                    match self.evaluate::<bool>(wants, left) {
                        Ok(true) => attend(self)?,
                        Ok(false) => {}
                        Err(e) => return Err(within(e, timeout)),
                    }
                }
                result => return result.map_err(|e| within(e, timeout)),
            }
        }
    }

    /// The protocol's name for the object that `expression` returns; `None` if it returns none.
    pub(crate) fn object_of(
        &mut self,
        expression: &str,
        timeout: Duration,
    ) -> Result<Option<String>, BrowserError> {
        Ok(self.call(evaluate(expression, false), timeout)?.result.object_id)
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
}

/// A command that runs `expression`. If it `waits`, it waits for promises and answers with a plain
/// value; otherwise it answers with the protocol's name for an object.
fn evaluate(expression: &str, waits: bool) -> Runtime::Evaluate {
    Runtime::Evaluate {
        expression: expression.into(),
        object_group: None,
        include_command_line_api: None,
        silent: None,
        context_id: None,
        return_by_value: waits.then_some(true),
        generate_preview: None,
        user_gesture: None,
        await_promise: waits.then_some(true),
        throw_on_side_effect: None,
        timeout: None,
        disable_breaks: None,
        repl_mode: None,
        allow_unsafe_eval_blocked_by_csp: None,
        unique_context_id: None,
        serialization_options: None,
    }
}

/// The error of a wait that was part of one of `timeout`.
fn within(error: BrowserError, timeout: Duration) -> BrowserError {
    match error {
        BrowserError::Timeout { doing, .. } => {
            BrowserError::Timeout { doing, seconds: timeout.as_secs_f64() }
        }
        error => error,
    }
}
