//! Installs, changes and removes the media of calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use edge_core::media::{Dscp, MediaEndpoint, MediaPlan, MediaReport, RemoteMedia, SourcePolicy, Traffic};
use edge_ebpf::abi::{
    DSCP_KEPT, Endpoint, FLAG_RTCP_MUX, FLAG_UDPTL, SOURCE_LATCH, SOURCE_PORT, SOURCE_STRICT, SOURCE_SUBNET,
    Torn,
};

use super::InstallError;
use super::layout::key;
use super::next_hops::NextHops;
use super::tables::SharedTables;

const NS_PER_SECOND: u32 = 1_000_000_000;

/// The writer of one shard. A shard writes only endpoints whose ports it leased.
#[derive(Clone)]
pub struct DatapathWriter {
    tables: Arc<SharedTables>,
    next_hops: Arc<NextHops>,
    /// Changes of routes that this writer's calls have followed.
    routes_followed: u64,
}

/// The installed media of one call; given back to [`DatapathWriter::remove`] when the call ends.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "media runs until it is removed"]
pub struct Installed {
    call: u32,
    a: Leg,
    b: Leg,
}

#[derive(Debug, PartialEq, Eq)]
struct Leg {
    index: u32,
    /// As it was written last.
    endpoint: MediaEndpoint,
}

impl std::fmt::Debug for DatapathWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DatapathWriter").finish_non_exhaustive()
    }
}

impl DatapathWriter {
    pub(super) fn new(tables: Arc<SharedTables>, next_hops: Arc<NextHops>) -> Self {
        let routes_followed = next_hops.route_changes();
        Self { tables, next_hops, routes_followed }
    }

    /// Whether routes may have changed since this was asked last: then every installed call wants a
    /// [`follow_routes`](Self::follow_routes).
    pub fn routes_changed(&mut self) -> bool {
        let changes = self.next_hops.route_changes();
        std::mem::replace(&mut self.routes_followed, changes) != changes
    }

    /// Sends the packets of a call by where its routes lead now. A leg whose far side has no route any more, or one
    /// that it may not take, goes on as it was.
    pub fn follow_routes(&mut self, installed: &Installed) {
        for leg in [&installed.a, &installed.b] {
            let Ok(next_hop) = self.acquire_leg(&leg.endpoint) else { continue };
            let slot = self.tables.endpoint(leg.index);
            match slot.read() {
                Ok(entry) if entry.next_hop != next_hop => {
                    slot.write(&Endpoint { next_hop, ..entry });
                    self.release([entry.next_hop, 0]);
                }
                Ok(_) | Err(Torn) => self.release([next_hop, 0]),
            }
        }
    }

    /// Lets media run between the two endpoints of a plan. When this returns, packets to both local ports have
    /// their place: SDP may name them.
    ///
    /// # Errors
    /// [`InstallError`]; then nothing of the plan is installed.
    pub fn install(&mut self, plan: &MediaPlan) -> Result<Installed, InstallError> {
        let (a, b) = (self.leg(&plan.a)?, self.leg(&plan.b)?);
        self.tables.reserve_call()?;
        let hops = self.acquire(plan).inspect_err(|_| self.tables.release_call())?;
        let installed = Installed { call: self.tables.next_call(), a, b };
        self.write(&installed, hops, [true, true]);
        Ok(installed)
    }

    /// Follows a changed plan: remote addresses, clock rates, and who may send. Packets of the call cross without
    /// loss. A leg whose far side is described anew is latched anew, the other one stays as it is.
    ///
    /// # Errors
    /// [`InstallError`]; then the call goes on as it was.
    pub fn update(&mut self, installed: &mut Installed, plan: &MediaPlan) -> Result<(), InstallError> {
        for (leg, endpoint) in [(&installed.a, &plan.a), (&installed.b, &plan.b)] {
            if leg.endpoint.local != endpoint.local {
                return Err(InstallError::Moved { local: endpoint.local });
            }
        }
        let hops = self.acquire(plan)?;
        let old = self.hops(installed);
        let moved = [(&mut installed.a, plan.a), (&mut installed.b, plan.b)].map(|(leg, endpoint)| {
            let moved = far_side(&leg.endpoint) != far_side(&endpoint);
            leg.endpoint = endpoint;
            moved
        });
        self.write(installed, hops, moved);
        self.release(old);
        Ok(())
    }

    /// Whether both far sides of a plan can be reached; changes nothing.
    ///
    /// # Errors
    /// [`InstallError`], as an update to this plan would give it.
    pub fn check(&self, plan: &MediaPlan) -> Result<(), InstallError> {
        let hops = self.acquire(plan)?;
        self.release(hops);
        Ok(())
    }

    /// Ends the media of a call, and tells what came in at its endpoints: leg A's, then leg B's.
    pub fn remove(&mut self, installed: Installed) -> [MediaReport; 2] {
        let old = self.hops(&installed);
        let Installed { call, a, b } = installed;
        for leg in [&a, &b] {
            self.tables.endpoint(leg.index).write(&Endpoint::FREE);
        }
        self.release(old);
        self.tables.release_call();
        [a, b].map(|leg| self.tables.report(leg.index, call))
    }

