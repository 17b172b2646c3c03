//! Kamailio as the proxy of a peer: edge on one side of it, user agents in the same namespace on the other.
//!
//! What comes from edge goes to the agents, what comes from them goes to edge, and it stays in the way of both by
//! Record-Route.

use std::fmt::Write as _;
use std::net::SocketAddrV4;
use std::process::Command;

use anyhow::{Context, Result};

use super::{NewerDebian, Transport, contained, installed, wait_until_listening};
use crate::certificates::Certificates;
use crate::lab::{Lab, Side};
use crate::process::Process;
use crate::sipp::SIP_PORT;

const CONFIG: &str = include_str!("../../peers/kamailio.cfg");

/// The port of the first agent behind the proxy; further ones follow it.
pub const AGENT_PORT: u16 = 5180;

/// How a proxy is to stand in a lab.
#[derive(Clone, Copy, Debug)]
pub struct Proxy {
    side: Side,
    /// How it speaks with edge.
    pub towards_edge: Transport,
    /// How it speaks with the agents behind it.
    pub towards_agents: Transport,
    agents: u16,
    answers_options: bool,
}

/// It says that it is alive.
const ANSWERS_OPTIONS: &str = "if (is_method(\"OPTIONS\")) { sl_send_reply(\"200\", \"Alive\"); exit; }";

/// Where its packets are dropped while nothing is heard.
const DEAFNESS: &str = "deaf";

impl Proxy {
    /// A proxy on `side`, UDP to both sides of it, with one agent.
    pub const fn of(side: Side) -> Self {
        let (towards_edge, towards_agents) = (Transport::Udp, Transport::Udp);
        Self { side, towards_edge, towards_agents, agents: 1, answers_options: false }
    }

    /// Chooses the transports: where they differ, the proxy records two routes (RFC 5658).
    pub const fn over(self, towards_edge: Transport, towards_agents: Transport) -> Self {
        Self { towards_edge, towards_agents, ..self }
    }

    /// Calls from edge ring at so many agents at once.
    pub const fn forks_to(self, agents: u16) -> Self {
        Self { agents, ..self }
    }

    /// It answers OPTIONS itself.
    pub const fn answers_options(self) -> Self {
        Self { answers_options: true, ..self }
    }

    fn config(&self, lab: &Lab) -> String {
        let mut forks = String::new();
        for agent in 1..self.agents {
            let port = AGENT_PORT + agent;
            let _ =
                writeln!(forks, "append_branch(\"sip:agent@[address]:{port};transport=[towards_agents]\");");
        }
        let (certificates, name) = (Certificates::of(lab), self.side.name());
        let [certificate, key] = certificates.of_holder(name).map(|file| file.display().to_string());
        let secure = self.towards_edge == Transport::Tls;
        [
            ("options", if self.answers_options { ANSWERS_OPTIONS } else { "" }),
            ("features", if secure { "#!define WITH_TLS" } else { "" }),
            ("certificate", &certificate),
            ("key", &key),
            ("authority", &certificates.authority().display().to_string()),
            ("edge_port", &self.towards_edge.port().to_string()),
            ("forks", forks.as_str()),
            ("address", &self.side.peer_address().to_string()),
            ("port", &SIP_PORT.to_string()),
            ("agent", &AGENT_PORT.to_string()),
            ("edge", &self.side.edge_address().to_string()),
            ("towards_edge", self.towards_edge.name()),
            ("towards_agents", self.towards_agents.name()),
        ]
        .iter()
        .fold(CONFIG.to_owned(), |text, (key, value)| text.replace(&format!("[{key}]"), value))
    }
}

/// A running proxy; it and its processes are killed when this is dropped.
#[derive(Debug)]
pub struct Kamailio {
    process: Process,
    address: SocketAddrV4,
}

impl Kamailio {
    /// Starts it and waits until it takes connections.
    pub fn start(lab: &Lab, proxy: &Proxy) -> Result<Self> {
        Self::start_with(lab, proxy.side, &proxy.config(lab))
    }

    /// Starts it on `side` with a configuration of one's own.
    pub fn start_with(lab: &Lab, side: Side, config: &str) -> Result<Self> {
        Self::run(lab, side, config, contained(&installed("kamailio", "kamailio")?))
    }

    /// Starts the one of a newer Debian.
    pub fn start_newer(lab: &Lab, proxy: &Proxy, debian: &NewerDebian) -> Result<Self> {
        Self::run(lab, proxy.side, &proxy.config(lab), debian.command("kamailio", lab.directory()))
    }

    fn run(lab: &Lab, side: Side, config: &str, mut command: Command) -> Result<Self> {
        let directory = lab.directory().join(format!("kamailio-{}", side.name()));
        std::fs::create_dir_all(&directory)?;
        let file = directory.join("kamailio.cfg");
        std::fs::write(&file, config)?;
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-f"]).arg(&file).arg("-Y").arg(&directory);
        let namespace = lab.peer(side);
        let mut process = Process::start(command, namespace, &directory.join("output"))?;
        let address = SocketAddrV4::new(side.peer_address(), SIP_PORT);
        wait_until_listening(namespace, address, &mut process).context("Kamailio does not start")?;
        Ok(Self { process, address })
    }

    /// Nothing of edge's is heard any more, and nobody is told.
    pub fn deafen(&self, lab: &Lab, side: Side) -> Result<()> {
        let (edge, own, port) = (side.edge_address(), self.address.ip(), self.address.port());
        let rules = format!(
            "add table ip {DEAFNESS}; \
             add chain ip {DEAFNESS} in {{ type filter hook input priority 0; }}; \
             add rule ip {DEAFNESS} in ip saddr {edge} ip daddr {own} udp dport {port} drop"
        );
        lab.peer(side).command("nft", &[&rules]).map(drop)
    }

    /// It hears again.
    pub fn listen_again(&self, lab: &Lab, side: Side) -> Result<()> {
        lab.peer(side).command("nft", &[&format!("delete table ip {DEAFNESS}")]).map(drop)
    }

    /// Where it takes requests.
    pub const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// What it has complained of.
    pub fn log(&self) -> String {
        self.process.output()
    }
}
