//! What trunks of several countries write, what routes match, and what other trunks read.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Number, NumberFormat, NumberPlan, NumbersIn, NumbersOut, Unprefixed};
use crate::policy::NumberRewrite;
use crate::sip::Uri;

fn plan(country: &str, national: &str, international: &str) -> NumberPlan {
    NumberPlan {
        country: Some(country.to_owned()),
        national_prefix: Some(national.to_owned()),
        international_prefix: (!international.is_empty()).then(|| international.to_owned()),
        ..NumberPlan::default()
    }
}

fn british() -> NumberPlan {
    plan("44", "0", "00")
}

fn uri(text: &str) -> Uri {
    Uri::parse(Bytes::copy_from_slice(text.as_bytes())).expect(text)
}

fn read(plan: &NumberPlan, text: &str) -> String {
    plan.read(&uri(text)).as_str().to_owned()
}

fn written(number: &str, plan: &NumberPlan, format: NumberFormat) -> String {
    let outbound = NumbersOut { format, ..NumbersOut::default() };
    NumberPlan { outbound, ..plan.clone() }.write(&Number::new(number))
}

#[test]
fn a_trunk_is_read_by_its_plan() {
    let bare = |plan: NumberPlan, unprefixed| NumberPlan {
        inbound: NumbersIn { unprefixed, ..NumbersIn::default() },
        ..plan
    };
    let american = bare(plan("1", "1", "011"), Unprefixed::National);
    let plain = bare(british(), Unprefixed::Plain);
    let spanish = plan("34", "", "00");
    for (plan, text, expected) in [
        (&british(), "sip:02071838750@h", "+442071838750"),
        (&british(), "sip:00442071838750@h", "+442071838750"),
        (&british(), "sip:+442071838750@h", "+442071838750"),
        (&british(), "sip:0033142685300@h", "+33142685300"),
        (&british(), "sip:442071838750@h", "442071838750"),
        (&plain, "sip:442071838750@h", "+442071838750"),
        (&plain, "sip:02071838750@h", "+442071838750"),
        (&american, "sip:12125550123@h", "+12125550123"),
        (&american, "sip:2125550123@h", "+12125550123"),
        (&american, "sip:011442071838750@h", "+442071838750"),
        (&spanish, "sip:915550123@h", "+34915550123"),
        (&spanish, "sip:0034915550123@h", "+34915550123"),
        (&NumberPlan::default(), "sip:02071838750@h", "02071838750"),
        (&NumberPlan::default(), "sip:+442071838750@h", "+442071838750"),
    ] {
        assert_eq!(read(plan, text), expected, "{text}");
    }
}

#[test]
fn what_is_no_part_of_a_plan_stays_as_it_was_dialled() {
    let open = NumberPlan {
        inbound: NumbersIn { unprefixed: Unprefixed::National, ..NumbersIn::default() },
        keep: vec!["01189998819".to_owned()],
        ..british()
    };
    for text in ["112", "999", "118500", "116123", "750", "*31*0207183", "#31#", "alice", "01189998819", "0"]
    {
        assert_eq!(read(&open, &format!("sip:{text}@h;user=phone")), text);
        for format in [NumberFormat::E164, NumberFormat::National, NumberFormat::Plain] {
            assert_eq!(written(text, &open, format), text);
        }
    }
    // 16 digits are no global number, nor is one that begins with 0.
    assert_eq!(read(&open, "sip:004420718387501234@h"), "004420718387501234");
    assert_eq!(read(&open, "sip:000442071838@h"), "000442071838");
    assert_eq!(read(&open, "sip:192.0.2.1"), "");
}

#[test]
fn a_telephone_number_may_be_written_for_people() {
    for (text, expected) in [
        ("tel:+44-20-7183-8750", "+442071838750"),
        ("sip:+44-20-7183.8750@h", "+442071838750"),
        ("sip:+44(0)20-7183-8750@h", "+442071838750"),
        ("sip:020-7183-8750@h;user=phone", "+442071838750"),
        ("sip:020-7183-8750@h;user=Phone", "+442071838750"),
        ("sip:020-7183-8750@h", "020-7183-8750"),
        ("sip:%2B442071838750@h", "+442071838750"),
        ("sip:room-12.a@h", "room-12.a"),
        ("sip:+a-b@h", "+a-b"),
    ] {
        assert_eq!(read(&british(), text), expected, "{text}");
    }
}

