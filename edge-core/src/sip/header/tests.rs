//! Names in long, compact and unusual spellings.

use super::{HeaderName, KNOWN};

#[test]
fn every_known_name_is_found_in_any_case() {
    for (name, text) in KNOWN {
        for spelling in [(*text).to_owned(), text.to_ascii_lowercase(), text.to_ascii_uppercase()] {
            assert_eq!(HeaderName::parse(spelling.as_bytes()), *name, "{spelling}");
        }
        assert_eq!(name.to_string(), *text);
    }
}

#[test]
fn compact_forms_are_the_long_names() {
    let table = [
        ("v", HeaderName::Via),
        ("V", HeaderName::Via),
        ("f", HeaderName::From),
        ("t", HeaderName::To),
        ("i", HeaderName::CallId),
        ("m", HeaderName::Contact),
        ("l", HeaderName::ContentLength),
        ("c", HeaderName::ContentType),
        ("e", HeaderName::ContentEncoding),
        ("k", HeaderName::Supported),
        ("s", HeaderName::Subject),
        ("o", HeaderName::Event),
        ("u", HeaderName::AllowEvents),
        ("r", HeaderName::ReferTo),
        ("b", HeaderName::ReferredBy),
        ("x", HeaderName::SessionExpires),
        ("a", HeaderName::AcceptContact),
        ("j", HeaderName::RejectContact),
        ("d", HeaderName::RequestDisposition),
        ("y", HeaderName::Identity),
        ("z", HeaderName::Other),
    ];
    for (letter, name) in table {
        assert_eq!(HeaderName::parse(letter.as_bytes()), name, "{letter}");
    }
}

#[test]
fn what_is_not_known_is_other() {
    for name in ["", "X-Carrier", "Vi", "Viaa", "C%6Fntact", "Call_ID"] {
        assert_eq!(HeaderName::parse(name.as_bytes()), HeaderName::Other, "{name}");
    }
    assert_eq!(HeaderName::Other.as_str(), "");
}
