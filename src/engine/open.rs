//! Opens a page, measures it and plans for it.

use std::sync::Arc;

use super::backends::Pictures;
use super::guess::{GUESS, declared_size};
use super::options::{add_webgpu, draw_on_command, session_options};
use super::render::Render;
use super::{backends, media, wall, warnings};
use crate::av;
use crate::browser::BrowserError;
use crate::capture::{Autoscaling, OpenError, OpenPage, SessionOptions};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::job::{self, Entry};
use crate::network::{Access, NetworkOutcome, NetworkRequest, Policy};
use crate::plan::{self, Backend, Heard, Plan, Survey};
use crate::progress::Status;
use crate::serve::FileServer;
use crate::sink;
use crate::sys;
use crate::warning::Warning;

/// A page that is open, whether or not it can be rendered.
pub(super) struct Opened {
    pub(super) server: Option<FileServer>,
    pub(super) entry: Entry,
    pub(super) options: SessionOptions,
    pub(super) page: OpenPage,
    /// The reasons for the backend.
    pub(super) reasons: Vec<String>,
}

/// The results of the probe, for the capture.
pub(super) struct Prepared {
    /// The server of the composition, until the render ends.
    pub(super) server: Option<FileServer>,
    /// The options with which sessions are opened, and those for when that no longer works.
    pub(super) backends: Vec<SessionOptions>,
    pub(super) page: OpenPage,
    pub(super) autoscaling: Option<Autoscaling>,
}

