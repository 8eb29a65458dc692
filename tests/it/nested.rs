//! Nested compositions and variables, against pages that place themselves.

use std::fs;

use pagereel::{Engine, Job};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{cheaply, digests, fixture};

/// A directory with pages; the first is `index.html`.
fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let gsap = fixture("gsap/vendor/gsap.min.js");
    fs::copy(&gsap, directory.path().join("gsap.js")).expect("./setup.sh copies gsap");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn job(directory: &TempDir) -> Job {
    Job::without_output(directory.path().join("index.html"))
}

fn outer(style: &str, body: &str) -> String {
    format!(
        "<!doctype html><style>body {{ background: white }} .host {{ left: 0; top: 0; width: \
         64px; height: 64px }} {style}</style><script src=gsap.js></script><div \
         data-composition-id=root data-width=64 data-height=64 data-duration=1 \
         data-fps=20>{body}</div>"
    )
}

/// A page on which a bar is as wide as `formula` says of `t` in seconds, while `shown`.
fn bar(formula: &str, shown: &str) -> String {
    outer(
        "",
        &format!(
            "<div id=a style='height: 20px; background: #08f'></div><script>window.__hf = {{ \
             duration: 1, seek(t) {{ t += 1e-9; a.style.width = Math.max(0, Math.min(60, \
             {formula})) + 'px'; a.style.visibility = {shown} ? '' : 'hidden' }} }}</script>"
        ),
    )
}

/// A composition with a bar that grows for one second.
const GROWING: &str = "<template><div data-composition-id=grow data-width=64 data-height=64>\
    <style>.bar { width: 0; height: 20px; background: #08f }</style><div class=bar></div>\
    <script>const tl = gsap.timeline({ paused: true }); tl.to('.bar', { width: 60, duration: 1, \
    ease: 'none' }); window.__timelines['grow'] = tl</script></div></template>";

#[track_caller]
fn same(expected: &str, files: &[(&str, &str)]) {
    let expected = digests(&job(&project(&[("index.html", expected)])), 1);
    assert!(expected.iter().any(|frame| *frame != expected[0]), "something moves");
    let directory = project(files);
    for workers in [1, 2] {
        let got = digests(&job(&directory), workers);
        let wrong: Vec<_> = (0..expected.len()).filter(|&i| got[i] != expected[i]).collect();
        assert!(wrong.is_empty(), "frames {wrong:?} differ with {workers} session(s)");
    }
}

fn host(attributes: &str) -> String {
    outer("", &format!("<div class=host data-composition-src=grow.html {attributes}></div>"))
}

#[test]
fn a_host_places_cuts_and_holds() {
    let placed = host("data-composition-id=grow data-start=0.25 data-duration=0.5");
    same(
        &bar("60 * (t - .25)", "t > .25 && t < .75"),
        &[("index.html", &placed), ("grow.html", GROWING)],
    );
    let held = host("data-start=0 data-duration=1 data-playback-rate=2.5");
    same(&bar("60 * 2.5 * t", "true"), &[("index.html", &held), ("grow.html", GROWING)]);
    let shifted =
        host("data-start=0.2 data-duration=0.8 data-playback-start=0.4 data-playback-rate=0.5");
    same(
        &bar("60 * (.4 + (t - .2) / 2)", "t > .2"),
        &[("index.html", &shifted), ("grow.html", GROWING)],
    );
}

#[test]
fn times_add_up_over_three_levels() {
    let level = |id: &str, child: &str, attributes: &str| {
        format!(
            "<template><div data-composition-id={id} data-width=64 data-height=64><div class=host \
             style='position: absolute; inset: 0' data-composition-src={child}.html \
             {attributes}></div></div></template>"
        )
    };
    let top = outer(
        "",
        "<div class=host data-composition-id=one data-composition-src=one.html data-start=0.1 \
         data-duration=0.9 data-playback-rate=2></div>",
    );
    let one = level("one", "sub/two", "data-composition-id=two data-start=0.2 data-duration=1.2");
    // Its neighbour is named without the directory.
    let two = level("two", "grow", "data-start=0.3 data-duration=0.8");
    same(
        // (t - .1) * 2 - .2 - .3, shown while that is within 0 and 0.8 and within the hosts.
        &bar("60 * (2 * t - .7)", "t > .35 && t < .75"),
        &[
            ("index.html", &top),
            ("one.html", &one),
            ("sub/two.html", &two),
            ("sub/grow.html", GROWING),
        ],
    );
}

