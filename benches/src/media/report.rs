//! What a run found: medians for people, everything for machines.

use std::fmt;
use std::path::PathBuf;

use edge_ebpf::traffic::Count;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::measure::Alone;
use super::programs::Runs;
use super::trial::{Outcome, OwnCost};
use super::{Figures, Kind, LOADS, Plan};
use crate::histogram::micros;
use crate::processor::Cores;
use crate::search::Tried;
use crate::tell::{median, shown};

/// What a run found.
#[derive(Debug)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) cores: Cores,
    pub(super) groups: Vec<Group>,
    /// Where histograms and pictures are.
    pub(super) files: PathBuf,
}

/// All relays at one number of calls.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) calls: u32,
    /// Generator and sink without a relay, a value a round.
    pub(super) alone: Vec<Alone>,
    pub(super) rows: Vec<Row>,
}

/// One relay, figures for each round, or what it would take to have them.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) figures: Vec<Figures>,
    pub(super) gap: Option<String>,
}

/// What edge is to reach, beside whom.
const AIMS: [(Kind, f64); 3] = [(Kind::Redirect, 0.85), (Kind::Nftables, 2.5), (Kind::Rtpengine, 12.0)];
/// The 99th percentile of edge's latency at half load is to be below this many microseconds.
const P99_AIM_US: f64 = 10.0;
/// Functions of a profile that are told to people.
const FUNCTIONS: usize = 12;
/// The place of half load among the loads.
const HALF: usize = 1;

impl Group {
    pub(super) fn new(calls: u32, kinds: &[Kind]) -> Self {
        let row = |kind: &Kind| Row { kind: *kind, figures: Vec::new(), gap: None };
        Self { calls, alone: Vec::new(), rows: kinds.iter().map(row).collect() }
    }

    fn row(&self, kind: Kind) -> Option<&Row> {
        self.rows.iter().find(|row| row.kind == kind)
    }

    fn own(&self) -> OwnCost {
        self.alone.last().map(|alone| alone.cost).unwrap_or_default()
    }

    /// How many times the rate of `kind` edge reaches, both with the bound on latency.
    fn ratio(&self, kind: Kind) -> Option<f64> {
        Some(
            self.row(Kind::Edge)?.rate(|figures| &figures.in_time)?
                / self.row(kind)?.rate(|figures| &figures.in_time)?,
        )
    }
}

impl Row {
    fn rate(&self, of: impl Fn(&Figures) -> &Option<Outcome>) -> Option<f64> {
        median(self.figures.iter().filter_map(|figures| Some(of(figures).as_ref()?.rate() as f64)))
    }

    /// Nanoseconds of processor a packet, at the highest rate.
    fn cpu_ns(&self, own: &OwnCost) -> Option<f64> {
        let best = self.figures.iter().filter_map(|figures| figures.in_time.as_ref());
        let best = best.filter(|outcome| !outcome.is_disturbed);
        median(best.map(|outcome| self.kind.cpu_ns(outcome, own)))
    }

    /// Latencies of all rounds at one of the loads; none when each was disturbed.
    pub(super) fn latency(&self, load: usize) -> Option<Histogram<u64>> {
        let at_load = self.figures.iter().filter_map(|figures| figures.at_loads.get(load));
        let mut all = at_load.filter(|outcome| !outcome.is_disturbed).map(|outcome| &outcome.latency);
        let mut sum = all.next()?.clone();
        for more in all {
            // Both have the same bounds.
            let _ = sum.add(more);
        }
        Some(sum)
    }

    fn percentiles(&self, load: usize) -> Option<[f64; 3]> {
        let latency = self.latency(load)?;
        Some([0.5, 0.99, 0.999].map(|quantile| micros(latency.value_at_quantile(quantile))))
    }

    fn sum(&self, of: impl Fn(&Figures) -> u64) -> u64 {
        self.figures.iter().map(of).sum()
    }

