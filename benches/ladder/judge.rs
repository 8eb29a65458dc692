//! ffmpeg, the program, as encoder and judge; and SSIMULACRA2.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use ssimulacra2::{
    ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2 as ssimulacra2,
};

use crate::text;

/// Every so many frames one is judged by SSIMULACRA2, which takes a second.
const STEP: usize = 8;

/// The names of the planes.
const PLANES: [&str; 3] = ["Y", "U", "V"];

/// What one encode came to.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// Milliseconds of processor time per frame.
    pub(crate) cpu_ms: f64,
    pub(crate) bytes: u64,
    /// In dB, of Y, U and V.
    pub(crate) psnr: [f64; 3],
    pub(crate) ssim: [f64; 3],
    /// Mean of the frames that were judged; 100 is the same picture, 90 cannot be told from it.
    pub(crate) ssimulacra2: f64,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu_ms, bytes, psnr, ssim, ssimulacra2 } = self;
        let ([y, u, v], [sy, su, sv]) = (psnr, ssim);
        write!(f, "{cpu_ms:.1} | {bytes} | {y:.2} {u:.2} {v:.2} | ")?;
        write!(f, "{sy:.5} {su:.5} {sv:.5} | {ssimulacra2:.2}")
    }
}

impl Measure {
    /// Compares the frames of two files, which are paired by number.
    pub(crate) fn new(cpu_ms: f64, coded: &Path, lossless: &Path) -> Result<Self> {
        let ssimulacra2 = to_the_eye(coded, lossless)?;
        Ok(Self { ssimulacra2, ..Self::of_planes(cpu_ms, coded, lossless)? })
    }

    /// The same by PSNR and SSIM alone: SSIMULACRA2 takes longer than all else.
    pub(crate) fn of_planes(cpu_ms: f64, coded: &Path, lossless: &Path) -> Result<Self> {
        // Matroska rounds time stamps to milliseconds.
        let filters = "[0:v]settb=1/1000,setpts=N,split[a][b];[1:v]settb=1/1000,setpts=N,split[c][d];\
                       [a][c]ssim[x];[b][d]psnr[y]";
        let (from, to) = (text(coded)?, text(lossless)?);
        let mut arguments = vec!["-i", from, "-i", to, "-filter_complex", filters];
        arguments.extend(["-map", "[x]", "-map", "[y]", "-f", "null", "-"]);
        let log = ffmpeg(&arguments)?;
        let all = |labels: [&str; 3]| -> Result<[f64; 3]> {
            let [y, u, v] = labels.map(|label| number_after(&log, label));
            Ok([y?, u?, v?])
        };
        Ok(Self {
            cpu_ms,
            bytes: fs::metadata(coded)?.len(),
            psnr: all(["PSNR y:", " u:", " v:"])?,
            ssim: all(["SSIM Y:", " U:", " V:"])?,
            ssimulacra2: f64::NAN,
        })
    }

    /// In what this is worse than `other`.
    pub(crate) fn below(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (plane, name) in PLANES.iter().enumerate() {
            if self.psnr[plane] < other.psnr[plane] {
                found.push(format!("PSNR {name}"));
            }
            if self.ssim[plane] < other.ssim[plane] {
                found.push(format!("SSIM {name}"));
            }
        }
        if self.ssimulacra2 < other.ssimulacra2 {
            found.push("SSIMULACRA2".into());
        }
        if self.bytes > other.bytes {
            found.push("size".into());
        }
        found
    }
}

/// SSIMULACRA2 of every eighth frame, on average.
fn to_the_eye(coded: &Path, lossless: &Path) -> Result<f64> {
    let (mut ours, mut reference) = (Pictures::of(coded)?, Pictures::of(lossless)?);
    let (mut sum, mut count) = (0.0, 0);
    while let Some(expected) = reference.next()? {
        let got = ours.next()?.context("the coded file has fewer frames")?;
        sum += ssimulacra2(expected, got).context("SSIMULACRA2")?;
        count += 1;
    }
    ensure!(count > 0, "no frame was judged");
    Ok(sum / f64::from(count))
}

/// Every eighth frame of a file as RGB. The scenes are 1920x1080 in BT.709, whatever the file says.
struct Pictures {
    ffmpeg: Child,
    output: ChildStdout,
    bytes: Vec<u8>,
}

impl Pictures {
    fn of(path: &Path) -> Result<Self> {
        let filter = format!(
            "select=not(mod(n\\,{STEP})),scale=1920:1080:in_color_matrix=bt709,format=rgb24"
        );
        let mut ffmpeg = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-i", text(path)?, "-vf", &filter])
            .args(["-vsync", "passthrough", "-f", "rawvideo", "-"])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = ffmpeg.stdout.take().context("it was piped")?;
        Ok(Self { ffmpeg, output, bytes: vec![0; 1920 * 1080 * 3] })
    }

    fn next(&mut self) -> Result<Option<Rgb>> {
        let mut filled = 0;
        while filled < self.bytes.len() {
            let read = self.output.read(&mut self.bytes[filled..])?;
            if read == 0 {
                ensure!(filled == 0, "half a frame");
                return Ok(None);
            }
            filled += read;
        }
        let pixels = self.bytes.chunks_exact(3);
        let pixels = pixels.map(|rgb| [rgb[0], rgb[1], rgb[2]].map(|code| f32::from(code) / 255.0));
        let (curve, primaries) = (TransferCharacteristic::SRGB, ColorPrimaries::BT709);
        Ok(Some(Rgb::new(pixels.collect(), 1920, 1080, curve, primaries)?))
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.ffmpeg.kill());
        drop(self.ffmpeg.wait());
    }
}

/// Runs ffmpeg and returns its log.
pub(crate) fn ffmpeg(arguments: &[&str]) -> Result<String> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-nostats"])
        .args(arguments)
        .output()
        .context("ffmpeg, the program, is the judge here")?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "ffmpeg {}:\n{log}", arguments.join(" "));
    Ok(log)
}

/// What `-benchmark` says: user and system time of the process, in milliseconds.
pub(crate) fn processor_ms(log: &str) -> Result<f64> {
    Ok(1000.0 * (number_after(log, "bench: utime=")? + number_after(log, " stime=")?))
}

fn number_after(log: &str, label: &str) -> Result<f64> {
    let (_, rest) = log.rsplit_once(label).with_context(|| format!("no `{label}` in:\n{log}"))?;
    let end = rest.find(|c: char| c.is_whitespace() || c == 's').unwrap_or(rest.len());
    rest[..end].parse().with_context(|| format!("after `{label}`: {rest}"))
}
