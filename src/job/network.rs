//! The hosts that the page may reach, and the places of mapped addresses on disk.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::{Entry, Job, JobError, ValueError};
use crate::network::{HostPattern, Map, MapKey, PrivateHost};

/// The hosts that the page may load from. Its own is always one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NetworkPolicy {
    /// All hosts.
    #[default]
    Allow,
    /// No other hosts.
    Deny,
    /// These hosts: `fonts.gstatic.com`, `*.example.org` or `localhost:8080`.
    Hosts(Vec<String>),
}

const POLICY: &str = "allow, deny or a list of host names";

impl Job {
    /// Checks the settings as far as possible without the file system.
    pub(super) fn validate_network(&self) -> Result<(), JobError> {
        for key in self.network.map.keys() {
            map_key(key)?;
        }
        for (i, entry) in self.network.private.iter().enumerate() {
            entry.parse::<PrivateHost>().map_err(|()| JobError::BadValue {
                path: format!("network.private[{i}]"),
                found: format!("{entry:?}"),
                expected: PrivateHost::EXPECTED.into(),
            })?;
        }
        let NetworkPolicy::Hosts(hosts) = &self.network.policy else { return Ok(()) };
        hosts.iter().enumerate().try_for_each(|(i, host)| {
            host.parse::<HostPattern>().map(drop).map_err(|()| JobError::BadValue {
                path: format!("network.policy[{i}]"),
                found: format!("{host:?}"),
                expected: HostPattern::EXPECTED.into(),
            })
        })
    }

    /// The hosts that may have an address that is not public.
    pub(crate) fn private_hosts(&self) -> Vec<PrivateHost> {
        self.network.private.iter().filter_map(|entry| entry.parse().ok()).collect()
    }

    /// Finds the directories and files of `network.map`.
    pub(crate) fn network_map(&self) -> Result<Map, JobError> {
        let own = match self.entry() {
            Ok(Entry::File { root, .. }) => Some(root),
            _ => None,
        };
        let mut map = Map::new(self.network.follow_symlinks, own);
        for (key, target) in &self.network.map {
            let refused = |expected: &str| JobError::BadValue {
                path: map_path(key),
                found: format!("{:?}", target.display().to_string()),
                expected: expected.into(),
            };
            match map.insert(map_key(key)?, target) {
                Ok(true) => {}
                Ok(false) => return Err(refused("a file, because the address has a query")),
                Err(_) => return Err(refused("a directory or a file that exists")),
            }
        }
        Ok(map)
    }
}

impl NetworkPolicy {
    /// The hosts; `None` if all are allowed. Skips entries that are not host names.
    pub(crate) fn hosts(&self) -> Option<Vec<HostPattern>> {
        match self {
            Self::Allow => None,
            Self::Deny => Some(Vec::new()),
            Self::Hosts(hosts) => Some(hosts.iter().filter_map(|h| h.parse().ok()).collect()),
        }
    }
}

fn map_key(key: &str) -> Result<MapKey, JobError> {
    MapKey::parse(key).ok_or_else(|| JobError::BadValue {
        path: map_path(key),
        found: format!("{key:?}"),
        expected: MapKey::EXPECTED.into(),
    })
}

/// The field for one prefix, as errors name it.
fn map_path(key: &str) -> String {
    format!("network.map[{key:?}]")
}

impl FromStr for NetworkPolicy {
    type Err = ValueError;

    /// Reads `allow`, `deny` or host names with commas between them.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        const EXPECTED: &str = "allow, deny or host names such as a.org,*.b.org";
        match text {
            "allow" => return Ok(Self::Allow),
            "deny" => return Ok(Self::Deny),
            _ => {}
        }
        let hosts: Vec<_> = text.split(',').map(|host| host.trim().to_owned()).collect();
        let are_hosts = hosts.iter().all(|host| host.parse::<HostPattern>().is_ok());
        if are_hosts { Ok(Self::Hosts(hosts)) } else { Err(ValueError(EXPECTED)) }
    }
}

impl<'de> Deserialize<'de> for NetworkPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrList;

        impl<'de> Visitor<'de> for WordOrList {
            type Value = NetworkPolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(POLICY)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<NetworkPolicy, E> {
                match text {
                    "allow" => Ok(NetworkPolicy::Allow),
                    "deny" => Ok(NetworkPolicy::Deny),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<NetworkPolicy, A::Error> {
                let mut hosts = Vec::new();
                while let Some(host) = list.next_element()? {
                    hosts.push(host);
                }
                Ok(NetworkPolicy::Hosts(hosts))
            }
        }

        deserializer.deserialize_any(WordOrList)
    }
}

impl Serialize for NetworkPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Allow => serializer.serialize_str("allow"),
            Self::Deny => serializer.serialize_str("deny"),
            Self::Hosts(hosts) => hosts.serialize(serializer),
        }
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for NetworkPolicy {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NetworkPolicy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which hosts the page may load from. Its own is always one of them.",
            "anyOf": [
                { "type": "string", "enum": ["allow", "deny"] },
                {
                    "type": "array",
                    "items": {
                        "type": "string",
                        "minLength": 1,
                        "examples": ["fonts.gstatic.com", "*.example.org", "localhost:8080"],
                    },
                },
            ],
        })
    }
}
