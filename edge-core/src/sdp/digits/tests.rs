//! Each pair of ways of saying digits: what each leg is told, and what becomes of its events.

use std::net::SocketAddr;

use crate::media::{Events, Sends};
use crate::policy::{Dtmf, DtmfMask, DtmfPolicy, Policing, RealmId, Srtp, Trunk};
use crate::sdp::{Answer, MediaLines, Offer, Origin, Terms};

const WITH: &str = "8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n";
const OTHER: &str = "8 96\r\na=rtpmap:96 telephone-event/8000\r\n";
const WITHOUT: &str = "8\r\n";

fn trunk(mode: Dtmf) -> Trunk {
    let mut trunk = Trunk::new("t", RealmId::new(0), "192.0.2.1:5060".parse().expect("an address"));
    trunk.dtmf = DtmfPolicy { mode, mask: DtmfMask::Off };
    trunk
}

fn sdp(formats: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}"
    )
}

fn numbers(description: &[u8]) -> String {
    let text = String::from_utf8_lossy(description);
    let line = text.lines().find_map(|line| line.strip_prefix("m=audio 6000 RTP/")).unwrap_or_default();
    line.split_once(' ').map_or("", |(_, numbers)| numbers).to_owned()
}

/// What the far leg is offered, what the near leg is answered, and what each may send.
fn crossed(near: &Trunk, far: &Trunk, offered: &str, answered: &str) -> (String, String, [Sends; 2]) {
    let origin = Origin { address: "192.0.2.1".parse().expect("an address"), session_id: 1, version: 1 };
    let local: SocketAddr = "192.0.2.1:6000".parse().expect("an address");
    let offer = Offer::parse(sdp(offered).as_bytes()).expect("an offer");
    let terms = Terms::between(near, far);
    let proposal = MediaLines::default().propose(0, offer, &terms, |_| Ok(())).expect("it crosses");
    let told = numbers(&proposal.offer_to(origin, |_| Some(local)));
    let answer = Answer::parse(sdp(answered).as_bytes()).expect("an answer");
    let agreement = proposal.agree(&answer, |_| Ok(())).expect("it agrees");
    let heard = numbers(&agreement.answer_to(origin, |_| Some(local)));
    let sends = agreement.stream(0).expect("a stream").sends([Policing::Drop; 2]);
    (told, heard, sends.map(|sends| sends.expect("they are policed")))
}

/// In words: what becomes of its events, which numbers it may send, and by which its digits leave.
fn said(sends: &Sends) -> String {
    let numbers: Vec<String> =
        sends.payloads().iter().map(|payload| payload.arrives_as.to_string()).collect();
    let rides: Vec<u8> = sends
        .payloads()
        .iter()
        .filter(|payload| payload.carries_digits)
        .map(|payload| payload.arrives_as)
        .collect();
    let leaves =
        sends.digits_as.map(|digits| format!(" {rides:?} as {}/{}", digits.payload_type, digits.clock_rate));
    format!("{:?} {}{}", sends.events, numbers.join(","), leaves.unwrap_or_default())
}

