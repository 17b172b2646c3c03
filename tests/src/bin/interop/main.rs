//! `cargo xtask interop`: edge with peers that are too heavy for every test run, case by case.
//!
//! Each case has a lab of its own. The table says how each went, and the exit status whether all went well.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command talks to its terminal")]

mod asterisk;
mod others;
mod sipp;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use edge_tests::lab::{Lab, Side};
use edge_tests::peers::registrar::{PASSWORD, write_password};
use edge_tests::peers::{NewerDebian, Transport};
use edge_tests::{EdgeConfig, EdgeProcess, sweep};

/// What a case does.
type Try = fn(&Scene<'_>) -> Result<()>;

/// What a case changes in edge's configuration.
type Configured = fn(EdgeConfig) -> EdgeConfig;

/// Nothing.
const fn plainly(config: EdgeConfig) -> EdgeConfig {
    config
}

/// One thing that is tried with one peer.
struct Case {
    peer: &'static str,
    transport: Transport,
    what: &'static str,
    configured: Configured,
    run: Try,
}

/// Edge in its lab, the folder with the peers, and the transport of the case.
struct Scene<'scene> {
    lab: &'scene Lab,
    edge: &'scene EdgeProcess<'scene>,
    debian: &'scene NewerDebian,
    transport: Transport,
}

impl Case {
    fn run(&self, debian: &NewerDebian) -> Result<()> {
        let transport = self.transport;
        let config = EdgeConfig::default().over(Side::Carrier, transport).over(Side::Pbx, transport);
        let config = (self.configured)(config);
        Lab::drill(|lab| {
            write_password(lab, PASSWORD)?;
            let edge = EdgeProcess::start(lab, &config)?;
            (self.run)(&Scene { lab, edge: &edge, debian, transport })?;
            edge.stop()
        })
    }
}

#[derive(Parser)]
#[command(
    name = "interop",
    about = "Edge with Asterisk 22 as the PBX, Kamailio 6.1 as the carrier's proxy, and SIPp 3.8 over TLS"
)]
struct Options {
    /// Try only what has this in its line of the table
    only: Option<String>,
}

fn main() -> ExitCode {
    match try_all(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every case went well and nothing is left of them.
fn try_all(options: &Options) -> Result<bool> {
    let debian = NewerDebian::installed()?;
    let mut failures = Vec::new();
    println!("  {:<14}{:<6}{:<56}outcome", "peer", "over", "what");
    for case in asterisk::cases().into_iter().chain(others::cases()).chain(sipp::cases()) {
        let line = format!("{:<14}{:<6}{:<56}", case.peer, case.transport.name(), case.what);
        if options.only.as_ref().is_some_and(|only| !line.contains(only)) {
            continue;
        }
        let outcome = case.run(&debian);
        println!("  {line}{}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failures.extend(outcome.err().map(|error| (case, error)));
    }
    for (Case { peer, transport, what, .. }, error) in &failures {
        println!("\n{peer} over {}, {what}: {error:?}", transport.name());
    }
    let leftovers = sweep::leftovers();
    for leftover in &leftovers {
        eprintln!("left behind: {leftover}");
    }
    Ok(failures.is_empty() && leftovers.is_empty())
}
