//! Packages that provide a family, and stand-ins for families that no package provides.

/// The scopes of packages with fonts. Those with single weights come first: their rules give each
/// weight the file that was designed for it.
pub(super) const SCOPES: [&str; 2] = ["@fontsource", "@fontsource-variable"];

/// HyperFrames' stand-ins for families of other systems, in lower case.
const STAND_INS: [(&str, &[&str]); 7] = [
    (
        "Inter",
        &[
            "helvetica",
            "helvetica neue",
            "helvetica bold",
            "arial",
            "sf pro",
            "sf pro display",
            "sf pro text",
            "sf pro rounded",
            "avenir",
            "avenir next",
            "lucida grande",
            "geneva",
            "optima",
            "verdana",
            "tahoma",
            "trebuchet ms",
            "calibri",
            "candara",
            "corbel",
            "lucida sans",
            "lucida sans unicode",
            "noto sans",
            "dejavu sans",
            "liberation sans",
        ],
    ),
    ("Montserrat", &["futura", "din alternate", "arial black"]),
    ("League Gothic", &["bebas neue"]),
    ("Roboto", &["segoe ui"]),
    ("Noto Sans JP", &["noto sans japanese"]),
    (
        "JetBrains Mono",
        &[
            "courier",
            "courier new",
            "sf mono",
            "menlo",
            "monaco",
            "consolas",
            "lucida console",
            "lucida sans typewriter",
            "andale mono",
            "dejavu sans mono",
            "liberation mono",
        ],
    ),
    (
        "EB Garamond",
        &[
            "garamond",
            "georgia",
            "palatino",
            "palatino linotype",
            "book antiqua",
            "cambria",
            "times",
            "times new roman",
            "dejavu serif",
            "liberation serif",
        ],
    ),
];

/// The family that HyperFrames draws instead of `name`, given in lower case.
pub(super) fn stand_in(name: &str) -> Option<&'static str> {
    STAND_INS.iter().find(|(_, names)| names.contains(&name)).map(|(family, _)| *family)
}

/// The packages that may provide a family, the best first.
pub(super) fn packages(family: &str) -> impl Iterator<Item = String> {
    let family = family.to_lowercase();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let is_sound = !family.is_empty() && family.chars().all(is_name);
    // The suffix that `@fontsource-variable` gives its families.
    let (plain, is_variable) = match family.strip_suffix(" variable") {
        Some(plain) => (plain.to_owned(), true),
        None => (family, false),
    };
    let id = plain.trim().replace([' ', '_'], "-");
    let scopes =
        SCOPES.into_iter().filter(move |&scope| is_sound && (!is_variable || scope != SCOPES[0]));
    scopes.map(move |scope| format!("{scope}/{id}"))
}
