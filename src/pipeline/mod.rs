//! The one way a frame travels: source, queue, sink.
//!
//! Knows neither Chrome nor libav. Sessions render frames out of order, the queue restores the
//! order, and the sink sees every frame exactly once.

mod batch;
mod gate;
mod queue;
mod scale;

use std::any::Any;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use self::batch::Batches;
use self::gate::{CloseOnDrop, Gate};
pub use self::queue::{Bounds, FrameQueue, Inlet, Outlet, RecvError, Stopped, Ticket};
use self::scale::Scale;
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::{Frame, StreamInfo};
use crate::time::FrameIndex;

/// The number of times that a session is started again for one frame before the render fails.
const MAX_ATTEMPTS: u32 = 3;

/// The wait before the second new start for one frame.
const PAUSE: Duration = Duration::from_millis(300);

/// Renders frames. One per session.
///
/// A picture must depend on its index alone, never on which frames this source was asked for
/// before. A retried frame comes from a fresh source, and another number of sessions distributes
/// the frames differently. A source that draws a frame on top of the one before may rely on
/// [`Batches`] for speed, and makes up for frames of the batch that it was not asked for.
pub trait FrameSource {
    /// The number of frames that may be submitted and not yet collected, at least 1.
    ///
    /// With 2, the source draws the next frame while the caller still reads the last one.
    fn depth(&self) -> usize {
        1
    }

    /// Asks for one frame. The indices that one source gets rise.
    fn submit(&mut self, index: FrameIndex) -> Result<()>;

    /// Waits for the frame that was submitted first of those not yet collected.
    fn collect(&mut self) -> Result<Frame>;
}

/// Opens a source on the thread that will use it.
pub trait OpenSource: Sync {
    /// Opens the source of one session. Called again when that session's source has failed.
    fn open(&self, session: usize, cancel: &CancelToken) -> Result<Box<dyn FrameSource>>;

    /// Called with the reason why a session's source is about to be opened again.
    fn lost(&self, session: usize, error: &Error) {
        _ = (session, error);
    }

    /// Whether one more session is worth its start. Asked at the beginning for each session, and
    /// after each frame for the next one, until all sessions of the [`Parallelism`] are open.
    fn should_add_session(&self, throughput: &Throughput) -> bool {
        _ = throughput;
        true
    }

    /// Whether the session that was opened last is worth keeping, by the throughput without it and
    /// with it. Asked once, when it has had time to show that.
    fn should_keep_session(&self, without: &Throughput, with: &Throughput) -> bool {
        _ = (without, with);
        true
    }
}

/// The progress of a render, as autoscaling sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throughput {
    /// Sessions that have been asked to open.
    pub sessions: usize,
    /// Frames written since the last of those sessions was asked to open, not counting the first.
    pub written: u64,
    /// Frames that remain to be written.
    pub left: u64,
    /// The time in which `written` frames were written.
    pub elapsed: Duration,
    /// The part of that time for which the sink waited for frames.
    pub waited: Duration,
}

/// Takes frames in presentation order.
///
/// The calls are `begin write* finish`. A sink dropped without `finish` discards what it has written.
///
/// One that [takes sound](Self::takes_sound) gets `begin begin_sound (write write_sound*)* finish`, and
/// no call about sound where nothing is heard in the composition.
pub trait FrameSink: Send {
    /// Whether the sink takes the composition's sound beside the frames. Asked before all else.
    fn takes_sound(&self) -> bool {
        false
    }

    /// Called before the first frame, with size, rate, number of frames and color.
    fn begin(&mut self, stream: &StreamInfo) -> Result<()> {
        _ = stream;
        Ok(())
    }

    /// Called with the total number of samples of sound: the length of the picture.
    fn begin_sound(&mut self, samples: u64) -> Result<()> {
        _ = samples;
        Ok(())
    }

    /// Takes the next frame. Its index is one more than that of the frame before.
    fn write(&mut self, frame: Frame) -> Result<()>;

    /// Takes the next samples, at most a second of them: left and right, 48,000 of each per second,
    /// full scale at 1. After a frame they reach to its end, rounded to whole samples.
    fn write_sound(&mut self, samples: &[[f32; 2]]) -> Result<()> {
        _ = samples;
        Ok(())
    }

    /// Flushes, completes the output and gives it its final name.
    fn finish(self: Box<Self>) -> Result<Artifact>;
}

impl<S: FrameSink + ?Sized> FrameSink for Box<S> {
    fn takes_sound(&self) -> bool {
        (**self).takes_sound()
    }

    fn begin_sound(&mut self, samples: u64) -> Result<()> {
        (**self).begin_sound(samples)
    }

    fn write_sound(&mut self, samples: &[[f32; 2]]) -> Result<()> {
        (**self).write_sound(samples)
    }

    fn begin(&mut self, stream: &StreamInfo) -> Result<()> {
        (**self).begin(stream)
    }

