//! The frames of one session.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::autoscale::{Load, should_add, should_keep};
use super::captures::LayerCaptures;
use super::open::load;
use super::{
    CONSOLE_LINES, CaptureRequest, Captured, DRAWING, FallbackChain, FrameGrabber, OpenError,
    OpenPage, SessionMeter, SessionOptions,
};
use crate::browser::{BrowserError, Page};
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::{Frame, Picture, Size};
use crate::page;
use crate::pipeline::{Batches, FrameSource, OpenSource, Throughput};
use crate::plan::Backend;
use crate::sys;
use crate::time::{FrameIndex, FrameRate};
use crate::warning::Warning;

/// The number of attempts to open a session's page before the render fails.
const OPEN_ATTEMPTS: u32 = 3;

/// The pause before another attempt, times the number of failed ones.
const OPEN_PAUSE: Duration = Duration::from_millis(200);

/// The interval between measurements of memory and processor time.
const METER_INTERVAL: Duration = Duration::from_millis(500);

/// The interval at which the browser of a page with videos gives back memory: it would keep half a
/// gigabyte of decoded pictures that are never shown again.
const RELEASE_INTERVAL: Duration = Duration::from_secs(1);

/// The position of a render's frames in the composition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub frame_rate: FrameRate,
    /// The composition's frame that is output frame 0.
    pub first: u64,
    /// The batches of output frames that are drawn in sequence.
    pub batches: Batches,
    /// The number of output frames.
    pub frames: u64,
    pub size: Size,
}

/// Opens the sessions of one render.
pub(crate) struct PageSources {
    pub fallback: Arc<FallbackChain>,
    pub timing: Timing,
    pub meter: Arc<SessionMeter>,
    /// The page of the probe, which becomes the first session's.
    pub probed: std::sync::Mutex<Option<OpenPage>>,
    /// The data for finding the number of sessions, where the job does not set it.
    pub autoscaling: Option<Autoscaling>,
}

/// The data for finding the number of sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Autoscaling {
    pub cores: u32,
    /// The time that opening the first session took.
    pub start: Duration,
    /// Processor time of this process until the first frame, in milliseconds.
    pub engine_cpu_ms: u64,
    /// Whether the page has videos.
    pub has_videos: bool,
}

impl OpenSource for PageSources {
    fn open(&self, session: usize, cancel: &CancelToken) -> Result<Box<dyn FrameSource>> {
        Ok(Box::new(self.open_page(session, cancel)?))
    }

    fn lost(&self, session: usize, error: &Error) {
        if let Error::Capture { index, source, .. } = error {
            self.fallback.lost(session, *index, source);
        }
    }

    fn should_add_session(&self, throughput: &Throughput) -> bool {
        let Some(autoscaling) = &self.autoscaling else { return true };
        if throughput.written == 0 {
            self.meter.begin_idle(sys::idle_ms());
            return false;
        }
        let idle_ms = sys::idle_ms().zip(self.meter.idle_at_begin());
        let idle_ms = idle_ms.map(|(now, begin)| now.saturating_sub(begin));
        let load = || {
            let cpu_per_frame = self.cpu_per_frame(autoscaling);
            let elapsed = throughput.elapsed.as_secs_f64();
            let used = cpu_per_frame.as_secs_f64() * throughput.written as f64 / elapsed;
            // A quota can be less than what is idle, and not every system says what is.
            let idle = idle_ms.map_or(f64::INFINITY, |ms| ms as f64 / 1e3 / elapsed);
            Load {
                start: autoscaling.start,
                start_cpu: Duration::from_millis(self.meter.start_cpu_ms())
                    / u32::try_from(throughput.sessions).unwrap_or(u32::MAX),
                cpu_per_frame,
                idle: idle.min(f64::from(autoscaling.cores) - used),
                has_videos: autoscaling.has_videos,
            }
        };
        if !should_add(throughput, load()) {
            return false;
        }
        // The browsers' figures may be half a second old, and too low.
        self.meter.refresh();
        let load = load();
        let wants = should_add(throughput, load);
        if wants {
            self.meter.session_added(throughput, load.idle);
        }
        wants
    }

