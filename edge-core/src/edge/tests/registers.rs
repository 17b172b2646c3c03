//! A trunk that registers with us: what it hears, and where calls to it go.

use super::standing::{CARRIER, answer, header, pbx_sdp};
use super::visits::{HOME, login, of, proven};
use super::*;
use crate::digest::Hash;
use crate::policy::{Auth, CallsTo, Host, Registrar, Visitor};

const AWAY: &str = "10.0.0.99:1024";

/// A bench whose PBX comes from anywhere in its network, and registers.
fn bench() -> Bench {
    let policy = policy(
        |trunks, _| {
            let (expires_min, expires_max) = (Duration::from_secs(60), Duration::from_secs(3600));
            let user = "acct42".to_owned();
            let registrar = Registrar { user, expires_min, expires_max, calls_to: CallsTo::Contact };
            let visitor = Visitor { registrar: Some(Arc::new(registrar)), ..Visitor::default() };
            trunks[1].auth = Auth::Digest;
            trunks[1] = trunks[1].clone().at(Host::Visiting);
            trunks[1].visitor = visitor.called(Arc::new(login("zanzibar", &[Hash::Md5])));
        },
        |_| {},
    );
    of(policy)
}

fn register(number: u32, contact: &str) -> String {
    let headers = format!("Max-Forwards: 70\r\nUser-Agent: PBX\r\nSubject: {}\r\n", "x".repeat(80));
    let request = request("REGISTER", "sip:10.0.0.1", number, &headers, "");
    let request = request.replace("To: <sip:10.0.0.1>", "To: <sip:acct42@pbx.example.com>");
    request.replace("Contact: <sip:192.0.2.10:5060>", &format!("Contact: {contact}"))
}

fn registered(bench: &mut Bench, from: &str, number: u32, contact: &str) -> String {
    let asked = register(number, contact);
    let (sent, _) = bench.receive(from, &asked);
    assert_eq!(statuses(&sent), ["SIP/2.0 401 Unauthorized"]);
    let (sent, _) = bench.receive(from, &proven(&asked, &sent[0].1, "zanzibar", 1));
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent[0].1.clone()
}

#[test]
fn calls_go_to_where_the_register_came_from() {
    let mut bench = bench();
    let ok = registered(&mut bench, AWAY, 90, "<sip:pbx@10.0.0.20:5060;line=1>");
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n"), "{ok}");
    assert_eq!(header(&ok, "Contact:"), "<sip:pbx@10.0.0.20:5060;line=1>;expires=3600");
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let (peer, invited) = &sent[1];
    assert_eq!(peer.to_string(), AWAY);
    assert!(invited.starts_with("INVITE sip:pbx@10.0.0.20:5060;line=1 SIP/2.0\r\n"), "{invited}");
    assert_eq!(header(invited, "To:"), "<sip:02071838750@pbx.example.com>");
    let (sent, _) = bench.receive(AWAY, &answer(invited, "200 OK", "b", "10.0.0.20:5060", &pbx_sdp()));
    assert!(sent.iter().any(|(peer, text)| peer.to_string() == CARRIER && text.starts_with("SIP/2.0 200")));
    let ack = sent.iter().find(|(_, text)| text.starts_with("ACK ")).unwrap();
    assert_eq!(ack.0.to_string(), AWAY, "its Contact is an address that means nothing here");
    let stranger = answer(invited, "200 OK", "c", "10.0.0.20:5060", &pbx_sdp());
    assert_eq!(bench.receive("10.0.0.98:1024", &stranger).0, [], "nobody else answers for it");
}

#[test]
fn who_is_not_registered_is_not_there() {
    let mut bench = bench();
    let (sent, records) = bench.receive(CARRIER, &invite(1));
    assert_eq!(statuses(&sent), ["SIP/2.0 100 Trying", "SIP/2.0 480 Temporarily Unavailable"]);
    assert_eq!(records[0].cause.name(), "unregistered");
    registered(&mut bench, AWAY, 90, "<sip:pbx@10.0.0.20>;expires=60");
    bench.now += Duration::from_secs(61);
    let (sent, _) = bench.receive(CARRIER, &invite(2));
    assert_eq!(statuses(&sent)[1], "SIP/2.0 480 Temporarily Unavailable", "it has run out");
}

