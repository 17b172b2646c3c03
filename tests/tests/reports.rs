//! What a peer reports by RTCP of what it is sent: kept beside what edge has counted, and said in words where the two differ.

use std::net::{SocketAddrV4, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::EdgeConfig;
use edge_tests::drill::{PATIENCE, number, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::{Dialog, RawPeer, is_response};
use edge_tests::sipp::SIP_PORT;
use serde_json::Value;

/// Where edge has its first stream, when it has no other ports than these.
const FIRST_PORTS: &str = "20000-20007";
const EDGE_PORT: u16 = 20_000;
const CARRIER_PORT: u16 = 7000;
const PBX_PORT: u16 = 6000;
const CALL: &str = "reports";
/// Packets that the carrier sends.
const PACKETS: u16 = 100;
const SSRC: u32 = 0x0bad_cafe;
/// NTP time of the carrier's sender report, and its middle.
const NTP: [u32; 2] = [0xeaaa_1234, 0x5678_9abc];
const NTP_MIDDLE: u32 = 0x1234_5678;
/// Longer than a datagram is under way: one that is sent twice would be counted twice.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// How long the PBX sits on it without saying so, so that this is a part of the round trip.
const HELD: Duration = Duration::from_millis(60);

/// One side's media.
struct Ears {
    side: Side,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Ears {
    fn open(lab: &Lab, side: Side, port: u16) -> Result<Self> {
        Ok(Self { side, rtp: socket(lab, side, port)?, rtcp: socket(lab, side, port + 1)? })
    }

    /// Sends a datagram again and again until the other side hears it, by RTP or by RTCP; returns that.
    fn send(&self, control: bool, bytes: &[u8], other: &Self) -> Result<Vec<u8>> {
        let (from, to) = if control { (&self.rtcp, &other.rtcp) } else { (&self.rtp, &other.rtp) };
        let edge = SocketAddrV4::new(self.side.edge_address(), EDGE_PORT + u16::from(control));
        let mut heard = vec![0; 2048];
        let arrival = wait_until(PATIENCE, || {
            from.send_to(bytes, edge).ok()?;
            to.recv(&mut heard).ok()
        });
        heard.truncate(arrival.with_context(|| format!("never arrives from {:?}", self.side))?);
        Ok(heard)
    }
}

fn socket(lab: &Lab, side: Side, port: u16) -> Result<UdpSocket> {
    let socket = lab.peer(side).run(|| UdpSocket::bind((side.peer_address(), port)))??;
    socket.set_read_timeout(Some(HEARD_WITHIN))?;
    Ok(socket)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(SSRC.to_be_bytes());
    packet.resize(12 + 160, 0xd5);
    packet
}

/// A compound of the PBX: a block about somebody else, one about `ssrc` (51/256 and 8 packets lost, 80 ticks of jitter), and an
/// extended report that rates it (RFC 3611 section 4.7).
fn says(ssrc: u32, answered: u32) -> Vec<u8> {
    let other = [77, 0xff00_00ff, 1, 9999, 0, 0];
    let about = [ssrc, 51 << 24 | 8, u32::from(PACKETS), 80, answered, 0];
    let listener = [&[0x82c9_000d, 0xb0b][..], &other, &about].concat();
    let description = [0x81ca_0002, 0xb0b, 0x0101_6200];
    let rating = [0x80cf_000a, 0xb0b, 0x0700_0008, ssrc, 0x1440_0000, 0, 0, 0, 0x327f_1e18, 0, 0];
    words(&[&listener[..], &description, &rating].concat())
}

fn stands(lab: &Lab) -> Result<Value> {
    let calls: Vec<Value> = serde_json::from_str(&ask(lab, &["call", "list", "--json"])?)?;
    let id = calls.first().and_then(|call| call["id"].as_str()).context("no call")?;
    Ok(serde_json::from_str(&ask(lab, &["call", "show", id])?)?)
}

/// The PBX reports on what it hears, and edge tells that apart from what it has counted.
fn told(config: EdgeConfig) -> Result<()> {
    with_edge(config.media_ports(FIRST_PORTS).shards(1), |lab, edge| {
        let (carrier, pbx) =
            (RawPeer::bind(lab, Side::Carrier, 5070)?, RawPeer::bind(lab, Side::Pbx, SIP_PORT)?);
        carrier.send(carrier.invite(CALL, number(Side::Carrier), CARRIER_PORT).as_bytes())?;
        let invite = pbx.expect(PATIENCE, |message| message.starts_with("INVITE "))?;
        pbx.send(pbx.answer(&invite, "200 OK", Some(PBX_PORT))?.as_bytes())?;
        let ok = carrier.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
        carrier.send(carrier.in_dialog("ACK", CALL, &ok)?.as_bytes())?;
        pbx.expect(PATIENCE, |message| message.starts_with("ACK "))?;

        let ears = Ears::open(lab, Side::Carrier, CARRIER_PORT)?;
        let others = Ears::open(lab, Side::Pbx, PBX_PORT)?;
        // Edge hears the PBX, or nobody could answer it.
        others.send(false, &rtp(1), &ears)?;
        let mut heard = Vec::new();
        for sequence in 1..=PACKETS {
            heard = ears.send(false, &rtp(sequence), &others)?;
        }
        let ssrc = u32::from_be_bytes(heard.get(8..12).context("no RTP")?.try_into()?);
        let sent = words(&[0x80c8_0006, SSRC, NTP[0], NTP[1], 16_000, u32::from(PACKETS), 16_000]);
        ears.send(true, &sent, &others)?;
        thread::sleep(HELD);
        others.send(true, &says(ssrc, NTP_MIDDLE), &ears)?;

        let call = stands(lab)?;
        let reported = &call["b"]["reported"];
        let figures = ["lost", "fraction_lost", "jitter_ms", "r_factor", "mos_lq", "mos_cq", "discarded"];
        let figures = figures.map(|what| reported[what].as_f64());
        assert_eq!(figures, [8.0, 0.1992, 10.0, 50.0, 3.0, 2.4, 0.25].map(Some), "{call}");
        ensure!(reported["round_trip_ms"].as_f64() >= Some(HELD.as_millis() as f64), "{call}");
        ensure!(call["a"]["reported"].is_null() && call["a"]["received"]["lost"] == 0, "{call}");
        ensure!(call["trouble"].as_array().is_some_and(|all| all.contains(&"b_hears_loss".into())), "{call}");

        let said = ask(lab, &["call", "explain", call["id"].as_str().context("no id")?])?;
        ensure!(said.contains("reports 8.0 % loss of what edge sent it (19.9 %"), "{said}");
        ensure!(said.contains("edge received it with 0.0 %: the loss is between edge and "), "{said}");
        ensure!(said.contains("rates what it hears at 2.4 of 5"), "{said}");

        let own = Dialog::of_caller(&ok)?;
        carrier.send(carrier.within(&own, "BYE", 2, None).as_bytes())?;
        let bye = pbx.expect(PATIENCE, |message| message.starts_with("BYE "))?;
        pbx.send(pbx.answer(&bye, "200 OK", None)?.as_bytes())?;
        carrier.expect(PATIENCE, |message| is_response(message, 200, "BYE"))?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(cdrs[0].number("/b/reported/lost"), Some(8), "{cdrs:?}");
        ensure!(cdrs[0].number("/b/reported/reports") >= Some(1), "{cdrs:?}");
        assert_eq!(cdrs[0].number("/a/received/lost"), Some(0), "{cdrs:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_the_far_end_reports_is_told_beside_what_came_here() -> Result<()> {
    told(EdgeConfig::default())
}

/// To the PBX it is a stream of edge's that it reports on.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_steady_trunk_reports_on_the_stream_that_it_knows() -> Result<()> {
    told(EdgeConfig::default().trunk(Side::Pbx, "rtp = \"steady\""))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_userspace_relay_reads_the_same() -> Result<()> {
    told(EdgeConfig::default().mode("off"))
}
