//! A route with several trunks, of which some do not take the call.

use super::control::{Control, DESK, Sent, bench_routing, only, sdp_of};
use super::standing::{CARRIER, PBX, answer, header};
use super::*;
use crate::call::Outcome;
use crate::policy::{Failure, Patience, Plan, RouteTarget, Trigger, Triggers};
use crate::sip::{StatusClass, StatusCode};

/// Calls of the carrier go to the PBX, and then to the desk.
fn two_trunks(change: impl FnOnce(&mut [Trunk; 3]), change_plan: impl FnOnce(&mut Plan)) -> Control {
    let mut plan = Plan::of([1, 2].map(|trunk| RouteTarget::new(TrunkId::new(trunk))).into());
    change_plan(&mut plan);
    bench_routing(1, change, |_| {}, |routes| routes[0].plan = Arc::new(plan))
}

fn as_usual() -> Control {
    two_trunks(|_| {}, |_| {})
}

/// The carrier calls, and the PBX has the INVITE.
fn called(bench: &mut Control) -> String {
    let sent = bench.receive(CARRIER, &invite(1));
    let (to, invite) = only(&sent, "INVITE ").clone();
    assert_eq!(to.to_string(), PBX);
    invite
}

/// What was sent to a peer, by its first words; what came again once.
fn at<'a>(sent: &'a Sent, peer: &str) -> Vec<&'a str> {
    let mut there: Vec<_> = sent.iter().filter(|(to, _)| to.to_string() == peer).collect();
    there.dedup();
    there.iter().map(|(_, text)| text.lines().next().unwrap().split(" sip:").next().unwrap()).collect()
}

fn invite_to(sent: &Sent, peer: &str) -> String {
    let (to, invite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().clone();
    assert_eq!(to.to_string(), peer);
    invite
}

/// Trunk and outcome of each attempt of the only record.
fn attempts(bench: &mut Control) -> Vec<(String, Outcome)> {
    let [record] = bench.settle() else { panic!("one record") };
    let attempts = record.attempts.iter();
    attempts.map(|attempt| (attempt.trunk.clone(), attempt.outcome.clone())).collect()
}

fn was(trunk: &str, outcome: Outcome) -> (String, Outcome) {
    (trunk.to_owned(), outcome)
}

fn refused(code: u16) -> Outcome {
    Outcome::Refused(StatusCode::new(code).unwrap())
}

#[test]
fn a_call_that_a_trunk_refuses_goes_to_the_next_one_on_a_leg_of_its_own() {
    let mut bench = as_usual();
    let first = called(&mut bench);
    let sent = bench.receive(PBX, &answer(&first, "500 Server Internal Error", "a", PBX, ""));
    assert_eq!(at(&sent, CARRIER), Vec::<&str>::new(), "the caller hears nothing of it");
    let second = invite_to(&sent, DESK);
    assert!(second.starts_with("INVITE sip:442071838750@10.0.0.30 SIP/2.0\r\n"), "{second}");
    for own in ["Call-ID:", "From:"] {
        assert_ne!(header(&first, own), header(&second, own));
    }
    assert!(!second.contains("Diversion"), "nobody has sent it there");
    let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &sdp_of(DESK)));
    assert_eq!(only(&sent, "SIP/2.0 200").0.to_string(), CARRIER);
    assert_eq!(bench.edge.policy.trunk(TrunkId::new(1)).usage.calls(), 0, "the PBX has its room back");
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!((record.route.as_deref(), record.redirects), (Some("did"), 0));
    assert_eq!(record.b.as_ref().unwrap().trunk, "desk");
    assert_eq!(record.attempts[1].target.unwrap().to_string(), DESK);
    assert_eq!(attempts(&mut bench), [was("pbx", refused(500)), was("desk", Outcome::Answered)]);
}

