//! Early dialogs that are replaced (RFC 3891 section 3): those that we have begun, and no others.

use super::control::{Control, Sent, bench, only};
use super::refer::by_carrier;
use super::replaces::{dialog_of_pbx, replacing};
use super::standing::{CARRIER, PBX, answer, header, in_dialog, pbx_sdp};
use super::*;

/// A call of the carrier's that rings at the PBX: the INVITE that the PBX got, and what the carrier heard.
fn ringing() -> (Control, String, String) {
    ringing_for(&invite(1))
}

fn ringing_for(call: &str) -> (Control, String, String) {
    let mut bench = bench(|_| {});
    let sent = bench.receive(CARRIER, call);
    let invite = only(&sent, "INVITE ").1.clone();
    let sent = bench.receive(PBX, &answer(&invite, "180 Ringing", "b", PBX, ""));
    let heard = only(&sent, "SIP/2.0 180").1.clone();
    (bench, invite, heard)
}

fn ack_of(ok: &str, from: &str, sdp: &str) -> String {
    in_dialog("ACK", 1, header(ok, "From:"), header(ok, "To:"), header(ok, "Call-ID:"), from, sdp)
}

/// Another phone of the PBX's has picked up, and acknowledges: what follows, and its 200.
fn picked_up(bench: &mut Control, invite: &str) -> (Sent, String) {
    let sent = bench.receive(PBX, &replacing(&dialog_of_pbx(invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    assert!(sent.iter().all(|(to, _)| to.to_string() == PBX), "the caller hears nothing yet: {sent:?}");
    assert!(sent.iter().all(|(_, text)| !text.starts_with("CANCEL ")), "it rings on");
    (bench.receive(PBX, &ack_of(&ok, PBX, "")), ok)
}

#[test]
fn a_place_that_rings_is_picked_up_by_another_one_and_the_caller_is_answered() {
    let (mut bench, invite, _) = ringing();
    let (sent, ok) = picked_up(&mut bench, &invite);
    assert!(ok.contains("m=audio 20002 RTP/AVP 8"), "{ok}");
    assert_eq!(header(&only(&sent, "CANCEL ").1, "Call-ID:"), header(&invite, "Call-ID:"));
    let answered = only(&sent, "SIP/2.0 200").1.clone();
    assert!(answered.contains("m=audio") && !answered.contains("10.0.0."), "{answered}");
    bench.receive(PBX, &answer(&invite, "487 Request Terminated", "b", PBX, ""));
    let sent = bench.receive(CARRIER, &ack_of(&answered, CARRIER, ""));
    let change = only(&sent, "INVITE ").1.clone();
    assert_eq!(header(&change, "Call-ID:"), header(&answered, "Call-ID:"));
    only(&bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP)), "ACK ");
    let sent = bench.receive(CARRIER, &by_carrier(&answered, "BYE", 2, ""));
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&ok, "Call-ID:"));
    let [first, second] = bench.settle() else { panic!("a record a call") };
    assert_eq!((first.cause.name(), second.cause.name()), ("replaced", "hangup"));
    assert_eq!(second.from_call.as_deref(), Some(first.id.as_str()));
}

#[test]
fn early_only_is_what_it_is_for_and_the_offer_may_be_left_to_us() {
    let (mut bench, invite, _) = ringing();
    let replaces = format!("{};early-only", dialog_of_pbx(&invite));
    let sdp = pbx_sdp();
    let without = replacing(&replaces).replace(&sdp, "").replace(&format!("h: {}", sdp.len()), "h: 0");
    let sent = bench.receive(PBX, &without);
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    assert!(ok.contains("m=audio"), "{ok}");
    let sent = bench.receive(PBX, &ack_of(&ok, PBX, &sdp));
    only(&sent, "CANCEL ");
    only(&sent, "SIP/2.0 200");
    assert_eq!(bench.settle().len(), 2);
}

