//! Calls whose keys are agreed on by DTLS, from one side to the other.

use super::control::{DESK, bench_routing, only, sdp_of};
use super::journal::found_with;
use super::refer::{by_carrier, by_pbx};
use super::reliable::Ringing;
use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp};
use super::*;
use crate::call::{Journaled, MediaFound};
use crate::media::Encryption;
use crate::policy::{DelayedOffer, Dtls, Plan, Refer, RouteTarget};

/// This side's description with keys by DTLS.
fn secure(sdp: &str, setup: &str) -> String {
    let octet = if sdp.contains("192.0.2.10") { "C0" } else { "B0" };
    let lines = format!("a=fingerprint:sha-256 {octet}:01:02:03\r\na=setup:{setup}\r\n");
    sdp.replace("RTP/AVP", "UDP/TLS/RTP/SAVP") + &lines
}

fn pass(trunks: &mut [Trunk]) {
    trunks.iter_mut().for_each(|trunk| trunk.media.dtls = Dtls::Pass);
}

fn speaks(message: &str, octet: &str, setup: &str) -> bool {
    let expected = format!("a=fingerprint:sha-256 {octet}:01:02:03\r\na=setup:{setup}\r\n");
    message.contains(" UDP/TLS/RTP/SAVP 8 0\r\n") && message.contains(&expected)
}

/// A call that the carrier has begun and the PBX answered.
fn standing() -> Standing {
    let mut bench = Bench::new(|trunks, _| pass(trunks));
    let (offer, answered) = (secure(SDP, "actpass"), secure(&pbx_sdp(), "active"));
    let called = invite(1).replace(&format!("h: {}", SDP.len()), &format!("h: {}", offer.len()));
    let (sent, _) = bench.receive(CARRIER, &called.replace(SDP, &offer));
    let invite = sent[1].1.clone();
    let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &answered));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    Standing { bench, invite, ok }.acknowledged()
}

/// How the datapath is told that each leg's keys are agreed on.
fn encryption(call: &Standing) -> [Encryption; 2] {
    let entry = call.bench.journal.values().next().expect("a call that stands is written down");
    let plan = Journaled::parse(entry).unwrap().plan().clone();
    [plan.streams[0].a.encryption, plan.streams[0].b.encryption]
}

#[test]
fn each_side_hears_the_certificate_and_the_role_of_the_other_one() {
    let call = standing();
    assert!(speaks(&call.invite, "C0", "actpass"), "{}", call.invite);
    assert!(speaks(&call.ok, "B0", "active"), "{}", call.ok);
    assert_eq!(encryption(&call), [Encryption::Handshake; 2]);
    assert_eq!(encryption(&Standing::new()), [Encryption::Clear; 2]);
}

#[test]
fn a_hold_and_another_handshake_cross_and_outlive_the_edge() {
    let mut call = standing();
    found_with(&mut call, policy(|trunks, _| pass(trunks), |_| {}), MediaFound::Relayed);
    let held = secure(&format!("{SDP}a=sendonly\r\n"), "actpass").replace("C0", "C7");
    let (sent, _) = call.bench.receive(CARRIER, &call.by_carrier("INVITE", 2, &held));
    let (_, change) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    assert!(speaks(change, "C7", "actpass") && change.contains("a=sendonly\r\n"), "{change}");
    let back = secure(&format!("{}a=recvonly\r\n", pbx_sdp()), "passive").replace("B0", "B7");
    let (sent, _) = call.bench.receive(PBX, &answer(change, "200 OK", "b", PBX, &back));
    let (_, ok) = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap();
    assert!(speaks(ok, "B7", "passive"), "{ok}");
    assert_eq!(encryption(&call), [Encryption::Handshake; 2]);
}

#[test]
fn media_that_turns_plain_does_so_on_both_sides_or_not_at_all() {
    for taken in [true, false] {
        let mut call = standing();
        let (sent, _) = call.bench.receive(CARRIER, &call.by_carrier("INVITE", 2, SDP));
        let (_, change) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
        assert!(change.contains(" RTP/AVP 8 0\r\n") && !change.contains("fingerprint"), "{change}");
        let body = if taken { pbx_sdp() } else { secure(&pbx_sdp(), "active") };
        let (sent, _) = call.bench.receive(PBX, &answer(change, "200 OK", "b", PBX, &body));
        let said = statuses(&sent);
        let heard = said.iter().find(|line| line.starts_with("SIP/2.0 ")).expect("an answer");
        assert_eq!(heard.starts_with("SIP/2.0 200"), taken, "{said:?}");
        if taken {
            assert_eq!(encryption(&call), [Encryption::Clear; 2]);
        } else {
            // An answer to nothing that was offered ends the call.
            assert!(said.iter().any(|line| line.starts_with("BYE ")), "{said:?}");
        }
    }
}

