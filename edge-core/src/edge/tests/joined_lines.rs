//! Calls of more than one line that are joined with others: a dialog keeps its lines wherever it goes, and no port is left.

use super::control::{Sent, only};
use super::refer::{Up, by_carrier, by_pbx};
use super::standing::{CARRIER, PBX, answer, header, in_dialog, pbx_sdp};
use super::*;
use crate::policy::Refer;

const AUDIO: &str = "m=audio 4000 RTP/AVP 8 0\r\n";
const NO_AUDIO: &str = "m=audio 0 RTP/AVP 8 0\r\n";
const FAX: &str = "m=image 6400 udptl t38\r\n";
const NO_FAX: &str = "m=image 0 udptl t38\r\n";

fn described(lines: &[&str]) -> String {
    format!("{}{}", SDP.split("m=").next().unwrap_or_default(), lines.concat())
}

/// The m= lines of a message, with `P` for a port.
fn lines(message: &str) -> Vec<String> {
    let lines = message.lines().filter(|line| line.starts_with("m="));
    lines
        .map(|line| {
            let fields = line.split(' ').map(|field| if field.starts_with("200") { "P" } else { field });
            fields.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// The carrier changes the session of a call to these lines, and the PBX takes them.
fn change(up: &mut Up, sequence: u32, said: &[&str]) {
    let sent = up.bench.receive(CARRIER, &by_carrier(&up.ok, "INVITE", sequence, &described(said)));
    let taken = described(said).replace("192.0.2.10", "10.0.0.20");
    let invite = only(&sent, "INVITE ").1.clone();
    let sent = up.bench.receive(PBX, &answer(&invite, "200 OK", "", PBX, &taken));
    only(&sent, "SIP/2.0 200");
    up.bench.receive(CARRIER, &by_carrier(&up.ok, "ACK", sequence, ""));
}

fn tag(party: &str) -> &str {
    party.split(";tag=").nth(1).unwrap_or_default()
}

/// The PBX joins a call, whose lines the carrier has changed so before, with another one of the carrier's that is as it began.
fn join(changes: &[&[&str]]) -> (Up, Sent) {
    let mut first = Up::new(Refer::Consume);
    for (sequence, said) in (2..).zip(changes) {
        change(&mut first, sequence, said);
    }
    let invite = first.invite;
    let mut second = Up::call(first.bench, 2);
    let id = header(&second.invite, "Call-ID:").replace('@', "%40");
    let ours = tag(header(&second.invite, "From:"));
    let target = format!("Refer-To: <sip:1@a?Replaces={id}%3Bto-tag%3D{ours}%3Bfrom-tag%3Db>\r\n");
    let sent = second.bench.receive(PBX, &by_pbx(&invite, "REFER", 7, &target));
    (second, sent)
}

/// Each side answers what it is offered with these lines: what they were offered.
fn meet((mut second, sent): (Up, Sent), of_second: &[&str], of_first: &[&str]) -> [Vec<String>; 2] {
    let change = only(&sent, "INVITE ").1.clone();
    assert_eq!(header(&change, "Call-ID:"), header(&second.ok, "Call-ID:"));
    let sent = second.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, &described(of_second)));
    let back = only(&sent, "INVITE ").1.clone();
    assert_ne!(header(&back, "Call-ID:"), header(&second.ok, "Call-ID:"));
    let sent = second.bench.receive(CARRIER, &answer(&back, "200 OK", "", CARRIER, &described(of_first)));
    only(&sent, "ACK ");
    let causes: Vec<_> = second.bench.settle().iter().map(|record| record.cause.name()).collect();
    assert_eq!(causes[..2], ["transferred", "replaced"], "and nothing is left of them");
    [lines(&change), lines(&back)]
}

#[test]
fn a_fax_on_a_line_of_its_own_meets_speech() {
    let told = meet(join(&[&[NO_AUDIO, FAX]]), &[FAX], &[NO_AUDIO, FAX]);
    assert_eq!(told[0], ["m=image P udptl t38"], "as any switch of one line to fax");
    assert_eq!(told[1], ["m=audio 0 RTP/AVP 8 0", "m=image P udptl t38"]);
}

#[test]
fn a_line_that_is_not_used_any_more_stays_with_its_dialog_alone() {
    let told = meet(join(&[&[NO_AUDIO, FAX], &[AUDIO, NO_FAX]]), &[AUDIO], &[AUDIO, NO_FAX]);
    assert_eq!(told[0], ["m=audio P RTP/AVP 8 0"]);
    assert_eq!(told[1], ["m=audio P RTP/AVP 8 0", "m=image 0 udptl t38"]);
}

#[test]
fn a_line_more_than_the_other_side_has_gets_ports_before_it_is_offered() {
    let told = meet(join(&[&[AUDIO, FAX]]), &[AUDIO, NO_FAX], &[AUDIO, NO_FAX]);
    assert_eq!(told[0], ["m=audio P RTP/AVP 8 0", "m=image P udptl t38"]);
    assert_eq!(told[1], ["m=audio P RTP/AVP 8 0", "m=image 0 udptl t38"]);
}

/// The same kind meets the same kind, in whichever place it is.
#[test]
fn speech_that_is_not_in_the_first_place_meets_speech() {
    let told = meet(join(&[&[NO_AUDIO, FAX, AUDIO]]), &[AUDIO, NO_FAX], &[NO_AUDIO, NO_FAX, AUDIO]);
    assert_eq!(told[0][0], "m=audio P RTP/AVP 8 0");
    assert_eq!(told[1], ["m=audio 0 RTP/AVP 8 0", "m=image 0 udptl t38", "m=audio P RTP/AVP 8 0"]);
}

#[test]
fn who_takes_the_place_of_a_dialog_meets_all_lines_of_the_other_one() {
    let mut up = Up::new(Refer::Refuse);
    change(&mut up, 2, &[NO_AUDIO, FAX]);
    change(&mut up, 3, &[AUDIO, NO_FAX]);
    let (id, ours) = (header(&up.invite, "Call-ID:"), tag(header(&up.invite, "From:")));
    let headers = format!(
        "Replaces: {id};to-tag={ours};from-tag=b\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
    );
    let invite = request("INVITE", "sip:+15550001@10.0.0.1", 5, &headers, &pbx_sdp());
    let sent = up.bench.receive(PBX, &invite.replace("192.0.2.10", "10.0.0.20"));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    assert_eq!(lines(&ok), ["m=audio P RTP/AVP 8 0"], "one line was offered");
    let ack = in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"), PBX, "");
    let sent = up.bench.receive(PBX, &ack);
    let back = only(&sent, "INVITE ").1.clone();
    assert_eq!(lines(&back), ["m=audio P RTP/AVP 8 0", "m=image 0 udptl t38"]);
    let taken = answer(&back, "200 OK", "", CARRIER, &described(&[AUDIO, NO_FAX]));
    only(&up.bench.receive(CARRIER, &taken), "ACK ");
    up.bench.settle();
}

#[test]
fn an_offer_to_take_a_place_that_cannot_be_used_takes_nothing() {
    let mut up = Up::new(Refer::Refuse);
    let (id, ours) = (header(&up.invite, "Call-ID:"), tag(header(&up.invite, "From:")));
    let headers = format!(
        "Replaces: {id};to-tag={ours};from-tag=b\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
    );
    let crypto = pbx_sdp().replace("RTP/AVP", "RTP/SAVP");
    let invite = request("INVITE", "sip:+15550001@10.0.0.1", 5, &headers, &crypto);
    let sent = up.bench.receive(PBX, &invite.replace("192.0.2.10", "10.0.0.20"));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 488 Not Acceptable Here"));
    assert_eq!(up.bench.settle().len(), 2);
}
