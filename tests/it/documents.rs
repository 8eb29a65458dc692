//! What the documents say is so: links lead somewhere, options and fields are those of the program.
//!
//! The tables of `docs/job.md` are made from the schema; `PAGEREEL_BLESS=1` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pagereel::job::schema;
use serde_json::{Map, Value};

/// Stands before what is generated.
const MARKER: &str =
    "<!-- From here on generated from job.schema.json: tests/it/documents.rs -->\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The sections of `docs/job.md`: objects, then words.
struct Reference<'a> {
    types: &'a Map<String, Value>,
    objects: Vec<String>,
    words: Vec<String>,
}

impl Reference<'_> {
    /// What may stand in a field; types that need more room get a section.
    fn values(&mut self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            let known = &self.types[name];
            let list = match (&known["properties"], &known["oneOf"]) {
                (Value::Object(_), _) => &mut self.objects,
                (_, Value::Array(_)) => &mut self.words,
                _ => return self.values(&known.clone()),
            };
            if !list.iter().any(|one| one == name) {
                list.push(name.to_owned());
            }
            return format!("[{name}](#{})", name.to_lowercase());
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let choices = choices.iter().filter(|choice| choice["type"] != "null");
            let choices: BTreeSet<_> = choices.map(|choice| self.values(choice)).collect();
            return Vec::from_iter(choices).join(" or ");
        }
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<_> = words.iter().map(|word| format!("`{}`", text(word))).collect();
            return words.join(", ");
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.iter().map(text).find(|name| *name != "null").unwrap(),
            name => text(name),
        };
        match types {
            "array" => format!("list of {}", self.values(&schema["items"])),
            "boolean" => "`true`, `false`".into(),
            "string" => match schema["examples"][0].as_str() {
                Some(example) => format!("text such as `\"{example}\"`"),
                None => "text".into(),
            },
            "integer" => "whole number".into(),
            "object" => match &schema["additionalProperties"] {
                Value::Object(inner) if !schema["properties"].is_object() => {
                    format!("names with {}", self.values(&Value::Object(inner.clone())))
                }
                _ => schema["properties"].as_object().map_or("object".into(), |fields| {
                    let names: Vec<_> = fields.keys().map(|name| format!("`{name}`")).collect();
                    format!("object with {}", names.join(", "))
                }),
            },
            other => other.into(),
        }
    }

    /// A table of an object's fields, those that most jobs have first.
    fn fields(&mut self, object: &Value) -> String {
        let first = ["composition", "output", "format", "outputs"];
        let mut table = String::from("| field | holds | meaning |\n|---|---|---|\n");
        let fields = object["properties"].as_object().unwrap();
        let place = |name: &str| first.iter().position(|one| *one == name).unwrap_or(first.len());
        let mut names: Vec<_> = fields.keys().collect();
        names.sort_by_key(|name| place(name));
        let required = object["required"].as_array();
        for name in names {
            let field = &fields[name];
            let values = self.values(field);
            let mut meaning = line(field["description"].as_str().unwrap_or_default());
            if required.is_some_and(|required| required.contains(&Value::from(name.as_str()))) {
                meaning += " Required.";
            }
            writeln!(table, "| `{name}` | {values} | {meaning} |").unwrap();
        }
        table
    }

    fn section(&mut self, name: &str) -> String {
        let schema = self.types[name].clone();
        let about = line(schema["description"].as_str().unwrap_or_default());
        let mut section = format!("\n## {name}\n\n{about}\n\n");
        let Some(words) = schema["oneOf"].as_array() else {
            return section + &self.fields(&schema);
        };
        section += "| word | meaning |\n|---|---|\n";
        for word in words {
            let meaning = line(text(&word["description"]));
            writeln!(section, "| `{}` | {meaning} |", text(&word["const"])).unwrap();
        }
        section
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text expected, found {value}"))
}

/// Text for a cell of a table.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn job_reference() -> String {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let types = schema["$defs"].as_object().unwrap();
    let mut reference = Reference { types, objects: Vec::new(), words: Vec::new() };
    let mut written = format!("{MARKER}\n## Fields\n\n{}", reference.fields(&schema));
    let mut at = 0;
    while let Some(name) = reference.objects.get(at).cloned() {
        written += &reference.section(&name);
        at += 1;
    }
    reference.words.sort();
    for name in reference.words.clone() {
        written += &reference.section(&name);
    }
    written
}

#[test]
fn the_reference_of_jobs_is_that_of_the_schema() {
    let name = "docs/job.md";
    let committed = read(name);
    let head = committed.split_once(MARKER).map_or(&*committed, |(head, _)| head);
    let wanted = format!("{head}{}", job_reference());
    if std::env::var_os("PAGEREEL_BLESS").is_some() {
        fs::write(root().join(name), wanted).unwrap();
        return;
    }
    assert!(committed == wanted, "{name} is not that of the schema: run with PAGEREEL_BLESS=1");
}

/// The documents, by their path from the root.
fn documents() -> BTreeMap<PathBuf, String> {
    let places = [root().to_owned(), root().join("docs")];
    let files = places.iter().flat_map(|place| fs::read_dir(place).unwrap().flatten());
    let files =
        files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "md"));
    files.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// What GitHub calls the place of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

/// The lines of a document that are not of a block of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

#[test]
fn links_lead_to_what_is_there() {
    let documents = documents();
    let anchors = |text: &str| -> Vec<String> {
        prose(text)
            .filter(|line| line.starts_with('#'))
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    };
    let mut wrong = Vec::new();
    for (path, text) in &documents {
        for link in prose(text).flat_map(|line| line.split("](").skip(1)) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let target = target.canonicalize().unwrap_or(target);
            let has_place = place.is_empty()
                || documents
                    .get(&target)
                    .is_some_and(|text| anchors(text).iter().any(|one| one == place));
            if !target.exists() || !has_place {
                wrong.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn the_first_page_is_the_fixture_that_the_picture_shows() {
    let page = read("fixtures/hello/index.html");
    assert!(
        read("README.md").contains(&format!("```html\n{page}```")),
        "README.md shows another page"
    );
    assert!(page.lines().count() <= 12);
}

#[test]
fn every_option_and_exit_code_is_documented() {
    let documented = read("docs/cli.md");
    let program = env!("CARGO_BIN_EXE_pagereel");
    let mut missing = BTreeSet::new();
    for command in
        [&[][..], &["check"], &["still"], &["plan"], &["render-chunk"], &["assemble"], &["status"]]
    {
        let help = Command::new(program).args(command).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            let option = line
                .split([' ', ',', '=', '<'])
                .find(|word| word.starts_with("--"))
                .unwrap_or_default();
            if !["--help", "--version"].contains(&option)
                && !documented.contains(&format!("`{option}"))
            {
                missing.insert(option.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/cli.md: {missing:?}");
    let troubles = read("docs/troubleshooting.md");
    for code in ["0", "1", "2", "3", "4", "75", "130"] {
        assert!(
            troubles.contains(&format!("| {code} |")),
            "exit code {code} is not in docs/troubleshooting.md"
        );
    }
}
