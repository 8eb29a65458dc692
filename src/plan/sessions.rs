//! The number of browsers that draw, and their batches.

use std::num::{NonZeroU64, NonZeroUsize};

use crate::frame::Size;
use crate::job::Job;
use crate::pipeline::{Batches, Parallelism};

/// Pictures of one batch may take this much.
const BATCH_BYTES: u64 = 200 << 20;

/// Frames of a batch at most: those of two sessions in turn should not be far apart.
const MAX_BATCH: u64 = 24;

/// Frames that the sink may be behind before a session waits for it.
const WINDOW_SLACK: u64 = 4;

/// Pictures that wait for the sink while one session draws may take this much.
const REACH_BYTES: u64 = 64 << 20;

/// The fewest of them: frames differ in what they cost, and neither side should wait for the other
/// at each one.
const MIN_REACH: u64 = 4;

/// Frames below which another browser cannot save the time that it costs.
const MIN_FRAMES_PER_SESSION: u64 = 30;

/// Memory of the engine beside its sessions, of a browser, and of one that shows videos. Rough: it
/// is to keep the kernel from killing one, where a container's limit is tight.
const ENGINE_BYTES: u64 = 200 << 20;
const BROWSER_BYTES: u64 = 300 << 20;
const VIDEO_BROWSER_BYTES: u64 = 700 << 20;

/// The number of sessions that draw, and how far they may be ahead of the sink.
pub(super) fn parallelism(
    job: &Job,
    (size, is_hdr): (Size, bool),
    (first_frame, frames): (u64, u64),
    (cores, memory): (u32, Option<Memory>),
    reasons: &mut Vec<String>,
) -> Parallelism {
    let batches = batches(size, first_frame);
    let sessions = if let Some(workers) = job.capture.workers {
        reasons.push(format!("{workers} session(s): the job says so"));
        u64::from(workers)
    } else {
        let sessions = u64::from(cores).min(frames / MIN_FRAMES_PER_SESSION).clamp(1, 8);
        let batch_bytes = batches.length.get() * frame_bytes(size);
        let room = memory.map_or(u64::MAX, |memory| memory.sessions(batch_bytes));
        reasons.push(match sessions.min(room) {
            room if room < sessions => {
                let bytes = memory.map_or(0, |memory| memory.bytes);
                format!("at most {room} session(s) fit into {} MB of memory", bytes >> 20)
            }
            1 => format!("1 session: {cores} core(s), {frames} frames"),
            _ => format!("1 session, up to {sessions} as they pay off: {cores} cores"),
        });
        sessions.min(room)
    };
    let sessions = sessions.clamp(1, frames.max(1));
    let window = sessions * batches.length.get() + WINDOW_SLACK;
    let picture_bytes = if is_hdr { frame_bytes(size) / 2 * 3 } else { frame_bytes(size) };
    let reach = (REACH_BYTES / picture_bytes.max(1)).clamp(MIN_REACH, MAX_BATCH);
    let count = |n: u64| {
        let n = usize::try_from(n).ok().and_then(NonZeroUsize::new);
        n.expect("they are small and positive")
    };
    Parallelism { sessions: count(sessions), window: count(window), reach: count(reach), batches }
}

/// The memory that the engine and its browsers may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub bytes: u64,
    pub has_videos: bool,
}

impl Memory {
    /// The number of sessions that fit, each with a batch of so many bytes in flight; at least one.
    fn sessions(self, batch_bytes: u64) -> u64 {
        let browser = if self.has_videos { VIDEO_BROWSER_BYTES } else { BROWSER_BYTES };
        (self.bytes.saturating_sub(ENGINE_BYTES) / (browser + batch_bytes)).max(1)
    }
}

fn frame_bytes(size: Size) -> u64 {
    u64::from(size.width) * u64::from(size.height) * 4
}

/// Frames that one session draws in sequence. By the size alone: the pixels depend on it.
pub(super) fn batches(size: Size, first_frame: u64) -> Batches {
    let length = (BATCH_BYTES / frame_bytes(size).max(1)).clamp(1, MAX_BATCH);
    let length = NonZeroU64::new(length).unwrap_or(NonZeroU64::MIN);
    Batches { length, offset: first_frame % length }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 1920, height: 1080 };

    #[test]
    fn the_window_holds_more_than_the_sessions_and_is_bounded() {
        let mut job = Job::new("a.html", "a.mp4");
        for workers in [1, 2, 7] {
            job.capture.workers = Some(workers);
            for side in [2, 1000, 16_384] {
                let size = Size { width: side, height: side };
                let parallelism =
                    parallelism(&job, (size, false), (0, 10_000), (2, None), &mut Vec::new());
                assert_eq!(parallelism.sessions.get(), workers as usize);
                let batch = parallelism.batches.length.get();
                assert!((1..=MAX_BATCH).contains(&batch));
                assert_eq!(
                    parallelism.window.get() as u64,
                    batch * u64::from(workers) + WINDOW_SLACK
                );
                assert!(batch == 1 || batch * u64::from(side).pow(2) * 4 <= BATCH_BYTES);
                let reach = parallelism.reach.get() as u64;
                assert!(reach == 4 || reach * u64::from(side).pow(2) * 4 <= REACH_BYTES);
            }
        }
    }

    #[test]
    fn little_memory_gets_few_sessions() {
        let mut job = Job::new("a.html", "a.mp4");
        let mut reasons = Vec::new();
        let size = Size { width: 64, height: 36 };
        let mut sessions = |job: &Job, megabytes: u64, has_videos| {
            let memory = Memory { bytes: megabytes << 20, has_videos };
            parallelism(job, (size, false), (0, 9000), (8, Some(memory)), &mut reasons)
                .sessions
                .get()
        };
        assert_eq!(sessions(&job, 256, false), 1);
        assert_eq!(sessions(&job, 1024, false), 2);
        assert_eq!(sessions(&job, 1024, true), 1);
        assert_eq!(sessions(&job, 16_384, false), 8);
        job.capture.workers = Some(5);
        assert_eq!(sessions(&job, 256, false), 5, "the job says so");
        assert_eq!(reasons[1], "at most 2 session(s) fit into 1024 MB of memory");
    }

    #[test]
    fn few_frames_get_few_sessions() {
        let job = Job::new("a.html", "a.mp4");
        let sessions = |frames, cores| {
            parallelism(&job, (SIZE, false), (0, frames), (cores, None), &mut Vec::new())
                .sessions
                .get()
        };
        assert_eq!(
            (sessions(1, 8), sessions(60, 8), sessions(900, 2), sessions(900, 8)),
            (1, 2, 2, 8)
        );
    }
}
