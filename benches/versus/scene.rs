//! The pages, each a folder that every program is given alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::Runner;

/// Frames per second of every page.
pub(crate) const RATE: u64 = 30;

const FIXTURES: [&str; 7] = [
    "kinetic-text",
    "css-cards",
    "text-grid",
    "static-background",
    "still-slide",
    "webgl-three",
    "footage",
];

const VIDEO: &str = "video";
const SHORT_CLIP: &str = "short-clip";

/// A title that moves over a video with sound.
const VIDEO_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>video under a moving title</title>
<style>
  html, body { margin: 0; background: #000 }
  #video { position: relative; width: 1920px; height: 1080px; overflow: hidden; background: #000 }
  #source { position: absolute; left: 0; top: 0; width: 1920px; height: 1080px }
  #title {
    position: absolute; left: 120px; top: 420px; margin: 0; color: #fff; text-shadow: 0 6px 24px #000a;
    font: 700 160px/1.2 "Liberation Sans", Arial, sans-serif; animation: move 3s linear both;
  }
  @keyframes move { to { transform: translateX(900px) } }
</style>
</head>
<body>
  <div id="video" data-composition-id="video" data-start="0" data-width="1920" data-height="1080"
       data-duration="3" data-fps="30" data-no-timeline>
    <video id="source" src="source.mp4" data-start="0" data-duration="3" data-track-index="0" data-has-audio="true"></video>
    <h1 id="title">Moving title</h1>
  </div>
</body>
</html>
"#;

/// A box that moves, and a line of text.
const SHORT_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>short clip</title>
<style>
  html, body { margin: 0; background: #f4f1ea }
  #short-clip { position: relative; width: 640px; height: 360px; overflow: hidden; background: #f4f1ea }
  #box { position: absolute; left: 40px; top: 70px; width: 120px; height: 120px; background: #2447c9; animation: move 2s linear both }
  #line { position: absolute; left: 40px; top: 250px; margin: 0; color: #1b1c24; font: 700 40px/1.2 "Liberation Sans", Arial, sans-serif }
  @keyframes move { to { transform: translateX(440px) } }
</style>
</head>
<body>
  <div id="short-clip" data-composition-id="short-clip" data-start="0" data-width="640" data-height="360"
       data-duration="2" data-fps="30" data-no-timeline>
    <div id="box"></div>
    <p id="line">A box moves to the right.</p>
  </div>
</body>
</html>
"#;

/// A page in a folder of its own.
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) frames: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// All scenes by name.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    FIXTURES.into_iter().chain([VIDEO, SHORT_CLIP])
}

impl Scene {
    /// Puts a page and what it needs into a folder of its name in `pages`. Where it is to be shorter
    /// than it says, it is told so in its `data-duration`.
    pub(crate) fn new(name: &str, pages: &Path, most: u64, runner: &Runner) -> Result<Self> {
        let folder = pages.join(name);
        fs::create_dir_all(&folder)?;
        let is_short = name == SHORT_CLIP;
        let text = match name {
            VIDEO => {
                make_source(&folder.join("source.mp4"), runner)?;
                VIDEO_PAGE.to_owned()
            }
            SHORT_CLIP => SHORT_PAGE.to_owned(),
            name if FIXTURES.contains(&name) => {
                let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
                copy(&fixture, &folder)?;
                fs::read_to_string(fixture.join("index.html"))?
            }
            _ => bail!("no scene is called {name}"),
        };
        let (own, width, height) = if is_short { (60, 640, 360) } else { (90, 1920, 1080) };
        let frames = own.min(most);
        let (seconds, rate) = (own / RATE, format!(r#"data-fps="{RATE}""#));
        let told = format!(r#"data-duration="{seconds}""#);
        ensure!(text.contains(&told) && text.contains(&rate), "{name} is not {seconds} s long");
        let told_now = format!(r#"data-duration="{}""#, frames as f64 / RATE as f64);
        fs::write(folder.join("index.html"), text.replace(&told, &told_now))?;
        Ok(Self { name: name.to_owned(), folder, frames, width, height })
    }
}

/// Copies what lies in a folder, but for the job that only we would read.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else if name != "job.json" {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Detail everywhere that moves, and a tone.
fn make_source(path: &Path, runner: &Runner) -> Result<()> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "mandelbrot=size=1920x1080:rate=30"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "3"])
        .args(["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"])
        .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"])
        .args(["-c:a", "aac"])
        .arg(path);
    runner.run(&mut ffmpeg, false).context("the source of the video")?;
    Ok(())
}
