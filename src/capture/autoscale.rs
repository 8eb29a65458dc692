//! Chooses the number of sessions while frames are made.
//!
//! A render begins with one session. Once it has a throughput, one more is opened if the remaining
//! frames would come so much sooner that its start pays off. Nothing is launched only to measure.
//! Which session draws a frame does not change the frame.

use std::time::Duration;

use crate::pipeline::Throughput;

/// Frames after which a throughput can be judged.
const FRAMES: u64 = 24;

/// The share of the processors that a render can keep busy: sessions and sink wait for each other
/// at times.
const BUSY: f64 = 0.85;

/// The factor by which a start must pay off: it takes processor time from frames.
const WORTH: f64 = 1.5;

/// The part of a frame's time that one more session must save where the page has videos: the
/// session takes half a gigabyte then, and gets all decoded pictures anew. Measured on two cores, a
/// second session saved 2 to 6 % of a render of thirty clips, where the throughput at the start had
/// promised 20 %.
const SAVING_WITH_VIDEOS: f64 = 0.3;

/// Facts about a render, to judge one more session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub cores: u32,
    /// The time that opening a session takes.
    pub start: Duration,
    /// Processor time of all processes per frame, so far.
    pub cpu_per_frame: Duration,
    /// Whether the page has videos.
    pub has_videos: bool,
}

/// Whether one more session would end the render sooner.
pub(super) fn should_add(throughput: &Throughput, circumstances: Load) -> bool {
    if throughput.written < FRAMES {
        return false;
    }
    let Load { cores, start, cpu_per_frame, has_videos } = circumstances;
    let per_frame = |time: Duration| time.as_secs_f64() / throughput.written as f64;
    let (now, sink) = (
        per_frame(throughput.elapsed),
        per_frame(throughput.elapsed.saturating_sub(throughput.waited)),
    );
    // No frame comes faster than the sink takes it, than the processors can make it, or than all
    // sessions together would if each were as fast as now.
    let sessions = throughput.sessions as f64;
    let then = (cpu_per_frame.as_secs_f64() / (f64::from(cores) * BUSY))
        .max(sink)
        .max(now * sessions / (sessions + 1.0));
    let saves_enough = !has_videos || now - then > SAVING_WITH_VIDEOS * now;
    saves_enough && throughput.left as f64 * (now - then) > WORTH * start.as_secs_f64()
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

    fn with(cpu_ms: u64) -> Load {
        Load {
            cores: 2,
            start: Duration::from_secs(1),
            cpu_per_frame: Duration::from_millis(cpu_ms),
            has_videos: false,
        }
    }

    #[test]
    fn a_session_must_be_worth_its_start() {
        // 50 ms per frame, of which the sink takes 10; the processors could make one in 24.
        assert!(should_add(&throughput(1200, 200), with(40)));
        assert!(!should_add(&throughput(1200, 40), with(40)), "few frames are left");
        assert!(!should_add(&throughput(75, 200), with(40)), "the sink is the slower end");
        assert!(!should_add(&throughput(1200, 200), with(84)), "the processors are busy");
        assert!(
            !should_add(&Throughput { written: 8, ..throughput(1200, 200) }, with(40)),
            "too soon"
        );
        // 50 ms become 35 at best with 60 ms of processor time.
        let video = |cpu| Load { has_videos: true, ..with(cpu) };
        assert!(should_add(&throughput(1200, 200), with(60)));
        assert!(!should_add(&throughput(1200, 200), video(60)), "a video needs more reason");
        assert!(should_add(&throughput(1200, 200), video(40)));
    }
}
