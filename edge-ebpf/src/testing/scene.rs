//! The tables that cases run over: one call between a carrier and a PBX.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use zerocopy::IntoBytes;

use crate::abi::{
    Address, DigitOrder, DigitSlot, DigitTold, EgressTag, Endpoint, EndpointSlot, EndpointState,
    FLAG_RTCP_APART, FLAG_RTCP_SECOND, FLAG_STEADY, MEDIA_ADDRESS_ROWS, MediaAddress, NextHop, NextHopSlot,
    Profile, ProfileSlot, RtcpPlace, RtcpPlaces, SteadySlot, VlanKey, first_row,
};
use crate::tables::Tables;

/// Device that every frame comes in on: what `BPF_PROG_TEST_RUN` presents, the loopback.
pub const INGRESS: u32 = 1;
/// Number of the call.
pub const CALL: u32 = 7;
/// Where the carrier sends from and receives on; RTCP is on the next port.
pub const CARRIER: ([u8; 4], u16) = ([192, 0, 2, 10], 30000);
/// The same for the PBX.
pub const PBX: ([u8; 4], u16) = ([198, 51, 100, 20], 40000);
/// Our address and port towards the carrier.
pub const LOCAL_A: ([u8; 4], u16) = ([10, 0, 0, 1], 20002);
/// Our address and port towards the PBX.
pub const LOCAL_B: ([u8; 4], u16) = ([10, 0, 1, 1], 20004);
/// The carrier over IPv6.
pub const CARRIER_V6: ([u8; 16], u16) = (v6(0xca, 0x10), 30000);
/// The PBX over IPv6.
pub const PBX_V6: ([u8; 16], u16) = (v6(0xbb, 0x20), 40000);
/// Our IPv6 address and port towards the carrier.
pub const LOCAL_A_V6: ([u8; 16], u16) = (v6(0xca, 1), 20002);
/// Our IPv6 address and port towards the PBX.
pub const LOCAL_B_V6: ([u8; 16], u16) = (v6(0xbb, 1), 20004);
/// Index of the endpoint at [`LOCAL_A`].
pub const NEAR: u32 = 1;

/// Index of the endpoint at [`LOCAL_B`].
pub const FAR: u32 = 12;
const FIRST_PORT: u16 = 20000;
const PAIRS: u16 = 10;
const ENDPOINTS: u32 = 20;
const NEXT_HOPS: u32 = 4;
/// Rows of the profiles: none, the carrier's, and the PBX's.
const PROFILES: u32 = 3;

/// The IP family of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What is in the tables before a case, as plain values that any host can write down.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Rows of the media addresses.
    pub media_addresses: Vec<MediaAddress>,
    /// All endpoints, by index.
    pub endpoints: Vec<Endpoint>,
    /// An endpoint whose writer stopped half-way through a change: the former entry is in force.
    pub torn: Option<u32>,
    /// All rows of the next hops; `None` for an empty one.
    pub next_hops: Vec<Option<NextHop>>,
    /// All rows of the profiles; `None` for an empty one.
    pub profiles: Vec<Option<Profile>>,
    /// Endpoints whose RTCP is at another address, which of their places holds, and that place.
    pub apart: Vec<(u32, bool, RtcpPlace)>,
    /// The digit that is to ride on the carrier's speech.
    pub order: Option<DigitOrder>,
    /// SSRC of the one stream that each leg is sent, if it is: the carrier's and the PBX's.
    pub steady: [Option<u32>; 2],
    /// VLANs that frames come in from, each with the index of its device.
    pub vlans: Vec<(VlanKey, u32)>,
    /// Slots that the devmap leaves empty, each with the tag of what leaves by it.
    pub tags: Vec<(u32, EgressTag)>,
}

/// A locally administered MAC that ends in `last`.
#[must_use]
pub const fn station(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 1, last]
}

impl Scene {
    /// The call is up: the carrier by the device that frames come in on, the PBX by another one.
    #[must_use]
    pub fn call() -> Self {
        Self::between(Family::V4, Family::V4)
    }

    /// The same call over these families.
    #[must_use]
    pub fn between(carrier: Family, pbx: Family) -> Self {
        let (local_a, carrier) = match carrier {
            Family::V4 => (at_v4(LOCAL_A), at_v4(CARRIER)),
            Family::V6 => (at_v6(LOCAL_A_V6), at_v6(CARRIER_V6)),
        };
        let (local_b, pbx) = match pbx {
            Family::V4 => (at_v4(LOCAL_B), at_v4(PBX)),
            Family::V6 => (at_v6(LOCAL_B_V6), at_v6(PBX_V6)),
        };
        let mut endpoints = vec![Endpoint::FREE; ENDPOINTS as usize];
        endpoints[NEAR as usize] = endpoint(local_a, carrier, FAR, 1);
        endpoints[FAR as usize] = endpoint(local_b, pbx, NEAR, 2);
        let mut next_hops = vec![None; NEXT_HOPS as usize];
        next_hops[1] = Some(hop(INGRESS, 0));
        next_hops[2] = Some(hop(2, 1));
        let mut media_addresses = vec![MediaAddress::default(); MEDIA_ADDRESS_ROWS as usize];
        for (base, (ip, _)) in [(0, local_a), (u32::from(PAIRS), local_b)] {
            let row = MediaAddress {
                ip,
                base,
                first_port: FIRST_PORT,
                pairs: PAIRS,
                ifindex: INGRESS,
                reserved: 0,
            };
            media_addresses[first_row(ip) as usize] = row;
        }
        let profiles = vec![None; PROFILES as usize];
        let (order, steady) = (None, [None; 2]);
        let (apart, vlans, tags) = (vec![], vec![], vec![]);
        Self {
            media_addresses,
            endpoints,
            torn: None,
            next_hops,
            profiles,
            apart,
            order,
            steady,
            vlans,
            tags,
        }
    }

