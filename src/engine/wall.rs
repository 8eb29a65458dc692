//! From a job's network policy to the wall between its pages and the network.

use std::io;

use crate::error::{Error, Result};
use crate::job::{Entry, IsolationMode, Job};
use crate::network::{Policy, Wall, authority};

/// Raises the wall that the job asks for.
pub(super) fn raise(job: &Job, entry: &Entry, policy: &Policy) -> Result<Wall> {
    let own = match entry {
        Entry::Url(url) => authority(url),
        Entry::File { .. } => None,
    };
    Wall::raise(policy, job.network.isolation, own, &job.private_hosts()).map_err(|source| {
        if job.network.isolation == IsolationMode::Required {
            Error::NoIsolation(source)
        } else {
            Error::System { doing: "cannot open the gate to the network", source }
        }
    })
}

/// The error for a server that gets no socket.
pub(super) fn no_server(source: io::Error) -> Error {
    Error::System { doing: "cannot start the file server", source }
}
