//! Real peers beside SIPp: a proxy, a soft phone and a SIP stack, each as operators have them.
//!
//! A peer that is not installed fails its drill and says which package is missing. Peers that make processes of their
//! own are started in a PID namespace, so that nothing of them outlives the drill.

pub mod asterisk;
pub mod baresip;
pub mod kamailio;
pub mod newer_debian;
pub mod pjsua2;
pub mod registering;
pub mod registrar;

use std::env;
use std::net::{SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use asterisk::{Account, Asterisk, Extension};
pub use baresip::Baresip;
pub use kamailio::{Kamailio, Proxy};
pub use newer_debian::NewerDebian;
pub use pjsua2::{Digit, Pjsua2};
pub use registering::Registering;
pub use registrar::Registrar;

use crate::namespace::Namespace;
use crate::process::{Process, wait_until};
use crate::sipp::{SIP_PORT, TLS_PORT};

/// Enough for a peer to start on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// How SIP travels to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection where both sides show certificates.
    Tls,
}

impl Transport {
    /// Those that every peer speaks.
    pub const PLAIN: [Self; 2] = [Self::Udp, Self::Tcp];

    /// As the transport parameter of a SIP URI has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// Where peers and edge take it.
    pub const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => SIP_PORT,
            Self::Tls => TLS_PORT,
        }
    }
}

/// Where `program` is, which Debian's `package` brings.
pub fn installed(program: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.exists());
    found.with_context(|| format!("{program} is missing: apt-get install {package}, or cargo xtask setup"))
}

/// A command that takes all its processes with it when it is killed.
pub fn contained(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--"]).arg(program);
    command
}

/// Waits until somebody takes connections at `address` in `namespace`.
pub fn wait_until_listening(
    namespace: &Namespace,
    address: SocketAddrV4,
    process: &mut Process,
) -> Result<()> {
    let connects = || TcpStream::connect_timeout(&address.into(), CONNECT_TIMEOUT).is_ok();
    let started = wait_until(START_PATIENCE, || match process.ended() {
        Ok(None) => namespace.run(connects).unwrap_or(false).then_some(true),
        Ok(Some(_)) | Err(_) => Some(false),
    });
    match started {
        Some(true) => Ok(()),
        Some(false) => bail!("it ended at once:\n{}", process.output()),
        None => bail!("nobody listens at {address}:\n{}", process.output()),
    }
}
