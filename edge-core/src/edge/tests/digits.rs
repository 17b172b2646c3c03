//! Digits that one side says as telephone-events and the other by INFO.

use super::standing::{CARRIER, PBX, Standing, answer, header, in_dialog, peers};
use super::*;
use crate::call::Side;
use crate::media::{Digit, Events};
use crate::policy::{Dtmf, DtmfMask};

const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\n";

/// The carrier has telephone-events, the PBX says INFO.
struct Call {
    bench: Bench,
    key: CallKey,
    from: String,
    to: String,
    invite: String,
}

fn with_events(sdp: &str) -> String {
    format!("{}{EVENTS}", sdp.replace("RTP/AVP 8 0", "RTP/AVP 8 101"))
}

fn call(mask: DtmfMask) -> Call {
    let mut bench = Bench::new(|trunks, _| {
        (trunks[1].dtmf.mode, trunks[1].dtmf.mask) = (Dtmf::Info, mask);
    });
    let offer = with_events(SDP);
    let invited = invite(1).replace(SDP, &offer);
    let invited = invited.replace(&format!("Length: {}", SDP.len()), &format!("Length: {}", offer.len()));
    let (sent, _) = bench.receive(CARRIER, &invited);
    let invite = sent[1].1.clone();
    assert!(!invite.contains("telephone-event"), "{invite}");
    let pbx = SDP.replace("192.0.2.10", "10.0.0.20").replace("AVP 8 0", "AVP 8");
    let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    assert!(ok.contains("m=audio 20000 RTP/AVP 8 101\r\n") && ok.contains("telephone-event"), "{ok}");
    let (from, to) = (header(&ok, "From:").to_owned(), header(&ok, "To:").to_owned());
    bench.receive(CARRIER, &in_dialog("ACK", 1, &from, &to, "1@192.0.2.10", CARRIER, ""));
    let key = bench.edge.calls().next().expect("it stands").key;
    Call { bench, key, from, to, invite }
}

impl Call {
    fn hears(&mut self, symbol: u8) -> Vec<(SocketAddr, String)> {
        let digit = Digit::of_symbol(symbol, Duration::from_millis(100)).unwrap();
        self.bench.take(Input::DigitHeard { call: self.key, side: Side::A, digit }).0
    }

    fn sent(&mut self) -> Vec<(SocketAddr, String)> {
        self.bench.take(Input::DigitSent { call: self.key, side: Side::B }).0
    }

    fn wait(&mut self, ms: u64) -> Vec<(SocketAddr, String)> {
        self.bench.now += Duration::from_millis(ms);
        self.bench.take(Input::TimeElapsed).0
    }

    /// An INFO of the PBX.
    fn says(&mut self, sequence: u32, content_type: &str, body: &str) -> Vec<(SocketAddr, String)> {
        let to = format!("{};tag=b", header(&self.invite, "To:"));
        let (from, id) =
            (header(&self.invite, "From:").to_owned(), header(&self.invite, "Call-ID:").to_owned());
        let info = in_dialog("INFO", sequence, &to, &from, &id, PBX, body);
        self.bench.receive(PBX, &info.replace("application/sdp", content_type)).0
    }
}

/// The digits that INFOs among `sent` say to the PBX.
fn infos(sent: &[(SocketAddr, String)]) -> Vec<&str> {
    let infos = sent.iter().filter(|(peer, text)| peer.to_string() == PBX && text.starts_with("INFO "));
    infos.map(|(_, text)| text.split_once("\r\n\r\n").unwrap().1).collect()
}

#[test]
fn events_become_infos_one_at_a_time_in_their_order() {
    let mut call = call(DtmfMask::Off);
    let plan = call.bench.plan.clone().unwrap();
    assert_eq!(plan.streams[0].a.sends.as_ref().map(|sends| sends.events), Some(Events::Take));
    let first = call.hears(b'1');
    assert_eq!(infos(&first), ["Signal=1\r\nDuration=100\r\n"]);
    let info = &first[0].1;
    assert_eq!((header(info, "Content-Type:"), header(info, "CSeq:")), ("application/dtmf-relay", "2 INFO"));
    assert!(call.hears(b'#').is_empty() && call.hears(b'3').is_empty(), "one at a time");
    let second = call.bench.receive(PBX, &answer(info, "200 OK", "b", PBX, "")).0;
    assert_eq!(infos(&second), ["Signal=#\r\nDuration=100\r\n"]);
    let third = call.bench.receive(PBX, &answer(&second[0].1, "415 Unsupported Media Type", "b", PBX, "")).0;
    assert_eq!(infos(&third), ["Signal=3\r\nDuration=100\r\n"]);
    call.bench.receive(PBX, &answer(&third[0].1, "200 OK", "b", PBX, ""));
    let counters = call.bench.edge.counters();
    assert_eq!((counters.digits_to_info, counters.digits_to_events, counters.digits_lost), (2, 0, 1));
}

#[test]
fn a_peer_that_does_not_know_the_call_any_more_ends_it() {
    let mut call = call(DtmfMask::Off);
    let info = call.hears(b'1')[0].1.clone();
    call.hears(b'2');
    let lost = "481 Call/Transaction Does Not Exist";
    let (sent, _) = call.bench.receive(PBX, &answer(&info, lost, "b", PBX, ""));
    assert!(statuses(&sent).iter().any(|line| line.starts_with("BYE ")), "{sent:?}");
    assert!(infos(&sent).is_empty(), "nothing is said after it");
}

