use std::net::SocketAddr;

use crate::media::Law;
use crate::policy::{Codec, RealmId, Srtp, Trunk};
use crate::sdp::{Answer, MediaLines, Offer, Proposal, Terms};

const LINES: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n";

fn proposal(lines: &str, allow: &[&str]) -> Proposal {
    let trunk = || {
        let mut trunk = Trunk::new("", RealmId::new(0), SocketAddr::from(([192, 0, 2, 1], 5060)));
        trunk.srtp = Srtp::Passthrough;
        trunk
    };
    let (near, mut far) = (trunk(), trunk());
    far.codecs.allow = allow.iter().map(|codec| Codec::new(codec)).collect();
    let offer = Offer::parse(format!("{LINES}{lines}").as_bytes()).unwrap();
    MediaLines::default().propose(0, offer, &Terms::between(&near, &far), |_| Ok(())).unwrap()
}

/// What is offered, what the other trunk allows, and the law and payload type of a tone.
type Row<'a> = (&'a str, &'a [&'a str], Option<(Law, u8)>);

#[test]
fn a_caller_hears_the_law_that_the_other_leg_would_rather_have_if_he_can_hear_it_at_all() {
    let events = "a=rtpmap:101 telephone-event/8000\r\n";
    let rows: [Row<'_>; 11] = [
        ("m=audio 6000 RTP/AVP 8 0\r\n", &[], Some((Law::A, 8))),
        ("m=audio 6000 RTP/AVP 0 8\r\n", &[], Some((Law::Mu, 0))),
        ("m=audio 6000 RTP/AVP 8 0\r\n", &["PCMU", "PCMA"], Some((Law::Mu, 0))),
        ("m=audio 6000 RTP/AVP 18 8\r\n", &["G729", "PCMA"], Some((Law::A, 8))),
        ("m=audio 6000 RTP/AVP 98\r\na=rtpmap:98 pcma/8000/1\r\n", &[], Some((Law::A, 98))),
        ("m=audio 6000 RTP/AVP 18 9\r\n", &[], None),
        ("m=audio 6000 RTP/AVP 8 18\r\n", &["G729"], None),
        ("m=audio 6000 RTP/AVP 8\r\na=sendonly\r\n", &[], None),
        ("m=audio 6000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n", &[], None),
        ("m=audio 6000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", &[], None),
        ("m=image 6000 udptl t38\r\n", &[], None),
    ];
    for (offer, allow, heard) in rows {
        let tone = proposal(&format!("{offer}{}", if offer.contains("101") { events } else { "" }), allow);
        let tone = tone.answered_by_a_tone().map(|tone| (tone.law, tone.payload_type));
        assert_eq!(tone, heard, "{offer}");
    }
}

#[test]
fn events_stay_other_lines_are_declined_and_the_same_from_the_other_leg_sounds_the_same() {
    let offer =
        "m=image 6002 udptl t38\r\nm=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    let proposal = proposal(offer, &[]);
    let tone = proposal.answered_by_a_tone().unwrap();
    let origin = crate::sdp::Origin { address: [203, 0, 113, 1].into(), session_id: 1, version: 1 };
    let local = SocketAddr::from(([203, 0, 113, 1], 20_000));
    let text = String::from_utf8(tone.agreement.answer_to(origin, |_| Some(local)).to_vec()).unwrap();
    assert!(text.contains("m=image 0 udptl t38\r\nm=audio 20000 RTP/AVP 8 101\r\n"), "{text}");
    assert!(text.contains("a=ptime:20\r\n") && text.contains("a=sendrecv\r\n"), "{text}");
    for (lines, same) in [
        (
            "m=image 0 udptl t38\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n",
            true,
        ),
        ("m=image 0 udptl t38\r\nm=audio 7000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n", true),
        ("m=image 0 udptl t38\r\nm=audio 7000 RTP/AVP 8\r\n", false),
        ("m=image 0 udptl t38\r\nm=audio 7000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", false),
        (
            "m=image 0 udptl t38\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n",
            false,
        ),
        (
            "m=image 7002 udptl t38\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
            false,
        ),
    ] {
        let answer = Answer::parse(format!("{LINES}{lines}").as_bytes()).unwrap();
        let real = proposal.agree(&answer, |_| Ok(())).unwrap();
        assert_eq!(real.sounds_like(&tone.agreement), same, "{lines}");
    }
}
