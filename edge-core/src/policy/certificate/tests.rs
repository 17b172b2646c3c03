//! RFC 5922 sections 7.1 and 7.2, case by case.

use super::*;

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn certificate(uris: &[&str], dns: &[&str], common: &[&str]) -> CertificateNames {
    let has_alternatives = !uris.is_empty() || !dns.is_empty();
    CertificateNames { uris: owned(uris), dns: owned(dns), has_alternatives, common: owned(common) }
}

#[test]
fn the_identities_of_a_certificate_are_those_of_rfc_5922() {
    let table: [[&[&str]; 4]; 14] = [
        [&["sip:example.com"], &[], &[], &["example.com"]],
        [&["SIP:Example.COM"], &[], &[], &["Example.COM"]],
        [
            &["sip:example.com", "sip:b.example"],
            &["c.example"],
            &["d.example"],
            &["example.com", "b.example"],
        ],
        [&["sip:example.com:5061;transport=tls"], &[], &[], &["example.com"]],
        [&["sips:example.com"], &["c.example"], &[], &["c.example"]],
        [&["sip:alice@example.com"], &["c.example"], &[], &["c.example"]],
        [&["sip:alice@example.com"], &[], &["d.example"], &[]],
        [&["https://example.com"], &[], &["d.example"], &[]],
        [&["sip:", "sip:exa mple"], &["c.example"], &[], &["c.example"]],
        [&[], &["c.example", "*.c.example"], &["d.example"], &["c.example", "*.c.example"]],
        [&[], &[], &["d.example"], &["d.example"]],
        [&[], &[], &["Example Telecom Ltd", "192.0.2.1", "d.example"], &["d.example"]],
        [&[], &[], &["*.example.com"], &[]],
        [&[], &[], &[], &[]],
    ];
    for [uris, dns, common, identities] in table {
        assert_eq!(certificate(uris, dns, common).identities(), identities, "{uris:?} {dns:?} {common:?}");
    }
    let addresses_alone = CertificateNames {
        has_alternatives: true,
        common: owned(&["d.example"]),
        ..certificate(&[], &[], &[])
    };
    assert_eq!(addresses_alone.identities(), [""; 0], "a subjectAltName of another type hides the CN, too");
}

#[test]
fn names_match_whole_and_wildcards_match_nothing_but_themselves() {
    let table = [
        ("example.com", "example.com", true),
        ("EXAMPLE.com", "example.COM", true),
        ("foo.example.com", "example.com", false),
        ("example.com", "foo.example.com", false),
        ("*.example.com", "foo.example.com", false),
        ("*.example.com", "*.example.com", true),
        (".example.com", "foo.example.com", false),
        (".example.com", ".example.com", true),
        ("example.com.", "example.com", false),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", true),
    ];
    for (named, expected, matches) in table {
        let expected = owned(&["other.example", expected]);
        assert_eq!(certificate(&[], &[named], &[]).are_of(&expected), matches, "{named} for {expected:?}");
    }
    assert!(!certificate(&[], &["example.com"], &[]).are_of(&[]), "who expects nobody takes nobody");
}

#[test]
fn a_host_name_is_one_of_dns_and_no_address() {
    for good in ["example.com", "sip", "a-1.b_2.example", "xn--bcher-kva.example"] {
        assert!(is_host_name(good), "{good}");
    }
    let long = "a".repeat(64);
    for bad in [
        "",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "*.example.com",
        "192.0.2.1",
        "a b",
        "bücher.example",
        &long,
    ] {
        assert!(!is_host_name(bad), "{bad}");
    }
}
