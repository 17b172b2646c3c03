//! Sessions of more than one audio line: fax that takes the line or gets one of its own, lines that are refused, RTCP on RTP's
//! port or at another address, STUN and DTLS beside them, descriptions among other parts. SIPp negotiates and checks what it hears; raw sockets send what was negotiated.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, scenario};

/// The port that each side names in its SDP.
const MEDIA_PORT: u16 = 7400;
/// The port that a side names for its RTCP, at another address.
const MONITOR_PORT: u16 = 7411;
/// Where edge has its first stream, when it has no other ports than these.
const FIRST_PORTS: &str = "20000-20007";
const EDGE_PORT: u16 = 20_000;
const AUDIO: &str = "m=audio 7400 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n";
const FAX: &str =
    "m=image 7400 udptl t38\na=T38FaxVersion:0\na=T38MaxBitRate:14400\na=T38FaxUdpEC:t38UDPRedundancy\n";

/// Three offers, three answers, and what each side has to hear of them: in a regular expression.
struct Changes {
    content_type: &'static str,
    offers: [String; 3],
    told: [&'static str; 3],
    answers: [String; 3],
    heard: [&'static str; 3],
}

impl Changes {
    /// The same offer and answer each time.
    fn same(offer: &str, told: &'static str, answer: &str, heard: &'static str) -> Self {
        let [offers, answers] =
            [offer, answer].map(|lines| [1, 2, 3].map(|version| description(version, lines)));
        Self { content_type: "application/sdp", offers, told: [told; 3], answers, heard: [heard; 3] }
    }

    fn caller(&self) -> Sipp {
        let sipp = caller(Side::Carrier, scenario!("caller-changes")).key("type_1", self.content_type);
        let sipp = keyed(sipp, "body", &self.offers);
        keyed(sipp, "heard", &self.heard.map(str::to_owned)).key("gap", "3000")
    }

    fn called(&self) -> Sipp {
        let sipp = keyed(Sipp::called(Side::Pbx, scenario!("answers-changes")), "answer", &self.answers);
        keyed(sipp, "told", &self.told.map(str::to_owned))
    }
}

fn keyed(sipp: Sipp, name: &str, values: &[String; 3]) -> Sipp {
    let numbered = (1..).zip(values);
    numbered.fold(sipp, |sipp, (number, value)| sipp.key(&format!("{name}_{number}"), value))
}

fn description(version: u32, lines: &str) -> String {
    format!(
        "v=0\no=peer 1 {version} IN IP4 [media_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n{}",
        lines.trim_end()
    )
}

/// Ports of edge, and no other shard to share them with, so that a drill knows which ones a call gets.
fn config() -> EdgeConfig {
    EdgeConfig::default().media_ports(FIRST_PORTS).shards(1)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn speech_becomes_a_fax_and_speech_again() -> Result<()> {
    let descriptions = || [description(1, AUDIO), description(2, FAX), description(3, AUDIO)];
    let audio = "m=audio 20000 RTP/AVP 8";
    let fax =
        "m=image 20000 udptl t38.*a=T38FaxVersion:0.*a=T38MaxBitRate:14400.*a=T38FaxUdpEC:t38UDPRedundancy";
    let expected = [audio, fax, audio];
    let changes = Changes {
        content_type: "application/sdp",
        offers: descriptions(),
        told: expected,
        answers: descriptions(),
        heard: expected,
    };
    faxed(&changes, EDGE_PORT)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_fax_gets_a_line_of_its_own_beside_lines_that_are_refused() -> Result<()> {
    let video = "m=video 7500 RTP/AVP 97\na=rtpmap:97 H264/90000\n";
    let first = format!("{AUDIO}{video}");
    let second = format!("m=audio 0 RTP/AVP 8\n{}{FAX}", video.replace("7500", "0"));
    let third = format!("{AUDIO}{}{}", video.replace("7500", "0"), FAX.replace("7400", "0"));
    let changes = Changes {
        content_type: "application/sdp",
        offers: [description(1, &first), description(2, &second), description(3, &third)],
        told: [
            "m=audio 20000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 8..m=image 20002 udptl t38",
            "m=audio 20000 RTP/AVP 8.*m=image 0 udptl t38",
        ],
        answers: [
            description(1, AUDIO),
            description(2, &format!("m=audio 0 RTP/AVP 8\n{FAX}")),
            description(3, &format!("{AUDIO}{}", FAX.replace("7400", "0"))),
        ],
        heard: [
            "m=audio 20000 RTP/AVP 8.*m=video 0 RTP/AVP 97",
            "m=audio 0 RTP/AVP 8..m=video 0 RTP/AVP 97..m=image 20002 udptl t38",
            "m=audio 20000 RTP/AVP 8.*m=video 0 RTP/AVP 97..m=image 0 udptl t38",
        ],
    };
    faxed(&changes, EDGE_PORT + 2)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn rtcp_on_one_port_meets_rtcp_on_its_own() -> Result<()> {
    let muxed = format!("{AUDIO}a=rtcp-mux\n");
    let both = "m=audio 20000 RTP/AVP 8.*a=rtcp-mux";
    let changes = Changes::same(&muxed, both, AUDIO, both);
    with_edge(config(), |lab, edge| {
        let (carrier, pbx) =
            (socket(lab, Side::Carrier, MEDIA_PORT)?, socket(lab, Side::Pbx, MEDIA_PORT + 1)?);
        let pair = start(lab, changes.caller(), changes.called())?;
        let report = [[0x80, 201, 0, 1], 0x1234_5678_u32.to_be_bytes()].concat();
        crosses(&carrier, at(Side::Carrier, EDGE_PORT), &pbx, at(Side::Pbx, EDGE_PORT + 1), &report)?;
        crosses(&pbx, at(Side::Pbx, EDGE_PORT + 1), &carrier, at(Side::Carrier, EDGE_PORT), &report)?;
        pair.succeed()?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn rtcp_goes_to_the_address_that_a_side_names_for_it_and_comes_from_there() -> Result<()> {
    let monitor = Side::Pbx.stranger_address();
    let answer = format!("{AUDIO}a=rtcp:{MONITOR_PORT} IN IP4 {monitor}\n");
    let audio = "m=audio 20000 RTP/AVP 8";
    let changes = Changes::same(AUDIO, audio, &answer, audio);
    speech(config(), &changes, |lab, edge, _rtp| {
        let carrier = socket(lab, Side::Carrier, MEDIA_PORT + 1)?;
        let (own, apart) =
            (socket(lab, Side::Pbx, MEDIA_PORT + 1)?, bound(lab, Side::Pbx, monitor, MONITOR_PORT)?);
        let (near, far) = (at(Side::Carrier, EDGE_PORT + 1), at(Side::Pbx, EDGE_PORT + 1));
        let report = [[0x80, 201, 0, 1], 0x1234_5678_u32.to_be_bytes()].concat();
        crosses(&carrier, near, &apart, far, &report)?;
        crosses(&apart, far, &carrier, near, &report)?;
        is_dropped(edge, "unexpected_source", &own, far, &report)?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn stun_crosses_between_trunks_that_let_it_pass_and_dtls_without_an_agreement_does_not() -> Result<()> {
    let passing = Side::BOTH.into_iter().fold(config(), |config, side| config.trunk(side, "stun = \"pass\""));
    let audio = "m=audio 20000 RTP/AVP 8";
    speech(passing, &Changes::same(AUDIO, audio, AUDIO, audio), |_lab, edge, [carrier, pbx]| {
        let (near, far) = (at(Side::Carrier, EDGE_PORT), at(Side::Pbx, EDGE_PORT));
        crosses(carrier, near, pbx, far, &BINDING)?;
        crosses(pbx, far, carrier, near, &BINDING)?;
        is_dropped(edge, "dtls", carrier, near, &[&[22, 0xfe, 0xfd][..], &[0; 40]].concat())?;
        // What was sent more than once may still be there.
        let mut heard = [0; 2048];
        while let Ok((length, _)) = pbx.recv_from(&mut heard) {
            ensure!(heard[..length] == BINDING, "a handshake has crossed");
        }
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn stun_is_dropped_where_one_trunk_alone_lets_it_pass() -> Result<()> {
    let config = config().trunk(Side::Carrier, "stun = \"pass\"");
    let audio = "m=audio 20000 RTP/AVP 8";
    speech(config, &Changes::same(AUDIO, audio, AUDIO, audio), |_lab, edge, [carrier, pbx]| {
        is_dropped(edge, "stun", carrier, at(Side::Carrier, EDGE_PORT), &BINDING)?;
        ensure!(pbx.recv_from(&mut [0; 2048]).is_err(), "it has crossed");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_description_crosses_without_the_parts_around_it() -> Result<()> {
    let audio = "m=audio 20000 RTP/AVP 8";
    let mut changes = Changes::same(AUDIO, "^v=0.*m=audio 20000 RTP/AVP 8", AUDIO, audio);
    changes.content_type = "multipart/mixed;boundary=part";
    changes.offers[0] = format!(
        "--part\nContent-Type: application/isup;version=itu-t92+\nContent-Disposition: signal;handling=optional\n\nISUP\n\
         --part\nContent-Type: application/sdp\n\n{}\n\n--part--",
        changes.offers[0]
    );
    with_edge(config(), |lab, edge| {
        start(lab, changes.caller(), changes.called())?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        ensure!(cdrs[0].cause() == "hangup", "{cdrs:?}");
        edge.stop()
    })
}

/// Plays `changes`, the second of which is a fax at edge's `port`: UDPTL crosses both ways while it lasts, and neither
/// before nor after.
fn faxed(changes: &Changes, port: u16) -> Result<()> {
    with_edge(config(), |lab, edge| {
        let [carrier, pbx] = [socket(lab, Side::Carrier, MEDIA_PORT)?, socket(lab, Side::Pbx, MEDIA_PORT)?];
        let (near, far) = (at(Side::Carrier, port), at(Side::Pbx, port));
        is_dropped(&edge, "no_endpoint", &carrier, near, &udptl(0))?;
        let pair = start(lab, changes.caller(), changes.called())?;
        crosses(&carrier, near, &pbx, far, &udptl(0))?;
        crosses(&pbx, far, &carrier, near, &udptl(1))?;
        // A number that could be RTP's, and a page of a thousand bytes.
        crosses(&carrier, near, &pbx, far, &[udptl(0x8008), vec![0xff; 1000]].concat())?;
        pair.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        let counters = edge.counters()?;
        edge.stop()?;
        ensure!(counters.relayed() >= 3, "{counters:?}");
        ensure!(
            Leg::BOTH.iter().all(|leg| cdrs[0].packets(*leg) > 0 && cdrs[0].lost(*leg) == Some(0)),
            "{cdrs:?}"
        );
        Ok(())
    })
}

/// A binding request (RFC 8489 section 5).
const BINDING: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// A call that speaks, with what is done while it does.
fn speech(
    config: EdgeConfig,
    changes: &Changes,
    drill: impl FnOnce(&Lab, &EdgeProcess<'_>, [&UdpSocket; 2]) -> Result<()>,
) -> Result<()> {
    with_edge(config, |lab, edge| {
        let [carrier, pbx] = [socket(lab, Side::Carrier, MEDIA_PORT)?, socket(lab, Side::Pbx, MEDIA_PORT)?];
        let pair = start(lab, changes.caller(), changes.called())?;
        drill(lab, &edge, [&carrier, &pbx])?;
        pair.succeed()?;
        edge.stop()
    })
}

/// `payload`, sent again and again, is dropped for this reason.
fn is_dropped(
    edge: &EdgeProcess<'_>,
    reason: &str,
    from: &UdpSocket,
    to: SocketAddrV4,
    payload: &[u8],
) -> Result<()> {
    let dropped = wait_until(PATIENCE, || {
        from.send_to(payload, to).ok()?;
        edge.counters().ok().filter(|counters| counters.dropped(reason) > 0)
    });
    dropped.map(drop).with_context(|| format!("nothing is dropped for {reason}"))
}

/// T.38 section 9.1: sequence number, one byte of `no-signal`, no secondary packets.
fn udptl(sequence: u16) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    vec![high, low, 1, 0, 0, 0]
}

fn socket(lab: &Lab, side: Side, port: u16) -> Result<UdpSocket> {
    bound(lab, side, side.peer_address(), port)
}

fn bound(lab: &Lab, side: Side, address: Ipv4Addr, port: u16) -> Result<UdpSocket> {
    let socket = lab.peer(side).run(|| UdpSocket::bind((address, port)))??;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok(socket)
}

fn at(side: Side, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(side.edge_address(), port)
}

/// `payload`, sent again and again from `one` to edge at `near`, arrives at `other` from edge at `far`, as it is.
fn crosses(
    one: &UdpSocket,
    near: SocketAddrV4,
    other: &UdpSocket,
    far: SocketAddrV4,
    payload: &[u8],
) -> Result<()> {
    let mut received = [0; 2048];
    let arrival = wait_until(PATIENCE, || {
        one.send_to(payload, near).ok()?;
        let (length, source) = other.recv_from(&mut received).ok()?;
        (received[..length] == *payload).then_some(source)
    });
    let source = arrival.with_context(|| format!("{} bytes to {near} never arrive", payload.len()))?;
    ensure!(source == SocketAddr::V4(far), "from {source}");
    ensure!(*far.ip() != Ipv4Addr::UNSPECIFIED);
    Ok(())
}
