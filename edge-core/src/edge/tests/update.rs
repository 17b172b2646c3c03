//! UPDATE: with an offer it crosses, without one it concerns one dialog.

use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;

const ALLOW: &str = "Allow: INVITE, ACK, CANCEL, BYE, UPDATE\r\nMax-Forwards:";

/// A call whose PBX takes UPDATE.
fn standing() -> Standing {
    let mut call = Standing::new();
    let learnt = call.by_pbx("UPDATE", 1, "").replace("Max-Forwards:", ALLOW);
    let (sent, _) = call.bench.receive(PBX, &learnt);
    assert_eq!((peers(&sent), statuses(&sent)), (vec![PBX.to_owned()], vec!["SIP/2.0 200 OK"]));
    assert_eq!(header(&sent[0].1, "Contact:"), "<sip:10.0.0.1:5060>");
    call
}

fn hold(call: &Standing, sequence: u32) -> String {
    call.by_carrier("UPDATE", sequence, &format!("{SDP}a=sendonly\r\n"))
}

#[test]
fn an_offer_crosses_and_its_answer_comes_back() {
    let mut call = standing();
    let update = hold(&call, 2);
    let (sent, _) = call.bench.receive(CARRIER, &update);
    let [(to, update)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(to.to_string(), PBX);
    assert!(update.starts_with("UPDATE ") && update.contains("a=sendonly\r\n"), "{update}");
    assert_eq!(header(update, "Contact:"), "<sip:10.0.0.1:5060>");

    let held = format!("{}a=recvonly\r\n", pbx_sdp());
    let (sent, _) = call.bench.receive(PBX, &answer(update, "200 OK", "b", PBX, &held));
    let [(to, ok)] = &sent[..] else { panic!("no ACK, one answer: {sent:?}") };
    assert_eq!(to.to_string(), CARRIER);
    assert!(ok.starts_with("SIP/2.0 200 OK") && ok.contains("a=recvonly\r\n"), "{ok}");
    assert!(header(ok, "Allow:").contains("UPDATE") && header(ok, "Contact:").contains("192.0.2.1:5060"));
    assert_eq!(call.wait(40), [], "nothing is repeated, since nothing awaits an ACK");
}

#[test]
fn a_side_that_takes_no_update_gets_a_reinvite() {
    let mut call = Standing::new();
    let update = hold(&call, 2);
    let (sent, _) = call.bench.receive(CARRIER, &update);
    let [(_, reinvite)] = &sent[..] else { panic!("{sent:?}") };
    assert!(reinvite.starts_with("INVITE ") && reinvite.contains("a=sendonly\r\n"), "{reinvite}");
    // An UPDATE has no provisional answers.
    assert_eq!(call.bench.receive(PBX, &answer(reinvite, "180 Ringing", "b", PBX, "")), (vec![], vec![]));
    let (sent, _) = call.bench.receive(PBX, &answer(reinvite, "200 OK", "b", PBX, &pbx_sdp()));
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert!(statuses(&sent)[0].starts_with("ACK ") && statuses(&sent)[1] == "SIP/2.0 200 OK");
    assert_eq!(header(&sent[1].1, "CSeq:"), "2 UPDATE");
}

#[test]
fn offers_that_meet_are_refused_by_the_rules() {
    let mut call = standing();
    let update = hold(&call, 2);
    call.bench.receive(CARRIER, &update);
    // We have its offer and have not answered.
    let second = hold(&call, 3);
    let (sent, _) = call.bench.receive(CARRIER, &second);
    assert_eq!(statuses(&sent), ["SIP/2.0 500 Server Internal Error"]);
    assert!(header(&sent[0].1, "Retry-After:").parse::<u64>().is_ok_and(|seconds| seconds <= 10));
    // It has an offer of ours and has not answered.
    for method in ["UPDATE", "INVITE"] {
        let sequence = if method == "UPDATE" { 2 } else { 3 };
        let theirs = call.by_pbx(method, sequence, &pbx_sdp());
        assert_eq!(statuses(&call.bench.receive(PBX, &theirs).0), ["SIP/2.0 491 Request Pending"]);
    }
    // Without an offer there is nothing to meet.
    let plain = call.by_pbx("UPDATE", 4, "");
    assert_eq!(statuses(&call.bench.receive(PBX, &plain).0), ["SIP/2.0 200 OK"]);
}

#[test]
fn a_failure_leaves_the_call_unless_it_says_that_the_call_is_gone() {
    for (heard, told, ends) in [
        ("488 Not Acceptable Here", "SIP/2.0 488 Not Acceptable Here", false),
        ("491 Request Pending", "SIP/2.0 491 Request Pending", false),
        ("481 Call/Transaction Does Not Exist", "SIP/2.0 481 Call/Transaction Does Not Exist", true),
        ("408 Request Timeout", "SIP/2.0 504 Server Time-out", true),
    ] {
        let mut call = standing();
        let update = hold(&call, 2);
        let (sent, _) = call.bench.receive(CARRIER, &update);
        let (sent, _) = call.bench.receive(PBX, &answer(&sent[0].1, heard, "b", PBX, ""));
        assert_eq!(statuses(&sent)[0], told);
        assert_eq!(statuses(&sent).iter().any(|line| line.starts_with("BYE ")), ends, "{heard}");
    }
}

#[test]
fn an_update_that_cannot_be_read_is_refused_and_changes_nothing() {
    let mut call = standing();
    for (sequence, from, to, status) in [
        (2, "application/sdp", "text/plain", "SIP/2.0 415 Unsupported Media Type"),
        (3, "m=audio 6000", "m=video 6000", "SIP/2.0 488 Not Acceptable Here"),
        (4, "Max-Forwards", "Require: foo\r\nMax-Forwards", "SIP/2.0 420 Bad Extension"),
    ] {
        let update = hold(&call, sequence).replace(from, to);
        assert_eq!(statuses(&call.bench.receive(CARRIER, &update).0), [status]);
    }
    let update = hold(&call, 5);
    assert!(statuses(&call.bench.receive(CARRIER, &update).0)[0].starts_with("UPDATE "));
}

#[test]
fn a_new_target_is_where_the_next_request_is_for() {
    let mut call = Standing::new();
    let moved = call.by_pbx("UPDATE", 1, "").replace("<sip:10.0.0.20:5060>", "<sip:10.0.0.20:5099>");
    call.bench.receive(PBX, &moved);
    let bye = call.by_carrier("BYE", 2, "");
    let (sent, _) = call.bench.receive(CARRIER, &bye);
    assert_eq!(peers(&sent), [CARRIER, "10.0.0.20:5099"]);
}

#[test]
fn before_the_answer_an_offer_is_asked_to_wait_and_a_new_target_is_taken() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let invite = sent[1].1.clone();
    let (sent, _) = bench.receive(PBX, &answer(&invite, "180 Ringing", "b", PBX, ""));
    let by_caller = |sequence: u32, body: &str| {
        let to = format!("To: {}", header(&sent[0].1, "To:"));
        let update = request("UPDATE", "sip:edge", 1, "Content-Type: application/sdp\r\n", body);
        let update =
            update.replace("To: <sip:edge>", &to).replace("z9hG4bK1", &format!("z9hG4bKu{sequence}"));
        update.replace("CSeq: 1", &format!("CSeq: {sequence}"))
    };
    assert_eq!(statuses(&bench.receive(CARRIER, &by_caller(2, "")).0), ["SIP/2.0 200 OK"]);
    let (offer, _) = bench.receive(CARRIER, &by_caller(3, SDP));
    assert_eq!(statuses(&offer), ["SIP/2.0 500 Server Internal Error"]);

    // One who has not rung yet has a dialog that is none of ours.
    let theirs = answer(&invite, "200 OK", "b", PBX, "").replace("SIP/2.0 200 OK", "UPDATE sip:edge SIP/2.0");
    let theirs = theirs.replace("1 INVITE", "1 UPDATE").replace("From:", "X:").replace("To:", "From:");
    let theirs = theirs.replace("X:", "To:").replace("10.0.0.1:5060;branch", "10.0.0.20:5060;branch");
    let silent = theirs.replace(";tag=b", ";tag=c");
    let (sent, _) = bench.receive(PBX, &silent);
    assert_eq!(statuses(&sent), ["SIP/2.0 500 Server Internal Error"]);
    assert_eq!(header(&sent[0].1, "Retry-After:"), "2");
    let theirs = theirs.replace("z9hG4bK", "z9hG4bKr");
    assert_eq!(statuses(&bench.receive(PBX, &theirs).0), ["SIP/2.0 200 OK"], "the one that rings has one");
}
