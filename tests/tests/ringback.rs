//! A ringing tone that the edge plays itself: what a caller hears at its port, packet by packet, until it is answered.

use std::f64::consts::TAU;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, number, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::sipp::CALLED_TONE_HZ;
use edge_tests::sipp::script::{BODY, Script, speech};
use edge_tests::witness::Crossing;
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, Witness, scenario};

/// Port that the caller listens at.
const LISTENS: u16 = 7_500;

/// How long the called side rings: longer than the tone's period, also when a machine that pauses leaves out a part.
const RINGS_MS: usize = 5_000;

/// The British tone: 400 and 450 Hz, 0.4 s on, 0.2 s off, 0.4 s on, 2 s off (ITU-T E.180 supplement 2).
const FREQUENCIES: [f64; 2] = [400.0, 450.0];
const PERIOD_MS: usize = 3_000;
const PACKET_MS: usize = 20;

/// Whether it sounds so long after its beginning.
const fn sounds(at_ms: usize) -> bool {
    let at = at_ms % PERIOD_MS;
    at < 400 || 600 <= at && at < 1_000
}

/// A packet as it came.
struct Packet {
    from: SocketAddr,
    payload_type: u8,
    marked: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    samples: Vec<f64>,
}

impl Packet {
    fn read(from: SocketAddr, bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            from,
            payload_type: bytes.get(1)? & 0x7f,
            marked: bytes.get(1)? & 0x80 != 0,
            sequence: u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?),
            timestamp: word(4)?,
            ssrc: word(8)?,
            samples: bytes.get(12..)?.iter().map(|octet| from_alaw(*octet)).collect(),
        })
    }
}

/// A-law as the middle of its step (ITU-T G.711 table 1a), of 16 bits.
fn from_alaw(octet: u8) -> f64 {
    let octet = octet ^ 0x55;
    let (segment, step) = (octet >> 4 & 7, f64::from(octet & 0x0f));
    let magnitude =
        if segment == 0 { step * 2.0 + 1.0 } else { (step * 2.0 + 33.0) * f64::from(1_u16 << (segment - 1)) };
    magnitude * if octet & 0x80 == 0 { -8.0 } else { 8.0 }
}

/// The amplitude of a frequency (Goertzel's algorithm).
fn amplitude(samples: &[f64], hz: f64) -> f64 {
    let turn = 2.0 * (TAU * hz / 8_000.0).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (sample + turn * last - before, last);
    }
    (last * last + before * before - turn * last * before).sqrt() * 2.0 / samples.len() as f64
}

/// Hears what comes to the caller's port, until nothing comes any more.
fn hear(socket: &UdpSocket) -> Result<Vec<Packet>> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let (mut buffer, mut packets) = ([0; 2_000], Vec::new());
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        socket.set_read_timeout(Some(Duration::from_secs(4)))?;
        packets.extend(Packet::read(from, &buffer[..length]));
    }
    Ok(packets)
}

/// A socket of the caller's.
fn ear(lab: &Lab) -> Result<UdpSocket> {
    let address = (Side::Carrier.peer_address(), LISTENS);
    lab.peer(Side::Carrier).run(|| UdpSocket::bind(address))?.context("the caller has a port")
}

/// The tone, as far as it was heard: a stream of its own, whole and in time with itself.
fn is_the_tone(tone: &[&Packet]) -> Result<()> {
    ensure!(tone.len() >= PERIOD_MS / PACKET_MS, "{} packets of it", tone.len());
    for (index, packet) in tone.iter().enumerate() {
        let steps = u32::try_from(index)?;
        ensure!((packet.payload_type, packet.samples.len()) == (8, 160), "PCMA of 20 ms");
        ensure!(
            packet.sequence == tone[0].sequence.wrapping_add(steps as u16),
            "packet {index}: nothing is lost"
        );
        ensure!(packet.timestamp == tone[0].timestamp.wrapping_add(160 * steps), "packet {index}: its time");
        ensure!(packet.marked == (index == 0), "packet {index}: one spurt");
        let loud = packet.samples.iter().any(|sample| sample.abs() > 1_000.0);
        ensure!(
            loud == sounds(index * PACKET_MS),
            "packet {index} is {}",
            if loud { "loud" } else { "still" }
        );
    }
    let first: Vec<f64> = tone[..20].iter().flat_map(|packet| packet.samples.iter().copied()).collect();
    for hz in FREQUENCIES {
        ensure!((3_500.0..6_500.0).contains(&amplitude(&first, hz)), "{} of {hz} Hz", amplitude(&first, hz));
    }
    for hz in [300.0, 425.0 * 2.0, 600.0] {
        ensure!(amplitude(&first, hz) < 300.0, "{} of {hz} Hz", amplitude(&first, hz));
    }
    Ok(())
}