#[test]
fn clips_and_css_animations_count_from_their_host() {
    let inner = "<template><div data-composition-id=x data-width=64 data-height=64><style>\
        @keyframes wider { to { width: 60px } } .bar { width: 0; height: 20px; background: #08f; \
        animation: wider .5s linear both }</style><div class=bar data-start=0.1 \
        data-duration=0.4></div></div></template>";
    let top = outer(
        "",
        "<div class=host data-composition-id=x data-composition-src=x.html data-start=0.2 \
         data-duration=0.7 data-playback-rate=0.5></div>",
    );
    same(&bar("60 * (t - .4)", "t > .4 && t < .9"), &[("index.html", &top), ("x.html", inner)]);
}

#[test]
fn instances_do_not_see_each_other() {
    // Each instance counts the bars that it finds and colors its own; the outer page's bar and
    // style stay as they are.
    let inner = "<html data-composition-variables='[{\"id\":\"color\",\"type\":\"color\",\
        \"default\":\"#f00\"},{\"id\":\"left\",\"type\":\"number\",\"default\":0}]'><body><div id=box \
        data-composition-id=box data-start=0 data-width=64 data-height=64><style>#box { background: \
        transparent } body { margin: 0 } .bar { position: absolute; height: 20px; \
        left: calc(var(--left) * 1px); width: 10px; background: gray }</style><div class=bar></div><script>const v \
        = window.__hyperframes.getVariables(); const bars = document.querySelectorAll('.bar'); \
        bars[0].style.width = 10 * bars.length + 'px'; document.querySelector('#box \
        .bar').style.background = v.color; const tl = gsap.timeline({ paused: true }); \
        tl.to('.bar', { y: 20, duration: 1, ease: 'none' }); \
        document.getElementById('box').dataset.seen = 1; window.__timelines.box = \
        tl</script></div></body></html>";
    let top = outer(
        "#mine { position: absolute; top: 44px; height: 20px; width: 30px; background: lime }",
        "<div id=mine class=bar></div><div class=host data-composition-id=box data-composition-src=box.html \
         data-start=0 data-duration=1></div><div class=host data-composition-id=box \
         data-composition-src=box.html data-start=0 data-duration=1 data-playback-rate=0.5 \
         data-variable-values='{\"color\":\"#00f\",\"left\":40}'></div>",
    );
    let expected = outer(
        "div div { position: absolute; height: 20px }",
        "<div style='top: 44px; width: 30px; background: lime'></div><div id=a style='width: 10px; \
         background: #f00'></div><div id=b style='width: 10px; left: 40px; background: \
         #00f'></div><script>window.__hf = { duration: 1, seek(t) { a.style.transform = \
         `translate(0px, ${20 * t}px)`; b.style.transform = `translate(0px, ${10 * t}px)` } \
         }</script>",
    );
    same(&expected, &[("index.html", &top), ("box.html", inner)]);
}

#[test]
fn variables_reach_text_pictures_and_styles() {
    let page = outer(
        "p { margin: 0; font: 10px 'DejaVu Sans'; color: var(--ink) }",
        "<p data-var-text=title>no</p><img data-var-src=logo src=logo.svg width=20><script>tl = \
         gsap.timeline({ paused: true }).to('p', { x: 10, duration: 1 }); window.__timelines.root \
         = tl; document.querySelector('p').append(window.__hyperframes.getVariables().tail)</script>",
    );
    let page = page.replace(
        "<!doctype html>",
        "<!doctype html><html data-composition-variables='[{\"id\":\"title\",\"type\":\"string\",\
         \"default\":\"plain\"},{\"id\":\"ink\",\"type\":\"color\",\"default\":\"red\"},{\"id\":\
         \"logo\",\"type\":\"image\",\"default\":{\"url\":\"other.svg\"}},{\"id\":\"tail\",\"type\":\
         \"string\",\"default\":\"!\"}]'>",
    );
    let plain = outer(
        "p { margin: 0; font: 10px 'DejaVu Sans'; color: blue }",
        "<p>given?</p><img src=other.svg width=20><script>tl = gsap.timeline({ paused: true }).to('p', { \
         x: 10, duration: 1 }); window.__timelines.root = tl</script>",
    );
    let logo = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><rect width='1' height='1' \
        fill='green'/></svg>";
    let expected = digests(&job(&project(&[("index.html", &plain), ("other.svg", logo)])), 1);
    let directory = project(&[("index.html", &page), ("logo.svg", "<svg/>"), ("other.svg", logo)]);
    let mut given = job(&directory);
    given.strict = true;
    given.variables.extend([
        ("title".to_owned(), json!("given")),
        ("ink".to_owned(), json!("blue")),
        ("tail".to_owned(), json!("?")),
    ]);
    assert_eq!(digests(&given, 1), expected);
}

