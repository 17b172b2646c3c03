//! Offers and answers through the edge: whole texts, policies, holds, m= lines, and what must not leak.

use std::net::SocketAddr;

use super::{Answer, MediaLines, Offer, answer_to, codec_name, offer_to};
use crate::policy::{Codec, CodecPolicy};
use crate::sdp::{LocalMedia, SdpError};

const OFFER: &str = "v=0\r\n\
    o=carrier 71 3 IN IP4 198.51.100.66\r\n\
    s=secret\r\n\
    i=198.51.100.66\r\n\
    u=http://198.51.100.66/\r\n\
    e=a@198.51.100.66\r\n\
    p=+1 198\r\n\
    c=IN IP4 198.51.100.66\r\n\
    b=AS:80\r\n\
    t=0 0\r\n\
    k=clear:x\r\n\
    a=tool:198.51.100.66\r\n\
    m=video 40000 RTP/AVP 97\r\n\
    a=rtpmap:97 H264/90000\r\n\
    m=audio 30000 RTP/AVP 8 0 18 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=fmtp:18 annexb=no\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=rtcp:30011 IN IP4 198.51.100.67\r\n\
    a=candidate:1 1 UDP 1 198.51.100.66 30000 typ host\r\n\
    a=ice-ufrag:x\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n\
    a=fingerprint:sha-256 AA\r\n\
    a=setup:actpass\r\n\
    a=rtcp-mux\r\n\
    a=X-nat:198.51.100.66\r\n\
    a=ptime:20\r\n\
    a=maxptime:40\r\n";

const ANSWER: &str = "v=0\r\no=pbx 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 0 101 96\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
    a=rtpmap:96 opus/48000/2\r\na=ptime:30\r\n";

/// What near and far allow, what far denies, and the formats that are offered on.
type PolicyRow<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], Result<&'a str, SdpError>);

#[test]
fn an_offer_is_told_as_ours_and_leaks_nothing() {
    let ours =
        offer_to(local(), &offer(OFFER), &any(), &any(), &MediaLines::default()).expect("a common codec");
    let expected = "v=0\r\n\
        o=- 5 6 IN IP4 203.0.113.7\r\n\
        s=-\r\n\
        c=IN IP4 203.0.113.7\r\n\
        t=0 0\r\n\
        m=audio 10000 RTP/AVP 8 0 18 101\r\n\
        a=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:18 G729/8000\r\n\
        a=fmtp:18 annexb=no\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-16\r\n\
        a=ptime:20\r\n\
        a=maxptime:40\r\n\
        a=sendrecv\r\n";
    assert_eq!(ours, expected);
}

#[test]
fn an_answer_has_the_lines_of_the_offer() {
    let answered =
        answer_to(local(), &offer(OFFER), &answer(ANSWER), [&any(), &any()]).expect("a common codec");
    let expected = "v=0\r\n\
        o=- 5 6 IN IP4 203.0.113.7\r\n\
        s=-\r\n\
        c=IN IP4 203.0.113.7\r\n\
        t=0 0\r\n\
        m=video 0 RTP/AVP 97\r\n\
        m=audio 10000 RTP/AVP 0 101\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\n\
        a=ptime:30\r\n\
        a=sendrecv\r\n";
    assert_eq!(answered, expected);
}

#[test]
fn formats_follow_both_policies_and_the_far_preference() {
    let table: [PolicyRow; 7] = [
        (&[], &[], &[], Ok("8 0 18 101")),
        (&["PCMU", "PCMA"], &[], &[], Ok("8 0")),
        (&[], &["telephone-event", "pcmu", "PCMA"], &[], Ok("0 8 101")),
        (&["G729", "PCMA"], &["PCMA", "PCMU"], &[], Ok("8")),
        (&[], &[], &["G729", "telephone-event"], Ok("8 0")),
        (&["telephone-event"], &[], &[], Err(SdpError::NoCommonCodec)),
        (&["PCMA"], &["PCMU"], &[], Err(SdpError::NoCommonCodec)),
    ];
    for (near, far, deny, expected) in table {
        let written =
            offer_to(local(), &offer(OFFER), &policy(near, &[]), &policy(far, deny), &MediaLines::default());
        let formats = written.map(|text| audio_formats(&text));
        assert_eq!(formats, expected.map(str::to_owned), "{near:?} {far:?} {deny:?}");
    }
}

#[test]
fn an_answer_may_use_what_was_offered_only() {
    let table = [
        ("0", Ok("0")),
        ("18 8", Ok("18 8")),
        ("96 0", Ok("0")),
        ("3", Err(SdpError::NoCommonCodec)),
        ("101", Err(SdpError::NoCommonCodec)),
    ];
    for (formats, expected) in table {
        let text = ANSWER.replace("0 101 96", formats);
        let written = answer_to(local(), &offer(OFFER), &answer(&text), [&any(), &any()]);
        assert_eq!(written.map(|text| audio_formats(&text)), expected.map(str::to_owned), "{formats}");
    }
    let denied = answer_to(local(), &offer(OFFER), &answer(ANSWER), [&policy(&["G729"], &[]), &any()]);
    assert_eq!(denied, Err(SdpError::NoCommonCodec));
}

