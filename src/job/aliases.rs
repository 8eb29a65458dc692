//! HyperFrames' names for our fields.
//!
//! They are moved to their place in the tree before it is read, so that no other module knows them.
//! The moves are remembered: an error must name the field that the user wrote.

use serde_json::{Map, Value};

use super::JobError;
use super::tree::excerpt;

/// HyperFrames' name, and the path of our field.
const ALIASES: [(&str, &str); 10] = [
    ("inputPath", "composition"),
    ("outputPath", "output"),
    ("width", "size.width"),
    ("height", "size.height"),
    ("quality", "video.quality"),
    ("crf", "video.crf"),
    ("videoBitrate", "video.bitrate"),
    ("codec", "video.codec"),
    ("hdrMode", "color.mode"),
    ("workers", "capture.workers"),
];

/// The aliases found in a job.
#[derive(Debug, Default)]
pub(super) struct Moved(Vec<(&'static str, &'static str)>);

impl Moved {
    /// The name that the user wrote for the field at `path`.
    pub(super) fn written<'a>(&self, path: &'a str) -> &'a str {
        let alias = |list: &[(&'static str, &'static str)]| {
            list.iter().find(|(_, target)| *target == path).map(|(alias, _)| *alias)
        };
        // `size` has no other fields: where one of them was written as an alias, both names are
        // aliases.
        let is_flat_size = self.0.iter().any(|(_, target)| target.starts_with("size."));
        let all = if is_flat_size && path.starts_with("size.") { &ALIASES[..] } else { &self.0 };
        alias(all).unwrap_or(path)
    }
}

/// All names that this module understands.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALIASES.into_iter().map(|(alias, _)| alias).chain(["entryFile"])
}

/// Gives every field of `job` our name and place.
pub(super) fn apply(job: &mut Map<String, Value>) -> Result<Moved, JobError> {
    let mut moved = Moved::default();
    for (alias, target) in ALIASES {
        let Some(mut value) = job.remove(alias) else { continue };
        if alias == "hdrMode" {
            value = color_mode(&value)?;
        }
        place(job, alias, target, value)?;
        moved.0.push((alias, target));
    }
    join_entry_file(job)?;
    Ok(moved)
}

fn place(
    job: &mut Map<String, Value>,
    alias: &'static str,
    target: &'static str,
    value: Value,
) -> Result<(), JobError> {
    let conflict = |second: &str| JobError::Conflict { first: alias.into(), second: second.into() };
    let (owner, name) = match target.split_once('.') {
        Some((owner, name)) => {
            let object = job.entry(owner).or_insert_with(|| Value::Object(Map::new()));
            // Both are given, such as `width` beside `"size": "1920x1080"`.
            (object.as_object_mut().ok_or_else(|| conflict(owner))?, name)
        }
        None => (job, target),
    };
    match owner.insert(name.into(), value) {
        Some(_) => Err(conflict(target)),
        None => Ok(()),
    }
}

fn color_mode(hdr_mode: &Value) -> Result<Value, JobError> {
    match hdr_mode.as_str() {
        Some("auto") => Ok("auto".into()),
        Some("force-sdr") => Ok("sdr".into()),
        // HyperFrames then follows the media, and uses HLG where they do not decide.
        Some("force-hdr") => Ok("hlg".into()),
        _ => Err(JobError::BadValue {
            path: "hdrMode".into(),
            found: excerpt(hdr_mode),
            expected: "auto, force-sdr or force-hdr".into(),
        }),
    }
}

/// `entryFile` is a page inside the composition's directory, which stays the root.
fn join_entry_file(job: &mut Map<String, Value>) -> Result<(), JobError> {
    let Some(entry) = job.remove("entryFile") else { return Ok(()) };
    let inside = entry.as_str().filter(|entry| {
        let escapes = |part| matches!(part, ".." | "");
        !entry.contains("://") && !entry.split(['/', '\\']).any(escapes)
    });
    let Some(inside) = inside else {
        return Err(JobError::BadValue {
            path: "entryFile".into(),
            found: excerpt(&entry),
            expected: "a path inside the composition's directory".into(),
        });
    };
    let Some(Value::String(composition)) = job.get_mut("composition") else {
        return Ok(()); // Reading the composition will say what is wrong with it.
    };
    let root = composition.clone();
    *composition = format!("{}/{inside}", root.trim_end_matches('/'));
    job.entry("root").or_insert(root.into());
    Ok(())
}
