//! The pipeline with fake sources and sinks: order, bounds, faults.

use std::collections::VecDeque;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pagereel::color::Cicp;
use pagereel::error::BrowserError;
use pagereel::frame::{Alpha, PixelFormat, Size, StreamInfo};
use pagereel::parts::{
    Batches, Bounds, FrameQueue, FrameSource, OpenSource, Parallelism, RecvError, SessionStats,
    Throughput, Ticket, run,
};
use pagereel::time::{FrameIndex, FrameRate};
use pagereel::{Artifact, CancelToken, Error, Frame, FrameSink, Picture, Result};

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    CannotOpen,
    /// The source dies once, at this frame.
    DiesAt(u64),
    /// It dies there whenever it is asked.
    AlwaysDiesAt(u64),
    FatalAt(u64),
    PanicAt(u64),
}

struct Fake {
    fault: Fault,
    died: Arc<Mutex<bool>>,
    depth: usize,
    opened: AtomicUsize,
    /// Whether a session is wanted beside the first.
    wants: fn(&Throughput) -> bool,
    /// Whether one is kept when it has worked for a while.
    keeps: bool,
}

struct FakePage {
    fault: Fault,
    died: Arc<Mutex<bool>>,
    depth: usize,
    queue: VecDeque<FrameIndex>,
}

impl OpenSource for Fake {
    fn should_add_session(&self, throughput: &Throughput) -> bool {
        (self.wants)(throughput)
    }

    fn should_keep_session(&self, without: &Throughput, with: &Throughput) -> bool {
        assert_eq!((without.sessions, with.sessions), (1, 2));
        assert!(without.written >= 20 && with.written >= 18);
        self.keeps
    }

    fn open(&self, session: usize, _: &CancelToken) -> Result<Box<dyn FrameSource>> {
        self.opened.fetch_add(1, SeqCst);
        if matches!(self.fault, Fault::CannotOpen) && session == 3 {
            return Err(Error::Sink("no chrome".into()));
        }
        Ok(Box::new(FakePage {
            fault: self.fault,
            died: Arc::clone(&self.died),
            depth: self.depth,
            queue: VecDeque::new(),
        }))
    }
}

fn died(index: FrameIndex) -> Error {
    let source = BrowserError::Crashed { doing: "a test".into() };
    Error::Capture { index, source, console: Vec::new() }
}

impl FrameSource for FakePage {
    fn depth(&self) -> usize {
        self.depth
    }

    fn submit(&mut self, index: FrameIndex) -> Result<()> {
        assert!(self.queue.len() < self.depth);
        assert!(self.queue.back().is_none_or(|last| *last < index), "indices rise");
        self.queue.push_back(index);
        Ok(())
    }

    fn collect(&mut self) -> Result<Frame> {
        let index = self.queue.pop_front().unwrap();
        thread::sleep(Duration::from_micros(50 * (index.0 * 7 % 5)));
        match self.fault {
            Fault::DiesAt(n)
                if n == index.0 && !std::mem::replace(&mut *self.died.lock().unwrap(), true) =>
            {
                return Err(died(index));
            }
            Fault::AlwaysDiesAt(n) if n == index.0 => return Err(died(index)),
            Fault::FatalAt(n) if n == index.0 => return Err(Error::Sink("bad picture".into())),
            Fault::PanicAt(n) if n == index.0 => panic!("boom"),
            // The other sessions are not through before the failed one has had its turn.
            Fault::CannotOpen if index.0 >= 5 => thread::sleep(Duration::from_millis(10)),
            _ => {}
        }
        let size = Size { width: 1, height: 1 };
        let picture = Picture { size, format: PixelFormat::Rgb8, data: vec![0; 3] };
        Ok(Frame { index, picture: Arc::new(picture) })
    }
}

#[derive(Default)]
struct Log {
    seen: Vec<u64>,
    fail_at: Option<u64>,
}

impl FrameSink for Log {
    fn write(&mut self, frame: Frame) -> Result<()> {
        if self.fail_at == Some(frame.index.0) {
            return Err(Error::Sink("disk full".into()));
        }
        self.seen.push(frame.index.0);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact { frames: self.seen.len() as u64, ..Artifact::default() })
    }
}

