//! Players as page code sees and moves them, in picture and in sound, and the cues of their tracks.

use std::fs;
use std::ops::Range;
use std::path::Path;

use pagereel::{Job, Picture, Report};
use percent_encoding::percent_decode_str;
use tempfile::TempDir;

use crate::sound::{
    RATE, SAMPLE, assert_level, assert_times, clicks, composition, heard, onsets, output, rendered,
    sine, wav,
};
use crate::support::{cheaply, digests, judge, page, pictures, render, stills};

/// A video of 30 pictures in one second; picture `n` has the luma of this formula.
fn numbered(path: &Path, luma: &str) {
    let source = format!("nullsrc=s=32x36:r=30:d=1,geq=lum='{luma}':cb=128:cr=128");
    let codec = ["-c:v", "libx264", "-crf", "1", "-pix_fmt", "yuv420p", path.to_str().unwrap()];
    judge("ffmpeg", &[&["-f", "lavfi", "-i", &source][..], &codec[..]].concat());
}

/// A composition of `secs` seconds with these elements, beside the videos `up.mp4`, with the
/// pictures 0 to 29, and `down.mp4`, with 29 to 0.
fn with_videos(secs: f64, elements: &str) -> (TempDir, Job) {
    let html = format!(
        "<!doctype html><style>body {{ background: #fff }} video {{ position: absolute; top: 0 }}\
         </style><div data-composition-id=main data-width=160 data-height=36 data-fps=30 \
         data-duration={secs} data-no-timeline>{elements}</div>"
    );
    let (directory, path) = page(&html);
    numbered(&directory.path().join("up.mp4"), "16+7*N");
    numbered(&directory.path().join("down.mp4"), "16+7*(29-N)");
    (directory, cheaply(&Job::new(path, "unused.mp4")))
}

/// The number of the picture that a video at `left` shows; `None` where there is only white.
fn number(picture: &Picture, left: usize) -> Option<u8> {
    let at = 18 * picture.stride() + (left + 16) * picture.format.bytes_per_pixel();
    let gray = f64::from(picture.data[at]);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 31")]
    let number = (gray * 219.0 / 255.0 / 7.0).round() as u8;
    (number < 30).then_some(number)
}

