use proptest::prelude::*;

use super::*;

const PLACE: &[u8] = b"edge-1 192.0.2.10";

#[test]
fn a_nonce_says_when_it_was_made_and_is_never_the_same() {
    let key = NonceKey::new([7; 32]);
    let nonce = key.issue(1_234_567, 0xabc, PLACE);
    assert_eq!(key.read(nonce.as_bytes(), PLACE).map(Issued::time_ms), Some(1_234_567));
    assert_ne!(nonce, key.issue(1_234_567, 0xabd, PLACE));
    assert_eq!(nonce, key.issue(1_234_567, 0xabc, PLACE));
    assert_eq!(format!("{key:?}"), "NonceKey(..)");
}

#[test]
fn a_nonce_of_another_place_or_key_is_none() {
    let key = NonceKey::new([7; 32]);
    let nonce = key.issue(1_000, 1, PLACE);
    assert_eq!(key.read(nonce.as_bytes(), b"edge-1 192.0.2.11"), None);
    assert_eq!(NonceKey::new([8; 32]).read(nonce.as_bytes(), PLACE), None);
}

proptest! {
    #[test]
    fn numbers_grow_with_time(earlier in 0..1_u64 << 39, later in 1..1_u64 << 20, random in any::<u64>()) {
        let key = NonceKey::new([7; 32]);
        let read = |time_ms, random| key.read(key.issue(time_ms, random, PLACE).as_bytes(), PLACE).unwrap();
        prop_assert!(read(earlier, random) < read(earlier + later, !random));
        prop_assert!(Issued::first_at(earlier) <= read(earlier, random));
    }

    #[test]
    fn whatever_is_changed_is_noticed(at in 0..LENGTH, digit in any::<u8>(), garbage in any::<Vec<u8>>()) {
        let key = NonceKey::new([7; 32]);
        let nonce = key.issue(1_000, 1, PLACE);
        let mut changed = nonce.as_bytes().to_vec();
        changed[at] = digit;
        prop_assert_eq!(key.read(&changed, PLACE).is_some(), changed == nonce.as_bytes());
        prop_assert_eq!(key.read(&changed[..at], PLACE), None);
        prop_assert_eq!(key.read(&garbage, PLACE), None);
    }
}