fn warnings(directory: &TempDir, variables: &[(&str, serde_json::Value)]) -> Vec<String> {
    let mut job = job(directory);
    job.variables.extend(variables.iter().map(|(id, value)| ((*id).to_owned(), value.clone())));
    let (_, warnings) = Engine::new().plan(&cheaply(&job)).unwrap();
    warnings.into_iter().map(|w| format!("{}: {}", w.code, w.message)).collect()
}

#[test]
fn variables_that_do_not_fit_are_named() {
    let page = outer("", "<div></div>").replace(
        "<!doctype html>",
        "<!doctype html><html data-composition-variables='[{\"id\":\"size\",\"type\":\"number\",\
         \"default\":\"big\"},{\"id\":\"mood\",\"type\":\"enum\",\"options\":[\"calm\",\"loud\"],\
         \"default\":\"calm\"},{\"id\":\"x\",\"type\":\"integer\"}]'>",
    );
    let directory = project(&[("index.html", &page)]);
    let said = warnings(&directory, &[("mood", json!("sad")), ("colour", json!("red"))]);
    for text in [
        "variable_type: the variable \"size\" is of type number, but its default is \"big\"",
        "variable_type: the variable \"mood\" is one of calm, loud, but the job's value is \"sad\"",
        "unknown_variable: the job gives a value for \"colour\", but the composition declares only \
         size, mood, x",
        "invalid_variables: the variable \"x\" has the type \"integer\", expected one of string, \
         number, color, boolean, enum, font, image",
    ] {
        assert!(said.iter().any(|line| line == text), "{text} in {said:#?}");
    }
}

#[test]
fn a_host_whose_file_cannot_be_used_is_named() {
    let top = outer(
        "",
        "<div id=gone class=host data-composition-src=gone.html data-start=0></div><div \
         class=host data-composition-id=self data-composition-src=self.html data-start=0></div><div \
         id=empty class=host data-composition-src=empty.html data-start=0></div><div class=host \
         data-composition-id=bad data-composition-src=bad.html data-start=0></div><div class=host \
         data-composition-src=grow.html data-start=0 data-duration=1></div>",
    );
    let itself = "<template><div data-composition-id=self><div data-composition-id=again \
        data-composition-src=self.html data-start=0></div></div></template>";
    let bad = "<template><div data-composition-id=bad><script>this is no script</script></div></template>";
    let directory = project(&[
        ("index.html", &top),
        ("self.html", itself),
        ("empty.html", " "),
        ("bad.html", bad),
        ("grow.html", GROWING),
    ]);
    let said = warnings(&directory, &[]);
    for text in [
        "composition_missing: data-composition-src of #gone names gone.html, which could not be loaded (",
        "composition_cycle: data-composition-src of composition \"again\" in self.html names self.html, \
         which contains itself; it is left out",
        "composition_empty: data-composition-src of #empty names empty.html, which has no content",
        "sub_timeline_script_failure: a script of bad.html failed: Uncaught SyntaxError: ",
    ] {
        assert!(said.iter().any(|line| line.starts_with(text)), "{text} in {said:#?}");
    }
    // What the failing ones do not touch goes on.
    let frames = digests(&job(&directory), 2);
    assert!(frames.windows(2).all(|pair| pair[0] != pair[1]), "the last host moves");
}

#[test]
fn the_nested_fixture_is_whole() {
    let job = cheaply(&Job::without_output(&*fixture("nested/index.html")));
    let (_, warnings) = Engine::new().plan(&job).unwrap();
    let codes: Vec<_> = warnings.iter().map(|w| w.code.as_str()).collect();
    // Of the one whose script fails, and nothing else.
    assert_eq!(
        codes,
        ["sub_timeline_script_failure", "sub_timeline_readiness_timeout", "page_error"],
        "{warnings:#?}"
    );
}
