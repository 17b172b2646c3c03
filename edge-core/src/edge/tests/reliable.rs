//! Reliable provisional responses (RFC 3262), and in [`offers`] the offers and answers that travel with them.

mod offers;

use super::standing::{CARRIER, PBX, answer, header, pbx_sdp, peers};
use super::*;
use crate::policy::ReliableProvisional;

pub(super) const CAN: &str = "Supported: timer, 100rel\r\n";
const MUST: &str = "Require: 100rel\r\n";

/// A call that nobody has answered yet: the INVITE that the PBX got.
pub(super) struct Ringing {
    pub(super) bench: Bench,
    pub(super) invite: String,
    /// The newest response that the carrier got.
    pub(super) heard: String,
}

impl Ringing {
    pub(super) fn with(
        extension: &str,
        offer: &str,
        change: impl FnOnce(&mut [Trunk; 2], &mut Strangers),
    ) -> Self {
        Self::in_bench(Bench::new(change), extension, offer)
    }

    pub(super) fn in_bench(mut bench: Bench, extension: &str, offer: &str) -> Self {
        let headers = format!(
            "Max-Forwards: 70\r\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\n{extension}\
             Content-Type: application/sdp\r\n"
        );
        let invite = request("INVITE", "sip:+442071838750@192.0.2.1", 1, &headers, offer);
        let (sent, _) = bench.receive(CARRIER, &invite);
        let invite = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).expect("it crosses").1.clone();
        Self { bench, invite, heard: String::new() }
    }

    pub(super) fn new(extension: &str) -> Self {
        Self::with(extension, SDP, |_, _| {})
    }

    /// The PBX answers; gives what was sent.
    pub(super) fn by_pbx(
        &mut self,
        code: &str,
        tag: &str,
        rseq: Option<u32>,
        sdp: &str,
    ) -> Vec<(SocketAddr, String)> {
        let reliable = rseq.map_or(String::new(), |rseq| format!("Require: 100rel\r\nRSeq: {rseq}\r\n"));
        let allow = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\n";
        let response = answer(&self.invite, code, tag, PBX, sdp);
        let response = response.replace("Contact:", &format!("{allow}{reliable}Contact:"));
        self.receive(PBX, &response)
    }

    pub(super) fn receive(&mut self, from: &str, message: &str) -> Vec<(SocketAddr, String)> {
        let (sent, _) = self.bench.receive(from, message);
        if let Some((_, heard)) =
            sent.iter().rfind(|(_, text)| header(text, "CSeq:") == "1 INVITE" && text.starts_with("SIP/"))
        {
            self.heard = heard.clone();
        }
        sent
    }

    /// A request of the carrier within the dialog of what it heard.
    pub(super) fn by_carrier(&self, method: &str, sequence: u32, headers: &str, body: &str) -> String {
        let to = format!("To: {}", header(&self.heard, "To:"));
        let headers = format!("Max-Forwards: 70\r\n{headers}Content-Type: application/sdp\r\n");
        request(method, "sip:edge", 1, &headers, body)
            .replace("To: <sip:edge>", &to)
            .replace("z9hG4bK1", &format!("z9hG4bK{method}{sequence}"))
            .replace("CSeq: 1", &format!("CSeq: {sequence}"))
    }

    /// The carrier acknowledges what it heard.
    pub(super) fn prack(&mut self, sequence: u32, body: &str) -> Vec<(SocketAddr, String)> {
        let rack = format!("RAck: {} 1 INVITE\r\n", header(&self.heard, "RSeq:"));
        let prack = self.by_carrier("PRACK", sequence, &rack, body);
        self.receive(CARRIER, &prack)
    }

    /// A request of the PBX within the early dialog of `tag`.
    pub(super) fn request_by_pbx(&self, method: &str, sequence: u32, tag: &str, body: &str) -> String {
        format!(
            "{method} sip:edge SIP/2.0\r\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bK{method}{tag}{sequence};rport\r\n\
             From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {sequence} {method}\r\nContact: <sip:{PBX}>\r\n\
             Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            header(&self.invite, "To:"),
            header(&self.invite, "From:"),
            header(&self.invite, "Call-ID:"),
            body.len()
        )
    }

    /// What is sent until `seconds` have gone by, and when, in milliseconds.
    pub(super) fn wait(&mut self, seconds: u64) -> (Vec<(u128, String)>, Vec<CallRecord>) {
        let (start, end) = (self.bench.now, self.bench.now + Duration::from_secs(seconds));
        let (mut all, mut records) = (Vec::new(), Vec::new());
        while let Some(next) = self.bench.edge.next_deadline().filter(|next| *next <= end) {
            self.bench.now = self.bench.now.max(next);
            let (sent, written) = self.bench.take(Input::TimeElapsed);
            let at = (self.bench.now - start).as_millis();
            all.extend(sent.into_iter().map(|(_, text)| (at, text.lines().next().unwrap().to_owned())));
            records.extend(written);
        }
        (all, records)
    }
}

