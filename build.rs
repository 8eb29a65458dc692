//! Checks that libav is there, records its version, and joins the page runtime into one script.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// Libraries that the engine links, with the oldest version that is known to work (FFmpeg 5.1).
const LIBRARIES: [(&str, &str); 5] = [
    ("libavcodec", "59.37"),
    ("libavformat", "59.27"),
    ("libavutil", "57.28"),
    ("libswresample", "4.7"),
    ("libswscale", "6.7"),
];

/// The files of the page runtime, each after those it imports from.
const RUNTIME: &str = "src/page/runtime";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={RUNTIME}");
    println!("cargo::rustc-check-cfg=cfg(coded_side_data)");
    if !check_libraries() {
        return ExitCode::FAILURE;
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    join_runtimes(Path::new(RUNTIME), Path::new(&out));
    ExitCode::SUCCESS
}

/// Whether all libraries are there; prints packages to install if not.
fn check_libraries() -> bool {
    for (name, oldest) in LIBRARIES {
        match pkg_config::Config::new().atleast_version(oldest).cargo_metadata(false).probe(name) {
            Ok(library) => {
                println!("cargo::rustc-env=PAGEREEL_{}={}", name.to_uppercase(), library.version);
                let mut numbers = library.version.split('.').filter_map(|n| n.parse::<u32>().ok());
                let version = (numbers.next(), numbers.next());
                if name == "libavformat" && version >= (Some(60), Some(15)) {
                    // Since FFmpeg 6.1, side data of a stream is in its codec parameters.
                    println!("cargo::rustc-cfg=coded_side_data");
                }
            }
            // docs.rs compiles nothing that needs them, and links nothing.
            Err(_) if env::var_os("DOCS_RS").is_some() => {
                println!("cargo::rustc-env=PAGEREEL_{}=unknown", name.to_uppercase());
            }
            Err(error) => {
                println!(
                    "cargo::error={name} {oldest} or newer (FFmpeg 5.1) with its headers is \
                     needed. Run ./setup.sh, or install: libavcodec-dev libavformat-dev \
                     libavutil-dev libswscale-dev libavfilter-dev libavdevice-dev \
                     libswresample-dev clang pkg-config (Debian, Ubuntu), ffmpeg-devel clang \
                     (Fedora), ffmpeg clang pkgconf (Arch), ffmpeg pkgconf (Homebrew)"
                );
                let reason = error.to_string().replace('\n', " ");
                println!("cargo::error={name}: {reason}");
                return false;
            }
        }
    }
    true
}

/// Writes the script of pages and that of their workers.
fn join_runtimes(folder: &Path, out: &Path) {
    let mut used = Vec::new();
    for (name, entry, head) in [
        ("runtime.js", "main.js", ""),
        // Uses of `window` go to the worker's global object there.
        ("worker_runtime.js", "worker_main.js", "const window = globalThis;\n"),
    ] {
        let mut done = Vec::new();
        let script = join_runtime(folder, entry, head, &mut done);
        fs::write(out.join(name), script).expect("OUT_DIR can be written");
        used.extend(done);
    }
    for name in modules(folder, Path::new("")) {
        assert!(used.contains(&name), "page runtime: nothing imports {}", name.display());
    }
}

/// The modules below a folder of the runtime, by their paths from `folder`.
fn modules(folder: &Path, below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join(below)).expect("the page runtime can be read").flatten() {
        let name = below.join(entry.file_name());
        if entry.path().is_dir() {
            found.extend(modules(folder, &name));
        } else if name.extension().is_some_and(|extension| extension == "js") {
            found.push(name);
        }
    }
    found
}

/// Joins modules into one function, in the order of their imports, after the line `head`.
///
/// The modules share that function's scope, so their names must differ: a module may import only
/// by the exported name, and exports only declarations.
fn join_runtime(folder: &Path, entry: &str, head: &str, done: &mut Vec<PathBuf>) -> String {
    let mut joined = format!("(() => {{\n\"use strict\";\n{head}");
    append(folder, Path::new(entry), done, &mut joined);
    joined.push_str("})();\n");
    check_names(&joined);
    joined
}

/// Two declarations of one name would silently replace each other.
fn check_names(script: &str) {
    let mut names = Vec::new();
    for line in script.lines() {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let declared = ["function ", "function* ", "const ", "let ", "class "]
            .iter()
            .find_map(|keyword| line.strip_prefix(keyword));
        let Some(declared) = declared else { continue };
        let end = declared.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0);
        let name = &declared[..end];
        assert!(name.is_empty() || !names.contains(&name), "page runtime: two are named {name}");
        names.push(name);
    }
}

/// Appends a module after the modules that it imports from.
fn append(folder: &Path, name: &Path, done: &mut Vec<PathBuf>, joined: &mut String) {
    if done.iter().any(|d| d == name) {
        return;
    }
    done.push(name.to_owned());
    let shown = name.display();
    let text = fs::read_to_string(folder.join(name))
        .unwrap_or_else(|e| panic!("page runtime: {shown}: {e}"));
    let mut body = String::new();
    let mut lines = without_comments(&text);
    while let Some(line) = lines.next() {
        if !line.starts_with("import ") {
            let line = line.strip_prefix("export ").unwrap_or(line);
            writeln!(body, "{line}").expect("writing to a string");
            continue;
        }
        let mut import = line.to_owned();
        while !import.ends_with(';') {
            import += lines.next().unwrap_or_else(|| panic!("page runtime: {shown}: {line}"));
        }
        let from = import.split('"').nth(1).filter(|from| from.starts_with('.'));
        let from = from.unwrap_or_else(|| panic!("page runtime: {shown}: {line}"));
        append(folder, &beside(name, from), done, joined);
    }
    write!(joined, "// {shown}\n{body}").expect("writing to a string");
}

/// The lines of a script except those that are only comments: every document of a page reads the
/// script anew. In the texts of shaders they are comments, too.
fn without_comments(text: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.lines().filter(move |line| {
        let line = line.trim();
        let begins = !within && line.starts_with("/*");
        let ends = line.ends_with("*/");
        let is_comment =
            within || line.starts_with("//") || begins && (ends || !line.contains("*/"));
        within = (within || begins && is_comment) && !ends;
        !is_comment && !line.is_empty()
    })
}

/// The path of a module that `name` imports as `from`, such as `../natives.js`.
fn beside(name: &Path, from: &str) -> PathBuf {
    let mut path = name.parent().expect("a file lies in a folder").to_owned();
    for part in from.split('/') {
        match part {
            "." => {}
            ".." => assert!(path.pop(), "page runtime: {} imports {from}", name.display()),
            _ => path.push(part),
        }
    }
    path
}
