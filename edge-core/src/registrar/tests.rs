use super::*;
use crate::policy::{CallsTo, RealmId, Transport};
use crate::sip::{Incoming, MessageLimits};

fn rule() -> Registrar {
    let (expires_min, expires_max) = (Duration::from_secs(60), Duration::from_secs(3600));
    Registrar { user: "acct42".to_owned(), expires_min, expires_max, calls_to: CallsTo::Contact }
}

fn place(port: u16, at_s: u64) -> Place {
    let listener = ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Udp };
    let target = Target::new(([192, 0, 2, 77], port).into(), Transport::Udp);
    Place { target, listener, since_epoch: Duration::from_secs(at_s) }
}

fn request(call: &str, cseq: u32, headers: &str) -> Request {
    let text = format!(
        "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:acct42@h>;tag=1\r\n\
         To: <sip:acct42@sip.example.com>\r\nCall-ID: {call}\r\nCSeq: {cseq} REGISTER\r\nUser-Agent: PBX\r\n{headers}\r\n"
    );
    match Incoming::parse(text.into(), &MessageLimits::default()) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// What each REGISTER hears, and the Contacts and times that stand then.
fn table(steps: &[(&str, u32, &str)]) -> Vec<(u16, Vec<(String, u64)>)> {
    let mut bindings = Vec::new();
    let of = |(call, cseq, headers): &(&str, u32, &str)| {
        let outcome = register(&request(call, *cseq, headers), &rule(), &place(5060, 0), &mut bindings);
        let code = outcome.err().map_or(200, |refusal| refusal.status().0.as_u16());
        let standing = bindings
            .iter()
            .map(|binding| (String::from_utf8_lossy(&binding.contact).into_owned(), binding.until.as_secs()));
        (code, standing.collect())
    };
    steps.iter().map(of).collect()
}

fn standing(contacts: &[(&str, u64)]) -> Vec<(String, u64)> {
    contacts.iter().map(|(contact, until)| ((*contact).to_owned(), *until)).collect()
}

#[test]
fn contacts_come_are_refreshed_and_go() {
    let (a, b) = ("sip:a@10.0.0.1", "sip:b@10.0.0.2");
    assert_eq!(
        table(&[
            ("x", 1, "Contact: <sip:a@10.0.0.1>;expires=600, <sip:b@10.0.0.2>\r\nExpires: 120\r\n"),
            ("x", 2, "Contact: <sip:a@10.0.0.1>\r\nExpires: 99999999\r\n"),
            ("x", 3, ""),
            ("x", 4, "Contact: <sip:a@10.0.0.1>;expires=0\r\n"),
            ("x", 5, "Contact: *\r\nExpires: 0\r\n"),
            ("x", 6, "Contact: <sip:a@10.0.0.1>\r\n"),
        ]),
        [
            (200, standing(&[(a, 600), (b, 120)])),
            (200, standing(&[(b, 120), (a, 3600)])),
            (200, standing(&[(b, 120), (a, 3600)])),
            (200, standing(&[(b, 120)])),
            (200, standing(&[])),
            (200, standing(&[(a, 3600)])),
        ]
    );
}

#[test]
fn what_is_wrong_changes_nothing() {
    let a = "sip:a@10.0.0.1";
    let good = ("x", 5, "Contact: <sip:a@10.0.0.1>;expires=600\r\n");
    let wrong: &[(&str, u32, &str, u16)] = &[
        ("x", 5, "Contact: <sip:a@10.0.0.1>;expires=0\r\n", 500),
        ("x", 4, "Contact: *\r\nExpires: 0\r\n", 500),
        ("x", 6, "Contact: <sip:c@10.0.0.3>, <sip:b@10.0.0.2>;expires=10\r\n", 423),
        ("x", 6, "Contact: *\r\n", 400),
        ("x", 6, "Contact: *, <sip:b@10.0.0.2>\r\nExpires: 0\r\n", 400),
        ("x", 6, "Contact: <mailto:b@example.com>\r\n", 400),
        ("x", 6, "Contact: <sip:10.0.0.2;bnc>\r\n", 400),
        ("x", 6, "Require: gin\r\nContact: <sip:b@10.0.0.2;bnc>\r\n", 400),
        ("x", 6, "Require: gin, outbound, foo\r\nContact: <sip:b@10.0.0.2>\r\n", 420),
        ("x", 6, "Path: <sip:1>,<sip:2>,<sip:3>,<sip:4>,<sip:5>\r\nContact: <sip:b@10.0.0.2>\r\n", 400),
    ];
    for (call, cseq, headers, code) in wrong {
        let heard = table(&[good, (call, *cseq, headers)]);
        assert_eq!(heard[1], (*code, standing(&[(a, 600)])), "{headers}");
    }
    let many: Vec<_> = (0..9).map(|n| format!("Contact: <sip:{n}@10.0.0.1>\r\n")).collect();
    assert_eq!(table(&[good, ("x", 6, &many.concat())])[1].0, 403);
    assert_eq!(table(&[good, ("y", 1, &many[..8].concat())])[1].0, 403);
    let other = request("x", 1, "").message.bytes().clone();
    let other = String::from_utf8_lossy(&other).replace("To: <sip:acct42@", "To: <sip:acct43@");
    let Ok(Incoming::Request(other)) = Incoming::parse(other.into(), &MessageLimits::default()) else {
        panic!()
    };
    let refused = register(&other, &rule(), &place(5060, 0), &mut Vec::new());
    assert_eq!(refused, Err(Refusal::NotItsAddress));
}

#[test]
fn a_binding_is_where_its_register_came_from_and_the_newest_of_the_best_comes_first() {
    let bindings = crate::policy::Bindings::default();
    let register_at = |port, at_s, headers: &str| {
        let request = request(&format!("call-{port}"), 1, headers);
        let place = place(port, at_s);
        bindings.change(place.since_epoch, |bindings| register(&request, &rule(), &place, bindings)).unwrap();
    };
    register_at(1000, 0, "Contact: <sip:a@10.0.0.1>;q=0.5;expires=60\r\n");
    register_at(2000, 1, "Contact: <sip:b@10.0.0.1>\r\n");
    register_at(3000, 2, "Contact: <sip:c@10.0.0.1>;q=1.0\r\nPath: <sip:proxy;lr>\r\n");
    let ports = |at_s| {
        let standing = bindings.at(Duration::from_secs(at_s)).into_iter();
        standing.map(|binding| binding.target.address.port()).collect::<Vec<_>>()
    };
    assert_eq!(ports(3), [3000, 2000, 1000]);
    assert_eq!(ports(60), [3000, 2000], "the first has run out");
    register_at(4000, 5, "Contact: <sip:b@10.0.0.1>\r\n");
    assert_eq!(ports(6), [4000, 3000, 1000], "one Contact is one place, the newest");
    let proxied = &bindings.at(Duration::from_secs(6))[1];
    assert_eq!((&proxied.routes[0][..], &proxied.agent[..]), (&b"<sip:proxy;lr>"[..], &b"PBX"[..]));
}

#[test]
fn a_call_asks_for_the_contact_or_for_the_number_there() {
    let uri = |headers: &str, calls_to| {
        let mut bindings = Vec::new();
        register(&request("x", 1, headers), &rule(), &place(5060, 0), &mut bindings).unwrap();
        String::from_utf8_lossy(&bindings[0].request_uri(calls_to, "+4420")).into_owned()
    };
    let plain = "Contact: \"PBX\" <sip:pbx@10.0.0.1:5070;line=x;ob>\r\n";
    assert_eq!(uri(plain, CallsTo::Contact), "sip:pbx@10.0.0.1:5070;line=x;ob");
    assert_eq!(uri(plain, CallsTo::Number), "sip:+4420@10.0.0.1:5070;line=x;ob");
    let bulk = "Require: gin\r\nContact: <sips:[2001:db8::1];transport=tls;bnc>\r\n";
    for calls_to in [CallsTo::Contact, CallsTo::Number] {
        assert_eq!(uri(bulk, calls_to), "sips:+4420@[2001:db8::1];transport=tls");
    }
}

#[test]
fn a_200_lists_what_stands() {
    let mut bindings = Vec::new();
    let asked =
        request("x", 1, "Contact: <sip:a@10.0.0.1;ob>;q=0.5, <sip:b@10.0.0.2>\r\nPath: <sip:p;lr>\r\n");
    register(&asked, &rule(), &place(5060, 0), &mut bindings).unwrap();
    let response = MessageWriter::response(StatusCode::OK, "OK");
    let said = granted(response, &asked, &bindings, Duration::from_secs(100)).empty();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Contact: <sip:a@10.0.0.1;ob>;q=0.500;expires=3500\r\n"), "{said}");
    assert!(said.contains("Contact: <sip:b@10.0.0.2>;expires=3500\r\n"), "{said}");
    assert!(said.contains("Path: <sip:p;lr>\r\n") && said.contains("Supported: path, gin\r\n"), "{said}");
}