    fn write(&mut self, frame: Frame) -> Result<()> {
        (**self).write(frame)
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        S::finish(*self)
    }
}

/// What a finished sink leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// Frames written.
    pub frames: u64,
    /// Bytes written, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// A digest of all frames, from sinks that make one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What the file says when it is read back, from sinks that do so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<serde_json::Value>,
    /// Further outputs of the same frames.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Self>,
}

/// How frames are dealt to sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Parallelism {
    /// Sources that render at the same time.
    pub sessions: NonZeroUsize,
    /// Frames that may be in flight between the first ticket and the sink when all sessions are
    /// open; for each that is not it is one batch less, and one batch at least.
    pub window: NonZeroUsize,
    /// How many frames after the one that the sink waits for a single session begins others; each
    /// further session goes on one batch more. What is drawn waits in memory.
    pub reach: NonZeroUsize,
    /// Which frames go to the same session.
    pub batches: Batches,
}

impl Parallelism {
    /// What may be in flight while so many `sessions` are open.
    fn bounds_of(&self, sessions: usize) -> Bounds {
        let batch = usize::try_from(self.batches.length.get()).unwrap_or(usize::MAX);
        let closed = self.sessions.get().saturating_sub(sessions).saturating_mul(batch);
        let window = NonZeroUsize::new(self.window.get().saturating_sub(closed));
        let ahead = sessions.saturating_sub(1).saturating_mul(batch);
        Bounds {
            window: window.unwrap_or(NonZeroUsize::MIN),
            reach: self.reach.saturating_add(ahead),
        }
    }
}

/// Statistics of the sessions, for the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Frames delivered by each session.
    pub delivered: Vec<u64>,
    /// Sources of each session that failed and were opened again.
    pub reopened: Vec<u64>,
}

/// Renders every frame of `stream` and writes it to `sink` in order.
///
/// The sink runs on the calling thread, the sessions on a pool of their own. `written` is called
/// with the number of frames written, after each. The sink is left unfinished: finishing it is a
/// stage of its own, whose beginning the caller reports.
pub fn run(
    stream: &StreamInfo,
    parallelism: Parallelism,
    sources: &dyn OpenSource,
    sink: &mut dyn FrameSink,
    cancel: &CancelToken,
    written: &mut dyn FnMut(u64),
) -> Result<SessionStats> {
    let sessions = parallelism.sessions.get();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(sessions)
        .thread_name(|i| format!("session-{i}"))
        .build()
        .map_err(|e| Error::System {
            doing: "cannot start the session threads",
            source: std::io::Error::other(e),
        })?;
    // Ends the sessions' waits when the sink fails; the caller's token stays untouched.
    let stop = cancel.child();
    let outcomes = Mutex::new(Vec::with_capacity(sessions));
    let gate = Gate::default();
    let working = AtomicUsize::new(0);
    let mut throughput = Throughput { left: stream.frames, ..Throughput::default() };
    while throughput.sessions < sessions
        && (throughput.sessions == 0 || sources.should_add_session(&throughput))
    {
        throughput.sessions += 1;
    }
    gate.open(throughput.sessions);
    let bounds = parallelism.bounds_of(throughput.sessions);
    let FrameQueue { inlet, mut outlet } =
        FrameQueue::new(stream.frames, bounds, parallelism.batches);

    let received = pool.in_place_scope(|scope| {
        for session in 0..sessions {
            let (inlet, stop, outcomes, gate) = (inlet.clone(), &stop, &outcomes, &gate);
            let working = &working;
            scope.spawn(move |_| {
                if !gate.pass(session) {
                    return;
                }
                let run =
                    SessionRun { session, sources, inlet: &inlet, cancel: stop, gate, working };
                let outcome = catch_unwind(AssertUnwindSafe(|| run.run())).unwrap_or_else(|e| {
                    let thread = format!("session-{session}");
                    Err(Error::Panicked { thread, message: panic_message(e.as_ref()) })
                });
                outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((session, outcome));
            });
        }
        drop(inlet);
        let mut scale = Scale::new(sessions, parallelism.batches.length.get());
        let mut on_frame = |outlet: &mut Outlet<Frame>, throughput: &mut Throughput, count| {
            let working = working.load(Ordering::Relaxed);
            if let Some(wanted) = scale.sessions(sources, throughput, working) {
                outlet.resize(parallelism.bounds_of(wanted));
                gate.open(wanted);
            }
            written(count);
        };
        // At any end of this function, no session waits at the gate forever.
        let _closed = CloseOnDrop(&gate);
        let received = receive(&mut outlet, sink, cancel, throughput, &mut on_frame);
        if received.is_err() {
            stop.cancel();
        }
        drop(outlet);
        received
    });

    let mut stats = SessionStats { delivered: vec![0; sessions], reopened: vec![0; sessions] };
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut result = received;
    for (session, outcome) in outcomes {
        match outcome {
            Ok(lane) => {
                stats.delivered[session] = lane.delivered;
                stats.reopened[session] = lane.reopened;
            }
            Err(e) => result = first_cause(result, Err(e)),
        }
    }
    result.map(|()| stats)
}

