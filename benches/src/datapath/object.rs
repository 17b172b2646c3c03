//! The bench object: its maps filled with a million flows, its programs ready to run.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use aya::maps::{Array, HashMap, Map, MapData};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use edge_ebpf::abi::{
    Address, DIGITS, ENDPOINTS, Endpoint, EndpointSlot, EndpointState, Handling, MEDIA_ADDRESS_ROWS,
    MEDIA_ADDRESSES, MediaAddress, NEXT_HOPS, NextHop, NextHopSlot, PAYLOAD_TYPES, PROFILES, PayloadRule,
    Profile, ProfileSlot, RTCP_PLACES, STATES, STEADY, first_row,
};
use edge_ebpf::budget::Rate;
use edge_ebpf::testing::{CARRIER, LOCAL_A, Packet, UdpChecksum, rtp, station};
use zerocopy::transmute;

/// Flows in the tables, whatever number of them a run touches.
pub(super) const FLOWS: u32 = 1_000_000;
/// Flows that share a local address.
const PER_ADDRESS: u16 = 31_250;
const FIRST_LOCAL: u32 = u32::from_be_bytes([10, 0, 0, 0]);
const FIRST_PORT: u16 = 1024;
/// Row of the next hop of all flows, which leaves by the device that `BPF_PROG_TEST_RUN` presents.
const NEXT_HOP: u16 = 1;
/// Row of the profile of all flows: the payload type of the frame, at a rate without a bound, because it comes again and again.
const PROFILE: u16 = 1;
const LOOPBACK: u32 = 1;
const XDP_TX: u32 = 3;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

const HASHED: &str = "HASHED";
const PARAMETERS: &str = "BENCH";
const ENDPOINT_LEN: usize = size_of::<EndpointSlot>();
const FLOW_LEN: usize = ENDPOINT_LEN + size_of::<EndpointState>();

/// A program of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// Swaps MAC addresses and sends the frame back.
    Tx,
    /// The same, after picking a random flow and writing its addresses.
    Prepared,
    /// Picks a flow and decides over arrays.
    Array,
    /// Picks a flow and decides over a hash map.
    Hash,
}

impl Program {
    pub(super) const ALL: [Self; 4] = [Self::Tx, Self::Prepared, Self::Array, Self::Hash];

    const fn name(self) -> &'static str {
        match self {
            Self::Tx => "bench_tx",
            Self::Prepared => "bench_prepared",
            Self::Array => "bench_array",
            Self::Hash => "bench_hash",
        }
    }
}

/// The loaded object.
pub(super) struct Programs {
    ebpf: Ebpf,
    frame: Vec<u8>,
}

impl Programs {
    pub(super) fn load(object: &Path) -> Result<Self> {
        let missing = || format!("{}: run `cargo xtask build`", object.display());
        let bytes = std::fs::read(object).with_context(missing)?;
        let mut ebpf = EbpfLoader::new()
            .map_max_entries(ENDPOINTS, FLOWS)
            .map_max_entries(STATES, FLOWS)
            .map_max_entries(DIGITS, FLOWS)
            .map_max_entries(RTCP_PLACES, FLOWS)
            .map_max_entries(STEADY, FLOWS)
            .map_max_entries(HASHED, FLOWS)
            .load(&bytes)
            .context("loading the bench object (needs root)")?;
        fill(&mut ebpf)?;
        for program in Program::ALL {
            xdp(&mut ebpf, program)?.load()?;
        }
        // 20 ms of G.711; without a UDP checksum, because the programs change ports and do not keep it.
        let packet = Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160));
        let frame = packet.with(|packet| packet.udp_checksum = UdpChecksum::None).build();
        Ok(Self { ebpf, frame })
    }

    /// Nanoseconds that one packet took, averaged over `packets` that go to `flows` at random.
    pub(super) fn run(&mut self, program: Program, flows: u32, packets: u32) -> Result<u32> {
        let mut parameters: Array<_, [u64; 3]> = map(&mut self.ebpf, PARAMETERS)?.try_into()?;
        parameters.set(0, [u64::from(flows), u64::from(PER_ADDRESS), SEED], 0)?;
        let mut out = vec![0; self.frame.len()];
        let options = TestRunOptions {
            data_in: Some(&self.frame),
            data_out: Some(&mut out),
            repeat: packets,
            ..TestRunOptions::default()
        };
        let result = xdp(&mut self.ebpf, program)?.test_run(options)?;
        ensure!(
            result.return_value == XDP_TX,
            "{} did not relay: action {}",
            program.name(),
            result.return_value
        );
        Ok(u32::try_from(result.duration.as_nanos())?)
    }
}

