//! Compares canvas capture with the compositor's pictures before a frame is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Opened, Render, backends};
use crate::capture::OpenPage;
use crate::capture::verify::{compare, samples};
use crate::error::{Error, Result};
use crate::frame::Picture;
use crate::page::Tree;
use crate::plan::Plan;
use crate::time::{FrameIndex, FrameRate};

impl Render<'_> {
    /// Returns the page unchanged if canvas capture agrees with the next backend in sampled frames;
    /// else the page opened with that backend, with the reason.
    pub(super) fn verified(&mut self, mut opened: Opened, plan: &Plan) -> Result<Opened> {
        let mut options = opened.options.clone();
        let mut reasons = Vec::new();
        let next = backends::best(self.job, &mut reasons)?;
        next.apply(&mut options);
        let (options, mut other, refusal) = self.open_page(options, &mut reasons)?;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let (timeout, rate) = (options.frame_timeout, plan.stream.frame_rate);
        let tree = other.inspect(timeout)?;
        let edges = edges(&tree, rate, plan.first_frame);
        let mut agreed = 0;
        for sample in samples(plan.stream.frames, &edges) {
            let index = FrameIndex(plan.first_frame + sample);
            let take = |page: &mut OpenPage| page.picture(index, rate, timeout);
            let expected = take(&mut other)?;
            if let Some(objection) = objection(take(&mut opened.page), &expected)? {
                opened.reasons.push(format!("not canvas: frame {sample} {objection}"));
                opened.reasons.append(&mut reasons);
                self.environment.insert("chrome".into(), other.product().to_owned());
                return Ok(Opened { options, page: other, ..opened });
            }
            agreed += 1;
        }
        opened.reasons.push(format!("canvas: {agreed} frames agree with {}", options.backend));
        Ok(opened)
    }
}

/// The objection to a picture; an error only if the render was cancelled.
fn objection(drawn: Result<Arc<Picture>>, expected: &Picture) -> Result<Option<String>> {
    let drawn = match drawn {
        Ok(drawn) => drawn,
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        Err(error) => return Ok(Some(format!("is lost: {error}"))),
    };
    Ok(match compare(&drawn, expected) {
        Some(fidelity) if fidelity.is_faithful() => None,
        Some(fidelity) => Some(format!("is not what the compositor shows: {fidelity}")),
        None => Some(format!("is {}, expected {}", drawn.size, expected.size)),
    })
}

/// The output frames in which clips begin, or are no longer shown.
fn edges(tree: &Tree, rate: FrameRate, first: u64) -> BTreeSet<u64> {
    let times = tree.clips.iter().flat_map(|clip| [clip.start, clip.end].map(|n| n.map(|n| n.0)));
    let frames = times.flatten().filter_map(|secs| rate.frame_at(secs));
    frames.filter_map(|frame| frame.0.checked_sub(first)).collect()
}
