//! Animation libraries, SVG and images that move, maps, and work that page code leaves behind.
//!
//! As in `adapters`: a movement by technique against the same by formula. Here the frames must be
//! the same in any order too.

use crate::adapters::{expected, moving, page_with_libraries};

use crate::support::{digests, stills};

/// Frames out of their order: twice the same, back, forth, the first and the last.
const JUMPS: [u64; 10] = [20, 7, 8, 8, 29, 0, 15, 3, 28, 12];

/// `formula` gives the bar's width in pixels from `t` in seconds, or from the frame `n`.
#[track_caller]
fn same(head: &str, script: &str, formula: &str) {
    let formula = format!("(n => {formula})(Math.round(t * 30))");
    let expected = expected(&formula);
    let (_directory, job) = page_with_libraries(&moving(head, script));
    for workers in [1, 2] {
        let got = digests(&job, workers);
        let wrong: Vec<_> = (0..30).filter(|&i| got[i] != expected[i]).collect();
        assert!(wrong.is_empty(), "{head}{script}: frames {wrong:?} differ ({workers} sessions)");
    }
    for (frame, got) in JUMPS.iter().zip(stills(&job, &JUMPS)) {
        let expected = expected[usize::try_from(*frame).unwrap()];
        assert_eq!(got, expected, "{head}{script}: frame {frame} of {JUMPS:?}");
    }
}

const ANIME3: &str = "<script src=anime3.js></script>";
const ANIME4: &str = "<script src=anime4.js></script>";

/// Six frames there and back, three times.
const THERE_AND_BACK: &str = "n > 17 ? 60 : Math.floor(n / 6) % 2 ? 60 - n % 6 * 10 : n % 6 * 10";
const TIMELINE: &str = "t < .4 ? 100 * t : t < .5 ? 40 : t < .8 ? 40 - 100 * (t - .5) : 10";

#[test]
fn anime3_is_placed() {
    let listed = |animation: &str| format!("window.__hfAnime = {animation}");
    same(
        ANIME3,
        &listed("anime({ targets: a, width: 60, duration: 500, delay: 200, easing: 'linear' })"),
        "(t - .2) / .5 * 60",
    );
    same(
        ANIME3,
        &listed(
            "[anime({ targets: a, width: 60, duration: 200, loop: 3, direction: 'alternate', \
             easing: 'linear', autoplay: false })]",
        ),
        THERE_AND_BACK,
    );
    same(
        ANIME3,
        &listed(
            "[anime.timeline({ easing: 'linear', autoplay: false }).add({ targets: a, width: 40, \
             duration: 400 }).add({ targets: a, width: 10, duration: 300 }, '+=100')]",
        ),
        TIMELINE,
    );
    // Not listed: on its own clock.
    same(ANIME3, "anime({ targets: a, width: 60, duration: 1000, easing: 'linear' })", "60 * t");
}

#[test]
fn anime4_is_placed() {
    let listed = |animation: &str| format!("window.__hfAnime = {animation}");
    same(
        ANIME4,
        &listed("anime.animate(a, { width: 60, duration: 500, delay: 200, ease: 'linear' })"),
        "(t - .2) / .5 * 60",
    );
    same(
        ANIME4,
        &listed(
            "[anime.animate(a, { width: 60, duration: 200, loop: 2, alternate: true, ease: \
             'linear', autoplay: false })]",
        ),
        THERE_AND_BACK,
    );
    same(
        ANIME4,
        &listed(
            "[anime.createTimeline({ autoplay: false, defaults: { ease: 'linear' } }).add(a, { \
             width: 40, duration: 400 }).add(a, { width: 10, duration: 300 }, '+=100')]",
        ),
        TIMELINE,
    );
    // It gives its first frame 12 ms, so that it does not stand still.
    same(
        ANIME4,
        "anime.animate(a, { width: 60, duration: 1000, ease: 'linear' })",
        "n === 0 ? 0 : 60 * (t + .012)",
    );
}

/// `animate` shows the frame of an empty Lottie animation, 30 frames at 30 per second, in the bar.
const LOTTIE: &str = "<script src=lottie.js></script><script>
    const animate = ({ op = 30, ...options } = {}) => {
      const container = document.querySelector('#box') ?? document.body.appendChild(document.createElement('p'));
      const animationData = { v: '5.7.0', fr: 30, ip: 0, op, w: 1, h: 1, assets: [], layers: [] };
      const item = lottie.loadAnimation({ container, renderer: 'svg', loop: false, animationData, ...options });
      item.onEnterFrame = () => a.style.width = item.firstFrame + item.currentFrame + 'px';
      return item;
    }</script>";

