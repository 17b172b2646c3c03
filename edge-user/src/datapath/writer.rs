//! Installs, changes and removes the media of calls.

mod adoption;
mod apart;
mod flows;
mod routes;
mod steady;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge_core::media::{
    Dscp, Encryption, LastHeard, MediaEndpoint, MediaPlan, MediaReport, RemoteMedia, SourcePolicy, Traffic,
};
use edge_ebpf::abi::{
    DSCP_KEPT, Endpoint, FLAG_DTLS, FLAG_ENCRYPTED, FLAG_RTCP_MUX, FLAG_STEADY, FLAG_STUN, FLAG_UDPTL,
    RtcpPlace, SOURCE_LATCH, SOURCE_PORT, SOURCE_STRICT, SOURCE_SUBNET, Torn,
};

pub use flows::SeenFlow;

use super::InstallError;
use super::layout::key;
use super::next_hops::NextHops;
use super::profiles::Profiles;
use super::tables::SharedTables;

const NS_PER_SECOND: u32 = 1_000_000_000;

/// The writer of one shard. A shard writes only endpoints whose ports it leased.
#[derive(Clone)]
pub struct DatapathWriter {
    tables: Arc<SharedTables>,
    next_hops: Arc<NextHops>,
    profiles: Arc<Profiles>,
    /// Changes of routes that this writer's calls have followed.
    routes_followed: u64,
}

/// The installed media of one call; given back to [`DatapathWriter::remove`] when the call ends.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "media runs until it is removed"]
pub struct Installed {
    call: u32,
    /// In the order of the plan; leg A's endpoint first.
    streams: Vec<[Leg; 2]>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) index: u32,
    /// As it was written last.
    pub(super) endpoint: MediaEndpoint,
    /// Timestamp of the digit that was heard last.
    pub(super) heard: Option<u32>,
}

impl std::fmt::Debug for DatapathWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DatapathWriter").finish_non_exhaustive()
    }
}

impl DatapathWriter {
    pub(super) fn new(tables: Arc<SharedTables>, next_hops: Arc<NextHops>, profiles: Arc<Profiles>) -> Self {
        let routes_followed = next_hops.route_changes();
        Self { tables, next_hops, profiles, routes_followed }
    }

    pub(super) fn tables(&self) -> &SharedTables {
        &self.tables
    }

    /// Lets media run between the endpoints of a plan. When this returns, packets to all local ports have their
    /// place: SDP may name them.
    ///
    /// # Errors
    /// [`InstallError`]; then nothing of the plan is installed.
    pub fn install(&mut self, plan: &MediaPlan) -> Result<Installed, InstallError> {
        let mut installed = Installed { call: self.tables.next_call(), streams: Vec::with_capacity(1) };
        self.update(&mut installed, plan)?;
        Ok(installed)
    }

    /// Follows a changed plan: streams that it has more, remote addresses, clock rates, and who may send. Packets of the
    /// call cross without loss. A leg whose far side is described anew is latched anew, the other one stays as it is.
    ///
    /// # Errors
    /// [`InstallError`]; then the call goes on as it was.
    pub fn update(&mut self, installed: &mut Installed, plan: &MediaPlan) -> Result<(), InstallError> {
        let fresh = self.fresh(installed, plan)?;
        let rows = self.acquire(plan)?;
        self.tables.reserve_streams(fresh.len()).inspect_err(|_full| self.release(&rows))?;
        let (old, known) = (self.rows(installed), installed.streams.len());
        installed.streams.extend(fresh);
        let pairs = installed.streams.iter_mut().zip(&plan.streams).zip(rows);
        for (index, ((legs, stream), rows)) in pairs.enumerate() {
            let mut moved = [index >= known; 2];
            for ((leg, endpoint), moved) in legs.iter_mut().zip([&stream.a, &stream.b]).zip(&mut moved) {
                *moved |= far_side(&leg.endpoint) != far_side(endpoint);
                leg.endpoint.clone_from(endpoint);
            }
            self.write(installed.call, legs, rows, moved);
        }
        self.release(&old);
        Ok(())
    }

