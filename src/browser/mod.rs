//! Chrome as a process and as a protocol. Knows nothing of video.
//!
//! One process per [`Page`], which may have served another page before: pages that share a browser
//! share its compositor and starve each other. Commands travel over the DevTools *pipe*
//! (`--remote-debugging-pipe`, file descriptors 3 and 4), typed by `headless_chrome`'s generated
//! protocol. The pipe needs no port that other users of the machine could connect to, and Chrome
//! ends itself when it closes.

mod answers;
mod connection;
mod display;
mod error;
mod evaluate;
mod find;
mod flags;
mod fonts;
mod hearsay;
mod home;
mod intercept;
mod leave;
mod log;
mod page;
mod pool;
mod process;
mod proof;
mod screen;
mod staying;
mod watch;
mod watchdog;
mod workers;

pub(crate) use self::answers::CallId;
pub(crate) use self::display::find_xvfb;
pub use self::error::BrowserError;
pub(crate) use self::error::LEFT;
pub(crate) use self::find::{Chrome, ChromeKind, find, find_kind};
pub(crate) use self::flags::{Sandbox, Surface};
pub(crate) use self::hearsay::hear;
pub(crate) use self::page::{Page, PageOptions, Stage};
pub(crate) use self::pool::BrowserPool;
pub(crate) use self::process::{Usage, group_usage};
pub(crate) use self::screen::Screen;

pub(crate) use headless_chrome::protocol::cdp;