#[test]
fn what_leads_to_the_next_trunk_and_what_does_not_is_for_the_route_to_say() {
    let all_of_4xx = Triggers(vec![Trigger::Class(StatusClass::RequestFailure)]);
    let busy = Triggers(vec![Trigger::Status(StatusCode::BUSY_HERE)]);
    for (status, changed, goes_on) in [
        ("503 Service Unavailable", false, true),
        ("408 Request Timeout", false, true),
        ("486 Busy Here", false, false),
        ("404 Not Found", false, false),
        ("603 Decline", false, false),
        ("404 Not Found", true, true),
        ("486 Busy Here", true, false),
        ("500 Server Internal Error", true, false),
    ] {
        let mut bench = two_trunks(
            |_| {},
            |plan| {
                if changed {
                    (plan.failover_on, plan.stop_on) = (all_of_4xx.clone(), busy.clone());
                }
            },
        );
        let first = called(&mut bench);
        let sent = bench.receive(PBX, &answer(&first, status, "a", PBX, ""));
        assert_eq!(at(&sent, DESK) == ["INVITE"], goes_on, "{status}, changed: {changed}");
        assert_eq!(at(&sent, CARRIER).is_empty(), goes_on, "{status}, changed: {changed}");
        bench.settle();
    }
}

#[test]
fn the_caller_hears_the_best_of_what_all_have_said() {
    for (first, second, heard) in [
        ("404 Not Found", "500 Server Internal Error", "SIP/2.0 404 Not Found"),
        ("500 Server Internal Error", "404 Not Found", "SIP/2.0 404 Not Found"),
        ("480 Temporarily Unavailable", "486 Busy Here", "SIP/2.0 486 Busy Here"),
        ("480 Temporarily Unavailable", "408 Request Timeout", "SIP/2.0 480 Temporarily Unavailable"),
        ("404 Not Found", "603 Decline", "SIP/2.0 603 Decline"),
        ("401 Unauthorized", "404 Not Found", "SIP/2.0 404 Not Found"),
        ("503 Service Unavailable", "503 Service Unavailable", "SIP/2.0 500 Server Internal Error"),
    ] {
        let mut bench = two_trunks(
            |_| {},
            |plan| {
                plan.failover_on.0.push(Trigger::Class(StatusClass::RequestFailure));
            },
        );
        let invite = called(&mut bench);
        let reason = "Reason: Q.850;cause=17\r\nContact:";
        let sent = bench.receive(PBX, &answer(&invite, first, "a", PBX, "").replace("Contact:", reason));
        let invite = invite_to(&sent, DESK);
        let sent = bench.receive(DESK, &answer(&invite, second, "b", DESK, ""));
        assert_eq!(statuses(&sent).last(), Some(&heard), "{first}, {second}");
        let told = &sent.last().unwrap().1;
        let first_heard = heard.ends_with(first);
        assert_eq!(told.contains("Reason: Q.850;cause=17"), first_heard && first != second, "{told}");
        let outcomes = [first, second].map(|status| refused(status[..3].parse().unwrap()));
        let [one, two] = outcomes;
        assert_eq!(attempts(&mut bench), [was("pbx", one), was("desk", two)]);
    }
}

#[test]
fn a_silent_trunk_is_passed_over_and_hung_up_when_it_answers_all_the_same() {
    let mut bench = as_usual();
    let first = called(&mut bench);
    let sent = bench.wait(5);
    let second = sent.iter().find(|(to, _)| to.to_string() == DESK).unwrap().1.clone();
    assert_eq!(at(&sent, CARRIER), Vec::<&str>::new());
    let sent = bench.receive(PBX, &answer(&first, "180 Ringing", "a", PBX, ""));
    assert_eq!(at(&sent, PBX), ["CANCEL"]);
    assert_eq!(header(&sent[0].1, "Call-ID:"), header(&first, "Call-ID:"));
    let late = answer(&first, "200 OK", "a", PBX, &sdp_of(PBX));
    assert_eq!(at(&bench.receive(PBX, &late), PBX), ["ACK", "BYE"]);
    assert_eq!(at(&bench.receive(PBX, &late), PBX), ["ACK"]);
    let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &sdp_of(DESK)));
    assert_eq!((at(&sent, DESK), at(&sent, CARRIER)), (vec!["ACK"], vec!["SIP/2.0 200 OK"]));
    // Who was silent is the last one that the next call tries.
    let sent = bench.receive(CARRIER, &invite(2));
    assert_eq!(only(&sent, "INVITE ").0.to_string(), DESK);
    let records = bench.settle();
    let first: Vec<_> = records.iter().map(|record| record.attempts[0].outcome.clone()).collect();
    assert!(first.contains(&Outcome::Timeout) && first.contains(&Outcome::Withdrawn), "{first:?}");
}

