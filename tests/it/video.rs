//! Pictures of videos: the right one in every frame, as the page's style wants it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use pagereel::frame::Size;
use pagereel::job::CaptureMode;
use pagereel::{Artifact, CancelToken, Engine, Frame, FrameSink, Job, Picture, Report};
use tempfile::TempDir;

/// Size of a source, which is a grid of cells that are black or white.
const WIDTH: usize = 160;
const HEIGHT: usize = 96;
const CELL: usize = 32;
const COLUMNS: usize = WIDTH / CELL;

/// The source that lies on its side.
const TURNED: &str = "turned.mp4";

/// A source whose pictures carry their numbers.
struct Source {
    file: &'static str,
    /// Numerator and denominator.
    rate: (u32, u32),
    pictures: u32,
    encode: &'static [&'static str],
    /// When picture `n` is shown, in pictures of a constant rate.
    place: fn(u32) -> u32,
}

const EVENLY: fn(u32) -> u32 = |n| n;
/// Each third picture is shown twice as long.
const UNEVENLY: fn(u32) -> u32 = |n| n + n / 3;

fn sources() -> Vec<Source> {
    let source =
        |file, rate, pictures, encode| Source { file, rate, pictures, encode, place: EVENLY };
    vec![
        source(
            "b-frames.mp4",
            (30, 1),
            90,
            &["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3", "-g", "12"],
        ),
        source(
            "open-gop.mkv",
            (25, 1),
            75,
            &[
                "-c:v",
                "libx264",
                "-pix_fmt",
                "yuv420p",
                "-x264-params",
                "open-gop=1:keyint=10:bframes=3:scenecut=0",
            ],
        ),
        Source {
            place: UNEVENLY,
            ..source(
                "uneven.mp4",
                (30, 1),
                60,
                &[
                    "-vf",
                    "setpts='(N+floor(N/3))/30/TB'",
                    "-fps_mode",
                    "passthrough",
                    "-c:v",
                    "libx264",
                    "-pix_fmt",
                    "yuv420p",
                ],
            )
        },
        source("film.mp4", (24_000, 1001), 72, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        source("ntsc.mov", (60_000, 1001), 150, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        source(
            "hevc.mp4",
            (50, 1),
            120,
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=error:keyint=20",
                "-pix_fmt",
                "yuv420p",
            ],
        ),
        source(
            "alpha.webm",
            (30, 1),
            90,
            &[
                "-c:v",
                "libvpx-vp9",
                "-cpu-used",
                "8",
                "-deadline",
                "realtime",
                "-pix_fmt",
                "yuva420p",
            ],
        ),
        source(
            "prores.mov",
            (30, 1),
            90,
            &["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"],
        ),
        source(
            "av1.webm",
            (30, 1),
            90,
            &["-c:v", "libaom-av1", "-cpu-used", "8", "-g", "30", "-pix_fmt", "yuv420p"],
        ),
        source(TURNED, (30, 1), 90, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        source(
            "late.ts",
            (25, 1),
            75,
            &["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-muxdelay", "1"],
        ),
    ]
}

fn ffmpeg(arguments: &[&str], input: &[u8]) {
    let mut child = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    assert!(child.wait().unwrap().success(), "ffmpeg {arguments:?}");
}

impl Source {
    fn make(&self, directory: &Path) {
        let mut raw = Vec::new();
        for number in 0..self.pictures {
            for y in 0..HEIGHT {
                for x in 0..WIDTH {
                    let bit = y / CELL * COLUMNS + x / CELL;
                    raw.push(if number >> bit & 1 == 1 { 235 } else { 20 });
                }
            }
        }
        let (size, rate) =
            (format!("{WIDTH}x{HEIGHT}"), format!("{}/{}", self.rate.0, self.rate.1));
        let mut arguments =
            vec!["-f", "rawvideo", "-pix_fmt", "gray", "-s", &size, "-r", &rate, "-i", "-"];
        arguments.extend(self.encode);
        let path = directory.join(self.file);
        arguments.push(path.to_str().unwrap());
        ffmpeg(&arguments, &raw);
        if self.file == TURNED {
            // Only a copy is told how it lies.
            let upright = directory.join("upright.mp4");
            fs::rename(&path, &upright).unwrap();
            let (from, to) = (upright.to_str().unwrap(), path.to_str().unwrap());
            ffmpeg(&["-i", from, "-c", "copy", "-metadata:s:v", "rotate=270", to], &[]);
        }
    }

    /// The number of the picture that is shown at `seconds`.
    fn at(&self, seconds: f64) -> u32 {
        let place = (seconds * f64::from(self.rate.0) / f64::from(self.rate.1) + 1e-4).floor();
        (0..self.pictures).rev().find(|&n| f64::from((self.place)(n)) <= place).unwrap_or(0)
    }

    fn duration(&self) -> f64 {
        let pictures = (self.place)(self.pictures - 1) + 1;
        f64::from(pictures) * f64::from(self.rate.1) / f64::from(self.rate.0)
    }
}

/// The number in one cell grid of a page, whose top left is given.
/// `None` where a cell is neither black nor white.
fn number_at(picture: &Picture, left: usize, top: usize, turned: bool) -> Option<u32> {
    let mut number = 0;
    for bit in 0..(WIDTH / CELL) * (HEIGHT / CELL) {
        let (column, row) = (bit % COLUMNS, bit / COLUMNS);
        let (x, y) = (column * CELL + CELL / 2, row * CELL + CELL / 2);
        let (x, y) = if turned { (HEIGHT - 1 - y, x) } else { (x, y) };
        let at = (top + y) * picture.stride() + (left + x) * picture.format.bytes_per_pixel();
        let [red, green, blue] = picture.format.rgb(&picture.data[at..]);
        let light = u32::from(red) + u32::from(green) + u32::from(blue);
        if (250..=515).contains(&light) {
            return None;
        }
        number |= u32::from(light > 380) << bit;
    }
    Some(number)
}

/// Keeps all pictures.
#[derive(Clone, Default)]
struct Collect(Arc<Mutex<Vec<Arc<Picture>>>>);

impl FrameSink for Collect {
    fn write(&mut self, frame: Frame) -> pagereel::Result<()> {
        self.0.lock().unwrap().push(frame.picture);
        Ok(())
    }

    fn finish(self: Box<Self>) -> pagereel::Result<Artifact> {
        Ok(Artifact::default())
    }
}

fn pictures(job: &Job) -> (Vec<Arc<Picture>>, Report) {
    let sink = Collect::default();
    let (engine, cancel) = (Engine::new(), CancelToken::new());
    let report = engine.request(job).cancel(&cancel).render_into(Box::new(sink.clone())).unwrap();
    let pictures = sink.0.lock().unwrap().clone();
    (pictures, report)
}

/// How a clip plays its source.
struct Clip {
    start: f64,
    from: f64,
    rate: f64,
    loops: bool,
}

fn clips() -> Vec<Clip> {
    let clip = |start, from, rate, loops| Clip { start, from, rate, loops };
    vec![
        clip(0.0, 0.0, 1.0, false),
        clip(0.2, 0.6, 1.0, false),
        clip(0.0, 0.4, 1.5, false),
        clip(0.0, 0.0, 2.5, true),
        clip(0.4, 1.0, 0.5, false),
        clip(0.0, 1.2, 2.0, false),
        clip(0.0, 0.5, 1.0, false),
        clip(0.1, 0.0, 1.0, true),
        clip(0.0, 2.0, 1.0, true),
        clip(0.0, 0.3, 1.0, false),
        clip(0.0, 0.2, 1.0, false),
    ]
}

const SECONDS: u32 = 2;
const PAGE: Size = Size { width: 640, height: 288 + 160 };

fn place(at: usize) -> (usize, usize) {
    (at % 4 * WIDTH, at / 4 * 144)
}

fn barcodes() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut videos = String::new();
    for (at, (source, clip)) in sources().iter().zip(clips()).enumerate() {
        source.make(directory.path());
        let (left, top) = place(at);
        let Clip { start, from, rate, loops } = clip;
        let (file, loops) = (source.file, if loops { "loop" } else { "" });
        write!(
            videos,
            r#"<video id="v{at}" src="{file}" muted {loops} data-start="{start}" data-duration="{}"
                data-media-start="{from}" data-playback-rate="{rate}"
                style="position:absolute;left:{left}px;top:{top}px"></video>"#,
            f64::from(SECONDS) - start
        )
        .unwrap();
    }
    let Size { width, height } = PAGE;
    let html = format!(
        r#"<!doctype html><body style="margin:0;background:#777"><div data-composition-id="barcodes"
        data-width="{width}" data-height="{height}" data-duration="{SECONDS}">{videos}</div></body>"#
    );
    fs::write(directory.path().join("index.html"), html).unwrap();
    directory
}

fn check_barcodes(job: &Job, fps: u32) -> Vec<Arc<Picture>> {
    let (pictures, report) = pictures(job);
    assert_eq!(report.warnings, []);
    assert_eq!(pictures.len(), (SECONDS * fps) as usize);
    for (frame, picture) in pictures.iter().enumerate() {
        let time = frame as f64 / f64::from(fps);
        for (at, (source, clip)) in sources().iter().zip(clips()).enumerate() {
            if time < clip.start - 1e-9 {
                continue;
            }
            let mut seconds = clip.from + (time - clip.start) * clip.rate;
            if clip.loops {
                let cycle = source.duration() - clip.from;
                seconds = clip.from + (seconds - clip.from + 1e-7).rem_euclid(cycle);
            }
            let expected = source.at(seconds);
            let (left, top) = place(at);
            let shown = number_at(picture, left, top, source.file == TURNED);
            assert_eq!(
                shown,
                Some(expected),
                "{} at frame {frame} of {fps} fps, {seconds} s of the source",
                source.file
            );
        }
    }
    pictures
}

fn barcode_job(directory: &Path, fps: u32, workers: u32, mode: CaptureMode) -> Job {
    let mut job = Job::without_output(directory.join("index.html"));
    job.fps = Some(fps.to_string().parse().unwrap());
    job.capture.workers = Some(workers);
    job.capture.mode = mode;
    job
}

#[test]
fn each_frame_shows_the_picture_that_its_time_asks_for() {
    let directory = barcodes();
    for fps in [24, 30, 60] {
        let job = |workers| barcode_job(directory.path(), fps, workers, CaptureMode::BeginFrame);
        let one = check_barcodes(&job(1), fps);
        let three = check_barcodes(&job(3), fps);
        assert!(one == three, "{fps} fps: one and three sessions differ");
    }
    for mode in [CaptureMode::Display, CaptureMode::Screenshot, CaptureMode::Canvas] {
        check_barcodes(&barcode_job(directory.path(), 30, 2, mode), 30);
    }
}

/// A canvas and a texture that page code fills from videos, beside a video of the page.
const DRAWN: &str = r#"<!doctype html><body style="margin:0;background:#777">
<div data-composition-id="drawn" data-width="480" data-height="192" data-duration="1">
<video id="shown" src="b-frames.mp4" muted data-start="0" data-duration="1" data-media-start="0.5"
  style="position:absolute;left:0;top:0"></video>
<canvas id="flat" width="160" height="96" style="position:absolute;left:160px;top:0"></canvas>
<canvas id="deep" width="160" height="96" style="position:absolute;left:320px;top:0"></canvas>
<canvas id="bitmap" width="160" height="96" style="position:absolute;left:0;top:96px"></canvas>
<p id="facts" style="position:absolute;left:160px;top:96px;margin:0"></p></div>
<script>
  const shown = document.getElementById("shown");
  const flat = document.getElementById("flat").getContext("2d");
  // Not in the document, as a texture's video most often is.
  const hidden = document.createElement("video");
  hidden.src = "b-frames.mp4";
  hidden.muted = true;
  hidden.play();
  const gl = document.getElementById("deep").getContext("webgl", { preserveDrawingBuffer: true });
  const shader = (type, text) => {
    const made = gl.createShader(type);
    gl.shaderSource(made, text);
    gl.compileShader(made);
    return made;
  };
  const program = gl.createProgram();
  gl.attachShader(program, shader(gl.VERTEX_SHADER, "attribute vec2 p; varying vec2 t; void main() { t = vec2(p.x + 1.0, 1.0 - p.y) / 2.0; gl_Position = vec4(p, 0, 1); }"));
  gl.attachShader(program, shader(gl.FRAGMENT_SHADER, "precision mediump float; varying vec2 t; uniform sampler2D s; void main() { gl_FragColor = texture2D(s, t); }"));
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const [name, value] of [[gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE], [gl.TEXTURE_MIN_FILTER, gl.LINEAR]]) gl.texParameteri(gl.TEXTURE_2D, name, value);
  let events = [];
  for (const name of ["loadedmetadata", "canplaythrough"]) shown.addEventListener(name, () => events.push(name));
  let callbacks = 0;
  const count = () => { callbacks += 1; shown.requestVideoFrameCallback(count); };
  shown.requestVideoFrameCallback(count);
  const draw = () => {
    flat.drawImage(shown, 0, 0);
    if (hidden.readyState >= 2) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, hidden);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    const facts = [shown.videoWidth, shown.videoHeight, shown.duration, shown.currentTime.toFixed(3), shown.readyState, shown.paused, events.length, callbacks];
    document.title = facts.join(" ");
    console.log(document.title);
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
  const bitmap = document.getElementById("bitmap").getContext("2d");
  const paint = async () => {
    if (shown.readyState >= 2) bitmap.drawImage(await createImageBitmap(shown), 0, 0);
    requestAnimationFrame(paint);
  };
  requestAnimationFrame(paint);
