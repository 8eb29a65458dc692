//! Output of a render on the terminal.
//!
//! Messages go to standard error, data to standard output.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use pagereel::progress::Status;
use pagereel::report::Line;
use pagereel::{Error, Event, Frame, Progress, Report, Warning};

/// The interval between lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// The audience of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A person: a bar on a terminal, otherwise lines.
    Human,
    /// A program: one JSON object per line on standard output.
    Json,
    /// None: only errors.
    Quiet,
}

/// Shows events as they come.
pub(crate) struct Terminal {
    style: Style,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
    /// Warnings that were already shown.
    told: Vec<Warning>,
}

/// The error with its causes, except those that its own text contains.
fn message_of(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

impl Terminal {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, bar: None, last_line: None, told: Vec::new() }
    }

    /// Shows warnings, and a line about the finished file.
    pub(crate) fn done(&mut self, report: &Report) {
        for warning in &report.warnings {
            if !self.told.contains(warning) {
                self.warning(warning);
            }
        }
        match self.style {
            Style::Quiet => {}
            Style::Json => Self::line(&Line::Complete { report }),
            Style::Human => {
                let retried: u64 = report.sessions.iter().map(|s| s.retried).sum();
                if retried > 0 {
                    self.say(&format!("note: {retried} browser(s) were lost and replaced"));
                }
                let seconds = report.stages.total_ms / 1000.0;
                let path = report.output.path.as_ref().map(|p| p.display().to_string());
                self.say(&format!(
                    "{}: {} frames, {}, in {seconds:.1} s ({:.1} frames per second)",
                    path.unwrap_or_default(),
                    report.output.frames,
                    HumanBytes(report.output.bytes.unwrap_or_default()),
                    report.output.frames as f64 / seconds.max(1e-3),
                ));
            }
        }
    }

    /// Shows that a picture was written to its file.
    pub(crate) fn wrote(&mut self, path: &Path, frame: &Frame, bytes: u64) {
        if self.style != Style::Quiet {
            self.say(&format!(
                "{}: frame {}, {}, {}",
                path.display(),
                frame.index.0,
                frame.picture.size,
                HumanBytes(bytes)
            ));
        }
    }

    pub(crate) fn warning(&mut self, warning: &Warning) {
        match self.style {
            Style::Quiet => {}
            Style::Json => Self::line(&Line::Warning { warning }),
            Style::Human => {
                self.say(&format!("warning: {}", warning.message));
                if let Some(hint) = &warning.hint {
                    self.say(&format!("hint: {hint}"));
                }
            }
        }
    }

    pub(crate) fn error(&mut self, error: &anyhow::Error, exit_code: u8) {
        self.clear();
        let ours = error.downcast_ref::<Error>();
        let job = error.downcast_ref::<pagereel::job::JobError>();
        let hint =
            ours.and_then(Error::hint).or_else(|| job.and_then(pagereel::job::JobError::hint));
        let console = ours.map(Error::console).unwrap_or_default();
        if self.style == Style::Json {
            let message = message_of(error);
            Self::line(&Line::Error { message, hint, console, exit_code });
            return;
        }
        self.say(&format!("error: {}", message_of(error)));
        if !console.is_empty() {
            self.say("the page's last console lines:");
            for line in console {
                self.say(&format!("  {line}"));
            }
        }
        if let Some(hint) = hint {
            self.say(&format!("hint: {hint}"));
        }
    }

    fn say(&mut self, text: &str) {
        self.clear();
        // An error is ignored: it cannot be reported, as standard error is closed.
        drop(writeln!(io::stderr(), "{text}"));
    }

    fn line(line: &Line<'_>) {
        // A reader that has gone away is no error either.
        if let Ok(text) = serde_json::to_string(line) {
            drop(writeln!(io::stdout(), "{text}"));
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn draw(&mut self, event: &Event) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(
                ProgressStyle::with_template(
                    "{wide_bar} {pos}/{len} frames  {per_sec}  {eta} left",
                )
                .expect("a valid template"),
            );
            bar
        });
        match (event.frame, event.frames) {
            (Some(frame), Some(frames)) => {
                bar.set_length(frames);
                bar.set_position(frame);
            }
            _ if event.status == Status::Preprocessing => {
                bar.set_style(
                    ProgressStyle::with_template("{spinner} {msg}").expect("a valid template"),
                );
                bar.set_message(event.message.clone());
                bar.tick();
            }
            _ if event.status == Status::Rendering => {
                // Frames begin: a new bar, so that its rate counts from here.
                self.clear();
            }
            _ => {}
        }
    }
}

impl Progress for Terminal {
    fn warning(&mut self, warning: &Warning) {
        Self::warning(self, warning);
        self.told.push(warning.clone());
    }

    fn event(&mut self, event: &Event) {
        let ended = matches!(event.status, Status::Complete | Status::Failed | Status::Cancelled);
        match self.style {
            Style::Quiet => {}
            Style::Json => {
                Self::line(&Line::Progress(event));
            }
            Style::Human if ended => self.clear(),
            Style::Human if io::stderr().is_terminal() => self.draw(event),
            Style::Human => {
                let due = self.last_line.is_none_or(|last| last.elapsed() > LINE_INTERVAL);
                if event.frame.is_none() || due || event.frame == event.frames {
                    self.last_line = Some(Instant::now());
                    self.say(&format!("{:3.0} % {}", event.percent, event.message));
                }
            }
        }
    }
}