    /// Whether all far sides of a plan can be reached; changes nothing.
    ///
    /// # Errors
    /// [`InstallError`], as an update to this plan would give it.
    pub fn check(&self, plan: &MediaPlan) -> Result<(), InstallError> {
        let rows = self.acquire(plan)?;
        self.release(&rows);
        Ok(())
    }

    /// Ends the media of a call, and tells what came in at its endpoints: leg A's, then leg B's.
    pub fn remove(&mut self, installed: Installed) -> [MediaReport; 2] {
        let old = self.rows(&installed);
        for leg in installed.streams.iter().flatten() {
            self.tables.free(leg.index);
            self.tables.release_ports(leg.index);
        }
        self.release(&old);
        self.tables.release_streams(installed.streams.len());
        self.report(&installed)
    }

    /// What came in so far at the endpoints of a call: leg A's, then leg B's.
    #[must_use]
    pub fn report(&self, installed: &Installed) -> [MediaReport; 2] {
        let mut reports = [MediaReport::default(), MediaReport::default()];
        for legs in &installed.streams {
            let [a, b] = legs;
            for (report, leg, other) in [(0, a, b), (1, b, a)] {
                let sent_rate = other.endpoint.clock_rate;
                reports[report].add(self.tables.report(leg.index, installed.call, sent_rate));
            }
        }
        reports
    }

    /// When each side last sent something that was relayed, on `CLOCK_MONOTONIC` in nanoseconds; 0 before any: leg A's,
    /// then leg B's.
    #[must_use]
    pub fn last_seen_ns(&self, installed: &Installed) -> [u64; 2] {
        let mut last = [0; 2];
        for legs in &installed.streams {
            for (last, leg) in last.iter_mut().zip(legs) {
                *last = (*last).max(self.tables.last_seen_ns(leg.index, installed.call));
            }
        }
        last
    }

    /// How long ago each side was heard, at `now_ns` on `CLOCK_MONOTONIC`: leg A's, then leg B's. Reads one or two cache lines a leg.
    #[must_use]
    pub fn last_heard(&self, installed: &Installed, now_ns: u64) -> [LastHeard; 2] {
        let mut last = [[0; 2]; 2];
        for legs in &installed.streams {
            for (last, leg) in last.iter_mut().zip(legs) {
                let [media, control] = self.tables.last_heard_ns(leg.index, installed.call);
                *last = [last[0].max(media), last[1].max(control)];
            }
        }
        let ago = |ns: u64| (ns != 0).then(|| Duration::from_nanos(now_ns.saturating_sub(ns)));
        last.map(|[media, control]| LastHeard { media: ago(media), control: ago(control) })
    }

    /// The endpoints of the streams that a plan has more than what is installed; the others have to be where they are.
    fn fresh(&self, installed: &Installed, plan: &MediaPlan) -> Result<Vec<[Leg; 2]>, InstallError> {
        for (index, legs) in installed.streams.iter().enumerate() {
            let planned = plan.streams.get(index).map(|stream| [stream.a.local, stream.b.local]);
            let [a, b] = [&legs[0], &legs[1]].map(|leg| leg.endpoint.local);
            if planned != Some([a, b]) {
                return Err(InstallError::Moved { local: planned.map_or(a, |[planned, _]| planned) });
            }
        }
        let more = plan.streams.iter().skip(installed.streams.len());
        more.map(|stream| Ok([self.leg(&stream.a)?, self.leg(&stream.b)?])).collect()
    }

    /// The free endpoint of a planned leg.
    fn leg(&self, endpoint: &MediaEndpoint) -> Result<Leg, InstallError> {
        let local = endpoint.local;
        let index = self.tables.layout().endpoint(local).ok_or(InstallError::NotMedia { local })?;
        match self.tables.endpoint(index).call() {
            0 => Ok(Leg { index, endpoint: endpoint.clone(), heard: None }),
            call => Err(InstallError::InUse { local, call }),
        }
    }

