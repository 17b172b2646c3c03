//! Checksums.

use std::vec::Vec;

use proptest::prelude::*;

use super::checksum::{Change, Checksum};

#[test]
fn checksum_of_rfc_1071() {
    // RFC 1071 section 3: these words sum to 0xddf2.
    let words = [[0x00, 0x01], [0xf2, 0x03], [0xf4, 0xf5], [0xf6, 0xf7]];
    assert_eq!(Checksum::over(words), Checksum::new((!0xddf2_u16).to_be_bytes()));
}

#[test]
fn update_of_rfc_1624() {
    // RFC 1624 section 4: the case that equation 2 of RFC 1141 gets wrong.
    let old = Checksum::new(0xdd2f_u16.to_be_bytes());
    let change = Change::default().word([0x55, 0x55], [0x32, 0x85]);
    assert_eq!(old.after(change), Checksum::new([0, 0]));
    assert_eq!(old.udp_after(change), Checksum::new([0xff, 0xff]));
}

#[test]
fn no_udp_checksum_stays_none() {
    let change = Change::default().word([1, 2], [3, 4]);
    assert_eq!(Checksum::new([0, 0]).udp_after(change), Checksum::new([0, 0]));
}

proptest! {
    #[test]
    fn updates_equal_recomputation(
        before in prop::collection::vec(any::<[u8; 2]>(), 4..40),
        word in any::<[u8; 2]>(),
        address in any::<[u8; 4]>(),
    ) {
        let [a, b, c, d] = address;
        let change = Change::default()
            .word(before[0], word)
            .address([before[2][0], before[2][1], before[3][0], before[3][1]], address);
        let mut after: Vec<[u8; 2]> = before.clone();
        (after[0], after[2], after[3]) = (word, [a, b], [c, d]);
        // Zero and all ones are the same number; only an all-zero packet tells them apart, and none is.
        prop_assume!(after.iter().any(|word| *word != [0, 0]) && before.iter().any(|word| *word != [0, 0]));
        prop_assert_eq!(Checksum::over(before).after(change), Checksum::over(after));
    }
}
