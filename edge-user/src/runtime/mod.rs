//! The running process: sockets, shards, the datapath, call records and signals.
//!
//! Data flows one way: receivers (a thread a socket) -> shards (a thread each, hosting the pure core) -> sockets,
//! datapath and the record writer. Connections have a thread of their own ([`stream`]), which is receiver and socket
//! for all of them. tokio's loop stands beside that path and does what is slow or rare: signals,
//! reloading, refreshing next hops, publishing counters.
//!
//! Invariant: a process that was told to end ends: the first SIGTERM drains, and a second one does not wait.

mod adoption;
pub mod background;
pub mod clock;
mod control;
mod digits;
mod listener;
mod listening;
mod marking;
pub mod memory;
mod node;
mod process;
mod quality;
mod reload;
mod resolver;
mod shard;
mod signals;
mod status;
mod stream;
mod tapping;
mod tones;
mod trunk_test;
mod udp;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use edge_core::digest::NonceKey;

use crate::config::Config;
use crate::host;

use process::Process;
use shard::Farewell;
use signals::Signals;

pub use control::{CALLS_MAX, CallFilter, Control, NoAnswer, ShownCall};
pub use node::Node;
pub use quality::{Observed, Quality, TrunkQuality, Way};
pub use resolver::Looked;
pub use status::{Quantiles, Status, read_status};
pub use stream::{Inspected, Shaken};
pub use tapping::HeldTap;
pub use trunk_test::{Findings, Names, NoTest};

/// Runs the edge until it is told to end. `attended` gets a handle on it once it is ready; what it starts on tokio's loop
/// ends with the process.
///
/// # Errors
/// Whatever keeps it from starting, with what to do about it.
pub fn run(
    mut config: Config,
    file: &Path,
    attended: impl FnOnce(Control) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    refuse_wrong_host(&config)?;
    let keyring = Arc::new(reload::keyring(&config)?);
    reload::log_in(&mut config)?;
    if let Some(policy) = Arc::get_mut(&mut config.policy) {
        policy.sign_with(NonceKey::new(seed()?));
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Before anything is started: a signal that arrives now must find its handler.
        let signals = Signals::new()?;
        let (resolver, config) = resolver::first_answers(config).await?;
        let (orders, given) = control::orders();
        let process = Process::start(config, resolver, keyring, orders.clone())?;
        let control = Control::new(
            process.shards.clone().into(),
            Arc::clone(&process.reception),
            Arc::clone(&process.node),
            process.config.dns.servers.clone().into(),
            orders,
        );
        if let Err(error) = attended(control) {
            // Calls that it goes on with are not to be hung up for that.
            process.end(Farewell::Leave)?;
            return Err(error);
        }
        process.announce();
        background::stand_back();
        process.attend(signals, given, file).await
    })
}

fn refuse_wrong_host(config: &Config) -> anyhow::Result<()> {
    let problems = host::check(config)?;
    for problem in &problems {
        tracing::error!("{problem}");
    }
    if !problems.is_empty() {
        bail!("this host does not fit the configuration ({} problems, see above)", problems.len());
    }
    Ok(())
}

/// Randomness for tags, branches, session ids and nonces.
fn seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut seed))
        .context("/dev/urandom")?;
    Ok(seed)
}
