//! The network access of one render's pages, and files in place of addresses.
//!
//! The module knows neither Chrome nor jobs. The browser asks [`Access::judge`] about each request
//! that it holds for us and acts on the [`Verdict`]. Everything that went to another host and was
//! mapped, refused or failed ends in the [`Ledger`], which all browsers of a render share.

mod bounds;
mod content;
mod download;
mod find;
mod gate;
mod hint;
mod host;
mod ledger;
mod map;
mod private;
mod resolver;
mod route;
mod used;
mod wall;

use url::Url;

use crate::fonts::{FontLibrary, Sheet};

use self::download::Downloads;
pub(crate) use self::download::{HELD_ADDRESS, MEDIA};
use self::find::Found;

pub(crate) use self::bounds::{Bounds, Place};
pub(crate) use self::content::{Range, content_type, parse_range};
pub(crate) use self::host::HostPattern;
pub(crate) use self::ledger::Ledger;
pub use self::ledger::{NetworkOutcome, NetworkRequest, VersionMismatch};
pub(crate) use self::map::{Hit, Map, MapKey};
pub(crate) use self::private::PrivateHost;
pub(crate) use self::route::{Answer, ROUTE_PREFIX, Route};
pub(crate) use self::used::UsedFiles;
pub(crate) use self::wall::{FRAMES_HOST, SharedNamespace, Wall, can_isolate};
pub use self::wall::{Isolation, IsolationMode};

/// The hosts that may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    /// All hosts.
    #[default]
    Allow,
    /// These hosts, and the composition's own.
    Only(Vec<HostPattern>),
}

/// The hosts that the pages of one render may reach, and the requests that they made.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub policy: Policy,
    pub map: Map,
    /// The library that answers for Google Fonts.
    pub fonts: FontLibrary,
    /// The wall between the browsers and the network.
    pub wall: Wall,
    /// The hosts that may have an address that is not public.
    pub private: Vec<PrivateHost>,
    /// The composition's own server.
    own: Option<(String, u16)>,
    pub ledger: Ledger,
    /// Files that addresses of other hosts were mapped to.
    pub used: UsedFiles,
    downloads: Downloads,
}

/// The decision about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The browser may send it.
    Pass,
    /// The map has an answer, even if that is a missing file.
    Mapped(Hit),
    /// This style sheet is the answer.
    Sheet(Sheet),
    /// The policy does not allow its host.
    Refused,
}

impl Access {
    /// Access for a composition at `address`, whose own server is always reachable.
    pub(crate) fn new(policy: Policy, map: Map, address: &str) -> Self {
        let own = Url::parse(address).ok().as_ref().and_then(authority);
        Self { policy, map, own, ..Self::default() }
    }

    /// Decides about one request. The map comes first: mapped addresses never leave the machine.
    pub(crate) fn judge(&self, method: &str, address: &str) -> Verdict {
        let Ok(url) = Url::parse(address) else { return Verdict::Pass };
        // A file can answer reading requests, and the preflight request before one.
        if matches!(method, "GET" | "HEAD" | "OPTIONS") {
            if let Some(hit) = self.map.find(&url) {
                if let Some(found) = &hit.found {
                    self.used.add(&found.file);
                }
                return Verdict::Mapped(hit);
            }
            if let Some(sheet) = self.fonts.google(&url) {
                return Verdict::Sheet(sheet);
            }
            if let Some(file) = self.fonts.google_file(&url) {
                self.used.add(&file);
                let found = Some(Found { file: file.clone(), mismatch: None });
                return Verdict::Mapped(Hit { target: file, found, refused: None });
            }
        }
        match &self.policy {
            Policy::Allow => Verdict::Pass,
            Policy::Only(hosts) => {
                let is_listed = |url| hosts.iter().any(|pattern| pattern.matches(url));
                if self.is_foreign(address) && !is_listed(&url) {
                    Verdict::Refused
                } else {
                    Verdict::Pass
                }
            }
        }
    }

    /// Whether `address` is on the network and not on the composition's own server.
    pub(crate) fn is_foreign(&self, address: &str) -> bool {
        let asked = Url::parse(address).ok().as_ref().and_then(authority);
        // A server often redirects from one of its two usual ports to the other.
        let is_usual = |port| matches!(port, 80 | 443);
        asked.is_some_and(|(host, port)| {
            !self.own.as_ref().is_some_and(|(own, own_port)| {
                *own == host && (*own_port == port || is_usual(*own_port) && is_usual(port))
            })
        })
    }

