use std::collections::BTreeMap;

use super::*;

fn candidate(rank: u32, weight: u16, families: &[&[&str]]) -> Candidate {
    let target = |address: &&str| Target::new(address.parse().unwrap(), Transport::Udp);
    let families = families.iter().map(|family| family.iter().map(target).collect()).collect();
    Candidate { rank, weight, families }
}

/// A generator whose numbers repeat from run to run (SplitMix64).
fn dice(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn order(targets: &Targets, seed: u64) -> Vec<String> {
    let ordered = targets.order(Duration::ZERO, dice(seed));
    ordered.iter().map(|target| target.address.to_string()).collect()
}

#[test]
fn lower_ranks_come_first_whatever_is_drawn() {
    let targets = Targets::new(vec![
        candidate(2, 65_535, &[&["192.0.2.3:5060"]]),
        candidate(0, 0, &[&["192.0.2.1:5060"]]),
        candidate(1, 1, &[&["192.0.2.2:5060"]]),
    ]);
    for seed in 0..100 {
        assert_eq!(order(&targets, seed), ["192.0.2.1:5060", "192.0.2.2:5060", "192.0.2.3:5060"]);
    }
}

#[test]
fn equal_ranks_share_by_weight_and_weight_zero_hardly_ever_comes_first() {
    let targets = Targets::new(vec![
        candidate(0, 0, &[&["192.0.2.1:5060"]]),
        candidate(0, 10, &[&["192.0.2.2:5060"]]),
        candidate(0, 30, &[&["192.0.2.3:5060"]]),
        candidate(0, 60, &[&["192.0.2.4:5060"]]),
    ]);
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..10_000 {
        let order = order(&targets, seed);
        assert_eq!(order.len(), 4);
        *first.entry(order[0].clone()).or_default() += 1;
    }
    let share = |address: &str| first.get(address).copied().unwrap_or_default();
    // Of 101 numbers that may be drawn, one is the zero's.
    for (address, expected) in
        [("192.0.2.1:5060", 99), ("192.0.2.2:5060", 990), ("192.0.2.3:5060", 2970), ("192.0.2.4:5060", 5940)]
    {
        let off = share(address).abs_diff(expected);
        assert!(off < 40 + expected / 20, "{address} came first {} times of 10,000", share(address));
    }
}

#[test]
fn addresses_of_one_name_take_turns_and_so_do_families() {
    let targets = Targets::new(vec![candidate(
        0,
        0,
        &[&["[2001:db8::1]:5060", "[2001:db8::2]:5060"], &["192.0.2.1:5060"]],
    )]);
    let seen: std::collections::BTreeSet<_> = (0..50).map(|seed| order(&targets, seed)).collect();
    let [one, two] = ["[2001:db8::1]:5060", "[2001:db8::2]:5060"].map(str::to_owned);
    let other = "192.0.2.1:5060".to_owned();
    let expected = [vec![one.clone(), other.clone(), two.clone()], vec![two, other, one]];
    assert_eq!(seen, expected.into());
}

#[test]
fn what_failed_comes_last_until_its_time_is_over_and_a_new_answer_does_not_forget_it() {
    let fresh = || {
        let families: &[&[&str]] = &[&["192.0.2.1:5060"]];
        Targets::new(vec![candidate(0, 0, families), candidate(1, 0, &[&["192.0.2.2:5060"]])])
    };
    let targets = fresh();
    targets.iter().next().unwrap().avoid(Duration::from_secs(30));
    let first =
        |targets: &Targets, at_s| targets.order(Duration::from_secs(at_s), dice(1))[0].address.to_string();
    assert_eq!(first(&targets, 29), "192.0.2.2:5060");
    assert_eq!(first(&targets, 30), "192.0.2.1:5060");
    let mut renewed = fresh();
    assert_eq!(first(&renewed, 29), "192.0.2.1:5060");
    renewed.inherit(&targets);
    assert_eq!(first(&renewed, 29), "192.0.2.2:5060");
}

#[test]
fn a_call_tries_no_more_than_its_bound() {
    let addresses: Vec<String> = (1..=40).map(|host| format!("192.0.2.{host}:5060")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let targets = Targets::new(vec![candidate(0, 0, &[&addresses])]);
    assert_eq!(order(&targets, 1).len(), ATTEMPTS_MAX);
}

#[test]
fn a_host_is_written_into_a_uri_as_the_operator_has_it() {
    let at = |address: &str| Host::Address { address: address.parse().unwrap(), transport: Transport::Udp };
    let name = |port| Host::Name { name: "sip.example.net".to_owned(), port, transport: None };
    for (host, written) in [
        (at("192.0.2.1:5060"), "192.0.2.1"),
        (at("192.0.2.1:5070"), "192.0.2.1:5070"),
        (at("[2001:db8::1]:5060"), "[2001:db8::1]"),
        (at("[2001:db8::1]:5070"), "[2001:db8::1]:5070"),
        (name(None), "sip.example.net"),
        (name(Some(5070)), "sip.example.net:5070"),
    ] {
        assert_eq!(host.to_string(), written);
    }
}
