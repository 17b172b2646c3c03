//! `edge check`: a configuration in sentences, and whether this host could run it.

use std::io::Write;

use clap::Args;

use super::{ConfigPath, Outcome};
use crate::admin::InForce;
use crate::check::Sheet;
use crate::config::Changes;
use crate::host;
use crate::logins::Logins;
use crate::runtime::clock;
use crate::tls::Keyring;

pub(super) const EXAMPLES: &str = "\
Every key of the file is either done or refused; none is ignored. When the file is wrong, each thing that is wrong \
is printed with its line and what to write instead, and the exit status is 1.

What this host lacks for a file that is right (devices, addresses, port ranges, certificates and their keys) is printed at the end and does not \
change the exit status, so that a file can be checked on another machine. `edge run` refuses to start then.

Examples:
  edge check --config edge.toml
  edge check --config new.toml --against-running      what it would change of the edge that runs by it
  edge check --config edge.toml --no-host     in a build pipeline, on a machine that is not the edge";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
    /// Do not look at this host: its devices, addresses, port ranges and certificates.
    #[arg(long)]
    no_host: bool,
    /// Say what the file would change of the edge that runs.
    #[arg(long)]
    against_running: bool,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let config = options.config.load()?;
    write!(out, "{}", Sheet(&config))?;
    if options.against_running {
        let InForce { toml } = options.config.running().get("/v1/config")?;
        write!(out, "\nAGAINST THE RUNNING EDGE\n{}", Changes::between(&toml, &config.text))?;
    }
    if options.no_host {
        return Ok(Outcome::Good);
    }
    let mut problems: Vec<String> = host::check(&config)?.iter().map(ToString::to_string).collect();
    let mut warnings = Vec::new();
    match Keyring::load(&config, clock::today()) {
        Ok((_keyring, found)) => warnings = found,
        Err(found) => problems.extend(found.iter().map(ToString::to_string)),
    }
    let mut open = Vec::new();
    match Logins::load(&config) {
        Ok((_logins, found)) => open = found,
        Err(found) => problems.extend(found.iter().map(ToString::to_string)),
    }
    if !problems.is_empty() {
        writeln!(out, "\nTHIS HOST: `edge run` would refuse to start here")?;
    }
    for problem in problems {
        writeln!(out, "  - {problem}")?;
    }
    if !warnings.is_empty() {
        writeln!(out, "\nCERTIFICATES that need a look")?;
    }
    for warning in warnings {
        writeln!(out, "  - {warning}")?;
    }
    if !open.is_empty() {
        writeln!(out, "\nPASSWORDS that are open to others")?;
    }
    for warning in open {
        writeln!(out, "  - {warning}")?;
    }
    Ok(Outcome::Good)
}
