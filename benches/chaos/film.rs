//! The films that are rendered: small, and each with something that has to be right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use tempfile::TempDir;

/// A page, how it is rendered, and what an undisturbed render makes of it.
pub(crate) struct Film {
    pub name: &'static str,
    pub page: PathBuf,
    pub arguments: &'static [&'static str],
    /// The file that belongs under the name.
    pub whole: Vec<u8>,
}

/// A style, a picture that is loaded, and a canvas.
const SHAPES: &str = r#"<!doctype html>
<style>
  body { margin: 0 }
  @keyframes m { to { translate: 50px } }
  #b { width: 10px; height: 10px; background: #f80; animation: m 2s linear both }
</style>
<div data-composition-id=r data-width=64 data-height=36 data-duration=2 data-fps=10
     style="position:relative;height:36px;background:#123">
  <div id=b></div><img src=dot.svg style="position:absolute;left:20px;top:12px">
  <canvas id=c width=20 height=10 style="position:absolute;left:40px;top:20px"></canvas>
</div>
<script>
  const context = c.getContext("2d");
  window.__hf = { duration: 2, seek(t) {
    context.fillStyle = `hsl(${Math.round(t * 180)} 90% 50%)`;
    context.fillRect(0, 0, 20, 10);
  } };
</script>"#;
const PICTURE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='12' height='12'>\
                       <circle cx='6' cy='6' r='5' fill='#4c8'/></svg>";

/// A video with sound, under squares.
const FOOTAGE: &str = r#"<!doctype html>
<style>
  body { margin: 0 }
  @keyframes m { to { translate: 0 60px } }
  i { position: absolute; width: 12px; height: 12px; background: #0cf; animation: m 1.5s linear both }
</style>
<div data-composition-id=r data-width=160 data-height=90 data-duration=1.5 data-fps=10
     style="position:relative;height:90px;background:#321">
  <video src=clip.mp4 data-start=0 data-duration=1.5 data-has-audio=true
         style="position:absolute;left:0;top:0;width:160px;height:90px"></video>
  <i style="left:20px"></i><i style="left:120px"></i>
</div>"#;

/// A larger one behind the wall: 3 layers, and a frame of its own.
const WALLED: &str = r#"<!doctype html>
<style>
  body { margin: 0 }
  @keyframes m { to { transform: translateX(400px) } }
  #a, #b { position: absolute; width: 80px; height: 80px; will-change: transform;
           animation: m 1s linear both }
  #a { top: 20px; background: #fa0 } #b { top: 160px; background: #5b2; animation-direction: reverse }
  iframe { position: absolute; left: 480px; top: 100px; width: 100px; height: 100px; border: 0 }
</style>
<div data-composition-id=r data-width=640 data-height=360 data-duration=1 data-fps=10
     style="position:relative;height:360px;background:#234">
  <div id=a></div><div id=b></div><iframe src=part.html></iframe>
</div>"#;
const PART: &str = "<!doctype html><style>body { margin: 0; background: #c3c }</style>";

impl Film {
    /// The films that can be made here, without what is made of them.
    ///
    /// The one with video and sound needs `ffmpeg`.
    pub(crate) fn all(place: &TempDir) -> Result<Vec<Self>> {
        let film = |name: &'static str, html: &str, arguments: &'static [&'static str]| {
            let directory = place.path().join(name);
            fs::create_dir(&directory)?;
            let page = directory.join("index.html");
            fs::write(&page, html)?;
            anyhow::Ok(Self { name, page, arguments, whole: Vec::new() })
        };
        let shapes = film("shapes", SHAPES, &[])?;
        fs::write(shapes.page.with_file_name("dot.svg"), PICTURE)?;
        let footage = film("footage", FOOTAGE, &[])?;
        let walled = film("walled", WALLED, &["--network", "deny"])?;
        fs::write(walled.page.with_file_name("part.html"), PART)?;
        let has_clip = make_clip(&footage.page.with_file_name("clip.mp4"));
        let mut films = vec![shapes, walled];
        films.extend(has_clip.then_some(footage));
        Ok(films)
    }
}

/// Two seconds of a test picture with a tone.
fn make_clip(path: &Path) -> bool {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=2"]);
    ffmpeg.args(["-f", "lavfi", "-i", "sine=f=440:r=48000:d=2", "-pix_fmt", "yuv420p"]);
    ffmpeg.arg(path).stderr(Stdio::null());
    ffmpeg.status().is_ok_and(|status| status.success())
}
