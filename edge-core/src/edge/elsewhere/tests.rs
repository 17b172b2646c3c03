//! How long the place of a dialog is kept, and what is lost when.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{AWAY_MAX, Elsewhere, LINGERING, MESSAGES_MAX};
use crate::edge::note::Said;
use crate::policy::{ListenerId, RealmId, Transport};
use crate::transaction::Path;

const CALL: Bytes = Bytes::from_static(b"1@a");
const MESSAGE: &[u8] = b"BYE sip:a SIP/2.0\r\nCall-ID: 1@a\r\n\r\n";

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn a_place_is_kept_while_its_call_stands_and_half_a_minute_longer() {
    let now = start();
    let mut elsewhere = Elsewhere::default();
    elsewhere.leaves(CALL, 2, false, now);
    elsewhere.settles(&CALL);
    elsewhere.on_time(now + Duration::from_secs(7 * 24 * 3600));
    assert_eq!(elsewhere.shard_of(MESSAGE), Some(2));
    let end = now + Duration::from_secs(100);
    elsewhere.ended(CALL, end);
    elsewhere.on_time(end + LINGERING - Duration::from_millis(1));
    assert_eq!(elsewhere.shard_of(MESSAGE), Some(2));
    assert_eq!(elsewhere.next_deadline(), Some(end + LINGERING));
    elsewhere.on_time(end + LINGERING);
    assert_eq!(elsewhere.shard_of(MESSAGE), None);
    assert!(elsewhere.is_empty());
}

#[test]
fn a_place_that_nobody_settles_ends_and_one_that_comes_home_has_none() {
    let now = start();
    let mut elsewhere = Elsewhere::default();
    elsewhere.leaves(CALL, 1, false, now);
    elsewhere.on_time(now + LINGERING);
    assert!(elsewhere.is_empty());
    elsewhere.leaves(CALL, 1, true, now);
    elsewhere.comes(CALL, 7, true);
    assert!(elsewhere.is_empty());
}

#[test]
fn only_the_dialog_itself_ends_what_others_know_of_it() {
    let mut elsewhere = Elsewhere::default();
    elsewhere.comes(CALL, 7, false);
    assert!(!elsewhere.goes(&CALL, 8), "another one with this Call-ID, that keeps its place");
    assert!(elsewhere.goes(&CALL, 7) && !elsewhere.goes(&CALL, 7));
}

#[test]
fn messages_are_bounded_and_what_calls_say_is_not_lost() {
    let now = start();
    let listener = ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Udp };
    let path = Path { listener, peer: ([192, 0, 2, 1], 5060).into(), proven: None };
    let message = || Said::Message { path, bytes: Bytes::from_static(MESSAGE), hops: 1 };
    let mut elsewhere = Elsewhere::default();
    assert!((0..MESSAGES_MAX).all(|_| elsewhere.tell(1, message())));
    assert!(!elsewhere.tell(1, message()));
    assert!(elsewhere.tell(1, Said::Ended { call_id: CALL }));
    let mut taken = 0;
    elsewhere.send_notes(|_, note| {
        taken += 1;
        if taken > 1 { Err(note) } else { Ok(()) }
    });
    assert!(elsewhere.tell(1, message()) && !elsewhere.tell(1, message()), "there is room for one again");
    for number in 0..AWAY_MAX {
        assert!(elsewhere.has_room());
        elsewhere.leaves(number.to_string().into(), 1, true, now);
    }
    assert!(!elsewhere.has_room());
}
