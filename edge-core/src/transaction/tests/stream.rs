//! The layer over connections: nothing is sent twice, and a connection that fails takes with it what waits there.

use std::time::{Duration, Instant};

use super::layer::{message, path, request, response, sent_over, start};
use crate::policy::{ListenerId, Transport};
use crate::sip::{Method, StatusCode};
use crate::transaction::{Branch, Matched, Path, Transactions};

fn connection() -> Path {
    let over = path();
    Path {
        listener: ListenerId { transport: Transport::Tcp, ..over.listener },
        peer: "192.0.2.1:49152".parse().unwrap(),
        proven: None,
    }
}

fn client(method: Method, now: Instant) -> Transactions<u8> {
    let mut layer = Transactions::default();
    let bytes = message(&method, "z9hG4bK0000000000000abc");
    layer.open_client(method, Branch::new(0xabc), bytes, connection(), 1, now).unwrap();
    layer
}

#[test]
fn requests_are_sent_once_and_given_up_after_32_seconds() {
    for method in [Method::Invite, Method::Bye] {
        let now = start();
        let mut layer = client(method, now);
        assert_eq!(sent_over(&mut layer, now, Duration::from_millis(31_990)), [0]);
        assert!(layer.poll_timed_out().is_none());
        layer.on_time(now + Duration::from_secs(32));
        assert!(layer.poll_timed_out().is_some());
        assert!(layer.is_empty());
    }
}

#[test]
fn a_failure_is_sent_once_and_nothing_waits_behind_its_ack() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    let id = layer.open_server(&invite, connection(), 1).unwrap();
    layer.respond(id, StatusCode::BUSY_HERE, response(&invite, StatusCode::BUSY_HERE).0, now);
    assert_eq!(layer.poll_transmit().map(|sent| sent.path), Some(connection()), "back over the connection");
    assert_eq!(sent_over(&mut layer, now, Duration::from_secs(4)), []);
    assert_eq!(layer.on_request(&request(&Method::Ack, "z9hG4bKpeer"), connection(), now), Matched::Absorbed);
    layer.on_time(now);
    assert!(layer.is_empty());
}

#[test]
fn an_answered_request_leaves_nothing_behind() {
    let now = start();
    let mut layer = client(Method::Bye, now);
    let (_, ok) = response(&request(&Method::Bye, "z9hG4bK0000000000000abc"), StatusCode::OK);
    assert!(matches!(layer.on_response(&ok, now), Matched::Deliver(..)));
    layer.on_time(now);
    assert!(layer.is_empty());
    assert!(layer.poll_timed_out().is_none());
}

#[test]
fn a_request_times_out_when_its_connection_fails_and_no_other_does() {
    let now = start();
    let mut layer = client(Method::Invite, now);
    let elsewhere = Path { peer: "192.0.2.1:49153".parse().unwrap(), ..connection() };
    layer.on_unreachable(elsewhere, now);
    assert!(layer.poll_timed_out().is_none());
    layer.on_unreachable(connection(), now);
    assert_eq!(layer.poll_timed_out().map(|(_, owner)| owner), Some(1));
    assert!(layer.is_empty());
    layer.on_unreachable(connection(), now);
    assert!(layer.poll_timed_out().is_none(), "once");
}

#[test]
fn an_invite_that_rings_outlives_its_connection() {
    let now = start();
    let mut layer = client(Method::Invite, now);
    let invite = request(&Method::Invite, "z9hG4bK0000000000000abc");
    layer.on_response(&response(&invite, StatusCode::RINGING).1, now);
    layer.on_unreachable(connection(), now);
    assert!(layer.poll_timed_out().is_none());
    let answered = layer.on_response(&response(&invite, StatusCode::OK).1, now);
    assert!(matches!(answered, Matched::Deliver(..)), "the peer may answer over a connection of its own");
}

#[test]
fn an_answer_goes_to_sent_by_once_its_connection_is_gone() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    let id = layer.open_server(&invite, connection(), 1).unwrap();
    layer.on_unreachable(connection(), now);
    layer.respond(id, StatusCode::BUSY_HERE, response(&invite, StatusCode::BUSY_HERE).0, now);
    let sent_by = Path { peer: "192.0.2.1:5070".parse().unwrap(), ..connection() };
    assert_eq!(layer.poll_transmit().map(|sent| sent.path), Some(sent_by));
    layer.on_unreachable(sent_by, now);
    assert!(layer.poll_transmit().is_none(), "there is no third way");
}

#[test]
fn an_answer_that_was_lost_with_its_connection_is_sent_again() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    let id = layer.open_server(&invite, connection(), 1).unwrap();
    let (busy, _) = response(&invite, StatusCode::BUSY_HERE);
    layer.respond(id, StatusCode::BUSY_HERE, busy.clone(), now);
    layer.poll_transmit();
    layer.on_unreachable(connection(), now);
    assert_eq!(layer.poll_transmit().map(|sent| sent.bytes), Some(busy));
}
