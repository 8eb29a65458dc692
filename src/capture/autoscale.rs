//! The number of sessions that pays off, judged while frames are made.
//!
//! A render begins with one session. Once it has a throughput, one more is opened if the processors
//! have enough to spare that the frames that are left would come so much sooner that its start is
//! worth it. When it has shown what it brings, it is ended again if that is too little. Nothing is
//! launched only to measure. Which session draws a frame does not change the frame.

use std::time::Duration;

use crate::pipeline::Throughput;

/// Frames after which a throughput is one.
const FRAMES: u64 = 24;

/// The share of idle processors that one more session can use, as sessions and sink wait for each
/// other at times.
const USABLE: f64 = 0.85;

/// A start must be worth so many times its own time.
const WORTH: f64 = 1.5;

/// The part of a frame's time that one more session must save: less is lost again to caches and
/// memory that sessions share, and is not worth 0.3 GB.
const SAVING: f64 = 0.15;

/// The same where the page has videos: a session takes half a gigabyte then, and decoded pictures
/// are handed to each session anew. Measured on two cores, a second session saved 2 to 6 % of a render
/// of thirty clips, where the throughput at its beginning had promised 20.
const SAVING_WITH_VIDEOS: f64 = 0.3;

/// The part of a frame's time that a session must have saved to be kept.
const SAVED: f64 = 0.05;

/// Facts about a render, to judge one more session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Wall time of the first session's start.
    pub start: Duration,
    /// Processor time of one start, of all processes.
    pub start_cpu: Duration,
    /// Processor time of all processes per frame, so far.
    pub cpu_per_frame: Duration,
    /// Processors that were idle on average in the time of the throughput, of those that this process
    /// may use.
    pub idle: f64,
    /// Whether the page has videos.
    pub has_videos: bool,
}

/// Whether one more session would end the render sooner.
pub(super) fn should_add(throughput: &Throughput, load: Load) -> bool {
    if throughput.written < FRAMES {
        return false;
    }
    let Load { start, start_cpu, cpu_per_frame, idle, has_videos } = load;
    let now = seconds_per_frame(throughput);
    let waited = throughput.waited.as_secs_f64() / throughput.written as f64;
    let cpu = cpu_per_frame.as_secs_f64();
    let spare = idle.max(0.0) * USABLE;
    // No frame comes faster than the sink takes it, than the processors can make it, or than all
    // sessions together would if each were as fast as now.
    let sessions = throughput.sessions as f64;
    let then = (cpu / (cpu / now + spare)).max(now - waited).max(now * sessions / (sessions + 1.0));
    // A start may use what is idle; what it needs beyond that it takes from the frames.
    let start = start.as_secs_f64().max(start_cpu.as_secs_f64() / spare.max(0.05));
    let saving = if has_videos { SAVING_WITH_VIDEOS } else { SAVING };
    now - then > saving * now && throughput.left as f64 * (now - then) > WORTH * start
}

/// Whether frames have come so much faster with the last session than without it that it is kept.
pub(super) fn should_keep(without: &Throughput, with: &Throughput) -> bool {
    seconds_per_frame(with) < (1.0 - SAVED) * seconds_per_frame(without)
}

fn seconds_per_frame(throughput: &Throughput) -> f64 {
    throughput.elapsed.as_secs_f64() / throughput.written.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throughput(waited_ms: u64, left: u64) -> Throughput {
        Throughput {
            sessions: 1,
            written: 30,
            left,
            elapsed: Duration::from_millis(1500),
            waited: Duration::from_millis(waited_ms),
        }
    }

    fn with(idle: f64) -> Load {
        Load {
            start: Duration::from_millis(600),
            start_cpu: Duration::from_secs(1),
            cpu_per_frame: Duration::from_millis(50),
            idle,
            has_videos: false,
        }
    }

    #[test]
    fn a_session_must_be_worth_its_start() {
        // 50 ms per frame, of which the sink takes 10; one of two processors is idle.
        assert!(should_add(&throughput(1200, 200), with(1.0)));
        assert!(!should_add(&throughput(1200, 70), with(1.0)), "few frames are left");
        assert!(!should_add(&throughput(75, 2000), with(1.0)), "the sink is the slower end");
        assert!(!should_add(&throughput(1200, 2000), with(0.1)), "the processors are busy");
        assert!(!should_add(&throughput(1200, 2000), with(0.0)), "with whatever else");
        assert!(
            !should_add(&Throughput { written: 8, ..throughput(1200, 200) }, with(1.0)),
            "early"
        );
        // 50 ms become 37 with half a processor.
        let video = |idle| Load { has_videos: true, ..with(idle) };
        assert!(should_add(&throughput(1200, 900), with(0.4)));
        assert!(!should_add(&throughput(1200, 900), video(0.4)), "a video needs more reason");
        assert!(should_add(&throughput(1200, 900), video(1.0)));
    }

    #[test]
    fn a_session_that_brings_nothing_is_ended() {
        let after = |ms| Throughput {
            sessions: 2,
            written: 60,
            elapsed: Duration::from_millis(ms),
            ..Throughput::default()
        };
        assert!(should_keep(&throughput(0, 0), &after(2000)));
        assert!(!should_keep(&throughput(0, 0), &after(2950)));
        assert!(!should_keep(&throughput(0, 0), &after(4000)));
    }
}
