//! The layer that hosts the machines: matching, retransmission times, absorption.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::policy::{ListenerId, RealmId, Transport, TrunkId};
use crate::sip::{
    HeaderName, Incoming, MessageLimits, MessageWriter, Method, Request, Response, StatusCode, response_to,
};
use crate::transaction::{Branch, Matched, Path, Transactions};

pub(super) fn path() -> Path {
    Path {
        listener: ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Udp },
        peer: "192.0.2.1:5070".parse().unwrap(),
        proven: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
pub(super) fn start() -> Instant {
    Instant::now()
}

pub(super) fn message(method: &Method, branch: &str) -> Bytes {
    MessageWriter::request(method, b"sip:100@192.0.2.9")
        .header(HeaderName::Via, format!("SIP/2.0/UDP 192.0.2.1:5070;branch={branch};rport"))
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, "<sip:1@192.0.2.1>;tag=a")
        .header(HeaderName::To, "<sip:100@192.0.2.9>")
        .header(HeaderName::CallId, "call-1")
        .header(HeaderName::CSeq, [b"7 ", method.as_bytes()].concat())
        .empty()
}

pub(super) fn request(method: &Method, branch: &str) -> Request {
    match Incoming::parse(message(method, branch), &MessageLimits::default()) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

pub(super) fn response(to: &Request, code: StatusCode) -> (Bytes, Response) {
    let bytes = response_to(&to.message, code, code.default_reason(), path().peer, Some(b"b")).empty();
    match Incoming::parse(bytes.clone(), &MessageLimits::default()) {
        Ok(Incoming::Response(response)) => (bytes, response),
        other => panic!("not a response: {other:?}"),
    }
}

/// Lets `span` go by in steps of 10 ms and notes when something was sent.
pub(super) fn sent_over(layer: &mut Transactions<u8>, from: Instant, span: Duration) -> Vec<u128> {
    let mut times = Vec::new();
    for step in 0..=span.as_millis() / 10 {
        let now = from + Duration::from_millis(u64::try_from(step * 10).unwrap());
        layer.on_time(now);
        while layer.poll_transmit().is_some() {
            times.push(step * 10);
        }
    }
    times
}

#[test]
fn an_invite_without_answer_is_sent_seven_times_and_given_up_after_32_seconds() {
    let (mut layer, now) = (Transactions::default(), start());
    layer.open_client(Method::Invite, Branch::new(1), message(&Method::Invite, "x"), path(), 1, now).unwrap();

    let times = sent_over(&mut layer, now, Duration::from_secs(40));

    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(layer.poll_timed_out().map(|(_, owner)| owner), Some(1));
    assert!(layer.is_empty());
}

#[test]
fn a_bye_without_answer_is_sent_at_most_every_four_seconds() {
    let (mut layer, now) = (Transactions::default(), start());
    layer.open_client(Method::Bye, Branch::new(1), message(&Method::Bye, "x"), path(), 1, now).unwrap();

    let times = sent_over(&mut layer, now, Duration::from_secs(40));

    assert_eq!(times, [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(layer.poll_timed_out().is_some());
}

#[test]
fn a_provisional_answer_stops_retransmission_and_is_delivered() {
    let (mut layer, now) = (Transactions::default(), start());
    let branch = Branch::new(0xabc);
    let invite = request(&Method::Invite, &branch.to_string());
    layer.open_client(Method::Invite, branch, message(&Method::Invite, "x"), path(), 1, now).unwrap();
    layer.poll_transmit();

    let (_, ringing) = response(&invite, StatusCode::RINGING);
    assert!(matches!(layer.on_response(&ringing, now), Matched::Deliver(_, 1)));
    assert_eq!(sent_over(&mut layer, now, Duration::from_secs(60)), []);
}

#[test]
fn a_failure_is_acknowledged_each_time_and_delivered_once() {
    let (mut layer, now) = (Transactions::default(), start());
    let branch = Branch::new(0xabc);
    let bytes = message(&Method::Invite, &branch.to_string());
    layer.open_client(Method::Invite, branch, bytes, path(), 1, now).unwrap();
    layer.poll_transmit();
    let (_, busy) = response(&request(&Method::Invite, &branch.to_string()), StatusCode::BUSY_HERE);

    assert!(matches!(layer.on_response(&busy, now), Matched::Deliver(..)));
    let ack = layer.poll_transmit().unwrap();
    assert_eq!(layer.on_response(&busy, now), Matched::Absorbed);
    assert_eq!(layer.poll_transmit().as_ref(), Some(&ack));

    let Ok(Incoming::Request(ack)) = Incoming::parse(ack.bytes, &MessageLimits::default()) else {
        panic!("the ACK does not parse")
    };
    assert_eq!((ack.method, ack.cseq, ack.to.tag()), (Method::Ack, 7, Some(&b"b"[..])));
    assert_eq!(ack.via.branch(), Some(branch.to_string().as_bytes()));
}

#[test]
fn a_repeated_request_hears_the_last_response_again() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    assert_eq!(layer.on_request(&invite, path(), now), Matched::Nothing);
    let id = layer.open_server(&invite, path(), 1).unwrap();
    let (trying, _) = response(&invite, StatusCode::TRYING);
    layer.respond(id, StatusCode::TRYING, trying.clone(), now);

    assert_eq!(layer.on_request(&invite, path(), now), Matched::Absorbed);

    let sent: Vec<Bytes> = std::iter::from_fn(|| layer.poll_transmit()).map(|sent| sent.bytes).collect();
    assert_eq!(sent, [trying.clone(), trying]);
}

#[test]
fn a_failure_is_repeated_until_its_ack() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    let id = layer.open_server(&invite, path(), 1).unwrap();
    let (busy, _) = response(&invite, StatusCode::BUSY_HERE);
    layer.respond(id, StatusCode::BUSY_HERE, busy, now);

    assert_eq!(sent_over(&mut layer, now, Duration::from_secs(4)), [0, 500, 1500, 3500]);
    let later = now + Duration::from_secs(4);
    assert_eq!(layer.on_request(&request(&Method::Ack, "z9hG4bKpeer"), path(), later), Matched::Absorbed);
    assert_eq!(sent_over(&mut layer, later, Duration::from_secs(40)), []);
    assert!(layer.is_empty());
}

#[test]
fn a_cancel_finds_its_invite_and_is_a_transaction_of_its_own() {
    let mut layer = Transactions::default();
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    let id = layer.open_server(&invite, path(), 9).unwrap();
    let cancel = request(&Method::Cancel, "z9hG4bKpeer");
    assert_eq!(layer.on_request(&cancel, path(), start()), Matched::Nothing);
    assert_eq!(layer.cancelled_by(&cancel, path()), Some((id, 9)));
    assert_eq!(layer.cancelled_by(&request(&Method::Cancel, "z9hG4bKother"), path()), None);
}

#[test]
fn a_peer_older_than_rfc_3261_is_matched_without_a_branch() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "1");
    layer.open_server(&invite, path(), 1).unwrap();
    assert_eq!(layer.on_request(&request(&Method::Invite, "2"), path(), now), Matched::Absorbed);
}

