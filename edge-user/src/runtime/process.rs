//! Everything that a running edge consists of, as it is started; attending to it, and its end, are beside this.

mod attending;
mod ending;
mod next_hops;

use std::collections::{HashMap, HashSet};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam::channel::{Receiver, Sender, bounded};
use edge_core::Edge;
use edge_core::edge::Shard;
use edge_core::policy::{ListenerId, Marking, Policy};
use tokio::sync::mpsc;

use crate::cdr;
use crate::config::{self, Config, XdpMode};
use crate::datapath::{ClosedPorts, Datapath, DatapathSettings, MediaHost, Mode};
use crate::journal::{Journal, Mark, Note};
use crate::registrations::Registrations;
use crate::shield::Shield;
use crate::tls::Keyring;

use super::adoption::Adoption;
use super::control::Order;
use super::listener::Reception;
use super::listening::{Listening, listen};
use super::node::Node;
use super::resolver::Resolver;
use super::shard::{NOTICES_MAX, Notice, Running, ShardHost, ShardStatus};
use super::stream::{Outgoing, Shared, StreamCounters};
use super::tapping::Tapping;
use super::tones::{Tones, TonesPlayed};
use super::{adoption, clock, digits, listener, seed, stream, tones};

/// How long after a configuration is in force its memory is tidied up, in seconds.
const MEMORY_BACK: u8 = 3;

/// How long a process that starts waits for its journal to be in its place: a disk that takes longer costs no call.
const IN_PLACE_WITHIN: Duration = Duration::from_secs(5);

/// Everything that was started.
pub(super) struct Process {
    pub(super) config: Config,
    policy: Arc<Policy>,
    datapath: Datapath,
    pub(super) node: Arc<Node>,
    pub(super) reception: Arc<Reception>,
    streams: Arc<StreamCounters>,
    tones: Arc<TonesPlayed>,
    pub(super) shards: Vec<Sender<Notice>>,
    statuses: Vec<Arc<ShardStatus>>,
    drained: Receiver<()>,
    receivers: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    records: cdr::Writer,
    journal: Journal,
    registrations: Registrations,
    /// Where the names of trunks lead.
    resolver: Resolver,
    tapping: Tapping,
    /// Whether it was said that counters cannot be published.
    unpublished: AtomicBool,
    /// What the guests were numbered when the shield heard of them.
    guests_followed: u64,
    /// Seconds until what the last configuration was read with, and the one before held, goes back to the host: by then all shards
    /// have let go of it.
    memory_back_in: Option<u8>,
    /// Held as long as this process is the node.
    _only_one: UnixDatagram,
}

impl Process {
    pub(super) fn start(
        config: Config,
        resolver: Resolver,
        keyring: Arc<Keyring>,
        orders: mpsc::Sender<Order>,
    ) -> anyhow::Result<Self> {
        // Everything that may fail comes before the datapath: nobody would be there for the calls that go on.
        let only_one = only_one(&config)?;
        let adoption = Adoption::of(&config)?;
        let config = adoption.accommodated(config);
        let policy = Arc::clone(&config.policy);
        let Listening { datagrams, connections } = listen(&policy)?;
        let sockets = Arc::new(datagrams);
        let epoch = clock::now();
        let journal = Journal::path(&config.node.state_dir, &config.node.name);
        let journal = Journal::start(&journal, &config.node.run_dir, epoch)?;
        let registrations = Registrations::of(&config.node.state_dir, &config.node.name, epoch);
        let restored = registrations.restore(&policy);
        if restored > 0 {
            tracing::info!(bindings = restored, "registered as before");
        }
        let records = cdr::Writer::start(&config.cdr.path, &config.node.name, journal.notes())?;
        let datapath = Datapath::start(&datapath_settings(&config), &policy.realms)?;
        let (adoption, elsewhere) = adoption.share(&datapath, config.shards);
        let shield = Shield::start(datapath.shield()?, datapath.attached(), &policy, &config.node)?;
        let reception = Reception::new(Arc::clone(&policy), keyring, Arc::new(shield));
        let reception = Arc::new(reception.sending_elsewhere(elsewhere));
        let (drained_sender, drained) = bounded(config.shards);
        let (streams, outgoing) = stream::queue();
        let (tones, waiting) = tones::queue();
        let node = Arc::new(Node::new(&config, datapath.attached(), epoch));
        let mut process = Self {
            config,
            policy,
            datapath,
            node,
            reception,
            streams: Arc::default(),
            tones: Arc::clone(&waiting.played),
            shards: Vec::new(),
            statuses: Vec::new(),
            drained,
            receivers: Vec::new(),
            workers: Vec::new(),
            records,
            journal,
            registrations,
            resolver,
            tapping: Tapping::new(orders),
            unpublished: AtomicBool::new(false),
            guests_followed: 0,
            memory_back_in: Some(MEMORY_BACK),
            _only_one: only_one,
        };
        process.start_shards(adoption, epoch, (&sockets, streams, tones), &drained_sender)?;
        process.workers.push(tones::start(waiting, &process.policy)?);
        process.start_streams(connections, outgoing)?;
        let reader = process.datapath.digit_reader()?;
        let digits = digits::start(reader, process.shards.clone(), Arc::clone(&process.reception))?;
        process.workers.push(digits);
        process.start_receivers(&sockets)?;
        Ok(process)
    }