#[test]
fn infos_become_events_one_at_a_time_in_their_order() {
    let mut call = call(DtmfMask::Off);
    let relay = "application/dtmf-relay";
    for (sequence, body) in (1..).zip(["Signal=5\r\nDuration=160\r\n", "Signal=*\r\nDuration=250\r\n"]) {
        let sent = call.says(sequence, relay, body);
        assert_eq!((peers(&sent), statuses(&sent)), (vec![PBX.to_owned()], vec!["SIP/2.0 200 OK"]));
    }
    assert_eq!(call.says(3, "application/dtmf", "7").len(), 1);
    assert_eq!(call.bench.digits, ["B 5 160"]);
    call.sent();
    assert_eq!(call.bench.digits, ["B 5 160"], "two digits are not one long one");
    call.wait(100);
    call.sent();
    call.wait(100);
    assert_eq!(call.bench.digits, ["B 5 160", "B * 250", "B 7 160"]);
    call.wait(3000);
    assert_eq!(call.bench.digits.last().unwrap(), "B withdrawn", "who is silent sends no digit");
    let counters = call.bench.edge.counters();
    assert_eq!((counters.digits_to_info, counters.digits_to_events, counters.digits_lost), (0, 2, 1));
    call.sent();
    assert_eq!(call.bench.edge.counters().digits_to_events, 2, "it is too late for that");
}

#[test]
fn what_is_no_digit_or_too_much_is_refused() {
    let mut call = call(DtmfMask::Off);
    let relay = "application/dtmf-relay";
    assert_eq!(statuses(&call.says(1, relay, "Signal=16\r\n")), ["SIP/2.0 400 Bad Request"]);
    let crosses = call.says(2, "application/media_control+xml", "<x/>");
    assert_eq!(peers(&crosses), [CARRIER], "what is no digit crosses");
    let answers: Vec<String> =
        (3..43).map(|sequence| statuses(&call.says(sequence, relay, "Signal=1\r\n"))[0].to_owned()).collect();
    let taken = answers.iter().filter(|line| *line == "SIP/2.0 200 OK").count();
    assert_eq!(taken, 33, "one is under way, and 32 wait");
    assert_eq!(answers.last().unwrap(), "SIP/2.0 500 Server Internal Error");
}

#[test]
fn who_is_not_to_know_digits_does_not_hear_them() {
    let mut starred = call(DtmfMask::Star);
    assert_eq!(infos(&starred.hears(b'7')), ["Signal=*\r\nDuration=100\r\n"]);
    let mut dropped = call(DtmfMask::Drop);
    assert!(dropped.hears(b'7').is_empty());
    dropped.says(1, "application/dtmf-relay", "Signal=5\r\n");
    assert_eq!(dropped.bench.digits, ["B 5 160"], "the other side may know them");
}

#[test]
fn an_info_that_crosses_is_masked() {
    for mask in [DtmfMask::Off, DtmfMask::Star, DtmfMask::Drop] {
        let bench = Bench::new(|trunks, _| trunks[1].dtmf.mask = mask);
        let mut call = Standing::with(bench);
        let info = call.by_carrier("INFO", 2, "Signal=5\r\nDuration=160\r\n");
        let info = info.replace("application/sdp", "application/dtmf-relay");
        let (sent, _) = call.bench.receive(CARRIER, &info);
        let [(peer, text)] = &sent[..] else { panic!("{sent:?}") };
        match mask {
            DtmfMask::Off => {
                assert!(peer.to_string() == PBX && text.ends_with("Signal=5\r\nDuration=160\r\n"))
            }
            DtmfMask::Star => {
                assert!(peer.to_string() == PBX && text.ends_with("Signal=*\r\nDuration=160\r\n"))
            }
            DtmfMask::Drop => assert!(peer.to_string() == CARRIER && text.starts_with("SIP/2.0 200")),
        }
    }
}

#[test]
fn a_digit_without_a_duration_is_masked_without_one() {
    let mut call = Standing::with(Bench::new(|trunks, _| trunks[1].dtmf.mask = DtmfMask::Star));
    let info = call.by_carrier("INFO", 2, "5").replace("application/sdp", "application/dtmf");
    let (sent, _) = call.bench.receive(CARRIER, &info);
    assert!(sent[0].0.to_string() == PBX && sent[0].1.ends_with("\r\n\r\n*"), "{sent:?}");
}

#[test]
fn who_is_not_to_know_digits_is_not_told_what_cannot_be_read() {
    for (mask, refused) in [(DtmfMask::Off, false), (DtmfMask::Star, true), (DtmfMask::Drop, true)] {
        let mut call = Standing::with(Bench::new(|trunks, _| trunks[1].dtmf.mask = mask));
        let info = call.by_carrier("INFO", 2, "Signal=55\r\n");
        let info = info.replace("application/sdp", "application/dtmf-relay");
        let (sent, _) = call.bench.receive(CARRIER, &info);
        let expected = if refused { CARRIER } else { PBX };
        assert_eq!(peers(&sent), [expected], "{mask:?}");
        assert_eq!(statuses(&sent)[0].starts_with("SIP/2.0 400"), refused, "{mask:?}");
    }
}

#[test]
fn the_record_says_how_many_and_never_which() {
    let mut call = call(DtmfMask::Off);
    let info = call.hears(b'9')[0].1.clone();
    call.bench.receive(PBX, &answer(&info, "200 OK", "b", PBX, ""));
    call.says(1, "application/dtmf-relay", "Signal=5\r\n");
    let bye = in_dialog("BYE", 2, &call.from, &call.to, "1@192.0.2.10", CARRIER, "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    assert_eq!(records[0].digits, [1, 1]);
    assert!(call.hears(b'1').is_empty(), "a digit after the end is nothing");
}
