//! Every spelling that somebody may try, against a prefix that is denied.

use bytes::Bytes;

use super::*;
use crate::policy::{NumbersIn, Unprefixed};
use crate::sip::Uri;

fn of(uri: &str, plan: &NumberPlan) -> Destinations {
    let uri = Uri::parse(Bytes::copy_from_slice(uri.as_bytes())).expect(uri);
    Destinations::of(&plan.read(&uri), plan)
}

fn british() -> NumberPlan {
    NumberPlan {
        country: Some("44".to_owned()),
        national_prefix: Some("0".to_owned()),
        international_prefix: Some("00".to_owned()),
        ..NumberPlan::default()
    }
}

#[test]
fn no_spelling_of_a_denied_number_gets_by() {
    let plain = NumbersIn { unprefixed: Unprefixed::Plain, ..NumbersIn::default() };
    let plain = NumberPlan { inbound: plain, ..british() };
    for uri in [
        "sip:+88212345678@h",
        "sips:+88212345678@h",
        "tel:+882-12345678",
        "tel:+(882)12345678",
        "tel:12345678;phone-context=+882",
        "sip:12345678;phone-context=%2B882@h;user=phone",
        "sip:%2B882%31%32345678@h",
        "sip:+8-8-2.1(2)345678@h;user=phone",
        "sip:+882%2012345678@h",
        "sip:%20+88212345678@h",
        "sip:+%2088212345678@h",
        "sip:+/882/12345678@h",
        "sip:++88212345678@h",
        "sip:+(0)88212345678@h",
        "sip:+8(0)8212345678@h",
        "sip:00-882-12345678@h",
        "sip:00%20882%2012345678@h",
        "sip:%2000882.12345678@h",
        "sip:0088212345678;isub=1@h;user=phone",
        "sip:*31%23+88212345678@h",
        "sip:%2331%230088212345678@h",
        "sip:+442071838750;npdi;rn=+88212345678@h",
        "sip:+442071838750;rn=12345678;rn-context=+882@h",
        "sip:0088212345678:password@h",
    ] {
        for plan in [NumberPlan::default(), british(), plain.clone()] {
            let of = of(uri, &plan);
            assert!(of.any_begins("+882") || !of.is_readable(), "{uri} by {plan:?}: {of:?}");
        }
    }
    assert!(of("sip:882-12345678@h", &plain).any_begins("+882"));
}

#[test]
fn what_cannot_be_compared_is_said_to_be_so() {
    for user in [
        "+%EF%BC%98%EF%BC%98%EF%BC%92123456",
        "%D9%A8%D9%A8%D9%A2123456",
        "+%C2%A0882123456",
        "+%E2%80%8B882123456",
        "+8a82123456",
        "+x882123456",
        "+0882123456",
        "+00882123456",
        "+%09882123456",
        "00%E2%80%91882123456",
        "+",
    ] {
        assert!(!of(&format!("sip:{user}@h"), &british()).is_readable(), "{user}");
    }
}

#[test]
fn other_numbers_and_names_are_what_they_are() {
    for (uri, is) in [
        ("sip:+442071838750@h", "+442071838750"),
        ("sip:02071838750@h", "+442071838750"),
        ("sip:750@h", "750"),
        ("sip:alice@h", "alice"),
        ("sip:j%C3%B6rg.2@h", "j\u{f6}rg.2"),
        ("sip:room-12.a@h", "room-12.a"),
        ("sip:*21@h", "*21"),
        ("sip:000@h", "000"),
        ("sip:112@h", "112"),
        ("sip:+4420718387501234@h", "+4420718387501234"),
    ] {
        let of = of(uri, &british());
        assert!(of.is_readable() && of.any_begins(is) && !of.any_begins("+882"), "{uri}: {of:?}");
    }
}

#[test]
fn a_call_has_a_bounded_number_of_destinations() {
    let mut destinations = Destinations::default();
    for number in 0..10 * DESTINATIONS_MAX {
        destinations.add(&format!("{number:08}"), &british());
    }
    assert_eq!((destinations.numbers.len(), destinations.is_readable()), (DESTINATIONS_MAX, false));
}
