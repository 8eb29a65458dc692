//! What HyperFrames' pages and words of today come to here.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pagereel::{Job, Picture, Shader};
use tempfile::TempDir;

use crate::support::{cheaply, fixture, pictures};

/// Frames of one of the two pages that show all shaders on the way between two scenes.
///
/// Frame `4 n + k` shows shader `n` at `k` quarters of its way.
fn strip(page: &str) -> (TempDir, Vec<Arc<Picture>>) {
    let directory = tempfile::tempdir().unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/looks");
    for file in ["scenes.js", page] {
        fs::copy(own.join(file), directory.path().join(file)).unwrap();
    }
    let library = "node_modules/@hyperframes/shader-transitions/dist/index.global.js";
    let library = fs::read(fixture(library)).expect("the library is there: run ./setup.sh");
    fs::write(directory.path().join("library.js"), library).unwrap();
    let mut job = cheaply(&Job::without_output(directory.path().join(page)));
    job.capture.workers = Some(1);
    let (_, pictures) = pictures(&job);
    (directory, pictures)
}

/// Luma by BT.709, of codes.
fn luma(picture: &Picture) -> Vec<f64> {
    let pixels = picture.data.chunks_exact(picture.format.bytes_per_pixel());
    let weighted = |[r, g, b]: [u8; 3]| {
        0.0722f64.mul_add(f64::from(b), 0.2126f64.mul_add(r.into(), 0.7152 * f64::from(g)))
    };
    pixels.map(|pixel| weighted(picture.format.rgb(pixel))).collect()
}

/// Structural similarity of two pictures: the mean over windows of 8x8 pixels, each 4 apart.
fn similarity(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.size, b.size);
    let (width, height) = (a.size.width as usize, a.size.height as usize);
    let [a, b] = [a, b].map(luma);
    let (mut sum, mut windows) = (0.0, 0.0);
    for top in (0..=height - 8).step_by(4) {
        for left in (0..=width - 8).step_by(4) {
            let mut sums = [0.0; 5];
            for y in top..top + 8 {
                for (a, b) in a[y * width + left..][..8].iter().zip(&b[y * width + left..][..8]) {
                    for (sum, more) in sums.iter_mut().zip([*a, *b, a * a, b * b, a * b]) {
                        *sum += more / 64.0;
                    }
                }
            }
            let [a, b, aa, bb, ab] = sums;
            let (c1, c2) = ((0.01 * 255.0f64).powi(2), (0.03 * 255.0f64).powi(2));
            let (means, products) = (a * b, aa + bb - a * a - b * b);
            sum += (2.0 * means + c1) * (2.0 * (ab - means) + c2)
                / ((a * a + b * b + c1) * (products + c2));
            windows += 1.0;
        }
    }
    sum / windows
}

#[test]
fn transitions_look_like_their_namesakes() {
    let (_one, theirs) = strip("library.html");
    let (_other, ours) = strip("ours.html");
    assert_eq!((theirs.len(), ours.len()), (56, 56));
    let shaders = Shader::ALL.into_iter().filter(|&shader| shader != Shader::Crossfade);
    let mut table = String::new();
    let mut least = 1.0_f64;
    for (number, shader) in shaders.enumerate() {
        let at = |quarter: usize| {
            similarity(&theirs[4 * number + quarter], &ours[4 * number + quarter])
        };
        let [early, middle, late] = [1, 2, 3].map(at);
        least = least.min(early).min(middle).min(late);
        table += &format!("{shader:20} {early:.3} {middle:.3} {late:.3}\n");
        // A page shows its first scene alone before it begins.
        assert!(ours[4 * number].data == ours[0].data, "{shader} begins with the first scene");
    }
    println!("{table}");
    assert!(least >= 0.85, "\n{table}");
}
