//! Dialogs that are replaced: by an INVITE (RFC 3891), and by a REFER that names another call (RFC 5589).

use super::control::{Sent, only};
use super::refer::{Up, by_carrier, by_pbx};
use super::standing::{CARRIER, PBX, answer, header, in_dialog, pbx_sdp};
use super::*;
use crate::policy::Refer;

fn tag(party: &str) -> &str {
    party.split(";tag=").nth(1).unwrap()
}

/// The PBX's dialog with us, as it names it to us.
pub(super) fn dialog_of_pbx(invite: &str) -> String {
    format!("{};to-tag={};from-tag=b", header(invite, "Call-ID:"), tag(header(invite, "From:")))
}

/// An INVITE of the PBX's that is to replace a dialog.
pub(super) fn replacing(replaces: &str) -> String {
    let headers = format!(
        "Replaces: {replaces}\r\nRequire: replaces\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
    );
    request("INVITE", "sip:+15550001@10.0.0.1", 5, &headers, &pbx_sdp()).replace("192.0.2.10", "10.0.0.20")
}

#[test]
fn an_invite_takes_the_place_of_a_dialog_of_its_trunk() {
    let mut up = Up::new(Refer::Refuse);
    let sent = up.bench.receive(PBX, &replacing(&dialog_of_pbx(&up.invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    assert!(ok.contains("m=audio 20002 ") && sent.iter().all(|(to, _)| to.to_string() == PBX), "{sent:?}");
    let ack = in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, "");
    let sent = up.bench.receive(PBX, &ack);
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&up.invite, "Call-ID:"));
    let (to, change) = only(&sent, "INVITE ");
    assert!(to.to_string() == CARRIER && !change.contains("10.0.0."), "{change}");
    let sent = up.bench.receive(CARRIER, &answer(change, "200 OK", "", CARRIER, SDP));
    only(&sent, "ACK ");
    let bye = by_carrier(&up.ok, "BYE", 2, "");
    let sent = up.bench.receive(CARRIER, &bye);
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&ok, "Call-ID:"));
    let [first, second] = up.bench.settle() else { panic!("a record a call") };
    assert_eq!((first.cause.name(), first.cause.ended_by().as_str()), ("replaced", "b"));
    assert_eq!((second.cause.name(), second.cause.ended_by().as_str()), ("hangup", "b"));
    assert_eq!(second.from_call.as_deref(), Some(first.id.as_str()));
}

#[test]
fn a_dialog_is_its_new_calls_after_a_kill_whichever_of_both_is_found_first() {
    for reversed in [false, true] {
        let mut up = Up::new(Refer::Refuse);
        let sent = up.bench.receive(PBX, &replacing(&dialog_of_pbx(&up.invite)));
        let ok = only(&sent, "SIP/2.0 200").1.clone();
        let (from, to, call_id) = (header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"));
        let sent = up.bench.receive(PBX, &in_dialog("ACK", 1, from, to, call_id, PBX, ""));
        let change = only(&sent, "INVITE ").1.clone();
        up.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
        // Who was replaced has not answered its BYE yet.
        let sent = up.bench.restart_with(|found| {
            assert_eq!(found.len(), 2);
            if reversed {
                found.reverse();
            }
        });
        assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&up.invite, "Call-ID:"));
        let sent = up.bench.receive(CARRIER, &by_carrier(&up.ok, "BYE", 2, ""));
        assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), call_id, "reversed: {reversed}");
    }
}

#[test]
fn an_invite_without_an_offer_takes_the_place_too() {
    let without = |replaces: &str| {
        let sdp = pbx_sdp();
        replacing(replaces).replace(&sdp, "").replace(&format!("Length: {}", sdp.len()), "Length: 0")
    };
    let mut up = Up::new(Refer::Refuse);
    let sent = up.bench.receive(PBX, &without(&dialog_of_pbx(&up.invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    assert!(
        ok.contains("m=audio 20002 RTP/AVP 8 0") && !ok.contains("192.0.2."),
        "it is made an offer: {ok}"
    );
    let ack = |sdp: &str| {
        in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, sdp)
    };
    let answered = ack(&pbx_sdp().replace("AVP 8 0", "AVP 8"));
    let sent = up.bench.receive(PBX, &answered);
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&up.invite, "Call-ID:"));
    let (to, change) = only(&sent, "INVITE ");
    assert!(to.to_string() == CARRIER && change.contains("RTP/AVP 8\r\n"), "{change}");
    let sent = up.bench.receive(CARRIER, &answer(change, "200 OK", "", CARRIER, SDP));
    only(&sent, "ACK ");
    let causes: Vec<_> = up.bench.settle().iter().map(|record| record.cause.name()).collect();
    assert_eq!(causes, ["replaced", "drained"]);
}

