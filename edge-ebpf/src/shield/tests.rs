//! The table of cases over tables in memory, and what must hold for any packet.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::shield::{
    MemoryShield, NOW_NS, OF_ALL, OF_ONE, ShieldScene, TRUNK, any_shield, from_stranger, request,
    shield_cases,
};
use crate::testing::{BytesFrame, INGRESS};

#[test]
fn every_case() {
    for case in shield_cases() {
        let tables = MemoryShield::from(&case.scene);
        for frame in &case.before {
            decide(&tables, frame, NOW_NS);
        }
        assert_eq!(decide(&tables, &case.frame, NOW_NS), case.verdict, "{}", case.name);
    }
}

#[test]
fn every_reason_has_a_case() {
    let seen: Vec<ShieldVerdict> = shield_cases().iter().map(|case| case.verdict).collect();
    for reason in ShieldPass::ALL {
        assert!(seen.contains(&ShieldVerdict::Pass(*reason)), "no case passes for {reason:?}");
    }
    for reason in ShieldDrop::ALL {
        assert!(seen.contains(&ShieldVerdict::Drop(*reason)), "no case drops for {reason:?}");
    }
}

#[test]
fn a_bucket_fills_again_by_its_rate() {
    const SECOND_NS: u64 = 1_000_000_000;
    let rate = Rate::default();
    rate.interval_ns.store(SECOND_NS);
    rate.burst_ns.store(2 * SECOND_NS);
    let bucket = Word::default();
    let taken = [0, 0, 0, 1, 1, 10, 10, 10].map(|second| bucket::take(&bucket, &rate, 0, second * SECOND_NS));
    assert_eq!(taken, [true, true, false, true, false, true, true, false]);
    assert!(bucket::take(&Word::default(), &Rate::default(), 0, 5), "no rate is no bound");
}

#[test]
fn seeds_of_the_fuzzer_keep_what_must_hold() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds/shield");
    let seeds: Vec<_> = std::fs::read_dir(path).expect("the seeds are in the repository").collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        any_shield(&std::fs::read(seed.expect("an entry").path()).expect("a readable seed"));
    }
}

proptest! {
    #[test]
    fn any_packets_keep_what_must_hold(data in prop::collection::vec(any::<u8>(), 0..300)) {
        any_shield(&data);
    }

    #[test]
    fn what_strangers_send_is_bounded_and_never_stands_in_a_trunks_way(
        sources in prop::collection::vec(0_u8..40, 1..400),
    ) {
        let tables = MemoryShield::from(&ShieldScene::guarded());
        let invite = request("INVITE sip:100@10.0.0.1", "");
        let mut passed = [0_u64; 40];
        for source in sources {
            let frame = from_stranger(invite.clone()).with(|p| p.source.0 = [198, 18, 0, source]);
            passed[usize::from(source)] +=
                u64::from(matches!(decide(&tables, &frame.build(), NOW_NS), ShieldVerdict::Pass(_)));
            let trunk = from_stranger(invite.clone()).with(|p| p.source.0 = TRUNK);
            prop_assert_eq!(decide(&tables, &trunk.build(), NOW_NS), ShieldVerdict::Pass(ShieldPass::Trusted));
        }
        prop_assert!(passed.iter().all(|passed| *passed <= OF_ONE) && passed.iter().sum::<u64>() <= OF_ALL);
    }
}

fn decide(tables: &MemoryShield, bytes: &[u8], arrival_ns: u64) -> ShieldVerdict {
    shield(&BytesFrame { bytes: bytes.to_vec(), ifindex: INGRESS, headroom: 0, arrival_ns }, tables)
}
