//! URIs of trunks and of the torture RFCs.

use bytes::Bytes;

use super::{Scheme, Uri, UriError};

/// A URI with its scheme, user, host and port.
type Row<'a> = (&'a str, Scheme, Option<&'a str>, &'a str, Option<u16>);

#[test]
fn parts_are_found() {
    let table: [Row; 11] = [
        ("sip:alice@example.com", Scheme::Sip, Some("alice"), "example.com", None),
        ("SIPS:example.com:5061", Scheme::Sips, None, "example.com", Some(5061)),
        ("sip:a:secret@h;lr?X=y", Scheme::Sip, Some("a"), "h", None),
        ("sip:[2001:db8::10]:5070", Scheme::Sip, None, "[2001:db8::10]", Some(5070)),
        ("sip:u@[::ffff:192.0.2.1]", Scheme::Sip, Some("u"), "[::ffff:192.0.2.1]", None),
        ("sip:+49;npdi;rn=+4912@h;user=phone", Scheme::Sip, Some("+49;npdi;rn=+4912"), "h", None),
        (
            "sip:user;par=u%40example.net@example.com",
            Scheme::Sip,
            Some("user;par=u%40example.net"),
            "example.com",
            None,
        ),
        ("sip:@h", Scheme::Sip, Some(""), "h", None),
        ("tel:+1-201-555-0123;phone-context=x", Scheme::Tel, Some("+1-201-555-0123"), "", None),
        ("nobodyKnowsThisScheme:opaque", Scheme::Other, None, "", None),
        ("soap.beep://192.0.2.103:3002", Scheme::Other, None, "", None),
    ];
    for (text, scheme, user, host, port) in table {
        let uri = parse(text).expect(text);
        assert_eq!(uri.scheme(), scheme, "{text}");
        assert_eq!(uri.user(), user.map(str::as_bytes), "{text}");
        assert_eq!(uri.host_port(), (host.as_bytes(), port), "{text}");
        assert_eq!(uri.to_string(), text);
    }
}

#[test]
fn params_and_headers_are_those_behind_the_host() {
    let uri = parse("sip:a;x=1@h:5060;transport=tcp;lr?Subject=s&Priority=p").expect("a URI");
    assert_eq!(uri.params().get(b"Transport").and_then(|param| param.value), Some(&b"tcp"[..]));
    assert!(uri.params().get(b"lr").is_some() && uri.params().get(b"x").is_none());
    assert_eq!(uri.headers(), Some(&b"Subject=s&Priority=p"[..]));
}

#[test]
fn the_number_is_decoded_and_without_parameters() {
    let table = [
        ("sip:+4930;npdi;rn=+49@h", Some("+4930")),
        ("sip:%2b49%2330@h", Some("+49#30")),
        ("sip:%ff@h", None),
        ("sip:h", None),
        ("tel:030-12;phone-context=+49", Some("03012")),
        ("tel:+1(201)555.0123", Some("+12015550123")),
        ("tel:+4930", Some("+4930")),
        ("sip:first.last@h", Some("first.last")),
        ("sip:#31#030@h", Some("#31#030")),
    ];
    for (text, number) in table {
        assert_eq!(parse(text).expect(text).number().as_deref(), number, "{text}");
    }
}

#[test]
fn what_is_no_uri_has_a_reason() {
    let table = [
        ("", UriError::Scheme),
        ("example.com", UriError::Scheme),
        ("1sip:a", UriError::Scheme),
        ("<sip:a@b>", UriError::Byte),
        ("sip:a@b ", UriError::Byte),
        ("sip:a@b; lr", UriError::Byte),
        ("sip:", UriError::Host),
        ("sip:a@", UriError::Host),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@h,i", UriError::Host),
        ("sip:[::1", UriError::Host),
        ("sip:[::1]x", UriError::Host),
        ("sip:[2001:db8:::192.0.2.1]", UriError::Host),
        ("sip:[192.0.2.1]", UriError::Host),
        ("sip:2001:db8::10", UriError::Port),
        ("sip:h:", UriError::Port),
        ("sip:h:0", UriError::Port),
        ("sip:h:65536", UriError::Port),
        ("sip:%4@h", UriError::Escape),
        ("sip:%zz@h", UriError::Escape),
        ("sip:h;", UriError::Param),
        ("sip:h;;lr", UriError::Param),
        ("tel:", UriError::Number),
        ("tel:+", UriError::Number),
        ("tel:+-.", UriError::Number),
        ("tel:alice", UriError::Number),
    ];
    for (text, error) in table {
        assert_eq!(parse(text).err(), Some(error), "{text}");
    }
}

#[test]
fn the_same_target_may_be_written_in_other_ways() {
    let table = [
        ("sip:%61lice@EXAMPLE.com", "SIP:alice@example.COM;transport=udp", true),
        ("sip:alice@h", "sip:Alice@h", false),
        ("sip:alice@h", "sip:alice@h:5060", false),
        ("sip:alice@h", "sips:alice@h", false),
        ("sip:h", "sip:@h", false),
        ("urn:a", "urn:a", true),
        ("urn:a", "urn:b", false),
    ];
    for (left, right, same) in table {
        assert_eq!(parse(left).expect(left).same_target(&parse(right).expect(right)), same, "{left} {right}");
    }
}

#[test]
fn a_host_may_be_an_address() {
    for (text, ip) in
        [("sip:192.0.2.1", Some("192.0.2.1")), ("sip:[::1]", Some("::1")), ("sip:h.example", None)]
    {
        assert_eq!(
            parse(text).expect(text).host_ip(),
            ip.map(|ip| ip.parse().expect("an address")),
            "{text}"
        );
    }
}

fn parse(text: &str) -> Result<Uri, UriError> {
    Uri::parse(Bytes::copy_from_slice(text.as_bytes()))
}
