//! Options of an engine, for all of its renders.

use std::sync::Arc;
use std::time::Duration;

use super::turns::Turns;
use super::{Engine, Shared};
use crate::browser::BrowserPool;

/// The time for which browsers wait for the next render, by default.
const KEEP: Duration = Duration::from_secs(30);

/// Settings of an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineBuilder {
    keep: Duration,
    renders: usize,
    memory: Option<u64>,
}

impl EngineBuilder {
    pub(super) const fn new() -> Self {
        Self { keep: KEEP, renders: usize::MAX, memory: None }
    }

    /// Sets the time for which a browser of a successful render waits for the next one. Default: 30
    /// seconds. With zero each ends with its own render.
    #[must_use]
    pub const fn keep_browsers(mut self, patience: Duration) -> Self {
        self.keep = patience;
        self
    }

    /// Sets the number of requests that may run at the same time, at least 1; others wait for their
    /// turn. Default: any number.
    #[must_use]
    pub const fn renders_at_once(mut self, count: usize) -> Self {
        self.renders = if count == 0 { 1 } else { count };
        self
    }

    /// Sets the most memory in bytes that one render may count on: it opens fewer sessions then.
    /// Default: the limit of this process's control groups.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Builds the engine, with nothing started.
    pub fn build(self) -> Engine {
        let shared = Shared {
            pool: BrowserPool::new(self.keep),
            turns: Turns::new(self.renders),
            memory: self.memory,
        };
        Engine { shared: Arc::new(shared) }
    }
}
