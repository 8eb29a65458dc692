//! Chooses between SDR and HDR, where the job leaves it to the page.
//!
//! HDR if a video with readable light is on screen in one of the frames, or the page has such a
//! picture: PQ if any of these is, else HLG. SDR where the job asks for something that HDR does not
//! have, with a warning that names it. Callers' own sinks get HDR only if the job asks for it.

use crate::job::{ColorMode, Job};
use crate::page::{Description, Media, Number};
use crate::warning::Warning;

/// The job with its dynamic range settled: `color.mode` is no longer `auto`.
///
/// `seconds` is the range of the composition that is rendered.
pub(super) fn settled(
    job: &Job,
    description: &Description,
    seconds: (f64, f64),
    warnings: &mut Vec<Warning>,
) -> Job {
    let with = |mode| {
        let mut job = job.clone();
        job.color.mode = mode;
        job
    };
    if job.color.mode != ColorMode::Auto {
        return job.clone();
    }
    let (start, end) = seconds;
    let is_on_screen = |from: Number, until: Number| from.0 < end && until.0 > start;
    let curve = |name: &str| {
        let is_shown = |media: &&Media| {
            media.hdr.as_deref() == Some(name) && is_on_screen(media.start, media.end)
        };
        let video = description.media.iter().find(is_shown).map(|media| &media.label);
        let images = &description.hdr_images;
        let image = images.iter().find(|image| image.curve.as_deref() == Some(name));
        video.or_else(|| image.map(|image| &image.label))
    };
    let found = curve("pq").map(|label| (label, ColorMode::Hdr10));
    let found = found.or_else(|| curve("hlg").map(|label| (label, ColorMode::Hlg)));
    let Some((label, mode)) = found.filter(|_| job.has_outputs()) else {
        return with(ColorMode::Sdr);
    };
    let hdr = with(mode);
    match hdr.validate() {
        Ok(()) => hdr,
        Err(e) => {
            let text = format!("{label} is HDR and shown with SDR light: {e}");
            warnings.push(Warning {
                hint: Some("`color.mode: \"sdr\"` says that this is meant".into()),
                ..Warning::new("hdr_as_sdr", text)
            });
            with(ColorMode::Sdr)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(media: &[(&str, f64, f64)]) -> Description {
        let each = |&(hdr, start, end): &(&str, f64, f64)| {
            serde_json::json!({
                "tag": "video", "id": null, "label": "#v", "src": null, "origin": start,
                "start": start, "end": end, "from": 0, "rate": 1, "loops": false, "muted": true,
                "hdr": hdr,
                "sound": {
                    "playerVolume": 1, "muted": true, "hidden": false, "clipRate": 1,
                    "tweened": false
                }
            })
        };
        let media: Vec<_> = media.iter().map(each).collect();
        serde_json::from_value(serde_json::json!({ "media": media })).unwrap()
    }

    fn mode(job: &Job, media: &[(&str, f64, f64)]) -> (ColorMode, usize) {
        let mut warnings = Vec::new();
        let settled = settled(job, &described(media), (1.0, 2.0), &mut warnings);
        (settled.color.mode, warnings.len())
    }

    #[test]
    fn the_page_decides() {
        let job = Job::new("a.html", "a.mp4");
        for (media, expected) in [
            (&[][..], ColorMode::Sdr),
            (&[("pq", 0.0, 1.5)], ColorMode::Hdr10),
            (&[("hlg", 1.9, 9.0)], ColorMode::Hlg),
            (&[("hlg", 0.0, 9.0), ("pq", 1.5, 9.0)], ColorMode::Hdr10),
            // Not in the frames that are rendered.
            (&[("hlg", 0.0, 9.0), ("pq", 2.0, 9.0)], ColorMode::Hlg),
            (&[("pq", 0.0, 1.0)], ColorMode::Sdr),
        ] {
            assert_eq!(mode(&job, media), (expected, 0), "{media:?}");
        }
        let pq = &[("pq", 0.0, 9.0)];
        let own = Job { output: None, ..job.clone() };
        assert_eq!(mode(&own, pq), (ColorMode::Sdr, 0), "callers' sinks");
        assert_eq!(mode(&Job::new("a.html", "a.gif"), pq), (ColorMode::Sdr, 1));
        let mut sdr = job.clone();
        sdr.color.mode = ColorMode::Sdr;
        assert_eq!(mode(&sdr, pq), (ColorMode::Sdr, 0));
        let blurred = Job { samples: 4, ..job };
        assert_eq!(mode(&blurred, pq), (ColorMode::Sdr, 1));
    }
}