    fn should_keep_session(&self, without: &Throughput, with: &Throughput) -> bool {
        let keeps = self.autoscaling.is_none() || should_keep(without, with);
        if !keeps {
            self.meter.session_ended(without, with);
        }
        keeps
    }
}

impl PageSources {
    /// Opens the page of one session.
    pub(crate) fn open_page(&self, session: usize, cancel: &CancelToken) -> Result<PageSource> {
        let probed = self.probed.lock().ok().and_then(|mut probed| probed.take());
        let (options, open) = match probed {
            Some(open) => (self.fallback.options(session), open),
            None => self.open_again(session, cancel)?,
        };
        self.meter.opened(open.page.group(), open.page.usage());
        Ok(PageSource {
            page: open.page,
            grabber: open.grabber,
            is_rewindable: open.description.rewindable,
            sought: open.sought,
            still_until: None,
            layers: options.takes_captures().then(LayerCaptures::default),
            options,
            fallback: Arc::clone(&self.fallback),
            timing: self.timing,
            queue: VecDeque::new(),
            under_way: None,
            meter: Arc::clone(&self.meter),
            session,
            metered: Instant::now(),
            has_videos: open.description.media.iter().any(|media| media.tag == "video"),
            released: Instant::now(),
        })
    }

    /// Processor time of all processes per frame, since the first session was ready.
    fn cpu_per_frame(&self, autoscaling: &Autoscaling) -> Duration {
        let engine = sys::cpu_ms().saturating_sub(autoscaling.engine_cpu_ms);
        let (_, chrome) = self.meter.totals();
        let chrome = chrome.saturating_sub(self.meter.start_cpu_ms());
        let frames = self.meter.captured().max(1);
        Duration::from_secs_f64((engine + chrome) as f64 / 1e3 / frames as f64)
    }

