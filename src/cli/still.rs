//! `pagereel still`: which moments, and into which files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use clap::{ArgGroup, Args};
use pagereel::job::PictureFormat;
use pagereel::time::FrameIndex;
use pagereel::{Job, Moment};

use super::PageArgs;

/// Stands for the moment in the name of the file.
const PLACE: &str = "{}";

/// Pictures of single moments.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("moments").args(["at", "frame"]).required(true))]
pub(crate) struct StillArgs {
    /// What to look at: job.json, page.html, a directory with an index.html, or an http(s) URL
    input: String,
    /// The moments, such as 2.5 or 0,1.5,3
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', allow_negative_numbers = true)]
    at: Vec<Seconds>,
    /// The frames, from 0, instead of moments
    #[arg(long, value_name = "N", value_delimiter = ',')]
    frame: Vec<u64>,
    /// The file to write: .png, .jpg or .webp; {} in its name stands for the moment as typed
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The quality of JPEG, 1 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    /// Print nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    page: PageArgs,
}

/// A number of seconds, and how it was typed.
#[derive(Clone, Debug, PartialEq)]
struct Seconds {
    text: String,
    secs: f64,
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let secs = text.parse().ok().filter(|secs: &f64| secs.is_finite());
        let secs = secs.ok_or("expected seconds, such as 2.5")?;
        Ok(Self { text: text.into(), secs })
    }
}

/// A picture to take, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Still {
    pub(crate) moment: Moment,
    pub(crate) path: PathBuf,
}

impl StillArgs {
    /// The job that the arguments mean; it has no output.
    pub(crate) fn job(&self) -> Result<Job> {
        Ok(Job { output: None, ..self.page.job(&self.input)? })
    }

    /// The pictures in the order of their time, each once, and how they are stored.
    pub(crate) fn stills(&self) -> Result<(Vec<Still>, PictureFormat)> {
        let output = self.output.as_deref().ok_or_else(|| {
            let example = if self.moments() > 1 { "frame-{}.png" } else { "frame.png" };
            anyhow!("no file to write: pass -o FILE, such as -o {example}: {}", self.input)
        })?;
        let format = self.format(output)?;
        if self.moments() > 1 && !has_place(output) {
            bail!(
                "{} moments need as many files: put {PLACE} into the name, such as \
                 frame-{PLACE}.png: {}",
                self.moments(),
                output.display()
            );
        }
        // A page that cannot go back in time would be loaded again for each step back.
        let mut at = self.at.clone();
        at.sort_by(|a, b| a.secs.total_cmp(&b.secs));
        let mut frames = self.frame.clone();
        frames.sort_unstable();
        let at = at.iter().map(|at| (Moment::Seconds(at.secs), at.text.clone()));
        let frames = frames.iter().map(|&n| (Moment::Frame(FrameIndex(n)), n.to_string()));
        let mut stills: Vec<_> = at
            .chain(frames)
            .map(|(moment, text)| Still { moment, path: with_moment(output, &text) })
            .collect();
        stills.dedup_by(|a, b| a.path == b.path);
        Ok((stills, format))
    }

    fn moments(&self) -> usize {
        self.at.len() + self.frame.len()
    }

    fn format(&self, output: &Path) -> Result<PictureFormat> {
        match (PictureFormat::of(output), self.quality) {
            (None, _) => bail!(
                "the file's name must end in {}: {}",
                PictureFormat::EXTENSIONS,
                output.display()
            ),
            (Some(PictureFormat::Jpeg(_)), Some(quality)) => Ok(PictureFormat::Jpeg(quality)),
            (Some(_), Some(_)) => {
                bail!("--quality is for JPEG, other files are lossless: {}", output.display())
            }
            (Some(format), None) => Ok(format),
        }
    }
}

fn has_place(output: &Path) -> bool {
    output.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains(PLACE))
}

