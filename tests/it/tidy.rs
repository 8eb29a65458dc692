//! The shape of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file below `src/`, relative to it, with its text.
fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found.sort();
    assert!(found.len() > 40, "src/ was found");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn module(name: &str) -> &str {
    name.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The floors of the library, from the ground up. Each module stands on one of them and imports
/// modules of its own floor and of those below.
const FLOORS: [&[&str]; 6] = [
    &["cancel", "color", "cues", "fonts", "frame", "sys", "time", "transition", "warning"],
    &["av", "network"],
    &["browser", "job", "media", "sound"],
    &["confine", "error", "page", "pipeline", "serve"],
    &["capture", "check", "composite", "plan", "progress", "report", "sink", "work"],
    &["doctor", "engine", "fuzzing"],
];

/// What a file imports: the modules that follow upon `crate::`, its tests and comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let code: Vec<_> = code.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = code.join("\n");
    let word = |text: &str| {
        let is_of_word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_of_word).collect::<String>()
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let after = &code[at + "crate::".len()..];
        let Some(list) = after.strip_prefix('{') else {
            found.insert(word(after));
            continue;
        };
        // The first words of a list, whatever lies deeper in it.
        let mut depth = 1;
        let mut begins = true;
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                c if begins && !c.is_whitespace() => {
                    found.insert(word(&list[i..]));
                    begins = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

#[test]
fn imports_are_seen() {
    let text = "use crate::a::{self, B};\nuse crate::{c::{D, E}, f};\n// crate::g\nfn x() { \
                crate::h::i(); }\n#[cfg(test)]\nmod tests { use crate::j; }";
    assert_eq!(imports(text), BTreeSet::from(["a", "c", "f", "h"].map(String::from)));
}

/// The modules of the library, and what each imports of the others.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
    for (name, text) in all() {
        let module = module(&name);
        // The program is no part of the library; `lib.rs` names all of them.
        if ["lib", "main", "cli", "terminal"].contains(&module) {
            continue;
        }
        let mut others = imports(&text);
        others.remove(module);
        graph.entry(module.to_owned()).or_default().extend(others);
    }
    graph
}

#[test]
fn no_import_climbs_a_floor() {
    let floor = |module: &str| {
        let floor = FLOORS.iter().position(|floor| floor.contains(&module));
        floor.unwrap_or_else(|| panic!("{module} stands on no floor: put it into FLOORS"))
    };
    for (module, others) in graph() {
        for other in others {
            assert!(floor(&module) >= floor(&other), "{module} imports {other}, which is above it");
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut graph = graph();
    assert!(graph.len() > 20, "{graph:?}");
    // Modules that import none of those that are left, taken away until there are no more.
    loop {
        let left: BTreeSet<_> = graph.keys().cloned().collect();
        let before = graph.len();
        graph.retain(|_, others| !others.is_disjoint(&left));
        if graph.len() == before {
            break;
        }
    }
    assert!(
        graph.is_empty(),
        "{} modules are in circles or stand on them: {graph:#?}",
        graph.len()
    );
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for (name, text) in all() {
        let has = text.contains("unsafe {") || text.contains("unsafe impl");
        assert!(!has || ["av", "sys", "main"].contains(&module(&name)), "{name} has unsafe code");
    }
}

#[test]
fn no_ffi_type_leaves_av() {
    for (name, text) in all().into_iter().filter(|(name, _)| module(name) != "av") {
        assert!(!text.contains("ffmpeg_next"), "{name} knows FFmpeg");
    }
}

#[test]
fn no_external_encoder_is_started() {
    for (name, text) in all() {
        for program in ["\"ffmpeg\"", "\"ffprobe\""] {
            assert!(!text.contains(program), "{name} names {program}");
        }
    }
}

#[test]
fn files_are_short_and_well_named() {
    for (name, text) in all() {
        assert!(text.lines().count() <= 600, "{name} is too long");
        for word in ["utils", "helpers", "common", "misc", "manager", "service", "handler"] {
            assert!(!name.contains(word), "{name}: not a name");
        }
    }
}

/// What an embedder has to know by name: modules and what is used from them all the time.
#[test]
fn few_names_stand_at_the_root() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut names = Vec::new();
    let mut is_hidden = false;
    for line in text.lines() {
        if let Some(module) = line.strip_prefix("pub mod ")
            && !is_hidden
        {
            names.push(module.trim_end_matches([';', '{', ' ']).to_owned());
        }
        if let Some(used) = line.strip_prefix("pub use ") {
            let used = used.trim_end_matches(';').trim_start_matches("crate::");
            let (_, last) = used.split_once("::").unwrap();
            let list = last.trim_start_matches('{').trim_end_matches('}');
            names.extend(list.split(", ").map(str::to_owned));
        }
        is_hidden = line == "#[doc(hidden)]";
    }
    assert!(names.len() > 20 && names.contains(&"Engine".to_owned()), "{names:?}");
    assert!(names.len() <= 30, "{} names: {names:?}", names.len());
}