#[test]
fn hold_and_resume_pass_both_ways() {
    let table = [
        ("sendonly", "recvonly", "recvonly"),
        ("inactive", "inactive", "inactive"),
        ("sendonly", "sendrecv", "recvonly"),
        ("sendrecv", "sendrecv", "sendrecv"),
    ];
    for (offered, answered, expected) in table {
        let offer = offer(&format!("{OFFER}a={offered}\r\n"));
        let ours = offer_to(local(), &offer, &any(), &any(), &MediaLines::default()).expect("a common codec");
        assert_eq!(last_line(&ours), format!("a={offered}"));
        let answer = answer(&format!("{ANSWER}a={answered}\r\n"));
        let ours = answer_to(local(), &offer, &answer, [&any(), &any()]).expect("a common codec");
        assert_eq!(last_line(&ours), format!("a={expected}"), "{offered} {answered}");
    }
    let old = offer(&OFFER.replace("c=IN IP4 198.51.100.66", "c=IN IP4 0.0.0.0"));
    let ours = offer_to(local(), &old, &any(), &any(), &MediaLines::default()).expect("a common codec");
    assert_eq!(last_line(&ours), "a=sendonly");
}

#[test]
fn a_later_offer_to_a_leg_repeats_the_lines_that_leg_made() {
    let first = offer(OFFER);
    let from_other_side = offer(&ANSWER.replace("pbx 1 1", "pbx 1 2"));
    let ours = offer_to(local(), &from_other_side, &any(), &any(), first.lines()).expect("a common codec");
    let lines: Vec<_> = media_lines(&ours);
    assert_eq!(lines, ["m=video 0 RTP/AVP 97", "m=audio 10000 RTP/AVP 0 101 96"]);
    let answered =
        answer_to(local(), &from_other_side, &answer(&String::from_utf8_lossy(&ours)), [&any(), &any()]);
    assert_eq!(media_lines(&answered.expect("a common codec")), ["m=audio 10000 RTP/AVP 0 101 96"]);
}

#[test]
fn a_declined_stream_is_an_outcome_of_its_own() {
    let table = [
        (ANSWER.replace("m=audio 20000", "m=audio 0"), SdpError::Declined),
        (ANSWER.replace("m=audio", "m=video"), SdpError::NoAudio),
        (ANSWER.replace("RTP/AVP", "udptl"), SdpError::NoAudio),
    ];
    for (text, error) in table {
        assert_eq!(Answer::parse(text.as_bytes()).err(), Some(error));
    }
}

#[test]
fn feedback_is_kept_for_formats_that_are_kept() {
    let text = OFFER.replace("RTP/AVP 8", "RTP/AVPF 8")
        + "a=rtcp-fb:18 nack\r\na=rtcp-fb:8 nack\r\na=rtcp-fb:* ccm x\r\n";
    let ours = offer_to(local(), &offer(&text), &any(), &policy(&["PCMA"], &[]), &MediaLines::default());
    let ours = String::from_utf8(ours.expect("a common codec").to_vec()).expect("text");
    assert!(ours.contains("m=audio 10000 RTP/AVPF 8\r\n"), "{ours}");
    assert!(ours.contains("a=rtcp-fb:8 nack\r\n") && ours.contains("a=rtcp-fb:* ccm x\r\n"), "{ours}");
    assert!(!ours.contains("rtcp-fb:18"), "{ours}");
}

#[test]
fn the_codec_of_a_call_is_the_first_that_speaks() {
    let events_first = ANSWER.replace("0 101 96", "101 96 0");
    assert_eq!(codec_name(&answer(ANSWER)), Some("PCMU"));
    assert_eq!(codec_name(&answer(&events_first)), Some("opus"));
    assert_eq!(codec_name(&answer(&ANSWER.replace("0 101 96", "101"))), None);
}

#[test]
fn ipv6_legs_are_described_with_ip6() {
    let local = LocalMedia { rtp: "[2001:db8::7]:10000".parse().expect("an address"), ..local() };
    let ours =
        offer_to(local, &offer(OFFER), &any(), &any(), &MediaLines::default()).expect("a common codec");
    let ours = String::from_utf8_lossy(&ours);
    assert!(ours.contains("\r\nc=IN IP6 2001:db8::7\r\n"), "{ours}");
}

fn local() -> LocalMedia {
    LocalMedia { rtp: SocketAddr::from(([203, 0, 113, 7], 10_000)), session_id: 5, version: 6 }
}

fn any() -> CodecPolicy {
    CodecPolicy::default()
}

fn policy(allow: &[&str], deny: &[&str]) -> CodecPolicy {
    let codecs = |names: &[&str]| names.iter().map(|name| Codec::new(name)).collect();
    CodecPolicy { allow: codecs(allow), deny: codecs(deny) }
}

fn offer(text: &str) -> Offer {
    Offer::parse(text.as_bytes()).expect("a usable offer")
}

fn answer(text: &str) -> Answer {
    Answer::parse(text.as_bytes()).expect("a usable answer")
}

fn media_lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
}

fn audio_formats(text: &[u8]) -> String {
    let lines = media_lines(text);
    let audio = lines.iter().find(|line| line.starts_with("m=audio")).expect("an audio line");
    audio.splitn(4, ' ').nth(3).expect("formats").to_owned()
}

fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().last().expect("lines").to_owned()
}
