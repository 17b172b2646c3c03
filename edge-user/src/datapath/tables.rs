//! The maps that change while packets run, in memory shared with the kernel; or with the userspace relay.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use edge_core::media::{MediaReport, Offender, Rated, Reported, RtpQuality};
use edge_ebpf::abi::{
    ABI_VERSION, DIGITS, DigitSlot, DigitTold, ENDPOINTS, Endpoint, EndpointSlot, EndpointState,
    FLAG_RTCP_APART, FLAG_RTCP_SECOND, META, MediaAddress, Meta, NEXT_HOPS, NEXT_HOPS_MAX, NextHopSlot,
    PROFILES, PROFILES_MAX, ProfileSlot, Quality, RTCP_PLACES, ReceptionReport, RtcpPlace, RtcpPlaces,
    STATES, STEADY, SteadySlot,
};
use edge_ebpf::tables::Tables;
use edge_ebpf::verdict::DropReason;
use edge_ebpf::wire::Stream;

use super::digits::DigitQueue;
use super::layout::{Layout, address};
use super::pins::Pins;
use super::relay::{Doors, TableFiles};
use super::sys::{Mapping, Shared};
use super::{ClosedPorts, DatapathError, InstallError};

/// The tables of one datapath, for all its writers.
#[derive(Debug)]
pub(super) struct SharedTables {
    layout: Layout,
    meta: Mapping<Meta>,
    endpoints: Mapping<EndpointSlot>,
    states: Mapping<EndpointState>,
    next_hops: Mapping<NextHopSlot>,
    profiles: Mapping<ProfileSlot>,
    rtcp_places: Mapping<RtcpPlaces>,
    digits: Mapping<DigitSlot>,
    steady: Mapping<SteadySlot>,
    flows_max: u32,
    flows: AtomicU32,
    doors: Option<Doors>,
    pub(super) closed_ports: ClosedPorts,
    /// Where the userspace relay tells of digits.
    digit_queue: DigitQueue,
}

