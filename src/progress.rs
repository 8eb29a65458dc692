//! The progress of a render.

use std::fmt::Write as _;

use serde::Serialize;

use crate::warning::Warning;

/// Where a render is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, nothing done yet.
    Queued,
    /// Opening and reading the composition.
    Preprocessing,
    /// Capturing frames; encoding runs alongside.
    Rendering,
    /// Draining the encoder.
    Encoding,
    /// Completing and checking the file.
    Assembling,
    /// Done: the file has its final name.
    Complete,
    /// Ended with an error.
    Failed,
    /// Ended because the caller asked for it.
    Cancelled,
}

/// One step of a render.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Where the render is.
    pub status: Status,
    /// 0 to 100; never falls.
    pub percent: f64,
    /// For people.
    pub message: String,
    /// Frames written so far, while rendering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// Frames in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
}

/// What a render tells while it runs: one line of `--json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Update {
    /// It is further.
    Progress(Event),
    /// Something is not right.
    Warning {
        /// What it is.
        warning: Warning,
    },
}

/// Receives events of a render, on the thread that renders. Should return at once.
pub trait Progress {
    /// Called for every step.
    fn event(&mut self, event: &Event);

    /// Called for warnings that are known before the first frame. The report has all of them.
    fn warning(&mut self, _warning: &Warning) {}
}

impl<F: FnMut(&Event)> Progress for F {
    fn event(&mut self, event: &Event) {
        self(event);
    }
}

/// Sends events with percentages that never fall.
pub(crate) struct Reporter<'a> {
    progress: &'a mut dyn Progress,
    percent: f64,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(progress: &'a mut dyn Progress) -> Self {
        Self { progress, percent: 0.0 }
    }

    pub(crate) fn stage(&mut self, status: Status, percent: f64, message: impl Into<String>) {
        self.send(status, percent, message.into(), None, None);
    }

    /// Reports the end without a result: the percentage stays where it is.
    pub(crate) fn ended(&mut self, status: Status, message: impl Into<String>) {
        self.send(status, self.percent, message.into(), None, None);
    }

    /// Reports a warning, before the first frame.
    pub(crate) fn warning(&mut self, warning: &Warning) {
        self.progress.warning(warning);
    }

    /// Reports frames written. One session reports every frame, several report every 30 and the
    /// last.
    pub(crate) fn frame(&mut self, frame: u64, frames: u64, sessions: usize) {
        if sessions > 1 && !frame.is_multiple_of(30) && frame != frames {
            return;
        }
        let percent = 25.0 + 55.0 * frame as f64 / frames.max(1) as f64;
        let mut message = format!("Streaming frame {frame}/{frames}");
        if sessions > 1 {
            write!(message, " ({sessions} workers)").expect("writing to a string");
        }
        self.send(Status::Rendering, percent, message, Some(frame), Some(frames));
    }

    fn send(
        &mut self,
        status: Status,
        percent: f64,
        message: String,
        frame: Option<u64>,
        frames: Option<u64>,
    ) {
        self.percent = self.percent.max(percent);
        self.progress.event(&Event { status, percent: self.percent, message, frame, frames });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(sessions: usize) -> Vec<Event> {
        let mut seen = Vec::new();
        let mut progress = |event: &Event| seen.push(event.clone());
        let mut reporter = Reporter::new(&mut progress);
        reporter.stage(Status::Rendering, 25.0, "Starting frame capture");
        for frame in 1..=65 {
            reporter.frame(frame, 65, sessions);
        }
        reporter.ended(Status::Failed, "Failed: no");
        seen
    }

    #[test]
    fn one_session_reports_every_frame() {
        let events = events(1);
        assert_eq!(events.len(), 67);
        assert_eq!(events[1].message, "Streaming frame 1/65");
        assert!(
            (events[65].percent - 80.0).abs() < 1e-9 && (events[66].percent - 80.0).abs() < 1e-9
        );
    }

    #[test]
    fn several_sessions_report_every_thirty_and_the_last() {
        let messages: Vec<_> = events(2).into_iter().map(|e| e.message).collect();
        assert_eq!(
            messages[1..4],
            [
                "Streaming frame 30/65 (2 workers)",
                "Streaming frame 60/65 (2 workers)",
                "Streaming frame 65/65 (2 workers)",
            ]
        );
    }
}
