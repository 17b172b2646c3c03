//! Callers who hear a tone of ours while nothing else is to be heard.

use super::reliable::{CAN, Ringing, is_reliable};
use super::standing::{CARRIER, header, pbx_sdp};
use super::*;
use crate::media::Law;
use crate::policy::{ToneCountry, Tones};

fn tones(trunks: &mut [Trunk; 2]) {
    trunks[0].media.tones = Tones::EarlyMedia;
    trunks[0].media.tone_country = ToneCountry::of_calling_code("44");
}

fn ringing(extension: &str) -> Ringing {
    Ringing::with(extension, SDP, |trunks, _| tones(trunks))
}

/// Whether a tone plays now.
fn plays(call: &Ringing) -> bool {
    call.bench.tones.last().is_some_and(|(_, tone)| tone.is_some())
}

fn to_carrier(sent: &[(SocketAddr, String)], start: &str) -> bool {
    sent.iter().any(|(to, text)| to.to_string() == CARRIER && text.starts_with(start))
}

#[test]
fn who_rings_without_a_word_is_heard_by_a_tone_until_it_answers() {
    let mut call = ringing("");
    call.by_pbx("100 Trying", "", None, "");
    assert!(call.bench.tones.is_empty());
    let sent = call.by_pbx("180 Ringing", "b", None, "");
    assert_eq!(statuses(&sent), ["SIP/2.0 183 Session Progress"]);
    assert!(call.heard.contains("c=IN IP4 192.0.2.1\r\n"), "{}", call.heard);
    assert!(
        call.heard.contains("m=audio 20000 RTP/AVP 8\r\n") && call.heard.contains("a=sendrecv"),
        "{}",
        call.heard
    );
    let [(_, Some(tone))] = call.bench.tones[..] else { panic!("{:?}", call.bench.tones) };
    assert_eq!(
        (tone.local.to_string().as_str(), tone.remote.to_string().as_str()),
        ("192.0.2.1:20000", "192.0.2.10:6000")
    );
    assert_eq!((tone.law, tone.payload_type, tone.country), (Law::A, 8, ToneCountry::named("gb").unwrap()));
    assert_eq!(statuses(&call.by_pbx("180 Ringing", "b", None, "")), ["SIP/2.0 183 Session Progress"]);
    assert!(
        !call.heard.contains("m=audio") && call.bench.tones.len() == 1,
        "nothing new is said: {}",
        call.heard
    );
    let sent = call.by_pbx("200 OK", "b", None, &pbx_sdp());
    assert!(to_carrier(&sent, "SIP/2.0 200") && call.heard.contains("RTP/AVP 8 0\r\n"), "{}", call.heard);
    assert!(!plays(&call) && call.bench.tones.len() == 2);
    let ack = call.by_carrier("ACK", 1, "", "");
    assert_eq!(call.receive(CARRIER, &ack), [], "the 200 has said it");
    let bye = call.by_carrier("BYE", 2, "", "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    assert!(records[0].ringback && records[0].ringing.is_some());
}

#[test]
fn early_media_ends_the_tone_and_there_is_none_over_it() {
    let mut call = ringing("");
    call.by_pbx("180 Ringing", "b", None, "");
    assert!(plays(&call));
    call.by_pbx("183 Session Progress", "b", None, &pbx_sdp());
    assert!(!plays(&call) && call.heard.contains("RTP/AVP 8 0\r\n"), "{}", call.heard);
    call.by_pbx("180 Ringing", "b", None, "");
    assert!(!plays(&call) && call.heard.starts_with("SIP/2.0 180"), "{}", call.heard);
    let mut call = ringing("");
    call.by_pbx("180 Ringing", "b", None, &pbx_sdp());
    assert!(call.bench.tones.is_empty());
    let mut call = ringing("");
    call.by_pbx("183 Session Progress", "b", None, "");
    assert!(
        call.bench.tones.is_empty() && call.heard.starts_with("SIP/2.0 183"),
        "it does not say that it rings"
    );
}

#[test]
fn whatever_ends_the_call_ends_the_tone() {
    let cancel = |call: &mut Ringing| {
        let cancel = call.by_carrier("CANCEL", 1, "", "").replace("z9hG4bKCANCEL1", "z9hG4bK1");
        call.receive(CARRIER, &cancel);
    };
    let refuse = |call: &mut Ringing| drop(call.by_pbx("486 Busy Here", "b", None, ""));
    let wait = |call: &mut Ringing| drop(call.wait(400));
    let drain = |call: &mut Ringing| drop(call.bench.take(Input::HandedOver));
    for end in [&cancel as &dyn Fn(&mut Ringing), &refuse, &wait, &drain] {
        let mut call = ringing("");
        call.by_pbx("180 Ringing", "b", None, "");
        assert!(plays(&call));
        end(&mut call);
        assert!(!plays(&call) && call.bench.tones.len() == 2);
    }
}

#[test]
fn one_who_acknowledges_is_told_reliably_and_again_only_of_what_sounds_different() {
    for (formats, told_anew) in [("8", false), ("8 0", true), ("0", true)] {
        for early in [false, true] {
            let mut call = ringing(CAN);
            let sdp = pbx_sdp().replace("AVP 8 0", &format!("AVP {formats}"));
            call.by_pbx("180 Ringing", "b", None, "");
            assert!(
                is_reliable(&call.heard) && call.heard.contains("m=audio 20000 RTP/AVP 8\r\n"),
                "{}",
                call.heard
            );
            assert!(header(&call.prack(2, "").last().unwrap().1, "CSeq:").ends_with("PRACK"));
            if early {
                call.by_pbx("183 Session Progress", "b", Some(1), &sdp);
                assert!(
                    !plays(&call) && !call.heard.contains("m=audio"),
                    "his offer is answered: {}",
                    call.heard
                );
                if is_reliable(&call.heard) {
                    call.prack(3, "");
                }
            }
            let sent = call.by_pbx("200 OK", "b", None, if early { "" } else { &sdp });
            assert!(to_carrier(&sent, "SIP/2.0 200") && !call.heard.contains("m=audio"), "{}", call.heard);
            assert!(!plays(&call));
            let ack = call.by_carrier("ACK", 1, "", "");
            let sent = call.receive(CARRIER, &ack);
            let again = sent.iter().find(|(_, text)| text.starts_with("INVITE "));
            assert_eq!(again.is_some(), told_anew, "{formats}, {early}: {sent:?}");
            if let Some((to, again)) = again {
                assert_eq!(to.to_string(), CARRIER);
                assert!(again.contains(&format!("RTP/AVP {formats}\r\n")), "{again}");
            }
        }
    }
}

#[test]
fn nobody_hears_a_tone_who_cannot_or_whose_operator_wants_none() {
    type Change = fn(&mut [Trunk; 2]);
    let cases: [(Change, &str); 5] = [
        (|_| {}, SDP),
        (|trunks| trunks[1].media.tones = Tones::EarlyMedia, SDP),
        (tones, ""),
        (tones, &SDP.replace("AVP 8 0", "AVP 18 9")),
        (
            |trunks| {
                tones(trunks);
                trunks[0].nat = true;
            },
            SDP,
        ),
    ];
    for (change, offer) in cases {
        let mut call = Ringing::with("", offer, |trunks, _| change(trunks));
        call.by_pbx("180 Ringing", "b", None, "");
        assert!(call.bench.tones.is_empty() && call.heard.starts_with("SIP/2.0 180"), "{}", call.heard);
    }
}

#[test]
fn a_call_whose_media_is_left_out_has_no_port_for_a_tone() {
    let direct = |trunks: &mut [Trunk; 2]| {
        tones(trunks);
        trunks.iter_mut().for_each(|trunk| trunk.media.direct = true);
    };
    let bench =
        Bench::with_realms(|trunks, _| direct(trunks), |realms| realms[0].reaches = vec![RealmId::new(1)]);
    let mut call = Ringing::in_bench(bench, "", SDP);
    call.by_pbx("180 Ringing", "b", None, "");
    assert!(call.bench.tones.is_empty() && call.heard.starts_with("SIP/2.0 180"), "{}", call.heard);
}
