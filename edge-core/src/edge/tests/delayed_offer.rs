//! A trunk that wants an offer in every INVITE, and callers who make none.

use super::reliable::{CAN, Ringing, is_reliable};
use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;
use crate::policy::DelayedOffer;

fn converting(trunks: &mut [Trunk; 2]) {
    trunks[1].delayed_offer = DelayedOffer::Convert;
}

/// The carrier has called without an offer.
fn ringing(extension: &str) -> Ringing {
    Ringing::with(extension, "", |trunks, _| converting(trunks))
}

/// Formats of the first m= line.
fn formats(message: &str) -> &str {
    message
        .lines()
        .find_map(|line| line.strip_prefix("m=audio ")?.split_once("AVP "))
        .map_or("", |(_, list)| list)
}

fn pbx_takes(formats: &str) -> String {
    let map = "a=rtpmap:101 telephone-event/8000\r\n";
    format!(
        "{}{}",
        pbx_sdp().replace("AVP 8 0", &format!("AVP {formats}")),
        if formats.contains("101") { map } else { "" }
    )
}

#[test]
fn the_called_side_gets_an_offer_of_ours_and_its_answer_is_the_callers_offer() {
    let mut call = ringing("");
    assert_eq!(formats(&call.invite), "8 0 101");
    for line in [
        "c=IN IP4 10.0.0.1\r\n",
        "a=rtpmap:101 telephone-event/8000\r\n",
        "a=fmtp:101 0-16\r\n",
        "a=sendrecv\r\n",
    ] {
        assert!(call.invite.contains(line), "{line} is not in {}", call.invite);
    }
    assert_eq!(
        statuses(&call.by_pbx("183 Session Progress", "b", None, &pbx_takes("0 101"))),
        ["SIP/2.0 183 Session Progress"]
    );
    assert!(!call.heard.contains("m=audio"), "no offer but in a reliable response: {}", call.heard);
    let sent = call.by_pbx("200 OK", "b", None, &pbx_takes("0 101"));
    assert_eq!(peers(&sent), [PBX, CARRIER], "its offer is answered: it has its ACK");
    assert!(sent[0].1.starts_with("ACK ") && !sent[0].1.contains("m=audio"), "{}", sent[0].1);
    assert!(
        formats(&call.heard) == "0 101" && call.heard.contains("c=IN IP4 192.0.2.1\r\n"),
        "{}",
        call.heard
    );
    let answer = format!("{}a=rtpmap:101 telephone-event/8000\r\n", SDP.replace("AVP 8 0", "AVP 0 101"));
    let ack = call.by_carrier("ACK", 1, "", &answer);
    assert_eq!(call.receive(CARRIER, &ack), [], "nobody has to be told anything");
    let (sent, records) = call.wait(1);
    assert_eq!((sent, records), (vec![], vec![]));
}

#[test]
fn what_the_caller_leaves_out_of_the_answer_the_called_side_hears_afterwards() {
    for (taken, told, direction) in
        [("8", "8", "a=sendrecv"), ("8 0", "8 0", "a=sendonly"), ("8 0", "8 0", "a=inactive")]
    {
        let mut call = ringing("");
        call.by_pbx("200 OK", "b", None, &pbx_takes("8 0"));
        let answer = format!("{}{direction}\r\n", SDP.replace("AVP 8 0", &format!("AVP {taken}")));
        let ack = call.by_carrier("ACK", 1, "", &answer);
        let sent = call.receive(CARRIER, &ack);
        let [(to, again)] = &sent[..] else { panic!("{sent:?}") };
        assert!(
            to.to_string() == PBX && again.starts_with("INVITE ") && again.contains(direction),
            "{again}"
        );
        assert_eq!((formats(again), header(again, "CSeq:")), (told, "2 INVITE"));
        assert!(again.contains(" 2 IN IP4 10.0.0.1\r\n"), "another version of the same session: {again}");
    }
}

