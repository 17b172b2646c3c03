//! The list, by a calendar of the test's own.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn host(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

#[test]
fn what_has_ended_is_taken_away_and_told() {
    let mut access_list = AccessList::default();
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    let deny = |until| Listing { decision: Decision::Deny, until };
    access_list.list(net("203.0.113.0/24"), deny(Some(at(10)))).unwrap();
    access_list.list(net("198.51.100.0/24"), deny(None)).unwrap();
    access_list
        .earn(host(1), |earned| (earned.banned_until, earned.familiar_until) = (Some(at(5)), Some(at(20))));
    access_list.earn(host(2), |earned| earned.datagrams_banned_until = Some(at(10)));
    assert_eq!(access_list.expire(at(4)), Ended::default());
    assert_eq!(access_list.expire(at(5)), Ended { listed: vec![], hosts: vec![host(1)] });
    assert_eq!(access_list.of(host(1)), Earned { familiar_until: Some(at(20)), ..Earned::default() });
    assert_eq!(
        access_list.expire(at(10)),
        Ended { listed: vec![net("203.0.113.0/24")], hosts: vec![host(2)] }
    );
    assert_eq!((access_list.listed.len(), access_list.hosts.len()), (1, 1));
}

#[test]
fn bans_and_the_familiar_make_room_only_among_themselves() {
    let mut access_list = AccessList::default();
    let count = u32::try_from(FAMILIAR_MAX).unwrap();
    let familiar = Earned { familiar_until: Some(at(1)), ..Earned::default() };
    access_list.hosts.extend((0..count).map(|number| (host(number), familiar)));
    let bans = u32::try_from(BANNED_MAX).unwrap();
    let banned = |number| Earned { banned_until: Some(at(100 + u64::from(number))), ..Earned::default() };
    access_list.hosts.extend((0..bans).map(|number| (host(1_000_000 + number), banned(number))));
    let one_more = access_list.earn(host(5_000_000), |earned| earned.datagrams_banned_until = Some(at(50)));
    assert_eq!(one_more, Some(host(1_000_000)), "the ban that ends first");
    let one_more = access_list.earn(host(6_000_000), |earned| earned.familiar_until = Some(at(2)));
    assert!(one_more.is_some_and(|forgotten| forgotten < host(count)), "one of the familiar: {one_more:?}");
    assert_eq!(access_list.hosts.len(), FAMILIAR_MAX + BANNED_MAX);
}

#[test]
fn the_operators_list_is_bounded() {
    let mut access_list = AccessList::default();
    let listing = Listing { decision: Decision::Allow, until: None };
    for number in 0..LISTED_MAX {
        access_list.list(IpNet::from(host(number)), listing).unwrap();
    }
    assert_eq!(access_list.list(IpNet::from(host(9_999_999)), listing), Err(Full));
    assert_eq!(access_list.list(IpNet::from(host(7)), listing), Ok(()), "what is there may change");
}

#[test]
fn a_roll_reads_back() {
    let mut access_list = AccessList::default();
    access_list
        .list("2001:db8::/32".parse().unwrap(), Listing { decision: Decision::Deny, until: Some(at(7)) })
        .unwrap();
    access_list.earn(host(1), |earned| earned.banned_until = Some(at(5)));
    let written = serde_json::to_vec(&access_list).unwrap();
    assert_eq!(serde_json::from_slice::<AccessList>(&written).unwrap(), access_list);
}