    /// `moved` says which legs' far sides are described anew.
    fn write(&self, call: u32, [a, b]: &[Leg; 2], rows: [Rows; 2], moved: [bool; 2]) {
        for (leg, peer, rows, moved) in [(a, b, rows[0], moved[0]), (b, a, rows[1], moved[1])] {
            let slot = self.tables.endpoint(leg.index);
            let kept = slot.read().ok().filter(|_| !moved).map(|former| former.generation);
            let generation = kept.unwrap_or_else(|| slot.next_generation());
            let Rows { next_hop, rtcp_hop, profile } = rows;
            let peer = peer.index;
            self.describe_stream(call, leg);
            let entry = Endpoint { call, peer, next_hop, profile, generation, ..entry(&leg.endpoint) };
            match apart::rtcp_address(&leg.endpoint) {
                Some(address) => {
                    let place = RtcpPlace { remote: key(address), next_hop: rtcp_hop };
                    self.tables.write_apart(leg.index, &entry, &place);
                }
                None => slot.write(&entry),
            }
            self.tables.hold_ports(leg.index, leg.endpoint.local);
        }
    }

    /// The rows of both legs of each stream, counted.
    fn acquire(&self, plan: &MediaPlan) -> Result<Vec<[Rows; 2]>, InstallError> {
        let mut rows = vec![[Rows::default(); 2]; plan.streams.len()];
        for (index, stream) in plan.streams.iter().enumerate() {
            for (leg, endpoint) in [&stream.a, &stream.b].into_iter().enumerate() {
                let hop = self.acquire_next_hop(endpoint);
                rows[index][leg].next_hop = hop.inspect_err(|_| self.release(&rows))?;
                rows[index][leg].rtcp_hop = self.acquire_rtcp_hop(endpoint, 0);
                let profile = self.acquire_profile(endpoint);
                rows[index][leg].profile = profile.inspect_err(|_| self.release(&rows))?;
            }
        }
        Ok(rows)
    }

    /// 0 for a leg without a remote address.
    fn acquire_next_hop(&self, endpoint: &MediaEndpoint) -> Result<u16, InstallError> {
        match endpoint.remote {
            Some(remote) => {
                self.next_hops.acquire(far_address(&remote, endpoint.source_policy), endpoint.local.ip())
            }
            None => Ok(0),
        }
    }

    /// 0 for a leg that may send anything.
    fn acquire_profile(&self, endpoint: &MediaEndpoint) -> Result<u16, InstallError> {
        endpoint.sends.as_ref().map_or(Ok(0), |sends| self.profiles.acquire(sends))
    }

    fn release(&self, rows: &[[Rows; 2]]) {
        for Rows { next_hop, rtcp_hop, profile } in rows.iter().flatten() {
            self.release_next_hop(*next_hop);
            self.release_next_hop(*rtcp_hop);
            if *profile != 0 {
                self.profiles.release(*profile);
            }
        }
    }

    fn release_next_hop(&self, next_hop: u16) {
        if next_hop != 0 {
            self.next_hops.release(next_hop);
        }
    }

    /// The rows that the entries of a call name. This writer wrote them, so the read cannot be torn.
    fn rows(&self, installed: &Installed) -> Vec<[Rows; 2]> {
        let rows = |leg: &Leg| match self.tables.endpoint(leg.index).read() {
            Ok(entry) => {
                let Endpoint { next_hop, profile, .. } = entry;
                Rows { next_hop, rtcp_hop: self.rtcp_hop(leg.index, &entry), profile }
            }
            Err(Torn) => Rows::default(),
        };
        installed.streams.iter().map(|[a, b]| [rows(a), rows(b)]).collect()
    }
}

/// What an entry names of the tables that entries share; 0 is none.
#[derive(Debug, Clone, Copy, Default)]
struct Rows {
    next_hop: u16,
    /// That of RTCP, where it is at an address of its own.
    rtcp_hop: u16,
    profile: u16,
}

/// What a latch belongs to.
const fn far_side(endpoint: &MediaEndpoint) -> (Option<RemoteMedia>, SourcePolicy, Traffic) {
    (endpoint.remote, endpoint.source_policy, endpoint.traffic)
}

