//! Rates: enough for what is negotiated, and not without bound.

use super::{FAX, Need, held_to, need};
use crate::media::{Events, Handling, Payload};
use crate::policy::Policing;
use crate::sdp::session::SessionDescription;
use crate::sdp::stream::MediaStream;

fn stream(formats: &str, lines: &str) -> MediaStream {
    let text = format!("v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP {formats}\n{lines}");
    let session = SessionDescription::parse(text.as_bytes()).expect("a description");
    MediaStream::read(&session.media().next().expect("a line")).expect("a stream")
}

fn need_of(formats: &str, lines: [&str; 2]) -> Need {
    let legs = lines.map(|lines| stream(formats, lines));
    need(&legs[0].formats.iter().collect::<Vec<_>>(), [&legs[0], &legs[1]])
}

#[test]
fn twice_the_packets_of_the_shortest_and_events_beside_them() {
    let rows = [
        (["", ""], 200),
        (["a=ptime:10", ""], 300),
        (["", "a=ptime:5"], 500),
        (["a=ptime:60", "a=ptime:40"], 200),
    ];
    for (lines, packets) in rows {
        assert_eq!(need_of("8", lines).packets, packets, "{lines:?}");
    }
    assert_eq!(need_of("8", ["a=ptime:0", "a=ptime:x"]).packets, 200, "nonsense is as nothing");
}

#[test]
fn bytes_are_those_of_the_fattest_codec_with_a_quarter_more() {
    let headers = 200 * 120;
    let wide = "a=rtpmap:96 L16/44100/2";
    let rows =
        [("8", "", 10_000), ("18 8", "", 10_000), ("18 101", "a=rtpmap:101 telephone-event/8000", 1_843)];
    for (formats, lines, bytes) in rows {
        assert_eq!(need_of(formats, [lines, lines]).bytes, bytes + headers, "{formats}");
    }
    assert_eq!(need_of("96 8", [wide, wide]).bytes, 220_500 + headers, "an unknown one is linear");
}

#[test]
fn who_is_not_policed_is_told_what_changes_only() {
    let need = Need { packets: 200, bytes: 34_000 };
    let payload =
        |leaves_as, handling| vec![Payload { arrives_as: 101, leaves_as, handling, carries_digits: false }];
    let held_to = |payloads, need, policing| held_to(payloads, need, policing, (Events::Cross, None));
    assert_eq!(held_to(payload(101, Handling::Event), need, Policing::Off), None);
    for (leaves_as, handling) in [(96, Handling::Event), (101, Handling::AlawToUlaw)] {
        let sends = held_to(payload(leaves_as, handling), need, Policing::Off).expect("something to do");
        assert_eq!((sends.packets_per_second, sends.bytes_per_second, sends.counts_only), (0, 0, true));
    }
    let rows = [(Policing::Drop, false), (Policing::Count, true)];
    for (policing, counts_only) in rows {
        let sends = held_to(payload(101, Handling::Event), FAX, policing).expect("a bound");
        assert_eq!((sends.packets_per_second, sends.counts_only), (400, counts_only));
    }
}
