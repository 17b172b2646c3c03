//! The table of cases: what comes in, what must become of it, and what must be counted.

mod closed;
mod digits;
mod ipv6;
mod payloads;
mod profiles;
mod reports;
mod rtcp_apart;
mod sharing;
mod sources;
mod steady;

use alloc::vec;
use alloc::vec::Vec;

use super::packet::{Packet, UdpChecksum, rtcp, rtp};
use super::scene::{CARRIER, LOCAL_A, LOCAL_B, NEAR, PBX, Scene, station};
use crate::abi::{EndpointState, NextHop, ReceptionReport};
use crate::verdict::DropReason::{self, *};
use crate::verdict::PassReason::{self, *};
use crate::verdict::{Egress, RelayPath, Verdict};
use crate::wire::Payload;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// The tables before.
    pub scene: Scene,
    /// The frames that come first, each with what must become of it.
    pub before: Vec<(Vec<u8>, Verdict)>,
    /// The frames, in order. All of them get the verdict.
    pub frames: Vec<Vec<u8>>,
    /// What must become of each.
    pub verdict: Verdict,
    /// The last frame afterwards.
    pub leaves: Vec<u8>,
    /// The endpoint whose state is looked at.
    pub endpoint: u32,
    /// Its state afterwards.
    pub tally: Tally,
    /// What userspace is told of digits: event and ticks.
    pub told: Vec<(u8, u16)>,
}

/// What an endpoint has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// RTP packets and bytes.
    pub rtp: (u64, u64),
    /// RTCP packets and bytes.
    pub rtcp: (u64, u64),
    /// RTP packets lost.
    pub lost: u32,
    /// Packets that crossed in spite of their payload type, and of their rate.
    pub let_pass: (u32, u32),
    /// The reason that was counted, and how often.
    pub drop: Option<(DropReason, u32)>,
    /// What its far side has reported, but for the round trip, which is of no certain length.
    pub reception_report: ReceptionReport,
}

impl From<&EndpointState> for Tally {
    fn from(state: &EndpointState) -> Self {
        let mut drops = DropReason::ALL.iter().map(|reason| (*reason, state.drops(*reason)));
        Self {
            rtp: (state.rtp_packets(), state.rtp_bytes()),
            rtcp: (state.rtcp_packets(), state.rtcp_bytes()),
            lost: state.quality().lost,
            let_pass: (state.foreign_types(), state.excess()),
            drop: drops.find(|(_, packets)| *packets > 0),
            reception_report: ReceptionReport { round_trip: None, ..state.reception_report() },
        }
    }
}

/// Every case.
#[must_use]
pub fn cases() -> Vec<Case> {
    let plain = [relayed(), passed(), malformed(), not_admitted(), not_deliverable()];
    let others = [
        closed::cases(),
        digits::cases(),
        payloads::cases(),
        profiles::cases(),
        reports::cases(),
        rtcp_apart::cases(),
        sharing::cases(),
        sources::cases(),
        ipv6::cases(),
        steady::cases(),
    ];
    plain.into_iter().chain(others).flatten().collect()
}

fn relayed() -> Vec<Case> {
    let long = from_carrier().with(|packet| packet.payload = rtp(1, 160, 9, 1400));
    let unsummed = from_carrier().with(|packet| packet.udp_checksum = UdpChecksum::None);
    let padded = from_carrier().with(|packet| {
        packet.payload = rtp(1, 160, 9, 0);
        packet.padding = 6;
    });
    // RTP padding, extension and CSRC bits: the header says so, and nobody here looks.
    let decorated = from_carrier().with(|packet| packet.payload[0] = 0xbf);
    vec![
        relays("rtp_to_other_device", &from_carrier()),
        relays("rtp_of_mtu_size", &long),
        relays("rtp_without_udp_checksum", &unsummed),
        relays("rtp_with_ethernet_padding", &padded),
        relays("rtp_with_every_header_bit", &decorated),
        relays("rtp_with_ttl_one", &from_carrier().with(|packet| packet.ttl = 1)),
        relays("rtp_whose_new_udp_checksum_is_zero", &zero_after_rewrite()),
        marked("rtp_is_marked_and_keeps_its_ecn", 46, 0x03, 0xbb),
        marked("rtp_is_unmarked", 0, 0xb9, 0x01),
        Case { scene: Scene::call().far_torn(), ..relays("rtp_while_the_peer_changes", &from_carrier()) },
        back_by_same_device(),
        rtcp_case(),
        gap_case(),
        restart_case(),
    ]
}

