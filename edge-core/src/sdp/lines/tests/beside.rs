//! What lines say beside their formats: keys, RTCP, feedback.

use super::*;

#[test]
fn keys_pass_between_trunks_that_both_let_them() {
    let secure = |key: &str| {
        format!(
            "{HEAD}m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:4\r\n\
             a=crypto:2 F8_128_HMAC_SHA1_80 inline:{key}\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\n"
        )
    };
    let answer = secure("bbb").replace("a=crypto:1", "a=crypto:3");
    let [told, heard] = Call::secure().exchange(0, &secure("aaa"), &answer).expect("keys");
    assert!(
        told.contains(
            "m=audio 10000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:aaa|2^20|1:4\r\n"
        ),
        "{told}"
    );
    assert!(
        told.contains("a=crypto:2 ") && !told.contains("fingerprint") && !told.contains("setup"),
        "{told}"
    );
    assert!(
        heard.contains("RTP/SAVP 8\r\na=crypto:2 F8_128_HMAC_SHA1_80 inline:bbb\r\na=sendrecv"),
        "{heard}"
    );
    let none = answer.replace("a=crypto:2", "a=crypto:9");
    assert_eq!(Call::secure().exchange(0, &secure("aaa"), &none), Err(SdpError::NoCommonKeys));
    let protocol = Protocol::Savp;
    assert_eq!(Call::new().offer(0, &secure("x")).err(), Some(SdpError::Protocol { protocol }));
    let bare = format!("{HEAD}m=audio 4000 RTP/SAVP 8\r\n");
    assert_eq!(Call::secure().offer(0, &bare).err(), Some(SdpError::NoCommonKeys));
    let mut half = Call::secure();
    half.trunks[1].srtp = Srtp::Off;
    assert_eq!(half.offer(0, &secure("x")).err(), Some(SdpError::Protocol { protocol }));
    // Beside plain media they are an offer to encrypt it, too.
    let best_effort = secure("aaa").replace("RTP/SAVP", "RTP/AVP");
    assert!(!half.offer(0, &best_effort).expect("plain").1.contains("crypto"));
    assert!(Call::secure().offer(0, &best_effort).expect("plain").1.contains("a=crypto:1 "));
    let dtls = secure("x").replace("RTP/SAVP", "UDP/TLS/RTP/SAVP");
    assert_eq!(Call::secure().offer(0, &dtls).err(), Some(SdpError::Dtls));
}

#[test]
fn each_leg_has_rtcp_where_it_agreed_to() {
    let line =
        |mux: bool| format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n{}", if mux { "a=rtcp-mux\r\n" } else { "" });
    for (near, far, expected) in [
        (true, true, (true, true)),
        (true, false, (true, false)),
        (false, true, (false, false)),
        (false, false, (false, false)),
    ] {
        let (proposal, told) = Call::new().offer(0, &line(near)).expect("speech");
        assert_eq!(told.contains("rtcp-mux"), near);
        let agreement =
            proposal.agree(&Answer::parse(line(far).as_bytes()).expect("one"), anywhere).expect("speech");
        let agreed = agreement.stream(0).expect("speech");
        assert_eq!((agreed.offered_mux(), agreed.answered_mux()), expected, "{near} {far}");
        let heard = agreement.answer_to(origin(0), |stream| Some(local(0, stream)));
        assert_eq!(String::from_utf8_lossy(&heard).contains("rtcp-mux"), near, "as it was offered");
    }
}

#[test]
fn feedback_is_kept_for_formats_that_are_kept() {
    let text = OFFER.replace("RTP/AVP 8", "RTP/AVPF 8")
        + "a=rtcp-fb:18 nack\r\na=rtcp-fb:8 nack\r\na=rtcp-fb:* ccm x\r\n";
    let (_, ours) = Call::between((&[], &[]), (&["PCMA"], &[])).offer(0, &text).expect("a common codec");
    assert!(ours.contains("m=audio 10000 RTP/AVPF 8\r\n"), "{ours}");
    assert!(ours.contains("a=rtcp-fb:8 nack\r\n") && ours.contains("a=rtcp-fb:* ccm x\r\n"), "{ours}");
    assert!(!ours.contains("rtcp-fb:18"), "{ours}");
}
