//! A sink on a thread of its own, behind a bounded channel.
//!
//! Several outputs of the same frames are converted and encoded side by side. Each gets all frames,
//! in order, through a channel of its own, so what it writes depends neither on the others nor on
//! how fast they are. A full channel holds up the caller: the slowest output sets the pace.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::pipeline::{Artifact, FrameSink};

/// Frames that wait for one sink at most. Their pictures are shared with the other sinks.
const WAITING: usize = 4;

/// What goes through the channel. A channel that closes without `Finish` discards the output.
enum Message {
    Frame(Frame),
    Finish,
}

/// Hands frames to a sink that runs on a thread of its own.
#[derive(Debug)]
pub(super) struct OwnThread {
    /// `None` once `Finish` has been sent, or the sink has failed.
    frames: Option<Sender<Message>>,
    /// `None` once it has been joined.
    thread: Option<JoinHandle<Result<Artifact>>>,
    /// Ends the thread before what still waits in the channel is written.
    discard: CancelToken,
}

impl OwnThread {
    /// Starts the thread; `name` is for debuggers.
    pub(super) fn start(sink: Box<dyn FrameSink>, name: String) -> Result<Self> {
        let (frames, receiver) = bounded(WAITING);
        let discard = CancelToken::new();
        let stop = discard.clone();
        let thread = thread::Builder::new().name(name);
        let thread = thread.spawn(move || serve(sink, &receiver, &stop)).map_err(|source| {
            Error::System { doing: "cannot start the thread of an output", source }
        })?;
        Ok(Self { frames: Some(frames), thread: Some(thread), discard })
    }

    /// Hands over the next frame. Waits while the sink is `WAITING` frames behind.
    ///
    /// Fails with what the sink has failed with, at a frame before this one.
    pub(super) fn write(&mut self, frame: Frame) -> Result<()> {
        if let Some(frames) = &self.frames
            && frames.send(Message::Frame(frame)).is_ok()
        {
            return Ok(());
        }
        // The sink has let go of its end: it has failed.
        self.join().map(drop)
    }

    /// Asks the sink to finish, and does not wait for it.
    pub(super) fn begin_finish(&mut self) {
        if let Some(frames) = self.frames.take() {
            // A sink that has failed says so when it is joined.
            _ = frames.send(Message::Finish);
        }
    }

    /// Waits for the sink.
    pub(super) fn finish(mut self) -> Result<Artifact> {
        self.begin_finish();
        self.join()
    }

    fn join(&mut self) -> Result<Artifact> {
        self.frames = None;
        let Some(thread) = self.thread.take() else { return Err(Error::Cancelled) };
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for OwnThread {
    /// Waits until the sink is gone, and its unfinished files with it.
    fn drop(&mut self) {
        self.discard.cancel();
        self.frames = None;
        if let Some(thread) = self.thread.take() {
            // Who drops a sink has no use for its error.
            _ = thread.join();
        }
    }
}

/// Writes what comes until it is told to finish.
fn serve(
    mut sink: Box<dyn FrameSink>,
    messages: &Receiver<Message>,
    discard: &CancelToken,
) -> Result<Artifact> {
    for message in messages {
        if discard.is_cancelled() {
            break;
        }
        match message {
            Message::Frame(frame) => sink.write(frame)?,
            Message::Finish => return sink.finish(),
        }
    }
    Err(Error::Cancelled)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::frame::{Picture, PixelFormat, Size};
    use crate::time::FrameIndex;

    /// Notes what it gets. Fails at frame `bad`; says when it is gone.
    struct Fake {
        seen: Arc<Mutex<Vec<u64>>>,
        bad: u64,
        pause: Duration,
        gone: Arc<AtomicUsize>,
    }

    impl FrameSink for Fake {
        fn write(&mut self, frame: Frame) -> Result<()> {
            thread::sleep(self.pause);
            if frame.index.0 == self.bad {
                return Err(Error::MissingFrame(frame.index));
            }
            self.seen.lock().unwrap().push(frame.index.0);
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<Artifact> {
            Ok(Artifact { frames: self.seen.lock().unwrap().len() as u64, ..Artifact::default() })
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            self.gone.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn frame(index: u64) -> Frame {
        let size = Size { width: 1, height: 1 };
        let picture = Picture { size, format: PixelFormat::Rgba8, data: vec![0; 4] };
        Frame { index: FrameIndex(index), picture: Arc::new(picture) }
    }

    fn fake(bad: u64, pause_ms: u64) -> (OwnThread, Arc<Mutex<Vec<u64>>>, Arc<AtomicUsize>) {
        let (seen, gone) = (Arc::default(), Arc::default());
        let pause = Duration::from_millis(pause_ms);
        let sink = Fake { seen: Arc::clone(&seen), bad, pause, gone: Arc::clone(&gone) };
        (OwnThread::start(Box::new(sink), "fake".into()).unwrap(), seen, gone)
    }

    #[test]
    fn every_frame_is_written_once_and_in_order() {
        for count in 0..11 {
            let (mut sink, seen, gone) = fake(u64::MAX, 0);
            for index in 0..count {
                sink.write(frame(index)).unwrap();
            }
            assert_eq!(sink.finish().unwrap().frames, count);
            assert_eq!(*seen.lock().unwrap(), (0..count).collect::<Vec<_>>());
            assert_eq!(gone.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn what_the_sink_fails_with_is_the_error_of_a_later_call() {
        let (mut sink, seen, _) = fake(2, 0);
        let failed = (0..1000).find_map(|index| sink.write(frame(index)).err());
        assert!(matches!(failed, Some(Error::MissingFrame(FrameIndex(2)))), "{failed:?}");
        assert_eq!(*seen.lock().unwrap(), [0, 1]);

        let (mut sink, ..) = fake(0, 0);
        sink.write(frame(0)).unwrap();
        assert!(matches!(sink.finish(), Err(Error::MissingFrame(FrameIndex(0)))));
    }

    #[test]
    fn a_slow_sink_holds_up_the_caller() {
        let (mut sink, seen, _) = fake(u64::MAX, 5);
        for index in 0..20 {
            sink.write(frame(index)).unwrap();
            let behind = index + 1 - seen.lock().unwrap().len() as u64;
            // Those in the channel, and the one that is being written.
            assert!(behind <= WAITING as u64 + 1, "{behind} frames wait");
        }
        assert_eq!(sink.finish().unwrap().frames, 20);
    }

    #[test]
    fn a_sink_that_is_dropped_discards_what_waits() {
        let (mut sink, seen, gone) = fake(u64::MAX, 0);
        let held = seen.lock().unwrap();
        for index in 0..4 {
            sink.write(frame(index)).unwrap();
        }
        let discarded = sink.discard.clone();
        let dropping = thread::spawn(move || drop(sink));
        while !discarded.is_cancelled() {
            thread::yield_now();
        }
        // The sink stands at its first frame at the latest.
        drop(held);
        dropping.join().unwrap();
        assert!(seen.lock().unwrap().len() <= 1);
        assert_eq!(gone.load(Ordering::Relaxed), 1, "its files are gone, too");
    }
}
