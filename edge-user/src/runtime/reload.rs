//! Reading the configuration again while calls run.
//!
//! Trunks, routes, timers and the files of TLS may change. What the process was built around at its start may not: such a file is
//! refused whole, with the name of what would have to be restarted.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use edge_core::policy::Policy;

use super::clock;
use crate::config::{Changes, Config};
use crate::host;
use crate::logins::Logins;
use crate::tls::Keyring;

/// A file that can be in force from now on.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Its policy, with the usage that the one before has counted.
    pub(super) policy: Arc<Policy>,
    /// Its certificates.
    pub(super) keyring: Keyring,
    /// The file as it was read.
    pub(super) text: Arc<str>,
    /// What it says that the one in force did not.
    pub(super) changes: Changes,
}

/// Changes that one line of the log tells.
const SAID_MAX: usize = 20;

impl Loaded {
    /// What changes, in a line.
    pub(super) fn said(&self) -> String {
        let said = self.changes.listed.iter().take(SAID_MAX).map(ToString::to_string);
        let more = self.changes.count.saturating_sub(SAID_MAX);
        let more = (more > 0).then(|| format!("and {more} more"));
        said.chain(more).collect::<Vec<_>>().join("; ")
    }
}

/// What `file` says, in the place of `in_force`, the text of which `running` came.
///
/// # Errors
/// When the file is wrong, does not fit the host, or wants what only a restart can give; nothing has changed then.
pub(super) fn load(file: &Path, config: &Config, in_force: &str, running: &Policy) -> anyhow::Result<Loaded> {
    let mut fresh = Config::load(file)?;
    let problems = host::check(&fresh)?;
    if let Some(problem) = problems.first() {
        bail!("{problem}");
    }
    let policy = &fresh.policy;
    let fixed = [
        ("[[realm]]", policy.realms == running.realms),
        ("[timers] port_rest", policy.timers.port_rest == running.timers.port_rest),
        ("[node]", fresh.node == config.node && fresh.shards == config.shards && fresh.drain == config.drain),
        ("[log]", fresh.log == config.log),
        ("[admin]", fresh.admin == config.admin),
        ("[xdp]", fresh.xdp == config.xdp),
        ("[cdr]", fresh.cdr == config.cdr),
        ("[dns]", fresh.dns == config.dns),
    ];
    let changed: Vec<&str> = fixed.iter().filter(|(_, same)| !same).map(|(section, _)| *section).collect();
    if !changed.is_empty() {
        bail!("{} changed: restart edge for that, or put it back", changed.join(", "));
    }
    let keyring = keyring(&fresh)?;
    log_in(&mut fresh)?;
    if let Some(policy) = Arc::get_mut(&mut fresh.policy) {
        policy.take_over(running);
    }
    let changes = Changes::between(in_force, &fresh.text);
    Ok(Loaded { policy: fresh.policy, keyring, text: fresh.text, changes })
}

/// Gives the trunks of a configuration their passwords, as they are now.
///
/// # Errors
/// When one cannot be read; all of them are named in the log.
pub(super) fn log_in(config: &mut Config) -> anyhow::Result<()> {
    match Logins::load(config) {
        Ok((logins, warnings)) => {
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            // Nobody else has it before the edge runs.
            if let Some(policy) = Arc::get_mut(&mut config.policy) {
                logins.give_to(policy);
            }
            Ok(())
        }
        Err(problems) => {
            problems.iter().for_each(|problem| tracing::error!("{problem}"));
            bail!("passwords cannot be read ({} problems, see above)", problems.len())
        }
    }
}

/// The certificates that a configuration names, as its files hold them now.
///
/// # Errors
/// When a file cannot be used; all of them are named in the log.
pub(super) fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    match Keyring::load(config, clock::today()) {
        Ok((keyring, warnings)) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            Ok(keyring)
        }
        Err(problems) => {
            for problem in &problems {
                tracing::error!("{problem}");
            }
            bail!("the files of TLS cannot be used ({} problems, see above)", problems.len())
        }
    }
}
