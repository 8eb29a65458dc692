//! The work folder: what is finished of a render, on its way to the outputs.
//!
//! | file | content |
//! |---|---|
//! | `plan.json` | what is rendered ([`Manifest`]): the job, what it was resolved to, and on what |
//! | `chunks/00007.json` | that segment 7 is finished ([`Record`]): what it was made from and what it is made of |
//! | `chunks/00007.*` | its parts: packets of an output, or frames |
//! | `lock` | held by whoever works in the folder: one render, or any number of chunks |
//!
//! Parts are written under another name, synced and renamed, and the record after them: a segment is
//! finished when it has a record, whatever was killed. Names of parts hold their digest, so that two
//! attempts at one segment do not mix. Nothing is ever changed in place.

mod digest;
mod folder;
mod manifest;
mod part;
mod status;

pub(crate) use self::digest::{of_bytes, of_file, of_picture};
pub(crate) use self::folder::{Claim, WorkFolder};
pub(crate) use self::manifest::{Canary, Input, Manifest, Misfit};
pub(crate) use self::part::{Part, PartKind, PartWriter, Record};
pub use self::status::{ChunkStatus, WorkStatus};
