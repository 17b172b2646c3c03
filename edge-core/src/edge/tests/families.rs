//! IPv4 and IPv6: which one each leg's signalling and media have, and that neither leaks into the other leg.

use super::standing::answer;
use super::*;
use crate::policy::{Candidate, Host, Target, Targets};

const CARRIER: &str = "192.0.2.10:5060";
const CARRIER_V6: &str = "[2001:db8::10]:5060";
const PBX_V6: &str = "[2001:db8:10::20]:5060";
const SDP_V6: &str = "v=0\r\no=- 1 1 IN IP6 2001:db8::10\r\ns=-\r\nc=IN IP6 2001:db8::10\r\nt=0 0\r\n\
                      m=audio 6000 RTP/AVP 8 0\r\n";

/// Addresses of a realm, in the order of the file; media is on all of them.
fn realm(realm: &mut Realm, addresses: &[&str]) {
    let range = realm.media[0];
    let parsed = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap());
    realm.media = parsed.clone().map(|address| MediaRange { address, ..range }).collect();
    let listener = |ip| Listener { transport: Transport::Udp, address: SocketAddr::new(ip, 5060) };
    realm.sip = parsed.map(listener).collect();
}

/// A carrier that has both families, and a PBX that is `pbx`.
fn bench(pbx: &str, outside: &[&str], inside: &[&str]) -> Bench {
    let change = |trunks: &mut [Trunk; 2], _: &mut Strangers| {
        trunks[0].sources = vec!["2001:db8::10/128".parse().unwrap()];
        trunks[1] = trunk("pbx", 1, pbx);
    };
    Bench::with_realms(change, |realms| {
        realm(&mut realms[0], outside);
        realm(&mut realms[1], inside);
    })
}

fn invite_v4(sdp: &str) -> String {
    let headers = "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n";
    request("INVITE", "sip:+442071838750@192.0.2.1", 1, headers, sdp)
}

fn invite_v6(sdp: &str) -> String {
    invite_v4(sdp)
        .replace("@192.0.2.1 SIP", "@[2001:db8::1] SIP")
        .replace("@192.0.2.1>", "@[2001:db8::1]>")
        .replace("UDP 192.0.2.10:5060", "UDP [2001:db8::99]:5060")
        .replace("@192.0.2.10", "@[2001:db8::10]")
        .replace("<sip:192.0.2.10:5060>", "<sip:[2001:db8::10]:5060>")
}

/// The c= line of a message.
fn connection(message: &str) -> &str {
    message.lines().find(|line| line.starts_with("c=")).unwrap_or_default()
}

#[test]
fn a_call_from_ipv4_to_ipv6_speaks_each_sides_family() {
    let mut bench = bench(PBX_V6, &["192.0.2.1"], &["2001:db8:10::1"]);
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let (called, invite) = &sent[1];
    assert_eq!(called.to_string(), PBX_V6);
    assert!(invite.starts_with("INVITE sip:02071838750@[2001:db8:10::20] SIP/2.0\r\n"), "{invite}");
    for ours in [
        "Via: SIP/2.0/UDP [2001:db8:10::1]:5060;",
        "Contact: <sip:[2001:db8:10::1]:5060>",
        "<sip:+15550001@[2001:db8:10::1]:5060>",
        "o=- ",
        "c=IN IP6 2001:db8:10::1\r\nt=0 0\r\nm=audio 20000 ",
    ] {
        assert!(invite.contains(ours), "{ours} is not in {invite}");
    }
    assert!(!invite.contains("192.0.2.") && !invite.contains("IP4"), "{invite}");
    let accepted = SDP_V6.replace("2001:db8::10", "2001:db8:10::20");
    let (sent, _) = bench.receive(PBX_V6, &answer(invite, "200 OK", "b", PBX_V6, &accepted));
    let ok = &sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1;
    assert_eq!(connection(ok), "c=IN IP4 192.0.2.1");
    assert!(!ok.contains("2001:db8"), "{ok}");
}

