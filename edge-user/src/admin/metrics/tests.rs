use super::Text;
use crate::datapath::{AddedLatency, Counter, CounterKind};
use crate::runtime::{Quantiles, Status};

#[test]
fn each_family_is_declared_once_before_its_samples() {
    let mut text = Text::default();
    let relayed = Counter { name: "rtp", description: "relayed RTP", kind: CounterKind::Relay, packets: 7 };
    let dropped =
        Counter { name: "no_endpoint", description: "no call", kind: CounterKind::Drop, packets: 3 };
    text.packets(&[relayed, dropped]);
    text.process(&Status {
        sip: [("calls_standing".to_owned(), 2), ("requests".to_owned(), 9)].into(),
        handling_us: Quantiles { p50: 100.0, p99: 200.0, p999: 400.0 },
        records: [("written".to_owned(), 5)].into(),
    });
    insta::assert_snapshot!(text.0, @r#"
    # HELP edge_packets_total Packets by verdict of the XDP program; each has exactly one.
    # TYPE edge_packets_total counter
    edge_packets_total{verdict="relay",reason="rtp"} 7
    edge_packets_total{verdict="drop",reason="no_endpoint"} 3
    # HELP edge_calls_standing As `edge counters` has it.
    # TYPE edge_calls_standing gauge
    edge_calls_standing 2
    # HELP edge_requests_total As `edge counters` has it.
    # TYPE edge_requests_total counter
    edge_requests_total 9
    # HELP edge_handling_seconds From a message's arrival until all that follows from it was sent.
    # TYPE edge_handling_seconds gauge
    edge_handling_seconds{quantile="0.5"} 0.0001
    edge_handling_seconds{quantile="0.99"} 0.0002
    edge_handling_seconds{quantile="0.999"} 0.0004
    # HELP edge_records_total Call records that were written, or lost.
    # TYPE edge_records_total counter
    edge_records_total{outcome="written"} 5
    "#);
}

/// Names of trunks are the operator's, and may hold anything.
#[test]
fn labels_are_escaped() {
    let mut text = Text::default();
    text.sample("edge_trunk_calls", &[("trunk", "the \"old\" one\\\n")], 1);
    assert_eq!(text.0, "edge_trunk_calls{trunk=\"the \\\"old\\\" one\\\\\\n\"} 1\n");
}

#[test]
fn a_bucket_of_a_histogram_has_all_that_is_below_its_end() {
    let mut text = Text::default();
    let buckets = vec![(127, 3), (319, 4), (2_000_000_000, 1)];
    text.latencies(&[AddedLatency { device: "eth0".to_owned(), sum_ns: 2_000_001_500, buckets }]);
    let found: Vec<&str> = text.0.lines().skip(2).collect();
    let line =
        |le: &str, count| format!("edge_added_latency_seconds_bucket{{device=\"eth0\",le=\"{le}\"}} {count}");
    assert_eq!(found[..3], [line("0.000000128", 3), line("0.000000256", 3), line("0.000000512", 7)]);
    assert_eq!(found[23..25], [line("1.073741824", 7), line("+Inf", 8)]);
    assert_eq!(
        found[25..],
        [
            "edge_added_latency_seconds_sum{device=\"eth0\"} 2.0000015",
            "edge_added_latency_seconds_count{device=\"eth0\"} 8"
        ]
    );
}