/// Moves frames from the queue into the sink until all are written.
fn receive(
    outlet: &mut Outlet<Frame>,
    sink: &mut dyn FrameSink,
    cancel: &CancelToken,
    mut throughput: Throughput,
    on_frame: &mut dyn FnMut(&mut Outlet<Frame>, &mut Throughput, u64),
) -> Result<()> {
    let mut count = 0;
    let mut since = Instant::now();
    loop {
        let asked = Instant::now();
        let received = outlet.recv();
        throughput.waited += asked.elapsed();
        match received {
            Ok(_) if cancel.is_cancelled() => return Err(Error::Cancelled),
            Ok(frame) => sink.write(frame)?,
            Err(RecvError::Finished) => return Ok(()),
            Err(RecvError::Missing(index)) => return Err(Error::MissingFrame(index)),
        }
        count += 1;
        throughput.left = throughput.left.saturating_sub(1);
        if throughput.elapsed.is_zero() {
            // The first frame's time is no measure: it includes opening the page, or another one.
            since = Instant::now();
            throughput.waited = Duration::ZERO;
            throughput.elapsed = Duration::from_nanos(1);
        } else {
            throughput.written += 1;
            throughput.elapsed = since.elapsed();
        }
        on_frame(outlet, &mut throughput, count);
    }
}

/// The work of one session.
#[derive(Debug, Default)]
struct SessionWork {
    delivered: u64,
    reopened: u64,
}

/// One session's share of the work.
struct SessionRun<'a> {
    session: usize,
    sources: &'a dyn OpenSource,
    inlet: &'a Inlet<Frame>,
    cancel: &'a CancelToken,
    gate: &'a Gate,
    /// Sessions that have delivered a frame.
    working: &'a AtomicUsize,
}

impl SessionRun<'_> {
    fn run(&self) -> Result<SessionWork> {
        let mut stats = SessionWork::default();
        // Opened under the first ticket: a source that cannot be opened loses a frame and so stops
        // the render, and no browser is started without work.
        let mut tickets = self.inlet.next_batch();
        if tickets.is_empty() {
            return Ok(stats);
        }
        let mut attempts = 1;
        let mut source = self.sources.open(self.session, self.cancel)?;
        let mut submitted = 0;

        while !tickets.is_empty() {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            match Self::advance(source.as_mut(), &tickets, &mut submitted) {
                Ok(Some(frame)) => {
                    attempts = 1;
                    submitted -= 1;
                    let ticket = tickets.pop_front().expect("a frame answers a ticket");
                    debug_assert_eq!(ticket.index(), frame.index, "frames answer in order");
                    if ticket.deliver(frame) == Err(Stopped) {
                        break;
                    }
                    if stats.delivered == 0 {
                        self.working.fetch_add(1, Ordering::Relaxed);
                    }
                    stats.delivered += 1;
                }
                Ok(None) => {}
                Err(e)
                    if e.is_transient()
                        && attempts < MAX_ATTEMPTS
                        && !self.cancel.is_cancelled() =>
                {
                    // The tickets outlive the browser, so the frames keep their places.
                    tracing::warn!(session = self.session, error = %e, "session lost, starting anew");
                    self.sources.lost(self.session, &e);
                    attempts += 1;
                    stats.reopened += 1;
                    drop(source);
                    // A fault that has happened twice may need a moment to pass.
                    if attempts > 2 && !self.cancel.pause(PAUSE) {
                        return Err(Error::Cancelled);
                    }
                    source = self.sources.open(self.session, self.cancel)?;
                    submitted = 0;
                }
                Err(e) => return Err(e),
            }
            // The next batch begins before the last one is complete.
            if !self.gate.keeps(self.session) {
                continue;
            }
            if tickets.is_empty() {
                tickets = self.inlet.next_batch();
            } else if tickets.len() < source.depth() {
                tickets.append(&mut self.inlet.try_batch());
            }
        }
        Ok(stats)
    }

    /// Submits as much as the source takes, then collects one frame.
    fn advance(
        source: &mut dyn FrameSource,
        tickets: &VecDeque<Ticket<Frame>>,
        submitted: &mut usize,
    ) -> Result<Option<Frame>> {
        for ticket in tickets.iter().take(source.depth()).skip(*submitted) {
            if *submitted == 0 {
                ticket.wait_to_begin();
            } else if !ticket.may_begin() {
                break;
            }
            source.submit(ticket.index())?;
            *submitted += 1;
        }
        if *submitted == 0 { Ok(None) } else { source.collect().map(Some) }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

/// Chooses the result that explains the failure.
fn first_cause(a: Result<()>, b: Result<()>) -> Result<()> {
    match (a, b) {
        (Ok(()), b) => b,
        (Err(a), Err(b)) if b.weight() > a.weight() => Err(b),
        (a, _) => a,
    }
}