/// The file's name with the moment in its place.
fn with_moment(output: &Path, text: &str) -> PathBuf {
    match output.file_name().and_then(OsStr::to_str) {
        Some(name) if name.contains(PLACE) => output.with_file_name(name.replace(PLACE, text)),
        _ => output.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(args: &str) -> Result<StillArgs, clap::Error> {
        let args = format!("pagereel still page.html {args}");
        match Cli::try_parse_from(args.split_whitespace())?.command {
            Some(Command::Still(args)) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    /// The moments and files that arguments lead to.
    fn stills(args: &str) -> Vec<(Moment, String)> {
        let (stills, _) = parse(args).unwrap().stills().unwrap();
        stills.into_iter().map(|s| (s.moment, s.path.to_str().unwrap().to_owned())).collect()
    }

    fn refusal(args: &str) -> String {
        parse(args).unwrap().stills().unwrap_err().to_string()
    }

    fn secs(secs: f64, path: &str) -> (Moment, String) {
        (Moment::Seconds(secs), path.into())
    }

    #[test]
    fn one_moment_or_several() {
        assert_eq!(stills("--at 2.5 -o a.png"), [secs(2.5, "a.png")]);
        assert_eq!(stills("--at 2.50 -o {}.png"), [secs(2.5, "2.50.png")]);
        let several = [secs(0.0, "a/0.png"), secs(1.5, "a/1.50.png"), secs(3.0, "a/3.png")];
        assert_eq!(stills("--at 3,1.50,0 -o a/{}.png"), several);
        assert_eq!(stills("--at 3 --at 1.50 --at 0,3 -o a/{}.png"), several);
        let frame = |n| (Moment::Frame(FrameIndex(n)), format!("{n}.png"));
        assert_eq!(stills("--frame 30 --frame 7 -o {}.png"), [frame(7), frame(30)]);
        // Whether there is such a moment is known when the page is open.
        assert_eq!(stills("--at -1 -o a.png"), [secs(-1.0, "a.png")]);
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let format = |args: &str| parse(&format!("--at 0 {args}")).unwrap().stills().unwrap().1;
        assert_eq!(format("-o a.png"), PictureFormat::Png);
        assert_eq!(format("-o a.jpg"), PictureFormat::Jpeg(95));
        assert_eq!(format("-o a.jpeg --quality 80"), PictureFormat::Jpeg(80));
        assert_eq!(format("-o a.WEBP"), PictureFormat::WebP);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let cases = [
            ("--at 1", "no file to write: pass -o FILE, such as -o frame.png: page.html"),
            ("--at 1,2", "no file to write: pass -o FILE, such as -o frame-{}.png: page.html"),
            (
                "--at 1 -o a.mp4",
                "the file's name must end in .png, .jpg, .jpeg, .webp, .tif, .tiff or .exr: a.mp4",
            ),
            (
                "--at 1,2 -o {}/a.png",
                "2 moments need as many files: put {} into the name, such as frame-{}.png: \
                 {}/a.png",
            ),
            (
                "--at 1 -o a.png --quality 9",
                "--quality is for JPEG, other files are lossless: a.png",
            ),
        ];
        for (args, message) in cases {
            assert_eq!(refusal(args), message);
        }
        let cases = [
            ("-o a.png", "<--at <SECONDS>|--frame <N>>"),
            ("--at 1 --frame 1 -o {}.png", "cannot be used with"),
            ("--at soon -o a.png", "expected seconds, such as 2.5"),
            ("--at inf -o a.png", "expected seconds, such as 2.5"),
            ("--frame -1 -o a.png", "unexpected argument '-1'"),
            ("--at 1 -o a.jpg --quality 0", "0 is not in 1..=100"),
            ("--at 1 -o a.png --crf 20", "unexpected argument '--crf'"),
        ];
        for (args, message) in cases {
            let error = parse(args).unwrap_err().to_string();
            assert!(error.contains(message), "{args}: {error}");
        }
    }

    #[test]
    fn options_about_the_page_are_those_of_a_render() {
        let args = parse("--at 1 --size 640x360 --fps 25 --strict -o a.png").unwrap();
        let job = args.job().unwrap();
        assert_eq!(job.fps, "25".parse().ok());
        assert!(job.strict && job.size.is_some() && job.output.is_none());
    }
}
