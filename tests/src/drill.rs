//! The usual course of a drill: a lab, edge in it, and calls between two scenarios.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::edge::{EdgeConfig, EdgeProcess};
use crate::lab::{Lab, Side};
use crate::process::wait_until;
use crate::sipp::{RunningSipp, Scenario, Sipp};

/// Enough for the longest call of the drills and SIP's own timers.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Runs `drill` against edge in a lab of its own. A drill may take edge down itself.
pub fn with_edge(config: EdgeConfig, drill: impl FnOnce(&Lab, EdgeProcess<'_>) -> Result<()>) -> Result<()> {
    Lab::drill(|lab| {
        if config.wants_ipv6() {
            lab.add_ipv6()?;
        }
        drill(lab, EdgeProcess::start(lab, &config)?)
    })
}

/// Says that a drill cannot be had on this machine. It is written past the runner, which keeps what tests print to itself when they
/// pass; `cargo xtask test` tells it again at its end, and `cargo xtask kernels` takes it for a failure.
pub fn not_proven(why: &str) -> Result<()> {
    writeln!(std::io::stdout(), "\nNOT PROVEN HERE: {why}")?;
    Ok(())
}

/// Waits until no device of edge's has an XDP program: the kernel lets go of a link some time after its last handle was closed.
pub fn wait_until_detached(lab: &Lab) -> Result<()> {
    let links = || lab.edge().command("ip", &["link"]);
    let detached = wait_until(PATIENCE, || links().ok().filter(|links| !links.contains("xdp")));
    detached.map(drop).with_context(|| format!("a program is left: {:?}", links()))
}

/// The number that a peer dials to reach the other one.
pub const fn number(from: Side) -> &'static str {
    match from {
        Side::Carrier => "+442071838750",
        Side::Pbx => "+33142685300",
    }
}

/// A caller of `side` with the number of the other side.
pub fn caller(side: Side, scenario: Scenario) -> Sipp {
    Sipp::caller(side, scenario).number(number(side))
}

/// A caller that plain refusal is expected of: its offer is PCMA.
pub fn refused(side: Side, code: u16) -> Sipp {
    offering(side, code, "audio 7000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000")
}

/// A caller that offers `media` (the value of an `m=` line) and expects to be refused with `code`.
pub fn offering(side: Side, code: u16, media: &str, attribute: &str) -> Sipp {
    let sipp = caller(side, crate::scenario!("caller-is-refused"));
    sipp.key("code", &code.to_string()).key("offer", media).key("map", attribute)
}

/// Starts who is called on the other side, then who calls from `from`, with the same number of calls and seconds.
pub fn start(lab: &Lab, caller: Sipp, called: Sipp) -> Result<Pair> {
    let called = called.start(lab)?;
    Ok(Pair { caller: caller.start(lab)?, called })
}

/// Both ends of the calls of a drill.
#[derive(Debug)]
pub struct Pair {
    /// Who calls.
    pub caller: RunningSipp,
    /// Who is called.
    pub called: RunningSipp,
}

impl Pair {
    /// Waits until both have played all their calls, each as its scenario wants.
    pub fn succeed(self) -> Result<()> {
        self.caller.wait_for_success(PATIENCE)?;
        self.called.wait_for_success(PATIENCE)?;
        Ok(())
    }
}
