//! Host patterns of a policy.

use std::str::FromStr;

use url::{Host, Url};

/// A host that may be reached: `example.org`, `*.example.org` or `localhost:8080`.
///
/// A star matches any subdomain, but not the domain itself. Without a port, all ports match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: String,
    subdomains: bool,
    port: Option<u16>,
}

impl HostPattern {
    /// The form of a pattern, for messages.
    pub(crate) const EXPECTED: &str =
        "a host name such as fonts.gstatic.com, *.example.org or localhost:8080";

    /// Whether the pattern matches the host and the port of `url`.
    pub(super) fn matches(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        url.port_or_known_default().is_some_and(|port| self.means(host, port))
    }

    /// Whether the pattern matches a port of a host. The host is written as in a [`Url`].
    pub(super) fn means(&self, host: &str, port: u16) -> bool {
        self.names(host) && self.port.is_none_or(|own| own == port)
    }

    /// Whether the pattern matches a host, at any port.
    pub(super) fn names(&self, host: &str) -> bool {
        if self.subdomains {
            host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        }
    }

    /// The host without a port, as it was written.
    pub(super) fn name(&self) -> String {
        if self.subdomains { format!("*.{}", self.host) } else { self.host.clone() }
    }
}

impl FromStr for HostPattern {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (rest, subdomains) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !rest.ends_with(']') => {
                (host, Some(port.parse().map_err(|_not_a_port| ())?))
            }
            _ => (rest, None),
        };
        let host = Host::parse(host).map_err(|_not_a_host| ())?;
        // This also keeps a pattern from being more than one rule on Chrome's command line.
        if let Host::Domain(name) = &host
            && !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        {
            return Err(());
        }
        Ok(Self { host: host.to_string(), subdomains, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_are_hosts() {
        for text in ["a.b", "A.b", "*.a.b", "localhost:80", "127.0.0.1", "[::1]:80", "bücher.de"] {
            assert!(text.parse::<HostPattern>().is_ok(), "{text}");
        }
        let not = ["", "*", "*.", "a,b", "a b", "https://a.b", "a.b/c", "a:b", "a.*", "a:99999"];
        for text in not {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
