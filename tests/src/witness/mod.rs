//! The judge of media: sees what each peer sends and what arrives at it, and trusts nobody's counters.
//!
//! A capture in each peer's namespace records every RTP packet with the kernel's time of departure or arrival.
//! [`Account`] then matches each departure with its arrival on the other side: what is missing is lost, what
//! comes twice is duplicated, and the time between is the latency that edge (with two veth links) adds.

mod account;
mod capture;
mod frame;

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::Result;

pub use account::{Account, Stream};
use capture::{Capture, Running};
pub use frame::hash as audio_hash;

use crate::lab::{Lab, Side};
use crate::raw;

/// Which way a packet crosses the link of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crossing {
    /// From the peer towards edge.
    Departure,
    /// From edge to the peer.
    Arrival,
}

/// An RTP packet on a peer's link.
#[derive(Clone, Debug)]
pub struct RtpSighting {
    /// Kernel time, nanoseconds since the epoch.
    pub at_ns: u64,
    /// Which way.
    pub crossing: Crossing,
    /// Source address.
    pub from: SocketAddr,
    /// Destination address.
    pub to: SocketAddr,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Payload type, without the marker bit.
    pub payload_type: u8,
    /// Differentiated services code point of the IP header.
    pub dscp: u8,
    /// Hash of the payload.
    pub payload: u64,
    /// Whether the IP and the UDP checksum are present and right.
    pub checksums_right: bool,
}

/// A SIP message on a peer's link.
#[derive(Clone, Debug)]
pub struct SipSighting {
    /// Kernel time, nanoseconds since the epoch.
    pub at_ns: u64,
    /// Which way.
    pub crossing: Crossing,
    /// Source address.
    pub from: SocketAddr,
    /// Destination address.
    pub to: SocketAddr,
    /// Differentiated services code point.
    pub dscp: u8,
    /// The whole message.
    pub text: String,
}

/// A TCP segment on a peer's link, from or to a port of SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which way.
    pub crossing: Crossing,
    /// Source address.
    pub from: SocketAddr,
    /// Destination address.
    pub to: SocketAddr,
    /// Differentiated services code point.
    pub dscp: u8,
}

impl SipSighting {
    /// The value of the first header of this (full) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        raw::header(&self.text, name)
    }

    /// The first line.
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Whether this is a request of `method`.
    pub fn is_request(&self, method: &str) -> bool {
        self.start_line().strip_prefix(method).is_some_and(|rest| rest.starts_with(" sip:"))
    }

    /// Whether this is a response with `code` to a request of `method`.
    pub fn is_response(&self, code: u16, method: &str) -> bool {
        raw::is_response(&self.text, code, method)
    }
}

/// Everything that crossed the link of one peer.
#[derive(Debug, Default)]
pub struct Record {
    /// RTP packets in the order of the link.
    pub rtp: Vec<RtpSighting>,
    /// SIP messages in the order of the link.
    pub sip: Vec<SipSighting>,
    /// TCP segments of signalling in the order of the link.
    pub segments: Vec<Segment>,
}

/// RTP packets seen so far, for showing progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Left a peer.
    pub departed: u64,
    /// Arrived at a peer.
    pub arrived: u64,
}

/// Watches both peers of a lab.
#[derive(Debug)]
pub struct Witness {
    carrier: Running,
    pbx: Running,
}

/// Longer than a packet is under way on a machine that does nothing else.
const SETTLE_TIME: Duration = Duration::from_millis(300);
/// How often more packets are waited for, so that the last ones are seen.
const SETTLE_LOOKS: u32 = 10;

impl Witness {
    /// Starts both captures; packets from now on are seen.
    pub fn start(lab: &Lab) -> Result<Self> {
        let start = |side| Capture::open(lab.peer(side)).and_then(Capture::start);
        Ok(Self { carrier: start(Side::Carrier)?, pbx: start(Side::Pbx)? })
    }

    /// RTP packets seen until now.
    pub fn progress(&self) -> Progress {
        let (carrier, pbx) = (self.carrier.progress(), self.pbx.progress());
        Progress { departed: carrier.departed + pbx.departed, arrived: carrier.arrived + pbx.arrived }
    }

    /// Stops and settles the account; fails when a capture itself has missed a packet.
    pub fn finish(self) -> Result<Account> {
        for _ in 0..SETTLE_LOOKS {
            let before = self.progress();
            thread::sleep(SETTLE_TIME);
            if self.progress() == before {
                break;
            }
        }
        Ok(Account::settle(self.carrier.stop()?, self.pbx.stop()?))
    }
}
