//! Features that meet: a transfer and a replacement, a transfer and trunks that are none of its business.

use super::control::{Control, DESK, bench, only, sdp_of};
use super::refer::{Up, by_carrier, by_pbx};
use super::replaces::{dialog_of_pbx, replacing};
use super::standing::{CARRIER, PBX, answer, header, in_dialog, pbx_sdp};
use super::*;
use crate::policy::Refer;

const TO_DESK: &str = "Refer-To: <sip:7001@a>\r\n";

/// A call whose PBX has referred the carrier to the desk: the INVITE that the desk got.
fn referred() -> (Up, String) {
    let mut up = Up::new(Refer::Consume);
    let refer = by_pbx(&up.invite, "REFER", 7, TO_DESK);
    let sent = up.bench.receive(PBX, &refer);
    let to_desk = only(&sent, "INVITE ").1.clone();
    up.bench.receive(DESK, &answer(&to_desk, "180 Ringing", "d", DESK, ""));
    (up, to_desk)
}

#[test]
fn a_replacement_that_fails_is_not_the_end_of_a_transfer() {
    let (mut up, to_desk) = referred();
    let replacing = replacing(&dialog_of_pbx(&up.invite));
    let sent = up.bench.receive(PBX, &replacing);
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let ack = in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, "");
    let bye = ack.replace("ACK", "BYE").replace("CSeq: 1", "CSeq: 6");
    // It is hung up before it is acknowledged.
    let sent = up.bench.receive(PBX, &bye);
    assert!(sent.iter().all(|(_, text)| !text.starts_with("NOTIFY ")), "{:?}", statuses(&sent));
    let sent = up.bench.receive(DESK, &answer(&to_desk, "200 OK", "d", DESK, &sdp_of(DESK)));
    assert!(only(&sent, "NOTIFY ").1.ends_with("SIP/2.0 200 OK\r\n"));
    assert_eq!(only(&sent, "BYE ").0.to_string(), PBX);
    let records = up.bench.settle();
    assert!(records.iter().any(|record| record.cause.name() == "transferred"), "{records:?}");
    assert_eq!(records.len(), 3);
}

#[test]
fn a_side_that_is_replaced_is_no_longer_called_for() {
    let (mut up, _) = referred();
    let sent = up.bench.receive(PBX, &replacing(&dialog_of_pbx(&up.invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let ack = in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, "");
    let sent = up.bench.receive(PBX, &ack);
    assert_eq!(only(&sent, "CANCEL ").0.to_string(), DESK);
    let notify = &only(&sent, "NOTIFY ").1;
    assert!(notify.ends_with("SIP/2.0 487 Request Terminated\r\n"), "{notify}");
    let records = up.bench.settle();
    let mut causes: Vec<_> = records.iter().map(|record| record.cause.name()).collect();
    causes.sort_unstable();
    assert_eq!(causes, ["cancelled", "drained", "replaced"]);
}

#[test]
fn what_names_a_dialog_is_told_to_no_other_trunk_than_its_own() {
    // The PBX has a call with the carrier, and one with the desk, and refers the desk to the carrier.
    let carrier = Up::new(Refer::Pass);
    let (named, mut bench) = (dialog_of_pbx(&carrier.invite), carrier.bench);
    let call = request(
        "INVITE",
        "sip:7001@10.0.0.1",
        6,
        "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n",
        &pbx_sdp(),
    );
    let sent = bench.receive(PBX, &call.replace("192.0.2.10", "10.0.0.20"));
    let to_desk = only(&sent, "INVITE ").1.clone();
    let sent = bench.receive(DESK, &answer(&to_desk, "200 OK", "d", DESK, &sdp_of(DESK)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let within = |method, headers: &str| {
        let (from, to, id) = (header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"));
        let number = if method == "ACK" { 1 } else { 2 };
        in_dialog(method, number, from, to, id, PBX, "").replace("Max-F", &format!("{headers}Max-F"))
    };
    bench.receive(PBX, &within("ACK", ""));
    let named = named.replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
    let refer = within("REFER", &format!("Refer-To: <sip:+15550001@10.0.0.1?Replaces={named}>\r\n"));
    let sent = bench.receive(PBX, &refer);
    assert_eq!(statuses(&sent), ["SIP/2.0 603 Decline"], "{sent:?}");
    assert_eq!(bench.settle().len(), 2);
}

#[test]
fn one_who_answers_a_bye_and_then_says_that_he_rings_keeps_nothing() {
    let mut up = Up::new(Refer::Refuse);
    let hold = by_carrier(&up.ok, "INVITE", 2, SDP);
    let hold = only(&up.bench.receive(CARRIER, &hold), "INVITE ").1.clone();
    let bye = by_carrier(&up.ok, "BYE", 3, "");
    let bye = only(&up.bench.receive(CARRIER, &bye), "BYE ").1.clone();
    up.bench.receive(PBX, &answer(&bye, "200 OK", "", PBX, ""));
    up.bench.receive(PBX, &answer(&hold, "180 Ringing", "", PBX, ""));
    assert_eq!(up.bench.settle().len(), 1);
}

#[test]
fn an_offer_that_comes_in_a_prack_after_the_end_is_answered() {
    let mut bench = bench(|_| {});
    let all = "Require: 100rel\r\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\nMax-Forwards";
    let sent = bench.receive(CARRIER, &invite(1).replace("Max-Forwards", all));
    let invite = only(&sent, "INVITE ").1.clone();
    let by_pbx = |bench: &mut Control, code: &str, rseq: &str, sdp: &str| {
        let headers = format!("{rseq}Allow: INVITE, PRACK, UPDATE\r\nContact:");
        let sent = bench.receive(PBX, &answer(&invite, code, "b", PBX, sdp).replace("Contact:", &headers));
        sent.into_iter().rfind(|(to, _)| to.to_string() == CARRIER).unwrap().1
    };
    let prack = |heard: &str, sequence, body: &str| {
        let rack = format!("RAck: {} 1 INVITE\r\nMax-Forwards", header(heard, "RSeq:"));
        by_carrier(heard, "PRACK", sequence, body).replace("Max-Forwards", &rack)
    };
    let early = by_pbx(&mut bench, "183 Session Progress", "Require: 100rel\r\nRSeq: 1\r\n", &pbx_sdp());
    only(&bench.receive(CARRIER, &prack(&early, 2, "")), "SIP/2.0 200");
    let ringing = by_pbx(&mut bench, "180 Ringing", "Require: 100rel\r\nRSeq: 2\r\n", "");
    let ok = by_pbx(&mut bench, "200 OK", "", "");
    assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
    let call = bench.edge.calls().next().map(|call| call.key).unwrap();
    bench.edge.handle(Input::HangupRequested { call }, bench.now);
    bench.wait(1);
    bench.receive(CARRIER, &prack(&ringing, 3, ""));
    let sent = bench.receive(CARRIER, &prack(&ringing, 4, SDP));
    assert_eq!(statuses(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert_eq!(bench.settle().len(), 1);
}
