//! Families and characters: which are there, who brings them, and what is said of the others.
//!
//! Packages are made of an installed font, so that no network and no npm is needed.

use std::fs;
use std::path::{Path, PathBuf};

use pagereel::job::{Address, CaptureMode, FontSource, NetworkPolicy};
use pagereel::report::NetworkOutcome;
use pagereel::sink::NullSink;
use pagereel::{Engine, Error, Job, Report, Warning};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{cheaply, digests, page, pagereel, stills};

/// What draws nothing like the fonts that stand behind generic families.
const FILE: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf";

/// A composition of three frames with this inside.
fn composition(head: &str, body: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><style>body {{ font: 20px sans-serif }}</style>{head}\
         <div data-composition-id=r data-width=200 data-height=90 data-duration=0.3 data-fps=10 \
         data-no-timeline>{body}</div>"
    )
}

/// The page that declares the file itself: what others are compared with.
fn declared(body: &str) -> Vec<u64> {
    let face = "<style>@font-face { font-family: 'My Face'; src: url(face.ttf) }</style>";
    let (directory, html) = page(&composition(face, body));
    fs::copy(FILE, directory.path().join("face.ttf")).expect("setup.sh installs the DejaVu fonts");
    digests(&Job::without_output(html.as_path()), 1)
}

/// A page in a folder of its own, above which a package brings the file.
fn packaged(package: &str, html: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("node_modules").join(package);
    fs::create_dir_all(place.join("files")).unwrap();
    fs::write(place.join("package.json"), "{}").unwrap();
    fs::copy(FILE, place.join("files/any.ttf")).expect("setup.sh installs the DejaVu fonts");
    let rule = "@font-face { font-family: 'Any'; font-weight: 400; font-display: swap; \
                src: url(./files/none.woff2) format('woff2'), url(./files/any.ttf); }";
    fs::write(place.join("400.css"), rule).unwrap();
    let page = directory.path().join("videos/one/index.html");
    fs::create_dir_all(page.parent().unwrap()).unwrap();
    fs::write(&page, html).unwrap();
    (directory, page)
}

fn report(job: &Job) -> pagereel::Result<Report> {
    let sink = Box::new(NullSink::default());
    Engine::new().request(&cheaply(job)).render_into(sink)
}

fn about_fonts(warnings: &[Warning]) -> Vec<String> {
    let ours = warnings.iter().filter(|w| w.code.starts_with("font_") || w.code == "glyph_missing");
    ours.map(|w| format!("{}: {}", w.code, w.message)).collect()
}

#[test]
fn a_family_that_is_not_there_is_named() {
    let (_directory, html) = page(&composition(
        "<style>i::before { content: 'x' }</style>",
        "<p id=first style=\"font-family: 'No Such', 'Nor This', Arial, sans-serif\">a</p>
         <p style=\"font-family: 'no such', serif\">again</p>
         <p style=\"visibility: hidden; font-family: Hidden, monospace\">not shown yet</p>
         <p style=\"font-family: Arial, Wanted\">the system has the first</p>
         <p style='font-family: Helvetica'>a</p><p style='font-family: Times New Roman'>a</p>
         <p style='font-family: Courier New'>a</p><p style='font-family: DejaVu Sans'>a</p>
         <p style=\"font-family: -apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto\">a</p>
         <p style='font-family: system-ui, Roboto'>a</p><p style='font-family: initial'>a</p>
         <p style='font-family: Empty'> </p><script type=text style='font-family: Code'>a</script>
         <canvas id=drawn></canvas>
         <script>drawn.getContext('2d').font = \"12px 'On Canvas', serif\"</script>",
    ));
    let output = pagereel().arg("check").arg(&html).arg("--json").output().unwrap();
    let check: Value = serde_json::from_slice(&output.stdout).unwrap();
    let messages: Vec<_> =
        check["warnings"].as_array().unwrap().iter().map(|w| &w["message"]).collect();
    assert_eq!(
        messages,
        [
            "font \"No Such\" is not there: #first is drawn in Liberation Sans",
            "font \"Hidden\" is not there: <p> \"not shown yet\" is drawn in Liberation Mono",
            "font \"On Canvas\" is not there: #drawn is drawn in serif",
        ]
    );
    let hint = check["warnings"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("npm install @fontsource/no-such"), "{hint}");
    let strict = pagereel().arg("check").arg(&html).arg("--strict").output().unwrap();
    assert_eq!(strict.status.code(), Some(1));
    let mut job = Job::without_output(html.as_path());
    assert_eq!(about_fonts(&report(&job).unwrap().warnings).len(), 3);
    // On its stage, too.
    job.capture.mode = CaptureMode::Display;
    job.strict = true;
    let refused = report(&job);
    assert!(
        matches!(&refused, Err(Error::Strict(told)) if about_fonts(told).len() == 3),
        "{refused:?}"
    );
}

