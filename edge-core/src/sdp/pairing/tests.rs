//! Payload types of two legs, and what becomes of each on its way: the whole table.

use crate::media::{Handling, Payload, Sends};
use crate::policy::{Codec, Policing, RealmId, Trunk};
use crate::sdp::{Agreement, Answer, MediaLines, Offer, Terms};
use std::net::SocketAddr;

const HEAD: &str = "v=0\no=x 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n";
const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\n";

fn trunk(allow: &[&str], converts_law: bool) -> Trunk {
    let mut trunk = Trunk::new("a", RealmId::new(0), SocketAddr::from(([192, 0, 2, 1], 5060)));
    trunk.codecs.allow = allow.iter().map(|name| Codec::new(name)).collect();
    trunk.media.converts_law = converts_law;
    trunk
}

/// What the far leg is offered, and what comes of its answer.
fn agree(trunks: [&Trunk; 2], offer: &str, answer: &str) -> (String, Agreement) {
    let terms = Terms::between(trunks[0], trunks[1]);
    let offer = Offer::parse(format!("{HEAD}{offer}").as_bytes()).expect("an offer");
    let proposal = MediaLines::default().propose(0, offer, &terms, |_| Ok(())).expect("it may cross");
    let local = SocketAddr::from(([203, 0, 113, 1], 10_000));
    let origin = crate::sdp::Origin { address: local.ip(), session_id: 1, version: 1 };
    let told = proposal.offer_to(origin, |_| Some(local));
    let answer = Answer::parse(format!("{HEAD}{answer}").as_bytes()).expect("an answer");
    (formats(&told), proposal.agree(&answer, |_| Ok(())).expect("an agreement"))
}

fn formats(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| line.starts_with("m=audio")).expect("an audio line");
    line.splitn(4, ' ').nth(3).expect("formats").to_owned()
}

fn heard(agreement: &Agreement) -> String {
    let local = SocketAddr::from(([203, 0, 113, 1], 10_000));
    let origin = crate::sdp::Origin { address: local.ip(), session_id: 1, version: 1 };
    formats(&agreement.answer_to(origin, |_| Some(local)))
}

/// `arrives as>leaves as`, with a mark for what is converted.
fn shown(sends: Option<Sends>) -> String {
    let payload = |payload: &Payload| {
        let mark = match payload.handling {
            Handling::Plain => "",
            Handling::Event => "e",
            Handling::AlawToUlaw => "u",
            Handling::UlawToAlaw => "a",
        };
        format!("{}>{}{mark}", payload.arrives_as, payload.leaves_as)
    };
    sends.expect("it is policed").payloads().iter().map(payload).collect::<Vec<_>>().join(" ")
}

fn sends(agreement: &Agreement) -> [String; 2] {
    agreement.stream(0).expect("a stream").sends([Policing::Drop; 2]).map(shown)
}

#[test]
fn each_leg_keeps_its_own_numbers() {
    let events = |number: u8| format!("a=rtpmap:{number} telephone-event/8000\n");
    let offer = format!("m=audio 4000 RTP/AVP 8 0 101\n{EVENTS}");
    // The answer; what the leg that offered hears, may send, and what the other one may send.
    let table = [
        (format!("8 101\n{EVENTS}"), "8 101", "8>8 101>101e", "8>8 101>101e"),
        (format!("8 96\n{}", events(96)), "8 101", "8>8 101>96e", "8>8 101>101e 96>101e"),
        ("0".to_owned(), "0", "0>0", "0>0"),
        ("98\na=rtpmap:98 pcma/8000".to_owned(), "8", "8>98", "8>8 98>8"),
        (format!("101 8\n{EVENTS}"), "101 8", "101>101e 8>8", "101>101e 8>8"),
        // Numbers that are swapped mean what the offer says (RFC 3264 section 6.1).
        (
            "101 8\na=rtpmap:101 PCMA/8000\na=rtpmap:8 telephone-event/8000".to_owned(),
            "8 101",
            "8>101 101>8e",
            "8>8 101>101e",
        ),
    ];
    let plain = trunk(&[], false);
    for (answer, expected, there, back) in table {
        let (_, agreement) = agree([&plain, &plain], &offer, &format!("m=audio 4002 RTP/AVP {answer}\n"));
        assert_eq!(heard(&agreement), expected, "{answer}");
        assert_eq!(sends(&agreement), [there, back], "{answer}");
        assert_eq!(agreement.transcoded(), None);
    }
}