</script>"#;

#[test]
fn page_code_draws_the_same_picture() {
    let directory = tempfile::tempdir().unwrap();
    let source = &sources()[0];
    source.make(directory.path());
    fs::write(directory.path().join("index.html"), DRAWN).unwrap();
    for (workers, mode) in [(1, CaptureMode::BeginFrame), (2, CaptureMode::Display)] {
        let (pictures, report) = pictures(&barcode_job(directory.path(), 30, workers, mode));
        assert_eq!(report.warnings, []);
        for (frame, picture) in pictures.iter().enumerate() {
            let time = frame as f64 / 30.0;
            let numbers =
                [(0, 0), (160, 0), (320, 0), (0, 96)].map(|(x, y)| number_at(picture, x, y, false));
            let [placed, free] = [source.at(0.5 + time), source.at(time)];
            let expected = [placed, placed, free, placed].map(Some);
            assert_eq!(numbers, expected, "frame {frame}, {mode:?}");
        }
    }
}

/// Colors whose video is made in several ways.
const PATCHES: [[u8; 3]; 8] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [200, 120, 40],
    [40, 90, 160],
    [128, 128, 128],
    [255, 255, 255],
    [30, 30, 30],
];
const PATCH: usize = 80;

/// A video of the patches, in one row, with this matrix, range and these tags.
fn patches(path: &Path, matrix: &str, range: &str, tags: &[&str]) {
    let mut raw = Vec::new();
    for _ in 0..PATCH * 3 {
        for color in PATCHES {
            raw.extend(color.repeat(PATCH));
        }
    }
    let size = format!("{}x{PATCH}", PATCH * PATCHES.len());
    let filter = format!(
        "scale=out_color_matrix={matrix}:out_range={range}:flags=accurate_rnd+full_chroma_int,format=yuv420p"
    );
    let mut arguments =
        vec!["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", "3", "-i", "-"];
    arguments.extend(["-vf", &filter, "-c:v", "libx264", "-crf", "2"]);
    arguments.extend(tags);
    arguments.push(path.to_str().unwrap());
    ffmpeg(&arguments, &raw);
}

