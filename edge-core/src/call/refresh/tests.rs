use bytes::Bytes;

use super::*;
use crate::sip::{Incoming, MessageLimits};

fn response(line: &str) -> Response {
    let text = format!(
        "SIP/2.0 {line}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
         To: <sip:b@y>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    match Incoming::parse(Bytes::from(text), &MessageLimits::default()) {
        Ok(Incoming::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_refresh_waits_as_long_as_the_rules_say() {
    for (line, side, least_ms, most_ms) in [
        ("491 Request Pending", Side::A, 0, 2_000),
        ("491 Request Pending", Side::B, 2_100, 4_000),
        ("500 Server Internal Error\r\nRetry-After: 7", Side::B, 7_000, 9_499),
        ("500 Server Internal Error\r\nRetry-After: 4000", Side::A, 10_000, 12_499),
        ("488 Not Acceptable Here", Side::A, 2_500, 4_999),
    ] {
        let response = response(line);
        let waits: Vec<u128> =
            (0..100_000).map(|random| wait_after(&response, side, random).as_millis()).collect();
        assert_eq!(waits.iter().min(), Some(&least_ms), "{line}, {side:?}");
        assert_eq!(waits.iter().max(), Some(&most_ms), "{line}, {side:?}");
    }
}
