//! Trunks that are asked whether they are alive, and what calls make of it.

use super::attempt::{FIRST, SECOND, at, two_targets};
use super::standing::{CARRIER, answer, header};
use super::*;
use crate::policy::{AdminState, Doubt, Health, Hysteresis, Keepalive, Readiness};
use control::{Control, Sent, bench, only};

const EVERY: Option<Keepalive> =
    Some(Keepalive { interval: Duration::from_secs(30), hysteresis: Hysteresis { fails: 2, oks: 2 } });

/// The PBX is asked each 30 s.
fn asked() -> Control {
    bench(|trunks| trunks[1].keepalive = EVERY)
}

/// Lets `seconds` go by; `answered` says what each OPTIONS to it hears. Gives what else was sent.
fn wait(bench: &mut Control, seconds: u64, answered: impl Fn(&str) -> Option<&'static str>) -> Sent {
    let mut others = Vec::new();
    for _ in 0..seconds {
        for (to, text) in bench.wait(1) {
            let peer = to.to_string();
            match answered(&peer).filter(|_| text.starts_with("OPTIONS ")) {
                Some(status) => others.extend(bench.receive(&peer, &answer(&text, status, "o", &peer, ""))),
                None => others.push((to, text)),
            }
        }
    }
    others
}

fn health(bench: &Control) -> Health {
    bench.edge.policy.trunks[1].health()
}

#[test]
fn an_options_says_what_a_request_outside_of_calls_has_to() {
    let mut bench = asked();
    let sent = bench.wait(10);
    let (to, options) = &sent[0];
    assert_eq!(to.to_string(), "10.0.0.20:5060");
    assert!(
        options.starts_with("OPTIONS sip:10.0.0.20 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch="),
        "{options}"
    );
    for line in ["From: <sip:10.0.0.1:5060>;tag=", "To: <sip:10.0.0.20>\r\n", "Max-Forwards: 70\r\n"] {
        assert!(options.contains(line), "{line} in {options}");
    }
    assert!(
        options.contains("CSeq: 1 OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n"),
        "{options}"
    );
    assert!(header(options, "Call-ID:").ends_with("-00"), "answers find our shard");
    assert_eq!(sent.len(), 4, "sent again until it is given up: {:?}", statuses(&sent));
    assert!(sent.iter().all(|again| *again == sent[0]));
    bench.settle();
}

#[test]
fn who_is_silent_is_down_in_the_end_and_up_again_after_two_answers() {
    let mut bench = asked();
    wait(&mut bench, 6, |_| Some("200 OK"));
    assert_eq!(health(&bench), Health::Up);
    wait(&mut bench, 36, |_| None);
    assert_eq!(health(&bench), Health::Up, "once is not enough");
    wait(&mut bench, 30, |_| None);
    assert_eq!(health(&bench), Health::Down);
    assert_eq!(
        bench.edge.policy.trunks[1].outbound(Duration::from_secs(72)),
        Readiness::Doubtful(Doubt::Down)
    );
    wait(&mut bench, 30, |_| Some("200 OK"));
    assert_eq!(health(&bench), Health::Down);
    wait(&mut bench, 30, |_| Some("200 OK"));
    assert_eq!(health(&bench), Health::Up);
    bench.settle();
}

#[test]
fn any_answer_is_a_sign_of_life_but_503_and_408() {
    for (status, want) in [
        ("200 OK", Health::Up),
        ("404 Not Found", Health::Up),
        ("405 Method Not Allowed", Health::Up),
        ("483 Too Many Hops", Health::Up),
        ("500 Server Internal Error", Health::Up),
        ("501 Not Implemented", Health::Up),
        ("408 Request Timeout", Health::Down),
        ("503 Service Unavailable", Health::Down),
    ] {
        let mut bench = asked();
        wait(&mut bench, 36, |_| Some(status));
        assert_eq!(health(&bench), want, "{status}");
        bench.settle();
    }
}

#[test]
fn a_503_that_says_when_to_come_again_is_heeded() {
    let mut bench = asked();
    let sent = bench.wait(5);
    let refusal = answer(&sent[0].1, "503 Service Unavailable", "o", FIRST, "");
    bench.receive(FIRST, &refusal.replace("Contact:", "Retry-After: 20\r\nContact:"));
    let trunk = Arc::clone(&bench.edge.policy.trunks[1]);
    assert_eq!(trunk.outbound(Duration::from_secs(24)), Readiness::Doubtful(Doubt::Avoided));
    assert_eq!(trunk.outbound(Duration::from_secs(26)), Readiness::Ready);
    bench.settle();
}

