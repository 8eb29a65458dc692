//! ffmpeg and ffprobe, the programs, as judges.
//!
//! A film is compared with the pictures that its own program takes of the page without loss, so what
//! is judged are capture, conversion and encoder together, not how a browser was set up. The pictures
//! are converted by zimg, which none of the programs uses, in floating point, with chroma on the left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::process::Runner;

/// In what a film differs from the pictures.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Fidelity {
    /// In dB, of Y, U and V.
    pub(crate) psnr: [f64; 3],
    pub(crate) ssim: [f64; 3],
}

/// What a file says of itself, its frames counted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Film {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    matrix: String,
    range: String,
}

impl Film {
    pub(crate) fn new(path: &Path, runner: &Runner) -> Result<Self> {
        let mut command = Command::new("ffprobe");
        command
            .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "json"])
            .args(["-show_entries", "stream=nb_read_frames,color_space,color_range"])
            .arg(path);
        let value: serde_json::Value = serde_json::from_str(&runner.read(&mut command)?)?;
        let word = |key: &str| value["streams"][0][key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            frames: word("nb_read_frames").parse().context("the file has no frames")?,
            bytes: fs::metadata(path)?.len(),
            matrix: word("color_space"),
            range: word("color_range"),
        })
    }

    /// The filter that makes of RGB what the file says that it holds.
    fn conversion(&self) -> String {
        // What says nothing is taken for BT.709, as players do at this size.
        let matrix = match self.matrix.as_str() {
            "smpte170m" => "170m",
            "bt470bg" => "470bg",
            _ => "709",
        };
        let range = if self.range == "pc" { "full" } else { "limited" };
        format!(
            "format=gbrp,zscale=rangein=full:matrixin=gbr:matrix={matrix}:range={range}:\
             chromal=left:filter=bilinear,format=yuv420p"
        )
    }

    /// Compares the film with pictures, paired by number.
    pub(crate) fn fidelity(
        &self,
        path: &Path,
        pictures: &Path,
        runner: &Runner,
    ) -> Result<Fidelity> {
        let count = files(pictures)?.len() as u64;
        ensure!(count == self.frames, "{} frames, but {count} pictures", self.frames);
        // Where a file says full range, ffmpeg must not convert it for the comparison.
        let filters = format!(
            "[0:v]settb=1/1000,setpts=N,scale=in_range=tv:out_range=tv,format=yuv420p,\
             setparams=range=tv,split[a][b];\
             [1:v]{},settb=1/1000,setpts=N,setparams=range=tv,split[c][d];\
             [a][c]ssim[x];[b][d]psnr[y]",
            self.conversion()
        );
        let mut command = ffmpeg();
        command.arg("-i").arg(path);
        input(&mut command, pictures);
        command.args([
            "-filter_complex",
            &filters,
            "-map",
            "[x]",
            "-map",
            "[y]",
            "-f",
            "null",
            "-",
        ]);
        let log = runner.read(&mut command)?;
        let all = |labels: [&str; 3]| -> Result<[f64; 3]> {
            let [y, u, v] = labels.map(|label| number_after(&log, label));
            Ok([y?, u?, v?])
        };
        Ok(Fidelity {
            psnr: all(["PSNR y:", " u:", " v:"])?,
            ssim: all(["SSIM Y:", " U:", " V:"])?,
        })
    }
}

/// How alike the pictures of two programs are: PSNR of R, G and B in dB.
pub(crate) fn alike(ours: &Path, theirs: &Path, runner: &Runner) -> Result<f64> {
    let (count, other) = (files(ours)?.len(), files(theirs)?.len());
    ensure!(count == other, "{count} and {other} pictures");
    let filters = "[0:v]format=gbrp[a];[1:v]format=gbrp[b];[a][b]psnr";
    let mut command = ffmpeg();
    input(&mut command, ours);
    input(&mut command, theirs);
    command.args(["-filter_complex", filters, "-f", "null", "-"]);
    number_after(&runner.read(&mut command)?, " average:")
}

/// The PNG files of a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let is_png = |path: &PathBuf| path.extension().is_some_and(|end| end == "png");
    let mut found: Vec<_> = entries.iter().map(fs::DirEntry::path).filter(is_png).collect();
    found.sort();
    Ok(found)
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-nostats"]);
    command
}

/// A folder of PNG files as input.
fn input(command: &mut Command, folder: &Path) {
    command.args(["-framerate", "30", "-pattern_type", "glob", "-i"]).arg(folder.join("*.png"));
}

fn number_after(log: &str, label: &str) -> Result<f64> {
    let (_, rest) = log.rsplit_once(label).with_context(|| format!("no `{label}` in:\n{log}"))?;
    let end = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
    rest[..end].parse().with_context(|| format!("after `{label}`: {rest}"))
}
