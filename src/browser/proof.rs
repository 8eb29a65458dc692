//! Decides whether the page's pictures count.

use std::time::Duration;

use super::BrowserError;
use super::page::Page;
use super::watch::Health;
use crate::time::FrameIndex;

/// The longest time that the browser takes to notice that a renderer has ended.
const RENDERER_NEWS: Duration = Duration::from_millis(50);

impl Page {
    /// Records processes of the browser that have come since, for [`Self::prove`].
    pub(crate) fn scan_processes(&mut self) {
        self.browser().watch.scan();
    }

    /// Checks as [`Self::prove`] does, for a page that has loaded. Earlier renderers may end.
    pub(crate) fn prove_loaded(&mut self, timeout: Duration) -> Result<(), BrowserError> {
        self.browser().watch.forget_renderers();
        self.prove("loading the page", timeout)?;
        self.scan_processes();
        Ok(())
    }

    /// Checks that all processes that the page's pictures came from are still there. An error means
    /// that the pictures may be wrong.
    pub(crate) fn prove(&mut self, doing: &str, timeout: Duration) -> Result<(), BrowserError> {
        match self.browser().watch.health() {
            Health::Well => Ok(()),
            Health::Lost(process) => {
                self.is_sound = false;
                let lost = BrowserError::Lost { process, doing: doing.into() };
                Err(self.browser().memory.explain(lost))
            }
            Health::RendererEnded => {
                // The renderer may be one that is no longer needed. The browser soon learns of its
                // end, and reports a needed one before it answers.
                std::thread::sleep(RENDERER_NEWS);
                self.evaluate::<u8>("0", timeout).map(drop)
            }
        }
    }

    /// Fails if the page has left by the composition's frame `by`, as far as that is known.
    ///
    /// The page may have moved ahead of that frame, through frames that look the same.
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
