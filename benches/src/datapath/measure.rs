//! Interleaved rounds, so that drift of the machine meets every program alike.

use anyhow::Result;

use super::object::{Program, Programs};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds; the report gives medians over them.
    pub rounds: u32,
    /// Packets of each program in each round.
    pub packets: u32,
}

/// Numbers of flows that are measured.
const FLOWS: [u32; 4] = [1, 1_000, 100_000, 1_000_000];

/// One program over one number of flows.
pub(super) struct Sample {
    pub(super) program: Program,
    pub(super) flows: u32,
    /// Median nanoseconds per packet.
    pub(super) ns: u32,
}

pub(super) fn measure(programs: &mut Programs, plan: &Plan) -> Result<Vec<Sample>> {
    let points: Vec<(u32, Program)> =
        FLOWS.into_iter().flat_map(|flows| Program::ALL.map(|program| (flows, program))).collect();
    let mut times = vec![Vec::new(); points.len()];
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for ((flows, program), times) in points.iter().zip(&mut times) {
            times.push(programs.run(*program, *flows, plan.packets)?);
        }
    }
    let samples = points.into_iter().zip(times);
    Ok(samples.map(|((flows, program), times)| Sample { program, flows, ns: median(times) }).collect())
}

fn median(mut times: Vec<u32>) -> u32 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}