/// The address that a leg's packets come from and go to: what signalling named, or where it came from itself.
const fn far_address(remote: &RemoteMedia, policy: SourcePolicy) -> IpAddr {
    match policy {
        SourcePolicy::Latch { from: Some(address) } => address,
        SourcePolicy::Latch { from: None }
        | SourcePolicy::Strict
        | SourcePolicy::Port
        | SourcePolicy::Subnet { .. } => remote.rtp.ip(),
    }
}

/// All bits of an address: of an IPv4 address, too, as it is mapped.
const WHOLE: u8 = 128;
/// Bits of an IPv4 address.
const WHOLE_V4: u8 = 32;

/// The kernel's number for a policy, and its prefix in bits of a mapped address. A latch takes a whole address, because
/// the next hop of the entry is that of one address.
const fn policy_and_prefix(policy: SourcePolicy, local: IpAddr) -> (u8, u8) {
    match policy {
        SourcePolicy::Strict => (SOURCE_STRICT, WHOLE),
        SourcePolicy::Port => (SOURCE_PORT, WHOLE),
        SourcePolicy::Subnet { prefix_len } => (SOURCE_SUBNET, subnet(prefix_len, local)),
        SourcePolicy::Latch { .. } => (SOURCE_LATCH, WHOLE),
    }
}

/// A prefix of up to 32 bits is one of IPv4, a longer one is one of IPv6; in the other family the whole address counts.
const fn subnet(prefix_len: u8, local: IpAddr) -> u8 {
    match local {
        IpAddr::V4(_) if prefix_len <= WHOLE_V4 => WHOLE - WHOLE_V4 + prefix_len,
        IpAddr::V6(_) if prefix_len > WHOLE_V4 => prefix_len,
        IpAddr::V4(_) | IpAddr::V6(_) => WHOLE,
    }
}

const fn flags(endpoint: &MediaEndpoint) -> u8 {
    let MediaEndpoint { traffic, stun, steady, encryption, .. } = endpoint;
    let beside = if *stun { FLAG_STUN } else { 0 }
        | if steady.is_some() { FLAG_STEADY } else { 0 }
        | match encryption {
            Encryption::Handshake => FLAG_DTLS | FLAG_ENCRYPTED,
            Encryption::Described => FLAG_ENCRYPTED,
            Encryption::Clear => 0,
        };
    match traffic {
        Traffic::Rtp => beside,
        Traffic::RtpMuxed => FLAG_RTCP_MUX | beside,
        Traffic::Udptl => FLAG_UDPTL,
    }
}

/// The part of an entry that its own leg decides.
fn entry(endpoint: &MediaEndpoint) -> Endpoint {
    let MediaEndpoint { local, remote, source_policy, traffic, dscp, clock_rate, .. } = *endpoint;
    let (policy, source_prefix) = policy_and_prefix(source_policy, local.ip());
    let described = Endpoint {
        local: key(local.ip()),
        local_port: local.port(),
        source_policy: policy,
        source_prefix,
        dscp: dscp.map_or(DSCP_KEPT, Dscp::number),
        flags: flags(endpoint),
        // Rounded: at 48 kHz a tick is 20,833.3 ns, which makes jitter wrong by 0.3 us a packet.
        ns_per_tick: (NS_PER_SECOND + clock_rate / 2).checked_div(clock_rate).unwrap_or(0),
        ..Endpoint::FREE
    };
    let Some(remote) = remote else { return described };
    let far = far_address(&remote, source_policy);
    // The ports that an SDP names behind a NAT mean nothing at the NAT's address.
    let port = |named: SocketAddr| if named.ip() == far { named.port() } else { 0 };
    let rtcp_port = match traffic {
        Traffic::Udptl => 0,
        Traffic::Rtp if apart::rtcp_address(endpoint).is_some() => remote.rtcp.port(),
        Traffic::Rtp | Traffic::RtpMuxed => port(remote.rtcp),
    };
    Endpoint { remote: key(far), remote_rtp_port: port(remote.rtp), remote_rtcp_port: rtcp_port, ..described }
}