fn go_as_wanted(
    fault: Fault,
    sink: &mut Log,
    cancel: &CancelToken,
    depth: usize,
    (wants, keeps): (fn(&Throughput) -> bool, bool),
) -> Result<(SessionStats, usize)> {
    let stream = StreamInfo {
        size: Size { width: 1, height: 1 },
        frame_rate: FrameRate::DEFAULT,
        frames: 200,
        alpha: Alpha::Opaque,
        color: Cicp::SRGB,
    };
    let parallelism = Parallelism {
        sessions: NonZeroUsize::new(5).unwrap(),
        window: NonZeroUsize::new(6).unwrap(),
        reach: NonZeroUsize::new(2).unwrap(),
        batches: Batches { length: NonZeroU64::new(3).unwrap(), offset: 1 },
    };
    let opened = AtomicUsize::new(0);
    let fake = Fake { fault, died: Arc::default(), depth, opened, wants, keeps };
    let mut written = 0;
    let stats = run(&stream, parallelism, &fake, sink, cancel, &mut |n| written = n)?;
    assert_eq!(written, 200);
    assert_eq!(stats.delivered.iter().sum::<u64>(), 200);
    Ok((stats, fake.opened.into_inner()))
}

fn go(fault: Fault, sink: &mut Log, cancel: &CancelToken, depth: usize) -> Result<Vec<u64>> {
    go_as_wanted(fault, sink, cancel, depth, (|_| true, true)).map(|(stats, _)| stats.reopened)
}

#[test]
fn sessions_are_opened_when_they_are_wanted() {
    let opened = |wants| {
        let mut sink = Log::default();
        let result = go_as_wanted(Fault::None, &mut sink, &CancelToken::new(), 2, (wants, true));
        assert!(sink.seen.iter().copied().eq(0..200));
        result.unwrap().1
    };
    assert_eq!(opened(|_| false), 1);
    assert_eq!(opened(|throughput| throughput.sessions == 1 && throughput.written >= 20), 2);
    // Those who wait at the gate when a session fails do not wait for ever.
    let mut sink = Log::default();
    let token = CancelToken::new();
    let result = go_as_wanted(Fault::FatalAt(7), &mut sink, &token, 2, (|_| false, true));
    assert!(result.unwrap_err().to_string().ends_with("bad picture"));
}

#[test]
fn a_session_that_is_not_worth_keeping_ends() {
    let mut sink = Log::default();
    let wants: fn(&Throughput) -> bool = |now| now.sessions == 1 && now.written >= 20;
    let went = go_as_wanted(Fault::None, &mut sink, &CancelToken::new(), 2, (wants, false));
    assert!(sink.seen.iter().copied().eq(0..200));
    let (stats, opened) = went.unwrap();
    assert_eq!(opened, 2, "no other one is tried");
    // Nine batches of three frames at most until it is judged, and what is in flight then.
    assert!(stats.delivered[1] <= 40, "{:?}", stats.delivered);
}

fn fails(fault: Fault, sink: &mut Log) -> String {
    go(fault, sink, &CancelToken::new(), 2).unwrap_err().to_string()
}

#[test]
fn in_order_for_any_depth() {
    for depth in 1..=3 {
        let mut sink = Log::default();
        go(Fault::None, &mut sink, &CancelToken::new(), depth).unwrap();
        assert!(sink.seen.iter().copied().eq(0..200));
    }
}

#[test]
fn a_crashed_page_costs_no_frame() {
    let mut sink = Log::default();
    let reopened = go(Fault::DiesAt(50), &mut sink, &CancelToken::new(), 2).unwrap();
    assert!(sink.seen.iter().copied().eq(0..200));
    assert_eq!(reopened.iter().sum::<u64>(), 1);
}

#[test]
fn a_page_that_always_crashes_is_given_up() {
    let text = fails(Fault::AlwaysDiesAt(50), &mut Log::default());
    assert_eq!(text, "frame 50: the page's renderer crashed while a test");
}

#[test]
fn the_cause_is_reported_not_its_echo() {
    let cause = "the frame sink failed: ";
    assert_eq!(fails(Fault::FatalAt(77), &mut Log::default()), format!("{cause}bad picture"));
    let text = fails(Fault::PanicAt(77), &mut Log::default());
    assert!(text.ends_with("panicked (a bug): boom"), "{text}");
    let mut sink = Log::default();
    assert_eq!(fails(Fault::CannotOpen, &mut sink), format!("{cause}no chrome"));
    assert!(sink.seen.len() < 50, "stopped at once");
    let mut sink = Log { fail_at: Some(9), ..Log::default() };
    assert_eq!(fails(Fault::None, &mut sink), format!("{cause}disk full"));
}

#[test]
fn a_cancelled_run_stops() {
    let token = CancelToken::new();
    token.cancel();
    let result = go(Fault::None, &mut Log::default(), &token, 2);
    assert!(matches!(result, Err(Error::Cancelled)));
}