#[test]
fn one_whose_answer_cannot_be_used_replaces_nothing() {
    for answer in ["", "v=0\r\n", &pbx_sdp().replace("AVP 8 0", "AVP 18")] {
        let mut up = Up::new(Refer::Refuse);
        let sdp = pbx_sdp();
        let invite = replacing(&dialog_of_pbx(&up.invite)).replace(&sdp, "");
        let invite = invite.replace(&format!("Length: {}", sdp.len()), "Length: 0");
        let sent = up.bench.receive(PBX, &invite);
        let ok = only(&sent, "SIP/2.0 200").1.clone();
        let (from, to, call_id) = (header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"));
        let sent = up.bench.receive(PBX, &in_dialog("ACK", 1, from, to, call_id, PBX, answer));
        assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), call_id, "{:?}", statuses(&sent));
        assert_eq!(up.bench.records[0].cause.name(), "bad_answer");
        let bye = by_carrier(&up.ok, "BYE", 2, "");
        assert_eq!(only(&up.bench.receive(CARRIER, &bye), "BYE ").0.to_string(), PBX, "the call stands");
        assert_eq!(up.bench.settle().len(), 2);
    }
}

#[test]
fn what_cannot_be_replaced_is_left_alone() {
    let up = Up::new(Refer::Refuse);
    let own = dialog_of_pbx(&up.invite);
    let of_carrier =
        format!("{};to-tag={};from-tag=a1", header(&up.ok, "Call-ID:"), tag(header(&up.ok, "To:")));
    for (replaces, status) in [
        ("nobody@a;to-tag=1;from-tag=2".to_owned(), "481 Call/Transaction Does Not Exist"),
        (of_carrier, "481 Call/Transaction Does Not Exist"),
        (own.replace("from-tag=b", "from-tag=c"), "481 Call/Transaction Does Not Exist"),
        (format!("{own};early-only"), "486 Busy Here"),
        (own.replace(";from-tag=b", ""), "400 Bad Request"),
        (format!("{own}\r\nReplaces: {own}"), "400 Bad Request"),
    ] {
        let mut up = Up::new(Refer::Refuse);
        let sent = up.bench.receive(PBX, &replacing(&replaces));
        assert_eq!(statuses(&sent).last(), Some(&format!("SIP/2.0 {status}").as_str()), "{replaces}");
        assert!(sent.iter().all(|(_, text)| !text.starts_with("BYE ")));
        assert_eq!(up.bench.settle().len(), 2);
    }
}

#[test]
fn one_that_is_not_acknowledged_replaces_nothing() {
    let mut up = Up::new(Refer::Refuse);
    up.bench.receive(PBX, &replacing(&dialog_of_pbx(&up.invite)));
    let sent = up.bench.wait(32);
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), "5@10.0.0.20", "{:?}", statuses(&sent));
    assert_eq!(up.bench.records[0].cause.name(), "no_ack");
    let bye = by_carrier(&up.ok, "BYE", 2, "");
    assert_eq!(only(&up.bench.receive(CARRIER, &bye), "BYE ").0.to_string(), PBX);
    assert_eq!(up.bench.settle().len(), 2);
}

#[test]
fn a_dialog_that_its_trunk_has_hung_up_is_not_replaced() {
    let mut up = Up::new(Refer::Consume);
    up.bench.receive(PBX, &by_pbx(&up.invite, "REFER", 7, "Refer-To: <sip:7001@a>\r\n"));
    up.bench.receive(PBX, &by_pbx(&up.invite, "BYE", 8, ""));
    let sent = up.bench.receive(PBX, &replacing(&dialog_of_pbx(&up.invite)));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 603 Decline"));
    assert_eq!(up.bench.settle().len(), 3);
}

