//! What reading costs. The figures need a release build:
//! `cargo test --release -p edge-core --test wire speed -- --include-ignored --nocapture`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::sdp::Offer;
use edge_core::sip::{HeaderName, Incoming, Message, MessageLimits, MessageWriter};

use crate::properties;

const ROUNDS: u32 = 200_000;

#[test]
#[ignore = "a measurement: needs a release build and a quiet machine"]
fn a_trunk_invite_is_read_within_microseconds() {
    let bytes = trunk_invite();
    let limits = MessageLimits::default();
    let framed = microseconds(|| drop(black_box(Message::parse(black_box(bytes.clone()), &limits))));
    let read = microseconds(|| drop(black_box(Incoming::parse(black_box(bytes.clone()), &limits))));
    let message = Message::parse(bytes.clone(), &limits).expect("a good message");
    let copied = microseconds(|| drop(black_box(copy(&message))));
    println!(
        "{} bytes: framing {framed:.2} us, full read {read:.2} us, writing anew {copied:.2} us",
        bytes.len()
    );
    assert!(read < 20.0, "reading took {read} us: twenty times what it should");
}

/// A message whose cost grew with the square of its length would take many seconds here.
#[test]
fn the_largest_hostile_messages_are_read_in_linear_time() {
    for (name, data) in hostile() {
        let bytes = Bytes::from(data.clone());
        let read = once(|| drop(black_box(Incoming::parse(bytes, &MessageLimits::default()))));
        let offer = once(|| drop(black_box(Offer::parse(&data))));
        let spent = once(|| {
            properties::message(&data);
            properties::sdp(&data);
        });
        println!("{name}: {} bytes, as SIP {read:?}, as SDP {offer:?}, all properties {spent:?}", data.len());
        assert!(spent < Duration::from_secs(2), "{name} took {spent:?}");
    }
}

/// Inputs near every limit, each made to visit one loop as often as it can.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let options = |headers: String| {
        let rest = "From: <sip:f@h>;tag=f\r\nTo: <sip:t@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS";
        format!("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=b\r\n{rest}\r\n{headers}\r\n")
            .into_bytes()
    };
    let session = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    let formats: String = (0..128).map(|number| format!(" {number}")).collect();
    vec![
        ("parameters", options(format!("m: <sip:a@b>{}\r\n", ";a=b".repeat(2_000)).repeat(8))),
        ("contacts", options(format!("m: {}\r\n", "<sip:a@b>,".repeat(800)).repeat(8))),
        ("quotes", options(format!("Subject: {}\r\n", "\"".repeat(8_000)).repeat(8))),
        ("open quotes", options(format!("Subject: {}\r\n", ",\"x\\".repeat(2_000)).repeat(8))),
        ("brackets", options(format!("Route: {}\r\n", "<,".repeat(4_000)).repeat(8))),
        ("headers", options("a: b\r\n".repeat(250))),
        ("vias", options(format!("v: {}\r\n", "SIP/2.0/UDP h,".repeat(500)).repeat(8))),
        ("folds", options(format!("Subject: x{}\r\n", "\r\n y".repeat(32)).repeat(240))),
        ("escapes", options(format!("m: <sip:{}@b>\r\n", "%41".repeat(2_500)).repeat(8))),
        (
            "formats",
            format!("{session}m=audio 4 RTP/AVP{formats}\r\n{}", "a=rtpmap:200 X/1\r\n".repeat(500)).into(),
        ),
        ("streams", format!("{session}{}", "m=audio 4 RTP/AVP 0\r\n".repeat(500)).into()),
    ]
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn once(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Time of one call, best of five runs.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn microseconds(mut work: impl FnMut()) -> f64 {
    let run = || {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    };
    std::iter::repeat_with(run).take(5).fold(f64::INFINITY, f64::min)
}

fn copy(message: &Message) -> Bytes {
    let start = MessageWriter::request(
        message.method().expect("a request"),
        message.request_uri().unwrap_or_default(),
    );
    let start = start.header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1");
    let kept = message
        .headers()
        .filter(|header| !matches!(header.name, HeaderName::ContentLength | HeaderName::Via));
    kept.fold(start, |writer, header| writer.raw(header.raw_name, header.value)).empty()
}

/// The seed, with the headers that a carrier adds, 1.4 kB in all.
fn trunk_invite() -> Bytes {
    let seed = include_str!("../../../tests/fuzz/seeds/message/invite.sip");
    let extra = "P-Charging-Vector: icid-value=0123456789abcdef;icid-generated-at=198.51.100.9\r\n\
                 History-Info: <sip:+4930123455@192.0.2.1;cause=302>;index=1, <sip:+4930123456@192.0.2.1>;index=1.1\r\n\
                 Diversion: \"Miller\" <sip:+4930123455@192.0.2.1>;reason=unconditional;counter=1;privacy=off\r\n\
                 Accept: application/sdp, application/isup, multipart/mixed\r\n\
                 Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
                 Content-Type:";
    Bytes::from(seed.replacen("Content-Type:", extra, 1))
}
