//! The lab: edge between a carrier and a PBX, on one machine, with real SIP peers and real RTP.
//!
//! ```text
//!   namespace carrier              namespace edge                  namespace pbx
//!   SIPp  203.0.113.10/24   ---   203.0.113.1/24  device outside
//!   (eth0)                 veth   10.0.0.1/24     device inside   ---   10.0.0.20/24  SIPp
//!                                  edge run                      veth   (eth0)
//!      witness                                                            witness
//! ```
//!
//! A drill over IPv6 gives every device a second address: 2001:db8::/64 outside, fd00::/64 inside.
//!
//! [`Lab`] makes the namespaces and removes every trace of them, [`Sipp`] places and answers calls, [`EdgeProcess`]
//! is the program under test, and [`Witness`] is the only judge of media: it watches both peers' links and
//! matches every RTP packet that left one peer with its arrival at the other.
//!
//! Everything needs root; tests that use it are `#[ignore]`d and run by `cargo xtask test`.
#![expect(clippy::disallowed_methods, reason = "the lab lives in real time")]

mod cable;
pub mod certificates;
pub mod dns;
pub mod drill;
pub mod edge;
pub mod exchange;
pub mod flood;
pub mod frames;
pub mod lab;
pub mod live;
pub mod namespace;
pub mod network;
mod packet;
pub mod peers;
pub mod place;
pub mod process;
pub mod raw;
pub mod sipp;
pub mod sprayer;
pub mod stream;
pub mod sweep;
pub mod tone;
pub mod traffic;
pub mod vlan;
pub mod witness;

pub use edge::{Cdr, EdgeConfig, EdgeProcess, Leg};
pub use lab::{Lab, Side};
pub use raw::RawPeer;
pub use sipp::{Scenario, Sipp};
pub use sprayer::Sprayer;
pub use witness::Witness;
