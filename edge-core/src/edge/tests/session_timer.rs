//! Session timers of a call: what is proposed, kept and given up.

use super::control::{DESK, bench, only, sdp_of};
use super::refer::{Up, by_carrier, by_pbx};
use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;
use crate::policy::Refer;

const TO_DESK: &str = "Refer-To: <sip:7001@a>\r\n";

/// A standing call whose caller and called side said these headers in the INVITE and its 200.
fn standing(by_carrier: &str, by_pbx: &str) -> Standing {
    let mut bench = Bench::new(|_, _| {});
    let offer = invite(1).replace("Max-Forwards", &format!("{by_carrier}Max-Forwards"));
    let (sent, _) = bench.receive(CARRIER, &offer);
    let invite = sent[1].1.clone();
    let answered = answer(&invite, "200 OK", "b", PBX, &pbx_sdp());
    let (sent, _) = bench.receive(PBX, &answered.replace("Content-Type", &format!("{by_pbx}Content-Type")));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    Standing { bench, invite, ok }.acknowledged()
}

fn with_timer(answer: &str, expires: &str) -> String {
    answer.replace("Content-Type", &format!("Session-Expires: {expires}\r\nContent-Type"))
}

#[test]
fn the_called_side_is_proposed_an_interval_and_the_caller_gets_his() {
    let call = standing("Supported: timer\r\nSession-Expires: 600\r\n", "");
    assert_eq!(header(&call.invite, "Supported:"), "timer, 100rel, replaces, norefersub");
    assert_eq!(header(&call.invite, "Session-Expires:"), "1800");
    assert_eq!(header(&call.invite, "Min-SE:"), "90");
    assert_eq!(header(&call.ok, "Session-Expires:"), "600;refresher=uac");
    assert_eq!(
        (header(&call.ok, "Require:"), header(&call.ok, "Supported:")),
        ("timer", "timer, 100rel, replaces, norefersub")
    );
}

#[test]
fn a_timer_may_be_required() {
    let call = standing("Require: timer\r\nSession-Expires: 600;refresher=uas\r\n", "");
    assert_eq!(header(&call.ok, "Session-Expires:"), "600;refresher=uas");
}

#[test]
fn an_interval_that_is_too_short_is_refused_with_the_least() {
    let mut bench = Bench::new(|_, _| {});
    let short = "Supported: timer\r\nSession-Expires: 60\r\nMax-Forwards";
    let (sent, records) = bench.receive(CARRIER, &invite(1).replace("Max-Forwards", short));
    let refusal = &sent[1].1;
    assert!(refusal.starts_with("SIP/2.0 422 Session Interval Too Small\r\n"), "{refusal}");
    assert_eq!(header(refusal, "Min-SE:"), "90");
    assert_eq!(records[0].cause.name(), "session_interval");
}

#[test]
fn a_422_of_the_called_side_is_put_right_once() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let too_small = |request: &str| {
        let least = "Min-SE: 3600\r\nContent-Type";
        answer(request, "422 Session Interval Too Small", "b", PBX, "").replace("Content-Type", least)
    };
    let (sent, _) = bench.receive(PBX, &too_small(&sent[1].1));
    let [(_, ack), (to, again)] = &sent[..] else { panic!("{sent:?}") };
    assert!(ack.starts_with("ACK ") && again.starts_with("INVITE ") && again.contains("m=audio "), "{again}");
    assert_eq!((to.to_string(), header(again, "CSeq:")), (PBX.to_owned(), "2 INVITE"));
    assert_eq!((header(again, "Session-Expires:"), header(again, "Min-SE:")), ("3600", "3600"));
    let (sent, _) = bench.receive(PBX, &too_small(again).replace("Min-SE: 3600", "Min-SE: 7200"));
    assert_eq!(statuses(&sent)[1], "SIP/2.0 500 Server Internal Error");
    assert_eq!(peers(&sent), [PBX, CARRIER]);
}

