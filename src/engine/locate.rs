//! The local files that addresses of a page stand for.

use std::path::PathBuf;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::network::{Access, HELD_ADDRESS, MEDIA, NetworkOutcome, Verdict};
use crate::serve::FileFinder;

/// The local file behind an address of the page, or the reason why there is none. Waits for files
/// that have to be loaded from another host.
pub(super) fn resolve(
    address: &str,
    finder: Option<&FileFinder>,
    access: &Arc<Access>,
) -> Result<PathBuf, String> {
    match locate(address, finder, access)? {
        Some(file) => Ok(file),
        None => access.download(address).map_err(|reason| format!("{address}: {reason}")),
    }
}

/// The page's name for a file: its path below the composition's directory, or its address.
pub(super) fn name_of(address: &str, finder: Option<&FileFinder>) -> String {
    match finder.and_then(|finder| finder.path(address)) {
        Some(path) => percent_decode_str(path).decode_utf8_lossy().into_owned(),
        None if address.starts_with(HELD_ADDRESS) => "what the page has in itself".into(),
        None => address.into(),
    }
}

/// Locates an address as [`resolve`] does; `None` for a file of another host.
pub(super) fn locate(
    address: &str,
    finder: Option<&FileFinder>,
    access: &Arc<Access>,
) -> Result<Option<PathBuf>, String> {
    if let Some(file) = access.held(address) {
        return Ok(Some(file));
    }
    if let Some(found) = finder.and_then(|finder| finder.find(address)) {
        let path = address.splitn(4, '/').nth(3).unwrap_or_default();
        return found.map(Some).map_err(|status| match status.as_u16() {
            403 => format!("{path} leads out of the composition's directory"),
            _ => format!("there is no file {path}"),
        });
    }
    match access.judge("GET", address) {
        Verdict::Mapped(hit) => match hit.found {
            Some(found) => Ok(Some(found.file)),
            None => Err(format!("there is no file for {address} in the directory mapped to it")),
        },
        Verdict::Refused => {
            let reason = "the job's network.policy does not allow it";
            access.ledger.missed(address, MEDIA, NetworkOutcome::Blocked, reason.into());
            Err(format!("{address}: {reason}"))
        }
        Verdict::Sheet(_) => Err(format!("{address} is a style sheet")),
        Verdict::Pass => Ok(None),
    }
}