/// Waits for a ringing tone for 5 s, and for an answer for 10 s.
fn impatient(plan: &mut Plan) {
    let [ringing, answer] = [5, 10].map(|seconds| Some(Duration::from_secs(seconds)));
    plan.patience = Patience { trying: None, ringing, answer };
}

#[test]
fn a_trunk_that_takes_too_long_is_withdrawn_for_the_next_one() {
    for (said, wait) in [("100 Trying", 6), ("180 Ringing", 11)] {
        let mut bench = two_trunks(|_| {}, impatient);
        let first = called(&mut bench);
        bench.receive(PBX, &answer(&first, said, "a", PBX, ""));
        assert!(bench.wait(wait - 2).is_empty(), "{said}");
        let sent = bench.wait(2);
        assert_eq!((at(&sent, PBX), at(&sent, DESK)), (vec!["CANCEL"], vec!["INVITE"]), "{said}");
        let second = invite_to(&sent, DESK);
        // Its answer crosses our CANCEL.
        let sent = bench.receive(PBX, &answer(&first, "200 OK", "a", PBX, &sdp_of(PBX)));
        assert_eq!(at(&sent, PBX), ["ACK", "BYE"]);
        // The last one is waited for as long as a call may ring.
        bench.receive(DESK, &answer(&second, "180 Ringing", "b", DESK, ""));
        assert!(bench.wait(60).iter().all(|(to, _)| to.to_string() == PBX));
        let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &sdp_of(DESK)));
        assert_eq!(at(&sent, CARRIER), ["SIP/2.0 200 OK"]);
        assert_eq!(attempts(&mut bench), [was("pbx", Outcome::Timeout), was("desk", Outcome::Answered)]);
    }
}

#[test]
fn what_a_trunk_says_of_its_patience_counts_before_what_the_route_says() {
    let slow = Patience { ringing: Some(Duration::from_secs(30)), ..Patience::default() };
    let mut bench = two_trunks(|trunks| trunks[1].as_target.patience = slow, impatient);
    let first = called(&mut bench);
    bench.receive(PBX, &answer(&first, "100 Trying", "a", PBX, ""));
    assert!(bench.wait(9).is_empty());
    assert_eq!(at(&bench.wait(2), PBX), ["CANCEL"], "the route still says how long for an answer");
    bench.settle();
}

#[test]
fn a_slow_trunk_keeps_the_call_when_no_other_one_has_room() {
    let mut bench = two_trunks(|trunks| trunks[2].limits.calls_max = Some(0), impatient);
    let first = called(&mut bench);
    bench.receive(PBX, &answer(&first, "180 Ringing", "a", PBX, ""));
    assert!(bench.wait(20).is_empty());
    assert_eq!(bench.edge.policy.trunk(TrunkId::new(1)).usage.calls(), 1, "it has its room");
    let sent = bench.receive(PBX, &answer(&first, "200 OK", "a", PBX, &sdp_of(PBX)));
    assert_eq!(at(&sent, CARRIER), ["SIP/2.0 200 OK"]);
    let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped { why: "max_calls", .. });
    let attempts = attempts(&mut bench);
    assert!(skipped(&attempts[0].1) && attempts[1] == was("pbx", Outcome::Answered), "{attempts:?}");
}

#[test]
fn a_caller_who_gives_up_is_heard_where_the_call_is_now() {
    let mut bench = as_usual();
    let first = called(&mut bench);
    let sent = bench.receive(PBX, &answer(&first, "503 Service Unavailable", "a", PBX, ""));
    let second = invite_to(&sent, DESK);
    bench.receive(DESK, &answer(&second, "180 Ringing", "b", DESK, ""));
    let sent = bench.receive(CARRIER, &request("CANCEL", "sip:+442071838750@192.0.2.1", 1, "", ""));
    assert_eq!(only(&sent, "CANCEL ").0.to_string(), DESK);
    assert_eq!(attempts(&mut bench), [was("pbx", refused(503)), was("desk", Outcome::Withdrawn)]);
}