#[test]
fn a_response_to_a_branch_that_is_not_ours_matches_nothing() {
    let (mut layer, now) = (Transactions::<u8>::default(), start());
    for branch in ["z9hG4bK", "z9hG4bKshort", "z9hG4bK00000000000000ff", "nothing"] {
        let (_, ok) = response(&request(&Method::Invite, branch), StatusCode::OK);
        assert_eq!(layer.on_response(&ok, now), Matched::Nothing, "{branch}");
    }
}

#[test]
fn another_peer_with_the_same_branch_is_another_transaction() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bKpeer");
    layer.open_server(&invite, path(), 1).unwrap();
    let stranger = Path { peer: "192.0.2.77:5070".parse().unwrap(), ..path() };
    let elsewhere = Path {
        listener: ListenerId { realm: RealmId::new(1), index: 0, transport: Transport::Udp },
        ..path()
    };
    for other in [stranger, elsewhere] {
        assert_eq!(layer.on_request(&invite, other, now), Matched::Nothing);
        assert_eq!(layer.cancelled_by(&request(&Method::Cancel, "z9hG4bKpeer"), other), None);
    }
}

#[test]
fn what_a_trunk_holds_is_given_back() {
    let mut layer = Transactions::<u8>::default();
    let ids: Vec<_> = (0..100)
        .map(|number| request(&Method::Invite, &format!("z9hG4bK{number}")))
        .map(|invite| layer.open_server_of(TrunkId::new(7), &invite, path(), 1).unwrap())
        .collect();
    assert!(!layer.is_empty());
    ids.into_iter().for_each(|id| layer.abandon(id));
    assert!(layer.is_empty(), "{layer:?}");
}

#[test]
fn what_nobody_waits_for_any_more_does_not_become_open_ended() {
    let (mut layer, now) = (Transactions::default(), start());
    let invite = request(&Method::Invite, "z9hG4bK00000000000000ff");
    let bytes = message(&Method::Invite, "z9hG4bK00000000000000ff");
    let id = layer.open_client(Method::Invite, Branch::new(255), bytes, path(), 1_u8, now).unwrap();
    layer.abandon(id);
    assert_eq!(layer.len(), 1, "it says its request again until timer B");
    let (_, ringing) = response(&invite, StatusCode::RINGING);
    layer.on_response(&ringing, now);
    assert!(layer.is_empty(), "{layer:?}");
}