#[test]
fn frames_arrive_in_order_and_memory_is_bounded() {
    for (window, length) in [(1, 1), (2, 1), (3, 1), (8, 1), (8, 3), (8, 8), (2, 5)] {
        let batches = Batches { length: NonZeroU64::new(length).unwrap(), offset: 2 };
        let queue = FrameQueue::<u64>::new(
            300,
            Bounds::window(NonZeroUsize::new(window).unwrap()),
            batches,
        );
        let (inlet, mut outlet) = (queue.inlet, queue.outlet);
        let (held, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|s| {
            for session in 0..6_u64 {
                let (inlet, held, peak) = (inlet.clone(), &held, &peak);
                s.spawn(move || {
                    let next = || Some(inlet.next_batch()).filter(|batch| !batch.is_empty());
                    for ticket in std::iter::from_fn(next).flatten() {
                        let index = ticket.index().0;
                        // Every seventh frame is slow, so that later ones overtake it.
                        let slow = index % 7 == 0;
                        let pause = if slow { 900 } else { 30 + session * 10 };
                        thread::sleep(Duration::from_micros(pause));
                        peak.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
                        ticket.deliver(index).unwrap();
                    }
                });
            }
            drop(inlet);
            for expected in 0..300 {
                assert_eq!(outlet.recv(), Ok(expected));
                held.fetch_sub(1, SeqCst);
            }
            assert_eq!(outlet.recv(), Err(RecvError::Finished));
        });
        let window = window.max(usize::try_from(length).unwrap());
        assert!(peak.load(SeqCst) <= window + 1, "window {window}: held {}", peak.load(SeqCst));
    }
}

#[test]
fn a_lost_frame_is_named() {
    let queue =
        FrameQueue::<u64>::new(10, Bounds::window(NonZeroUsize::new(4).unwrap()), Batches::SINGLE);
    let (inlet, mut outlet) = (queue.inlet, queue.outlet);
    inlet.next_batch().pop_front().unwrap().deliver(0).unwrap();
    drop(inlet.next_batch());
    assert_eq!(outlet.recv(), Err(RecvError::Missing(FrameIndex(1))));
    assert!(inlet.next_batch().is_empty() && inlet.try_batch().is_empty());
}

#[test]
fn a_frame_begins_only_near_the_one_that_is_awaited() {
    let batches = Batches { length: NonZeroU64::new(8).unwrap(), offset: 0 };
    let count = |n| NonZeroUsize::new(n).unwrap();
    let bounds = |reach| Bounds { window: count(8), reach: count(reach) };
    let FrameQueue { inlet, mut outlet } = FrameQueue::<u64>::new(10, bounds(3), batches);
    let mut tickets = inlet.next_batch();
    let begin = |tickets: &VecDeque<Ticket<u64>>| -> Vec<u64> {
        tickets.iter().filter(|ticket| ticket.may_begin()).map(|ticket| ticket.index().0).collect()
    };
    assert_eq!((tickets.len(), begin(&tickets)), (8, vec![0, 1, 2]));
    for frame in 0..3 {
        tickets.pop_front().unwrap().deliver(frame).unwrap();
    }
    assert!(begin(&tickets).is_empty(), "three pictures wait for the sink");
    assert_eq!(outlet.recv(), Ok(0));
    assert_eq!(begin(&tickets), [3]);
    outlet.resize(bounds(5));
    assert_eq!(begin(&tickets), [3, 4, 5]);
    thread::scope(|scope| {
        let last = tickets.back().unwrap();
        let waiting = scope.spawn(|| last.wait_to_begin());
        drop(outlet);
        waiting.join().unwrap();
    });
}

#[test]
fn a_full_window_gives_no_ticket() {
    let batches = Batches { length: NonZeroU64::new(2).unwrap(), offset: 1 };
    let queue = FrameQueue::<u64>::new(10, Bounds::window(NonZeroUsize::new(3).unwrap()), batches);
    let (inlet, mut outlet) = (queue.inlet, queue.outlet);
    let mut tickets = inlet.try_batch();
    assert_eq!(tickets.len(), 1, "the first batch has begun before frame 0");
    tickets.append(&mut inlet.try_batch());
    let indices: Vec<_> = tickets.iter().map(|ticket| ticket.index().0).collect();
    assert_eq!(indices, [0, 1, 2]);
    assert!(inlet.try_batch().is_empty());
    tickets.pop_back().unwrap().deliver(2).unwrap();
    assert!(inlet.try_batch().is_empty(), "frame 0 still holds the window");
    tickets.pop_front().unwrap().deliver(0).unwrap();
    tickets.pop_front().unwrap().deliver(1).unwrap();
    assert_eq!((outlet.recv(), outlet.recv()), (Ok(0), Ok(1)));
    assert_eq!(inlet.try_batch()[0].index(), FrameIndex(3));
}