#[test]
fn a_context_that_is_a_country_says_whose_number_it_is() {
    for (text, expected) in [
        ("tel:2071838750;phone-context=+44", "+442071838750"),
        ("tel:02071838750;phone-context=+44", "+442071838750"),
        ("tel:42685300;phone-context=+33", "+3342685300"),
        ("sip:42685300;phone-context=%2B33@h;user=phone", "+3342685300"),
        ("tel:112;phone-context=+44", "112"),
        ("tel:*21;phone-context=+44", "*21"),
        ("tel:863-1234;phone-context=+1-914-555", "8631234"),
        ("tel:02071838750;phone-context=pbx.example", "+442071838750"),
        ("tel:+442071838750;phone-context=+1", "+442071838750"),
    ] {
        assert_eq!(read(&british(), text), expected, "{text}");
    }
}

#[test]
fn a_technical_prefix_comes_off_and_what_is_kept_keeps_it() {
    let inbound = NumbersIn { technical_prefix: "9".to_owned(), ..NumbersIn::default() };
    let pbx = NumberPlan { inbound, ..british() };
    for (text, expected) in [
        ("902071838750", "+442071838750"),
        ("9112", "112"),
        ("999", "999"),
        ("911", "911"),
        ("9", "9"),
        ("750", "750"),
        ("02071838750", "+442071838750"),
    ] {
        assert_eq!(read(&pbx, &format!("sip:{text}@h")), expected, "{text}");
    }
    let rewrite = NumberRewrite { strip: 2, prepend: "0".to_owned() };
    let inbound = NumbersIn { technical_prefix: "1234#".to_owned(), rewrite, ..NumbersIn::default() };
    let carrier = NumberPlan { inbound, ..british() };
    assert_eq!(read(&carrier, "sip:1234#552071838750@h"), "+442071838750");
    assert_eq!(read(&carrier, "sip:1234%23+442071838750@h"), "+442071838750");
}

#[test]
fn a_number_is_written_as_its_trunk_wants() {
    use NumberFormat::{E164, International, National, Plain};
    let american = plan("1", "1", "011");
    for (number, plan, format, expected) in [
        ("+442071838750", &british(), E164, "+442071838750"),
        ("+442071838750", &british(), National, "02071838750"),
        ("+442071838750", &british(), International, "00442071838750"),
        ("+442071838750", &british(), Plain, "442071838750"),
        ("+33142685300", &british(), National, "0033142685300"),
        ("+44", &british(), National, "0044"),
        ("+442071838750", &american, National, "011442071838750"),
        ("+12125550123", &american, National, "12125550123"),
        ("+34915550123", &plan("34", "", ""), National, "915550123"),
        ("+33142685300", &plan("34", "", ""), National, "+33142685300"),
        ("112", &british(), National, "112"),
        ("750", &british(), International, "750"),
        ("+4420718387501234", &british(), National, "+4420718387501234"),
    ] {
        assert_eq!(written(number, plan, format), expected, "{number} {format:?}");
    }
}

#[test]
fn prefixes_of_the_operator_go_before_global_numbers_only() {
    let rewrite = NumberRewrite { strip: 2, prepend: "0".to_owned() };
    let format = NumberFormat::Plain;
    let outbound = NumbersOut { format, rewrite, technical_prefix: "7#".to_owned(), ..NumbersOut::default() };
    let plan = NumberPlan { outbound, ..british() };
    assert_eq!(plan.write(&Number::new("+442071838750")), "7#02071838750");
    assert_eq!(plan.write_user(&Number::new("+442071838750")), "7%2302071838750");
    assert_eq!(plan.write(&Number::new("112")), "112");
}

