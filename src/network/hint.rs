//! Advice on the fields of a job that give an address an answer.

use url::Url;

use super::NetworkOutcome;
use super::find::{is_version, split_version};

/// The prefixes of CDNs that deliver npm packages.
const PACKAGE_PREFIXES: [&str; 3] = [
    "https://cdn.jsdelivr.net/npm/",
    "https://unpkg.com/",
    "https://cdnjs.cloudflare.com/ajax/libs/",
];

/// Advice to the user about a request that failed.
pub(super) fn hint(address: &str, kind: &str, outcome: NetworkOutcome) -> String {
    if outcome == NetworkOutcome::LinkRefused {
        return "set network.followSymlinks to true if it may be followed".into();
    }
    let Ok(url) = Url::parse(address) else { return "map it with network.map".into() };
    let host = url.host_str().unwrap_or_default();
    if let Some((prefix, package)) = package(&url) {
        return match outcome {
            NetworkOutcome::NotFound => format!("npm install {package}"),
            _ => format!(
                "add \"{prefix}\": \"node_modules/\" to network.map and npm install {package}"
            ),
        };
    }
    if outcome == NetworkOutcome::NotFound {
        return "put the file into the mapped directory, or give its address an entry of its own \
                in network.map"
            .into();
    }
    if matches!(host, "fonts.googleapis.com" | "fonts.gstatic.com") {
        return format!(
            "put the font files in the project and name them with @font-face, or map \
             \"{}\" to a local {} in network.map",
            cut(address),
            if kind.eq_ignore_ascii_case("font") { "file" } else { "stylesheet" }
        );
    }
    let origin = url.origin().ascii_serialization();
    let map = format!("add \"{origin}/\": \"DIRECTORY/\" to network.map");
    match outcome {
        NetworkOutcome::Blocked => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{map}, or allow \"{host}{port}\" in network.policy")
        }
        _ => format!("{map}, or see whether {host} can be reached from here"),
    }
}

/// The prefix of a package CDN, and the package to install, with its version where there is one.
fn package(url: &Url) -> Option<(&'static str, String)> {
    // An address without TLS is of the same server.
    let address = url.as_str().replacen("http:", "https:", 1);
    let (prefix, rest) = PACKAGE_PREFIXES
        .iter()
        .find_map(|prefix| Some((*prefix, address.strip_prefix(prefix)?)))?;
    let mut segments = rest.split(['?', '#']).next()?.split('/').filter(|s| !s.is_empty());
    let mut first = segments.next()?;
    let scope = if first.starts_with('@') {
        let scope = first;
        first = segments.next()?;
        format!("{scope}/")
    } else {
        String::new()
    };
    let (name, version) = split_version(first);
    // cdnjs has the version in a segment of its own, and calls `three` `three.js`.
    let next = segments.next().filter(|next| is_version(next) && !next.starts_with('r'));
    let version = version.or(next).map(|version| format!("@{version}")).unwrap_or_default();
    let name = name.strip_suffix(".js").unwrap_or(name);
    Some((prefix, format!("{scope}{name}{version}")))
}

/// An address that fits into a sentence.
fn cut(address: &str) -> String {
    match address.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &address[..end]),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_say_what_to_write() {
        use NetworkOutcome::{Blocked, Failed, NotFound};
        let cases = [
            (
                "https://cdn.jsdelivr.net/npm/gsap@3.14.2/dist/gsap.min.js",
                Blocked,
                "add \"https://cdn.jsdelivr.net/npm/\": \"node_modules/\" to network.map and npm \
                 install gsap@3.14.2",
            ),
            (
                "http://unpkg.com/@lottiefiles/lottie-player",
                Failed,
                "add \"https://unpkg.com/\": \"node_modules/\" to network.map and npm install \
                 @lottiefiles/lottie-player",
            ),
            (
                "https://cdnjs.cloudflare.com/ajax/libs/three.js/r128/three.min.js?a",
                Failed,
                "add \"https://cdnjs.cloudflare.com/ajax/libs/\": \"node_modules/\" to network.map \
                 and npm install three",
            ),
            (
                "https://cdnjs.cloudflare.com/ajax/libs/gsap/3.12.2/gsap.min.js",
                NotFound,
                "npm install gsap@3.12.2",
            ),
            (
                "https://fonts.googleapis.com/css2?family=Inter",
                Blocked,
                "put the font files in the project and name them with @font-face, or map \
                 \"https://fonts.googleapis.com/css2?family=Inter\" to a local stylesheet in \
                 network.map",
            ),
            (
                "http://example.org:8080/a.png",
                Blocked,
                "add \"http://example.org:8080/\": \"DIRECTORY/\" to network.map, or allow \
                 \"example.org:8080\" in network.policy",
            ),
            (
                "https://example.org/a.png",
                Failed,
                "add \"https://example.org/\": \"DIRECTORY/\" to network.map, or see whether \
                 example.org can be reached from here",
            ),
        ];
        for (address, outcome, text) in cases {
            assert_eq!(hint(address, "Script", outcome), text, "{address}");
        }
    }
}
