//! `cargo xtask demo`: calls with real RTP through edge, judged by a witness that trusts none of edge's counters.
//!
//! Exit status is non-zero when a call failed, a packet was lost or not relayed in XDP, edge's own CDRs disagree
//! with what the witness saw, or anything of the demo is left on the machine.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the demo talks to its terminal")]
#![expect(clippy::disallowed_methods, reason = "the demo shows elapsed time")]

mod figures;
mod load;
mod records;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use edge_tests::{EdgeConfig, EdgeProcess, Lab, Witness, edge, sweep};
use figures::Figures;
use load::Load;

#[derive(Parser)]
#[command(name = "demo", about = "Calls with real RTP from carrier to PBX and back, through edge")]
struct Options {
    /// Calls to place, half inbound and half outbound
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// Calls a second, both directions together
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Seconds of RTP in each call
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = demonstrate(&options);
    let leftovers = sweep::leftovers();
    for leftover in &leftovers {
        eprintln!("left behind: {leftover}");
    }
    match outcome {
        Ok(figures) => {
            print!("{}", figures.table());
            for complaint in figures.complaints() {
                println!("FAILED: {complaint}");
            }
            if options.json {
                println!("{}", figures.json());
            }
            let good = figures.complaints().is_empty() && leftovers.is_empty();
            if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the whole thing; when it returns, lab, peers and edge are gone.
fn demonstrate(options: &Options) -> Result<Figures> {
    println!("lab: three namespaces, carrier - edge - pbx");
    let mut lab = Lab::new()?;
    let witness = Witness::start(&lab)?;
    println!("edge: starting with XDP in native mode on both links");
    let program = EdgeProcess::start(&lab, &EdgeConfig::default())?;
    let load = Load { calls: options.calls, rate: options.rate, seconds: options.seconds };
    println!(
        "sipp: {} calls at {} a second, {} s of RTP both ways in each",
        load.calls, load.rate, load.seconds
    );
    let calls = load.run(&lab, &witness)?;
    let records = records::collect(&lab, calls.attempted)?;
    let counters = program.counters()?;
    let stopped = program.stop();
    let pins = edge::pins(&lab)?;
    let mut figures = Figures::new(&calls, &witness.finish()?, counters, records)?;
    if let Err(error) = stopped {
        figures.complain(error.to_string());
    }
    if !pins.is_empty() {
        figures.complain(format!("edge has left pins: {pins:?}"));
    }
    if !figures.complaints().is_empty() {
        lab.keep_logs();
        println!("logs are in {}", lab.directory().display());
    }
    Ok(figures)
}
