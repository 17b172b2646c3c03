//! What a call costs edge that stands: memory.

use std::fs;

use anyhow::{Context, Result};
use edge_tests::exchange::Exchange;
use edge_tests::lab::Side;
use edge_tests::{EdgeConfig, EdgeProcess, Lab};

/// Media addresses of each side beside the first: an address has ports for ten thousand calls.
const MORE_ADDRESSES: u8 = 5;
/// Media is described and never sent, so all calls may have it at the same place.
const ANY_PORT: u16 = 20_000;

/// Calls that stood, and what they took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) calls: u32,
    /// Of the process, in kB, before the first one.
    pub(super) empty_kb: u64,
    /// Memory of its own, in kB, that it has more since then.
    pub(super) more_kb: u64,
}

impl Standing {
    /// Kilobytes a call.
    pub(super) fn a_call_kb(&self) -> f64 {
        self.more_kb as f64 / f64::from(self.calls)
    }
}

/// Has so many calls stand in an edge of their own, and looks at its memory.
pub(super) fn measure(calls: u32) -> Result<Standing> {
    let lab = Lab::new()?;
    let mut config = EdgeConfig::default().shards(1).media_ports("10000-31999").toml(&lab);
    for side in Side::BOTH {
        let first = side.edge_address();
        let mut addresses = vec![format!("\"{first}\"")];
        for number in 0..MORE_ADDRESSES {
            let [a, b, c, _] = first.octets();
            let more = format!("{a}.{b}.{c}.{}", 100 + number);
            lab.edge().ip(&["address", "add", &format!("{more}/24"), "dev", side.edge_device()])?;
            addresses.push(format!("\"{more}\""));
        }
        let (one, all) = (format!("media = [\"{first}\"]"), format!("media = [{}]", addresses.join(", ")));
        config = config.replace(&one, &all);
    }
    config = config.replace("flows_max = 65536", "flows_max = 131072");
    fs::write(lab.directory().join("edge.toml"), config)?;
    let edge = EdgeProcess::start_again(&lab)?;
    let empty_kb = own_kb(edge.id())?;
    let standing = Exchange::begin(&lab, calls, |_| Ok(ANY_PORT))?.stand();
    standing.with_context(|| format!("edge says:\n{}", edge.log()))?;
    let more_kb = own_kb(edge.id())?.saturating_sub(empty_kb);
    Ok(Standing { calls, empty_kb, more_kb })
}

/// Memory that a process has for itself: what is mapped of files and of the datapath's tables is the kernel's.
fn own_kb(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
