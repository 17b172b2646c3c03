use super::*;

#[test]
fn a_test_is_read_from_the_name_to_what_is_wrong() {
    let tls = TlsTest {
        took_ms: 12.5,
        version: Some("TLSv1_3".to_owned()),
        cipher: Some("TLS13_AES_256_GCM_SHA384".to_owned()),
        names: Some("sip.x".to_owned()),
        issuer: Some("CN=ca".to_owned()),
        expires: Some("2027-01-01T00:00:00Z".to_owned()),
        days_left: Some(40),
    };
    let lookup = |kind: &str, records: &[&str], problem: Option<&str>| Lookup {
        name: "sip.y".to_owned(),
        kind: kind.to_owned(),
        records: records.iter().map(|record| (*record).to_owned()).collect(),
        ttl_s: Some(60),
        problem: problem.map(str::to_owned),
    };
    let test = TrunkTest {
        trunk: "carrier".to_owned(),
        problems: vec!["TLS: sip.y at 192.0.2.1:5061: its certificate is for sip.x".to_owned()],
        lookups: vec![lookup("NAPTR", &[], Some("no such record")), lookup("A", &["192.0.2.1"], None)],
        leads: vec!["tls:192.0.2.1:5061".to_owned()],
        targets: vec![TargetTest {
            target: "tls:192.0.2.1:5061".to_owned(),
            status: Some(200),
            reason: Some("OK".to_owned()),
            server: Some("kamailio".to_owned()),
            took_ms: 3.25,
            connect_ms: Some(1.0),
            tls: Some(tls),
            problem: None,
        }],
        registration: None,
    };
    let mut out = Vec::new();
    write(&mut out, &test).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
    DNS sip.y NAPTR: no such record
    DNS sip.y A 192.0.2.1 (60 s)
    DNS leads to tls:192.0.2.1:5061
    tls:192.0.2.1:5061: OPTIONS: 200 OK in 3.25 ms, from kamailio
      connected in 1 ms
      TLS in 12.5 ms: TLSv1_3 TLS13_AES_256_GCM_SHA384
      its certificate is for sip.x, by "CN=ca", until 2027-01-01T00:00:00Z (40 days)
    trunk carrier:
      TLS: sip.y at 192.0.2.1:5061: its certificate is for sip.x
    "#);
}