#[test]
fn colors_of_videos_are_right() {
    let directory = tempfile::tempdir().unwrap();
    let bt709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];
    let bt601 =
        ["-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m"];
    let ways: [(&str, &str, &str, Vec<&str>); 4] = [
        ("bt709.mp4", "bt709", "tv", [&bt709[..], &["-color_range", "tv"]].concat()),
        ("bt601.mp4", "bt601", "tv", [&bt601[..], &["-color_range", "tv"]].concat()),
        ("full.mp4", "bt709", "pc", [&bt709[..], &["-color_range", "pc"]].concat()),
        // As Chrome takes small pictures that say nothing.
        ("untagged.mp4", "bt601", "tv", vec![]),
    ];
    let mut videos = String::new();
    for (at, (file, matrix, range, tags)) in ways.iter().enumerate() {
        patches(&directory.path().join(file), matrix, range, tags);
        let top = at * PATCH;
        write!(
            videos,
            r#"<video src="{file}" muted style="position:absolute;left:0;top:{top}px"></video>"#
        )
        .unwrap();
    }
    let html = format!(
        r#"<!doctype html><body style="margin:0"><div data-composition-id="c" data-width="640"
        data-height="320" data-duration="0.1">{videos}</div></body>"#
    );
    fs::write(directory.path().join("index.html"), html).unwrap();
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let (pictures, _) = pictures(&barcode_job(directory.path(), 30, 1, mode));
        let picture = &pictures[0];
        for (row, (file, ..)) in ways.iter().enumerate() {
            for (column, expected) in PATCHES.iter().enumerate() {
                let (x, y) = (column * PATCH + PATCH / 2, row * PATCH + PATCH / 2);
                let at = y * picture.stride() + x * picture.format.bytes_per_pixel();
                let shown = picture.format.rgb(&picture.data[at..]);
                let off = shown.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(off <= Some(4), "{file}: {shown:?}, expected {expected:?}");
            }
        }
    }
}

