//! The table of next hops: one row for each neighbour that media leaves to, shared by all writers.
//!
//! A row belongs to its neighbour while any endpoint names it. After that it rests for at least one refresh before
//! another neighbour gets it, so that no packet in flight can meet a row that changed its meaning.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use edge_core::policy::Realm;
use edge_ebpf::abi::{NEXT_HOPS_MAX, NextHop};
use tokio::sync::Notify;

use super::netlink::{Device, Netlink, RouteHop};
use super::tables::SharedTables;
use super::watch::Watch;
use super::{DatapathError, InstallError};

/// Routes are asked for once a refresh; more than these are asked for each time.
const ROUTES_MAX: usize = 4096;

/// The table with the socket that fills it.
pub(super) struct NextHops {
    tables: Arc<SharedTables>,
    /// The device of each media address: media of a realm leaves by its device only, so that no peer can have it
    /// sent into another network.
    owners: HashMap<IpAddr, u32>,
    state: Mutex<State>,
    refresher: Mutex<Refresher>,
    /// Times that routes may have changed: calls look where theirs lead when it rises.
    route_changes: AtomicU64,
    /// Told when a neighbour is to be looked for again.
    wanted: Arc<Notify>,
}

/// What asks the kernel while calls go on.
struct Refresher {
    netlink: Netlink,
    watch: Watch,
    /// Whether routes were already said to have changed since the last refresh. A router with a full table changes all
    /// the time, and its calls need not look more often.
    followed: bool,
}

struct State {
    netlink: Netlink,
    /// The devices with the program; the devmap slot of each is its place here.
    devices: Vec<Device>,
    rows: HashMap<RouteHop, Row>,
    /// Rows that no neighbour has; the last is taken first.
    free: Vec<u16>,
    /// Rows of an earlier process that packets go by: they stay as they are until somebody knows what they are for.
    left: HashSet<u16>,
    /// Routes found since the last refresh, by remote and local address.
    routes: HashMap<(IpAddr, IpAddr), RouteHop>,
    /// Where calls found no way to, by remote and local address, and refreshes since.
    lost: HashMap<(IpAddr, IpAddr), u32>,
}

struct Row {
    index: u16,
    users: u32,
    /// Refreshes that found no user.
    rested: u32,
    device: usize,
    mac: Option<[u8; 6]>,
    /// Calls would go by it, if only it answered.
    awaited: bool,
}

impl NextHops {
    pub(super) fn new(
        tables: Arc<SharedTables>,
        devices: &[Device],
        realms: &[Realm],
    ) -> Result<Self, DatapathError> {
        let (_, left) = tables.in_use();
        let free: Vec<u16> = (1..NEXT_HOPS_MAX).rev().filter(|row| !left.contains(row)).collect();
        free.iter().for_each(|row| tables.next_hop(*row).clear());
        let state = State {
            netlink: Netlink::open()?,
            devices: devices.to_vec(),
            rows: HashMap::new(),
            free,
            left,
            routes: HashMap::new(),
            lost: HashMap::new(),
        };
        let refresher = Refresher { netlink: Netlink::open()?, watch: Watch::open()?, followed: false };
        Ok(Self {
            tables,
            owners: owners(devices, realms),
            state: Mutex::new(state),
            refresher: Mutex::new(refresher),
            route_changes: AtomicU64::new(0),
            wanted: Arc::default(),
        })
    }

    /// The row for packets from `local` to `remote`, counted as one more user.
    pub(super) fn acquire(&self, remote: IpAddr, local: IpAddr) -> Result<u16, InstallError> {
        self.acquire_left(remote, local, 0)
    }

    /// The same, where packets go by the row `former` of an earlier process: the neighbour gets that one, and is believed to be
    /// where it was until it says otherwise.
    pub(super) fn acquire_left(
        &self,
        remote: IpAddr,
        local: IpAddr,
        former: u16,
    ) -> Result<u16, InstallError> {
        if remote.is_ipv4() != local.is_ipv4() {
            return Err(InstallError::OtherFamily { remote, local });
        }
        let mut state = self.lock();
        let hop = match state.route(remote, local) {
            Ok(hop) => hop.ok_or(InstallError::NotRemote { remote })?,
            Err(source) => return Err(InstallError::NoRoute { remote, local, source }),
        };
        let Some(device) = state.devices.iter().position(|device| device.ifindex == hop.ifindex) else {
            let device = state.netlink.device_name(hop.ifindex);
            return Err(InstallError::NotAttached { remote, device });
        };
        if self.owners.get(&local).is_some_and(|owner| *owner != hop.ifindex) {
            let device = state.devices[device].name.clone();
            return Err(InstallError::OtherRealm { remote, local, device });
        }
        state.lost.remove(&(remote, local));
        self.row(&mut state, hop, device, former)
    }