    /// This scene with a change to the endpoint that faces the carrier.
    #[must_use]
    pub fn near(mut self, change: impl FnOnce(&mut Endpoint)) -> Self {
        change(&mut self.endpoints[NEAR as usize]);
        self
    }

    /// This scene with a change to the endpoint that faces the PBX.
    #[must_use]
    pub fn far(mut self, change: impl FnOnce(&mut Endpoint)) -> Self {
        change(&mut self.endpoints[FAR as usize]);
        self
    }

    /// This scene with a profile of what the carrier sends.
    #[must_use]
    pub fn carrier_sends(mut self, profile: Profile) -> Self {
        self.profiles[1] = Some(profile);
        self.near(|endpoint| endpoint.profile = 1)
    }

    /// This scene with a profile of what the PBX sends.
    #[must_use]
    pub fn pbx_sends(mut self, profile: Profile) -> Self {
        self.profiles[2] = Some(profile);
        self.far(|endpoint| endpoint.profile = 2)
    }

    /// This scene with RTCP of an endpoint at an address of its own; the other one of its places says nothing.
    #[must_use]
    pub fn rtcp_at(mut self, index: u32, second: bool, place: RtcpPlace) -> Self {
        let which = if second { FLAG_RTCP_SECOND } else { 0 };
        self.endpoints[index as usize].flags |= FLAG_RTCP_APART | which;
        self.apart.push((index, second, place));
        self
    }

    /// This scene with a digit that is to ride on the carrier's speech.
    #[must_use]
    pub fn ordered(mut self, event: u8, duration_ticks: u16) -> Self {
        self.order = Some(DigitOrder { call: CALL, number: 0, event, duration_ticks });
        self
    }

    /// This scene with one stream for the PBX.
    #[must_use]
    pub fn pbx_hears(mut self, ssrc: u32) -> Self {
        self.steady[1] = Some(ssrc);
        self.far(|endpoint| endpoint.flags |= FLAG_STEADY)
    }

    /// This scene with one stream for the carrier.
    #[must_use]
    pub fn carrier_hears(mut self, ssrc: u32) -> Self {
        self.steady[0] = Some(ssrc);
        self.near(|endpoint| endpoint.flags |= FLAG_STEADY)
    }

    /// This scene with the PBX endpoint stopped half-way through a change.
    #[must_use]
    pub fn far_torn(mut self) -> Self {
        self.torn = Some(FAR);
        self
    }

    /// This scene with a change to the next hop of the PBX.
    #[must_use]
    pub fn hop(mut self, change: impl FnOnce(&mut NextHop)) -> Self {
        if let Some(hop) = &mut self.next_hops[2] {
            change(hop);
        }
        self
    }

    /// The slot of an endpoint as it lies in the map.
    #[must_use]
    pub fn slot(&self, index: u32) -> EndpointSlot {
        let mut slot = EndpointSlot::default();
        slot.write(&self.endpoints[index as usize]);
        if self.torn == Some(index) {
            slot.write(&Endpoint { call: CALL, next_hop: 3, remote_rtp_port: 1, ..Endpoint::FREE });
            slot.as_mut_bytes()[0] |= 1;
        }
        slot
    }

    /// A profile as it lies in the map.
    #[must_use]
    pub fn profile_slot(&self, row: u32) -> ProfileSlot {
        let slot = ProfileSlot::default();
        if let Some(profile) = &self.profiles[row as usize] {
            slot.write(profile);
        }
        slot
    }

    /// Places of an endpoint's RTCP as they lie in the map.
    #[must_use]
    pub fn rtcp_places(&self, index: u32) -> RtcpPlaces {
        let places = RtcpPlaces::default();
        for (_, second, place) in self.apart.iter().filter(|(found, _, _)| *found == index) {
            places.write(*second, place);
        }
        places
    }

    /// Digits of an endpoint as they lie in the map.
    #[must_use]
    pub fn digit_slot(&self, index: u32) -> DigitSlot {
        let slot = DigitSlot::default();
        if let Some(order) = self.order.filter(|_| index == NEAR) {
            slot.order(order);
        }
        slot
    }

