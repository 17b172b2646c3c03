//! The audio stream as peers describe it.

use super::{AudioStream, Direction};
use crate::sdp::session::SessionDescription;
use crate::sdp::{Protocol, SdpError};

#[test]
fn addresses_come_from_the_stream_or_the_session() {
    let table = [
        ("c=IN IP4 192.0.2.1", "", "192.0.2.1:4000", "192.0.2.1:4001"),
        ("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2", "192.0.2.2:4000", "192.0.2.2:4001"),
        ("", "c=IN IP4 192.0.2.2\na=rtcp:5000", "192.0.2.2:4000", "192.0.2.2:5000"),
        ("", "c=IN IP4 192.0.2.2\na=rtcp:5000 IN IP4 192.0.2.3", "192.0.2.2:4000", "192.0.2.3:5000"),
        ("c=IN IP6 2001:db8::1", "", "[2001:db8::1]:4000", "[2001:db8::1]:4001"),
    ];
    for (session, media, rtp, rtcp) in table {
        let audio = read(&format!("{session}\nm=audio 4000 RTP/AVP 0\n{media}")).expect(media);
        let remote = audio.remote.expect("not on hold");
        assert_eq!(
            (remote.rtp.to_string(), remote.rtcp.to_string()),
            (rtp.to_owned(), rtcp.to_owned()),
            "{media}"
        );
    }
}

#[test]
fn direction_comes_from_the_stream_the_session_or_the_hold_address() {
    let table = [
        ("192.0.2.1", "", "", Direction::SEND_RECV),
        ("192.0.2.1", "a=recvonly", "", Direction::RECV_ONLY),
        ("192.0.2.1", "a=recvonly", "a=sendonly", Direction::SEND_ONLY),
        ("192.0.2.1", "", "a=inactive", Direction::INACTIVE),
        ("0.0.0.0", "", "", Direction::SEND_ONLY),
        ("0.0.0.0", "", "a=recvonly", Direction::INACTIVE),
    ];
    for (address, session, media, direction) in table {
        let audio =
            read(&format!("c=IN IP4 {address}\n{session}\nm=audio 4000 RTP/AVP 0\n{media}")).expect(media);
        assert_eq!(audio.direction, direction, "{address} {session} {media}");
        assert_eq!(audio.remote.is_none(), address == "0.0.0.0");
        assert_eq!(audio.direction.is_hold(), !direction.receive);
    }
}

#[test]
fn an_answer_stays_within_the_offer() {
    let all = [Direction::SEND_RECV, Direction::SEND_ONLY, Direction::RECV_ONLY, Direction::INACTIVE];
    let table = [
        ["sendrecv", "sendonly", "recvonly", "inactive"],
        ["recvonly", "inactive", "recvonly", "inactive"],
        ["sendonly", "sendonly", "inactive", "inactive"],
        ["inactive", "inactive", "inactive", "inactive"],
    ];
    for (offered, row) in all.into_iter().zip(table) {
        for (answered, expected) in all.into_iter().zip(row) {
            assert_eq!(answered.answering(offered).as_str(), expected, "{offered:?} {answered:?}");
        }
    }
}

#[test]
fn formats_are_mapped_or_static_or_left_out() {
    let text = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 101 9 96 97 8 8 18\na=rtpmap:101 telephone-event/8000\n\
                a=fmtp:101 0-16\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\na=rtpmap:8 pcma/8000\na=ptime:30";
    let audio = read(text).expect("audio");
    let formats: Vec<_> =
        audio.formats.iter().map(|f| (f.payload_type, f.encoding.as_str(), f.clock_rate, f.mapped)).collect();
    let expected = [
        (101, "telephone-event", 8_000, true),
        (9, "G722", 8_000, false),
        (96, "opus", 48_000, true),
        (8, "pcma", 8_000, true),
        (18, "G729", 8_000, false),
    ];
    assert_eq!(formats, expected);
    assert_eq!(audio.formats[0].fmtp, ["0-16"]);
    assert_eq!(audio.formats[2].parameters.as_deref(), Some("2"));
    assert_eq!((audio.clock_rate(), audio.ptime_ms), (8_000, Some(30)));
    assert_eq!(audio.codec().map(|format| format.payload_type), Some(9));
}

#[test]
fn the_first_usable_audio_line_is_taken() {
    let text = "c=IN IP4 192.0.2.1\nm=video 1 RTP/AVP 97\nm=audio 0 RTP/AVP 0\nm=audio 2 RTP/SAVP 0\n\
                m=audio 4 RTP/AVPF 8\nm=audio 6 RTP/AVP 0";
    let audio = read(text).expect("audio");
    assert_eq!((audio.index, audio.protocol, audio.formats[0].payload_type), (3, Protocol::Avpf, 8));
}

#[test]
fn what_cannot_be_used_has_a_reason() {
    let secure = SdpError::Protocol { protocol: Protocol::Secure };
    let table = [
        ("c=IN IP4 192.0.2.1\nm=video 1 RTP/AVP 97", SdpError::NoAudio),
        ("c=IN IP4 192.0.2.1", SdpError::NoAudio),
        ("c=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0", SdpError::NoAudio),
        ("c=IN IP4 192.0.2.1\nm=audio 1 udptl 0", SdpError::NoAudio),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/SAVP 0", secure),
        ("c=IN IP4 192.0.2.1\nm=audio 1 UDP/TLS/RTP/SAVPF 0", secure),
        ("m=audio 1 RTP/AVP 0", SdpError::NoConnection),
        ("c=IN IP4 media.example.com\nm=audio 1 RTP/AVP 0", SdpError::HostName),
        ("c=IN IP4 239.1.1.1/64\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP4 127.0.0.1\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP4 255.255.255.255\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP6 ff02::1\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP6 ::1\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP6 fe80::1\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP6 ::ffff:192.0.2.1\nm=audio 1 RTP/AVP 0", SdpError::NotAHost),
        ("c=IN IP6 192.0.2.1\nm=audio 1 RTP/AVP 0", SdpError::Malformed { line: 2 }),
        ("c=IN IP4 2001:db8::1\nm=audio 1 RTP/AVP 0", SdpError::Malformed { line: 2 }),
        ("c=IN IP4 192.0.2.256\nm=audio 1 RTP/AVP 0", SdpError::Malformed { line: 2 }),
        ("c=IN IP4 192.0.2.1 x\nm=audio 1 RTP/AVP 0", SdpError::Malformed { line: 2 }),
        ("c=IN IP4 192.0.2.1\nm=audio 65535 RTP/AVP 0", SdpError::Malformed { line: 3 }),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP x", SdpError::Malformed { line: 3 }),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 128", SdpError::Malformed { line: 3 }),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 96\na=rtpmap:96 opus", SdpError::Malformed { line: 4 }),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 96\na=rtpmap:96 opus/0", SdpError::Malformed { line: 4 }),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0\na=rtcp:0", SdpError::Malformed { line: 4 }),
        ("c=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0\na=rtcp:1 IN IP7 X", SdpError::Malformed { line: 4 }),
    ];
    for (text, error) in table {
        assert_eq!(read(text).err(), Some(error), "{text}");
    }
}

/// Reads `lines` behind `v=0`; empty ones are left out.
fn read(lines: &str) -> Result<AudioStream, SdpError> {
    let lines = lines.lines().filter(|line| !line.is_empty());
    let text: Vec<_> = std::iter::once("v=0").chain(lines).collect();
    AudioStream::first(&SessionDescription::parse(text.join("\r\n").as_bytes())?)
}
