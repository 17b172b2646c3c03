//! The maps of [`edge_ebpf::abi`]. Their sizes here are the smallest; userspace sets the real ones at load.

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray, RingBuf};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::DevMap;
use edge_ebpf::abi::{
    COUNTERS_MAX, DEVICES_MAX, DIGITS_TOLD_BYTES, DigitSlot, DigitTold, EndpointSlot, EndpointState,
    MEDIA_ADDRESS_ROWS, MediaAddress, Meta, NEXT_HOPS_MAX, NextHopSlot, PROFILES_MAX, ProfileSlot,
    RtcpPlaces, SteadySlot, VlanKey, Word,
};
use edge_ebpf::tables::Tables;
use edge_ebpf::verdict::{DIGITS_LOST, Verdict};

const SHARED: usize = BPF_F_MMAPABLE as usize;

#[btf_map]
pub(crate) static META: Array<Meta, 1, SHARED> = Array::new();
#[btf_map]
pub(crate) static MEDIA_ADDRESSES: Array<MediaAddress, { MEDIA_ADDRESS_ROWS as usize }> = Array::new();
#[btf_map]
pub(crate) static ENDPOINTS: Array<EndpointSlot, 1, SHARED> = Array::new();
#[btf_map]
pub(crate) static STATES: Array<EndpointState, 1, SHARED> = Array::new();
#[btf_map]
pub(crate) static NEXT_HOPS: Array<NextHopSlot, { NEXT_HOPS_MAX as usize }, SHARED> = Array::new();
#[btf_map]
pub(crate) static PROFILES: Array<ProfileSlot, { PROFILES_MAX as usize }, SHARED> = Array::new();
#[btf_map]
pub(crate) static RTCP_PLACES: Array<RtcpPlaces, 1, SHARED> = Array::new();
#[btf_map]
pub(crate) static DIGITS: Array<DigitSlot, 1, SHARED> = Array::new();
#[btf_map]
pub(crate) static STEADY: Array<SteadySlot, 1, SHARED> = Array::new();
#[btf_map]
pub(crate) static DIGITS_TOLD: RingBuf<DigitTold, { DIGITS_TOLD_BYTES as usize }> = RingBuf::new();
#[btf_map]
pub(crate) static VLANS: HashMap<VlanKey, u32, { DEVICES_MAX as usize }> = HashMap::new();
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<Word, { COUNTERS_MAX as usize }> = PerCpuArray::new();
#[map]
pub(crate) static DEVICES: DevMap = DevMap::with_max_entries(DEVICES_MAX, 0);

/// The maps as tables.
pub(crate) struct Maps;

impl Tables for Maps {
    #[inline(always)]
    fn media_address(&self, row: u32) -> Option<&MediaAddress> {
        MEDIA_ADDRESSES.get(row)
    }

    #[inline(always)]
    fn endpoint(&self, index: u32) -> Option<&EndpointSlot> {
        ENDPOINTS.get(index)
    }

    #[inline(always)]
    fn state(&self, index: u32) -> Option<&EndpointState> {
        STATES.get(index)
    }

    #[inline(always)]
    fn next_hop(&self, row: u32) -> Option<&NextHopSlot> {
        NEXT_HOPS.get(row)
    }

    #[inline(always)]
    fn profile(&self, row: u32) -> Option<&ProfileSlot> {
        PROFILES.get(row)
    }

    #[inline(always)]
    fn rtcp_places(&self, index: u32) -> Option<&RtcpPlaces> {
        RTCP_PLACES.get(index)
    }

    #[inline(always)]
    fn digits(&self, index: u32) -> Option<&DigitSlot> {
        DIGITS.get(index)
    }

    #[inline(always)]
    fn steady(&self, index: u32) -> Option<&SteadySlot> {
        STEADY.get(index)
    }

    #[inline(always)]
    fn vlan(&self, key: VlanKey) -> Option<u32> {
        // SAFETY: the map is filled before the program is attached, and not changed after that.
        unsafe { VLANS.get(&key) }.copied()
    }

    #[inline(always)]
    fn tell(&self, told: &DigitTold) {
        if DIGITS_TOLD.output(*told, 0).is_err() {
            count_at(DIGITS_LOST);
        }
    }
}

/// Counts a verdict on this CPU.
#[inline(always)]
pub(crate) fn count(verdict: Verdict) {
    count_at(verdict.counter());
}

/// Counts at this slot on this CPU.
#[inline(always)]
pub(crate) fn count_at(slot: u32) {
    if let Some(counter) = COUNTERS.get(slot) {
        counter.add(1);
    }
}