pub(super) fn is_reliable(message: &str) -> bool {
    header(message, "Require:") == "100rel"
        && header(message, "RSeq:").parse::<u32>().is_ok_and(|rseq| rseq > 0)
}

#[test]
fn on_both_sides_each_is_acknowledged_on_its_own() {
    let mut call = Ringing::new(CAN);
    assert_eq!(header(&call.invite, "Supported:"), "timer, 100rel, replaces, norefersub");
    assert!(header(&call.invite, "Allow:").contains("PRACK"));
    let sent = call.by_pbx("183 Session Progress", "b", Some(7), &pbx_sdp());
    let [(_, prack), (_, progress)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert!(prack.starts_with(&format!("PRACK sip:{PBX} ")) && prack.contains(";tag=b\r\n"), "{prack}");
    assert_eq!((header(prack, "RAck:"), header(prack, "CSeq:")), ("7 1 INVITE", "2 PRACK"));
    assert!(is_reliable(progress) && progress.contains("m=audio 20000 "), "{progress}");

    assert_eq!(call.by_pbx("183 Session Progress", "b", Some(7), &pbx_sdp()), [], "it was taken");
    // RFC 3262 section 3: no 2xx before the description is acknowledged.
    let sent = call.by_pbx("200 OK", "b", None, "");
    assert_eq!((peers(&sent), statuses(&sent)[0].starts_with("ACK ")), (vec![PBX.to_owned()], true));
    let sent = call.prack(2, "");
    assert_eq!(statuses(&sent), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    assert_eq!((header(&sent[0].1, "CSeq:"), header(&sent[1].1, "CSeq:")), ("2 PRACK", "1 INVITE"));
    assert!(!sent[1].1.contains("m=audio"), "both have said what there is to say: {}", sent[1].1);
    assert_eq!(statuses(&call.prack(3, "")), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
}

#[test]
fn a_caller_who_can_hears_reliably_what_the_called_side_says_unreliably() {
    let mut call = Ringing::new(CAN);
    let sent = call.by_pbx("180 Ringing", "b", None, "");
    assert!(
        statuses(&sent) == ["SIP/2.0 180 Ringing"] && !is_reliable(&sent[0].1),
        "there is no reason: {sent:?}"
    );
    let sent = call.by_pbx("183 Session Progress", "b", None, &pbx_sdp());
    assert!(peers(&sent) == [CARRIER] && is_reliable(&sent[0].1), "{sent:?}");
    let (again, _) = call.wait(4);
    assert_eq!(again.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [500, 1500, 3500], "{again:?}");
    let wrong = call.by_carrier("PRACK", 2, "RAck: 1 1 INVITE\r\n", "");
    assert_eq!(statuses(&call.receive(CARRIER, &wrong)), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert_eq!(statuses(&call.prack(3, "")), ["SIP/2.0 200 OK"]);
    assert_eq!(call.wait(30).0, [], "it is acknowledged");
    let sent = call.by_pbx("200 OK", "b", None, &pbx_sdp());
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert!(!sent[1].1.contains("m=audio"), "{}", sent[1].1);
}

#[test]
fn a_caller_who_cannot_hears_unreliably_what_the_called_side_says_reliably() {
    let mut call = Ringing::new("");
    assert_eq!(header(&call.invite, "Supported:"), "timer, 100rel, replaces, norefersub");
    let sent = call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    assert!(sent[0].1.starts_with("PRACK ") && !is_reliable(&sent[1].1), "{sent:?}");
    let sent = call.by_pbx("200 OK", "b", None, "");
    assert!(sent[1].1.contains("m=audio 20000 "), "its answer is in the 2xx: {}", sent[1].1);
    assert_eq!(statuses(&call.prack(2, "")), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
}

#[test]
fn who_requires_it_hears_everything_reliably_and_one_at_a_time() {
    let mut call = Ringing::new(MUST);
    let sent = call.by_pbx("180 Ringing", "b", None, "");
    assert!(is_reliable(&sent[0].1), "{sent:?}");
    let first: u32 = header(&sent[0].1, "RSeq:").parse().unwrap();
    assert_eq!(call.by_pbx("182 Queued", "b", None, ""), []);
    assert_eq!(call.by_pbx("183 Session Progress", "b", None, &pbx_sdp()), []);
    let sent = call.prack(2, "");
    assert_eq!(statuses(&sent), ["SIP/2.0 200 OK", "SIP/2.0 183 Session Progress"]);
    assert_eq!(header(&sent[1].1, "RSeq:").parse(), Ok(first + 1));
    assert!(sent[1].1.contains("m=audio"));
}

#[test]
fn who_requires_it_and_makes_no_offer_hears_the_offer_first() {
    // RFC 3261 section 13.2.1: it is in the first reliable response that is no failure.
    let mut call = Ringing::with(MUST, "", |_, _| {});
    assert_eq!(
        call.by_pbx("180 Ringing", "b", None, ""),
        [],
        "nothing may be said unreliably, and nothing else yet"
    );
    let sent = call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    assert_eq!(statuses(&sent), ["SIP/2.0 183 Session Progress"]);
    assert!(is_reliable(&sent[0].1) && sent[0].1.contains("m=audio"), "{sent:?}");
    let sent = call.prack(2, SDP);
    assert!(sent[0].1.starts_with("SIP/2.0 200") && sent[1].1.starts_with("PRACK "), "{sent:?}");
    let sent = call.by_pbx("180 Ringing", "b", None, "");
    assert!(is_reliable(&sent[0].1), "the offer was made: {sent:?}");

    let mut call = Ringing::with(MUST, "", |_, _| {});
    call.by_pbx("180 Ringing", "b", None, "");
    let sent = call.by_pbx("200 OK", "b", None, &pbx_sdp());
    assert!(statuses(&sent) == ["SIP/2.0 200 OK"] && sent[0].1.contains("m=audio"), "{sent:?}");
}

#[test]
fn a_caller_whose_operator_alone_requires_it_hears_ringing_before_the_offer() {
    let required = |trunks: &mut [Trunk; 2], _: &mut Strangers| {
        trunks[0].reliable_provisional = ReliableProvisional::Required;
    };
    let mut call = Ringing::with(CAN, "", required);
    let sent = call.by_pbx("180 Ringing", "b", None, "");
    assert!(statuses(&sent) == ["SIP/2.0 180 Ringing"] && !is_reliable(&sent[0].1), "{sent:?}");
    let sent = call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    assert!(is_reliable(&sent[0].1) && sent[0].1.contains("m=audio"), "{sent:?}");
}

#[test]
fn an_answer_passes_a_response_without_a_description_whose_prack_may_come_later() {
    let mut call = Ringing::new(MUST);
    call.by_pbx("180 Ringing", "b", None, "");
    let ringing = call.heard.clone();
    let sent = call.by_pbx("200 OK", "b", None, &pbx_sdp());
    assert!(statuses(&sent)[1] == "SIP/2.0 200 OK" && sent[1].1.contains("m=audio"), "{sent:?}");
    assert!(call.wait(1).0.iter().all(|(_, line)| line == "SIP/2.0 200 OK"), "the 180 is not sent again");
    let ack = call.by_carrier("ACK", 1, "", "");
    call.receive(CARRIER, &ack);
    call.heard = ringing;
    assert_eq!(statuses(&call.prack(2, "")), ["SIP/2.0 200 OK"]);
}

#[test]
fn a_caller_who_acknowledges_nothing_is_refused() {
    let mut call = Ringing::new(CAN);
    call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    let (sent, records) = call.wait(40);
    let lines: Vec<&str> = sent.iter().map(|(_, line)| line.as_str()).collect();
    assert!(lines.contains(&"SIP/2.0 500 Server Internal Error"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("CANCEL ")), "{lines:?}");
    assert_eq!((records[0].cause.name(), records[0].cause.ended_by().as_str()), ("no_prack", "edge"));
}

#[test]
fn responses_are_taken_in_their_order_alone() {
    let mut call = Ringing::new("");
    let mut ring = |rseq| statuses(&call.by_pbx("180 Ringing", "b", Some(rseq), "")).len();
    // A PRACK, and the response for the caller.
    assert_eq!(ring(9), 2);
    assert_eq!(ring(11), 0, "10 is missing");
    assert_eq!(ring(10), 2);
    assert_eq!(ring(9), 0);
    assert_eq!(ring(11), 2);
}

/// A call where both sides have said reliably what they have to.
fn agreed() -> Ringing {
    let mut call = Ringing::new(CAN);
    call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    assert_eq!(statuses(&call.prack(2, "")), ["SIP/2.0 200 OK"]);
    call
}

#[test]
fn each_place_that_rings_is_acknowledged_in_its_own_dialog() {
    let mut call = Ringing::new("");
    for (tag, rseq, cseq) in [("one", 5, "2 PRACK"), ("two", 900, "3 PRACK"), ("one", 6, "4 PRACK")] {
        let sent = call.by_pbx("183 Session Progress", tag, Some(rseq), &pbx_sdp());
        let prack = &sent[0].1;
        assert!(prack.starts_with("PRACK ") && prack.contains(&format!(";tag={tag}\r\n")), "{prack}");
        assert_eq!(
            (header(prack, "RAck:"), header(prack, "CSeq:")),
            (format!("{rseq} 1 INVITE").as_str(), cseq)
        );
    }
    let sent = call.by_pbx("200 OK", "two", None, "");
    assert!(sent[0].1.contains(";tag=two\r\n") && sent[1].1.contains("m=audio"), "{sent:?}");
}

#[test]
fn places_without_end_are_not_all_remembered() {
    let mut call = Ringing::new("");
    let rung =
        (0..100).filter(|at| !call.by_pbx("180 Ringing", &format!("t{at}"), Some(1), "").is_empty()).count();
    assert_eq!(rung, 8);
}

#[test]
fn a_caller_who_was_told_of_another_place_is_told_anew_after_its_ack() {
    let mut call = Ringing::new(CAN);
    call.by_pbx("183 Session Progress", "one", Some(1), &pbx_sdp().replace("AVP 8 0", "AVP 8"));
    call.prack(2, "");
    let other = pbx_sdp().replace("AVP 8 0", "AVP 0").replace("m=audio 6000", "m=audio 7000");
    let sent = call.by_pbx("183 Session Progress", "two", Some(1), &other);
    assert!(peers(&sent) == [PBX, CARRIER] && !sent[1].1.contains("m=audio"), "{sent:?}");
    call.by_pbx("200 OK", "two", None, "");
    let ack = call.by_carrier("ACK", 1, "", "");
    let sent = call.receive(CARRIER, &ack);
    let [(_, reinvite)] = &sent[..] else { panic!("{sent:?}") };
    assert!(reinvite.starts_with("INVITE ") && reinvite.contains("RTP/AVP 0\r\n"), "{reinvite}");
    // Should that meet something of its own, it is told once more.
    call.receive(CARRIER, &answer(reinvite, "491 Request Pending", "a1", CARRIER, ""));
    let (again, _) = call.wait(3);
    assert!(again.iter().any(|(_, line)| line.starts_with("INVITE ")), "{again:?}");
}

#[test]
fn a_withdrawn_call_acknowledges_what_crosses_its_cancel() {
    let mut call = Ringing::new(CAN);
    call.by_pbx("180 Ringing", "b", Some(1), "");
    let cancel = call.by_carrier("CANCEL", 1, "", "").replace("z9hG4bKCANCEL1", "z9hG4bK1");
    let sent = call.receive(CARRIER, &cancel);
    assert!(statuses(&sent).iter().any(|line| line.starts_with("CANCEL ")), "{sent:?}");
    let sent = call.by_pbx("183 Session Progress", "b", Some(2), &pbx_sdp());
    assert!(peers(&sent) == [PBX] && sent[0].1.starts_with("PRACK "), "{sent:?}");
}

#[test]
fn a_caller_may_hang_up_on_an_early_dialog() {
    let mut call = agreed();
    let bye = call.by_carrier("BYE", 3, "", "");
    let sent = call.receive(CARRIER, &bye);
    assert_eq!(statuses(&sent)[..2], ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert!(statuses(&sent)[2].starts_with("CANCEL "));
}

#[test]
fn a_trunk_may_want_it_always_or_never() {
    use ReliableProvisional::{Off, Required};
    let between = |caller, called| {
        move |trunks: &mut [Trunk; 2], _: &mut Strangers| {
            (trunks[0].reliable_provisional, trunks[1].reliable_provisional) = (caller, called);
        }
    };
    let refused = |extension: &str, offer: &str, caller, called| {
        let mut bench = Bench::new(between(caller, called));
        let headers = format!("Max-Forwards: 70\r\n{extension}Content-Type: application/sdp\r\n");
        let (sent, records) =
            bench.receive(CARRIER, &request("INVITE", "sip:+442071838750@192.0.2.1", 1, &headers, offer));
        (statuses(&sent)[1].to_owned(), sent[1].1.clone(), records.first().map(|record| record.cause.name()))
    };
    let supported = ReliableProvisional::Supported;
    let (line, response, cause) = refused(MUST, SDP, Off, supported);
    assert_eq!((line.as_str(), cause), ("SIP/2.0 420 Bad Extension", Some("extension")));
    assert_eq!(header(&response, "Unsupported:"), "100rel");
    let (line, response, cause) = refused("", SDP, Required, supported);
    assert_eq!((line.as_str(), cause), ("SIP/2.0 421 Extension Required", Some("extension_required")));
    assert_eq!(header(&response, "Require:"), "100rel");
    assert_eq!(refused("", "", supported, Required).0, "SIP/2.0 421 Extension Required");

    let call = Ringing::with("", SDP, between(supported, Required));
    assert_eq!(
        (header(&call.invite, "Require:"), header(&call.invite, "Supported:")),
        ("100rel", "timer, replaces, norefersub")
    );
    let mut call = Ringing::with(CAN, SDP, between(Off, Off));
    assert_eq!(header(&call.invite, "Supported:"), "timer, replaces, norefersub");
    let sent = call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    assert!(peers(&sent) == [CARRIER] && !is_reliable(&sent[0].1), "{sent:?}");
    assert_eq!(header(&sent[0].1, "Supported:"), "timer, replaces, norefersub");
    let mut call = Ringing::with(CAN, SDP, between(Required, supported));
    assert!(is_reliable(&call.by_pbx("180 Ringing", "b", None, "")[0].1));
}

#[test]
fn a_place_that_rings_has_nothing_to_hang_up() {
    let mut call = agreed();
    let bye = call.request_by_pbx("BYE", 1, "b", "");
    assert_eq!(statuses(&call.receive(PBX, &bye)), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert_eq!(peers(&call.by_pbx("200 OK", "b", None, "")), [PBX, CARRIER], "the call goes on");
}

#[test]
fn digits_have_to_wait_for_the_answer_in_an_early_dialog() {
    let mut call = agreed();
    let info = call.request_by_pbx("INFO", 1, "b", "").replace("application/sdp", "application/dtmf-relay");
    let sent = call.receive(PBX, &info);
    assert_eq!(statuses(&sent), ["SIP/2.0 500 Server Internal Error"]);
    assert!(!header(&sent[0].1, "Retry-After:").is_empty());
}