#[test]
fn early_media_of_a_trunk_that_fails_does_not_keep_the_call_from_the_next_one() {
    let mut bench = as_usual();
    let first = called(&mut bench);
    let only_pcmu = |peer: &str| sdp_of(peer).replace("AVP 8 0", "AVP 0");
    let sent = bench.receive(PBX, &answer(&first, "183 Session Progress", "a", PBX, &sdp_of(PBX)));
    assert!(only(&sent, "SIP/2.0 183").1.contains("AVP 8 0\r\n"));
    let sent = bench.receive(PBX, &answer(&first, "503 Service Unavailable", "a", PBX, ""));
    let second = invite_to(&sent, DESK);
    assert!(second.contains("AVP 8 0\r\n"), "the whole offer again: {second}");
    let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &only_pcmu(DESK)));
    let (_, ok) = only(&sent, "SIP/2.0 200");
    assert!(ok.contains("m=audio 20000 RTP/AVP 0\r\n") && ok.contains("o=- "), "{ok}");
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn an_early_answer_that_was_acknowledged_stands_and_the_caller_is_told_anew_after_the_call_is_up() {
    for (answered, told_anew) in [("AVP 8 0", false), ("AVP 0", true)] {
        let mut bench = as_usual();
        let offer = invite(1).replace("Max-Forwards", "Supported: 100rel\r\nMax-Forwards");
        let sent = bench.receive(CARRIER, &offer);
        let first = invite_to(&sent, PBX);
        let sent = bench.receive(PBX, &answer(&first, "183 Session Progress", "a", PBX, &sdp_of(PBX)));
        let progress = only(&sent, "SIP/2.0 183").1.clone();
        let rack = format!("RAck: {} 1 INVITE\r\nMax-Forwards: 70\r\n", header(&progress, "RSeq:"));
        let prack = request("PRACK", "sip:edge", 1, &rack, "")
            .replace("To: <sip:edge>", &format!("To: {}", header(&progress, "To:")))
            .replace("CSeq: 1", "CSeq: 2")
            .replace("z9hG4bK1", "z9hG4bKprack");
        only(&bench.receive(CARRIER, &prack), "SIP/2.0 200");
        let sent = bench.receive(PBX, &answer(&first, "503 Service Unavailable", "a", PBX, ""));
        let second = invite_to(&sent, DESK);
        let sdp = sdp_of(DESK).replace("AVP 8 0", answered);
        let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &sdp));
        let ok = only(&sent, "SIP/2.0 200").1.clone();
        assert!(ok.contains("Content-Length: 0\r\n"), "an offer has one answer: {ok}");
        let ack = request("ACK", "sip:edge", 1, "", "")
            .replace("To: <sip:edge>", &format!("To: {}", header(&ok, "To:")))
            .replace("z9hG4bK1", "z9hG4bKack");
        let mut sent = bench.receive(CARRIER, &ack);
        sent.extend(bench.wait(3));
        assert_eq!(at(&sent, CARRIER).contains(&"INVITE"), told_anew, "{sent:?}");
        bench.settle();
    }
}