fn fill(ebpf: &mut Ebpf) -> Result<()> {
    let mut addresses: Array<_, [u8; size_of::<MediaAddress>()]> = map(ebpf, MEDIA_ADDRESSES)?.try_into()?;
    fill_addresses(&mut addresses)?;
    let mut next_hops: Array<_, [u8; size_of::<NextHopSlot>()]> = map(ebpf, NEXT_HOPS)?.try_into()?;
    let hop = NextHopSlot::default();
    hop.write(&NextHop {
        ifindex: LOOPBACK,
        mtu: 1500,
        device: 0,
        source: station(1),
        destination: Some(station(2)),
    });
    let hop: [u8; size_of::<NextHopSlot>()] = transmute!(hop);
    next_hops.set(NEXT_HOP.into(), hop, 0)?;
    let mut profiles: Array<_, [u8; size_of::<ProfileSlot>()]> = map(ebpf, PROFILES)?.try_into()?;
    let profile = ProfileSlot::default();
    let rule = PayloadRule { leaves_as: 8, handling: Handling::Plain, is_watched: false };
    let mut rules = [None; PAYLOAD_TYPES];
    rules[8] = Some(rule);
    profile.write(&Profile { rules, rate: Rate::default(), flags: 0 });
    let profile: [u8; size_of::<ProfileSlot>()] = transmute!(profile);
    profiles.set(PROFILE.into(), profile, 0)?;
    let mut endpoints: Array<_, [u8; ENDPOINT_LEN]> = map(ebpf, ENDPOINTS)?.try_into()?;
    for index in 0..FLOWS {
        endpoints.set(index, endpoint_bytes(index), 0)?;
    }
    let mut flows: HashMap<_, u32, [u8; FLOW_LEN]> = map(ebpf, HASHED)?.try_into()?;
    let mut value = [0; FLOW_LEN];
    for index in 0..FLOWS {
        value[..ENDPOINT_LEN].copy_from_slice(&endpoint_bytes(index));
        flows.insert(index, value, 0)?;
    }
    Ok(())
}

fn fill_addresses(addresses: &mut Array<&mut MapData, [u8; size_of::<MediaAddress>()]>) -> Result<()> {
    let mut rows = vec![MediaAddress::default(); MEDIA_ADDRESS_ROWS as usize];
    for number in 0..FLOWS / u32::from(PER_ADDRESS) {
        let ip = Address::v4((FIRST_LOCAL + number).to_be_bytes());
        let base = number * u32::from(PER_ADDRESS);
        let mut row = first_row(ip) as usize;
        while rows[row].pairs != 0 {
            row = (row + 1) % rows.len();
        }
        rows[row] = MediaAddress {
            ip,
            base,
            first_port: FIRST_PORT,
            pairs: PER_ADDRESS,
            ifindex: LOOPBACK,
            reserved: 0,
        };
    }
    for (index, row) in (0..).zip(rows) {
        let row: [u8; size_of::<MediaAddress>()] = transmute!(row);
        addresses.set(index, row, 0)?;
    }
    Ok(())
}

/// The legs of a call lie half a table apart, as those of two realms do.
fn endpoint_bytes(index: u32) -> [u8; ENDPOINT_LEN] {
    let (number, pair) = (index / u32::from(PER_ADDRESS), index % u32::from(PER_ADDRESS));
    #[expect(clippy::cast_possible_truncation, reason = "a pair is below PER_ADDRESS, so its port fits")]
    let local_port = FIRST_PORT + (pair * 2) as u16;
    let slot = EndpointSlot::default();
    slot.write(&Endpoint {
        call: index % (FLOWS / 2) + 1,
        peer: (index + FLOWS / 2) % FLOWS,
        next_hop: NEXT_HOP,
        profile: PROFILE,
        local: Address::v4((FIRST_LOCAL + number).to_be_bytes()),
        local_port,
        remote: Address::v4(CARRIER.0),
        remote_rtp_port: CARRIER.1,
        remote_rtcp_port: CARRIER.1 + 1,
        ns_per_tick: 125_000,
        ..Endpoint::FREE
    });
    transmute!(slot)
}

fn map<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Map> {
    ebpf.map_mut(name).with_context(|| format!("the bench object has no map {name}"))
}

fn xdp(ebpf: &mut Ebpf, program: Program) -> Result<&mut Xdp> {
    let name = program.name();
    let found = ebpf.program_mut(name).with_context(|| format!("the bench object has no program {name}"))?;
    Ok(found.try_into()?)
}
