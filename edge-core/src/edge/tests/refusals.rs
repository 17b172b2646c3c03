//! Who may not call, and what each refusal says and takes.

use super::*;

/// What is wrong, the INVITE, and what the caller hears and the record says.
fn refusals() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let sdp = |text: &str| {
        request(
            "INVITE",
            "sip:+441@192.0.2.1",
            1,
            "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n",
            text,
        )
    };
    vec![
        ("no route", invite(1).replace("+44", "+1"), "404 Not Found", "no_route"),
        ("no number", invite(1).replace("+442071838750@", ""), "484 Address Incomplete", "no_number"),
        ("no hops", invite(1).replace("Forwards: 70", "Forwards: 0"), "483 Too Many Hops", "too_many_hops"),
        (
            "extension",
            invite(1).replace("Max-Forwards", "Require: 100rel, foo\r\nMax-Forwards"),
            "420 Bad Extension",
            "extension",
        ),
        (
            "media type",
            invite(1).replace("application/sdp", "text/plain"),
            "415 Unsupported Media Type",
            "media_type",
        ),
        ("no audio", sdp(&SDP.replace("m=audio", "m=video")), "488 Not Acceptable Here", "offer"),
        ("unknown codec", sdp(&SDP.replace("AVP 8 0", "AVP 97")), "488 Not Acceptable Here", "offer"),
        ("not SDP", sdp("hello"), "488 Not Acceptable Here", "offer"),
        (
            "other family",
            sdp(&SDP.replace("c=IN IP4 192.0.2.10", "c=IN IP6 2001:db8::1")),
            "488 Not Acceptable Here",
            "offer",
        ),
        (
            "our address",
            sdp(&SDP.replace("c=IN IP4 192.0.2.10", "c=IN IP4 10.0.0.1")),
            "488 Not Acceptable Here",
            "offer",
        ),
        (
            "loopback",
            sdp(&SDP.replace("c=IN IP4 192.0.2.10", "c=IN IP4 127.0.0.1")),
            "488 Not Acceptable Here",
            "offer",
        ),
    ]
}

#[test]
fn each_refusal_says_why_and_takes_nothing() {
    for (name, message, status, cause) in refusals() {
        let mut bench = Bench::new(|_, _| {});
        let (sent, records) = bench.receive("192.0.2.10:5060", &message);
        let last = statuses(&sent).pop().map(str::to_owned);
        assert_eq!(last, Some(format!("SIP/2.0 {status}")), "{name}");
        assert_eq!(records.iter().map(|record| record.cause.name()).collect::<Vec<_>>(), [cause], "{name}");
        assert_eq!(bench.edge.media_ports_at_rest(), 4, "{name}");
        assert_eq!(bench.edge.counters().calls_standing, 0, "{name}");
    }
}

#[test]
fn limits_refuse_as_the_callers_trunk_wants() {
    let limited = |limits: Limits, side: usize| {
        move |trunks: &mut [Trunk; 2], _: &mut Strangers| trunks[side].limits = limits
    };
    let calls = Limits { calls_max: Some(1), ..Limits::default() };
    let busy = Limits { refuse_with: RefuseWith::BusyHere, ..calls };
    let rate = Limits { calls_per_second_max: Some(1), ..Limits::default() };
    let inbound = Limits { calls_in_max: Some(1), ..Limits::default() };
    let outbound = Limits { calls_out_max: Some(1), ..Limits::default() };
    for (limits, side, status, cause) in [
        (calls, 0, "SIP/2.0 503 Service Unavailable", "max_calls"),
        (calls, 1, "SIP/2.0 503 Service Unavailable", "max_calls"),
        (inbound, 0, "SIP/2.0 503 Service Unavailable", "max_calls_in"),
        (outbound, 1, "SIP/2.0 503 Service Unavailable", "max_calls_out"),
        (busy, 0, "SIP/2.0 486 Busy Here", "max_calls"),
        (rate, 0, "SIP/2.0 503 Service Unavailable", "max_cps"),
    ] {
        let mut bench = Bench::new(limited(limits, side));
        assert_eq!(statuses(&bench.receive("192.0.2.10:5060", &invite(1)).0).len(), 2);
        let (sent, records) = bench.receive("192.0.2.10:5060", &invite(2));
        assert_eq!(statuses(&sent).last(), Some(&status));
        assert_eq!(records[0].cause.name(), cause);
        let reason = if cause == "max_cps" {
            "42;text=\"Too many calls a second\""
        } else {
            "34;text=\"Too many calls\""
        };
        assert!(sent[1].1.contains(&format!("Reason: Q.850;cause={reason}\r\n")), "{}", sent[1].1);
    }
    for (limits, side) in [(inbound, 1), (outbound, 0)] {
        let mut bench = Bench::new(limited(limits, side));
        for number in 1..=2 {
            assert_eq!(bench.receive("192.0.2.10:5060", &invite(number)).1, [], "the other direction");
        }
    }
}

