//! The sans-IO core of `edge`: everything that decides about a call, and nothing that touches the world.
//!
//! - [`sip`] reads and writes messages, [`sdp`] reads and negotiates sessions;
//! - [`transaction`] and [`dialog`] keep the machines of RFC 3261;
//! - [`policy`] holds what the operator decided, [`resolve`] where the names in it lead, [`media`] what a call needs of the datapath;
//! - [`call`] joins two legs, `relation` is what the edge has with trunks beside calls, and [`edge`] hosts both of one shard.
//!
//! No sockets, no clock, no randomness, no unsafe code: time and a seed are arguments.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod call;
pub mod dialog;
pub mod digest;
pub mod edge;
pub mod media;
pub mod policy;
mod registrar;
mod relation;
pub mod resolve;
pub mod sdp;
pub mod sip;
pub mod transaction;

pub use edge::{Command, Edge, Input};