#[test]
fn hdr_videos_are_tone_mapped() {
    let directory = tempfile::tempdir().unwrap();
    // Grays of 0, 20, 100, 203 and 1000 nit, as codes of PQ with 10 bits and limited range.
    let codes = [0.0, 0.3610, 0.5081, 0.5807, 0.7518].map(|code: f64| 64.0 + code * 876.0);
    let mut raw = Vec::new();
    for _ in 0..PATCH * 3 {
        for code in codes {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10 bits")]
            let code = (code.round() as u16).to_le_bytes();
            raw.extend(code.repeat(PATCH));
        }
    }
    let size = format!("{}x{PATCH}", PATCH * codes.len());
    let path = directory.path().join("pq.mp4");
    let tags = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:crf=4:log-level=error";
    // Chroma is neutral, so a gray format that leaves it out says all.
    ffmpeg(
        &[
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray10le",
            "-color_range",
            "tv",
            "-s",
            &size,
            "-r",
            "3",
            "-i",
            "-",
            "-vf",
            "scale=in_range=tv:out_range=tv,format=yuv420p10le",
            "-c:v",
            "libx265",
            "-x265-params",
            tags,
            "-color_primaries",
            "bt2020",
            "-color_trc",
            "smpte2084",
            "-colorspace",
            "bt2020nc",
            "-color_range",
            "tv",
            path.to_str().unwrap(),
        ],
        &raw,
    );
    let html = r#"<!doctype html><body style="margin:0"><div data-composition-id="c" data-width="400"
        data-height="80" data-duration="0.1"><video src="pq.mp4" muted></video></div></body>"#;
    fs::write(directory.path().join("index.html"), html).unwrap();
    let (pictures, _) = pictures(&barcode_job(directory.path(), 30, 1, CaptureMode::BeginFrame));
    let grays: Vec<u8> = (0..codes.len())
        .map(|column| {
            let at = 40 * pictures[0].stride()
                + (column * PATCH + 40) * pictures[0].format.bytes_per_pixel();
            let [red, green, blue] = pictures[0].format.rgb(&pictures[0].data[at..]);
            assert!(red.abs_diff(green) <= 2 && green.abs_diff(blue) <= 2, "{red} {green} {blue}");
            green
        })
        .collect();
    // 20 nit of 203 are not compressed: 0.0985 is 88 in sRGB. Without a map it would be the code, 92;
    // 203 nit would be 148, and 1000 nit 192.
    assert_eq!(grays[0], 0);
    assert!(grays[1].abs_diff(88) <= 3, "{grays:?}");
    assert!(grays[2] > 150 && grays[3] > grays[2] && grays[4] >= 253, "{grays:?}");
}

