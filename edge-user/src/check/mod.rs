//! What a configuration will do, in sentences: the answer of `edge check`.
//!
//! Everything is read from the same [`Config`] that `edge run` works with, so the sentences cannot tell of
//! another one. [`Sheet`] writes them; [`notes`] finds what is allowed but hardly meant.

mod advertise;
mod direct;
mod dtmf;
mod login;
mod notes;
mod numbers;
mod presentation;
mod routes;
mod shield;
mod silence;
mod tones;
mod trunk;

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use edge_core::policy::{Listener, Realm, Strangers};

use crate::config::{AdminConfig, ClosedPorts, Config, RealmTls, XdpConfig, XdpMode};

pub use notes::notes;
pub(crate) use routes::{Open, leads_on};

/// A configuration, written out.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a>(pub &'a Config);

impl Display for Sheet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(config) = self;
        node(f, config)?;
        f.write_str("\nREALMS\n")?;
        let mut realms = config.policy.realms.iter().zip(&config.tls.realms);
        realms.try_for_each(|(at, tls)| {
            realm(f, at, tls.as_ref())?;
            direct::of_realm(f, &config.policy, at)
        })?;
        f.write_str("\nTRUNKS\n")?;
        config.policy.trunks.iter().try_for_each(|at| trunk::write(f, config, at))?;
        routes::write(f, &config.policy)?;
        let notes = notes(config);
        if !notes.is_empty() {
            f.write_str("\nNOTES\n")?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "  - {note}"))
    }
}

fn node(f: &mut Formatter<'_>, config: &Config) -> fmt::Result {
    let Config { policy, node, log: _, admin, xdp, cdr, tls: _, logins: _, shards, drain, dns, text: _ } =
        config;
    writeln!(f, "NODE {}", node.name)?;
    row(f, "signalling", format_args!("{}", counted(*shards, "shard")))?;
    let mode = match xdp.mode {
        XdpMode::Auto => "XDP in the driver, else generic, else in userspace",
        XdpMode::Native => "XDP in the driver, or no start",
        XdpMode::Generic => "generic XDP",
        XdpMode::Off => "in userspace: a tenth of the speed, no SIP shield, and media ends with the process",
    };
    row(
        f,
        "media",
        format_args!("{mode}; tables for {} calls (flows_max = {})", xdp.flows_max / 2, xdp.flows_max),
    )?;
    row(f, "closed ports", format_args!("{}", closed_ports(xdp)))?;
    let strangers = match policy.strangers {
        Strangers::Silent => "hear nothing, and are counted",
        Strangers::Forbid => "hear 403 Forbidden, and are counted",
    };
    row(f, "strangers", format_args!("{strangers}"))?;
    row(f, "shield", format_args!("{}", shield::words(&policy.shield)))?;
    row(f, "no answer", format_args!("408 after {}", Span(policy.timers.answer_max)))?;
    if !policy.questions().is_empty() {
        row(
            f,
            "silence",
            format_args!("after {} of it the next address of a name is tried", Span(policy.timers.try_next)),
        )?;
    }
    row(f, "longest call", format_args!("hung up after {}", Span(policy.timers.call_max)))?;
    row(f, "media ports", format_args!("rest {} after a call", Span(policy.timers.port_rest)))?;
    if !policy.questions().is_empty() {
        let servers = match dns.servers.as_slice() {
            [] => "the servers of /etc/resolv.conf".to_owned(),
            servers => listed(servers.iter().map(ToString::to_string)),
        };
        row(f, "names", format_args!("from DNS, by {servers}"))?;
    }
    row(f, "call records", format_args!("JSON lines in {}", cdr.path.display()))?;
    let socket = node.run_dir.display();
    match admin {
        AdminConfig { http: None, .. } => row(f, "admin API", format_args!("unix socket in {socket}"))?,
        AdminConfig { http: Some(http), token_file: None } => {
            row(f, "admin API", format_args!("unix socket in {socket}; http://{http} for this host"))?;
        }
        AdminConfig { http: Some(http), token_file: Some(file) } => {
            let file = file.display();
            row(
                f,
                "admin API",
                format_args!("unix socket in {socket}; http://{http} with the token in {file}"),
            )?;
        }
    }
    row(f, "ending", format_args!("running calls get {}", Span(drain.grace)))
}

fn realm(f: &mut Formatter<'_>, at: &Realm, tls: Option<&RealmTls>) -> fmt::Result {
    let Realm { name, device, sip, media, reaches: _, advertised: _ } = at;
    writeln!(f, "  {name}, on {device}")?;
    row(
        f,
        "SIP",
        format_args!(
            "{}",
            listed(sip.iter().map(|Listener { transport, address }| format!("{transport} {address}")))
        ),
    )?;
    if let Some(RealmTls { certificate, private_key, client_ca: _ }) = tls {
        let (certificate, key) = (certificate.display(), private_key.display());
        row(f, "TLS", format_args!("1.2 and 1.3, with certificate {certificate} and key {key}"))?;
    }
    for range in media {
        let ports = range.ports;
        let calls = counted(usize::from(range.ports.pairs()), "call leg");
        row(f, "media", format_args!("{} ports {ports}: {calls}", range.address))?;
    }
    advertise::rows(f, at)
}

/// What becomes of packets to media ports without a call.
const fn closed_ports(xdp: &XdpConfig) -> &'static str {
    match (xdp.closed_ports, xdp.mode) {
        (ClosedPorts::Drop, XdpMode::Auto | XdpMode::Native | XdpMode::Generic) => "silent",
        (ClosedPorts::Icmp, XdpMode::Auto | XdpMode::Native | XdpMode::Generic) => {
            "the host answers with ICMP, but for those that rest"
        }
        (ClosedPorts::Drop, XdpMode::Off) => {
            "the host answers with ICMP: only XDP could drop what comes there"
        }
        (ClosedPorts::Icmp, XdpMode::Off) => "the host answers with ICMP",
    }
}

fn row(f: &mut Formatter<'_>, what: &str, does: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "    {what:<16} {does}")
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A duration, as an operator writes it.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (seconds, 0) if seconds > 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            (seconds, 0) => write!(f, "{seconds}s"),
            _ => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}
