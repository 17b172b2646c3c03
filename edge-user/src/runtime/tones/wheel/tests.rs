use super::*;

#[test]
fn in_a_turn_each_comes_once_whatever_was_put_in_and_taken_out() {
    let mut wheel = Wheel::new();
    let mut there = Vec::new();
    let mut number = 7_u32;
    for step in 0..2_000_u32 {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if number.is_multiple_of(3) && !there.is_empty() {
            let gone = there.swap_remove(number as usize / 3 % there.len());
            wheel.remove(&gone);
            wheel.remove(&gone);
        } else {
            wheel.insert(step, step);
            there.push(step);
        }
        if step % 100 == 0 {
            let mut seen: Vec<u32> =
                (0..SLOTS).flat_map(|_| wheel.turn().map(|value| *value).collect::<Vec<_>>()).collect();
            seen.sort_unstable();
            there.sort_unstable();
            assert_eq!((seen, wheel.len()), (there.clone(), there.len()));
        }
    }
}

#[test]
fn a_key_has_one_place_and_slots_are_filled_evenly() {
    let mut wheel = Wheel::new();
    for key in 0..10 {
        wheel.insert(key, key);
        wheel.insert(key, key + 100);
    }
    let sizes: Vec<usize> =
        (0..SLOTS).map(|_| wheel.turn().inspect(|value| assert!(**value >= 100)).count()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 10);
    assert!(sizes.iter().all(|size| (2..=3).contains(size)), "{sizes:?}");
}