#[test]
fn we_refresh_by_update_or_by_reinvite_with_what_is_in_force() {
    for (allow, method) in [("Allow: INVITE, UPDATE\r\n", "UPDATE "), ("", "INVITE ")] {
        let mut call = standing("", &format!("{allow}Session-Expires: 120;refresher=uac\r\n"));
        assert_eq!(call.wait(59), []);
        let sent = call.wait(1);
        let [(to, refresh)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(to.to_string(), PBX);
        assert!(refresh.starts_with(method), "{refresh}");
        assert_eq!(header(refresh, "Session-Expires:"), "120;refresher=uac");
        let described = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
        if method == "INVITE " {
            assert_eq!(described(refresh), described(&call.invite));
        } else {
            assert_eq!(described(refresh), "");
        }
        let ok = with_timer(&answer(refresh, "200 OK", "b", PBX, &pbx_sdp()), "120;refresher=uac");
        let (sent, _) = call.bench.receive(PBX, &ok);
        assert_eq!(sent.len(), usize::from(method == "INVITE "), "an ACK only for an INVITE: {sent:?}");
        if method == "INVITE " {
            let (again, _) = call.bench.receive(PBX, &ok);
            assert_eq!(again, sent, "a 200 that comes again");
        }
        assert_eq!(call.wait(59), []);
        assert!(call.wait(1)[0].1.starts_with(method));
    }
}

#[test]
fn while_we_refresh_no_other_offer_begins() {
    let mut call = standing("", "Session-Expires: 120;refresher=uac\r\n");
    assert_eq!(call.wait(60).len(), 1);
    for (from, request) in
        [(PBX, call.by_pbx("INVITE", 1, SDP)), (CARRIER, call.by_carrier("UPDATE", 2, SDP))]
    {
        assert_eq!(statuses(&call.bench.receive(from, &request).0), ["SIP/2.0 491 Request Pending"]);
    }
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_and_a_method_that_is_not_taken_is_changed() {
    let mut call = standing("", "Allow: UPDATE\r\nSession-Expires: 120;refresher=uac\r\n");
    let refresh = call.wait(60)[0].1.clone();
    call.bench.receive(PBX, &answer(&refresh, "405 Method Not Allowed", "b", PBX, ""));
    let sent = call.wait(5);
    assert!(sent[0].1.starts_with("INVITE "), "{sent:?}");
    let (sent, _) = call.bench.receive(PBX, &answer(&sent[0].1, "491 Request Pending", "b", PBX, ""));
    assert!(statuses(&sent)[0].starts_with("ACK "));
    assert!(call.wait(5)[0].1.starts_with("INVITE "));
}

#[test]
fn a_side_that_does_not_refresh_ends_the_call() {
    let mut call = standing("Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n", "");
    assert_eq!(call.wait(87), []);
    let sent = call.wait(1);
    assert!(sent.iter().all(|(_, text)| text.starts_with("BYE ")), "{sent:?}");
    assert_eq!(peers(&sent), [CARRIER, PBX]);
}

#[test]
fn a_refresh_of_the_peer_is_heard_in_either_form() {
    for (method, body) in [("UPDATE", ""), ("INVITE", SDP)] {
        let timer = "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n";
        let mut call = standing(timer, "");
        assert_eq!(call.wait(60), []);
        let refresh = call.by_carrier(method, 2, body).replace("Max-", &format!("{timer}Max-"));
        let (sent, _) = call.bench.receive(CARRIER, &refresh);
        let ok = if method == "UPDATE" {
            sent[0].1.clone()
        } else {
            let (sent, _) = call.bench.receive(PBX, &answer(&sent[1].1, "200 OK", "b", PBX, &pbx_sdp()));
            let ack = call.by_carrier("ACK", 2, "");
            call.bench.receive(CARRIER, &ack);
            sent[1].1.clone()
        };
        assert_eq!(header(&ok, "Session-Expires:"), "120;refresher=uac", "{ok}");
        assert_eq!(call.wait(87), [], "{method}");
        assert_eq!(call.wait(1).len(), 2);
    }
}

#[test]
fn a_refresh_that_meets_silence_or_an_unknown_call_ends_it() {
    for allow in ["Allow: UPDATE\r\n", ""] {
        let mut call = standing("", &format!("{allow}Session-Expires: 600;refresher=uac\r\n"));
        let refresh = call.wait(300)[0].1.clone();
        let mut lost = answer(&refresh, "481 Call/Transaction Does Not Exist", "b", PBX, "");
        let (sent, _) = call.bench.receive(PBX, &lost);
        assert_eq!(sent.iter().filter(|(_, text)| text.starts_with("BYE ")).count(), 2, "{sent:?}");

        let mut call = standing("", &format!("{allow}Session-Expires: 600;refresher=uac\r\n"));
        let refresh = call.wait(300)[0].1.clone();
        lost = answer(&refresh, "100 Trying", "b", PBX, "");
        call.bench.receive(PBX, &lost);
        assert!(call.wait(40).iter().any(|(_, text)| text.starts_with("BYE ")), "{allow}");
    }
}

/// A call whose sessions last 90 s, kept going by `refresher`s as the peers see it.
fn short_sessions(refresher: &str) -> Up {
    let mut bench = bench(|trunks| trunks[1].refer = Refer::Consume);
    let expires = format!("Supported: timer\r\nSession-Expires: 90;refresher={refresher}\r\nMax-Forwards");
    let sent = bench.receive(CARRIER, &invite(1).replace("Max-Forwards", &expires));
    let invite = only(&sent, "INVITE ").1.clone();
    let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    bench.receive(CARRIER, &by_carrier(&ok, "ACK", 1, ""));
    Up { bench, invite, ok }
}

#[test]
fn a_session_that_we_keep_going_outlives_a_target_that_rings_for_long() {
    let mut up = short_sessions("uas");
    let refer = by_pbx(&up.invite, "REFER", 7, TO_DESK);
    let to_desk = only(&up.bench.receive(PBX, &refer), "INVITE ").1.clone();
    up.bench.receive(DESK, &answer(&to_desk, "180 Ringing", "d", DESK, ""));
    let sent = up.bench.wait(46);
    let refresh = sent.iter().find(|(to, text)| to.to_string() == CARRIER && text.starts_with("INVITE "));
    let refresh = refresh.unwrap_or_else(|| panic!("no refresh in {:?}", statuses(&sent))).1.clone();
    let ok = answer(&refresh, "200 OK", "", CARRIER, SDP);
    let ok = ok.replace("Content-Type", "Session-Expires: 90;refresher=uac\r\nContent-Type");
    only(&up.bench.receive(CARRIER, &ok), "ACK ");
    up.bench.wait(20);
    let sent = up.bench.receive(DESK, &answer(&to_desk, "200 OK", "d", DESK, &sdp_of(DESK)));
    assert_eq!(only(&sent, "INVITE ").0.to_string(), CARRIER, "{:?}", statuses(&sent));
    up.bench.settle();
}

#[test]
fn one_who_may_not_refresh_while_he_is_transferred_does_not_lose_the_call_for_it() {
    let mut up = short_sessions("uac");
    let refer = by_pbx(&up.invite, "REFER", 7, TO_DESK);
    let to_desk = only(&up.bench.receive(PBX, &refer), "INVITE ").1.clone();
    up.bench.receive(DESK, &answer(&to_desk, "180 Ringing", "d", DESK, ""));
    // Who has referred him hangs up, so that there is nobody to agree with.
    up.bench.receive(PBX, &by_pbx(&up.invite, "BYE", 8, ""));
    up.bench.wait(45);
    let refresh = by_carrier(&up.ok, "INVITE", 2, SDP);
    assert_eq!(statuses(&up.bench.receive(CARRIER, &refresh)), ["SIP/2.0 491 Request Pending"]);
    up.bench.wait(60);
    let sent = up.bench.receive(DESK, &answer(&to_desk, "200 OK", "d", DESK, &sdp_of(DESK)));
    assert_eq!(only(&sent, "INVITE ").0.to_string(), CARRIER, "{:?}", statuses(&sent));
    up.bench.settle();
}