#[test]
fn every_pair_of_ways() {
    use Dtmf::{Auto, Inband, Info, Rfc4733};
    // Near, far, offer, answer: told, heard, what near sends, what far sends.
    let rows: [(Dtmf, Dtmf, &str, &str, [&str; 4]); 14] = [
        (Rfc4733, Rfc4733, WITH, WITH, ["8 101", "8 101", "Cross 8,101", "Cross 8,101"]),
        (Rfc4733, Rfc4733, WITHOUT, WITHOUT, ["8", "8", "Cross 8", "Cross 8"]),
        (Rfc4733, Rfc4733, WITH, WITHOUT, ["8 101", "8", "Cross 8", "Cross 8"]),
        (Rfc4733, Info, WITH, WITHOUT, ["8", "8 101", "Take 8,101", "Cross 8 [8] as 101/8000"]),
        (Rfc4733, Info, WITHOUT, WITHOUT, ["8", "8", "Cross 8", "Cross 8"]),
        (Rfc4733, Auto, WITH, WITHOUT, ["8 101", "8 101", "Take 8,101", "Cross 8 [8] as 101/8000"]),
        (Rfc4733, Auto, WITH, OTHER, ["8 101", "8 101", "Cross 8,101", "Cross 8,101,96"]),
        (Rfc4733, Inband, WITH, WITHOUT, ["8", "8", "Cross 8", "Cross 8"]),
        (Info, Rfc4733, WITHOUT, WITH, ["8 101", "8", "Cross 8 [8] as 101/8000", "Take 8,101"]),
        (Info, Rfc4733, WITHOUT, OTHER, ["8 101", "8", "Cross 8 [8] as 96/8000", "Take 8,96,101"]),
        (Info, Rfc4733, WITH, WITH, ["8 101", "8", "Cross 8 [8] as 101/8000", "Take 8,101"]),
        (Info, Info, WITH, WITHOUT, ["8", "8", "Cross 8", "Cross 8"]),
        (Auto, Rfc4733, WITHOUT, WITH, ["8 101", "8", "Cross 8 [8] as 101/8000", "Take 8,101"]),
        (Inband, Rfc4733, WITH, WITHOUT, ["8", "8", "Cross 8", "Cross 8"]),
    ];
    for (near, far, offer, answer, expected) in rows {
        let (told, heard, [a, b]) = crossed(&trunk(near), &trunk(far), offer, answer);
        let found = [told.as_str(), heard.as_str(), &said(&a), &said(&b)];
        assert_eq!(found, expected, "{near:?} to {far:?}: {offer:?} {answer:?}");
    }
}

#[test]
fn each_clock_of_a_codec_has_events_of_its_own() {
    let wide = "111 8\r\na=rtpmap:111 opus/48000/2\r\n";
    let answer = "111 110\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\n";
    let (told, heard, [a, b]) = crossed(&trunk(Dtmf::Info), &trunk(Dtmf::Rfc4733), wide, answer);
    assert_eq!((told.as_str(), heard.as_str()), ("111 8 101 110", "111"));
    assert_eq!((said(&a).as_str(), said(&b).as_str()), ("Cross 111 [111] as 110/48000", "Take 111,110,101"));
}

#[test]
fn masks_are_those_of_the_trunk_that_is_told() {
    let masked = |mask| Trunk { dtmf: DtmfPolicy { mask, ..DtmfPolicy::default() }, ..trunk(Dtmf::Rfc4733) };
    for (mask, events) in [(DtmfMask::Star, Events::Mask), (DtmfMask::Drop, Events::Hold)] {
        let (_, _, [a, b]) = crossed(&trunk(Dtmf::Rfc4733), &masked(mask), WITH, WITH);
        assert_eq!((a.events, b.events), (events, Events::Cross));
        let (_, _, [a, b]) = crossed(&masked(mask), &trunk(Dtmf::Rfc4733), WITH, WITH);
        assert_eq!((a.events, b.events), (Events::Cross, events));
    }
}

#[test]
fn encrypted_and_direct_media_is_left_as_it_is() {
    let secure = |mode| Trunk { srtp: Srtp::Passthrough, ..trunk(mode) };
    let (near, far) = (secure(Dtmf::Auto), secure(Dtmf::Info));
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let offer = sdp(&format!("{WITH}{key}")).replace("RTP/AVP", "RTP/SAVP");
    let offer = Offer::parse(offer.as_bytes()).expect("an offer");
    let origin = Origin { address: "192.0.2.1".parse().expect("an address"), session_id: 1, version: 1 };
    let local: SocketAddr = "192.0.2.1:6000".parse().expect("an address");
    let terms = Terms::between(&near, &far);
    let proposal = MediaLines::default().propose(0, offer, &terms, |_| Ok(())).expect("it crosses");
    assert_eq!(numbers(&proposal.offer_to(origin, |_| Some(local))), "8 101");
}