#[test]
fn the_operators_order_closes_a_trunk_to_new_calls_and_says_so() {
    for side in [0, 1] {
        for (order, cause, text) in [
            (AdminState::Draining, "trunk_draining", "Trunk draining"),
            (AdminState::Disabled, "trunk_disabled", "Trunk disabled"),
        ] {
            let mut bench = Bench::new(|_, _| {});
            assert_eq!(bench.receive("192.0.2.10:5060", &invite(1)).1, []);
            bench.edge.policy.trunks[side].order(order);
            let (sent, records) = bench.receive("192.0.2.10:5060", &invite(2));
            assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 503 Service Unavailable"));
            assert!(
                sent[1].1.contains(&format!("Reason: Q.850;cause=41;text=\"{text}\"\r\n")),
                "{}",
                sent[1].1
            );
            assert_eq!(records[0].cause.name(), cause);
            assert_eq!(bench.edge.counters().calls_standing, 1, "what stands goes on");
            bench.edge.policy.trunks[side].order(AdminState::Enabled);
            assert_eq!(bench.receive("192.0.2.10:5060", &invite(3)).1, []);
        }
    }
}

#[test]
fn guards_of_the_callers_trunk_stop_calls() {
    let guard = |prefix: &str, calls_max, calls_per_minute_max| PrefixGuard {
        prefix: prefix.to_owned(),
        calls_max,
        calls_per_minute_max,
        usage: Arc::default(),
    };
    let of = |prefixes| Guards { prefixes, ..Guards::default() };
    let denied = Guards { deny: vec!["+4420".to_owned()], ..Guards::default() };
    let caller = Guards { calls_per_caller_max: Some(1), ..Guards::default() };
    for (guards, passes, cause, text) in [
        (denied, 0, "guard_denied", "Destination not allowed"),
        (caller, 1, "guard_calls_per_caller", "Too many calls of this caller"),
        (of(vec![guard("+44", Some(1), None)]), 1, "guard_calls", "Too many calls to this destination"),
        (
            of(vec![guard("+44", None, Some(1))]),
            1,
            "guard_calls_per_minute",
            "Too many calls to this destination",
        ),
    ] {
        let mut bench = Bench::new(|trunks, _| trunks[0].guards = Some(Arc::new(guards)));
        for number in 1..=passes {
            assert_eq!(bench.receive("192.0.2.10:5060", &invite(number)).1, [], "{cause}");
        }
        let (sent, records) = bench.receive("192.0.2.10:5060", &invite(9));
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 403 Forbidden"), "{cause}");
        assert!(sent[1].1.contains(&format!("Reason: Q.850;cause=21;text=\"{text}\"\r\n")), "{}", sent[1].1);
        assert_eq!(records[0].cause.name(), cause);
        let counted = bench.edge.policy.trunks[0].state.refused().find(|(name, _)| *name == cause);
        assert_eq!(counted, Some((cause, 1)));
        assert_eq!(bench.edge.policy.trunks[0].usage.calls(), passes, "a refusal takes nothing");
    }
}

#[test]
fn a_guard_ends_a_call_that_lasts_too_long() {
    let guards = Guards { call_max: Some(Duration::from_secs(60)), ..Guards::default() };
    let mut bench = control::bench(|trunks| trunks[0].guards = Some(Arc::new(guards)));
    let (carrier, pbx) = (standing::CARRIER, standing::PBX);
    let sent = bench.receive(carrier, &invite(1));
    let out = control::only(&sent, "INVITE ").1.clone();
    let sent = bench.receive(pbx, &standing::answer(&out, "200 OK", "b", pbx, &control::sdp_of(pbx)));
    let to = standing::header(&control::only(&sent, "SIP/2.0 200").1, "To:").to_owned();
    let ack = invite(1).replace("INVITE", "ACK").replace("z9hG4bK", "z9hG4bKack");
    bench.receive(carrier, &ack.replace("To: <sip:+442071838750@192.0.2.1>", &format!("To: {to}")));
    let byes = |sent: &control::Sent| sent.iter().filter(|(_, text)| text.starts_with("BYE ")).count();
    assert_eq!(byes(&bench.wait(59)), 0);
    assert!(byes(&bench.wait(1)) >= 2, "both sides are hung up");
    assert_eq!(bench.settle()[0].cause.name(), "too_long");
}

#[test]
fn a_trunk_that_only_takes_calls_may_not_place_one() {
    for (side, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
        let mut bench = Bench::new(|trunks, _| trunks[side].direction = direction);
        let (sent, records) = bench.receive("192.0.2.10:5060", &invite(1));
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 403 Forbidden"));
        assert_eq!(records[0].cause.name(), "direction");
    }
}

#[test]
fn a_realm_without_a_free_port_refuses_and_keeps_its_rooms() {
    let mut bench = Bench::new(|_, _| {});
    for number in 1..=2 {
        assert_eq!(bench.receive("192.0.2.10:5060", &invite(number)).0.len(), 2);
    }
    let (sent, records) = bench.receive("192.0.2.10:5060", &invite(3));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 503 Service Unavailable"));
    assert_eq!(records[0].cause.name(), "no_media_port");
    assert_eq!(bench.edge.policy.trunk(TrunkId::new(0)).usage.calls(), 2);
}
