//! What the demo measured: as a table, as JSON, and as complaints.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use edge_tests::Leg;
use edge_tests::edge::Counters;
use edge_tests::witness::Account;

use crate::load;
use crate::records::Records;

/// The demo's result; its serialised form is the JSON that the README promises.
#[derive(Serialize)]
pub(crate) struct Figures {
    calls: Calls,
    rtp: Rtp,
    added_latency_us: Latency,
    setup_ms: Setup,
    cdrs: String,
    #[serde(skip)]
    complaints: Vec<String>,
}

#[derive(Serialize)]
struct Calls {
    attempted: u64,
    answered: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Rtp {
    received: u64,
    relayed_xdp: u64,
    relayed_user: u64,
    lost: u64,
    dropped: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
    p999: f64,
}

#[derive(Serialize)]
struct Setup {
    p50: f64,
    p99: f64,
}

impl Figures {
    /// Puts together what SIPp, the witness, the datapath and the CDRs say.
    pub(crate) fn new(
        calls: &load::Calls,
        account: &Account,
        counters: Counters,
        records: Records,
    ) -> Result<Self> {
        let setups = account.setup_ms();
        let microseconds = |quantile| account.latency_ns.value_at_quantile(quantile) as f64 / 1000.0;
        let (received, relayed_xdp) = (account.received(), counters.relayed());
        let mut figures = Self {
            calls: Calls {
                attempted: calls.attempted,
                answered: setups.len() as u64,
                failed: calls.attempted - calls.succeeded,
            },
            rtp: Rtp {
                received,
                relayed_xdp,
                relayed_user: received.saturating_sub(relayed_xdp),
                lost: account.lost(),
                dropped: counters.drop.into_iter().filter(|(_, packets)| *packets > 0).collect(),
            },
            added_latency_us: Latency {
                p50: microseconds(0.5),
                p99: microseconds(0.99),
                p999: microseconds(0.999),
            },
            setup_ms: Setup { p50: quantile(&setups, 0.5), p99: quantile(&setups, 0.99) },
            cdrs: records.path.display().to_string(),
            complaints: account.faults(),
        };
        figures.judge(account);
        figures.judge_records(&records, account);
        Ok(figures)
    }

    /// Everything that makes the demo a failure.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Adds one.
    pub(crate) fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    fn judge(&mut self, account: &Account) {
        let mut demand = |met: bool, otherwise: String| {
            if !met {
                self.complaints.push(otherwise);
            }
        };
        let Rtp { received, relayed_user, .. } = self.rtp;
        demand(self.calls.failed == 0, format!("{} calls failed", self.calls.failed));
        demand(received > 0, "no RTP arrived".to_owned());
        demand(relayed_user == 0, format!("{relayed_user} packets were not relayed in XDP"));
        let shared = account.shared_ports();
        demand(shared.is_empty(), format!("media of two calls met on {shared:?}"));
    }

    /// edge's own account of the calls must be the witness's.
    fn judge_records(&mut self, records: &Records, account: &Account) {
        let written = records.cdrs.len() as u64;
        if written != self.calls.attempted {
            self.complaints.push(format!("{written} CDRs for {} calls", self.calls.attempted));
        }
        let packets: i64 = records.cdrs.iter().flat_map(|cdr| Leg::BOTH.map(|leg| cdr.packets(leg))).sum();
        if u64::try_from(packets) != Ok(account.received()) {
            let received = account.received();
            self.complaints
                .push(format!("the CDRs tell of {packets} RTP packets, the witness of {received}"));
        }
    }

    /// The last line with `--json`.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|error| unreachable!("numbers and strings are always JSON: {error}"))
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let Self { calls, rtp, added_latency_us, setup_ms, cdrs, .. } = self;
        let mut text = String::from("\n");
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<34}{value:>24}");
        };
        row("calls attempted", calls.attempted.to_string());
        row("calls answered", calls.answered.to_string());
        row("calls failed", calls.failed.to_string());
        row("setup time p50 / p99, ms", format!("{:.2} / {:.2}", setup_ms.p50, setup_ms.p99));
        row("RTP packets received", rtp.received.to_string());
        row("  relayed in XDP", rtp.relayed_xdp.to_string());
        row("  relayed in userspace", rtp.relayed_user.to_string());
        row("RTP packets lost", rtp.lost.to_string());
        row("RTP packets dropped", rtp.dropped.values().sum::<u64>().to_string());
        for (reason, packets) in &rtp.dropped {
            row(&format!("  {reason}"), packets.to_string());
        }
        let Latency { p50, p99, p999 } = added_latency_us;
        row("added latency p50 / p99 / p99.9, us", format!("{p50:.1} / {p99:.1} / {p999:.1}"));
        let _ = writeln!(text, "  CDRs  {cdrs}\n");
        text
    }
}

/// The smallest value that at least this part of the values does not exceed; zero of none.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}
