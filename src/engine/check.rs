//! A composition, looked at without rendering it.

use std::path::Path;

use super::Engine;
use super::backends::Pictures;
use crate::cancel::CancelToken;
use crate::check::Check;
use crate::error::Result;
use crate::job::Job;
use crate::plan::{self, Plan};
use crate::sink::SinkStats;
use crate::warning::Warning;

/// Codes of causes of other warnings: first files that did not load, then failures because of them.
const CAUSES: [&[&str]; 2] = [
    &[
        "link_refused",
        "request_blocked",
        "request_failed",
        "resource_failed",
        "script_failed",
        "stylesheet_failed",
        "composition_missing",
    ],
    &["page_error", "sub_timeline_script_failure"],
];

/// Puts the warnings that explain the rest before it.
fn put_causes_first(warnings: &mut [Warning]) {
    let rank = |warning: &Warning| {
        let is_of = |codes: &&[&str]| codes.contains(&warning.code.as_str());
        CAUSES.iter().position(is_of).unwrap_or(CAUSES.len())
    };
    warnings.sort_by_key(rank);
}

impl Engine {
    pub(super) fn look_at(&self, job: &Job, cancel: &CancelToken) -> Result<Check> {
        let job = &super::sized(job)?;
        job.validate()?;
        let mut silent = |_: &crate::progress::Event| {};
        let mut render = self.begin(job, &mut silent, cancel, SinkStats::default());
        render.pictures = Pictures::None;
        let (opened, planned, mut tree) = render.surely(&mut |render| {
            let (mut opened, size) = render.open()?;
            let planned = size.and_then(|size| {
                let (plan, warnings) = Plan::new(job, &opened.survey(size, render))?;
                render.warnings.extend(warnings);
                Ok(plan)
            });
            render.collect_warnings(&opened.page);
            let timeout = opened.options.load.call_timeout;
            let tree = opened.page.inspect(timeout)?;
            let planned = planned.and_then(|plan| opened.page.prove(timeout).map(|()| plan));
            Ok((opened, planned, tree))
        })?;

        // The address of our server means nothing to the user.
        put_causes_first(&mut render.warnings);
        let own = opened.server.as_ref().map(|server| server.url(Path::new("")));
        let plain = |text: &str| own.as_ref().map_or(text.into(), |own| text.replace(own, ""));
        for media in &mut tree.media {
            media.src = media.src.as_deref().map(plain);
        }
        for warning in &mut render.warnings {
            warning.message = plain(&warning.message);
        }

        // Without a plan, whatever can be reported on its own.
        let description = &opened.page.description;
        let frame_rate = plan::frame_rate(job, description).ok();
        let (duration, duration_source) = plan::duration(job, description, &[]).ok().unzip();
        Ok(Check {
            schema_version: plan::SCHEMA_VERSION,
            composition: opened.entry.to_string(),
            size: plan::size_of(job, description, &mut Vec::new()).ok(),
            frame_rate,
            duration,
            duration_source,
            frames: frame_rate.zip(duration).map(|(rate, secs)| rate.frames_in(secs)),
            tree,
            warnings: std::mem::take(&mut render.warnings),
            script_errors: opened.page.page_errors().iter().map(|text| plain(text)).collect(),
            console: opened.page.console().iter().map(|line| plain(line)).collect(),
            error: planned.err().map(|e| plain(&e.to_string())),
        })
    }
}
