//! The parts of a frame's way, each for itself, at 1920×1080.
//!
//! `cargo bench --bench parts`

#![expect(missing_docs, reason = "of what criterion's macro makes")]

use std::hint::black_box;
use std::io::{Cursor, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use pagereel::frame::{PixelFormat, Size};
use pagereel::parts::{Batches, Bounds, FrameQueue};
use pagereel::time::FrameIndex;
use pagereel::{Engine, Frame, Job, Picture, parts};

const SIZE: Size = Size { width: 1920, height: 1080 };

/// A picture with large areas, edges and a gradient, as pages have them.
fn picture(shift: usize) -> Picture {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let pixel = |at: usize| {
        let (x, y) = (at % width + shift, at / width);
        let is_text = (x / 7 + y / 11) % 9 == 0 && y % 90 < 40;
        let shade = u8::try_from(y * 255 / height).unwrap_or(255);
        if is_text { [240, 240, 240, 255] } else { [shade, shade / 2, 90, 255] }
    };
    let data = (0..width * height).flat_map(pixel).collect();
    Picture { size: SIZE, format: PixelFormat::Bgrx8, data }
}

fn decode(c: &mut Criterion) {
    let picture = picture(0);
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Sub)
        .write_image(&picture.data, SIZE.width, SIZE.height, ExtendedColorType::Rgba8)
        .expect("a picture can be encoded");
    let png = png.into_inner();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("png", |b| b.iter(|| parts::decode_png(black_box(&png))));
    group.finish();
}

fn convert(c: &mut Criterion) {
    let picture = picture(0);
    let pixels = SIZE.width as usize * SIZE.height as usize;
    let mut planes = [vec![0; pixels], vec![0; pixels / 4], vec![0; pixels / 4]];
    let mut group = c.benchmark_group("convert");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bgrx to yuv420", |b| {
        b.iter(|| parts::to_yuv420(black_box(&picture), &mut planes));
    });
    group.finish();
}

fn queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("queue");
    group.throughput(Throughput::Elements(1000));
    for sessions in [1, 4] {
        group.bench_function(format!("1000 frames, {sessions} session(s)"), |b| {
            b.iter(|| pass(sessions));
        });
    }
    group.finish();
}

/// Passes 1,000 frames from so many sessions to one sink.
fn pass(sessions: usize) {
    let bounds = Bounds::window(NonZeroUsize::new(16).expect("not zero"));
    let FrameQueue { inlet, mut outlet } = FrameQueue::<u64>::new(1000, bounds, Batches::SINGLE);
    thread::scope(|scope| {
        for _ in 0..sessions {
            let inlet = inlet.clone();
            scope.spawn(move || {
                let next = || Some(inlet.next_batch()).filter(|batch| !batch.is_empty());
                for ticket in std::iter::from_fn(next).flatten() {
                    let index = ticket.index().0;
                    if ticket.deliver(index).is_err() {
                        return;
                    }
                }
            });
        }
        drop(inlet);
        while let Ok(frame) = outlet.recv() {
            black_box(frame);
        }
    });
}

fn encode(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let page = directory.path().join("index.html");
    let html = "<div data-composition-id=a data-width=1920 data-height=1080 data-duration=1></div>";
    std::fs::write(&page, html).expect("a page can be written");
    let job = Job::new(page, directory.path().join("out.mp4"));
    let (plan, _) = Engine::new().plan(&job).expect("it renders");
    let pictures: Vec<_> = (0..30).map(|n| Arc::new(picture(4 * n))).collect();
    let mut group = c.benchmark_group("encode");
    group.sample_size(10).throughput(Throughput::Elements(30));
    group.bench_function("30 moving pictures, standard", |b| {
        b.iter(|| {
            let mut sink = Engine::new()
                .file_sink(plan.clone(), &pagereel::CancelToken::new())
                .expect("the encoder opens");
            for (index, picture) in (0..).zip(&pictures) {
                let frame = Frame { index: FrameIndex(index), picture: Arc::clone(picture) };
                sink.write(frame).expect("it is encoded");
            }
            sink.finish().expect("the file is whole")
        });
    });
    group.finish();
}

/// One raw picture through a socket of this machine, which is what canvas capture pays for.
fn transport(c: &mut Criterion) {
    let picture = picture(0);
    let mut group = c.benchmark_group("transport");
    group.throughput(Throughput::Bytes(picture.data.len() as u64));
    group.bench_function("raw picture through a socket", |b| {
        let (mut near, mut far) = UnixStream::pair().expect("a pair of sockets");
        let mut received = vec![0; picture.data.len()];
        b.iter(|| {
            thread::scope(|scope| {
                scope.spawn(|| near.write_all(&picture.data).expect("the other end reads"));
                far.read_exact(&mut received).expect("the other end writes");
            });
        });
    });
    group.finish();
}

criterion_group!(benches, decode, convert, queue, encode, transport);
criterion_main!(benches);