/// What page code has written down with `note`.
pub(crate) fn noted(report: &Report) -> String {
    let told = report.warnings.iter().find_map(|warning| warning.message.split_once("/told?"));
    let (_, text) = told.unwrap_or_else(|| panic!("nothing was told: {:?}", report.warnings));
    let text = text.split(": ").next().unwrap();
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// Collects notes, and tells them in a frame before the last by asking for a picture that is not
/// there.
pub(crate) fn notebook(frame: u64) -> String {
    format!(
        "<script>const notes = []; const note = (text) => notes.push(text); \
         requestAnimationFrame(function f(t) {{ if (Math.round(t * .03) === {frame}) \
         document.body.append(Object.assign(new Image(), {{ src: 'told?' + \
         encodeURIComponent(notes.join(' ')) }})); requestAnimationFrame(f) }})</script>"
    )
}

#[test]
fn players_follow_page_code() {
    let (_directory, job) = with_videos(
        0.8,
        "<video id=later src=up.mp4 muted></video>
         <video id=changed src=up.mp4 autoplay muted style='left:32px'></video>
         <video id=alone src=up.mp4 muted style='left:64px'></video>
         <video id=clip src=up.mp4 muted data-start=.2 style='left:96px'></video>
         <script>
           setTimeout(() => later.play(), 200);
           setTimeout(() => later.pause(), 400);
           setTimeout(() => { later.currentTime = .8; later.play() }, 500);
           setTimeout(() => {
             changed.src = 'down.mp4';
             const added = document.createElement('video');
             added.src = 'up.mp4'; added.muted = added.autoplay = true; added.style.left = '128px';
             clip.after(added);
           }, 300);
         </script>",
    );
    let (_, shown) = pictures(&job);
    let seen = |left| shown.iter().map(|picture| number(picture, left)).collect::<Vec<_>>();
    let expected = |formula: &dyn Fn(u8) -> Option<u8>| (0..24).map(formula).collect::<Vec<_>>();
    let later = |n: u8| match n {
        0..=5 => 0,
        6..=11 => n - 6,
        12..=14 => 6,
        // It ends after six pictures, and the last one stays.
        _ => (24 + n - 15).min(29),
    };
    assert_eq!(seen(0), expected(&|n| Some(later(n))), "played at 0.2 s, paused, moved");
    assert_eq!(seen(32), expected(&|n| Some(if n < 9 { n } else { 29 - (n - 9) })), "another src");
    assert_eq!(seen(64), expected(&Some), "one that nobody plays begins by itself");
    assert_eq!(seen(96), expected(&|n| n.checked_sub(6)), "a clip begins with its time");
    assert_eq!(seen(128), expected(&|n| n.checked_sub(9)), "one that is added begins then");
    let one = digests(&job, 1);
    assert_eq!(one, digests(&job, 3), "by three sessions");
    let wanted = [20, 3, 7, 16];
    let apart = stills(&job, &wanted);
    assert_eq!(apart, wanted.map(|n: u64| one[usize::try_from(n).unwrap()]), "as single pictures");
}

#[test]
fn players_tell_what_they_do() {
    let script = "<script>for (const type of ['play', 'playing', 'pause', 'ended', 'seeked']) \
        for (const e of [clip, free]) e.addEventListener(type, () => note(e.id + ':' + type + '@' + \
        Math.round(performance.now())));
        let updates = 0, right = true;
        clip.ontimeupdate = () => { updates++; right &&= Math.abs(clip.currentTime - Math.min(.4, \
        performance.now() / 1000 - .1)) < 1e-6 };
        const states = () => note('state:' + [clip.paused, clip.ended, free.paused, free.ended]);
        for (const ms of [50, 150, 550]) setTimeout(states, ms);
        setTimeout(() => note('updates:' + updates + ',' + right), 560);
        setTimeout(() => free.play(), 200); setTimeout(() => free.pause(), 300);
        setTimeout(() => { free.currentTime = .95; free.play().then(() => note('resolved')) }, 350);
        // Not a player: nothing is to happen.
        setTimeout(() => document.body.dispatchEvent(new CustomEvent('play', { bubbles: true })), 10);
        </script>";
    let (directory, job) = with_videos(
        0.8,
        &format!(
            "{}<audio id=clip src=a.wav data-start=.1 data-duration=.4></audio>
             <audio id=free src=a.wav></audio>{script}",
            notebook(20)
        ),
    );
    wav(&directory.path().join("a.wav"), RATE, 1, &clicks(1.0, RATE, &[0.1]));
    for workers in [1, 2] {
        let mut job = job.clone();
        job.capture.workers = Some(workers);
        let (report, _) = pictures(&job);
        let expected = "state:true,false,true,false clip:play@100 clip:playing@100 \
            state:false,false,true,false free:play@200 free:playing@200 free:pause@300 \
            free:seeked@350 free:play@350 free:playing@350 resolved free:pause@400 free:ended@400 \
            clip:pause@500 clip:ended@500 state:true,true,true,true updates:13,true";
        assert_eq!(noted(&report), expected, "{workers} sessions");
    }
}

#[test]
fn what_page_code_plays_is_heard_when_it_plays() {
    let (directory, job) = composition(
        2.0,
        "<audio id='late' src='a.wav'></audio><audio id='loop' src='b.wav' loop></audio>
         <audio id='steps' src='tone.wav' data-start='1.2' data-duration='.8'></audio>
         <script>
           setTimeout(() => late.play(), 300);
           setTimeout(() => late.pause(), 450);
           setTimeout(() => { late.currentTime = .05; late.play() }, 500);
           setTimeout(() => late.remove(), 700);
           setTimeout(() => { loop.currentTime = .05; loop.play() }, 800);
           setTimeout(() => loop.pause(), 1070);
           setTimeout(() => new Audio('a.wav').play(), 1123);
           setTimeout(() => { steps.volume = .25 }, 1417);
           setTimeout(() => { steps.muted = true }, 1701);
         </script>",
    );
    let root = directory.path();
    wav(&root.join("a.wav"), RATE, 1, &clicks(0.6, RATE, &[0.1, 0.4]));
    wav(&root.join("b.wav"), RATE, 1, &clicks(0.1, RATE, &[0.075]));
    wav(&root.join("tone.wav"), RATE, 1, &sine(1.0, RATE, 1000.0, 0.1));
    rendered(&job);
    let samples = heard(output(&job));
    let expected = [0.4, 0.55, 0.825, 0.925, 1.025, 1.223, 1.523];
    assert_times(&onsets(&samples), &expected, SAMPLE);
    assert_level(&samples, (1.3, 1.416), 0.1);
    assert_level(&samples, (1.53, 1.7), 0.025);
    assert_level(&samples, (1.702, 2.0), 0.0);
}

#[test]
fn fades_are_straight_and_fit_the_clip() {
    let (directory, job) = composition(
        1.6,
        "<audio src='tone.wav' data-start='0' data-duration='.8' data-fade-in='.4' \
         data-fade-out='.2'></audio>
         <audio src='tone.wav' data-start='1' data-duration='.6' data-fade-in='.8' \
         data-fade-out='.4' data-volume='.5'></audio>",
    );
    wav(&directory.path().join("tone.wav"), RATE, 1, &sine(1.0, RATE, 2000.0, 0.5));
    rendered(&job);
    let samples = heard(output(&job));
    for (at, expected) in [
        (0.1, 0.125),
        (0.3, 0.375),
        (0.5, 0.5),
        (0.7, 0.25),
        // Scaled down together to .4 and .2.
        (1.2, 0.125),
        (1.5, 0.125),
    ] {
        assert_level(&samples, (at - 0.005, at + 0.005), expected);
    }
    let (_directory, job) = composition(0.2, "<audio src='none.wav' data-fade-in='x'></audio>");
    let warnings = render(&job).unwrap().warnings;
    assert!(warnings.iter().any(|w| w.code == "sound_not_loaded"), "{warnings:?}");
}

#[test]
fn sources_fall_through_to_the_next() {
    let (_directory, job) = with_videos(
        0.2,
        "<video muted data-start=0><source src=none.mp4><source src=up.mp4></video>
         <video muted data-start=0 style='left:32px'><source src=up.mp4 media='(max-width: 9px)'>
           <source src=up.mp4 type='video/x-nobody-plays'><source src=down.mp4></video>
         <video muted data-start=0 style='left:64px'><source src=up.mp4 type='video/x-nobody-plays'>
         </video>",
    );
    let (report, shown) = pictures(&job);
    let last = shown.last().unwrap();
    assert_eq!([0, 32, 64].map(|left| number(last, left)), [Some(5), Some(24), Some(5)]);
    assert!(!report.warnings.iter().any(|w| w.code == "video_failed"), "{:?}", report.warnings);
}

/// How many pixels of a color lie in some rows.
fn colored(picture: &Picture, rows: Range<usize>, is_color: fn([u8; 3]) -> bool) -> usize {
    let bytes = picture.format.bytes_per_pixel();
    let rows = rows
        .flat_map(|row| picture.data[row * picture.stride()..][..picture.stride()].chunks(bytes));
    rows.filter(|pixel| is_color(picture.format.rgb(pixel))).count()
}

#[test]
fn cues_are_active_heard_of_and_drawn() {
    let (directory, mut job) = with_videos(
        0.8,
        &format!(
            "{}<style>video {{ width: 160px; height: 36px }} video::cue {{ font-size: 12px; \
             background: #00f; color: #ff0 }} #v::cue(b) {{ color: #f0f }}</style>
             <video id=v src=up.mp4 muted data-start=.1><track default kind=captions src=cues.vtt>\
             </video>
             <script>const t = v.querySelector('track'); t.addEventListener('cuechange', () => \
             note([...t.track.activeCues].map((c) => c.id).join('+') + '@' + \
             Math.round(performance.now())))</script>",
            notebook(20)
        ),
    );
    let cues = "WEBVTT\n\nlow\n00:00.100 --> 00:00.300\nlow <b>one</b>\n\nhigh\n00:00.200 --> \
                00:00.500 line:0\nhigh\n";
    fs::write(directory.path().join("cues.vtt"), cues).unwrap();
    let is_blue = |[r, g, b]: [u8; 3]| r < 60 && g < 60 && b > 180;
    let is_pink = |[r, g, b]: [u8; 3]| r > 180 && g < 90 && b > 180;
    for workers in [1, 3] {
        job.capture.workers = Some(workers);
        let (report, shown) = pictures(&job);
        let expected = "low@200 low+high@300 high@400 @600";
        assert_eq!(noted(&report), expected);
        let boxes = |n: usize| {
            let picture = &shown[n];
            [colored(picture, 0..16, is_blue) > 50, colored(picture, 20..36, is_blue) > 50]
        };
        let (none, low, both, high) = ([false, false], [false, true], [true, true], [true, false]);
        let drawn = [4, 7, 10, 13, 19].map(boxes);
        assert_eq!(drawn, [none, low, both, high, none]);
        assert!(colored(&shown[7], 20..36, is_pink) > 10, "the rule for <b>");
    }
    let one = digests(&job, 1);
    assert_eq!(stills(&job, &[10, 4]), [one[10], one[4]]);
}