#[test]
fn portability_crosses_with_a_number_that_no_route_has_changed() {
    let plan = NumberPlan::default();
    for (text, expected) in [
        ("sip:+12025550123;npdi;rn=+1-202-544-0000@h", "+12025550123;npdi;rn=+12025440000"),
        (
            "tel:+12025550123;rn=2025440000;rn-context=+1;npdi",
            "+12025550123;npdi;rn=2025440000;rn-context=+1",
        ),
        ("sip:+12025550123;cic=+1-6789@h", "+12025550123;cic=+16789"),
        ("tel:+12025550123;ext=12-34;isub=12345", "+12025550123;isub=12345;ext=1234"),
        ("tel:+12025550123;cic=6789;cic-context=carrier.example", "+12025550123"),
        ("tel:+12025550123;rn=2025440000", "+12025550123"),
        ("tel:+12025550123;rn=a%3Bb", "+12025550123"),
        ("tel:+12025550123;ext=a%40host;isub=1.2.3.4", "+12025550123;isub=1234"),
        ("tel:+12025550123;ext=123456789012345678901;x=y", "+12025550123"),
        ("tel:750;npdi;phone-context=pbx.example", "750"),
    ] {
        assert_eq!(plan.write_user(&plan.read(&uri(text))), expected, "{text}");
    }
    let number = plan.read(&uri("tel:+12025550123;npdi"));
    assert_eq!(plan.write_user(&number.routed("+12025550199".to_owned())), "+12025550199");
    assert_eq!(plan.write_user(&number.routed("+12025550123".to_owned())), "+12025550123;npdi");
    let outbound = NumbersOut { parameters: false, user_phone: true, ..NumbersOut::default() };
    let plan = NumberPlan { outbound, ..plan };
    assert_eq!(plan.write_user(&number), "+12025550123");
    assert_eq!((plan.uri_param(&number), plan.uri_param(&Number::new("750"))), (";user=phone", ""));
}

/// Plans whose prefixes tell their forms apart.
fn plans() -> impl Strategy<Value = NumberPlan> {
    let formats = prop_oneof![
        Just(NumberFormat::E164),
        Just(NumberFormat::National),
        Just(NumberFormat::International),
        Just(NumberFormat::Plain),
    ];
    let prefix = prop_oneof![Just(String::new()), Just("9#".to_owned()), Just("*77".to_owned())];
    let country = prop_oneof![Just(("44", "0", "00")), Just(("1", "1", "011")), Just(("81", "0", "010"))];
    (country, formats, prefix).prop_map(|((country, national, international), format, prefix)| {
        let unprefixed =
            if format == NumberFormat::Plain { Unprefixed::Plain } else { Unprefixed::default() };
        NumberPlan {
            inbound: NumbersIn { technical_prefix: prefix.clone(), unprefixed, ..NumbersIn::default() },
            outbound: NumbersOut { format, technical_prefix: prefix, ..NumbersOut::default() },
            ..plan(country, national, international)
        }
    })
}

proptest! {
    #[test]
    fn what_a_trunk_is_sent_is_read_as_the_same_number(plan in plans(), digits in "[2-9]{3}[0-9]{5,12}") {
        let number = Number::new(format!("+{digits}"));
        let sent = plan.write(&number);
        prop_assert_eq!(plan.read_text(&sent), number.clone());
        prop_assert_eq!(plan.read(&uri(&format!("sip:{}@h", plan.write_user(&number)))), number);
    }

    #[test]
    fn a_global_number_is_read_as_itself_by_every_plan(plan in plans(), digits in "[1-9][0-9]{0,14}") {
        let number = format!("+{digits}");
        prop_assert_eq!(plan.read_text(&number), Number::new(number));
    }

    #[test]
    fn whatever_is_dialled_gives_a_user_part_that_is_read_as_the_same(plan in plans(), dialled in "\\PC{0,40}") {
        let number = plan.read_text(&dialled);
        prop_assert!(number.as_str().len() <= dialled.len() + 3);
        let escaped = plan.write_user(&number);
        let again = uri(&format!("sip:{escaped}@h"));
        let sent = plan.write(&number);
        prop_assert_eq!(again.number().unwrap_or_default(), sent);
    }
}
