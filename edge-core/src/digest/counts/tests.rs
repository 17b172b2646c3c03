use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NEVER: Issued = Issued::first_at(0);

#[test]
fn counts_are_taken_once_in_any_order() {
    let mut counts = NonceCounts::default();
    let nonce = Issued::first_at(1);
    let table = [
        (1, true),
        (1, false),
        (3, true),
        (2, true),
        (2, false),
        (0, false),
        (70, true),
        (6, false),
        (7, true),
    ];
    for (count, taken) in table {
        assert_eq!(counts.take(nonce, count, NEVER).is_ok(), taken, "{count}");
    }
    assert!(counts.take(Issued::first_at(2), 1, NEVER).is_ok(), "another nonce counts for itself");
    assert_eq!(counts.take(Issued::first_at(3), 0, NEVER), Err(Replayed));
}

#[test]
fn memory_is_bounded_and_what_is_forgotten_is_not_taken_again() {
    let mut counts = NonceCounts::default();
    let nonces = (1..=NONCES_MAX as u64 + 10).map(Issued::first_at);
    for nonce in nonces.clone() {
        assert!(counts.take(nonce, 1, NEVER).is_ok());
    }
    assert_eq!(counts.used.len(), NONCES_MAX);
    assert!(nonces.clone().all(|nonce| counts.take(nonce, 1, NEVER).is_err()), "forgotten or not");
    assert!(counts.take(Issued::first_at(5), 2, NEVER).is_err());
    assert!(counts.take(Issued::first_at(11), 2, NEVER).is_ok());
    let new = Issued::first_at(100_000);
    assert!(counts.take(new, 1, new).is_ok());
    assert_eq!(counts.used.len(), 1, "what is too old is not kept");
}

proptest! {
    #[test]
    fn nothing_is_taken_twice(takes in proptest::collection::vec((1..5_u64, 0..200_u32), 0..400)) {
        let (mut counts, mut taken) = (NonceCounts::default(), BTreeSet::new());
        for (nonce, count) in takes {
            if counts.take(Issued::first_at(nonce), count, NEVER).is_ok() {
                prop_assert!(taken.insert((nonce, count)));
            }
        }
    }
}
