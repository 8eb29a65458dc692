//! Whether a work folder fits a render: its plan, its files, and what draws and encodes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Render;
use super::segments::{OpenWork, Task};
use crate::error::{Result, WorkFault};
use crate::plan::Plan;
use crate::serve::FileFinder;
use crate::sys;
use crate::warning::Warning;
use crate::work::{Input, Manifest, Misfit, of_file};

impl Render<'_> {
    /// The plan of the folder, which this render fits; a new one where it may be replaced.
    pub(super) fn fitting(&mut self, work: &OpenWork, plan: &Plan) -> Result<Manifest> {
        let cores = work.encoder_cores().unwrap_or_else(sys::cores);
        let now = self.manifest(plan, cores);
        let Some(then) = &work.manifest else {
            work.folder.discard_all()?;
            work.folder.write_manifest(&now)?;
            return Ok(now);
        };
        let Some(misfit) = then.misfit(&now).or_else(|| self.changed_input(then)) else {
            return Ok(then.clone());
        };
        if work.task != Task::Whole {
            return Err(misfit.into());
        }
        let text = format!("what was finished is rendered again: {}", misfit.message);
        self.warnings.push(Warning::new("resume_discarded", text));
        work.folder.discard_all()?;
        work.folder.write_manifest(&now)?;
        Ok(now)
    }

    /// What must be known of this render, to tell whether another one is the same.
    pub(super) fn manifest(&self, plan: &Plan, encoder_cores: u32) -> Manifest {
        Manifest::new((self.job, plan), encoder_cores, self.environment.clone(), self.inputs())
    }

    /// Files that were read so far, by their names for every machine.
    fn inputs(&self) -> BTreeMap<String, Input> {
        let root = self.files.as_ref().map(|files| files.root().to_owned());
        let served = self.files.iter().flat_map(FileFinder::used);
        let used = served.chain(self.access.used.list());
        let name = |path: &Path| {
            let below = root.as_deref().and_then(|root| path.strip_prefix(root).ok());
            below.unwrap_or(path).to_string_lossy().into_owned()
        };
        let read = |path: PathBuf| {
            let (sha256, bytes) = of_file(&path).ok()?;
            Some((name(&path), Input { bytes, sha256 }))
        };
        used.filter_map(read).collect()
    }

    /// What of the plan's files is another file here.
    fn changed_input(&self, then: &Manifest) -> Option<Misfit> {
        let root = self.files.as_ref().map(|files| files.root().to_owned()).unwrap_or_default();
        then.inputs.iter().find_map(|(name, input)| {
            let message = match of_file(&root.join(name)) {
                Ok((sha256, _)) if sha256 == input.sha256 => return None,
                Ok(_) => format!("{name} is not the file that the plan was made with"),
                Err(e) => format!("{name}, with which the plan was made, cannot be read: {e}"),
            };
            Some(Misfit { fault: WorkFault::InputChanged, message })
        })
    }
}
