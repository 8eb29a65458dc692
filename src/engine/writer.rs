//! A render into a writer of the caller's.
//!
//! The output is a named pipe, which a thread reads: the sinks can already write to pipes.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::request::Request;
use crate::error::{Error, Result};
use crate::job::{Job, JobError};
use crate::report::Report;

/// The interval at which the reader checks whether the render has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Renders `request` into `writer`.
pub(super) fn render_to(request: Request<'_>, mut writer: impl Write + Send) -> Result<Report> {
    let Some(format) = request.job().format else {
        let missing = JobError::BadValue {
            path: "format".into(),
            found: "nothing".into(),
            expected: "the kind of output, such as mp4, for a writer".into(),
        };
        return Err(missing.into());
    };
    let place = tempfile::env::temp_dir();
    let failed = Error::io("cannot make a pipe in", &place);
    let directory = tempfile::tempdir_in(&place).map_err(failed)?;
    let path = directory.path().join(format!("writer.{}", format.word()));
    let reader = make_pipe(&path).map_err(Error::io("cannot make a pipe", &path))?;

    let job = Job { output: Some(path), ..request.job().clone() };
    let (asked, cancel) = (request.token().clone(), request.token().child());
    let ended = AtomicBool::new(false);
    let (rendered, written) = thread::scope(|scope| {
        let copied = scope.spawn(|| {
            let copied = copy(&reader, &mut writer, &ended);
            if copied.is_err() {
                cancel.cancel();
                drain(&reader, &ended);
            }
            copied
        });
        let rendered = request.render_instead(&job, &cancel);
        ended.store(true, Ordering::Release);
        (rendered, copied.join())
    });
    // A panic of the writer's is passed on.
    let written = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match (rendered, written) {
        (Err(Error::Cancelled), Err(e)) if !asked.is_cancelled() => Err(Error::Sink(e.into())),
        (Ok(_), Err(e)) => Err(Error::Sink(e.into())),
        (rendered, _) => rendered.map(|mut report| {
            report.output.path = None;
            report
        }),
    }
}

/// Makes a pipe and opens it for reading. It is open for writing as well, so that it does not end
/// before the render does.
fn make_pipe(path: &Path) -> io::Result<File> {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

/// Copies all bytes until `ended` is set and none are left.
fn copy(reader: &File, writer: &mut impl Write, ended: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let was_ended = ended.load(Ordering::Acquire);
        match (&*reader).read(&mut buffer) {
            Ok(0) => return writer.flush(),
            Ok(count) => writer.write_all(&buffer[..count])?,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                if was_ended {
                    return writer.flush();
                }
                wait(reader)?;
            }
            Err(e) => return Err(e),
        }
    }
}

/// Discards all bytes until `ended`: a render that is being cancelled must not wait for a reader.
fn drain(reader: &File, ended: &AtomicBool) {
    while !ended.load(Ordering::Acquire) && copy(reader, &mut io::sink(), ended).is_ok() {}
}

/// Waits a while for bytes to read.
fn wait(reader: &File) -> io::Result<()> {
    let within =
        Timespec { tv_sec: 0, tv_nsec: i64::try_from(LOOK.as_nanos()).unwrap_or_default() };
    match poll(&mut [PollFd::new(reader, PollFlags::IN)], Some(&within)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
