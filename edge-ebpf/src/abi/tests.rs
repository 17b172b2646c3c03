//! Layout and the protocols of shared memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::vec::Vec;

use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::*;
use crate::stats::{Arrival, Bursts};
use crate::verdict::DropReason;

#[test]
fn addresses_are_mapped_into_ipv6() {
    let mapped = Address::v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7]);
    assert_eq!(Address::v4([192, 0, 2, 7]), mapped);
    assert_eq!(mapped.to_v4(), [192, 0, 2, 7]);
}

#[test]
fn media_ports_share_an_endpoint_in_pairs() {
    let row = MediaAddress {
        ip: Address::v4([10, 0, 0, 1]),
        base: 100,
        first_port: 20000,
        pairs: 2,
        ifindex: 1,
        reserved: 0,
    };
    let endpoints: Vec<Option<u32>> =
        [19999, 20000, 20001, 20002, 20003, 20004].map(|port| row.endpoint(port)).to_vec();
    assert_eq!(endpoints, [None, Some(100), Some(100), Some(101), Some(101), None]);
    let top = MediaAddress { first_port: 65534, pairs: 1, ..row };
    assert_eq!([top.endpoint(65535), top.endpoint(0), top.endpoint(1)], [Some(100), None, None]);
}

#[test]
fn written_endpoints_read_back() {
    let slot = EndpointSlot::default();
    assert_eq!(slot.call(), 0);
    slot.write(&uniform(9));
    assert_eq!(slot.read(), Ok(uniform(9)));
    assert_eq!(slot.call(), 9);
}

#[test]
fn a_writer_that_died_half_way_leaves_the_former_entry_in_force() {
    let mut slot = EndpointSlot::default();
    slot.write(&uniform(9));
    slot.write(&uniform(10));
    slot.as_mut_bytes()[0] |= 1;
    assert_eq!(slot.read(), Ok(uniform(9)));
    slot.write(&uniform(11));
    assert_eq!(slot.read(), Ok(uniform(11)));
}

#[test]
fn readers_never_see_a_mixture() {
    let (slot, done) = (EndpointSlot::default(), AtomicBool::new(false));
    let mut whole = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..400_000).for_each(|number| slot.write(&uniform(number)));
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            if let Ok(endpoint) = slot.read() {
                assert!(endpoint.call == 0 || endpoint == uniform(endpoint.call), "{endpoint:?}");
                whole += 1;
            }
        }
    });
    assert!(whole > 0, "the reader read something");
}

#[test]
fn next_hops_read_back_and_lead_nowhere_once_cleared() {
    let slot = NextHopSlot::default();
    assert_eq!(slot.read().destination, None);
    let hop = NextHop {
        ifindex: 3,
        mtu: 1500,
        device: 2,
        source: [2, 0, 0, 0, 0, 1],
        destination: Some([2, 0, 0, 0, 0, 9]),
    };
    slot.write(&hop);
    assert_eq!(slot.read(), hop);
    slot.clear();
    assert_eq!(slot.read().destination, None);
}

#[test]
fn every_drop_reason_has_a_count_of_its_own() {
    let state = EndpointState::default();
    for (times, reason) in (1..).zip(DropReason::ALL) {
        let offender =
            Offender { address: Address::UNSPECIFIED, port: 9, reason: *reason as u8, payload_type: 0 };
        (0..times).for_each(|_| state.record_drop(&offender));
    }
    for (times, reason) in (1..).zip(DropReason::ALL) {
        assert_eq!(state.drops(*reason), times, "{reason:?}");
    }
}

#[test]
fn another_source_is_another_run_and_no_loss() {
    let state = counts(&[(1, 10), (1, 12), (2, 40000), (2, 40001), (1, 13)]);
    let lost = state.quality().lost;
    assert_eq!((state.rtp_packets(), state.rtp_bytes(), lost, state.ssrc()), (5, 500, 1, 1));
}

#[test]
fn what_was_sent_before_the_first_one_was_overtaken() {
    let state = counts(&[(1, 11), (1, 10), (1, 12), (1, 12), (1, 14)]);
    let Quality { lost, reordered, duplicated, .. } = state.quality();
    assert_eq!((lost, reordered, duplicated), (1, 1, 1));
}

#[test]
fn bursts_end_with_their_run() {
    let runs = [(1, 10), (1, 12), (1, 14), (2, 50), (2, 52), (2, 54)];
    let state = counts(&runs);
    let Quality { lost, bursts, largest_gap_ns, spacing, .. } = state.quality();
    assert_eq!((lost, bursts), (4, Bursts { count: 2, packets: 6, lost: 4 }));
    assert_eq!((largest_gap_ns / 1_000_000, spacing), (19, [0, 0, 0, 5, 0, 0, 0, 0]));
}

#[test]
fn quality_begins_anew_with_a_call() {
    let state = counts(&[(1, 10), (1, 12), (1, 12)]);
    let address = Address::v4([192, 0, 2, 66]);
    let offender = Offender { address, port: 4000, reason: DropReason::PayloadType as u8, payload_type: 101 };
    state.record_drop(&offender);
    assert_eq!(state.offender(), Some(offender));
    let fresh = state.adopted(1, 2);
    assert_eq!((fresh.call(), fresh.quality(), fresh.offender()), (2, Quality::default(), None));
}

proptest! {
    /// Whatever number a source begins with, the loss is the number of packets that are missing.
    #[test]
    fn loss_is_what_is_missing(first in any::<u16>(), missing in prop::collection::btree_set(1_u16..99, 0..40)) {
        let came = (0..100).filter(|offset| !missing.contains(offset));
        let arrivals: Vec<(u32, u16)> = came.map(|offset| (1, first.wrapping_add(offset))).collect();
        let state = counts(&arrivals);
        prop_assert_eq!(state.quality().lost as usize, missing.len());
    }
}

/// What is counted when packets of these sources with these numbers come every 20 ms.
fn counts(arrivals: &[(u32, u16)]) -> EndpointState {
    let state = EndpointState::default();
    for (step, (ssrc, sequence)) in (1..).zip(arrivals) {
        let ns = 20_000_000 * step;
        let arrival = Arrival { ns, bytes: 100, ssrc: *ssrc, timestamp: 0, sequence: *sequence };
        state.adopted(state.call(), 1).record_rtp(&arrival, 125_000);
    }
    state
}

/// An endpoint whose fields all follow from one number.
fn uniform(number: u32) -> Endpoint {
    let octets = number.to_be_bytes();
    #[expect(clippy::cast_possible_truncation, reason = "any 16 bits will do")]
    let port = number as u16;
    Endpoint {
        call: number,
        peer: number,
        next_hop: port,
        profile: port,
        local: Address::v4(octets),
        local_port: port,
        remote: Address::v4(octets),
        remote_rtp_port: port,
        remote_rtcp_port: port,
        ns_per_tick: number,
        ..Endpoint::FREE
    }
}

#[test]
fn an_object_says_which_version_it_was_built_for() {
    let object = |version: u32| [b"\x7fELF..", &STAMP[..12], &version.to_le_bytes()[..], b".."].concat();
    assert_eq!(stamped(&[b"\x7fELF..", &STAMP[..], b".."].concat()), Some(ABI_VERSION));
    assert_eq!(stamped(&object(3)), Some(3));
    assert_eq!(stamped(b"\x7fELF of an older build"), None);
    assert_eq!(stamped(&STAMP[..15]), None);
}
