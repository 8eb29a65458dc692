//! Every adapter's fixture: the same frames for any number of sessions and any order of seeks, and the
//! right ones.
//!
//! Sessions are compared in the headless shell, orders and pictures on a display: the two ways may
//! differ by some levels at edges.
//!
//! What is right stands beside each page as `golden.png`: eight frames of the render, small, to be
//! looked at by a person before it is committed. `PAGEREEL_BLESS=1` writes them anew. Pictures are
//! compared with a tolerance that leaves room for another Chromium's edges, not for another place.

use std::path::Path;
use std::sync::{Arc, Mutex};

use image::RgbImage;
use image::imageops::{FilterType, replace, resize};
use pagereel::frame::{Frame, Picture};
use pagereel::job::CaptureMode;
use pagereel::{Artifact, Engine, FrameSink, Job, Result};

use crate::support::{digest, digests, fixture, stills};

/// Frames on a sheet, and how many stand side by side.
const SHEET: (u32, u32) = (8, 4);
/// Width of a frame on the sheet.
const WIDTH: u32 = 160;
/// Side of the blocks that are compared, and the largest difference of their mean.
const BLOCK: (u32, f64) = (8, 14.0);
/// The largest difference of the whole sheet's mean.
const MEAN: f64 = 1.0;

/// The digest of each frame, and its picture, small.
type Seen = Vec<(u64, RgbImage)>;

/// Looks at each frame.
struct Album(Arc<Mutex<Seen>>);

impl FrameSink for Album {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let small = small(&frame.picture);
        self.0.lock().unwrap().push((digest(frame), small));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        Ok(Artifact::default())
    }
}

fn small(picture: &Picture) -> RgbImage {
    let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
    let rgb = pixels.flat_map(|pixel| picture.format.rgb(pixel)).collect();
    let full = RgbImage::from_raw(picture.size.width, picture.size.height, rgb).unwrap();
    let height = WIDTH * picture.size.height / picture.size.width;
    resize(&full, WIDTH, height, FilterType::Triangle)
}

/// All frames, by one session.
fn shown(job: &Job) -> Seen {
    let mut job = job.clone();
    job.capture.workers = Some(1);
    let seen = Arc::default();
    let album = Box::new(Album(Arc::clone(&seen)));
    Engine::new().request(&job).render_into(album).unwrap();
    std::mem::take(&mut *seen.lock().unwrap())
}

fn sheet(seen: &Seen) -> RgbImage {
    let (count, columns) = SHEET;
    let (width, height) = seen[0].1.dimensions();
    let mut sheet = RgbImage::new(columns * width, count / columns * height);
    for i in 0..count {
        let (_, small) = &seen[i as usize * seen.len() / count as usize];
        replace(&mut sheet, small, (i % columns * width).into(), (i / columns * height).into());
    }
    sheet
}

/// Mean difference per color value of a part of two pictures of one size.
fn difference(a: &RgbImage, b: &RgbImage, (x, y, w, h): (u32, u32, u32, u32)) -> f64 {
    let mut sum = 0_u32;
    for (column, row) in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
        let (a, b) = (a.get_pixel(column, row), b.get_pixel(column, row));
        sum += a.0.iter().zip(b.0).map(|(&a, b)| u32::from(a.abs_diff(b))).sum::<u32>();
    }
    f64::from(sum) / f64::from(w * h * 3)
}

fn compare(got: &RgbImage, golden: &Path) {
    if std::env::var_os("PAGEREEL_BLESS").is_some() {
        got.save(golden).unwrap();
        return;
    }
    let wanted = image::open(golden).expect("PAGEREEL_BLESS=1 writes it").into_rgb8();
    assert_eq!(got.dimensions(), wanted.dimensions());
    let (width, height) = got.dimensions();
    let mean = difference(got, &wanted, (0, 0, width, height));
    let mut worst = (0.0, 0, 0);
    for y in (0..=height - BLOCK.0).step_by(BLOCK.0 as usize) {
        for x in (0..=width - BLOCK.0).step_by(BLOCK.0 as usize) {
            let here = difference(got, &wanted, (x, y, BLOCK.0, BLOCK.0));
            worst = if here > worst.0 { (here, x, y) } else { worst };
        }
    }
    let name = golden.parent().and_then(Path::file_name).unwrap();
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("png");
    if mean > MEAN || worst.0 > BLOCK.1 {
        got.save(&found).unwrap();
        let (golden, found) = (golden.display(), found.display());
        panic!("{golden}: mean {mean:.2}, worst block {worst:?}; see {found}");
    }
}

#[track_caller]
fn check(name: &str) {
    let mut job = Job::without_output(&*fixture(name).join("index.html"));
    let one = digests(&job, 1);
    let three = digests(&job, 3);
    let wrong: Vec<_> = (0..one.len()).filter(|&i| one[i] != three[i]).collect();
    assert!(wrong.is_empty(), "{name}: frames {wrong:?} differ between one session and three");

    job.capture.mode = CaptureMode::Display;
    let seen = shown(&job);
    compare(&sheet(&seen), &fixture(name).join("golden.png"));
    let order = shuffled(seen.len());
    let again = stills(&job, &order.iter().map(|&i| i as u64).collect::<Vec<_>>());
    let wrong: Vec<_> = order.iter().zip(again).filter(|&(&i, again)| again != seen[i].0).collect();
    assert!(wrong.is_empty(), "{name}: frames {wrong:?} differ when sought in the order {order:?}");
}

/// Frames in an order without any. How many: `PAGEREEL_SEEKS`, else few, since many pages have to be
/// loaded again for each step back.
fn shuffled(frames: usize) -> Vec<usize> {
    let count = std::env::var("PAGEREEL_SEEKS").map_or(8, |text| text.parse().unwrap());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        // xorshift64 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % frames as u64).unwrap()
    };
    (0..count).map(|_| next()).collect()
}

macro_rules! fixtures {
    ($($test:ident: $name:literal,)*) => { $( #[test] fn $test() { check($name) } )* };
}

fixtures! {
    gsap_nested: "gsap-nested",
    gsap_letters: "gsap-letters",
    gsap_late: "gsap-late",
    css_animations: "css-animations",
    css_transitions: "css-transitions",
    waapi: "waapi",
    anime3: "anime3",
    anime4: "anime4",
    lottie_svg: "lottie-svg",
    lottie_canvas: "lottie-canvas",
    dotlottie: "dotlottie",
    three_seek: "three-seek",
    three_clock: "three-clock",
    three_mixer: "three-mixer",
    webgl: "webgl",
    canvas_2d: "canvas-2d",
    smil: "smil",
    animated_images: "animated-images",
    d3: "d3",
    timers: "timers",
    wall_clock: "wall-clock",
    document_timeline: "document-timeline",
    iframe: "iframe",
    leaflet: "leaflet",
    map_ready: "map-ready",
    particles: "particles",
    shadow_dom: "shadow-dom",
    clips: "clips",
    nested: "nested",
}
