//! Whether what a page has shown counts.

use std::time::Duration;

use super::BrowserError;
use super::page::Page;
use super::watch::Health;
use crate::time::FrameIndex;

/// How long the browser may take to notice that a renderer has ended.
const RENDERER_NEWS: Duration = Duration::from_millis(50);

impl Page {
    /// Takes note of processes of the browser that have come since, for [`Self::prove`].
    pub(crate) fn scan_processes(&mut self) {
        self.browser().watch.scan();
    }

    /// As [`Self::prove`], for a page that has loaded. What it was shown by before may end.
    pub(crate) fn prove_loaded(&mut self, timeout: Duration) -> Result<(), BrowserError> {
        self.browser().watch.forget_renderers();
        self.prove("loading the page", timeout)?;
        self.scan_processes();
        Ok(())
    }

    /// Finds out whether all that the page has shown so far came from processes that are still
    /// there. An error means that it may be wrong.
    pub(crate) fn prove(&mut self, doing: &str, timeout: Duration) -> Result<(), BrowserError> {
        match self.browser().watch.health() {
            Health::Well => Ok(()),
            Health::Lost(process) => {
                self.is_sound = false;
                let lost = BrowserError::Lost { process, doing: doing.into() };
                Err(self.browser().memory.explain(lost))
            }
            Health::RendererEnded => {
                // It may be one that nobody needs any more. The browser hears of it soon, and tells
                // of one that is missed before it answers.
                std::thread::sleep(RENDERER_NEWS);
                self.evaluate::<u8>("0", timeout).map(drop)
            }
        }
    }

    /// An error if the page has left by the composition's frame `by`, as far as that is known.
    ///
    /// It may have gone ahead of it, through frames that look the same.
    pub(crate) fn has_stayed(&self, by: FrameIndex) -> Result<(), BrowserError> {
        match self.log.staying.left() {
            Some(_) if self.log.staying.at.is_some_and(|at| at > by) => Ok(()),
            Some(what) => {
                let at = self.log.staying.at;
                Err(BrowserError::Left { what: what.to_owned(), at })
            }
            None => Ok(()),
        }
    }
}
