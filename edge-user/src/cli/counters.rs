//! `edge counters`: packets by verdict, from the pinned maps, and what the process published last.

use std::io::Write;

use clap::Args;

use super::{ConfigPath, Outcome};
use crate::admin::{Counted, Latency};
use crate::datapath::{AddedLatency, Counter, CounterKind, read_counters, read_latencies};
use crate::runtime::{Status, read_status};

pub(super) const EXAMPLES: &str = "\
Packets are counted in the kernel since the maps were made, each under exactly one name. They can be read while no \
edge runs, as long as the maps are pinned (or, of a userspace relay, left in node.run_dir). What the process counts is there while it runs.

Examples:
  edge counters
  edge counters --all                         also what is zero
  edge counters --json | jq .drop";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
    /// Print also counters that are zero.
    #[arg(long)]
    all: bool,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let config = options.config.load()?;
    let packets = read_counters(&config.xdp.pin_dir, &config.node.name, &config.node.run_dir)?;
    let mut devices: Vec<&str> = Vec::new();
    for realm in &config.policy.realms {
        if !devices.contains(&realm.device.as_str()) {
            devices.push(&realm.device);
        }
    }
    let (pin_dir, node) = (&config.xdp.pin_dir, &config.node);
    let latencies = read_latencies(pin_dir, &node.name, &node.run_dir, devices.into_iter())?;
    let process = read_status(&config.node.run_dir)?;
    if options.json {
        serde_json::to_writer(&mut *out, &Counted::of(&packets, latencies, process))?;
        writeln!(out)?;
    } else {
        print(out, &packets, process.as_ref(), options.all)?;
        print_latencies(out, latencies)?;
    }
    Ok(Outcome::Good)
}

fn print_latencies(out: &mut impl Write, latencies: Vec<AddedLatency>) -> std::io::Result<()> {
    for (device, latency) in Latency::by_device(latencies) {
        let us = |part| latency.quantile_us(part).unwrap_or_default();
        writeln!(
            out,
            "ADDED LATENCY, packets that came by {device}: p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us (of {} measured, one of each 64)",
            us(0.5),
            us(0.99),
            us(0.999),
            latency.packets()
        )?;
    }
    Ok(())
}

fn of_kind(packets: &[Counter], kind: CounterKind) -> impl Iterator<Item = &Counter> {
    packets.iter().filter(move |counter| counter.kind == kind)
}

pub(super) fn print(
    out: &mut impl Write,
    packets: &[Counter],
    process: Option<&Status>,
    all: bool,
) -> std::io::Result<()> {
    let kinds = [
        ("RELAYED", CounterKind::Relay),
        ("DROPPED", CounterKind::Drop),
        ("PASSED TO THE HOST", CounterKind::Pass),
        ("NOT TOLD TO THE PROCESS", CounterKind::Lost),
        ("FOR SIP, PASSED BY THE SHIELD", CounterKind::ShieldPass),
        ("FOR SIP, DROPPED BY THE SHIELD", CounterKind::ShieldDrop),
        ("FOR SIP, SPARED BY A SHADOW OF THE SHIELD", CounterKind::ShieldSpare),
    ];
    for (title, kind) in kinds {
        let total: u64 = of_kind(packets, kind).map(|counter| counter.packets).sum();
        if kind == CounterKind::Lost && total == 0 && !all {
            continue;
        }
        let what = if kind == CounterKind::Lost { "digits" } else { "packets" };
        writeln!(out, "{title}: {total} {what}")?;
        for Counter { name, description, packets, .. } in
            of_kind(packets, kind).filter(|at| all || at.packets > 0)
        {
            writeln!(out, "  {packets:>12}  {name:<24} {description}")?;
        }
    }
    let Some(Status { sip, handling_us, records }) = process else {
        return writeln!(out, "PROCESS: none runs");
    };
    writeln!(out, "PROCESS")?;
    for (name, value) in sip.iter().chain(records).filter(|(_, value)| all || **value > 0) {
        writeln!(out, "  {value:>12}  {name}")?;
    }
    let (p50, p99, p999) = (handling_us.p50, handling_us.p99, handling_us.p999);
    writeln!(out, "  handling of a message: p50 {p50:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us")
}