    /// Whether there is no way to `remote` for so long that it is no passing state of a router that replaces its routes one by one. A
    /// call that finds none asks, and looks again when routes are said to have changed: so they are when the time has come.
    pub(super) fn has_no_way(&self, remote: IpAddr, local: IpAddr) -> bool {
        *self.lock().lost.entry((remote, local)).or_insert(0) >= LOST
    }

    /// Rows of an earlier process that nobody has asked for are like any other.
    pub(super) fn take_over_the_rest(&self) {
        let State { free, left, .. } = &mut *self.lock();
        // They are used last: a packet may be on its way that has read their number.
        free.splice(..0, left.drain());
    }

    /// Takes a user away from a row.
    pub(super) fn release(&self, index: u16) {
        let mut state = self.lock();
        if let Some(row) = state.rows.values_mut().find(|row| row.index == index) {
            row.users -= 1;
        }
    }

    /// Has calls look for their routes again when this row's neighbour has answered, or will not.
    pub(super) fn wait_for(&self, index: u16) {
        let mut state = self.lock();
        if let Some(row) = state.rows.values_mut().find(|row| row.index == index) {
            row.awaited = true;
        }
    }

    /// Told when a neighbour has not answered, so that [`resolve`](Self::resolve) is to be called.
    pub(super) fn wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.wanted)
    }

    /// Readable when routes or devices changed, so that it is to be called, too.
    pub(super) fn route_news(&self) -> io::Result<OwnedFd> {
        self.refresher().watch.waited_for()
    }

    /// How often routes may have changed.
    pub(super) fn route_changes(&self) -> u64 {
        self.route_changes.load(Ordering::Acquire)
    }

    /// Brings every row up to date with the kernel's neighbours, and forgets rows that nobody uses. The kernel is
    /// asked on a socket of its own, so that calls need not wait meanwhile.
    pub(super) fn refresh(&self) {
        self.refresher().followed = false;
        self.follow_changes();
        let hops = self.retire();
        self.read_again(hops);
    }

    /// The same for the neighbours that have not answered yet, which running media waits for; returns how many there
    /// were. Also hears whether routes or devices changed.
    pub(super) fn resolve(&self) -> usize {
        self.follow_changes();
        let waiting = |(_, row): &(&RouteHop, &Row)| row.mac.is_none();
        let hops: Vec<RouteHop> = self.lock().rows.iter().filter(waiting).map(|(hop, _)| *hop).collect();
        let waiting = hops.len();
        if waiting > 0 {
            self.read_again(hops);
        }
        waiting
    }

    /// When the kernel says that routes or devices changed: forgets the routes that were found, takes over changed
    /// MTUs, and lets the calls look for themselves.
    fn follow_changes(&self) {
        let mut refresher = self.refresher();
        if refresher.followed || !refresher.watch.has_news() {
            return;
        }
        refresher.followed = true;
        let devices = self.lock().devices.clone();
        // A device that is gone is found out elsewhere, and ends the process.
        let found: Vec<Option<Device>> =
            devices.iter().map(|device| refresher.netlink.device(&device.name).ok()).collect();
        let mut state = self.lock();
        for (device, found) in state.devices.iter_mut().zip(found) {
            device.mtu = found.map_or(device.mtu, |found| found.mtu);
        }
        state.routes.clear();
        state.rows.values().for_each(|row| self.write(&state.devices, row));
        self.have_calls_look();
    }

    fn have_calls_look(&self) {
        self.route_changes.fetch_add(1, Ordering::Release);
    }

    fn read_again(&self, hops: Vec<RouteHop>) {
        let mut refresher = self.refresher();
        for hop in hops {
            let mac = resolve(&mut refresher.netlink, hop);
            let mut state = self.lock();
            let State { devices, rows, .. } = &mut *state;
            let Some(row) = rows.get_mut(&hop).filter(|row| row.mac != mac) else { continue };
            tracing::debug!(neighbour = %hop.ip, ?mac, "next hop changed");
            row.mac = mac;
            self.write(devices, row);
            self.want(row);
            if mac.is_some() && std::mem::take(&mut row.awaited) {
                self.have_calls_look();
            }
        }
    }

    /// Frees rows that have rested, and returns the hops of the others.
    fn retire(&self) -> Vec<RouteHop> {
        let mut guard = self.lock();
        let State { rows, free, routes, lost, .. } = &mut *guard;
        routes.clear();
        lost.retain(|_, refreshes| {
            *refreshes += 1;
            *refreshes <= LOST + RESTS
        });
        if lost.values().any(|refreshes| *refreshes == LOST) {
            self.have_calls_look();
        }
        rows.retain(|_, row| {
            row.rested = if row.users == 0 { row.rested + 1 } else { 0 };
            let keep = row.rested <= RESTS;
            if !keep {
                self.tables.next_hop(row.index).clear();
                free.push(row.index);
                if row.awaited {
                    self.have_calls_look();
                }
            }
            keep
        });
        rows.keys().copied().collect()
    }

    fn row(&self, state: &mut State, hop: RouteHop, device: usize, former: u16) -> Result<u16, InstallError> {
        let State { netlink, devices, rows, free, left, routes: _, lost: _ } = state;
        if let Some(row) = rows.get_mut(&hop) {
            row.users += 1;
            return Ok(row.index);
        }
        let kept = left.take(&former);
        let index = kept.or_else(|| free.pop());
        let index = index.ok_or(InstallError::NextHopsFull { max: u32::from(NEXT_HOPS_MAX) - 1 })?;
        let believed = || kept.and_then(|row| self.tables.next_hop(row).read().destination);
        let mac = resolve_soon(netlink, hop).or_else(believed);
        let row = Row { index, users: 1, rested: 0, device, mac, awaited: false };
        self.write(devices, &row);
        self.want(&row);
        rows.insert(hop, row);
        Ok(index)
    }

    fn want(&self, row: &Row) {
        if row.mac.is_none() {
            self.wanted.notify_one();
        }
    }

    fn write(&self, devices: &[Device], row: &Row) {
        let Device { name: _, ifindex, mac, mtu, turns_back, vlan: _ } = &devices[row.device];
        // No frame comes in through interface 0: this one is always redirected to.
        let turned_back_at = if *turns_back { *ifindex } else { 0 };
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer than DEVICES_MAX devices")]
        let device = row.device as u16;
        let hop = NextHop { ifindex: turned_back_at, mtu: *mtu, device, source: *mac, destination: row.mac };
        self.tables.next_hop(row.index).write(&hop);
    }

    /// A panic elsewhere leaves the table whole: every change to it is one insertion or one number.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever holds it may take the state's lock, and never the other way around.
    fn refresher(&self) -> MutexGuard<'_, Refresher> {
        self.refresher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The interface of each media address.
