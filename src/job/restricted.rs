//! The fields that a request to a service may set.

use serde_json::{Map, Value};

use super::tree::{self, excerpt};
use super::{Job, JobError, aliases, read};

/// The fields of a job, or of one of its parts, that a request may set.
///
/// Only the service sets all others: paths of files, the browser and the hosts that it may reach,
/// time limits and the number of browsers, and encoders' own options, some of which name files. A
/// new field of jobs is not allowed until it is listed.
const ALLOWED: [&str; 45] = [
    "alpha",
    "audio.bitrate",
    "audio.bits",
    "audio.channels",
    "audio.codec",
    "audio.enabled",
    "audio.gain",
    "audio.loudness",
    "audio.sampleRate",
    "audio.truePeak",
    "color.masteringDisplay",
    "color.mode",
    "duration",
    "format",
    "fps",
    "frames",
    "metadata",
    "resolution",
    "samples",
    "scale",
    "seed",
    "size",
    "strict",
    "strictVariables",
    "variables",
    "video.bitrate",
    "video.bufferSize",
    "video.codec",
    "video.crf",
    "video.dither",
    "video.fit",
    "video.fragmented",
    "video.gop",
    "video.keyframes",
    "video.loop",
    "video.maxRate",
    "video.oddSize",
    "video.openGop",
    "video.pixelFormat",
    "video.preset",
    "video.profile",
    "video.quality",
    "video.size",
    "video.twoPass",
    "capture.order",
];

impl Job {
    /// This job, with the fields of `request`: the JSON object that a service got from a client.
    ///
    /// The job is the service's: the page or its directory, the output, the browser, the network
    /// policy, time limits. A request sets properties of the film: its size, rate and length,
    /// variables, codec, quality, metadata. Any other field in it is refused by name, so that no
    /// path, program or policy comes from outside. Values are checked by
    /// [`validate`](Self::validate), as usual.
    ///
    /// ```
    /// use pagereel::Job;
    ///
    /// let own = Job::new("pages/title.html", "out/4711.mp4");
    /// let job = own.restricted(r#"{"variables": {"name": "Ada"}, "fps": 25}"#).unwrap();
    /// assert_eq!(job.variables["name"], "Ada");
    /// assert_eq!(job.output, own.output);
    /// assert!(own.restricted(r#"{"output": "/etc/passwd"}"#).is_err());
    /// ```
    pub fn restricted(&self, request: &str) -> Result<Self, JobError> {
        let mut asked: Value = serde_json::from_str(request).map_err(|e| read::syntax(&e))?;
        let Value::Object(fields) = &mut asked else {
            return Err(JobError::NotAnObject { found: excerpt(&asked) });
        };
        fields.remove("$schema");
        let moved = aliases::apply(fields)?;
        if let Some(path) = forbidden(fields, "") {
            return Err(JobError::Forbidden { path: moved.written(&path).to_owned() });
        }
        let mut job = serde_json::to_value(self).map_err(|e| read::syntax(&e))?;
        if let Value::Object(job) = &mut job {
            for (name, value) in std::mem::take(fields) {
                set(job, name, value);
            }
        }
        tree::typed(&job).map_err(|error| read::as_written(error, &moved))
    }
}

/// The first of the fields, or of their parts, that a request may not set.
fn forbidden(fields: &Map<String, Value>, owner: &str) -> Option<String> {
    fields.iter().find_map(|(name, value)| {
        let path = if owner.is_empty() { name.clone() } else { format!("{owner}.{name}") };
        if ALLOWED.contains(&&*path) {
            return None;
        }
        let is_owner = ALLOWED
            .iter()
            .any(|allowed| allowed.strip_prefix(&*path).is_some_and(|rest| rest.starts_with('.')));
        match value {
            Value::Object(parts) if is_owner => forbidden(parts, &path),
            // The type is wrong, which is reported when the field is read.
            _ if is_owner => None,
            _ => Some(path),
        }
    })
}

fn set(job: &mut Map<String, Value>, name: String, value: Value) {
    // Parts are set field by field; but values that are objects as a whole are the request's.
    let is_whole = ALLOWED.contains(&&*name);
    match (job.get_mut(&name), value) {
        (Some(Value::Object(own)), Value::Object(asked)) if !is_whole => own.extend(asked),
        (_, value) => drop(job.insert(name, value)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::{Codec, NetworkPolicy};

    fn own() -> Job {
        let mut job = Job::new("pages/a.html", "out/a.mp4");
        job.network.policy = NetworkPolicy::Deny;
        job.video.preset = Some("fast".into());
        job
    }

    #[test]
    fn what_a_film_is_like_can_be_asked_for() {
        let asked = r#"{"fps": "30000/1001", "size": "640x360", "variables": {"a": {"b": 1}},
            "video": {"codec": "hevc", "crf": 20}, "metadata": {"title": "x"}}"#;
        let job = own().restricted(asked).unwrap();
        assert_eq!(job.video.codec, Some(Codec::Hevc));
        assert_eq!(job.video.preset.as_deref(), Some("fast"));
        assert_eq!(job.variables["a"]["b"], 1);
        assert_eq!(job.output.as_deref(), Some(Path::new("out/a.mp4")));
        assert_eq!(job.network.policy, NetworkPolicy::Deny);
        assert_eq!(own().restricted("{}").unwrap(), own());
    }

    #[test]
    fn nothing_that_reaches_outside_can() {
        let job = serde_json::to_value(own()).unwrap();
        for (name, value) in job.as_object().unwrap() {
            let asked = |path: &str, tree: Value| {
                let refused = own().restricted(&tree.to_string());
                let is_allowed = ALLOWED.contains(&path);
                let is_refused =
                    matches!(&refused, Err(JobError::Forbidden { path: said }) if said == path);
                assert_eq!(is_refused, !is_allowed, "{path}: {refused:?}");
            };
            match value {
                Value::Object(parts) if !ALLOWED.contains(&&**name) && !parts.is_empty() => {
                    for (part, value) in parts {
                        let path = format!("{name}.{part}");
                        let owner = ALLOWED.iter().any(|a| a.starts_with(&format!("{name}.")));
                        let path = if owner { path } else { name.clone() };
                        asked(&path, serde_json::json!({ name: { part: value } }));
                    }
                }
                _ => asked(name, serde_json::json!({ name: value })),
            }
        }
        for (text, path) in [
            (r#"{"root": "/"}"#, "root"),
            (r#"{"browser": {"args": ["--x"]}}"#, "browser"),
            (r#"{"video": {"options": {"stats": "/etc/x"}}}"#, "video.options"),
            (r#"{"outputs": []}"#, "outputs"),
            (r#"{"nothing": 1}"#, "nothing"),
        ] {
            let refused = own().restricted(text).unwrap_err();
            assert_eq!(refused.to_string(), format!("field `{path}` cannot be set from outside"));
        }
        assert!(matches!(own().restricted("[]"), Err(JobError::NotAnObject { .. })));
        assert!(own().restricted(r#"{"video": 3}"#).unwrap_err().to_string().contains("video"));
    }
}
