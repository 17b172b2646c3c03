//! Who is measured: what stands between the peers and sends their packets on.

mod edge;
mod nftables;
mod ng;
mod relay;

use std::net::SocketAddrV4;

use anyhow::Result;
use aya::Ebpf;
use edge_tests::exchange::Call;
use edge_tests::peers::installed;
use edge_tests::process::Process;
use edge_tests::traffic::{self, Rewriting, Sink};
use edge_tests::{EdgeProcess, Side};

pub use relay::relay;

use super::ground::Ground;
use crate::processor;

/// The kinds of relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None: what the generator and the sink can do by themselves.
    Nothing,
    /// XDP programs that take every frame to the other device, and nothing else: the limit.
    Redirect,
    /// The product: calls set up over SIP, every counter and the policing on.
    Edge,
    /// The same without XDP: its userspace relay.
    Userspace,
    /// The kernel's network stack, connection tracking, both addresses translated.
    Nftables,
    /// A process with two sockets for each call, `recvmmsg` and `sendmmsg`, and nothing else.
    Relay,
    /// rtpengine without its kernel module.
    Rtpengine,
    /// rtpproxy.
    Rtpproxy,
}

/// Descriptors of a process beside those of calls.
const DESCRIPTORS_BESIDE: u64 = 128;

impl Kind {
    /// All relays.
    const RELAYS: [Self; 7] = [
        Self::Redirect,
        Self::Edge,
        Self::Nftables,
        Self::Userspace,
        Self::Relay,
        Self::Rtpengine,
        Self::Rtpproxy,
    ];

    /// Those whose names begin so; all when nothing is said. Edge and the limit are among them in any case.
    #[must_use]
    pub fn chosen(beginnings: &[String]) -> Vec<Self> {
        let is_chosen = |kind: &Self| {
            let named = || beginnings.iter().any(|beginning| kind.name().starts_with(beginning.as_str()));
            matches!(kind, Self::Redirect | Self::Edge) || beginnings.is_empty() || named()
        };
        Self::RELAYS.into_iter().filter(is_chosen).collect()
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "generator and sink",
            Self::Redirect => "bare XDP redirect",
            Self::Edge => "edge",
            Self::Userspace => "edge without XDP",
            Self::Nftables => "nftables NAT",
            Self::Relay => "recvmmsg relay",
            Self::Rtpengine => "rtpengine, userspace",
            Self::Rtpproxy => "rtpproxy",
        }
    }

    /// The same for names of files.
    pub(super) const fn file_name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Redirect => "redirect",
            Self::Edge => "edge",
            Self::Userspace => "edge-userspace",
            Self::Nftables => "nftables",
            Self::Relay => "recvmmsg",
            Self::Rtpengine => "rtpengine",
            Self::Rtpproxy => "rtpproxy",
        }
    }

    pub(super) const fn rewriting(self) -> Rewriting {
        match self {
            Self::Nothing | Self::Redirect => Rewriting::None,
            Self::Edge
            | Self::Userspace
            | Self::Nftables
            | Self::Relay
            | Self::Rtpengine
            | Self::Rtpproxy => Rewriting::Addresses,
        }
    }

    pub(super) const fn sink(self) -> Sink {
        match self {
            Self::Nothing => Sink::Middle,
            Self::Redirect
            | Self::Edge
            | Self::Userspace
            | Self::Nftables
            | Self::Relay
            | Self::Rtpengine
            | Self::Rtpproxy => Sink::Peers,
        }
    }

    /// Whether it is not the same after more than it can do, so that it is started anew for each trial: some streams of rtpengine
    /// then stay silent for good.
    pub(super) const fn is_spoilt_by_floods(self) -> bool {
        matches!(self, Self::Rtpengine)
    }

    /// Whether packets go through a process.
    pub(super) const fn is_process(self) -> bool {
        matches!(self, Self::Userspace | Self::Relay | Self::Rtpengine | Self::Rtpproxy)
    }

    /// A rate that it surely keeps up with.
    pub(super) const fn first_rate(self) -> u64 {
        match self {
            Self::Nothing | Self::Redirect | Self::Edge => 1_000_000,
            Self::Nftables => 200_000,
            Self::Userspace | Self::Relay | Self::Rtpengine | Self::Rtpproxy => 50_000,
        }
    }

    /// What is missing for so many calls on this machine.
    pub(super) fn missing(self, calls: u32) -> Option<String> {
        let absent = match self {
            Self::Nothing | Self::Redirect | Self::Edge | Self::Userspace | Self::Relay => None,
            Self::Nftables => installed("nft", "nftables").err(),
            Self::Rtpengine => installed("rtpengine", "rtpengine-daemon").err(),
            Self::Rtpproxy => return Some("Debian has no package of it, neither 12 nor testing".to_owned()),
        };
        let needed = u64::from(calls) * self.sockets_a_call() + DESCRIPTORS_BESIDE;
        let limit = processor::descriptors().unwrap_or(0);
        let too_few = || {
            let text = format!("it needs {needed} descriptors, and a process may have {limit} here");
            (self.sockets_a_call() > 0 && needed > limit).then_some(text)
        };
        absent.map(|error| error.to_string()).or_else(too_few)
    }

    /// RTP on both sides, and RTCP where it is relayed.
    const fn sockets_a_call(self) -> u64 {
        match self {
            Self::Nothing | Self::Redirect | Self::Edge | Self::Nftables => 0,
            Self::Relay => 2,
            Self::Userspace | Self::Rtpengine | Self::Rtpproxy => 4,
        }
    }
}

