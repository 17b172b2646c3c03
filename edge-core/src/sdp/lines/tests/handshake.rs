//! Keys that are agreed on by DTLS: what crosses of them, and when they are refused.

use super::*;
use crate::media::Encryption;
use crate::policy::Dtls;

const FIRST: &str =
    "sha-256 AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89";
const SECOND: &str = "SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
const TLS_ID: &str = "abc3de65cddef001be82";

fn passing() -> Call {
    let mut call = Call::new();
    for trunk in &mut call.trunks {
        trunk.media.dtls = Dtls::Pass;
    }
    call
}

/// A stream with these lines, over `transport`.
fn over(transport: &str, lines: &str) -> String {
    format!("{HEAD}m=audio 4000 {transport} 8\r\n{lines}")
}

fn handshake(setup: &str) -> String {
    format!("a=fingerprint:{FIRST}\r\na=fingerprint:{SECOND}\r\na=setup:{setup}\r\na=tls-id:{TLS_ID}\r\n")
}

const SAVP: &str = "UDP/TLS/RTP/SAVP";

#[test]
fn what_is_said_of_a_handshake_crosses_as_it_was_written() {
    for transport in [SAVP, "UDP/TLS/RTP/SAVPF"] {
        let (offer, answer) = (handshake("actpass"), handshake("active").replace("AB:", "00:"));
        let [told, heard] =
            passing().exchange(0, &over(transport, &offer), &over(transport, &answer)).expect("a handshake");
        for (said, lines) in [(told, offer), (heard, answer)] {
            let expected = format!("m=audio 10000 {transport} 8\r\n{lines}a=sendrecv\r\n");
            assert!(said.ends_with(&expected), "{said}");
        }
    }
}

#[test]
fn what_is_said_before_all_streams_is_said_of_the_stream() {
    let session = over(SAVP, "a=setup:passive\r\n")
        .replace("t=0 0\r\n", &format!("t=0 0\r\na=setup:actpass\r\na=fingerprint:{FIRST}\r\n"));
    let (_, told) = passing().offer(0, &session).expect("a fingerprint");
    assert!(told.ends_with(&format!("a=fingerprint:{FIRST}\r\na=setup:passive\r\na=sendrecv\r\n")), "{told}");
}

#[test]
fn lines_that_are_none_do_not_cross() {
    let broken = "a=fingerprint:sha-256\r\na=fingerprint:sha-256 AB:C\r\na=fingerprint:192.0.2.9 AB\r\na=setup:both\r\n\
                  a=tls-id:short\r\na=tls-id:abc3de65cddef001be82 192.0.2.9\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n";
    let sound = format!("a=fingerprint:{FIRST}\r\n");
    let mut call = passing();
    call.trunks.iter_mut().for_each(|trunk| trunk.srtp = Srtp::Passthrough);
    let (_, told) = call.offer(0, &over(SAVP, &format!("{broken}{sound}"))).expect("one fingerprint");
    assert!(told.ends_with(&format!("SAVP 8\r\n{sound}a=sendrecv\r\n")), "{told}");
    assert_eq!(call.offer(0, &over(SAVP, broken)).err(), Some(SdpError::NoFingerprint));
    let many: String = (0..99).map(|_| sound.as_str()).collect();
    let (_, told) = call.offer(0, &over(SAVP, &many)).expect("some fingerprints");
    assert_eq!(told.matches("fingerprint").count(), 16, "they are bounded");
}

#[test]
fn a_handshake_meets_nothing_but_a_handshake() {
    let with_keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n";
    let mut call = passing();
    call.trunks.iter_mut().for_each(|trunk| trunk.srtp = Srtp::Passthrough);
    let kinds = [
        (Protocol::Avp, over("RTP/AVP", "")),
        (Protocol::Savp, over("RTP/SAVP", with_keys)),
        (Protocol::TlsSavp, over(SAVP, &handshake("actpass"))),
    ];
    for (offered, offer) in &kinds {
        for (answered, answer) in &kinds {
            let (offered, answered) = (*offered, *answered);
            let found = call.exchange(0, offer, answer).map(drop);
            let expected =
                if offered == answered { Ok(()) } else { Err(SdpError::Answered { offered, answered }) };
            assert_eq!(found, expected);
        }
    }
    assert_eq!(
        call.exchange(0, &kinds[2].1, &over(SAVP, "a=setup:active\r\n")),
        Err(SdpError::NoFingerprint)
    );
}

#[test]
fn both_trunks_have_to_let_it_pass() {
    for far in [0, 1] {
        let mut call = passing();
        call.trunks[far].media.dtls = Dtls::Drop;
        let refused = call.offer(0, &over(SAVP, &handshake("actpass"))).expect_err("one trunk alone");
        assert_eq!(refused, SdpError::Dtls);
        assert!(refused.to_string().contains("dtls = \"pass\""), "{refused}");
    }
    // Beside plain media a fingerprint is an offer that nobody has to take up, and no key of it would be told.
    let (_, told) = passing().offer(0, &over("RTP/AVP", &handshake("actpass"))).expect("plain");
    assert!(!told.contains("fingerprint"), "{told}");
}

#[test]
fn both_legs_have_as_many_handshakes() {
    let muxed = |mux: bool| {
        let lines = handshake("actpass") + if mux { "a=rtcp-mux\r\n" } else { "" };
        over(SAVP, &lines)
    };
    for (near, far) in [(true, true), (true, false), (false, true), (false, false)] {
        let (proposal, _) = passing().offer(0, &muxed(near)).expect("a handshake");
        let answer = Answer::parse(muxed(far).as_bytes()).expect("one");
        let agreement = proposal.agree(&answer, anywhere).expect("a handshake");
        let agreed = agreement.stream(0).expect("speech");
        assert_eq!((agreed.offered_mux(), agreed.answered_mux()), (near && far, near && far));
        assert_eq!(agreed.offered.encryption(), Encryption::Handshake);
    }
}

#[test]
fn an_encrypted_payload_keeps_its_number_and_its_law() {
    let mut call = passing();
    call.trunks[0].media.converts_law = true;
    let events = |number: u8| {
        let map = format!("a=rtpmap:{number} telephone-event/8000\r\n");
        over(SAVP, &(map + &handshake("actpass"))).replace("SAVP 8", &format!("SAVP 8 {number}"))
    };
    let [told, heard] = call.exchange(0, &events(101), &events(96)).expect("a handshake");
    assert_eq!((audio_formats(&told), audio_formats(&heard)), ("8 101".to_owned(), "8 96".to_owned()));
}
