//! The sinks' measurements for the report: times, and warnings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::color::ContentLightLevel;
use crate::warning::Warning;

/// Shared by all sinks of a render.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkStats(Arc<Times>);

#[derive(Debug, Default)]
struct Times {
    spent_ns: [AtomicU64; 4],
    stored_bytes: AtomicU64,
    warnings: Mutex<Vec<Warning>>,
    light: Mutex<Option<ContentLightLevel>>,
}

/// The kind of work that time is spent on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Scaling and color conversion.
    Convert,
    /// Mixing and encoding sound.
    Sound,
    /// Reading files back.
    Verify,
    /// Encoding frames that were kept, after the last was captured.
    Replay,
}

/// Counts time as that of a part until it is dropped.
#[must_use]
pub(super) struct Timer<'a> {
    total: &'a AtomicU64,
    start: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        let ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.total.fetch_add(ns, Ordering::Relaxed);
    }
}

impl SinkStats {
    pub(super) fn time(&self, part: Part) -> Timer<'_> {
        Timer { total: &self.0.spent_ns[part as usize], start: Instant::now() }
    }

    fn spent(&self, part: Part) -> Duration {
        Duration::from_nanos(self.0.spent_ns[part as usize].load(Ordering::Relaxed))
    }

    /// Time spent on scaling and color conversion.
    pub(crate) fn convert(&self) -> Duration {
        self.spent(Part::Convert)
    }

    /// Time spent on mixing and encoding sound.
    pub(crate) fn sound(&self) -> Duration {
        self.spent(Part::Sound)
    }

    /// Time spent on reading files back.
    pub(crate) fn verify(&self) -> Duration {
        self.spent(Part::Verify)
    }

    /// Time spent on frames that were kept.
    pub(crate) fn replay(&self) -> Duration {
        self.spent(Part::Replay)
    }

    /// Bytes of the frames that were kept in files.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.0.stored_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_stored(&self, bytes: u64) {
        self.0.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets the brightness of the frames for the sinks, before they finish.
    pub(crate) fn set_light(&self, level: Option<ContentLightLevel>) {
        *self.0.light.lock().unwrap_or_else(PoisonError::into_inner) = level;
    }

    pub(super) fn light(&self) -> Option<ContentLightLevel> {
        *self.0.light.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the warnings that have not been reported yet.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn warn(&self, warnings: impl Iterator<Item = Warning>) {
        let mut list = self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        list.extend(warnings);
    }
}
