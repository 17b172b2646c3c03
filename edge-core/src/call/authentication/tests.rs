use super::*;

const INVITE: &[u8] = b"INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP a:5060;branch=z9hG4bK0123456789abcdef;rport\r\nRoute: <sip:p;lr>\r\n\
    From: <sip:a@b>;tag=1\r\nTo: <sip:1@h>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nX-Own: y\r\nAuthorization: Digest old\r\n\
    Proxy-Authorization: Digest old\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";

#[test]
fn what_is_sent_again_differs_in_branch_number_and_proof_alone() {
    let request = parse(&Bytes::from_static(INVITE)).unwrap();
    let sent = again(&request, &Method::Invite, Branch::new(1), 8);
    let expected = String::from_utf8(INVITE.to_vec())
        .unwrap()
        .replace("0123456789abcdef", "0000000000000001")
        .replace("7 INVITE", "8 INVITE")
        .replace("Authorization: Digest old\r\nProxy-Authorization: Digest old\r\n", "");
    assert_eq!(String::from_utf8(sent.to_vec()).unwrap(), expected);
}

#[test]
fn an_ack_says_what_the_invite_proved() {
    let proof =
        Bytes::from_static(b"Authorization: Digest username=\"a:b\"\r\nProxy-Authorization: Digest x\r\n");
    let ack = prove(MessageWriter::request(&Method::Ack, "sip:1@h"), Some(&proof)).empty();
    let ack = String::from_utf8(ack.to_vec()).unwrap();
    assert_eq!(
        ack,
        "ACK sip:1@h SIP/2.0\r\nAuthorization: Digest username=\"a:b\"\r\nProxy-Authorization: Digest x\r\n\
         Content-Length: 0\r\n\r\n"
    );
}
