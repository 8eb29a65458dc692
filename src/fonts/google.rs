//! Google Fonts' addresses, answered from packages.

use std::path::PathBuf;

use url::{Url, form_urlencoded};

use super::FontLibrary;

/// The prefix of files' addresses in our style sheets.
const FILES: &str = "https://fonts.gstatic.com/pagereel/";

/// A style sheet of ours that is the answer to an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub css: String,
    /// The package that its first family comes from.
    pub source: PathBuf,
}

impl FontLibrary {
    /// The addresses that it may answer, as patterns of DevTools.
    pub(crate) fn patterns(&self) -> Vec<String> {
        let hosts = ["http*://fonts.googleapis.com/*", "http*://fonts.gstatic.com/pagereel/*"];
        if self.is_empty() { Vec::new() } else { hosts.map(str::to_owned).to_vec() }
    }

    /// The style sheet at an address of Google Fonts; `None` if no package has any of its families.
    ///
    /// All faces of the families are declared, not only those in the address. Families that no
    /// package has are left to Google.
    pub(crate) fn google(&self, url: &Url) -> Option<Sheet> {
        let is_sheet = matches!(url.path(), "/css" | "/css2" | "/icon");
        if url.host_str() != Some("fonts.googleapis.com") || !is_sheet {
            return None;
        }
        let (mut css, mut others, mut source) = (String::new(), String::new(), None);
        let families = url.query_pairs().filter(|(key, _)| key == "family");
        for entry in
            families.flat_map(|(_, list)| list.split('|').map(str::to_owned).collect::<Vec<_>>())
        {
            let name = entry.split(':').next().unwrap_or_default().trim();
            if let Some(family) = self.family(name) {
                let family = super::Family { name: name.to_owned(), ..family };
                css += &self.write(&family, FILES);
                css += &icon_rule(name);
                source.get_or_insert(family.source);
            } else if !name.is_empty() {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("family", &entry);
                let (path, query) = (url.path(), query.finish());
                let import =
                    ["@import url(\"https://fonts.googleapis.com", path, "?", &query, "\");\n"];
                others.extend(import);
            }
        }
        Some(Sheet { css: others + &css, source: source? })
    }

    /// The file at an address that an answered style sheet names.
    pub(crate) fn google_file(&self, url: &Url) -> Option<PathBuf> {
        self.file(url.as_str().strip_prefix(FILES)?)
    }
}

/// The class that Google's sheets of icons define beside the faces.
fn icon_rule(family: &str) -> String {
    if !family.starts_with("Material Icons") && !family.starts_with("Material Symbols") {
        return String::new();
    }
    let class = family.to_lowercase().replace(' ', "-");
    format!(
        ".{class} {{ font-family: \"{family}\"; font-weight: normal; font-style: normal; font-size: 24px; \
         line-height: 1; letter-spacing: normal; text-transform: none; display: inline-block; \
         white-space: nowrap; overflow-wrap: normal; direction: ltr; \
         font-feature-settings: \"liga\"; -webkit-font-smoothing: antialiased }}\n"
    )
}