fn owners(devices: &[Device], realms: &[Realm]) -> HashMap<IpAddr, u32> {
    let mut owners = HashMap::new();
    for realm in realms {
        let device = devices.iter().find(|device| device.name == realm.device);
        for address in realm.media.iter().map(|range| range.address) {
            owners.extend(device.map(|device| (address, device.ifindex)));
        }
    }
    owners
}

impl State {
    fn route(&mut self, remote: IpAddr, local: IpAddr) -> io::Result<Option<RouteHop>> {
        if let Some(hop) = self.routes.get(&(remote, local)) {
            return Ok(Some(*hop));
        }
        let hop = self.netlink.route(remote, local)?;
        if let Some(hop) = hop.filter(|_| self.routes.len() < ROUTES_MAX) {
            self.routes.insert((remote, local), hop);
        }
        Ok(hop)
    }
}

/// Refreshes that an unused row lives through, so that between its last user and its next meaning lies at least
/// one whole interval.
const RESTS: u32 = 2;

/// Refreshes after which a far side without a route is believed to be gone: more than one whole interval.
const LOST: u32 = 2;

/// How long a call waits for the answer of a neighbour that nobody talked to before: longer than ARP takes on a
/// healthy link, and too short to be felt by the other calls of the shard. A later answer comes with a refresh.
const ANSWER_WAITS: u32 = 5;
const ANSWER_WAIT: Duration = Duration::from_micros(300);

fn resolve_soon(netlink: &mut Netlink, hop: RouteHop) -> Option<[u8; 6]> {
    let mut mac = resolve(netlink, hop);
    for _ in 0..ANSWER_WAITS {
        if mac.is_some() {
            break;
        }
        thread::sleep(ANSWER_WAIT);
        mac = resolve(netlink, hop);
    }
    mac
}

/// The address of a neighbour; asks for it when it is not known or has not been confirmed for long.
fn resolve(netlink: &mut Netlink, hop: RouteHop) -> Option<[u8; 6]> {
    let found = netlink.neighbour(hop).and_then(|neighbour| {
        if neighbour.to_probe {
            netlink.probe(hop)?;
        }
        Ok(neighbour.mac)
    });
    found.unwrap_or_else(|error| {
        tracing::debug!(neighbour = %hop.ip, %error, "neighbour cannot be read");
        None
    })
}
