//! Facts about a page that has not been opened yet, read from its text.
//!
//! Guesses, so that the page need not be opened twice and is opened by a browser that suits it; the
//! page's own declarations count once it is open.

use std::path::Path;

use crate::frame::Size;
use crate::job::Job;
use crate::time::FrameRate;

/// The viewport where nothing is known.
pub(super) const GUESS: Size = Size { width: 1920, height: 1080 };

/// The size in the first tag with `data-width` and `data-height`.
pub(super) fn declared_size(page: &Path) -> Option<Size> {
    size_in(&std::fs::read_to_string(page).ok()?)
}

/// The pixels of all frames that `job` asks for, where job and page say how many those are.
pub(super) fn declared_pixels(job: &Job, page: &Path) -> Option<f64> {
    pixels_in(job, &std::fs::read_to_string(page).ok()?)
}

fn pixels_in(job: &Job, text: &str) -> Option<f64> {
    let size = job.size.or_else(|| size_in(text))?;
    let frames = if let Some(range) = job.frames {
        range.len() as f64
    } else {
        let root = root_in(text)?;
        let said = attribute(root, "data-duration").and_then(|text| text.parse().ok());
        let seconds: f64 = job.duration.or(said)?;
        let said = attribute(root, "data-fps").and_then(|text| text.parse().ok());
        let rate: FrameRate = job.fps.or(said).unwrap_or_default();
        seconds * f64::from(rate.num.get()) / f64::from(rate.den.get())
    };
    let pixels = f64::from(size.width) * f64::from(size.height) * job.scale.powi(2);
    Some(frames * f64::from(job.samples.max(1)) * pixels).filter(|pixels| *pixels > 0.0)
}

fn size_in(text: &str) -> Option<Size> {
    let number = |name: &str| -> Option<u32> {
        attribute(text, name)?.parse().ok().filter(|n| (1..=16_384).contains(n))
    };
    Some(Size { width: number("data-width")?, height: number("data-height")? })
}

/// The first tag of a composition.
fn root_in(text: &str) -> Option<&str> {
    let at = text.find("data-composition-id")?;
    let start = text[..at].rfind('<')?;
    let end = at + text[at..].find('>')?;
    Some(&text[start..end])
}

/// The value of the first attribute of this name, up to the first character that is no part of a
/// number or a rate.
fn attribute<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let rest = &text[text.find(&format!("{name}="))? + name.len() + 1..];
    let value = rest.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_digit() && !"./".contains(c));
    Some(&value[..end.unwrap_or(value.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<div class=a><main id=x data-composition-id=\"m\" data-width=\"320\" \
                        data-height='180' data-duration=2.5 data-fps=\"24\"><i data-duration=9>";

    fn pixels(change: impl FnOnce(&mut Job), text: &str) -> Option<String> {
        let mut job = Job::without_output("a.html");
        change(&mut job);
        pixels_in(&job, text).map(|pixels| format!("{pixels:.0}"))
    }

    #[test]
    fn declared_frames_are_counted() {
        let frames = |n: u32| Some((n * 320 * 180).to_string());
        assert_eq!(size_in(PAGE), Some(Size { width: 320, height: 180 }));
        assert_eq!(pixels(|_| {}, PAGE), frames(60));
        assert_eq!(pixels(|job| job.scale = 2.0, PAGE), frames(240));
        assert_eq!(pixels(|job| job.samples = 4, PAGE), frames(240));
        assert_eq!(pixels(|job| job.frames = "5..15".parse().ok(), PAGE), frames(10));
        assert_eq!(pixels(|job| job.duration = Some(10.0), PAGE), frames(240));
        let ntsc = pixels(|job| job.fps = "30000/1001".parse().ok(), PAGE);
        assert_eq!(ntsc, Some("4315684".into()));
    }

    #[test]
    fn undeclared_frames_are_not_guessed() {
        assert_eq!(pixels(|_| {}, &PAGE.replace("data-duration=2.5", "")), None);
        assert_eq!(pixels(|_| {}, &PAGE.replace("data-width", "width")), None);
        assert_eq!(pixels(|_| {}, "<p data-duration=1 data-width=3 data-height=4>"), None);
        assert_eq!(pixels(|_| {}, ""), None);
    }
}
