//! One RTP stream for the life of a call (`rtp = "steady"`), whichever source is behind it, and RTCP in its numbers.

mod joined;

use std::net::{SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, number, with_edge};
use edge_tests::edge::ask;
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::{Dialog, RawPeer, is_response};
use edge_tests::sipp::SIP_PORT;
use edge_tests::{EdgeConfig, EdgeProcess};
use serde_json::Value;

/// Where edge has its first stream, when it has no other ports than these.
const FIRST_PORTS: &str = "20000-20007";
const EDGE_PORT: u16 = 20_000;
/// The port that the carrier names in its SDP.
const CARRIER_PORT: u16 = 7000;
const CALL: &str = "steady";
/// Packets of each source.
const PACKETS: u16 = 10;
const TICKS: u32 = 160;

/// What a packet says of its place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
}

impl Place {
    fn packet(self) -> Vec<u8> {
        let mut packet = vec![0x80, 8 | u8::from(self.marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.resize(12 + 160, 0xd5);
        packet
    }

    fn of(packet: &[u8]) -> Option<Self> {
        let (head, _) = packet.split_first_chunk::<12>().filter(|(head, _)| head[0] == 0x80)?;
        let [_, kind, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *head;
        Some(Self {
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            marker: kind & 0x80 != 0,
        })
    }
}

/// A receiver report of `from` on the stream `about`, which has come up to `highest` (RFC 3550 section 6.4.2).
fn receiver_report(from: u32, about: u32, highest: u32) -> Vec<u8> {
    [0x81c9_0007, from, about, 0, highest, 0, 0, 0].into_iter().flat_map(u32::to_be_bytes).collect()
}

fn socket(lab: &Lab, side: Side, port: u16) -> Result<UdpSocket> {
    let socket = lab.peer(side).run(|| UdpSocket::bind((side.peer_address(), port)))??;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok(socket)
}

fn at(side: Side, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(side.edge_address(), port)
}

/// A call that is up, from a carrier to a PBX that moves while it lasts.
struct Moving<'lab> {
    lab: &'lab Lab,
    carrier: RawPeer,
    pbx: RawPeer,
    /// The dialogs as the carrier and the PBX have them.
    dialogs: [Dialog; 2],
    /// Where the carrier hears, and where it has its RTCP.
    hears: UdpSocket,
    reports: UdpSocket,
}

impl<'lab> Moving<'lab> {
    fn begin(lab: &'lab Lab, port: u16) -> Result<Self> {
        let carrier = RawPeer::bind(lab, Side::Carrier, 5070)?;
        let pbx = RawPeer::bind(lab, Side::Pbx, SIP_PORT)?;
        carrier.send(carrier.invite(CALL, number(Side::Carrier), CARRIER_PORT).as_bytes())?;
        let invite = pbx.expect(PATIENCE, |message| message.starts_with("INVITE "))?;
        pbx.send(pbx.answer(&invite, "200 OK", Some(port))?.as_bytes())?;
        let ok = carrier.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
        carrier.send(carrier.in_dialog("ACK", CALL, &ok)?.as_bytes())?;
        pbx.expect(PATIENCE, |message| message.starts_with("ACK "))?;
        Ok(Self {
            lab,
            carrier,
            pbx,
            dialogs: [Dialog::of_caller(&ok)?, Dialog::of_called(&invite)?],
            hears: socket(lab, Side::Carrier, CARRIER_PORT)?,
            reports: socket(lab, Side::Carrier, CARRIER_PORT + 1)?,
        })
    }

    /// The PBX says by re-INVITE that its media is at another port. Edge may not have the ACK of the change before it yet.
    fn moves(&self, mut sequence: u32, port: u16) -> Result<u32> {
        let [_, own] = &self.dialogs;
        let moved = || -> Option<Result<String>> {
            let invite = self.pbx.within(own, "INVITE", sequence, Some(port));
            if let Err(error) = self.pbx.send(invite.as_bytes()) {
                return Some(Err(error));
            }
            let cseq = format!("CSeq: {sequence} INVITE");
            let said = self
                .pbx
                .expect(PATIENCE, |message| message.starts_with("SIP/2.0 ") && message.contains(&cseq));
            match said {
                Ok(said) if is_response(&said, 491, "INVITE") => {
                    sequence += 1;
                    None
                }
                said => Some(said),
            }
        };
        wait_until(PATIENCE, moved).context("it meets another change for ever")??;
        let invite = self.carrier.expect(PATIENCE, |message| message.starts_with("INVITE "))?;
        self.carrier.send(self.carrier.answer(&invite, "200 OK", Some(CARRIER_PORT))?.as_bytes())?;
        let cseq = format!("CSeq: {sequence} INVITE");
        self.pbx
            .expect(PATIENCE, |message| message.starts_with("SIP/2.0 200 ") && message.contains(&cseq))?;
        self.acknowledges(sequence)?;
        self.carrier.expect(PATIENCE, |message| message.starts_with("ACK "))?;
        Ok(sequence + 1)
    }

    /// The PBX acknowledges the answer to its change: each time that it hears that (RFC 3261 section 13.2.2.4).
    fn acknowledges(&self, sequence: u32) -> Result<()> {
        let [_, own] = &self.dialogs;
        self.pbx.send(self.pbx.within(own, "ACK", sequence, None).as_bytes())
    }

    /// Packets from `first` on, sent by the PBX from `port`, as the carrier hears them.
    fn speaks(&self, from: &UdpSocket, first: Place) -> Result<Vec<Place>> {
        let mut heard = Vec::new();
        for step in 0..PACKETS {
            let sequence = first.sequence.wrapping_add(step);
            let timestamp = first.timestamp.wrapping_add(TICKS * u32::from(step));
            let packet = Place { sequence, timestamp, marker: false, ..first }.packet();
            from.send_to(&packet, at(Side::Pbx, EDGE_PORT))?;
            let mut received = [0; 2048];
            let arrival = wait_until(PATIENCE, || {
                let length = self.hears.recv(&mut received).ok()?;
                Place::of(&received[..length])
            });
            heard.push(arrival.with_context(|| format!("packet {step} of {first:?} never arrives"))?);
        }
        Ok(heard)
    }

    /// The carrier reports on what it hears; returns whom the PBX is told of, at its port for RTCP.
    fn reported_on(&self, port: u16, last: Place) -> Result<u32> {
        let hears = socket(self.lab, Side::Pbx, port + 1)?;
        let report = receiver_report(0x0a, last.ssrc, u32::from(last.sequence));
        let mut received = [0; 2048];
        let arrival = wait_until(PATIENCE, || {
            self.reports.send_to(&report, at(Side::Carrier, EDGE_PORT + 1)).ok()?;
            hears.recv(&mut received).ok()
        });
        let length = arrival.context("the report never arrives")?;
        let about = received[..length].get(8..12).context("it is about nobody")?;
        Ok(u32::from_be_bytes(about.try_into()?))
    }

    fn hangs_up(&self) -> Result<()> {
        let [own, _] = &self.dialogs;
        self.carrier.send(self.carrier.within(own, "BYE", 2, None).as_bytes())?;
        let bye = self.pbx.expect(PATIENCE, |message| message.starts_with("BYE "))?;
        self.pbx.send(self.pbx.answer(&bye, "200 OK", None)?.as_bytes())?;
        self.carrier.expect(PATIENCE, |message| is_response(message, 200, "BYE")).map(drop)
    }
}

/// The SSRC that `edge flow list` says the carrier is sent.
fn listed(lab: &Lab) -> Result<u64> {
    let flows: Vec<Value> = serde_json::from_str(&ask(lab, &["flow", "list", "--json"])?)?;
    let ssrcs: Vec<_> =
        flows.iter().map(|flow| (flow["side"].as_str(), flow["steady_ssrc"].as_u64())).collect();
    ensure!(ssrcs.contains(&(Some("b"), None)), "the PBX is sent what comes: {flows:?}");
    let ours = ssrcs.iter().find_map(|(side, ssrc)| ssrc.filter(|_| *side == Some("a")));
    ours.with_context(|| format!("no stream of ours: {flows:?}"))
}

/// The SSRCs of ours that `edge flow list` tells.
fn steady_ssrcs(lab: &Lab) -> Result<Vec<u64>> {
    let flows: Vec<Value> = serde_json::from_str(&ask(lab, &["flow", "list", "--json"])?)?;
    Ok(flows.iter().filter_map(|flow| flow["steady_ssrc"].as_u64()).collect())
}

/// All that was heard is one stream: one SSRC, each number the one after that before it, timestamps that grow; `changes` are where
/// another source begins, and nothing else is marked.
fn is_one_stream(heard: &[Place], changes: &[usize]) -> Result<()> {
    for (index, pair) in heard.windows(2).enumerate() {
        let [before, next] = *pair else { continue };
        ensure!(next.ssrc == before.ssrc, "{index}: another SSRC: {pair:?}");
        ensure!(next.sequence == before.sequence.wrapping_add(1), "{index}: a jump: {pair:?}");
        let grown = next.timestamp.wrapping_sub(before.timestamp);
        ensure!((TICKS..1 << 30).contains(&grown), "{index}: time does not go on: {pair:?}");
        ensure!(next.marker == changes.contains(&(index + 1)), "{index}: {pair:?}");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn sources_that_change_are_one_stream_to_who_hears_and_reports_on_it() -> Result<()> {
    // The last numbers of each are of the next one's no beginning.
    let source = |ssrc, sequence, timestamp| Place { ssrc, sequence, timestamp, marker: false };
    let sources = [
        source(0x1111_1111, 65_530, 5000),
        source(0x2222_2222, 40_000, 9_000_000),
        source(0x3333_3333, 7, 1),
    ];
    let ports = [6000, 6010, 6020];
    let config = EdgeConfig::default().media_ports(FIRST_PORTS).shards(1);
    with_edge(config.trunk(Side::Carrier, "rtp = \"steady\""), |lab, edge| {
        let call = Moving::begin(lab, ports[0])?;
        let sockets: Vec<UdpSocket> =
            ports.iter().map(|port| socket(lab, Side::Pbx, *port)).collect::<Result<_>>()?;
        let mut heard = call.speaks(&sockets[0], sources[0])?;
        let ours = u32::try_from(listed(lab)?)?;
        ensure!(heard[0].ssrc == ours && ours != sources[0].ssrc, "{heard:?}, and {ours:#x} is listed");
        ensure!(call.reported_on(ports[0], heard[9])? == sources[0].ssrc);

        let sequence = call.moves(1, ports[1])?;
        heard.extend(call.speaks(&sockets[1], sources[1])?);
        ensure!(call.reported_on(ports[1], heard[19])? == sources[1].ssrc);

        edge.kill()?;
        let on = Place { sequence: 40_010, timestamp: 9_000_000 + 10 * TICKS, ..sources[1] };
        heard.extend(call.speaks(&sockets[1], on)?);
        let edge = EdgeProcess::start_again(lab)?;
        ensure!(u32::try_from(listed(lab)?)? == ours, "another one after the restart");
        // Killed within milliseconds of the ACK, edge may not have it in its journal, and answers again.
        call.acknowledges(sequence - 1)?;
        call.moves(sequence, ports[2])?;
        heard.extend(call.speaks(&sockets[2], sources[2])?);
        ensure!(call.reported_on(ports[2], heard[39])? == sources[2].ssrc);

        is_one_stream(&heard, &[10, 30])?;
        call.hangs_up()?;
        edge.stop()
    })
}