    /// What came in so far at the endpoints of a call: leg A's, then leg B's.
    #[must_use]
    pub fn report(&self, installed: &Installed) -> [MediaReport; 2] {
        [&installed.a, &installed.b].map(|leg| self.tables.report(leg.index, installed.call))
    }

    /// When each endpoint relayed its last packet, on `CLOCK_MONOTONIC` in nanoseconds; 0 before any: leg A's, then
    /// leg B's.
    #[must_use]
    pub fn last_seen_ns(&self, installed: &Installed) -> [u64; 2] {
        [&installed.a, &installed.b].map(|leg| self.tables.last_seen_ns(leg.index, installed.call))
    }

    /// The free endpoint of a planned leg.
    fn leg(&self, endpoint: &MediaEndpoint) -> Result<Leg, InstallError> {
        let local = endpoint.local;
        let index = self.tables.layout().endpoint(local).ok_or(InstallError::NotMedia { local })?;
        match self.tables.endpoint(index).call() {
            0 => Ok(Leg { index, endpoint: *endpoint }),
            call => Err(InstallError::InUse { local, call }),
        }
    }

    /// `moved` says which legs' far sides are described anew.
    fn write(&self, installed: &Installed, hops: [u32; 2], moved: [bool; 2]) {
        let Installed { call, a, b } = installed;
        for (leg, peer, next_hop, moved) in [(a, b, hops[0], moved[0]), (b, a, hops[1], moved[1])] {
            let slot = self.tables.endpoint(leg.index);
            let kept = slot.read().ok().filter(|_| !moved).map(|former| former.generation);
            let generation = kept.unwrap_or_else(|| slot.next_generation());
            slot.write(&Endpoint {
                call: *call,
                peer: peer.index,
                next_hop,
                generation,
                ..entry(&leg.endpoint)
            });
        }
    }

    /// Next hops of both legs, counted; 0 for a leg without a remote address.
    fn acquire(&self, plan: &MediaPlan) -> Result<[u32; 2], InstallError> {
        let a = self.acquire_leg(&plan.a)?;
        match self.acquire_leg(&plan.b) {
            Ok(b) => Ok([a, b]),
            Err(error) => {
                self.release([a, 0]);
                Err(error)
            }
        }
    }

    fn acquire_leg(&self, endpoint: &MediaEndpoint) -> Result<u32, InstallError> {
        match endpoint.remote {
            Some(remote) => {
                self.next_hops.acquire(far_address(&remote, endpoint.source_policy), endpoint.local.ip())
            }
            None => Ok(0),
        }
    }

    fn release(&self, hops: [u32; 2]) {
        for hop in hops.into_iter().filter(|hop| *hop != 0) {
            self.next_hops.release(hop);
        }
    }

    /// The next hops that the entries of a call name. This writer wrote them, so the read cannot be torn.
    fn hops(&self, installed: &Installed) -> [u32; 2] {
        [&installed.a, &installed.b]
            .map(|leg| self.tables.endpoint(leg.index).read().map_or(0, |endpoint| endpoint.next_hop))
    }
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

const fn flags(traffic: Traffic) -> u8 {
    match traffic {
        Traffic::Rtp => 0,
        Traffic::RtpMuxed => FLAG_RTCP_MUX,
        Traffic::Udptl => FLAG_UDPTL,
    }
}

/// The part of an entry that its own leg decides.
fn entry(endpoint: &MediaEndpoint) -> Endpoint {
    let MediaEndpoint { local, remote, source_policy, traffic, dscp, clock_rate } = *endpoint;
    let (policy, source_prefix) = policy_and_prefix(source_policy, local.ip());
    let described = Endpoint {
        local: key(local.ip()),
        local_port: local.port(),
        source_policy: policy,
        source_prefix,
        dscp: dscp.map_or(DSCP_KEPT, Dscp::number),
        flags: flags(traffic),
        // Rounded: at 48 kHz a tick is 20,833.3 ns, which makes jitter wrong by 0.3 us a packet.
        ns_per_tick: (NS_PER_SECOND + clock_rate / 2).checked_div(clock_rate).unwrap_or(0),
        ..Endpoint::FREE
    };
    let Some(remote) = remote else { return described };
    let far = far_address(&remote, source_policy);
    // One remote address per entry: RTCP to another host (RFC 3605 allows it) is not relayed, and the ports that an
    // SDP names behind a NAT mean nothing at the NAT's address.
    let port = |named: SocketAddr| if named.ip() == far { named.port() } else { 0 };
    Endpoint {
        remote: key(far),
        remote_rtp_port: port(remote.rtp),
        remote_rtcp_port: if traffic == Traffic::Udptl { 0 } else { port(remote.rtcp) },
        ..described
    }
}