    /// The stream of an endpoint as it lies in the map.
    #[must_use]
    pub fn steady_slot(&self, index: u32) -> SteadySlot {
        let slot = SteadySlot::default();
        let ssrc = [NEAR, FAR].into_iter().zip(self.steady).find(|(leg, _)| *leg == index);
        if let Some((_, Some(ssrc))) = ssrc {
            slot.describe(CALL, ssrc, None);
        }
        slot
    }

    /// A next hop as it lies in the map.
    #[must_use]
    pub fn next_hop_slot(&self, row: u32) -> NextHopSlot {
        let slot = NextHopSlot::default();
        if let Some(hop) = &self.next_hops[row as usize] {
            slot.write(hop);
        }
        slot
    }
}

/// 2001:db8:`network`::`host`.
const fn v6(network: u8, host: u8) -> [u8; 16] {
    [0x20, 1, 0xd, 0xb8, 0, network, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]
}

const fn at_v4((octets, port): ([u8; 4], u16)) -> (Address, u16) {
    (Address::v4(octets), port)
}

const fn at_v6((octets, port): ([u8; 16], u16)) -> (Address, u16) {
    (Address::v6(octets), port)
}

fn endpoint(local: (Address, u16), remote: (Address, u16), peer: u32, next_hop: u16) -> Endpoint {
    Endpoint {
        call: CALL,
        peer,
        next_hop,
        local: local.0,
        local_port: local.1,
        remote: remote.0,
        remote_rtp_port: remote.1,
        remote_rtcp_port: remote.1 + 1,
        ns_per_tick: 125_000,
        ..Endpoint::FREE
    }
}

fn hop(ifindex: u32, device: u16) -> NextHop {
    let last = u8::try_from(ifindex).expect("a scene has two devices");
    NextHop { ifindex, mtu: 1500, device, source: station(last), destination: Some(station(last | 0x80)) }
}

/// Tables in memory.
#[derive(Debug)]
pub struct MemoryTables {
    media_addresses: Vec<MediaAddress>,
    endpoints: Vec<EndpointSlot>,
    states: Vec<EndpointState>,
    next_hops: Vec<NextHopSlot>,
    profiles: Vec<ProfileSlot>,
    rtcp_places: Vec<RtcpPlaces>,
    digits: Vec<DigitSlot>,
    steady: Vec<SteadySlot>,
    vlans: Vec<(VlanKey, u32)>,
    tags: Vec<(u32, EgressTag)>,
    /// What was told, in order.
    pub told: RefCell<Vec<DigitTold>>,
}

impl From<&Scene> for MemoryTables {
    fn from(scene: &Scene) -> Self {
        Self {
            media_addresses: scene.media_addresses.clone(),
            endpoints: (0..ENDPOINTS).map(|index| scene.slot(index)).collect(),
            states: (0..ENDPOINTS).map(|_| EndpointState::default()).collect(),
            next_hops: (0..NEXT_HOPS).map(|row| scene.next_hop_slot(row)).collect(),
            profiles: (0..PROFILES).map(|row| scene.profile_slot(row)).collect(),
            rtcp_places: (0..ENDPOINTS).map(|index| scene.rtcp_places(index)).collect(),
            digits: (0..ENDPOINTS).map(|index| scene.digit_slot(index)).collect(),
            steady: (0..ENDPOINTS).map(|index| scene.steady_slot(index)).collect(),
            vlans: scene.vlans.clone(),
            tags: scene.tags.clone(),
            told: RefCell::default(),
        }
    }
}

impl Tables for MemoryTables {
    fn media_address(&self, row: u32) -> Option<&MediaAddress> {
        self.media_addresses.get(row as usize)
    }

    fn endpoint(&self, index: u32) -> Option<&EndpointSlot> {
        self.endpoints.get(index as usize)
    }

    fn state(&self, index: u32) -> Option<&EndpointState> {
        self.states.get(index as usize)
    }

    fn next_hop(&self, row: u32) -> Option<&NextHopSlot> {
        self.next_hops.get(row as usize)
    }

    fn profile(&self, row: u32) -> Option<&ProfileSlot> {
        self.profiles.get(row as usize)
    }

    fn rtcp_places(&self, index: u32) -> Option<&RtcpPlaces> {
        self.rtcp_places.get(index as usize)
    }

    fn digits(&self, index: u32) -> Option<&DigitSlot> {
        self.digits.get(index as usize)
    }

    fn steady(&self, index: u32) -> Option<&SteadySlot> {
        self.steady.get(index as usize)
    }

    fn vlan(&self, key: VlanKey) -> Option<u32> {
        self.vlans.iter().find(|(found, _)| *found == key).map(|(_, ifindex)| *ifindex)
    }

    fn egress_tag(&self, slot: u32) -> Option<EgressTag> {
        self.tags.iter().find(|(found, _)| *found == slot).map(|(_, tag)| *tag)
    }

    fn tell(&self, told: &DigitTold) {
        self.told.borrow_mut().push(*told);
    }
}
