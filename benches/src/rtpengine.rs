//! rtpengine without its kernel module, between the peers of a lab.

use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result};
use edge_tests::peers::{contained, installed, wait_until_listening};
use edge_tests::process::Process;
use edge_tests::{Lab, Side};

/// Where it is asked for relays, in the middle namespace.
pub(crate) const CONTROL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2223);
/// Where its command line connects to.
const COMMANDS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2224);

/// Starts it.
pub(crate) fn start(lab: &Lab) -> Result<Process> {
    let mut command = contained(&installed("rtpengine", "rtpengine-daemon")?);
    for side in Side::BOTH {
        command.arg(format!("--interface={}/{}", side.edge_device(), side.edge_address()));
    }
    command.args(["--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=4"]);
    command.args([format!("--listen-ng={CONTROL}"), format!("--listen-cli={COMMANDS}")]);
    command.args(["--port-min=10000", "--port-max=31999"]);
    let mut process = Process::start(command, lab.edge(), &lab.directory().join("rtpengine"))?;
    wait_until_listening(lab.edge(), COMMANDS, &mut process).context("rtpengine does not start")?;
    Ok(process)
}