#[test]
fn a_trunk_that_may_have_no_call_is_skipped_and_503_says_that_none_is_left() {
    type Change = fn(&mut [Trunk; 3]);
    let changes: [(Change, &str); 4] = [
        (|trunks| trunks[1].limits.calls_max = Some(0), "max_calls"),
        (|trunks| trunks[1].enabled = false, "trunk_disabled"),
        (|trunks| trunks[1].direction = Direction::Inbound, "direction"),
        (|trunks| trunks[1].reliable_provisional = crate::policy::ReliableProvisional::Required, ""),
    ];
    for (change, why) in changes {
        let mut bench = two_trunks(change, |_| {});
        let sent = bench.receive(CARRIER, &invite(1));
        let first = only(&sent, "INVITE ").0.to_string();
        assert_eq!(first, if why.is_empty() { PBX } else { DESK });
        bench.settle();
        let skipped = bench.records[0].attempts.iter().find_map(|attempt| match &attempt.outcome {
            Outcome::Skipped { why, .. } => Some(*why),
            Outcome::Pending
            | Outcome::Answered
            | Outcome::Refused(_)
            | Outcome::Timeout
            | Outcome::Unreachable
            | Outcome::Withdrawn => None,
        });
        assert_eq!(skipped.unwrap_or_default(), why);

        let mut bench = two_trunks(
            |trunks| {
                change(trunks);
                trunks[2].enabled = false;
            },
            |_| {},
        );
        let sent = bench.receive(CARRIER, &invite(1));
        if why.is_empty() {
            continue;
        }
        let refusal = &sent.last().unwrap().1;
        assert!(refusal.starts_with("SIP/2.0 503 ") && refusal.contains("Retry-After: 10\r\n"), "{refusal}");
        let [record] = bench.settle() else { panic!("one record") };
        assert_eq!((record.cause.name(), record.attempts.len()), ("no_trunk", 2));
    }
}

#[test]
fn priority_calls_pass_every_bound_of_trunks() {
    let full = |trunks: &mut [Trunk; 3]| {
        for trunk in trunks {
            trunk.limits = Limits { calls_max: Some(0), calls_per_second_max: Some(1), ..Limits::default() };
        }
    };
    let mut bench = bench_routing(1, full, |_| {}, |routes| routes[0].priority = true);
    for number in 1..=3 {
        only(&bench.receive(CARRIER, &invite(number)), "INVITE ");
    }
    assert_eq!(bench.edge.policy.trunk(TrunkId::new(1)).usage.calls(), 3, "they count all the same");
    assert_eq!(bench.settle().len(), 3);
}

#[test]
fn a_target_may_rewrite_the_number_its_own_way() {
    let rewrite = NumberRewrite { strip: 3, prepend: "0".to_owned() };
    let mut bench = two_trunks(|_| {}, |plan| plan.targets[1].rewrite = Some(rewrite));
    let first = called(&mut bench);
    assert!(first.starts_with("INVITE sip:442071838750@"));
    let sent = bench.receive(PBX, &answer(&first, "503 Service Unavailable", "a", PBX, ""));
    assert!(invite_to(&sent, DESK).starts_with("INVITE sip:02071838750@"));
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!(record.number_sent.as_deref(), Some("02071838750"));
    assert_eq!(
        record.attempts.iter().map(|attempt| attempt.number.as_str()).collect::<Vec<_>>(),
        ["442071838750", "02071838750"]
    );
}

#[test]
fn when_all_are_silent_the_caller_hears_408() {
    let mut bench = as_usual();
    called(&mut bench);
    let sent = bench.wait(45);
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 408 Request Timeout"));
    assert_eq!(attempts(&mut bench), [was("pbx", Outcome::Timeout), was("desk", Outcome::Timeout)]);
    assert!(Plan::to(TrunkId::new(0)).goes_on_after(Failure::Timeout));
}

#[test]
fn a_redirection_is_followed_first_and_the_route_goes_on_behind_it() {
    let mut bench = two_trunks(|trunks| trunks[1].redirects = crate::policy::Redirects::Follow, |_| {});
    let first = called(&mut bench);
    let redirect = answer(&first, "302 Moved Temporarily", "a", PBX, "");
    let sent = bench.receive(PBX, &redirect.replace("<sip:10.0.0.20:5060>", "<sip:+15550099@x>"));
    let moved = invite_to(&sent, CARRIER);
    assert!(moved.contains("Diversion: "));
    let sent = bench.receive(CARRIER, &answer(&moved, "500 Server Internal Error", "c", CARRIER, ""));
    invite_to(&sent, DESK);
    let outcomes = [was("pbx", refused(302)), was("carrier", refused(500)), was("desk", Outcome::Withdrawn)];
    assert_eq!(attempts(&mut bench), outcomes);
}