#[test]
fn lottie_is_placed() {
    same(LOTTIE, "animate({ op: 20 })", "Math.min(n, 19)");
    same(LOTTIE, "animate({ op: 10, loop: true })", "n % 10");
    same(LOTTIE, "animate({ op: 10, loop: 1, autoplay: false })", "Math.min(n, 19) % 10");
    same(LOTTIE, "animate({ op: 10, loop: true }).setSpeed(2)", "2 * n % 10");
    same(LOTTIE, "animate({ initialSegment: [10, 20] })", "10 + Math.min(n, 9)");
    same(
        LOTTIE,
        "animate({ loop: true }).playSegments([[5, 15], [20, 24]], true)",
        "n < 10 ? 5 + n : 20 + (n - 10) % 4",
    );
    let clip = "document.body.insertAdjacentHTML('beforeend', '<div data-start=.3><p \
                id=box></p></div>'); animate()";
    same(LOTTIE, clip, "n - 9");
    same(LOTTIE, "setTimeout(animate, 300)", "n < 9 ? 0 : n");
    // What the page hides from the registry, it can list.
    let listed = "const player = window.lottie; delete window.lottie; const found = (window.lottie \
                  = player, animate()); delete window.lottie; window.__hfLottie = [{ animation: \
                  found }]";
    same(LOTTIE, listed, "n");
}

#[test]
fn lottie_that_the_page_moves_is_left_to_it() {
    let script = "const item = animate({ op: 90, autoplay: false }); const at = { frame: 0 }; \
                  const tl = gsap.timeline({ paused: true }); tl.to(at, { frame: 60, duration: 1, \
                  ease: 'none', onUpdate: () => item.goToAndStop(Math.round(at.frame), true) }); \
                  window.__timelines = { root: tl }";
    same(&format!("{LOTTIE}<script src=gsap.js></script>"), script, "2 * n");
    let completes = "const item = animate({ op: 10 }); item.addEventListener('complete', () => \
                     a.style.width = '50px')";
    same(LOTTIE, completes, "n < 9 ? n : 50");
}

#[test]
fn dotlottie_is_placed() {
    let player = |more: &str, set: &str| {
        format!(
            "window.__hfLottie = {{ player: {{ isLoaded: true, totalFrames: 30, duration: 1, \
             speed: 1, currentFrame: 0, isPlaying: true, pause() {{ this.isPlaying = false }}, \
             {more}, setFrame(frame) {{ this.currentFrame = frame; {set} }} }} }}"
        )
    };
    let now = "a.style.width = frame + 'px'";
    same("", &player("segment: [0, 20], loop: false", now), "Math.min(n, 20)");
    same("", &player("segment: [0, 10], loop: true", now), "n && (n % 10 || 10)");
    same(
        "",
        &player("segment: [10, 20], mode: 'reverse-bounce', loop: true", now),
        "10 + Math.abs(10 - n % 20)",
    );
    // A player in a worker says later that it has drawn.
    let later = "return new Promise(done => { const wire = new MessageChannel(); \
                 wire.port1.onmessage = () => { a.style.width = frame + 'px'; done() }; \
                 wire.port2.postMessage(0) })";
    same("", &player("segment: [0, 29], loop: false", later), "n");
}

#[test]
fn svg_animation_is_placed() {
    let bar = |animation: &str| {
        format!(
            "<svg width=64 height=32 style=display:block><rect height=32 \
             fill=#08f>{animation}</rect></svg>"
        )
    };
    let once = "<animate attributeName=width from=0 to=60 dur=1s fill=freeze />";
    same("", &format!("a.outerHTML = '{}'", bar(once)), "60 * t");
    let chain = "<animate id=one attributeName=width values=0;30 dur=.5s fill=freeze /><animate \
                 attributeName=width values=30;0 begin=one.end dur=.5s fill=freeze />";
    same("", &format!("a.outerHTML = '{}'", bar(chain)), "n < 15 ? 2 * n : 60 - 2 * n");
    let nested = format!("<svg width=64 height=32 style=display:block>{}</svg>", bar(once));
    same("", &format!("a.outerHTML = '{nested}'"), "60 * t");
    let clip = format!("<div data-start=.3 data-duration=.7>{}</div>", bar(once));
    same("", &format!("a.outerHTML = '{clip}'"), "60 * (t - .3)");
    let shadow = format!("a.attachShadow({{ mode: 'closed' }}).innerHTML = '{}'", bar(once));
    same("", &shadow, "60 * t");
}