#[test]
fn what_cannot_be_decoded_is_named_and_the_rest_remains() {
    let directory = tempfile::tempdir().unwrap();
    let source = &sources()[0];
    source.make(directory.path());
    let whole = fs::read(directory.path().join(source.file)).unwrap();
    fs::write(directory.path().join("half.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(directory.path().join("page.mp4"), "<!doctype html><p>not found</p>").unwrap();
    fs::write(directory.path().join("empty.mp4"), "").unwrap();
    let tone = directory.path().join("tone.mp4");
    ffmpeg(&["-f", "lavfi", "-i", "sine", "-t", "1", tone.to_str().unwrap()], &[]);
    for (file, size) in
        [("huge.mkv", "16640x16"), ("tall.mkv", "16x16640"), ("wide.mkv", "16384x16")]
    {
        let path = directory.path().join(file);
        let color = format!("color=c=white:s={size}:r=30");
        let path = path.to_str().unwrap();
        ffmpeg(&["-f", "lavfi", "-i", &color, "-frames:v", "8", "-c:v", "ffv1", path], &[]);
    }
    let files = [
        "half.mp4",
        "page.mp4",
        "empty.mp4",
        "tone.mp4",
        "none.mp4",
        "huge.mkv",
        "tall.mkv",
        "b-frames.mp4",
        "wide.mkv",
    ];
    let mut videos = String::new();
    for (at, file) in files.iter().enumerate() {
        write!(
            videos,
            r#"<video id="v{at}" src="{file}" muted data-start="0" data-duration="1"
            style="position:absolute;left:{}px;top:0;width:160px;height:96px;object-fit:fill"></video>"#,
            at * WIDTH
        )
        .unwrap();
    }
    let html = format!(
        r#"<!doctype html><body style="margin:0;background:#777"><div data-composition-id="c" data-width="1440"
        data-height="96" data-duration="0.2">{videos}</div></body>"#
    );
    fs::write(directory.path().join("index.html"), html).unwrap();
    let mut job = barcode_job(directory.path(), 30, 1, CaptureMode::BeginFrame);
    let (pictures, report) = pictures(&job);
    for (frame, picture) in pictures.iter().enumerate() {
        assert_eq!(number_at(picture, 7 * WIDTH, 0, false), Some(frame.try_into().unwrap()));
        // The widest that is allowed is shown.
        assert_eq!(number_at(picture, 8 * WIDTH, 0, false), Some((1 << 15) - 1));
        assert_eq!(number_at(picture, 5 * WIDTH, 0, false), None);
    }
    let reasons = [
        "moov atom not found",
        "Invalid data",
        "Invalid data",
        "no pictures",
        "no file",
        "huge.mkv is 16640x16, expected at most 16384 pixels each way",
        "tall.mkv is 16x16640, expected at most 16384 pixels each way",
    ];
    for (at, reason) in reasons.iter().enumerate() {
        let about = format!("#v{at} ");
        let told =
            report.warnings.iter().find(|w| w.code == "video_failed" && w.message.contains(&about));
        let told = told.unwrap_or_else(|| panic!("nothing about {about}: {:?}", report.warnings));
        assert!(told.message.to_lowercase().contains(&reason.to_lowercase()), "{}", told.message);
    }
    job.strict = true;
    let sink = Box::new(Collect::default());
    let refused = Engine::new().request(&job).render_into(sink);
    assert!(refused.unwrap_err().to_string().contains("#v0"));
}