fn passed() -> Vec<Case> {
    let packet = from_carrier;
    vec![
        passes("arp", NotIp, &packet().with(|p| p.kind = 0x0806)),
        passes("ipv4_in_ipv6_frame", NotIp, &packet().with(|p| p.kind = 0x86dd)),
        passes("vlan", Tagged, &packet().with(|p| p.vlan = Some(5))),
        passes("ip_version_six_in_ipv4_frame", NotIp, &packet().with(|p| p.version_ihl = Some(0x65))),
        passes("tcp_to_media_port", NotUdp, &packet().with(|p| p.protocol = 6)),
        passes("icmp", NotUdp, &packet().with(|p| p.protocol = 1)),
        passes("later_fragment", LaterFragment, &packet().with(|p| p.fragment = 0x2010)),
        passes("last_fragment", LaterFragment, &packet().with(|p| p.fragment = 0x0010)),
        passes("foreign_address", NotMedia, &packet().with(|p| p.destination.0 = [10, 0, 9, 9])),
        passes("sip_port", NotMedia, &packet().with(|p| p.destination.1 = 5060)),
        passes("port_below_range", NotMedia, &packet().with(|p| p.destination.1 = 19999)),
        passes("port_above_range", NotMedia, &packet().with(|p| p.destination.1 = 20020)),
        passes("header_length_below_minimum", Incomplete, &packet().with(|p| p.version_ihl = Some(0x44))),
        passes_bytes("empty_ethernet", Incomplete, packet().build()[..14].to_vec()),
        passes_bytes("half_ip_header", Incomplete, packet().build()[..24].to_vec()),
        passes_bytes("half_udp_header", Incomplete, packet().build()[..40].to_vec()),
        other_device(),
    ]
}

fn malformed() -> Vec<Case> {
    let packet = from_carrier;
    let options = packet().with(|p| p.options = vec![7, 3, 4, 0]);
    let muxed = packet().with(|p| p.payload = rtcp(9));
    let rtcp_port = || to_rtcp_port(packet());
    let long_rtcp = rtcp_port().with(|p| p.payload[3] = 2);
    vec![
        drops("ip_options", IpOptions, &options),
        drops("first_fragment", FirstFragment, &packet().with(|p| p.fragment = 0x2000)),
        drops("wrong_ip_checksum", IpChecksum, &packet().with(|p| p.bad_ip_checksum = true)),
        drops("ip_length_beyond_frame", Truncated, &packet().with(|p| p.total_length = Some(600))),
        drops("udp_length_beyond_ip", Truncated, &packet().with(|p| p.udp_length = Some(600))),
        drops("udp_length_below_header", Truncated, &packet().with(|p| p.udp_length = Some(7))),
        drops("cut_off", Truncated, &packet()).cut(60),
        drops("empty_datagram", ShortRtp, &packet().with(|p| p.payload.clear())),
        drops("eleven_bytes_of_rtp", ShortRtp, &packet().with(|p| p.payload.truncate(11))),
        drops("rtp_version_one", NotRtp, &packet().with(|p| p.payload[0] = 0x40)),
        drops("rtcp_on_rtp_port", MuxedRtcp, &muxed.with(|p| p.payload.resize(28, 0))),
        drops("rtp_on_rtcp_port", BadRtcp, &rtcp_port().with(|p| p.payload = rtp(1, 160, 9, 160))),
        drops("short_rtcp", BadRtcp, &rtcp_port().with(|p| p.payload.truncate(7))),
        drops("rtcp_length_beyond_packet", BadRtcp, &long_rtcp),
    ]
}