#[test]
fn svg_files_move_by_the_page_clock() {
    let replaced = |html: &str| format!("a.outerHTML = '{html}'");
    for html in [
        "<img src=bar.svg style=display:block>",
        "<object data=bar.svg style=display:block></object>",
        "<embed src=bar.svg style=display:block>",
        "<iframe src=bar.svg width=64 height=32 style=border:0;display:block></iframe>",
        "<div style=\"height:32px;background:linear-gradient(#fff,#fff),url(bar.svg);background-size:0,auto\"></div>",
    ] {
        same("", &replaced(html), "60 * t");
        let clip = format!("<div data-start=.3 data-duration=.7>{html}</div>");
        same("", &replaced(&clip), "60 * (t - .3)");
    }
}

// One pixel, 100 ms transparent and 200 ms blue: for ever, once, twice; and with delays of 0 and 10 ms.
const ENDLESS: &str = "R0lGODlhAQABAPEAAACI/////wAAAAAAACH/C05FVFNDQVBFMi4wAwEAAAAh+QQJCgACACwAAAAAAQABAAACAlQBACH5BAkUAAIALAAAAAABAAEAAAICRAEAOw==";
const ONCE: &str = "R0lGODlhAQABAPEAAACI/////wAAAAAAACH5BAkKAAIALAAAAAABAAEAAAICVAEAIfkECRQAAgAsAAAAAAEAAQAAAgJEAQA7";
const TWICE: &str = "R0lGODlhAQABAPEAAACI/////wAAAAAAACH/C05FVFNDQVBFMi4wAwEBAAAh+QQJCgACACwAAAAAAQABAAACAlQBACH5BAkUAAIALAAAAAABAAEAAAICRAEAOw==";
/// One transparent pixel that does not move.
const STILL: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const HURRIED: &str = "R0lGODlhAQABAPEAAACI/////wAAAAAAACH/C05FVFNDQVBFMi4wAwEAAAAh+QQJAAACACwAAAAAAQABAAACAlQBACH5BAkBAAIALAAAAAABAAEAAAICRAEAOw==";

#[test]
fn animated_images_show_the_frame_of_their_clip() {
    let image = |gif: &str, more: &str| {
        format!(
            "<img src=data:image/gif;base64,{gif} {more} \
             style=display:block;width:60px;height:32px>"
        )
    };
    let replaced = |html: &str| format!("a.outerHTML = '{html}'");
    let blinking = "n % 9 < 3 ? 0 : 60";
    let once = "n < 3 ? 0 : 60";
    same("", &replaced(&image(ENDLESS, "")), blinking);
    same("", &replaced(&image(ONCE, "")), once);
    same("", &replaced(&image(TWICE, "")), "n % 9 < 3 && n < 12 ? 0 : 60");
    same("", &replaced(&image(HURRIED, "")), "n % 6 < 3 ? 0 : 60");
    same("", &replaced(&image(ONCE, "data-loop")), blinking);
    same("", &replaced(&image(ENDLESS, "data-loop=false")), once);
    let clip = format!("<div data-start=.2 data-duration=.7>{}</div>", image(ENDLESS, ""));
    same("", &replaced(&clip), "n < 6 || n > 26 || (n - 6) % 9 < 3 ? 0 : 60");

    let address = format!("data:image/gif;base64,{ENDLESS}");
    let style = "width:60px;height:32px;background-size:100% 100%";
    let background =
        format!("<style>i {{ display: block; {style}; background-image: url({address}) }}</style>");
    same(&background, &replaced("<i></i>"), blinking);
    let inline = format!("<div style=\"{style};background-image:url({address})\"></div>");
    same("", &replaced(&inline), blinking);
    // The page sees nothing of it, and may change its mind.
    let script = format!(
        "{}; const image = document.images[0]; setTimeout(() => image.src = image.src === \
         '{address}' && image.currentSrc === '{address}' ? 'data:image/gif;base64,{ONCE}' : '', \
         500); setTimeout(() => image.src = 'data:image/gif;base64,{STILL}', 800)",
        replaced(&image(ENDLESS, ""))
    );
    same("", &script, "n < 15 && n % 9 < 3 || n > 23 ? 0 : 60");
}