/// Where the tables are.
pub(super) enum Home<'a> {
    /// In the kernel.
    Kernel(&'a Pins),
    /// In files, for the userspace relay, with the doors at its ports.
    Files(&'a TableFiles, Doors),
}

impl SharedTables {
    /// Maps the tables, and declares them to be of this ABI version.
    pub(super) fn open(home: Home<'_>, layout: Layout, flows_max: u32) -> Result<Self, DatapathError> {
        let endpoints = layout.endpoints();
        let tables = Self {
            meta: home.map(META, 1)?,
            endpoints: home.map(ENDPOINTS, endpoints)?,
            states: home.map(STATES, endpoints)?,
            next_hops: home.map(NEXT_HOPS, NEXT_HOPS_MAX.into())?,
            profiles: home.map(PROFILES, PROFILES_MAX.into())?,
            rtcp_places: home.map(RTCP_PLACES, endpoints)?,
            digits: home.map(DIGITS, endpoints)?,
            steady: home.map(STEADY, endpoints)?,
            layout,
            flows_max,
            flows: AtomicU32::new(0),
            doors: home.doors(),
            closed_ports: ClosedPorts::Drop,
            digit_queue: DigitQueue::default(),
        };
        tables.meta[0].abi_version.store(u64::from(ABI_VERSION));
        Ok(tables)
    }

    /// The endpoints that are installed, and the rows of next hops that they name.
    pub(super) fn in_use(&self) -> (Vec<u32>, HashSet<u16>) {
        let used = (0..).zip(self.endpoints.iter()).filter(|(_, slot)| slot.call() != 0);
        let used: Vec<u32> = used.map(|(index, _)| index).collect();
        let hops = |index: &u32| {
            let entry = self.endpoint(*index).read().ok();
            let rtcp = entry.and_then(|entry| self.rtcp_place(*index, &entry)).map(|place| place.next_hop);
            [entry.map(|entry| entry.next_hop), rtcp]
        };
        let rows =
            used.iter().flat_map(hops).flatten().filter(|row| (1..NEXT_HOPS_MAX).contains(row)).collect();
        (used, rows)
    }

    /// Rows of the profiles that endpoints in use name.
    pub(super) fn profiles_in_use(&self) -> HashSet<u16> {
        let used = self.endpoints.iter().filter(|slot| slot.call() != 0);
        used.filter_map(|slot| slot.read().ok())
            .map(|endpoint| endpoint.profile)
            .filter(|row| *row != 0)
            .collect()
    }

    /// Frees every endpoint that is not among `kept`; returns how many there were.
    pub(super) fn remove_others(&self, kept: &HashSet<u32>) -> u32 {
        let mut removed = 0;
        for index in self.in_use().0.into_iter().filter(|index| !kept.contains(index)) {
            self.free(index);
            removed += 1;
        }
        removed
    }

    pub(super) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The slot at an index of [`Layout::endpoint`].
    pub(super) fn endpoint(&self, index: u32) -> &EndpointSlot {
        &self.endpoints[index as usize]
    }

    /// The stream that leaves by the endpoint at this index, where it is one of ours.
    pub(super) fn stream(&self, index: u32) -> &SteadySlot {
        &self.steady[index as usize]
    }

    /// Where an endpoint with this entry has its RTCP, if that is at an address of its own.
    pub(super) fn rtcp_place(&self, index: u32, entry: &Endpoint) -> Option<RtcpPlace> {
        entry.rtcp_apart().map(|second| self.rtcp_places[index as usize].read(second))
    }

    /// Writes an entry whose RTCP is at a place of its own: first that, where no packet looks yet.
    pub(super) fn write_apart(&self, index: u32, entry: &Endpoint, place: &RtcpPlace) {
        let slot = self.endpoint(index);
        let second = slot.read().ok().and_then(|former| former.rtcp_apart()) == Some(false);
        self.rtcp_places[index as usize].write(second, place);
        let which = if second { FLAG_RTCP_SECOND } else { 0 };
        let flags = entry.flags & !FLAG_RTCP_SECOND | FLAG_RTCP_APART | which;
        slot.write(&Endpoint { flags, ..*entry });
    }

    /// Keeps the host's own stack from answering at the ports of an endpoint, where it sees their packets.
    pub(super) fn hold_ports(&self, index: u32, local: SocketAddr) {
        if let Some(doors) = &self.doors {
            doors.hold(index, local);
        }
    }

    /// Gives the ports of an endpoint back.
    pub(super) fn release_ports(&self, index: u32) {
        if let Some(doors) = &self.doors {
            doors.release(index);
        }
    }

    /// A row of the next hops, below [`NEXT_HOPS_MAX`].
    pub(super) fn next_hop(&self, row: u16) -> &NextHopSlot {
        &self.next_hops[usize::from(row)]
    }

    /// A row of the profiles, below [`PROFILES_MAX`].
    pub(super) fn profile(&self, row: u16) -> &ProfileSlot {
        &self.profiles[usize::from(row)]
    }

    /// Where the userspace relay tells of digits.
    pub(super) const fn digit_queue(&self) -> &DigitQueue {
        &self.digit_queue
    }

    /// Digits of the endpoint at an index of [`Layout::endpoint`].
    pub(super) fn digits(&self, index: u32) -> &DigitSlot {
        &self.digits[index as usize]
    }

    /// A number that no call before it had; never 0.
    pub(super) fn next_call(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the number wraps after 2^32 calls")]
        let number = self.meta[0].last_call.next() as u32;
        if number == 0 { self.next_call() } else { number }
    }

    /// What came in at an endpoint while `call` owned it. `sent_rate` is the clock rate of what its far side is sent.
    pub(super) fn report(&self, index: u32, call: u32, sent_rate: u32) -> MediaReport {
        let state = &self.states[index as usize];
        if state.call() != call {
            return MediaReport::default();
        }
        let drops = DropReason::ALL.iter().map(|reason| (reason.name(), u64::from(state.drops(*reason))));
        let let_pass = [
            (DropReason::PayloadType.name(), state.foreign_types().into()),
            (DropReason::OverRate.name(), state.excess().into()),
        ];
        let let_pass = let_pass.into_iter();
        MediaReport {
            packets: state.rtp_packets() + state.rtcp_packets(),
            bytes: state.rtp_bytes() + state.rtcp_bytes(),
            rtp: rtp_quality(state),
            drops: drops.filter(|(_, packets)| *packets > 0).collect(),
            let_pass: let_pass.filter(|(_, packets)| *packets > 0).collect(),
            offender: offender(state),
            reported: reported(state, sent_rate),
        }
    }

    /// When an endpoint relayed its last packet for `call`; 0 when it has relayed none.
    pub(super) fn last_seen_ns(&self, index: u32, call: u32) -> u64 {
        let state = &self.states[index as usize];
        if state.call() == call { state.last_seen_ns() } else { 0 }
    }

    /// When an endpoint relayed its last RTP or UDPTL for `call`, and its last RTCP; 0 when it has relayed none.
    pub(super) fn last_heard_ns(&self, index: u32, call: u32) -> [u64; 2] {
        let state = &self.states[index as usize];
        if state.call() == call { [state.last_media_ns(), state.last_control_ns()] } else { [0; 2] }
    }

    /// Where the far side of an endpoint was found to send RTP from, while `call` owns it.
    pub(super) fn latched(&self, index: u32, call: u32) -> Option<SocketAddr> {
        let entry = self.endpoint(index).read().ok().filter(|entry| entry.call == call)?;
        let latch = self.states[index as usize].latch(Stream::Rtp, call, entry.generation)?;
        Some(SocketAddr::new(address(entry.remote.with_tail(latch.tail)), latch.port))
    }

    /// Counts two more endpoints for each of these streams against the limit.
    pub(super) fn reserve_streams(&self, streams: usize) -> Result<(), InstallError> {
        let more = endpoints(streams);
        let fits = |flows: u32| flows.checked_add(more).filter(|flows| *flows <= self.flows_max);
        match self.flows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => Err(InstallError::Full { flows_max: self.flows_max }),
        }
    }

    /// Gives back what [`reserve_streams`](Self::reserve_streams) took.
    pub(super) fn release_streams(&self, streams: usize) {
        self.flows.fetch_sub(endpoints(streams), Ordering::Relaxed);
    }

    pub(super) fn endpoints_installed(&self) -> u32 {
        self.flows.load(Ordering::Relaxed)
    }
}