    /// Starts all shards, each with the calls that it goes on with.
    fn start_shards(
        &mut self,
        adoption: adoption::Shared,
        epoch: Instant,
        (sockets, streams, tones): (&Arc<HashMap<ListenerId, UdpSocket>>, mpsc::Sender<Outgoing>, Tones),
        drained: &Sender<()>,
    ) -> anyhow::Result<()> {
        let (count, found) = (self.config.shards, adoption.adopted.iter().map(Vec::len).sum::<usize>());
        let (senders, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| bounded(NOTICES_MAX)).unzip();
        self.shards = senders;
        let mut shards = Vec::with_capacity(count);
        for ((index, adopted), inbox) in adoption.adopted.into_iter().enumerate().zip(inboxes) {
            let shard = Shard { index, count };
            let mut edge = Edge::new(Arc::clone(&self.policy), shard, epoch, seed()?);
            edge.withhold_ports(&adoption.ports);
            let status = Arc::new(ShardStatus::new());
            self.statuses.push(Arc::clone(&status));
            let mut shard = Running::new(ShardHost {
                edge,
                inbox,
                shards: self.shards.clone(),
                datapath: self.datapath.writer()?,
                marking: Marking::of(&self.policy),
                sockets: Arc::clone(sockets),
                streams: streams.clone(),
                tones: tones.of_shard(index),
                records: self.records.sender(),
                journal: self.journal.ahead(index),
                drained: drained.clone(),
                shield: Arc::clone(&self.reception.shield),
                status,
                node: Arc::clone(&self.node),
            });
            adopted.into_iter().for_each(|adopted| shard.go_on(adopted));
            shards.push(shard);
        }
        self.end_adoption(found, &shards.iter().flat_map(Running::endpoints).collect());
        self.run_shards(shards)
    }

    /// All calls of an earlier process are here or over: nobody has what is left of its media, and its journal is not needed
    /// once the records of those that are over are on disk. When this returns, ours is the one that the next process reads.
    fn end_adoption(&self, found: usize, kept: &HashSet<u32>) {
        if found > 0 {
            tracing::info!(
                calls = found,
                "found in the journal: calls of an earlier run go on, or are ended"
            );
        }
        let removed = self.datapath.remove_others(kept);
        if removed > 0 {
            tracing::warn!(
                endpoints = removed,
                "removed media of an earlier run that belongs to no answered call"
            );
        }
        let in_place = Mark::default();
        for note in [Note::Replace, Note::Mark(in_place.clone())] {
            drop(self.records.sender().send(cdr::Entry::Then(note)));
        }
        if !in_place.is_reached_within(IN_PLACE_WITHIN) {
            tracing::error!(
                "journal: it is not in its place yet, calls that are taken before it is would not survive a crash"
            );
        }
    }

    fn run_shards(&mut self, shards: Vec<Running>) -> anyhow::Result<()> {
        for (index, shard) in shards.into_iter().enumerate() {
            let worker = std::thread::Builder::new().name(format!("shard-{index}"));
            self.workers.push(worker.spawn(|| shard.run())?);
        }
        Ok(())
    }

    /// The thread of connections ends when the last shard has.
    fn start_streams(
        &mut self,
        listeners: Vec<(ListenerId, TcpListener)>,
        outgoing: mpsc::Receiver<Outgoing>,
    ) -> anyhow::Result<()> {
        let (shards, reception) = (self.shards.clone(), Arc::clone(&self.reception));
        let shared = Shared::new(shards, reception, Arc::clone(&self.streams));
        self.workers.push(stream::start(listeners, outgoing, shared)?);
        Ok(())
    }

    fn start_receivers(&mut self, sockets: &HashMap<ListenerId, UdpSocket>) -> anyhow::Result<()> {
        for (&id, socket) in sockets {
            let socket = socket.try_clone()?;
            let (shards, shared) = (self.shards.clone(), Arc::clone(&self.reception));
            let receiver = std::thread::Builder::new()
                .name(format!("sip-{}-{}", id.realm.index(), id.index))
                .spawn(move || listener::receive(&socket, id, &shards, &shared))?;
            self.receivers.push(receiver);
        }
        Ok(())
    }

    pub(super) fn announce(&self) {
        for attached in self.datapath.attached() {
            let said = match attached.mode {
                MediaHost::Xdp(_) => "XDP attached",
                MediaHost::Userspace => "media is relayed in userspace",
            };
            tracing::info!(device = attached.device, mode = %attached.mode, below = attached.below, "{said}");
        }
        tracing::info!(
            node = self.config.node.name,
            trunks = self.policy.trunks.len(),
            routes = self.policy.routes.all().len(),
            shards = self.shards.len(),
            "edge is ready"
        );
    }
}

/// Makes sure that no other process is this node: two would take each other's media away. The name is the kernel's, so
/// that it is free again the moment that this process ends, however it does.
fn only_one(config: &Config) -> anyhow::Result<UnixDatagram> {
    let name = format!("edge:{}/{}", config.xdp.pin_dir.display(), config.node.name);
    let address = SocketAddr::from_abstract_name(&name)?;
    UnixDatagram::bind_addr(&address)
        .with_context(|| format!("node {}: another `edge run` is this node; stop it first", config.node.name))
}

fn datapath_settings(config: &Config) -> DatapathSettings {
    DatapathSettings {
        pin_root: config.xdp.pin_dir.clone(),
        node: config.node.name.clone(),
        run_dir: config.node.run_dir.clone(),
        mode: match config.xdp.mode {
            XdpMode::Auto => Mode::Auto,
            XdpMode::Native => Mode::Native,
            XdpMode::Generic => Mode::Generic,
            XdpMode::Off => Mode::Off,
        },
        flows_max: config.xdp.flows_max,
        diagnostics: config.xdp.diagnostics,
        closed_ports: match config.xdp.closed_ports {
            config::ClosedPorts::Drop => ClosedPorts::Drop,
            config::ClosedPorts::Icmp => ClosedPorts::Icmp { rest: config.policy.timers.port_rest },
        },
    }
}