#[test]
fn two_formats_of_one_encoding_are_told_apart_by_number() {
    let offer =
        "m=audio 4000 RTP/AVP 96 97\na=rtpmap:96 AMR/8000\na=rtpmap:97 AMR/8000\na=fmtp:97 octet-align=1\n";
    let plain = trunk(&[], false);
    for (answer, there) in
        [("97", "97>97"), ("96", "96>96"), ("97 96", "97>97 96>96"), ("98 97", "96>98 97>97")]
    {
        let map = "a=rtpmap:96 AMR/8000\na=rtpmap:97 AMR/8000\na=rtpmap:98 AMR/8000\n";
        let (_, agreement) = agree([&plain, &plain], offer, &format!("m=audio 2 RTP/AVP {answer}\n{map}"));
        assert_eq!(sends(&agreement)[0], there, "{answer}");
    }
}

#[test]
fn copies_cross_only_with_numbers_that_stay() {
    let offer = "m=audio 4000 RTP/AVP 120 8\na=rtpmap:120 red/8000\na=fmtp:120 8/8\n";
    let plain = trunk(&[], false);
    let (_, same) = agree([&plain, &plain], offer, &format!("{}\n", offer.trim()));
    assert_eq!(heard(&same), "120 8");
    let anew = "m=audio 2 RTP/AVP 120 98\na=rtpmap:120 red/8000\na=fmtp:120 98/98\na=rtpmap:98 PCMA/8000\n";
    let (_, renumbered) = agree([&plain, &plain], offer, anew);
    assert_eq!(heard(&renumbered), "8");
}

#[test]
fn one_law_becomes_the_other_where_either_trunk_says_so() {
    let (open, converting) = (trunk(&[], false), trunk(&[], true));
    let only = |law: &str| trunk(&[law, "telephone-event"], true);
    let alaw = format!("m=audio 4000 RTP/AVP 8 101\n{EVENTS}");
    let ulaw = format!("m=audio 4000 RTP/AVP 0 101\n{EVENTS}");
    let both = format!("m=audio 4000 RTP/AVP 8 0 101\n{EVENTS}");
    let [to_ulaw, to_alaw] = [only("PCMU"), only("PCMA")];
    // Trunks and offer; what is told; the answer; what is heard, sent there and back; the codec of the other side.
    let table = [
        ([&open, &to_ulaw], &alaw, "0 101", &ulaw, ("8 101", "101>101e 8>0u", "101>101e 0>8a"), Some("PCMU")),
        ([&open, &to_alaw], &ulaw, "8 101", &alaw, ("0 101", "101>101e 0>8a", "101>101e 8>0u"), Some("PCMA")),
        ([&open, &converting], &alaw, "8 0 101", &alaw, ("8 101", "8>8 101>101e", "8>8 101>101e"), None),
        (
            [&converting, &open],
            &alaw,
            "8 0 101",
            &ulaw,
            ("8 101", "101>101e 8>0u", "101>101e 0>8a"),
            Some("PCMU"),
        ),
        ([&open, &converting], &alaw, "8 0 101", &both, ("8 101", "8>8 101>101e", "8>8 101>101e 0>8a"), None),
        (
            [&open, &converting],
            &both,
            "8 0 101",
            &both,
            ("8 0 101", "8>8 0>0 101>101e", "8>8 0>0 101>101e"),
            None,
        ),
    ];
    for (trunks, offer, told, answer, (hears, there, back), transcoded) in table {
        let (offered, agreement) = agree(trunks, offer, answer);
        assert_eq!(offered, told, "{offer} {answer}");
        assert_eq!(heard(&agreement), hears, "{offer} {answer}");
        assert_eq!(sends(&agreement), [there, back], "{offer} {answer}");
        assert_eq!(agreement.transcoded(), transcoded, "{offer} {answer}");
    }
}

#[test]
fn what_is_encrypted_keeps_the_numbers_and_the_law_of_the_answer() {
    let mut secure = trunk(&[], true);
    secure.srtp = crate::policy::Srtp::Passthrough;
    let text = |formats: &str| {
        format!(
            "m=audio 4000 RTP/SAVP {formats}\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n{EVENTS}a=rtpmap:96 telephone-event/8000\n"
        )
    };
    let (told, agreement) = agree([&secure, &secure], &text("8 101"), &text("8 96"));
    assert_eq!((told.as_str(), heard(&agreement).as_str()), ("8 101", "8 96"));
    assert_eq!(sends(&agreement), ["8>8 96>96e", "8>8 101>101e 96>96e"]);
}
