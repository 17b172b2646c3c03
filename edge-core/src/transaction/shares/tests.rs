//! Trunks that take all they can get, one after the other.

use super::*;

/// Takes for `trunk` until it may not, out of a table with room for `bound`; says how many it got.
fn fill(shares: &mut Shares, open: &mut usize, bound: usize, trunk: TrunkId) -> usize {
    let before = *open;
    while shares.may_take(trunk, bound - *open) {
        shares.take(trunk);
        *open += 1;
    }
    *open - before
}

#[test]
fn who_comes_next_always_finds_room() {
    let (mut shares, mut open) = (Shares::default(), 0);
    let taken: Vec<usize> =
        (0..5).map(|trunk| fill(&mut shares, &mut open, 1024, TrunkId::new(trunk))).collect();
    assert_eq!(taken, [512, 256, 128, 64, 32]);
    // What one gives back is there for those who hold less than is left.
    for _ in 0..512 {
        shares.give_back(TrunkId::new(0));
        open -= 1;
    }
    assert_eq!(fill(&mut shares, &mut open, 1024, TrunkId::new(9)), 272);
    assert_eq!(fill(&mut shares, &mut open, 1024, TrunkId::new(1)), 8);
    for (trunk, held) in [(1, 264), (2, 128), (3, 64), (4, 32), (9, 272)] {
        (0..held).for_each(|_| shares.give_back(TrunkId::new(trunk)));
    }
    assert!(shares.is_empty());
}