/// So many packets were counted, and nothing plays any more.
fn is_counted(edge: &EdgeProcess<'_>, packets: u64) -> Result<()> {
    let counted = wait_until(PATIENCE, || {
        let counters = edge.counters().ok()?;
        (counters.sip("tone_packets") == packets && counters.sip("tones_playing") == 0).then_some(())
    });
    counted.with_context(|| format!("{packets} packets: {:?}", edge.counters()))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_caller_hears_the_tone_of_its_country_until_the_called_side_answers() -> Result<()> {
    let config = EdgeConfig::default().trunk(
        Side::Carrier,
        "tones = \"early-media\"\nnumbers = { country = \"44\" }\ndscp = { rtp = \"ef\" }",
    );
    with_edge(config, |lab, edge| {
        let (ear, witness) = (ear(lab)?, Witness::start(lab)?);
        let calls = caller(Side::Carrier, scenario!("caller-listens")).key("listens", &LISTENS.to_string());
        let rings =
            Sipp::called(Side::Pbx, scenario!("rings-and-answers")).key("rings_ms", &RINGS_MS.to_string());
        let pair = start(lab, calls, rings)?;
        let heard = hear(&ear)?;
        pair.succeed()?;
        let first = heard.first().context("something is heard")?;
        let (tone, called): (Vec<_>, Vec<_>) = heard.iter().partition(|packet| packet.ssrc == first.ssrc);
        is_the_tone(&tone)?;
        let answered =
            heard.iter().position(|packet| packet.ssrc != first.ssrc).context("the called side is heard")?;
        // What was on its way when the answer came, or was caught up just then.
        ensure!(answered + 7 >= tone.len(), "{} packets of the tone after the answer", tone.len() - answered);
        let talk: Vec<f64> = called[..20].iter().flat_map(|packet| packet.samples.iter().copied()).collect();
        ensure!(
            amplitude(&talk, CALLED_TONE_HZ) > 5_000.0 && amplitude(&talk, FREQUENCIES[0]) < 500.0,
            "its own tone"
        );
        ensure!(heard.iter().all(|packet| packet.from == first.from), "all of it from the port of the 183");
        ensure!(first.from.ip() == IpAddr::V4(Side::Carrier.edge_address()), "{}", first.from);
        let cdr = &wait_for_cdrs(lab, 1, PATIENCE)?[0];
        ensure!(cdr.flag("/ringback") && cdr.lost(Leg::B) == Some(0) && cdr.cause() == "hangup", "{cdr:?}");
        is_counted(&edge, tone.len() as u64)?;
        edge.stop()?;
        let account = witness.finish()?;
        let arrived = account.rtp(Side::Carrier).iter().filter(|packet| packet.crossing == Crossing::Arrival);
        let arrived: Vec<_> = arrived.collect();
        ensure!(arrived.len() == heard.len(), "{} of {}", arrived.len(), heard.len());
        ensure!(
            arrived.iter().all(|packet| packet.checksums_right && packet.dscp == 46),
            "marked, and summed up right"
        );
        Ok(())
    })
}

/// The PBX answers, sends who called to the carrier's other number, and hangs up as soon as that rings.
fn refers_and_leaves() -> Sipp {
    let refer_to = format!("Refer-To: <sip:{}@anywhere.example>", number(Side::Pbx));
    let script = Script::called("refers and leaves")
        .is_asked("INVITE", &[])
        .answers("200 OK", &[], &speech(1, &[]))
        .is_asked("ACK", &[])
        .waits(1_200)
        .asks("REFER", &[&refer_to], "")
        .hears(202, &[])
        .is_asked("NOTIFY", &[(BODY, "SIP/2.0 100")])
        .answers("200 OK", &[], "")
        .is_asked("NOTIFY", &[(BODY, "SIP/2.0 180")])
        .answers("200 OK", &[], "")
        .asks("BYE", &[], "")
        .hears(200, &[]);
    Sipp::called(Side::Pbx, script.scenario())
}

/// A caller that hears at a port of the drill's, is transferred, and hangs up.
fn is_transferred() -> Sipp {
    let here = |version| speech(version, &[]).replace("[media_port]", &LISTENS.to_string());
    let script = Script::caller("listens and is transferred")
        .asks("INVITE", &[], &here(1))
        .may_hear(100)
        .hears(200, &[])
        .acknowledges("")
        .is_asked("INVITE", &[])
        .answers("200 OK", &[], &here(2))
        .is_asked("ACK", &[])
        .waits(1_000)
        .asks("BYE", &[], "")
        .hears(200, &[]);
    caller(Side::Carrier, script.scenario())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_is_answered_hears_the_tone_while_the_target_of_a_transfer_rings() -> Result<()> {
    let config = EdgeConfig::default()
        .trunk(Side::Carrier, "tones = \"answered\"\nnumbers = { country = \"44\" }\ndscp = { rtp = \"ef\" }")
        .trunk(Side::Pbx, "refer = \"consume\"");
    with_edge(config, |lab, edge| {
        let ear = ear(lab)?;
        let target = Sipp::called(Side::Carrier, scenario!("rings-and-answers"));
        let target = target.key("rings_ms", &(2 * RINGS_MS).to_string()).start(lab)?;
        let pair = start(lab, is_transferred(), refers_and_leaves())?;
        let heard = hear(&ear)?;
        pair.succeed()?;
        target.wait_for_success(PATIENCE)?;
        let first = heard.first().context("something is heard")?;
        let (tone, called): (Vec<_>, Vec<_>) = heard.iter().partition(|packet| packet.ssrc == first.ssrc);
        is_the_tone(&tone)?;
        ensure!(called.len() >= 20, "{} packets of the target's", called.len());
        let talk: Vec<f64> = called[..20].iter().flat_map(|packet| packet.samples.iter().copied()).collect();
        ensure!(amplitude(&talk, CALLED_TONE_HZ) > 5_000.0, "its own tone");
        ensure!(called[0].from != first.from, "it comes from another call's port");
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        let first = cdrs.iter().find(|cdr| cdr.cause() == "transferred").context("a transferred call")?;
        ensure!(first.flag("/ringback"), "{first:?}");
        is_counted(&edge, tone.len() as u64)?;
        edge.stop()
    })
}
