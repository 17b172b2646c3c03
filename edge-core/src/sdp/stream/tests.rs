//! Streams as peers describe them.

use super::{Kind, MediaStream};
use crate::sdp::session::SessionDescription;
use crate::sdp::{Direction, Protocol, SdpError};

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
        audio.formats.iter().map(|f| (f.payload_type, &*f.encoding, f.clock_rate, f.mapped)).collect();
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
    assert_eq!(audio.codec().map(|format| format.payload_type), Some(9));
    assert_eq!((audio.clock_rate(), audio.attributes), (8_000, vec!["ptime:30".to_owned()]));
}

#[test]
fn fax_is_an_image_over_udptl() {
    let text = "c=IN IP4 192.0.2.1\nm=image 4000 UDPTL t38\na=T38FaxVersion:0\na=T38FaxFillBitRemoval\n\
                a=t38faxudpec:t38UDPRedundancy\na=T38VendorInfo:192.0.2.1\na=ptime:20\na=rtcp-mux\nb=AS:14";
    let fax = read(text).expect("fax");
    assert_eq!((fax.kind, fax.protocol, fax.rtcp_mux), (Kind::Fax, Protocol::Udptl, false));
    assert_eq!(fax.attributes, ["T38FaxVersion:0", "T38FaxFillBitRemoval", "t38faxudpec:t38UDPRedundancy"]);
    assert_eq!((fax.bandwidths, fax.direction), (vec!["AS:14".to_owned()], Direction::SEND_RECV));
}

#[test]
fn bandwidth_and_attributes_are_kept_when_they_speak_of_packets() {
    let rows: [(&str, &str, &[&str]); 5] = [
        ("b=AS:80", "", &["AS:80"]),
        ("b=AS:80", "b=TIAS:64000\nb=RR:0\nb=RS:0", &["TIAS:64000", "RR:0", "RS:0"]),
        ("b=CT:80", "b=X-YZ:1\nb=AS:x", &[]),
        ("", "b=AS:80\nm=video 0 RTP/AVP 97", &["AS:80"]),
        ("b=AS:80", "m=video 0 RTP/AVP 97", &[]),
    ];
    for (session, media, expected) in rows {
        let audio =
            read(&format!("c=IN IP4 192.0.2.1\n{session}\nm=audio 4 RTP/AVP 0\n{media}")).expect(media);
        assert_eq!(audio.bandwidths, expected, "{session} {media}");
    }
    let text = "c=IN IP4 192.0.2.1\nm=audio 4 RTP/AVP 0\na=maxptime:40\na=X-y:1\na=rtcp-rsize\na=mid:0\n\
                a=extmap:1 http://192.0.2.1/x\na=lang:de\na=candidate:1 1 UDP 1 192.0.2.1 4 typ host";
    assert_eq!(read(text).expect("audio").attributes, ["maxptime:40", "rtcp-rsize", "lang:de"]);
}

#[test]
fn rtcp_shares_the_port_unless_a_format_looks_like_it() {
    for (formats, shares) in
        [("0 8 101", true), ("0 63", true), ("0 64", false), ("0 95", false), ("0 96", true)]
    {
        let maps =
            "a=rtcp-mux\na=rtpmap:63 x/8000\na=rtpmap:64 x/8000\na=rtpmap:95 x/8000\na=rtpmap:96 x/8000";
        let audio = read(&format!("c=IN IP4 192.0.2.1\nm=audio 4 RTP/AVP {formats}\n{maps}")).expect("audio");
        assert_eq!(audio.rtcp_mux, shares, "{formats}");
    }
}

#[test]
fn what_cannot_be_used_has_a_reason() {
    let table = [
        ("c=IN IP4 192.0.2.1\nm=video 1 RTP/AVP x", SdpError::Malformed { line: 3 }),
        ("c=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0", SdpError::Declined),
        ("c=IN IP4 192.0.2.1\nm=audio 1/2 RTP/AVP 0", SdpError::PortCount),
        ("c=IN IP4 192.0.2.1\nm=audio 1 udptl 0", SdpError::NoMedia),
        ("c=IN IP4 192.0.2.1\nm=image 1 udptl t37", SdpError::NoMedia),
        ("c=IN IP4 192.0.2.1\nm=image 1 tcp t38", SdpError::NoMedia),
        ("c=IN IP4 192.0.2.1\nm=message 1 TCP/MSRP *", SdpError::NoMedia),
        ("c=IN IP4 192.0.2.1\nm=application 1 UDP/DTLS/SCTP webrtc-datachannel", SdpError::NoMedia),
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
fn read(lines: &str) -> Result<MediaStream, SdpError> {
    let lines = lines.lines().filter(|line| !line.is_empty());
    let text: Vec<_> = std::iter::once("v=0").chain(lines).collect();
    let session = SessionDescription::parse(text.join("\r\n").as_bytes())?;
    MediaStream::read(&session.media().next().expect("an m= line"))
}
