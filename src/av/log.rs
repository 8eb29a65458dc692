//! libav's log lines, kept for error messages instead of printed.
//!
//! libav logs through one callback per process, called on the thread that libav works on. Lines are
//! kept per thread, so that an error carries the lines of the call that failed and of no other
//! render. Everything also goes to `tracing`, at debug level.

use std::cell::RefCell;
use std::collections::VecDeque;

use ffmpeg_next::ffi;

/// Lines kept per thread.
const KEPT: usize = 16;

thread_local! {
    static LINES: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

/// Forgets what this thread has logged so far.
pub(super) fn clear() {
    LINES.with_borrow_mut(VecDeque::clear);
}

/// Takes all warnings and errors that this thread has logged since [`clear`].
pub(super) fn take() -> Vec<String> {
    LINES.with_borrow_mut(|lines| lines.drain(..).collect())
}

/// Takes the last warning or error, and forgets the others.
pub(super) fn take_last() -> Option<String> {
    take().pop()
}

fn keep(line: &str) {
    tracing::debug!(target: "libav", "{line}");
    // A thread that is ending has no storage left.
    LINES
        .try_with(|lines| {
            let mut lines = lines.borrow_mut();
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(line.to_owned());
        })
        .ok();
}

/// Replaces libav's own printing.
pub(super) fn install() {
    // SAFETY: the level is a plain integer that libav reads without a lock.
    unsafe { ffi::av_log_set_level(ffi::AV_LOG_WARNING) };
    platform::install();
}

// `va_list` has another type on every platform; only this one is known to be right.
#[cfg(all(target_arch = "x86_64", unix))]
mod platform {
    use std::ffi::{CStr, c_char, c_int, c_void};

    use ffmpeg_next::ffi;

    pub(super) fn install() {
        // SAFETY: the callback is a plain function that lives for ever.
        unsafe { ffi::av_log_set_callback(Some(callback)) };
    }

    unsafe extern "C" fn callback(
        context: *mut c_void,
        level: c_int,
        format: *const c_char,
        arguments: *mut ffi::__va_list_tag,
    ) {
        if level > ffi::AV_LOG_WARNING {
            return;
        }
        let mut line = [0 as c_char; 512];
        let mut print_prefix = 1;
        // SAFETY: all pointers are those that libav has just passed, and the buffer's length is
        // its own; the line ends with a zero even when it is cut.
        let text = unsafe {
            ffi::av_log_format_line2(
                context,
                level,
                format,
                arguments,
                line.as_mut_ptr(),
                512,
                &raw mut print_prefix,
            );
            CStr::from_ptr(line.as_ptr())
        };
        super::keep(text.to_string_lossy().trim());
    }
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
mod platform {
    pub(super) fn install() {}
}