#[test]
fn several_places_are_tried_one_after_the_other() {
    let mut bench = bench();
    registered(&mut bench, "10.0.0.97:5060", 90, "<sip:second@10.0.0.97>;q=0.5");
    registered(&mut bench, AWAY, 91, "<sip:first@10.0.0.99>");
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    assert!(sent[1].1.starts_with("INVITE sip:first@10.0.0.99 "), "{}", sent[1].1);
    let refused = answer(&sent[1].1, "503 Service Unavailable", "b", "10.0.0.99", "");
    let (sent, _) = bench.receive(AWAY, &refused);
    let next = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    assert_eq!(next.0.to_string(), "10.0.0.97:5060");
    assert!(next.1.starts_with("INVITE sip:second@10.0.0.97 SIP/2.0\r\n"), "{}", next.1);
}

#[test]
fn a_register_that_comes_again_hears_the_same_and_one_without_a_proof_nothing_but_a_challenge() {
    let mut bench = bench();
    let asked = register(90, "<sip:pbx@10.0.0.20>");
    let (challenge, _) = bench.receive(AWAY, &asked);
    let said = proven(&asked, &challenge[0].1, "zanzibar", 1);
    let (first, _) = bench.receive(AWAY, &said);
    let (second, _) = bench.receive(AWAY, &said);
    assert_eq!(first, second);
    let counters = bench.edge.counters();
    assert_eq!((counters.registrations, counters.proofs_replayed), (1, 0));
    let (sent, _) = bench.receive(AWAY, &proven(&register(92, "*"), &challenge[0].1, "tanganyika", 2));
    assert_eq!(statuses(&sent), ["SIP/2.0 401 Unauthorized"]);
    assert!(bench.edge.policy.trunks[1].visitor.bindings.any(Duration::ZERO));
    assert_eq!(bench.receive(HOME, &register(93, "<sip:pbx@10.0.0.20>")).0, [], "nobody registers there");
}

#[test]
fn a_binding_ends_with_its_connection() {
    let mut bench = bench();
    registered(&mut bench, AWAY, 90, "<sip:pbx@10.0.0.20>");
    let bindings = &bench.edge.policy.trunks[1].visitor.bindings;
    let listener = ListenerId { realm: RealmId::new(1), index: 0, transport: Transport::Tcp };
    bindings.change(Duration::ZERO, |all| all[0].listener = listener);
    let path = |peer: &str| Path { listener, peer: peer.parse().unwrap(), proven: None };
    bench.take(Input::SendFailed { path: path("10.0.0.99:1025") });
    assert!(bench.edge.policy.trunks[1].visitor.bindings.any(Duration::ZERO), "that is another one");
    bench.take(Input::SendFailed { path: path(AWAY) });
    assert!(!bench.edge.policy.trunks[1].visitor.bindings.any(Duration::ZERO));
}

#[test]
fn a_place_is_asked_whether_it_is_alive_and_comes_last_when_it_is_not() {
    let mut bench = bench();
    let mut asking = Trunk::clone(&bench.edge.policy.trunks[1]);
    let hysteresis = crate::policy::Hysteresis { fails: 1, oks: 1 };
    asking.keepalive = Some(crate::policy::Keepalive { interval: Duration::from_secs(10), hysteresis });
    let mut policy = policy(|trunks, _| trunks[1] = asking, |_| {});
    policy.take_over(&bench.edge.policy);
    bench.take(Input::PolicyReplaced(Arc::new(policy)));
    registered(&mut bench, "10.0.0.97:5060", 90, "<sip:alive@10.0.0.97>");
    bench.now += Duration::from_secs(1);
    registered(&mut bench, AWAY, 91, "<sip:dead@10.0.0.99>");
    let mut asked = Vec::new();
    for _ in 0..30 {
        bench.now += Duration::from_secs(1);
        for (peer, text) in bench.take(Input::TimeElapsed).0 {
            if text.starts_with("OPTIONS sip:alive@10.0.0.97 ") {
                bench.receive(&peer.to_string(), &answer(&text, "200 OK", "b", "10.0.0.97", ""));
            }
            asked.push(text.split(' ').nth(1).unwrap().to_owned());
        }
    }
    assert!(["sip:alive@10.0.0.97", "sip:dead@10.0.0.99"].iter().all(|uri| asked.iter().any(|of| of == uri)));
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let invited = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    assert!(invited.1.starts_with("INVITE sip:alive@10.0.0.97 "), "the newest is dead: {}", invited.1);
}
