use std::net::SocketAddr;
use std::time::Duration;

use super::super::tests::{policy, trunk};
use super::*;
use crate::policy::{Host, RealmId, Transport, TrunkId};
use crate::policy::{Importance, Role};

fn named(name: &str, host: &str) -> Trunk {
    let host = Host::Name { name: host.to_owned(), port: None, transport: None };
    trunk(name, "192.0.2.99:5060", &[]).at(host)
}

fn targets(address: &str) -> Targets {
    Targets::one(address.parse().unwrap(), Transport::Udp)
}

/// The trunk that a source is known as.
fn who<'a>(policy: &'a Policy, source: &str) -> Option<&'a Trunk> {
    let source: SocketAddr = source.parse().unwrap();
    policy.identify(RealmId::new(0), Transport::Udp, source).map(|id| policy.trunk(id).as_ref())
}

fn asked(policy: &Policy) -> Question {
    policy.questions().first().unwrap().clone()
}

#[test]
fn a_name_has_no_address_until_dns_says_one_and_then_moves_with_it() {
    let new = policy(vec![named("a", "c.example"), named("b", "c.example")], vec![]).unwrap();
    assert_eq!(new.questions().len(), 1, "one question for both");
    let question = asked(&new);
    assert!(new.trunks.iter().all(|trunk| trunk.targets.is_empty()));

    let led = new.led(&question, targets("192.0.2.2:5060")).unwrap();
    assert_eq!(who(&led, "192.0.2.2:9").unwrap().name, "a");
    assert!(led.trunks.iter().all(|trunk| trunk.targets.holds("192.0.2.2".parse().unwrap())));
    assert!(led.led(&question, targets("192.0.2.2:5060")).is_none(), "nothing new");

    let moved = led.led(&question, targets("192.0.2.3:5060")).unwrap();
    assert_eq!(who(&moved, "192.0.2.3:9").unwrap().name, "a");
    assert!(who(&moved, "192.0.2.2:9").is_none(), "no call ran there");
    let gone = moved.led(&question, Targets::default()).unwrap();
    assert!(who(&gone, "192.0.2.3:9").is_none());
}

#[test]
fn a_place_that_a_trunk_has_left_is_known_as_long_as_calls_run_there_and_starts_none() {
    let new = policy(vec![named("a", "c.example")], vec![]).unwrap();
    let question = asked(&new);
    let led = new.led(&question, targets("192.0.2.2:5060")).unwrap();
    let call = led.trunk(TrunkId::new(0)).admit(Role::Caller, Importance::Ordinary, Duration::ZERO).unwrap();
    let moved = led.led(&question, targets("192.0.2.3:5060")).unwrap();
    let former = who(&moved, "192.0.2.2:5060").unwrap();
    assert!(former.former && !former.may_call());
    assert_eq!(moved.questions(), led.questions());
    assert_eq!(moved.trunk(TrunkId::new(0)).usage.calls(), 1, "it counts against the same bound");
    assert!(moved.without_deserted().is_none());

    let elsewhere =
        moved.trunk(TrunkId::new(0)).admit(Role::Caller, Importance::Ordinary, Duration::ZERO).unwrap();
    drop(call);
    let deserted = moved.without_deserted().unwrap();
    assert!(who(&deserted, "192.0.2.2:5060").is_none());
    assert_eq!(who(&deserted, "192.0.2.3:5060").map(|trunk| trunk.former), Some(false));
    drop(elsewhere);
}

#[test]
fn a_zone_that_never_stands_still_fills_no_memory() {
    let mut policy = policy(vec![named("a", "c.example")], vec![]).unwrap();
    let question = asked(&policy);
    let mut calls = Vec::new();
    for last in 2..=90 {
        policy = policy.led(&question, targets(&format!("192.0.2.{last}:5060"))).unwrap();
        calls.push(
            policy.trunk(TrunkId::new(0)).admit(Role::Caller, Importance::Ordinary, Duration::ZERO).unwrap(),
        );
    }
    assert_eq!(policy.trunks.len(), 1 + FORMER_MAX);
    assert!(who(&policy, "192.0.2.90:5060").is_some_and(|trunk| !trunk.former));
    assert!(who(&policy, "192.0.2.89:5060").is_some_and(|trunk| trunk.former), "the newest are kept");
    assert!(who(&policy, "192.0.2.2:5060").is_none());
}

#[test]
fn a_reload_remembers_what_names_led_to_and_who_failed() {
    let old = policy(vec![named("a", "c.example")], vec![]).unwrap();
    let old = old.led(&asked(&old), targets("192.0.2.2:5060")).unwrap();
    let call = old.trunk(TrunkId::new(0)).admit(Role::Caller, Importance::Ordinary, Duration::ZERO).unwrap();
    old.trunk(TrunkId::new(0)).targets.iter().next().unwrap().avoid(Duration::from_secs(9));
    let fresh = vec![named("renamed", "c.example"), named("a", "c.example"), named("b", "d.example")];
    let mut fresh = policy(fresh, vec![]).unwrap();
    fresh.take_over(&old);
    for name in ["renamed", "a"] {
        let trunk = fresh.trunks.iter().find(|trunk| trunk.name == name).unwrap();
        let target = trunk.targets.iter().next().unwrap();
        assert!(target.address.to_string() == "192.0.2.2:5060" && target.is_avoided(Duration::from_secs(8)));
    }
    assert!(fresh.trunks[2].targets.is_empty(), "another name has to be asked for");
    assert_eq!(fresh.trunks[1].targets.calls(), 1, "its calls still run at the same place");
    assert_eq!(fresh.trunks.len(), 3);
    drop(call);
}

#[test]
fn the_edge_does_not_call_itself_whatever_dns_says() {
    let new = policy(vec![named("a", "c.example")], vec![]).unwrap();
    assert!(new.led(&asked(&new), targets("192.0.2.1:5060")).is_none());
}
