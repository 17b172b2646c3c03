//! A trunk with several targets, of which some do not take the call (RFC 3263 section 4.3).

use super::control::{Control, Sent, bench, bench_with, only, sdp_of};
use super::refer::by_carrier;
use super::standing::{CARRIER, answer, header};
use super::*;
use crate::policy::{Candidate, Host, Keepalive, Target, Targets};

pub(super) const FIRST: &str = "10.0.0.20:5060";
pub(super) const SECOND: &str = "10.0.0.21:5060";

/// The PBX is a name that leads to two targets, one after the other.
pub(super) fn two_targets(keepalive: Option<Keepalive>) -> Control {
    bench(|trunks| {
        trunks[1].keepalive = keepalive;
        let candidate = |rank, address: &str| {
            let target = Target::new(address.parse().unwrap(), Transport::Udp);
            Candidate { rank, weight: 0, families: vec![vec![target]] }
        };
        let name = "pbx.example".to_owned();
        trunks[1].host = Host::Name { name, port: None, transport: None };
        trunks[1].targets = Arc::new(Targets::new(vec![candidate(0, FIRST), candidate(1, SECOND)]));
    })
}

fn branch(message: &str) -> &str {
    header(message, "Via:").split("branch=").nth(1).unwrap()
}

/// The INVITE that the first target got, and the one that the second got after it was silent.
fn silent_first(bench: &mut Control) -> [String; 2] {
    let sent = bench.receive(CARRIER, &invite(1));
    let (to, first) = only(&sent, "INVITE ").clone();
    assert_eq!(to.to_string(), FIRST);
    assert!(first.starts_with("INVITE sip:442071838750@pbx.example SIP/2.0\r\n"), "{first}");
    let sent = bench.wait(5);
    let second = sent.iter().find(|(to, _)| to.to_string() == SECOND).unwrap().1.clone();
    assert!(statuses(&sent).iter().all(|line| line.starts_with("INVITE ")), "the caller hears nothing");
    [first, second]
}

pub(super) fn at<'a>(sent: &'a Sent, peer: &str) -> Vec<&'a str> {
    let there = sent.iter().filter(|(to, _)| to.to_string() == peer);
    there.map(|(_, text)| text.split(' ').next().unwrap()).collect()
}

