use crate::sip::{Message, MessageLimits, StatusCode};

use super::ReferTo;

fn read(headers: &str) -> Result<ReferTo, u16> {
    let message = format!("REFER sip:a SIP/2.0\r\n{headers}\r\n");
    let message = Message::parse(message.into(), &MessageLimits::default()).unwrap();
    ReferTo::of(&message).map_err(StatusCode::as_u16)
}

#[test]
fn a_target_is_a_number_and_perhaps_a_call() {
    for (header, number, replaced) in [
        ("<sip:+4420;x=y@pbx.example:5070;transport=tcp>", "+4420", None),
        ("sip:201@pbx.example", "201", None),
        ("\"Bob\" <tel:+1-555-0100>", "+15550100", None),
        ("<sip:201@h?Replaces=a%40b%3bto-tag%3d1%3Bfrom-tag%3D2&Require=replaces>", "201", Some("a@b")),
    ] {
        let target = read(&format!("Refer-To: {header}\r\n")).unwrap();
        assert_eq!(target.number, number);
        assert_eq!(
            target.replaces.map(|named| named.call_id),
            replaced.map(|id| id.as_bytes().to_vec().into())
        );
    }
}

#[test]
fn what_is_no_target_hears_why() {
    for (headers, code) in [
        ("", 400),
        ("Refer-To: <sip:1@a>\r\nRefer-To: <sip:2@a>\r\n", 400),
        ("Refer-To: <sip:1@a>, <sip:2@a>\r\n", 400),
        ("Refer-To: <sip:1@a\r\n", 400),
        ("Refer-To: <sip:a.example>\r\n", 400),
        ("Refer-To: <http://a.example/>\r\n", 416),
        ("Refer-To: <sip:1@a;method=SUBSCRIBE>\r\n", 603),
        ("Refer-To: <sip:1@a?Replaces=x>\r\n", 400),
    ] {
        assert_eq!(read(headers), Err(code), "{headers}");
    }
}
