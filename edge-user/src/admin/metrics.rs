//! What is counted, in the text format of Prometheus (version 0.0.4).
//!
//! Invariant: a label has values that the operator has chosen (trunks, devices) or that the code has (reasons), never
//! what came from the network: the number of series is bounded.

mod histograms;

use std::fmt::Write;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use edge_core::policy::Policy;

use crate::datapath::{Counter, CounterKind};
use crate::runtime::{Control, Node, Status};

/// What goes up and down; every other value of [`Status::sip`] only goes up.
const GAUGES: [&str; 6] = [
    "calls_standing",
    "calls_one_way",
    "calls_dead",
    "transactions_open",
    "media_ports_free",
    "connections_open",
];

/// Everything that is counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(control): State<Control>) -> Response {
    let node = control.node();
    let mut text = Text::default();
    text.node(node);
    match node.packets() {
        Ok(packets) => text.packets(&packets),
        Err(error) => tracing::warn!("packet counters cannot be read: {error}"),
    }
    match node.latencies() {
        Ok(latencies) => text.latencies(&latencies),
        Err(error) => tracing::warn!("added latencies cannot be read: {error}"),
    }
    text.process(&node.status());
    let policy = control.policy();
    text.trunks(&policy, node.since_epoch());
    text.quality(&policy, &node.quality);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text.0).into_response()
}

/// The document as it grows.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn node(&mut self, node: &Node) {
        self.family("edge_build_info", "gauge", "Version that runs.");
        self.sample("edge_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.family(
            "edge_draining",
            "gauge",
            "1 while no new calls are taken, because the process is to end.",
        );
        self.sample("edge_draining", &[], u8::from(node.draining()));
        self.family("edge_xdp_attached", "gauge", "Devices with the XDP program, and how it is attached.");
        for device in &node.devices {
            let mode = device.mode.to_string();
            self.sample("edge_xdp_attached", &[("device", &device.device), ("mode", &mode)], 1);
        }
    }

    fn packets(&mut self, packets: &[Counter]) {
        let name = "edge_packets_total";
        self.family(name, "counter", "Packets by verdict of the XDP program; each has exactly one.");
        for Counter { name: reason, kind, packets, .. } in packets {
            let verdict = match kind {
                CounterKind::Pass => "pass",
                CounterKind::Drop => "drop",
                CounterKind::Relay => "relay",
                CounterKind::Lost => continue,
                CounterKind::ShieldPass => "shield_pass",
                CounterKind::ShieldDrop => "shield_drop",
                CounterKind::ShieldSpare => "shield_spare",
            };
            self.sample(name, &[("verdict", verdict), ("reason", reason)], packets);
        }
        for Counter { name, description, packets, .. } in
            packets.iter().filter(|of| of.kind == CounterKind::Lost)
        {
            let name = format!("edge_{name}_untold_total");
            self.family(&name, "counter", description);
            self.sample(&name, &[], packets);
        }
    }

    fn process(&mut self, Status { sip, handling_us, records }: &Status) {
        for (what, value) in sip {
            let (name, kind) = if GAUGES.contains(&what.as_str()) {
                (format!("edge_{what}"), "gauge")
            } else {
                (format!("edge_{what}_total"), "counter")
            };
            self.family(&name, kind, "As `edge counters` has it.");
            self.sample(&name, &[], value);
        }
        let name = "edge_handling_seconds";
        self.family(name, "gauge", "From a message's arrival until all that follows from it was sent.");
        for (quantile, us) in
            [("0.5", handling_us.p50), ("0.99", handling_us.p99), ("0.999", handling_us.p999)]
        {
            self.sample(name, &[("quantile", quantile)], us / 1e6);
        }
        self.family("edge_records_total", "counter", "Call records that were written, or lost.");
        for (outcome, value) in records {
            self.sample("edge_records_total", &[("outcome", outcome)], value);
        }
    }

    fn trunks(&mut self, policy: &Policy, since_epoch: Duration) {
        self.family("edge_trunk_calls", "gauge", "Calls that stand on a trunk.");
        for trunk in &policy.trunks {
            self.sample("edge_trunk_calls", &[("trunk", &trunk.name)], trunk.usage.calls());
        }
        self.family(
            "edge_trunk_calls_max",
            "gauge",
            "Most calls that a trunk may have; absent without a bound.",
        );
        for trunk in &policy.trunks {
            if let Some(most) = trunk.limits.calls_max {
                self.sample("edge_trunk_calls_max", &[("trunk", &trunk.name)], most);
            }
        }
        self.trunk_states(policy, since_epoch);
    }

    fn trunk_states(&mut self, policy: &Policy, since_epoch: Duration) {
        let name = "edge_trunk_state";
        self.family(name, "gauge", "1 for the state that a trunk is in, as `edge trunk list` has it.");
        for trunk in &policy.trunks {
            self.sample(name, &[("trunk", &trunk.name), ("state", trunk.status(since_epoch))], 1);
        }
        let name = "edge_trunk_bindings";
        self.family(name, "gauge", "Places where a trunk is that registers with us.");
        for trunk in policy.registered_trunks() {
            let standing = trunk.visitor.bindings.at(since_epoch).len();
            self.sample(name, &[("trunk", &trunk.name)], standing);
        }
        let name = "edge_trunk_breaker_opened_total";
        self.family(name, "counter", "Times that a trunk's breaker has opened.");
        for trunk in &policy.trunks {
            self.sample(name, &[("trunk", &trunk.name)], trunk.state.breaker_opened());
        }
        let name = "edge_trunk_refused_total";
        self.family(name, "counter", "Calls that a trunk could not have, by reason.");
        for trunk in &policy.trunks {
            for (reason, count) in trunk.state.refused() {
                self.sample(name, &[("trunk", &trunk.name), ("reason", reason)], count);
            }
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A String takes everything.
        let _written = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let opening = if index == 0 { '{' } else { ',' };
            let _written = write!(self.0, "{opening}{label}=\"{}\"", escaped(text));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        let _written = writeln!(self.0, "{closing} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