#[test]
fn a_call_from_ipv6_is_answered_where_it_came_from() {
    let mut bench = bench("10.0.0.20:5060", &["192.0.2.1", "2001:db8::1"], &["10.0.0.1"]);
    let (sent, _) = bench.receive_over(1, "[2001:db8::10]:5071", &invite_v6(SDP_V6));
    let [(caller, trying), (_, invite)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(caller.to_string(), "[2001:db8::10]:5071");
    assert!(trying.contains("UDP [2001:db8::99]:5060;"), "{trying}");
    assert!(trying.contains(";received=2001:db8::10") && trying.contains(";rport=5071"), "{trying}");
    assert_eq!(connection(invite), "c=IN IP4 10.0.0.1");
    assert!(!invite.contains("2001:db8"), "{invite}");
}

#[test]
fn media_has_the_family_of_the_signalling_when_its_realm_has_that() {
    let (v4, v6) = ("10.0.0.20:5060", PBX_V6);
    let both = ["10.0.0.1", "2001:db8:10::1"];
    for (pbx, expected) in [(v4, "c=IN IP4 10.0.0.1"), (v6, "c=IN IP6 2001:db8:10::1")] {
        let mut bench = bench(pbx, &["192.0.2.1"], &both);
        let (sent, _) = bench.receive(CARRIER, &invite(1));
        assert_eq!((sent[1].0.to_string().as_str(), connection(&sent[1].1)), (pbx, expected));
    }
}

#[test]
fn media_has_the_only_family_that_its_realm_has() {
    let change = |trunks: &mut [Trunk; 2], _: &mut Strangers| trunks[1] = trunk("pbx", 1, PBX_V6);
    let mut bench = Bench::with_realms(change, |realms| {
        let media = realms[1].media.clone();
        realm(&mut realms[1], &["2001:db8:10::1"]);
        realms[1].media = media;
    });
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    assert_eq!((sent[1].0.to_string().as_str(), connection(&sent[1].1)), (PBX_V6, "c=IN IP4 10.0.0.1"));
}

/// The caller says where its media is; its signalling may be of the other family.
#[test]
fn the_callers_media_is_of_the_family_that_it_offers() {
    let both = ["192.0.2.1", "2001:db8::1"];
    for (listener, from, message, expected) in [
        (1, CARRIER_V6, invite_v6(SDP), "192.0.2.1:20000"),
        (1, CARRIER_V6, invite_v6(SDP_V6), "[2001:db8::1]:20000"),
        (0, CARRIER, invite_v4(SDP), "192.0.2.1:20000"),
        (0, CARRIER, invite_v4(SDP_V6), "[2001:db8::1]:20000"),
    ] {
        let mut bench = bench("10.0.0.20:5060", &both, &["10.0.0.1"]);
        let (sent, _) = bench.receive_over(listener, from, &message);
        let refusal = answer(&sent[1].1, "486 Busy Here", "b", "10.0.0.20:5060", "");
        let (_, records) = bench.receive("10.0.0.20:5060", &refusal);
        assert_eq!(records[0].a.media_local.map(|local| local.to_string()).as_deref(), Some(expected));
    }
}

#[test]
fn a_realm_without_the_family_that_is_offered_refuses_the_offer() {
    let mut bench = bench("10.0.0.20:5060", &["192.0.2.1"], &["10.0.0.1"]);
    let (sent, records) = bench.receive(CARRIER, &invite_v4(SDP_V6));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 488 Not Acceptable Here"));
    assert_eq!(records[0].cause.name(), "offer");
    assert_eq!(bench.edge.media_ports_at_rest(), 4, "nothing is taken");
}

#[test]
fn the_next_target_hears_of_media_of_its_own_family() {
    let v4 = "10.0.0.20:5060";
    let change = |trunks: &mut [Trunk; 2], _: &mut Strangers| {
        let target = |address: &str| Target::new(address.parse().unwrap(), Transport::Udp);
        let families = vec![vec![target(PBX_V6)], vec![target(v4)]];
        trunks[1].host = Host::Name { name: "pbx.example".to_owned(), port: None, transport: None };
        trunks[1].targets = Arc::new(Targets::new(vec![Candidate { rank: 0, weight: 0, families }]));
    };
    let mut bench =
        Bench::with_realms(change, |realms| realm(&mut realms[1], &["10.0.0.1", "2001:db8:10::1"]));
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    assert_eq!((sent[1].0.to_string().as_str(), connection(&sent[1].1)), (PBX_V6, "c=IN IP6 2001:db8:10::1"));
    let refusal = answer(&sent[1].1, "503 Service Unavailable", "a", PBX_V6, "");
    let (sent, _) = bench.receive_over(1, PBX_V6, &refusal);
    let (_, invite) = sent.iter().find(|(to, _)| to.to_string() == v4).unwrap();
    assert_eq!(connection(invite), "c=IN IP4 10.0.0.1");
    assert!(invite.contains("Via: SIP/2.0/UDP 10.0.0.1:5060;"), "{invite}");
    let (sent, _) =
        bench.receive(v4, &answer(invite, "200 OK", "b", v4, &SDP.replace("192.0.2.10", "10.0.0.20")));
    let ok = &sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1;
    assert_eq!(connection(ok), "c=IN IP4 192.0.2.1");
}
