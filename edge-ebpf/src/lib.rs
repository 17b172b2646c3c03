//! The kernel side of `edge`: what the maps hold, and the decision that every media packet gets.
//!
//! - [`forward`] is that decision: a pure function of one [`frame`] and the [`tables`], ending in one [`verdict`];
//! - [`shield`](mod@shield) is the one about what is for SIP;
//! - [`payload`] is the rest of it, for the few packets whose payload changes;
//! - [`steady`] makes one RTP stream of what several sources send;
//! - [`vlan`] reads a frame with a tag as one without, and puts one on;
//! - [`abi`] is the layout of the maps, shared with the process that fills them;
//! - [`wire`] holds the header formats, [`stats`] the sequence and jitter arithmetic of RFC 3550, [`budget`] how many
//!   packets may come;
//! - `testing` (feature) holds a packet builder, tables in memory and the table of cases for every host;
//! - `traffic` (feature) is what the generator and the sink of the media bench agree on.
//!
//! Hosts of [`forward::forward`] and [`shield::shield`]: the XDP programs in `main.rs`, the tests, the bench.
//!
//! Invariants: no unsafe code, no allocation, no loop without a small constant bound, and no knowledge of SIP.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(any(test, feature = "testing"))]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod abi;
pub mod budget;
pub mod forward;
pub mod frame;
pub mod payload;
pub mod reports;
pub mod shield;
pub mod stats;
pub mod steady;
pub mod tables;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(any(test, feature = "testing", feature = "program"))]
pub mod traffic;
pub mod verdict;
pub mod vlan;
pub mod wire;