#[test]
fn characters_that_no_font_has_are_named() {
    let (_directory, html) = page(&composition(
        "",
        "<p>plain, é → Ω ½ \u{301}\u{200d}\u{fe0f}</p>
         <p id=boxes style='font-family: monospace'>a \u{f0abc} \u{f0abd} \u{f0abc}</p>",
    ));
    let told = about_fonts(&report(&Job::without_output(html.as_path())).unwrap().warnings);
    let expected = "glyph_missing: no font has these characters, and boxes are drawn for them: \
                    \u{f0abc} (U+F0ABC) \u{f0abd} (U+F0ABD), in #boxes";
    assert_eq!(told, [expected]);
}

/// A page to which a timer adds text in the second frame, and letters in the third.
fn late(family: &str) -> String {
    composition(
        "",
        &format!(
            "<p id=here></p><script>setTimeout(() => {{ here.innerHTML = \"<b id=late style=\\\"font: \
             400 20px '{family}'\\\">late</b>\" }}, 100); setTimeout(() => {{ \
             document.getElementById('late').firstChild.data += ' \u{f0abe}w' }}, 200)</script>"
        ),
    )
}

#[test]
fn what_comes_later_is_judged_as_it_comes() {
    let (_directory, html) = page(&late("Too Late"));
    let mut job = Job::without_output(html.as_path());
    for workers in [1, 3] {
        job.capture.workers = Some(workers);
        let told = about_fonts(&report(&job).unwrap().warnings);
        let expected = [
            "font_missing: font \"Too Late\" is not there: #late is drawn in the browser's standard \
             font",
            "glyph_missing: no font has these characters, and boxes are drawn for them: \u{f0abe} \
             (U+F0ABE), in #late",
        ];
        assert_eq!(told, expected);
    }
    job.strict = true;
    assert!(matches!(report(&job), Err(Error::Strict(_))));
}

#[test]
fn packages_bring_what_the_page_names() {
    let text = "<p style=\"font-family: 'My Face', sans-serif\">Wiii</p>";
    let expected = declared(text);
    let (_directory, html) = packaged("@fontsource/my-face", &composition("", text));
    let mut job = Job::without_output(html.as_path());
    job.strict = true;
    assert_eq!(digests(&job, 1), expected);
    // A variable font by its own name, and HyperFrames' stand-in.
    for (package, name) in [
        ("@fontsource-variable/my-face", "My Face Variable"),
        ("@fontsource/inter", "Helvetica Neue"),
    ] {
        let text = text.replace("My Face", name);
        let (_directory, html) = packaged(package, &composition("", &text));
        job.composition = Address::from(html.as_path());
        assert_eq!(digests(&job, 1), expected, "{name}");
    }
    // What the system has stays the system's, and a page's own face the page's.
    let own = "<style>@font-face { font-family: 'My Face'; src: local('DejaVu Serif') }</style>";
    for (package, head, name) in
        [("@fontsource/dejavu-serif", "", "DejaVu Serif"), ("@fontsource/my-face", own, "My Face")]
    {
        let html = composition(head, &text.replace("My Face", name));
        let (_without, alone) = page(&html);
        let (_directory, html) = packaged(package, &html);
        job.composition = Address::from(html.as_path());
        let alone = digests(&Job::without_output(alone.as_path()), 1);
        assert_eq!(digests(&job, 1), alone, "{name}");
        assert_ne!(alone, expected, "{name}");
    }
}

/// A frame waits for the font of its text, whoever draws it.
#[test]
fn text_that_comes_later_has_its_font_at_once() {
    let html = late("My Face").replace(" \u{f0abe}w", "w");
    let (_directory, html) = packaged("@fontsource/my-face", &html);
    let mut job = Job::without_output(html.as_path());
    job.strict = true;
    let one = digests(&job, 1);
    assert_eq!(digests(&job, 3), one);
    assert_eq!(stills(&job, &[2]), one[2..]);
    let text = "<p><b style=\"font: 400 20px 'My Face'\">latew</b></p>";
    assert_eq!(one[2], declared(text)[2]);
}

#[test]
fn page_code_that_asks_for_a_font_gets_it() {
    let body = "<canvas id=c width=200 height=60></canvas><script>
         window.__renderReady = false;
         document.fonts.load(\"20px 'My Face'\").then((faces) => {
           const context = c.getContext('2d');
           context.font = \"20px 'My Face'\";
           context.fillText(`${faces.length} Wiii`, 4, 30);
           window.__renderReady = true;
         })</script>";
    let (_directory, html) = packaged("@fontsource/my-face", &composition("", body));
    let mut job = Job::without_output(html.as_path());
    job.strict = true;
    assert_eq!(digests(&job, 1), declared(body));
}

