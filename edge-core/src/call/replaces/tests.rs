use super::*;

#[test]
fn a_dialog_is_named_by_its_call_id_and_both_tags_once() {
    let named = Replaces::parse(b"a@b;from-tag=1;early-only ; to-tag=2").unwrap();
    assert_eq!(
        (&named.call_id[..], &named.to_tag[..], &named.from_tag[..]),
        (&b"a@b"[..], &b"2"[..], &b"1"[..])
    );
    assert!(named.early_only);
    for bad in [
        "",
        "a@b",
        "a@b;to-tag=1",
        "a@b;from-tag=1",
        ";to-tag=1;from-tag=2",
        "a b;to-tag=1;from-tag=2",
        "a@b;to-tag=1;to-tag=2;from-tag=3",
        "a@b;to-tag;from-tag=3",
    ] {
        assert_eq!(Replaces::parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn in_a_uri_it_is_escaped() {
    let named = Replaces::parse(b"a@b;to-tag=1;from-tag=2").unwrap();
    assert_eq!(named.in_uri(), "Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2");
}