#[test]
fn a_late_offer_has_its_answer_in_the_ack() {
    for far in [DelayedOffer::Pass, DelayedOffer::Convert] {
        let mut call = Ringing::with("", "", |trunks, _| {
            pass(trunks);
            trunks[1].delayed_offer = far;
        });
        let sent = call.by_pbx("200 OK", "b", None, &secure(&pbx_sdp(), "actpass"));
        if far == DelayedOffer::Convert {
            // What we offer ourselves is in the clear: we have no certificate of the carrier's.
            assert!(call.heard.starts_with("SIP/2.0 500 "), "{sent:?}");
            continue;
        }
        assert!(speaks(&call.heard, "B0", "actpass"), "{}", call.heard);
        let ack = call.by_carrier("ACK", 1, "", &secure(SDP, "active"));
        let sent = call.receive(CARRIER, &ack);
        assert!(sent[0].1.starts_with("ACK ") && speaks(&sent[0].1, "C0", "active"), "{sent:?}");
    }
}

/// The carrier, which lets handshakes pass, calls the PBX, and then the desk; these of them let handshakes pass, too.
fn two_places(passing: [bool; 2]) -> (Vec<(SocketAddr, String)>, control::Control) {
    let mut bench = bench_routing(
        1,
        |trunks| {
            pass(&mut trunks[..1]);
            for (trunk, passes) in trunks[1..].iter_mut().zip(passing) {
                trunk.media.dtls = if passes { Dtls::Pass } else { Dtls::Drop };
            }
        },
        |_| {},
        |routes| {
            let targets = [1, 2].map(|trunk| RouteTarget::new(TrunkId::new(trunk)));
            routes[0].plan = Arc::new(Plan::of(targets.into()));
        },
    );
    let offer = secure(SDP, "actpass");
    let called = invite(1).replace(&format!("h: {}", SDP.len()), &format!("h: {}", offer.len()));
    (bench.receive(CARRIER, &called.replace(SDP, &offer)), bench)
}

#[test]
fn where_a_handshake_cannot_go_the_next_trunk_of_the_route_has_the_call() {
    let (sent, mut bench) = two_places([false, true]);
    let (to, invite) = only(&sent, "INVITE ");
    assert!(to.to_string() == DESK && speaks(invite, "C0", "actpass"), "{invite}");
    let skipped = bench.settle()[0].attempts[0].clone();
    assert!(skipped.trunk == "pbx" && format!("{skipped:?}").contains("both say dtls"), "{skipped:?}");
    let (sent, mut bench) = two_places([false, false]);
    let refusal = &only(&sent, "SIP/2.0 488").1;
    assert_eq!(header(refusal, "Warning:"), "302 edge \"Incompatible transport protocol\"");
    let record = &bench.settle()[0];
    assert!(record.cause.name() == "offer", "{record:?}");
    assert!(format!("{:?}", record.cause).contains("Dtls"), "{record:?}");
}

#[test]
fn an_answer_in_the_clear_is_no_answer_to_a_handshake() {
    let (sent, mut bench) = two_places([true, false]);
    let invite = only(&sent, "INVITE ").1.clone();
    let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let (_, heard) = sent.iter().find(|(to, _)| to.to_string() == CARRIER).expect("it hears of it");
    assert!(!heard.starts_with("SIP/2.0 200") && !heard.contains("m=audio"), "{heard}");
    assert_eq!(only(&sent, "BYE ").0.to_string(), PBX);
}

#[test]
fn a_side_that_is_transferred_shakes_hands_with_the_target() {
    for passes in [true, false] {
        let (sent, mut bench) = {
            let mut bench = bench_routing(
                1,
                |trunks| {
                    pass(&mut trunks[..if passes { 3 } else { 2 }]);
                    trunks[1].refer = Refer::Consume;
                },
                |_| {},
                |_| {},
            );
            let offer = secure(SDP, "actpass");
            let called = invite(1).replace(&format!("h: {}", SDP.len()), &format!("h: {}", offer.len()));
            (bench.receive(CARRIER, &called.replace(SDP, &offer)), bench)
        };
        let invite = only(&sent, "INVITE ").1.clone();
        let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &secure(&pbx_sdp(), "active")));
        let ok = only(&sent, "SIP/2.0 200").1.clone();
        bench.receive(CARRIER, &by_carrier(&ok, "ACK", 1, ""));
        let refer = by_pbx(&invite, "REFER", 7, "Refer-To: <sip:7001@anywhere.example>\r\n");
        let sent = bench.receive(PBX, &refer);
        if !passes {
            assert!(!sent.iter().any(|(to, _)| to.to_string() == DESK), "{sent:?}");
            assert!(sent.iter().any(|(_, text)| text.contains("SIP/2.0 488")), "{sent:?}");
            continue;
        }
        let offered = only(&sent, "INVITE ").1.clone();
        assert!(speaks(&offered, "C0", "actpass"), "{offered}");
        let desk = secure(&sdp_of(DESK), "active").replace("B0", "D0");
        let sent = bench.receive(DESK, &answer(&offered, "200 OK", "d", DESK, &desk));
        let change = only(&sent, "INVITE ").1.clone();
        assert!(speaks(&change, "D0", "active"), "{change}");
        let sent = bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, &secure(SDP, "passive")));
        assert_eq!(statuses(&sent), ["ACK sip:192.0.2.10:5060 SIP/2.0"]);
    }
}