    /// The addresses to be judged, as patterns of DevTools; `None` for none.
    pub(crate) fn patterns(&self) -> Option<Vec<String>> {
        match self.policy {
            Policy::Only(_) => Some(vec!["*".into()]),
            Policy::Allow => {
                let patterns = [self.map.patterns(), self.fonts.patterns()].concat();
                (!patterns.is_empty()).then_some(patterns)
            }
        }
    }

    /// Chrome's flags for its network access.
    pub(crate) fn flags(&self) -> Vec<String> {
        let own = self.own.as_ref().filter(|(host, _)| private::is_loopback_name(host));
        let mut flags = self.wall.flags(own.map(|(host, _)| &**host));
        flags.extend(self.resolver_rules().map(|rules| format!("--host-resolver-rules={rules}")));
        flags
    }

    /// Rules by which the browser resolves only allowed names; `None` for no rules.
    ///
    /// Loopback stays: it is where the composition comes from.
    fn resolver_rules(&self) -> Option<String> {
        let Policy::Only(hosts) = &self.policy else { return None };
        let mut rules = String::from(
            "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
        );
        let own = self.own.iter().map(|(host, _)| host.clone());
        for host in own.chain(hosts.iter().map(HostPattern::name)) {
            if host != "localhost" && !host.ends_with(".localhost") {
                rules += ", EXCLUDE ";
                rules += host.trim_matches(['[', ']']);
            }
        }
        Some(rules)
    }
}

/// Host and port of an address on the network.
pub(crate) fn authority(url: &Url) -> Option<(String, u16)> {
    let is_network = matches!(url.scheme(), "http" | "https" | "ws" | "wss");
    let host = url.host_str().filter(|_| is_network)?;
    Some((host.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://token.localhost:4000/index.html";

    fn only(hosts: &[&str]) -> Access {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Access::new(Policy::Only(hosts), Map::default(), OWN)
    }

    #[test]
    fn the_own_server_is_always_reachable_and_others_only_when_listed() {
        let cases = [
            ("http://token.localhost:4000/a.js", true),
            ("ws://token.localhost:4000/", true),
            ("http://token.localhost:4001/a.js", false),
            ("http://127.0.0.1:4000/", false),
            ("https://fonts.gstatic.com/s/a.woff2", true),
            ("https://fonts.gstatic.com.example.org/", false),
            ("https://a.b.example.net/", true),
            ("https://example.net/", false),
            ("http://localhost:9000/", true),
            ("http://localhost:9001/", false),
            ("http://fonts.gstatic.com@example.com/", false),
            ("data:text/css,a", true),
            ("blob:http://example.com/1", true),
            ("about:blank", true),
        ];
        let access = only(&["Fonts.gstatic.com", "*.example.net", "localhost:9000"]);
        for (address, passes) in cases {
            let wanted = if passes { Verdict::Pass } else { Verdict::Refused };
            assert_eq!(access.judge("GET", address), wanted, "{address}");
            assert_eq!(Access::default().judge("GET", address), Verdict::Pass, "{address}");
        }
        assert_eq!(only(&[]).judge("POST", "https://example.org/"), Verdict::Refused);
    }

    #[test]
    fn foreign_is_what_leaves_the_own_server() {
        let access = only(&[]);
        assert!(access.is_foreign("https://example.org/a.js"));
        assert!(!access.is_foreign(OWN));
        assert!(!access.is_foreign("data:,x"));
        let site = Access::new(Policy::Allow, Map::default(), "http://example.org/a");
        assert!(!site.is_foreign("https://example.org/b"));
        assert!(site.is_foreign("https://example.org:8443/b"));
        assert!(site.is_foreign("https://www.example.org/b"));
    }

    #[test]
    fn names_are_resolved_only_where_that_is_allowed() {
        assert_eq!(Access::default().resolver_rules(), None);
        let denied = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1";
        assert_eq!(only(&[]).resolver_rules().as_deref(), Some(denied));
        let some = only(&["*.example.org", "example.com:8080", "[::1]:90"]).resolver_rules();
        let listed = ", EXCLUDE *.example.org, EXCLUDE example.com, EXCLUDE ::1";
        assert_eq!(some, Some(format!("{denied}{listed}")));
        let own = Access::new(Policy::Only(vec![]), Map::default(), "https://example.org/a");
        assert_eq!(own.resolver_rules(), Some(format!("{denied}, EXCLUDE example.org")));
    }

    #[test]
    fn only_what_may_need_an_answer_is_asked_about() {
        assert_eq!(Access::default().patterns(), None);
        assert_eq!(only(&["example.org"]).patterns(), Some(vec!["*".into()]));
    }
}