    fn json(&self, own: &OwnCost) -> Value {
        let outcome = |outcome: &Outcome| outcome.json(self.kind.cpu_ns(outcome, own));
        let figures = |figures: &Figures| {
            json!({
                "highest": figures.highest.as_ref().map(outcome),
                "highest_with_p99": figures.in_time.as_ref().map(outcome),
                "at_10_50_90_percent": figures.at_loads.iter().map(outcome).collect::<Vec<_>>(),
                "programs": figures.programs.iter().map(Runs::json).collect::<Vec<_>>(),
                "functions": figures.functions,
                "dropped": figures.dropped,
                "disturbed": figures.disturbed,
            })
        };
        let rounds: Vec<Value> = self.figures.iter().map(figures).collect();
        json!({ "relay": self.kind.name(), "rounds": rounds, "gap": self.gap })
    }
}

impl Kind {
    /// Nanoseconds of processor a packet.
    fn cpu_ns(self, outcome: &Outcome, own: &OwnCost) -> f64 {
        if self.is_process() { outcome.process_ns() } else { outcome.kernel_ns(own) }
    }
}

impl Outcome {
    fn json(&self, cpu_ns: f64) -> Value {
        let us = |quantile| micros(self.latency.value_at_quantile(quantile));
        json!({
            "packets_a_second": self.rate(), "made": self.made, "received": self.count(Count::Received),
            "duplicates": self.count(Count::Duplicate), "late": self.count(Count::Late),
            "misrouted": self.count(Count::Misrouted), "unknown": self.count(Count::Unknown),
            "refused_by_relay": self.refused.0, "refused_by_sink": self.refused.1,
            "cpu_ns": cpu_ns, "p50_us": us(0.5), "p99_us": us(0.99), "p999_us": us(0.999),
            "is_disturbed": self.is_disturbed,
        })
    }
}

impl Runs {
    fn json(&self) -> Value {
        json!({ "name": self.name, "runs": self.count, "ns": self.ns })
    }
}

impl Report {
    /// Every value of every round.
    #[must_use]
    pub fn json(&self) -> Value {
        let group = |group: &Group| {
            let (own, alone) = (group.own(), group.alone.iter().map(Alone::json).collect::<Vec<_>>());
            let rows: Vec<Value> = group.rows.iter().map(|row| row.json(&own)).collect();
            json!({ "calls": group.calls, "alone": alone, "relays": rows })
        };
        let groups: Vec<Value> = self.groups.iter().map(group).collect();
        json!({ "bench": "media", "trial_ms": self.plan.trial.as_millis() as u64, "groups": groups })
    }
}

impl Alone {
    fn json(&self) -> Value {
        json!({
            "packets_a_second": self.busiest.delivered(), "ns_a_packet": self.cost.packet_ns,
            "ns_an_idle_frame": self.cost.idle_ns, "at_a_million": self.million.json(self.cost.packet_ns), "is_disturbed": self.is_disturbed,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, cores, groups, files } = self;
        let (ms, rounds) = (plan.trial.as_millis(), plan.rounds);
        writeln!(
            f,
            "\nG.711 at 20 ms, both directions, frames of 214 octets; trials of {ms} ms; medians of {rounds} rounds"
        )?;
        writeln!(
            f,
            "core {}: generator, sink and between them what the kernel does for a packet; core {}: the process of a relay that is one, the \
             network stack before it, and the sink behind it",
            cores.generator, cores.subject
        )?;
        writeln!(
            f,
            "CPU: at the highest rate, of the relay alone, softirqs in it: what the generator's thread ran for without what it and the sink \
             take where there is no relay; of a process what it ran for. Latency: from the generator to the sink"
        )?;
        groups.iter().try_for_each(|group| group.tell(f))?;
        writeln!(f, "\nlatencies as HDR histograms, and pictures: {}", files.display())
    }
}

impl Group {
    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.own();
        writeln!(f, "\n{} calls, {} streams", self.calls, self.calls * 2)?;
        if let Some(alone) = self.alone.last() {
            let us = |quantile| micros(alone.million.latency.value_at_quantile(quantile));
            writeln!(
                f,
                "  without a relay: {:.0} packets/s, {:.0} ns a packet at both ends, which the CPU column leaves out; at 1 M/s p50 {:.1} \
                 p99 {:.1} p99.9 {:.1} us",
                alone.busiest.delivered(),
                own.packet_ns,
                us(0.5),
                us(0.99),
                us(0.999)
            )?;
            if alone.is_disturbed {
                writeln!(f, "    disturbed to the last: CPU ns of relays in the kernel are not exact")?;
            }
        }
        writeln!(
            f,
            "  {:<22}{:>12}{:>12}{:>9}   {:<24}{:<24}{:<24}{:>9}",
            "packets a second",
            "loss<=0.1%",
            "p99<=20ms",
            "CPU ns",
            "us at 10 %: 50/99/99.9",
            "at 50 %",
            "at 90 %",
            "edge is"
        )?;
        self.rows.iter().try_for_each(|row| self.tell_row(f, row, &own))?;
        self.tell_aims(f)?;
        self.tell_programs(f)
    }