#[test]
fn addresses_of_google_fonts_are_answered_from_packages() {
    let text = "<p style=\"font-family: 'My Face', sans-serif\">Wiii</p>";
    let css = "https://fonts.googleapis.com/css2?family=My+Face:wght@400;700&display=swap";
    let link = format!("<link rel=stylesheet href='{css}'>");
    let (_directory, html) = packaged("@fontsource/my-face", &composition(&link, text));
    let mut job = Job::without_output(html.as_path());
    job.strict = true;
    for policy in [NetworkPolicy::Deny, NetworkPolicy::Allow] {
        job.network.policy = policy;
        assert_eq!(digests(&job, 1), declared(text));
    }
    let asked = report(&job).unwrap().network;
    let asked: Vec<_> = asked.iter().map(|r| (r.url.as_str(), r.outcome)).collect();
    let font = "https://fonts.gstatic.com/pagereel/0/any.ttf";
    assert_eq!(asked, [(css, NetworkOutcome::Mapped), (font, NetworkOutcome::Mapped)]);
}

#[test]
fn the_job_names_families() {
    let text = |name: &str| format!("<p style=\"font-family: '{name}', sans-serif\">Wiii</p>");
    let expected = declared(&text("My Face"));
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("index.html");
    fs::create_dir(directory.path().join("fonts")).unwrap();
    fs::copy(FILE, directory.path().join("fonts/a.ttf")).unwrap();
    let render = |name: &str, fonts: &Value| {
        fs::write(&html, composition("", &text(name))).unwrap();
        let job = json!({ "composition": "index.html", "fonts": fonts, "strict": true });
        digests(&Job::from_str(&job.to_string(), directory.path()).unwrap(), 1)
    };
    let regular = json!([{ "file": "fonts/a.ttf", "weight": 400, "style": "normal" }]);
    for (name, fonts) in [
        ("My Face", json!({ "My Face": { "file": "fonts/a.ttf", "weight": "100 900" } })),
        ("my face", json!({ "My Face": regular.clone() })),
        // The job's comes before the system's.
        ("DejaVu Serif", json!({ "DejaVu Serif": regular.clone() })),
        ("Other", json!({ "My Face": regular, "aliases": { "Other": "My Face" } })),
    ] {
        assert_eq!(render(name, &fonts), expected, "{fonts}");
    }
    // By its own tables it is bold: regular text is drawn with it all the same.
    assert_eq!(render("My Face", &json!({ "My Face": "fonts" })), expected);
}

#[test]
fn what_cannot_be_brought_is_an_error_that_names_its_field() {
    let (directory, _html) = page(&composition("", "a"));
    fs::write(directory.path().join("no.ttf"), "no font").unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    let refuse = |fonts: Value| {
        let job = json!({ "composition": "index.html", "fonts": fonts }).to_string();
        let job = Job::from_str(&job, directory.path());
        let error = job.map_err(Error::from).and_then(|job| report(&job).map(drop)).unwrap_err();
        (error.to_string(), error.hint())
    };
    let (message, hint) = refuse(json!({ "Inter": "@fontsource/inter" }));
    let expected = "field `fonts[\"Inter\"]` must be a font file, a directory of fonts or an npm \
                    package that is there, found \"@fontsource/inter\"";
    assert_eq!(message, expected);
    assert_eq!(hint.unwrap(), "install the package beside the page: npm install @fontsource/inter");
    for (fonts, field) in [
        (json!({ "A": "none.woff2" }), "fonts[\"A\"]"),
        (json!({ "A": ["no.ttf", "empty"] }), "fonts[\"A\"][0]"),
        (json!({ "A": "empty" }), "fonts[\"A\"]"),
        (json!({ "A": [] }), "fonts[\"A\"]"),
        (json!({ "A": 3 }), "fonts.A"),
        (json!({ "A B": [{ "file": "a.ttf", "weight": 1001 }] }), "fonts[\"A B\"][0].weight"),
        (json!({ "A": { "file": "no.ttf" } }), "fonts[\"A\"].file"),
        (json!({ "A": { "path": "no.ttf" } }), "fonts.A.path"),
        (
            json!({ "A": [{ "file": "a.ttf", "unicodeRange": "}" }] }),
            "fonts[\"A\"][0].unicodeRange",
        ),
        (json!({ "aliases": { "A": "B" } }), "fonts.aliases[\"A\"]"),
    ] {
        let (message, _) = refuse(fonts.clone());
        assert!(message.starts_with(&format!("field `{field}` ")), "{fonts}: {message}");
    }
    // Names of packages stay as they are, paths count from the job file.
    let text = r#"{ "composition": "a.html", "fonts": { "A": "@fontsource/a", "B": "b.ttf" } }"#;
    let job = Job::from_str(text, "/jobs").unwrap();
    let named = |name: &str| match &job.fonts.families[name][..] {
        [FontSource::Named(path)] => path.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(named("A"), Path::new("@fontsource/a"));
    assert_eq!(named("B"), Path::new("/jobs/b.ttf"));
}
