use super::*;

#[test]
fn a_quality_is_read_in_thousandths() {
    for (param, thousandths) in [
        ("", 1000),
        (";q=1", 1000),
        (";q=1.000", 1000),
        (";q=0.5", 500),
        (";q=.25", 250),
        (";q=0.123456", 123),
        (";q=0", 0),
        (";q=x", 0),
        (";q=0.-5", 0),
        (";q=7.5", 500),
    ] {
        let contact = NameAddr::parse(format!("<sip:1@a>{param}").into()).unwrap();
        assert_eq!(quality(&contact), thousandths, "{param}");
    }
}
