//! The JSON Schemas of what the program writes: current, and true of what it does write.

use std::fs;
use std::path::Path;

use pagereel::Job;
use pagereel::report::{Document, schema};
use serde_json::Value;

use crate::support::{cheaply, fixture, pagereel, render};

const DOCUMENTS: [(&str, Document); 4] = [
    ("events", Document::Events),
    ("report", Document::Report),
    ("plan", Document::Plan),
    ("check", Document::Check),
];

#[test]
fn the_committed_schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    for (name, document) in DOCUMENTS {
        let file = folder.join(format!("{name}.schema.json"));
        let current = schema(document);
        if std::env::var_os("PAGEREEL_BLESS").is_some() {
            fs::write(&file, &current).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == current,
            "{} is out of date; write it anew with PAGEREEL_BLESS=1",
            file.display()
        );
        assert_eq!(serde_json::from_str::<Value>(&current).unwrap()["version"], 1);
    }
}

/// A schema as far as ours go: references, choices, objects, arrays and types.
struct Schema<'a>(&'a Value);

impl Schema<'_> {
    /// Why `value` is not what `schema` says; nothing if it is.
    fn fault(&self, schema: &Value, value: &Value, at: &str) -> Option<String> {
        if let Some(target) = schema["$ref"].as_str() {
            // What stands beside a reference has fields too.
            let mut whole = self.0.pointer(target.strip_prefix('#').unwrap()).unwrap().clone();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                whole["properties"][name] = field.clone();
            }
            return self.fault(&whole, value, at);
        }
        for choices in ["anyOf", "oneOf"] {
            let Some(choices) = schema[choices].as_array() else { continue };
            let faults = choices.iter().map(|choice| self.fault(choice, value, at));
            let faults: Option<Vec<String>> = faults.collect();
            if let Some(faults) = faults {
                return Some(format!("{at}: none of: {}", faults.join("; ")));
            }
        }
        if let Some(expected) = schema.get("const")
            && expected != value
        {
            return Some(format!("{at}: {value} is not {expected}"));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return Some(format!("{at}: {value} is none of {words:?}"));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let fits = types.contains(&kind) || kind == "integer" && types.contains(&"number");
        if !types.is_empty() && !fits {
            return Some(format!("{at}: {kind} is none of {types:?}"));
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            let mut faults = values.iter().enumerate();
            return faults.find_map(|(n, v)| self.fault(items, v, &format!("{at}[{n}]")));
        }
        let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object())
        else {
            return None;
        };
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Some(format!("{at}: {name} is missing"));
            }
        }
        fields.iter().find_map(|(name, field)| match known.get(name) {
            Some(schema) => self.fault(schema, field, &format!("{at}.{name}")),
            None => Some(format!("{at}: {name} is not in the schema")),
        })
    }
}

#[track_caller]
fn assert_fits(document: Document, value: &Value) {
    let schema: Value = serde_json::from_str(&schema(document)).unwrap();
    assert_eq!(Schema(&schema).fault(&schema, value, &format!("{document:?}")), None, "{value:#}");
}

#[test]
fn what_is_written_is_as_the_schemas_say() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = Job::new(fixture("title-card/index.html"), directory.path().join("a.mp4"));
    job.frames = Some("0..3".parse().unwrap());
    let report = serde_json::to_value(render(&cheaply(&job)).unwrap()).unwrap();
    assert_fits(Document::Report, &report);
    assert_fits(Document::Plan, &report["plan"]);
    let engine = pagereel::Engine::new();
    assert_fits(Document::Check, &serde_json::to_value(engine.check(&job).unwrap()).unwrap());

    let page = fixture("title-card/index.html");
    let lines = |extra: &[&str]| {
        let output = pagereel().arg(&page).args(extra).arg("--json").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let file = directory.path().join("b.mp4");
    let went_well = lines(&["--frames", "0..2", "-o", file.to_str().unwrap()]);
    assert_eq!(went_well.last().unwrap()["type"], "complete");
    let failed = lines(&["--frames", "0..99999", "-o", file.to_str().unwrap()]);
    assert_eq!(failed.last().unwrap()["type"], "error");
    for line in went_well.iter().chain(&failed) {
        assert_fits(Document::Events, line);
    }
    // A wrong one is seen.
    let schema: Value = serde_json::from_str(&schema(Document::Report)).unwrap();
    for (pointer, wrong) in [
        ("/plan/stream/size/width", Value::from("wide")),
        ("/plan/stream/frameRate", Value::Null),
        ("/warnings", Value::from(3)),
    ] {
        let mut report = report.clone();
        *report.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(Schema(&schema).fault(&schema, &report, "").is_some(), "{pointer}");
    }
}
