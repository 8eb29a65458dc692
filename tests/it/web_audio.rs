//! Sound that page code makes with Web Audio, and what its pictures see of it.

use std::fs;

use pagereel::job::AudioCodec;

use crate::sound::{
    RATE, SAMPLE, assert_level, assert_times, clicks, composition, heard, onsets, output, rendered,
    sine, wav,
};
use crate::support::{digests, stills};

/// `click(at)` plays a single sample of 1 through `to`, at once without `at`.
const CLICK: &str = "const c = new AudioContext();
    const one = c.createBuffer(1, 1, 48000); one.getChannelData(0)[0] = 1;
    const click = (to, at) => { const s = c.createBufferSource(); s.buffer = one; s.connect(to); \
    s.start(at) };";

#[test]
fn clicks_and_echoes_are_heard_at_their_samples() {
    let (directory, mut job) = composition(
        2.0,
        &format!(
            "<audio src='a.wav' data-start='1'></audio><script>{CLICK}
             const half = new GainNode(c, {{ gain: .5 }}), late = new DelayNode(c, {{ delayTime: \
             .25 }}), echo = new GainNode(c, {{ gain: .5 }});
             half.connect(c.destination); half.connect(late).connect(echo).connect(c.destination);
             click(half, .5); setTimeout(() => click(half), 1300);
             // One that begins later counts from then.
             setTimeout(() => {{ const c = new AudioContext(), s = c.createConstantSource(); \
             s.connect(c.destination); s.start(.1); s.stop(.11) }}, 1700);</script>"
        ),
    );
    wav(&directory.path().join("a.wav"), RATE, 1, &clicks(0.5, RATE, &[0.1]));
    let mut files = Vec::new();
    for workers in [1, 3] {
        job.capture.workers = Some(workers);
        job.output = Some(directory.path().join(format!("{workers}.mov")));
        rendered(&job);
        files.push(fs::read(output(&job)).unwrap());
    }
    assert!(files[0] == files[1], "the same by one session and by three");
    let samples = heard(output(&job));
    assert_eq!(samples.len(), 96_000);
    let loud: Vec<_> = (0..samples.len()).filter(|&n| samples[n][0].abs() > 0.01).collect();
    let constant = 86_400..86_880;
    let single: Vec<_> = loud.iter().copied().filter(|n| !constant.contains(n)).collect();
    assert_eq!(single, [24_000, 36_000, 52_800, 62_400, 74_400]);
    assert!(constant.clone().all(|n| loud.contains(&n)), "from 1.8 s on for 10 ms");
    for (at, level) in [(24_000, 0.5), (36_000, 0.25), (52_800, 0.5), (62_400, 0.5)] {
        assert!((samples[at][0] - level).abs() < 1e-3, "{at}: {}", samples[at][0]);
    }
}

#[test]
fn a_context_that_rests_keeps_its_time() {
    let (_directory, job) = composition(
        1.5,
        &format!(
            "<script>{CLICK}
             click(c.destination, .2); click(c.destination, .5); click(c.destination, 1.2);
             setTimeout(() => c.suspend(), 300);
             setTimeout(() => {{ if (c.state === 'suspended' && c.currentTime === .3) c.resume() \
             }}, 700);
             setTimeout(() => c.close(), 1400)</script>"
        ),
    );
    rendered(&job);
    // The third would be heard at 1.6 s.
    assert_times(&onsets(&heard(output(&job))), &[0.2, 0.9], SAMPLE);
}

/// A bar as wide as the loudest frequency is strong.
const METER: &str = "<div id=bar style='height:36px;background:#f00'></div><script>
    const c = new AudioContext(), an = new AnalyserNode(c, { fftSize: 256 });
    const source = c.createMediaElementSource(a), half = new GainNode(c, { gain: .5 });
    source.connect(an).connect(half).connect(c.destination);
    const data = new Uint8Array(an.frequencyBinCount);
    requestAnimationFrame(function f() { an.getByteFrequencyData(data); bar.style.width = \
    Math.max(...data) / 4 + 'px'; requestAnimationFrame(f) })</script>";

#[test]
fn elements_go_through_graphs_and_analysers_see_them() {
    let elements = format!(
        "<audio id='a' src='tone.wav' data-start='.2' data-duration='.5' data-media-start='.1'>\
         </audio>{METER}"
    );
    let (directory, mut job) = composition(1.0, &elements);
    wav(&directory.path().join("tone.wav"), RATE, 1, &sine(3.0, RATE, 1500.0, 0.5));
    rendered(&job);
    let samples = heard(output(&job));
    assert_level(&samples, (0.0, 0.199), 0.0);
    // Once, and half as loud.
    assert_level(&samples, (0.201, 0.699), 0.25);
    assert_level(&samples, (0.701, 1.0), 0.0);
    job.audio.codec = Some(AudioCodec::Pcm);
    let one = digests(&job, 1);
    assert_eq!(one, digests(&job, 3), "pictures by one session and by three");
    assert_eq!(one[0], one[5], "silence");
    assert_ne!(one[0], one[10], "sound");
    assert_eq!(stills(&job, &[12, 8]), [one[12], one[8]]);
}

#[test]
fn timers_of_music_libraries_tick_in_page_time() {
    let (_directory, job) = composition(
        1.0,
        &format!(
            "<script>{CLICK}
             const text = 'let ms = 50; onmessage = (e) => ms = e.data; (function tick() {{ \
             setTimeout(tick, ms); self.postMessage(0) }})()';
             const worker = new Worker(URL.createObjectURL(new Blob([text])));
             worker.postMessage(100);
             let next = .35;
             worker.onmessage = () => {{ for (; next < c.currentTime + .1; next += .2) \
             click(c.destination, next) }}</script>"
        ),
    );
    rendered(&job);
    assert_times(&onsets(&heard(output(&job))), &[0.35, 0.55, 0.75, 0.95], SAMPLE);
}

#[test]
fn what_cannot_be_heard_is_told() {
    let (_directory, job) = composition(
        0.2,
        "<script>const c = new AudioContext(), o = c.createOscillator();
         o.connect(c.createMediaStreamDestination()); o.start()</script>",
    );
    let report = crate::support::render(&job).unwrap();
    let codes: Vec<_> = report.warnings.iter().map(|w| w.code.as_str()).collect();
    assert_eq!(codes, ["web_audio_stream"], "{:?}", report.warnings);
}
