//! Checks that a job's files can be written, before anything is rendered.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::partial::{PartialDirectory, PartialFile, parent_of, replaceable};
use super::sequence;
use super::verify::frame_bytes;
use crate::error::{Error, Result};
use crate::job::{Codec, Destination, Job, Place};
use crate::plan::{OutputPlan, Plan};
use crate::warning::Warning;

/// Makes each file that the job writes, and removes it again. Makes no directories.
pub(crate) fn check_places(job: &Job) -> Result<()> {
    for (_, destination, ..) in job.destinations()? {
        if destination.place == Place::File {
            check_destination(&destination)?;
        }
    }
    for (_, destination, _, audio) in job.sounds()? {
        let usual = destination.container.sound_codecs().first().copied();
        if let Some(codec) = audio.codec.or(usual) {
            let name = codec.encoder(audio.bits).to_owned();
            if !crate::av::has_encoder(&name) {
                return Err(Error::NoEncoder { name });
            }
        }
    }
    job.outputs.iter().filter(|o| o.at.is_some()).try_for_each(|o| check_file(&o.output))
}

fn check_destination(destination: &Destination) -> Result<()> {
    let Destination { path, container, names, .. } = destination;
    if container.is_sequence() {
        let parent = parent_of(path);
        if !parent.exists() {
            return check_directory(parent);
        }
        let is_ours = |name: &str| sequence::is_ours(names.as_ref(), name);
        super::partial::check_replaceable(path, is_ours)?;
        return PartialDirectory::replacing(path).map(drop);
    }
    check_file(path)
}

fn check_file(path: &Path) -> Result<()> {
    let place = replaceable(path)?;
    let parent = parent_of(&place);
    if parent.exists() { PartialFile::create(path).map(drop) } else { check_directory(parent) }
}

/// Whether a directory that does not exist can be made.
fn check_directory(path: &Path) -> Result<()> {
    let failed = Error::io("cannot create", path);
    let ancestors =
        path.ancestors().map(|a| if a.as_os_str().is_empty() { Path::new(".") } else { a });
    for ancestor in ancestors {
        match fs::metadata(ancestor) {
            Ok(found) if found.is_dir() => {
                let allowed = access(ancestor, Access::WRITE_OK | Access::EXEC_OK);
                return allowed.map_err(|e| failed(e.into()));
            }
            Ok(_) => return Err(failed(io::ErrorKind::NotADirectory.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(())
}

/// Adds a warning for each place with less room than an output is known to need.
pub(crate) fn warn_about_space(plan: &Plan, warnings: &mut Vec<Warning>) {
    for output in plan.outputs.iter().filter(|output| output.place == Place::File) {
        let Some(needed) = least_bytes(output, plan) else { continue };
        let existing = output.path.ancestors().find(|a| a.is_dir()).unwrap_or(Path::new("."));
        let Ok(found) = statvfs(existing) else { continue };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if free < needed {
            let (needed, free) = (mib(needed), mib(free));
            let text = format!(
                "{} takes about {needed} MiB, and {} has {free} MiB left",
                output.path.display(),
                existing.display()
            );
            let hint = Some("free some space, or write elsewhere".into());
            warnings.push(Warning { hint, ..Warning::new("little_space", text) });
        }
    }
}

/// Bytes that an output will take, where its content is known beforehand.
fn least_bytes(output: &OutputPlan, plan: &Plan) -> Option<u64> {
    let frames = plan.stream.frames;
    match (output.video.codec, output.video.bitrate) {
        (Codec::Raw | Codec::Y4m, _) => Some(frame_bytes(output).saturating_mul(frames)),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        (_, Some(bits)) => {
            let secs = frames as f64 / plan.stream.frame_rate.as_f64();
            Some((secs * bits as f64 / 8.0) as u64)
        }
        _ => None,
    }
}

const fn mib(bytes: u64) -> u64 {
    bytes >> 20
}