/// How well RTP came in.
fn rtp_quality(state: &EndpointState) -> RtpQuality {
    let Quality { lost, loss_runs, too_late, duplicated, reordered, bursts, largest_gap_ns, spacing } =
        state.quality();
    RtpQuality {
        packets: state.rtp_packets(),
        lost: lost.into(),
        too_late: too_late.into(),
        loss_runs: loss_runs.into(),
        duplicated: duplicated.into(),
        reordered: reordered.into(),
        bursts: bursts.count.into(),
        burst_packets: bursts.packets.into(),
        burst_lost: bursts.lost.into(),
        jitter_us: state.jitter_ns() / 1000,
        largest_gap_us: largest_gap_ns / 1000,
        spacing: spacing.map(u64::from),
    }
}

/// What the far side has reported.
fn reported(state: &EndpointState, sent_rate: u32) -> Reported {
    let ReceptionReport { reports, lost, fraction_lost, jitter_ticks, round_trip, rated } =
        state.reception_report();
    let [mos_listening, mos_conversational] = rated.mos;
    let (ticks, rate) = (u64::from(jitter_ticks) * 1_000_000, u64::from(sent_rate));
    Reported {
        reports: reports.into(),
        lost: lost.into(),
        fraction_lost,
        jitter_us: ticks.checked_div(rate).unwrap_or(0),
        round_trip_us: round_trip.map(|units| (u64::from(units) * 1_000_000) >> 16),
        rated: Rated {
            r_factor: rated.r_factor,
            mos_listening,
            mos_conversational,
            discarded: rated.discarded,
        },
    }
}

/// Whose packet was dropped last.
fn offender(state: &EndpointState) -> Option<Offender> {
    let found = state.offender()?;
    let source = SocketAddr::new(address(found.address), found.port);
    let (reason, payload_type) = (found.drop_reason()?.name(), found.payload_type);
    Some(Offender { source, reason, payload_type })
}

const ENDPOINTS_PER_STREAM: u32 = 2;

fn endpoints(streams: usize) -> u32 {
    u32::try_from(streams).map_or(u32::MAX, |streams| streams.saturating_mul(ENDPOINTS_PER_STREAM))
}

impl Home<'_> {
    fn map<T: Shared>(&self, map: &'static str, entries: u32) -> Result<Mapping<T>, DatapathError> {
        match self {
            Self::Kernel(pins) => {
                let data = pins.open_map(map)?;
                Mapping::new(data.fd(), entries).map_err(|source| DatapathError::Mapping { map, source })
            }
            Self::Files(files, _) => files.map(map, entries),
        }
    }

    /// Where XDP takes the packets nobody else sees them.
    fn doors(self) -> Option<Doors> {
        match self {
            Self::Kernel(_) => None,
            Self::Files(_, doors) => Some(doors),
        }
    }
}

/// What the userspace relay looks things up in.
impl Tables for SharedTables {
    fn media_address(&self, row: u32) -> Option<&MediaAddress> {
        self.layout.rows().get(row as usize)
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

    fn tell(&self, told: &DigitTold) {
        self.digit_queue.tell(told);
    }
}
