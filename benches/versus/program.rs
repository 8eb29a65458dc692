//! The programs, and how each is asked for a file.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::Runner;
use crate::scene::Scene;

/// Something that renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Pagereel,
    HyperFrames,
    Remotion,
}

/// What a program is to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// H.264 in MP4 by its default settings.
    Film,
    /// A PNG file per frame.
    Pictures,
}

impl Program {
    pub(crate) const ALL: [Self; 3] = [Self::Pagereel, Self::HyperFrames, Self::Remotion];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pagereel => "pagereel",
            Self::HyperFrames => "HyperFrames",
            Self::Remotion => "Remotion",
        }
    }
}

/// Where the programs are, and what they are told besides the scene.
pub(crate) struct Setting {
    /// The folder into which npm has installed the others.
    pub(crate) peers: Option<PathBuf>,
    /// A word of the ladder that pagereel and HyperFrames have in common.
    pub(crate) quality: Option<String>,
    pub(crate) browser: PathBuf,
    /// A folder that goes away: homes, temporary files, Remotion's bundle.
    pub(crate) scratch: PathBuf,
}

impl Setting {
    /// Asks `pagereel doctor` for the browser that it would take: all get this one.
    pub(crate) fn new(
        peers: Option<PathBuf>,
        quality: Option<String>,
        scratch: &Path,
        runner: &Runner,
    ) -> Result<Self> {
        let found = runner.read(Command::new(env!("CARGO_BIN_EXE_pagereel")).arg("doctor"))?;
        let line = found.lines().find(|line| line.contains(" Chrome "));
        let path = line.and_then(|line| line.rsplit_once('(')?.1.strip_suffix(')'));
        let path = path.with_context(|| format!("no browser in:\n{found}"))?;
        let scratch = scratch.to_owned();
        fs::create_dir_all(scratch.join("home"))?;
        Ok(Self { peers, quality, browser: path.into(), scratch })
    }

    /// What a program lacks to run.
    pub(crate) fn missing(&self, program: Program) -> Vec<&'static str> {
        let wanted: &[&str] = match program {
            Program::Pagereel => &[],
            Program::HyperFrames => &["hyperframes"],
            Program::Remotion => {
                &["@remotion/cli", "@remotion/media", "remotion", "react", "react-dom"]
            }
        };
        let is_there = |package: &str| self.package(package).is_some_and(|path| path.is_file());
        wanted.iter().copied().filter(|package| !is_there(package)).collect()
    }

    fn package(&self, name: &str) -> Option<PathBuf> {
        Some(self.peers.as_ref()?.join("node_modules").join(name).join("package.json"))
    }

    /// The version of a package.
    pub(crate) fn version(&self, package: &str) -> Result<String> {
        let path = self.package(package).context("there are no peers")?;
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let value: serde_json::Value = serde_json::from_str(&text)?;
        Ok(value["version"].as_str().context("a package without a version")?.to_owned())
    }

    /// A program of npm's. Its `node` goes before the system's, which may be too old.
    pub(crate) fn npm(&self, name: &str) -> Result<Command> {
        let folder = self.peers.as_ref().context("there are no peers")?;
        let programs = folder.join("node_modules/.bin");
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(programs.clone()).chain(std::env::split_paths(&rest));
        let path: OsString = std::env::join_paths(all)?;
        let own = programs.join(name);
        let mut command = Command::new(if own.is_file() { own } else { name.into() });
        command.env("PATH", path).env("HOME", self.scratch.join("home"));
        command.env("DO_NOT_TRACK", "1");
        Ok(command)
    }

    /// The command by which a program renders a scene. Its temporary files are new each time, so
    /// that no render finds what an earlier one has kept.
    pub(crate) fn command(
        &self,
        program: Program,
        scene: &Scene,
        output: Output,
        to: &Path,
    ) -> Result<Command> {
        let mut command = match program {
            Program::Pagereel => Command::new(env!("CARGO_BIN_EXE_pagereel")),
            Program::HyperFrames => self.hyperframes()?,
            Program::Remotion => self.remotion("render")?,
        };
        match program {
            Program::Pagereel => {
                command.arg(&scene.folder).arg("--quiet").arg("-o").arg(to);
            }
            Program::HyperFrames => {
                command.arg("render").arg(&scene.folder).arg("--quiet").arg("-o").arg(to);
                if output == Output::Pictures {
                    command.args(["--format", "png-sequence"]);
                }
            }
            Program::Remotion => {
                let properties = serde_json::json!({
                    "scene": scene.name, "frames": scene.frames,
                    "width": scene.width, "height": scene.height,
                });
                command.arg(self.bundle()).arg("page").arg(to);
                command.arg(format!("--props={properties}"));
                if output == Output::Pictures {
                    command.args(["--sequence", "--image-format=png"]);
                }
            }
        }
        let has_ladder = program != Program::Remotion;
        if let Some(quality) = self.quality.as_ref().filter(|_| has_ladder) {
            command.arg("--quality").arg(quality);
        }
        let temporary = self.scratch.join("tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir(&temporary)?;
        command.env("TMPDIR", &temporary);
        Ok(command)
    }

    fn hyperframes(&self) -> Result<Command> {
        let mut command = self.npm("hyperframes")?;
        command
            .env("HYPERFRAMES_BROWSER_PATH", &self.browser)
            .env("HYPERFRAMES_NO_TELEMETRY", "1")
            // Else it stops when any process above it ends, such as the shell of a bench that was
            // put into the background.
            .env("HYPERFRAMES_RENDER_DETACHED", "1")
            .env("HYPERFRAMES_NO_UPDATE_CHECK", "1");
        Ok(command)
    }

    fn remotion(&self, what: &str) -> Result<Command> {
        let mut command = self.npm("remotion")?;
        // It looks for its packages from here.
        command.current_dir(self.scratch.join("remotion")).arg(what).arg("--log=warn");
        if what == "render" {
            let mut option = OsString::from("--browser-executable=");
            option.push(&self.browser);
            command.arg(option);
        }
        Ok(command)
    }

    fn bundle(&self) -> PathBuf {
        self.scratch.join("remotion/bundle")
    }

    /// Has Remotion make its bundle of the composition and of all pages, which is not measured.
    pub(crate) fn bundle_remotion(&self, pages: &Path, runner: &Runner) -> Result<()> {
        let peers = self.peers.as_ref().context("there are no peers")?;
        let folder = self.scratch.join("remotion");
        fs::create_dir_all(&folder)?;
        for (name, text) in [
            ("index.jsx", include_str!("remotion/index.jsx")),
            ("page.jsx", include_str!("remotion/page.jsx")),
            ("video.jsx", include_str!("remotion/video.jsx")),
        ] {
            fs::write(folder.join(name), text)?;
        }
        fs::write(folder.join("package.json"), r#"{ "private": true }"#)?;
        let packages = fs::canonicalize(peers.join("node_modules"))?;
        std::os::unix::fs::symlink(packages, folder.join("node_modules"))?;
        let mut command = self.remotion("bundle")?;
        let mut public = OsString::from("--public-dir=");
        public.push(pages);
        command.args(["index.jsx", "--out-dir=bundle"]).arg(public);
        runner.run(&mut command, false).context("Remotion's bundle")?;
        ensure!(self.bundle().join("index.html").is_file(), "Remotion has made no bundle");
        Ok(())
    }
}
