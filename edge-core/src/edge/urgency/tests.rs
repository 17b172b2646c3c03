//! The first bytes of messages.

use super::Urgency::{self, New, Standing};

#[test]
fn only_what_asks_for_something_new_may_be_lost() {
    for (message, urgency) in [
        ("INVITE sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n", New),
        ("INVITE sip:a SIP/2.0\r\nVia: x\r\nTO : <sip:a>;x=y ;tag=1\r\n\r\n", Standing),
        ("\r\nINVITE sip:a SIP/2.0\r\nt:<sip:a>;Tag=1\r\n\r\n", Standing),
        ("INVITE sip:a SIP/2.0\r\n\r\nTo: <sip:a>;tag=1\r\n", New),
        ("OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n", New),
        ("INFO sip:a SIP/2.0\r\nTo: a;tag=1\r\n\r\n", Standing),
        ("BYE sip:a SIP/2.0\r\n", Standing),
        ("ACK sip:a SIP/2.0\r\n", Standing),
        ("CANCEL sip:a SIP/2.0\r\n", Standing),
        ("SIP/2.0 200 OK\r\n", Standing),
        ("BYEBYE", New),
        ("", New),
        ("\0\0", New),
    ] {
        assert_eq!(Urgency::of(message.as_bytes()), urgency, "{message}");
    }
}
