use super::*;

#[test]
fn the_whole_table() {
    use Effect::{Keep, Nothing, Refuse, Release, Repeat as Again, Send};
    use Input::{Failure, GaveUp, Prack, Provisional, Repeat, Session, Success};
    use State::{Acknowledged, Final, SessionUnacknowledged, Unacknowledged};
    let table = [
        (Acknowledged, Provisional, Unacknowledged, Send),
        (Acknowledged, Session, SessionUnacknowledged, Send),
        (Acknowledged, Prack, Acknowledged, Nothing),
        (Acknowledged, Repeat, Acknowledged, Nothing),
        (Acknowledged, GaveUp, Acknowledged, Nothing),
        (Acknowledged, Success, Final, Send),
        (Acknowledged, Failure, Final, Send),
        (Unacknowledged, Provisional, Unacknowledged, Keep),
        (Unacknowledged, Session, Unacknowledged, Keep),
        (Unacknowledged, Prack, Acknowledged, Release),
        (Unacknowledged, Repeat, Unacknowledged, Again),
        (Unacknowledged, GaveUp, Final, Refuse),
        (Unacknowledged, Success, Final, Send),
        (Unacknowledged, Failure, Final, Send),
        (SessionUnacknowledged, Provisional, SessionUnacknowledged, Keep),
        (SessionUnacknowledged, Session, SessionUnacknowledged, Keep),
        (SessionUnacknowledged, Prack, Acknowledged, Release),
        (SessionUnacknowledged, Repeat, SessionUnacknowledged, Again),
        (SessionUnacknowledged, GaveUp, Final, Refuse),
        (SessionUnacknowledged, Success, SessionUnacknowledged, Keep),
        (SessionUnacknowledged, Failure, Final, Send),
        (Final, Provisional, Final, Nothing),
        (Final, Session, Final, Nothing),
        (Final, Prack, Final, Nothing),
        (Final, Repeat, Final, Nothing),
        (Final, GaveUp, Final, Nothing),
        (Final, Success, Final, Nothing),
        (Final, Failure, Final, Nothing),
    ];
    for (state, input, next, effect) in table {
        assert_eq!(state.step(input), (next, effect), "{state:?}, {input:?}");
    }
}

#[test]
fn the_first_number_is_below_2_to_the_31() {
    for random in [0, 1, u64::MAX, 0x8000_0000_0000_0000] {
        let mut sending = Sending::new(false, random);
        let first = sending.next_number();
        assert!((1..1 << 31).contains(&first), "{first}");
        assert_eq!(sending.next_number(), first + 1);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn it_is_sent_again_at_doubling_intervals_until_64_t1() {
    let start = Instant::now();
    let mut sending = Sending::new(false, 0);
    sending.step(Input::Session);
    sending.next_number();
    sending.sent(StatusCode::SESSION_PROGRESS, Bytes::from_static(b"183"), start);
    let mut at_t1 = Vec::new();
    while sending.due(sending.next_deadline().unwrap()) == Some(Input::Repeat) {
        let at = sending.next_deadline().unwrap();
        at_t1.push((at - start).as_millis() / T1.as_millis());
        assert_eq!(sending.repeat(at).unwrap().0, StatusCode::SESSION_PROGRESS);
    }
    assert_eq!(at_t1, [1, 3, 7, 15, 31, 63]);
    assert_eq!(sending.next_deadline(), Some(start + T1 * 64));
    assert_eq!(sending.due(start + T1 * 64), Some(Input::GaveUp));
}

#[test]
fn only_its_own_prack_acknowledges_it_and_only_once() {
    let mut sending = Sending::new(false, 41 << 34);
    assert!(!sending.acknowledge(41), "nothing was sent");
    sending.step(Input::Provisional);
    assert_eq!(sending.next_number(), 42);
    #[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
    sending.sent(StatusCode::RINGING, Bytes::new(), Instant::now());
    assert!(!sending.acknowledge(41) && !sending.acknowledge(43));
    assert!(sending.acknowledge(42));
    assert!(!sending.acknowledge(42));
}

#[test]
fn of_what_waits_the_newest_status_goes_with_the_newest_description() {
    let mut sending = Sending::new(true, 0);
    let response = |code, body: Option<&'static str>| Provisional { code, body: body.map(Bytes::from) };
    sending.keep(response(StatusCode::SESSION_PROGRESS, Some("one")));
    sending.keep(response(StatusCode::RINGING, None));
    assert_eq!(sending.take_kept(), Some(response(StatusCode::RINGING, Some("one"))));
    assert_eq!(sending.take_kept(), None);
}
