//! Lines: what is split, what is refused, what comes out again.

use super::{LINES_MAX, SessionDescription};
use crate::sdp::{Protocol, SdpError};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n";

#[test]
fn lines_come_out_as_they_went_in() {
    let text = format!("{HEAD}m=audio 1 RTP/AVP 0\r\na=x:  y \r\nb=AS:64\r\n");
    assert_eq!(parse(&text).expect("lines").to_bytes(), text);
    assert_eq!(parse(&text.replace("\r\n", "\n")).expect("lines").to_bytes(), text);
    assert_eq!(parse(text.trim_end()).expect("lines").to_bytes(), text);
    assert_eq!(parse(&(text.clone() + "\r\n\r\n")).expect("lines").to_bytes(), text);
}

#[test]
fn lines_belong_to_the_session_or_to_one_stream() {
    let text =
        format!("{HEAD}a=one\r\nm=audio 1 RTP/AVP 0 8\r\na=two\r\nm=image 2/3 udptl t38\r\na=three\r\n");
    let session = parse(&text).expect("lines");
    let media: Vec<_> = session.media().collect();
    assert_eq!(session.session_lines(b'a').collect::<Vec<_>>(), [(5, &b"one"[..])]);
    assert_eq!(media[0].lines(b'a').collect::<Vec<_>>(), [(7, &b"two"[..])]);
    assert_eq!(media[1].lines(b'a').collect::<Vec<_>>(), [(9, &b"three"[..])]);
    assert_eq!((media[0].kind, media[0].port, media[0].formats), ("audio", 1, "0 8"));
    assert_eq!((media[1].kind, media[1].port, media[1].count, media[1].transport), ("image", 2, 3, "udptl"));
    assert_eq!((media[0].protocol(), media[1].protocol()), (Protocol::Avp, Protocol::Udptl));
}

#[test]
fn what_is_no_description_has_a_reason() {
    let table = [
        (String::new(), 1),
        ("<audio/>".to_owned(), 1),
        ("v=1\r\n".to_owned(), 1),
        ("s=-\r\nv=0\r\n".to_owned(), 1),
        ("v=0\r\nno\r\n".to_owned(), 2),
        ("v=0\r\n\r\ns=-\r\n".to_owned(), 2),
        ("v=0\r\nS=-\r\n".to_owned(), 2),
        ("v=0\r\ns=a\rc=b\r\n".to_owned(), 2),
        ("v=0\r\ns=a\0\r\n".to_owned(), 2),
        (format!("{HEAD}m=audio\r\n"), 5),
        (format!("{HEAD}m=audio 1 RTP/AVP\r\n"), 5),
        (format!("{HEAD}m=audio 65536 RTP/AVP 0\r\n"), 5),
        (format!("{HEAD}m=audio -1 RTP/AVP 0\r\n"), 5),
        (format!("{HEAD}m=audio 1/x RTP/AVP 0\r\n"), 5),
    ];
    for (text, line) in table {
        assert_eq!(parse(&text).err(), Some(SdpError::Malformed { line }), "{text:?}");
    }
}

#[test]
fn size_is_bounded() {
    let many = format!("v=0\r\n{}", "a=x\r\n".repeat(LINES_MAX));
    assert_eq!(parse(&many).err(), Some(SdpError::TooLarge));
    let long = format!("v=0\r\ns={}\r\n", "x".repeat(40_000));
    assert_eq!(parse(&long).err(), Some(SdpError::TooLarge));
}

fn parse(text: &str) -> Result<SessionDescription, SdpError> {
    SessionDescription::parse(text.as_bytes())
}