    fn tell_row(&self, f: &mut fmt::Formatter<'_>, row: &Row, own: &OwnCost) -> fmt::Result {
        let name = row.kind.name();
        if let Some(gap) = &row.gap {
            return writeln!(f, "  {name:<22}not measured: {gap}");
        }
        let rates = [row.rate(|figures| &figures.highest), row.rate(|figures| &figures.in_time)];
        let [highest, in_time] = rates.map(|rate| shown(rate, 0));
        write!(f, "  {name:<22}{highest:>12}{in_time:>12}{:>9}   ", shown(row.cpu_ns(own), 0))?;
        for load in 0..LOADS.len() {
            let told = row.percentiles(load).map_or_else(
                || "-".to_owned(),
                |[p50, p99, p999]| format!("{p50:.1} / {p99:.1} / {p999:.1}"),
            );
            write!(f, "{told:<24}")?;
        }
        let ratio = self.ratio(row.kind).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
        writeln!(f, "{ratio:>9}")?;
        let (dropped, disturbed) = (row.sum(|of| of.dropped.into()), row.sum(|of| of.disturbed.into()));
        if dropped + disturbed > 0 {
            writeln!(
                f,
                "    {dropped} parts of trials dropped and made again, because the hypervisor or somebody else had the core; {disturbed} trials disturbed \
                 to the last"
            )?;
        }
        let best = row.figures.iter().filter_map(|figures| figures.highest.as_ref());
        if best.clone().any(Outcome::is_sink_short) {
            writeln!(
                f,
                "    the sink's ring was full at the highest rate: the figure is the sink's, not the relay's"
            )?;
        }
        let sum = |what| best.clone().map(|outcome| outcome.count(what)).sum::<u64>();
        let (twice, wrong) = (sum(Count::Duplicate), sum(Count::Misrouted) + sum(Count::Unknown));
        if twice + wrong > 0 {
            writeln!(f, "    {twice} duplicates and {wrong} packets on a wrong way at the highest rate")?;
        }
        Ok(())
    }

    fn tell_aims(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, aim) in AIMS {
            if let Some(ratio) = self.ratio(kind) {
                let verdict = if ratio >= aim { "reached" } else { "missed" };
                writeln!(f, "  aim: {aim} times {}: {ratio:.2}, {verdict}", kind.name())?;
            }
        }
        if let Some([_, p99, _]) = self.row(Kind::Edge).and_then(|row| row.percentiles(HALF)) {
            let verdict = if p99 < P99_AIM_US { "reached" } else { "missed" };
            writeln!(f, "  aim: p99 below {P99_AIM_US} us at half load: {p99:.1} us, {verdict}")?;
        }
        Ok(())
    }

    /// Where the time goes, of edge and of the limit.
    fn tell_programs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let Some(figures) = row.figures.last() else { continue };
            let told: Vec<String> =
                figures.programs.iter().map(|runs| format!("{} {:.0} ns", runs.name, runs.ns)).collect();
            if !told.is_empty() {
                writeln!(f, "  XDP programs a run at half load, {}: {}", row.kind.name(), told.join(", "))?;
            }
            let shares = figures.functions.iter().take(FUNCTIONS);
            let told: Vec<String> =
                shares.map(|(function, percent)| format!("{function} {percent:.0} %")).collect();
            if row.kind == Kind::Edge && !told.is_empty() {
                writeln!(f, "  the core at the highest rate, {}: {}", row.kind.name(), told.join(", "))?;
            }
        }
        Ok(())
    }
}
