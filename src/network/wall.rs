//! Keeps the browsers of a render from the network where the job's policy demands it.
//!
//! The better wall is a network namespace: Chrome finds nothing in it but `lo`, on which our own
//! servers listen, and the [`Gate`] where the policy has a list. Where the system allows none,
//! Chrome's flags send all traffic to our gate, forbid UDP past it, and resolve no name; then
//! Chrome itself enforces the rules.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, OnceLock};

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::{Gate, Rules};
use super::{Policy, PrivateHost};
use crate::sys::NetworkNamespace;

/// The name under which pages reach the sockets that take their pictures.
pub(crate) const FRAMES_HOST: &str = "frames.localhost";

/// Which wall there must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum IsolationMode {
    /// A network namespace where the system allows one, else Chrome's own rules.
    #[default]
    Auto,
    /// A network namespace, or no render.
    Required,
    /// Chrome's own rules.
    Off,
}

/// What keeps the browsers of a render from the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Isolation {
    /// Nothing: `network.policy` is `allow`.
    #[default]
    None,
    /// The browser's own rules, and the engine's about each request.
    Rules,
    /// A network of their own, with no way out but by the engine's gate.
    Namespace,
}

/// The wall around the browsers of one render.
#[derive(Debug, Default)]
pub(crate) struct Wall {
    namespace: Option<SharedNamespace>,
    gate: Option<Gate>,
    is_raised: bool,
}

/// A namespace as part of a browser's launch options.
#[derive(Clone, Debug)]
pub(crate) struct SharedNamespace(pub Arc<NetworkNamespace>);

impl PartialEq for SharedNamespace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedNamespace {}

/// The namespace of all renders without a gate, which share their browsers.
static CLOSED: OnceLock<SharedNamespace> = OnceLock::new();

/// Whether there can be a namespace; the error gives the reason why not.
pub(crate) fn can_isolate() -> io::Result<()> {
    closed().map(drop)
}

fn closed() -> io::Result<SharedNamespace> {
    if let Some(namespace) = CLOSED.get() {
        return Ok(namespace.clone());
    }
    let namespace = SharedNamespace(NetworkNamespace::new()?);
    Ok(CLOSED.get_or_init(|| namespace).clone())
}

impl Wall {
    /// Raises the wall for `policy`. `own` is the composition's server, if not ours.
    ///
    /// Fails if there is no namespace where there must be one, or no gate.
    pub(crate) fn raise(
        policy: &Policy,
        mode: IsolationMode,
        own: Option<(String, u16)>,
        private: &[PrivateHost],
    ) -> io::Result<Self> {
        let Policy::Only(hosts) = policy else { return Ok(Self::default()) };
        let is_closed = hosts.is_empty() && own.is_none();
        let namespace = match mode {
            IsolationMode::Off => None,
            _ if is_closed => Some(closed()),
            _ => Some(NetworkNamespace::new().map(SharedNamespace)),
        };
        let namespace = match namespace.transpose() {
            Ok(namespace) => namespace,
            Err(e) if mode == IsolationMode::Required => return Err(e),
            Err(error) => {
                tracing::info!(%error, "no network namespace: the browser's own rules hold");
                None
            }
        };
        let mut wall = Self { namespace, gate: None, is_raised: true };
        // In a closed namespace there is nothing to refuse.
        if !is_closed || wall.namespace.is_none() {
            let rules = Rules { hosts: hosts.clone(), own, private: private.to_vec() };
            wall.gate = Some(Gate::open(wall.listen()?, rules)?);
        }
        Ok(wall)
    }

    /// The namespace in which the browsers are started.
    pub(crate) fn namespace(&self) -> Option<&SharedNamespace> {
        self.namespace.as_ref()
    }

    /// Whether another render can use the browsers.
    pub(crate) const fn is_shared(&self) -> bool {
        self.gate.is_none()
    }

    /// The kind of isolation.
    pub(crate) const fn isolation(&self) -> Isolation {
        match (self.is_raised, &self.namespace) {
            (false, _) => Isolation::None,
            (true, None) => Isolation::Rules,
            (true, Some(_)) => Isolation::Namespace,
        }
    }

    /// A socket on 127.0.0.1 that the browsers can reach.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        match &self.namespace {
            Some(namespace) => namespace.0.listen(),
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
        }
    }

    /// Chrome's flags for the wall; `local` is the host name of the composition's server, if it is
    /// ours.
    pub(crate) fn flags(&self, local: Option<&str>) -> Vec<String> {
        if !self.is_raised {
            return Vec::new();
        }
        let mut flags = vec![
            // No UDP except through a proxy, and our proxies carry none.
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp".into(),
            "--webrtc-ip-handling-policy=disable_non_proxied_udp".into(),
            "--disable-quic".into(),
        ];
        match &self.gate {
            None => flags.push("--no-proxy-server".into()),
            Some(gate) => {
                flags.push(format!("--proxy-server=http://127.0.0.1:{}", gate.port));
                // Loopback goes through the proxy, too, except to our own servers.
                let mut direct = format!("<-loopback>;{FRAMES_HOST}");
                direct.extend(local.into_iter().flat_map(|host| [";", host]));
                flags.push(format!("--proxy-bypass-list={direct}"));
            }
        }
        flags
    }
}
