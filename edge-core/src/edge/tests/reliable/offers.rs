//! Offers and answers before a call is answered: in reliable responses, PRACK and UPDATE (RFC 6337 section 2).

use super::*;

#[test]
fn an_offer_in_a_reliable_response_is_answered_in_its_prack() {
    let mut call = Ringing::with(CAN, "", |_, _| {});
    assert!(!call.invite.contains("m=audio") && header(&call.invite, "Supported:").contains("100rel"));
    let sent = call.by_pbx("183 Session Progress", "b", Some(3), &pbx_sdp());
    assert_eq!(peers(&sent), [CARRIER], "the PRACK waits for the answer");
    assert!(is_reliable(&sent[0].1) && sent[0].1.contains("m=audio 20000 "));
    let sent = call.prack(2, &SDP.replace("AVP 8 0", "AVP 8"));
    let [(_, ok), (_, prack)] = &sent[..] else { panic!("{sent:?}") };
    assert!(ok.starts_with("SIP/2.0 200") && prack.starts_with("PRACK "), "{sent:?}");
    assert!(
        prack.contains("m=audio 20000 RTP/AVP 8\r\n") && header(prack, "RAck:") == "3 1 INVITE",
        "{prack}"
    );
    let sent = call.by_pbx("200 OK", "b", None, "");
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert!(sent.iter().all(|(_, text)| !text.contains("m=audio")), "{sent:?}");
}

#[test]
fn a_caller_who_could_not_answer_it_makes_no_room_for_an_offer_in_a_reliable_response() {
    let call = Ringing::with("", "", |_, _| {});
    assert_eq!(header(&call.invite, "Supported:"), "timer, replaces, norefersub");
}

#[test]
fn an_offer_unanswered_in_the_prack_ends_the_call() {
    for body in ["", "v=0\r\n"] {
        let mut call = Ringing::with(CAN, "", |_, _| {});
        call.by_pbx("183 Session Progress", "b", Some(3), &pbx_sdp());
        let sent = call.prack(2, body);
        assert_eq!(statuses(&sent)[..2], ["SIP/2.0 200 OK", "SIP/2.0 500 Server Internal Error"], "{sent:?}");
        assert!(statuses(&sent)[2].starts_with("CANCEL "), "{sent:?}");
    }
}

#[test]
fn an_offer_crosses_before_the_answer_from_either_side() {
    let mut call = agreed();
    let update = call.by_carrier("UPDATE", 3, "", &format!("{SDP}a=sendonly\r\n"));
    let sent = call.receive(CARRIER, &update);
    let [(_, onward)] = &sent[..] else { panic!("{sent:?}") };
    assert!(onward.starts_with(&format!("UPDATE sip:{PBX} ")) && onward.contains(";tag=b\r\n"), "{onward}");
    assert!(onward.contains("a=sendonly") && header(onward, "CSeq:") == "3 UPDATE", "{onward}");
    // It meets nothing else meanwhile.
    let theirs = call.request_by_pbx("UPDATE", 1, "b", &pbx_sdp());
    assert_eq!(statuses(&call.receive(PBX, &theirs)), ["SIP/2.0 491 Request Pending"]);
    let sent =
        call.receive(PBX, &answer(onward, "200 OK", "b", PBX, &format!("{}a=recvonly\r\n", pbx_sdp())));
    assert!(
        peers(&sent) == [CARRIER]
            && sent[0].1.contains("a=recvonly")
            && header(&sent[0].1, "CSeq:") == "3 UPDATE"
    );

    let theirs = call.request_by_pbx("UPDATE", 2, "b", &pbx_sdp());
    let sent = call.receive(PBX, &theirs);
    assert!(peers(&sent) == [CARRIER] && sent[0].1.starts_with("UPDATE "), "{sent:?}");
    let sent = call.receive(CARRIER, &answer(&sent[0].1, "200 OK", "a1", CARRIER, SDP));
    assert!(peers(&sent) == [PBX] && header(&sent[0].1, "CSeq:") == "2 UPDATE", "{sent:?}");

    let sent = call.by_pbx("200 OK", "b", None, "");
    assert!(peers(&sent) == [PBX, CARRIER] && !sent[1].1.contains("m=audio"), "{sent:?}");
}

#[test]
fn an_offer_in_a_prack_crosses_and_is_answered_in_its_200() {
    let mut call = Ringing::new(CAN);
    call.by_pbx("183 Session Progress", "b", Some(1), &pbx_sdp());
    let sent = call.prack(2, &format!("{SDP}a=sendonly\r\n"));
    let [(_, update)] = &sent[..] else { panic!("{sent:?}") };
    assert!(update.starts_with("UPDATE ") && update.contains("a=sendonly"), "{update}");
    // The 2xx waits for the answer to it.
    assert_eq!(peers(&call.by_pbx("200 OK", "b", None, "")), [PBX]);
    let sent =
        call.receive(PBX, &answer(update, "200 OK", "b", PBX, &format!("{}a=recvonly\r\n", pbx_sdp())));
    assert_eq!((header(&sent[0].1, "CSeq:"), header(&sent[1].1, "CSeq:")), ("2 PRACK", "1 INVITE"));
    assert!(sent[0].1.contains("a=recvonly") && !sent[1].1.contains("m=audio"), "{sent:?}");
}

#[test]
fn an_offer_before_its_time_is_refused_by_the_rules() {
    // The caller's own is unanswered: 500. The called side's meets it: 491.
    let mut call = Ringing::new(CAN);
    call.by_pbx("180 Ringing", "b", Some(1), "");
    let update = call.by_carrier("UPDATE", 2, "", SDP);
    let sent = call.receive(CARRIER, &update);
    assert_eq!(statuses(&sent), ["SIP/2.0 500 Server Internal Error"]);
    assert!(header(&sent[0].1, "Retry-After:").parse::<u64>().is_ok_and(|seconds| seconds <= 10));
    let theirs = call.request_by_pbx("UPDATE", 1, "b", &pbx_sdp());
    assert_eq!(statuses(&call.receive(PBX, &theirs)), ["SIP/2.0 491 Request Pending"]);
    // One side has agreed, the other has not.
    call.by_pbx("183 Session Progress", "b", Some(2), &pbx_sdp());
    let theirs = call.request_by_pbx("UPDATE", 2, "b", &pbx_sdp());
    assert_eq!(statuses(&call.receive(PBX, &theirs)), ["SIP/2.0 500 Server Internal Error"]);
}