impl Render<'_> {
    /// Opens the page, surveys it and makes the plan. The page becomes that of the first session.
    pub(super) fn prepare(&mut self) -> Result<(Plan, Prepared)> {
        let encoded = self.job.has_outputs();
        if encoded && self.job.is_sound_alone() {
            self.pictures = Pictures::None;
        }
        let opened = self.open();
        let (mut opened, size) = opened.map_err(|e| self.name_missing(e))?;
        let size = size.map_err(|e| self.name_missing(e))?;
        let mut survey = opened.survey(size, self);
        let plan = |render: &Self, survey: &Survey| {
            Plan::new(render.job, survey).map_err(|e| render.name_missing(e))
        };
        let mut planned = plan(self, &survey)?;
        if opened.options.backend == Backend::Canvas && self.pictures.are_wanted() {
            opened = self.verified(opened, &planned.0)?;
            survey.backend = opened.options.backend;
            survey.reasons.clone_from(&opened.reasons);
            planned = plan(self, &survey)?;
        }
        opened.options.transitions = planned.0.transitions.clone().into();
        if !planned.0.is_sound_alone() {
            survey.aligned_share = self.aligned_share(&mut opened, &planned.0)?;
            planned = plan(self, &survey)?;
            opened.leave_out(planned.0.layers)?;
        }
        opened.options.load.length = Some(planned.0.duration);
        let learned = self.rehearse(&mut opened, &planned.0)?;
        if encoded {
            survey.texts = Some(self.texts(&mut opened, &planned.0, &learned)?);
            planned = plan(self, &survey)?;
        }
        if self.may_hear(&planned.0)? {
            survey.heard = self.listen(&opened, planned.0.duration, learned);
            planned = plan(self, &survey)?;
            self.settle_loudness(&planned.0, &mut survey)?;
            planned = plan(self, &survey)?;
        }
        let (plan, warnings) = planned;
        self.warnings.extend(warnings);
        if encoded {
            sink::warn_about_space(&plan, &mut self.warnings);
        }
        self.warn_about_cuts(&opened.page, plan.duration);
        self.warn_about_alpha(&opened.page, &plan);
        self.collect_warnings(&opened.page);
        self.refuse_warnings()?;
        let Opened { server, options, page, .. } = opened;
        let autoscaling = self.job.capture.workers.is_none().then(|| Autoscaling {
            cores: sys::cores(),
            start: self.started.elapsed(),
            engine_cpu_ms: sys::cpu_ms(),
            has_videos: page.description.media.iter().any(|media| media.tag == "video"),
        });
        let backends =
            if self.pictures.are_left() { vec![options] } else { backends::all(self.job, options) };
        Ok((plan, Prepared { server, backends, page, autoscaling }))
    }

    /// Adds files that were not loaded to an error about the page.
    ///
    /// The first script, or data, is the likely cause.
    fn name_missing(&self, error: Error) -> Error {
        let Error::Composition { message, console, hint } = error else { return error };
        let requests = self.access.ledger.requests();
        let can_break = |r: &&NetworkRequest| {
            r.outcome != NetworkOutcome::Mapped && matches!(r.kind.as_str(), "script" | "fetch")
        };
        match requests.iter().find(can_break).and_then(warnings::of_request) {
            Some(Warning { message: missing, hint, .. }) => {
                Error::Composition { message: format!("{message}; {missing}"), console, hint }
            }
            None => Error::Composition { message, console, hint },
        }
    }

    /// Opens the page in its size. Returns, instead of the size, the error that makes a render
    /// impossible. Fails if there is no page at all.
    pub(super) fn open(&mut self) -> Result<(Opened, Result<Size>)> {
        let job = self.job;
        let entry = job.entry()?;
        let policy = job.network.policy.hosts().map_or(Policy::Allow, Policy::Only);
        let wall = wall::raise(job, &entry, &policy)?;
        let (server, url, guess) = match &entry {
            Entry::File { root, page } => {
                let socket = wall.listen().map_err(wall::no_server)?;
                let rules = (job.network.follow_symlinks, job.inline.clone());
                let server = FileServer::start(root, rules, socket)?;
                let url = server.url(page);
                self.files = Some(server.finder());
                let declared = declared_size(&root.join(page));
                (Some(server), url, declared)
            }
            Entry::Url(url) => (None, url.to_string(), None),
        };
        let cancel = self.cancel.clone();
        let mut access = Access::new(policy, job.network_map()?, &url);
        access.fonts = job.font_library(&entry)?;
        access.wall = wall;
        access.private = job.private_hosts();
        self.access = Arc::new(access.cancelled_by(move || cancel.is_cancelled()));
        let mut reasons = Vec::new();
        let candidate = if let Some(detour) = &self.detour {
            reasons.clone_from(&detour.reasons);
            detour.candidate.clone()
        } else {
            backends::choose(job, &entry, self.pictures.are_wanted(), &mut reasons)?
        };
        let guess = guess.filter(|&size| job::picture_size(size, job.scale).is_ok());
        let size = job.size.or(guess).unwrap_or(GUESS);
        let access = Arc::clone(&self.access);
        let mut options = session_options(job, candidate, url, size, access, &self.pool);
        if self.decodes_media {
            let offer = media::offer(server.as_ref(), &self.access);
            options.load.media = Some(offer.address);
            options.load.fonts = Some(offer.fonts);
            options.page.route = offer.route;
            self.light.library = offer.library;
        }
        options.is_blind = self.pictures.are_left();
        let (mut options, mut page, mut refusal) = self.open_page(options, &mut reasons)?;
        while add_webgpu(&mut options, &page)
            || self.pictures.are_wanted()
                && draw_on_command(job, &mut options, &page, &mut reasons, &mut self.warnings)
        {
            drop(page);
            (options, page, refusal) = self.open_page(options, &mut reasons)?;
        }
        self.access.stop_waiting();
        self.environment.insert("chrome".into(), page.product().to_owned());
        for (name, version) in av::versions() {
            self.environment.insert(name.into(), version);
        }

        // Sound has no size, so warnings about it are dropped.
        let mut unsaid = Vec::new();
        let warnings = if self.pictures.are_wanted() { &mut self.warnings } else { &mut unsaid };
        let size = plan::size_of(job, &page.description, warnings)
            .map_err(|message| Error::Composition { message, console: page.console(), hint: None })
            .and_then(|size| {
                job.check_resolution(size)?;
                job::picture_size(size, job.scale)?;
                Ok(size)
            });
        if let (None, &Ok(size)) = (&refusal, &size)
            && size != options.page.size
        {
            // Scripts may have measured the viewport already: only a new page is right.
            drop(page);
            options.resize(size);
            (options, page, refusal) = self.open_page(options, &mut reasons)?;
        }
        Ok((Opened { server, entry, options, page, reasons }, refusal.map_or(size, Err)))
    }

    /// Opens the composition; with the next backend if the chosen one cannot capture it.
    ///
    /// A page that does not become ready is returned with an error.
    pub(super) fn open_page(
        &mut self,
        options: SessionOptions,
        reasons: &mut Vec<String>,
    ) -> Result<(SessionOptions, OpenPage, Option<Error>)> {
        let mut options = options;
        loop {
            self.tried = Some(options.backend);
            let mut awaited = |what: &str| {
                self.reporter.stage(Status::Preprocessing, 5.0, format!("Waiting for {what}"));
            };
            match OpenPage::open_unready(&options, self.cancel, &mut awaited) {
                Ok((page, refusal)) => return Ok((options, page, refusal)),
                Err(OpenError::CannotGrab(e))
                    if !matches!(e, BrowserError::Cancelled) && !e.is_death() =>
                {
                    let Some(next) = backends::after(self.job, options.backend, &e, reasons) else {
                        return Err(OpenError::CannotGrab(e).into());
                    };
                    next.apply(&mut options);
                }
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl Opened {
    /// Facts about the page before its sound and its videos are examined.
    pub(super) fn survey(&self, size: Size, render: &Render<'_>) -> Survey {
        Survey {
            entry: self.entry.clone(),
            size,
            description: self.page.description.clone(),
            troubles: self.page.troubles(),
            console: self.page.console(),
            backend: self.options.backend,
            reasons: self.reasons.clone(),
            cores: sys::cores(),
            encoder_cores: render.encoder_cores,
            memory: sys::MemoryGroups::own().limit().into_iter().chain(render.memory).min(),
            texts: None,
            aligned_share: None,
            heard: Heard::Unasked,
            loudness: Vec::new(),
        }
    }
}
