//! Comma lists, parameters and numbers.

use super::{Param, Params, comma_values, decimal, port, quoted_length};

/// Names and values.
type Pairs<'a> = &'a [(&'a str, Option<&'a str>)];

#[test]
fn commas_count_outside_quotes_and_brackets_only() {
    let table: [(&str, &[&str]); 9] = [
        ("", &[]),
        (" , ,", &[]),
        ("a", &["a"]),
        ("a,b , c", &["a", "b", "c"]),
        ("\"x, y\" <sip:a@b>, <sip:c@d>", &["\"x, y\" <sip:a@b>", "<sip:c@d>"]),
        ("<sip:a,b@c>,d", &["<sip:a,b@c>", "d"]),
        (r#""a\", b", c"#, &[r#""a\", b""#, "c"]),
        ("\"open, c", &["\"open, c"]),
        ("<sip:\"@b>,\r\n c", &["<sip:\"@b>", "c"]),
    ];
    for (list, values) in table {
        let found: Vec<_> = comma_values(list.as_bytes()).map(String::from_utf8_lossy).collect();
        assert_eq!(found, values, "{list}");
    }
}

#[test]
fn parameters_are_read_or_refused_as_a_whole() {
    let table: [(&str, Option<Pairs>); 12] = [
        ("", Some(&[])),
        ("  ", Some(&[])),
        (";a", Some(&[("a", None)])),
        (" ; a = b ;c", Some(&[("a", Some("b")), ("c", None)])),
        (";a=\"x;y\\\"\";b", Some(&[("a", Some("\"x;y\\\"\"")), ("b", None)])),
        (";a=\r\n [::1]:5", Some(&[("a", Some("[::1]:5"))])),
        (";", None),
        (";;a", None),
        (";a=", None),
        (";a=\"open", None),
        ("a=b", None),
        (";a,b", None),
    ];
    for (text, expected) in table {
        let params = Params::new(text.as_bytes());
        assert_eq!(params.check().is_ok(), expected.is_some(), "{text}");
        if let Some(expected) = expected {
            let found: Vec<Param<'_>> = params.collect();
            let expected = expected.iter().map(|(name, value)| param(name, *value)).collect::<Vec<_>>();
            assert_eq!(found, expected, "{text}");
        }
    }
}

#[test]
fn a_parameter_is_found_without_regard_to_case() {
    let params = Params::new(b";Tag=1;tag=2;lr");
    assert_eq!(params.get(b"TAG"), Some(param("Tag", Some("1"))));
    assert_eq!(params.get(b"LR"), Some(param("lr", None)));
    assert_eq!(params.get(b"x"), None);
}

#[test]
fn numbers_have_digits_only_and_a_range() {
    let table =
        [("0068", Some(68)), ("18446744073709551615", Some(u64::MAX)), ("18446744073709551616", None)];
    for (text, number) in table.into_iter().chain([("", None), ("-1", None), ("+1", None), (" 1", None)]) {
        assert_eq!(decimal(text.as_bytes()), number, "{text}");
    }
    for (text, expected) in [("1", Some(1)), ("65535", Some(65_535)), ("0", None), ("65536", None)] {
        assert_eq!(port(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn a_quoted_string_ends_at_the_first_bare_quote() {
    let table = [
        (r#""""#, Some(2)),
        (r#""a\"b"c"#, Some(6)),
        (r#""\\"x"#, Some(4)),
        (r#""a"#, None),
        (r#""a\"#, None),
    ];
    for (text, length) in table {
        assert_eq!(quoted_length(text.as_bytes()), length, "{text}");
    }
}

fn param<'a>(name: &'a str, value: Option<&'a str>) -> Param<'a> {
    Param { name: name.as_bytes(), value: value.map(str::as_bytes) }
}
