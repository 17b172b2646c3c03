//! `cargo xtask bench`: measurements, each a binary of `edge-benches`.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::{build, setup, shell, workspace};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Nanoseconds a packet under BPF_PROG_TEST_RUN, beside the cost of a bare XDP_TX program
    Datapath(Options),
    /// CPU milliseconds a call and the highest rate of calls, beside Kamailio, rtpengine and Asterisk
    Sip(SipOptions),
    /// Packets a second, processor time and latency of media, beside the bare XDP redirect, nftables, a recvmmsg relay and rtpengine
    Media(MediaOptions),
    /// Calls a second and set-up time under a flood of strangers, with the shield and without
    Shield(SipOptions),
    /// Microseconds a SIP message, beside the rsip crate
    Wire(Options),
    /// Nanoseconds a look-up among 200,000 routes, beside a BTreeMap and a scan, and what a file of them takes to load
    Routes(Options),
}

#[derive(Args)]
pub(crate) struct Options {
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct SipOptions {
    /// Rounds over all that is measured; medians are reported
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of calls in each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Print every value as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct MediaOptions {
    /// Rounds over all that is measured; medians are reported
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Numbers of calls that stand at once, as 100,1000,10000
    #[arg(long)]
    flows: Option<String>,
    /// Relays beside edge and the limit, by the beginnings of their names, as nftables,rtpengine; all by default
    #[arg(long)]
    peers: Option<String>,
    /// Milliseconds of packets in each trial; 1,000 by default
    #[arg(long)]
    trial_ms: Option<u64>,
    /// Short trials, 100 and 1,000 calls: to see that it works, not to measure (three minutes instead of eleven)
    #[arg(long)]
    quick: bool,
    /// Print every value as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

/// What the benches measure edge with, beside what the lab has anyway.
const SIP_PACKAGES: &[&str] = &["rtpengine-daemon"];
const MEDIA_PACKAGES: &[&str] = &["rtpengine-daemon", "nftables"];

pub(crate) fn run(bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Datapath(options) => {
            if !setup::is_root() {
                bail!("the bench loads an XDP program; run it as root");
            }
            setup::ensure()?;
            build::ebpf()?;
            measure("datapath", options.json, &[])
        }
        Bench::Sip(options) => sip("sip", SIP_PACKAGES, options),
        Bench::Shield(options) => sip("shield", &[], options),
        Bench::Media(options) => media(options),
        Bench::Wire(options) => measure("wire", options.json, &[]),
        Bench::Routes(options) => measure("routes", options.json, &[]),
    }
}

/// Calls through edge in namespaces. Asterisk takes part when `cargo xtask interop` has fetched it.
fn sip(
    binary: &str,
    packages: &'static [&'static str],
    SipOptions { rounds, seconds, json }: &SipOptions,
) -> Result<ExitCode> {
    prepare(packages)?;
    let arguments = ["--rounds".to_owned(), rounds.to_string(), "--seconds".to_owned(), seconds.to_string()];
    measure(binary, *json, &arguments)
}

/// Packets through edge, and through others, in namespaces.
fn media(MediaOptions { rounds, flows, peers, trial_ms, quick, json }: &MediaOptions) -> Result<ExitCode> {
    prepare(MEDIA_PACKAGES)?;
    let mut arguments = vec!["--rounds".to_owned(), rounds.to_string()];
    let trial_ms = trial_ms.map(|ms| ms.to_string());
    for (option, value) in [("--flows", flows), ("--peers", peers), ("--trial-ms", &trial_ms)] {
        arguments.extend(value.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }
    arguments.extend(quick.then(|| "--quick".to_owned()));
    measure("media", *json, &arguments)
}

/// What a bench in namespaces needs.
fn prepare(packages: &[&'static str]) -> Result<()> {
    if !setup::is_root() {
        bail!("the bench makes network namespaces and loads an XDP program; run it as root");
    }
    setup::ensure()?;
    setup::ensure_packages(packages)?;
    build::ebpf()?;
    build::edge()
}

fn measure(binary: &str, json: bool, arguments: &[String]) -> Result<ExitCode> {
    shell::step("build: the bench");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package", "edge-benches", "--bin", binary]);
    shell::run(cargo.current_dir(workspace::root()))?;
    let mut bench = Command::new(workspace::target().join("release").join(binary));
    bench.args(arguments);
    if json {
        bench.arg("--json");
    }
    let status = shell::status(&mut bench)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