#[test]
fn a_target_that_nothing_can_be_delivered_to_is_given_up_at_once() {
    let report = |bench: &mut Control, peer: &str, quoted: &str| {
        let listener = ListenerId { realm: RealmId::new(1), index: 0, transport: Transport::Udp };
        let path = Path { listener, peer: peer.parse().unwrap(), proven: None };
        let beginning = Bytes::from(quoted.to_owned());
        bench.edge.handle(Input::Undelivered { path, beginning }, bench.now);
        bench.carry_out()
    };
    let mut bench = two_targets(None);
    let first = only(&bench.receive(CARRIER, &invite(1)), "INVITE ").1.clone();
    let digit = branch(&first).chars().last().unwrap();
    let other = format!("{}{}", &branch(&first)[..22], if digit == '0' { '1' } else { '0' });
    for forged in
        [first.replace(branch(&first), &other), first.replace("INVITE", "BYE"), first[..60].to_owned()]
    {
        assert_eq!(report(&mut bench, FIRST, &forged), []);
    }
    assert_eq!(report(&mut bench, SECOND, &first), [], "it was sent elsewhere");
    // A router quotes what it likes of it, the branch among it.
    let sent = report(&mut bench, FIRST, &first[..first.find("From:").unwrap()]);
    let (to, second) = only(&sent, "INVITE ");
    assert_eq!(to.to_string(), SECOND);
    let sent = bench.receive(SECOND, &answer(second, "200 OK", "b", SECOND, &sdp_of(SECOND)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    bench.receive(CARRIER, &by_carrier(&ok, "ACK", 1, ""));
    // Within a call a report ends nothing: what was not delivered comes again.
    let sent = bench.receive(CARRIER, &by_carrier(&ok, "INVITE", 2, SDP));
    let change = only(&sent, "INVITE ").1.clone();
    assert_eq!(report(&mut bench, SECOND, &change), []);
    assert_eq!(at(&bench.wait(1), SECOND), ["INVITE"]);
    assert_eq!(bench.edge.counters().calls_standing, 1);
    bench.settle();
}

#[test]
fn a_silent_target_is_given_up_for_the_next_one() {
    let mut bench = two_targets(None);
    let [first, second] = silent_first(&mut bench);
    assert_ne!(branch(&first), branch(&second));
    for same in ["From:", "To:", "Call-ID:"] {
        assert_eq!(header(&first, same), header(&second, same));
    }
    assert!(bench.wait(20).iter().all(|(to, _)| to.to_string() == SECOND), "nothing more goes to the first");
    let sent = bench.receive(SECOND, &answer(&second, "200 OK", "b", SECOND, &sdp_of(SECOND)));
    assert_eq!(only(&sent, "SIP/2.0 200").0.to_string(), CARRIER);
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!(record.b.as_ref().unwrap().signalling.to_string(), SECOND);
    assert_eq!(record.cause.name(), "drained");
}

#[test]
fn a_target_that_was_given_up_and_answers_is_hung_up_and_the_call_goes_on() {
    let mut bench = two_targets(None);
    let [first, second] = silent_first(&mut bench);
    let sent = bench.receive(FIRST, &answer(&first, "180 Ringing", "a", FIRST, ""));
    assert_eq!(at(&sent, FIRST), ["CANCEL"]);
    assert!(at(&sent, CARRIER).is_empty());
    let late = answer(&first, "200 OK", "a", FIRST, &sdp_of(FIRST));
    let sent = bench.receive(FIRST, &late);
    assert_eq!(at(&sent, FIRST), ["ACK", "BYE"]);
    assert!(at(&sent, CARRIER).is_empty());
    assert_eq!(at(&bench.receive(FIRST, &late), FIRST), ["ACK"], "again for each repetition");
    let sent = bench.receive(SECOND, &answer(&second, "200 OK", "b", SECOND, &sdp_of(SECOND)));
    assert_eq!(at(&sent, SECOND), ["ACK"]);
    only(&sent, "SIP/2.0 200");
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn after_503_the_next_target_has_the_call_at_once_and_retry_after_is_kept() {
    for (retry_after, next_call) in [("Retry-After: 60\r\nContact:", SECOND), ("Contact:", FIRST)] {
        let mut bench = two_targets(None);
        let sent = bench.receive(CARRIER, &invite(1));
        let refusal = answer(&only(&sent, "INVITE ").1, "503 Service Unavailable", "a", FIRST, "");
        let sent = bench.receive(FIRST, &refusal.replace("Contact:", retry_after));
        assert_eq!(only(&sent, "INVITE ").0.to_string(), SECOND);
        assert!(at(&sent, CARRIER).is_empty());
        let sent = bench.receive(CARRIER, &invite(2));
        assert_eq!(only(&sent, "INVITE ").0.to_string(), next_call);
        assert_eq!(bench.settle().len(), 2);
    }
}

#[test]
fn only_503_leads_to_another_target_whether_early_media_was_heard_or_not() {
    let mut bench = two_targets(None);
    let sent = bench.receive(CARRIER, &invite(1));
    let (_, first) = only(&sent, "INVITE ").clone();
    let sent = bench.receive(FIRST, &answer(&first, "486 Busy Here", "a", FIRST, ""));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 486 Busy Here"));

    let sent = bench.receive(CARRIER, &invite(2));
    let (_, first) = only(&sent, "INVITE ").clone();
    bench.receive(FIRST, &answer(&first, "183 Session Progress", "a", FIRST, &sdp_of(FIRST)));
    let sent = bench.receive(FIRST, &answer(&first, "503 Service Unavailable", "a", FIRST, ""));
    let (to, second) = only(&sent, "INVITE ").clone();
    assert_eq!(to.to_string(), SECOND);
    let sent = bench.receive(SECOND, &answer(&second, "200 OK", "b", SECOND, &sdp_of(SECOND)));
    assert!(only(&sent, "SIP/2.0 200").1.contains("m=audio 20"));
    assert_eq!(bench.settle().len(), 2);
}

#[test]
fn when_all_are_silent_the_caller_hears_408_and_the_next_call_tries_all_the_same() {
    let mut bench = two_targets(None);
    silent_first(&mut bench);
    let sent = bench.wait(40);
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 408 Request Timeout"));
    let sent = bench.receive(CARRIER, &invite(2));
    only(&sent, "INVITE ");
    assert_eq!(bench.settle().len(), 2);
}

#[test]
fn a_name_that_leads_nowhere_is_said_at_once() {
    let mut bench = two_targets(None);
    let question = bench.edge.policy.questions().first().unwrap().clone();
    let nowhere = bench.edge.policy.led(&question, Targets::default()).unwrap();
    bench.edge.handle(Input::PolicyReplaced(Arc::new(nowhere)), bench.now);
    let sent = bench.receive(CARRIER, &invite(1));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 503 Service Unavailable"));
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!(record.cause.name(), "unresolved");
}

/// An INVITE of the carrier's that is too long for a datagram when it goes on.
fn long_invite(number: u32) -> String {
    let codecs: Vec<u8> = (96..127).collect();
    let numbers: String = codecs.iter().map(|codec| format!(" {codec}")).collect();
    let maps: String =
        codecs.iter().map(|codec| format!("a=rtpmap:{codec} speech-{codec}/16000/1\r\n")).collect();
    let sdp = format!("{}{maps}", SDP.replace("AVP 8 0", &format!("AVP 8{numbers}")));
    let headers = "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n";
    request("INVITE", "sip:+442071838750@192.0.2.1", number, headers, &sdp)
}

/// The PBX is at one address, and its realm listens for TCP too.
fn with_tcp(change: impl FnOnce(&mut [Trunk; 3])) -> Control {
    bench_with(change, |realms| {
        let tcp = Listener { transport: Transport::Tcp, ..realms[1].sip[0] };
        realms[1].sip.push(tcp);
    })
}

/// How the PBX is reached over TCP.
fn over_tcp() -> Path {
    let listener = ListenerId { realm: RealmId::new(1), index: 1, transport: Transport::Tcp };
    Path { listener, peer: FIRST.parse().unwrap(), proven: None }
}

#[test]
fn a_long_invite_goes_over_tcp_and_so_does_its_dialog() {
    let mut bench = with_tcp(|_| {});
    let sent = bench.receive(CARRIER, &long_invite(1));
    let (to, invite) = only(&sent, "INVITE ").clone();
    assert!(invite.len() > 1300, "{}", invite.len());
    assert_eq!(to.to_string(), FIRST);
    assert!(header(&invite, "Via:").starts_with("SIP/2.0/TCP 10.0.0.1:5060;"), "{invite}");
    assert_eq!(header(&invite, "Contact:"), "<sip:10.0.0.1:5060;transport=tcp>");
    let ok = answer(&invite, "200 OK", "b", FIRST, &sdp_of(FIRST));
    let sent = bench.receive_over(over_tcp(), &ok);
    assert!(header(&only(&sent, "ACK ").1, "Via:").starts_with("SIP/2.0/TCP "));
    only(&sent, "SIP/2.0 200");

    let sent = bench.receive(CARRIER, &super::invite(2));
    assert!(header(&only(&sent, "INVITE ").1, "Via:").starts_with("SIP/2.0/UDP "));
    assert_eq!(bench.settle().len(), 2);
}

#[test]
fn a_long_invite_that_is_not_taken_over_tcp_goes_over_udp_and_so_does_the_next_one() {
    for refused in [true, false] {
        let mut bench = with_tcp(|_| {});
        let sent = bench.receive(CARRIER, &long_invite(1));
        let over_tcp_first = only(&sent, "INVITE ").1.clone();
        let sent = if refused {
            bench.edge.handle(Input::SendFailed { path: over_tcp() }, bench.now);
            bench.carry_out()
        } else {
            bench.wait(4)
        };
        let (to, invite) = only(&sent, "INVITE ").clone();
        assert_eq!((to.to_string().as_str(), sent.len()), (FIRST, 1), "the caller hears nothing");
        assert!(header(&invite, "Via:").starts_with("SIP/2.0/UDP 10.0.0.1:5060;"), "{invite}");
        assert_eq!(header(&invite, "Contact:"), "<sip:10.0.0.1:5060>");
        assert_ne!(branch(&over_tcp_first), branch(&invite));
        let sent = bench.receive(FIRST, &answer(&invite, "200 OK", "b", FIRST, &sdp_of(FIRST)));
        assert!(header(&only(&sent, "ACK ").1, "Via:").starts_with("SIP/2.0/UDP "));

        let sent = bench.receive(CARRIER, &long_invite(2));
        assert!(header(&only(&sent, "INVITE ").1, "Via:").starts_with("SIP/2.0/UDP "), "it is remembered");
        assert_eq!(bench.settle().len(), 2);
    }
}

#[test]
fn a_503_over_tcp_is_the_servers_word_over_udp_too() {
    let mut bench = with_tcp(|_| {});
    let sent = bench.receive(CARRIER, &long_invite(1));
    let refusal = answer(&only(&sent, "INVITE ").1, "503 Service Unavailable", "a", FIRST, "");
    let sent = bench.receive_over(over_tcp(), &refusal);
    assert_eq!(at(&sent, FIRST), ["ACK"]);
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"));
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn a_long_invite_stays_on_udp_where_the_operator_or_the_realm_wants_that() {
    let off = with_tcp(|trunks| trunks[1].large_over_tcp = false);
    for mut bench in [off, bench(|_| {})] {
        let sent = bench.receive(CARRIER, &long_invite(1));
        assert!(header(&only(&sent, "INVITE ").1, "Via:").starts_with("SIP/2.0/UDP "));
        assert_eq!(bench.settle().len(), 1);
    }
}
