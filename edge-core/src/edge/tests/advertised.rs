//! A realm behind a 1:1 NAT: its peers read the address that the NAT has, and nobody reads it anywhere else.

use super::control::{Control, Sent, bench_routing, bench_with, only};
use super::registration::{accepted, first, register, state};
use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp};
use super::*;
use crate::policy::{DelayedOffer, Hysteresis, IdentityHeader, Keepalive, Redirects};

const OWN: &str = "192.0.2.1";
const ADVERTISED: &str = "198.51.100.7";
/// Whom the carrier of the benches calls, in its own words, which it hears again.
const DIALLED: &str = "sip:+442071838750@192.0.2.1";

fn behind_nat(realms: &mut [Realm; 2]) {
    realms[0].advertised.v4 = Some(ADVERTISED.parse().unwrap());
}

/// Whether a message has this address; the carrier's begins as ours does.
fn names(message: &str, address: &str) -> bool {
    message.split(|other: char| !(other.is_ascii_digit() || other == '.')).any(|word| word == address)
}

/// The carrier reads nothing of our own address, and nobody else reads what stands for it.
fn is_told_apart(sent: &[(SocketAddr, String)]) {
    for (to, message) in sent {
        let carrier = to.to_string() == CARRIER;
        let message = &message.replace(&format!("<{DIALLED}>"), "");
        assert!(!names(message, OWN), "to {to}: {message}");
        assert!(carrier || !names(message, ADVERTISED), "to {to}: {message}");
        assert!(!carrier || !names(message, "10.0.0.1"), "to {to}: {message}");
    }
}

fn is_at(message: &str, address: &str) {
    assert!(header(message, "Contact:").starts_with(&format!("<sip:{address}:5060>")), "{message}");
    let origin = header(message, "o=");
    assert!(origin.ends_with(&format!("IN IP4 {address}")), "{message}");
    assert_eq!(header(message, "c="), format!("IN IP4 {address}"), "{message}");
}

#[test]
fn a_call_and_what_happens_in_it_name_the_advertised_address() {
    let mut call = Standing::with(Bench::with_realms(|_, _| {}, behind_nat));
    is_at(&call.ok, ADVERTISED);
    is_at(&call.invite, "10.0.0.1");
    let plan = call.bench.plan.clone().unwrap();
    assert_eq!(plan.streams[0].a.local.ip().to_string(), OWN, "the datapath has the address that there is");
    let held = format!("{}a=sendonly\r\n", pbx_sdp());
    let (sent, _) = call.bench.receive(PBX, &call.by_pbx("INVITE", 2, &held));
    is_told_apart(&sent);
    let again = &only(&sent, "INVITE ").1;
    is_at(again, ADVERTISED);
    assert!(header(again, "Via:").starts_with(&format!("SIP/2.0/UDP {ADVERTISED}:5060;branch=")), "{again}");
    let accepted = format!("{SDP}a=recvonly\r\n");
    let (sent, _) = call.bench.receive(CARRIER, &answer(again, "200 OK", "a1", CARRIER, &accepted));
    is_told_apart(&sent);
    is_at(&only(&sent, "SIP/2.0 200").1, "10.0.0.1");
    let (sent, records) = call.bench.receive(PBX, &call.by_pbx("BYE", 3, ""));
    is_told_apart(&sent);
    assert!(names(&only(&sent, "BYE ").1, ADVERTISED));
    let local = records[0].a.media_local.unwrap().ip();
    assert_eq!(local.to_string(), OWN, "records say where media was");
}

/// A call of the PBX to the carrier, until it is answered.
fn out(bench: &mut Control, body: &str) -> (Sent, String) {
    let asked = invite(9).replace(DIALLED, "sip:+15550001@10.0.0.1");
    let asked = asked.replace("192.0.2.10", "10.0.0.20").replace(&pbx_sdp(), body);
    let asked = asked.replace(&format!("Length: {}", SDP.len()), &format!("Length: {}", body.len()));
    let mut sent = bench.receive(PBX, &asked);
    let onward = only(&sent, "INVITE ").1.clone();
    sent.extend(bench.receive(CARRIER, &answer(&onward, "200 OK", "c", CARRIER, SDP)));
    (sent, onward)
}

#[test]
fn a_call_that_we_place_is_from_the_advertised_address_with_an_offer_of_its_own_too() {
    let late = |trunks: &mut [Trunk; 3]| {
        trunks[0].identity.header = IdentityHeader::Asserted;
        trunks[0].delayed_offer = DelayedOffer::Convert;
    };
    for body in [pbx_sdp(), String::new()] {
        let mut bench = bench_with(late, behind_nat);
        let (sent, onward) = out(&mut bench, &body);
        is_told_apart(&sent);
        is_at(&onward, ADVERTISED);
        for name in ["Via:", "From:", "P-Asserted-Identity:"] {
            assert!(names(header(&onward, name), ADVERTISED), "{name} {onward}");
        }
    }
}

