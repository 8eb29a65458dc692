//! Frames whose documents are not HTML.

use std::fs;

use pagereel::job::CaptureMode;

use crate::pages::{Page, pixel};

/// An SVG file that the browser reads only in part, because its entities would fill the memory, one
/// that it reads whole, and plain XML. In such documents `createElement` makes no elements of HTML.
#[test]
fn frames_may_hold_documents_that_are_no_html() {
    let entity = |n| format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    let entities = (1..10).map(entity).collect::<Vec<_>>().concat();
    let svg = |head: &str, text: &str| {
        format!(
            "<?xml version=\"1.0\"?>{head}<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"80\" \
             height=\"40\"><rect width=\"20\" height=\"40\" fill=\"#00f\"/><text x=\"30\" \
             y=\"20\">{text}</text></svg>"
        )
    };
    let bomb = svg(&format!("<!DOCTYPE svg [<!ENTITY a0 \"ha\">{entities}]>"), "&a9;");
    let page = Page::new(
        0.2,
        "iframe { border: 0; display: block; width: 80px; height: 40px }",
        "<iframe src=a.svg></iframe><iframe src=b.svg></iframe><iframe src=c.xml></iframe>\
         <p style='margin: 0; height: 40px; background: #0a0'></p>",
        "",
    );
    for (name, text) in
        [("a.svg", bomb), ("b.svg", svg("", "text")), ("c.xml", "<a>text</a>".to_owned())]
    {
        fs::write(page.path.with_file_name(name), text).unwrap();
    }
    for mode in [CaptureMode::BeginFrame, CaptureMode::Display] {
        let frames = page.frames(mode, 1);
        assert_eq!(frames.len(), 6);
        for frame in &frames {
            assert_eq!(pixel(frame, 10, 60), [0, 0, 0xff], "{mode:?}: the SVG that is whole");
            assert_eq!(pixel(frame, 10, 140), [0, 0xaa, 0], "{mode:?}: what is below");
        }
    }
}