#[test]
fn what_a_step_starts_is_done_in_the_step() {
    let bodies = [
        "({ n } = await (await fetch('data.json')).json())",
        "const request = new XMLHttpRequest(); request.open('GET', 'data.json'); await new \
         Promise(done => { request.onload = done; request.send() }); n = \
         JSON.parse(request.response).n",
        "await new Promise(done => { const script = document.createElement('script'); script.src \
         = 'lottie.js?' + k; script.onload = done; document.head.append(script) }); n = 5",
        "const blob = new Blob(['5']); await createImageBitmap(new ImageData(1, 1)); const reader \
         = new FileReader(); await new Promise(done => { reader.onload = done; \
         reader.readAsText(blob) }); await document.fonts.load('9px x'); const image = new \
         Image(); image.src = 'bar.svg?' + k; await image.decode(); await new Promise(done => { \
         const late = new Image(); late.onload = done; late.src = 'bar.svg?late' + k }); n = \
         Number(await blob.text())",
    ];
    for body in bodies {
        let script = format!(
            "let n, k = 0; setInterval(async () => {{ {body}; a.style.width = ++k * n + 'px' }}, \
             100)"
        );
        same("", &script, "Math.floor(t * 10 + 1e-6) * 5");
    }
    same(
        "",
        "addEventListener('hf-seek', async ({ detail }) => { const { n } = await (await \
         fetch('data.json')).json(); a.style.width = 12 * n * detail.time + 'px' })",
        "60 * t",
    );
}

#[test]
fn work_that_never_ends_is_left_behind_and_named() {
    let script = "setInterval(() => a.style.width = parseFloat(a.style.width || 0) + 2 + 'px', \
                  33.33); setTimeout(() => new Response(new ReadableStream({})).text(), 500)";
    let (_directory, job) = page_with_libraries(&moving("", script));
    let (list, digests) = std::sync::mpsc::sync_channel(100);
    let sink = Box::new(pagereel::sink::ChecksumSink::with_list(list));
    let report = pagereel::Engine::new().request(&job).render_into(sink).unwrap();
    assert_eq!(digests.try_iter().count(), 30);
    let slow = report.warnings.iter().filter(|warning| warning.code == "slow_request");
    assert_eq!(slow.count(), 1, "{:?}", report.warnings);
}

#[test]
fn maps_are_waited_for() {
    // All of them are ready by a timer; what is drawn shows whether the first frame came later.
    let draw = "addEventListener('hf-seek', ({ detail }) => a.style.width = ready ? 10 + 30 * \
                detail.time + 'px' : 0)";
    let maps = [
        "window.__hfMaplibre = [{ map: { loaded: () => ready, once() {}, on() {} } }]; \
         setTimeout(() => ready = true, 400)",
        "window.__hfMapbox = { on(type, done) { setTimeout(() => { ready = true; done() }, 400) } }",
        "window.__hfLeaflet = { whenReady(done) { setTimeout(done, 100) }, eachLayer(call) { \
         call({ isLoading: () => !ready }) } }; setTimeout(() => ready = true, 400)",
        "window.google = { maps: { event: { addListenerOnce(map, type, done) { setTimeout(() => { \
         ready = true; done() }, 400) } } } }; window.__hfGoogleMaps = [{}]",
        "let frames = 0; requestAnimationFrame(function f() { ready = ++frames > 200; if (!ready) \
         requestAnimationFrame(f) }); window.__hfMapbox = [{ loaded: () => ready, on() {} }]",
    ];
    for map in maps {
        same("", &format!("let ready = false; {map}; {draw}"), "10 + 30 * t");
    }
}

#[test]
fn players_of_nested_compositions_have_their_time() {
    let script = "document.querySelector('[data-composition-id]').insertAdjacentHTML('beforeend', \
                  '<div data-composition-id=x data-start=.3 data-duration=.7></div>'); const x = \
                  document.body.appendChild(document.createElement('template')); x.id = \
                  'x-template'; x.innerHTML = '<div data-composition-id=x><script>(window.__hfAnime \
                  ??= []).push(anime({ targets: \"#a\", width: 60, duration: 500, easing: \
                  \"linear\", autoplay: false }))<\\/script></div>'";
    same(ANIME3, script, "(t - .3) / .5 * 60");
}
