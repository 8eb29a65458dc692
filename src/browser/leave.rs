//! Leaves a page's browser to the next page.

use std::time::{Duration, Instant};

use super::cdp::{Browser, Network, Storage, Target};
use super::page::Page;
use super::{BrowserError, Surface};

/// The longest time a page may take to go; after it, its browser is ended, too.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The interval at which the page is asked whether it is gone.
const POLL: Duration = Duration::from_millis(3);

impl Page {
    /// Closes the page and removes what it keeps in the browser.
    ///
    /// Scripts before the page's own, held requests and the viewport end with the session.
    pub(super) fn leave(&mut self) -> Result<(), BrowserError> {
        let is_window = self.browser().launch.surface() == Surface::Display;
        if is_window {
            self.navigate_to_blank()?;
        }
        let mut begun = Vec::new();
        if let Some(origin) = self.origin() {
            let clear = Storage::ClearDataForOrigin { origin, storage_Types: "all".into() };
            begun.push(self.begin_for_effect(&clear, TIMEOUT)?);
        }
        begun.push(self.begin_for_effect(&Network::ClearBrowserCookies(None), TIMEOUT)?);
        begun.push(self.begin_for_effect(&Network::ClearBrowserCache(None), TIMEOUT)?);
        for (id, name) in begun {
            self.finish(id, name, TIMEOUT, |_| Ok(()))?;
        }
        let session_id = self.session.take();
        self.call(Browser::ResetPermissions { browser_context_id: None }, TIMEOUT)?;
        match self.target.take() {
            // The browser would end with its only window.
            Some(_) if is_window => {
                let detach = Target::DetachFromTarget { session_id, target_id: None };
                self.call(detach, TIMEOUT).map(drop)
            }
            Some(target_id) => self.call(Target::CloseTarget { target_id }, TIMEOUT).map(drop),
            None => Ok(()),
        }
    }

    fn navigate_to_blank(&mut self) -> Result<(), BrowserError> {
        let origin = self.address.take();
        self.navigate("about:blank", TIMEOUT)?;
        self.address = origin;
        let until = Instant::now() + TIMEOUT;
        // Before the new document is there, the old one answers.
        let is_gone = "location.href === 'about:blank'";
        while !self.evaluate::<bool>(is_gone, TIMEOUT)? {
            if Instant::now() > until {
                let seconds = TIMEOUT.as_secs_f64();
                return Err(BrowserError::Timeout { doing: "leaving the page".into(), seconds });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn origin(&self) -> Option<String> {
        let origin = self.address.as_ref()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !self.is_for_others
            || !self.is_sound
            || self.log.crashed
            || std::thread::panicking()
            || !self.pool.keeps()
        {
            return;
        }
        match self.leave() {
            Ok(()) => {
                if let Some(browser) = self.browser.take() {
                    self.pool.put(browser);
                }
            }
            Err(e) => tracing::debug!(%e, "the browser is not kept"),
        }
    }
}
