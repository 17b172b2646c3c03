//! The judge must notice: loss, duplicates, reordering, damage, two streams on one port.

use std::net::{Ipv4Addr, SocketAddr};

use super::Account;
use crate::lab::Side;
use crate::witness::{Crossing, Record, RtpSighting};

fn packet(crossing: Crossing, sequence: u16, at_ns: u64) -> RtpSighting {
    let edge = match crossing {
        Crossing::Departure => Side::Carrier.edge_address(),
        Crossing::Arrival => Side::Pbx.edge_address(),
    };
    let (from, to) = match crossing {
        Crossing::Departure => (Side::Carrier.peer_address(), edge),
        Crossing::Arrival => (edge, Side::Pbx.peer_address()),
    };
    let address = |address: Ipv4Addr| SocketAddr::new(address.into(), 20_000);
    RtpSighting {
        at_ns,
        crossing,
        from: address(from),
        to: address(to),
        ssrc: 1,
        sequence,
        timestamp: u32::from(sequence) * 160,
        payload_type: 8,
        dscp: 0,
        payload: u64::from(sequence),
        checksums_right: true,
    }
}

fn settle(departures: &[u16], arrivals: &[RtpSighting]) -> Account {
    let sent = departures.iter().map(|sequence| packet(Crossing::Departure, *sequence, 1_000)).collect();
    let carrier = Record { rtp: sent, ..Record::default() };
    Account::settle(carrier, Record { rtp: arrivals.to_vec(), ..Record::default() })
}

fn arrivals(sequences: &[u16]) -> Vec<RtpSighting> {
    sequences.iter().map(|sequence| packet(Crossing::Arrival, *sequence, 31_000)).collect()
}

#[test]
fn a_clean_stream_has_no_faults_and_a_latency() {
    let account = settle(&[65_534, 65_535, 0, 1], &arrivals(&[65_534, 65_535, 0, 1]));
    assert_eq!(account.faults(), [""; 0]);
    assert_eq!((account.sent(), account.received(), account.lost()), (4, 4, 0));
    assert_eq!(account.latency_ns.len(), 4);
    assert!((29_900..30_100).contains(&account.latency_ns.value_at_quantile(0.5)));
}

#[test]
fn loss_duplicates_and_reordering_are_told_apart() {
    let account = settle(&[1, 2, 3, 4], &arrivals(&[1, 3, 2, 2]));
    assert_eq!(account.faults(), ["1 packets lost", "1 packets duplicated", "1 packets reordered"]);
}

#[test]
fn damage_is_noticed() {
    let mut arrived = arrivals(&[1, 2]);
    arrived[0].payload ^= 1;
    arrived[1].checksums_right = false;
    let account = settle(&[1, 2], &arrived);
    let expected =
        ["1 packets lost", "1 packets arrived that nobody had sent", "1 packets with a wrong checksum"];
    assert_eq!(account.faults(), expected);
}

#[test]
fn a_stream_that_strays_and_a_shared_port_are_noticed() {
    let mut arrived = arrivals(&[1, 2]);
    arrived[1].to.set_port(30_000);
    let account = settle(&[1, 2], &arrived);
    assert_eq!(account.faults(), ["1 streams arrived on more than one path"]);
    assert_eq!(account.shared_ports(), [arrived[0].from]);
}
