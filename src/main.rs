//! The program: arguments, signals, what is shown, exit code.

mod cli;
mod terminal;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use pagereel::confine::Confinement;
use pagereel::job::{JobError, NetworkPolicy};
use pagereel::report::WorkStatus;
use pagereel::{CancelToken, Engine, Error, Frame, Report, doctor};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::cli::{
    AssembleArgs, CheckArgs, ChunkArgs, Cli, Command, PlanArgs, RenderArgs, ReportTo, StatusArgs,
    StillArgs,
};
use crate::terminal::{Style, Terminal};

fn main() -> ExitCode {
    quiet_encoders();
    raise_open_files();
    let filter = EnvFilter::try_from_env("PAGEREEL_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();

    let cli = Cli::parse();
    let style = match (&cli.command, &cli.render) {
        (_, Some(args)) if args.json => Style::Json,
        (_, Some(args)) if args.quiet => Style::Quiet,
        (Some(Command::RenderChunk(args)), _) => args.machine.style(),
        (Some(Command::Assemble(args)), _) => args.machine.style(),
        (Some(Command::Still(args)), _) if args.quiet => Style::Quiet,
        _ => Style::Human,
    };
    let mut terminal = Terminal::new(style);
    let result = match (&cli.command, &cli.render) {
        (Some(Command::Doctor), _) => examine(),
        (Some(Command::Schema { of }), _) => print(&of.schema()),
        (Some(Command::Plan(args)), _) => plan(args, &mut terminal),
        (Some(Command::Check(args)), _) => check(args),
        (Some(Command::Still(args)), _) => still(args, &mut terminal),
        (Some(Command::RenderChunk(args)), _) => render_chunk(args, &mut terminal),
        (Some(Command::Assemble(args)), _) => assemble(args, &mut terminal),
        (Some(Command::Status(args)), _) => status(args),
        (None, Some(args)) => render(args, &mut terminal),
        (None, None) => unreachable!("clap asks for one of them"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(&error, exit_code(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Lets this process, and browsers with it, open as many files as renders may need, as far as it
/// may say so itself.
fn raise_open_files() {
    /// As many as are of use: each video and each connection takes one.
    const USEFUL: u64 = 8192;
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(USEFUL, |maximum| maximum.min(USEFUL));
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        // Where it stays, the engine says whether it is too low.
        setrlimit(Resource::Nofile, limit).ok();
    }
}

/// Keeps SVT-AV1 from writing to standard error, unless `SVT_LOG` is set.
///
/// It listens to nothing but the environment, so this cannot be a setting of the library.
fn quiet_encoders() {
    if std::env::var_os("SVT_LOG").is_none() {
        #[expect(unsafe_code, clippy::disallowed_methods, reason = "see above")]
        // SAFETY: called first in `main`, so no other thread reads the environment meanwhile.
        unsafe {
            std::env::set_var("SVT_LOG", "1");
        }
    }
}

/// 1 the render failed, 2 job or arguments invalid, 3 environment, 4 another plan, 75 browsers died or
/// a chunk was interrupted, 130 interrupted.
fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Error>() {
        Some(error) => error.exit_code(),
        None if error.is::<JobError>() || error.is::<BadArguments>() => 2,
        None if error.is::<Interrupted>() => 75,
        None => 1,
    }
}

/// Marks errors that come from what was typed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadArguments(String);

/// What a check says of a composition; it has said the rest already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct CannotRender(String);

fn read_job(args: &RenderArgs) -> Result<pagereel::Job> {
    args.job().map_err(bad_arguments)
}

fn bad_arguments(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<JobError>() {
        Ok(job) => job.into(),
        Err(other) => BadArguments(format!("{other:#}")).into(),
    }
}

/// Where a job does not trust its page with the network, it does not trust it with the disk either.
///
/// `PAGEREEL_CONFINE` says `auto` (so), `off`, or `required`.
fn confine<'a>(job: &pagereel::Job, writable: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let wanted = std::env::var("PAGEREEL_CONFINE").unwrap_or_default();
    match &*wanted {
        "off" => return Ok(()),
        "" | "auto" if job.network.policy == NetworkPolicy::Allow => return Ok(()),
        "" | "auto" | "required" => {}
        other => {
            let text = format!("PAGEREEL_CONFINE must be auto, off or required, found {other:?}");
            return Err(BadArguments(text).into());
        }
    }
    let writable: Vec<_> = writable.into_iter().collect();
    match pagereel::confine::confine(job, &writable) {
        Confinement::Open(reason) if wanted == "required" => {
            let text = format!("PAGEREEL_CONFINE is `required`, and files are open: {reason}");
            Err(BadArguments(text).into())
        }
        confinement => {
            tracing::info!(?confinement, "what files may be opened");
            Ok(())
        }
    }
}

/// An engine for one render.
fn engine() -> Engine {
    Engine::builder().keep_browsers(Duration::ZERO).build()
}

fn render(args: &RenderArgs, terminal: &mut Terminal) -> Result<()> {
    let job = read_job(args)?;
    if let Some(ReportTo::File(path)) = &args.report {
        check_report(path)?;
    }
    let plan = args.work.as_deref().map(prepared_folder).transpose()?;
    let writable = args.report.iter().filter_map(ReportTo::file);
    confine(&job, writable.chain(plan.as_deref()))?;
    let (engine, cancel) = (engine(), cancel_on_signals()?);
    let mut request = engine.request(&job).progress(terminal).cancel(&cancel);
    if let Some(folder) = &args.work {
        request = request.work(folder);
    }
    if args.keep_work {
        request = request.keep_work();
    }
    let report = request.render()?;
    terminal.done(&report);
    write_report(args.report.as_ref(), &report)
}

fn write_report(to: Option<&ReportTo>, report: &Report) -> Result<()> {
    match to {
        None => Ok(()),
        Some(ReportTo::Stdout) => print(&pretty(report)?),
        Some(ReportTo::File(path)) => fs::write(path, pretty(report)?)
            .with_context(|| format!("cannot write the report to {}", path.display())),
    }
}

/// Makes a work folder, so that it can be named before other places are closed. Returns a file in
/// it.
fn prepared_folder(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|e| {
        BadArguments(format!("cannot create the work folder {}: {e}", folder.display()))
    })?;
    Ok(folder.join("plan.json"))
}

/// An interrupted chunk is nobody's fault: whoever stops a worker starts it again.
fn render_chunk(args: &ChunkArgs, terminal: &mut Terminal) -> Result<()> {
    let index = args.index().map_err(bad_arguments)?;
    let job = args.job()?;
    let plan = args.folder().join("plan.json");
    confine(&job, args.machine.report.iter().filter_map(ReportTo::file).chain([&*plan]))?;
    let (engine, cancel) = (engine(), cancel_on_signals()?);
    let request = engine.request(&job).progress(terminal).cancel(&cancel);
    let report = request.render_chunk(args.folder(), index).map_err(|error| match error {
        Error::Cancelled => anyhow::Error::from(Interrupted),
        other => other.into(),
    })?;
    terminal.done(&report);
    write_report(args.machine.report.as_ref(), &report)
}

/// A chunk was interrupted.
#[derive(Debug, thiserror::Error)]
#[error("interrupted: what was finished of the chunk is kept")]
struct Interrupted;

fn assemble(args: &AssembleArgs, terminal: &mut Terminal) -> Result<()> {
    let job = args.job()?;
    let plan = args.folder().join("plan.json");
    confine(&job, args.machine.report.iter().filter_map(ReportTo::file).chain([&*plan]))?;
    let (engine, cancel) = (engine(), cancel_on_signals()?);
    let request = engine.request(&job).progress(terminal).cancel(&cancel);
    let report = request.assemble(args.folder())?;
    terminal.done(&report);
    write_report(args.machine.report.as_ref(), &report)
}

fn status(args: &StatusArgs) -> Result<()> {
    let status = WorkStatus::of(args.folder())?;
    print(&if args.json { pretty(&status)? } else { status.to_string() })
}

/// What would only be found out after the render.
fn check_report(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let reason = match parent.unwrap_or(Path::new(".")) {
        parent if !parent.is_dir() => format!("there is no directory {}", parent.display()),
        _ if path.is_dir() => "it is a directory".into(),
        _ => return Ok(()),
    };
    let text = format!("cannot write the report to {}: {reason}", path.display());
    Err(BadArguments(text).into())
}

fn plan(args: &PlanArgs, terminal: &mut Terminal) -> Result<()> {
    let job = read_job(&args.render)?;
    let folder = args.render.work.as_deref();
    let file = folder.map(prepared_folder).transpose()?;
    confine(&job, file.as_deref())?;
    let (engine, cancel) = (engine(), cancel_on_signals()?);
    let request = engine.request(&job).cancel(&cancel);
    let (text, warnings) = if let (Some(folder), Some(wanted)) = (folder, args.chunks) {
        let (chunks, plan, warnings) = request.plan_chunks(folder, wanted.number())?;
        let is_count = args.print.is_some();
        (if is_count { format!("{}\n", chunks.count) } else { pretty(&plan)? }, warnings)
    } else {
        let (plan, warnings) = request.plan()?;
        (pretty(&plan)?, warnings)
    };
    for warning in &warnings {
        terminal.warning(warning);
    }
    print(&text)
}

/// Standard output gets what was found, standard error what makes a render impossible.
fn check(args: &CheckArgs) -> Result<()> {
    let job = args.job().map_err(bad_arguments)?;
    confine(&job, [])?;
    let check = engine().request(&job).cancel(&cancel_on_signals()?).check()?;
    print(&if args.json { pretty(&check)? } else { check.to_string() })?;
    match check.error {
        Some(message) => Err(CannotRender(message).into()),
        None if !check.script_errors.is_empty() => {
            Err(CannotRender(format!("a script failed: {}", check.script_errors[0])).into())
        }
        None if job.strict && !check.warnings.is_empty() => {
            Err(Error::Strict(check.warnings).into())
        }
        None => Ok(()),
    }
}

fn still(args: &StillArgs, terminal: &mut Terminal) -> Result<()> {
    let (stills, format) = args.stills().map_err(bad_arguments)?;
    let job = args.job().map_err(bad_arguments)?;
    confine(&job, stills.iter().map(|still| &*still.path))?;
    let moments: Vec<_> = stills.iter().map(|still| still.moment).collect();
    let mut paths = stills.iter().map(|still| &still.path);
    let mut write = |frame: Frame| {
        let path = paths.next().expect("as many pictures as moments");
        let bytes = format.write(&frame.picture, path)?;
        terminal.wrote(path, &frame, bytes);
        Ok(())
    };
    let warnings =
        engine().request(&job).cancel(&cancel_on_signals()?).stills(&moments, &mut write)?;
    for warning in &warnings {
        terminal.warning(warning);
    }
    Ok(())
}

fn examine() -> Result<()> {
    let checkup = doctor::examine();
    print(&checkup.to_string())?;
    if checkup.is_able() { Ok(()) } else { Err(Error::Unable.into()) }
}

fn pretty(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Data goes to standard output; a reader that has gone away is not an error.
fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// The first Ctrl-C (or SIGTERM, or SIGHUP) cancels, the second ends the program at once.
///
/// Even then no browser and no profile is left: each has a watchdog that outlives us.
fn cancel_on_signals() -> Result<CancelToken> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let token = CancelToken::new();
    let cancel = token.clone();
    ctrlc::set_handler(move || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "asked for twice")]
            std::process::exit(130);
        }
        cancel.cancel();
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(token)
}