#[test]
fn a_connection_that_fails_is_silence_at_once() {
    let mut bench = control::bench_with(
        |trunks| {
            let address = FIRST.parse().unwrap();
            trunks[1] =
                trunks[1].clone().at(crate::policy::Host::Address { address, transport: Transport::Tcp });
            trunks[1].keepalive =
                Some(Keepalive { hysteresis: Hysteresis { fails: 1, oks: 1 }, ..EVERY.unwrap() });
        },
        |realms| {
            let address = "10.0.0.1:5060".parse().unwrap();
            realms[1].sip.push(Listener { transport: Transport::Tcp, address });
        },
    );
    let sent = (0..5).map(|_| bench.wait(1)).find(|sent| !sent.is_empty()).unwrap();
    let (_, options) = only(&sent, "OPTIONS ");
    assert!(
        options.starts_with("OPTIONS sip:10.0.0.20;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP "),
        "{options}"
    );
    let listener = ListenerId { realm: RealmId::new(1), index: 1, transport: Transport::Tcp };
    let path = Path { listener, peer: FIRST.parse().unwrap(), proven: None };
    assert_eq!(health(&bench), Health::Unknown);
    bench.edge.handle(Input::SendFailed { path }, bench.now);
    assert_eq!(health(&bench), Health::Down);
    bench.settle();
}

#[test]
fn calls_that_nobody_answers_count_as_an_options_does() {
    let mut bench = asked();
    wait(&mut bench, 6, |_| Some("200 OK"));
    for number in 1..=2 {
        bench.receive(CARRIER, &invite(number));
    }
    wait(&mut bench, 33, |_| Some("200 OK"));
    assert_eq!(health(&bench), Health::Down, "two calls in a row had no answer after the last OPTIONS");
    // The operator's carrier has no other way: it is tried all the same, and its answer counts.
    for number in 3..=4 {
        let sent = bench.receive(CARRIER, &invite(number));
        let ringing = answer(&only(&sent, "INVITE ").1, "180 Ringing", "b", FIRST, "");
        bench.receive(FIRST, &ringing);
    }
    assert_eq!(health(&bench), Health::Up);
    bench.settle();
}

#[test]
fn a_target_that_is_down_is_tried_last() {
    let mut bench = two_targets(EVERY);
    wait(&mut bench, 66, |peer| (peer == SECOND).then_some("200 OK"));
    let first = bench.edge.policy.trunks[1].targets.iter().next().unwrap().health();
    assert_eq!((first, health(&bench)), (Health::Down, Health::Up));
    let sent = bench.receive(CARRIER, &invite(1));
    assert_eq!(at(&sent, SECOND), ["INVITE"]);
    bench.settle();
}

#[test]
fn an_acknowledged_answer_of_ours_is_a_sign_of_life() {
    let mut bench = asked();
    wait(&mut bench, 70, |_| None);
    assert_eq!(health(&bench), Health::Down);
    for number in 1..=2 {
        let call = invite_of_pbx(number);
        let sent = bench.receive(FIRST, &call);
        let (_, out) = only(&sent, "INVITE ").clone();
        assert_eq!(health(&bench), Health::Down, "it may call, which says nothing of the way to it");
        let sent = bench.receive(CARRIER, &answer(&out, "200 OK", "c", CARRIER, SDP));
        let (_, ok) = only(&sent, "SIP/2.0 200").clone();
        let to = header(&ok, "To:").to_owned();
        let ack = call.replace("INVITE", "ACK").replace("To: <sip:+15550002@10.0.0.1>", &format!("To: {to}"));
        bench.receive(FIRST, &ack.replace("z9hG4bK", "z9hG4bKack"));
    }
    assert_eq!(health(&bench), Health::Up);
    bench.settle();
}

fn invite_of_pbx(number: u32) -> String {
    let headers = "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n";
    let body = control::sdp_of(FIRST);
    request("INVITE", "sip:+15550002@10.0.0.1", number, headers, &body).replace("192.0.2.10", "10.0.0.20")
}

#[test]
fn a_disabled_trunk_is_asked_nothing_and_a_draining_one_is() {
    for (order, asked_it) in [(AdminState::Disabled, false), (AdminState::Draining, true)] {
        let mut bench = asked();
        bench.edge.policy.trunks[1].order(order);
        assert_eq!(!bench.wait(40).is_empty(), asked_it, "{order:?}");
        bench.settle();
    }
}

#[test]
fn of_several_shards_one_asks_and_a_reload_changes_neither_that_nor_the_time() {
    let bench = asked();
    let policy = Arc::clone(&bench.edge.policy);
    let mut shards: Vec<Edge> = (0..4)
        .map(|index| Edge::new(Arc::clone(&policy), Shard { index, count: 4 }, bench.now, [index as u8; 32]))
        .collect();
    let asks = |shards: &[Edge]| shards.iter().filter_map(Edge::next_deadline).collect::<Vec<_>>();
    let before = asks(&shards);
    assert_eq!(before.len(), 1);
    for shard in &mut shards {
        shard.handle(Input::PolicyReplaced(Arc::clone(&policy)), bench.now);
    }
    assert_eq!(asks(&shards), before);
    let unasked = bench_without();
    for shard in &mut shards {
        shard.handle(Input::PolicyReplaced(Arc::clone(&unasked)), bench.now);
    }
    assert_eq!(asks(&shards), []);
}

fn bench_without() -> Arc<Policy> {
    Arc::clone(&bench(|_| {}).edge.policy)
}
