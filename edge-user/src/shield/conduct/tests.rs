//! Counting offences, by a clock of the test's own.

use std::net::Ipv4Addr;

use super::*;

fn stranger(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

#[test]
fn whoever_asks_often_enough_within_a_minute_has_asked_too_often() {
    let (mut conduct, now) = (Conduct::default(), clock());
    let one = stranger(1);
    let mut at = |seconds, offence| conduct.note(one, offence, 10, now + Duration::from_secs(seconds));
    let datagrams: Vec<bool> = (0..11).map(|second| at(second, Offence::Datagram)).collect();
    assert_eq!(datagrams.iter().position(|enough| *enough), Some(9));
    assert!(!datagrams[10], "it begins anew");
    assert!(!at(100, Offence::Handshake) && at(101, Offence::Handshake), "a handshake counts five");
    let slow: Vec<bool> = (0..30).map(|number| at(200 + number * 7, Offence::Connection)).collect();
    assert!(!slow.contains(&true), "nine in a minute are not ten");
}

#[test]
fn datagrams_say_nothing_of_the_host_that_they_name() {
    let (mut conduct, now) = (Conduct::default(), clock());
    for _ in 0..9 {
        assert!(!conduct.note(stranger(1), Offence::Datagram, 10, now));
    }
    assert!(!conduct.note(stranger(1), Offence::Connection, 10, now));
    assert!(conduct.note(stranger(1), Offence::Datagram, 10, now));
}

#[test]
fn a_crowd_is_forgotten_before_who_asks_most() {
    let (mut conduct, now) = (Conduct::default(), clock());
    for _ in 0..99 {
        conduct.note(stranger(0), Offence::Datagram, 100, now);
    }
    for number in 1..20_000 {
        conduct.note(stranger(number), Offence::Datagram, 100, now);
        assert!(conduct.watched.len() <= WATCHED_MAX);
        if number % 1_000 == 0 {
            conduct.note(stranger(0), Offence::Datagram, 1_000, now);
        }
    }
    assert!(conduct.watched.contains_key(&(stranger(0), false)));
}

#[test]
fn a_host_of_ipv6_is_its_network() {
    let of = |text: &str| host(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
    assert_ne!(of("2001:db8:1:2::9"), of("2001:db8:1:3::9"));
    assert_eq!(of("203.0.113.7").to_string(), "203.0.113.7");
}

fn clock() -> Instant {
    crate::runtime::clock::now()
}
