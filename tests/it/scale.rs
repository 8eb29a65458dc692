//! Device pixels per CSS pixel: the same page in more pixels, or in fewer.

use std::path::Path;

use image::RgbImage;
use image::imageops::{FilterType, resize};
use pagereel::frame::Size;
use pagereel::job::{CaptureMode, JobError};
use pagereel::plan::Backend;
use pagereel::{Error, Job, Picture};

use crate::support::{digests, page, pagereel, pictures};

const WAYS: [(CaptureMode, Backend); 4] = [
    (CaptureMode::Display, Backend::Display),
    (CaptureMode::BeginFrame, Backend::BeginFrame),
    (CaptureMode::Screenshot, Backend::Screenshot),
    (CaptureMode::Canvas, Backend::Canvas),
];

/// A page of 240 by 120 pixels. Its right lower corner says what the page knows of its pixels.
const SCENE: &str = "<!doctype html><meta charset=utf-8><style>
    body { margin: 0; background: linear-gradient(160deg, #124, #48a) }
    #root { position: relative; width: 240px; height: 120px; overflow: hidden }
    b { position: absolute; left: 12px; top: 8px; font: 18px sans-serif; color: #fff;
        animation: move 1s linear }
    i { position: absolute; left: 100px; top: 50px; width: 60px; height: 40px; background: #d5432e;
        border-radius: 12px; box-shadow: 0 4px 12px #0008; animation: move 1s linear }
    #corner { position: absolute; right: 0; bottom: 0; width: 20px; height: 20px }
    @keyframes move { to { translate: 40px 20px } }
    </style>
    <div id=root data-composition-id=root data-width=240 data-height=120 data-duration=.4
         data-fps=10><b>Sharp letters</b><i></i><div id=corner></div></div>
    <script>
    const fits = innerWidth === 240 && innerHeight === 120 && matchMedia('(width: 240px)').matches;
    corner.style.background = `rgb(${fits ? 20 : 200}, 40, ${60 + 10 * devicePixelRatio})`;
    </script>";

fn job(composition: &Path, mode: CaptureMode, scale: f64) -> Job {
    let mut job = Job::without_output(composition);
    job.scale = scale;
    job.capture.mode = mode;
    job.capture.workers = Some(1);
    job
}

fn image(picture: &Picture) -> RgbImage {
    let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
    let rgb = pixels.flat_map(|pixel| picture.format.rgb(pixel)).collect();
    RgbImage::from_raw(picture.size.width, picture.size.height, rgb).unwrap()
}

fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let mean = a.iter().zip(b.iter()).map(square).sum::<f64>() / a.len() as f64;
    10.0 * (255.0_f64.powi(2) / mean).log10()
}

/// How much neighbors differ, on average, where the letters are.
fn sharpness(image: &RgbImage, scale: u32) -> f64 {
    let (width, height) = (170 * scale, 30 * scale);
    let steps = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let step = |(x, y)| f64::from(image.get_pixel(x, y)[0].abs_diff(image.get_pixel(x + 1, y)[0]));
    steps.map(|at| step(at).powi(2)).sum::<f64>() / f64::from(width * height)
}

#[test]
fn the_same_page_in_other_pixels_in_every_way() {
    let (_directory, path) = page(SCENE);
    for (mode, way) in WAYS {
        let (_, plain) = pictures(&job(&path, mode, 1.0));
        for (scale, width, height) in
            [(0.5, 120, 60), (4.0 / 3.0, 320, 160), (1.5, 360, 180), (2.0, 480, 240)]
        {
            let (report, scaled) = pictures(&job(&path, mode, scale));
            let capture = &report.plan.capture;
            assert_eq!(capture.backend, way, "{scale}: {:?}", capture.reasons);
            let size = Size { width, height };
            assert_eq!((report.plan.stream.size, scaled.len()), (size, 4), "{way}, {scale}");
            for (plain, scaled) in plain.iter().zip(&scaled) {
                assert_eq!(scaled.size, size, "{way}, {scale}");
                let (plain, scaled) = (image(plain), image(scaled));
                let filter = FilterType::Triangle;
                let alike = if scale < 1.0 {
                    psnr(&resize(&plain, width, height, filter), &scaled)
                } else {
                    psnr(&plain, &resize(&scaled, 240, 120, filter))
                };
                assert!(alike > 28.0, "{way}, {scale}: {alike} dB");
                println!("{way}, {scale}: {alike:.1} dB");
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "60 to 100"
                )]
                let blue = (60.0 + 10.0 * scale).round() as u8;
                let corner = scaled.get_pixel(width - 4, height - 4);
                assert_eq!(corner.0, [20, 40, blue], "{way}, {scale}");
                if scale > 1.9 {
                    let enlarged = resize(&plain, width, height, FilterType::CatmullRom);
                    let (found, other) = (sharpness(&scaled, 2), sharpness(&enlarged, 2));
                    println!("{way}: sharpness {found:.0}, enlarged {other:.0}");
                    assert!(found > 1.2 * other, "{way}: {found}, enlarged {other}");
                }
            }
        }
    }
}

#[test]
fn scaled_frames_are_the_same_whatever_the_sessions() {
    let (_directory, path) = page(SCENE);
    for scale in [0.5, 1.5, 2.0] {
        for (mode, way) in WAYS {
            let by = |workers| digests(&job(&path, mode, scale), workers);
            assert_eq!(by(2), by(1), "{way}, {scale}");
        }
    }
}

#[test]
fn a_size_that_is_not_whole_is_refused_with_one_that_is() {
    let html = "<!doctype html><div data-composition-id=a data-width=241 data-height=121
                data-duration=1></div>";
    let (_directory, path) = page(html);
    let plan = |job: &Job| {
        let error = pagereel::Engine::new().plan(job).unwrap_err();
        let Error::Job(error @ JobError::BadValue { .. }) = error else { panic!("{error:?}") };
        error.to_string()
    };
    let mut job = job(&path, CaptureMode::BeginFrame, 1.5);
    let told = "field `scale` must be such that both sides of 241x121 come out whole, such as 2, \
                found 1.5";
    assert_eq!(plan(&job), told);
    job.size = Some(Size { width: 241, height: 121 });
    assert_eq!(job.validate().unwrap_err().to_string(), told);
    job.size = Some(Size { width: 16_000, height: 16_000 });
    let told =
        "field `scale` must be at most 1.024 for 16000x16000: 16384 pixels a side, found 1.5";
    assert_eq!(job.validate().unwrap_err().to_string(), told);
    for scale in [0.49, 4.01, f64::NAN] {
        job.scale = scale;
        let told = format!("field `scale` must be within 0.5 to 4, found {scale}");
        assert_eq!(job.validate().unwrap_err().to_string(), told);
    }
}

#[test]
fn a_still_and_a_file_have_the_scale() {
    let (directory, path) = page(SCENE);
    let run = |arguments: &[&str], file: &Path| {
        let output = pagereel().args(arguments).args(["--scale", "1.5", "-o"]).arg(file).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let path = path.to_str().unwrap();
    let still = directory.path().join("still.png");
    run(&["still", path, "--at", "0", "--capture", "beginFrame"], &still);
    assert_eq!(image::image_dimensions(&still).unwrap(), (360, 180));
    let video = directory.path().join("video.mp4");
    run(&[path, "--capture", "beginFrame", "--quiet"], &video);
    let probe = crate::support::probe(&video);
    let stream = &probe["streams"][0];
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(360), Some(180)));
}
