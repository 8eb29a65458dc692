//! Reads messages as if from a browser, without one. For fuzzing.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::connection::Message;
use super::intercept::PausedRequest;
use super::log::PageLog;
use super::workers::WorkerNews;
use crate::network::Access;

/// Reads messages, one a line, as those of one page.
pub(crate) fn hear(bytes: &[u8]) {
    let access = Arc::new(Access::default());
    let mut log = PageLog::new(Arc::clone(&access));
    for line in bytes.split(|&byte| byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(line) else { continue };
        let Some(event) = message.method else { continue };
        let params = message.params.map_or("", RawValue::get);
        if let Some(held) = PausedRequest::read(event, params) {
            drop(held.answer(&access, None, None));
        }
        drop(WorkerNews::read(event, message.session_id, params));
        log.note(event, params);
    }
    drop(log.console_tail(usize::MAX));
}
