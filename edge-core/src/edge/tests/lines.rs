//! Calls of more than one audio line: fax, lines that come later, and what becomes of their ports.

use super::standing::{CARRIER, PBX, Standing, answer, pbx_sdp, peers};
use super::*;

const FAX: &str = "m=image 6400 udptl t38\r\na=T38FaxVersion:0\r\n";

/// The description of the carrier with these lines in place of its own.
fn described(lines: &str) -> String {
    let head = SDP.split("m=").next().unwrap_or_default();
    format!("{head}{lines}")
}

fn of_pbx(lines: &str) -> String {
    described(lines).replace("192.0.2.10", "10.0.0.20")
}

/// The m= lines of the message that `peer` got.
fn lines_to(sent: &[(SocketAddr, String)], peer: &str) -> Vec<String> {
    let last = sent.iter().rev().find(|(to, text)| to.to_string() == peer && text.contains("\r\nm="));
    let text = last.map(|(_, text)| text.as_str()).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
}

/// A re-INVITE of the carrier with `offer`, which the PBX answers with `answered`: what each of them gets.
fn change(call: &mut Standing, sequence: u32, offer: &str, answered: &str) -> [Vec<String>; 2] {
    let reinvite = call.by_carrier("INVITE", sequence, offer);
    let (sent, _) = call.bench.receive(CARRIER, &reinvite);
    let told = lines_to(&sent, PBX);
    let invite = sent.iter().find(|(to, _)| to.to_string() == PBX).expect("it crosses").1.clone();
    let (sent, _) = call.bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, answered));
    let ack = call.by_carrier("ACK", sequence, "");
    call.bench.receive(CARRIER, &ack);
    [told, lines_to(&sent, CARRIER)]
}

#[test]
fn a_fax_takes_the_line_of_the_speech_and_its_ports() {
    let mut call = Standing::new();
    let fax = change(&mut call, 2, &described(FAX), &of_pbx(FAX));
    assert_eq!(fax, [["m=image 20000 udptl t38"], ["m=image 20000 udptl t38"]]);
    let speech = change(&mut call, 3, SDP, &pbx_sdp());
    assert_eq!(speech, [["m=audio 20000 RTP/AVP 8 0"], ["m=audio 20000 RTP/AVP 8 0"]]);
    let bye = call.by_carrier("BYE", 4, "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    assert_eq!(records[0].codec.as_deref(), Some("PCMA"), "what was agreed on last");
}

#[test]
fn a_line_that_comes_later_has_ports_of_its_own_until_the_call_ends() {
    let mut call = Standing::new();
    let lines = format!("m=audio 0 RTP/AVP 8 0\r\n{FAX}");
    for sequence in 2..5 {
        let fax = change(&mut call, sequence, &described(&lines), &of_pbx(&lines));
        let expected = ["m=audio 0 RTP/AVP 8 0", "m=image 20002 udptl t38"];
        assert_eq!(fax, [expected, expected], "the same ports each time");
    }
    assert_eq!(call.bench.edge.media_ports_at_rest(), 0, "both pairs of both sides are in use");
    let bye = call.by_carrier("BYE", 9, "");
    let (sent, _) = call.bench.receive(CARRIER, &bye);
    let bye =
        sent.iter().find(|(_, text)| text.starts_with("BYE")).expect("the other side hears it").1.clone();
    call.bench.receive(PBX, &answer(&bye, "200 OK", "b", PBX, ""));
    assert_eq!(call.bench.edge.media_ports_at_rest(), 4);
}

#[test]
fn a_line_that_there_is_no_port_for_is_refused_and_the_call_goes_on() {
    let mut call = Standing::new();
    let (sent, _) = call.bench.receive(CARRIER, &invite(77));
    assert_eq!(peers(&sent), [CARRIER, PBX], "another call takes the other pair");
    let reinvite = call.by_carrier("INVITE", 2, &described(&format!("m=audio 0 RTP/AVP 8\r\n{FAX}")));
    let (sent, records) = call.bench.receive(CARRIER, &reinvite);
    assert_eq!((statuses(&sent), records.len()), (vec!["SIP/2.0 488 Not Acceptable Here"], 0));
    let speech = change(&mut call, 3, SDP, &pbx_sdp());
    assert_eq!(speech, [["m=audio 20000 RTP/AVP 8 0"], ["m=audio 20000 RTP/AVP 8 0"]]);
}

#[test]
fn a_line_that_the_datapath_refuses_costs_the_offer_and_its_ports_come_back() {
    let mut call = Standing::new();
    call.bench.unreachable = Some("192.0.2.99".parse().unwrap());
    let elsewhere = described(&format!("m=audio 0 RTP/AVP 8\r\n{FAX}c=IN IP4 192.0.2.99\r\n"));
    let reinvite = call.by_carrier("INVITE", 2, &elsewhere);
    let (sent, records) = call.bench.receive(CARRIER, &reinvite);
    assert!(statuses(&sent).last().is_some_and(|status| status.starts_with("SIP/2.0 488")), "{sent:?}");
    assert_eq!((records.len(), call.bench.edge.media_ports_at_rest()), (0, 2));
    call.bench.unreachable = None;
    // They rest as all ports do.
    call.wait(31);
    let lines = format!("m=audio 0 RTP/AVP 8\r\n{FAX}");
    let fax = change(&mut call, 3, &described(&lines), &of_pbx(&lines));
    assert!(fax[0][1].starts_with("m=image 2000"), "{fax:?}");
}

#[test]
fn a_refused_change_leaves_what_was_agreed() {
    let mut call = Standing::new();
    let lines = format!("m=audio 0 RTP/AVP 8\r\n{FAX}");
    let reinvite = call.by_carrier("INVITE", 2, &described(&lines));
    let (sent, _) = call.bench.receive(CARRIER, &reinvite);
    let invite = sent.iter().find(|(to, _)| to.to_string() == PBX).expect("it crosses").1.clone();
    let (sent, _) = call.bench.receive(PBX, &answer(&invite, "488 Not Acceptable Here", "b", PBX, ""));
    assert!(statuses(&sent).contains(&"SIP/2.0 488 Not Acceptable Here"), "{sent:?}");
    let ack = call.by_carrier("ACK", 2, "");
    call.bench.receive(CARRIER, &ack);
    // The dialogs have one line each, as before (RFC 3264 section 8).
    let speech = change(&mut call, 3, SDP, &pbx_sdp());
    assert_eq!(speech, [["m=audio 20000 RTP/AVP 8 0"], ["m=audio 20000 RTP/AVP 8 0"]]);
}

#[test]
fn a_first_answer_that_declines_everything_is_no_call_a_later_one_is_an_answer() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let declined = pbx_sdp().replace("m=audio 6000", "m=audio 0");
    let (_, records) = bench.receive(PBX, &answer(&sent[1].1, "200 OK", "b", PBX, &declined));
    assert_eq!(records.first().map(|record| record.cause.name()).unwrap_or("bad_answer"), "bad_answer");
    let mut call = Standing::new();
    let none = change(&mut call, 2, &described(FAX), &of_pbx(&FAX.replace("6400", "0")));
    assert_eq!(none, [["m=image 20000 udptl t38"], ["m=image 0 udptl t38"]]);
    let speech = change(&mut call, 3, SDP, &pbx_sdp());
    assert_eq!(speech[1], ["m=audio 20000 RTP/AVP 8 0"]);
}