fn not_admitted() -> Vec<Case> {
    let packet = from_carrier;
    let drops_in = |name, reason, scene: Scene, sent: &Packet| Case { scene, ..drops(name, reason, sent) };
    let idle = packet().with(|p| p.destination.1 = 20006);
    vec![
        Case { tally: Tally::default(), ..drops("no_call_on_port", NoEndpoint, &idle) },
        uncharged(drops_in("no_call_any_more", NoEndpoint, Scene::call().near(|e| e.call = 0), &packet())),
        drops_in(
            "entry_of_another_port",
            WrongEntry,
            Scene::call().near(|e| e.local_port = 20008),
            &packet(),
        ),
        drops_in(
            "entry_of_another_address",
            WrongEntry,
            Scene::call().near(|e| e.local = crate::abi::Address::v4(LOCAL_B.0)),
            &packet(),
        ),
        drops("foreign_source_address", UnexpectedSource, &packet().with(|p| p.source.0 = [203, 0, 113, 5])),
        drops("foreign_source_port", UnexpectedSource, &packet().with(|p| p.source.1 = 30002)),
        drops("rtcp_from_rtp_port", UnexpectedSource, &to_rtcp_port(packet()).with(|p| p.source.1 = 30000)),
        drops_in(
            "source_not_known",
            SourceNotKnown,
            Scene::call().near(|e| e.remote_rtp_port = 0),
            &packet(),
        ),
    ]
}

fn not_deliverable() -> Vec<Case> {
    let drops_in = |name, reason, scene: Scene| Case { scene, ..drops(name, reason, &from_carrier()) };
    let scene = Scene::call;
    let no_room = |hop: &mut NextHop| hop.mtu = 199;
    let room = |hop: &mut NextHop| hop.mtu = 200;
    vec![
        Case { scene: scene().hop(room), ..relays("rtp_as_long_as_the_mtu", &from_carrier()) },
        drops_in("rtp_longer_than_the_mtu", TooBig, scene().hop(no_room)),
        drops_in("peer_of_another_call", StalePeer, scene().far(|e| e.call += 1)),
        drops_in("peer_is_free", StalePeer, scene().far(|e| e.call = 0)),
        drops_in("peer_outside_the_table", StalePeer, scene().near(|e| e.peer = 0xffff_ffff)),
        drops_in("peer_on_hold", NoRemote, scene().far(|e| e.remote_rtp_port = 0)),
        drops_in("no_next_hop", NoNextHop, scene().far(|e| e.next_hop = 0)),
        drops_in("next_hop_outside_the_table", NoNextHop, scene().far(|e| e.next_hop = 0xffff)),
        drops_in("next_hop_silent", NextHopUnresolved, scene().hop(|hop| hop.destination = None)),
    ]
}

/// RTP from the carrier, bound for the PBX.
fn from_carrier() -> Packet {
    Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160))
}

fn to_rtcp_port(packet: Packet) -> Packet {
    packet.with(|packet| {
        packet.source.1 += 1;
        packet.destination.1 += 1;
        packet.payload = rtcp(9);
    })
}

/// What must leave towards the PBX. Everything that is not an address or the time to live stays.
fn towards_pbx(sent: &Packet) -> Packet {
    let ports = sent.destination.1 - LOCAL_A.1;
    sent.clone().with(|packet| {
        packet.stations = [station(0x82), station(2)];
        packet.ttl = 64;
        packet.source = (LOCAL_B.0, LOCAL_B.1 + ports);
        packet.destination = (PBX.0, PBX.1 + ports);
    })
}

fn relays(name: &'static str, sent: &Packet) -> Case {
    let frame = sent.build();
    let tally = Tally { rtp: (1, frame.len() as u64), ..Tally::default() };
    let verdict = relay(Payload::Rtp, Egress::Device(1));
    let leaves = towards_pbx(sent).build();
    Case { leaves, tally, ..Case::untouched(name, verdict, frame) }
}

/// Traffic class `came` leaves as `left` where the PBX's trunk wants `dscp`.
fn marked(name: &'static str, dscp: u8, came: u8, left: u8) -> Case {
    let sent = from_carrier().with(|packet| packet.traffic_class = came);
    let leaves = towards_pbx(&sent).with(|packet| packet.traffic_class = left).build();
    Case { scene: Scene::call().far(|e| e.dscp = dscp), leaves, ..relays(name, &sent) }
}

