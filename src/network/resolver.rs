//! Checks the addresses of the engine's own downloads.

use std::io;
use std::net::SocketAddr;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::private::{is_loopback_name, is_public, literal};
use super::{Access, PrivateHost};

/// Looks names up as usual, and omits addresses that are not public.
///
/// A page gets the pictures of a video from the engine without any check that it may read them, so
/// the engine must not fetch files that the page's author could not fetch. Loopback stays: a page's
/// own server is often there, and browsers let pages from this machine request it as well.
pub(super) struct PublicResolver {
    usual: DefaultResolver,
    /// The host of the composition's own server.
    own: Option<String>,
    /// The proxy, whose address is the user's choice.
    proxy: Option<String>,
    private: Vec<PrivateHost>,
}

impl PublicResolver {
    pub(super) fn new(access: &Access) -> Self {
        Self {
            usual: DefaultResolver::default(),
            own: access.own.as_ref().map(|(host, _)| host.clone()),
            proxy: ureq::Proxy::try_from_env().map(|proxy| proxy.host().to_owned()),
            private: access.private.clone(),
        }
    }
}

impl std::fmt::Debug for PublicResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicResolver").field("own", &self.own).finish_non_exhaustive()
    }
}

impl PublicResolver {
    /// The addresses of `host` that may be reached. Fails if there are none.
    fn fit(&self, host: &str, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, Error> {
        let is_own = |own: &Option<String>| own.as_deref() == Some(host);
        if is_own(&self.own) || is_own(&self.proxy) || is_loopback_name(host) {
            return Ok(found.to_vec());
        }
        let is_named_loopback = literal(host).is_some_and(|address| address.is_loopback());
        let may_be_asked = |at: &&SocketAddr| {
            let address = at.ip().to_canonical();
            is_public(address)
                || (is_named_loopback && address.is_loopback())
                || self.private.iter().any(|entry| entry.permits(host, address))
        };
        let fit: Vec<_> = found.iter().filter(may_be_asked).copied().collect();
        match found.first() {
            Some(at) if fit.is_empty() => {
                let reason = format!(
                    "{host} is at {}, which is not public; if it may be reached, name it in \
                     network.private",
                    at.ip()
                );
                Err(Error::Other(Box::new(io::Error::other(reason))))
            }
            _ => Ok(fit),
        }
    }
}

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.usual.resolve(uri, config, timeout)?;
        let mut fit = self.empty();
        self.fit(uri.host().unwrap_or_default(), &found)?.into_iter().for_each(|at| fit.push(at));
        Ok(fit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_not_asked() {
        let fit = |private: &[&str], own: Option<&str>, host: &str, address: &str| {
            let resolver = PublicResolver {
                usual: DefaultResolver::default(),
                own: own.map(str::to_owned),
                proxy: None,
                private: private.iter().map(|entry| entry.parse().unwrap()).collect(),
            };
            let fit = resolver.fit(host, &[SocketAddr::new(address.parse().unwrap(), 80)]);
            fit.map(|fit| fit.len()).map_err(|e| e.to_string())
        };
        let refused = fit(&[], None, "10.0.0.1", "10.0.0.1").unwrap_err();
        assert!(refused.contains("network.private"), "{refused}");
        for (host, address) in [
            ("a.example", "169.254.169.254"),
            ("a.example", "127.0.0.1"),
            ("a.example", "::ffff:10.0.0.1"),
            ("[fd00::1]", "fd00::1"),
        ] {
            assert!(fit(&[], None, host, address).is_err(), "{host} at {address}");
        }
        assert_eq!(fit(&["10.0.0.0/8"], None, "a.example", "10.0.0.1"), Ok(1));
        assert_eq!(fit(&["a.example"], None, "a.example", "10.0.0.1"), Ok(1));
        assert_eq!(fit(&[], Some("a.example"), "a.example", "10.0.0.1"), Ok(1));
        assert_eq!(fit(&[], None, "127.0.0.1", "127.0.0.1"), Ok(1));
        assert_eq!(fit(&[], None, "app.localhost", "127.0.0.1"), Ok(1));
        assert_eq!(fit(&[], None, "a.example", "1.1.1.1"), Ok(1));
    }
}
