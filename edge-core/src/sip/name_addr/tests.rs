//! Addresses with every kind of display name, and the traps in them.

use bytes::Bytes;

use super::{NameAddr, NameAddrError};
use crate::sip::UriError;

#[test]
fn parts_are_found() {
    let table: [(&str, Option<&str>, &str, Option<&str>); 9] = [
        ("<sip:a@b>", None, "sip:a@b", None),
        ("sip:a@b;tag=1;x", None, "sip:a@b", Some("1")),
        ("sip:a@b ;   tag    = 1918181833n", None, "sip:a@b", Some("1918181833n")),
        ("caller<sip:a@b>;tag=323", Some("caller"), "sip:a@b", Some("323")),
        ("A. G. Bell <sip:a@b;tag=uri>;TAG=header", Some("A. G. Bell"), "sip:a@b;tag=uri", Some("header")),
        (r#""J \\\"" <sip:a@b>;tag=1"#, Some(r#"J \""#), "sip:a@b", Some("1")),
        (r#""a, <sip:spoof@x>" <sip:real@z>"#, Some("a, <sip:spoof@x>"), "sip:real@z", None),
        (r#""" <tel:+1>;a="x;tag=no""#, Some(""), "tel:+1", None),
        ("<sip:a@b?Route=%3Csip:c%3E>", None, "sip:a@b?Route=%3Csip:c%3E", None),
    ];
    for (text, display, uri, tag) in table {
        let address = parse(text).expect(text);
        assert_eq!(address.display().as_deref(), display.map(str::as_bytes), "{text}");
        assert_eq!(address.uri().as_bytes(), uri.as_bytes(), "{text}");
        assert_eq!(address.tag(), tag.map(str::as_bytes), "{text}");
        assert_eq!(address.as_bytes(), text.as_bytes());
    }
}

#[test]
fn the_display_name_can_be_copied_with_its_quotes() {
    let address = parse(r#""Miller, Anna" <sip:a@b>;q=0.5"#).expect("an address");
    assert_eq!(address.raw_display(), Some(&br#""Miller, Anna""#[..]));
    assert_eq!(address.params().get(b"q").and_then(|param| param.value), Some(&b"0.5"[..]));
}

#[test]
fn what_is_no_address_has_a_reason() {
    let table = [
        (r#""Mr. J. User <sip:a@b>"#, NameAddrError::Display),
        (r#""x" sip:a@b"#, NameAddrError::Display),
        (r#"x "y" <sip:a@b>"#, NameAddrError::Display),
        (r#""x" y <sip:a@b>"#, NameAddrError::Display),
        ("sip:a@b;x <sip:c@d>", NameAddrError::Display),
        ("<sip:a@b", NameAddrError::Bracket),
        ("", NameAddrError::Uri(UriError::Scheme)),
        ("< sip:a@b >", NameAddrError::Uri(UriError::Byte)),
        ("sip:a@b?Route=%3Csip:c%3E", NameAddrError::NeedsBrackets),
        ("sip:a@b,sip:c@d", NameAddrError::NeedsBrackets),
        ("<sip:a@b>;;", NameAddrError::Param),
        ("<sip:a@b>x", NameAddrError::Param),
        ("<sip:a@b>;tag=\"quoted\"", NameAddrError::Param),
        ("<sip:a@b>;tag", NameAddrError::Param),
        ("<sip:a@b>, <sip:c@d>", NameAddrError::Param),
    ];
    for (text, error) in table {
        assert_eq!(parse(text).err(), Some(error), "{text}");
    }
}

fn parse(text: &str) -> Result<NameAddr, NameAddrError> {
    NameAddr::parse(Bytes::copy_from_slice(text.as_bytes()))
}