#[test]
fn what_was_not_begun_here_or_cannot_be_answered_goes_on_ringing() {
    let none = "481 Call/Transaction Does Not Exist";
    let (_, invite, heard) = ringing();
    let tag = |party: &str| party.split(";tag=").nth(1).unwrap().to_owned();
    let own = dialog_of_pbx(&invite);
    let of_caller =
        format!("{};to-tag={};from-tag=a1", header(&heard, "Call-ID:"), tag(header(&heard, "To:")));
    let by_carrier = |replaces: &str| {
        let headers =
            format!("Replaces: {replaces}\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n");
        request("INVITE", "sip:+442071838750@192.0.2.1", 9, &headers, SDP)
    };
    for (from, message, status) in [
        (CARRIER, by_carrier(&of_caller), none),
        (CARRIER, by_carrier(&own), none),
        (PBX, replacing(&of_caller), none),
        (PBX, replacing(&own.replace("from-tag=b", "from-tag=c")), none),
        (PBX, replacing(&own).replace("AVP 8 0", "AVP 18 "), "488 Not Acceptable Here"),
    ] {
        let (mut bench, invite, _) = ringing();
        let sent = bench.receive(from, &message);
        assert_eq!(statuses(&sent).last(), Some(&format!("SIP/2.0 {status}").as_str()), "{message}");
        let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
        only(&sent, "SIP/2.0 200");
        assert_eq!(bench.settle().len(), 2);
    }
}

#[test]
fn a_replaces_in_anything_but_an_invite_is_refused() {
    let (mut bench, invite, _) = ringing();
    let headers = format!("Replaces: {}\r\nEvent: talk\r\n", dialog_of_pbx(&invite));
    let notify = request("NOTIFY", "sip:1@10.0.0.1", 7, &headers, "").replace("192.0.2.10", "10.0.0.20");
    assert_eq!(statuses(&bench.receive(PBX, &notify)), ["SIP/2.0 400 Bad Request"]);
    bench.settle();
}

#[test]
fn whoever_leaves_in_the_middle_leaves_nobody_in_a_call() {
    // The caller gives up before the new side has acknowledged.
    let (mut bench, invite, _) = ringing();
    let sent = bench.receive(PBX, &replacing(&dialog_of_pbx(&invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    bench.receive(CARRIER, &request("CANCEL", "sip:+442071838750@192.0.2.1", 1, "", ""));
    let sent = bench.receive(PBX, &ack_of(&ok, PBX, ""));
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&ok, "Call-ID:"));
    assert_eq!(bench.settle().len(), 2);

    // The caller never acknowledges.
    let (mut bench, invite, _) = ringing();
    let (_, ok) = picked_up(&mut bench, &invite);
    let sent = bench.wait(40);
    let byes: Vec<_> = sent.iter().filter(|(_, text)| text.starts_with("BYE ")).collect();
    assert!(byes.iter().any(|(_, bye)| header(bye, "Call-ID:") == header(&ok, "Call-ID:")), "{byes:?}");
    assert_eq!(bench.settle().iter().map(|record| record.cause.name()).collect::<Vec<_>>().len(), 2);

    // The new side hangs up before the caller has acknowledged.
    let (mut bench, invite, _) = ringing();
    let (sent, ok) = picked_up(&mut bench, &invite);
    let answered = only(&sent, "SIP/2.0 200").1.clone();
    let bye = in_dialog("BYE", 2, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, "");
    bench.receive(PBX, &bye);
    let sent = bench.receive(CARRIER, &ack_of(&answered, CARRIER, ""));
    assert_eq!(only(&sent, "BYE ").0.to_string(), CARRIER);
    assert_eq!(bench.settle().len(), 2);

    // What rings answers all the same, when it is withdrawn: it is hung up.
    let (mut bench, invite, _) = ringing();
    picked_up(&mut bench, &invite);
    let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    only(&sent, "ACK ");
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&invite, "Call-ID:"));
    assert_eq!(bench.settle().len(), 2);
}

#[test]
fn a_place_that_answers_first_is_replaced_as_one_that_stands() {
    let (mut bench, invite, _) = ringing();
    let sent = bench.receive(PBX, &replacing(&dialog_of_pbx(&invite)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let answered = only(&sent, "SIP/2.0 200").1.clone();
    bench.receive(CARRIER, &ack_of(&answered, CARRIER, ""));
    let sent = bench.receive(PBX, &ack_of(&ok, PBX, ""));
    assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&invite, "Call-ID:"));
    let change = only(&sent, "INVITE ").1.clone();
    only(&bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP)), "ACK ");
    let causes: Vec<_> = bench.settle().iter().map(|record| record.cause.name()).collect();
    assert_eq!(causes, ["replaced", "drained"]);
}

#[test]
fn a_caller_who_has_offered_nothing_cannot_be_picked_up() {
    let call = invite(1).replace(SDP, "").replace(&format!("h: {}", SDP.len()), "h: 0");
    let (mut bench, invite, _) = ringing_for(&call);
    let sent = bench.receive(PBX, &replacing(&dialog_of_pbx(&invite)));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 488 Not Acceptable Here"));
    assert_eq!(bench.settle().len(), 2);
}