    /// Opens the page as the probe did. Tries a backend that worked then more than once, and then
    /// the next backend.
    fn open_again(
        &self,
        session: usize,
        cancel: &CancelToken,
    ) -> Result<(SessionOptions, OpenPage)> {
        let mut attempt = 1;
        loop {
            let options = self.fallback.options(session);
            match OpenPage::open(&options, cancel) {
                Ok(page) => return Ok((options, page)),
                Err(e) if attempt < OPEN_ATTEMPTS && e.is_transient() => {
                    if !cancel.pause(OPEN_PAUSE * attempt) {
                        return Err(Error::Cancelled);
                    }
                    attempt += 1;
                }
                Err(OpenError::CannotGrab(e) | OpenError::NoBrowser(e))
                    if !matches!(e, BrowserError::Cancelled)
                        && self.fallback.give_up(&options, &e) =>
                {
                    attempt = 1;
                }
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// The way in which a frame comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    /// From the browser.
    Asked,
    /// Not requested: the page has reported before that it looks like the last one.
    Known,
}

/// Renders the frames of one session, in any order.
pub(crate) struct PageSource {
    pub(super) page: Page,
    pub(super) grabber: Box<dyn FrameGrabber>,
    /// Whether the page can go back in time by itself.
    is_rewindable: bool,
    /// The composition's frame that was sought last.
    sought: Option<FrameIndex>,
    /// The last frame of the composition that is known to look like `sought`.
    still_until: Option<FrameIndex>,
    pub(super) options: SessionOptions,
    pub(super) fallback: Arc<FallbackChain>,
    pub(super) timing: Timing,
    /// Submitted frames, oldest first.
    queue: VecDeque<FrameIndex>,
    /// The state of the first frame in `queue`, once it is under way.
    under_way: Option<UnderWay>,
    pub(super) meter: Arc<SessionMeter>,
    pub(super) session: usize,
    metered: Instant,
    has_videos: bool,
    /// The time at which the browser last gave back memory.
    released: Instant,
    /// The memory of layers, for pages whose frames take more than one picture.
    pub(super) layers: Option<LayerCaptures>,
}

impl FrameSource for PageSource {
    fn depth(&self) -> usize {
        2
    }

    fn submit(&mut self, index: FrameIndex) -> Result<()> {
        self.queue.push_back(index);
        if self.under_way.is_some() { Ok(()) } else { self.start(index) }
    }

    fn collect(&mut self) -> Result<Frame> {
        let index = *self.queue.front().expect("collect follows submit");
        debug_assert!(self.under_way.is_some(), "the first frame in the queue is under way");
        let taken = self.finish(index)?;
        self.under_way = None;
        self.meter.took_one();
        self.fallback.delivered(self.session);
        if taken.is_same {
            self.meter.reused(self.session);
        }
        self.queue.pop_front();
        // The page draws the next frame while this one is decoded.
        if let Some(&next) = self.queue.front() {
            self.start(next)?;
        }
        let picture = self.decode(index)?;
        self.keep_house(index)?;
        Ok(Frame { index, picture })
    }
}

impl PageSource {
    /// Measures now and then, and makes the browser give back memory.
    pub(super) fn keep_house(&mut self, index: FrameIndex) -> Result<()> {
        if self.metered.elapsed() > METER_INTERVAL {
            self.metered = Instant::now();
            self.meter.sample(self.page.group(), self.page.usage());
            self.page.scan_processes();
        }
        if self.has_videos && self.released.elapsed() > RELEASE_INTERVAL {
            self.released = Instant::now();
            let released = self.page.release_memory(self.options.frame_timeout);
            released.map_err(|e| self.frame_error(index, e))?;
        }
        Ok(())
    }

    /// Seeks to one frame and asks for its picture.
    pub(super) fn start(&mut self, index: FrameIndex) -> Result<()> {
        let at = FrameIndex(self.timing.first + index.0);
        if self.sought.is_some_and(|sought| sought <= at)
            && self.still_until.is_some_and(|until| at <= until)
        {
            self.sought = Some(at);
            self.under_way = Some(UnderWay::Known);
            return Ok(());
        }
        let mut is_fresh = self.go_back(index, at)?;
        let before = self.timing.batches.before(index.0).min(at.0);
        let batch = if self.grabber.has_history() { at.0 - before } else { at.0 };
        let drawn = self.sought.filter(|&sought| !is_fresh && sought <= at);
        // Frames of the batch that this session did not get are drawn as well.
        let drawn = drawn.map(|drawn| self.still_until.map_or(drawn, |until| until.max(drawn)));
        let next = drawn.map_or(batch, |drawn| (drawn.0 + 1).clamp(batch, at.0));
        if is_fresh || drawn.is_none_or(|drawn| drawn.0 + 1 < next) {
            self.pass(index, FrameIndex(next))?;
        }
        for earlier in next..at.0 {
            self.begin(index, FrameIndex(earlier), batch, is_fresh, 0)?;
            if self.layers.is_some() {
                self.finish_captures(index)?;
            } else {
                self.finish(index)?;
                self.decode(index)?;
            }
            is_fresh = false;
        }
        let last = self.timing.batches.end_of(index.0).min(self.timing.frames);
        let ahead = if self.layers.is_some() { 0 } else { last.saturating_sub(index.0 + 1) };
        self.begin(index, at, batch, is_fresh, ahead)?;
        self.under_way = Some(UnderWay::Asked);
        Ok(())
    }

    /// Begins the composition's frame `at`, on the way to the output frame `index`.
    fn begin(
        &mut self,
        index: FrameIndex,
        at: FrameIndex,
        batch: u64,
        is_fresh: bool,
        ahead: u64,
    ) -> Result<()> {
        self.sought = Some(at);
        self.still_until = None;
        let rate = self.timing.frame_rate;
        let is_forced = !self.options.reuses;
        // The next document is shown from the frame in which it comes.
        let ahead = if is_forced || self.page.may_leave { 0 } else { ahead };
        let begins_batch = at.0 == batch;
        let request = CaptureRequest { at, rate, is_fresh, begins_batch, ahead, is_forced };
        self.begin_layers(index, request)?;
        let begun = self.grabber.begin(&mut self.page, request, self.options.frame_timeout);
        begun.map_err(|e| self.frame_error(index, e))
    }

    /// Makes the page visit the frames before the composition's frame `at` that are not drawn here.
    fn pass(&mut self, index: FrameIndex, at: FrameIndex) -> Result<()> {
        let timeout = self.options.frame_timeout;
        let grabber = &mut self.grabber;
        let rate = self.timing.frame_rate;
        let passed =
            page::pass(&mut self.page, at, rate, timeout, &mut |page| grabber.draw(page, timeout));
        passed.map_err(|e| self.frame_error(index, e))
    }

    pub(super) fn finish(&mut self, index: FrameIndex) -> Result<Captured> {
        if self.under_way == Some(UnderWay::Known) {
            return Ok(Captured { is_same: true, ..Captured::default() });
        }
        let timeout = self.options.frame_timeout;
        let finished = self.grabber.finish(&mut self.page, timeout).and_then(|taken| {
            self.page.prove(DRAWING, timeout)?;
            self.page.has_stayed(self.sought.unwrap_or(FrameIndex(0)))?;
            Ok(taken)
        });
        let mut taken = finished.map_err(|e| self.frame_error(index, e))?;
        if taken.still > 0 {
            self.still_until = self.sought.map(|sought| FrameIndex(sought.0 + taken.still));
        }
        self.meter.sought(self.session, taken.seek);
        self.meter.noted(taken.warnings.drain(..).map(Warning::from));
        Ok(taken)
    }

    pub(super) fn decode(&mut self, index: FrameIndex) -> Result<Arc<Picture>> {
        let mut decoded = self.grabber.decode(&mut self.page);
        // Its pixels have come only now.
        if self.options.backend == Backend::Canvas && decoded.is_ok() {
            let proof = self.page.prove(DRAWING, self.options.frame_timeout);
            decoded = decoded.and_then(|picture| proof.map(|()| picture));
        }
        let picture = decoded.map_err(|e| self.frame_error(index, e))?;
        if picture.size != self.timing.size {
            let (got, wanted) = (picture.size, self.timing.size);
            let text = format!("it is {got}, expected {wanted}");
            return Err(self.frame_error(index, BrowserError::Picture(text)));
        }
        Ok(picture)
    }

    /// Loads the page again if it has passed `at` and cannot go back. Returns whether it did.
    fn go_back(&mut self, index: FrameIndex, at: FrameIndex) -> Result<bool> {
        if self.sought.is_none_or(|sought| sought <= at) || self.can_rewind(index)? {
            return Ok(false);
        }
        let call = self.options.load.call_timeout;
        page::forget(&mut self.page, &self.options.load.url, call)
            .map_err(|e| self.frame_error(index, e))?;
        // The same page was ready before: if it is not this time, the frame is lost.
        let loaded = load(&mut self.page, self.grabber.as_mut(), &self.options, &mut |_| ())?;
        self.is_rewindable = loaded.description.rewindable;
        self.layers = self.options.takes_captures().then(LayerCaptures::default);
        loaded.refusal.map_or(Ok(true), Err)
    }

    /// Asks the page again, because timers may have come since it was loaded.
    fn can_rewind(&mut self, index: FrameIndex) -> Result<bool> {
        if !self.is_rewindable {
            return Ok(false);
        }
        match page::describe(&mut self.page, self.options.frame_timeout) {
            Ok(description) => Ok(description.rewindable),
            Err(e) => Err(self.frame_error(index, e)),
        }
    }

    pub(crate) fn frame_error(&self, index: FrameIndex, source: BrowserError) -> Error {
        match source {
            BrowserError::Cancelled => Error::Cancelled,
            source => {
                // Other errors of a page that has left do not matter.
                let source = match source {
                    source @ BrowserError::Left { .. } => source,
                    // It may have left during frames ahead.
                    source => self.page.has_stayed(FrameIndex(u64::MAX)).err().unwrap_or(source),
                };
                let index = match source {
                    BrowserError::Left { at: Some(at), .. } => {
                        FrameIndex(at.0.saturating_sub(self.timing.first))
                    }
                    _ => index,
                };
                let console = self.page.log.console_tail(CONSOLE_LINES);
                Error::Capture { index, source, console }
            }
        }
    }
}

impl Drop for PageSource {
    fn drop(&mut self) {
        self.meter.sample(self.page.group(), self.page.usage());
        self.meter.ended(self.page.group());
    }
}