/// A relay at work.
pub(super) struct Relay<'a> {
    pub(super) calls: Vec<Call>,
    running: Running<'a>,
}

enum Running<'a> {
    Kernel,
    Programs(#[expect(dead_code, reason = "its links last as long as it")] Ebpf),
    Edge(EdgeProcess<'a>),
    Process(Process),
}

impl<'a> Relay<'a> {
    /// Starts it with so many calls, on its core.
    pub(super) fn start(kind: Kind, ground: &'a Ground, count: u32) -> Result<Self> {
        let lab = &ground.lab;
        let (running, calls) = match kind {
            Kind::Nothing => (Running::Kernel, at_own_ports(count)?),
            Kind::Redirect => (Running::Programs(traffic::redirect_all(lab)?), at_own_ports(count)?),
            Kind::Edge => {
                let (edge, calls) = edge::start(ground, count, "native")?;
                (Running::Edge(edge), calls)
            }
            Kind::Userspace => {
                let (edge, calls) = edge::start(ground, count, "off")?;
                (Running::Edge(edge), calls)
            }
            Kind::Nftables => {
                nftables::translate(lab)?;
                (Running::Kernel, at_own_ports(count)?)
            }
            Kind::Relay => (Running::Process(relay::start(lab, count)?), at_own_ports(count)?),
            Kind::Rtpengine => {
                let (process, calls) = ng::start(lab, count)?;
                (Running::Process(process), calls)
            }
            Kind::Rtpproxy => anyhow::bail!("rtpproxy is not here"),
        };
        if kind.is_process() {
            ground.stack_beside_process()?;
        }
        let relay = Self { calls, running };
        for process in relay.processes() {
            processor::bind(process, ground.cores.subject)?;
            processor::prefer(process)?;
        }
        Ok(relay)
    }

    /// Processes that packets go through.
    pub(super) fn processes(&self) -> Vec<u32> {
        match &self.running {
            Running::Kernel | Running::Programs(_) => Vec::new(),
            Running::Edge(edge) => vec![edge.id()],
            Running::Process(process) => vec![process.id()],
        }
    }
}

/// Calls at the ports that the peers use, too.
fn at_own_ports(calls: u32) -> Result<Vec<Call>> {
    let at = |side: Side, port| SocketAddrV4::new(side.edge_address(), port);
    let call = |number| {
        let port = traffic::port(number)?;
        Ok(Call { outside: at(Side::Carrier, port), inside: at(Side::Pbx, port) })
    };
    (0..calls).map(call).collect()
}