#[test]
fn a_session_past_the_edge_is_said_by_the_advertised_address() {
    let direct = |trunks: &mut [Trunk; 2]| trunks.iter_mut().for_each(|trunk| trunk.media.direct = true);
    let reaching = |realms: &mut [Realm; 2]| {
        behind_nat(realms);
        realms[1].reaches = vec![RealmId::new(0)];
    };
    let call = Standing::with(Bench::with_realms(|trunks, _| direct(trunks), reaching));
    assert!(header(&call.ok, "o=").ends_with(&format!("IN IP4 {ADVERTISED}")), "{}", call.ok);
    assert_eq!(header(&call.ok, "c="), "IN IP4 10.0.0.20", "media goes where the other side is");
    assert_eq!(header(&call.invite, "c="), "IN IP4 192.0.2.10");
}

#[test]
fn a_caller_that_is_sent_elsewhere_is_sent_to_the_advertised_address() {
    let passes = |trunks: &mut [Trunk; 3]| trunks[1].redirects = Redirects::Pass;
    let mut bench = bench_routing(1, passes, behind_nat, |_| {});
    let sent = bench.receive(CARRIER, &invite(1));
    let onward = only(&sent, "INVITE ").1.clone();
    let moved = answer(&onward, "302 Moved Temporarily", "b", "+44123@10.0.0.30", "");
    let sent = bench.receive(PBX, &moved);
    is_told_apart(&sent);
    assert!(names(header(&only(&sent, "SIP/2.0 302").1, "Contact:"), ADVERTISED), "{sent:?}");
}

#[test]
fn a_registrar_has_the_advertised_contact_calls_it_and_sees_no_change() {
    let mut bench = bench_with(
        |trunks| {
            register(&mut trunks[0], "0123456789abcdef", |_| {});
            let hysteresis = Hysteresis { fails: 2, oks: 2 };
            trunks[0].keepalive = Some(Keepalive { interval: Duration::from_secs(30), hysteresis });
        },
        behind_nat,
    );
    let sent = first(&mut bench);
    is_told_apart(&sent);
    let asked = only(&sent, "REGISTER ").1.clone();
    let contact = header(&asked, "Contact:").to_owned();
    assert!(contact.starts_with(&format!("<sip:acct42@{ADVERTISED}:5060;line=")), "{contact}");
    // A registrar that says our Contact without the token, and by which address it sees us.
    let told = format!("Contact: <sip:acct42@{ADVERTISED}:5060>;expires=3600\r\n");
    let seen =
        |response: String| response.replacen(";rport", &format!(";received={ADVERTISED};rport=5060"), 1);
    bench.receive(CARRIER, &seen(accepted(&asked, &told)));
    assert_eq!(state(&bench), "registered");
    let mut alive = 0;
    for _ in 0..70 {
        for (to, message) in bench.wait(1) {
            is_told_apart(&[(to, message.clone())]);
            assert!(!message.starts_with("REGISTER "), "nothing has changed: {message}");
            if message.starts_with("OPTIONS ") {
                alive += 1;
                bench.receive(CARRIER, &seen(answer(&message, "200 OK", "o", CARRIER, "")));
            }
        }
    }
    assert!(alive > 0, "it was asked whether it is there");
    let inwards = invite(1).replace(
        &format!("INVITE {DIALLED}"),
        &format!("INVITE {}", contact.trim_start_matches('<').split('>').next().unwrap()),
    );
    let sent = bench.receive(CARRIER, &inwards);
    is_told_apart(&sent.iter().filter(|(to, _)| to.to_string() == PBX).cloned().collect::<Vec<_>>());
    only(&sent, "INVITE ");
}

#[test]
fn media_at_an_advertised_address_is_our_own_and_so_is_a_name_that_leads_there() {
    let mut bench = Bench::with_realms(|_, _| {}, behind_nat);
    let offer = invite(1).replace("c=IN IP4 192.0.2.10", &format!("c=IN IP4 {ADVERTISED}"));
    let offer = offer.replace(&format!("Length: {}", SDP.len()), &format!("Length: {}", SDP.len() + 2));
    let (sent, _) = bench.receive(CARRIER, &offer);
    assert!(sent.iter().any(|(_, message)| message.starts_with("SIP/2.0 488 ")), "{sent:?}");
    let policy = &bench.edge.policy;
    let at = |text: &str| policy.realms[0].listens_at(text.parse().unwrap());
    assert!(at("192.0.2.1:5060") && at("198.51.100.7:5060"));
    assert!(!at("198.51.100.7:5070") && !at("198.51.100.8:5060"));
}