#[test]
fn a_reliable_answer_is_offered_reliably_and_agreed_on_in_the_prack() {
    let mut call = ringing(CAN);
    let sent = call.by_pbx("183 Session Progress", "b", Some(3), &pbx_takes("8 0"));
    let [(_, prack), (_, progress)] = &sent[..] else { panic!("{sent:?}") };
    assert!(prack.starts_with("PRACK ") && !prack.contains("m=audio"), "{prack}");
    assert!(is_reliable(progress) && formats(progress) == "8 0", "{progress}");
    // The PBX answers before the carrier has.
    let sent = call.by_pbx("200 OK", "b", None, "");
    assert_eq!(peers(&sent), [PBX], "the 200 waits for the answer to our offer");
    let sent = call.prack(2, &SDP.replace("AVP 8 0", "AVP 8"));
    assert_eq!(statuses(&sent), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    assert!(!sent[1].1.contains("m=audio"), "{sent:?}");
    let ack = call.by_carrier("ACK", 1, "", "");
    let sent = call.receive(CARRIER, &ack);
    assert!(sent.len() == 1 && formats(&sent[0].1) == "8", "the PBX hears what is agreed: {sent:?}");
}

#[test]
fn a_caller_who_requires_100rel_hears_its_answer_before_anything_else() {
    let mut call = ringing("Require: 100rel\r\n");
    assert_eq!(call.by_pbx("180 Ringing", "b", None, ""), []);
    assert_eq!(peers(&call.by_pbx("180 Ringing", "b", Some(3), "")), [PBX], "acknowledged, and not told");
    let sent = call.by_pbx("183 Session Progress", "b", Some(4), &pbx_takes("8"));
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert!(is_reliable(&call.heard) && formats(&call.heard) == "8", "{}", call.heard);
}

#[test]
fn a_caller_without_100rel_hears_the_offer_in_the_200_alone() {
    let mut call = ringing("");
    assert_eq!(header(&call.invite, "Supported:"), "timer, 100rel, replaces, norefersub");
    let sent = call.by_pbx("183 Session Progress", "b", Some(3), &pbx_takes("8"));
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert!(!call.heard.contains("m=audio") && !is_reliable(&call.heard), "{}", call.heard);
    call.by_pbx("200 OK", "b", None, "");
    assert_eq!(formats(&call.heard), "8");
}

#[test]
fn another_place_than_the_one_that_was_offered_on_may_answer() {
    for first in [true, false] {
        let mut call = ringing(CAN);
        call.by_pbx("183 Session Progress", "b", Some(3), &pbx_takes("8 0"));
        if first {
            assert_eq!(statuses(&call.prack(2, SDP)), ["SIP/2.0 200 OK"]);
        }
        let sent = call.by_pbx("200 OK", "c", None, &pbx_takes("8"));
        assert!(sent[0].1.starts_with("ACK ") && sent[0].1.contains(";tag=c"), "{sent:?}");
        if !first {
            assert_eq!(statuses(&call.prack(2, SDP)).len(), 2);
        }
        assert!(call.heard.starts_with("SIP/2.0 200") && !call.heard.contains("m=audio"), "{}", call.heard);
        let ack = call.by_carrier("ACK", 1, "", "");
        assert_eq!(call.receive(CARRIER, &ack), []);
        assert_eq!(call.bench.edge.counters().calls_standing, 1);
    }
}

#[test]
fn without_a_codec_in_common_there_is_no_call() {
    let codecs = |names: &[&str]| names.iter().map(|name| Codec::new(name)).collect::<Vec<_>>();
    let mut bench = Bench::new(|trunks, _| {
        converting(trunks);
        (trunks[0].codecs.allow, trunks[1].codecs.allow) = (codecs(&["opus"]), codecs(&["PCMA"]));
    });
    let (sent, records) =
        bench.receive(CARRIER, &invite(1).replace(SDP, "").replace(&format!("h: {}", SDP.len()), "h: 0"));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 488 Not Acceptable Here"));
    assert_eq!((records[0].cause.name(), bench.edge.media_ports_at_rest()), ("offer", 4));

    // The PBX answers with something that it was not offered.
    let mut call = ringing("");
    let sent = call.by_pbx("200 OK", "b", None, &pbx_takes("18"));
    assert!(sent[0].1.starts_with("ACK ") && sent[1].1.starts_with("SIP/2.0 500 "), "{sent:?}");
    assert!(sent[2].1.starts_with("BYE "), "{sent:?}");

    // The carrier takes nothing of what the PBX has.
    for answer in ["", &SDP.replace("6000 RTP/AVP 8 0", "0 RTP/AVP 8"), &SDP.replace("AVP 8 0", "AVP 18")] {
        let mut call = ringing("");
        call.by_pbx("200 OK", "b", None, &pbx_takes("8"));
        let ack = call.by_carrier("ACK", 1, "", answer);
        let mut sent = peers(&call.receive(CARRIER, &ack));
        sent.sort();
        assert_eq!(sent, [PBX, CARRIER], "both are hung up");
    }
}

#[test]
fn an_offer_of_ours_names_what_the_operator_lists() {
    let mut call = Ringing::with("", "", |trunks, _| {
        converting(trunks);
        trunks[1].codecs.allow = ["opus", "PCMU", "telephone-event"].map(Codec::new).into();
        trunks[0].codecs.deny = vec![Codec::new("opus")];
    });
    assert_eq!(formats(&call.invite), "0 101");
    let sent = call.by_pbx("488 Not Acceptable Here", "b", None, "");
    assert!(
        sent.iter().any(|(to, text)| to.to_string() == CARRIER && text.starts_with("SIP/2.0 488")),
        "{sent:?}"
    );
}

#[test]
fn whoever_is_invited_again_without_an_offer_gets_one_too() {
    let mut call = Standing::with(Bench::new(|trunks, _| converting(trunks)));
    let hold = call.by_carrier("INVITE", 2, &format!("{SDP}a=sendonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &hold);
    let held = answer(&sent[1].1, "200 OK", "b", PBX, &format!("{}a=recvonly\r\n", pbx_sdp()));
    call.bench.receive(PBX, &held);
    call.bench.receive(CARRIER, &call.by_carrier("ACK", 2, ""));
    // The carrier resumes as many do: without an offer.
    let (sent, _) = call.bench.receive(CARRIER, &call.by_carrier("INVITE", 3, ""));
    let again = &sent[1].1;
    assert!(
        formats(again) == "8 0" && again.contains("a=sendrecv\r\n") && !again.contains("a=sendonly"),
        "{again}"
    );
    let (sent, _) = call.bench.receive(PBX, &answer(again, "200 OK", "b", PBX, &pbx_sdp()));
    assert!(sent[0].1.starts_with("ACK ") && formats(&sent[1].1) == "8 0", "{sent:?}");
    assert_eq!(call.bench.receive(CARRIER, &call.by_carrier("ACK", 3, SDP)).0, []);
    // The PBX's own goes without: the carrier's trunk lets it pass.
    let (sent, _) = call.bench.receive(PBX, &call.by_pbx("INVITE", 1, ""));
    assert!(sent[1].1.starts_with("INVITE ") && !sent[1].1.contains("m=audio"), "{sent:?}");
}
