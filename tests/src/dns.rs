//! dnsmasq beside edge: the DNS server that a drill decides the answers of.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::lab::Lab;
use crate::peers::{installed, wait_until_listening};
use crate::process::Process;

/// Where it is asked, in the namespace of edge: a loopback address, so that it is nobody's neighbour.
pub const DNS_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

const DNS_PORT: u16 = 53;
/// How long its answers hold: as short as edge takes it.
const TTL_S: u32 = 5;

/// A running dnsmasq, which knows everything below `example` and asks nobody.
#[derive(Debug)]
pub struct DnsServer {
    process: Process,
    hosts: PathBuf,
}

impl DnsServer {
    /// Starts it with records as its options say them (`srv-host=..`, `naptr-record=..`), and the addresses of hosts.
    pub fn start(lab: &Lab, records: &[&str], hosts: &[(&str, Ipv4Addr)]) -> Result<Self> {
        let file = |name| lab.directory().join(format!("dnsmasq.{name}"));
        let (conf, addresses) = (file("conf"), file("hosts"));
        let mut text = format!(
            "keep-in-foreground\nuser=root\nlog-facility=-\nno-resolv\nno-hosts\nlocal=/example/\nlocal-ttl={TTL_S}\n\
             listen-address={DNS_ADDRESS}\nbind-interfaces\nport={DNS_PORT}\npid-file={}\naddn-hosts={}\n",
            file("pid").display(),
            addresses.display()
        );
        for record in records {
            let _ = writeln!(text, "{record}");
        }
        std::fs::write(&conf, text)?;
        std::fs::write(&addresses, lines(hosts))?;
        let mut command = Command::new(installed("dnsmasq", "dnsmasq-base")?);
        command.arg(format!("--conf-file={}", conf.display()));
        let mut process = Process::start(command, lab.edge(), &file("log"))?;
        let address = SocketAddrV4::new(DNS_ADDRESS, DNS_PORT);
        wait_until_listening(lab.edge(), address, &mut process).context("dnsmasq does not start")?;
        Ok(Self { process, hosts: addresses })
    }

    /// From now on hosts have these addresses.
    pub fn move_hosts(&self, hosts: &[(&str, Ipv4Addr)]) -> Result<()> {
        std::fs::write(&self.hosts, lines(hosts))?;
        self.process.signal(libc::SIGHUP)
    }
}

/// As in `/etc/hosts`.
fn lines(hosts: &[(&str, Ipv4Addr)]) -> String {
    hosts.iter().map(|(name, address)| format!("{address} {name}\n")).collect()
}
