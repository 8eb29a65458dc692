//! What a finished render says of itself.

use super::Render;
use super::render::ms;
use crate::capture::SessionMeter;
use crate::color::ContentLightLevel;
use crate::pipeline::{Artifact, SessionStats};
use crate::plan::{Plan, SCHEMA_VERSION};
use crate::report::{Report, Resources, SessionReport};
use crate::sys;

impl Render<'_> {
    /// How bright the frames of a PQ stream are, also those that were finished before.
    pub(super) fn level(&self, plan: &Plan) -> Option<ContentLightLevel> {
        let (now, before) = (self.light.level(&plan.stream)?, self.light_before);
        Some(before.map_or(now, |before| before.max(now)))
    }

    pub(super) fn report(
        &mut self,
        plan: &Plan,
        output: Artifact,
        stats: &SessionStats,
        meter: &SessionMeter,
    ) -> Report {
        let (chrome_peak_bytes, chrome_cpu_ms) = meter.totals();
        let sessions = stats.delivered.iter().zip(&stats.reopened).enumerate();
        let content_light = self.level(plan);
        let mut decisions = meter.decisions();
        decisions.extend(self.fallback.iter().flat_map(|fallback| fallback.reasons()));
        Report {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            plan: plan.clone(),
            decisions,
            output,
            stages: self.stages,
            sessions: sessions
                .map(|(i, (&captured, &retried))| SessionReport {
                    captured,
                    reused: meter.reused_by(i),
                    seek_ms: ms(meter.sought_by(i)),
                    retried,
                })
                .collect(),
            resources: Resources {
                engine_peak_bytes: sys::peak_resident_bytes(),
                chrome_peak_bytes,
                engine_cpu_ms: sys::cpu_ms().saturating_sub(self.cpu_at_start),
                chrome_cpu_ms,
                chrome_start_cpu_ms: meter.start_cpu_ms(),
                stored_bytes: self.clock.stored_bytes(),
            },
            content_light,
            warnings: std::mem::take(&mut self.warnings),
            network: self.access.ledger.requests(),
            isolation: self.access.wall.isolation(),
            environment: std::mem::take(&mut self.environment),
        }
    }
}