/// The address and port of the call, even its source: but in through the device of another realm.
fn other_device() -> Case {
    let mut case = passes("other_device", OtherDevice, &from_carrier());
    for row in &mut case.scene.media_addresses {
        row.ifindex += 1;
    }
    case
}

fn passes(name: &'static str, reason: PassReason, sent: &Packet) -> Case {
    passes_bytes(name, reason, sent.build())
}

fn passes_bytes(name: &'static str, reason: PassReason, frame: Vec<u8>) -> Case {
    Case::untouched(name, Verdict::Pass(reason), frame)
}

fn drops(name: &'static str, reason: DropReason, sent: &Packet) -> Case {
    let tally = Tally { drop: Some((reason, 1)), ..Tally::default() };
    Case { tally, ..Case::untouched(name, Verdict::Drop(reason), sent.build()) }
}

/// Without a call there is nobody to charge a drop to.
fn uncharged(case: Case) -> Case {
    Case { tally: Tally::default(), ..case }
}

impl Case {
    /// One frame in a call, which leaves as it came and is charged to nobody.
    fn untouched(name: &'static str, verdict: Verdict, frame: Vec<u8>) -> Self {
        Self {
            name,
            scene: Scene::call(),
            before: vec![],
            leaves: frame.clone(),
            frames: vec![frame],
            verdict,
            endpoint: NEAR,
            tally: Tally::default(),
            told: vec![],
        }
    }

    fn cut(mut self, len: usize) -> Self {
        self.frames[0].truncate(len);
        self.leaves.truncate(len);
        self
    }
}

fn back_by_same_device() -> Case {
    let sent = Packet::udp(PBX, LOCAL_B, rtp(500, 3, 77, 160));
    let leaves = sent.clone().with(|packet| {
        packet.stations = [station(0x81), station(1)];
        packet.ttl = 64;
        packet.source = LOCAL_A;
        packet.destination = CARRIER;
    });
    let verdict = relay(Payload::Rtp, Egress::SameDevice);
    Case { verdict, leaves: leaves.build(), endpoint: 12, ..relays("rtp_back_by_same_device", &sent) }
}

fn rtcp_case() -> Case {
    let sent = to_rtcp_port(from_carrier());
    let bytes = sent.build().len() as u64;
    let tally = Tally { rtcp: (1, bytes), ..Tally::default() };
    Case { verdict: relay(Payload::Rtcp, Egress::Device(1)), tally, ..relays("rtcp_to_other_device", &sent) }
}

/// Numbers 65,534 and 3 are five apart over the wrap: four are missing, and the late 0 makes it three.
fn gap_case() -> Case {
    sequence_case("gap_over_the_wrap_and_a_late_packet", &[65534, 3, 0], 9, 3)
}

/// Two packets in a row far away are a restart: the gap between is not loss (RFC 3550 appendix A.1).
fn restart_case() -> Case {
    sequence_case("restart_of_the_source", &[10, 30000, 30001], 9, 0)
}

fn sequence_case(name: &'static str, sequences: &[u16], ssrc: u32, lost: u32) -> Case {
    let sent: Vec<Packet> = sequences
        .iter()
        .map(|sequence| from_carrier().with(|packet| packet.payload = rtp(*sequence, 160, ssrc, 160)))
        .collect();
    let frames: Vec<Vec<u8>> = sent.iter().map(Packet::build).collect();
    let bytes = frames.iter().map(Vec::len).sum::<usize>() as u64;
    let tally = Tally { rtp: (sequences.len() as u64, bytes), lost, ..Tally::default() };
    let last = sent.last().expect("a sequence has a packet");
    Case { frames, tally, ..relays(name, last) }
}

/// A packet whose UDP checksum comes out as zero after the rewrite, so that all ones must be sent.
fn zero_after_rewrite() -> Packet {
    let candidate =
        |word: u16| from_carrier().with(|packet| packet.payload[12..14].copy_from_slice(&word.to_be_bytes()));
    (0..=u16::MAX)
        .map(candidate)
        .find(|packet| towards_pbx(packet).build()[40..42] == [0xff, 0xff])
        .expect("some payload word sums to all ones")
}

const fn relay(payload: Payload, egress: Egress) -> Verdict {
    Verdict::Relay(RelayPath { payload, egress })
}
