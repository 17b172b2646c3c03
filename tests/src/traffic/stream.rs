//! The streams of a run: as they leave the peers, and as they are to arrive.

use std::net::SocketAddrV4;

use anyhow::{Result, ensure};
use edge_ebpf::testing::zerocopy::{IntoBytes, transmute};
use edge_ebpf::traffic::{FRAME_LEN, HEAD_LEN, Head, PAYLOAD_TYPE, Route, STREAMS_MAX, Stream};
use edge_ebpf::wire::checksum::Checksum;

use crate::exchange::Call;
use crate::lab::{Lab, PEER_DEVICE, Side};

/// RTP ports of the peers: those of the first call, the others follow. The relay's own are as it likes.
const FIRST_PORT: u16 = 10_000;
/// Silence in A-law.
pub(super) const SILENCE: u8 = 0xd5;
const SSRC_BASE: u32 = 0x4500_0000;

/// The port of both peers of a call.
pub fn port(call: u32) -> Result<u16> {
    let port = u32::from(FIRST_PORT) + call * 2;
    ensure!(port < u32::from(u16::MAX), "there are no ports for so many calls");
    Ok(u16::try_from(port)?)
}

/// The description of a session with audio there.
pub fn description(at: SocketAddrV4) -> String {
    let (address, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} PCMA/8000\r\n"
    )
}

/// How a relay treats what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewriting {
    /// It sends from its own address to the other peer.
    Addresses,
    /// It changes nothing.
    None,
}

/// Both streams of each call: the carrier's have even numbers, the PBX's follow them.
pub fn streams(lab: &Lab, calls: &[Call], rewriting: Rewriting) -> Result<Vec<Stream>> {
    ensure!(calls.len() * 2 <= STREAMS_MAX as usize, "more streams than the bench has room for");
    let mut stations = Vec::new();
    for side in Side::BOTH {
        let (from, to) = (lab.peer(side).device(PEER_DEVICE)?, lab.edge().device(side.edge_device())?);
        stations.push((from.station, to.station));
    }
    let mut streams = Vec::with_capacity(calls.len() * 2);
    for (number, call) in (0..).zip(calls) {
        let port = port(number)?;
        let [carrier, pbx] = Side::BOTH.map(|side| SocketAddrV4::new(side.peer_address(), port));
        let ways = [(carrier, call.outside, call.inside, pbx), (pbx, call.inside, call.outside, carrier)];
        for (way, (from, to, leaves_from, reaches)) in (0..).zip(ways) {
            let arrives = match rewriting {
                Rewriting::Addresses => route(leaves_from, reaches),
                Rewriting::None => route(from, to),
            };
            let index = number * 2 + way;
            let (source, destination) = stations[way as usize];
            let head = head(index, [destination, source], from, to)?;
            streams.push(Stream { head, arrives, reserved: [0; 4] });
        }
    }
    Ok(streams)
}

fn route(from: SocketAddrV4, to: SocketAddrV4) -> Route {
    let ([a, b, c, d], [e, f, g, h]) = (from.ip().octets(), to.ip().octets());
    Route {
        addresses: [[a, b], [c, d], [e, f], [g, h]],
        ports: [from.port().to_be_bytes(), to.port().to_be_bytes()],
    }
}

/// The headers of a stream with both checksums, of which the one over the payload holds for each of its packets.
fn head(index: u32, stations: [[u8; 6]; 2], from: SocketAddrV4, to: SocketAddrV4) -> Result<Head> {
    let mut headers = [0; 42];
    let (ip_length, udp_length) = (u16::try_from(FRAME_LEN - 14)?, u16::try_from(FRAME_LEN - 34)?);
    headers[..12].copy_from_slice(stations.as_flattened());
    // IPv4, DSCP EF, not to be fragmented, 64 hops, UDP.
    headers[12..26].copy_from_slice(&[8, 0, 0x45, 0xb8, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    headers[16..18].copy_from_slice(&ip_length.to_be_bytes());
    headers[26..38].copy_from_slice(route(from, to).as_bytes());
    headers[38..40].copy_from_slice(&udp_length.to_be_bytes());
    let checksum = sum(&headers[14..34]);
    headers[24..26].copy_from_slice(&checksum);
    let mut frame = [SILENCE; FRAME_LEN];
    let head: [u8; HEAD_LEN] = transmute!(Head::of_stream(headers, SSRC_BASE + index, index));
    frame[..HEAD_LEN].copy_from_slice(&head);
    let pseudo_header = [&headers[26..34], &[0, 17], &udp_length.to_be_bytes()].concat();
    let checksum = sum(&[&pseudo_header, &frame[34..]].concat());
    headers[40..42].copy_from_slice(&checksum);
    Ok(Head::of_stream(headers, SSRC_BASE + index, index))
}

fn sum(octets: &[u8]) -> [u8; 2] {
    let (words, _) = octets.as_chunks::<2>();
    let checksum = Checksum::over(words.iter().copied());
    transmute!(checksum)
}