#[test]
fn a_joined_call_lasts_no_longer_than_the_oldest_of_those_that_it_was() {
    let mut up = Up::new(Refer::Refuse);
    let hour = 3600;
    up.bench.wait(7 * hour);
    let sent = up.bench.receive(PBX, &replacing(&dialog_of_pbx(&up.invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let ack = in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, "");
    let sent = up.bench.receive(PBX, &ack);
    let change = only(&sent, "INVITE ").1.clone();
    up.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
    up.bench.wait(5 * hour - 60);
    assert_eq!(up.bench.edge.counters().calls_standing, 1);
    up.bench.wait(120);
    assert_eq!(up.bench.records.last().map(|record| record.cause.name()), Some("too_long"));
    up.bench.settle();
}

/// Two calls of the carrier's to the PBX, which refers the first to the second.
fn attended(refer: Refer) -> (Up, String, String, Sent) {
    let first = Up::new(refer);
    let (invite, ok) = (first.invite, first.ok);
    let mut second = Up::call(first.bench, 2);
    let named = dialog_of_pbx(&second.invite).replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
    let target = format!("Refer-To: <sip:+15550001@10.0.0.1?Replaces={named}>\r\n");
    let sent = second.bench.receive(PBX, &by_pbx(&invite, "REFER", 7, &target));
    (second, invite, ok, sent)
}

#[test]
fn two_calls_that_one_trunk_leaves_are_joined() {
    let (mut second, first_invite, first_ok, sent) = attended(Refer::Consume);
    only(&sent, "SIP/2.0 202");
    let byes: Vec<_> = sent.iter().filter(|(_, text)| text.starts_with("BYE ")).collect();
    let ids: Vec<_> = byes.iter().map(|(_, bye)| header(bye, "Call-ID:")).collect();
    assert_eq!(ids, [header(&first_invite, "Call-ID:"), header(&second.invite, "Call-ID:")]);
    let last = sent.iter().rfind(|(_, text)| text.starts_with("NOTIFY ")).unwrap();
    assert!(last.1.ends_with("SIP/2.0 200 OK\r\n"), "{last:?}");
    let change = only(&sent, "INVITE ").1.clone();
    assert_eq!(
        header(&change, "Call-ID:"),
        header(&second.ok, "Call-ID:"),
        "the second hears what the first says"
    );
    let sent = second.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
    only(&sent, "ACK ");
    let change = only(&sent, "INVITE ").1.clone();
    assert_eq!(
        header(&change, "Call-ID:"),
        header(&first_ok, "Call-ID:"),
        "then the first what the second says"
    );
    let sent = second.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
    assert_eq!(statuses(&sent).len(), 1);
    let bye = by_carrier(&first_ok, "BYE", 2, "");
    let sent = second.bench.receive(CARRIER, &bye);
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&second.ok, "Call-ID:"));
    let causes: Vec<_> = second.bench.settle().iter().map(|record| record.cause.name()).collect();
    assert_eq!(causes, ["transferred", "replaced", "hangup"]);
}

#[test]
fn a_call_of_another_trunk_is_not_there() {
    let mut up = Up::new(Refer::Consume);
    let named = format!(
        "{}%3Bto-tag%3D{}%3Bfrom-tag%3Da1",
        header(&up.ok, "Call-ID:").replace('@', "%40"),
        tag(header(&up.ok, "To:"))
    );
    let target = format!("Refer-To: <sip:7001@a?Replaces={named}>\r\n");
    let sent = up.bench.receive(PBX, &by_pbx(&up.invite, "REFER", 7, &target));
    assert!(sent.last().unwrap().1.ends_with("SIP/2.0 481 Call/Transaction Does Not Exist\r\n"), "{sent:?}");
    assert_eq!(up.bench.settle().len(), 1);
}

#[test]
fn a_refer_that_names_another_call_is_passed_on_as_the_other_side_knows_that() {
    let (mut second, _, first_ok, sent) = attended(Refer::Pass);
    let (to, refer) = only(&sent, "REFER ");
    assert_eq!(
        (to.to_string().as_str(), header(refer, "Call-ID:")),
        (CARRIER, header(&first_ok, "Call-ID:"))
    );
    let named =
        format!("?Replaces=2%40192.0.2.10%3Bto-tag%3Da2%3Bfrom-tag%3D{}>", tag(header(&second.ok, "To:")));
    assert_eq!(header(refer, "Refer-To:"), format!("<sip:+15550001@192.0.2.1:5060{named}"));
    // The carrier comes with it: its second call is kept, and the PBX's place in it taken.
    let replaces = format!("2@192.0.2.10;to-tag=a2;from-tag={}", tag(header(&second.ok, "To:")));
    let headers = format!("Replaces: {replaces}\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n");
    let invite = request("INVITE", "sip:+15550001@192.0.2.1", 9, &headers, SDP);
    let sent = second.bench.receive(CARRIER, &invite);
    let ack = by_carrier(&only(&sent, "SIP/2.0 200").1, "ACK", 1, "");
    let sent = second.bench.receive(CARRIER, &ack);
    assert_eq!(only(&sent, "BYE ").0.to_string(), PBX);
    assert_eq!(header(&only(&sent, "INVITE ").1, "Call-ID:"), "2@192.0.2.10");
    second.bench.settle();
}
