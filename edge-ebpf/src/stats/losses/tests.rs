//! Losses against their definition, written down without any arithmetic of windows.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What was counted of a run.
#[derive(Debug, PartialEq, Eq, Default)]
struct Counted {
    duplicates: u32,
    reordered: u32,
    too_late: u32,
    gone: u32,
    runs: u32,
    bursts: Bursts,
}

/// By this module. Numbers go up from the first one; `sent` never falls behind it.
fn count(numbers: &[u32]) -> Counted {
    let mut last = numbers[0];
    let (mut window, mut cluster, mut counted) = (Window::starting(), Cluster::default(), Counted::default());
    let mut give_up = |counted: &mut Counted, gone: Option<Gone>| {
        let Some(gone) = gone else { return };
        counted.gone += gone.count;
        counted.runs += cluster.runs_begun_by(gone);
        if let Some(over) = cluster.take(gone) {
            counted.bursts.close(&over);
        }
    };
    for number in &numbers[1..] {
        if *number > last {
            give_up(&mut counted, window.advance(last, number - last));
            last = *number;
        } else {
            match window.fill(last - number) {
                Late::Duplicate => counted.duplicates += 1,
                Late::Reordered => counted.reordered += 1,
                Late::TooLate => counted.too_late += 1,
            }
        }
    }
    give_up(&mut counted, window.awaited(last));
    counted.bursts.close(&cluster);
    counted
}

/// By definition.
fn define(numbers: &[u32]) -> Counted {
    let (mut came, mut last) = (BTreeSet::from([numbers[0]]), numbers[0]);
    let mut given_up = BTreeSet::new();
    let mut counted = Counted::default();
    for number in &numbers[1..] {
        if *number > last {
            last = *number;
            came.insert(*number);
            let over = numbers[0]..(last + 1).saturating_sub(WAIT);
            given_up.extend(over.filter(|number| !came.contains(number)));
        } else if !came.insert(*number) {
            counted.duplicates += 1;
        } else if given_up.contains(number) {
            counted.too_late += 1;
        } else {
            counted.reordered += 1;
        }
    }
    given_up.extend((numbers[0]..last).filter(|number| !came.contains(number)));
    counted.gone = u32::try_from(given_up.len()).expect("few");
    let begins = |number: &&u32| !given_up.contains(&(**number - 1));
    counted.runs = u32::try_from(given_up.iter().filter(begins).count()).expect("few");
    let mut clusters: Vec<Vec<u32>> = Vec::new();
    for number in given_up {
        match clusters.last_mut() {
            Some(cluster) if number - cluster[cluster.len() - 1] - 1 < GMIN => cluster.push(number),
            _ => clusters.push(Vec::from([number])),
        }
    }
    for burst in clusters.iter().filter(|cluster| cluster.len() > 1) {
        counted.bursts.count += 1;
        counted.bursts.packets += burst[burst.len() - 1] - burst[0] + 1;
        counted.bursts.lost += u32::try_from(burst.len()).expect("few");
    }
    counted
}

#[test]
fn what_comes_in_order_is_neither_lost_nor_late() {
    let numbers: Vec<u32> = (7..200).collect();
    assert_eq!(count(&numbers), Counted::default());
}

#[test]
fn losses_apart_by_gmin_are_no_burst() {
    let without = |missing: &[u32]| {
        let numbers: Vec<u32> = (0..200).filter(|number| !missing.contains(number)).collect();
        let Counted { gone, bursts, .. } = count(&numbers);
        (gone, bursts.count, bursts.packets, bursts.lost)
    };
    assert_eq!(without(&[50, 67]), (2, 0, 0, 0), "16 packets between");
    assert_eq!(without(&[50, 66]), (2, 1, 17, 2), "15 packets between");
    assert_eq!(without(&[50, 51, 52, 60, 100, 140, 141]), (7, 2, 13, 6));
}

#[test]
fn a_packet_is_waited_for_sixteen_packets_long() {
    let held_back = |by: u32| {
        let mut numbers: Vec<u32> = (0..100).filter(|number| *number != 20).collect();
        numbers.insert(20 + by as usize, 20);
        count(&numbers)
    };
    let Counted { reordered, too_late, gone, .. } = held_back(15);
    assert_eq!((reordered, too_late, gone), (1, 0, 0));
    let Counted { reordered, too_late, gone, .. } = held_back(16);
    assert_eq!((reordered, too_late, gone), (0, 1, 1));
}

/// What a bad network makes of a run: losses, also many in a row, doubles, and packets that are held back.
fn arrivals() -> impl Strategy<Value = Vec<u32>> {
    let fate = prop_oneof![
        20 => Just((1, 0)),
        2 => Just((0, 0)),
        1 => (Just(2), 0..4_u32),
        2 => (Just(1), 0..40_u32),
        1 => (Just(0), 1..40_u32),
    ];
    prop::collection::vec(fate, 2..300).prop_map(|fates| {
        let mut sent = Vec::from([(0, 0)]);
        let mut number = 0;
        for (copies, by) in fates {
            // Held back by so many packets; none at all leaves a gap of as many.
            number += if copies == 0 { by } else { 1 };
            let held = |copy| (number + if copy + 1 == copies { by } else { 0 }, number);
            sent.extend((0..copies).map(held));
        }
        sent.sort_by_key(|(due, _)| *due);
        sent.into_iter().map(|(_, number)| number + 1000).collect()
    })
}

proptest! {
    #[test]
    fn counts_are_what_the_definition_says(numbers in arrivals()) {
        // What is more than 64 behind is not told from a double.
        let mut highest = 0;
        prop_assume!(numbers.iter().all(|number| {
            highest = highest.max(*number);
            highest - number < 64
        }));
        prop_assert_eq!(count(&numbers), define(&numbers));
    }

    #[test]
    fn any_numbers_are_taken(bits in any::<u64>(), last in any::<u32>(), ahead in 1_u32..3000, behind in 0_u32..200) {
        let mut window = Window::from_bits(bits);
        if let Some(Gone { first, last, count, .. }) = window.advance(last, ahead) {
            prop_assert!(count > 0 && count <= last.wrapping_sub(first).wrapping_add(1));
        }
        window.fill(behind);
    }
}
