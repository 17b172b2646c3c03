//! Via values as peers write them, and where answers go.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Transport, Via, ViaError};

/// A Via with its transport, host, port and branch.
type Row<'a> = (&'a str, Transport, &'a str, Option<u16>, Option<&'a str>);

#[test]
fn parts_are_found_with_white_space_anywhere() {
    let table: [Row; 7] = [
        (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
            Transport::Udp,
            "192.0.2.1",
            Some(5060),
            Some("z9hG4bKa"),
        ),
        ("SIP/2.0/TCP [2001:db8::9:1];branch=b", Transport::Tcp, "[2001:db8::9:1]", None, Some("b")),
        ("SIP/2.0/TLS [::1]:5061", Transport::Tls, "[::1]", Some(5061), None),
        ("SIP  / 2.0\r\n /UDP\r\n    h ; branch\r\n = z ", Transport::Udp, "h", None, Some("z")),
        ("sip/2.0/udp h : 5062", Transport::Udp, "h", Some(5062), None),
        ("SIP/2.0/UNKNOWN t4.example.com;branch=x", Transport::Other, "t4.example.com", None, Some("x")),
        (
            "SIP/2.0/WSS df7jal23ls0d.invalid;branch=x;rport",
            Transport::Wss,
            "df7jal23ls0d.invalid",
            None,
            Some("x"),
        ),
    ];
    for (text, transport, host, port, branch) in table {
        let via = parse(text).expect(text);
        assert_eq!((via.transport(), via.host(), via.port()), (transport, host.as_bytes(), port), "{text}");
        assert_eq!(via.branch(), branch.map(str::as_bytes), "{text}");
        assert_eq!(via.as_bytes(), text.as_bytes());
    }
}

#[test]
fn what_is_no_via_has_a_reason() {
    let table = [
        ("", ViaError::Protocol),
        ("SIP/2.0", ViaError::Protocol),
        ("SIP/2.0/ h", ViaError::Protocol),
        ("SIP/7.0/UDP h", ViaError::Protocol),
        ("HTTP/2.0/UDP h", ViaError::Protocol),
        ("SIP/2.0/UDP;h", ViaError::Protocol),
        ("SIP/2.0/UDP ", ViaError::SentBy),
        ("SIP/2.0/UDP h:0", ViaError::SentBy),
        ("SIP/2.0/UDP h:1:2", ViaError::SentBy),
        ("SIP/2.0/UDP ::1", ViaError::SentBy),
        ("SIP/2.0/UDP a b", ViaError::SentBy),
        ("SIP/2.0/UDP h;;", ViaError::Param),
        ("SIP/2.0/UDP h;branch=\"q\"", ViaError::Param),
        ("SIP/2.0/UDP h;branch;rport", ViaError::Param),
    ];
    for (text, error) in table {
        assert_eq!(parse(text).err(), Some(error), "{text}");
    }
}

#[test]
fn received_and_rport_are_read() {
    let via = parse("SIP/2.0/UDP h;received=2001:db8::9:255;rport=5070;maddr=m;ttl=16").expect("a Via");
    assert_eq!(via.received(), Some("2001:db8::9:255".parse().expect("an address")));
    assert_eq!((via.rport(), via.maddr(), via.ttl()), (Some(Some(5070)), Some(&b"m"[..]), Some(16)));
    let via = parse("SIP/2.0/UDP h;received=[2001:db8::1];rport").expect("a Via");
    assert_eq!(via.received(), Some("2001:db8::1".parse().expect("an address")));
    assert_eq!((via.rport(), via.ttl()), (Some(None), None));
    assert_eq!(parse("SIP/2.0/UDP h").expect("a Via").rport(), None);
}

#[test]
fn answers_go_to_the_source_or_its_signalled_port() {
    let source = SocketAddr::from(([198, 51, 100, 7], 40_000));
    let table = [
        ("SIP/2.0/UDP 10.0.0.1:5070;rport", 40_000),
        ("SIP/2.0/UDP 10.0.0.1:5070", 5070),
        ("SIP/2.0/UDP 10.0.0.1;maddr=203.0.113.1", 5060),
        ("SIP/2.0/TLS 10.0.0.1", 5061),
    ];
    for (text, port) in table {
        assert_eq!(
            parse(text).expect(text).reply_address(source),
            SocketAddr::new(source.ip(), port),
            "{text}"
        );
    }
}

fn parse(text: &str) -> Result<Via, ViaError> {
    Via::parse(Bytes::copy_from_slice(text.as_bytes()))
}
